"""How good a look the camera had: brightness, contrast and blur of one picture."""

from dataclasses import asdict, dataclass

import cv2
import numpy as np
import numpy.typing as npt

# Pixels. Blur depends on the scale it is measured at: at one width, cameras can be compared.
MEASURED_WIDTH_PX = 320
# Chosen: a strip one pixel wide would else be measured at a height that no memory holds.
MAX_MEASURED_HEIGHT_PX = 1280


@dataclass(frozen=True, slots=True)
class Quality:
    """The three figures that drift is watched on.

    Attributes:
        brightness: Mean luma, 0 to 1.
        contrast: Standard deviation of luma, 0 to 0.5.
        blur: Variance of the Laplacian of 8-bit luma; 0 for a flat picture, higher is sharper.
    """

    brightness: float
    contrast: float
    blur: float

    def as_json(self) -> dict[str, float]:
        """Return the figures as the endpoint answers them."""
        return asdict(self)


def measure_quality(picture: npt.NDArray[np.uint8]) -> Quality:
    """Return brightness, contrast and blur of a picture.

    Args:
        picture: Shape `(height, width, 3)`, blue-green-red, 0 to 255.

    Source: contrast, Peli (1990), J. Opt. Soc. Am. A 7(10), 2032-2040 (RMS contrast); blur,
        Pech-Pacheco et al. (2000), ICPR 3, 314-317 (variance of the Laplacian).
    """
    height, width = picture.shape[:2]
    measured_height = max(1, round(height * MEASURED_WIDTH_PX / width))
    measured_height = min(measured_height, MAX_MEASURED_HEIGHT_PX)
    # INTER_AREA averages when shrinking, so that fine noise is not mistaken for sharpness.
    small = cv2.resize(picture, (MEASURED_WIDTH_PX, measured_height), interpolation=cv2.INTER_AREA)
    luma = cv2.cvtColor(small, cv2.COLOR_BGR2GRAY)
    return Quality(
        brightness=round(float(luma.mean()) / 255, 4),
        contrast=round(float(luma.std()) / 255, 4),
        blur=round(float(cv2.Laplacian(luma, cv2.CV_64F).var()), 2),
    )
