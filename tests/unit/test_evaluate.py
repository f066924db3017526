import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from headcount.errors import ModelError
from training.evaluate import (
    Prediction,
    as_coco_results,
    average_precision,
    counted,
    evaluate_model,
    load_model,
)
from training.labels import Boxes, LabelledImage, face_category, read_labels
from training.serving.detector import Detections, InputSize
from training.serving.endpoint import ModelCard, ServedModel

NO_BOXES = np.empty((0, 4))


class FakeNetwork:
    """Sees one face in the top left quarter of every picture."""

    def detect(self, picture: Any, min_score: float) -> Detections:
        return Detections(np.array([[0, 0, 0.5, 0.5]], np.float32), np.array([0.8], np.float32))


@pytest.fixture
def served() -> ServedModel:
    card = ModelCard("fake", "1", "f" * 64, 0.5, InputSize(64, 64), 1)
    return ServedModel(card, FakeNetwork())


def test_average_precision_agrees_with_one_written_by_hand() -> None:
    rng = np.random.default_rng(5)
    images, predictions = [], []
    for _ in range(40):
        faces = _random_boxes(rng, int(rng.integers(0, 12)))
        found = faces[rng.random(len(faces)) < 0.8] + rng.normal(0, 2.5, 4)
        boxes = np.concatenate([found, _random_boxes(rng, int(rng.integers(0, 5)))])
        images.append(_image(faces))
        predictions.append(Prediction(boxes, rng.random(len(boxes)), 1.0))

    expected = _average_precision_by_hand(images, predictions)

    assert 0.2 < expected < 0.8
    assert average_precision(images, predictions) == pytest.approx(expected, abs=0.005)


def test_perfect_predictions_have_perfect_precision() -> None:
    faces = np.array([[0.0, 0, 20, 20], [50, 50, 10, 10]])
    images, seen = [_image(faces)], [Prediction(faces, np.array([0.9, 0.3]), 1.0)]

    assert average_precision(images, seen) == pytest.approx(1.0)


def test_no_predictions_have_no_precision_and_no_faces_have_none_to_tell() -> None:
    nothing = Prediction(NO_BOXES, np.empty(0), 1.0)

    assert average_precision([_image(np.array([[0.0, 0, 9, 9]]))], [nothing]) == 0.0
    assert average_precision([_image(NO_BOXES)], [nothing]) is None


def test_a_prediction_in_an_ignored_region_is_neither_right_nor_wrong() -> None:
    faces, crowd = np.array([[0.0, 0, 20, 20]]), np.array([[100.0, 0, 100, 100]])
    image = LabelledImage(1, Path("a.jpg"), None, faces, crowd)
    boxes = np.array([[120.0, 20, 10, 10], [0, 0, 20, 20]])
    seen = Prediction(boxes, np.array([0.9, 0.8]), 1.0)

    assert average_precision([image], [seen]) == pytest.approx(1.0)
    assert counted(image, seen, 0.5) == 1


def test_error_and_bias_are_of_the_count_at_the_threshold(
    served: ServedModel, tmp_path: Path
) -> None:
    picture = tmp_path / "a.png"
    picture.write_bytes(cv2.imencode(".png", np.zeros((40, 80, 3), np.uint8))[1].tobytes())
    labelled = [
        LabelledImage(1, picture, (80, 40), np.array([[0.0, 0, 40, 20]]), NO_BOXES),
        LabelledImage(2, picture, (80, 40), np.array([[0.0, 0, 40, 20]] * 4), NO_BOXES),
    ]

    scored, seen = evaluate_model(served, labelled)

    assert (scored.images, scored.faces) == (2, 5)
    assert (scored.mae, scored.bias) == (1.5, -1.5)
    assert scored.model_sha256 == "f" * 64
    assert as_coco_results(labelled, seen, 7)[0] == {
        "image_id": 1,
        "category_id": 7,
        "bbox": [0.0, 0.0, 40.0, 20.0],
        "score": 0.8,
    }


