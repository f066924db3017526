"""YOLOX: persons, by a grid of cells at three scales, the first class of COCO.

Source: Ge et al. (2021), "YOLOX: Exceeding YOLO Series in 2021", arXiv:2107.08430.
"""

from collections.abc import Sequence

import numpy as np

from .detector import Boxes, Floats, ModelFormError
from .graph import Graph

STRIDES_PX = (8, 16, 32)
# Two boxes that share this much are one person: the value of the published demonstration.
NMS_IOU = 0.45
# What a picture is filled up with: the grey that the network was trained to see nothing in.
FILL = 114
# Centre, size and objectness come before the classes.
_BEFORE_CLASSES = 5
# COCO counts a person first.
_PERSON = 0


def is_yolox(graph: Graph) -> bool:
    """Return whether a graph has YOLOX's one output: cells by a box, objectness and classes."""
    if len(graph.outputs) != 1:
        return False
    (shape,) = graph.outputs.values()
    if len(shape) != 3:
        return False
    cells, depth = shape[1:]
    has_classes = not isinstance(depth, int) or depth > _BEFORE_CLASSES
    if graph.fixed_size is None or not isinstance(cells, int):
        return has_classes
    return has_classes and cells == cell_count(*graph.fixed_size)


def cell_count(height: int, width: int) -> int:
    """Return how many cells an input of this size has, over the three scales."""
    return sum((height // stride) * (width // stride) for stride in STRIDES_PX)


def output_names(graph: Graph) -> tuple[str, ...]:
    """Return the output that `decode` reads, whatever it is called."""
    return tuple(graph.outputs)


def decode(
    outputs: Sequence[Floats], height: int, width: int, min_score: float
) -> tuple[Boxes, Floats]:
    """Return corners in input pixels, shape `(n, 4)`, and scores of at least `min_score`.

    A score is objectness times the person's class, whatever other class the cell has: in doubt
    somebody is there. A box is the offset of its centre from its cell's corner, in cells, and the
    logarithm of its sides.

    Args:
        outputs: One, `(cells, 5 + classes)`, the finest scale first, row by row.
        height: Of the input.
        width: Of the input.
        min_score: Cells below it are left out.

    Raises:
        ModelFormError: If the output has another shape.
    """
    (cells,) = outputs
    count = cell_count(height, width)
    if cells.ndim != 2 or cells.shape[0] != count or cells.shape[1] <= _BEFORE_CLASSES:
        raise ModelFormError(
            f"its output has shape {cells.shape} for {width}x{height} pixels, and not "
            f"({count}, {_BEFORE_CLASSES} + classes)"
        )
    scores = cells[:, _BEFORE_CLASSES - 1] * cells[:, _BEFORE_CLASSES + _PERSON]
    (kept,) = np.nonzero(scores >= min_score)
    corner, stride = _grid(height, width)
    centres = (cells[kept, :2] + corner[kept]) * stride[kept]
    halves = np.exp(cells[kept, 2:4]) * stride[kept] / 2
    return np.concatenate([centres - halves, centres + halves], axis=1), scores[kept]


def _grid(height: int, width: int) -> tuple[Floats, Floats]:
    """Return each cell's column and row, shape `(cells, 2)`, and its side, `(cells, 1)`."""
    corners, sides = [], []
    for stride in STRIDES_PX:
        rows, columns = np.mgrid[: height // stride, : width // stride]
        corners.append(np.stack([columns.ravel(), rows.ravel()], axis=1))
        sides.append(np.full((rows.size, 1), stride))
    return np.concatenate(corners).astype(np.float32), np.concatenate(sides).astype(np.float32)
