"""A crop of a picture as the network would see it, mirrored, scaled, and taken in less light."""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from training.conditions import Picture, picture_under, random_condition
from training.detector.channels import Shown
from training.labels import Boxes
from training.serving.detector import InputSize

# Beside the scale of serving: what a step nearer or farther from the camera changes. Chosen.
_SMALLEST_ZOOM, _LARGEST_ZOOM = 0.7, 1.4
# How often a crop is laid around a face rather than anywhere; empty crops are negatives. Chosen.
_AROUND_A_FACE = 0.8
# A face cut by the crop's edge to less than this share, or smaller than a cell and a half of the
# finest map, is neither right nor wrong. Chosen.
_LEAST_VISIBLE = 0.5
_LEAST_SIDE_PX = 6.0


@dataclass(frozen=True, slots=True)
class Crop:
    """One square to learn from.

    Attributes:
        picture: Shape `(side, side, 3)`, blue-green-red: what the network is shown.
        undarkened: The same square before light was taken from it: what the champion is shown.
        faces: Shape `(n, 4)`: left, top, width, height in pixels of the square.
        scores: Shape `(n,)`: how much each face counts.
        ignored: Shape `(m, 4)`: regions that give no loss.
    """

    picture: Picture
    undarkened: Picture
    faces: Boxes
    scores: Boxes
    ignored: Boxes


def crop_of(
    shown: Shown,
    random: np.random.Generator,
    *,
    side_px: int,
    size: InputSize,
    darkened_share: float,
) -> Crop:
    """Return a random square of a picture at about the scale that the endpoint sees.

    Args:
        shown: Picture and labels.
        random: Where chance comes from: the same state gives the same crop.
        side_px: Of the square.
        size: How large the endpoint sees a picture.
        darkened_share: How often light is taken from it, 0 to 1.
    """
    picture = shown.read()
    height, width = picture.shape[:2]
    zoom = np.exp(random.uniform(np.log(_SMALLEST_ZOOM), np.log(_LARGEST_ZOOM)))
    source_px = max(8, round(side_px / (size.scale(width, height) * zoom)))
    left, top = _corner(shown.faces, (width, height), source_px, random)
    square = _cut(picture, left, top, source_px)
    scale = side_px / source_px
    interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    square = np.asarray(
        cv2.resize(square, (side_px, side_px), interpolation=interpolation), np.uint8
    )
    # What reaches over the picture's edge is not in the crop either, even where the crop is larger.
    inside, ignored = (
        _moved(_clipped(boxes, width, height), left, top, scale)
        for boxes in (shown.faces, shown.ignored)
    )
    if random.random() < 0.5:
        square = np.ascontiguousarray(square[:, ::-1])
        inside, ignored = (_mirrored(boxes, side_px) for boxes in (inside, ignored))
    seen = square
    if random.random() < darkened_share:
        seen = picture_under(square, random_condition(random), random)
    clipped = _clipped(inside, side_px, side_px)
    visible_px2 = clipped[:, 2] * clipped[:, 3]
    whole_px2 = shown.faces[:, 2] * shown.faces[:, 3] * scale**2
    counts = (visible_px2 >= _LEAST_VISIBLE * whole_px2) & (
        clipped[:, 2:].min(axis=1) >= _LEAST_SIDE_PX
    )
    return Crop(
        picture=seen,
        undarkened=square,
        faces=clipped[counts],
        scores=shown.scores[counts],
        ignored=_visible(np.concatenate([_clipped(ignored, side_px, side_px), clipped[~counts]])),
    )


def _corner(
    faces: Boxes, size_px: tuple[int, int], side_px: int, random: np.random.Generator
) -> tuple[int, int]:
    """Return where the square begins, left and top; it may reach over the picture's edge."""
    ranges = [sorted((0, length - side_px)) for length in size_px]
    if len(faces) and random.random() < _AROUND_A_FACE:
        box = faces[random.integers(len(faces))]
        centre = box[:2] + box[2:] / 2
        ranges = [
            [
                min(max(low, int(middle) - side_px * 9 // 10), high),
                max(min(high, int(middle) - side_px // 10), low),
            ]
            for (low, high), middle in zip(ranges, centre, strict=True)
        ]
    left, top = (int(random.integers(low, max(low, high) + 1)) for low, high in ranges)
    return left, top


def _cut(picture: Picture, left: int, top: int, side_px: int) -> Picture:
    """Return a square of a picture; outside of it all is black, as serving fills up."""
    height, width = picture.shape[:2]
    square = np.zeros((side_px, side_px, 3), np.uint8)
    x0, x1 = max(left, 0), min(left + side_px, width)
    y0, y1 = max(top, 0), min(top + side_px, height)
    square[y0 - top : y1 - top, x0 - left : x1 - left] = picture[y0:y1, x0:x1]
    return square


def _moved(boxes: Boxes, left: int, top: int, scale: float) -> Boxes:
    return np.asarray((boxes - [left, top, 0, 0]) * scale)


def _mirrored(boxes: Boxes, side_px: int) -> Boxes:
    mirrored = boxes.copy()
    mirrored[:, 0] = side_px - boxes[:, 0] - boxes[:, 2]
    return mirrored


def _clipped(boxes: Boxes, width_px: int, height_px: int) -> Boxes:
    low = np.clip(boxes[:, :2], 0, [width_px, height_px])
    high = np.clip(boxes[:, :2] + boxes[:, 2:], 0, [width_px, height_px])
    return np.concatenate([low, high - low], axis=1)


def _visible(boxes: npt.NDArray[np.float64]) -> Boxes:
    return boxes[(boxes[:, 2:] > 0).all(axis=1)]
