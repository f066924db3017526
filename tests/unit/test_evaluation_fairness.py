import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.frozen_world import BRIGHT, DIM, Scene, painted, sees_both, sees_bright
from training.evaluation.comparison import Comparison, compare
from training.evaluation.fairness import NOT_MEASURED, Fairness, measure_fairness
from training.evaluation.frozen import frozen_sets
from training.evaluation.skin_tone import ABOUT_THE_PROXY, tone_of, typology_angle
from training.manifest import Split


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory) -> Comparison:
    folder = tmp_path_factory.mktemp("fairness")
    scenes = [
        Scene(split, [BRIGHT, DIM]) for split in (Split.GOLDEN, Split.DRIFTED) for _ in range(20)
    ]
    sets = frozen_sets(painted(folder, scenes))
    return compare(sees_bright(folder), sees_both(folder), sets, resamples=200)


@pytest.fixture(scope="module")
def fairness(compared: Comparison) -> Fairness:
    return measure_fairness(compared)


@pytest.mark.parametrize(
    ("lightness", "yellow", "angle"), [(70, 20, 45.0), (50, 15, 0.0), (35, 15, -45.0)]
)
def test_the_typology_angle_is_that_of_its_definition(
    lightness: float, yellow: float, angle: float
) -> None:
    assert typology_angle(_face(lightness, 10, yellow)) == pytest.approx(angle, abs=2.5)


def test_a_lighter_cheek_has_a_higher_angle_and_another_class() -> None:
    assert [tone_of(_face(lightness, 12, 18)) for lightness in (35, 58, 75)] == [
        "dark",
        "intermediate",
        "light",
    ]


@pytest.mark.parametrize(
    "face",
    [
        pytest.param((60, 0, 0), id="grey, as infrared is"),
        pytest.param((5, 4, 4), id="too dark to have a colour"),
        pytest.param((60, 5, -20), id="blue: a mask"),
    ],
)
def test_what_cannot_be_told_is_not_told(face: tuple[float, float, float]) -> None:
    assert typology_angle(_face(*face)) is None


def test_a_small_face_has_no_tone() -> None:
    assert tone_of(_face(60, 10, 18, side_px=20)) is None


def test_the_same_skin_under_less_light_is_called_darker() -> None:
    bright, dim = _face(75, 12, 18), _face(75, 12, 18) // 3

    assert tone_of(bright) == "light"
    assert tone_of(dim) == "dark"
    assert "Dim light" in ABOUT_THE_PROXY


def test_recall_is_told_by_bucket_with_its_interval(fairness: Fairness) -> None:
    light = fairness.respects[0]

    (bucket,) = light.buckets
    assert (bucket.name, bucket.faces) == ("0 to 0.15", 80)
    assert (bucket.champion.value, bucket.challenger.value) == (0.5, 1.0)
    assert bucket.champion.low == bucket.champion.high == 0.5
    assert light.champion is None


def test_faces_too_small_for_a_tone_are_counted_as_such(fairness: Fairness) -> None:
    tone = fairness.respects[-1]

    assert (tone.name, tone.buckets, tone.unmeasured) == ("skin tone, a proxy", (), 80)


def test_the_largest_gap_is_between_the_best_and_the_worst_bucket(tmp_path: Path) -> None:
    scenes = [
        Scene(split, [brightness] * 2, background=background)
        for split in (Split.GOLDEN, Split.DRIFTED)
        # The network looks at red: a blue wall lights the frame, and is no face.
        for brightness, background in ((BRIGHT, 0), (DIM, 255))
        for _ in range(10)
    ]
    sets = frozen_sets(painted(tmp_path, scenes))

    light, *_ = measure_fairness(
        compare(sees_bright(tmp_path), sees_both(tmp_path), sets, resamples=200)
    ).respects

    assert light.champion is not None
    assert (light.champion.best, light.champion.worst) == ("0 to 0.15", "0.35 and more")
    assert light.champion.gap.value == 1.0
    assert light.challenger is not None
    assert light.challenger.gap.value == 0.0


def test_no_face_has_a_figure_of_its_own(fairness: Fairness) -> None:
    text = json.dumps(fairness.as_json())

    assert ".png" not in text
    assert len(text) < 5_000


def test_it_says_what_is_not_measured(fairness: Fairness) -> None:
    document = fairness.as_json()

    assert document["not_measured"] == NOT_MEASURED
    for word in ("Gender", "age", "ethnicity"):
        assert word in NOT_MEASURED


def _face(lightness: float, red: float, yellow: float, side_px: int = 40) -> np.ndarray:
    lab = np.full((side_px, side_px, 3), (lightness, red, yellow), np.float32)
    return np.rint(np.clip(cv2.cvtColor(lab, cv2.COLOR_LAB2BGR), 0, 1) * 255).astype(np.uint8)
