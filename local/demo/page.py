"""The demo's page: one file, no script, no picture of anybody."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from headcount.events import BmsCommandRequested, RoomOccupancyChanged
from local.demo.recording import Recording

WIDTH, HEIGHT, MARGIN = 880, 170, 34


@dataclass(frozen=True, slots=True)
class Axes:
    """Maps seconds and people to the pixels of one chart."""

    seconds: float
    people: int

    def x(self, at_s: float) -> float:
        """Return the pixel of a moment, kept inside the chart."""
        inside = min(max(at_s / self.seconds, 0.0), 1.0)
        return round(MARGIN + inside * (WIDTH - 2 * MARGIN), 1)

    def y(self, people: float) -> float:
        """Return the pixel of a number of people."""
        return round(HEIGHT - MARGIN - people / self.people * (HEIGHT - 2 * MARGIN), 1)


@dataclass(frozen=True, slots=True)
class Step:
    """A value that holds from one moment to the next."""

    start_s: float
    end_s: float
    value: Any


def write_page(
    path: Path,
    *,
    summary: Mapping[str, Any],
    recording: Recording,
    started_at: datetime,
    seconds: float,
    truth: Mapping[str, Callable[[float], int | None]],
) -> None:
    """Write the page that shows a run.

    Args:
        path: The file to write; its folder is made.
        summary: As `recording.summarise` returns it, with `truth` where it is known.
        recording: What was heard.
        started_at: When the clips began to play.
        seconds: How long they played.
        truth: For a room, how many people there are so many seconds into the run.
    """
    folder = Path(__file__).parent
    pages = Environment(loader=FileSystemLoader(folder), autoescape=True, undefined=StrictUndefined)
    charts = [
        _chart(recording, room, started_at, seconds, truth.get(room["room_id"]))
        for room in summary["rooms"]
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        pages.get_template("page.html.j2").render(
            summary=summary, charts=charts, seconds=seconds, started_at=started_at
        ),
        encoding="utf-8",
    )


def _chart(
    recording: Recording,
    room: Mapping[str, Any],
    started_at: datetime,
    seconds: float,
    truth: Callable[[float], int | None] | None,
) -> dict[str, Any]:
    room_id = room["room_id"]
    changes = sorted(
        (event for event in recording.occupancy if event.room_id == room_id),
        key=lambda event: event.revision,
    )
    estimates = _steps(changes, started_at, seconds)
    people = [step.value.people_high for step in estimates]
    known = [
        (at_s, count)
        for at_s in (tick / 5 for tick in range(int(seconds * 5)))
        for count in [truth(at_s) if truth else None]
        if count is not None
    ]
    axes = Axes(seconds, max([4, *people, *(count for _, count in known)]))
    commands = [event for event in recording.commands if event.room_id == room_id]
    return {
        "room": room,
        "axes": axes,
        "width": WIDTH,
        "height": HEIGHT,
        "margin": MARGIN,
        "estimates": estimates,
        "truth": known,
        "faces": [
            ((frame.captured_at - started_at).total_seconds(), len(frame.faces))
            for frame in recording.frames
            if frame.room_id == room_id
        ],
        "devices": _devices(commands, started_at, seconds),
    }


def _steps(
    changes: Sequence[RoomOccupancyChanged], started_at: datetime, seconds: float
) -> list[Step]:
    times = [(event.observed_at - started_at).total_seconds() for event in changes]
    ends = [*times[1:], seconds][: len(times)]
    return [
        Step(start, max(start, end), event)
        for start, end, event in zip(times, ends, changes, strict=True)
    ]


def _devices(
    commands: Sequence[BmsCommandRequested], started_at: datetime, seconds: float
) -> dict[str, list[Step]]:
    devices: dict[str, list[Step]] = {}
    for group in sorted({command.device_group for command in commands}):
        of_group = sorted(
            (c for c in commands if c.device_group == group and c.attempt == 1),
            key=lambda command: command.requested_at,
        )
        times = [(command.requested_at - started_at).total_seconds() for command in of_group]
        devices[group] = [
            Step(start, max(start, end), command.level)
            for start, end, command in zip(times, [*times[1:], seconds], of_group, strict=True)
        ]
    return devices
