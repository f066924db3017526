"""What a model sees in a picture, and how unsure or contested that is."""

import json
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from headcount.errors import ManifestError, ModelError
from training.data.pictures import Picture
from training.evaluate import IOU, MIN_SCORE, load_model
from training.labels import Boxes
from training.model_entry import ModelFile
from training.serving.adapters import FACES
from training.serving.endpoint import ServedModel

Scores = npt.NDArray[np.float64]
# How far from the threshold a score still says "perhaps". Measured on 320 photographs: of the boxes
# scored within it a third are faces; above it nine in ten, below it one in twenty.
UNSURE_WITHIN = 0.15


@dataclass(frozen=True, eq=False, slots=True)
class Reading:
    """Faces that were seen in one picture.

    Attributes:
        boxes: Shape `(n, 4)`: left, top, width, height in pixels.
        scores: Shape `(n,)`, 0 to 1.
    """

    boxes: Boxes
    scores: Scores

    @classmethod
    def empty(cls) -> "Reading":
        """Return the reading of a picture that shows nobody."""
        return cls(np.zeros((0, 4)), np.zeros(0))

    def counted(self, threshold: float) -> Boxes:
        """Return the boxes that count."""
        return self.boxes[self.scores >= threshold]


def load_face_model(model: ModelFile) -> ServedModel:
    """Return a model as the endpoint loads it.

    Raises:
        ModelError: If it is no detector that can be served, or finds something other than faces.
    """
    served = load_model(model)
    if served.card.finds != FACES:
        raise ModelError(
            f"{model.path} finds {served.card.finds}, and the labels are of faces.\n"
            "Name a model of faces: headcount model list."
        )
    return served


def read_with(model: ServedModel, picture: Picture, min_score: float = MIN_SCORE) -> Reading:
    """Return what a served model sees in a picture."""
    height, width = picture.shape[:2]
    found = model.network.detect(picture, min_score)
    return Reading(
        found.boxes.astype(np.float64) * [width, height, width, height],
        found.scores.astype(np.float64),
    )


def read_predictions(path: Path) -> dict[str, Reading]:
    """Return a model's readings by picture, out of COCO results whose `image_id` is the source.

    Raises:
        ManifestError: If the file cannot be read or an entry is wrong; names the entry.
    """
    try:
        entries = json.loads(path.read_bytes())
    except (OSError, ValueError) as fault:
        raise ManifestError(
            f"{path} cannot be read as JSON: {fault}.\nName COCO results: a list of objects."
        ) from fault
    if not isinstance(entries, list):
        raise ManifestError(f"{path} is not a list.\nName COCO results: a list of objects.")
    found: dict[str, tuple[list[list[float]], list[float]]] = {}
    for number, entry in enumerate(entries):
        try:
            box, score = [float(side) for side in entry["bbox"]], float(entry["score"])
            if len(box) != 4 or not all(map(math.isfinite, box)) or not 0 <= score <= 1:
                raise ValueError(f"bbox {entry['bbox']!r}, score {entry['score']!r}")
            boxes, scores = found.setdefault(str(entry["image_id"]), ([], []))
        except (KeyError, TypeError, ValueError) as fault:
            what = f"{fault.args[0]} is missing" if isinstance(fault, KeyError) else str(fault)
            raise ManifestError(
                f"{path}: entry {number}: {what}.\n"
                "Each needs image_id (the picture's source), bbox of four numbers, score 0 to 1."
            ) from fault
        boxes.append(box)
        scores.append(score)
    return {
        source: Reading(np.array(boxes, float).reshape(-1, 4), np.array(scores, float))
        for source, (boxes, scores) in found.items()
    }


def unsure_faces(reading: Reading, threshold: float) -> int:
    """Return how many faces are scored within `UNSURE_WITHIN` of the threshold."""
    return int((np.abs(reading.scores - threshold) < UNSURE_WITHIN).sum())


def uncertainty(reading: Reading, threshold: float) -> float:
    """Return how likely it is that a look would correct the count, 0 to 1.

    Each face counts as wrong with a chance that falls from one half at the threshold to nothing
    at `UNSURE_WITHIN` from it, independently of the others.

    Source: Lewis and Gale (1994), SIGIR, 3-12 (sampling by uncertainty), for one frame of many.
    """
    distance = np.abs(reading.scores - threshold) / UNSURE_WITHIN
    return float(1 - np.prod(1 - 0.5 * np.maximum(0.0, 1 - distance)))


def match(boxes: Boxes, others: Boxes, iou: float = IOU) -> list[tuple[int, int]]:
    """Return pairs of indices of boxes that are the same face, each at most once, best first."""
    overlap = overlaps(boxes, others)
    pairs: list[tuple[int, int]] = []
    for flat in np.argsort(-overlap, axis=None, kind="stable"):
        one, other = divmod(int(flat), max(1, len(others)))
        if overlap[one, other] < iou:
            break
        if all(one != taken[0] and other != taken[1] for taken in pairs):
            pairs.append((one, other))
    return pairs


def overlaps(boxes: Boxes, others: Boxes) -> Boxes:
    """Return the intersection over union of boxes, shape `(boxes, others)`; 0 for empty ones."""
    shared = intersections(boxes, others)
    areas, other_areas = (each[:, 2] * each[:, 3] for each in (boxes, others))
    union = areas[:, None] + other_areas[None, :] - shared
    return np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)


def intersections(boxes: Boxes, others: Boxes) -> Boxes:
    """Return the areas that boxes share, shape `(boxes, others)`, in square pixels."""
    low = np.maximum(boxes[:, None, :2], others[None, :, :2])
    high = np.minimum(
        boxes[:, None, :2] + boxes[:, None, 2:], others[None, :, :2] + others[None, :, 2:]
    )
    shared: Boxes = np.prod(np.maximum(high - low, 0.0), axis=2)
    return shared


@dataclass(frozen=True, slots=True)
class Disagreement:
    """Faces that one reading counts and another does not.

    Attributes:
        more: Counted by the other reading only.
        fewer: Counted by the first reading only.
    """

    more: int
    fewer: int

    @property
    def faces(self) -> int:
        """Return how many faces the two differ in."""
        return self.more + self.fewer


def disagreement(first: Boxes, other: Boxes) -> Disagreement:
    """Return in how many of their counted faces two readings differ.

    Source: Seung, Opper and Sompolinsky (1992), COLT, 287-294 (query by committee, of two).
    """
    same = len(match(first, other))
    return Disagreement(more=len(other) - same, fewer=len(first) - same)
