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
    missed, below, low = 0, 0.0, None
    while True:
        below += (
            math.comb(seen + missed, missed)
            * detection_rate ** (seen + 1)
            * (1 - detection_rate) ** missed
        )
        if low is None and below > _INTERVAL_TAIL:
            low = seen + missed
        if low is not None and below >= 1 - _INTERVAL_TAIL:
            return low, seen + missed
        missed += 1
