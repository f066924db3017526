"""Score a detector against labelled images, through the code that serves it."""

import contextlib
import io
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from headcount.errors import ModelError
from training.catalogue import Catalogue
from training.labels import Boxes, LabelledImage
from training.model_entry import ModelFile
from training.package import model_folder
from training.serving.endpoint import ServedModel, input_fn, model_fn, output_fn, predict_fn
from training.serving.request import (
    MAX_BODY_BYTES,
    Frame,
    Request,
    RequestError,
    decode_picture,
)

# Average precision is over every score from here on. Lower ones add time and hardly any precision.
MIN_SCORE = 0.05
IOU = 0.5
# The most predictions of one image that are compared: more than any labelled crowd has.
MAX_DETECTIONS = 2000
# The share of a prediction inside an ignored region from which on it is neither right nor wrong.
IGNORED_SHARE = 0.5
# Square pixels: faces of every size.
EVERY_AREA_PX2 = (0.0, float("inf"))


@dataclass(frozen=True, slots=True)
class Prediction:
    """What the model saw in one picture.

    Attributes:
        boxes: Shape `(n, 4)`: left, top, width, height in pixels.
        scores: Shape `(n,)`, each at least what was asked for.
        elapsed_ms: From the picture's bytes to the answer's.
    """

    boxes: Boxes
    scores: npt.NDArray[np.float64]
    elapsed_ms: float


@dataclass(frozen=True, slots=True)
class Evaluation:
    """How well a model did.

    Attributes:
        images: How many pictures.
        faces: How many labelled faces, without ignored regions.
        ap50: Average precision at IoU 0.5 over all scores above 0.05, 0 to 1; None without faces.
        threshold: The score from which on the endpoint counts a face.
        mae: Mean absolute error of the count of a picture at the threshold, in faces.
        bias: Mean of counted minus labelled, in faces.
        ms_per_frame: Median time from a picture's bytes to the answer's, in milliseconds.
        model_sha256: Of the weights.
    """

    images: int
    faces: int
    ap50: float | None
    threshold: float
    mae: float
    bias: float
    ms_per_frame: float
    model_sha256: str

    def as_json(self) -> dict[str, Any]:
        """Return the figures, rounded to what they can mean."""
        figures = asdict(self)
        for name, digits in (("ap50", 4), ("mae", 4), ("bias", 4), ("ms_per_frame", 2)):
            if figures[name] is not None:
                figures[name] = round(figures[name], digits)
        return figures


def load_model(model: Path | ModelFile) -> ServedModel:
    """Return a model as the endpoint loads it.

    Args:
        model: A file of the catalogue; or any other, which is served as `Catalogue.describe` says.

    Raises:
        ModelError: If the file is no detector that can be served.
    """
    described = model if isinstance(model, ModelFile) else Catalogue.read().describe(model)
    with tempfile.TemporaryDirectory() as folder:
        return model_fn(str(model_folder(described, Path(folder))))


def predict(model: ServedModel, image: LabelledImage, min_score: float = MIN_SCORE) -> Prediction:
    """Return what the model sees in one picture, from a score of `min_score` on.

    Raises:
        ModelError: If the picture cannot be read or has another size than annotated.
    """
    content_type = "image/png" if image.path.suffix.lower() == ".png" else "application/x-image"
    if image.path.suffix.lower() in (".jpg", ".jpeg"):
        content_type = "image/jpeg"
    body = image.path.read_bytes()
    started_s = time.perf_counter()
    try:
        request = replace(_as_request(body, content_type), min_score=min_score)
    except RequestError as fault:
        raise ModelError(
            f"{image.path}: {fault}\nReplace the picture, or take it out of the annotations."
        ) from fault
    answer = predict_fn(request, model)
    output_fn(answer, "application/json")
    elapsed_ms = (time.perf_counter() - started_s) * 1000
    (seen,) = answer["predictions"]
    width, height = _checked_size(image, seen["width"], seen["height"])
    found = seen[model.card.finds]
    boxes = np.array([one["box"] for one in found], dtype=np.float64).reshape(-1, 4)
    scores = np.array([one["score"] for one in found], dtype=np.float64)
    return Prediction(boxes * [width, height, width, height], scores, elapsed_ms)


def evaluate_model(
    model: ServedModel,
    images: Sequence[LabelledImage],
    watch: Callable[[Sequence[LabelledImage]], Iterable[LabelledImage]] = iter,
) -> tuple[Evaluation, list[Prediction]]:
    """Return a model's figures, and its predictions in the order of `images`.

    Args:
        model: What to score.
        images: At least one.
        watch: Wraps the iteration, to show progress.

    Raises:
        ModelError: If a picture cannot be read.
    """
    predictions = [predict(model, image) for image in watch(images)]
    threshold = model.card.threshold
    errors = [
        counted(image, seen, threshold) - len(image.faces)
        for image, seen in zip(images, predictions, strict=True)
    ]
    return (
        Evaluation(
            images=len(images),
            faces=sum(len(image.faces) for image in images),
            ap50=average_precision(images, predictions),
            threshold=threshold,
            mae=statistics.fmean(abs(error) for error in errors),
            bias=statistics.fmean(errors),
            ms_per_frame=statistics.median(seen.elapsed_ms for seen in predictions),
            model_sha256=model.card.sha256,
        ),
        predictions,
    )


