"""A recording of people in a room, read from CSV: every fault with its line and its remedy."""

import csv
import math
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ops.simulation.errors import SimulationError

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

_NEEDED = ("timestamp", "room_id", "people")
_ENERGY = ("lighting_kwh", "hvac_kwh")
# Chosen: a row that comes later than this many usual spacings follows a gap.
_GAP_SPACINGS = 1.5
# Chosen: from people an hour nobody can say when a room was empty.
_LONGEST_SPACING_S = 3600.0
# Chosen: more people than any hall with a policy of its own holds; a typing error is likelier.
_MOST_PEOPLE = 5000
_ROWS_FOR_A_SPACING = 2


@dataclass(frozen=True, slots=True)
class Segment:
    """Rows of a recording without a gap: each holds until the next.

    Attributes:
        start: Of the first row, by the recording's own offset from UTC.
        at_s: Shape `(rows,)`; seconds from `start` at which each row begins, the first 0.
        length_s: Seconds from `start` to the end of the last row.
        people: Shape `(rows,)`; people in the room, 0 or more.
        lighting_kwh: Shape `(rows,)`; energy of each row's interval, NaN where unknown.
        hvac_kwh: Likewise.
    """

    start: datetime
    at_s: FloatArray
    length_s: float
    people: IntArray
    lighting_kwh: FloatArray
    hvac_kwh: FloatArray

    def durations_s(self) -> FloatArray:
        """Return for how many seconds each row holds; shape `(rows,)`."""
        return np.diff(self.at_s, append=self.length_s)


@dataclass(frozen=True, slots=True)
class PeopleRecord:
    """All that a file says of one room.

    Attributes:
        room_id: As the file calls it.
        spacing_s: The usual time between two rows.
        segments: In the order of their time.
        unknown_rows: Rows without a number of people, which count as gaps.
    """

    room_id: str
    spacing_s: float
    segments: tuple[Segment, ...]
    unknown_rows: int

    def days(self) -> float:
        """Return how many days of 24 hours are recorded, gaps left out."""
        return sum(segment.length_s for segment in self.segments) / 86_400


@dataclass(frozen=True, slots=True)
class _Row:
    line: int
    at: datetime
    people: int | None
    lighting_kwh: float
    hvac_kwh: float


def read_people(path: Path, room_id: str | None = None, days: int | None = None) -> PeopleRecord:
    """Return what the file `path` says of one room, as `parse_people` does.

    Raises:
        SimulationError: With the line and the remedy, if the file cannot be read as that.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return parse_people(file, str(path), room_id, days)
    except OSError as fault:
        raise SimulationError(
            f"{path} cannot be read ({fault.strerror}).\nName a CSV file of people in a room."
        ) from fault
    except (UnicodeDecodeError, csv.Error) as fault:
        raise SimulationError(
            f"{path} is no CSV file in UTF-8 ({fault}).\nSave it as CSV with commas, in UTF-8."
        ) from fault


def parse_people(
    lines: Iterable[str], name: str, room_id: str | None = None, days: int | None = None
) -> PeopleRecord:
    """Return what a CSV says of one room.

    Args:
        lines: With timestamp, room_id, people and, where known, lighting_kwh and hvac_kwh.
        name: What messages call it.
        room_id: Which of its rooms; may be left out if there is only one.
        days: Only the first so many dates that have rows.

    Raises:
        SimulationError: With the line and the remedy, if it cannot be read as that.
    """
    reader = csv.DictReader(lines)
    _check_header(name, reader.fieldnames or [])
    numbered = [(reader.line_num, _stripped(name, reader.line_num, cells)) for cells in reader]
    room = _one_room(name, {cells["room_id"] for _, cells in numbered}, room_id)
    rows = [_row(name, line, cells) for line, cells in numbered if cells["room_id"] == room]
    _check_order(name, rows)
    if days is not None:
        kept = sorted({row.at.date() for row in rows})[:days]
        rows = [row for row in rows if row.at.date() in kept]
    if len(rows) < _ROWS_FOR_A_SPACING:
        raise SimulationError(
            f"{name} has {len(rows)} row(s) of room '{room}'.\n"
            "Two at least are needed: how long a row holds is told by the next."
        )
    spacing_s = _usual_spacing_s(name, rows)
    segments = tuple(_segment(run, spacing_s) for run in _runs(rows, spacing_s))
    if not segments:
        raise SimulationError(
            f"{name}: no row of room '{room}' says how many people there are.\n"
            "Fill in the column `people`."
        )
    return PeopleRecord(room, spacing_s, segments, sum(row.people is None for row in rows))


def _check_header(file: str, names: Sequence[str]) -> None:
    for name in _NEEDED:
        if name not in names:
            close = get_close_matches(name, names, n=1)
            renamed = f" Rename `{close[0]}`?" if close else ""
            raise SimulationError(
                f"{file}:1: the column `{name}` is missing.\n"
                f"Begin the file with: timestamp,room_id,people,lighting_kwh,hvac_kwh "
                f"(the last two where they are known).{renamed}"
            )


def _stripped(file: str, line: int, cells: Mapping[str, str | None]) -> dict[str, str]:
    """Return a row's cells without the spaces around them."""
    text = {name: value.strip() for name, value in cells.items() if isinstance(value, str)}
    if len(text) != len(cells):
        raise SimulationError(
            f"{file}:{line}: the row has another number of cells than the header.\n"
            "Write as many cells as the first line names, empty ones included."
        )
    if not text["room_id"]:
        raise SimulationError(f"{file}:{line}: room_id is empty.\nSay which room the row is of.")
    return text


