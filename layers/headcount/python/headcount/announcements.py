"""What is decided about a room, as the events that say so, and the messages people read."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, TypeVar

from headcount.domain.alerts import Alert, AlertKind
from headcount.domain.control_state import Command, Decision
from headcount.domain.points import Point
from headcount.domain.policy import Room
from headcount.events import (
    AlertCleared,
    AlertRaised,
    BmsCommandProposed,
    BmsCommandRequested,
    ControlHeartbeat,
    Detail,
    PointReference,
)
from headcount.identifiers import deterministic_id
from headcount.ports import Message

# SNS wants a subject of less than 100 characters.
_SUBJECT_CHARACTERS = 99
# When it begins and when it is over, for the kinds whose name alone reads badly.
_HEADLINES: Final[Mapping[str, tuple[str, str]]] = {
    AlertKind.OVER_CAPACITY: ("more people than it is for", "no more people than it is for"),
    AlertKind.UNKNOWN_AT_CLOSE: (
        "closed, and nobody can say whether it is empty",
        "settled whether it is empty",
    ),
    AlertKind.ENERGY_EXCESS: ("more runs than its people need", "no more runs than they need"),
}


CommandT = TypeVar("CommandT", BmsCommandRequested, BmsCommandProposed)


def announced(decision: Decision, room: Room, now: datetime) -> Iterator[Detail]:
    """Yield the events that say what is decided about a room."""
    for command in decision.commands:
        yield _command(BmsCommandRequested, command, room)
    for command in decision.proposed:
        yield _command(BmsCommandProposed, command, room)
    for alert in decision.alerts_raised:
        yield alert_raised(alert, room, now)
    for alert in decision.alerts_cleared:
        yield alert_cleared(alert, room, now)


def _command(kind: type[CommandT], command: Command, room: Room) -> CommandT:
    """Return the event of one attempt of a command."""
    points = {group.id: group.point for group in room.devices}
    return kind(
        id=deterministic_id(kind.detail_type, command.idempotency_key, command.attempt),
        correlation_id=command.correlation_id,
        site_id=room.site_id,
        room_id=room.room_id,
        device_group=command.device_group,
        level=command.level,
        priority=command.priority,
        requested_at=command.sent_at,
        expires_at=command.expires_at,
        reason=command.reason,
        trigger=command.trigger,
        people_estimate=command.people,
        state=command.state,
        policy_version=command.policy_version,
        idempotency_key=command.idempotency_key,
        attempt=command.attempt,
        relinquish=command.relinquish,
        point=_reference(points.get(command.device_group)),
    )


def _reference(point: Point | None) -> PointReference | None:
    if point is None:
        return None
    return PointReference(
        brick_class=point.brick_class or None,
        entity=point.entity or None,
        bacnet=str(point.bacnet) if point.bacnet is not None else None,
    )


def heartbeat(
    site_id: str, rooms: Sequence[str], now: datetime, valid_for: timedelta
) -> ControlHeartbeat:
    """Return the event that these rooms of a site are in control's hands."""
    return ControlHeartbeat(
        id=deterministic_id(ControlHeartbeat.detail_type, site_id, now.isoformat()),
        correlation_id=deterministic_id("heartbeat", site_id, now.isoformat()),
        site_id=site_id,
        sent_at=now,
        expires_at=now + valid_for,
        rooms=tuple(rooms),
    )


def alert_raised(alert: Alert, room: Room, now: datetime) -> AlertRaised:
    """Return the event that an alert is raised at `now`."""
    return AlertRaised(
        id=deterministic_id(AlertRaised.detail_type, alert.key, now.isoformat()),
        correlation_id=alert.correlation_id,
        kind=alert.kind.value,
        site_id=room.site_id,
        room_id=room.room_id,
        device_group=alert.device_group,
        severity=alert.severity,
        alert_key=alert.key,
        raised_at=now,
        message=alert.message,
    )


def alert_cleared(alert: Alert, room: Room, now: datetime) -> AlertCleared:
    """Return the event that an alert is cleared at `now`."""
    return AlertCleared(
        id=deterministic_id(AlertCleared.detail_type, alert.key, now.isoformat()),
        correlation_id=alert.correlation_id,
        kind=alert.kind.value,
        site_id=room.site_id,
        room_id=room.room_id,
        device_group=alert.device_group,
        severity=alert.severity,
        alert_key=alert.key,
        cleared_at=now,
        message=f"No longer so: {alert.message}",
    )


def message_for(alert: AlertRaised | AlertCleared) -> Message:
    """Return what people read about an alert."""
    where = alert.room_id or alert.camera_id or alert.site_id
    raised = isinstance(alert, AlertRaised)
    what = alert.kind.replace("_", " ")
    begins, ends = _HEADLINES.get(alert.kind, (what, f"{what} is over"))
    headline = f"{where}: {begins if raised else ends}"
    at = alert.raised_at if isinstance(alert, AlertRaised) else alert.cleared_at
    lines = (
        alert.message,
        "",
        f"Site {alert.site_id}, {where}, {at:%Y-%m-%d %H:%M:%S} UTC, {alert.severity.value}.",
        f"Alert {alert.alert_key}",
    )
    return Message(
        subject=f"Headcount {alert.site_id}/{headline}"[:_SUBJECT_CHARACTERS],
        text="\n".join(lines),
        attributes={
            "site_id": alert.site_id,
            "room_id": alert.room_id or "",
            "kind": alert.kind,
            "severity": alert.severity.value,
            "status": "raised" if raised else "cleared",
        },
    )
