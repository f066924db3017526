"""One example of every event, and bodies of queues that carry them."""

import json
from datetime import UTC, datetime, timedelta

from headcount.domain.terms import LightMode, OccupancyState, Severity, Trigger
from headcount.events import (
    AlertCleared,
    AlertRaised,
    BmsCommandAcknowledged,
    BmsCommandRequested,
    BmsMeterRead,
    Detail,
    Detection,
    FrameQuality,
    FramesCounted,
    ModelReference,
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
    OCCUPANCY_CHANGED,
    COMMAND,
    ALERT,
    CLEARED,
    ACKNOWLEDGED,
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
