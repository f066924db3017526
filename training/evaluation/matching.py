"""Which predictions are right, worked out once, so that average precision can be resampled."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from training.evaluate import Prediction, match_to_labels
from training.labels import Boxes, LabelledImage

FloatArray = npt.NDArray[np.float64]
# COCO's 101 points of recall at which precision is read.
_RECALLS = np.linspace(0.0, 1.0, 101)
# Resamples reckoned at once: 64 of ten thousand predictions are 5 MB an array.
_CHUNK = 64


@dataclass(frozen=True, eq=False, slots=True)
class Matches:
    """A model's predictions on some images, best first, without those that are ignored.

    Attributes:
        scores: Shape `(predictions,)`, falling.
        image: Shape `(predictions,)`: each one's place in the sequence of images.
        hits: Shape `(predictions,)`: whether it is a labelled face not taken by a better one.
        faces: Shape `(images,)`: how many labelled faces each image has.
    """

    scores: FloatArray
    image: npt.NDArray[np.int64]
    hits: npt.NDArray[np.bool_]
    faces: FloatArray

    def found(self, threshold: float) -> FloatArray:
        """Return how many faces of each image are found at a threshold, shape `(images,)`."""
        taken = self.hits & (self.scores >= threshold)
        return np.bincount(self.image[taken], minlength=len(self.faces)).astype(np.float64)

    def within(self, images: npt.NDArray[np.bool_]) -> "Matches":
        """Return the matches of some images, which are numbered anew in their order."""
        kept = images[self.image]
        numbers = np.cumsum(images) - 1
        return Matches(
            self.scores[kept], numbers[self.image[kept]], self.hits[kept], self.faces[images]
        )


def match(
    images: Sequence[LabelledImage],
    predictions: Sequence[Prediction],
    areas_px2: Sequence[tuple[float, float]],
) -> list[Matches]:
    """Return the matches for each range of face areas, by COCO's rules at IoU 0.5.

    Source: pycocotools' COCOeval.evaluate, whose matches these are.
    """
    evaluated = match_to_labels(images, predictions, areas_px2).evalImgs
    count = len(images)
    return [
        _gather(evaluated[start : start + count])
        for start in range(0, count * len(areas_px2), count)
    ]


def average_precisions(matches: Matches, weights: FloatArray) -> FloatArray:
    """Return COCO's AP50 of many resamples of the images at once.

    Args:
        matches: Of the images.
        weights: Shape `(resamples, images)`: how often each image was drawn.

    Returns:
        Shape `(resamples,)`, 0 to 1; NaN where no labelled face was drawn.

    Source: pycocotools' COCOeval.accumulate, 101 recall points. An image drawn twice counts as two
        with the same predictions; equal scores of one image may then come in another order.
    """
    parts = [
        _chunk_precisions(matches, weights[start : start + _CHUNK])
        for start in range(0, len(weights), _CHUNK)
    ]
    return np.concatenate(parts) if parts else np.empty(0)


@dataclass(frozen=True, eq=False, slots=True)
class Sight:
    """What a model makes of one image at its threshold.

    Attributes:
        found: Shape `(faces,)`: which labelled faces it finds.
        boxes: Shape `(predictions, 4)`: what it takes for faces, ignored regions left out.
        is_false: Shape `(predictions,)`: which of them are none.
    """

    found: npt.NDArray[np.bool_]
    boxes: Boxes
    is_false: npt.NDArray[np.bool_]


def sights(
    images: Sequence[LabelledImage], predictions: Sequence[Prediction], threshold: float
) -> list[Sight]:
    """Return what a model makes of each image at a threshold, face by face."""
    counted = [
        Prediction(one.boxes[kept], one.scores[kept], one.elapsed_ms)
        for one in predictions
        for kept in [one.scores >= threshold]
    ]
    evaluated = match_to_labels(images, counted).evalImgs
    return [
        _sight(image, one, match_)
        for image, one, match_ in zip(images, counted, evaluated, strict=True)
    ]


def _sight(image: LabelledImage, seen: Prediction, matched: dict[str, object] | None) -> Sight:
    if matched is None:  # COCOeval's answer for an image without labels and predictions
        return Sight(np.zeros(0, bool), np.zeros((0, 4)), np.zeros(0, bool))
    # COCOeval puts ignored regions last and leaves faces in their order; predictions it sorts.
    found = np.asarray(matched["gtMatches"])[0][: len(image.faces)] > 0
    order = np.argsort(-seen.scores, kind="stable")
    counts = ~np.asarray(matched["dtIgnore"], bool)[0]
    is_false = np.asarray(matched["dtMatches"])[0] == 0
    return Sight(found, seen.boxes[order][counts], is_false[counts])


def _gather(evaluated: Sequence[dict[str, object] | None]) -> Matches:
    scores, image, hits = [np.empty(0)], [np.empty(0, np.int64)], [np.empty(0, bool)]
    faces = np.zeros(len(evaluated))
    for index, one in enumerate(evaluated):
        if one is None:  # COCOeval's answer for an image without labels and predictions
            continue
        counts = ~np.asarray(one["dtIgnore"], bool)[0]
        found = np.asarray(one["dtScores"], np.float64)[counts]
        scores.append(found)
        image.append(np.full(len(found), index, np.int64))
        hits.append(np.asarray(one["dtMatches"])[0][counts] > 0)
        faces[index] = np.count_nonzero(np.asarray(one["gtIgnore"]) == 0)
    all_scores = np.concatenate(scores)
    # Stable, as COCOeval sorts: equal scores stay in the order of the images.
    order = np.argsort(-all_scores, kind="stable")
    return Matches(
        all_scores[order], np.concatenate(image)[order], np.concatenate(hits)[order], faces
    )


def _chunk_precisions(matches: Matches, weights: FloatArray) -> FloatArray:
    faces = weights @ matches.faces
    drawn = weights[:, matches.image]
    seen = np.cumsum(drawn, axis=1)[:, matches.hits]
    hits = np.cumsum(drawn[:, matches.hits], axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        recall = hits / faces[:, None]
        precision = np.where(seen > 0, hits / seen, 0.0)
    # Precision peaks at hits only, so that the envelope over them is the envelope over all.
    envelope = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    # Nothing is found beyond the last recall.
    envelope = np.concatenate([envelope, np.zeros((len(weights), 1))], axis=1)
    reached = np.array([np.searchsorted(row, _RECALLS, side="left") for row in recall])
    precisions = np.take_along_axis(envelope, reached, axis=1).mean(axis=1)
    return np.where(faces > 0, precisions, np.nan)
