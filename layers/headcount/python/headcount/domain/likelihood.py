"""What a frame says of the people in a view: P(faces found, movement | who is there).

Faces found are a binomial number of those in sight plus a Poisson number of false alarms: counts
thinned by detection, Royle (2004), Biometrics 60, 108-115.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np

from headcount.domain.transitions import Floats, binomial, layout

# Share of fragments in which a person who is not still moves enough; measured on walkers (0.95
# and more), chosen lower for people at tables.
_STIRS = 0.6
# Share of fragments of a still scene that seem to move. Chosen: so that a single one of them is
# not yet a person.
_SEEMS_TO_STIR = 0.01
# Share of frames in which somebody in front of the lens hides others. Chosen.
_HIDDEN = 0.02
# The detection rate is itself known to within this. Chosen: the spread between rooms.
_RATE_SPREAD = 0.05
# Frames of one scene share their misses (hands, hair, light): each counts as this much of an
# independent look. Chosen by coverage on recorded days (docs/occupancy.md).
_TEMPER = 0.6
# What nothing explains is a false alarm of a kind not modelled. Chosen: never quite impossible.
_LEAST = 1e-9
# Chosen: a few counts and rates of a few cameras, 8 kB each at most; a hall's are a megabyte, and
# made anew for every frame in a tenth of the time that a step of it takes.
_TABLES_KEPT = 512
_LARGEST_KEPT = 32
# Every count of one rate. Chosen: of a hall of 250 people it is a megabyte.
_COUNTS_KEPT = 32

STIRRED: Final = np.array([[_STIRS], [_SEEMS_TO_STIR]])
"""P(a fragment moves | somebody stirs, all are still), shape `(2, 1)`."""


@dataclass(frozen=True, slots=True)
class Detection:
    """How well a camera finds faces.

    Attributes:
        rate: Share of the faces in sight that are found in a frame, 0 to 1.
        false_alarms: Faces found in a frame that are none, on average.
    """

    rate: float
    false_alarms: float


def likelihood(
    rate: float, false_alarms: float, size: int, people_seen: int, stirs: bool
) -> Floats:
    """Return P(what a frame says | stirring, v in sight), tempered.

    Its shape is that of a joint, `(2, states)`; see `headcount.domain.transitions.Layout`.

    Args:
        rate: Share of the faces in sight that are found, as in `Detection`.
        false_alarms: Faces found in a frame that are none, on average.
        size: How many numbers of people are thought of.
        people_seen: Faces found.
        stirs: Whether the fragment shows movement.
    """
    if size > _LARGEST_KEPT:
        return _laid_out.__wrapped__(rate, false_alarms, size, people_seen, stirs)
    return _laid_out(rate, false_alarms, size, people_seen, stirs)


@lru_cache(_TABLES_KEPT)
def _laid_out(rate: float, false_alarms: float, size: int, people_seen: int, stirs: bool) -> Floats:
    found = _found(rate, false_alarms, max(size, people_seen + 1))[:size, people_seen] ** _TEMPER
    chances: Floats = (STIRRED if stirs else 1 - STIRRED) * found[layout(size).v]
    return chances


@lru_cache(_COUNTS_KEPT)
def _found(rate: float, false_alarms: float, size: int) -> Floats:
    """Return P(people found | v in sight), shape `(size, size)`: row v, column found."""
    rates = (rate - _RATE_SPREAD, rate, rate + _RATE_SPREAD)
    found = np.zeros((size, size))
    for one, weight in zip(rates, (0.25, 0.5, 0.25), strict=True):
        found += weight * binomial(size, min(max(one, 0.02), 0.995))
    alarms = false_alarms
    twice = alarms * alarms / 2
    mixed = found * (1 - alarms - twice)
    mixed[:, 1:] += found[:, :-1] * alarms
    mixed[:, 2:] += found[:, :-2] * twice
    # Whoever stands before the lens hides any share of the others, and adds none.
    hidden = np.tril(np.ones((size, size))) / np.arange(1, size + 1)[:, None]
    mixed = (1 - _HIDDEN) * mixed + _HIDDEN * hidden
    return np.maximum(mixed, _LEAST)
