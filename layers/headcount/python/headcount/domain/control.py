"""What the devices of a room should do, from what is known of the room.

Up at once, down after the hold-off. UNKNOWN holds what was last commanded and never lowers
anything. A command waits for its acknowledgement, is asked again under the same key, and ends
in an alert. Pure: the time is an argument, and somebody else sends what is decided.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from headcount.domain.alerts import Alert, AlertKind, alert_key
from headcount.domain.control_state import (
    Acknowledgement,
    Command,
    ControlState,
    Decision,
    GroupState,
    Lowering,
    Occupancy,
)
from headcount.domain.policy import DeviceGroup, Room
from headcount.domain.terms import OccupancyState, Trigger, WhenEmpty
from headcount.identifiers import deterministic_id

# Chosen: a sentence of the BMS's own. It ends in an alert, and what is kept of a room is bounded.
_REASON_CHARACTERS = 200


def decide(
    now: datetime,
    occupancy: Occupancy | None,
    room: Room,
    state: ControlState,
    trigger: Trigger = Trigger.OCCUPANCY,
) -> Decision:
    """Return the commands and alerts that are due at `now`.

    Args:
        now: Never earlier than at the last decision, save for clocks that differ.
        occupancy: What has just been said of the room, or None when only time has passed.
        room: Its devices and policy.
        state: As the last decision left it.
        trigger: What commands are said to come from.
    """
    known = _newer(state.occupancy, occupancy)
    believed = _believe(now, known, room)
    since = state.state_since if state.state is believed and state.state_since else now
    state = replace(state, occupancy=known, state=believed, state_since=since)

    groups: dict[str, GroupState] = {}
    commands: list[Command] = []
    for device in room.devices:
        group = state.groups.get(device.id, GroupState())
        group = _steer(now, group, device, room, state, trigger)
        group, command = _send(now, group, room, _needed(device, room, state))
        groups[device.id] = group
        if command is not None:
            commands.append(command)

    alerts = _alerts(now, room, replace(state, groups=groups))
    return _decision(now, room, replace(state, groups=groups), tuple(commands), alerts)


def acknowledge(now: datetime, ack: Acknowledgement, room: Room, state: ControlState) -> Decision:
    """Return what follows from an acknowledgement; one that nobody waits for changes nothing."""
    group = state.groups.get(ack.device_group, GroupState())
    if group.waiting is None or group.waiting.idempotency_key != ack.idempotency_key:
        return Decision(state)
    groups = {**state.groups, ack.device_group: replace(group, waiting=None)}
    alerts = dict(state.alerts)
    for kind in (AlertKind.COMMAND_UNACKNOWLEDGED, AlertKind.COMMAND_REFUSED):
        alerts.pop(alert_key(room, kind, ack.device_group), None)
    if not ack.accepted:
        refused = Alert.about(
            room,
            AlertKind.COMMAND_REFUSED,
            f"The BMS refused to set {ack.device_group} to {group.waiting.level}"
            f": {ack.reason[:_REASON_CHARACTERS] or 'it gave no reason'}.",
            device_group=ack.device_group,
            correlation_id=group.waiting.correlation_id,
        )
        alerts[refused.key] = refused
    return _decision(now, room, replace(state, groups=groups), (), alerts)


def _newer(known: Occupancy | None, told: Occupancy | None) -> Occupancy | None:
    """Return the newer of what is known and what is told, which may come late."""
    if known is None or told is None:
        return told or known
    as_new = (told.observed_at, told.revision) >= (known.observed_at, known.revision)
    return told if as_new else known


def _believe(now: datetime, known: Occupancy | None, room: Room) -> OccupancyState:
    stale = timedelta(seconds=room.policy.occupancy_stale_s)
    if known is None or now - known.observed_at > stale:
        return OccupancyState.UNKNOWN
    return known.state


def _needed(device: DeviceGroup, room: Room, state: ControlState) -> int | None:
    """Return the level that the room needs now, or None to hold what there is."""
    if state.occupancy is None or state.state is OccupancyState.UNKNOWN:
        return None
    if state.state is OccupancyState.VACANT:
        return None if room.policy.when_empty is WhenEmpty.TELL else room.policy.level(device.id, 0)
    return room.policy.level(device.id, max(1, state.occupancy.people))


def _steer(
    now: datetime,
    group: GroupState,
    device: DeviceGroup,
    room: Room,
    state: ControlState,
    trigger: Trigger,
) -> GroupState:
    """Return the group at the level it should now have, with a new command if that changed."""
    needed = _needed(device, room, state)
    if needed is None or needed == group.level:
        return replace(group, lowering=None)
    if needed > (group.level or 0):
        if now < _after(group.lowered_at, device.min_rest_s, now):
            return replace(group, lowering=None)
        return _commanded(now, group, device, needed, room, state, trigger)

    lowering = group.lowering or Lowering(now, needed)
    # The site may have been applied anew meanwhile, and the group have fewer devices now.
    lowering = replace(lowering, level=min(max(lowering.level, needed), device.max_level))
    group = replace(group, lowering=lowering)
    if now < _lowering_due(lowering, group, device, room) or not _is_fresh(now, room, state):
        return group
    group = _commanded(now, group, device, lowering.level, room, state, trigger)
    if needed < lowering.level:
        return replace(group, lowering=Lowering(now, needed))
    return group


def _is_fresh(now: datetime, room: Room, state: ControlState) -> bool:
    """Return whether the room has been seen within one heartbeat of the estimator.

    What is older does not count as UNKNOWN before `occupancy_stale_s`, but who came meanwhile would
    not have been seen: it is not enough to lower anything.
    """
    heard = timedelta(seconds=room.occupancy.heartbeat_s + room.occupancy.observation_gap_s)
    return state.occupancy is not None and now - state.occupancy.observed_at <= heard


def _lowering_due(
    lowering: Lowering, group: GroupState, device: DeviceGroup, room: Room
) -> datetime:
    held = lowering.since + timedelta(seconds=room.policy.hold_off_s)
    return max(held, _after(group.raised_at, device.min_run_s, held))


def _after(moment: datetime | None, seconds: float, otherwise: datetime) -> datetime:
    return otherwise if moment is None else moment + timedelta(seconds=seconds)


def _commanded(
    now: datetime,
    group: GroupState,
    device: DeviceGroup,
    level: int,
    room: Room,
    state: ControlState,
    trigger: Trigger,
) -> GroupState:
    known = state.occupancy
    people = 0 if known is None or state.state is OccupancyState.VACANT else known.people
    up = level > (group.level or 0)
    key = deterministic_id("command", room.site_id, room.room_id, device.id, level, now.isoformat())
    command = Command(
        device_group=device.id,
        level=level,
        priority=device.priority,
        requested_at=now,
        sent_at=now,
        expires_at=now + timedelta(seconds=room.policy.command_expiry_s),
        reason=_reason(device, level, people, room, state),
        trigger=trigger,
        people=people,
        state=state.state,
        policy_version=room.policy_version,
        idempotency_key=key,
        # Not yet sent; `_send` counts.
        attempt=0,
        correlation_id=known.correlation_id if known is not None else "",
    )
    return GroupState(
        level=level,
        raised_at=now if up else group.raised_at,
        lowered_at=group.lowered_at if up else now,
        waiting=command,
    )


def _reason(device: DeviceGroup, level: int, people: int, room: Room, state: ControlState) -> str:
    running = f"{device.id} {level} of {device.max_level}"
    if state.state is OccupancyState.VACANT:
        return f"nobody for {room.policy.hold_off_s:g} s since the room was vacant: {running}"
    return f"{people} {'person' if people == 1 else 'people'}: {running}"


def _send(
    now: datetime, group: GroupState, room: Room, needed: int | None
) -> tuple[GroupState, Command | None]:
    """Return the group's command if it is to be sent now: new, or unanswered for too long."""
    command = group.waiting
    if command is None or command.attempt >= room.policy.max_attempts:
        return group, None
    if needed is not None and needed > command.level:
        # Somebody has come back while the machine rests: do not insist on switching it off.
        return group, None
    if command.attempt == 0:
        command = replace(command, attempt=1, sent_at=now)
    elif now >= _answer_due(command, room) and now < command.expires_at:
        command = replace(command, attempt=command.attempt + 1, sent_at=now, trigger=Trigger.RETRY)
    else:
        return group, None
    return replace(group, waiting=command), command


