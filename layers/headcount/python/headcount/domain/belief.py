"""What is believed of a room: a fold of evidence, in the order of its time.

What each view shows is in `headcount.domain.views`; here it is weighed with what is remembered of
the cameras and sensors, and becomes OCCUPIED, VACANT or UNKNOWN.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TypeAlias

from headcount.domain.observations import CameraHealth, Evidence, Observation, Presence
from headcount.domain.reading import Lens, Reading
from headcount.domain.terms import OccupancyState
from headcount.domain.tracks import Sensor, Sighting, Track, follow, sensed, sight
from headcount.domain.views import View, p_vacant_of, people_of, with_somebody
from headcount.domain.visibility import beginning, forget, look, not_empty, stir

# The room is vacant when this is believed, and not before it was clear for vacancy_confirm_s.
# Chosen on made-up days over real counts: at 0.9 as at 0.995 nobody was declared gone
# (docs/occupancy.md); lower, the minimum of time decides alone.
SURELY_VACANT = 0.95
# Evidence that needs no count (a sensor, a movement) leaves this much doubt. Chosen.
_P_VACANT_SENSED = 0.01


@dataclass(frozen=True, slots=True)
class Estimate:
    """What is believed of a room at one instant.

    Attributes:
        since: When the state began.
        at: Producer time of the newest evidence.
        people: The likeliest number; of an UNKNOWN room the last one.
        people_low: Lower end of the 90 % interval.
        people_high: Upper end of the 90 % interval.
        p_vacant: Between 0 and 1; 0.5 is "no idea".
        evidence: In words, for people.
        last_seen_at: When there was last evidence of a person.
        dark_since_vacant: Whether the room was left dark when it was vacant, and whoever has
            looked since has found it so: who comes in switches the light on.
    """

    state: OccupancyState
    since: datetime
    at: datetime
    people: int
    people_low: int
    people_high: int
    p_vacant: float
    evidence: str
    last_seen_at: datetime | None = None
    dark_since_vacant: bool = False


@dataclass(frozen=True, eq=False, slots=True)
class Belief:
    """The fold of a row of evidence."""

    estimate: Estimate
    tracks: tuple[Track, ...] = ()
    sensors: tuple[Sensor, ...] = ()
    views: Mapping[str, View] = field(default_factory=dict)

    def track(self, camera_id: str) -> Track | None:
        """Return what is remembered of a camera, or None before its first frame."""
        return next((track for track in self.tracks if track.camera_id == camera_id), None)


_Looks: TypeAlias = tuple[OccupancyState, tuple[int, int, int], float, str]


def advance(belief: Belief | None, seen: Evidence, reading: Reading) -> Belief:
    """Return the belief after one more piece of evidence, not older than the others."""
    now = seen.at
    if belief is None:
        belief = Belief(_unknown(now, "never seen before"))
    elif isinstance(seen, Observation):
        still_vacant = _still_vacant(belief, seen, reading)
        if still_vacant is not None:
            return still_vacant
    if any(
        one.is_silent(now, reading.gap) or one.is_blind(now, reading.gap) for one in belief.tracks
    ):
        # A gap is noticed before what ends it is let in: what came before it no longer counts.
        belief = replace(belief, estimate=weigh(belief, now, reading))
    if isinstance(seen, Presence):
        others = [one for one in belief.sensors if one.sensor_id != seen.sensor_id]
        said = sensed(seen, reading.settings)
        sensors = sorted((*others, said), key=lambda one: one.sensor_id)
        views = with_somebody(belief.views) if said.until is not None else belief.views
        belief = replace(belief, sensors=tuple(sensors), views=views)
    elif isinstance(seen, CameraHealth):
        belief = _with_health(belief, seen, reading)
    elif seen.camera_id in reading.lenses:
        belief = _with_frame(belief, seen, reading)
    return Belief(weigh(belief, now, reading), belief.tracks, belief.sensors, belief.views)


def _still_vacant(belief: Belief, seen: Observation, reading: Reading) -> Belief | None:
    """Return the belief after one more look that finds a vacant room as it was; None if not so.

    Most looks of most days are of this kind, and nothing has to be weighed for them.
    """
    last, lens = belief.estimate, reading.lenses.get(seen.camera_id)
    if last.state is not OccupancyState.VACANT or lens is None:
        return None
    now, view = seen.captured_at, belief.views.get(lens.view)
    if view is None or any(one.until is not None and now <= one.until for one in belief.sensors):
        return None
    in_the_dark = seen.dark and last.dark_since_vacant
    if not in_the_dark and not view.belief.is_clear_for(seen.camera_id, now - view.at):
        return None
    tracks: list[Track] = []
    for track in belief.tracks:
        looks = track.camera_id == seen.camera_id
        if looks and not track.finds_nothing_new(seen, lens):
            return None
        if now - track.heard_at > reading.gap or not (in_the_dark or track.clear_since):
            return None
        tracks.append(track.looked_again(seen) if looks else track)
    if len(tracks) != len(reading.lenses):
        return None
    estimate = Estimate(
        state=last.state,
        since=last.since,
        at=now,
        people=0,
        people_low=0,
        people_high=0,
        p_vacant=last.p_vacant,
        evidence="dark as it was left" if in_the_dark else "nobody since vacated",
        last_seen_at=last.last_seen_at,
        dark_since_vacant=in_the_dark,
    )
    views = {**belief.views, lens.view: View(view.belief, now)}
    return Belief(estimate, tuple(tracks), belief.sensors, views)


def weigh(belief: Belief, now: datetime, reading: Reading) -> Estimate:
    """Return what is believed of the room at `now`, from what is remembered of its cameras."""
    last = belief.estimate
    tracks = _of_room(belief.tracks, reading)
    seen_at = _last_seen(belief, tracks, now)
    state, people, p_vacant, words = _judge(belief, tracks, now, reading)
    return Estimate(
        state=state,
        since=last.since if last.state is state else now,
        at=now,
        people=people[0],
        people_low=people[1],
        people_high=people[2],
        p_vacant=p_vacant,
        evidence=words,
        last_seen_at=seen_at,
        dark_since_vacant=_is_dark_since_vacant(last, state, tracks),
    )


def _judge(belief: Belief, tracks: tuple[Track, ...], now: datetime, reading: Reading) -> _Looks:
    last = belief.estimate
    silent = [track.camera_id for track in tracks if track.is_silent(now, reading.gap)]
    blind = [track.camera_id for track in tracks if track.is_blind(now, reading.gap)]
    sensors = [one.sensor_id for one in belief.sensors if one.until and now <= one.until]
    p_vacant = p_vacant_of(belief.views, reading.views)
    shown = [t for t in tracks if t.shows_somebody() and t.camera_id not in silent]
    if sensors or shown:
        p_vacant = min(p_vacant, _P_VACANT_SENSED)
    # What was believed of a view that nobody watches any more keeps no room occupied.
    watching = [t for t in tracks if t.camera_id not in silent and t.camera_id not in blind]
    watched = {reading.lenses[track.camera_id].view for track in watching}
    peopled = p_vacant_of(belief.views, watched) < 0.5
    if sensors or shown or (peopled and last.state is not OccupancyState.UNKNOWN):
        return _occupied(belief, tracks, sensors, p_vacant, reading)
    clear_s = _clear_for(tracks, now, reading)
    if (
        clear_s is not None
        and clear_s >= reading.settings.vacancy_confirm_s
        and p_vacant >= SURELY_VACANT
        and not any(track.doubtful for track in tracks)
    ):
        cameras = "1 camera" if len(tracks) == 1 else f"{len(tracks)} cameras"
        words = f"no face and no motion for {clear_s:.0f} s, seen by {cameras}"
        return OccupancyState.VACANT, (0, 0, 0), p_vacant, words
    lost = _sight_lost(belief, tracks, silent, blind, reading)
    if lost is not None:
        return lost
    if last.state is OccupancyState.VACANT:
        # In the dark that its own vacancy brought, the belief is held as it was.
        told = last.p_vacant if blind else p_vacant
        if any(track.doubtful for track in tracks):
            # Until the next frame has confirmed or refuted the sign, nothing is to go off.
            told = min(told, 0.5)
        return OccupancyState.VACANT, (0, 0, 0), told, "nobody since vacated"
    if last.state is OccupancyState.OCCUPIED:
        return _occupied(belief, tracks, sensors, p_vacant, reading)
    return _lost(last, f"nobody seen for {clear_s or 0:.0f} s")


def _sight_lost(
    belief: Belief,
    tracks: tuple[Track, ...],
    silent: list[str],
    blind: list[str],
    reading: Reading,
) -> _Looks | None:
    """Return what is left to say of a room that not all of its cameras see; None if they do."""
    last = belief.estimate
    unheard = [one for one in reading.lenses if belief.track(one) is None]
    if silent or unheard or not tracks:
        return _lost(last, f"nothing from {', '.join(silent + unheard) or 'any camera'}")
    if last.dark_since_vacant and all(track.dark and track.is_in_the_dark() for track in tracks):
        return OccupancyState.VACANT, (0, 0, 0), SURELY_VACANT, "dark as it was left, vacant"
    # Only the dark may be our own doing; a covered lens in a vacant room is none.
    hidden = [t for t in tracks if t.camera_id in blind and not t.is_in_the_dark()]
    if hidden:
        words = [t.camera_id if t.is_well() else f"{t.camera_id} is {t.status}" for t in hidden]
        return _lost(last, f"cannot see: {', '.join(words)}")
    if blind and last.state is not OccupancyState.VACANT:
        return _lost(last, f"too dark for {', '.join(blind)}")
    return None


def _occupied(
    belief: Belief,
    tracks: tuple[Track, ...],
    sensors: list[str],
    p_vacant: float,
    reading: Reading,
) -> _Looks:
    last = belief.estimate
    known = last.people if last.state is OccupancyState.OCCUPIED else 0
    people = people_of(belief.views, reading, known)
    return OccupancyState.OCCUPIED, people, p_vacant, _words(tracks, sensors)


def _is_dark_since_vacant(last: Estimate, state: OccupancyState, tracks: tuple[Track, ...]) -> bool:
    if state is OccupancyState.OCCUPIED or not all(track.dark for track in tracks):
        return False
    return state is OccupancyState.VACANT or last.dark_since_vacant


def _lost(last: Estimate, words: str) -> _Looks:
    return OccupancyState.UNKNOWN, (last.people, 0, max(last.people_high, 1)), 0.5, words


def _unknown(now: datetime, words: str) -> Estimate:
    return Estimate(OccupancyState.UNKNOWN, now, now, 0, 0, 1, 0.5, words)


def _with_health(belief: Belief, said: CameraHealth, reading: Reading) -> Belief:
    track = belief.track(said.camera_id) or Track(said.camera_id, heard_at=said.at)
    track = replace(track, status=said.status)
    if not track.is_well():
        track = replace(track, clear_since=None, sighted_at=None, doubtful=False)
    return replace(belief, tracks=_tracks(belief, track, reading))


def _with_frame(belief: Belief, seen: Observation, reading: Reading) -> Belief:
    lens = reading.lenses[seen.camera_id]
    before = belief.track(seen.camera_id)
    says = sight(before, seen, lens)
    last = belief.estimate
    track = follow(
        before,
        seen,
        says,
        lens,
        reading,
        expected=last.state is OccupancyState.OCCUPIED,
        # In the dark the devices are off already: there, one movement waits for a second sign.
        left_lately=not seen.dark
        and seen.captured_at - max(last.last_seen_at or last.since, last.since)
        < reading.return_within,
    )
    view = _looked_at(belief, before, seen, says, lens, reading)
    if track.shows_somebody() and view.belief.is_likely_empty():
        # A sign that is believed counts for more than its own weight: somebody has come.
        view = View(not_empty(view.belief, _P_VACANT_SENSED), view.at)
    return Belief(
        belief.estimate,
        _tracks(belief, track, reading),
        belief.sensors,
        {**belief.views, lens.view: view},
    )


def _looked_at(
    belief: Belief,
    before: Track | None,
    seen: Observation,
    says: Sighting,
    lens: Lens,
    reading: Reading,
) -> View:
    now = seen.captured_at
    view = belief.views.get(lens.view)
    if view is None or now - view.at > reading.gap:
        # Sight was lost: whoever was there may have gone, and others come.
        view = View(beginning(), now)
    elif before is not None and now - before.heard_at > reading.gap:
        view = View(forget(view.belief, seen.camera_id), view.at)
    after_s = max(0.0, (now - view.at).total_seconds())
    if says.people is not None:
        after = look(
            view.belief,
            seen.camera_id,
            says.people,
            says.stirs,
            after_s=after_s,
            detection=lens.detection,
            persistence=reading.persistence,
        )
        return View(after, now)
    if says.stirs:
        return View(stir(view.belief, after_s=after_s, persistence=reading.persistence), now)
    # Blind: of a vacant room nothing new is believed; of another one time tells (the gap above).
    held = belief.estimate.state is OccupancyState.VACANT
    return View(view.belief, now if held else view.at)


def _tracks(belief: Belief, track: Track, reading: Reading) -> tuple[Track, ...]:
    others = [other for other in belief.tracks if other.camera_id != track.camera_id]
    return _of_room(tuple(sorted((*others, track), key=lambda one: one.camera_id)), reading)


def _of_room(tracks: tuple[Track, ...], reading: Reading) -> tuple[Track, ...]:
    """Return the tracks of the cameras that the room still has."""
    if all(track.camera_id in reading.lenses for track in tracks):
        return tracks
    return tuple(track for track in tracks if track.camera_id in reading.lenses)


def _clear_for(tracks: tuple[Track, ...], now: datetime, reading: Reading) -> float | None:
    """Return for how many seconds every camera has seen nobody; None if one has not."""
    if len(tracks) < len(reading.lenses) or not tracks:
        return None
    shortest: float | None = None
    for track in tracks:
        if track.clear_since is None or track.is_silent(now, reading.gap):
            return None
        # What a camera has not yet looked at is not confirmed: count up to its newest frame.
        seconds = (track.heard_at - track.clear_since).total_seconds()
        shortest = seconds if shortest is None else min(shortest, seconds)
    return shortest


def _last_seen(belief: Belief, tracks: tuple[Track, ...], now: datetime) -> datetime | None:
    moments = [track.present_at for track in tracks if track.present_at is not None]
    moments += [min(one.until, now) for one in belief.sensors if one.until is not None]
    if belief.estimate.last_seen_at is not None:
        moments.append(belief.estimate.last_seen_at)
    return max(moments, default=None)


def _words(tracks: tuple[Track, ...], sensors: list[str]) -> str:
    seen = [f"{t.people} seen by {t.camera_id} (motion {t.motion:.3f})" for t in tracks]
    return ", ".join([*seen, *(f"sensed by {sensor}" for sensor in sensors)])
