"""How a room's cameras are read: all that follows from its settings, worked out once."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache

from headcount.domain.cameras import Camera, OccupancySettings
from headcount.domain.likelihood import Detection
from headcount.domain.policy import Room
from headcount.domain.transitions import Persistence

# Chosen: rooms that one process serves in turn; one more costs microseconds.
_ROOMS_KEPT = 256
# Who sits still does so for longer than who turns away. Chosen: half an hour at the default.
_STILL_LONGER = 6.0
# Who moves does so for this long at a time. Chosen: a minute, of people at tables.
_STIRRING_S = 60.0


@dataclass(frozen=True, slots=True)
class Lens:
    """How one camera is read.

    Attributes:
        view: The view's name: its own unless the site says otherwise.
        motion_threshold: Motion above this is somebody.
        scene_change_threshold: A larger share of changed picture is somebody or something.
    """

    camera_id: str
    view: str
    motion_threshold: float
    scene_change_threshold: float
    detection: Detection


@dataclass(frozen=True, slots=True)
class Reading:
    """How a room is read.

    Attributes:
        lenses: By camera id.
        views: View -> share of its people whom another view sees too.
        gap: Without a frame for longer, a camera sees nothing.
        late_window: What comes later than this is not let in.
        return_within: For so long after a room was found vacant, people are likely to come back,
            and its devices still run: believing one movement then costs nothing.
    """

    settings: OccupancySettings
    lenses: Mapping[str, Lens]
    views: Mapping[str, float]
    gap: timedelta
    late_window: timedelta
    return_within: timedelta
    persistence: Persistence


def reading_of(room: Room) -> Reading:
    """Return how the room's cameras are read."""
    return _reading(room.cameras, room.occupancy)


@lru_cache(_ROOMS_KEPT)
def _reading(cameras: tuple[Camera, ...], settings: OccupancySettings) -> Reading:
    lenses = {camera.id: _lens(camera, settings) for camera in cameras}
    views: dict[str, float] = {}
    for camera in cameras:
        view = lenses[camera.id].view
        views[view] = max(views.get(view, 0.0), camera.overlap)
    away_s = settings.turned_away_for_s
    persistence = Persistence(
        turned_s=away_s,
        facing_s=settings.facing_s,
        still_s=_STILL_LONGER * away_s,
        stirring_s=_STIRRING_S,
    )
    gap = timedelta(seconds=settings.observation_gap_s)
    late_window = timedelta(seconds=settings.late_window_s)
    return_within = timedelta(seconds=settings.moved_scene_held_s)
    return Reading(settings, lenses, views, gap, late_window, return_within, persistence)


def _lens(camera: Camera, settings: OccupancySettings) -> Lens:
    rate, alarms = camera.detection_rate, camera.false_alarm_rate
    motion, change = camera.motion_threshold, camera.scene_change_threshold
    return Lens(
        camera_id=camera.id,
        view=camera.view or f"only {camera.id}",
        motion_threshold=settings.motion_threshold if motion is None else motion,
        scene_change_threshold=settings.scene_change_threshold if change is None else change,
        detection=Detection(
            settings.detection_rate if rate is None else rate,
            settings.false_alarm_rate if alarms is None else alarms,
        ),
    )
