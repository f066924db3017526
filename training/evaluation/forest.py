"""The forest plot: what the challenger gains on each slice, and the interval of it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from training.evaluation.comparison import Comparison
from training.evaluation.figures import Paired, SliceFigures
from training.evaluation.gate import Gain, Outcome, Verdict

ROW_PX = 24
_LEFT_PX, _RIGHT_PX, _TOP_PX = 210.0, 560.0, 34.0
# The least that an axis spans to each side: below, nothing is worth a drawing that fills the page.
_LEAST_SPAN = {Gain.AP50: 0.05, Gain.MAE: 0.3}
# Beyond the longest, one in ten: an interval never touches the frame.
_ROOM = 1.1
_TITLES = {
    Gain.AP50: "AP50: gain of the challenger",
    Gain.MAE: "Count: mean error saved, faces a frame",
}


@dataclass(frozen=True, slots=True)
class Row:
    """A slice's line, in pixels of the drawing.

    Attributes:
        name: Of the slice.
        is_whole: Whether it is a whole set.
        y: Of its middle.
        low: Where the interval begins; None without one.
        high: Where it ends.
        point: Where the gain is.
        margin: Where the gate's margin is.
        kind: A CSS class, the outcome of the gate.
        told: The figures, for the table beside the drawing.
        words: The gate's sentence.
    """

    name: str
    is_whole: bool
    y: float
    low: float | None
    high: float | None
    point: float
    margin: float | None
    kind: str
    told: str
    words: str


@dataclass(frozen=True, slots=True)
class Forest:
    """One drawing.

    Attributes:
        title: What is gained.
        rows: From top to bottom.
        ticks: Place and words of each.
        zero: Where no gain is.
        left: Of the axis.
        right: Of the axis.
        top: Of the rows.
        bottom: Of the rows.
    """

    title: str
    rows: tuple[Row, ...]
    ticks: tuple[tuple[float, str], ...]
    zero: float
    left: float
    right: float
    top: float
    bottom: float


def forests(comparison: Comparison, verdict: Verdict) -> list[Forest]:
    """Return a drawing for each figure that the gate asks for."""
    return [_forest(comparison.slices, verdict, figure) for figure in Gain]


def _forest(slices: Sequence[SliceFigures], verdict: Verdict, figure: Gain) -> Forest:
    told = [(one, paired) for one in slices for paired in [_figure(one, figure)] if paired]
    axis = _Axis.over(told, verdict, figure)
    rows = [
        _row(one, paired, index, verdict, figure, axis) for index, (one, paired) in enumerate(told)
    ]
    return Forest(
        _TITLES[figure],
        tuple(rows),
        axis.ticks(),
        axis.x(0.0),
        _LEFT_PX,
        _RIGHT_PX,
        _TOP_PX,
        _TOP_PX + ROW_PX * len(rows),
    )


@dataclass(frozen=True, slots=True)
class _Axis:
    """Gains from `low` to `high`, across the drawing."""

    low: float
    high: float

    @classmethod
    def over(
        cls, told: Sequence[tuple[SliceFigures, Paired]], verdict: Verdict, figure: Gain
    ) -> "_Axis":
        """Return an axis that holds every interval that was judged; the others may be cut off."""
        unjudged = {(one.about, one.figure) for one in verdict.not_judged}
        ends = [
            end
            for one, paired in told
            if (one.name, figure) not in unjudged
            for end in (paired.low, paired.high, paired.gain, -(_margin(one, verdict, figure) or 0))
            if end is not None
        ]
        least = _LEAST_SPAN[figure]
        return cls(_ROOM * min([*ends, -least]), _ROOM * max([*ends, least]))

    def x(self, gain: float) -> float:
        """Return where a gain is, in pixels; at the edge if it is beyond."""
        share = (gain - self.low) / (self.high - self.low)
        return round(_LEFT_PX + (_RIGHT_PX - _LEFT_PX) * min(max(share, 0.0), 1.0), 1)

    def ticks(self) -> tuple[tuple[float, str], ...]:
        """Return place and words of four to eight ticks, 1, 2 or 5 times a power of ten apart."""
        span = self.high - self.low
        power = 10.0 ** math.floor(math.log10(span / 4))
        step = next(power * digit for digit in (1, 2, 5, 10) if span / (power * digit) < 8)
        numbers = range(math.ceil(self.low / step), math.floor(self.high / step) + 1)
        return tuple(
            (self.x(step * number), f"{step * number:+g}" if number else "0") for number in numbers
        )


def _row(
    one: SliceFigures,
    paired: Paired,
    index: int,
    verdict: Verdict,
    figure: Gain,
    axis: _Axis,
) -> Row:
    reason = next(
        (each for each in verdict.reasons if (each.about, each.figure) == (one.name, figure)), None
    )
    margin = _margin(one, verdict, figure)
    return Row(
        name=one.name,
        is_whole="/" not in one.name,
        y=_TOP_PX + ROW_PX * (index + 0.5),
        low=None if paired.low is None else axis.x(paired.low),
        high=None if paired.high is None else axis.x(paired.high),
        point=axis.x(paired.gain),
        margin=None if margin is None else axis.x(-margin),
        kind=(reason.outcome if reason else Outcome.NOT_JUDGED).value.replace(" ", "-"),
        told=f"{paired.champion:.3f} → {paired.challenger:.3f}",
        words=reason.words if reason else "",
    )


def _margin(one: SliceFigures, verdict: Verdict, figure: Gain) -> float | None:
    margins = verdict.margins
    return (
        None
        if (one.name, figure) == (margins.drifted, margins.gain_on)
        else margins.of(one, figure)
    )


def _figure(one: SliceFigures, figure: Gain) -> Paired | None:
    return one.ap50 if figure is Gain.AP50 else one.mae
