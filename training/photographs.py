"""Labelled photographs of somebody's own, split by scene, and half of them taken in the dark.

What the darkness does is ours (`conditions.DARKENED`); the photographs and the boxes are real.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from headcount.domain.terms import LightMode
from headcount.errors import ManifestError
from training.channel_folders import MANIFEST
from training.conditions import DARKENED, picture_under
from training.data.near_duplicates import Likeness, look_of
from training.data.pictures import Picture, read_picture
from training.labels import LabelledImage, read_labels
from training.manifest import Frame, Manifest, Origin, Split, write_manifest

DARK_SLICE = "darkened"
CAMERA_ID = "photographs"
# Shares of the scenes. Two fifths judge, so that an interval is narrow enough to say something.
_SHARES = (("dark", 0.27), ("rehearsal", 0.21), ("validation", 0.12), ("frozen", 0.40))
# The split of a part's photographs as they are, and of the same ones darkened.
_SPLITS: dict[str, tuple[Split | None, Split | None]] = {
    "dark": (None, Split.TRAIN),
    "rehearsal": (Split.TRAIN, None),
    "validation": (Split.VALIDATION, Split.VALIDATION),
    "frozen": (Split.GOLDEN, Split.DRIFTED),
}


@dataclass(frozen=True, eq=False, slots=True)
class _Photograph:
    image: LabelledImage
    pixels: Picture
    frame: Frame


def read_photographs(
    faces: Path,
    into: Path,
    watch: Callable[[Sequence[LabelledImage]], Iterable[LabelledImage]] = iter,
) -> Manifest:
    """Write a set out of COCO-labelled photographs, and return its manifest.

    Scenes to learn from are darkened, or left as they are for rehearsal; both are in `train`, and
    the slice `darkened` tells them apart. Scenes that choose a round are in `validation`, and
    scenes that judge in `golden` and `drifted`: each as it is, and darkened.

    Args:
        faces: A folder with `images/` and `annotations.json`.
        into: Where the set is written.
        watch: Wraps the iteration, to show progress.

    Raises:
        ModelError: If the labels or a picture cannot be read, or there are too few scenes.
    """
    labelled = read_labels(faces / "annotations.json", faces / "images")
    photographs = [_photograph(image) for image in watch(labelled)]
    frames = [photograph.frame for photograph in photographs]
    groups = Likeness(frames, [look_of(one.pixels) for one in photographs]).groups()
    part_of = _parts(groups)
    kept: list[Frame] = []
    for photograph, group in zip(photographs, groups, strict=True):
        frame = replace(photograph.frame, group=group)
        part = part_of[group]
        as_it_is, darkened = _SPLITS[part]
        if as_it_is is not None:
            kept.append(_write(into, replace(frame, split=as_it_is), photograph.pixels))
        if darkened is not None:
            kept.append(_darken(into, replace(frame, split=darkened), photograph.pixels))
    return write_manifest(into / MANIFEST, kept)


def _photograph(image: LabelledImage) -> _Photograph:
    stored = read_picture(image.path)
    if image.size_px not in (None, (stored.width_px, stored.height_px)):
        raise ManifestError(
            f"{image.path} is {stored.width_px}x{stored.height_px}, but was labelled as "
            f"{image.size_px}.\nUse the photographs that were labelled."
        )
    frame = Frame(
        source=f"{image.path.stem}.png",
        width_px=stored.width_px,
        height_px=stored.height_px,
        sha256=stored.sha256,
        origin=Origin.PEOPLE,
        faces=image.faces,
        ignored=image.ignored,
        camera_id=CAMERA_ID,
        light_mode=LightMode.DAY,
    )
    return _Photograph(image, stored.pixels, frame)


def _parts(groups: Sequence[str]) -> dict[str, str]:
    """Return the part that each scene is in: the same scene always in the same one."""
    ordered = sorted(set(groups), key=lambda group: hashlib.sha256(group.encode()).hexdigest())
    if len(ordered) < 20:
        raise ManifestError(
            f"{len(groups)} photographs show {len(ordered)} scenes, too few to learn from and to "
            "judge by.\nBring at least twenty that differ."
        )
    parts: dict[str, str] = {}
    begin, share = 0, 0.0
    for part, part_share in _SHARES:
        share += part_share
        end = round(share * len(ordered))
        parts |= dict.fromkeys(ordered[begin:end], part)
        begin = end
    return parts


def _darken(into: Path, frame: Frame, pixels: Picture) -> Frame:
    # Each photograph has noise of its own, and the same noise every time.
    seed = int(hashlib.sha256(frame.source.encode()).hexdigest()[:8], 16)
    seen = picture_under(pixels, DARKENED, np.random.default_rng(seed))
    dark = replace(
        frame,
        source=f"dark-{frame.source}",
        slices=(*frame.slices, DARK_SLICE),
        light_mode=LightMode.DARK,
    )
    return _write(into, dark, seen)


def _write(into: Path, frame: Frame, pixels: Picture) -> Frame:
    source = f"{frame.split.value}/{frame.source}"
    encoded = cv2.imencode(".png", pixels, [cv2.IMWRITE_PNG_COMPRESSION, 1])[1].tobytes()
    target = into / source
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(encoded)
    return replace(frame, source=source, sha256=hashlib.sha256(encoded).hexdigest())
