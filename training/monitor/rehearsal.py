"""Ten quiet weeks and four mishaps, through the code that runs in earnest."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np

from training.monitor.baseline import Baseline
from training.monitor.capture_writer import write_capture
from training.monitor.deciding import FALSE_ALARMS_A_YEAR, Test, decide, level_of
from training.monitor.footage import FRAME_EVERY_S, Footage, days_from
from training.monitor.frames import Frames, join
from training.monitor.job import Outcome, run
from training.monitor.orders import Orders

# A Monday in spring, when days lengthen fastest: the hardest weeks for what is usual.
FIRST_DAY = date(2026, 3, 2)
BASELINE_WEEKS = 4
_HOUR = timedelta(hours=1)
_A_WEEK = 7
_HOURS_A_DAY = 24
# Hours that mishaps are tried in, all of the second quiet week: at work, and by night.
TRIED_HOURS = (9, 10, 11, 13, 14, 15, 16)
NIGHT_HOUR = 2

Watch = Callable[[Sequence[date]], Iterable[date]]


@dataclass(frozen=True, slots=True)
class QuietWeeks:
    """What quiet weeks raised.

    Attributes:
        hours: That were looked at.
        tests: In all of them.
        raised: Every figure that was told, in vain.
        level: The chance of a false alarm that one hour was allowed.
    """

    hours: int
    tests: int
    raised: tuple[Test, ...]
    level: float

    @property
    def false_hours(self) -> int:
        """Return in how many hours anything was raised."""
        return len({test.at for test in self.raised})

    @property
    def expected(self) -> float:
        """Return how many false hours the stated rate allows, on average."""
        return self.hours * self.level


@dataclass(frozen=True, slots=True)
class Found:
    """What was made of an hour in which something is wrong.

    Attributes:
        condition: What is.
        began: When.
        after_s: Seconds of footage until it was told; None if an hour was not enough.
        features: That named it, surest first.
    """

    condition: str
    began: datetime
    after_s: float | None
    features: tuple[str, ...]


def rehearsed_frames(footage: Footage, watch: Watch = iter) -> Frames:
    """Return the frames of the weeks that are the baseline."""
    days = days_from(FIRST_DAY, BASELINE_WEEKS * _A_WEEK)
    return join([footage.day(day) for day in watch(days)])


def quiet_weeks(
    footage: Footage,
    baseline: Baseline,
    weeks: int,
    watch: Watch = iter,
    false_alarms_a_year: float = FALSE_ALARMS_A_YEAR,
) -> QuietWeeks:
    """Return what the weeks after the baseline raise, looked at hour by hour."""
    hours = tests = 0
    raised: list[Test] = []
    for day in watch(days_from(FIRST_DAY + timedelta(weeks=BASELINE_WEEKS), weeks * _A_WEEK)):
        frames = footage.day(day)
        midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
        for ahead in range(_HOURS_A_DAY):
            window = frames.between(midnight + ahead * _HOUR, midnight + (ahead + 1) * _HOUR)
            decision = decide(baseline, window, false_alarms_a_year)
            hours, tests = hours + 1, tests + len(decision.tests)
            raised += decision.drifts
    return QuietWeeks(hours, tests, tuple(raised), level_of(false_alarms_a_year))


def mishap(
    footage: Footage,
    baseline: Baseline,
    condition: str,
    began: datetime,
    false_alarms_a_year: float = FALSE_ALARMS_A_YEAR,
) -> Found:
    """Return what is made of an hour under a condition, and after how much of its footage."""
    hour = footage.day(began.date(), condition).between(began, began + _HOUR)
    told = decide(baseline, hour, false_alarms_a_year).drifts
    if not told:
        return Found(condition, began, None, ())
    return Found(
        condition,
        began,
        _seconds_needed(baseline, hour, began, false_alarms_a_year),
        tuple(dict.fromkeys(test.feature for test in told)),
    )


def through_files(
    footage: Footage, baseline_folder: Path, work: Path, condition: str, began: datetime
) -> Outcome:
    """Return the outcome of the job on an hour's capture files, written for it below `work`."""
    source = work / "endpointdata"
    write_capture(_hours_around(footage, condition, began), source)
    return run(
        Orders(
            dataset=source,
            output=work / "resultdata",
            start=began,
            end=began + _HOUR,
            baseline=(baseline_folder / "statistics.json", baseline_folder / "constraints.json"),
            endpoint="faces",
            schedule="rehearsal",
            message=work / "output/message",
            metrics=work / "output/metrics/cloudwatch",
        )
    )


def _hours_around(footage: Footage, condition: str, began: datetime) -> Frames:
    """Return the hour, and an hour either way that is not asked about."""
    return footage.day(began.date(), condition).between(began - _HOUR, began + 2 * _HOUR)


def _seconds_needed(
    baseline: Baseline, hour: Frames, began: datetime, false_alarms_a_year: float
) -> float:
    """Return after how much footage it is told, by halving: shortest window that tells it."""
    times = np.unique(hour.at_s)
    low, high = 0, len(times)
    while high - low > 1:
        middle = (low + high) // 2
        part = hour.where(hour.at_s <= times[middle - 1])
        if decide(baseline, part, false_alarms_a_year).drifts:
            high = middle
        else:
            low = middle
    return float(times[high - 1] - began.timestamp()) + FRAME_EVERY_S
