"""Days that nobody recorded: people come to meetings, stay late, and a cleaner looks in."""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from headcount.domain.policy import Room
from headcount.domain.schedule import OpeningHours
from ops.simulation.building import LIGHTING
from ops.simulation.people import IntArray

# A Monday, so that 5 days are a working week.
_FIRST_DAY = date(2026, 3, 2)
_SPACING = timedelta(minutes=5)
_MINUTES_A_DAY = 24 * 60
_WORKING_DAYS = 5
# What a room without opening hours is used for, in minutes since midnight.
_USUAL_HOURS = (8 * 60, 18 * 60)
# All chosen, in minutes: a meeting, the pause after it, and who is early or late for it.
_MEETING_MIN = (25, 120)
_PAUSE_MIN = (0, 75)
_LATE_MIN = (-10, 10)
# Chosen: what share of the seats a meeting takes, as the two parameters of a beta distribution.
_SEATS_TAKEN = (1.5, 3.0)
# Chosen: every other day one person works on after the room has closed, for up to two hours.
_STAYS_LATE = 0.5
_LATE_WORK_MIN = 120
_CLEANING_MIN = 20
# Chosen: people in a room of which nobody said how many it is meant for.
_USUAL_CAPACITY = 12

Spans = Sequence[tuple[int, int]]


def made_up_csv(days: int, room: Room, time_zone: str, seed: int) -> Iterator[str]:
    """Yield the lines of a CSV of days in `room`; the same seed makes the same days.

    Lighting energy is that of all lamps from the first person of a day until the room closes, as
    in a building where somebody switches on and nobody off; empty where no power is stated.
    """
    rng = np.random.default_rng([seed, days])
    zone = ZoneInfo(time_zone)
    row_kwh = _full_w(room) * _SPACING.total_seconds() / 3.6e6
    yield "timestamp,room_id,people,lighting_kwh"
    for ahead in range(days):
        day = _FIRST_DAY + timedelta(days=ahead)
        spans = _open_spans(day, room.hours)
        people = _day(spans, room.capacity or _USUAL_CAPACITY, rng)
        there = np.flatnonzero(people)
        lit_from, lit_to = (
            (there[0], max(there[-1] + 1, spans[-1][1] if spans else 0)) if there.size else (0, 0)
        )
        # By UTC, for a day of daylight saving has 23 or 25 hours.
        at, end = (
            datetime.combine(day + timedelta(days=more), time(), zone).astimezone(UTC)
            for more in (0, 1)
        )
        while at < end:
            wall = at.astimezone(zone)
            minute = wall.hour * 60 + wall.minute
            kwh = f"{row_kwh if lit_from <= minute < lit_to else 0.0:.5f}" if row_kwh else ""
            yield f"{wall.isoformat()},made-up,{people[minute]},{kwh}"
            at += _SPACING


def _full_w(room: Room) -> float:
    """Return what all lamps of a room draw; 0 where that is not stated."""
    lights = [group for group in room.devices if group.kind == LIGHTING]
    return sum((group.device_power_w or 0.0) * group.max_level for group in lights)


def _open_spans(day: date, hours: OpeningHours | None) -> Spans:
    """Return from when to when people come on a day, in minutes since midnight."""
    if hours is None:
        return [_USUAL_HOURS] if day.weekday() < _WORKING_DAYS else []
    return [] if day in hours.holidays else hours.week[day.weekday()]


def _day(spans: Spans, capacity: int, rng: np.random.Generator) -> IntArray:
    """Return the people in each minute of a day; shape `(1440,)`."""
    people = np.zeros(_MINUTES_A_DAY, dtype=np.int64)
    for opens, closes in spans:
        starts = opens + int(rng.integers(*_PAUSE_MIN))
        while starts < closes:
            ends = min(starts + int(rng.integers(*_MEETING_MIN)), closes)
            guests = max(1, round(capacity * float(rng.beta(*_SEATS_TAKEN))))
            for _ in range(guests):
                comes, goes = (moment + int(rng.integers(*_LATE_MIN)) for moment in (starts, ends))
                people[max(comes, 0) : max(goes, 0)] += 1
            starts = ends + int(rng.integers(*_PAUSE_MIN))
    if spans:
        closes = spans[-1][1]
        if rng.random() < _STAYS_LATE:
            people[closes : closes + int(rng.integers(_LATE_WORK_MIN))] += 1
        cleaned = closes + int(rng.integers(_LATE_WORK_MIN))
        people[cleaned : cleaned + _CLEANING_MIN] += 1
    return people
