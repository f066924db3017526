"""One example of every event, and bodies of queues that carry them."""

import json
from datetime import UTC, datetime, timedelta

from headcount.domain.terms import (
    CameraStatus,
    LightMode,
    OccupancyState,
    SensorKind,
    Severity,
    Trigger,
)
from headcount.events import (
    AlertCleared,
    AlertRaised,
    BmsCommandAcknowledged,
    BmsCommandProposed,
    BmsCommandRequested,
    BmsMeterRead,
    BmsOverrideChanged,
    BmsPresenceSensed,
    BmsScheduleChanged,
    CameraHealthChanged,
    CheckedCamera,
    ControlHeartbeat,
    Detail,
    Detection,
    FrameQuality,
    FramesCounted,
    ModelReference,
    OccupancyCheckRequested,
    PointReference,
    RoomChecked,
    RoomOccupancyChanged,
)
from headcount.identifiers import deterministic_id

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
FRAGMENT = "91343852333181432392682062607743920146159169392"
CORRELATION = deterministic_id("fragment", "headcount-dev.hq.door", FRAGMENT)

FRAMES_COUNTED = FramesCounted(
    id=deterministic_id("FramesCounted.v1", "hq", "door", FRAGMENT),
    correlation_id=CORRELATION,
    site_id="hq",
    camera_id="door",
    room_id="lab",
    captured_at=NOON,
    persisted_at=NOON + timedelta(seconds=1),
    fragment_number=FRAGMENT,
    frame_width=1280,
    frame_height=720,
    faces=(Detection(box=(0.25, 0.25, 0.125, 0.125), score=0.875),),
    motion=0.0625,
    scene_change=0.125,
    quality=FrameQuality(brightness=0.5, contrast=0.25, blur=120.0),
    light_mode=LightMode.DAY,
    model=ModelReference(
        endpoint="headcount-dev-faces",
        variant="champion",
        name="centerface",
        version="1",
        sha256="77e3" * 16,
        threshold=0.5,
    ),
    inference_id=deterministic_id("inference", "sample"),
)
OCCUPANCY_CHANGED = RoomOccupancyChanged(
    id=deterministic_id("RoomOccupancyChanged.v1", "hq", "lab", 7),
    correlation_id=CORRELATION,
    site_id="hq",
    room_id="lab",
    revision=7,
    observed_at=NOON,
    since=NOON - timedelta(minutes=10),
    state=OccupancyState.OCCUPIED,
    people_estimate=4,
    people_low=4,
    people_high=8,
    p_vacant=0.01,
    evidence="4 seen by door (motion 0.062)",
    camera_ids=("door",),
    persisted_at=NOON + timedelta(seconds=1),
    last_seen_at=NOON,
)
CAMERA_HEALTH = CameraHealthChanged(
    id=deterministic_id("CameraHealthChanged.v1", "hq", "door", "sample"),
    correlation_id=CORRELATION,
    site_id="hq",
    camera_id="door",
    room_id="lab",
    status=CameraStatus.FROZEN,
    since=NOON - timedelta(minutes=2),
    evidence="the same picture for 120 s",
)
ROOM_CHECKED = RoomChecked(
    id=deterministic_id("RoomChecked.v1", "hq", "lab", "night-round-17"),
    correlation_id="night-round-17",
    site_id="hq",
    room_id="lab",
    request_id="night-round-17",
    requested_by="night-watch",
    state=OccupancyState.OCCUPIED,
    people_estimate=4,
    people_low=4,
    people_high=8,
    p_vacant=0.01,
    evidence="4 seen by door, 2 s ago; window: no fragment stored",
    cameras=(
        CheckedCamera(camera_id="door", captured_at=NOON, faces=4, age_s=2.0),
        CheckedCamera(camera_id="window", fault="no fragment stored in the last 60 s"),
    ),
    answered_at=NOON + timedelta(seconds=2),
)
COMMAND = BmsCommandRequested(
    id=deterministic_id("BmsCommandRequested.v1", "sample", 1),
    correlation_id=CORRELATION,
    site_id="hq",
    room_id="lab",
    device_group="lights",
    level=2,
    priority=12,
    requested_at=NOON + timedelta(seconds=2),
    expires_at=NOON + timedelta(minutes=15),
    reason="4 people: lights 2 of 4",
    trigger=Trigger.OCCUPANCY,
    people_estimate=4,
    state=OccupancyState.OCCUPIED,
    policy_version="3f2a9c0d1e4b",
    idempotency_key=deterministic_id("command", "sample"),
    attempt=1,
    point=PointReference(
        brick_class="Lighting_Zone", bacnet="bacnet://1201/analog-value,7/present-value"
    ),
)
PROPOSED = BmsCommandProposed.model_validate(
    COMMAND.model_dump() | {"id": deterministic_id("BmsCommandProposed.v1", "sample", 1)}
)
HEARTBEAT = ControlHeartbeat(
    id=deterministic_id("ControlHeartbeat.v1", "hq", NOON.isoformat()),
    correlation_id=deterministic_id("heartbeat", "hq", NOON.isoformat()),
    site_id="hq",
    sent_at=NOON,
    expires_at=NOON + timedelta(minutes=3),
    rooms=("lab", "meeting"),
)
ALERT = AlertRaised(
    id=deterministic_id("AlertRaised.v1", "sample"),
    correlation_id=CORRELATION,
    kind="command_refused",
    site_id="hq",
    room_id="lab",
    device_group="lights",
    severity=Severity.WARNING,
    alert_key="hq/lab/command_refused/lights",
    raised_at=NOON,
    message="The BMS refused to set lights to 2: in maintenance.",
)
CLEARED = AlertCleared(
    id=deterministic_id("AlertCleared.v1", "sample"),
    correlation_id=CORRELATION,
    kind="command_refused",
    site_id="hq",
    room_id="lab",
    device_group="lights",
    severity=Severity.WARNING,
    alert_key="hq/lab/command_refused/lights",
    cleared_at=NOON + timedelta(minutes=1),
    message="No longer so: The BMS refused to set lights to 2: in maintenance.",
)
ACKNOWLEDGED = BmsCommandAcknowledged(
    id=deterministic_id("BmsCommandAcknowledged.v1", "sample"),
    correlation_id=CORRELATION,
    site_id="hq",
    room_id="lab",
    device_group="lights",
    idempotency_key=COMMAND.idempotency_key,
    level=2,
    acknowledged_at=NOON + timedelta(seconds=3),
)
OVERRIDE = BmsOverrideChanged(
    id="panel-3-2026-03-02T12:00:00Z",
    correlation_id="panel-3-2026-03-02T12:00:00Z",
    site_id="hq",
    room_id="lab",
    device_group="lights",
    active=True,
    level=4,
    until=NOON + timedelta(hours=2),
    reason="set at the wall panel",
    changed_at=NOON,
)
BOOKING = BmsScheduleChanged(
    id="booking-4711-2",
    correlation_id="booking-4711",
    site_id="hq",
    room_id="lab",
    booking_id="4711",
    starts_at=NOON + timedelta(hours=1),
    ends_at=NOON + timedelta(hours=2),
    people=6,
    changed_at=NOON,
)
PRESENCE = BmsPresenceSensed(
    id="pir-lab-1-2026-03-02T12:00:00Z",
    correlation_id="pir-lab-1-2026-03-02T12:00:00Z",
    site_id="hq",
    room_id="lab",
    sensor_id="pir-lab-1",
    kind=SensorKind.PIR,
    present=True,
    sensed_at=NOON,
)
CHECK_REQUESTED = OccupancyCheckRequested(
    id="night-round-17",
    correlation_id="night-round-17",
    site_id="hq",
    room_id="lab",
    request_id="night-round-17",
    requested_by="night-watch",
    requested_at=NOON,
)
METER_READ = BmsMeterRead(
    id=deterministic_id("BmsMeterRead.v1", "sample"),
    correlation_id="meter-17",
    site_id="hq",
    room_id="lab",
    device_group="lights",
    power_w=120.0,
    read_at=NOON,
)
ALL_SAMPLES: tuple[Detail, ...] = (
    FRAMES_COUNTED,
    CAMERA_HEALTH,
    OCCUPANCY_CHANGED,
    ROOM_CHECKED,
    COMMAND,
    PROPOSED,
    HEARTBEAT,
    ALERT,
    CLEARED,
    ACKNOWLEDGED,
    OVERRIDE,
    BOOKING,
    PRESENCE,
    CHECK_REQUESTED,
    METER_READ,
)


def on_the_bus(event: Detail, source: str | None = None) -> str:
    """Return the body of the SQS message that a rule makes of an event."""
    return json.dumps(
        {
            "version": "0",
            "id": "6a7e8feb-b491-4cf7-a9f1-bf3703467718",
            "detail-type": event.detail_type,
            "source": source or event.source,
            "account": "111122223333",
            "time": "2026-03-02T12:00:00Z",
            "region": "us-east-1",
            "resources": [],
            "detail": event.model_dump(mode="json"),
        }
    )