def test_labels_are_read_with_their_ignored_regions(tmp_path: Path) -> None:
    annotations = _coco(
        tmp_path,
        annotations=[
            {"image_id": 1, "category_id": 1, "bbox": [0, 0, 9, 9]},
            {"image_id": 1, "category_id": 1, "bbox": [5, 5, 9, 9], "iscrowd": 1},
            {"image_id": 1, "category_id": 2, "bbox": [7, 7, 9, 9], "ignore": 1},
        ],
    )

    (image,) = read_labels(annotations, tmp_path)

    assert image.faces.tolist() == [[0, 0, 9, 9]]
    assert len(image.ignored) == 2


def test_categories_can_be_chosen_and_all_are_faces_otherwise(tmp_path: Path) -> None:
    annotations = _coco(
        tmp_path,
        annotations=[
            {"image_id": 1, "category_id": 1, "bbox": [0, 0, 9, 9]},
            {"image_id": 1, "category_id": 2, "bbox": [5, 5, 9, 9]},
        ],
    )

    assert len(read_labels(annotations, tmp_path)[0].faces) == 2
    assert len(read_labels(annotations, tmp_path, ["masked"])[0].faces) == 1
    assert face_category(annotations, ["masked"]) == 2
    with pytest.raises(ModelError, match="It has face, masked"):
        read_labels(annotations, tmp_path, ["nose"])


def test_a_missing_picture_is_named(tmp_path: Path) -> None:
    annotations = _coco(tmp_path)
    (tmp_path / "a.png").unlink()

    with pytest.raises(ModelError, match=r"1 of 1 images are missing.*a\.png"):
        read_labels(annotations, tmp_path)


def test_a_picture_that_cannot_be_decoded_is_named(served: ServedModel, tmp_path: Path) -> None:
    annotations = _coco(tmp_path)
    (tmp_path / "a.png").write_bytes(b"no picture")

    with pytest.raises(ModelError, match=r"a\.png: .*cannot|a\.png: .*not a picture"):
        evaluate_model(served, read_labels(annotations, tmp_path))


def test_a_picture_of_another_size_than_annotated_is_refused(
    served: ServedModel, tmp_path: Path
) -> None:
    annotations = _coco(tmp_path, size=(40, 80))

    with pytest.raises(ModelError, match="is 80x40, but was annotated as 40x80"):
        evaluate_model(served, read_labels(annotations, tmp_path))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "cannot be read as JSON"),
        ("[]", "has no list `images`"),
        ('{"images": [], "annotations": []}', "labels no image"),
        ('{"images": [{"id": 1}], "annotations": [1]}', "needs file_name, id"),
        (
            '{"images": [{"id": 1, "file_name": "a"}], "annotations": [{"image_id": 2}]}',
            "a bbox of four numbers",
        ),
    ],
)
def test_a_file_that_is_not_coco_is_refused(tmp_path: Path, text: str, message: str) -> None:
    annotations = tmp_path / "coco.json"
    annotations.write_text(text)

    with pytest.raises(ModelError, match=message):
        read_labels(annotations, tmp_path)


def test_an_annotation_of_an_image_that_is_not_listed_is_refused(tmp_path: Path) -> None:
    annotations = _coco(tmp_path, annotations=[{"image_id": 2, "bbox": [0, 0, 9, 9]}])

    with pytest.raises(ModelError, match="which is not in `images`"):
        read_labels(annotations, tmp_path)


def test_a_file_that_is_no_model_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.onnx").write_text("no model at all")

    with pytest.raises(ModelError, match=r"text\.onnx"):
        load_model(tmp_path / "text.onnx")


def _image(faces: Boxes) -> LabelledImage:
    return LabelledImage(0, Path("unread.jpg"), None, faces, NO_BOXES)


def _random_boxes(rng: np.random.Generator, count: int) -> Boxes:
    return np.concatenate([rng.uniform(0, 400, (count, 2)), rng.uniform(15, 40, (count, 2))], 1)


