"""The manifest: which frames a model learns from and is judged by, and who said what is in them.

One JSON object a line, in SageMaker's augmented-manifest form, so that a training job can read it
as it is: `source-ref`, `faces` with its `faces-metadata` (Ground Truth's bounding boxes), and
`frame`, which is ours: where, when and how the frame was taken, and which part of the data it is
in. Lineage names the hash of the whole.
"""

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np

from headcount.domain.terms import LightMode
from headcount.errors import ManifestError
from training.labels import Boxes, LabelledImage

_FACE, _IGNORED = 0, 1
_CLASSES = {str(_FACE): "face", str(_IGNORED): "ignored"}
_BOX_TYPE = "groundtruth/object-detection"
# Pixels are kept to a hundredth: finer than anybody draws, and a third of the bytes.
_PIXEL_DIGITS = 2
_SCORE_DIGITS = 4


class Origin(StrEnum):
    """Who said where the faces of a frame are."""

    PEOPLE = "people"
    MODEL = "model"
    COMPOSED = "composed"
    NOBODY = "nobody"


class Split(StrEnum):
    """Which part of the data a frame is in; golden and drifted are frozen and never learnt from."""

    NONE = ""
    TRAIN = "train"
    VALIDATION = "validation"
    GOLDEN = "golden"
    DRIFTED = "drifted"


FROZEN = frozenset({Split.GOLDEN, Split.DRIFTED})


def _no_boxes() -> Boxes:
    return np.zeros((0, 4))


@dataclass(frozen=True, eq=False, slots=True)
class Frame:
    """One line: a picture and what is known of it.

    Attributes:
        source: Relative to the manifest's folder, or an `s3://` address.
        sha256: Of the picture's bytes; empty where it was not reckoned yet.
        width_px: Of the picture.
        height_px: Of the picture.
        origin: Who labelled it; `NOBODY` for a frame without labels.
        faces: Shape `(n, 4)`: left, top, width, height in pixels.
        scores: Shape `(n,)`, 0 to 1: how sure the labeller is of each face; by default 1.
        ignored: Shape `(m, 4)`: regions that count neither for nor against a model.
        camera_id: Which camera took it; `composed` or a set's name where none did.
        captured_at: When, by the camera's clock.
        light_mode: In which light.
        split: Which part of the data it is in.
        slices: Named conditions it stands for, e.g. `darkened`, `crowd`; sorted.
        group: Frames of one group show the same scene and are never parted by a split.
        inference_id: Of the answer that counted it, if it was counted in service.
        labelled_by: Who labelled it last; a model by its name and hash.
        labelled_at: When.
    """

    source: str
    width_px: int
    height_px: int
    sha256: str = ""
    origin: Origin = Origin.NOBODY
    faces: Boxes = field(default_factory=_no_boxes)
    scores: Boxes = field(default_factory=lambda: np.zeros(0))
    ignored: Boxes = field(default_factory=_no_boxes)
    camera_id: str = ""
    captured_at: datetime | None = None
    light_mode: LightMode = LightMode.DAY
    split: Split = Split.NONE
    slices: tuple[str, ...] = ()
    group: str = ""
    inference_id: str = ""
    labelled_by: str = ""
    labelled_at: datetime | None = None

    def __post_init__(self) -> None:
        faces = _boxes(self.faces)
        scores = np.asarray(self.scores, float) if len(self.scores) else np.ones(len(faces))
        if scores.shape != (len(faces),):
            raise ValueError(f"{self.source}: {len(faces)} faces have {scores.shape} scores.")
        object.__setattr__(self, "faces", faces)
        object.__setattr__(self, "scores", scores)
        object.__setattr__(self, "ignored", _boxes(self.ignored))
        object.__setattr__(self, "slices", tuple(sorted(set(self.slices))))

    @property
    def is_labelled(self) -> bool:
        """Return whether anybody said what is in it; a labelled frame may have no face."""
        return self.origin is not Origin.NOBODY


