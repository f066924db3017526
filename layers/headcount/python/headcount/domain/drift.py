"""How far what is seen has moved from what was seen before, and how surely.

Distances are between histograms over the same bins: shape `(…, bins)`, compared along the last
axis, any number of pairs at once. An empty histogram has no distance (NaN).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
Counts = npt.NDArray[np.float64] | npt.NDArray[np.float32] | npt.NDArray[np.int64]

# What an empty bin counts as, as a share of one frame: PSI is infinite at 0. Chosen: Jeffreys.
_PSEUDO_COUNT = 0.5
# Chosen: the highest tenth of a distribution is its tail; and its moments want 20 values at least.
_TAIL_SHARE = 0.1
FEWEST_FOR_A_TAIL = 40
_QUANTILE_SHARES = np.linspace(0, 1, 101)
# Below it a tail is a step, and dividing by it overflows; above it, e to its power does.
_LEAST_SCALE = 1e-9
_LARGEST_EXPONENT = 700.0
# Terms of Kolmogorov's series: the rest is below 1e-15 from 0.2 on, and below that p is 1.
_KOLMOGOROV_TERMS = 20
_CERTAIN_BELOW = 0.2


def cdf_difference(reference: Counts, current: Counts) -> FloatArray:
    """Return the largest difference of the two cumulative distributions, 0 to 1.

    SageMaker Model Monitor's "Simple" comparison calls it the L-infinity distance; it is the
    two-sample Kolmogorov-Smirnov statistic, D.

    Source: Smirnov (1939), Bull. Math. Univ. Moscou 2(2), 3-16.
    """
    difference: FloatArray = np.abs(cumulative(reference) - cumulative(current)).max(axis=-1)
    return difference


def cumulative(counts: Counts) -> FloatArray:
    """Return the cumulative shares of counts, shape `(…, bins)`; NaN where there are none."""
    return np.cumsum(_shares(counts), axis=-1)


def wasserstein_distance(reference: Counts, current: Counts) -> FloatArray:
    """Return the area between the two cumulative distributions, as a share of the grid, 0 to 1.

    The only one of these distances that goes on growing once two distributions no longer overlap.

    Source: Vallender (1974), Theory Probab. Appl. 18(4), 784-786 (the one-dimensional form).
    """
    difference = np.abs(cumulative(reference) - cumulative(current))
    # The grid is 1 long, and each of its bins as wide as the others.
    area: FloatArray = difference.mean(axis=-1)
    return area


def population_stability_index(reference: Counts, current: Counts) -> FloatArray:
    """Return the PSI, 0 or more; by custom below 0.1 is stable and above 0.25 is a shift.

    Source: Siddiqi (2006), "Credit Risk Scorecards", Wiley; it is Jeffreys' divergence (1946),
        Proc. R. Soc. A 186, 453-461.
    """
    before, now = _shares(reference, _PSEUDO_COUNT), _shares(current, _PSEUDO_COUNT)
    index: FloatArray = ((now - before) * np.log(now / before)).sum(axis=-1)
    return index


def jensen_shannon_distance(reference: Counts, current: Counts) -> FloatArray:
    """Return the square root of the Jensen-Shannon divergence in bits, a metric, 0 to 1.

    Source: Lin (1991), IEEE Trans. Inf. Theory 37(1), 145-151; Endres and Schindelin (2003),
        IEEE Trans. Inf. Theory 49(7), 1858-1860.
    """
    before, now = _shares(reference), _shares(current)
    middle = (before + now) / 2
    bits = (_relative_entropy(before, middle) + _relative_entropy(now, middle)) / 2
    return np.sqrt(np.clip(bits, 0.0, 1.0))


def kolmogorov_smirnov_p_value(distance: float, reference: float, current: float) -> float:
    """Return how likely a `cdf_difference` at least as large is between samples of one source.

    Args:
        distance: As `cdf_difference` returns it.
        reference: Independent observations before; of frames seconds apart, the effective number.
        current: Likewise, now.

    Source: Stephens (1970), J. R. Stat. Soc. B 32, 115-122, for small samples (Model Monitor's
        "Robust" comparison corrects for them too).
    """
    size = math.sqrt(reference * current / (reference + current))
    scaled = (size + 0.12 + 0.11 / size) * distance
    if scaled < _CERTAIN_BELOW:
        return 1.0
    terms = (
        (-1.0) ** (term - 1) * math.exp(-2 * (term * scaled) ** 2)
        for term in range(1, _KOLMOGOROV_TERMS + 1)
    )
    return float(min(1.0, max(0.0, 2 * sum(terms))))


def effective_sample_size(series: FloatArray) -> float:
    """Return how many independent observations a series in time is worth, 1 to its length.

    Args:
        series: Shape `(n,)`, evenly spaced as near as can be, without NaN.

    Source: Geyer (1992), Statistical Science 7(4), 473-483 (initial positive sequence).
    """
    length = len(series)
    if length < 4 or np.ptp(series) == 0:
        # What does not vary has no error that more frames would lessen.
        return float(length)
    centred = series - series.mean()
    padded = np.fft.rfft(centred, 2 * length)
    correlation = np.fft.irfft(padded * np.conj(padded))[:length]
    correlation /= correlation[0]
    pairs = correlation[: length // 2 * 2].reshape(-1, 2).sum(axis=1)
    ends = np.flatnonzero(pairs <= 0)
    positive = pairs[: ends[0]] if ends.size else pairs
    inefficiency = max(2 * float(positive.sum()) - 1, 1.0)
    return max(length / inefficiency, 1.0)


@dataclass(frozen=True, slots=True)
class Tail:
    """How large a figure gets when nothing is wrong: as observed, and beyond by extrapolation.

    Attributes:
        quantiles: Of what was observed, evenly spaced from the least to the highest value.
        above: Where the tail begins.
        share: Of what was observed is above that, 0 to 1.
        scale: Of the generalised Pareto distribution above it, over 0.
        shape: Of that distribution, 0 or more: never one that ends, for the highest value that
            was seen is not the highest there can be.
    """

    quantiles: tuple[float, ...]
    above: float
    share: float
    scale: float
    shape: float

    @classmethod
    def fit(cls, values: FloatArray) -> "Tail":
        """Return the tail of values seen in quiet times.

        Raises:
            ValueError: If there are too few values for a tail.

        Source: peaks over a threshold, Davison and Smith (1990), J. R. Stat. Soc. B 52, 393-442;
            probability-weighted moments, Hosking and Wallis (1987), Technometrics 29, 339-349.
        """
        observed = np.sort(values[np.isfinite(values)])
        count = len(observed)
        if count < FEWEST_FOR_A_TAIL:
            raise ValueError(f"{count} values are too few for a tail: {FEWEST_FOR_A_TAIL} are not")
        in_tail = max(FEWEST_FOR_A_TAIL // 2, round(_TAIL_SHARE * count))
        above = float(observed[-in_tail - 1])
        excess = observed[-in_tail:] - above
        mean = float(excess.mean())
        rank = (np.arange(in_tail) + 0.65) / in_tail
        weighted = float((excess * (1 - rank)).mean())
        remainder = mean - 2 * weighted
        shape, scale = 0.0, max(mean, _LEAST_SCALE)
        if remainder > 0 and 2 - mean / remainder > 0:
            shape, scale = 2 - mean / remainder, max(2 * mean * weighted / remainder, _LEAST_SCALE)
        quantiles = np.quantile(observed, _QUANTILE_SHARES)
        return cls(tuple(map(float, quantiles)), above, in_tail / count, scale, shape)

    def p_value(self, value: float) -> float:
        """Return how likely a figure of at least `value` is when nothing is wrong, over 0."""
        if value <= self.above:
            below = float(np.interp(value, self.quantiles, _QUANTILE_SHARES))
            return max(1.0 - below, self.share)
        beyond = (value - self.above) / self.scale
        if self.shape == 0:
            return self.share * math.exp(-min(beyond, _LARGEST_EXPONENT))
        return float(self.share * (1 + self.shape * beyond) ** (-1 / self.shape))

    def value_at(self, p_value: float) -> float:
        """Return the figure that is reached with this chance, at most the tail's share."""
        ratio = max(self.share / p_value, 1.0)
        if self.shape == 0:
            return self.above + self.scale * math.log(ratio)
        return float(self.above + self.scale / self.shape * (ratio**self.shape - 1))


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values corrected for their number: the chance of any false one is bounded.

    It holds however the tests depend on each other, as brightness and contrast of one camera do.

    Source: Holm (1979), Scandinavian Journal of Statistics 6(2), 65-70.
    """
    order = sorted(range(len(p_values)), key=lambda index: p_values[index])
    corrected = [1.0] * len(p_values)
    highest = 0.0
    for rank, index in enumerate(order):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[index]))
        corrected[index] = highest
    return corrected


def _shares(counts: Counts, added: float = 0.0) -> FloatArray:
    filled = np.asarray(counts, np.float64) + added
    total = np.asarray(counts, np.float64).sum(axis=-1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        shares: FloatArray = filled / np.where(
            total > 0, filled.sum(axis=-1, keepdims=True), np.nan
        )
    return shares


def _relative_entropy(part: FloatArray, whole: FloatArray) -> FloatArray:
    # 0 * log 0 is 0 by convention; where the whole is 0, so is the part.
    ratio = np.where(part > 0, part / np.where(whole > 0, whole, 1.0), 1.0)
    entropy: FloatArray = (part * np.log2(ratio)).sum(axis=-1)
    return entropy
