"""What was said of one room, as it came: kept small, for a day has seventeen thousand frames."""

from dataclasses import dataclass, field
from datetime import datetime

from headcount.domain.observations import Observation
from headcount.domain.terms import CameraStatus
from headcount.events import (
    AlertCleared,
    AlertRaised,
    BmsCommandAcknowledged,
    BmsCommandProposed,
    BmsCommandRequested,
    BmsOverrideChanged,
    BmsPresenceSensed,
    BmsScheduleChanged,
    CameraHealthChanged,
    Detail,
    FramesCounted,
    RoomOccupancyChanged,
)
from headcount.evidence import as_observation

AnyCommand = BmsCommandRequested | BmsCommandProposed


@dataclass(frozen=True, slots=True)
class Look:
    """One frame of one camera.

    Attributes:
        known_at: When the fragment had reached the server; control cannot know of it before.
    """

    seen: Observation
    known_at: datetime

    @property
    def at(self) -> datetime:
        """When the frame was taken."""
        return self.seen.captured_at


@dataclass(frozen=True, slots=True)
class Told:
    """What the estimator said, and when it was on the bus."""

    event: RoomOccupancyChanged
    at: datetime


@dataclass(slots=True)
class RoomLog:
    """The events of one room, in the order heard.

    Attributes:
        looks: Every frame.
        told: Every announcement of the estimator.
        commands: Every attempt of every command; in a dry run, of what was proposed.
        live_chains: Correlation ids of what cameras and the estimator said.
        replayed_chains: Those that came out of the archive.
    """

    site_id: str
    room_id: str
    looks: list[Look] = field(default_factory=list)
    told: list[Told] = field(default_factory=list)
    commands: list[AnyCommand] = field(default_factory=list)
    answers: list[BmsCommandAcknowledged] = field(default_factory=list)
    raised: list[AlertRaised] = field(default_factory=list)
    cleared: list[AlertCleared] = field(default_factory=list)
    overrides: list[BmsOverrideChanged] = field(default_factory=list)
    bookings: list[BmsScheduleChanged] = field(default_factory=list)
    presence: list[BmsPresenceSensed] = field(default_factory=list)
    health: list[CameraHealthChanged] = field(default_factory=list)
    live_chains: set[str] = field(default_factory=set)
    replayed_chains: set[str] = field(default_factory=set)
    begins: datetime | None = None
    ends: datetime | None = None

    def hear(self, event: Detail, at: datetime | None = None, *, replayed: bool = False) -> None:
        """Keep one event.

        Args:
            event: Of this room.
            at: When it was put on the bus, where the log says so.
            replayed: Whether it came out of the archive: it is no evidence, and no cause.
        """
        if isinstance(event, FramesCounted | RoomOccupancyChanged):
            (self.replayed_chains if replayed else self.live_chains).add(event.correlation_id)
        if replayed:
            return
        if isinstance(event, FramesCounted):
            self.looks.append(Look(as_observation(event), event.persisted_at))
            self._spans(event.captured_at)
        elif isinstance(event, RoomOccupancyChanged):
            # The bus keeps whole seconds: an event is never older than its evidence.
            known_at = max(event.observed_at, event.persisted_at or event.observed_at)
            self.told.append(Told(event, max(at or known_at, known_at)))
            self._spans(event.observed_at)
        elif isinstance(event, BmsCommandRequested | BmsCommandProposed):
            self.commands.append(event)
            self._spans(event.requested_at)
        else:
            self._keep(event)

    def _keep(self, event: Detail) -> None:
        match event:
            case BmsCommandAcknowledged():
                self.answers.append(event)
                self._spans(event.acknowledged_at)
            case AlertRaised():
                self.raised.append(event)
                self._spans(event.raised_at)
            case AlertCleared():
                self.cleared.append(event)
                self._spans(event.cleared_at)
            case BmsOverrideChanged():
                self.overrides.append(event)
            case BmsScheduleChanged():
                self.bookings.append(event)
            case BmsPresenceSensed():
                self.presence.append(event)
            case CameraHealthChanged():
                self.health.append(event)

    def _spans(self, moment: datetime) -> None:
        self.begins = moment if self.begins is None else min(self.begins, moment)
        self.ends = moment if self.ends is None else max(self.ends, moment)


def can_see(status: CameraStatus) -> bool:
    """Return whether a camera of that status may be believed when it shows somebody.

    The dark hides people and invents none, and who was turned away still shows who is in its view;
    a frozen, covered or blurred camera shows another time, or nothing.
    """
    return status in (CameraStatus.ONLINE, CameraStatus.DARK, CameraStatus.MOVED)
