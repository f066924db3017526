"""When a healthy camera saw a person: false alarms and faces of the scene left out."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from headcount.domain.policy import Room
from headcount.domain.reading import reading_of
from headcount.domain.scenery import Scenery
from headcount.domain.terms import CameraStatus
from headcount.events import CameraHealthChanged
from headcount.verification.room_log import Look, can_see

# Chosen: a frame that comes late is overtaken by a few, within the estimator's window.
_MOST_FOLLOWING = 30


@dataclass(frozen=True, slots=True)
class Sighting:
    """A frame in which a healthy camera saw somebody.

    Attributes:
        words: What was seen.
        refuted_at: When the camera's next frame was known, which shows nobody; None if there was
            none, or more to see than one face or one movement.
        confirmed_at: When a neighbouring frame was known that shows somebody, too.
    """

    look: Look
    words: str
    refuted_at: datetime | None = None
    confirmed_at: datetime | None = None

    def counts(self, at: datetime) -> bool:
        """Return whether it could be known at `at`, and was not known for a false alarm."""
        if self.look.known_at >= at:
            return False
        refuted = self.refuted_at is not None and self.refuted_at <= at
        return not refuted or (self.confirmed_at is not None and self.confirmed_at <= at)


@dataclass(frozen=True, slots=True)
class _Seen:
    """What one frame shows.

    Attributes:
        people: Without those who are part of the scene.
    """

    look: Look
    people: int
    moves: bool

    @property
    def somebody(self) -> bool:
        return self.moves or self.people > 0


def looks_in_time(heard: Sequence[Look], room: Room) -> list[Look]:
    """Return the frames in the order they were taken, without those that came too late.

    The estimator leaves out what is older than its window when it comes, and so must whoever
    asks what it could have known.
    """
    window = timedelta(seconds=room.occupancy.late_window_s)
    newest: datetime | None = None
    kept: list[Look] = []
    for look in sorted(heard, key=lambda look: (look.known_at, look.at)):
        newest = look.at if newest is None else max(newest, look.at)
        if look.at >= newest - window:
            kept.append(look)
    kept.sort(key=lambda look: (look.at, look.seen.camera_id))
    return kept


def sightings(
    looks: Sequence[Look], health: Sequence[CameraHealthChanged], room: Room
) -> list[Sighting]:
    """Return when somebody was seen, in the order of the frames.

    Args:
        looks: Of the room, in the order they were taken.
        health: What was said of its cameras.
        room: Its cameras and how they are read.
    """
    by_camera: dict[str, list[Look]] = defaultdict(list)
    for look in looks:
        by_camera[look.seen.camera_id].append(look)
    seen = [
        sighting
        for camera_id, taken in by_camera.items()
        for sighting in _seen_by(
            camera_id,
            [one for one in health if one.camera_id == camera_id],
            list(_without_scenery(taken, camera_id, room)),
            timedelta(seconds=room.occupancy.observation_gap_s),
        )
    ]
    return sorted(seen, key=lambda sighting: sighting.look.at)


def _without_scenery(taken: Sequence[Look], camera_id: str, room: Room) -> Iterator[_Seen]:
    """Yield what each frame shows, by the rule by which a face becomes part of the scene.

    The rule is applied anew to the log: whether the estimator did so is not asked.
    """
    lens = reading_of(room).lenses.get(camera_id)
    threshold = room.occupancy.motion_threshold if lens is None else lens.motion_threshold
    scenery = Scenery()
    for look in taken:
        seen = look.seen
        moves = seen.motion > threshold
        faces = scenery.people_among(seen.boxes) if seen.boxes else seen.faces
        yield _Seen(look, max(faces, seen.persons), moves)
        if not seen.dark and not seen.unable and (seen.boxes or scenery.faces):
            scenery = scenery.watch(
                seen.boxes, look.at, stirs=moves, static_face_s=room.occupancy.static_face_s
            )


def _seen_by(
    camera_id: str,
    health: Sequence[CameraHealthChanged],
    taken: list[_Seen],
    near: timedelta,
) -> Iterator[Sighting]:
    """Yield the sightings of one camera.

    One sign alone, a face or a movement, in one frame alone, which the camera's next frame does not
    confirm, is a false alarm from that next frame on. Until then it counts. Frames may come late:
    what counts is what was known.
    """
    statuses = sorted(health, key=lambda one: one.since)
    since = [one.since for one in statuses]
    for at, seen in enumerate(taken):
        said = bisect_right(since, seen.look.at)
        status = statuses[said - 1].status if said else CameraStatus.ONLINE
        if not seen.somebody or not can_see(status):
            continue
        people = f"{seen.people} {'person' if seen.people == 1 else 'people'}"
        words = f"{camera_id} saw {people}, motion {seen.look.seen.motion:.2g},"
        if seen.people + seen.moves > 1:
            yield Sighting(seen.look, words)
            continue
        then = list(_following(taken, at, near))
        beside = [one for one in (taken[at - 1 : at] + then[:1]) if one.somebody]
        yield Sighting(
            seen.look,
            words,
            refuted_at=min((one.look.known_at for one in then if not one.somebody), default=None),
            confirmed_at=min(
                (one.look.known_at for one in beside if abs(one.look.at - seen.look.at) <= near),
                default=None,
            ),
        )


def _following(taken: Sequence[_Seen], at: int, near: timedelta) -> Iterator[_Seen]:
    """Yield the camera's next frames, up to one that shows somebody; at least one if there is."""
    for number, then in enumerate(taken[at + 1 : at + 1 + _MOST_FOLLOWING]):
        if number and then.look.at - taken[at].look.at > near:
            return
        yield then
        if then.somebody:
            return
