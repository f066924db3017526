"""A site as data: its rooms, cameras, devices, policies, hours and the people to tell.

The domain's own types nest as fields, so a document is read straight into what the decisions
are made with. `headcount site validate` adds the checks across fields, with lines.
"""

from collections.abc import Mapping
from hashlib import sha256
from typing import Annotated, Any, Literal, Self

from pydantic import Discriminator, Field, Tag, model_validator
from pydantic_core import PydanticCustomError

from headcount.domain.cameras import Camera, OccupancySettings
from headcount.domain.kept_frames import KeptFrames
from headcount.domain.policy import DeviceGroup, Policy, Room
from headcount.site_fields import (
    PLACEHOLDER,
    Document,
    EmailAddress,
    Identifier,
    PhoneNumber,
    TimeZone,
    VideoSource,
)
from headcount.site_hours import Schedule

# 48 bits: enough to tell the versions of one document or policy apart at sight.
_VERSION_HEX_DIGITS = 12
# Kinesis Video's limits on a fragment, in seconds.
_SHORTEST_FRAGMENT_S, _LONGEST_FRAGMENT_S = 1, 20
# Kinesis Video keeps media for ten years at most.
_LONGEST_RETENTION_H = 87_600
# The estimator's own bounds, said here so that a fault is named at its line.
_LOWEST_DETECTION_RATE, _HIGHEST_FALSE_ALARM_RATE = 0.05, 0.5


class Contact(Document):
    """Somebody to tell."""

    id: Identifier = Field(description="What rooms call it.")
    name: str = ""
    email: EmailAddress | None = None
    phone: PhoneNumber | None = Field(default=None, description="For text messages, in E.164 form.")

    def endpoints(self) -> tuple[tuple[Literal["email", "sms"], str], ...]:
        """Return (SNS protocol, address) of every way to reach it."""
        mail: tuple[tuple[Literal["email", "sms"], str], ...] = (
            (("email", self.email),) if self.email else ()
        )
        return (*mail, ("sms", self.phone)) if self.phone else mail

    @model_validator(mode="after")
    def _can_be_reached(self) -> Self:
        if not self.endpoints():
            raise PydanticCustomError(
                "contact",
                "contact '{id}' has neither `email` nor `phone`",
                {"id": self.id, "remedy": "Give it at least one of them."},
            )
        return self


class CameraConfig(Document):
    """One camera of a room."""

    id: Identifier = Field(description="Unique in the site: it names the video stream.")
    source: VideoSource | None = Field(
        default=None, description="Where its video is: a file, or an rtsp:// or http(s):// URL."
    )
    view: str = Field(
        default="", description="Cameras with one view see the same people; by default its own."
    )
    motion_threshold: float | None = Field(default=None, gt=0, le=1)
    scene_change_threshold: float | None = Field(default=None, gt=0, le=1)
    detection_rate: float | None = Field(
        default=None,
        ge=_LOWEST_DETECTION_RATE,
        le=1,
        description="Share of the faces that the model finds in its view.",
    )
    false_alarm_rate: float | None = Field(
        default=None,
        ge=0,
        le=_HIGHEST_FALSE_ALARM_RATE,
        description="Faces a frame that are none, in its view.",
    )
    overlap: float = Field(
        default=0,
        ge=0,
        lt=1,
        description="Share of the people in its view who are also in another view of the room.",
    )
    sample_every_s: float = Field(default=5, gt=0, description="Seconds between counted frames.")
    fragment_s: float = Field(
        default=2,
        ge=_SHORTEST_FRAGMENT_S,
        le=_LONGEST_FRAGMENT_S,
        description="Seconds of video in a fragment: the gateway's key frame interval.",
    )
    kept_frames: KeptFrames | None = Field(
        default=None, description="Instead of what the site says of it."
    )

    def as_camera(self) -> Camera:
        """Return what the estimator knows of this camera."""
        return Camera(
            id=self.id,
            view=self.view,
            motion_threshold=self.motion_threshold,
            scene_change_threshold=self.scene_change_threshold,
            detection_rate=self.detection_rate,
            false_alarm_rate=self.false_alarm_rate,
            overlap=self.overlap,
        )

    def source_with(self, environ: Mapping[str, str]) -> str | None:
        """Return the source with each `${NAME}` replaced by the variable of that name.

        Raises:
            KeyError: If `environ` lacks one.
        """
        if self.source is None:
            return None
        return PLACEHOLDER.sub(lambda found: environ[found[1]], self.source)


