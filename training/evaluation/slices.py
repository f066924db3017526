"""The slices that models are compared on: by camera, light, crowd, face size and name."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from training.evaluate import EVERY_AREA_PX2
from training.evaluation.frozen import FrozenSet, FrozenSets
from training.manifest import Split

# Faces in a frame: nobody, a talk, a meeting, a class. Chosen by what a policy's bands tell apart.
CROWDS = ((0, 0), (1, 4), (5, 14), (15, None))
# Pixels, the square root of a labelled face's area. CenterFace sees a cell of 4; 16 is what its
# smallest training faces had, and each step doubles it.
SIZES_PX = ((0, 16), (16, 32), (32, 64), (64, None))


@dataclass(frozen=True, eq=False, slots=True)
class Slice:
    """A part of a frozen set.

    Attributes:
        name: E.g. `golden`, `golden/camera/lobby`, `drifted/slice/darkened`.
        split: Which set it is part of.
        images: Shape `(images of the set,)`: which ones are in it.
        area_px2: Least and greatest area of the faces asked for, in square pixels.
    """

    name: str
    split: Split
    images: npt.NDArray[np.bool_]
    area_px2: tuple[float, float] = EVERY_AREA_PX2

    @property
    def is_whole(self) -> bool:
        """Return whether it is all of its set."""
        return self.name == self.split.value

    @property
    def is_by_size(self) -> bool:
        """Return whether it is of faces of one size: no picture's count is right or wrong then."""
        return self.area_px2 != EVERY_AREA_PX2


def slices_of(part: FrozenSet) -> list[Slice]:
    """Return a set's slices, the whole first.

    A slice that is all of the set, or none of it, is left out: it would be told twice, or nothing.
    """
    every = np.ones(len(part.frames), bool)
    whole = Slice(part.split.value, part.split, every)
    by_frame = [
        Slice(f"{part.split.value}/{kind}", part.split, images)
        for kind, images in _by_frame(part)
        if images.any() and not images.all()
    ]
    return [whole, *by_frame, *_by_size(part, every)]


def slice_names(sets: FrozenSets) -> list[str]:
    """Return the names of all slices that two models are compared on."""
    return [one.name for part in (sets.golden, sets.drifted) for one in slices_of(part)]


def _by_frame(part: FrozenSet) -> Iterator[tuple[str, npt.NDArray[np.bool_]]]:
    frames = part.frames
    for camera in sorted({frame.camera_id for frame in frames if frame.camera_id}):
        yield f"camera/{camera}", np.array([frame.camera_id == camera for frame in frames])
    for mode in sorted({frame.light_mode for frame in frames}):
        yield f"light/{mode.value}", np.array([frame.light_mode == mode for frame in frames])
    counts = np.array([len(frame.faces) for frame in frames])
    for least, most in CROWDS:
        inside = (counts >= least) & (counts <= (np.inf if most is None else most))
        yield f"crowd/{_range(least, most)}", inside
    for name in sorted({name for frame in frames for name in frame.slices}):
        yield f"slice/{name}", np.array([name in frame.slices for frame in frames])


def _by_size(part: FrozenSet, every: npt.NDArray[np.bool_]) -> Iterator[Slice]:
    sides = np.sqrt(np.concatenate([np.prod(image.faces[:, 2:], axis=1) for image in part.images]))
    for least, below in SIZES_PX:
        inside = (sides >= least) & (sides < (below or np.inf))
        if inside.any() and not inside.all():
            # COCO counts both ends in: just below, so that no face is of two sizes.
            area = (float(least**2), np.nextafter(below**2, 0) if below else float("inf"))
            name = f"{part.split.value}/size/{_range(least, below)}px"
            yield Slice(name, part.split, every, area)


def _range(least: int, most: int | None) -> str:
    if most is None:
        return f"{least}+"
    return str(least) if least == most else f"{least}-{most}"
