"""estimate_occupancy: counted frames in, what is known of the room out."""

from datetime import UTC, datetime, timedelta

import pytest

from functions.estimate_occupancy.handler import Adapters, estimate
from headcount.aws.estimates import OccupancyFormat
from headcount.domain.cameras import Camera, OccupancySettings
from headcount.domain.policy import Room
from headcount.domain.terms import OccupancyState
from headcount.errors import RetiredError
from headcount.events import Detection
from headcount.identifiers import deterministic_id
from tests.fakes import FakeBus, FakeClock, FakeDirectory, FakeItems
from tests.samples import FRAMES_COUNTED

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
ROOM = Room("hq", "lab", (Camera("door"),), occupancy=OccupancySettings(vacancy_confirm_s=10))
FACE = Detection(box=(0.1, 0.1, 0.1, 0.1), score=0.9)


def counted(seconds, faces=0, motion=0.0, **changes):
    return FRAMES_COUNTED.model_copy(
        update={
            "id": deterministic_id("frame", str(seconds)),
            "correlation_id": f"fragment-{seconds}",
            "captured_at": NOON + timedelta(seconds=seconds),
            "faces": (FACE,) * faces,
            "motion": motion,
            "scene_change": None,
            **changes,
        }
    )


@pytest.fixture
def to():
    return Adapters(
        directory=FakeDirectory([ROOM]),
        rooms=FakeItems(OccupancyFormat()),
        publish=FakeBus(),
        clock=FakeClock(NOON),
    )


def test_four_faces_make_an_occupied_room_of_four(to):
    estimate(counted(0, 4), to)

    event = to.publish.sent[0]
    assert (event.state, event.people_estimate) == (OccupancyState.OCCUPIED, 4)
    assert event.people_low <= 4 <= event.people_high
    assert event.correlation_id == "fragment-0"
    assert event.camera_ids == ("door",)


def test_what_does_not_change_is_not_said_again(to):
    for seconds in (0, 5, 10):
        estimate(counted(seconds, 4), to)

    assert len(to.publish.sent) == 1


def test_an_emptying_room_is_said_to_be_vacant_once(to):
    for seconds in range(0, 120, 5):
        estimate(counted(seconds, 1 if seconds < 20 else 0), to)

    # One face in one frame is not yet a person.
    assert [event.state for event in to.publish.sent] == [
        OccupancyState.UNKNOWN,
        OccupancyState.OCCUPIED,
        OccupancyState.VACANT,
    ]


def test_a_record_told_twice_is_let_in_once(to):
    estimate(counted(0, 4), to)
    before = dict(to.rooms.items)
    estimate(counted(0, 4), to)

    assert to.rooms.items == before
    assert len(to.publish.sent) == 1


def test_an_event_that_the_bus_did_not_take_is_published_when_the_record_comes_back(to):
    to.publish.down = True
    with pytest.raises(ConnectionError):
        estimate(counted(0, 4), to)
    to.publish.down = False

    estimate(counted(0, 4), to)
    estimate(counted(0, 4), to)

    assert [event.people_estimate for event in to.publish.sent] == [4]


def test_a_conflict_runs_the_estimator_again_on_the_newer_item(to):
    to.rooms.conflicts = 2

    estimate(counted(0, 4), to)

    assert [event.revision for event in to.publish.sent] == [3]


def test_an_outbox_that_is_full_is_published_before_it_grows(to):
    to.rooms.most_unpublished = 1
    to.publish.down = True
    with pytest.raises(ConnectionError):
        estimate(counted(0, 4), to)
    with pytest.raises(ConnectionError):
        estimate(counted(5, 9), to)
    waiting = [len(item.unpublished) for item in to.rooms.items.values()]
    to.publish.down = False

    estimate(counted(5, 9), to)

    assert waiting == [1]
    first, second = (event.people_estimate for event in to.publish.sent)
    assert first == 4
    assert second >= 9


def test_a_room_of_no_site_is_named_as_retired(to):
    with pytest.raises(RetiredError):
        estimate(counted(0, room_id="gone"), to)
