"""Read what an endpoint's data capture wrote: answers, in folders by the hour.

    {endpoint}/{variant}/yyyy/mm/dd/hh/*.jsonl

One line is one answer, and one answer has a prediction per frame. A line that cannot be read is
counted, by its reason, and never stops a run: a capture file may break off.
"""

import base64
import json
import math
from array import array
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from headcount.domain.features import FEATURES, frame_features
from headcount.errors import MonitorError
from training.monitor.frames import LIGHTS, UNSAID, AnsweringModel, Frames

# A file begins at its folder's hour, and may hold answers of some minutes after it.
_OVERHANG = timedelta(hours=1)
_DATE_PARTS = 4
FACES, PERSONS = "faces", "persons"


class UnreadableLineError(ValueError):
    """A line of a capture file cannot be used; its text is the reason, in a few fixed words."""


@dataclass(frozen=True, eq=False, slots=True)
class Answer:
    """One line: what the endpoint said at one time.

    Attributes:
        inference_id: What the client called the request; the event's own id if it did not.
        predictions: One object a frame.
        finds: What the model that counts finds: `faces` or `persons`; its list in a prediction.
    """

    at: datetime
    inference_id: str
    model: AnsweringModel
    threshold: float
    predictions: tuple[Mapping[str, Any], ...]
    finds: str = FACES


@dataclass(slots=True)
class Reading:
    """What reading capture files came to.

    Attributes:
        files: Files that were opened.
        lines: Lines in them.
        unreadable: Lines or predictions that could not be used, by reason.
        wrong_type: Values that were no numbers, by feature.
    """

    files: int = 0
    lines: int = 0
    unreadable: Counter[str] = field(default_factory=Counter)
    wrong_type: Counter[str] = field(default_factory=Counter)

    def as_json(self) -> dict[str, Any]:
        """Return the figures."""
        return {
            "files": self.files,
            "lines": self.lines,
            "unreadable": dict(sorted(self.unreadable.items())),
        }


def read_capture(
    folder: Path, start: datetime | None = None, end: datetime | None = None
) -> tuple[Frames, Reading]:
    """Return the frames below a folder that were counted from `start` on and before `end`.

    Args:
        folder: Holds capture files in folders by the hour, at any depth.
        start: None for all from the first on.
        end: None for all up to the last.

    Raises:
        MonitorError: If there is no such folder.
    """
    reading = Reading()
    rows = _Rows()
    for answer in read_answers(folder, reading, start, end):
        for prediction in answer.predictions:
            try:
                rows.add(answer, prediction, reading)
            except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
                reading.unreadable["prediction not as agreed"] += 1
    return rows.as_frames(), reading


def read_answers(
    folder: Path,
    reading: Reading,
    start: datetime | None = None,
    end: datetime | None = None,
) -> Iterator[Answer]:
    """Yield the answers of a window, in the order of their files; `reading` is counted up.

    Raises:
        MonitorError: If there is no such folder.
    """
    if not folder.is_dir():
        raise MonitorError(
            f"{folder} is not a folder.\nName the folder that the endpoint's capture is copied to."
        )
    for path in sorted(folder.rglob("*.jsonl")):
        if not _may_hold(path, start, end):
            continue
        reading.files += 1
        for line in path.read_bytes().split(b"\n"):
            if not line.strip():
                continue
            reading.lines += 1
            try:
                answer = _answer(line)
            except UnreadableLineError as fault:
                reading.unreadable[str(fault)] += 1
                continue
            if (start is None or answer.at >= start) and (end is None or answer.at < end):
                yield answer


def _may_hold(path: Path, start: datetime | None, end: datetime | None) -> bool:
    """Return whether a file's folder does not rule out that it has answers of the window."""
    try:
        year, month, day, hour = map(int, path.parts[-_DATE_PARTS - 1 : -1])
        begins = datetime(year, month, day, hour, tzinfo=UTC)
    except ValueError:
        # Not in a folder by the hour: its lines will say.
        return True
    ends = begins + timedelta(hours=1) + _OVERHANG
    return (end is None or begins < end) and (start is None or ends > start)


