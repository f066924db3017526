"""What light, lens and link do to a picture: for drifted test sets and for augmentation alike.

A picture is taken back to linear light, exposed again with less of it, read out with the noise that
few photons have, blurred and compressed. Labels stay where they are.
"""

from dataclasses import dataclass, replace

import cv2
import numpy as np
import numpy.typing as npt

Picture = npt.NDArray[np.uint8]

# The exponent of display gamma, near enough to sRGB's curve.
_GAMMA = 2.2


@dataclass(frozen=True, slots=True)
class Condition:
    """How a picture is taken.

    Attributes:
        exposure: Linear light kept, above 0; 1 as the picture is, less is darker.
        full_well: Photo-electrons of a white pixel at exposure 1: fewer are noisier; 0 for none
            of that noise.
        read_noise: Standard deviation added by reading out, in electrons.
        blur_px: Standard deviation of a Gaussian blur, in pixels; 0 for none.
        cast: Gains of blue, green and red.
        jpeg_quality: 1 to 100; 0 for no compression.
    """

    exposure: float = 1.0
    full_well: float = 0.0
    read_noise: float = 0.0
    blur_px: float = 0.0
    cast: tuple[float, float, float] = (1.0, 1.0, 1.0)
    jpeg_quality: int = 0

    def __post_init__(self) -> None:
        if self.exposure <= 0 or min(self.cast) <= 0:
            raise ValueError(f"exposure and cast must be above 0, not {self.exposure}, {self.cast}")
        if min(self.full_well, self.read_noise, self.blur_px) < 0:
            raise ValueError("full_well, read_noise and blur_px must not be negative")
        if not 0 <= self.jpeg_quality <= 100:
            raise ValueError(f"jpeg_quality must be 0 to 100, not {self.jpeg_quality}")


# A room at dusk behind a cheap lens. Chosen so that a person still finds the faces, and CenterFace
# loses a seventh of its precision and counts 2.6 times as wrong (docs/training.md).
DARKENED = Condition(
    exposure=0.03,
    full_well=2000.0,
    read_noise=3.0,
    blur_px=1.0,
    cast=(0.85, 1.0, 1.0),
    jpeg_quality=60,
)


def picture_under(picture: Picture, condition: Condition, random: np.random.Generator) -> Picture:
    """Return a picture as it would look under a condition.

    Args:
        picture: Shape `(height, width, 3)`, blue-green-red, 0 to 255.
        condition: Light, lens and link.
        random: Where noise comes from.

    Source: Foi et al. (2008), IEEE Trans. Image Process. 17(10), 1737-1754 (signal-dependent noise
        of a sensor as Poisson plus Gaussian).
    """
    seen = picture
    if replace(condition, blur_px=0.0, jpeg_quality=0) != Condition():
        gains = condition.exposure * np.array(condition.cast, np.float32)
        light = (picture.astype(np.float32) / np.float32(255)) ** _GAMMA * gains
        if condition.full_well > 0:
            light = _read_out(light, condition, random)
        seen = np.rint(255 * np.clip(light, 0.0, 1.0) ** (1 / _GAMMA)).astype(np.uint8)
    if condition.blur_px > 0:
        seen = np.asarray(cv2.GaussianBlur(seen, (0, 0), condition.blur_px), np.uint8)
    if condition.jpeg_quality > 0:
        encoded = cv2.imencode(".jpg", seen, [cv2.IMWRITE_JPEG_QUALITY, condition.jpeg_quality])[1]
        seen = np.asarray(cv2.imdecode(encoded, cv2.IMREAD_COLOR), np.uint8)
    return seen


def random_condition(random: np.random.Generator) -> Condition:
    """Return a condition between broad daylight and a room at night, darker ones more often."""
    return Condition(
        exposure=float(np.exp(random.uniform(np.log(0.015), np.log(0.6)))),
        full_well=float(np.exp(random.uniform(np.log(800), np.log(8000)))),
        read_noise=float(random.uniform(0.0, 5.0)),
        blur_px=float(random.uniform(0.0, 1.6)),
        cast=(
            float(random.uniform(0.7, 1.15)),
            1.0,
            float(random.uniform(0.8, 1.15)),
        ),
        jpeg_quality=int(random.integers(35, 96)),
    )


def _read_out(
    light: npt.NDArray[np.float32], condition: Condition, random: np.random.Generator
) -> npt.NDArray[np.float32]:
    """Add noise; a Gaussian of the Poisson's variance, which is 20 times faster to draw."""
    electrons = light * np.float32(condition.full_well)
    spread = np.sqrt(electrons + np.float32(condition.read_noise**2))
    noise = random.standard_normal(light.shape, np.float32) * spread
    return np.asarray((electrons + noise) / np.float32(condition.full_well), np.float32)
