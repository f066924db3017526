"""Intervals on what two models differ by, from resampling whole scenes.

Frames of one scene are missed together. To draw them one by one would take a hundred pictures of
one meeting for a hundred meetings, and an interval that is far too narrow.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
# A statistic of resamples: weights of shape `(resamples, images)` to values `(resamples,)`.
Statistic = Callable[[FloatArray], FloatArray]
# Of the resamples that a statistic must exist in; else the frames say nothing certain of it.
_LEAST_DEFINED_SHARE = 0.95


@dataclass(frozen=True, slots=True)
class Interval:
    """Where a figure lies, at the confidence that was asked for."""

    low: float
    high: float


@dataclass(frozen=True, eq=False, slots=True)
class Resamples:
    """The draws of one set of images, the same for both models: that is what makes them paired.

    Attributes:
        drawn: Shape `(resamples, images)`: how often each image was drawn.
        groups: How many groups were drawn from.
        level: Confidence of intervals, 0 to 1.
    """

    drawn: FloatArray
    groups: int
    level: float


def resample_groups(
    groups: Sequence[str], resamples: int, seed: Sequence[int], level: float
) -> Resamples:
    """Return draws of whole groups with replacement, as many as there are.

    Args:
        groups: Each image's group.
        resamples: How many draws.
        seed: The same seed gives the same draws.
        level: Confidence of the intervals, 0 to 1.

    Source: Field and Welsh (2007), J. R. Stat. Soc. B 69(3), 369-390 (the cluster bootstrap).
    """
    names, number = np.unique(np.asarray(groups, dtype=str), return_inverse=True)
    count = len(names)
    draws = np.random.default_rng(list(seed)).multinomial(
        count, np.full(count, 1 / count), size=resamples
    )
    return Resamples(draws[:, number].astype(np.float64), count, level)


def interval(statistic: Statistic, resamples: Resamples) -> Interval | None:
    """Return the expanded percentile interval of a statistic; None if too few resamples have one.

    Expanded as Student's interval is wider than the normal one: plain percentiles of a dozen groups
    are too narrow. Not BCa: of the gains of equal models its intervals excluded zero for 8 % and
    not for 5 %, those of percentiles for 6.5 % (bench/equal_models.py, 20 and 80 scenes).

    Source: Hesterberg (2015), Am. Stat. 69(4), 371-386, section 4.2.
    """
    if resamples.groups < 2:
        return None
    replicates = statistic(resamples.drawn)
    defined = replicates[np.isfinite(replicates)]
    if len(defined) < _LEAST_DEFINED_SHARE * len(replicates):
        return None
    tail = _expanded((1 - resamples.level) / 2, resamples.groups)
    low, high = np.quantile(defined, [tail, 1 - tail])
    return Interval(float(low), float(high))


def _expanded(tail: float, groups: int) -> float:
    """Return the smaller tail to cut off so that few groups get their wider interval."""
    normal = NormalDist().inv_cdf(tail)
    free = groups - 1
    # Student's quantile, good to 0.01 from 9 degrees of freedom on; Abramowitz and Stegun 26.7.5.
    student = (
        normal
        + (normal**3 + normal) / (4 * free)
        + (5 * normal**5 + 16 * normal**3 + 3 * normal) / (96 * free**2)
    )
    return NormalDist().cdf(student * (groups / free) ** 0.5)
