"""The page of a run: one file, no script, one chart a day."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from headcount.domain.control_state import Command
from headcount.domain.terms import OccupancyState
from ops.simulation import drawing
from ops.simulation.drawing import Panel, Spans
from ops.simulation.energy import Ledger, Lived, climate, lighting
from ops.simulation.frontier import frontier
from ops.simulation.people import FloatArray
from ops.simulation.scoring import BoolArray, false_vacant_spells, runs
from ops.simulation.simulating import Scene

_PEOPLE_HEIGHT, _RIBBON_HEIGHT, _ROW_HEIGHT, _ENERGY_HEIGHT = 190, 12, 30, 70
_TOP, _GAP, _AXIS_HEIGHT = 16, 22, 24
_S_PER_HOUR = 3600.0
# Of a timeline, one for each span.
Values = npt.NDArray[np.float64] | npt.NDArray[np.int64]
_HOURS = range(0, 25, 3)


@dataclass(frozen=True, slots=True)
class Stretch:
    """The part of a segment that falls on one date.

    Attributes:
        number: Of the segment, from 0.
        starts_s: Where the segment's first second lies, in seconds of the date; may be negative.
    """

    lived: Lived
    number: int
    starts_s: float

    def spans(self, values: Values, edges_s: FloatArray | None = None) -> Spans | None:
        """Return the part of `values` over the spans of the timeline that lies on the date."""
        edges = (self.lived.seen.edges_s if edges_s is None else edges_s) + self.starts_s
        inside = (edges[:-1] < drawing.DAY_S) & (edges[1:] > 0)
        if not inside.any():
            return None
        first, last = np.flatnonzero(inside)[[0, -1]]
        cut = np.clip(edges[first : last + 2], 0, drawing.DAY_S)
        return Spans(cut, np.asarray(values[first : last + 1], dtype=float))


@dataclass(frozen=True, slots=True)
class Mark:
    """Something that lasts from one pixel to another, with words for who points at it."""

    left: float
    width: float
    kind: str
    words: str


def write_page(
    path: Path, scene: Scene, lived: Sequence[Lived], figures: Mapping[str, Any]
) -> None:
    """Write the page that shows a run.

    Args:
        path: The file to write; its folder is made.
        scene: What was simulated.
        lived: How it went.
        figures: As `report.figures` returns them, with `sweep` where there was one.
    """
    pages = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    limit_s = scene.settings.reaction_limit_s
    wrong = [false_vacant_spells(scene.room, one.seen, limit_s) for one in lived]
    ledgers = {
        "lighting": lighting(scene.room, lived),
        "heating, cooling, air": climate(scene.room, lived),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    text = pages.get_template("page.html.j2").render(
        figures=figures,
        frontier=frontier(figures.get("sweep", ())),
        days=[
            _day(on, scene, stretches, ledgers, wrong) for on, stretches in _by_date(lived).items()
        ],
        drawing=drawing,
        hours=[(drawing.x(hour * 3600), f"{hour:02d}:00") for hour in _HOURS],
    )
    path.write_text(text, encoding="utf-8")


def _by_date(lived: Sequence[Lived]) -> dict[date, list[Stretch]]:
    """Return what happened on each date, by the clock of the recording."""
    dates: dict[date, list[Stretch]] = {}
    for number, one in enumerate(lived):
        start = one.segment.start
        midnight = datetime.combine(start.date(), time(), start.tzinfo)
        days = int(((start - midnight).total_seconds() + one.segment.length_s - 1) // drawing.DAY_S)
        for ahead in range(days + 1):
            day = midnight + timedelta(days=ahead)
            stretch = Stretch(one, number, (start - day).total_seconds())
            dates.setdefault(day.date(), []).append(stretch)
    return dates


def _day(
    on: date,
    scene: Scene,
    stretches: Sequence[Stretch],
    ledgers: Mapping[str, Ledger | None],
    wrong: Sequence[Sequence[tuple[float, float]]],
) -> dict[str, Any]:
    def parts(values: Callable[[Lived], Values]) -> list[Spans]:
        found = (stretch.spans(values(stretch.lived)) for stretch in stretches)
        return [part for part in found if part is not None]

    most = max(float(np.max(part.values)) for part in parts(lambda one: one.seen.people))
    high = max(float(np.max(part.values)) for part in parts(lambda one: one.seen.high))
    people = Panel(_TOP, _PEOPLE_HEIGHT, max(4.0, min(high, 2 * most + 4)) * 1.05)
    ribbon_top = people.bottom + _GAP
    devices, bottom = _devices(scene, stretches, parts, ribbon_top + _RIBBON_HEIGHT + _GAP)
    energy, bottom = _energy(ledgers, stretches, bottom + _GAP)
    mistakes = _mistakes(stretches, wrong)
    return {
        "date": on,
        "name": f"{on:%a} {on.day} {on:%b}",
        "people": people,
        "true": drawing.line(parts(lambda one: one.seen.people), people),
        "estimate": drawing.line(parts(_known(lambda one: one.seen.estimate)), people),
        "band": drawing.area(
            parts(_known(lambda one: one.seen.high)),
            people,
            parts(_known(lambda one: one.seen.low)),
        ),
        "ribbon_top": ribbon_top,
        "ribbon": _ribbon(stretches),
        "wrong": [_mistake(start_s, end_s) for start_s, end_s in mistakes],
        "wrong_min": sum(end_s - start_s for start_s, end_s in mistakes) / 60,
        "devices": devices,
        "energy": energy,
        "bottom": bottom,
        "height": bottom + _AXIS_HEIGHT,
        "commands": _commands(stretches),
        "most": int(most),
    }


def _known(values: Callable[[Lived], Values]) -> Callable[[Lived], Values]:
    """Return `values`, but none where the room was UNKNOWN."""
    return lambda one: np.where(one.seen.is_state(OccupancyState.UNKNOWN), np.nan, values(one))


def _ribbon(stretches: Sequence[Stretch]) -> list[Mark]:
    marks = []
    for stretch in stretches:
        for state in OccupancyState:
            marks += _marks(
                stretch, stretch.lived.seen.is_state(state), state.value.lower(), state.value
            )
    return marks


def _marks(stretch: Stretch, where: BoolArray, kind: str, words: str) -> list[Mark]:
    edges = stretch.lived.seen.edges_s
    spells = [(float(edges[first]), float(edges[last])) for first, last in runs(where)]
    return [_mark(stretch, spell, kind, words) for spell in spells if _on_date(stretch, spell)]


def _mark(stretch: Stretch, spell: tuple[float, float], kind: str, words: str) -> Mark:
    start_s, end_s = (at_s + stretch.starts_s for at_s in spell)
    left = drawing.x(start_s)
    return Mark(left, round(drawing.x(end_s) - left, 1), kind, words)


def _on_date(stretch: Stretch, spell: tuple[float, float]) -> bool:
    start_s, end_s = (at_s + stretch.starts_s for at_s in spell)
    return end_s > 0 and start_s < drawing.DAY_S


def _mistakes(
    stretches: Sequence[Stretch], wrong: Sequence[Sequence[tuple[float, float]]]
) -> list[tuple[float, float]]:
    """Return (start, end), in seconds of the date, of what counted as empty and was not."""
    return [
        (max(spell[0] + one.starts_s, 0.0), min(spell[1] + one.starts_s, drawing.DAY_S))
        for one in stretches
        for spell in wrong[one.number]
        if _on_date(one, spell)
    ]


def _mistake(start_s: float, end_s: float) -> Mark:
    left = drawing.x(start_s)
    words = f"{(end_s - start_s) / 60:.1f} min with a person in a room that counted as empty"
    # Wide enough to be seen, however short.
    return Mark(left, max(round(drawing.x(end_s) - left, 1), 2.0), "wrong", words)


def _devices(
    scene: Scene,
    stretches: Sequence[Stretch],
    parts: Callable[[Callable[[Lived], Values]], list[Spans]],
    top: float,
) -> tuple[list[dict[str, Any]], float]:
    rows = []
    for group in scene.room.devices:
        panel = Panel(top, _ROW_HEIGHT, group.max_level)
        running = parts(partial(_level, group.id))
        rows.append(
            {
                "name": group.id,
                "most": group.max_level,
                "panel": panel,
                "running": drawing.area(running, panel),
                "commands": _arrows(group.id, stretches, panel),
            }
        )
        top = panel.bottom + _GAP
    return rows, top - _GAP


def _level(group: str, one: Lived) -> FloatArray:
    return one.seen.levels[group]


def _arrows(group: str, stretches: Sequence[Stretch], panel: Panel) -> list[dict[str, Any]]:
    """Return a small triangle for each command, on the line from which its level is measured."""
    arrows = []
    for clock_s, command, before in _sent(stretches):
        if command.device_group == group:
            at = drawing.x(clock_s)
            tip, foot = (panel.bottom + 1, panel.bottom + 7)[:: 1 if command.level > before else -1]
            words = f"{_clock(clock_s)} level {command.level}: {command.reason}"
            arrows.append({"path": f"M{at} {tip}L{at - 3} {foot}H{at + 3}Z", "words": words})
    return arrows


def _energy(
    ledgers: Mapping[str, Ledger | None], stretches: Sequence[Stretch], top: float
) -> tuple[list[dict[str, Any]], float]:
    panels = []
    for name, ledger in ledgers.items():
        if ledger is None:
            continue
        without = _kilowatts(stretches, ledger.without_kwh)
        ours = _kilowatts(stretches, ledger.with_kwh)
        most = max(float(np.max(part.values)) for part in (*without, *ours))
        panel = Panel(top, _ENERGY_HEIGHT, (most or 1.0) * 1.1)
        panels.append(
            {
                "name": name,
                "panel": panel,
                "without": drawing.area(without, panel),
                "with": drawing.area(ours, panel),
            }
        )
        top = panel.bottom + _GAP
    return panels, top - _GAP


def _kilowatts(stretches: Sequence[Stretch], kwh: Sequence[FloatArray]) -> list[Spans]:
    parts = []
    for stretch in stretches:
        segment = stretch.lived.segment
        power_kw = kwh[stretch.number] * _S_PER_HOUR / segment.durations_s()
        edges_s = np.append(segment.at_s, segment.length_s)
        parts.append(stretch.spans(power_kw, edges_s))
    return [part for part in parts if part is not None]


def _sent(stretches: Sequence[Stretch]) -> Iterator[tuple[float, Command, int]]:
    """Yield (second of the date, command, level before) of what was sent on it."""
    for stretch in stretches:
        levels: dict[str, int] = {}
        for at_s, command in stretch.lived.trace.commands:
            before = levels.get(command.device_group, 0)
            levels[command.device_group] = command.level
            clock_s = at_s + stretch.starts_s
            if 0 <= clock_s < drawing.DAY_S:
                yield clock_s, command, before


def _commands(stretches: Sequence[Stretch]) -> list[dict[str, Any]]:
    return [
        {
            "clock": _clock(clock_s),
            "group": command.device_group,
            "level": "the BMS's own" if command.relinquish else command.level,
            "reason": command.reason,
        }
        for clock_s, command, _ in _sent(stretches)
    ]


def _clock(second: float) -> str:
    return str(timedelta(seconds=int(second)))
