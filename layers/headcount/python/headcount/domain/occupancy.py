"""How many people are in a room, from what its cameras and sensors noticed.

Four rules carry the weight:

- Zero faces is not an empty room. Turned backs and still sitters stay so for minutes
  (`headcount.domain.visibility`), and motion, a changed scene or a sensor is somebody.
- VACANT needs every camera to have seen nobody for `vacancy_confirm_s` without a gap, and the
  belief that nobody is there.
- Who cannot see does not say "empty": a gap, a silent camera or the dark leads to UNKNOWN. Only a
  room that was VACANT before it got dark stays so, since its lights went out by our own command.
- What is newer than `late_window_s` is kept as it came and folded anew when something comes late,
  so that late, reordered and repeated evidence ends in the same state.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from headcount.domain.belief import Belief, Estimate, advance, weigh
from headcount.domain.cameras import OccupancySettings
from headcount.domain.observations import CameraHealth, Evidence, Observation, Presence
from headcount.domain.policy import Room
from headcount.domain.reading import Reading, reading_of
from headcount.domain.terms import OccupancyState
from headcount.domain.tracks import Track

__all__ = [
    "Announcement",
    "CameraHealth",
    "Estimate",
    "Evidence",
    "Observation",
    "Presence",
    "RoomState",
    "announce",
    "is_new_empty_view",
    "is_news",
    "lapse",
    "let_in",
    "observe",
    "report",
    "sense",
]

# A smaller change of the scene is not worth remembering anew. Chosen.
SCENE_IS_THE_SAME = 0.002
# What is seen of a room arrives within this, by the clock that lapses it. Chosen: the longest
# fragment (20 s) stored, noticed and counted, and half a minute for a queue.
_ARRIVES_WITHIN = timedelta(seconds=60)
# Control lowers nothing on less; crossing it is news. As in headcount.domain.switching.
SURE_ENOUGH_TO_LOWER = 0.9


@dataclass(frozen=True, slots=True)
class Announcement:
    """What was last said of the room.

    Attributes:
        sure: Whether it was said to be vacant surely enough to lower anything.
    """

    state: OccupancyState
    people: int
    at: datetime
    sure: bool = True


@dataclass(frozen=True, eq=False, slots=True)
class RoomState:
    """All that is known of a room between two pieces of evidence.

    Attributes:
        estimate: What is believed now.
        tracks: What is remembered of each camera now.
        recent: Evidence within the window for late pieces, in the order of its time.
        settled: Folded from all that is older than the window; None while nothing is.
        steps: The belief after each of `recent`; empty when read from storage, and folded again.
        ignored: How many pieces came later than the window allows.
        announced: What was last published, if anything.
    """

    estimate: Estimate
    tracks: tuple[Track, ...]
    recent: tuple[Evidence, ...]
    settled: Belief | None = None
    steps: tuple[Belief, ...] = ()
    ignored: int = 0
    announced: Announcement | None = None


def let_in(state: RoomState | None, seen: Evidence, room: Room) -> RoomState:
    """Return the room's state after one more piece of evidence of any kind."""
    if isinstance(seen, CameraHealth):
        return report(state, seen, room)
    return _fold_in(state, seen, room)


def observe(state: RoomState | None, seen: Observation, room: Room) -> RoomState:
    """Return the room's state after one more observation, in whatever order it comes.

    Args:
        state: The state so far; None for a room never seen.
        seen: May be late, and may have been told before: then the same state is returned.
        room: Its cameras and how the estimator reads them.
    """
    return _fold_in(state, seen, room)


def sense(state: RoomState | None, said: Presence, room: Room) -> RoomState:
    """Return the room's state after a sensor's word, under the same rules as a camera's."""
    return _fold_in(state, said, room)


def report(state: RoomState | None, said: CameraHealth, room: Room) -> RoomState:
    """Return the room's state after a camera's health has changed.

    Health is found out late: a change from before the window counts from its start on.
    """
    if state is not None:
        oldest = state.recent[-1].at - reading_of(room).late_window
        said = replace(said, since=max(said.since, oldest))
    return _fold_in(state, said, room)


