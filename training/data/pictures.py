"""A picture as it is on disk: its bytes' hash and its pixels, decoded as the endpoint would."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from headcount.errors import ManifestError
from training.serving.request import RequestError, decode_picture

Picture = npt.NDArray[np.uint8]
# What a camera's frames are kept as, and OpenCV decodes without further packages.
PICTURE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp"})


@dataclass(frozen=True, eq=False, slots=True)
class StoredPicture:
    """A picture that was read.

    Attributes:
        sha256: Of the file's bytes, in hex.
        pixels: Shape `(height, width, 3)`, blue-green-red, 0 to 255.
    """

    sha256: str
    pixels: Picture

    @property
    def width_px(self) -> int:
        """Return how wide it is."""
        return int(self.pixels.shape[1])

    @property
    def height_px(self) -> int:
        """Return how high it is."""
        return int(self.pixels.shape[0])


def read_picture(path: Path) -> StoredPicture:
    """Return a picture and the hash of its bytes.

    Raises:
        ManifestError: If it is missing, or is not a picture that can be decoded.
    """
    try:
        encoded = path.read_bytes()
    except OSError as fault:
        raise ManifestError(
            f"{path} cannot be read ({fault.strerror}).\n"
            "Copy the picture beside the manifest, or take its line out."
        ) from fault
    try:
        pixels = decode_picture(encoded, str(path))
    except RequestError as fault:
        # The first sentence is what is wrong; the rest is advice to a client of the endpoint.
        raise ManifestError(
            f"{str(fault).partition('. ')[0].rstrip('.')}.\n"
            "Replace the picture, or take its line out."
        ) from fault
    return StoredPicture(hashlib.sha256(encoded).hexdigest(), pixels)
