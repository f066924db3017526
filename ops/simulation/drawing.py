"""Lines and areas of one day's chart: values over 24 hours to the pixels of an SVG path."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ops.simulation.people import FloatArray, IntArray

DAY_S = 86_400.0
WIDTH, LEFT, RIGHT = 800, 44, 8
# One column of pixels each: what changes faster cannot be seen, and need not be sent.
COLUMNS = WIDTH - LEFT - RIGHT
# Round to the eye: 1, 2 and 5 times the powers of ten.
_STEPS = [base * 10.0**power for power in range(-3, 8) for base in (1, 2, 5)]
_MOST_TICKS = 5


@dataclass(frozen=True, slots=True)
class Panel:
    """A strip of the chart with an axis of its own.

    Attributes:
        top: Pixel of its upper edge.
        height: In pixels.
        most: The value at the upper edge; 0 is at the lower.
    """

    top: float
    height: float
    most: float

    @property
    def bottom(self) -> float:
        """The pixel of its lower edge."""
        return self.top + self.height

    def y(self, value: float) -> float:
        """Return the pixel of a value."""
        return round(self.bottom - min(value / self.most, 1.0) * self.height, 1)


def round_ticks(most: float) -> list[float]:
    """Return three to six round values from 0 on, up to `most`, to write at an axis."""
    step = next(step for step in _STEPS if most / step <= _MOST_TICKS)
    return [step * number for number in range(int(most / step) + 1)]


def x(at_s: float) -> float:
    """Return the pixel of a second of the day."""
    return round(LEFT + min(max(at_s / DAY_S, 0.0), 1.0) * COLUMNS, 1)


@dataclass(frozen=True, slots=True)
class Spans:
    """Values of one part of a day that is recorded without a gap.

    Attributes:
        edges_s: Shape `(spans + 1,)`; seconds of the day, rising.
        values: Shape `(spans,)`; NaN where nothing is drawn.
    """

    edges_s: FloatArray
    values: FloatArray


def line(parts: list[Spans], panel: Panel) -> str:
    """Return the path of values that hold until they change, one a column of pixels."""
    path = []
    for part in parts:
        edges, values = _by_column(part, np.fmax)
        for run in _drawn(values):
            path.append(f"M{x(edges[run.start])} {panel.y(values[run.start])}")
            path += _steps(edges, values, run, panel)
    return "".join(path)


def area(parts: list[Spans], panel: Panel, floor: list[Spans] | None = None) -> str:
    """Return the path of the area below values, down to 0 or to `floor` of the same spans."""
    path = []
    for at, part in enumerate(parts):
        edges, high = _by_column(part, np.fmax)
        low = _by_column(floor[at], np.fmin)[1] if floor else np.zeros(high.size)
        for run in _drawn(high):
            path.append(f"M{x(edges[run.start])} {panel.y(high[run.start])}")
            path += _steps(edges, high, run, panel)
            path.append(f"V{panel.y(low[run.stop - 1])}")
            path += _back(edges, low, run, panel)
            path.append("Z")
    return "".join(path)


def _steps(edges: FloatArray, values: FloatArray, run: slice, panel: Panel) -> Iterator[str]:
    last = values[run.start]
    for column in range(run.start + 1, run.stop):
        if values[column] != last:
            last = values[column]
            yield f"H{x(edges[column])}V{panel.y(last)}"
    yield f"H{x(edges[run.stop])}"


def _back(edges: FloatArray, values: FloatArray, run: slice, panel: Panel) -> Iterator[str]:
    last = values[run.stop - 1]
    for column in range(run.stop - 2, run.start - 1, -1):
        if values[column] != last:
            last = values[column]
            yield f"H{x(edges[column + 1])}V{panel.y(last)}"
    yield f"H{x(edges[run.start])}"


def _by_column(part: Spans, most: np.ufunc) -> tuple[FloatArray, FloatArray]:
    """Return (edges, values) with at most one value for each column of pixels."""
    columns = np.floor(part.edges_s[:-1] / DAY_S * COLUMNS).astype(np.int64)
    first: IntArray = np.flatnonzero(np.diff(columns, prepend=-1))
    values: FloatArray = most.reduceat(part.values, first)
    return np.append(part.edges_s[first], part.edges_s[-1]), values


def _drawn(values: FloatArray) -> Iterator[slice]:
    """Yield where values are to be drawn."""
    edges = np.flatnonzero(np.diff(np.isfinite(values).astype(np.int8), prepend=0, append=0))
    for first, last in edges.reshape(-1, 2).tolist():
        yield slice(first, last)
