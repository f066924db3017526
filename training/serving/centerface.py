"""CenterFace: faces as the centres of a heat map.

Source: Xu et al. (2020), "CenterFace: Joint Face Detection and Alignment Using Face as Point",
Scientific Programming 2020, 7845384.
"""

from collections.abc import Sequence

import numpy as np

from .detector import Boxes, Floats, ModelFormError
from .graph import Graph

# Pixels of input per cell of the heat map.
STRIDE_PX = 4
# Two boxes that share this much are one face: the value of the published post-processing.
NMS_IOU = 0.3
OUTPUTS = ("537", "538", "539")  # heat map, log of size, offset; landmarks (540) are not used


def is_centerface(graph: Graph) -> bool:
    """Return whether a graph has CenterFace's outputs."""
    return set(OUTPUTS) <= set(graph.outputs)


def output_names(_graph: Graph) -> tuple[str, ...]:
    """Return the outputs that `decode` reads."""
    return OUTPUTS


def decode(
    outputs: Sequence[Floats], height: int, width: int, min_score: float
) -> tuple[Boxes, Floats]:
    """Return corners in input pixels, shape `(n, 4)`, and scores of at least `min_score`.

    Args:
        outputs: Heat map `(1, rows, columns)`; log of height and width, and offset down and
            across, in cells, each `(2, rows, columns)`.
        height: Of the input.
        width: Of the input.
        min_score: Cells below it are left out.

    Raises:
        ModelFormError: If the outputs have other shapes.
    """
    heat, log_size, offset = outputs
    cells = (height // STRIDE_PX, width // STRIDE_PX)
    for name, output, channels in zip(OUTPUTS, outputs, (1, 2, 2), strict=True):
        if output.shape != (channels, *cells):
            raise ModelFormError(
                f"output {name} has shape {output.shape} for {width}x{height} pixels, and not "
                f"{(channels, *cells)}"
            )
    rows, columns = np.nonzero(heat[0] >= min_score)
    tall, wide = np.exp(log_size[:, rows, columns]) * STRIDE_PX
    centre_y = (rows + offset[0, rows, columns] + 0.5) * STRIDE_PX
    centre_x = (columns + offset[1, rows, columns] + 0.5) * STRIDE_PX
    corners = np.stack(
        [centre_x - wide / 2, centre_y - tall / 2, centre_x + wide / 2, centre_y + tall / 2],
        axis=1,
    )
    return corners.astype(np.float32), heat[0, rows, columns]
