"""How people come, leave, turn and fall still: the tables of one step of time.

In one step at most one person comes, leaves or turns; a burst, by which the number may become
anything, stands for whole classes that come or leave and for what no rate describes.
"""

from dataclasses import dataclass
from functools import cache, lru_cache
from typing import TypeAlias, overload

import numpy as np
import numpy.typing as npt

Floats: TypeAlias = npt.NDArray[np.float64]
Indices: TypeAlias = npt.NDArray[np.intp]

# How long a visit lasts on average. Chosen: three quarters of an hour; frames overrule it.
_STAY_S = 2700.0
# How often somebody comes into an empty room. Chosen: once in two hours, so rarely that what is
# believed of an empty room is the cameras' word.
_ARRIVAL_S = 7200.0
# How often the number becomes anything at once. Chosen: as often, a class that comes and goes.
BURST_S = 7200.0
# Who leaves moves first: leaving straight out of stillness is this much rarer. Chosen: one in ten
# gets up and is out of sight between two fragments.
_LEAVES_UNSEEN = 0.1
# Who has just come is seen coming. Chosen: so that four faces are four people and not five, until
# somebody is seen to have turned away.
_SEEN_ON_ARRIVAL = 0.8
# Steps of one size. Chosen: 6 kB each for a dozen people, a tenth of a second apart; and of a hall
# of 250, 2 MB.
_STEPS_KEPT = 64
# Tables of one size. Chosen: 22 kB each for a dozen people, and 20 MB for a hall of 250.
_SIZES_KEPT = 8
_STIRRING, _STILL = 0, 1
# By plane: who leaves, and who falls still.
_LEAVES = np.array([[1.0], [_LEAVES_UNSEEN]])
_WHILE_STIRRING = np.array([[1.0], [0.0]])


@dataclass(frozen=True, slots=True)
class Persistence:
    """How long people stay as they are, in seconds on average.

    Attributes:
        turned_s: With their back to the camera, or hidden.
        facing_s: In sight of it.
        still_s: Without a movement that a fragment shows.
        stirring_s: Moving now and then.
    """

    turned_s: float
    facing_s: float
    still_s: float
    stirring_s: float


@dataclass(frozen=True, eq=False, slots=True)
class Layout:
    """How `(n people, v of them in sight)` stand in one row: for each n its v from 0 to n.

    So fewer numbers of people are the beginning of the same row.

    Attributes:
        n: Shape `(states,)`: people.
        v: Same shape: of them in sight.
        starts: Shape `(size,)`: where each n begins.
    """

    n: Indices
    v: Indices
    starts: Indices


@dataclass(frozen=True, eq=False, slots=True)
class Changes:
    """What may happen to each state, whatever the time; both planes stand in one row.

    Attributes:
        sources: Shape `(ways, 2 * states)`: from where one can get to each state.
        shares: Same shape: of whatever happens there, the share that leads here; 0 where there are
            fewer ways.
        rates: Shape `(2 * states,)`: how often anything happens, a second.
        bursts: Same shape: of that, the share of bursts.
        start: Same shape: what a burst leads to.
    """

    sources: Indices
    shares: Floats
    rates: Floats
    bursts: Floats
    start: Floats


@dataclass(frozen=True, eq=False, slots=True)
class Moves:
    """What happens in one step.

    Attributes:
        changes: Where it leads to.
        happens: Shape `(2 * states,)`: the chance that anything does.
        stays: Same shape: the chance that a state stays as it is.
        burst: Same shape: what a burst adds.
    """

    changes: Changes
    happens: Floats
    stays: Floats
    burst: Floats

    def applied_to(self, joint: Floats) -> Floats:
        """Return a joint, shape `(2, states)`, one step later."""
        row = joint.reshape(-1)
        leaves = (row * self.happens).take(self.changes.sources)
        moved: Floats = np.einsum("ws,ws->s", self.changes.shares, leaves)
        moved += row * self.stays
        moved += self.burst
        return moved.reshape(2, -1)


@dataclass(frozen=True, slots=True)
class _Way:
    """One kind of change; planes are 0 while somebody stirs and 1 while all are still."""

    name: str
    planes: tuple[tuple[int, int], ...]
    people: int = 0
    in_sight: int = 0


_SAME_PLANE = ((_STIRRING, _STIRRING), (_STILL, _STILL))
# Whoever comes stirs.
_TO_STIRRING = ((_STIRRING, _STIRRING), (_STILL, _STIRRING))
_WAYS = (
    _Way("come_seen", _TO_STIRRING, people=1, in_sight=1),
    _Way("come_unseen", _TO_STIRRING, people=1),
    _Way("leave_seen", _SAME_PLANE, people=-1, in_sight=-1),
    _Way("leave_unseen", _SAME_PLANE, people=-1),
    _Way("calm", ((_STIRRING, _STILL),)),
    _Way("stir", ((_STILL, _STIRRING),)),
    _Way("away", _SAME_PLANE, in_sight=-1),
    _Way("back", _SAME_PLANE, in_sight=1),
)


