"""Commands: made when a level is decided, sent until they are answered or given up."""

from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from headcount.domain.control_state import Command, GroupState
from headcount.domain.needs import Cause, Need
from headcount.domain.policy import DeviceGroup, Room
from headcount.domain.situation import Situation
from headcount.domain.terms import Trigger
from headcount.identifiers import deterministic_id

_TRIGGERS = {
    Cause.BOOKING: Trigger.BOOKING,
    Cause.OPEN: Trigger.SCHEDULE,
    Cause.CLOSED: Trigger.SCHEDULE,
}


def command_for(device: DeviceGroup, level: int, need: Need, at: Situation) -> Command:
    """Return the command, not yet sent, to run a device group at `level`."""
    correlated = need.booking.correlation_id if need.booking is not None else ""
    return _command(
        device,
        level,
        at,
        reason=f"{_why(level, need, at)}: {device.id} {level} of {device.max_level}",
        trigger=_TRIGGERS.get(need.cause, at.trigger),
        correlation_id=correlated,
    )


def repetition(
    device: DeviceGroup, level: int, why: str, correlation_id: str, at: Situation
) -> Command:
    """Return the command to run a group as it was told to already, because a meter differs."""
    return _command(
        device,
        level,
        at,
        reason=f"{why}: {device.id} {level} of {device.max_level}",
        trigger=Trigger.EXCESS,
        correlation_id=correlation_id,
    )


def relinquishment(device: DeviceGroup, at: Situation) -> Command:
    """Return the command that hands a device group back to the BMS."""
    made = _command(
        device,
        0,
        at,
        reason=f"dry run: {device.id} is handed back",
        trigger=Trigger.POLICY,
        correlation_id="",
    )
    return replace(made, relinquish=True)


def send(
    group: GroupState, room: Room, needed: int | None, now: datetime
) -> tuple[GroupState, Command | None]:
    """Return the group's command if it is to be sent now: new, or unanswered for too long."""
    command = group.waiting
    if command is None or command.attempt >= room.policy.max_attempts:
        return group, None
    if needed is not None and needed > command.level and not command.relinquish:
        # Somebody has come back while the machine rests: do not insist on switching it off.
        return group, None
    if command.attempt == 0:
        command = replace(command, attempt=1, sent_at=now)
    elif now >= answer_due(command, room) and now < command.expires_at:
        command = replace(command, attempt=command.attempt + 1, sent_at=now, trigger=Trigger.RETRY)
    else:
        return group, None
    return replace(group, waiting=command), command


def answer_due(command: Command, room: Room) -> datetime:
    """Return by when the BMS should have acknowledged the last attempt."""
    return command.sent_at + timedelta(seconds=room.policy.ack_timeout_s)


def is_given_up(command: Command, room: Room, now: datetime) -> bool:
    """Return whether no further attempt will be made, and none is waited for."""
    if now >= command.expires_at:
        return True
    return command.attempt >= room.policy.max_attempts and now >= answer_due(command, room)


def _command(
    device: DeviceGroup,
    level: int,
    at: Situation,
    *,
    reason: str,
    trigger: Trigger,
    correlation_id: str,
) -> Command:
    room, known = at.room, at.state.occupancy
    about: tuple[str | int, ...] = (room.site_id, room.room_id, device.id, level)
    if trigger in (Trigger.EXCESS, Trigger.POLICY):
        # Not about a new level: it must not be taken for the command that asked for it.
        about = (*about, trigger.value)
    return Command(
        device_group=device.id,
        level=level,
        priority=device.priority,
        requested_at=at.now,
        sent_at=at.now,
        expires_at=at.now + timedelta(seconds=room.policy.command_expiry_s),
        reason=reason,
        trigger=trigger,
        people=at.people,
        state=at.state.state,
        policy_version=room.policy_version,
        idempotency_key=deterministic_id("command", *about, at.now.isoformat()),
        # Not yet sent; `send` counts.
        attempt=0,
        correlation_id=correlation_id or (known.correlation_id if known is not None else ""),
    )


def _why(level: int, need: Need, at: Situation) -> str:
    if need.booking is not None:
        zone = at.room.hours.zone if at.room.hours is not None else ZoneInfo("UTC")
        starts = need.booking.starts_at.astimezone(zone)
        number = need.booking.people
        expected = f" for {_people(number)}" if number is not None else ""
        return f"booked from {starts:%H:%M} ({zone.key}){expected}"
    if need.cause is Cause.OPEN:
        return "nobody can say whether somebody is there, and the room is open"
    if need.cause is Cause.CLOSED:
        return "closed and unknown: the site's unknown_at_close is off"
    if at.is_vacant and need.level is not None and level > need.level:
        return f"fewer people for {at.room.policy.hold_off_of_fewer_s:g} s"
    if at.is_vacant:
        return f"nobody for {at.room.policy.hold_off_s:g} s since the room was vacant"
    return _people(at.people)


def _people(number: int) -> str:
    return f"{number} {'person' if number == 1 else 'people'}"
