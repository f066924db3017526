"""YuNet: faces by a grid of cells at three scales.

Source: Wu et al. (2023), "YuNet: A Tiny Millisecond-level Face Detector", Machine Intelligence
Research 20, 656-665; its published training code gives the box's form.
"""

from collections.abc import Sequence

import numpy as np

from .detector import Boxes, Floats, ModelFormError
from .graph import Graph

STRIDES_PX = (8, 16, 32)
# Two boxes that share this much are one face: the value of the published evaluation.
NMS_IOU = 0.45
# Class, objectness and box of each scale; landmarks (kps) are not used.
OUTPUTS = tuple(f"{part}_{stride}" for part in ("cls", "obj", "bbox") for stride in STRIDES_PX)


def is_yunet(graph: Graph) -> bool:
    """Return whether a graph has YuNet's outputs."""
    return set(OUTPUTS) <= set(graph.outputs)


def output_names(_graph: Graph) -> tuple[str, ...]:
    """Return the outputs that `decode` reads."""
    return OUTPUTS


def decode(
    outputs: Sequence[Floats], height: int, width: int, min_score: float
) -> tuple[Boxes, Floats]:
    """Return corners in input pixels, shape `(n, 4)`, and scores of at least `min_score`.

    A score is the geometric mean of class and objectness. A box is the offset of its centre from
    its cell's corner, in cells, and the logarithm of its sides.

    Args:
        outputs: Three each of class `(cells, 1)`, objectness `(cells, 1)`, box `(cells, 4)`.
        height: Of the input.
        width: Of the input.
        min_score: Cells below it are left out.

    Raises:
        ModelFormError: If the outputs have other shapes.
    """
    found_corners, found_scores = [], []
    scales = len(STRIDES_PX)
    for index, stride in enumerate(STRIDES_PX):
        rows, columns = height // stride, width // stride
        parts = outputs[index], outputs[scales + index], outputs[2 * scales + index]
        for name, part, depth in zip(OUTPUTS[index::scales], parts, (1, 1, 4), strict=True):
            if part.shape != (rows * columns, depth):
                raise ModelFormError(
                    f"output {name} has shape {part.shape} for {width}x{height} pixels, and not "
                    f"{(rows * columns, depth)}"
                )
        kind, is_object, box = parts
        scores = np.sqrt(np.maximum(kind[:, 0] * is_object[:, 0], 0))
        (kept,) = np.nonzero(scores >= min_score)
        centres = (box[kept, :2] + np.stack([kept % columns, kept // columns], axis=1)) * stride
        halves = np.exp(box[kept, 2:]) * stride / 2
        found_corners.append(np.concatenate([centres - halves, centres + halves], axis=1))
        found_scores.append(scores[kept])
    return np.concatenate(found_corners).astype(np.float32), np.concatenate(found_scores)
