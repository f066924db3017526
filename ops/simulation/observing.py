"""What the cameras of a room see of the people in it: true people in, counts of frames out.

A camera's frames are made for a whole segment at once. What a frame shows in the dark is made
beside what it shows in the light; the run takes the one or the other as its lights are.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from headcount.domain.cameras import Camera
from ops.simulation.people import FloatArray, IntArray, Segment
from ops.simulation.settings import SimulationSettings

# Measured through our own gateway: at most 0.012 of motion in an empty corridor, 0.09 and more
# with a person in it, where the threshold is 0.05. Taken as shares of a camera's threshold.
_QUIET_MOTION = (0.0, 0.25)
_CLEAR_MOTION = (1.8, 8.0)


@dataclass(frozen=True, slots=True)
class FilmedCamera:
    """A camera as it is in the simulated room.

    Attributes:
        view: Cameras with the same one see the same people.
        overlap: Share of the people in its view who are also in another, 0 to 1.
        motion_threshold: Above which the estimator takes motion for somebody.
    """

    id: str
    view: str
    overlap: float
    sample_every_s: float
    motion_threshold: float

    @classmethod
    def of(cls, camera: Camera, room_threshold: float, sample_every_s: float) -> "FilmedCamera":
        """Return the simulated camera for one of a site."""
        threshold = camera.motion_threshold
        return cls(
            id=camera.id,
            view=camera.view or f"only {camera.id}",
            overlap=camera.overlap,
            sample_every_s=sample_every_s,
            motion_threshold=room_threshold if threshold is None else threshold,
        )


@dataclass(frozen=True, slots=True)
class Frames:
    """All frames that one camera delivers in a segment, in the order of their time.

    Every array has the shape `(frames,)`.

    Attributes:
        captured_s: Seconds from the start of the segment.
        delivered_s: When its count reaches the estimator.
        faces: Faces found in the light, false ones included.
        motion: In the light, 0 to 1.
        dark_motion: In the dark, 0 to 1.
    """

    camera_id: str
    captured_s: FloatArray
    delivered_s: FloatArray
    faces: IntArray
    motion: FloatArray
    dark_motion: FloatArray


@dataclass(frozen=True, slots=True)
class Visit:
    """One person's stay, in seconds from the start of the segment.

    Attributes:
        seated: Whether the person was there when the segment began.
        leaves: Whether the person goes before it ends.
    """

    start_s: float
    end_s: float
    seated: bool
    leaves: bool


@dataclass(frozen=True, slots=True)
class Moves:
    """When one person moves: (starts, ends) of walking in and out, and of moving in the seat."""

    walks: tuple[FloatArray, FloatArray]
    fidgets: tuple[FloatArray, FloatArray]


def film(
    segment: Segment,
    cameras: Sequence[FilmedCamera],
    settings: SimulationSettings,
    rng: np.random.Generator,
) -> tuple[Frames, ...]:
    """Return what each camera delivers while the people of `segment` come, sit and go."""
    visits = _visits(segment, rng)
    views = sorted({camera.view for camera in cameras})
    shared = {camera.view: camera.overlap for camera in cameras}
    seen_in = [_views_of(visit, views, shared, rng) for visit in visits]
    moves = [_moving(visit, settings, rng) for visit in visits]
    filmed = []
    for camera in cameras:
        inside = [at for at, seen in enumerate(seen_in) if camera.view in seen]
        filmed.append(
            _frames(
                segment,
                camera,
                [visits[at] for at in inside],
                [moves[at] for at in inside],
                settings,
                rng,
            )
        )
    return tuple(filmed)


def _visits(segment: Segment, rng: np.random.Generator) -> list[Visit]:
    """Return stays that add up to the recorded people; who leaves is drawn."""
    present: list[tuple[float, bool]] = []
    visits: list[Visit] = []
    for row, (at_s, people) in enumerate(
        zip(segment.at_s.tolist(), segment.people.tolist(), strict=True)
    ):
        while len(present) > people:
            start_s, seated = present.pop(int(rng.integers(len(present))))
            visits.append(Visit(start_s, at_s, seated, leaves=True))
        present += [(at_s, row == 0)] * (people - len(present))
    visits += [Visit(start, segment.length_s, seated, leaves=False) for start, seated in present]
    return visits


def _views_of(
    _visit: Visit, views: Sequence[str], shared: dict[str, float], rng: np.random.Generator
) -> set[str]:
    """Return the views that a person is in: one's own, and by overlap one more."""
    own = views[int(rng.integers(len(views)))]
    # Of the people in a view, those who came from another view are shared too: with a chance p
    # for one's own people, 2 p of 1 + p are, which is `overlap` for p = overlap / (2 - overlap).
    also = shared[own] / (2 - shared[own])
    if len(views) == 1 or rng.random() >= also:
        return {own}
    others = [view for view in views if view != own]
    return {own, others[int(rng.integers(len(others)))]}


