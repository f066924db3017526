from pathlib import Path

import cv2
import numpy as np
import pytest

from headcount.errors import TrainingError
from training.detector.augment import crop_of
from training.detector.channels import Shown
from training.labels import Boxes
from training.serving.detector import InputSize

SIZE = InputSize(320, 640)
NO_BOXES = np.zeros((0, 4))


def _shown(folder: Path, faces: Boxes, ignored: Boxes = NO_BOXES) -> Shown:
    """A dark picture whose labelled boxes are white, and its ignored regions blue."""
    picture = np.full((240, 320, 3), 20, np.uint8)
    for boxes, colour in ((faces, (255, 255, 255)), (ignored, (255, 0, 0))):
        for left, top, width, height in boxes.astype(int).tolist():
            picture[top : top + height, left : left + width] = colour
    path = folder / "picture.png"
    cv2.imwrite(str(path), picture)
    return Shown(path, (320, 240), faces, np.ones(len(faces)), ignored)


@pytest.mark.parametrize("seed", range(12))
def test_boxes_go_where_the_faces_go(tmp_path: Path, seed: int) -> None:
    shown = _shown(tmp_path, np.array([[40.0, 60, 50, 60], [200, 120, 60, 50]]))

    crop = crop_of(shown, np.random.default_rng(seed), side_px=160, size=SIZE, darkened_share=0.0)

    white = crop.picture.min(axis=2) > 150
    labelled = np.zeros_like(white)
    for left, top, width, height in np.concatenate([crop.faces, crop.ignored]):
        labelled[round(top) : round(top + height), round(left) : round(left + width)] = True
    # A pixel's worth of edge is the resizing's.
    assert np.count_nonzero(white ^ labelled) < 0.02 * white.size


def test_the_same_chance_gives_the_same_crop(tmp_path: Path) -> None:
    shown = _shown(tmp_path, np.array([[40.0, 60, 50, 60]]))
    one, other = (
        crop_of(shown, np.random.default_rng(3), side_px=96, size=SIZE, darkened_share=1.0)
        for _ in range(2)
    )

    assert np.array_equal(one.picture, other.picture)
    assert np.array_equal(one.faces, other.faces)


def test_a_darkened_crop_comes_with_the_same_crop_undarkened(tmp_path: Path) -> None:
    shown = _shown(tmp_path, np.array([[40.0, 60, 50, 60]]))

    crop = crop_of(shown, np.random.default_rng(3), side_px=96, size=SIZE, darkened_share=1.0)

    assert crop.picture.mean() < 0.8 * crop.undarkened.mean()


def test_an_empty_picture_is_a_crop_without_faces(tmp_path: Path) -> None:
    crop = crop_of(
        _shown(tmp_path, NO_BOXES),
        np.random.default_rng(0),
        side_px=96,
        size=SIZE,
        darkened_share=0.0,
    )

    assert len(crop.faces) == len(crop.ignored) == 0
    assert crop.picture.shape == (96, 96, 3)


def test_a_face_mostly_outside_is_neither_right_nor_wrong(tmp_path: Path) -> None:
    shown = _shown(tmp_path, np.array([[-40.0, 60, 50, 60]]), np.array([[100.0, 100, 40, 40]]))
    seen = [
        crop_of(shown, np.random.default_rng(seed), side_px=320, size=SIZE, darkened_share=0.0)
        for seed in range(20)
    ]

    assert all(len(crop.faces) == 0 for crop in seen)
    assert any(len(crop.ignored) == 2 for crop in seen)


def test_a_picture_that_cannot_be_decoded_is_named(tmp_path: Path) -> None:
    (tmp_path / "no.png").write_bytes(b"no picture")
    shown = Shown(tmp_path / "no.png", (10, 10), NO_BOXES, np.zeros(0), NO_BOXES)

    with pytest.raises(TrainingError, match=r"no\.png cannot be decoded"):
        shown.read()


def test_a_picture_of_another_size_than_labelled_is_refused(tmp_path: Path) -> None:
    shown = _shown(tmp_path, NO_BOXES)
    other = Shown(shown.path, (240, 320), NO_BOXES, np.zeros(0), NO_BOXES)

    with pytest.raises(TrainingError, match="is 320x240, but was labelled as 240x320"):
        other.read()
