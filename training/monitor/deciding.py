"""Is it drift? Every figure of a window is a test, and all tests of an hour are corrected together.

A figure is told if it is both sure (its corrected p-value is at most the run's share of the stated
false-alarm rate) and worth telling (its distance is at least the feature's least shift).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from headcount.domain.drift import (
    cdf_difference,
    holm,
    jensen_shannon_distance,
    population_stability_index,
)
from headcount.domain.features import BINS, FEATURES
from training.monitor.baseline import Baseline
from training.monitor.frames import Frames
from training.monitor.hours import ALL_CAMERAS, HOURS_A_DAY, CountArray, FloatArray, Stream
from training.monitor.moving import Moved

_DAYS_A_YEAR = 365
# The value in the middle of each bin; shape `(features, BINS)`.
_MIDDLES = np.stack([feature.off_grid((np.arange(BINS) + 0.5) / BINS) for feature in FEATURES])
# Chosen: a false alarm costs an ML engineer an hour; one a year is what they will bear.
FALSE_ALARMS_A_YEAR = 1.0


@dataclass(frozen=True, slots=True)
class Test:
    """One feature of one stream in one hour.

    Attributes:
        at: When the hour began.
        stream: A camera in a scene, or `ALL_CAMERAS` for the model as a whole.
        feature: Its name.
        frames: How many had it.
        mean: Of them.
        usual_mean: Of what they are compared with, as the bins tell it.
        linf: Largest difference of the cumulative distributions, 0 to 1.
        psi: Population stability index.
        js: Jensen-Shannon distance, 0 to 1.
        wasserstein: As a share of the feature's grid; of what the model says, as a whole: the shift
            that its cameras have in common.
        spreads: That, in units of what is usual at the hour.
        p_value: Corrected for all tests of the hour.
        is_drift: Whether it is to be told.
    """

    at: datetime
    stream: Stream
    feature: str
    frames: int
    mean: float
    usual_mean: float
    linf: float
    psi: float
    js: float
    wasserstein: float
    spreads: float
    p_value: float
    is_drift: bool

    @property
    def is_of_model(self) -> bool:
        """Return whether it is of all cameras together."""
        return self.stream.camera == ALL_CAMERAS


@dataclass(frozen=True, slots=True)
class Decision:
    """What is to be said of a window.

    Attributes:
        tests: In the order of their hours.
        too_few: How many figures had too few frames, or nothing to be compared with.
        unknown_cameras: Cameras that the baseline has never seen.
        level: The chance of a false alarm in one hour that was allowed.
    """

    tests: tuple[Test, ...]
    too_few: int
    unknown_cameras: tuple[str, ...]
    level: float

    @property
    def drifts(self) -> tuple[Test, ...]:
        """Return the tests that are to be told, surest first."""
        told = [test for test in self.tests if test.is_drift]
        return tuple(sorted(told, key=lambda test: (test.p_value, -test.spreads)))


def level_of(false_alarms_a_year: float) -> float:
    """Return the chance of a false alarm that one hour may have, for so many a year."""
    return min(1.0, false_alarms_a_year / (_DAYS_A_YEAR * HOURS_A_DAY))


def decide(
    baseline: Baseline, frames: Frames, false_alarms_a_year: float = FALSE_ALARMS_A_YEAR
) -> Decision:
    """Return whether a window's frames have drifted from their baseline.

    Args:
        baseline: Of the model that answered.
        frames: Of the window, of that model.
        false_alarms_a_year: How many hours of a quiet year may raise something.
    """
    level = level_of(false_alarms_a_year)
    by_hour: dict[int, list[_Figure]] = {}
    too_few = 0
    for one in baseline.measure(frames):
        measured = _Measured.of(one, baseline.in_spreads(one))
        for number, feature in enumerate(FEATURES):
            if not one.stream.scene.tells_of(feature):
                continue
            for hour, start_s in enumerate(one.start_s):
                spreads = float(measured.spreads[hour, number])
                p_value = (
                    baseline.p_value(feature, one.stream, spreads) if np.isfinite(spreads) else None
                )
                if p_value is None:
                    too_few += 1
                    continue
                figure = _Figure(measured, hour, number, p_value)
                by_hour.setdefault(int(start_s), []).append(figure)
    tests = [
        figure.as_test(corrected, level)
        for _start_s, figures in sorted(by_hour.items())
        for figure, corrected in _corrected(figures)
    ]
    seen = {frames.cameras[index] for index in np.unique(frames.camera)}
    unknown = seen - {stream.camera for stream in baseline.streams}
    return Decision(tuple(tests), too_few, tuple(sorted(unknown)), level)


@dataclass(frozen=True, eq=False, slots=True)
class _Measured:
    """All distances of a stream's hours, each of shape `(hours, features)`."""

    one: Moved
    spreads: FloatArray
    linf: FloatArray
    psi: FloatArray
    js: FloatArray
    mean: FloatArray
    usual_mean: FloatArray

    @classmethod
    def of(cls, one: Moved, spreads: FloatArray) -> "_Measured":
        return cls(
            one,
            spreads,
            cdf_difference(one.usual, one.current),
            population_stability_index(one.usual, one.current),
            jensen_shannon_distance(one.usual, one.current),
            _means(one.current),
            _means(one.usual),
        )


@dataclass(frozen=True, eq=False, slots=True)
class _Figure:
    """One of them, before the correction for all others."""

    measured: _Measured
    hour: int
    number: int
    p_value: float

    @property
    def is_in_common(self) -> bool:
        """Return whether it is of what all cameras have in common."""
        return self.measured.one.stream.is_in_common(FEATURES[self.number])

    def as_test(self, corrected: float, level: float) -> Test:
        of, at = self.measured, (self.hour, self.number)
        feature = FEATURES[self.number]
        distance = float(of.one.distance[at])
        return Test(
            at=datetime.fromtimestamp(int(of.one.start_s[self.hour]), UTC),
            stream=of.one.stream,
            feature=feature.name,
            frames=int(of.one.current[at].sum()),
            mean=float(of.mean[at]),
            usual_mean=float(of.usual_mean[at]),
            linf=float(of.linf[at]),
            psi=float(of.psi[at]),
            js=float(of.js[at]),
            wasserstein=distance,
            spreads=float(of.spreads[at]),
            p_value=corrected,
            is_drift=corrected <= level and distance >= feature.least_shift,
        )


def _corrected(figures: list[_Figure]) -> Iterator[tuple[_Figure, float]]:
    """Yield an hour's figures with their corrected p-values.

    Half of what is allowed is for the few figures that all cameras have in common, half for the
    hundreds that are each camera's own: so the many do not drown the few.
    """
    families = (
        [figure for figure in figures if figure.is_in_common],
        [figure for figure in figures if not figure.is_in_common],
    )
    for family in families:
        p_values = holm([figure.p_value for figure in family])
        for figure, p_value in zip(family, p_values, strict=True):
            yield figure, min(1.0, p_value * len(families))


def _means(counts: CountArray) -> FloatArray:
    """Return what the bins say of each mean; shape `(hours, features)`."""
    totals = counts.sum(axis=2, dtype=np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        means: FloatArray = (counts * _MIDDLES).sum(axis=2) / np.where(totals > 0, totals, np.nan)
    return means