def _moving(visit: Visit, settings: SimulationSettings, rng: np.random.Generator) -> Moves:
    """Return when a person moves."""
    entering_s, leaving_s = rng.uniform(settings.entering_min_s, settings.entering_max_s, 2)
    sits_from = visit.start_s if visit.seated else min(visit.start_s + entering_s, visit.end_s)
    sits_to = max(visit.end_s - leaving_s, sits_from) if visit.leaves else visit.end_s
    fidgets = (np.empty(0), np.empty(0))
    if rng.random() >= settings.still_sitter_share:
        fidgets = _spells(
            sits_from,
            sits_to,
            (settings.moving_min_s, settings.moving_max_s),
            (settings.still_min_s, settings.still_max_s),
            rng,
        )
    walks = [(visit.start_s, sits_from), (sits_to, visit.end_s)]
    walked = [walk for walk in walks if walk[1] > walk[0]]
    return Moves(
        walks=(np.array([start for start, _ in walked]), np.array([end for _, end in walked])),
        fidgets=fidgets,
    )


def _spells(
    start_s: float,
    end_s: float,
    on_s: tuple[float, float],
    off_s: tuple[float, float],
    rng: np.random.Generator,
) -> tuple[FloatArray, FloatArray]:
    """Return (starts, ends) of what alternates on and off, each for a uniformly drawn time."""
    if end_s <= start_s:
        return np.empty(0), np.empty(0)
    # As many as the shortest spells would need, so that the last one ends after the stay.
    pairs = math.ceil((end_s - start_s) / (on_s[0] + off_s[0])) + 1
    lengths = np.empty(2 * pairs)
    begins_on = rng.random() < sum(on_s) / (sum(on_s) + sum(off_s))
    first = 0 if begins_on else 1
    lengths[first::2] = rng.uniform(*on_s, pairs)
    lengths[1 - first :: 2] = rng.uniform(*off_s, pairs)
    edges = start_s + np.concatenate([[0.0], np.cumsum(lengths)])
    starts, ends = edges[first:-1:2], edges[first + 1 :: 2]
    inside = starts < end_s
    return starts[inside], np.minimum(ends[inside], end_s)


def _frames(
    segment: Segment,
    camera: FilmedCamera,
    visits: Sequence[Visit],
    moves: Sequence[Moves],
    settings: SimulationSettings,
    rng: np.random.Generator,
) -> Frames:
    captured_s = _captured(segment.length_s, camera, settings, rng)
    shown = [
        _spells(
            visit.start_s,
            visit.end_s,
            (settings.visible_min_s, settings.visible_max_s),
            (settings.turned_min_s, settings.turned_max_s),
            rng,
        )
        for visit in visits
    ]
    visible = _how_many(shown, captured_s)
    walkers = _how_many([one.walks for one in moves], captured_s)
    sitters = _how_many([one.fidgets for one in moves], captured_s)
    unmoved = (1 - settings.walking_motion_rate) ** walkers
    unmoved *= (1 - settings.motion_rate) ** sitters
    dark_unmoved = (1 - settings.dark_motion_rate) ** (walkers + sitters)
    faces = rng.binomial(visible, settings.detection_rate)
    faces += rng.poisson(settings.false_alarms_per_frame, captured_s.size)
    late_s = rng.uniform(0, settings.late_max_s, captured_s.size)
    late = rng.random(captured_s.size) < settings.late_share
    return Frames(
        camera_id=camera.id,
        captured_s=captured_s,
        delivered_s=captured_s + settings.delivery_s + np.where(late, late_s, 0.0),
        faces=faces,
        motion=_motion(unmoved, camera, settings, rng),
        dark_motion=_motion(dark_unmoved, camera, settings, rng),
    )


def _captured(
    length_s: float, camera: FilmedCamera, settings: SimulationSettings, rng: np.random.Generator
) -> FloatArray:
    """Return when the camera takes frames: at its pace, with jitter, and not while it is out."""
    pace_s = camera.sample_every_s
    turns_s = np.arange(rng.uniform(0, pace_s), length_s, pace_s)
    # Less than half the pace, so that frames keep their order.
    jitter_s = min(settings.frame_jitter_s, 0.49 * pace_s)
    taken_s = np.clip(turns_s + rng.uniform(-jitter_s, jitter_s, turns_s.size), 0, length_s)
    outages = rng.poisson(settings.outages_per_day * length_s / 86_400)
    out_s = rng.uniform(0, length_s, outages)
    works = _how_many([(out_s, out_s + settings.outage_s)], taken_s) == 0
    kept_s: FloatArray = taken_s[works]
    return kept_s


def _how_many(spells: Sequence[tuple[FloatArray, FloatArray]], at_s: FloatArray) -> IntArray:
    """Return how many of the spells each moment lies in; shape as `at_s`."""
    if not spells:
        return np.zeros(at_s.size, dtype=np.int64)
    edges = np.zeros(at_s.size + 1, dtype=np.int64)
    np.add.at(edges, np.searchsorted(at_s, np.concatenate([starts for starts, _ in spells])), 1)
    np.add.at(edges, np.searchsorted(at_s, np.concatenate([ends for _, ends in spells])), -1)
    return np.cumsum(edges)[:-1]


def _motion(
    unmoved: npt.NDArray[np.floating],
    camera: FilmedCamera,
    settings: SimulationSettings,
    rng: np.random.Generator,
) -> FloatArray:
    """Return the motion of each frame, from the chance that nobody in it shows any."""
    moved = rng.random(unmoved.size) < 1 - unmoved
    moved |= rng.random(unmoved.size) < settings.motion_false_rate
    quiet, clear = (rng.uniform(*span, unmoved.size) for span in (_QUIET_MOTION, _CLEAR_MOTION))
    motion = camera.motion_threshold * np.where(moved, clear, quiet)
    return np.minimum(motion, 1.0).round(4)
