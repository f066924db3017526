"""A folder of pictures becomes a manifest."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from headcount.errors import ManifestError
from tests.reviewing import HEIGHT, WIDTH, a_picture
from training.manifest import Origin
from training.review.gathering import find_pictures, frames_of
from training.serving.detector import Detections, InputSize
from training.serving.endpoint import ModelCard, ServedModel

CARD = ModelCard("fake", "1", "f" * 64, 0.4, InputSize(64, 64), 1)


class BrightSpots:
    """Finds a face where the left eighth, or the right one, of a picture is bright."""

    def __init__(self, *, is_blind_on_the_right: bool = False) -> None:
        self.is_blind_on_the_right = is_blind_on_the_right

    def detect(self, picture: Any, min_score: float) -> Detections:
        eighth = picture.shape[1] // 8
        found = []
        if picture[:, :eighth].mean() > 200:
            found.append([0.0, 0.25, 0.125, 0.5])
        if picture[:, -eighth:].mean() > 200 and not self.is_blind_on_the_right:
            found.append([0.875, 0.25, 0.125, 0.5])
        boxes = np.array(found, np.float32).reshape(-1, 4)
        return Detections(boxes, np.full(len(boxes), 0.8, np.float32))


def a_spot_on_the_left(path: Path) -> None:
    picture = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    picture[:, : WIDTH // 8] = 255
    path.write_bytes(cv2.imencode(".png", picture)[1].tobytes())


def test_pictures_are_found_in_folders_and_hidden_ones_are_not(tmp_path: Path) -> None:
    for name in ("b.PNG", "hall/a.png", ".cache/c.png", "hall/.d.png"):
        a_picture(tmp_path / name)
    (tmp_path / "notes.txt").write_text("no picture")

    found = [path.relative_to(tmp_path).as_posix() for path in find_pictures(tmp_path, "here")]

    assert found == ["b.PNG", "hall/a.png"]


def test_a_folder_within_the_folder_is_a_camera(tmp_path: Path) -> None:
    a_picture(tmp_path / "a.png")
    a_picture(tmp_path / "east/hall/b.png")

    frames = frames_of(tmp_path, find_pictures(tmp_path, "here"), None)

    assert [frame.camera_id for frame in frames] == ["", "east/hall"]
    assert all(frame.origin is Origin.NOBODY and len(frame.sha256) == 64 for frame in frames)
    assert {(frame.width_px, frame.height_px) for frame in frames} == {(WIDTH, HEIGHT)}


def test_the_model_gives_a_beginning_in_pixels_and_its_name(tmp_path: Path) -> None:
    a_spot_on_the_left(tmp_path / "a.png")

    (frame,) = frames_of(tmp_path, [tmp_path / "a.png"], ServedModel(CARD, BrightSpots()))

    assert frame.origin is Origin.MODEL
    assert frame.faces == pytest.approx(np.array([[0, 22.5, 20, 45]]))
    assert frame.scores == pytest.approx([0.8])
    assert frame.labelled_by.startswith("fake-1 sha256:ffff")


def test_a_face_that_only_one_look_shows_is_listed_with_half_its_score(tmp_path: Path) -> None:
    a_spot_on_the_left(tmp_path / "a.png")
    half_blind = ServedModel(CARD, BrightSpots(is_blind_on_the_right=True))

    (frame,) = frames_of(tmp_path, [tmp_path / "a.png"], half_blind)

    assert frame.scores == pytest.approx([0.4])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda folder: folder / "absent", "here is no folder"),
        (lambda folder: folder, "here holds no manifest.jsonl and no picture"),
    ],
)
def test_a_folder_that_holds_nothing_is_refused(tmp_path: Path, make: Any, message: str) -> None:
    with pytest.raises(ManifestError, match=message):
        find_pictures(make(tmp_path), "here")


def test_a_file_that_is_no_picture_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"no picture")

    with pytest.raises(ManifestError, match=r"a\.png"):
        frames_of(tmp_path, find_pictures(tmp_path, "here"), None)