@dataclass(frozen=True, eq=False, slots=True)
class Manifest:
    """A manifest as it was read.

    Attributes:
        path: The file.
        frames: In the order of the file.
        sha256: Of the file's bytes: what lineage names.
    """

    path: Path
    frames: tuple[Frame, ...]
    sha256: str

    def picture(self, frame: Frame) -> Path:
        """Return where a frame's picture is on this machine.

        Raises:
            ManifestError: If it lies outside the manifest's folder, or in S3.
        """
        if "://" in frame.source:
            raise ManifestError(
                f"{self.path}: {frame.source} is not on this machine.\n"
                "Copy the frames beside the manifest and name them by relative paths."
            )
        folder = self.path.parent.resolve()
        picture = (folder / frame.source).resolve()
        if not picture.is_relative_to(folder):
            raise ManifestError(
                f"{self.path}: source-ref {frame.source!r} leaves the manifest's folder.\n"
                "Put the pictures beside the manifest."
            )
        return picture

    def within(self, *splits: Split) -> tuple[Frame, ...]:
        """Return the frames of some parts of the data."""
        return tuple(frame for frame in self.frames if frame.split in splits)

    def as_labelled(self, frames: Iterable[Frame]) -> list[LabelledImage]:
        """Return frames as what a detector is scored against.

        Raises:
            ManifestError: If a picture is missing or is not on this machine.
        """
        images = [
            LabelledImage(
                image_id=frame.source,
                path=self.picture(frame),
                size_px=(frame.width_px, frame.height_px),
                faces=frame.faces,
                ignored=frame.ignored,
            )
            for frame in frames
        ]
        missing = [image.path for image in images if not image.path.is_file()]
        if missing:
            raise ManifestError(
                f"{self.path}: {len(missing)} of {len(images)} pictures are missing, the first is "
                f"{missing[0]}.\nCopy them beside the manifest, or take their lines out."
            )
        return images


