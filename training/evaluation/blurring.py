"""Pictures for a report: small, blurred, and with every face reduced to a few squares.

What is hidden is gone from the bytes: there is nothing to switch off. Who must see a face opens the
frame in `headcount review`, where it is known who looked.
"""

import base64

import cv2
import numpy as np
import numpy.typing as npt

from training.evaluation.comparison import SeenFrame
from training.labels import Boxes
from training.serving.request import decode_picture

Picture = npt.NDArray[np.uint8]

# Pixels: two pictures side by side on a laptop.
LONG_SIDE_PX = 480
# Squares across a face. Chosen: eyes and mouth become one square each, or none.
_SQUARES = 4
# The part of a face's side that is hidden around its box: hair and chin, and boxes drawn too small.
_AROUND = 0.25
# Blur of all else, in parts of the long side, for the faces that nobody marked and no model saw.
_BLUR = 0.008
_JPEG_QUALITY = 70


def blurred_picture(seen: SeenFrame) -> tuple[Picture, float]:
    """Return a frame's picture without recognisable faces, and the scale that it is shown at.

    Hidden is whatever anybody takes for a face: labels, ignored regions, and each model's
    predictions down to the lowest score.
    """
    picture = decode_picture(seen.image.path.read_bytes(), seen.frame.source)
    height, width = picture.shape[:2]
    scale = LONG_SIDE_PX / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    shown = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    blurred = np.asarray(cv2.GaussianBlur(shown, (0, 0), _BLUR * LONG_SIDE_PX), np.uint8)
    boxes = [
        seen.image.faces,
        seen.image.ignored,
        seen.champion.boxes,
        seen.challenger.boxes,
    ]
    for box in np.concatenate(boxes) * scale:
        _pixelate(blurred, box)
    return blurred, scale


def as_data_uri(picture: Picture) -> str:
    """Return a picture as a page can hold it in itself."""
    encoded = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])[1]
    return "data:image/jpeg;base64," + base64.b64encode(encoded.tobytes()).decode("ascii")


def _pixelate(picture: Picture, box: Boxes) -> None:
    """Reduce a box and what is around it to a few squares, in place."""
    height, width = picture.shape[:2]
    around = box[2:] * _AROUND
    left, top = np.floor(np.maximum(box[:2] - around, 0)).astype(int)
    right, bottom = np.ceil(box[:2] + box[2:] + around).astype(int)
    right, bottom = min(right, width), min(bottom, height)
    if right <= left or bottom <= top:
        return
    inside = picture[top:bottom, left:right]
    few = cv2.resize(inside, (_SQUARES, _SQUARES), interpolation=cv2.INTER_AREA)
    picture[top:bottom, left:right] = cv2.resize(
        few, (right - left, bottom - top), interpolation=cv2.INTER_NEAREST
    )
