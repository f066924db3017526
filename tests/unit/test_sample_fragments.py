"""sample_fragments: notices in, counted frames out."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from functions.sample_fragments.handler import Adapters, sample
from headcount.aws.notices import read_notice
from headcount.domain.cameras import Camera, OccupancySettings
from headcount.domain.occupancy import Observation, observe
from headcount.domain.policy import Room
from headcount.domain.terms import LightMode
from headcount.errors import (
    FragmentNotFoundError,
    ModelError,
    PoisonRecordError,
    RetiredError,
)
from headcount.events import FramesCounted
from headcount.identifiers import deterministic_id, room_key
from headcount.ports import FrameContext, SampledFrame
from headcount.site import CameraBinding
from tests.fakes import (
    FakeBus,
    FakeDetector,
    FakeDirectory,
    FakeFragments,
    FakeFrameKeeper,
    FakeStates,
    FakeVacantViews,
)

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
STREAM = "headcount-dev.hq.door"
ARN = f"arn:aws:kinesisvideo:us-east-1:111122223333:stream/{STREAM}/1772000000000"
ROOM = Room("hq", "lab", (Camera("door"),), occupancy=OccupancySettings(vacancy_confirm_s=10))
BINDING = CameraBinding(
    site_id="hq",
    room_id="lab",
    camera_id="door",
    stream_name=STREAM,
    stream_arn=ARN,
    sample_every_s=5,
    fragment_s=2,
)


def notice_body(number="1", **changes):
    notice = {
        "StreamArn": ARN,
        "FragmentNumber": number,
        "FragmentStartProducerTimestamp": 1772452800000,
        "FragmentStartServerTimestamp": 1772452801.5,
        "NotificationType": "PERSISTED",
        "NotificationPayload": {"reason": "sample"},
    }
    return json.dumps({"Type": "Notification", "Message": json.dumps(notice | changes)})


def notices(*numbers, **changes):
    return {f"m{number}": read_notice(notice_body(number, **changes)) for number in numbers}


def frame(faces=0, seconds=0, thumbnail=b"empty", motion=0.0):
    return SampledFrame(
        captured_at=NOON + timedelta(seconds=seconds),
        persisted_at=NOON + timedelta(seconds=seconds + 1),
        jpeg=str(faces).encode(),
        thumbnail=thumbnail,
        motion=motion,
        light_mode=LightMode.DAY,
    )


@pytest.fixture
def to():
    return Adapters(
        directory=FakeDirectory([ROOM], {STREAM: BINDING}),
        frames=FakeFragments({(STREAM, "1"): frame(3), (STREAM, "2"): frame(0, 5)}),
        detect=FakeDetector(),
        views=FakeVacantViews(),
        rooms=FakeStates(),
        publish=FakeBus(),
        keep=FakeFrameKeeper(),
        not_kept=list[int]().append,
    )


def vacate(to):
    state = None
    for i in range(8):
        seen = Observation(f"o{i}", "door", NOON + timedelta(seconds=i * 2 - 16), faces=0)
        state = observe(state, seen, ROOM)
    to.rooms.known[room_key("hq", "lab")] = state


def test_a_batch_of_fragments_is_one_call_of_the_endpoint(to):
    failed = sample(notices("1", "2"), to)

    counted = to.publish.of(FramesCounted)
    assert failed == {}
    assert to.detect.calls == 1
    assert [len(event.faces) for event in counted] == [3, 0]


def test_the_model_is_told_whose_frame_it_is_and_in_what_light(to):
    sample(notices("1"), to)

    assert to.detect.contexts == {"m1": FrameContext("hq", "door", LightMode.DAY, 0.0)}


def test_the_event_says_which_fragment_of_which_camera_it_is_about(to):
    sample(notices("1"), to)

    event = to.publish.sent[0]
    assert (event.site_id, event.room_id, event.camera_id) == ("hq", "lab", "door")
    assert event.fragment_number == "1"
    assert event.captured_at == NOON
    assert event.correlation_id == deterministic_id("fragment", STREAM, "1")


def test_a_fragment_told_twice_is_the_same_event(to):
    sample(notices("1"), to)
    sample(notices("1"), to)

    assert to.publish.sent[0].id == to.publish.sent[1].id


def test_a_fragment_that_is_not_there_yet_comes_back_alone(to):
    failed = sample(notices("1", "9"), to)

    assert list(failed) == ["m9"]
    assert isinstance(failed["m9"], FragmentNotFoundError)
    assert len(to.publish.sent) == 1


def test_a_stream_of_no_site_is_named_as_retired(to):
    failed = sample(notices("1", StreamArn=ARN.replace("hq.door", "hq.gone")), to)

    assert isinstance(failed["m1"], RetiredError)


def test_a_failing_endpoint_brings_the_whole_batch_back(to):
    to.detect.down = True

    with pytest.raises(ModelError):
        sample(notices("1", "2"), to)

    assert to.publish.sent == []


def test_the_empty_view_is_learnt_from_a_vacant_room_only(to):
    to.frames.stored[STREAM, "3"] = frame(0, 6)
    sample(notices("2"), to)
    before = dict(to.views.remembered)
    vacate(to)
    sample(notices("3"), to)

    assert before == {}
    assert [kept.captured_at for kept in to.views.remembered.values()] == [
        NOON + timedelta(seconds=6)
    ]


def test_a_person_is_never_learnt_as_part_of_the_scene(to):
    vacate(to)
    sample(notices("1"), to)

    assert to.views.remembered == {}


def test_what_differs_from_the_empty_view_is_told(to):
    vacate(to)
    sample(notices("2"), to)
    to.frames.stored[STREAM, "3"] = replace(frame(0, 6), thumbnail=b"emptX")
    sample(notices("3"), to)

    assert [event.scene_change for event in to.publish.sent] == [None, pytest.approx(0.2)]


def test_the_notice_s_times_are_read_in_seconds_and_in_milliseconds():
    notice = read_notice(notice_body())

    assert notice is not None
    assert notice.captured_at == NOON
    assert notice.persisted_at == NOON + timedelta(seconds=1.5)


def test_a_notice_of_another_kind_is_left_out():
    assert read_notice(notice_body(NotificationType="CONNECTED")) is None


@pytest.mark.parametrize("body", ["{", "{}", json.dumps({"Message": "{}"})])
def test_what_is_no_notice_is_poison(body):
    with pytest.raises(PoisonRecordError):
        read_notice(body)


@pytest.mark.parametrize("time", ["1e300", "-1e300", "Infinity", "NaN"])
def test_a_notice_of_an_impossible_time_is_poison_and_nothing_worse(time):
    body = json.loads(notice_body())
    body["Message"] = body["Message"].replace("1772452800000", time)

    with pytest.raises(PoisonRecordError):
        read_notice(json.dumps(body))


def test_a_camera_whose_room_is_gone_does_not_hold_back_the_others(to):
    homeless = STREAM.replace("door", "attic")
    to.directory.cameras[homeless] = BINDING.model_copy(
        update={"room_id": "attic", "camera_id": "attic", "stream_name": homeless}
    )
    to.frames.stored[homeless, "7"] = frame(1)
    both = notices("1") | notices("7", StreamArn=ARN.replace(STREAM, homeless))

    failed = sample(both, to)

    assert list(failed) == ["m7"]
    assert isinstance(failed["m7"], RetiredError)
    assert [event.camera_id for event in to.publish.of(FramesCounted)] == ["door"]