def _coco(
    folder: Path,
    annotations: list[dict[str, Any]] | None = None,
    size: tuple[int, int] = (80, 40),
) -> Path:
    (folder / "a.png").write_bytes(
        cv2.imencode(".png", np.zeros((40, 80, 3), np.uint8))[1].tobytes()
    )
    path = folder / "coco.json"
    default = [{"image_id": 1, "category_id": 1, "bbox": [0, 0, 9, 9]}]
    path.write_text(
        json.dumps(
            {
                "images": [{"id": 1, "file_name": "a.png", "width": size[0], "height": size[1]}],
                "annotations": annotations or default,
                "categories": [{"id": 1, "name": "face"}, {"id": 2, "name": "masked"}],
            }
        )
    )
    return path


def _average_precision_by_hand(images: list[LabelledImage], predictions: list[Prediction]) -> float:
    """The area under the precision-recall curve's envelope, without pycocotools."""
    taken: list[set[int]] = [set() for _ in images]
    ranked = sorted(
        (
            (score, index, box)
            for index, seen in enumerate(predictions)
            for box, score in zip(seen.boxes, seen.scores, strict=True)
        ),
        key=lambda entry: -entry[0],
    )
    hits = []
    for _, index, box in ranked:
        overlaps = {
            number: _iou(box, face)
            for number, face in enumerate(images[index].faces)
            if number not in taken[index]
        }
        best = max(overlaps, key=lambda number: overlaps[number], default=None)
        is_hit = best is not None and overlaps[best] >= 0.5
        if is_hit and best is not None:
            taken[index].add(best)
        hits.append(is_hit)
    faces = sum(len(image.faces) for image in images)
    true = np.cumsum(hits)
    precision, recall = true / np.arange(1, len(hits) + 1), true / faces
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    return float(np.sum(np.diff(recall, prepend=0) * envelope))


def _iou(one: Boxes, other: Boxes) -> float:
    width = min(one[0] + one[2], other[0] + other[2]) - max(one[0], other[0])
    height = min(one[1] + one[3], other[1] + other[3]) - max(one[1], other[1])
    shared = max(width, 0) * max(height, 0)
    return float(shared / (one[2] * one[3] + other[2] * other[3] - shared))


def test_pictures_without_a_face_are_scored_by_what_is_counted_in_them(
    served: ServedModel, tmp_path: Path
) -> None:
    annotations = _coco(tmp_path)
    document = json.loads(annotations.read_text()) | {"annotations": []}
    annotations.write_text(json.dumps(document))

    scored, _ = evaluate_model(served, read_labels(annotations, tmp_path))

    assert (scored.images, scored.faces, scored.ap50) == (1, 0, None)
    assert scored.bias == scored.mae > 0
    assert face_category(annotations) == 1


def test_pictures_may_lie_in_folders_of_the_folder(tmp_path: Path) -> None:
    annotations = _coco(tmp_path)
    (tmp_path / "hall").mkdir()
    (tmp_path / "a.png").rename(tmp_path / "hall/a.png")
    annotations.write_text(annotations.read_text().replace("a.png", "hall/a.png"))

    assert read_labels(annotations, tmp_path)[0].path == tmp_path / "hall/a.png"


@pytest.mark.parametrize(
    "box", ["wide", [0, 0, 9], [0, 0, "9", 9], [0, 0, -1, 9], [0, 0, 1e999, 9]]
)
def test_a_box_that_cannot_be_is_refused(tmp_path: Path, box: Any) -> None:
    annotations = _coco(tmp_path, annotations=[{"image_id": 1, "bbox": box}])

    with pytest.raises(ModelError, match="a bbox of four numbers"):
        read_labels(annotations, tmp_path)


def test_an_entry_that_is_no_object_is_refused(tmp_path: Path) -> None:
    annotations = tmp_path / "coco.json"
    annotations.write_text('{"images": [1], "annotations": []}')

    with pytest.raises(ModelError, match="needs file_name, id"):
        read_labels(annotations, tmp_path)