@cache
def layout(size: int) -> Layout:
    """Return how the states of 0 to `size` - 1 people stand in a row."""
    starts = states_before(np.arange(size))
    n = np.repeat(np.arange(size), np.arange(1, size + 1))
    return Layout(n, np.arange(n.size) - starts[n], starts)


@overload
def states_before(n: int) -> int: ...
@overload
def states_before(n: Indices) -> Indices: ...
def states_before(n: int | Indices) -> int | Indices:
    """Return how many states have fewer people than `n`."""
    return n * (n + 1) // 2


@lru_cache(_STEPS_KEPT)
def moves_in(size: int, seconds: float, persistence: Persistence) -> Moves:
    """Return what happens in a step of so many seconds, for 0 to `size` - 1 people."""
    changes = _changes_among(size, persistence)
    # Rates compete; in a step one of them wins, or none.
    happens = -np.expm1(-changes.rates * seconds)
    bursts = happens * changes.bursts
    # The chance of a burst differs a little from state to state; the least of them is taken.
    burst = float(bursts.min(axis=0))
    return Moves(changes, happens, 1 - happens + bursts - burst, changes.start * burst)


@lru_cache(_SIZES_KEPT)
def _changes_among(size: int, persistence: Persistence) -> Changes:
    """Return what may happen to 0 to `size` - 1 people."""
    row = layout(size)
    n, v = row.n.astype(float), row.v.astype(float)
    come = np.where(n < size - 1, 1 / _ARRIVAL_S + n / _STAY_S, 0.0)
    leave, seen = n / _STAY_S, v / np.maximum(n, 1)
    share_still = persistence.still_s / (persistence.still_s + persistence.stirring_s)
    # All of n are still at once: the rarer, the more there are.
    calm = share_still ** np.maximum(n - 1, 0) / persistence.stirring_s * (n > 0)
    either = np.ones((2, 1))
    rates = {
        "come_seen": either * come * _SEEN_ON_ARRIVAL,
        "come_unseen": either * come * (1 - _SEEN_ON_ARRIVAL),
        "leave_seen": _LEAVES * leave * seen,
        "leave_unseen": _LEAVES * leave * (1 - seen),
        "calm": _WHILE_STIRRING * calm,
        "stir": (1 - _WHILE_STIRRING) * n / persistence.still_s,
        "away": either * v / persistence.facing_s,
        "back": either * (n - v) / persistence.turned_s,
    }
    total = sum(rates.values()) + 1 / BURST_S
    by_kind = np.array([rates[way.name] for way in _WAYS]) / total
    start = np.zeros((2, size))
    start[_STIRRING, 1:], start[_STILL, 0] = prior(size)[1:], prior(size)[0]
    return Changes(
        *_arrivals(size, by_kind),
        rates=total.ravel(),
        bursts=(1 / BURST_S / total).ravel(),
        start=(start[:, row.n] * first_sight(size)).ravel(),
    )


def _arrivals(size: int, by_kind: Floats) -> tuple[Indices, Floats]:
    """Return from where one gets to each state, and with which share.

    Args:
        size: How many numbers of people there are.
        by_kind: Shape `(ways, 2, states)`, in the order of `_WAYS`: by where it begins.
    """
    row = layout(size)
    states = row.n.size
    targets: list[Indices] = []
    sources: list[Indices] = []
    shares: list[Floats] = []
    for way, of_kind in zip(_WAYS, by_kind, strict=True):
        n, v = row.n + way.people, row.v + way.in_sight
        (state,) = np.nonzero((n >= 0) & (n < size) & (v >= 0) & (v <= n))
        for before, after in way.planes:
            # Nobody is as still as can be.
            plane = np.where(n[state] == 0, _STILL, after)
            targets.append(plane * states + states_before(n[state]) + v[state])
            sources.append(before * states + state)
            shares.append(of_kind[before, state])
    target = np.concatenate(targets)
    order = target.argsort(kind="stable")
    target = target[order]
    nth = np.arange(target.size) - np.searchsorted(target, np.arange(2 * states))[target]
    shape = (int(nth.max(axis=0)) + 1, 2 * states)
    from_where, with_share = np.zeros(shape, np.intp), np.zeros(shape)
    from_where[nth, target] = np.concatenate(sources)[order]
    with_share[nth, target] = np.concatenate(shares)[order]
    return from_where, with_share


@cache
def prior(size: int) -> Floats:
    """Return P(n) where nothing is known: as likely empty as not, and rather few than many."""
    n = np.arange(size, dtype=float)
    chances = (n + 1) ** -1.5
    chances[0] = 0
    chances /= 2 * chances.sum()
    chances[0] = 0.5
    return chances


@cache
def first_sight(size: int) -> Floats:
    """Return P(v | n) for people who have just come, shape `(states,)`: binomial."""
    row = layout(size)
    chances: Floats = binomial(size, _SEEN_ON_ARRIVAL)[row.n, row.v]
    return chances


def binomial(size: int, rate: float) -> Floats:
    """Return P(v of n) for v = 0..size-1, shape `(size, size)`: row n, column v."""
    rows = np.zeros((size, size))
    rows[0, 0] = 1
    for n in range(1, size):
        rows[n] = rows[n - 1] * (1 - rate)
        rows[n, 1:] += rows[n - 1, :-1] * rate
    return rows
