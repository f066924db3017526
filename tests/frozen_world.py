"""Pictures of bright and dim faces, and detectors that see one or both: a comparison in a second.

A face is a white or grey cell; a detector of CenterFace's form gives every cell the same box, and a
score of what it is brighter than `dark`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from headcount.domain.terms import LightMode
from tests.graphs import (
    OFFSET_X,
    OFFSET_Y,
    TALL,
    WIDE,
    Drawing,
    brightness_of,
)
from training.evaluate import load_model
from training.evaluation.frozen import FrozenSets, frozen_sets
from training.manifest import Frame, Manifest, Origin, Split, write_manifest
from training.serving import centerface
from training.serving.endpoint import ServedModel
from training.weights import sha256_of

# The size that the network sees unchanged.
WIDTH_PX, HEIGHT_PX = 640, 64
CELL_PX = centerface.STRIDE_PX
# Cells between faces, so that suppression takes none for another.
_APART = 6
BRIGHT, DIM = 255, 128
# What a detector of bright faces only, and one of both, take for black: 0 to 1.
SEES_BRIGHT, SEES_BOTH = 0.55, 0.05


def detector(path: Path, dark: float, false_alarm: float = 0.0) -> Path:
    """Write a detector that scores a cell by how much brighter than `dark` it is, 0 to 1.

    Args:
        path: The file.
        dark: What it takes for black.
        false_alarm: Share of a cell's blue that counts as brightness too.
    """
    drawing = Drawing()
    heat, log_size, offset = centerface.OUTPUTS
    seen = brightness_of(0, CELL_PX) + false_alarm * brightness_of(2, CELL_PX)
    scores = drawing.cells("brighter", CELL_PX, seen / (1 - dark), [-dark / (1 - dark)])
    lowest = drawing.tensor("lowest", np.array(0.0, np.float32))
    highest = drawing.tensor("highest", np.array(1.0, np.float32))
    drawing.node("Clip", [scores, lowest, highest], heat)
    nothing = np.zeros((2, 3, CELL_PX, CELL_PX), np.float32)
    drawing.cells(log_size, CELL_PX, nothing, [np.log(TALL), np.log(WIDE)])
    drawing.cells(offset, CELL_PX, nothing, [OFFSET_Y - 0.5, OFFSET_X - 0.5])
    names: dict[str, list[int | str]] = {
        name: ["batch", channels, "rows", "columns"]
        for name, channels in ((heat, 1), (log_size, 2), (offset, 2))
    }
    return drawing.save(path, names)


@dataclass(frozen=True, slots=True)
class Scene:
    """A frame to be painted.

    Attributes:
        faces: The brightness of each, 0 to 255.
        background: How much blue and green is around them, which no detector here sees.
    """

    split: Split
    faces: Sequence[int]
    group: str = ""
    camera_id: str = "hall"
    light_mode: LightMode = LightMode.DAY
    slices: tuple[str, ...] = ()
    origin: Origin = Origin.PEOPLE
    background: int = 0


def usual_scenes(each: int = 21) -> list[Scene]:
    """Return golden frames of bright faces, and drifted ones of dim faces."""
    golden = [Scene(Split.GOLDEN, [BRIGHT] * (1 + index % 3)) for index in range(each)]
    drifted = [
        Scene(Split.DRIFTED, [DIM] * (1 + index % 3), slices=("dim",)) for index in range(each)
    ]
    return golden + drifted


def painted(folder: Path, scenes: Sequence[Scene]) -> Manifest:
    """Paint scenes and write the manifest that names them."""
    frames = [_painted(folder, index, scene) for index, scene in enumerate(scenes)]
    return write_manifest(folder / "manifest.jsonl", frames)


def usual_sets(folder: Path) -> FrozenSets:
    """Return the golden and the drifted set of the usual scenes."""
    return frozen_sets(painted(folder, usual_scenes()))


def sees_bright(folder: Path) -> ServedModel:
    """Return a detector that misses dim faces."""
    return load_model(detector(folder / "sees_bright.onnx", SEES_BRIGHT))


def sees_both(folder: Path) -> ServedModel:
    """Return a detector that finds dim faces too."""
    return load_model(detector(folder / "sees_both.onnx", SEES_BOTH))


def _painted(folder: Path, index: int, scene: Scene) -> Frame:
    picture: npt.NDArray[np.uint8] = np.zeros((HEIGHT_PX, WIDTH_PX, 3), np.uint8)
    picture[..., :2] = scene.background
    # A corner that differs: no two frames are one picture.
    picture[-1, :16, 1] = [255 * int(bit) for bit in f"{index:016b}"]
    boxes = []
    for number, brightness in enumerate(scene.faces):
        column, row = 4 + _APART * number, 4 + (index % 3)
        picture[row * CELL_PX :, column * CELL_PX :][:CELL_PX, :CELL_PX] = brightness
        width, height = WIDE * CELL_PX, TALL * CELL_PX
        centre = (column + OFFSET_X) * CELL_PX, (row + OFFSET_Y) * CELL_PX
        boxes.append([centre[0] - width / 2, centre[1] - height / 2, width, height])
    path = folder / f"{index:04d}.png"
    folder.mkdir(parents=True, exist_ok=True)
    path.write_bytes(cv2.imencode(".png", picture)[1].tobytes())
    return Frame(
        path.name,
        WIDTH_PX,
        HEIGHT_PX,
        sha256=sha256_of(path),
        origin=scene.origin,
        faces=np.array(boxes).reshape(-1, 4),
        camera_id=scene.camera_id,
        light_mode=scene.light_mode,
        split=scene.split,
        slices=scene.slices,
        group=scene.group,
        labelled_by="somebody",
    )
