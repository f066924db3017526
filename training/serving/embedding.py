"""Where things are in a picture, in eight numbers: its leading cosine components, and its tint.

The basis is fixed and is not learnt: the cosine transform comes close to the principal components
of natural pictures, so that its leading terms are those that a fitted basis would begin with, and
no weights have to travel with a model. Brightness and contrast are divided out: they are figures
of their own, and a lamp switched on must not look like a camera that was turned.

Source: Ahmed, Natarajan and Rao (1974), "Discrete Cosine Transform", IEEE Trans. Computers C-23,
90-93; near-optimality for pictures, Clarke (1981), IEE Proc. F 128(6), 359-360.
"""

import cv2
import numpy as np
import numpy.typing as npt

# Six of layout and two of colour. Chosen: a view that moves by a twentieth of its width changes
# them, and eight numbers are little beside a frame's boxes.
COMPONENTS = 8
# Chosen: coarse enough that a person is a detail and the room is the picture.
_SEEN_WIDTH_PX, _SEEN_HEIGHT_PX = 32, 18
# Half-waves across and down, in the zigzag order in which the transform's energy falls.
_WAVES = ((1, 0), (0, 1), (0, 2), (1, 1), (2, 0), (3, 0))
# Grey levels: what varies less than its own rounding has no layout.
_FLAT_LEVELS = 1.0
_DIGITS = 4


def _half_waves() -> npt.NDArray[np.float64]:
    """Return the basis, shape `(6, pixels)`; each row's squares add up to the pixels."""
    across = (np.arange(_SEEN_WIDTH_PX) + 0.5) / _SEEN_WIDTH_PX
    down = (np.arange(_SEEN_HEIGHT_PX) + 0.5) / _SEEN_HEIGHT_PX
    waves = [
        np.outer(np.cos(np.pi * rows * down), np.cos(np.pi * columns * across))
        for columns, rows in _WAVES
    ]
    return np.stack([wave.ravel() / np.sqrt(np.square(wave).mean()) for wave in waves])


_BASIS = _half_waves()


def embed(picture: npt.NDArray[np.uint8]) -> list[float]:
    """Return the leading components of a picture's embedding.

    Args:
        picture: Shape `(height, width, 3)`, blue-green-red, 0 to 255.

    Returns:
        Six layout components, each -1 to 1 (their squares are shares of the picture's variance),
        then the shares of blue and of red in all light, less a third, -1/3 to 2/3.
    """
    small = cv2.resize(picture, (_SEEN_WIDTH_PX, _SEEN_HEIGHT_PX), interpolation=cv2.INTER_AREA)
    luma = cv2.cvtColor(small, cv2.COLOR_BGR2GRAY).astype(np.float64).ravel()
    spread = luma.std()
    layout = np.zeros(len(_WAVES))
    if spread >= _FLAT_LEVELS:
        layout = _BASIS @ ((luma - luma.mean()) / spread) / luma.size
    blue, _green, red = (float(level) for level in small.reshape(-1, 3).mean(axis=0))
    light = max(float(small.reshape(-1, 3).mean(axis=0).sum()), 1.0)
    # No light has no colour either.
    tint = (blue / light - 1 / 3, red / light - 1 / 3) if light > 1.0 else (0.0, 0.0)
    return [round(float(component), _DIGITS) for component in (*layout, *tint)]