def read_manifest(path: Path) -> Manifest:
    """Return a manifest, with every line checked.

    Raises:
        ManifestError: If the file cannot be read, is empty, or a line is wrong; names the line
            and the field.
    """
    try:
        raw = path.read_bytes()
        lines = raw.decode("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as fault:
        raise ManifestError(
            f"{path} cannot be read: {fault}.\nName a manifest: JSON lines, one frame each."
        ) from fault
    frames = tuple(
        _read_line(line, f"{path}:{number}")
        for number, line in enumerate(lines, start=1)
        if line.strip()
    )
    if not frames:
        raise ManifestError(f"{path} has no frame.\nCurate some first: headcount data curate.")
    return Manifest(path, frames, hashlib.sha256(raw).hexdigest())


def write_manifest(path: Path, frames: Iterable[Frame]) -> Manifest:
    """Write a manifest whole or not at all, and return it as it will be read.

    The same frames give the same bytes, and so the same hash.

    Raises:
        ManifestError: If the file cannot be written.
    """
    kept = tuple(frames)
    text = "".join(json.dumps(as_line(frame), sort_keys=True) + "\n" for frame in kept)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished.write_text(text, encoding="utf-8")
        unfinished.replace(path)
    except OSError as fault:
        unfinished.unlink(missing_ok=True)
        raise ManifestError(
            f"{path} cannot be written ({fault.strerror}).\nName a file in a folder of yours."
        ) from fault
    return Manifest(path, kept, hashlib.sha256(text.encode()).hexdigest())


def as_line(frame: Frame) -> dict[str, Any]:
    """Return a frame as the object of its line; what is unknown is left out."""
    ours: dict[str, Any] = {
        "sha256": frame.sha256,
        "width": frame.width_px,
        "height": frame.height_px,
        "camera-id": frame.camera_id,
        "captured-at": _iso(frame.captured_at),
        "light-mode": frame.light_mode.value,
        "split": frame.split.value,
        "slices": list(frame.slices),
        "group": frame.group,
        "inference-id": frame.inference_id,
    }
    line: dict[str, Any] = {
        "source-ref": frame.source,
        "frame": {name: value for name, value in ours.items() if value not in ("", None, [])},
    }
    if not frame.is_labelled:
        return line
    boxes = [(_FACE, box) for box in frame.faces] + [(_IGNORED, box) for box in frame.ignored]
    scores = [*frame.scores, *np.ones(len(frame.ignored))]
    line["faces"] = {
        "image_size": [{"width": frame.width_px, "height": frame.height_px, "depth": 3}],
        "annotations": [
            {"class_id": kind}
            | {
                name: round(float(side), _PIXEL_DIGITS)
                for name, side in zip(("left", "top", "width", "height"), box, strict=True)
            }
            for kind, box in boxes
        ],
    }
    line["faces-metadata"] = {
        "objects": [{"confidence": round(float(score), _SCORE_DIGITS)} for score in scores],
        "class-map": _CLASSES,
        "type": _BOX_TYPE,
        "human-annotated": "yes" if frame.origin is Origin.PEOPLE else "no",
        "creation-date": _iso(frame.labelled_at),
        "job-name": f"{frame.origin.value}/{frame.labelled_by}",
    }
    return line


def _read_line(text: str, where: str) -> Frame:
    try:
        line = json.loads(text)
    except ValueError as fault:
        raise ManifestError(
            f"{where}: not JSON ({fault}).\nA manifest has one JSON object a line."
        ) from fault
    if not isinstance(line, dict) or not isinstance(line.get("source-ref"), str):
        raise ManifestError(f"{where}: source-ref is missing.\nIt names the picture.")
    ours, marks, meta = (line.get(name, {}) for name in ("frame", "faces", "faces-metadata"))
    for name, part in (("frame", ours), ("faces", marks), ("faces-metadata", meta)):
        if not isinstance(part, Mapping):
            raise ManifestError(f"{where}: {name} is not an object.\nCorrect the line.")
    try:
        return _frame(line["source-ref"], ours, marks, meta, labelled="faces" in line)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as fault:
        what = f"{fault.args[0]} is missing" if isinstance(fault, KeyError) else str(fault)
        raise ManifestError(f"{where}: {what}.\nCorrect the line, or take it out.") from fault


def _frame(
    source: str,
    ours: Mapping[str, Any],
    marks: Mapping[str, Any],
    meta: Mapping[str, Any],
    *,
    labelled: bool,
) -> Frame:
    size = marks["image_size"][0] if labelled else ours
    annotations = marks.get("annotations", []) if labelled else []
    objects = meta.get("objects") or [{"confidence": 1.0}] * len(annotations)
    if len(objects) != len(annotations):
        raise ValueError(f"{len(annotations)} annotations have {len(objects)} objects")
    boxes: dict[int, list[list[float]]] = {_FACE: [], _IGNORED: []}
    scores: list[float] = []
    for mark, about in zip(annotations, objects, strict=True):
        if mark["class_id"] not in boxes:
            raise ValueError(f"class_id {mark['class_id']!r} is neither a face nor ignored")
        boxes[mark["class_id"]].append(
            [float(mark[name]) for name in ("left", "top", "width", "height")]
        )
        if mark["class_id"] == _FACE:
            scores.append(float(about.get("confidence", 1.0)))
    origin, _, by = str(meta.get("job-name", "")).partition("/")
    if origin not in set(Origin):
        # Somebody else's manifest: it says itself whether people drew its boxes.
        by = str(meta.get("job-name", ""))
        origin = Origin.MODEL if meta.get("human-annotated") == "no" else Origin.PEOPLE
    return Frame(
        source=source,
        width_px=_positive(size["width"], "width"),
        height_px=_positive(size["height"], "height"),
        sha256=str(ours.get("sha256", "")),
        origin=Origin(origin) if labelled else Origin.NOBODY,
        faces=np.array(boxes[_FACE], float).reshape(-1, 4),
        scores=np.array(scores, float),
        ignored=np.array(boxes[_IGNORED], float).reshape(-1, 4),
        camera_id=str(ours.get("camera-id", "")),
        captured_at=_moment(ours.get("captured-at"), "captured-at"),
        light_mode=LightMode(ours.get("light-mode", LightMode.DAY)),
        split=Split(ours.get("split", "")),
        slices=tuple(map(str, ours.get("slices", []))),
        group=str(ours.get("group", "")),
        inference_id=str(ours.get("inference-id", "")),
        labelled_by=by,
        labelled_at=_moment(meta.get("creation-date"), "creation-date"),
    )


def _boxes(boxes: Boxes) -> Boxes:
    return np.asarray(boxes, float).reshape(-1, 4)


def _positive(value: Any, name: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value <= 0:
        raise ValueError(f"{name} is {value!r}, not a whole number of pixels")
    return value


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _moment(text: Any, name: str) -> datetime | None:
    if text is None:
        return None
    moment = datetime.fromisoformat(str(text))
    if moment.tzinfo is None:
        raise ValueError(f"{name} {text!r} has no offset from UTC, such as a final Z")
    return moment