def _answer(line: bytes) -> Answer:
    try:
        record = json.loads(line)
        output = record["captureData"]["endpointOutput"]
        about = record["eventMetadata"]
    except (ValueError, RecursionError) as fault:
        raise UnreadableLineError("line not JSON") from fault
    except (KeyError, TypeError) as fault:
        raise UnreadableLineError("line without endpointOutput or eventMetadata") from fault
    said = _payload(output)
    try:
        at = datetime.fromisoformat(about["inferenceTime"])
        if at.tzinfo is None:
            raise ValueError("a time without an offset")
        inference_id = str(about.get("inferenceId") or about["eventId"])
    except (KeyError, TypeError, ValueError, AttributeError) as fault:
        raise UnreadableLineError("line without inferenceTime or an id") from fault
    try:
        model = said["model"]
        answering = AnsweringModel(str(model["name"]), str(model["version"]), str(model["sha256"]))
        predictions = tuple(dict(one) for one in said["predictions"])
        threshold = float(model["threshold"])
    except (KeyError, TypeError, ValueError) as fault:
        raise UnreadableLineError("answer not of this serving code") from fault
    # A person model may answer beside one that finds faces; it counts only if it is the model.
    beside = said.get("person_model")
    is_person_model = isinstance(beside, dict) and beside.get("sha256") == answering.sha256
    finds = PERSONS if is_person_model else FACES
    return Answer(at.astimezone(UTC), inference_id, answering, threshold, predictions, finds)


def _payload(output: Any) -> Any:
    """Return the answer inside a captured output, as text or as base64."""
    try:
        data = output["data"]
        if str(output.get("encoding", "JSON")).upper() == "BASE64":
            data = base64.b64decode(data, validate=True)
        return json.loads(data)
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as fault:
        raise UnreadableLineError("output not JSON") from fault


class _Rows:
    """Predictions, collected into columns."""

    def __init__(self) -> None:
        # Four weeks of thirty cameras are fifteen million frames: eight bytes a number.
        self._rows = array("d")
        self._values = array("d")
        self._cameras: dict[str, int] = {}
        self._models: dict[AnsweringModel, int] = {}

    def add(self, answer: Answer, prediction: Mapping[str, Any], reading: Reading) -> None:
        """Add one frame; raises what reading a wrong shape raises."""
        values, context = features_of(prediction, answer.threshold, answer.finds, reading)
        camera = camera_of(context)
        light = str(context.get("light_mode", UNSAID))
        row = (
            answer.at.timestamp(),
            self._cameras.setdefault(camera, len(self._cameras)),
            LIGHTS.index(light),
            self._models.setdefault(answer.model, len(self._models)),
        )
        self._rows.extend(row)
        self._values.extend(values)

    def as_frames(self) -> Frames:
        """Return the columns, in the order of time."""
        columns = np.frombuffer(self._rows, np.float64).reshape(-1, 4)
        order = np.argsort(columns[:, 0], kind="stable")
        columns = columns[order]
        values = np.frombuffer(self._values, np.float64).reshape(-1, len(FEATURES))[order]
        return Frames(
            columns[:, 0],
            columns[:, 1].astype(np.int64),
            columns[:, 2].astype(np.int64),
            columns[:, 3].astype(np.int64),
            values,
            tuple(self._cameras),
            tuple(self._models),
        )


def camera_of(context: Mapping[str, Any]) -> str:
    """Return what a camera is called in figures: `site/camera`, or empty if nobody said."""
    parts = (context.get("site_id", ""), context.get("camera_id", ""))
    return "/".join(str(part) for part in parts if part)


def features_of(
    prediction: Mapping[str, Any],
    threshold: float,
    finds: str = FACES,
    reading: Reading | None = None,
) -> tuple[list[float], Mapping[str, Any]]:
    """Return a prediction's features, and its context.

    Args:
        prediction: One frame's part of an answer, from the capture or from `predict_fn`.
        threshold: The model's: weaker faces may be listed, and do not count.
        finds: What the model that counts finds, `faces` or `persons`.
        reading: Values that are no numbers are counted there, and are missing.

    Raises:
        KeyError: If a field is missing that every answer has.
        TypeError: If one has another type.
        ValueError: If one has another shape.
    """
    context = prediction.get("context") or {}
    faces = [face for face in prediction[finds] if face["score"] >= threshold]
    quality = prediction["quality"]
    embedding = prediction.get("embedding")
    values = frame_features(
        brightness=_number("brightness", quality.get("brightness"), reading),
        contrast=_number("contrast", quality.get("contrast"), reading),
        blur=_number("blur", quality.get("blur"), reading),
        count=int(prediction["count"]),
        scores=[float(face["score"]) for face in faces],
        boxes=[[float(side) for side in face["box"]] for face in faces],
        size_px=(int(prediction["width"]), int(prediction["height"])),
        motion=_number("motion", context.get("motion"), reading),
        embedding=None
        if embedding is None
        else [
            _number(f"embedding_{number}", component, reading)
            for number, component in enumerate(embedding, start=1)
        ],
    )
    return values, context


def _number(name: str, value: Any, reading: Reading | None) -> float:
    if value is None:
        return math.nan
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        if reading is not None:
            reading.wrong_type[name] += 1
        return math.nan
    return float(value)
