"""A site as data: its rooms, cameras, devices, policies, hours and the people to tell.

The domain's own types nest as fields, so a document is read straight into what the decisions
are made with. `headcount site validate` adds the checks across fields, with lines.
"""

import re
from collections.abc import Mapping
from datetime import date
from enum import StrEnum
from hashlib import sha256
from itertools import pairwise
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    PlainSerializer,
    Tag,
    model_validator,
)
from pydantic_core import PydanticCustomError

from headcount.domain.cameras import Camera, OccupancySettings
from headcount.domain.policy import DeviceGroup, Policy, Room
from headcount.locations import carries_login

# 48 bits: enough to tell the versions of one document or policy apart at sight.
_VERSION_HEX_DIGITS = 12
_MINUTES_A_DAY = 24 * 60
# Kinesis Video's limits on a fragment, in seconds.
_SHORTEST_FRAGMENT_S, _LONGEST_FRAGMENT_S = 1, 20
# Kinesis Video keeps media for ten years at most.
_LONGEST_RETENTION_H = 87_600
_PLACEHOLDER = re.compile(r"\$\{([A-Z][A-Z0-9_]*)\}")


class Document(BaseModel):
    """A part of a site document: unknown keys are refused, for they are misspelt ones."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


def _identifier(value: str) -> str:
    if not re.fullmatch(r"[a-z0-9-]{1,60}", value):
        raise PydanticCustomError(
            "identifier",
            "'{value}' is no id",
            {"value": value, "remedy": "Use 1 to 60 of a-z, 0-9 and the hyphen."},
        )
    return value


def _time_zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError) as fault:
        # OSError: a folder of zones (Europe), or a name longer than a file's may be.
        raise PydanticCustomError(
            "time_zone",
            "there is no time zone '{value}'",
            {"value": value, "remedy": "Use a name such as Europe/Berlin or America/New_York."},
        ) from fault
    return value


def _email(value: str) -> str:
    # As strict as a typing error needs: only the mail server knows whether the box exists.
    if not re.fullmatch(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)+", value):
        raise PydanticCustomError(
            "email",
            "'{value}' is no e-mail address",
            {"value": value, "remedy": "Write it as name@example.com."},
        )
    return value


def _phone(value: str) -> str:
    if not re.fullmatch(r"\+[1-9][0-9]{6,14}", value):
        raise PydanticCustomError(
            "phone",
            "'{value}' is no phone number in E.164 form",
            {
                "value": value,
                "remedy": 'Write "+", country code and number without spaces, in quotes: '
                '"+4930123456".',
            },
        )
    return value


def _source(value: str) -> str:
    filled = _PLACEHOLDER.sub("", value)
    try:
        urlsplit(filled)
    except ValueError as fault:
        raise PydanticCustomError(
            "source",
            "the source is no path and no URL",
            {"remedy": "Write the address of an IPv6 camera in brackets: rtsp://[fe80::1]/stream."},
        ) from fault
    if carries_login(filled):
        # The value is not repeated: a message ends in logs, and a password must not.
        raise PydanticCustomError(
            "credentials",
            "the source carries a login, and a site document is no place for one",
            {
                "remedy": "Write ${NAME} in its place (rtsp://${LOBBY_LOGIN}@10.0.0.4/stream) and "
                "set the variable NAME where the video is opened, e.g. from AWS Secrets Manager."
            },
        )
    return value


Identifier = Annotated[str, AfterValidator(_identifier)]


class Weekday(StrEnum):
    """Days in the order of `date.weekday()`."""

    MONDAY = "monday"
    TUESDAY = "tuesday"
    WEDNESDAY = "wednesday"
    THURSDAY = "thursday"
    FRIDAY = "friday"
    SATURDAY = "saturday"
    SUNDAY = "sunday"


class OpenSpan(Document):
    """From when to when a room is open, in minutes since midnight; in a document "08:00-18:30"."""

    opens_min: int = Field(ge=0, lt=_MINUTES_A_DAY)
    closes_min: int = Field(gt=0, le=_MINUTES_A_DAY)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the span that `text` names.

        Raises:
            PydanticCustomError: If it is no span, or ends before it starts.
        """
        match = re.fullmatch(r"(\d{1,2}):([0-5]\d)\s*-\s*(\d{1,2}):([0-5]\d)", text.strip())
        hours = [int(part) for part in match.groups()] if match else [99, 0, 99, 0]
        opens_min, closes_min = hours[0] * 60 + hours[1], hours[2] * 60 + hours[3]
        if opens_min >= _MINUTES_A_DAY or closes_min > _MINUTES_A_DAY:
            raise PydanticCustomError(
                "open_span",
                "'{text}' is no span of opening hours",
                {"text": text, "remedy": 'Write it as "08:00-18:30"; midnight is 24:00.'},
            )
        if closes_min <= opens_min:
            raise PydanticCustomError(
                "open_span",
                "the opening hours '{text}' end before they start",
                {
                    "text": text,
                    "remedy": "Over midnight, write two: until 24:00, and from 00:00 on the "
                    "next day.",
                },
            )
        return cls(opens_min=opens_min, closes_min=closes_min)

    def __str__(self) -> str:
        return "-".join(
            f"{minutes // 60:02d}:{minutes % 60:02d}"
            for minutes in (self.opens_min, self.closes_min)
        )