def _answer_due(command: Command, room: Room) -> datetime:
    return command.sent_at + timedelta(seconds=room.policy.ack_timeout_s)


def _alerts(now: datetime, room: Room, state: ControlState) -> dict[str, Alert]:
    """Return the alerts that are true at `now`, by their keys."""
    kept = {key: alert for key, alert in state.alerts.items() if _is_of_room(alert, room)}
    vacant_key = alert_key(room, AlertKind.ROOM_VACANT)
    unknown_key = alert_key(room, AlertKind.OCCUPANCY_UNKNOWN)
    since = state.state_since or now
    if state.state is not OccupancyState.UNKNOWN:
        kept.pop(unknown_key, None)
    elif unknown_key not in kept and now >= _unknown_due(since, room):
        kept[unknown_key] = Alert.about(
            room,
            AlertKind.OCCUPANCY_UNKNOWN,
            f"For {room.policy.unknown_hold_s / 60:g} minutes nobody can say whether room "
            f"{room.room_id} is occupied. Its devices stay as they are; look at its cameras.",
            correlation_id=state.occupancy.correlation_id if state.occupancy is not None else "",
        )
    if state.state is OccupancyState.OCCUPIED or room.policy.when_empty is WhenEmpty.OFF:
        kept.pop(vacant_key, None)
    elif _tells_vacancy(room, state) and now >= _vacancy_due(since, room):
        kept.setdefault(vacant_key, _vacancy_alert(room, state))
    for name, group in state.groups.items():
        lost = group.waiting
        if lost is not None and _given_up(now, lost, room):
            alert = Alert.about(
                room,
                AlertKind.COMMAND_UNACKNOWLEDGED,
                f"The BMS has not acknowledged {name} {lost.level} after {lost.attempt} attempts "
                f"since {lost.requested_at:%H:%M:%S} UTC.",
                device_group=name,
                correlation_id=lost.correlation_id,
            )
            kept.setdefault(alert.key, alert)
    return kept


