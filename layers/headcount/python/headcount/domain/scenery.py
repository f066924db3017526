"""Faces that are part of the scene: a poster, a portrait, a picture on a screen.

A face becomes scenery when it stood in one place for `static_face_s` while next to nothing in the
view moved. Who sits still leans, turns and nods within such a time: neither condition holds for a
person, and the second protects somebody in front of the very poster.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from headcount.domain.observations import Box

# Overlap (intersection over union) of two boxes that are the same face. Chosen: boxes of a
# picture on a wall jitter by a few percent; a sitter's head leaves its own box within minutes.
_SAME_PLACE = 0.8
# Once it is known, a looser match finds it again. Chosen.
_KNOWN_PLACE = 0.6
# Looked at once in so many seconds. Chosen: an hour is judged by sixty looks.
_LOOK_EVERY = timedelta(seconds=60)
# Share of the looks in which it must be there, and in which anything may move. Chosen.
_STANDS = 0.9
_MAY_STIR = 0.1
# How many faces of one view are watched at once. Chosen: the item they are kept in is small.
_MOST_WATCHED = 24


@dataclass(frozen=True, slots=True)
class StaticFace:
    """A place where a face stands.

    Attributes:
        box: Where it was first found.
        since: When that was.
        found_at: When it was last found there.
        looks: How often it was looked for.
        found: How often it was there.
        stirred: In how many of the looks something in the view moved.
        is_scene: Whether it has become part of the scene.
    """

    box: Box
    since: datetime
    found_at: datetime
    looks: int = 1
    found: int = 1
    stirred: int = 0
    is_scene: bool = False


@dataclass(frozen=True, slots=True)
class Scenery:
    """What is watched in one camera's view.

    Attributes:
        looked_at: When the faces were last compared.
        stirred: Whether anything has moved since.
    """

    faces: tuple[StaticFace, ...] = ()
    looked_at: datetime | None = None
    stirred: bool = False

    def people_among(self, boxes: Sequence[Box]) -> int:
        """Return how many of the faces in a frame are no scenery."""
        scenes = [face.box for face in self.faces if face.is_scene]
        left = list(boxes)
        for scene in scenes:
            same = max(left, key=lambda box: overlap(box, scene), default=None)
            if same is not None and overlap(same, scene) >= _KNOWN_PLACE:
                left.remove(same)
        return len(left)

    def watch(
        self, boxes: Sequence[Box], at: datetime, *, stirs: bool, static_face_s: float
    ) -> "Scenery":
        """Return the scenery after one more frame, in the light.

        Args:
            boxes: Faces found in it.
            at: When it was taken.
            stirs: Whether anything in the view moved.
            static_face_s: For how long a face must stand still to be scenery.
        """
        stirred = self.stirred or stirs
        if self.looked_at is not None and at - self.looked_at < _LOOK_EVERY:
            return self if stirred == self.stirred else replace(self, stirred=stirred)
        static = timedelta(seconds=static_face_s)
        followed = [_follow(face, boxes, at, static, stirred=stirred) for face in self.faces]
        kept = [face for face in followed if not _is_gone(face, at, static)]
        new = [
            StaticFace(box, since=at, found_at=at)
            for box in boxes
            if all(overlap(box, face.box) < _KNOWN_PLACE for face in kept)
        ]
        # Scenery first: a crowd must not push out what is known.
        kept = sorted([*kept, *new], key=lambda face: (not face.is_scene, face.since))
        return Scenery(tuple(kept[:_MOST_WATCHED]), looked_at=at)


def overlap(one: Box, other: Box) -> float:
    """Return the intersection over union of two boxes, 0 to 1."""
    wide = min(one[0] + one[2], other[0] + other[2]) - max(one[0], other[0])
    high = min(one[1] + one[3], other[1] + other[3]) - max(one[1], other[1])
    if wide <= 0 or high <= 0:
        return 0.0
    shared = wide * high
    return shared / (one[2] * one[3] + other[2] * other[3] - shared)


def _follow(
    face: StaticFace, boxes: Sequence[Box], at: datetime, static: timedelta, *, stirred: bool
) -> StaticFace:
    place = _KNOWN_PLACE if face.is_scene else _SAME_PLACE
    is_there = any(overlap(box, face.box) >= place for box in boxes)
    looks, found = face.looks + 1, face.found + is_there
    stirs = face.stirred + stirred
    long_enough = at - face.since >= static
    stands = found >= _STANDS * looks and stirs <= _MAY_STIR * looks
    if long_enough and not stands and not face.is_scene:
        # Judged and found to be somebody; or it stood in a busy room: the count starts again.
        return StaticFace(face.box, since=at, found_at=at if is_there else face.found_at)
    return StaticFace(
        box=face.box,
        since=face.since,
        found_at=at if is_there else face.found_at,
        looks=looks,
        found=found,
        stirred=stirs,
        is_scene=face.is_scene or (long_enough and stands),
    )


def _is_gone(face: StaticFace, at: datetime, static: timedelta) -> bool:
    if face.is_scene:
        return at - face.found_at > static
    # A tenth of the looks may miss it: one that is more often away is no candidate.
    return face.looks - face.found > max(2.0, (1 - _STANDS) * static / _LOOK_EVERY)
