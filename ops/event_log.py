"""A run's events, read from JSON lines of EventBridge envelopes."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import AwareDatetime, TypeAdapter, ValidationError

from headcount.errors import HeadcountError
from headcount.events import ALL_EVENTS, BmsDetail, Detail
from headcount.verification.room_log import RoomLog

_MODELS = {model.detail_type: model for model in ALL_EVENTS}
_MOMENT = TypeAdapter(AwareDatetime)


class EventLogError(HeadcountError):
    """A file of events cannot be read, or holds none."""


@dataclass(slots=True)
class ReadLog:
    """What a file held.

    Attributes:
        rooms: (site, room) -> what was said of it.
        remarks: What was left out, in words.
    """

    rooms: dict[tuple[str, str], RoomLog] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)


def read_event_log(file: Path) -> ReadLog:
    """Return the events in `file`, by room.

    A last line that was never finished is left out and remarked; so is what a BMS says against
    its contract, for its consumer refuses it too.

    Raises:
        EventLogError: If a line is no envelope, or an event of ours breaks its contract; the
            message names the line.
    """
    log = ReadLog()
    unknown: Counter[str] = Counter()
    refused = 0
    for number, line, is_last in _lines(file):
        try:
            envelope = json.loads(line)
        except ValueError as fault:
            if is_last and not line.endswith("\n"):
                log.remarks.append(f"Line {number} is torn and was left out: the run broke off.")
                continue
            raise EventLogError(
                f"{file}:{number} is no JSON: {fault}.\n"
                "Each line is one whole EventBridge envelope."
            ) from fault
        _check_envelope(envelope, f"{file}:{number}")
        model = _MODELS.get(envelope["detail-type"])
        if model is None:
            unknown[envelope["detail-type"]] += 1
            continue
        try:
            event = model.model_validate(envelope["detail"])
        except ValidationError as fault:
            if issubclass(model, BmsDetail):
                refused += 1
                continue
            raise EventLogError(_broken(f"{file}:{number}", model, fault)) from fault
        _hear(log, event, envelope, f"{file}:{number}")
    for name, times in sorted(unknown.items()):
        log.remarks.append(f"{times} event(s) of the unknown type {name} were left out.")
    if refused:
        log.remarks.append(f"{refused} event(s) of a BMS broke their contract and were left out.")
    return log


def _lines(file: Path) -> Iterator[tuple[int, str, bool]]:
    """Yield (number, line, whether it is the last) of every line that holds anything."""
    try:
        with file.open(encoding="utf-8") as text:
            held: tuple[int, str] | None = None
            for number, line in enumerate(text, start=1):
                if not line.strip():
                    continue
                if held is not None:
                    yield *held, False
                held = number, line
            if held is not None:
                yield *held, True
    except (OSError, UnicodeDecodeError) as fault:
        raise EventLogError(
            f"{file} cannot be read: {fault}.\nName a file of events as JSON lines, as "
            "`headcount demo --events FILE` writes it."
        ) from fault


def _check_envelope(envelope: Any, where: str) -> None:
    if (
        not isinstance(envelope, Mapping)
        or not isinstance(envelope.get("detail-type"), str)
        or not isinstance(envelope.get("detail"), Mapping)
    ):
        raise EventLogError(
            f"{where} is no EventBridge envelope: it needs `detail-type` and `detail`.\n"
            "A rule's target must get the whole event, without an input path or transformer."
        )


def _broken(where: str, model: type[Detail], fault: ValidationError) -> str:
    first = fault.errors()[0]
    field_name = ".".join(str(step) for step in first["loc"])
    return (
        f"{where}: a {model.detail_type} breaks its contract at `{field_name}`: {first['msg']}.\n"
        "docs/events.md says what it holds. Is the log of another version of Headcount?"
    )


def _hear(log: ReadLog, event: Detail, envelope: Mapping[str, Any], where: str) -> None:
    site_id, room_id = getattr(event, "site_id", None), getattr(event, "room_id", None)
    # A heartbeat is of a site, and an alert may be: no property speaks of them.
    if site_id is None or room_id is None:
        return
    said = envelope.get("time")
    try:
        at = None if said is None else _MOMENT.validate_python(said)
    except ValidationError as fault:
        raise EventLogError(
            f"{where}: `time` is {said!r}, which is no time with a zone.\n"
            "Write it as 2026-03-02T12:00:00Z, or leave it out."
        ) from fault
    room = log.rooms.setdefault((site_id, room_id), RoomLog(site_id, room_id))
    room.hear(event, at, replayed=envelope.get("replay-name") is not None)
