"""How many people there may be when so many are counted."""

import math
from functools import cache

# A 90 % interval leaves out this much at either end.
_INTERVAL_TAIL = 0.05


@cache
def people_interval(seen: int, detection_rate: float) -> tuple[int, int]:
    """Return the 90 % interval of the people present when `seen` of them are counted.

    Each person is counted with chance `detection_rate`, independently, and every number of people
    is as likely beforehand. The number missed is then negative binomial:
    P(missed = m) = C(seen + m, m) * rate^(seen + 1) * (1 - rate)^m.
    """
    if detection_rate == 1:
        return seen, seen
    missed, below, low = 0, 0.0, None
    while True:
        below += math.exp(_log_chance(seen, missed, detection_rate))
        if low is None and below > _INTERVAL_TAIL:
            low = seen + missed
        if low is not None and below >= 1 - _INTERVAL_TAIL:
            return low, seen + missed
        missed += 1


def _log_chance(seen: int, missed: int, detection_rate: float) -> float:
    # By logarithms: the binomial coefficient of a full hall is beyond any float.
    return (
        math.lgamma(seen + missed + 1)
        - math.lgamma(seen + 1)
        - math.lgamma(missed + 1)
        + (seen + 1) * math.log(detection_rate)
        + missed * math.log1p(-detection_rate)
    )