def _one_room(file: str, rooms: Collection[str], asked: str | None) -> str:
    known = sorted(rooms)
    if asked is not None:
        if asked not in known:
            raise SimulationError(
                f"{file} has no room '{asked}'.\nIt has: {', '.join(known) or 'no rows'}."
            )
        return asked
    if not known:
        raise SimulationError(f"{file} has no rows.\nAdd one line per moment and room.")
    if len(known) > 1:
        raise SimulationError(
            f"{file} has {len(known)} rooms: {', '.join(known)}.\n"
            f"Choose one: --people-room {known[0]}"
        )
    return known[0]


def _row(file: str, line: int, text: Mapping[str, str]) -> _Row:
    where = f"{file}:{line}"
    lighting_kwh, hvac_kwh = (_energy(where, name, text.get(name, "")) for name in _ENERGY)
    people = _people(where, text["people"])
    return _Row(line, _timestamp(where, text["timestamp"]), people, lighting_kwh, hvac_kwh)


def _timestamp(where: str, text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError as fault:
        raise SimulationError(
            f"{where}: timestamp '{text}' is no date and time.\n"
            "Write it as 2026-03-02T08:05:00+01:00."
        ) from fault
    if at.tzinfo is None:
        raise SimulationError(
            f"{where}: timestamp '{text}' has no offset from UTC.\n"
            f"Add it, e.g. {text}+01:00, or Z for UTC: a day of 23 hours cannot be told without."
        )
    return at


def _people(where: str, text: str) -> int | None:
    value = _number(where, "people", text)
    if math.isnan(value):
        return None
    if value < 0 or value != int(value):
        raise SimulationError(
            f"{where}: people is {text}.\nIt is a whole number of 0 or more; leave it empty where "
            "nobody knows."
        )
    if value > _MOST_PEOPLE:
        raise SimulationError(
            f"{where}: people is {text}.\nA room of more than {_MOST_PEOPLE} is not simulated."
        )
    return int(value)


def _energy(where: str, name: str, text: str) -> float:
    value = _number(where, name, text)
    if value < 0:
        raise SimulationError(
            f"{where}: {name} is {text}.\nIt is the energy of the interval, 0 or more; leave it "
            "empty where nobody knows."
        )
    return value


def _number(where: str, name: str, text: str) -> float:
    """Return the number that a cell holds; NaN for an empty one."""
    try:
        value = float(text) if text else math.nan
    except ValueError as fault:
        raise SimulationError(
            f"{where}: {name} is '{text}', which is no number.\n"
            "Write digits, with a point for fractions, or leave it empty where nobody knows."
        ) from fault
    if math.isinf(value):
        raise SimulationError(f"{where}: {name} is {text}.\nWrite a number that has an end.")
    return value


def _check_order(file: str, rows: Sequence[_Row]) -> None:
    for before, row in pairwise(rows):
        if row.at == before.at:
            raise SimulationError(
                f"{file}:{row.line}: timestamp {row.at.isoformat()} is also that of line "
                f"{before.line}.\nKeep one row per moment and room."
            )
        if row.at < before.at:
            raise SimulationError(
                f"{file}:{row.line}: timestamp {row.at.isoformat()} is before that of line "
                f"{before.line}.\nSort the rows by time."
            )


def _usual_spacing_s(file: str, rows: Sequence[_Row]) -> float:
    spacings = Counter((row.at - before.at).total_seconds() for before, row in pairwise(rows))
    usual, _ = max(spacings.items(), key=lambda item: (item[1], -item[0]))
    if usual > _LONGEST_SPACING_S:
        raise SimulationError(
            f"{file}: its rows are {usual / 3600:g} hours apart.\n"
            "Count people every hour at least; every five minutes is usual."
        )
    return usual


def _runs(rows: Sequence[_Row], spacing_s: float) -> Iterator[list[_Row]]:
    """Yield rows without a gap; a row of unknown people ends a run and belongs to the next gap."""
    run: list[_Row] = []
    for row in rows:
        late = bool(run) and row.at - run[-1].at > timedelta(seconds=_GAP_SPACINGS * spacing_s)
        if run and (late or run[-1].people is None):
            yield from _told(run)
            run = []
        run.append(row)
    yield from _told(run)


def _told(run: list[_Row]) -> Iterator[list[_Row]]:
    if run and run[0].people is not None:
        yield run


def _segment(run: list[_Row], spacing_s: float) -> Segment:
    start = run[0].at
    ends_early = run[-1].people is None
    last = run[-1].at if ends_early else run[-1].at + timedelta(seconds=spacing_s)
    told = run[:-1] if ends_early else run
    begins = start.astimezone(UTC)
    return Segment(
        start=start,
        at_s=np.array([(row.at - begins).total_seconds() for row in told]),
        length_s=(last - begins).total_seconds(),
        people=np.array([row.people for row in told], dtype=np.int64),
        lighting_kwh=np.array([row.lighting_kwh for row in told]),
        hvac_kwh=np.array([row.hvac_kwh for row in told]),
    )
