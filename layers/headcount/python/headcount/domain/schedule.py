"""When a room is open, by the clock on its wall, through daylight saving and holidays."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

_DAY = timedelta(days=1)
_DAYS_A_WEEK = 7
_MINUTES_A_DAY = 24 * 60
# Chosen: who closes for longer than this is asked again meanwhile, for control decides each minute.
_LOOK_AHEAD_DAYS = 31
# Chosen: a fortnight of a hundred rooms with hours of their own.
_DAYS_REMEMBERED = 2048

# From when to when a room is open on one day, in minutes since midnight.
Spans = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class OpeningHours:
    """The hours of a week, without the holidays.

    Attributes:
        zone: Whose clock is meant.
        week: The spans of each weekday, Monday first; ordered, apart.
        holidays: Dates on which it is closed.
    """

    zone: ZoneInfo
    week: tuple[Spans, ...]
    holidays: frozenset[date] = frozenset()

    def __post_init__(self) -> None:
        if len(self.week) != _DAYS_A_WEEK:
            raise ValueError(f"schedule: it has {len(self.week)} days; a week has seven")
        for spans in self.week:
            bounds = [minute for span in spans for minute in span]
            ordered = sorted(bounds) == bounds
            if not ordered or any(opens >= closes for opens, closes in spans):
                raise ValueError(
                    f"schedule: the spans {spans} overlap or end before they start; "
                    "write them in order, apart"
                )
            if bounds and not 0 <= bounds[0] < bounds[-1] <= _MINUTES_A_DAY:
                raise ValueError(f"schedule: the spans {spans} leave the day of 0 to 1440 minutes")

    def is_open(self, at: datetime) -> bool:
        """Return whether the room is open at `at`."""
        return self.span(at) is not None

    def span(self, at: datetime) -> tuple[datetime, datetime] | None:
        """Return from when to when, in UTC, the room is open around `at`; None if it is closed."""
        for opens, closes in self._spans_from(at):
            if opens > at:
                return None
            if at < closes:
                return opens, closes
        return None

    def next_change(self, at: datetime) -> datetime | None:
        """Return when the room next opens or closes after `at`; None if not within a month."""
        for opens, closes in self._spans_from(at):
            if opens > at:
                return opens
            if closes > at:
                return closes
        return None

    def last_close(self, at: datetime) -> datetime | None:
        """Return when the room closed last, up to `at`; None if not within a month."""
        today = at.astimezone(self.zone).date()
        for days in range(-1, _LOOK_AHEAD_DAYS):
            for _, closes in reversed(_on_day(self, today - days * _DAY)):
                if closes <= at and not self.is_open(closes):
                    return closes
        return None

    def _spans_from(self, at: datetime) -> Iterator[tuple[datetime, datetime]]:
        """Yield the spans from the day before `at` on, those that touch joined to one."""
        # The day before: its 24:00 may be our 00:00, and clocks may go back over midnight.
        first = at.astimezone(self.zone).date() - _DAY
        held: tuple[datetime, datetime] | None = None
        for days in range(_LOOK_AHEAD_DAYS + 1):
            for opens, closes in _on_day(self, first + days * _DAY):
                if held is not None and opens <= held[1]:
                    held = held[0], max(held[1], closes)
                    continue
                if held is not None:
                    yield held
                held = opens, closes
        if held is not None:
            yield held


@lru_cache(maxsize=_DAYS_REMEMBERED)
def _on_day(hours: OpeningHours, day: date) -> tuple[tuple[datetime, datetime], ...]:
    """Return the spans of one date, in UTC."""
    if day in hours.holidays:
        return ()
    moments = [
        (_first(hours.zone, day, opens), _last(hours.zone, day, closes))
        for opens, closes in hours.week[day.weekday()]
    ]
    # Clocks that go forward leave out a time, and a span that lies within it does not happen.
    return tuple((opens, closes) for opens, closes in moments if opens < closes)


def _first(zone: ZoneInfo, day: date, minutes: int) -> datetime:
    """Return when the clock first shows that time, or steps over it."""
    return min(_readings(zone, day, minutes))


def _last(zone: ZoneInfo, day: date, minutes: int) -> datetime:
    """Return when the clock last shows that time, or steps over it."""
    return max(_readings(zone, day, minutes))


def _readings(zone: ZoneInfo, day: date, minutes: int) -> tuple[datetime, datetime]:
    """Return the moments in UTC at which a clock shows `minutes` since midnight: mostly one."""
    wall = datetime.combine(day, time()) + timedelta(minutes=minutes)
    before, after = (wall.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    if before <= after:
        return before, after
    # The clock steps over this time. By the rules of both sides of the step, it would be shown
    # after and before it; the step lies between.
    step = _step(zone, after, before)
    return step, step


def _step(zone: ZoneInfo, early: datetime, late: datetime) -> datetime:
    """Return the moment between the two at which the clock of `zone` goes forward."""
    old = early.astimezone(zone).utcoffset()
    while late - early > timedelta(seconds=1):
        middle = early + (late - early) // 2
        if middle.astimezone(zone).utcoffset() == old:
            early = middle
        else:
            late = middle
    return late.replace(microsecond=0)
