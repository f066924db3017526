"""How wrong people's labels are, as far as a confident reading of the pictures can tell.

Two shares, each of what one side is sure of and the other does not know:

- *unlabelled*: of the faces that every look at the picture sees, and sees surely, those that no
  label marks. An estimate of the share of faces that were forgotten or marked elsewhere, too high
  by what the model surely takes for a face and is none.
- *unseen*: of the labelled faces large enough to be seen, those of which no look sees a trace. An
  estimate of the share of labels that mark nothing, too high by what the model is blind to: in
  the dark or among masks that is much, so its bound is wide.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from training.calibration import Rate, wilson_interval
from training.data.fusion import Fused
from training.data.readings import overlaps
from training.labels import Boxes
from training.manifest import Frame

# From here on the stronger reading is sure. Measured on 320 photographs: of the faces that it is so
# sure of, 0.026 (95 %: 0.017 to 0.039) have no label, and some of those were forgotten.
_CONFIDENT = 0.6
# IoU. Looser than a match: people and detectors draw the same face in different ways.
_SAME_FACE = 0.3
_ANY_TRACE = 0.1
# Pixels, the shorter side: what CenterFace's smallest training faces had. Measured: of 1,026 such
# labelled faces in the same photographs, two leave no trace.
_SEEABLE_PX = 16


@dataclass(frozen=True, slots=True)
class Doubt:
    """A frame whose labels a confident reading contradicts.

    Attributes:
        frame: Its place among those compared.
        unlabelled: Faces seen surely that no label marks.
        unseen: Labels of which no look sees a trace.
    """

    frame: int
    unlabelled: int
    unseen: int


@dataclass(frozen=True, slots=True)
class LabelNoise:
    """What the comparison says.

    Attributes:
        frames: How many frames were compared.
        seen: How many faces were seen surely.
        labelled: How many labelled faces were large enough to be seen.
        unlabelled: Share of `seen` that no label marks; None without any.
        unseen: Share of `labelled` of which there is no trace; None without any.
        doubts: The frames in question, worst first.
    """

    frames: int
    seen: int
    labelled: int
    unlabelled: Rate | None
    unseen: Rate | None
    doubts: tuple[Doubt, ...]


def estimate_label_noise(frames: Sequence[Frame], readings: Sequence[Fused]) -> LabelNoise:
    """Return how far labels and a confident reading disagree, with 95 % intervals.

    Faces of one frame are forgotten together, so each interval is Wilson's for the effective
    number of faces.

    Args:
        frames: Labelled by people.
        readings: The stronger reading of each.

    Source: Northcutt, Jiang and Chuang (2021), "Confident learning", JAIR 70, 1373-1411 (counting
        only what the model is confident of); Wilson (1927), JASA 22, 209-212; Kish (1965).
    """
    unlabelled, unseen = [], []
    for frame, reading in zip(frames, readings, strict=True):
        sure = reading.boxes[(reading.confidences >= _CONFIDENT) & (reading.agreement >= 1)]
        unlabelled.append((_without(sure, frame.faces, frame.ignored, _SAME_FACE), len(sure)))
        large = frame.faces[frame.faces[:, 2:].min(axis=1) >= _SEEABLE_PX]
        unseen.append((_without(large, reading.boxes, np.zeros((0, 4)), _ANY_TRACE), len(large)))
    doubts = [
        Doubt(index, missing, traceless)
        for index, ((missing, _), (traceless, _)) in enumerate(zip(unlabelled, unseen, strict=True))
        if missing or traceless
    ]
    return LabelNoise(
        frames=len(frames),
        seen=sum(total for _, total in unlabelled),
        labelled=sum(total for _, total in unseen),
        unlabelled=_rate(unlabelled),
        unseen=_rate(unseen),
        doubts=tuple(sorted(doubts, key=lambda one: (-one.unlabelled, -one.unseen, one.frame))),
    )


def _without(boxes: Boxes, others: Boxes, ignored: Boxes, iou: float) -> int:
    """Return how many boxes have no counterpart, those in ignored regions left out."""
    if not len(boxes):
        return 0
    lonely = overlaps(boxes, others).max(axis=1, initial=0.0) < iou
    for region in ignored:
        centres = boxes[:, :2] + boxes[:, 2:] / 2
        inside = ((centres >= region[:2]) & (centres <= region[:2] + region[2:])).all(axis=1)
        lonely &= ~inside
    return int(lonely.sum())


def _rate(counts: Sequence[tuple[int, int]]) -> Rate | None:
    """Return a share over frames of `(those in question, all)`, and its 95 % interval."""
    total = sum(size for _, size in counts)
    if not total:
        return None
    share = sum(number for number, _ in counts) / total
    independent = share * (1 - share) * total
    effect = 1.0
    if independent > 0 and len(counts) > 1:
        spread = sum((number - share * size) ** 2 for number, size in counts)
        effect = max(1.0, spread * len(counts) / (len(counts) - 1) / independent)
    low, high = wilson_interval(share, total / effect)
    return Rate(share, low, high)


def in_words(rate: Rate | None) -> str:
    """Return a share with its interval, as people read it."""
    if rate is None:
        return "nothing to tell by"
    return f"{rate.value:.3f} (95 %: {rate.low:.3f} to {rate.high:.3f})"
