import contextlib
import io
import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from headcount.errors import ModelError
from tests.frozen_world import BRIGHT, CELL_PX, SEES_BOTH, WIDTH_PX, detector
from training.evaluate import as_coco_results, average_precision, load_model, predict
from training.labels import LabelledImage, face_category, read_labels
from training.serving.endpoint import ServedModel
from training.serving.request import MAX_BODY_BYTES

IMAGE = {"id": 1, "file_name": "a.png", "width": 80, "height": 40}
MARK = {"id": 1, "image_id": 1, "category_id": 1, "bbox": [0, 0, 9, 9]}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> ServedModel:
    return load_model(detector(tmp_path_factory.mktemp("model") / "both.onnx", SEES_BOTH))


@pytest.mark.parametrize("text_ids", [False, True])
def test_an_unusual_set_is_scored_as_pycocotools_scores_its_file(
    served: ServedModel, tmp_path: Path, *, text_ids: bool
) -> None:
    annotations = _unusual_set(tmp_path, text_ids=text_ids)

    labelled = read_labels(annotations, tmp_path, ["face", "masked"])
    seen = [predict(served, image) for image in labelled]

    ours = average_precision(labelled, seen)
    results = as_coco_results(labelled, seen, face_category(annotations, ["face", "masked"]))
    expected = _scored_by_pycocotools(annotations, results, categories={3, 17})
    assert 0.2 < expected < 0.9
    assert ours == pytest.approx(expected, abs=0.005)


@pytest.mark.parametrize(("height", "width"), [(1, 1), (3, 2), (1, 640), (3000, 4000)])
def test_pictures_of_any_size_are_seen(
    served: ServedModel, tmp_path: Path, height: int, width: int
) -> None:
    path = _write(tmp_path / "a.png", np.full((height, width, 3), 40, np.uint8))

    seen = predict(served, _image(path, (width, height)))

    assert seen.boxes.shape == (len(seen.scores), 4)
    assert (seen.boxes[:, :2] + seen.boxes[:, 2:] <= [width + 1e-3, height + 1e-3]).all()


def test_a_picture_that_no_request_could_carry_is_seen_all_the_same(
    served: ServedModel, tmp_path: Path
) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (1500, 1600, 3), dtype=np.uint8)
    path = _write(tmp_path / "a.png", noise)

    assert path.stat().st_size > MAX_BODY_BYTES
    assert predict(served, _image(path, (1600, 1500))).elapsed_ms > 0


def test_a_grey_picture_of_sixteen_bits_is_seen_as_one_in_colour(
    served: ServedModel, tmp_path: Path
) -> None:
    picture = _face_at(5)
    grey = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY).astype(np.uint16) * 257
    sizes = (WIDTH_PX, picture.shape[0])

    in_colour, in_grey = (
        predict(served, _image(_write(tmp_path / name, pixels), sizes))
        for name, pixels in (("a.png", picture), ("b.png", grey))
    )

    assert len(in_colour.boxes) == 1
    assert np.array_equal(in_colour.boxes, in_grey.boxes)


def test_a_picture_that_its_exif_data_turn_is_seen_as_people_see_it(
    served: ServedModel, tmp_path: Path
) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(_turned(cv2.imencode(".jpg", _face_at(5))[1].tobytes()))
    height = _face_at(5).shape[0]

    assert predict(served, _image(path, (height, WIDTH_PX))).elapsed_ms > 0
    with pytest.raises(
        ModelError, match=r"annotated as 640x64.*\n.*without a rotation in their EXIF"
    ):
        predict(served, _image(path, (WIDTH_PX, height)))


@pytest.mark.parametrize(
    ("images", "marks", "said"),
    [
        ([IMAGE, IMAGE], [], "two images have the id 1"),
        ([IMAGE], [MARK, MARK], "two annotations have the id 1"),
        ([IMAGE | {"id": [1]}], [], "ids that are whole numbers or text"),
        ([IMAGE | {"id": None}], [], "ids that are whole numbers or text"),
        ([IMAGE], [MARK | {"image_id": {}}], "ids that are whole numbers or text"),
        ([IMAGE], [MARK | {"category_id": []}], "ids that are whole numbers or text"),
        ([IMAGE], [MARK | {"image_id": "1"}], "is of image '1', which is not in `images`"),
        ([IMAGE | {"file_name": 5}], [], "a file_name that is text"),
        ([IMAGE | {"file_name": ""}], [], "a file_name that is text"),
        ([IMAGE | {"width": "80"}], [], "whole pixels"),
        ([IMAGE | {"height": 0}], [], "whole pixels"),
        ([IMAGE], [MARK | {"bbox": [True, 0, 9, 9]}], "a bbox of four numbers"),
        ([IMAGE], [MARK | {"bbox": None}], "a bbox of four numbers"),
    ],
)
def test_each_fault_of_a_file_is_one_error_that_names_it(
    tmp_path: Path, images: list[Any], marks: list[Any], said: str
) -> None:
    annotations = _coco(tmp_path, images, marks)

    with pytest.raises(ModelError) as fault:
        read_labels(annotations, tmp_path)

    assert said in str(fault.value)
    assert str(annotations) in str(fault.value)
    assert "\n" in str(fault.value)


