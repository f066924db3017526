"""By camera and time, never by frame: what a split must keep."""

from collections import defaultdict
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headcount.errors import ManifestError
from training.data.split_plan import By, SplitPlan
from training.data.splits import split_frames
from training.manifest import FROZEN, Frame, Split

START = datetime(2026, 3, 2, 8, tzinfo=UTC)


def frame(number: int, **known: object) -> Frame:
    about = {"camera_id": "hall", "sha256": f"{number:064x}"} | known
    return Frame(f"{number}.jpg", 640, 360, **about)  # type: ignore[arg-type]


def moment(one: Frame) -> datetime:
    assert one.captured_at is not None
    return one.captured_at


def days(cameras: int = 2, hours: int = 10, every_min: int = 10, **known: object) -> list[Frame]:
    return [
        frame(
            camera * 10_000 + minute,
            camera_id=f"hall-{camera}",
            captured_at=START + timedelta(minutes=minute),
            **known,
        )
        for camera in range(cameras)
        for minute in range(0, hours * 60, every_min)
    ]


def split(frames: list[Frame], **plan: object) -> tuple[Frame, ...]:
    return split_frames(frames, SplitPlan(**plan), "m.jsonl").frames  # type: ignore[arg-type]


@st.composite
def pools(draw: st.DrawFn) -> list[Frame]:
    frames = []
    for number in range(draw(st.integers(10, 28))):
        timed = draw(st.booleans())
        frames.append(
            frame(
                number,
                camera_id=draw(st.sampled_from("abcd")),
                captured_at=START + timedelta(minutes=draw(st.integers(0, 2_000)))
                if timed
                else None,
                group=draw(st.sampled_from(["", "", "", "g1", "g2"])),
                split=draw(st.sampled_from([Split.NONE] * 8 + [Split.GOLDEN, Split.TRAIN])),
            )
        )
    return frames


@given(pools())
def test_groups_stay_together_and_cameras_keep_their_distance_in_time(frames: list[Frame]) -> None:
    try:
        done = split(frames, guard_s=600)
    except ManifestError:
        return

    parts = defaultdict(set)
    for one in done:
        if one.group and one.split is not Split.NONE:
            parts[one.group].add(one.split)
    assert all(len(each) == 1 for each in parts.values())
    for one in done:
        for other in done:
            if one.camera_id == other.camera_id and one.captured_at and other.captured_at:
                apart = abs((one.captured_at - other.captured_at).total_seconds())
                assert (
                    one.split is other.split
                    or Split.NONE in (one.split, other.split)
                    or apart >= 600
                )


@given(pools(), st.randoms(use_true_random=False))
def test_the_split_is_the_same_in_whatever_order_the_frames_come(frames, random) -> None:
    shuffled = list(frames)
    random.shuffle(shuffled)
    try:
        straight = {one.source: one.split for one in split(frames)}
    except ManifestError:
        with pytest.raises(ManifestError):
            split(shuffled)
        return

    assert {one.source: one.split for one in split(shuffled)} == straight


@given(pools())
def test_what_is_frozen_stays_frozen_and_nothing_is_added_to_it(frames: list[Frame]) -> None:
    frozen = {one.source: one.split for one in frames if one.split in FROZEN}
    try:
        done = split(frames)
    except ManifestError:
        return

    kept = {one.source: one.split for one in done if one.split in FROZEN}
    assert kept == frozen or not frozen


def test_blocks_of_every_camera_are_in_every_part() -> None:
    done = split(days(cameras=2, hours=12))

    for camera in ("hall-0", "hall-1"):
        assert {one.split for one in done if one.camera_id == camera} >= {
            Split.TRAIN,
            Split.VALIDATION,
            Split.GOLDEN,
        }
    share = sum(one.split is Split.TRAIN for one in done) / len(done)
    assert share == pytest.approx(0.65, abs=0.15)


def test_frames_of_one_hour_are_never_parted() -> None:
    done = split(days(every_min=5), guard_s=0)

    hours = defaultdict(set)
    for one in done:
        hours[one.camera_id, moment(one).hour].add(one.split)
    assert all(len(parts) == 1 for parts in hours.values())


def test_learning_gives_way_to_judging_where_time_is_too_near() -> None:
    done = split(days(every_min=1), guard_s=300)

    left_out = [one for one in done if one.split is Split.NONE]
    golden = [moment(one) for one in done if one.split is Split.GOLDEN]
    assert 0 < len(left_out) < len(done) / 5
    # Twenty minutes of golden would be a fifth of an hour less if it gave way.
    assert all(sum(time.hour == hour for time in golden) % 60 == 0 for hour in range(8, 18))


def test_a_drifted_slice_gets_a_frozen_test_of_its_own() -> None:
    darkened = [
        frame(
            50_000 + minute,
            camera_id="attic",
            captured_at=START + timedelta(minutes=minute),
            slices=("darkened",),
        )
        for minute in range(0, 600, 10)
    ]

    done = split([*days(), *darkened], drifted=frozenset({"darkened"}))

    assert {one.split for one in done if one.slices} >= {Split.TRAIN, Split.DRIFTED}
    assert all(one.slices for one in done if one.split is Split.DRIFTED)
    assert not any(one.slices for one in done if one.split is Split.GOLDEN)


def test_a_camera_that_is_held_out_is_only_tested_on() -> None:
    done = split(days(cameras=3), held_out=frozenset({"hall-2"}))

    assert {one.split for one in done if one.camera_id == "hall-2"} == {Split.GOLDEN}


def test_neighbours_of_a_frozen_frame_are_left_out_of_everything() -> None:
    frames = [*days(), frame(99, group="g", split=Split.GOLDEN), frame(98, group="g")]

    done = {one.source: one.split for one in split(frames)}

    assert (done["99.jpg"], done["98.jpg"]) == (Split.GOLDEN, Split.NONE)


def test_photographs_are_split_by_what_looks_alike() -> None:
    frames = [frame(number, group=f"g{number // 3}") for number in range(60)]

    done = split(frames, by=By.GROUP)

    groups = defaultdict(set)
    for one in done:
        groups[one.group].add(one.split)
    assert all(len(parts) == 1 for parts in groups.values())
    assert {one.split for one in done} == {Split.TRAIN, Split.VALIDATION, Split.GOLDEN}


def test_three_groups_are_enough_for_three_parts() -> None:
    frames = [frame(number, group=f"g{number // 20}") for number in range(60)]

    done = split(frames, by=By.GROUP)

    assert {one.split for one in done} == {Split.TRAIN, Split.VALIDATION, Split.GOLDEN}


@pytest.mark.parametrize(
    ("frames", "plan", "message"),
    [
        ([frame(n) for n in range(9)], {}, "none says when .*\n.*--by group"),
        (
            [frame(n, group="g") for n in range(9)],
            {"by": By.GROUP},
            "nothing is left for validation and golden: 9 frames make 1 units.*\n.*curate first",
        ),
        (days(), {"held_out": frozenset({"loft"})}, "no frame of camera loft.\nIt has hall-0"),
        (days(), {"drifted": frozenset({"fog"})}, "no frame of slice fog.\nIt has day"),
        (days(), {"validation": 0.5, "golden": 0.5}, "nothing to learn from"),
        (days(), {"block_s": 0}, "Blocks of 0 s"),
        (days(), {"guard_s": 1e6}, "The guard of 1e\\+06 s left out"),
    ],
)
def test_what_cannot_be_split_is_refused_with_what_would_help(frames, plan, message) -> None:
    with pytest.raises(ManifestError, match=f"(?s){message}"):
        split(frames, **plan)
