"""Promote a challenger or reject it, and say why in words.

Promoted is only who is better on what drifted, and not worse by more than a stated margin on
anything else that can be judged. All of it must hold at once: an intersection-union test, whose
chance of a wrong promotion is at most that of its weakest part however many slices there are
(Berger, 1982, Technometrics 24(4), 295-300). So no level is corrected for the number of slices.
The price is paid by good challengers: each further slice is a further chance to be rejected.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from training.evaluation.comparison import Comparison
from training.evaluation.figures import Paired, SliceFigures
from training.manifest import Split

# Far below any gain that matters.
_ROUNDING = 1e-9


class Outcome(StrEnum):
    """What became of one question of the gate."""

    BETTER = "better"
    NOT_BETTER = "not better"
    NOT_WORSE = "not worse"
    WORSE = "worse"
    NOT_SHOWN = "not shown"
    WITHIN = "within bounds"
    BEYOND = "beyond bounds"
    NOT_JUDGED = "not judged"


class Gain(StrEnum):
    """The figure that must be better on what drifted."""

    AP50 = "ap50"
    MAE = "mae"


_REFUSED = frozenset({Outcome.NOT_BETTER, Outcome.WORSE, Outcome.NOT_SHOWN, Outcome.BEYOND})


@dataclass(frozen=True, slots=True)
class Margins:
    """What a challenger may lose, and what it must win.

    Attributes:
        gain_on: The figure that must be better on what drifted; chosen before looking, since the
            better of two would be won by chance twice as often.
        drifted: The slice that drifted.
        ap50: AP50 that a whole set may lose.
        mae_faces: Faces a frame by which its count may be more wrong, at least.
        mae_share: The same as a share of the faces in a frame, where that is more.
        slice_factor: How many times as much a part of a set may lose: it is known less well.
        false_faces: Faces a frame by which counts may be more wrong where there is no face.
        speed_ratio: How many times the champion's time a frame may take.
        size_ratio: How many times the champion's bytes the weights may take.
        least_frames: Slices with fewer frames are not judged.
        least_groups: Nor those with fewer scenes: intervals from fewer are too narrow.
        least_faces: Nor is the AP50 of those with fewer faces.
    """

    # All chosen, and argued for in docs/evaluation.md.
    gain_on: Gain = Gain.AP50
    drifted: str = Split.DRIFTED.value
    ap50: float = 0.02
    mae_faces: float = 0.1
    mae_share: float = 0.05
    # The interval of a sixth of the frames is about 2.5 times as wide.
    slice_factor: float = 2.5
    false_faces: float = 0.05
    speed_ratio: float = 1.25
    size_ratio: float = 1.5
    least_frames: int = 20
    least_groups: int = 20
    least_faces: int = 30

    def __post_init__(self) -> None:
        negative = [name for name, value in asdict(self).items() if not _may_be(value)]
        if negative:
            raise ValueError(f"{', '.join(negative)} must not be negative.")

    def of(self, one: SliceFigures, figure: Gain) -> float:
        """Return what may be lost of a figure on a slice."""
        if figure is Gain.MAE and one.faces == 0:
            return self.false_faces
        margin = self.ap50
        if figure is Gain.MAE:
            margin = max(self.mae_faces, self.mae_share * one.faces / one.frames)
        return margin if _is_whole(one) else margin * self.slice_factor


@dataclass(frozen=True, slots=True)
class Reason:
    """One question of the gate and its answer.

    Attributes:
        about: The slice, or `speed` or `size`.
        figure: E.g. `ap50`.
        outcome: What became of it.
        words: The same as a sentence.
    """

    about: str
    figure: str
    outcome: Outcome
    words: str

    @property
    def refuses(self) -> bool:
        """Return whether it alone keeps the challenger out."""
        return self.outcome in _REFUSED


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the gate decided.

    Attributes:
        promote: Whether the challenger may replace the champion.
        reasons: Every question and its answer, what refuses first.
        margins: What was asked for.
    """

    promote: bool
    reasons: tuple[Reason, ...]
    margins: Margins

    @property
    def won(self) -> tuple[Reason, ...]:
        """Return what is better."""
        return tuple(reason for reason in self.reasons if reason.outcome is Outcome.BETTER)

    @property
    def against(self) -> tuple[Reason, ...]:
        """Return the reasons that refuse."""
        return tuple(reason for reason in self.reasons if reason.refuses)

    @property
    def not_judged(self) -> tuple[Reason, ...]:
        """Return what nothing could be said of."""
        return tuple(reason for reason in self.reasons if reason.outcome is Outcome.NOT_JUDGED)

    def as_json(self) -> dict[str, Any]:
        """Return the verdict as it travels in ModelEvaluated."""
        return {
            "verdict": "promote" if self.promote else "reject",
            "margins": asdict(self.margins),
            "reasons": [asdict(reason) for reason in self.reasons],
        }


def gate(comparison: Comparison, margins: Margins | None = None) -> Verdict:
    """Return whether the challenger may replace the champion, with every reason.

    Args:
        comparison: Of the two on the frozen sets.
        margins: What may be lost and must be won; by default `Margins()`.
    """
    asked = margins or Margins()
    reasons = [*_won(comparison, asked), *_lost(comparison, asked), *_costs(comparison, asked)]
    reasons.sort(key=lambda reason: (not reason.refuses, reason.outcome is not Outcome.NOT_JUDGED))
    return Verdict(not any(reason.refuses for reason in reasons), tuple(reasons), asked)


