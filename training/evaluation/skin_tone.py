"""A proxy of skin tone: what a picture's colours say where cheeks are, and what they do not."""

import cv2
import numpy as np
import numpy.typing as npt

ABOUT_THE_PROXY = (
    "The skin tone is a proxy: the individual typology angle of the picture's colours where cheeks "
    "are, inside boxes drawn by people. A camera does not measure skin. Dim light, shadow, warm "
    "lamps, a camera's white balance and a mask over the cheek all change the angle, most of them "
    "toward 'dark'. A gap between its buckets may be a gap between lights; compare it with the gap "
    "by brightness before anything is made of it."
)
# Degrees. Del Bino and Bernerd (2013) have six classes; two neighbours each are one here, for too
# few faces are in the outer ones.
_CLASSES = (("dark", -90.0, 10.0), ("intermediate", 10.0, 41.0), ("light", 41.0, 90.1))
TONES = tuple(name for name, _, _ in _CLASSES)
# Where cheeks are in the box of a face that looks at the camera: left, top, right, bottom as
# fractions. Chosen beside the nose and above the mouth; nothing is found out about the face itself.
_CHEEKS = ((0.18, 0.48, 0.36, 0.66), (0.64, 0.48, 0.82, 0.66))
# Pixels of a face's shorter side: below, a cheek is three pixels of chroma that JPEG has averaged.
_LEAST_SIDE_PX = 24
# CIELAB: grey and infrared pictures have no hue, and black ones none that can be told.
_LEAST_CHROMA = 3.0
_LEAST_LIGHTNESS = 12.0


def tone_of(face: npt.NDArray[np.uint8]) -> str | None:
    """Return the class of a face's typology angle, one of `TONES`; None where it cannot be told.

    Args:
        face: Shape `(height, width, 3)`, blue-green-red: the inside of a labelled box.

    Source: Del Bino and Bernerd (2013), Br. J. Dermatol. 169 (s3), 33-40.
    """
    angle = typology_angle(face)
    if angle is None:
        return None
    return next(name for name, low, high in _CLASSES if low <= angle < high)


def typology_angle(face: npt.NDArray[np.uint8]) -> float | None:
    """Return the individual typology angle of a face's cheeks; None where it cannot be told.

    Args:
        face: Shape `(height, width, 3)`, blue-green-red: the inside of a labelled box.

    Returns:
        Degrees, -90 to 90; higher is lighter.

    Source: Chardon et al. (1991), Int. J. Cosmet. Sci. 13, 191-208; as a proxy in face data, Merler
        et al. (2019), arXiv:1901.10436.
    """
    height, width = face.shape[:2]
    if min(height, width) < _LEAST_SIDE_PX:
        return None
    lab = cv2.cvtColor(face.astype(np.float32) / 255, cv2.COLOR_BGR2LAB)
    cheeks = [
        lab[
            round(top * height) : round(bottom * height), round(left * width) : round(right * width)
        ]
        for left, top, right, bottom in _CHEEKS
    ]
    # Medians: a strand of hair or a highlight is not the cheek.
    lightness, green_red, blue_yellow = np.median(
        np.concatenate([cheek.reshape(-1, 3) for cheek in cheeks]), axis=0
    )
    if np.hypot(green_red, blue_yellow) < _LEAST_CHROMA or lightness < _LEAST_LIGHTNESS:
        return None
    # Skin is yellow rather than blue: beyond, it is a mask, a lamp, or no cheek.
    if blue_yellow <= 0:
        return None
    return float(np.degrees(np.arctan((lightness - 50.0) / blue_yellow)))