@pytest.mark.parametrize("categories", [[{"name": "face"}], ["face"], {"face": 1}])
def test_categories_without_id_and_name_are_refused(tmp_path: Path, categories: Any) -> None:
    annotations = _coco(tmp_path, [IMAGE], [MARK], categories)

    with pytest.raises(ModelError, match="each of `categories` needs an id and a name"):
        read_labels(annotations, tmp_path)


def test_whole_numbers_may_be_written_with_a_point_and_sizes_left_out(tmp_path: Path) -> None:
    pointed = IMAGE | {"width": 80.0, "height": 40.0}
    bare = {"id": 2, "file_name": "a.png", "width": None, "height": None}
    annotations = _coco(tmp_path, [pointed, bare], [MARK])

    assert [one.size_px for one in read_labels(annotations, tmp_path)] == [(80, 40), None]


def _unusual_set(folder: Path, *, text_ids: bool) -> Path:
    """Write a set with gaps in its ids, crowds, empty pictures, faces at the border and misses."""
    rng = np.random.default_rng(8)
    images: list[dict[str, Any]] = []
    marks: list[dict[str, Any]] = []
    for index in range(24):
        image_id: Any = f"picture {3 * index}" if text_ids else 1000 - 7 * index
        picture = np.zeros((64, WIDTH_PX, 3), np.uint8)
        faces = 0 if index % 6 == 0 else int(rng.integers(1, 7))
        for number in range(faces):
            column, row = (0 if number == 0 else 7 * number), int(rng.integers(0, 15))
            brightness = BRIGHT if rng.random() < 0.8 else 10
            picture[row * CELL_PX :, column * CELL_PX :][:CELL_PX, :CELL_PX] = brightness
            left, top = max(0.0, (column - 0.5) * CELL_PX), max(0.0, (row - 1.25) * CELL_PX)
            box = [left, top, (column + 1.5) * CELL_PX - left, (row + 1.75) * CELL_PX - top]
            marks.append(
                {
                    "id": 5000 + 11 * len(marks),
                    "image_id": image_id,
                    "category_id": [3, 17, 99][int(rng.integers(0, 3))],
                    "bbox": [int(side) for side in box] if index % 2 else box,
                    "area": box[2] * box[3],
                    "iscrowd": int(rng.random() < 0.15),
                }
            )
        kind = (".png", ".jpg", ".webp")[index % 3]
        grey = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
        _write(folder / f"{index}{kind}", grey if kind == ".png" else picture)
        images.append(
            {"id": image_id, "file_name": f"{index}{kind}", "width": WIDTH_PX, "height": 64}
        )
    categories = [
        {"id": 3, "name": "face"},
        {"id": 17, "name": "masked"},
        {"id": 99, "name": "dog"},
    ]
    return _coco(folder, images, marks, categories)


def _scored_by_pycocotools(
    annotations: Path, results: list[dict[str, Any]], categories: set[int]
) -> float:
    """Return AP50 out of the annotation file itself, as anybody would reckon it."""
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO(str(annotations))
        kept = [one for one in truth.dataset["annotations"] if one["category_id"] in categories]
        truth.dataset["annotations"] = kept
        truth.createIndex()
        scoring = COCOeval(truth, truth.loadRes(results), "bbox")
        scoring.params.useCats = 0
        scoring.evaluate()
        scoring.accumulate()
        scoring.summarize()
    return float(scoring.stats[1])


def _coco(folder: Path, images: Any, marks: Any, categories: Any = None) -> Path:
    if not any(folder.glob("*.png")):
        _write(folder / "a.png", np.zeros((40, 80, 3), np.uint8))
    path = folder / "coco.json"
    known = [{"id": 1, "name": "face"}] if categories is None else categories
    path.write_text(json.dumps({"images": images, "annotations": marks, "categories": known}))
    return path


def _face_at(column: int) -> np.ndarray:
    picture = np.zeros((64, WIDTH_PX, 3), np.uint8)
    picture[5 * CELL_PX :, column * CELL_PX :][:CELL_PX, :CELL_PX] = BRIGHT
    return picture


def _turned(jpeg: bytes) -> bytes:
    """Return a JPEG whose EXIF data say that it is to be turned by a quarter."""
    entry = bytes.fromhex("0112 0003 00000001 0006 0000")
    exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x01" + entry + bytes(4)
    return jpeg[:2] + b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif + jpeg[2:]


def _write(path: Path, picture: np.ndarray) -> Path:
    path.write_bytes(cv2.imencode(path.suffix, picture)[1].tobytes())
    return path


def _image(path: Path, size_px: tuple[int, int]) -> LabelledImage:
    return LabelledImage(1, path, size_px, np.empty((0, 4)), np.empty((0, 4)))
