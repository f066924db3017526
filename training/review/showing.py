"""What of a picture leaves the server: a blur that shows nobody, or the picture once opened."""

import cv2
import numpy as np

from training.data.pictures import Picture

# Samples along the long side of what is sent before a picture is opened. A face that fills a
# quarter of it is six samples wide: fewer than the seven by ten at which people still tell whom
# they know (Sinha et al. 2006, Proc. IEEE 94(11), result 1).
BLUR_SAMPLES = 24
# Pixels of the blurred picture's long side: what a browser then enlarges looks soft, not blocky.
BLURRED_LONG_SIDE_PX = 480
BLURRED_QUALITY, OPENED_QUALITY = 80, 95


def blurred(picture: Picture) -> bytes:
    """Return a JPEG of the same proportions that shows nobody; the detail is not in the bytes."""
    few = _to_long_side(picture, BLUR_SAMPLES, cv2.INTER_AREA)
    height, width = picture.shape[:2]
    scale = BLURRED_LONG_SIDE_PX / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    soft = cv2.resize(few, size, interpolation=cv2.INTER_CUBIC)
    return _jpeg(np.asarray(soft, dtype=np.uint8), BLURRED_QUALITY)


def opened(picture: Picture) -> bytes:
    """Return the picture as a JPEG, without what cameras write beside it (place, serial number)."""
    return _jpeg(picture, OPENED_QUALITY)


def _to_long_side(picture: Picture, long_side: int, interpolation: int) -> Picture:
    height, width = picture.shape[:2]
    scale = min(1.0, long_side / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(picture, size, interpolation=interpolation), dtype=np.uint8)


def _jpeg(picture: Picture, quality: int) -> bytes:
    _, encoded = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return encoded.tobytes()
