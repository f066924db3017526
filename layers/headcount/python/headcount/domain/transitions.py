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
# Tables for one size and step. Chosen: 14 kB each for a dozen people, 300 kB for sixty.
_TABLES_KEPT = 128
# What all tables of one size share. Chosen: a few rooms' sizes; of a hall of 400 it is 70 MB.
_SIZES_KEPT = 4
_STIRRING, _STILL = 0, 1


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
class Moves:
    """What happens in one step, by where it leads to.

    Attributes:
        sources: Shape `(ways, 2 * states)`: the states from which one can get to each in one step,
            itself among them; both planes stand in one row.
        shares: Same shape: the chance of that; 0 where there are fewer ways.
        burst: Shape `(2 * states,)`: what a burst adds.
    """

    sources: Indices
    shares: Floats
    burst: Floats

    def applied_to(self, joint: Floats) -> Floats:
        """Return a joint, shape `(2, states)`, one step later."""
        moved: Floats = np.einsum("ws,ws->s", self.shares, joint.reshape(-1).take(self.sources))
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
    _Way("stay", _SAME_PLANE),
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


@lru_cache(_TABLES_KEPT)
def moves_in(size: int, seconds: float, persistence: Persistence) -> Moves:
    """Return what happens in a step of so many seconds, for 0 to `size` - 1 people."""
    row = layout(size)
    n, v = row.n.astype(float), row.v.astype(float)
    come = np.where(n < size - 1, 1 / _ARRIVAL_S + n / _STAY_S, 0.0)
    away, back = v / persistence.facing_s, (n - v) / persistence.turned_s
    share_still = persistence.still_s / (persistence.still_s + persistence.stirring_s)
    # All of n are still at once: the rarer, the more there are.
    calm = share_still ** np.maximum(n - 1, 0) / persistence.stirring_s * (n > 0)
    stir = n / persistence.still_s
    nothing = np.zeros_like(n)
    # Rates compete; in a step one of them wins, or none.
    rates = {
        "come": np.array([come, come]),
        "leave": np.array([n / _STAY_S, n / _STAY_S * _LEAVES_UNSEEN]),
        "calm": np.array([calm, nothing]),
        "stir": np.array([nothing, stir]),
        "away": np.array([away, away]),
        "back": np.array([back, back]),
        "burst": np.full((2, n.size), 1 / BURST_S),
    }
    total = sum(rates.values())
    happens = -np.expm1(-total * seconds)
    share = {name: rate / total * happens for name, rate in rates.items()}
    seen = v / np.maximum(n, 1)
    # The chance of a burst differs a little from state to state; the least of them is taken.
    burst = float(np.min(share["burst"]))
    share["stay"] = 1 - happens + share["burst"] - burst
    share["come_seen"] = share["come"] * _SEEN_ON_ARRIVAL
    share["come_unseen"] = share["come"] * (1 - _SEEN_ON_ARRIVAL)
    share["leave_seen"] = share["leave"] * seen
    share["leave_unseen"] = share["leave"] * (1 - seen)
    start = np.zeros((2, size))
    start[_STIRRING, 1:], start[_STILL, 0] = prior(size)[1:], prior(size)[0]
    paths = _paths(size)
    shares = np.zeros(paths.sources.shape)
    by_name = np.array([share[way.name] for way in _WAYS])
    shares[paths.way, paths.target] = by_name[paths.kind, paths.plane, paths.state]
    return Moves(paths.sources, shares, (start[:, row.n] * first_sight(size) * burst).ravel())


@dataclass(frozen=True, eq=False, slots=True)
class _Paths:
    """Every change from one state to another, as far as it does not depend on rates.

    Attributes:
        sources: As `Moves.sources`.
        way: Shape `(changes,)`, as those below: row of `sources`.
        target: Column of `sources`.
        kind: Which of `_WAYS`.
        plane: Where it comes from.
        state: Where it comes from, within that plane.
    """

    sources: Indices
    way: Indices
    target: Indices
    kind: Indices
    plane: Indices
    state: Indices


@lru_cache(_SIZES_KEPT)
def _paths(size: int) -> _Paths:
    row = layout(size)
    states = row.n.size
    found: list[Indices] = []
    for kind, way in enumerate(_WAYS):
        n, v = row.n + way.people, row.v + way.in_sight
        (state,) = np.nonzero((n >= 0) & (n < size) & (v >= 0) & (v <= n))
        for before, after in way.planes:
            # Nobody is as still as can be.
            plane = np.where(n[state] == 0, _STILL, after)
            target = plane * states + states_before(n[state]) + v[state]
            found.append(
                np.array([target, np.full_like(state, kind), np.full_like(state, before), state])
            )
    changes = np.concatenate(found, axis=1)
    target, kinds, planes, state = changes[:, changes[0].argsort(kind="stable")]
    first = np.searchsorted(target, np.arange(2 * states))
    nth = np.arange(target.size) - first[target]
    sources = np.zeros((int(nth.max()) + 1, 2 * states), dtype=np.intp)
    sources[nth, target] = planes * states + state
    return _Paths(sources, nth, target, kinds, planes, state)


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
