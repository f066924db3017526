"""The views of a room: cameras of one view see the same people, separate views see others.

So looks at one view multiply (`headcount.domain.visibility`), and the numbers of separate views
add, less those whom a stated overlap lets two views see.
"""

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import accumulate

import numpy as np

from headcount.domain.reading import Reading
from headcount.domain.transitions import Floats
from headcount.domain.visibility import ViewBelief, somebody

# A sensor's word is true. Chosen; of several views, a person is in one or another, so that the
# square root leaves the room occupied without making one person two.
_SENSED = 0.98
# A 90 % interval leaves out this much at either end.
_LOW_END = 0.05
_HIGH_END = 1 - _LOW_END
# The number told rises to what so many are there with this chance. Chosen: so that three or four
# people are told as five in one visit of twenty, and not of three (docs/occupancy.md).
_UP_TO = 0.6
# The number told stays as it is while it is nearly as likely as the likeliest. Chosen: so that
# it does not flicker between two numbers that nobody can tell apart.
_AS_LIKELY = 0.75


@dataclass(frozen=True, eq=False, slots=True)
class View:
    """What is believed of one view, as of `at`."""

    belief: ViewBelief
    at: datetime


def p_vacant_of(views: Mapping[str, View], names: Iterable[str]) -> float:
    """Return the chance that nobody is in those views; one never seen is as likely empty as not."""
    p_vacant = 1.0
    for name in names:
        view = views.get(name)
        p_vacant *= 0.5 if view is None else float(view.belief.people[1, 0])
    return p_vacant


def people_of(views: Mapping[str, View], reading: Reading, known: int) -> tuple[int, int, int]:
    """Return the number told of an occupied room, and the ends of its 90 % interval.

    Args:
        views: By name.
        reading: Which views the room has, and how they overlap.
        known: The number told before; 0 if there is none.
    """
    total: Floats | None = None
    likeliest = 0
    for name, share in reading.views.items():
        view = views.get(name)
        if view is None:
            continue
        own = view.belief.people_chances()
        # Views add, less those whom another view has already counted.
        if share:
            own = _thinned(own, 1 - share)
        total = own if total is None else _sum_of(total, own)
        likeliest += int(own.argmax(axis=0))
    if total is None:
        return 1, 1, 1
    # On a few numbers lists are faster than arrays.
    chances = total.tolist()
    below = list(accumulate(chances))
    low, high = bisect_left(below, _LOW_END), bisect_left(below, _HIGH_END)
    # Somebody is there, whatever the count says.
    people = max(1, likeliest)
    if known:
        # Up only to what is likely to be exceeded or met: a number that wavers at the edge of a
        # band would otherwise raise it, and up is at once.
        likely = bisect_left(below, 1 - _UP_TO)
        people = max(1, min(likeliest, max(known, likely)))
    if 0 < known < len(chances) and people < len(chances):
        as_likely = chances[known] >= _AS_LIKELY * chances[people]
        people = known if as_likely else people
    return people, min(low, people), max(high, people)


def with_somebody(views: Mapping[str, View]) -> dict[str, View]:
    """Return the views after a sensor's word, which does not say in which of them somebody is."""
    chance = min(_SENSED, len(views) ** -0.5) if views else 0.0
    return {name: View(somebody(view.belief, chance), view.at) for name, view in views.items()}


def _sum_of(one: Floats, other: Floats) -> Floats:
    """Return the distribution of the sum of two numbers."""
    added: Floats = np.convolve(one, other)
    return added


def _thinned(chances: Floats, kept: float) -> Floats:
    """Return the distribution of those of n who are each kept with that chance."""
    size = chances.size
    rows = np.zeros(size)
    rows[0] = 1.0
    thinned: Floats = chances[0] * rows
    for n in range(1, size):
        rows = rows * (1 - kept) + np.concatenate(([0.0], rows[:-1])) * kept
        thinned = thinned + chances[n] * rows
    return thinned