def _won(comparison: Comparison, margins: Margins) -> Iterator[Reason]:
    """Yield whether the challenger is better on what drifted; where nobody knows, it is not."""
    name, figure = margins.drifted, margins.gain_on
    one = comparison.named(name)
    if one is None:
        words = f"There is no slice {name}, so nothing shows that the challenger is better on it."
        yield Reason(name, figure, Outcome.NOT_SHOWN, words)
        return
    paired, lacking = _figure(one, figure), _lacking(one, figure, margins)
    if lacking or paired is None or paired.low is None:
        words = f"On the slice {name}, {_called(figure)} cannot be judged: {lacking}."
        yield Reason(name, figure, Outcome.NOT_SHOWN, words)
        return
    # Equal counts in two sums can differ by what floats round off.
    is_better = paired.low > _ROUNDING
    yield Reason(
        name,
        figure,
        Outcome.BETTER if is_better else Outcome.NOT_BETTER,
        f"On the slice {name}, {_told(paired, figure)}: "
        + ("better." if is_better else "not shown to be better, the lower end is not above zero."),
    )


def _lost(comparison: Comparison, margins: Margins) -> Iterator[Reason]:
    """Yield whether anything else was lost, slice by slice."""
    for one in comparison.slices:
        for figure in Gain:
            # Without faces there is no AP50 to lose, and of one size of faces no count.
            is_asked = one.mae is not None if figure is Gain.MAE else one.faces or _is_whole(one)
            if is_asked and (one.name, figure) != (margins.drifted, margins.gain_on):
                yield _not_worse(one, figure, margins)


def _not_worse(one: SliceFigures, figure: Gain, margins: Margins) -> Reason:
    paired, lacking = _figure(one, figure), _lacking(one, figure, margins)
    if lacking or paired is None or paired.low is None:
        words = f"On {one.name}, {_called(figure)} is not judged: {lacking}."
        if paired is not None:
            words += f" It went from {paired.champion:.3f} to {paired.challenger:.3f}."
        # All else is a part of a whole set: what nobody can say of that must not pass.
        outcome = Outcome.NOT_SHOWN if _is_whole(one) else Outcome.NOT_JUDGED
        return Reason(one.name, figure, outcome, words)
    margin = margins.of(one, figure)
    words = f"On {one.name}, {_told(paired, figure)}: "
    if paired.low > -margin:
        return Reason(
            one.name, figure, Outcome.NOT_WORSE, f"{words}not worse, the margin is {margin:.3f}."
        )
    if paired.high is not None and paired.high < 0:
        perhaps = "" if paired.high < -margin else "and perhaps "
        words += f"worse, {perhaps}by more than the margin of {margin:.3f}."
        return Reason(one.name, figure, Outcome.WORSE, words)
    words += f"not shown to lose less than the margin of {margin:.3f}."
    return Reason(one.name, figure, Outcome.NOT_SHOWN, words)


def _is_whole(one: SliceFigures) -> bool:
    return "/" not in one.name


def _costs(comparison: Comparison, margins: Margins) -> Iterator[Reason]:
    speed = comparison.speed
    is_within = speed.ratio <= margins.speed_ratio
    yield Reason(
        "speed",
        "ms",
        Outcome.WITHIN if is_within else Outcome.BEYOND,
        f"A frame takes {speed.challenger_ms:.1f} ms after {speed.champion_ms:.1f} ms, "
        f"{speed.ratio:.2f} times as long; {margins.speed_ratio:.2f} times are allowed.",
    )
    sizes = comparison.champion.size, comparison.challenger.size
    if sizes[0] is None or sizes[1] is None:
        words = "The size is not judged: the weights files were not at hand."
        yield Reason("size", "bytes", Outcome.NOT_JUDGED, words)
        return
    ratio = sizes[1].bytes / sizes[0].bytes
    yield Reason(
        "size",
        "bytes",
        Outcome.WITHIN if ratio <= margins.size_ratio else Outcome.BEYOND,
        f"The weights have {sizes[1].bytes} bytes after {sizes[0].bytes}, {ratio:.2f} times as "
        f"many; {margins.size_ratio:.2f} times are allowed.",
    )


def _figure(one: SliceFigures, figure: Gain) -> Paired | None:
    return one.ap50 if figure is Gain.AP50 else one.mae


def _lacking(one: SliceFigures, figure: Gain, margins: Margins) -> str:
    """Return what a slice has too little of to be judged; empty if nothing."""
    paired = _figure(one, figure)
    if paired is None:
        return "it has no labelled face"
    asked = [
        (one.frames, margins.least_frames, "frames"),
        (one.groups, margins.least_groups, "scenes"),
    ]
    if figure is Gain.AP50:
        asked.append((one.faces, margins.least_faces, "faces"))
    lacking = [f"{has} {what} ({least} needed)" for has, least, what in asked if has < least]
    if lacking:
        return f"it has {', '.join(lacking)}"
    return "too few resamples have a face in them" if paired.low is None else ""


def _called(figure: Gain) -> str:
    return {Gain.AP50: "AP50", Gain.MAE: "the count's mean error"}[figure]


def _told(paired: Paired, figure: Gain) -> str:
    """Return both models' figure and the interval of the gain, in words."""
    return (
        f"{_called(figure)} goes from {paired.champion:.3f} to {paired.challenger:.3f}, a gain of "
        f"{paired.gain:+.3f} [{paired.low:+.3f}, {paired.high:+.3f}]"
    )


def _may_be(value: Any) -> bool:
    return not isinstance(value, int | float) or value >= 0
