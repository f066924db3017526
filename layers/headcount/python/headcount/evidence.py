"""What cameras and sensors tell, as the estimator takes it."""

from typing import Final

from headcount.batch import bus_event
from headcount.causes import Tick, or_tick
from headcount.domain.observations import CameraHealth, Evidence, Observation, Presence
from headcount.domain.terms import LightMode
from headcount.events import BmsPresenceSensed, CameraHealthChanged, FramesCounted

Noticed = FramesCounted | CameraHealthChanged | BmsPresenceSensed

# Standard deviation of luma, as a share of its range. Chosen: a picture without any contrast is a
# covered lens or a failed sensor; an empty white wall in even light has several times as much.
_NO_CONTRAST: Final = 0.004

_read: Final = or_tick(bus_event(FramesCounted, CameraHealthChanged, BmsPresenceSensed))


def read_evidence(body: str) -> Noticed | Tick | None:
    """Return what a record on the estimator's queue tells; None for a replayed event.

    Raises:
        PoisonRecordError: If it is none of these events.
    """
    told = _read(body)
    return told if isinstance(told, Noticed | Tick) else None


def as_evidence(told: Noticed) -> Evidence:
    """Return an event as the estimator takes it."""
    if isinstance(told, FramesCounted):
        return as_observation(told)
    if isinstance(told, BmsPresenceSensed):
        return Presence(
            id=told.id,
            sensor_id=told.sensor_id,
            kind=told.kind,
            present=told.present,
            sensed_at=told.sensed_at,
        )
    return CameraHealth(id=told.id, camera_id=told.camera_id, status=told.status, since=told.since)


def as_observation(seen: FramesCounted) -> Observation:
    """Return the observation in an event."""
    return Observation(
        id=seen.id,
        camera_id=seen.camera_id,
        captured_at=seen.captured_at,
        faces=len(seen.faces),
        persons=len(seen.persons),
        motion=seen.motion,
        scene_change=seen.scene_change,
        dark=seen.light_mode is LightMode.DARK,
        boxes=tuple(face.box for face in seen.faces),
        unable=seen.quality.contrast < _NO_CONTRAST,
    )
