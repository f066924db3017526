"""Several readings of one picture, merged into one whose confidence is how far they agree."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from training.data.readings import Reading, Scores, overlaps
from training.evaluate import IOU
from training.labels import Boxes


@dataclass(frozen=True, eq=False, slots=True)
class ViewReading:
    """One view's reading, in pixels of the whole picture.

    Attributes:
        reading: What it saw.
        area: Shape `(4,)`: left, top, width, height of the part of the picture where it shows faces
            whole.
    """

    reading: Reading
    area: Boxes

    def shows(self, box: Boxes) -> bool:
        """Return whether a box lies in the view whole."""
        return bool((box[:2] >= self.area[:2]).all() and (_end(box) <= _end(self.area)).all())


@dataclass(frozen=True, eq=False, slots=True)
class Fused:
    """What all views together say.

    Attributes:
        boxes: Shape `(n, 4)`: left, top, width, height in pixels.
        confidences: Shape `(n,)`, 0 to 1: the mean score over the views that show the place, 0
            counting for those that saw nothing there.
        agreement: Shape `(n,)`, 0 to 1: the share of those views that saw something there.
    """

    boxes: Boxes
    confidences: Scores
    agreement: Scores

    def as_reading(self) -> Reading:
        """Return it as a reading scored by confidence."""
        return Reading(self.boxes, self.confidences)


def fuse(views: Sequence[ViewReading], iou: float = IOU) -> Fused:
    """Return the views' boxes, fused by weighted averages.

    Args:
        views: Readings of one picture.
        iou: From which overlap on a box is of the face that others have found.

    Source: Solovyev, Wang and Gabruseva (2021), "Weighted boxes fusion", Image and Vision Computing
        107, 104117; here a view votes once for a face, and only views that show the place vote.
    """
    found = sorted(
        (
            (float(score), number, box)
            for number, view in enumerate(views)
            for box, score in zip(view.reading.boxes, view.reading.scores, strict=True)
        ),
        key=lambda entry: -entry[0],
    )
    clusters: list[dict[int, tuple[float, Boxes]]] = []
    fused = np.zeros((len(found), 4))
    for score, number, box in found:
        overlap = overlaps(box[None], fused[: len(clusters)])[0]
        best = int(overlap.argmax()) if clusters else -1
        if best < 0 or overlap[best] < iou:
            fused[len(clusters)] = box
            clusters.append({number: (score, box)})
        elif number not in clusters[best]:
            clusters[best][number] = (score, box)
            scores, boxes = zip(*clusters[best].values(), strict=True)
            fused[best] = np.average(np.array(boxes), axis=0, weights=scores)
    # A view that cuts a face off does not vote on it, unless it found it all the same.
    voters = [
        len(votes.keys() | {number for number, view in enumerate(views) if view.shows(box)})
        for votes, box in zip(clusters, fused, strict=False)
    ]
    totals = [sum(score for score, _ in votes.values()) for votes in clusters]
    seen = [len(votes) for votes in clusters]
    return Fused(
        boxes=fused[: len(clusters)],
        confidences=np.divide(totals, voters) if clusters else np.zeros(0),
        agreement=np.divide(seen, voters) if clusters else np.zeros(0),
    )


def _end(box: Boxes) -> Boxes:
    return np.asarray(box[:2] + box[2:])
