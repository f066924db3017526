"""What people said is in a frame, and which answer it corrects."""

import base64
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from headcount.errors import MonitorError
from training.manifest import Origin, read_manifest
from training.monitor.capture import Answer, camera_of

FloatArray = npt.NDArray[np.float64]
# Two boxes that share this much are one face, as in the evaluation.
_SAME_FACE = 0.5


@dataclass(frozen=True, eq=False, slots=True)
class Correction:
    """One frame as people see it.

    Attributes:
        answer_id: `inference id`, or `inference id/frame id` for a frame of a batch.
        camera: `site/camera` or the camera's own id; empty if it is not known.
        count: Faces in it.
        faces: Shape `(count, 4)`: left, top, width, height as fractions of the picture; None
            where people only counted.
    """

    answer_id: str
    count: int
    camera: str = ""
    faces: FloatArray | None = None


@dataclass(frozen=True, slots=True)
class Corrections:
    """All of them, and how many lines could not be used."""

    known: tuple[Correction, ...]
    unreadable: Counter[str]


@dataclass(frozen=True, slots=True)
class Judged:
    """A frame that people and the model have both counted.

    Attributes:
        camera: `site/camera`.
        light: Of `LIGHTS`.
        day: By UTC, days since year 1.
        counted: By the model.
        labelled: By people.
        missed: Labelled faces that the model did not find; None where people only counted.
        false: Faces that it found and nobody labelled; likewise.
    """

    camera: str
    light: str
    day: int
    counted: int
    labelled: int
    missed: int | None
    false: int | None


def read_corrections(path: Path) -> Corrections:
    """Return the corrections in a manifest, or in a folder of groundTruthData files.

    Raises:
        MonitorError: If there is no such file or folder, or nothing in it can be used.
        ManifestError: If a line of a manifest is wrong.
    """
    unreadable: Counter[str] = Counter()
    if path.is_dir():
        files = sorted(path.rglob("*.jsonl"))
        known = [one for file in files for one in _ground_truth(file, unreadable)]
    elif path.is_file():
        known = list(_from_manifest(path))
    else:
        raise MonitorError(
            f"{path} does not exist.\nName a manifest, or a folder of groundTruthData files."
        )
    if not known:
        raise MonitorError(
            f"{path} has no corrections that name an answer.\n"
            "Labels are joined to answers by their inference id, which `headcount data fetch` "
            "keeps with each frame: review frames that it fetched."
        )
    return Corrections(tuple(known), unreadable)


def join_corrections(
    answers: Iterable[Answer], corrections: Corrections
) -> tuple[list[Judged], Counter[str]]:
    """Return the frames that have an answer and a correction, and why others have not.

    Args:
        answers: Of the capture.
        corrections: By people. A frame of a batch is found by its own id, or else by its camera,
            if no other frame of the batch is by the same.
    """
    wanted: dict[str, list[Correction]] = {}
    for one in corrections.known:
        wanted.setdefault(one.answer_id.partition("/")[0], []).append(one)
    judged: list[Judged] = []
    left_out: Counter[str] = Counter()
    met = 0
    for answer in answers:
        for correction in wanted.get(answer.inference_id, ()):
            met += 1
            matching = [one for one in answer.predictions if _is_of(correction, answer, one)]
            if len(matching) != 1:
                left_out["ambiguous in its batch" if matching else "frame not in its answer"] += 1
                continue
            try:
                judged.append(_judged(answer, matching[0], correction))
            except (KeyError, TypeError, ValueError):
                left_out["prediction not as agreed"] += 1
    if len(corrections.known) > met:
        left_out["no answer in the capture"] += len(corrections.known) - met
    return judged, left_out


def _ground_truth(path: Path, unreadable: Counter[str]) -> Iterable[Correction]:
    for line in path.read_bytes().split(b"\n"):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
            truth, answer_id = record["groundTruthData"], record["eventMetadata"]["eventId"]
            yield _said(str(answer_id), truth["data"], str(truth["encoding"]).upper())
        except (KeyError, TypeError, ValueError, AttributeError, RecursionError):
            unreadable["line not groundTruthData"] += 1


def _said(answer_id: str, data: Any, encoding: str) -> Correction:
    """Return what a groundTruthData says: a number, or an object with count, faces and camera."""
    text = base64.b64decode(data, validate=True).decode() if encoding == "BASE64" else str(data)
    said = json.loads(text)
    if isinstance(said, Mapping):
        faces = said.get("faces")
        boxes = None if faces is None else np.array(faces, np.float64).reshape(-1, 4)
        count = said["count"] if boxes is None else len(boxes)
        camera = str(said.get("camera", ""))
    else:
        count, camera, boxes = said, "", None
    if isinstance(count, bool) or int(count) != count or count < 0:
        raise ValueError(f"{count!r} is no number of faces")
    return Correction(answer_id, int(count), camera, boxes)


def _from_manifest(path: Path) -> Iterable[Correction]:
    for frame in read_manifest(path).frames:
        if frame.origin is not Origin.PEOPLE or not frame.inference_id:
            continue
        size = np.array([frame.width_px, frame.height_px] * 2, np.float64)
        yield Correction(frame.inference_id, len(frame.faces), frame.camera_id, frame.faces / size)


def _is_of(correction: Correction, answer: Answer, prediction: Mapping[str, Any]) -> bool:
    _inference, _, frame_id = correction.answer_id.partition("/")
    if frame_id:
        return str(prediction.get("frame_id")) == frame_id
    if len(answer.predictions) == 1 or not correction.camera:
        return True
    camera = camera_of(prediction.get("context") or {})
    return camera == correction.camera or camera.endswith(f"/{correction.camera}")


def _judged(answer: Answer, prediction: Mapping[str, Any], correction: Correction) -> Judged:
    context = prediction.get("context") or {}
    counted = int(prediction["count"])
    missed = false = None
    if correction.faces is not None:
        found = [one for one in prediction[answer.finds] if one["score"] >= answer.threshold]
        boxes = [one["box"] for one in sorted(found, key=lambda one: -float(one["score"]))]
        matched = _matched(boxes, correction.faces)
        missed, false = correction.count - matched, len(boxes) - matched
    return Judged(
        camera=camera_of(context),
        light=str(context.get("light_mode", "unsaid")),
        day=answer.at.toordinal(),
        counted=counted,
        labelled=correction.count,
        missed=missed,
        false=false,
    )


def _matched(found: Sequence[Sequence[float]], labelled: FloatArray) -> int:
    """Return how many found boxes are a labelled face each, best first."""
    left = list(range(len(labelled)))
    matched = 0
    for box in found:
        overlaps = [(_overlap(np.asarray(box, np.float64), labelled[one]), one) for one in left]
        best = max(overlaps, default=(0.0, -1))
        if best[0] >= _SAME_FACE:
            left.remove(best[1])
            matched += 1
    return matched


def _overlap(one: FloatArray, other: FloatArray) -> float:
    """Return the intersection over union of two boxes: left, top, width, height."""
    corner = np.minimum(one[:2] + one[2:], other[:2] + other[2:])
    sides = np.maximum(corner - np.maximum(one[:2], other[:2]), 0.0)
    shared = float(sides.prod())
    union = float(one[2:].prod() + other[2:].prod()) - shared
    return shared / union if union > 0 else 0.0