def _is_of_room(alert: Alert, room: Room) -> bool:
    """Return whether an alert is about something that the room still has."""
    groups = {device.id for device in room.devices}
    return alert.device_group is None or alert.device_group in groups


def _vacancy_alert(room: Room, state: ControlState) -> Alert:
    told = state.occupancy.correlation_id if state.occupancy is not None else ""
    message = f"Nobody is in room {room.room_id}."
    if room.devices:
        switched = room.policy.when_empty is WhenEmpty.OFF_AND_TELL
        message += f" Its devices are {'switched off' if switched else 'left as they are'}."
    return Alert.about(room, AlertKind.ROOM_VACANT, message, correlation_id=told)


def _tells_vacancy(room: Room, state: ControlState) -> bool:
    return state.state is OccupancyState.VACANT and room.policy.when_empty is not WhenEmpty.OFF


def _vacancy_due(since: datetime, room: Room) -> datetime:
    return since + timedelta(seconds=room.policy.hold_off_s)


def _unknown_due(since: datetime, room: Room) -> datetime:
    return since + timedelta(seconds=room.policy.unknown_hold_s)


def _given_up(now: datetime, command: Command, room: Room) -> bool:
    if now >= command.expires_at:
        return True
    return command.attempt >= room.policy.max_attempts and now >= _answer_due(command, room)


def _decision(
    now: datetime,
    room: Room,
    state: ControlState,
    commands: tuple[Command, ...],
    alerts: Mapping[str, Alert],
) -> Decision:
    raised = tuple(alert for key, alert in alerts.items() if key not in state.alerts)
    cleared = tuple(alert for key, alert in state.alerts.items() if key not in alerts)
    state = replace(state, alerts=alerts)
    due = min(_due(now, room, state), default=None)
    asked = state.check_at if state.check_at is not None and state.check_at > now else None
    if due is None or (asked is not None and asked <= due):
        return Decision(replace(state, check_at=asked), commands, raised, cleared)
    return Decision(replace(state, check_at=due), commands, raised, cleared, check_again_at=due)


def _due(now: datetime, room: Room, state: ControlState) -> list[datetime]:
    """Return the moments after `now` at which something may have to be done."""
    moments: list[datetime] = []
    for device in room.devices:
        group = state.groups.get(device.id, GroupState())
        if group.lowering is not None:
            moments.append(_lowering_due(group.lowering, group, device, room))
        needed = _needed(device, room, state)
        if needed is not None and needed > (group.level or 0) and group.lowered_at is not None:
            moments.append(group.lowered_at + timedelta(seconds=device.min_rest_s))
        if group.waiting is not None:
            moments.append(_answer_due(group.waiting, room))
    since = state.state_since or now
    if _tells_vacancy(room, state):
        moments.append(_vacancy_due(since, room))
    if state.state is OccupancyState.UNKNOWN:
        moments.append(_unknown_due(since, room))
    elif state.occupancy is not None:
        stale = timedelta(seconds=room.policy.occupancy_stale_s)
        moments.append(state.occupancy.observed_at + stale)
    return [moment for moment in moments if moment > now]
