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
import onnx
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from headcount.errors import ModelError
from training.labels import Boxes, LabelledImage
from training.package import model_folder
from training.serving.centerface import OUTPUTS
from training.serving.endpoint import ServedModel, input_fn, model_fn, output_fn, predict_fn
from training.serving.request import RequestError

# Average precision is over every score from here on. Lower ones add time and hardly any precision.
MIN_SCORE = 0.05
IOU = 0.5
# The most predictions of one image that are compared: more than any labelled crowd has.
MAX_DETECTIONS = 2000
# The share of a prediction inside an ignored region from which on it is neither right nor wrong.
IGNORED_SHARE = 0.5


@dataclass(frozen=True, slots=True)
class Prediction:
    """What the model saw in one picture.

    Attributes:
        boxes: Shape `(n, 4)`: left, top, width, height in pixels.
        scores: Shape `(n,)`, each at least `MIN_SCORE`.
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


def load_model(weights: Path) -> ServedModel:
    """Return a model as the endpoint loads it, with the packaged model's threshold and input.

    Raises:
        ModelError: If the file is no ONNX model with CenterFace's outputs.
    """
    try:
        outputs = {output.name for output in onnx.load(weights).graph.output}
    except (OSError, DecodeError) as fault:
        raise ModelError(
            f"{weights} cannot be read as an ONNX model ({fault}).\nName a .onnx file."
        ) from fault
    missing = set(OUTPUTS) - outputs
    if missing:
        raise ModelError(
            f"{weights} has no outputs {', '.join(sorted(missing))}.\n"
            "Only models with the outputs of CenterFace can be served."
        )
    with tempfile.TemporaryDirectory() as folder:
        return model_fn(str(model_folder(weights, Path(folder))))


def predict(model: ServedModel, image: LabelledImage) -> Prediction:
    """Return what the model sees in one picture.

    Raises:
        ModelError: If the picture cannot be read or has another size than annotated.
    """
    content_type = "image/png" if image.path.suffix.lower() == ".png" else "application/x-image"
    if image.path.suffix.lower() in (".jpg", ".jpeg"):
        content_type = "image/jpeg"
    body = image.path.read_bytes()
    started_s = time.perf_counter()
    try:
        request = replace(input_fn(body, content_type), min_score=MIN_SCORE)
    except RequestError as fault:
        raise ModelError(
            f"{image.path}: {fault}\nReplace the picture, or take it out of the annotations."
        ) from fault
    answer = predict_fn(request, model)
    output_fn(answer, "application/json")
    elapsed_ms = (time.perf_counter() - started_s) * 1000
    (seen,) = answer["predictions"]
    width, height = _checked_size(image, seen["width"], seen["height"])
    boxes = np.array([face["box"] for face in seen["faces"]], dtype=np.float64).reshape(-1, 4)
    scores = np.array([face["score"] for face in seen["faces"]], dtype=np.float64)
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
    truth = COCO()
    marks = [
        _coco_box(index, box) | {"iscrowd": int(is_ignored)}
        for index, image in enumerate(images)
        for boxes, is_ignored in ((image.faces, False), (image.ignored, True))
        for box in boxes
    ]
    if all(mark["iscrowd"] for mark in marks):
        return None
    truth.dataset = {
        "images": [{"id": index} for index in range(len(images))],
        "categories": [{"id": 1}],
        # Ids from 1: COCOeval takes a match with 0 for no match.
        "annotations": [mark | {"id": number} for number, mark in enumerate(marks, start=1)],
    }
    found = [
        _coco_box(index, box) | {"score": float(score)}
        for index, seen in enumerate(predictions)
        for box, score in zip(seen.boxes, seen.scores, strict=True)
    ]
    if not found:
        return 0.0
    # pycocotools reports its progress on standard output.
    with contextlib.redirect_stdout(io.StringIO()):
        truth.createIndex()
        scoring = COCOeval(truth, truth.loadRes(found), "bbox")
        scoring.params.iouThrs = np.array([IOU])
        scoring.params.maxDets = [MAX_DETECTIONS]
        scoring.params.areaRng = [[0, float("inf")]]
        scoring.params.areaRngLbl = ["all"]
        scoring.evaluate()
        scoring.accumulate()
    return float(scoring.eval["precision"].mean())


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