def counted(image: LabelledImage, seen: Prediction, threshold: float) -> int:
    """Return how many faces were counted, leaving out those in ignored regions."""
    boxes = seen.boxes[seen.scores >= threshold]
    if not len(image.ignored) or not len(boxes):
        return len(boxes)
    areas = boxes[:, 2] * boxes[:, 3]
    share = (_intersections(boxes, image.ignored) / areas[:, None]).max(axis=1)
    if not len(image.faces):
        return int((share < IGNORED_SHARE).sum())
    shared = _intersections(boxes, image.faces)
    face_areas = image.faces[:, 2] * image.faces[:, 3]
    is_face = (shared / (areas[:, None] + face_areas - shared)).max(axis=1) >= IOU
    return int((is_face | (share < IGNORED_SHARE)).sum())


def average_precision(
    images: Sequence[LabelledImage], predictions: Sequence[Prediction]
) -> float | None:
    """Return COCO's average precision at IoU 0.5 over all sizes; None without a labelled face.

    Source: pycocotools' COCOeval, 101 recall points, all categories as one.
    """
    if not any(len(image.faces) for image in images):
        return None
    if not any(len(seen.boxes) for seen in predictions):
        return 0.0
    scoring = match_to_labels(images, predictions)
    # pycocotools reports its progress on standard output.
    with contextlib.redirect_stdout(io.StringIO()):
        scoring.accumulate()
    return float(scoring.eval["precision"].mean())


def match_to_labels(
    images: Sequence[LabelledImage],
    predictions: Sequence[Prediction],
    areas_px2: Sequence[tuple[float, float]] = (EVERY_AREA_PX2,),
) -> COCOeval:
    """Return COCO's matching of predictions with labels, evaluated and not yet accumulated.

    Args:
        images: Each is COCO's image with the id of its place in the sequence.
        predictions: In the order of `images`.
        areas_px2: Least and greatest area of the faces that are asked for, in square pixels, once
            for each matching; faces outside are ignored.
    """
    marks = [
        _coco_box(index, box) | {"iscrowd": int(is_ignored)}
        for index, image in enumerate(images)
        for boxes, is_ignored in ((image.faces, False), (image.ignored, True))
        for box in boxes
    ]
    found = [
        _coco_box(index, box) | {"iscrowd": 0, "score": float(score)}
        for index, seen in enumerate(predictions)
        for box, score in zip(seen.boxes, seen.scores, strict=True)
    ]
    # pycocotools reports its progress on standard output.
    with contextlib.redirect_stdout(io.StringIO()):
        scoring = COCOeval(_as_coco(len(images), marks), _as_coco(len(images), found), "bbox")
        scoring.params.iouThrs = np.array([IOU])
        scoring.params.maxDets = [MAX_DETECTIONS]
        scoring.params.areaRng = [list(area) for area in areas_px2]
        scoring.params.areaRngLbl = [str(area) for area in areas_px2]
        scoring.evaluate()
    return scoring


def as_coco_results(
    images: Sequence[LabelledImage], predictions: Sequence[Prediction], category_id: int
) -> list[dict[str, Any]]:
    """Return predictions in COCO's results form: absolute pixels, left, top, width, height."""
    return [
        {
            "image_id": image.image_id,
            "category_id": category_id,
            "bbox": [round(float(side), 3) for side in box],
            "score": float(score),
        }
        for image, seen in zip(images, predictions, strict=True)
        for box, score in zip(seen.boxes, seen.scores, strict=True)
    ]


def _as_request(body: bytes, content_type: str) -> Request:
    """Return what the endpoint makes of a picture, also of one that no request could carry.

    Raises:
        RequestError: If it is no picture.
    """
    if len(body) <= MAX_BODY_BYTES:
        return input_fn(body, content_type)
    return Request((Frame("", decode_picture(body, "the picture")),))


def _checked_size(image: LabelledImage, width: int, height: int) -> tuple[int, int]:
    """Return the size that boxes are in.

    Raises:
        ModelError: If the picture is not the one that was annotated.
    """
    if image.size_px is None:
        return width, height
    if image.size_px != (width, height):
        raise ModelError(
            f"{image.path} is {width}x{height}, but was annotated as "
            f"{image.size_px[0]}x{image.size_px[1]}.\n"
            "Use the pictures that were annotated, without a rotation in their EXIF data."
        )
    return image.size_px


def _as_coco(images: int, boxes: Sequence[dict[str, Any]]) -> COCO:
    document = COCO()
    document.dataset = {
        "images": [{"id": index} for index in range(images)],
        "categories": [{"id": 1}],
        # Ids from 1: COCOeval takes a match with 0 for no match.
        "annotations": [box | {"id": number} for number, box in enumerate(boxes, start=1)],
    }
    document.createIndex()
    return document


def _coco_box(image_index: int, box: npt.NDArray[np.float64]) -> dict[str, Any]:
    return {
        "image_id": image_index,
        "category_id": 1,
        "bbox": box.tolist(),
        "area": float(box[2] * box[3]),
    }


def _intersections(boxes: Boxes, others: Boxes) -> Boxes:
    """Return the areas that boxes share, shape `(boxes, others)`, in square pixels."""
    low = np.maximum(boxes[:, None, :2], others[None, :, :2])
    high = np.minimum(
        boxes[:, None, :2] + boxes[:, None, 2:], others[None, :, :2] + others[None, :, 2:]
    )
    overlap: Boxes = np.prod(np.maximum(high - low, 0.0), axis=2)
    return overlap
