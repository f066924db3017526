"""What all cameras have in common: a shift of the model, and not of who sits where."""

from dataclasses import replace

import numpy as np
import pytest

from headcount.domain.features import BINS, FEATURE_NAMES
from training.monitor.hours import (
    ALL_CAMERAS,
    HOURS_A_DAY,
    KINDS,
    MOST_FACES,
    ByFaces,
    Scene,
    Stream,
)
from training.monitor.moving import Moved, Spread, together

DAY = Scene("day", occupied=True)
SCORE = FEATURE_NAMES.index("score_mean")
BRIGHTNESS = FEATURE_NAMES.index("brightness")
FRAMES = 600
USUAL_BIN = BINS // 2


def hour(camera, bins_up, belief=1.0, start_s=0):
    """An hour in which every figure stood so many bins above what is usual."""
    shape = (1, len(FEATURE_NAMES), BINS)
    current, usual = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    current[:, :, USUAL_BIN + bins_up] = usual[:, :, USUAL_BIN] = FRAMES
    return Moved(
        Stream(camera, DAY),
        np.array([start_s]),
        np.full(shape[:2], abs(bins_up) / BINS),
        np.full(shape[:2], belief),
        current,
        usual,
        np.full(shape[:2], bins_up / BINS),
    )


def spreads(**of_stream):
    nothing = np.full((KINDS, HOURS_A_DAY, len(FEATURE_NAMES)), np.nan)
    return {
        Stream(camera, DAY): Spread(nothing, np.full(len(FEATURE_NAMES), far))
        for camera, far in of_stream.items()
    }


def common(*hours, **of_stream):
    (one,) = together(hours, spreads(**of_stream))
    assert one.stream == Stream(ALL_CAMERAS, DAY)
    return one


def by_faces(**frames_and_places):
    """What an hour's frames come to: number of faces -> how many frames, and where they lie."""
    shape = (1, len(FEATURE_NAMES), MOST_FACES + 1)
    frames, places = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    for name, (count, place) in frames_and_places.items():
        number = {"one": 1, "two": 2, "five": 5}[name]
        frames[:, :, number], places[:, :, number] = count, count * place
    return ByFaces(frames, places)


USUALLY = by_faces(one=(600, 0.9), five=(600, 0.8)).of_all()


def test_more_faces_than_usual_are_no_shift_though_of_many_each_scores_less():
    crowded = by_faces(one=(60, 0.9), five=(600, 0.8))

    assert crowded.shift_from(USUALLY)[0, SCORE] == pytest.approx(0, abs=1e-6)


def test_every_face_counts_once_and_so_a_frame_of_five_five_times():
    hour_of_masks = by_faces(one=(300, 0.9), five=(100, 0.6))

    assert hour_of_masks.shift_from(USUALLY)[0, SCORE] == pytest.approx(-0.2 * 500 / 800)


def test_a_number_of_faces_that_was_never_seen_is_compared_with_the_average():
    unseen = by_faces(two=(100, 0.85))

    assert unseen.shift_from(USUALLY)[0, SCORE] == pytest.approx(0, abs=1e-6)


def test_an_hour_without_faces_says_nothing_of_them():
    assert np.isnan(by_faces().shift_from(USUALLY)[0, SCORE])


def test_what_moves_every_camera_the_same_way_is_the_shift_they_have_in_common():
    one = common(hour("a", 3), hour("b", 3), a=0.1, b=0.1)

    assert one.distance[0, SCORE] == pytest.approx(3 / BINS)
    assert one.belief[0, SCORE] == pytest.approx(1)


def test_one_camera_up_and_another_down_have_nothing_in_common():
    one = common(hour("a", 3), hour("b", -3), a=0.1, b=0.1)

    assert one.distance[0, SCORE] == pytest.approx(0)


def test_what_the_model_does_not_say_is_compared_as_a_whole():
    one = common(hour("a", 3), hour("b", -3), a=0.1, b=0.1)

    assert one.distance[0, BRIGHTNESS] == pytest.approx(3 / BINS)


def test_a_steadier_camera_counts_more():
    one = common(hour("steady", 4), hour("wavering", 0), steady=0.1, wavering=0.2)

    assert one.distance[0, SCORE] == pytest.approx(4 / BINS * 4 / 5)


def test_an_hour_that_is_half_believed_counts_a_quarter():
    one = common(hour("whole", 5), hour("part", 0, belief=0.5), whole=0.1, part=0.1)

    assert one.distance[0, SCORE] == pytest.approx(5 / BINS * 4 / 5)


def test_the_fewer_cameras_tell_the_less_is_believed():
    both = [hour(camera, 2, start_s=0) for camera in ("a", "b")]
    one = common(*both, hour("a", 2, start_s=3600), a=0.1, b=0.1)

    assert one.belief[:, SCORE] == pytest.approx([1, np.sqrt(0.5)])


def test_a_camera_with_too_few_frames_moves_nothing():
    unknown = replace(hour("b", 9), distance=np.full((1, len(FEATURE_NAMES)), np.nan))
    one = common(hour("a", 2), unknown, a=0.1, b=0.1)

    assert one.distance[0, [SCORE, BRIGHTNESS]] == pytest.approx(2 / BINS)
