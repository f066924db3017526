"""A made-up building for the monitor's tests, with pictures like those that were measured."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np

from headcount.domain.features import FEATURE_NAMES
from training.monitor.baseline import Baseline, make_baseline
from training.monitor.footage import CAMERAS, Footage, days_from
from training.monitor.frames import Frames, join
from training.monitor.pictures import MOST_PEOPLE, Bank

HOUR = timedelta(hours=1)
MONDAY = date(2026, 3, 2)
MODEL = {"name": "centerface", "version": "1.0.0", "sha256": "ab" * 32, "threshold": 0.4}
_AT = {name: number for number, name in enumerate(FEATURE_NAMES)}
_LAYOUT = slice(_AT["embedding_1"], _AT["embedding_8"] + 1)
# Factors and shifts of figures, to a digit what `headcount monitor rehearse` measures.
_EFFECTS: Mapping[str, Mapping[str, tuple[float, float]]] = {
    "quiet": {},
    "darkened": {"brightness": (0.5, 0), "contrast": (0.5, 0), "blur": (0.27, 0)},
    "blurred": {"blur": (0.015, 0), "score_mean": (1, -0.12), "score_lowest": (1, -0.2)},
    "moved": {"embedding_1": (1, 0.06), "embedding_4": (1, -0.05), "embedding_5": (1, 0.06)},
    "masked": {"score_mean": (1, -0.11), "score_lowest": (1, -0.17)},
}


def made_up_bank() -> Bank:
    """Return a bank of a few pictures for each number of people, in every condition."""
    rng = np.random.default_rng(3)
    layouts = {view: rng.uniform(-0.5, 0.5, 8) for view in ("wide", "near")}
    rows = {}
    for view, layout in layouts.items():
        for light, most in (("day", MOST_PEOPLE), ("infrared", 1)):
            for people in range(most + 1):
                quiet = _pictures(layout, light, people, rng)
                for condition, effects in _EFFECTS.items():
                    changed = quiet.copy()
                    for name, (factor, shift) in effects.items():
                        changed[:, _AT[name]] = changed[:, _AT[name]] * factor + shift
                    rows[view, light, condition, people] = changed
    return Bank(rows, MODEL)


def _pictures(layout: np.ndarray, light: str, people: int, rng: np.random.Generator) -> np.ndarray:
    count = 6 if people else 2
    rows = np.full((count, len(FEATURE_NAMES)), np.nan)
    gain = 1.0 if light == "day" else 0.45
    rows[:, _AT["brightness"]] = (0.64 - 0.01 * people) * gain
    rows[:, _AT["contrast"]] = (0.165 + 0.006 * people) * gain
    rows[:, _AT["blur"]] = (64 + 95 * people) * gain**2
    rows[:, _AT["faces"]] = people
    rows[:, _LAYOUT] = layout + 0.01 * people * rng.standard_normal((count, 8))
    if people:
        rows[:, _AT["score_mean"]] = 0.85 + 0.01 * rng.standard_normal(count)
        rows[:, _AT["score_lowest"]] = rows[:, _AT["score_mean"]] - 0.01 * (people - 1)
        rows[:, _AT["box_size"]] = 0.1
        rows[:, _AT["small_share"]] = 0.0
    return rows


def footage(seed: int = 1, cameras: int = 2) -> Footage:
    return Footage(made_up_bank(), seed, CAMERAS[:cameras])


def weeks_of(source: Footage, days: int = 28, first: date = MONDAY) -> Frames:
    """Return days of a frame every 20 seconds: as telling as all, in a quarter of the time."""
    return join([thinned(source.day(day), 4) for day in days_from(first, days)])


def thinned(frames: Frames, every: int) -> Frames:
    times = np.unique(frames.at_s)[::every]
    return frames.where(np.isin(frames.at_s, times))


def baseline_of(source: Footage, days: int = 28) -> Baseline:
    return make_baseline(weeks_of(source, days))


def at(day: date, hour: int) -> datetime:
    return datetime(day.year, day.month, day.day, hour, tzinfo=UTC)


def hour_of(source: Footage, day: date, hour: int, condition: str = "quiet") -> Frames:
    return source.day(day, condition).between(at(day, hour), at(day, hour) + HOUR)


def lines_of(folder: Path) -> int:
    return sum(len(path.read_text().splitlines()) for path in folder.rglob("*.jsonl"))
