"""How people come, leave, turn and fall still: the tables of one step of time.

In one step at most one person comes, leaves or turns; a burst, by which the number may become
anything, stands for whole classes that come or leave and for what no rate describes.
"""

from dataclasses import dataclass
from functools import cache, lru_cache
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Floats: TypeAlias = npt.NDArray[np.float64]

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
# Tables for one size and step. Chosen: 50 kB each for a dozen people, half a megabyte for sixty.
_TABLES_KEPT = 128


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
class Moves:
    """What happens in one step, by where it starts from.

    Attributes:
        stay: Shape `(2, size, size)`: neither comes, leaves nor turns anybody.
        burst: Same shape: what a burst adds.
        come_seen: Shape `(size * size,)`, as those below: one comes, into sight.
        come_unseen: One comes, out of sight.
        leave_seen: One leaves who was in sight.
        leave_unseen: One leaves who was not.
        leave_still_seen: One leaves who was in sight, of people who were all still.
        leave_still_unseen: One leaves who was not, of such people.
        calm: The last who stirs is still.
        stir: One of the still stirs.
        away: Shape `(2 * size * size,)`: one turns away.
        back: Same shape: one turns back.
    """

    stay: Floats
    burst: Floats
    come_seen: Floats
    come_unseen: Floats
    leave_seen: Floats
    leave_unseen: Floats
    leave_still_seen: Floats
    leave_still_unseen: Floats
    calm: Floats
    stir: Floats
    away: Floats
    back: Floats


@lru_cache(_TABLES_KEPT)
def moves_in(size: int, seconds: float, persistence: Persistence) -> Moves:
    """Return what happens in a step of so many seconds, for 0 to `size` - 1 people."""
    n = np.arange(size, dtype=float)[:, None] * np.ones(size)
    v = np.minimum(np.arange(size, dtype=float)[None, :], n)
    come = np.where(n < size - 1, 1 / _ARRIVAL_S + n / _STAY_S, 0.0)
    away, back = v / persistence.facing_s, (n - v) / persistence.turned_s
    share_still = persistence.still_s / (persistence.still_s + persistence.stirring_s)
    # All of n are still at once: the rarer, the more there are.
    calm = share_still ** np.maximum(n - 1, 0) / persistence.stirring_s * (n > 0)
    stir = n / persistence.still_s
    bursts = np.full_like(n, 1 / BURST_S)
    # Rates compete; in a step one of them wins, or none.
    nothing = np.zeros_like(n)
    rates = {
        "come": np.array([come, come]),
        "leave": np.array([n / _STAY_S, n / _STAY_S * _LEAVES_UNSEEN]),
        "calm": np.array([calm, nothing]),
        "stir": np.array([nothing, stir]),
        "away": np.array([away, away]),
        "back": np.array([back, back]),
        "burst": np.array([bursts, bursts]),
    }
    total = sum(rates.values())
    happens = -np.expm1(-total * seconds)
    share = {name: rate / total * happens for name, rate in rates.items()}
    seen = v / np.maximum(n, 1)
    # Who comes is the same for either plane only if both have the same chance of it.
    come_share = share["come"].min(axis=0)
    stay = 1 - happens + share["come"] - come_share
    start = np.zeros((2, size))
    start[0, 1:], start[1, 0] = prior(size)[1:], prior(size)[0]
    # The chance of a burst differs a little from state to state; the least of them is taken.
    burst_share = float(np.min(share["burst"]))
    stay += share["burst"] - burst_share
    return Moves(
        stay=stay,
        burst=start[:, :, None] * first_sight(size) * burst_share,
        come_seen=(come_share * _SEEN_ON_ARRIVAL).ravel(),
        come_unseen=(come_share * (1 - _SEEN_ON_ARRIVAL)).ravel(),
        leave_seen=(share["leave"][0] * seen).ravel(),
        leave_unseen=(share["leave"][0] * (1 - seen)).ravel(),
        leave_still_seen=(share["leave"][1] * seen).ravel(),
        leave_still_unseen=(share["leave"][1] * (1 - seen)).ravel(),
        calm=share["calm"][0].ravel(),
        stir=share["stir"][1].ravel(),
        away=share["away"].ravel(),
        back=share["back"].ravel(),
    )


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
    """Return P(v | n) for people who have just come: binomial."""
    return binomial(size, _SEEN_ON_ARRIVAL)


def binomial(size: int, rate: float) -> Floats:
    """Return P(v of n) for v = 0..size-1, shape `(size, size)`: row n, column v."""
    rows = np.zeros((size, size))
    rows[0, 0] = 1
    for n in range(1, size):
        rows[n] = rows[n - 1] * (1 - rate)
        rows[n, 1:] += rows[n - 1, :-1] * rate
    return rows
