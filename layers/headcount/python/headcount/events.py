"""Every contract on the bus, as one frozen and versioned model each.

Readers ignore fields they do not know. An added optional field keeps the version; any other
change is a new version, published beside the old one until its last reader has moved.
`docs/events.md` and `tests/contract/schemas/` are generated from this file.
"""

from datetime import timedelta
from typing import Annotated, ClassVar, Final, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from headcount.domain.terms import (
    CameraStatus,
    LightMode,
    OccupancyState,
    SensorKind,
    Severity,
    Trigger,
)

Fraction = Annotated[float, Field(ge=0, le=1)]

# What a BMS says is kept and read by people. Chosen: ids as long as names of points get, and
# reasons of a few sentences; a gateway that sends its log is refused.
TheirId = Annotated[str, Field(min_length=1, max_length=200)]
TheirWords = Annotated[str, Field(max_length=500)]
# Chosen: more than any group, room or meter has; a slipped decimal point is not acted upon.
TheirLevel = Annotated[int, Field(ge=0, le=10_000)]
TheirPeople = Annotated[int, Field(ge=0, le=100_000)]
TheirWatts = Annotated[float, Field(ge=0, le=100_000_000, allow_inf_nan=False)]
# Chosen: a room that is booked for longer is let.
LONGEST_BOOKING: Final = timedelta(days=31)


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
    person_model: ModelReference | None = Field(
        default=None, description="What found the persons; null without a person model."
    )
    inference_id: str


class CameraHealthChanged(Detail):
    """A camera can be trusted again, or no longer."""

    detail_type: ClassVar[str] = "CameraHealthChanged.v1"
    source: ClassVar[str] = "headcount.perception"

    site_id: str
    camera_id: str
    room_id: str
    status: CameraStatus
    since: AwareDatetime = Field(description="When the status began.")
    evidence: str = Field(description="In words, for people.")


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
    last_seen_at: AwareDatetime | None = Field(
        default=None,
        description="Newest evidence of a person; null while there has been none.",
    )


class CheckedCamera(Part):
    """What one camera of the room showed when somebody asked."""

    camera_id: str
    captured_at: AwareDatetime | None = Field(
        default=None, description="Of the newest frame; null if there is none."
    )
    faces: int | None = Field(default=None, ge=0)
    persons: int | None = Field(default=None, ge=0, description="Null without a person model.")
    age_s: float | None = Field(default=None, ge=0, description="Of the frame, when answered.")
    fault: str = Field(default="", description="Why the camera says nothing; empty if it does.")


class RoomChecked(Detail):
    """Somebody asked whether anyone is in a room, and this is the answer."""

    detail_type: ClassVar[str] = "RoomChecked.v1"
    source: ClassVar[str] = "headcount.occupancy"

    site_id: str
    room_id: str
    request_id: str = Field(description="Of the OccupancyCheckRequested that this answers.")
    requested_by: str
    state: OccupancyState
    people_estimate: int = Field(ge=0)
    people_low: int = Field(ge=0, description="Lower end of the 90 % interval.")
    people_high: int = Field(ge=0, description="Upper end of the 90 % interval.")
    p_vacant: Fraction
    evidence: str = Field(description="In words, for people.")
    cameras: tuple[CheckedCamera, ...]
    answered_at: AwareDatetime


class PointReference(Part):
    """What the building itself calls a device group, as the site document says."""

    brick_class: str | None = Field(default=None, description="Of the Brick ontology.")
    entity: str | None = Field(default=None, description="In the building's own model.")
    bacnet: str | None = Field(default=None, description="Where to write: `bacnet://` URI.")


class _Command(Detail):
    """What a command says, whether it is sent or only proposed."""

    source: ClassVar[str] = "headcount.control"

    site_id: str
    room_id: str
    device_group: str
    level: int = Field(ge=0, description="How many devices of the group should run.")
    priority: int = Field(ge=1, le=16, description="BACnet priority; lower wins.")
    requested_at: AwareDatetime
    expires_at: AwareDatetime = Field(description="After this it must not be carried out.")
    reason: str
    trigger: Trigger
    people_estimate: int = Field(ge=0)
    state: OccupancyState
    policy_version: str
    idempotency_key: str = Field(description="The same for every attempt: no repeated effect.")
    attempt: int = Field(ge=1)
    relinquish: bool = Field(
        default=False,
        description="Write null at this priority: what is below it counts again. Level is 0 then.",
    )
    point: PointReference | None = None


class BmsCommandRequested(_Command):
    """A device group should run at a level."""

    detail_type: ClassVar[str] = "BmsCommandRequested.v1"


