"""How well a camera finds faces is measured on labelled frames, and said with its uncertainty."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headcount.errors import ModelError
from training.calibration import (
    LabelledFrame,
    calibrate,
    false_alarm_rate,
    wilson_interval,
)

EMPTY = [LabelledFrame(0, 0)] * 50


def frames_of(rate: float, *, seed: int, together: bool = False) -> list[LabelledFrame]:
    """Return 120 frames of one to six people, each found with that chance, or all or none."""
    chance = random.Random(seed)
    frames = []
    for _ in range(120):
        people = chance.randint(1, 6)
        if together:
            found = people * (chance.random() < rate)
        else:
            found = sum(chance.random() < rate for _ in range(people))
        frames.append(LabelledFrame(people, found))
    return frames


def test_the_rates_are_those_of_the_frames() -> None:
    alarmed = [LabelledFrame(0, 1)] * 5 + [LabelledFrame(0, 0)] * 95
    peopled = frames_of(0.7, seed=1)
    # One frame of twenty has a false alarm there too.
    peopled[::20] = [LabelledFrame(one.people, one.counted + 1) for one in peopled[::20]]
    measured = calibrate([*peopled, *alarmed])

    assert measured.detection_rate.low < 0.7 < measured.detection_rate.high
    assert measured.detection_rate.value == pytest.approx(0.7, abs=0.06)
    assert measured.false_alarm_rate.value == 0.055
    assert (measured.frames, measured.empty_frames) == (220, 100)


def test_false_alarms_among_people_do_not_count_as_people_found() -> None:
    alarmed = [LabelledFrame(0, 1)] * 20 + [LabelledFrame(0, 0)] * 30
    half = [LabelledFrame(4, 2)] * 35 + [LabelledFrame(4, 3)] * 25

    assert calibrate([*half, *alarmed]).detection_rate.value == pytest.approx(0.5, abs=0.01)


def test_no_false_alarm_in_some_frames_is_not_a_rate_of_zero() -> None:
    measured = calibrate([*frames_of(0.7, seed=2), *EMPTY]).false_alarm_rate

    assert measured.value == 0.01
    assert measured.low == 0


def test_garwood_and_wilson_agree_with_their_tables() -> None:
    ten = false_alarm_rate(10, 1)
    none = false_alarm_rate(0, 1)

    assert (round(ten.low, 3), round(ten.high, 3)) == (4.795, 18.390)
    assert (none.low, round(none.high, 4)) == (0, 3.6889)
    assert [round(end, 3) for end in wilson_interval(0.5, 20)] == [0.299, 0.701]
    assert [round(end, 3) for end in wilson_interval(0, 10)] == [0, 0.278]


def test_frames_that_miss_everybody_at_once_say_less_than_so_many_people() -> None:
    apart = calibrate([*frames_of(0.8, seed=3), *EMPTY]).detection_rate
    together = calibrate([*frames_of(0.8, seed=3, together=True), *EMPTY]).detection_rate

    assert together.high - together.low > 1.5 * (apart.high - apart.low)


def test_the_interval_holds_the_rate_nineteen_times_of_twenty() -> None:
    held = 0
    for seed in range(200):
        measured = calibrate([*frames_of(0.7, seed=seed, together=seed % 2 == 0), *EMPTY])
        held += measured.detection_rate.low <= 0.7 <= measured.detection_rate.high

    assert held >= 182


@given(st.integers(0, 400), st.integers(50, 2000))
def test_a_false_alarm_rate_lies_within_its_interval(alarms: int, frames: int) -> None:
    measured = false_alarm_rate(alarms, frames)

    assert 0 <= measured.low <= measured.value <= measured.high


@pytest.mark.parametrize(
    ("frames", "complaint"),
    [
        (EMPTY, "No frame shows anybody"),
        (frames_of(0.8, seed=1), "No frame is empty"),
        (
            [*[LabelledFrame(2, 2)] * 10, *[LabelledFrame(0, 0)] * 30],
            "Label 20 more with people and 20 more of the empty room",
        ),
        ([*[LabelledFrame(2, 2)] * 30, *[LabelledFrame(0, 0)] * 49], "Label 1 more of the empty"),
        ([*[LabelledFrame(1, 3)] * 40, *EMPTY], "more than false alarms"),
        ([*[LabelledFrame(1, 1)] * 40, *[LabelledFrame(0, 1)] * 50], "counts 1 face in an empty"),
        ([*[LabelledFrame(5, 0)] * 40, *EMPTY], "fewer than one of twenty"),
        ([*[LabelledFrame(1, 1), LabelledFrame(1, 0)] * 15, *EMPTY], "Label about 10 more frames"),
    ],
)
def test_labels_that_cannot_say_it_are_refused_with_what_is_missing(
    frames: list[LabelledFrame], complaint: str
) -> None:
    with pytest.raises(ModelError, match=complaint):
        calibrate(frames)
