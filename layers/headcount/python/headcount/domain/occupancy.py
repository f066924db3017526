"""How many people are in a room, from what its cameras saw.

A plain estimator. Each camera keeps its newest counts and the time since when it has seen nobody;
the room weighs its cameras. What is newer than `late_window_s` is kept as it came and folded
anew with every observation, so that late, reordered and repeated ones end in the same state.

Three rules carry the weight:

- Zero faces is not an empty room: motion, a person or a changed scene is somebody.
- VACANT needs every camera of the room to have seen nobody for `vacancy_confirm_s` without a gap.
- Who cannot see does not say "empty": a gap, a silent camera or the dark leads to UNKNOWN. Only a
  room that was VACANT before it got dark stays so, since its lights went out by our own command.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from statistics import median_high

from headcount.domain.cameras import Camera, OccupancySettings
from headcount.domain.interval import people_interval
from headcount.domain.policy import Room
from headcount.domain.terms import OccupancyState

# A change of nearly the whole picture is the light and not a person. Chosen.
SCENE_CHANGE_IS_LIGHT = 0.6
# A smaller change is not worth remembering anew. Chosen.
SCENE_IS_THE_SAME = 0.002

# How p_vacant grows while nobody is seen: the room's own vacancy_confirm_s counts as this many
# independent looks, each of which misses a person with this chance. Chosen: 0.4^5 is 1 %, so a
# room is taken as empty at 99 %.
_LOOKS_TO_CONFIRM = 5
_LOOK_MISSES = 0.4
# The chance that what was just seen was a false alarm. Chosen.
_P_VACANT_SEEN = 0.01


@dataclass(frozen=True, slots=True)
class Observation:
    """What one camera saw at one instant.

    Attributes:
        id: Deterministic: the same observation told twice has the same id.
        motion: Motion within the fragment, 0 to 1.
        scene_change: Share of the picture that differs from the vacant reference, if there is one.
        dark: Whether there was too little light to see a person.
    """

    id: str
    camera_id: str
    captured_at: datetime
    faces: int
    persons: int = 0
    motion: float = 0.0
    scene_change: float | None = None
    dark: bool = False

    def people_seen(self) -> int:
        """Return how many people can be pointed at; faces and bodies are the same people."""
        return max(self.faces, self.persons)

    def shows_somebody(self, camera: Camera, settings: OccupancySettings) -> bool:
        """Return whether anything in the picture says that a person is there."""
        if self.people_seen() > 0 or self.motion > _or(
            camera.motion_threshold, settings.motion_threshold
        ):
            return True
        # In the dark the picture differs from the reference for want of light, not of emptiness.
        if self.scene_change is None or self.dark:
            return False
        threshold = _or(camera.scene_change_threshold, settings.scene_change_threshold)
        return threshold < self.scene_change < SCENE_CHANGE_IS_LIGHT


@dataclass(frozen=True, slots=True)
class Track:
    """What is remembered of one camera.

    Attributes:
        counts: Its newest counts, oldest first, at most `median_of`.
        heard_at: When it last delivered a frame.
        sighted_at: When it last delivered a frame in which a person could have been seen.
        present_at: When it last showed somebody.
        clear_since: Since when every frame has shown nobody, in the light and without a gap.
        motion: Motion of its newest frame.
    """

    camera_id: str
    heard_at: datetime
    sighted_at: datetime | None = None
    present_at: datetime | None = None
    clear_since: datetime | None = None
    counts: tuple[int, ...] = ()
    motion: float = 0.0

    def people(self) -> int:
        """Return how many people the camera sees: one missed face does not change it."""
        return median_high(self.counts) if self.counts else 0


@dataclass(frozen=True, slots=True)
class Estimate:
    """What is believed of a room at one instant.

    Attributes:
        since: When the state began.
        at: Producer time of the newest evidence.
        people: The estimate; of an UNKNOWN room the last one.
        people_low: Lower end of the 90 % interval.
        people_high: Upper end of the 90 % interval.
        p_vacant: Between 0 and 1; 0.5 is "no idea".
        evidence: In words, for people.
    """

    state: OccupancyState
    since: datetime
    at: datetime
    people: int
    people_low: int
    people_high: int
    p_vacant: float
    evidence: str


@dataclass(frozen=True, slots=True)
class Belief:
    """The fold of a row of observations."""

    estimate: Estimate
    tracks: tuple[Track, ...] = ()

    def track(self, camera_id: str) -> Track | None:
        """Return what is remembered of a camera, or None before its first frame."""
        return next((track for track in self.tracks if track.camera_id == camera_id), None)


@dataclass(frozen=True, slots=True)
class Announcement:
    """What was last said of the room."""

    state: OccupancyState
    people: int
    at: datetime


@dataclass(frozen=True, slots=True)
class RoomState:
    """All that is kept of a room between two observations; a few hundred bytes.

    Attributes:
        recent: Observations within the window for late ones, in the order of their time.
        belief: What is believed now: `settled` with `recent` folded in.
        settled: Folded from all that is older than the window; None while nothing is.
        ignored: How many observations came later than the window allows.
        announced: What was last published, if anything.
    """

    recent: tuple[Observation, ...]
    belief: Belief
    settled: Belief | None = None
    ignored: int = 0
    announced: Announcement | None = None

    @property
    def estimate(self) -> Estimate:
        """Return what is believed of the room now."""
        return self.belief.estimate


def observe(state: RoomState | None, seen: Observation, room: Room) -> RoomState:
    """Return the room's state after one more observation, in whatever order it comes.

    Args:
        state: The state so far; None for a room never seen.
        seen: May be late, and may have been told before.
        room: Its cameras and how the estimator reads them.
    """
    if state is None:
        return RoomState(recent=(seen,), belief=_advance(None, seen, room))
    if any(known.id == seen.id for known in state.recent):
        return state
    window = timedelta(seconds=room.occupancy.late_window_s)
    oldest = max(seen.captured_at, *(known.captured_at for known in state.recent)) - window
    if seen.captured_at < oldest:
        return replace(state, ignored=state.ignored + 1)

    ordered = sorted([*state.recent, seen], key=lambda one: (one.captured_at, one.camera_id))
    settled = _fold(state.settled, (one for one in ordered if one.captured_at < oldest), room)
    recent = tuple(one for one in ordered if one.captured_at >= oldest)
    if ordered[-1] is seen:
        # The usual case: what is believed now already has all the others folded in.
        belief = _advance(state.belief, seen, room)
    else:
        belief = _advance(_fold(settled, recent[:-1], room), recent[-1], room)
    return replace(state, recent=recent, belief=belief, settled=settled)


def is_news(state: RoomState, settings: OccupancySettings) -> bool:
    """Return whether the room should be spoken of: it changed, or it was quiet for long."""
    said, now = state.announced, state.estimate
    if said is None or (said.state, said.people) != (now.state, now.people):
        return True
    return now.at - said.at >= timedelta(seconds=settings.heartbeat_s)


def announce(state: RoomState) -> RoomState:
    """Return the state that remembers that it has just been spoken of."""
    now = state.estimate
    return replace(state, announced=Announcement(now.state, now.people, now.at))


def is_new_empty_view(state: RoomState, seen: Observation, room: Room) -> bool:
    """Return whether a frame shows an empty room, and as it is not yet remembered.

    Only while the room is VACANT, by evidence that still holds when the frame is taken: so
    somebody who sits still never becomes part of the scene.
    """
    now = state.estimate
    age = seen.captured_at - now.at
    if now.state is not OccupancyState.VACANT or seen.captured_at < now.since:
        return False
    if age > timedelta(seconds=room.occupancy.observation_gap_s):
        return False
    if seen.shows_somebody(room.camera(seen.camera_id), room.occupancy):
        return False
    return seen.scene_change is None or seen.scene_change > SCENE_IS_THE_SAME


def _fold(belief: Belief | None, observations: Iterable[Observation], room: Room) -> Belief | None:
    """Return the belief after observations that are in the order of their time."""
    for seen in observations:
        belief = _advance(belief, seen, room)
    return belief


def _advance(belief: Belief | None, seen: Observation, room: Room) -> Belief:
    belief = belief or Belief(_unknown(seen.captured_at, "never seen before"))
    now, settings = seen.captured_at, room.occupancy
    if any(_silent(one, now, settings) or _blind(one, now, settings) for one in belief.tracks):
        # A gap is noticed before what ends it is let in: what came before it no longer counts.
        belief = Belief(_weigh(belief, now, room), belief.tracks)
    track = _follow(belief, seen, room)
    others = [other for other in belief.tracks if other.camera_id != seen.camera_id]
    tracks = tuple(sorted((*others, track), key=lambda one: one.camera_id))
    belief = Belief(belief.estimate, _of_room(tracks, room))
    return Belief(_weigh(belief, now, room), belief.tracks)


def _follow(belief: Belief, seen: Observation, room: Room) -> Track:
    settings = room.occupancy
    before = belief.track(seen.camera_id)
    if before is None or _silent(before, seen.captured_at, settings):
        before = Track(seen.camera_id, heard_at=seen.captured_at)
    somebody = seen.shows_somebody(room.camera(seen.camera_id), settings)
    if seen.dark and not somebody:
        # Nobody seen in the dark is no evidence: what was being confirmed has to start again.
        return replace(before, heard_at=seen.captured_at, motion=seen.motion, clear_since=None)
    # The zeros of an empty scene say nothing of how many have just come in.
    arrived = somebody and belief.estimate.state is not OccupancyState.OCCUPIED
    counts = () if arrived else before.counts
    return Track(
        camera_id=seen.camera_id,
        heard_at=seen.captured_at,
        sighted_at=seen.captured_at,
        present_at=seen.captured_at if somebody else before.present_at,
        clear_since=None if somebody else before.clear_since or seen.captured_at,
        counts=(*counts, seen.people_seen())[-settings.median_of :],
        motion=seen.motion,
    )


def _weigh(belief: Belief, now: datetime, room: Room) -> Estimate:
    settings, last = room.occupancy, belief.estimate
    tracks = _of_room(belief.tracks, room)
    clear_for = _clear_for(tracks, now, room)
    silent = [track.camera_id for track in tracks if _silent(track, now, settings)]
    absent = [c.id for c in room.cameras if belief.track(c.id) is None]
    blind = [t.camera_id for t in tracks if _blind(t, now, settings)]
    here = [track for track in tracks if track.present_at == track.heard_at]

    if any(track.camera_id not in silent for track in here):
        return _occupied(last, tracks, now, room, p_vacant=_P_VACANT_SEEN)
    if clear_for is not None and clear_for >= settings.vacancy_confirm_s:
        words = f"no face and no motion for {clear_for:.0f} s, seen by {_cameras(len(tracks))}"
        return _estimate(last, OccupancyState.VACANT, now, (0, 0, 0), 1 - _missed(1.0), words)
    if silent or absent:
        return _unknown(now, f"nothing from {', '.join(silent + absent)}", last)
    if last.state is OccupancyState.VACANT:
        return _estimate(last, last.state, now, (0, 0, 0), last.p_vacant, "nobody since vacated")
    if blind:
        return _unknown(now, f"too dark for {', '.join(blind)}", last)
    if last.state is OccupancyState.OCCUPIED:
        progress = (clear_for or 0.0) / settings.vacancy_confirm_s
        return _occupied(last, tracks, now, room, p_vacant=1 - _missed(progress))
    return _unknown(now, f"nobody seen for {clear_for or 0:.0f} s", last)


def _occupied(
    last: Estimate, tracks: tuple[Track, ...], now: datetime, room: Room, *, p_vacant: float
) -> Estimate:
    people = max(1, _combined(tracks, room))
    low, high = people_interval(people, room.occupancy.detection_rate)
    seen = ", ".join(
        f"{track.people()} seen by {track.camera_id} (motion {track.motion:.3f})"
        for track in tracks
    )
    return _estimate(last, OccupancyState.OCCUPIED, now, (people, low, high), p_vacant, seen)


def _combined(tracks: tuple[Track, ...], room: Room) -> int:
    """Return the people of all views: cameras of one view see the same people."""
    views: dict[str, int] = {}
    for track in tracks:
        # A camera fallen silent keeps its count: who was there has not left for that.
        view = room.camera(track.camera_id).view or f"only {track.camera_id}"
        views[view] = max(views.get(view, 0), track.people())
    return sum(views.values())


def _estimate(
    last: Estimate,
    state: OccupancyState,
    now: datetime,
    people: tuple[int, int, int],
    p_vacant: float,
    evidence: str,
) -> Estimate:
    since = last.since if last.state is state else now
    count, low, high = people
    return Estimate(state, since, now, count, low, high, p_vacant, evidence)


def _unknown(now: datetime, evidence: str, last: Estimate | None = None) -> Estimate:
    since = last.since if last is not None and last.state is OccupancyState.UNKNOWN else now
    people, high = (last.people, last.people_high) if last is not None else (0, 0)
    return Estimate(OccupancyState.UNKNOWN, since, now, people, 0, max(high, 1), 0.5, evidence)


def _of_room(tracks: tuple[Track, ...], room: Room) -> tuple[Track, ...]:
    """Return the tracks of the cameras that the room still has."""
    ids = {camera.id for camera in room.cameras}
    return tuple(track for track in tracks if track.camera_id in ids)


def _clear_for(tracks: tuple[Track, ...], now: datetime, room: Room) -> float | None:
    """Return for how many seconds every camera has seen nobody; None if one has not."""
    if len(tracks) < len(room.cameras) or not tracks:
        return None
    shortest = math.inf
    for track in tracks:
        if track.clear_since is None or _silent(track, now, room.occupancy):
            return None
        # What a camera has not yet looked at is not confirmed: count up to its newest frame.
        shortest = min(shortest, (track.heard_at - track.clear_since).total_seconds())
    return shortest


def _silent(track: Track, now: datetime, settings: OccupancySettings) -> bool:
    return now - track.heard_at > timedelta(seconds=settings.observation_gap_s)


def _blind(track: Track, now: datetime, settings: OccupancySettings) -> bool:
    sighted = track.sighted_at
    return sighted is None or now - sighted > timedelta(seconds=settings.observation_gap_s)


def _missed(progress: float) -> float:
    """Return the chance that a person was overlooked after that share of the confirmation."""
    overlooked: float = _LOOK_MISSES ** (_LOOKS_TO_CONFIRM * min(progress, 1.0))
    return overlooked / (1 + overlooked)


def _cameras(count: int) -> str:
    return "1 camera" if count == 1 else f"{count} cameras"


def _or(own: float | None, room_wide: float) -> float:
    return room_wide if own is None else own
