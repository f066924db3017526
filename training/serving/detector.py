"""What every detector has in common: how large a picture it sees, and what it says of it."""

from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np
import numpy.typing as npt

# What each side of a dynamic input must be a multiple of: the networks halve a picture five times.
MULTIPLE_PX = 32
# The most candidates that suppression compares, best first: far more than a room holds.
MAX_CANDIDATES = 1000

Floats = npt.NDArray[np.float32]
Boxes = npt.NDArray[np.float32]
Picture = npt.NDArray[np.uint8]


class ModelFormError(ValueError):
    """A graph is none that an adapter can read, or does not answer as its adapter expects."""


@dataclass(frozen=True, slots=True)
class InputSize:
    """How large a picture the network sees.

    Attributes:
        min_long_side_px: Smaller pictures are enlarged to it: distant faces would be missed.
        max_long_side_px: Larger ones are reduced to it, which bounds the time a frame takes.
    """

    min_long_side_px: int
    max_long_side_px: int

    def __post_init__(self) -> None:
        if not MULTIPLE_PX <= self.min_long_side_px <= self.max_long_side_px:
            raise ValueError(
                f"input sizes must be {MULTIPLE_PX} <= min <= max, not "
                f"{self.min_long_side_px} and {self.max_long_side_px}"
            )

    def scale(self, width: int, height: int) -> float:
        """Return the factor that brings a picture of this size into bounds."""
        long_side = max(width, height)
        bounded = min(max(long_side, self.min_long_side_px), self.max_long_side_px)
        return bounded / long_side


@dataclass(frozen=True, slots=True)
class Detections:
    """What was found in one picture, best first.

    Attributes:
        boxes: Shape `(found, 4)`: left, top, width, height as fractions of the picture, inside it.
        scores: Shape `(found,)`, 0 to 1.
    """

    boxes: Boxes
    scores: Floats


class Detector(Protocol):
    """Finds faces, or persons, in a picture. Safe to share between threads."""

    def detect(self, picture: Picture, min_score: float) -> Detections:
        """Return what is in a picture with a score of at least `min_score`.

        Args:
            picture: Shape `(height, width, 3)`, blue-green-red, 0 to 255.
            min_score: 0 to 1; below 0.05 suppression takes longer than the network.
        """


@dataclass(frozen=True, slots=True)
class Canvas:
    """The network's input, and the part of it, top left, that the picture covers; in pixels."""

    width: int
    height: int
    seen_width: int
    seen_height: int

    @classmethod
    def within(cls, size: InputSize, width: int, height: int) -> "Canvas":
        """Return the canvas that a network of any input size sees a picture on."""
        scale = size.scale(width, height)
        seen_width, seen_height = max(1, round(width * scale)), max(1, round(height * scale))
        return cls(
            seen_width + -seen_width % MULTIPLE_PX,
            seen_height + -seen_height % MULTIPLE_PX,
            seen_width,
            seen_height,
        )

    @classmethod
    def of(cls, fixed: tuple[int, int], width: int, height: int) -> "Canvas":
        """Return the canvas of a network whose input is always `fixed`: height and width."""
        scale = min(fixed[1] / width, fixed[0] / height)
        seen_width, seen_height = max(1, round(width * scale)), max(1, round(height * scale))
        return cls(fixed[1], fixed[0], seen_width, seen_height)

    def paint(self, picture: Picture, fill: int) -> Picture:
        """Return the picture at the size it is seen in, filled up with a grey of 0 to 255."""
        shrinks = self.seen_width < picture.shape[1]
        seen = cv2.resize(
            picture,
            (self.seen_width, self.seen_height),
            interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR,
        )
        filled = cv2.copyMakeBorder(
            seen,
            0,
            self.height - self.seen_height,
            0,
            self.width - self.seen_width,
            cv2.BORDER_CONSTANT,
            value=(fill, fill, fill),
        )
        return np.asarray(filled, dtype=np.uint8)

    def fractions(self, corners: Boxes) -> Boxes:
        """Return corners in pixels of the canvas as fractions of the picture, inside it."""
        sides = np.array([self.seen_width, self.seen_height] * 2, dtype=np.float32)
        inside: Boxes = np.clip(corners / sides, 0.0, 1.0)
        return inside


def suppress_overlaps(corners: Boxes, scores: Floats, iou: float) -> npt.NDArray[np.intp]:
    """Return the indices of the boxes that no better box overlaps, best first.

    Args:
        corners: Shape `(boxes, 4)`: left, top, right, bottom, in one unit.
        scores: Shape `(boxes,)`.
        iou: Two boxes whose intersection over union is at least this are one.
    """
    order = np.argsort(-scores, kind="stable")[:MAX_CANDIDATES]
    areas = (corners[:, 2] - corners[:, 0]) * (corners[:, 3] - corners[:, 1])
    kept: list[int] = []
    while order.size:
        best, rest = order[0], order[1:]
        kept.append(int(best))
        shared = np.minimum(corners[best, 2:], corners[rest, 2:]) - np.maximum(
            corners[best, :2], corners[rest, :2]
        )
        intersection = np.prod(np.maximum(shared, 0.0), axis=1)
        union = areas[best] + areas[rest] - intersection
        order = rest[intersection < iou * union]
    return np.array(kept, dtype=np.intp)
