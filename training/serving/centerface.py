"""CenterFace: faces as the centres of a heat map.

Source: Xu et al. (2020), "CenterFace: Joint Face Detection and Alignment Using Face as Point",
Scientific Programming 2020, 7845384.
"""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import onnxruntime

# Pixels of input per cell of the heat map, and what each side must be a multiple of: the network
# halves the picture five times, and returns to a quarter of its size.
STRIDE_PX = 4
MULTIPLE_PX = 32
# Two boxes that share this much are one face: the value of the published post-processing.
NMS_IOU = 0.3
# The most candidates that suppression compares, best first: far more faces than a room holds.
MAX_CANDIDATES = 1000
OUTPUTS = ("537", "538", "539")  # heat map, log of size, offset; landmarks (540) are not used

Boxes = npt.NDArray[np.float32]


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
                f"{self.min_long_side_px} and {self.max_long_side_px}. Correct model.json."
            )

    def scale(self, width: int, height: int) -> float:
        """Return the factor that brings a picture of this size into bounds."""
        long_side = max(width, height)
        bounded = min(max(long_side, self.min_long_side_px), self.max_long_side_px)
        return bounded / long_side


@dataclass(frozen=True, slots=True)
class Faces:
    """Faces of one picture, best first.

    Attributes:
        boxes: Shape `(faces, 4)`: left, top, width, height as fractions of the picture, inside it.
        scores: Shape `(faces,)`, 0 to 1.
    """

    boxes: Boxes
    scores: npt.NDArray[np.float32]


class CenterFace:
    """One loaded network. Safe to share between threads."""

    def __init__(self, weights: Path, size: InputSize, threads: int) -> None:
        """Load the network.

        Args:
            weights: An ONNX file with dynamic input size.
            size: How large a picture the network sees.
            threads: Processor threads for one picture.
        """
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        # It warns of each weight of a file that lists them as inputs, as the published one does.
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(
            str(weights), options, providers=["CPUExecutionProvider"]
        )
        self._input_name = self._session.get_inputs()[0].name
        self._size = size

    def detect(self, picture: npt.NDArray[np.uint8], min_score: float) -> Faces:
        """Return the faces of a picture whose score is at least `min_score`.

        Args:
            picture: Shape `(height, width, 3)`, blue-green-red, 0 to 255.
            min_score: 0 to 1; below 0.05 suppression takes longer than the network.
        """
        height, width = picture.shape[:2]
        scale = self._size.scale(width, height)
        seen_width, seen_height = max(1, round(width * scale)), max(1, round(height * scale))
        blob = _as_network_input(picture, seen_width, seen_height)
        heat, log_size, offset = self._session.run(list(OUTPUTS), {self._input_name: blob})
        corners, scores = _decode(heat[0, 0], log_size[0], offset[0], min_score)
        corners = np.clip(
            corners / np.array([seen_width, seen_height] * 2, dtype=np.float32), 0.0, 1.0
        )
        kept = suppress_overlaps(corners, scores)
        corners, scores = corners[kept], scores[kept]
        boxes = np.concatenate([corners[:, :2], corners[:, 2:] - corners[:, :2]], axis=1)
        visible = (boxes[:, 2:] > 0).all(axis=1)
        return Faces(boxes[visible], scores[visible])


def suppress_overlaps(
    corners: Boxes, scores: npt.NDArray[np.float32], iou: float = NMS_IOU
) -> npt.NDArray[np.intp]:
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


def _as_network_input(
    picture: npt.NDArray[np.uint8], width: int, height: int
) -> npt.NDArray[np.float32]:
    """Resize to `width` x `height`, then fill up with black to the network's multiple."""
    interpolation = cv2.INTER_AREA if width < picture.shape[1] else cv2.INTER_LINEAR
    seen = cv2.resize(picture, (width, height), interpolation=interpolation)
    seen = cv2.copyMakeBorder(
        seen, 0, -height % MULTIPLE_PX, 0, -width % MULTIPLE_PX, cv2.BORDER_CONSTANT
    )
    return np.asarray(cv2.dnn.blobFromImage(seen, swapRB=True), dtype=np.float32)


def _decode(
    heat: npt.NDArray[np.float32],
    log_size: npt.NDArray[np.float32],
    offset: npt.NDArray[np.float32],
    min_score: float,
) -> tuple[Boxes, npt.NDArray[np.float32]]:
    """Return corners in input pixels, shape `(n, 4)`, and scores of the cells above `min_score`."""
    rows, columns = np.nonzero(heat >= min_score)
    height, width = np.exp(log_size[:, rows, columns]) * STRIDE_PX
    centre_y = (rows + offset[0, rows, columns] + 0.5) * STRIDE_PX
    centre_x = (columns + offset[1, rows, columns] + 0.5) * STRIDE_PX
    corners = np.stack(
        [
            centre_x - width / 2,
            centre_y - height / 2,
            centre_x + width / 2,
            centre_y + height / 2,
        ],
        axis=1,
    )
    return corners.astype(np.float32), heat[rows, columns]
