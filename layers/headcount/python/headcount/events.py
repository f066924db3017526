"""Every contract on the bus, as one frozen and versioned model each.

Readers ignore fields they do not know. An added optional field keeps the version; any other
change is a new version, published beside the old one until its last reader has moved.
`docs/events.md` and `tests/contract/schemas/` are generated from this file.
"""

from typing import Annotated, ClassVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from headcount.domain.terms import LightMode, OccupancyState, Severity, Trigger

Fraction = Annotated[float, Field(ge=0, le=1)]


class Part(BaseModel):
    """A piece of an event's detail."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Detail(Part):
    """What every event carries: who it is, and which chain of causes it belongs to."""

    detail_type: ClassVar[str]
    source: ClassVar[str]

    id: str = Field(description="Deterministic: a retry is the same event everywhere.")
    correlation_id: str = Field(
        description="The same from the fragment to the acknowledgement of the command."
    )


class Detection(Part):
    """One face or person in a frame."""

    box: tuple[Fraction, Fraction, Fraction, Fraction] = Field(
        description="Left, top, width, height as fractions of the frame."
    )
    score: Fraction


class FrameQuality(Part):
    """How good a look the camera had."""

    brightness: Fraction = Field(description="Mean luma.")
    contrast: Fraction = Field(description="Standard deviation of luma.")
    blur: float = Field(ge=0, description="Variance of the Laplacian; higher is sharper.")


class ModelReference(Part):
    """Which model saw the frame."""

    endpoint: str
    variant: str
    name: str
    version: str
    sha256: str
    threshold: Fraction


class FramesCounted(Detail):
    """Faces have been counted in the key frame of one fragment."""

    detail_type: ClassVar[str] = "FramesCounted.v1"
    source: ClassVar[str] = "headcount.perception"

    site_id: str
    camera_id: str
    room_id: str
    captured_at: AwareDatetime = Field(
        description="Producer time of the fragment's key frame, never later than `persisted_at`."
    )
    persisted_at: AwareDatetime = Field(description="Server time of the fragment.")
    fragment_number: str
    frame_width: int = Field(gt=0)
    frame_height: int = Field(gt=0)
    faces: tuple[Detection, ...]
    persons: tuple[Detection, ...] = Field(default=(), description="Empty without a person model.")
    motion: Fraction = Field(
        description="Within the fragment: size of its inter frames against its key frame."
    )
    scene_change: Fraction | None = Field(
        default=None,
        description="Share of the picture unlike the vacant reference; null without one.",
    )
    quality: FrameQuality
    light_mode: LightMode
    model: ModelReference
    inference_id: str


class RoomOccupancyChanged(Detail):
    """A room's state or rounded estimate has changed, or five minutes have passed."""

    detail_type: ClassVar[str] = "RoomOccupancyChanged.v1"
    source: ClassVar[str] = "headcount.occupancy"

    site_id: str
    room_id: str
    revision: int = Field(ge=0, description="Grows with every change of the room's item.")
    observed_at: AwareDatetime = Field(description="Producer time of the newest evidence.")
    since: AwareDatetime = Field(description="When the state began.")
    state: OccupancyState
    people_estimate: int = Field(ge=0)
    people_low: int = Field(ge=0, description="Lower end of the 90 % interval.")
    people_high: int = Field(ge=0, description="Upper end of the 90 % interval.")
    p_vacant: Fraction
    evidence: str = Field(description="In words, for people.")
    camera_ids: tuple[str, ...]
    persisted_at: AwareDatetime | None = Field(
        default=None, description="Server time of the fragment that caused the change."
    )


class BmsCommandRequested(Detail):
    """A device group should run at a level."""

    detail_type: ClassVar[str] = "BmsCommandRequested.v1"
    source: ClassVar[str] = "headcount.control"

    site_id: str
    room_id: str
    device_group: str
    level: int = Field(ge=0, description="How many devices of the group should run.")
    priority: int = Field(ge=1, le=16, description="BACnet priority; lower wins.")
    requested_at: AwareDatetime
    expires_at: AwareDatetime
    reason: str
    trigger: Trigger
    people_estimate: int = Field(ge=0)
    state: OccupancyState
    policy_version: str
    idempotency_key: str = Field(description="The same for every attempt: no repeated effect.")
    attempt: int = Field(ge=1)


class AlertRaised(Detail):
    """Somebody should know."""

    detail_type: ClassVar[str] = "AlertRaised.v1"
    source: ClassVar[str] = "headcount.alerts"

    kind: str
    site_id: str
    room_id: str | None = None
    camera_id: str | None = None
    device_group: str | None = None
    severity: Severity
    alert_key: str = Field(description="What the alert is about; raised once until cleared.")
    raised_at: AwareDatetime
    message: str


class AlertCleared(Detail):
    """The reason for an alert is gone."""

    detail_type: ClassVar[str] = "AlertCleared.v1"
    source: ClassVar[str] = "headcount.alerts"

    kind: str
    site_id: str
    room_id: str | None = None
    camera_id: str | None = None
    device_group: str | None = None
    severity: Severity
    alert_key: str
    cleared_at: AwareDatetime
    message: str


class BmsCommandAcknowledged(Detail):
    """A BMS has carried out, or refused, a command. Theirs: source is `bms.<site>`."""

    detail_type: ClassVar[str] = "BmsCommandAcknowledged.v1"
    source: ClassVar[str] = "bms"

    site_id: str
    room_id: str
    device_group: str
    idempotency_key: str
    level: int = Field(ge=0)
    accepted: bool = True
    reason: str = ""
    acknowledged_at: AwareDatetime


class BmsMeterRead(Detail):
    """A meter's power. Theirs: source is `bms.<site>`."""

    detail_type: ClassVar[str] = "BmsMeterRead.v1"
    source: ClassVar[str] = "bms"

    site_id: str
    room_id: str
    device_group: str
    power_w: float = Field(ge=0)
    read_at: AwareDatetime


ALL_EVENTS: tuple[type[Detail], ...] = (
    FramesCounted,
    RoomOccupancyChanged,
    BmsCommandRequested,
    AlertRaised,
    AlertCleared,
    BmsCommandAcknowledged,
    BmsMeterRead,
)