class BmsCommandProposed(_Command):
    """A room in dry run would have been commanded so: carry nothing out."""

    detail_type: ClassVar[str] = "BmsCommandProposed.v1"


class ControlHeartbeat(Detail):
    """Control has decided these rooms: until it expires, they are in its hands."""

    detail_type: ClassVar[str] = "ControlHeartbeat.v1"
    source: ClassVar[str] = "headcount.control"

    site_id: str
    sent_at: AwareDatetime
    expires_at: AwareDatetime = Field(
        description="A room that nothing newer names by then is the BMS's own."
    )
    rooms: tuple[str, ...] = Field(
        description="Those that were decided; one that is in dry run or could not be is not named."
    )


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


class BmsDetail(Detail):
    """What every event of a BMS carries. Theirs: source is `bms.<site>`."""

    source: ClassVar[str] = "bms"

    id: TheirId = Field(description="The same whenever the same is told again.")
    correlation_id: TheirId = Field(description="Of what it answers; else the BMS's own.")
    site_id: TheirId
    room_id: TheirId


class BmsCommandAcknowledged(BmsDetail):
    """A BMS has carried out, or refused, a command."""

    detail_type: ClassVar[str] = "BmsCommandAcknowledged.v1"

    device_group: TheirId
    idempotency_key: TheirId = Field(description="The command's.")
    level: TheirLevel
    accepted: bool = True
    reason: TheirWords = ""
    acknowledged_at: AwareDatetime


class BmsOverrideChanged(BmsDetail):
    """A person has taken devices into their own hands, or has given them back."""

    detail_type: ClassVar[str] = "BmsOverrideChanged.v1"

    device_group: TheirId | None = Field(default=None, description="Null: every group of the room.")
    active: bool = Field(description="False: the devices are given back.")
    level: TheirLevel | None = Field(
        default=None, description="What the person set; null if it is not known."
    )
    until: AwareDatetime | None = Field(
        default=None,
        description="When it ends by itself; null: when the site's longest override is over.",
    )
    reason: TheirWords = Field(description="In words, for people; no names.")
    changed_at: AwareDatetime

    @model_validator(mode="after")
    def _ends_after_it_begins(self) -> Self:
        if self.active and self.until is not None and self.until <= self.changed_at:
            raise ValueError("until has to be after changed_at, or active false")
        return self


class BmsScheduleChanged(BmsDetail):
    """A room is booked, a booking has moved, or it is cancelled."""

    detail_type: ClassVar[str] = "BmsScheduleChanged.v1"

    booking_id: TheirId = Field(description="The same when the booking moves or is cancelled.")
    starts_at: AwareDatetime
    ends_at: AwareDatetime
    people: TheirPeople | None = Field(default=None, description="Null if nobody said.")
    cancelled: bool = False
    changed_at: AwareDatetime = Field(description="Of two with the same booking the newer counts.")

    @model_validator(mode="after")
    def _is_of_sane_length(self) -> Self:
        if not self.starts_at < self.ends_at:
            raise ValueError("ends_at has to be after starts_at")
        if self.ends_at - self.starts_at > LONGEST_BOOKING:
            raise ValueError(f"a booking lasts {LONGEST_BOOKING.days} days at most")
        return self


class BmsPresenceSensed(BmsDetail):
    """A sensor of the building has noticed a person, or none any more."""

    detail_type: ClassVar[str] = "BmsPresenceSensed.v1"

    sensor_id: TheirId
    kind: SensorKind
    present: bool
    sensed_at: AwareDatetime


class OccupancyCheckRequested(BmsDetail):
    """Somebody wants to know now whether anyone is in a room."""

    detail_type: ClassVar[str] = "OccupancyCheckRequested.v1"

    request_id: TheirId = Field(description="Comes back in the answer, RoomChecked.")
    requested_by: TheirId = Field(description="A system or a role, e.g. `night-watch`; no names.")
    requested_at: AwareDatetime


class BmsMeterRead(BmsDetail):
    """A meter's power."""

    detail_type: ClassVar[str] = "BmsMeterRead.v1"

    device_group: TheirId
    power_w: TheirWatts
    read_at: AwareDatetime


ALL_EVENTS: tuple[type[Detail], ...] = (
    FramesCounted,
    CameraHealthChanged,
    RoomOccupancyChanged,
    RoomChecked,
    BmsCommandRequested,
    BmsCommandProposed,
    ControlHeartbeat,
    AlertRaised,
    AlertCleared,
    BmsCommandAcknowledged,
    BmsOverrideChanged,
    BmsScheduleChanged,
    BmsPresenceSensed,
    OccupancyCheckRequested,
    BmsMeterRead,
)
