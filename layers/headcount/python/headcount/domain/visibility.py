"""A discrete Bayes filter over the people of one view: how many, how many of them in sight.

Frames seconds apart are not independent: a turned back stays turned for minutes, and who sits
still goes on sitting still. So visibility and stillness are part of the state: the belief about a
view is P(stirring, n, in sight), one for each of its cameras. Given n the cameras are taken to be
independent of each other, so what one of them says of n holds for all: their looks multiply.

What a step of time does to it is in `headcount.domain.transitions`, what a frame says of it in
`headcount.domain.likelihood`; here the two take turns.

Source: discrete Bayes filter, Thrun, Burgard and Fox, Probabilistic Robotics (2005), 4.1.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

import numpy as np

from headcount.domain.likelihood import STIRRED, Detection, likelihood
from headcount.domain.transitions import (
    BURST_S,
    Floats,
    Persistence,
    first_sight,
    layout,
    moves_in,
    prior,
    states_before,
)

# Chosen: more than the largest lecture hall a single camera can count in.
MOST_PEOPLE = 400

# What is less likely than this is not kept. Chosen: far below any threshold.
_NEGLIGIBLE = 1e-6
# When its last number is as likely as this, a belief is given more of them. Chosen: far below what
# an end of the interval leaves out.
_CROWDED = 0.0005
# A change of every probability below this is none. Chosen: a tenth of what a decision sees.
_UNCHANGED = 1e-4
# What is known of the detection rate beforehand weighs as much as so many faces; what the camera's
# own frames tell fades after so many more. Chosen: a minute of a few people, and some hours.
_FACES_KNOWN_BEFORE = 12.0
_FACES_REMEMBERED = 1200.0
# Steps of time: frames closer together share one, longer gaps take several. Chosen: two frames
# at the usual five seconds.
_LONGEST_STEP_S = 10.0
_LONGEST_STEP = timedelta(seconds=_LONGEST_STEP_S)
_SHORTEST_STEP_S = 8.0
# Numbers of people below this chance do not shorten a step. Chosen: a tenth of an interval's end.
_UNLIKELY = 0.005
# Person-seconds in a step; chosen: within it one of a dozen people turns at the usual pace.
_TURNS_A_STEP = 160.0
_SIZES = 4


@dataclass(frozen=True, eq=False, slots=True)
class Sight:
    """What is believed of one camera's sight.

    Attributes:
        joint: Shape `(2, states)`: P(stirring or still, n people and v of them in sight), laid
            out as `headcount.domain.transitions.Layout` says.
        faces: Faces found in its frames, summed; old ones fade.
        missed: Faces missed in them, as far as successive frames disagree.
        newest: Found in its newest frame.
    """

    joint: Floats
    faces: float = 0.0
    missed: float = 0.0
    newest: int | None = None


@dataclass(frozen=True, eq=False, slots=True)
class ViewBelief:
    """What is believed of one view.

    Attributes:
        people: Shape `(2, size)`: P(somebody stirs, n) and P(all still, n); sums to 1.
        sights: Camera id -> its sight; summed over v, every joint is `people`.
        last: What the newest frame said: camera, people found, whether something stirred.
        at_rest: Whether another frame that says the same would change nothing.
        waited_s: Time that has passed and is not yet let pass: it is, ten seconds at a time.
        stepped: `people` after the newest frame before which time was let pass.
    """

    people: Floats
    sights: Mapping[str, Sight]
    last: tuple[str, int, bool] | None = None
    at_rest: bool = False
    waited_s: float = 0.0
    stepped: Floats | None = None

    @property
    def size(self) -> int:
        """Return how many numbers of people have a probability: 0 to size - 1."""
        return int(self.people.shape[1])

    def people_chances(self) -> Floats:
        """Return P(n), shape `(size,)`."""
        chances: Floats = self.people[0] + self.people[1]
        return chances

    def is_likely_empty(self) -> bool:
        """Return whether no number of people is likelier than none."""
        vacant = float(self.people[1, 0])
        # The likeliest has an even share at least: mostly none has not even that.
        return vacant * self.size >= 1 and not self.people_chances().argmax(axis=0)

    def is_clear_for(self, camera_id: str, after: timedelta) -> bool:
        """Return whether one more clear look of that camera so soon would change nothing."""
        return self.at_rest and self.last == (camera_id, 0, False) and after <= _LONGEST_STEP


def beginning(size: int = 8) -> ViewBelief:
    """Return the belief about a view never seen: as likely empty as not."""
    chances = prior(size)
    people = np.zeros((2, size))
    people[0, 1:] = people[1, 1:] = chances[1:] / 2
    people[1, 0] = chances[0]
    return ViewBelief(people, {})


def look(
    belief: ViewBelief,
    camera_id: str,
    people_seen: int,
    stirs: bool,
    *,
    after_s: float,
    detection: Detection,
    persistence: Persistence,
) -> ViewBelief:
    """Return the belief after one more frame.

    Args:
        belief: As of the view's newest frame so far.
        camera_id: Whose frame it is; a camera of the view.
        people_seen: People found in it that are not part of the scene.
        stirs: Whether the fragment shows movement.
        after_s: Seconds since that newest frame.
        detection: How well the camera finds faces, as far as is known beforehand.
        persistence: How long people stay as they are.
    """
    says = (camera_id, people_seen, stirs)
    same = says == belief.last
    if same and belief.at_rest and after_s <= _LONGEST_STEP_S:
        return belief
    waited_s = belief.waited_s + after_s
    if waited_s < _SHORTEST_STEP_S and belief.last is not None:
        # Next to nobody turns or comes between two frames of one look.
        after = _see(belief, says, detection)
        return ViewBelief(
            after.people, after.sights, says, waited_s=waited_s, stepped=belief.stepped
        )
    # Before time passes: a burst gives every number a little, until the frame takes it away.
    after = _see(pass_time(_trimmed(belief), waited_s, persistence), says, detection)
    at_rest = same and belief.stepped is not None and _as_before(belief.stepped, after.people)
    return ViewBelief(after.people, after.sights, says, at_rest, stepped=after.people)


def stir(belief: ViewBelief, *, after_s: float, persistence: Persistence) -> ViewBelief:
    """Return the belief after something moved in a picture too dark to count in."""
    after = pass_time(belief, belief.waited_s + after_s, persistence)
    people = after.people * STIRRED
    people /= people.sum()
    return ViewBelief(people, _rescaled(after, people, but=None))


def somebody(belief: ViewBelief, chance: float) -> ViewBelief:
    """Return the belief after word that somebody has come, for all one knew into this view.

    Args:
        belief: As of the view's newest frame so far.
        chance: By how much of it an empty view is now believed to have people, 0 to 1.
    """
    vacant = float(belief.people[1, 0]) * chance
    come = np.zeros_like(belief.people)
    come[:, 1:] = prior(belief.size)[1:] * vacant
    come[1, 0] = -vacant
    arrived = _unseen(come)
    sights = {
        camera_id: replace(sight, joint=sight.joint + arrived)
        for camera_id, sight in belief.sights.items()
    }
    return replace(belief, people=belief.people + come, sights=sights, at_rest=False)


def not_empty(belief: ViewBelief, doubt: float) -> ViewBelief:
    """Return the belief when its newest frame is known to show somebody, who says how many.

    Args:
        belief: With that frame already in it.
        doubt: What is left of the chance that nobody is there, 0 to 1.
    """
    vacant = float(belief.people[1, 0])
    kept = np.full((2, belief.size), (1 - vacant * doubt) / max(1 - vacant, _NEGLIGIBLE**2))
    kept[1, 0] = doubt
    people = belief.people * kept
    people /= people.sum()
    sights = _rescaled(belief, people, but=None)
    return replace(belief, people=people, sights=sights, at_rest=False)


def forget(belief: ViewBelief, camera_id: str) -> ViewBelief:
    """Return the belief without what one camera had in sight: it has looked away."""
    sight = belief.sights.get(camera_id)
    if sight is None:
        return belief
    blank = Sight(_unseen(belief.people), sight.faces, sight.missed)
    return replace(belief, sights={**belief.sights, camera_id: blank}, at_rest=False)


def pass_time(belief: ViewBelief, seconds: float, persistence: Persistence) -> ViewBelief:
    """Return the belief after `seconds` in which nobody looked."""
    # In one step one person turns: a crowd takes shorter ones. Tenths keep the tables few.
    most = _likely_up_to(belief.people_chances(), _UNLIKELY) + 1
    longest_s = min(_LONGEST_STEP_S, round(_TURNS_A_STEP / most, 1))
    steps = max(1, math.ceil(seconds / longest_s))
    step_s = max(0.1, round(seconds / steps, 1))
    for _ in range(steps):
        belief = _step(belief, step_s, persistence)
    return belief


def found_rate(sight: Sight, detection: Detection) -> float:
    """Return the share of faces in sight that a camera finds, as its own frames tell.

    Of `f` faces in sight in both of two successive frames, each found with chance d, the counts
    differ by 2 f d (1 - d) in the mean square. So half the squared differences, over the faces
    found, is 1 - d: it needs no labels, and what is known beforehand weighs as a few faces.
    """
    # At first sight, what is found is what there is: nothing has disagreed yet.
    weight = sight.faces / (sight.faces + _FACES_KNOWN_BEFORE) * _FACES_KNOWN_BEFORE
    missed = sight.missed + weight * (1 - detection.rate)
    rate = 1 - missed / (sight.faces + _FACES_KNOWN_BEFORE)
    # Steps of a fortieth keep the tables few.
    return min(max(round(rate * 40) / 40, 0.3), 0.975)


def _as_before(one: Floats, other: Floats) -> bool:
    return one.shape == other.shape and bool(np.abs(one - other).max() < _UNCHANGED)


def _see(belief: ViewBelief, says: tuple[str, int, bool], detection: Detection) -> ViewBelief:
    camera_id, people_seen, stirs = says
    people_seen = min(people_seen, MOST_PEOPLE)
    belief = _roomy(belief, people_seen)
    before = belief.sights.get(camera_id) or Sight(_unseen(belief.people))
    sight = _learn(before, people_seen)
    rate = found_rate(sight, detection)
    says_so = likelihood(rate, detection.false_alarms, belief.size, people_seen, stirs)
    joint = before.joint * says_so
    joint /= np.vdot(before.joint, says_so)
    people = _people_in(joint)
    sights = {camera_id: Sight(joint, sight.faces, sight.missed, people_seen)}
    if len(belief.sights) > 1 or camera_id not in belief.sights:
        sights.update(_rescaled(belief, people, but=camera_id))
    return ViewBelief(people, sights)


def _people_in(joint: Floats) -> Floats:
    """Return P(stirring or still, n), whoever is in sight."""
    # So many states that n = 0, 1, 2 ... have 1, 2, 3 ... of them.
    size = math.isqrt(2 * joint.shape[1])
    people: Floats = np.add.reduceat(joint, layout(size).starts, axis=1)
    return people


def _unseen(people: Floats) -> Floats:
    """Return the joint of a camera that has not looked yet."""
    size = people.shape[1]
    joint: Floats = people[:, layout(size).n] * first_sight(size)
    return joint


def _rescaled(belief: ViewBelief, people: Floats, but: str | None) -> dict[str, Sight]:
    """Return the sights of all cameras but one, given what has been learnt of the people."""
    learnt = (people / np.maximum(belief.people, 1e-300))[:, layout(belief.size).n]
    return {
        camera_id: replace(sight, joint=sight.joint * learnt)
        for camera_id, sight in belief.sights.items()
        if camera_id != but
    }


def _learn(sight: Sight, people_seen: int) -> Sight:
    """Return the sight with what two successive frames say about missed faces."""
    fewer, more = sorted((people_seen, sight.newest or 0))
    # Where nobody was, people have come in; where nobody is left, they have gone.
    if sight.newest is None or more == 0 or (fewer == 0 and more > 1):
        return sight
    mean = (people_seen + sight.newest) / 2
    # Who comes or goes is not missed, and a camera that misses half its faces is none.
    missed = min((more - fewer) ** 2 / 2, mean / 2)
    fade = min(1.0, _FACES_REMEMBERED / (sight.faces + mean))
    return Sight(
        sight.joint, (sight.faces + mean) * fade, (sight.missed + missed) * fade, sight.newest
    )


def _step(belief: ViewBelief, seconds: float, persistence: Persistence) -> ViewBelief:
    if not belief.sights:
        return belief
    moves = moves_in(belief.size, seconds, persistence)
    sights = {
        camera_id: Sight(moves.applied_to(sight.joint), sight.faces, sight.missed, sight.newest)
        for camera_id, sight in belief.sights.items()
    }
    # What moves n does not ask who is in sight: all cameras go on agreeing about the people.
    return ViewBelief(_people_in(next(iter(sights.values())).joint), sights)


def _likely_up_to(chances: Floats, least: float) -> int:
    """Return the highest number of people with more than that chance."""
    # On a few numbers a list is faster than an array.
    listed = chances.tolist()
    n = len(listed) - 1
    while n and listed[n] <= least:
        n -= 1
    return n


def _rounded_up(count: int) -> int:
    # An eighth apart: a hall that fills and empties shares a few tables.
    apart = max(_SIZES, (1 << count.bit_length()) >> 3)
    return (count // apart + 1) * apart


def _roomy(belief: ViewBelief, people_seen: int) -> ViewBelief:
    """Return the belief with room for clearly more people than are seen, or believed."""
    wanted = _rounded_up(people_seen + people_seen // 2 + _SIZES)
    size = belief.size
    if belief.people[0, -1] + belief.people[1, -1] > _CROWDED:
        # Most of a crowd may be turned away: its number is not bounded by those in sight.
        wanted = max(wanted, min(_rounded_up(size + size // 4), _rounded_up(MOST_PEOPLE)))
    if size >= wanted:
        return belief
    if belief.last is None:
        return beginning(wanted)
    # Numbers never thought of before have what a burst would have given them.
    burst = np.zeros((2, wanted))
    burst[0, size:] = prior(wanted)[size:] * _LONGEST_STEP_S / BURST_S
    scale = 1 / (1 + burst.sum())
    unseen = _unseen(burst * scale)
    sights: dict[str, Sight] = {}
    for camera_id, sight in belief.sights.items():
        joint = unseen.copy()
        joint[:, : sight.joint.shape[1]] += sight.joint * scale
        sights[camera_id] = replace(sight, joint=joint)
    people = burst * scale
    people[:, :size] += belief.people * scale
    return replace(belief, people=people, sights=sights)


def _trimmed(belief: ViewBelief) -> ViewBelief:
    """Return the belief without the numbers of people that cannot be."""
    size = belief.size
    # Cheap to ask at every step: is the upper end empty?
    if size <= 2 * _SIZES or belief.people[:, size - 2 * _SIZES :].sum() > _NEGLIGIBLE:
        return belief
    chances = belief.people_chances()
    kept = _likely_up_to(chances, _NEGLIGIBLE)
    # Twice the likeliest is always thought of: as many may be turned away.
    wanted = max(
        _rounded_up(kept + _SIZES), _rounded_up(2 * int(chances.argmax(axis=0))), 2 * _SIZES
    )
    if wanted >= size:
        return belief
    states = states_before(wanted)
    sights = {
        camera_id: replace(sight, joint=np.ascontiguousarray(sight.joint[:, :states]))
        for camera_id, sight in belief.sights.items()
    }
    return replace(belief, people=belief.people[:, :wanted], sights=sights)
