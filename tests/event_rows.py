"""Events of one room, made by the second, and the log that heard them."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from headcount.domain.cameras import Camera
from headcount.domain.policy import Band, DeviceGroup, Policy, Room
from headcount.domain.schedule import OpeningHours
from headcount.domain.terms import CameraStatus, LightMode, OccupancyState, SensorKind, Trigger
from headcount.events import (
    AlertCleared,
    AlertRaised,
    BmsCommandAcknowledged,
    BmsCommandRequested,
    BmsOverrideChanged,
    BmsPresenceSensed,
    BmsScheduleChanged,
    CameraHealthChanged,
    Detail,
    Detection,
    FramesCounted,
    RoomOccupancyChanged,
)
from headcount.verification.finding import Finding
from headcount.verification.properties import verify_room
from headcount.verification.room_log import RoomLog
from tests.samples import ALERT, CAMERA_HEALTH, COMMAND, FRAMES_COUNTED, OCCUPANCY_CHANGED

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
OCCUPIED, VACANT, UNKNOWN = OccupancyState.OCCUPIED, OccupancyState.VACANT, OccupancyState.UNKNOWN
POLICY = Policy(
    bands=(Band(1, {"lights": 2}), Band(5, {"lights": 4})),
    hold_off_s=600,
    fewer_hold_off_s=900,
    override_max_s=3600,
)
LIGHTS = DeviceGroup("lights", "lighting", 4, max_switches_per_hour=4)
# All these events begin at noon.
NOON_TO_THREE = OpeningHours(zone=ZoneInfo("UTC"), week=(((720, 900),),) * 7)
FROM_ONE = OpeningHours(zone=ZoneInfo("UTC"), week=(((780, 900),),) * 7)


def a_room(policy: Policy = POLICY, lights: DeviceGroup = LIGHTS, **more: Any) -> Room:
    return Room("hq", "lab", (Camera("door"),), (lights,), policy, **more)


def check(name: str, *events: Detail, room: Room | None = None) -> Finding:
    """Return what a property's check of these events comes to."""
    return verify_room(a_log(*events), room or a_room())[name]


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def a_frame(seconds: float, faces: int = 0, *, motion: float = 0.0, **more: Any) -> FramesCounted:
    """Return a frame known a second after it was taken; a face is never twice in one place."""
    camera_id = more.pop("camera_id", "door")
    name = f"frame-{camera_id}-{seconds:g}"
    boxes = more.pop("boxes", None) or tuple(
        ((seconds * 0.013 + number * 0.1) % 0.9, 0.3, 0.05, 0.05) for number in range(faces)
    )
    return FRAMES_COUNTED.model_copy(
        update={
            "id": name,
            "correlation_id": name,
            "camera_id": camera_id,
            "captured_at": at(seconds),
            "persisted_at": at(more.pop("known_s", seconds + 1)),
            "faces": tuple(Detection(box=box, score=0.9) for box in boxes),
            "motion": motion,
            "scene_change": None,
            "light_mode": LightMode.DARK if more.pop("dark", False) else LightMode.DAY,
        }
    )


def told(
    seconds: float, state: OccupancyState, people: int = 0, **more: Any
) -> RoomOccupancyChanged:
    """Return a word of the estimator."""
    return OCCUPANCY_CHANGED.model_copy(
        update={
            "id": f"told-{seconds:g}",
            "correlation_id": f"chain-{seconds:g}",
            "revision": int(seconds) + 10_000,
            "observed_at": at(more.pop("observed_s", seconds)),
            "persisted_at": None,
            "state": state,
            "people_estimate": people,
            "p_vacant": more.pop("p_vacant", 0.99 if state is VACANT else 0.01),
            "last_seen_at": None,
            **more,
        }
    )


def a_command(
    seconds: float, level: int, state: OccupancyState = OCCUPIED, **more: Any
) -> BmsCommandRequested:
    """Return an attempt of a command to the lights."""
    key = more.pop("key", f"key-{seconds:g}")
    attempt = more.pop("attempt", 1)
    return COMMAND.model_copy(
        update={
            "id": f"{key}/{attempt}",
            "correlation_id": "",
            "device_group": "lights",
            "level": level,
            "requested_at": at(seconds),
            "expires_at": at(more.pop("expires_s", seconds + 900)),
            "trigger": Trigger.OCCUPANCY,
            "state": state,
            "idempotency_key": key,
            "attempt": attempt,
            **more,
        }
    )


def an_answer(command: BmsCommandRequested, seconds: float) -> BmsCommandAcknowledged:
    return BmsCommandAcknowledged(
        id=f"ack-{command.id}",
        correlation_id="chain",
        site_id="hq",
        room_id="lab",
        device_group=command.device_group,
        idempotency_key=command.idempotency_key,
        level=command.level,
        acknowledged_at=at(seconds),
    )


def an_alert(seconds: float, kind: str, group: str = "lights") -> AlertRaised:
    return ALERT.model_copy(
        update={
            "id": f"alert-{seconds:g}",
            "kind": kind,
            "device_group": group,
            "alert_key": f"hq/lab/{kind}/{group}",
            "raised_at": at(seconds),
        }
    )


def a_clearing(alert: AlertRaised, seconds: float) -> AlertCleared:
    said = alert.model_dump(exclude={"raised_at"})
    return AlertCleared(**said | {"id": f"cleared-{seconds:g}", "cleared_at": at(seconds)})


def health(seconds: float, status: CameraStatus) -> CameraHealthChanged:
    return CAMERA_HEALTH.model_copy(update={"status": status, "since": at(seconds)})


def an_override(
    seconds: float, level: int | None, *, active: bool = True, until_s: float | None = None
) -> BmsOverrideChanged:
    return BmsOverrideChanged(
        id=f"override-{seconds:g}",
        correlation_id="chain",
        site_id="hq",
        room_id="lab",
        active=active,
        level=level,
        until=None if until_s is None else at(until_s),
        reason="somebody at the panel",
        changed_at=at(seconds),
    )


def a_booking(seconds: float, starts_s: float, ends_s: float) -> BmsScheduleChanged:
    return BmsScheduleChanged(
        id=f"booking-{seconds:g}",
        correlation_id="chain",
        site_id="hq",
        room_id="lab",
        booking_id="1",
        starts_at=at(starts_s),
        ends_at=at(ends_s),
        changed_at=at(seconds),
    )


def sensed(seconds: float) -> BmsPresenceSensed:
    return BmsPresenceSensed(
        id=f"sensed-{seconds:g}",
        correlation_id="chain",
        site_id="hq",
        room_id="lab",
        sensor_id="switch",
        kind=SensorKind.SWITCH,
        present=True,
        sensed_at=at(seconds),
    )


def a_log(*events: Detail) -> RoomLog:
    """Return a log that heard `events` in their order."""
    log = RoomLog("hq", "lab")
    for event in events:
        log.hear(event)
    return log


ON, OFF = a_command(0, 2), a_command(1200, 0, VACANT)
ATTEMPTS = tuple(
    a_command(30 * number, 2, key="one", attempt=number + 1, expires_s=900) for number in range(3)
)


def empty(first_s: int, last_s: int) -> list[Detail]:
    """Return a frame a minute of an empty room."""
    return [a_frame(seconds) for seconds in range(first_s, last_s, 60)]
