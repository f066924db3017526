"""Near-duplicates: pictures so alike that one in training would give away one in a test.

A perceptual hash says that two pictures show the same scene, whatever their size, light, blur or
compression. Frames of one fixed camera always show the same scene; of those, only frames in which
nothing of note has moved are near-duplicates.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from training.data.pictures import Picture
from training.manifest import Frame

# Pixels: what is hashed is reduced to this square, four times the frequencies that are kept.
_SIDE_PX = 64
# Frequencies kept each way, the constant left out: 255 bits. Eight (the usual 63 bits) do not tell
# a room with a person from the room without; see docs/data.md.
_FREQUENCIES = 16
_WORDS = _FREQUENCIES**2 // 64
# Bits. Measured on 320 photographs: the same photograph darkened, blurred, halved or compressed
# differs in at most 10, under gamma 2.2 in at most 44; of 51,040 pairs of different ones, the
# nearest differ in 78. (One pair at 28 is the same photograph, retouched.)
NEAR_BITS = 48
# Share of the grey scale, over a window of a thirteenth of the picture, after equalisation.
# Measured: two frames of a quiet class three seconds apart differ by at most 0.09; a head of a
# sixth of the picture's height, put in anywhere, makes at least 0.16.
STILL_SHARE = 0.15
_WINDOW_PX = 5
# Grey levels. Below this a picture is one colour and noise, and its hash is the noise's.
_FLAT_STD = 2.0


@dataclass(frozen=True, eq=False, slots=True)
class Look:
    """What pictures are compared by.

    Attributes:
        bits: Shape `(4,)`, unsigned 64-bit words: the perceptual hash.
        layout: Shape `(64, 64)`, 0 to 255: the picture small, equalised and smoothed.
    """

    bits: npt.NDArray[np.uint64]
    layout: npt.NDArray[np.uint8]


def look_of(picture: Picture) -> Look:
    """Return what a picture is compared by.

    Args:
        picture: Shape `(height, width, 3)`, blue-green-red, 0 to 255.

    Source: Zauner (2010), "Implementation and Benchmarking of Perceptual Image Hash Functions",
        3.2.1 (hash by the discrete cosine transform), with 16 frequencies each way instead of 8.
    """
    grey = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
    small = cv2.resize(grey, (_SIDE_PX, _SIDE_PX), interpolation=cv2.INTER_AREA)
    if small.std() < _FLAT_STD:
        # All pictures of nothing are alike.
        return Look(np.zeros(_WORDS, np.uint64), np.full((_SIDE_PX, _SIDE_PX), 128, np.uint8))
    waves = cv2.dct(small.astype(np.float32))[:_FREQUENCIES, :_FREQUENCIES].ravel()
    above = waves > np.median(waves[1:])
    above[0] = False
    layout = cv2.boxFilter(cv2.equalizeHist(small), -1, (_WINDOW_PX, _WINDOW_PX))
    return Look(np.packbits(above).view(np.uint64), np.asarray(layout, np.uint8))


class Likeness:
    """Says which of some frames are near-duplicates of each other."""

    def __init__(self, frames: Sequence[Frame], looks: Sequence[Look]) -> None:
        """Prepare the comparison.

        Args:
            frames: Those to compare.
            looks: In their order.
        """
        self._frames = tuple(frames)
        self._bits = np.array([look.bits for look in looks], np.uint64).reshape(-1, _WORDS)
        self._layouts = np.array([look.layout for look in looks], np.int16).reshape(
            -1, _SIDE_PX, _SIDE_PX
        )
        # Only a camera's timed frames have one view; photographs of a set have a view each.
        views = {name: number for number, name in enumerate(sorted({*map(_view, frames)}))}
        self._views = np.array([views[_view(frame)] for frame in frames], np.int64)
        self._is_fixed = np.array([bool(_view(frame)) for frame in frames], bool)

    def near(self, index: int, others: npt.NDArray[np.intp]) -> npt.NDArray[np.bool_]:
        """Return which of `others` are near-duplicates of the frame at `index`."""
        differing = np.bitwise_count(self._bits[others] ^ self._bits[index]).sum(axis=1)
        alike: npt.NDArray[np.bool_] = differing <= NEAR_BITS
        if self._is_fixed[index]:
            doubtful = np.flatnonzero(alike & (self._views[others] == self._views[index]))
            change = np.abs(self._layouts[others[doubtful]] - self._layouts[index]).max(axis=(1, 2))
            alike[doubtful] = change <= STILL_SHARE * 255
        return alike

    def groups(self) -> list[str]:
        """Return the group of each frame: near-duplicates, of each other or by a chain, share one.

        Frames that already share a group stay together. A group keeps the first of its names; a
        new one is named after the smallest hash of its pictures, so that it is the same whatever
        the order.
        """
        # Union-find as relabelling: each frame carries the smallest index of its group.
        root = np.arange(len(self._frames))
        named: dict[str, int] = {}
        for index, frame in enumerate(self._frames):
            if frame.group:
                _unite(root, named.setdefault(frame.group, index), np.array([index]))
        for index in range(len(self._frames) - 1):
            others = np.arange(index + 1, len(self._frames))
            others = others[root[others] != root[index]]
            _unite(root, index, others[self.near(index, others)])
        return self._names(root)

    def _names(self, root: npt.NDArray[np.intp]) -> list[str]:
        names: dict[int, str] = {}
        members: dict[int, list[Frame]] = {}
        for one, frame in zip(root.tolist(), self._frames, strict=True):
            members.setdefault(one, []).append(frame)
        for one, frames in members.items():
            known = sorted({frame.group for frame in frames if frame.group})
            first = min(frame.sha256 or frame.source for frame in frames)
            names[one] = known[0] if known else f"like-{first[:12]}"
        return [names[one] for one in root.tolist()]


def _view(frame: Frame) -> str:
    return frame.camera_id if frame.captured_at is not None else ""


def _unite(root: npt.NDArray[np.intp], index: int, others: npt.NDArray[np.intp]) -> None:
    merged = np.unique(np.append(root[others], root[index]))
    if len(merged) > 1:
        root[np.isin(root, merged)] = merged[0]
