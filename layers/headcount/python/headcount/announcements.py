"""What is decided about a room, as the events that say so, and the messages people read."""

from datetime import datetime

from headcount.domain.alerts import Alert
from headcount.domain.control_state import Command
from headcount.domain.policy import Room
from headcount.events import AlertCleared, AlertRaised, BmsCommandRequested
from headcount.identifiers import deterministic_id
from headcount.ports import Message

# SNS wants a subject of less than 100 characters.
_SUBJECT_CHARACTERS = 99


def command_requested(command: Command, room: Room) -> BmsCommandRequested:
    """Return the event of one attempt of a command."""
    return BmsCommandRequested(
        id=deterministic_id(
            BmsCommandRequested.detail_type, command.idempotency_key, command.attempt
        ),
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
    headline = f"{where}: {what}" if raised else f"{where}: {what} is over"
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
