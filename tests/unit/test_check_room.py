"""check_room: somebody asks whether anyone is in a room, and is answered."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest

from functions.check_room.handler import Adapters, check
from functions.sample_fragments import handler as sampler
from headcount.aws.notices import FragmentNotice
from headcount.domain.cameras import Camera, OccupancySettings
from headcount.domain.occupancy import Observation, observe
from headcount.domain.policy import Room
from headcount.domain.terms import LightMode, OccupancyState
from headcount.errors import (
    CorruptFragmentError,
    PoisonRecordError,
    StreamError,
    UnreadableItemError,
)
from headcount.events import FramesCounted, OccupancyCheckRequested, RoomChecked
from headcount.identifiers import room_key
from headcount.ports import SampledFrame, StoredFragment
from headcount.site import CameraBinding
from tests.fakes import (
    FakeBus,
    FakeClock,
    FakeDetector,
    FakeDirectory,
    FakeFragments,
    FakeFrameKeeper,
    FakeStates,
    FakeVacantViews,
)

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
PREFIX = "headcount-dev."
DOOR, WINDOW = f"{PREFIX}hq.door", f"{PREFIX}hq.window"
ROOM = Room(
    "hq",
    "lab",
    (Camera("door", view="all"), Camera("window", view="all")),
    occupancy=OccupancySettings(vacancy_confirm_s=10, observation_gap_s=15),
)
ASKED = OccupancyCheckRequested(
    id="question-1",
    correlation_id="round-17",
    site_id="hq",
    room_id="lab",
    request_id="night-round-17",
    requested_by="night-watch",
    requested_at=NOON - timedelta(seconds=1),
)


@dataclass
class FakeArchive:
    """The newest fragments of streams, and what is wrong with some of them."""

    frames: FakeFragments = field(default_factory=FakeFragments)
    newest_of: dict[str, StoredFragment] = field(default_factory=dict)
    broken: dict[str, Exception] = field(default_factory=dict)

    def newest(self, stream_name: str, now: datetime) -> StoredFragment | None:
        fault = self.broken.get(stream_name)
        if isinstance(fault, StreamError):
            raise fault
        return self.newest_of.get(stream_name)

    def __call__(self, stream_name: str, fragment_number: str) -> SampledFrame:
        if stream_name in self.broken:
            raise self.broken[stream_name]
        return self.frames(stream_name, fragment_number)

    def store(
        self, stream_name: str, number: str, *, faces: int, age_s: float = 2.0, **frame: object
    ) -> None:
        captured_at = NOON - timedelta(seconds=age_s)
        stored = SampledFrame(
            captured_at=captured_at,
            persisted_at=captured_at + timedelta(seconds=1),
            jpeg=str(faces).encode(),
            thumbnail=b"empty",
            motion=0.0,
            light_mode=LightMode.DAY,
        )
        self.frames.stored[stream_name, number] = replace(stored, **frame)  # type: ignore[arg-type]
        self.newest_of[stream_name] = StoredFragment(number, captured_at, stored.persisted_at)


@pytest.fixture
def archive():
    stored = FakeArchive()
    stored.store(DOOR, "1", faces=3)
    stored.store(WINDOW, "2", faces=2, age_s=4)
    return stored


@pytest.fixture
def to(archive):
    return Adapters(
        stream_prefix=PREFIX,
        directory=FakeDirectory([ROOM], {DOOR: binding("door"), WINDOW: binding("window")}),
        newest=archive.newest,
        frames=archive,
        detect=FakeDetector(),
        views=FakeVacantViews(),
        rooms=FakeStates(),
        publish=FakeBus(),
        clock=FakeClock(NOON),
    )


def binding(camera_id):
    name = f"{PREFIX}hq.{camera_id}"
    return CameraBinding(
        site_id="hq",
        room_id="lab",
        camera_id=camera_id,
        stream_name=name,
        stream_arn=f"arn:aws:kinesisvideo:us-east-1:111122223333:stream/{name}/1",
        sample_every_s=300,
        fragment_s=2,
    )


def known(to, *, faces, until_s):
    """Let the estimator have seen so many people for half a minute, up to `until_s` before noon."""
    state = None
    for i in range(16):
        at = NOON - timedelta(seconds=until_s + 2 * (15 - i))
        for camera in ROOM.cameras:
            state = observe(state, Observation(f"{camera.id}{i}", camera.id, at, faces), ROOM)
    to.rooms.known[room_key("hq", "lab")] = state


def answered(to):
    check(ASKED, to)
    (answer,) = to.publish.of(RoomChecked)
    return answer


@pytest.mark.parametrize(("persons", "said"), [(0, 0), (2, 2)])
def test_a_camera_tells_the_persons_that_a_person_model_finds(to, persons, said):
    found = FakeDetector()

    def detect(jpegs, contexts):
        return {
            name: replace(one, persons=one.faces[:1] * persons, person_model=one.model)
            for name, one in found(jpegs, contexts).items()
        }

    answer = answered(replace(to, detect=detect))

    assert [camera.persons for camera in answer.cameras] == [said, said]


def test_a_camera_tells_of_no_persons_without_a_person_model(to):
    assert [camera.persons for camera in answered(to).cameras] == [None, None]


def test_who_asks_is_answered_with_what_every_camera_shows_at_that_moment(to):
    answer = answered(to)

    assert (answer.request_id, answer.requested_by) == ("night-round-17", "night-watch")
    assert answer.correlation_id == "round-17"
    assert answer.answered_at == NOON
    assert answer.state is OccupancyState.OCCUPIED
    assert answer.people_low <= 3 <= answer.people_high
    assert [(one.camera_id, one.faces, one.age_s, one.fault) for one in answer.cameras] == [
        ("door", 3, 2.0, ""),
        ("window", 2, 4.0, ""),
    ]


def test_all_cameras_of_a_room_are_one_call_of_the_endpoint(to):
    check(ASKED, to)

    assert to.detect.calls == 1


def test_what_was_looked_at_is_the_event_that_the_sampler_makes_of_the_fragment(to):
    notice = FragmentNotice.model_validate(
        {
            "StreamArn": binding("door").stream_arn,
            "FragmentNumber": "1",
            "FragmentStartProducerTimestamp": NOON.timestamp(),
            "FragmentStartServerTimestamp": NOON.timestamp(),
            "NotificationType": "PERSISTED",
        }
    )
    sampled = FakeBus()
    adapters = sampler.Adapters(
        to.directory,
        to.frames,
        to.detect,
        to.views,
        to.rooms,
        publish=sampled,
        keep=FakeFrameKeeper(),
        not_kept=list[int]().append,
    )

    check(ASKED, to)
    sampler.sample({"m1": notice}, adapters)

    assert to.publish.of(FramesCounted)[0] == sampled.of(FramesCounted)[0]


def test_a_check_of_a_vacant_room_leaves_its_empty_view_to_the_sampler(to, archive):
    archive.store(DOOR, "1", faces=0)
    archive.store(WINDOW, "2", faces=0)
    known(to, faces=0, until_s=5)

    answer = answered(to)

    assert answer.state is OccupancyState.VACANT
    assert to.views.remembered == {}


def test_one_empty_look_into_a_room_never_seen_does_not_call_it_vacant(to, archive):
    archive.store(DOOR, "1", faces=0)
    archive.store(WINDOW, "2", faces=0)

    assert answered(to).state is OccupancyState.UNKNOWN


def test_a_person_who_came_in_since_the_last_sample_is_in_the_answer(to):
    known(to, faces=0, until_s=10)

    answer = answered(to)

    assert answer.state is OccupancyState.OCCUPIED
    assert answer.p_vacant < 0.5


def test_a_question_delivered_again_is_answered_under_the_same_id(to):
    check(ASKED, to)
    check(ASKED, to)

    first, again = to.publish.of(RoomChecked)
    assert first.id == again.id
    assert len({one.id for one in to.publish.of(FramesCounted)}) == 2


def test_another_question_about_the_same_room_has_an_answer_of_its_own(to):
    check(ASKED, to)
    check(ASKED.model_copy(update={"request_id": "night-round-18"}), to)

    first, other = to.publish.of(RoomChecked)
    assert first.id != other.id


def test_a_camera_that_fell_silent_is_named_with_the_time_since_when(to, archive):
    archive.store(WINDOW, "2", faces=9, age_s=16)

    answer = answered(to)

    window = answer.cameras[1]
    assert (window.faces, window.age_s) == (None, 16.0)
    assert window.fault == "silent since 2026-03-02 11:59:44 UTC"
    assert "window: silent since 2026-03-02 11:59:44 UTC" in answer.evidence
    assert answer.cameras[0].faces == 3


def test_a_camera_that_has_stored_nothing_for_long_is_silent(to, archive):
    del archive.newest_of[WINDOW]

    window = answered(to).cameras[1]

    assert (window.captured_at, window.fault) == (None, "silent for 15 minutes at least")


def test_a_camera_whose_clock_or_line_is_slow_is_not_called_silent(to, archive):
    late = archive.newest_of[WINDOW]
    captured_at = late.captured_at - timedelta(seconds=100)
    archive.newest_of[WINDOW] = replace(late, captured_at=captured_at)

    assert "stored 101 s after it was captured" in answered(to).cameras[1].fault


@pytest.mark.parametrize(
    "fault",
    [
        CorruptFragmentError("Fragment 2: its key frame cannot be decoded."),
        StreamError(f"there is no stream {WINDOW}."),
    ],
)
def test_a_camera_that_fails_says_so_and_the_others_are_counted(to, archive, fault):
    archive.broken[WINDOW] = fault

    answer = answered(to)

    assert answer.cameras[1].fault == str(fault)
    assert (answer.cameras[0].faces, answer.state) == (3, OccupancyState.OCCUPIED)
    assert [one.camera_id for one in to.publish.of(FramesCounted)] == ["door"]


def test_a_camera_that_has_no_stream_yet_says_so(to):
    del to.directory.cameras[WINDOW]

    assert answered(to).cameras[1].fault == f"no camera has the stream {WINDOW}"


def test_zero_faces_in_the_dark_are_a_camera_that_sees_nothing(to, archive):
    archive.store(DOOR, "1", faces=0, light_mode=LightMode.DARK)

    door = answered(to).cameras[0]

    assert (door.faces, door.fault) == (0, "too dark to see anybody")


def test_without_an_endpoint_the_answer_is_what_was_known_a_moment_ago(to):
    to.detect.down = True
    known(to, faces=2, until_s=5)

    answer = answered(to)

    assert answer.state is OccupancyState.OCCUPIED
    assert "no new frame; 5 s ago" in answer.evidence
    assert [one.fault for one in answer.cameras] == ["not counted: the endpoint is down"] * 2
    assert to.publish.of(FramesCounted) == []


def test_without_a_new_frame_a_vacancy_of_long_ago_is_no_answer(to, archive):
    archive.newest_of.clear()
    known(to, faces=0, until_s=16)

    answer = answered(to)

    assert (answer.state, answer.p_vacant) == (OccupancyState.UNKNOWN, 0.5)
    assert "nothing seen for 16 s" in answer.evidence
    assert to.detect.calls == 0


def test_of_a_room_never_seen_whose_cameras_are_silent_nothing_is_known(to, archive):
    archive.newest_of.clear()

    answer = answered(to)

    assert answer.state is OccupancyState.UNKNOWN
    assert answer.people_high >= 1


def test_a_state_of_another_version_does_not_keep_the_cameras_from_answering(to):
    def unreadable(_key):
        raise UnreadableItemError("of another version")

    check(ASKED, replace(to, rooms=unreadable))

    (answer,) = to.publish.of(RoomChecked)
    assert answer.state is OccupancyState.OCCUPIED


def test_a_question_about_no_room_is_refused_with_the_reason(to):
    with pytest.raises(PoisonRecordError, match="Site hq has no room attic") as refused:
        check(ASKED.model_copy(update={"room_id": "attic"}), to)

    # What is retired is left out; this one goes to the dead letters.
    assert type(refused.value) is PoisonRecordError
    assert to.publish.sent == []


@pytest.mark.parametrize(("age_s", "answers"), [(200, 1), (300, 1), (301, 0)])
def test_a_question_of_long_ago_is_refused_and_one_delivered_twice_is_not(to, age_s, answers):
    old = ASKED.model_copy(update={"requested_at": NOON - timedelta(seconds=age_s)})

    if answers:
        check(old, to)
    else:
        with pytest.raises(PoisonRecordError, match="asked 301 s ago"):
            check(old, to)

    assert len(to.publish.of(RoomChecked)) == answers


def test_the_answer_leaves_before_the_frames_it_rests_on(to):
    check(ASKED, to)

    assert isinstance(to.publish.sent[0], RoomChecked)


def test_a_bus_that_is_down_brings_the_question_back(to):
    to.publish.down = True

    with pytest.raises(ConnectionError):
        check(ASKED, to)
