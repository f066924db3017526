"""What can go wrong with a picture, done to pictures: honest effect sizes for the rehearsal."""

from collections.abc import Callable, Mapping

import cv2
import numpy as np
import numpy.typing as npt

Picture = npt.NDArray[np.uint8]
Boxes = npt.NDArray[np.float32]

# All chosen. Half the light, and the noise that a sensor adds when it is turned up; a lens out of
# focus by a hundred and fiftieth of the picture's width; a surgical mask's blue.
_DARKENED_GAIN = 0.5
_DARKENED_NOISE_LEVELS = 2.0
_BLUR_SHARE = 1 / 150
_MASK_BGR = (205, 190, 160)
# Of a face box: a mask covers from below the eyes to the chin.
_MASK_TOP, _MASK_BOTTOM = 0.47, 1.0
# Of the picture: how far a camera that somebody knocked looks aside, and by how many degrees it
# hangs askew. Chosen: small enough that a guard at the monitor may not notice.
MOVED_SHARE = 0.08
_MOVED_DEGREES = 2.0
# Infrared lamps light the middle more than the edges. Chosen.
_INFRARED_GAIN, _INFRARED_EDGE = 0.6, 0.55


def unchanged(picture: Picture, _faces: Boxes) -> Picture:
    """Return the picture as it is."""
    return picture


def darkened(picture: Picture, _faces: Boxes) -> Picture:
    """Return the picture with half the light, and the noise that comes with it."""
    random = np.random.default_rng(seed=1)
    noise = random.normal(0, _DARKENED_NOISE_LEVELS, picture.shape)
    return np.rint(picture * _DARKENED_GAIN + noise).clip(0, 255).astype(np.uint8)


def blurred(picture: Picture, _faces: Boxes) -> Picture:
    """Return the picture out of focus."""
    return cv2.GaussianBlur(picture, (0, 0), picture.shape[1] * _BLUR_SHARE).astype(np.uint8)


def moved(picture: Picture, _faces: Boxes) -> Picture:
    """Return the picture of a camera that looks aside and hangs askew."""
    height, width = picture.shape[:2]
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), _MOVED_DEGREES, 1.0)
    turn[:, 2] += (MOVED_SHARE * width, -MOVED_SHARE / 2 * height)
    # What comes into view is like what is beside it: a black edge would give the camera away, and
    # a mirrored one would show people twice.
    turned = cv2.warpAffine(picture, turn, (width, height), borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(turned, np.uint8)


def masked(picture: Picture, faces: Boxes) -> Picture:
    """Return the picture with a mask on every face.

    Args:
        picture: Shape `(height, width, 3)`, blue-green-red.
        faces: Shape `(n, 4)`: left, top, width, height as fractions of the picture.
    """
    worn = picture.copy()
    height, width = picture.shape[:2]
    for left, top, wide, high in faces * np.array([width, height, width, height], np.float32):
        upper, lower = top + _MASK_TOP * high, top + _MASK_BOTTOM * high
        outline = [
            (left + 0.04 * wide, upper),
            (left + 0.5 * wide, upper - 0.08 * high),
            (left + 0.96 * wide, upper),
            (left + 0.85 * wide, lower - 0.1 * high),
            (left + 0.5 * wide, lower),
            (left + 0.15 * wide, lower - 0.1 * high),
        ]
        cv2.fillPoly(worn, [np.array(outline, np.int32)], _MASK_BGR, cv2.LINE_AA)
    return worn


def in_infrared(picture: Picture) -> Picture:
    """Return the picture as a camera sees it by its own infrared lamps: grey, bright amid."""
    height, width = picture.shape[:2]
    across, down = (np.linspace(-1, 1, size) for size in (width, height))
    falloff = 1 - (1 - _INFRARED_EDGE) * np.hypot(*np.meshgrid(across, down)) / np.sqrt(2)
    grey = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY) * falloff * _INFRARED_GAIN
    return np.repeat(np.rint(grey).astype(np.uint8)[:, :, None], 3, axis=2)


CONDITIONS: Mapping[str, Callable[[Picture, Boxes], Picture]] = {
    "quiet": unchanged,
    "darkened": darkened,
    "blurred": blurred,
    "moved": moved,
    "masked": masked,
}