class RoomFacts(Document):
    """What a room is, apart from its policy."""

    id: Identifier
    name: str = ""
    capacity: int = Field(gt=0, description="How many people the room is meant for.")
    cameras: tuple[CameraConfig, ...] = Field(min_length=1)
    device_groups: tuple[DeviceGroup, ...] = ()
    occupancy: OccupancySettings = Field(default_factory=OccupancySettings)
    schedule: Schedule = Field(default_factory=Schedule)
    contacts: tuple[str, ...] = Field(default=(), description="Ids of contacts of the site.")


class RoomConfig(RoomFacts):
    """A room with its policy in place: what is deployed, and what a simulation runs."""

    time_zone: TimeZone
    policy: Policy

    @property
    def policy_version(self) -> str:
        """A name for everything that decides about devices: equal if and only if they decide so."""
        return _version(
            self.model_dump_json(
                include={
                    "capacity",
                    "policy",
                    "device_groups",
                    "occupancy",
                    "schedule",
                    "time_zone",
                }
            )
        )

    def as_room(self, site_id: str) -> Room:
        """Return the domain's room.

        Raises:
            ValueError: If bands, cameras, device groups and hours contradict each other.
        """
        return Room(
            site_id=site_id,
            room_id=self.id,
            cameras=tuple(camera.as_camera() for camera in self.cameras),
            devices=self.device_groups,
            policy=self.policy,
            occupancy=self.occupancy,
            policy_version=self.policy_version,
            capacity=self.capacity,
            hours=self.schedule.hours(self.time_zone),
        )


def _policy_tag(value: Any) -> str:
    return "(shared)" if isinstance(value, str) else "(own)"


class RoomEntry(RoomFacts):
    """A room as its document has it: the policy is its own, a shared one's name, or the default."""

    policy: Annotated[
        Annotated[str, Tag("(shared)")] | Annotated[Policy, Tag("(own)")],
        Discriminator(_policy_tag),
    ] = Field(default_factory=Policy)


class CameraBinding(Document):
    """Which camera of which room a video stream belongs to."""

    site_id: str
    room_id: str
    camera_id: str
    stream_name: str
    stream_arn: str
    sample_every_s: float
    fragment_s: float
    kept_frames: KeptFrames | None = None


class Site(Document):
    """One building, or a part of one that one team looks after."""

    format: Literal[1] = Field(default=1, description="Of this document; 1 is the only one yet.")
    id: Identifier
    name: str = ""
    time_zone: TimeZone = Field(
        description="IANA name: opening hours and holidays are read by its clock."
    )
    retention_hours: int = Field(
        default=24,
        ge=1,
        le=_LONGEST_RETENTION_H,
        description="How long Kinesis Video keeps the video.",
    )
    kept_frames: KeptFrames | None = Field(
        default=None, description="Which frames may be kept to learn from; without it none."
    )
    contacts: tuple[Contact, ...] = ()
    policies: Mapping[str, Policy] = Field(
        default_factory=dict, description="Policies that rooms share, by name."
    )
    rooms: tuple[RoomEntry, ...] = Field(min_length=1)

    @property
    def version(self) -> str:
        """A name for this content: the same for documents that differ only in layout."""
        return _version(self.model_dump_json())

    @property
    def room_configs(self) -> tuple[RoomConfig, ...]:
        """Every room with its policy in place.

        Raises:
            KeyError: If a room names a policy that the site does not have.
        """
        return tuple(
            RoomConfig(
                **{name: getattr(room, name) for name in RoomFacts.model_fields},
                time_zone=self.time_zone,
                policy=self.policies[room.policy] if isinstance(room.policy, str) else room.policy,
            )
            for room in self.rooms
        )

    def kept_frames_of(self, camera: CameraConfig) -> KeptFrames | None:
        """Return what may be kept of a camera, or None if nothing may."""
        said = self.kept_frames if camera.kept_frames is None else camera.kept_frames
        return said if said is not None and said.allowed else None

    def room(self, room_id: str) -> RoomConfig:
        """Return one room with its policy in place.

        Raises:
            KeyError: If there is no such room.
        """
        return {room.id: room for room in self.room_configs}[room_id]


def _version(content: str) -> str:
    return sha256(content.encode()).hexdigest()[:_VERSION_HEX_DIGITS]
