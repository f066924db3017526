"""Which alerts about a room are true at one moment."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from headcount.domain.alerts import Alert, AlertKind, alert_key
from headcount.domain.commands import is_given_up
from headcount.domain.control_state import Command, GroupState
from headcount.domain.policy import Room
from headcount.domain.situation import Situation
from headcount.domain.terms import OccupancyState, UnknownAtClose, WhenEmpty, WhenExcess

_ABOUT_COMMANDS = (AlertKind.COMMAND_UNACKNOWLEDGED, AlertKind.COMMAND_REFUSED)


def update_alerts(
    alerts: dict[str, Alert], at: Situation, groups: Mapping[str, GroupState]
) -> None:
    """Add the alerts that have become true and remove those that are over; others keep their words.

    Args:
        alerts: Those that are raised, by their keys; changed in place.
        at: The decision to be made.
        groups: The device groups as they have just been decided.
    """
    if alerts:
        _drop_what_is_gone(alerts, at.room, groups)
    if alerts or at.is_unknown:
        _judge_unknown(alerts, at)
    if alerts or at.is_vacant:
        _judge_vacancy(alerts, at, groups)
    if at.people >= _full(at.room) > 0 or alerts:
        _judge_capacity(alerts, at)
    for name, group in groups.items():
        if group.waiting is not None and is_given_up(group.waiting, at.room, at.now):
            _judge_silence(alerts, at, name, group.waiting)


def below_capacity_since(at: Situation, alerts: Mapping[str, Alert]) -> datetime | None:
    """Return since when a room that was full is not, or None if it is full or never was."""
    full = _full(at.room)
    if not alerts or at.is_unknown or at.people >= full:
        return None
    if alert_key(at.room, AlertKind.OVER_CAPACITY) not in alerts:
        return None
    return at.state.below_capacity_since or at.now


def alert_moments(at: Situation, below_since: datetime | None) -> list[datetime]:
    """Return when an alert may be raised or cleared though nothing new is heard."""
    due: list[datetime] = []
    if _tells_vacancy(at):
        due.append(_vacancy_due(at))
    if at.is_unknown:
        due.append(_unknown_due(at))
    if below_since is not None:
        due.append(below_since + timedelta(seconds=at.room.policy.capacity_clear_s))
    return due


def _drop_what_is_gone(
    kept: dict[str, Alert], room: Room, groups: Mapping[str, GroupState]
) -> None:
    """Remove the alerts about what the room no longer has, asks for or waits for."""
    metered = {device.id for device in room.devices if device.device_power_w is not None}
    if room.policy.when_excess is WhenExcess.IGNORE:
        metered = set()
    for key, alert in list(kept.items()):
        name = alert.device_group
        if name is None:
            continue
        group = groups.get(name)
        idle = group is not None and group.waiting is None
        handed_over = room.policy.dry_run or (group is not None and group.override is not None)
        if (
            group is None
            or (alert.kind is AlertKind.ENERGY_EXCESS and name not in metered)
            or (alert.kind in _ABOUT_COMMANDS and idle and handed_over)
        ):
            del kept[key]


def _judge_unknown(kept: dict[str, Alert], at: Situation) -> None:
    room = at.room
    unknown_key = alert_key(room, AlertKind.OCCUPANCY_UNKNOWN)
    close_key = alert_key(room, AlertKind.UNKNOWN_AT_CLOSE)
    if not at.is_unknown:
        kept.pop(unknown_key, None)
        kept.pop(close_key, None)
        return
    told = at.state.occupancy.correlation_id if at.state.occupancy is not None else ""
    if unknown_key not in kept and at.now >= _unknown_due(at):
        kept[unknown_key] = Alert.about(
            room,
            AlertKind.OCCUPANCY_UNKNOWN,
            f"For {room.policy.unknown_hold_s / 60:g} minutes nobody can say whether room "
            f"{room.room_id} is occupied. Its devices stay as they are; look at its cameras.",
            correlation_id=told,
        )
    if not _is_unknown_since_before_close(at):
        kept.pop(close_key, None)
    elif close_key not in kept:
        kept[close_key] = Alert.about(
            room,
            AlertKind.UNKNOWN_AT_CLOSE,
            f"Room {room.room_id} is closed, and nobody can say whether it is empty. "
            "Its devices stay as they are; look into it.",
            correlation_id=told,
        )


def _is_unknown_since_before_close(at: Situation) -> bool:
    """Return whether a room was UNKNOWN when it closed and still is.

    One that becomes UNKNOWN later is told of by the other alert, and not twice in one night.
    """
    hours = at.room.hours
    if hours is None or at.room.policy.unknown_at_close is not UnknownAtClose.TELL:
        return False
    if hours.is_open(at.now):
        return False
    closed_at = hours.last_close(at.now)
    return closed_at is not None and at.since <= closed_at


def _judge_vacancy(kept: dict[str, Alert], at: Situation, groups: Mapping[str, GroupState]) -> None:
    key = alert_key(at.room, AlertKind.ROOM_VACANT)
    occupied = at.state.state is OccupancyState.OCCUPIED
    if occupied or at.room.policy.when_empty is WhenEmpty.OFF:
        kept.pop(key, None)
    elif key not in kept and _tells_vacancy(at) and at.now >= _vacancy_due(at):
        told = at.state.occupancy.correlation_id if at.state.occupancy is not None else ""
        kept[key] = Alert.about(
            at.room, AlertKind.ROOM_VACANT, _about_vacancy(at, groups), correlation_id=told
        )


def _about_vacancy(at: Situation, groups: Mapping[str, GroupState]) -> str:
    message = f"Nobody is in room {at.room.room_id}."
    if not at.room.devices:
        return message
    switches = at.room.policy.when_empty is WhenEmpty.OFF_AND_TELL and not at.room.policy.dry_run
    held = sorted(name for name, group in groups.items() if group.override is not None)
    if not switches or len(held) == len(at.room.devices):
        return f"{message} Its devices are left as they are."
    if held:
        return (
            f"{message} Its devices are switched off, save what is overridden: {', '.join(held)}."
        )
    return f"{message} Its devices are switched off."


def _judge_capacity(kept: dict[str, Alert], at: Situation) -> None:
    key = alert_key(at.room, AlertKind.OVER_CAPACITY)
    full = _full(at.room)
    if full <= 0:
        kept.pop(key, None)
    elif at.is_unknown:
        return
    elif at.people >= full:
        if key not in kept:
            message = (
                f"{at.people} people are in room {at.room.room_id}, "
                f"which is meant for {at.room.capacity}."
            )
            told = at.state.occupancy.correlation_id if at.state.occupancy is not None else ""
            kept[key] = Alert.about(at.room, AlertKind.OVER_CAPACITY, message, correlation_id=told)
    elif key in kept:
        below = at.state.below_capacity_since or at.now
        if at.now >= below + timedelta(seconds=at.room.policy.capacity_clear_s):
            del kept[key]


def _full(room: Room) -> float:
    """Return from how many people on somebody is told; 0 if nobody is."""
    return room.policy.capacity_share * room.capacity


def _judge_silence(kept: dict[str, Alert], at: Situation, name: str, lost: Command) -> None:
    asked = "to take it back" if lost.relinquish else str(lost.level)
    alert = Alert.about(
        at.room,
        AlertKind.COMMAND_UNACKNOWLEDGED,
        f"The BMS has not acknowledged {name} {asked} after {lost.attempt} attempts "
        f"since {lost.requested_at:%H:%M:%S} UTC.",
        device_group=name,
        correlation_id=lost.correlation_id,
    )
    kept.setdefault(alert.key, alert)


def _tells_vacancy(at: Situation) -> bool:
    return at.is_vacant and at.room.policy.when_empty is not WhenEmpty.OFF


def _vacancy_due(at: Situation) -> datetime:
    return at.since + timedelta(seconds=at.room.policy.hold_off_s)


def _unknown_due(at: Situation) -> datetime:
    return at.since + timedelta(seconds=at.room.policy.unknown_hold_s)
