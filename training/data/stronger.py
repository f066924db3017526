"""A stronger reading of the champion: the same weights, given more time and more looks.

As served, plus the picture mirrored, plus at twice the size, plus, where a picture is larger than
what the network is served, in overlapping tiles. Errors of one look are rarely repeated by all.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from training.data.fusion import Fused, ViewReading, fuse
from training.data.pictures import Picture
from training.data.readings import Reading, load_face_model
from training.labels import Boxes
from training.model_entry import ModelFile
from training.serving.adapters import open_detector
from training.serving.detector import Detector, InputSize
from training.serving.endpoint import ServedModel
from training.serving.graph import Graph

# How much larger the network sees a picture. Chosen: a face of 8 pixels, the smallest that people
# mark in photographs, becomes one of 16, which is the smallest that CenterFace was trained on.
_ENLARGED = 2
# Below this, views list mostly noise, and fusing takes longer than looking.
_MIN_SCORE = 0.1
# Share of a side by which tiles overlap: faces up to that size are whole in one of them.
_TILE_OVERLAP = 0.2
# Pixels: a box that ends so near to where a tile was cut is of a face that was cut.
_CUT_WITHIN_PX = 3


@dataclass(frozen=True, slots=True)
class StrongReader:
    """Reads pictures with more looks than the endpoint can afford.

    Attributes:
        served: The model as it is served.
        enlarged: The same weights for a larger input; None where the file fixes its size.
        max_long_side_px: Larger pictures are reduced when served, so these are tiled as well.
    """

    served: ServedModel
    enlarged: Detector | None
    max_long_side_px: int

    @classmethod
    def open(cls, model: ModelFile) -> "StrongReader":
        """Return the reader of a model.

        Raises:
            ModelError: If the file is no detector of faces that can be served.
        """
        served = load_face_model(model)
        return cls(served, _enlarged(served, model.path), served.card.size.max_long_side_px)

    def read(self, picture: Picture) -> Fused:
        """Return what all looks together see.

        Args:
            picture: Shape `(height, width, 3)`, blue-green-red, 0 to 255.
        """
        return fuse(list(self._views(picture)))

    def _views(self, picture: Picture) -> Iterator[ViewReading]:
        height, width = picture.shape[:2]
        whole = (0, 0, width, height)
        networks = [self.served.network]
        if self.enlarged is not None:
            networks.append(self.enlarged)
        for network in networks:
            for is_mirrored in (False, True):
                yield _look(network, picture, whole, is_mirrored=is_mirrored)
        if max(width, height) > self.max_long_side_px or self.enlarged is None:
            for tile in _tiles(width, height):
                for is_mirrored in (False, True):
                    yield _look(self.served.network, picture, tile, is_mirrored=is_mirrored)


def _enlarged(served: ServedModel, weights: Path) -> Detector | None:
    """Return the model's network for a larger input, opened as `model_fn` opens it."""
    card = served.card
    if Graph(weights, card.threads).fixed_size is not None:
        return None
    size = InputSize(card.size.min_long_side_px * _ENLARGED, card.size.max_long_side_px * _ENLARGED)
    return open_detector(weights, card.adapter, size, card.threads)


def _look(
    network: Detector, picture: Picture, area: tuple[int, int, int, int], *, is_mirrored: bool
) -> ViewReading:
    """Return what a network sees in a part of a picture, in pixels of the whole."""
    left, top, width, height = area
    part = picture[top : top + height, left : left + width]
    # Contiguous: OpenCV reads no array with negative steps.
    seen = np.ascontiguousarray(part[:, ::-1] if is_mirrored else part)
    found = network.detect(seen, _MIN_SCORE)
    boxes = found.boxes.astype(np.float64) * [width, height, width, height]
    if is_mirrored:
        boxes[:, 0] = width - boxes[:, 0] - boxes[:, 2]
    boxes[:, :2] += [left, top]
    shown = _shown_whole(area, picture.shape[1], picture.shape[0])
    view = ViewReading(Reading(boxes, found.scores.astype(np.float64)), shown)
    whole = np.array([view.shows(box) for box in boxes], bool)
    return ViewReading(Reading(boxes[whole], view.reading.scores[whole]), shown)


def _shown_whole(area: tuple[int, int, int, int], width: int, height: int) -> Boxes:
    """Return the part of a view in which faces are whole: not where it was cut out of a picture."""
    left, top, right, bottom = area[0], area[1], area[0] + area[2], area[1] + area[3]
    # At the picture's own edges there is slack for rounding.
    left += _CUT_WITHIN_PX if left > 0 else -_CUT_WITHIN_PX
    top += _CUT_WITHIN_PX if top > 0 else -_CUT_WITHIN_PX
    right += -_CUT_WITHIN_PX if right < width else _CUT_WITHIN_PX
    bottom += -_CUT_WITHIN_PX if bottom < height else _CUT_WITHIN_PX
    return np.array([left, top, right - left, bottom - top], float)


def _tiles(width: int, height: int) -> Iterator[tuple[int, int, int, int]]:
    """Yield two by two overlapping parts of a picture: left, top, width, height in pixels."""
    tile_width, tile_height = (
        max(1, round(side * (1 + _TILE_OVERLAP) / 2)) for side in (width, height)
    )
    for left in (0, width - tile_width):
        for top in (0, height - tile_height):
            yield left, top, tile_width, tile_height
