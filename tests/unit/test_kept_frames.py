"""Frames are kept where a site allows it, no oftener than it says, and never at a count's cost."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError, ConnectTimeoutError
from hypothesis import given
from hypothesis import strategies as st

from functions.sample_fragments.handler import Adapters, sample
from headcount.aws.kept_frames import S3FrameKeeper
from headcount.aws.metrics import EmbeddedMetric
from headcount.aws.notices import FragmentNotice
from headcount.domain.cameras import Camera
from headcount.domain.kept_frames import KeptFrames as Permission
from headcount.domain.kept_frames import is_worth_keeping
from headcount.domain.policy import Room
from headcount.domain.terms import LightMode
from headcount.errors import DeploymentError, KeepingError
from headcount.events import FramesCounted
from headcount.ports import SampledFrame
from headcount.site import CameraBinding, Site
from ops.kept_frames import Choice, KeptFrames
from tests.fakes import (
    FakeBus,
    FakeDetector,
    FakeDirectory,
    FakeFragments,
    FakeFrameKeeper,
    FakeStates,
    FakeVacantViews,
)
from tests.samples import FRAMES_COUNTED

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
STREAM = "headcount-dev.hq.door"
EVERY_QUARTER = Permission(every_s=900, expire_days=7)
BINDING = CameraBinding(
    site_id="hq",
    room_id="lab",
    camera_id="door",
    stream_name=STREAM,
    stream_arn="arn",
    sample_every_s=5,
    fragment_s=2,
)


def worth(
    permission: Permission | None, seconds: float, scores: Sequence[float] = (), **camera: float
) -> bool:
    return is_worth_keeping(
        permission,
        NOON + timedelta(seconds=seconds),
        scores,
        threshold=0.5,
        **{"sample_every_s": 5.0, "fragment_s": 2.0} | camera,
    )


@given(st.floats(0, 1e6), st.lists(st.floats(0, 1)))
def test_nothing_is_kept_where_nobody_allowed_it(seconds: float, scores: list[float]) -> None:
    assert not worth(None, seconds, scores)
    assert not worth(Permission(allowed=False, uncertain=True), seconds, scores)


@given(
    every_s=st.integers(60, 3600),
    fragment_ms=st.integers(1_000, 20_000),
    fragments=st.integers(1, 5),
    steps=st.lists(st.booleans(), min_size=50, max_size=300),
    uncertain=st.booleans(),
    begun_ms=st.integers(0, 10**8),
)
def test_a_slot_never_has_two_frames_however_the_samples_fall(
    every_s: int,
    fragment_ms: int,
    fragments: int,
    steps: list[bool],
    uncertain: bool,
    begun_ms: int,
) -> None:
    # Samples fall on fragments: between two lie as many as fit into the cadence, or one more.
    captured_ms = [begun_ms]
    for longer in steps:
        captured_ms.append(captured_ms[-1] + (fragments + longer) * fragment_ms)
    permission = Permission(every_s=every_s, uncertain=uncertain)
    fragment_s = fragment_ms / 1000

    kept_ms = [
        at
        for at in captured_ms
        if worth(
            permission,
            at / 1000,
            [0.9],
            sample_every_s=(fragments + 0.5) * fragment_s,
            fragment_s=fragment_s,
        )
    ]

    slots = [(at + round(NOON.timestamp()) * 1000) // (every_s * 1000) for at in kept_ms]
    assert len(set(slots)) == len(slots)


def test_a_camera_on_its_cadence_keeps_one_frame_a_quarter_of_an_hour() -> None:
    kept = [at for at in range(0, 3600, 4) if worth(EVERY_QUARTER, at, sample_every_s=4)]

    assert kept == [0, 900, 1800, 2700]


@pytest.mark.parametrize(("score", "is_kept"), [(0.41, True), (0.59, True), (0.39, False)])
def test_a_frame_is_uncertain_if_a_face_scored_near_the_threshold(
    score: float, is_kept: bool
) -> None:
    assert worth(Permission(uncertain=True), 60, [0.9, score]) is is_kept
    assert not worth(Permission(uncertain=False), 60, [score])


def test_uncertain_frames_are_kept_once_a_minute_at_most() -> None:
    kept = [at for at in range(4, 300, 4) if worth(Permission(uncertain=True), at, [0.5])]

    assert kept == [60, 120, 180, 240]


def frame(seconds: float, faces: int = 1) -> SampledFrame:
    return SampledFrame(
        captured_at=NOON + timedelta(seconds=seconds),
        persisted_at=NOON + timedelta(seconds=seconds + 1),
        jpeg=str(faces).encode(),
        thumbnail=b"empty",
        motion=0.0,
        light_mode=LightMode.DAY,
    )


@pytest.fixture
def keeper() -> FakeFrameKeeper:
    return FakeFrameKeeper()


@pytest.fixture
def not_kept() -> list[int]:
    return []


def sampler(
    permission: Permission | None, keeper: FakeFrameKeeper, not_kept: list[int]
) -> Adapters:
    return Adapters(
        directory=FakeDirectory(
            [Room("hq", "lab", (Camera("door"),))],
            {STREAM: BINDING.model_copy(update={"kept_frames": permission})},
        ),
        frames=FakeFragments({(STREAM, "1"): frame(0), (STREAM, "2"): frame(900, 2)}),
        detect=FakeDetector(),
        views=FakeVacantViews(),
        rooms=FakeStates(),
        publish=FakeBus(),
        keep=keeper,
        not_kept=not_kept.append,
    )


def notices() -> dict[str, FragmentNotice]:
    return {
        f"m{number}": FragmentNotice(
            StreamArn=f"arn:aws:kinesisvideo:us-east-1:111122223333:stream/{STREAM}/1772000000000",
            FragmentNumber=number,
            FragmentStartProducerTimestamp=NOON.timestamp(),
            FragmentStartServerTimestamp=NOON.timestamp(),
            NotificationType="PERSISTED",
        )
        for number in ("1", "2")
    }


def counted(to: Adapters) -> list[FramesCounted]:
    publish: Any = to.publish
    found: list[FramesCounted] = publish.of(FramesCounted)
    return found


def test_a_camera_of_a_site_that_says_nothing_keeps_nothing(
    keeper: FakeFrameKeeper, not_kept: list[int]
) -> None:
    to = sampler(None, keeper, not_kept)

    sample(notices(), to)

    assert len(counted(to)) == 2
    assert keeper.calls == 0


def test_a_due_frame_is_kept_for_the_days_its_site_allows(
    keeper: FakeFrameKeeper, not_kept: list[int]
) -> None:
    to = sampler(EVERY_QUARTER, keeper, not_kept)

    sample(notices(), to)

    assert keeper.kept == {seen.id: (str(len(seen.faces)).encode(), 7) for seen in counted(to)}


def test_a_frame_that_is_delivered_twice_is_kept_once(
    keeper: FakeFrameKeeper, not_kept: list[int]
) -> None:
    to = sampler(EVERY_QUARTER, keeper, not_kept)

    sample(notices(), to)
    sample(notices(), to)

    assert len(keeper.kept) == 2


def test_a_frame_that_cannot_be_kept_is_counted_all_the_same(
    keeper: FakeFrameKeeper, not_kept: list[int]
) -> None:
    keeper.down = True
    to = sampler(EVERY_QUARTER, keeper, not_kept)

    failed = sample(notices(), to)

    assert failed == {}
    assert len(counted(to)) == 2
    assert not_kept == [2]


def test_a_batch_waits_for_a_bucket_that_fails_only_once(
    keeper: FakeFrameKeeper, not_kept: list[int]
) -> None:
    keeper.down = True

    sample(notices(), sampler(EVERY_QUARTER, keeper, not_kept))

    assert keeper.calls == 1


def test_a_count_that_is_not_told_keeps_no_frame(
    keeper: FakeFrameKeeper, not_kept: list[int]
) -> None:
    to = replace(sampler(EVERY_QUARTER, keeper, not_kept), publish=FakeBus(down=True))

    with pytest.raises(ConnectionError):
        sample(notices(), to)

    assert keeper.calls == 0


class RefusingS3:
    """An S3 that answers every put with a fault."""

    def __init__(self, fault: Exception) -> None:
        self.fault = fault

    def put_object(self, **_: Any) -> None:
        raise self.fault


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (ClientError({"Error": {"Code": "AccessDenied"}}, "PutObject"), "AccessDenied"),
        (ConnectTimeoutError(endpoint_url="https://s3"), "cannot be reached"),
    ],
)
def test_why_s3_did_not_keep_a_frame_is_said_without_saying_which(
    fault: ClientError | BotoCoreError, words: str
) -> None:
    client: Any = RefusingS3(fault)

    with pytest.raises(KeepingError, match=words) as said:
        S3FrameKeeper(client, "kept")(FRAMES_COUNTED, b"jpeg", 7)

    assert FRAMES_COUNTED.camera_id not in str(said.value)


def test_frames_that_are_not_kept_are_a_metric_of_the_stage(
    capsys: pytest.CaptureFixture[str],
) -> None:
    EmbeddedMetric("Headcount/dev", "sample_fragments", "FramesNotKept")(2)

    said = capsys.readouterr().out
    assert '"Namespace":"Headcount/dev"' in said
    assert '"FramesNotKept":[2.0]' in said


def permissions(site: dict[str, Any], *cameras: dict[str, Any]) -> list[Permission | None]:
    entries = [{"id": f"a-{number}"} | about for number, about in enumerate(cameras)]
    room = {"id": "a", "capacity": 4, "cameras": entries}
    read = Site.model_validate({"id": "hq", "time_zone": "UTC", "rooms": [room]} | site)
    return [read.kept_frames_of(camera) for camera in read.rooms[0].cameras]


def test_a_site_keeps_frames_only_if_it_says_so() -> None:
    assert permissions({}, {}) == [None]
    assert permissions({"kept_frames": {}}, {}) == [Permission()]


def test_a_camera_s_own_word_counts_whatever_its_site_says() -> None:
    days = {"kept_frames": {"expire_days": 3}}

    assert permissions({}, days, {}) == [Permission(expire_days=3), None]
    assert permissions(days, {"kept_frames": {"allowed": False}}, {}) == [
        None,
        Permission(expire_days=3),
    ]


def test_a_binding_that_was_stored_before_frames_could_be_kept_keeps_none() -> None:
    stored = BINDING.model_dump_json(exclude={"kept_frames"})

    assert CameraBinding.model_validate_json(stored).kept_frames is None


class Bucket:
    """S3 with one page of objects, which takes a thousand keys a call and refuses some."""

    def __init__(self, keys: Sequence[str], refused: Sequence[str] = ()) -> None:
        self.keys = list(keys)
        self.refused = refused

    def get_paginator(self, _: str) -> "Bucket":
        return self

    def paginate(self, Prefix: str, **_: str) -> list[dict[str, Any]]:  # noqa: N803
        return [{"Contents": [{"Key": key} for key in self.keys if key.startswith(Prefix)]}]

    def delete_objects(self, Delete: dict[str, Any], **_: str) -> dict[str, Any]:  # noqa: N803
        told = [entry["Key"] for entry in Delete["Objects"]]
        assert len(told) <= 1000
        self.keys = [key for key in self.keys if key not in told or key in self.refused]
        return {"Errors": [{"Code": "AccessDenied"} for key in told if key in self.refused]}


def test_more_frames_than_s3_deletes_in_a_call_are_all_erased() -> None:
    client: Any = Bucket([f"hq/door/2026/03/02/{number}.jpg" for number in range(2001)])

    assert KeptFrames(client, "kept").erase(Choice("hq")) == (2001, 0)


def test_a_frame_that_s3_refuses_to_erase_is_an_error() -> None:
    client: Any = Bucket(["hq/door/2026/03/02/a.jpg"], refused=["hq/door/2026/03/02/a.jpg"])

    with pytest.raises(DeploymentError, match="S3 left 1 kept frames: AccessDenied"):
        KeptFrames(client, "kept").erase(Choice("hq"))


def test_an_object_that_is_no_kept_frame_is_named_and_not_passed_over() -> None:
    client: Any = Bucket(["hq/door/notes.txt"])

    with pytest.raises(DeploymentError, match=r"hq/door/notes.txt .* is none of ours"):
        KeptFrames(client, "kept").find(Choice("hq"))
