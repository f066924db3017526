"""What CenterFace's maps should say of a square: heat, log of size and offset, in cells."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from training.detector.augment import Crop
from training.labels import Boxes
from training.serving.centerface import STRIDE_PX

Floats = npt.NDArray[np.float32]

# A face's heat falls as a bell whose standard deviation is these, in cells and in cells per cell of
# the face's side. Fitted to the published CenterFace's own maps of 411 faces: other targets would
# make it unlearn what it does well.
_LEAST_SPREAD, _SPREAD_PER_SIDE = 0.6, 0.06
# Cells from this heat on say how large the face is: serving reads any cell above its threshold, not
# only the peak. Chosen.
_SIZED_FROM = 0.6


@dataclass(frozen=True, slots=True)
class Maps:
    """Targets of a batch; the last two dimensions are rows and columns.

    Attributes:
        heat: Shape `(batch, rows, columns)`, 0 to 1; exactly 1 at a face's centre.
        counts: Same shape: 0 in ignored regions, else 1.
        worth: Same shape: how much the face of a centre counts, 0 to 1.
        sized: Same shape: how much size and offset count there, 0 to 1.
        log_size: Shape `(batch, 2, rows, columns)`: log of height and width in cells.
        offset: Shape `(batch, 2, rows, columns)`: from a cell's middle to the centre, down and
            across, in cells.
    """

    heat: Floats
    counts: Floats
    worth: Floats
    sized: Floats
    log_size: Floats
    offset: Floats


def maps_of(crops: Sequence[Crop]) -> Maps:
    """Return the targets of some squares of one size."""
    rows, columns = (side // STRIDE_PX for side in crops[0].picture.shape[:2])
    flat = (len(crops), rows, columns)
    maps = Maps(
        heat=np.zeros(flat, np.float32),
        counts=np.ones(flat, np.float32),
        worth=np.ones(flat, np.float32),
        sized=np.zeros(flat, np.float32),
        log_size=np.zeros((len(crops), 2, rows, columns), np.float32),
        offset=np.zeros((len(crops), 2, rows, columns), np.float32),
    )
    for index, crop in enumerate(crops):
        _ignore(maps.counts[index], crop.ignored)
        # Smaller faces last: where two meet, the one with fewer cells keeps them.
        order = np.argsort(-crop.faces[:, 2] * crop.faces[:, 3])
        for box, score in zip(crop.faces[order], crop.scores[order], strict=True):
            _splat(maps, index, box / STRIDE_PX, float(score))
    return maps


def _ignore(counts: Floats, ignored: Boxes) -> None:
    for left, top, width, height in ignored / STRIDE_PX:
        counts[int(top) : int(np.ceil(top + height)), int(left) : int(np.ceil(left + width))] = 0


def _splat(maps: Maps, index: int, box: npt.NDArray[np.float64], score: float) -> None:
    """Draw one face into a square's maps; `box` is in cells."""
    rows, columns = maps.heat.shape[1:]
    width, height = box[2], box[3]
    centre_x, centre_y = box[0] + width / 2, box[1] + height / 2
    row, column = min(int(centre_y), rows - 1), min(int(centre_x), columns - 1)
    across = _bell(np.arange(columns) - column, width)
    down = _bell(np.arange(rows) - row, height)
    heat = np.outer(down, across).astype(np.float32)
    np.maximum(maps.heat[index], heat, out=maps.heat[index])
    maps.counts[index, row, column] = 1
    maps.worth[index, row, column] = score
    near = heat >= _SIZED_FROM
    maps.sized[index][near] = heat[near] * score
    maps.log_size[index, 0][near] = np.log(height)
    maps.log_size[index, 1][near] = np.log(width)
    row_of, column_of = np.nonzero(near)
    maps.offset[index, 0][near] = centre_y - row_of - 0.5
    maps.offset[index, 1][near] = centre_x - column_of - 0.5


def _bell(distance: npt.NDArray[np.int64], side: float) -> npt.NDArray[np.float64]:
    sigma = _LEAST_SPREAD + _SPREAD_PER_SIDE * side
    return np.asarray(np.exp(-(distance**2) / (2 * sigma**2)))
