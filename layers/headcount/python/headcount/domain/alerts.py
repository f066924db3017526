"""What somebody should know of a room, raised once until it is cleared."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from headcount.domain.policy import Room
from headcount.domain.terms import Severity


class AlertKind(StrEnum):
    """What alerts are about."""

    ROOM_VACANT = "room_vacant"
    OCCUPANCY_UNKNOWN = "occupancy_unknown"
    COMMAND_UNACKNOWLEDGED = "command_unacknowledged"
    COMMAND_REFUSED = "command_refused"
    OVER_CAPACITY = "over_capacity"
    UNKNOWN_AT_CLOSE = "unknown_at_close"
    ENERGY_EXCESS = "energy_excess"


_SEVERITY = {
    AlertKind.ROOM_VACANT: Severity.INFO,
    AlertKind.OCCUPANCY_UNKNOWN: Severity.WARNING,
    AlertKind.COMMAND_UNACKNOWLEDGED: Severity.CRITICAL,
    AlertKind.COMMAND_REFUSED: Severity.WARNING,
    AlertKind.OVER_CAPACITY: Severity.WARNING,
    AlertKind.UNKNOWN_AT_CLOSE: Severity.WARNING,
    AlertKind.ENERGY_EXCESS: Severity.WARNING,
}


@dataclass(frozen=True, slots=True)
class Alert:
    """One reason for somebody to look.

    Attributes:
        key: What it is about; at most one of a key is raised.
        message: A sentence or two for people.
        correlation_id: Of the fragment that led to it, where one did.
    """

    kind: AlertKind
    key: str
    severity: Severity
    message: str
    device_group: str | None = None
    correlation_id: str = ""

    @classmethod
    def about(
        cls,
        room: Room,
        kind: AlertKind,
        message: str,
        *,
        device_group: str | None = None,
        correlation_id: str = "",
    ) -> Self:
        """Return an alert of that kind about a room, or about one of its device groups."""
        key = alert_key(room, kind, device_group)
        return cls(kind, key, _SEVERITY[kind], message, device_group, correlation_id)


def alert_key(room: Room, kind: AlertKind, device_group: str | None = None) -> str:
    """Return what an alert is about, e.g. `hq/lobby/command_refused/lights`."""
    about = (room.site_id, room.room_id, kind.value, device_group)
    return "/".join(part for part in about if part)