def lapse(state: RoomState, now: datetime, room: Room) -> RoomState:
    """Return the state when only time has passed: a room nobody looks at becomes UNKNOWN.

    Args:
        state: As last evidence left it; returned as it is if nothing follows.
        now: By the clock, not by a producer's: what is on its way is waited for.
        room: Its cameras and how the estimator reads them.
    """
    reading = reading_of(room)
    gap = reading.gap
    at = now - _ARRIVES_WITHIN
    if state.estimate.state is OccupancyState.UNKNOWN or at - state.estimate.at <= gap:
        return state
    steps = state.steps or _fold_all(state.settled, state.recent, reading)
    estimate = weigh(steps[-1], at, reading)
    if estimate.state is not OccupancyState.UNKNOWN:
        return state
    # As of when sight was lost: what comes after all is newer than that.
    lost_at = state.estimate.at + gap
    return replace(state, steps=steps, estimate=replace(estimate, since=lost_at, at=lost_at))


def is_news(state: RoomState, settings: OccupancySettings) -> bool:
    """Return whether the room should be spoken of: it changed, or it was quiet for long."""
    said, now = state.announced, state.estimate
    if said is None or (said.state, said.people, said.sure) != _gist(now):
        return True
    return now.at - said.at >= timedelta(seconds=settings.heartbeat_s)


def announce(state: RoomState) -> RoomState:
    """Return the state that remembers that it has just been spoken of."""
    said, people, sure = _gist(state.estimate)
    return replace(state, announced=Announcement(said, people, state.estimate.at, sure))


def is_new_empty_view(state: RoomState, seen: Observation, room: Room) -> bool:
    """Return whether a frame shows an empty room, and as it is not yet remembered.

    Only while the room is VACANT, by evidence that still holds when the frame is taken: so
    somebody who sits still never becomes part of the scene. A chair that was moved does, once
    the room was declared VACANT all the same.
    """
    now, settings = state.estimate, room.occupancy
    age = seen.captured_at - now.at
    if now.state is not OccupancyState.VACANT or seen.captured_at < now.since:
        return False
    if age > timedelta(seconds=settings.observation_gap_s) or seen.dark or seen.unable:
        return False
    lens = reading_of(room).lenses.get(seen.camera_id)
    if lens is None or seen.people_seen() or seen.motion > lens.motion_threshold:
        return False
    if seen.scene_differs(lens.scene_change_threshold):
        # It differed before the room was declared VACANT, or somebody has just come in.
        track = next((one for one in state.tracks if one.camera_id == seen.camera_id), None)
        return track is not None and track.changed_since is not None and bool(track.clear_since)
    return seen.scene_change is None or seen.scene_change > SCENE_IS_THE_SAME


def _gist(now: Estimate) -> tuple[OccupancyState, int, bool]:
    vacant = now.state is OccupancyState.VACANT
    return now.state, now.people, not vacant or now.p_vacant >= SURE_ENOUGH_TO_LOWER


def _fold_in(state: RoomState | None, seen: Evidence, room: Room) -> RoomState:
    reading = reading_of(room)
    if state is None:
        belief = advance(None, seen, reading)
        return RoomState(belief.estimate, belief.tracks, recent=(seen,), steps=(belief,))
    at, newest_at = seen.at, state.recent[-1].at
    oldest = max(at, newest_at) - reading.late_window
    if at <= newest_at:
        if any(known.id == seen.id for known in state.recent):
            return state
        if at < oldest:
            return replace(state, ignored=state.ignored + 1)

    steps = state.steps or _fold_all(state.settled, state.recent, reading)
    recent = (*state.recent, seen)
    if at > newest_at:
        steps = (*steps, advance(steps[-1], seen, reading))
    else:
        recent = tuple(sorted(recent, key=_order))
        place = recent.index(seen)
        before = steps[place - 1] if place else state.settled
        steps = (*steps[:place], *_fold_all(before, recent[place:], reading))

    gone = 0
    while recent[gone].at < oldest:
        gone += 1
    settled = steps[gone - 1] if gone else state.settled
    belief = steps[-1]
    return RoomState(
        estimate=belief.estimate,
        tracks=belief.tracks,
        recent=recent[gone:],
        settled=settled,
        steps=steps[gone:],
        ignored=state.ignored,
        announced=state.announced,
    )


def _fold_all(
    before: Belief | None, evidence: tuple[Evidence, ...], reading: Reading
) -> tuple[Belief, ...]:
    """Return the belief after each piece."""
    steps: list[Belief] = []
    for seen in evidence:
        before = advance(before, seen, reading)
        steps.append(before)
    return tuple(steps)


def _order(seen: Evidence) -> tuple[datetime, str, str]:
    return seen.at, seen.source, seen.id