def _span(value: Any) -> Any:
    return OpenSpan.parse(value) if isinstance(value, str) else value


def _apart(spans: tuple[OpenSpan, ...]) -> tuple[OpenSpan, ...]:
    for earlier, later in pairwise(sorted(spans, key=lambda span: span.opens_min)):
        if later.opens_min < earlier.closes_min:
            raise PydanticCustomError(
                "open_span",
                "the opening hours {earlier} and {later} overlap",
                {
                    "earlier": str(earlier),
                    "later": str(later),
                    "remedy": "Join them, or end the one before the other starts.",
                },
            )
    return spans


_Span = Annotated[OpenSpan, BeforeValidator(_span), PlainSerializer(str)]


class Schedule(Document):
    """When a room is open, by the clock of the site's time zone."""

    open: Mapping[Weekday, Annotated[tuple[_Span, ...], AfterValidator(_apart)]] = Field(
        default_factory=dict, description="Weekday to spans; a day not named is closed."
    )
    holidays: tuple[date, ...] = Field(default=(), description="Dates on which it is closed.")


class Contact(Document):
    """Somebody to tell."""

    id: Identifier = Field(description="What rooms call it.")
    name: str = ""
    email: Annotated[str, AfterValidator(_email)] | None = None
    phone: Annotated[str, AfterValidator(_phone)] | None = Field(
        default=None, description="For text messages, in E.164 form."
    )

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
    source: Annotated[str, AfterValidator(_source)] | None = Field(
        default=None, description="Where its video is: a file, or an rtsp:// or http(s):// URL."
    )
    view: str = Field(
        default="", description="Cameras with one view see the same people; by default its own."
    )
    motion_threshold: float | None = Field(default=None, gt=0, le=1)
    scene_change_threshold: float | None = Field(default=None, gt=0, le=1)
    sample_every_s: float = Field(default=5, gt=0, description="Seconds between counted frames.")
    fragment_s: float = Field(
        default=2,
        ge=_SHORTEST_FRAGMENT_S,
        le=_LONGEST_FRAGMENT_S,
        description="Seconds of video in a fragment: the gateway's key frame interval.",
    )

    def as_camera(self) -> Camera:
        """Return what the estimator knows of this camera."""
        return Camera(
            id=self.id,
            view=self.view,
            motion_threshold=self.motion_threshold,
            scene_change_threshold=self.scene_change_threshold,
        )

    def source_with(self, environ: Mapping[str, str]) -> str | None:
        """Return the source with each `${NAME}` replaced by the variable of that name.

        Raises:
            KeyError: If `environ` lacks one.
        """
        if self.source is None:
            return None
        return _PLACEHOLDER.sub(lambda found: environ[found[1]], self.source)


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

    time_zone: Annotated[str, AfterValidator(_time_zone)]
    policy: Policy

    @property
    def policy_version(self) -> str:
        """A name for everything that decides about devices: equal if and only if they decide so."""
        return _version(
            self.model_dump_json(
                include={"policy", "device_groups", "occupancy", "schedule", "time_zone"}
            )
        )

    def as_room(self, site_id: str) -> Room:
        """Return the domain's room.

        Raises:
            ValueError: If bands, cameras and device groups contradict each other.
        """
        return Room(
            site_id=site_id,
            room_id=self.id,
            cameras=tuple(camera.as_camera() for camera in self.cameras),
            devices=self.device_groups,
            policy=self.policy,
            occupancy=self.occupancy,
            policy_version=self.policy_version,
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


class Site(Document):
    """One building, or a part of one that one team looks after."""

    format: Literal[1] = Field(default=1, description="Of this document; 1 is the only one yet.")
    id: Identifier
    name: str = ""
    time_zone: Annotated[str, AfterValidator(_time_zone)] = Field(
        description="IANA name: opening hours and holidays are read by its clock."
    )
    retention_hours: int = Field(
        default=24,
        ge=1,
        le=_LONGEST_RETENTION_H,
        description="How long Kinesis Video keeps the video.",
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

    def room(self, room_id: str) -> RoomConfig:
        """Return one room with its policy in place.

        Raises:
            KeyError: If there is no such room.
        """
        return {room.id: room for room in self.room_configs}[room_id]


def _version(content: str) -> str:
    return sha256(content.encode()).hexdigest()[:_VERSION_HEX_DIGITS]
