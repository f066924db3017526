"""What the devices of a room should do, from what is known of the room.

Up at once, down after the hold-off. UNKNOWN holds what was last commanded; the opening hours may
then raise it, and nothing lowers it but a site that says so for a closed room. A command waits for
its acknowledgement, is asked again under the same key, and ends in an alert. Pure: the time is an
argument, and somebody else sends what is decided.

Which level is needed is said in `needs`, when it may change in `switching`.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from headcount.domain.alerts import Alert, AlertKind, alert_key
from headcount.domain.bookings import noted, to_come
from headcount.domain.commands import answer_due, relinquishment, send
from headcount.domain.control_alerts import alert_moments, below_capacity_since, update_alerts
from headcount.domain.control_state import (
    Acknowledgement,
    BookingNotice,
    Command,
    ControlState,
    Decision,
    GroupState,
    MeterNotice,
    Occupancy,
    OverrideNotice,
)
from headcount.domain.metering import excess_alert, judged
from headcount.domain.needs import Need, booking_moments, needed
from headcount.domain.overriding import overridden, released
from headcount.domain.policy import DeviceGroup, Room
from headcount.domain.situation import Situation
from headcount.domain.switching import level_moments, steer
from headcount.domain.terms import OccupancyState, Trigger

# Chosen: a sentence of the BMS's own. It ends in an alert, and what is kept of a room is bounded.
_REASON_CHARACTERS = 200
# Chosen: control looks at every room each minute, and a queue delays by a quarter of an hour at
# most. What the calendar says for later needs no wake of its own, sent on and on until then.
_SOON = timedelta(minutes=15)


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
    if known is not state.occupancy:
        state = replace(state, occupancy=known)
    return _decide(now, state, room, trigger)


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
    at = Situation(now, room, state, Trigger.TIMER)
    needs = {
        device.id: needed(device, groups.get(device.id, GroupState()), at)
        for device in room.devices
    }
    return _decision(at, groups, needs, alerts)


def override(now: datetime, notice: OverrideNotice, room: Room, state: ControlState) -> Decision:
    """Return what follows when somebody takes devices into their own hands, or gives them back.

    Meanwhile nothing is commanded: the BMS's own priority wins, and we go on counting. Afterwards
    the level that was set is the one to go on from.
    """
    reason = notice.reason[:_REASON_CHARACTERS]
    notice = replace(notice, reason=reason)
    groups = dict(state.groups)
    for device in room.devices:
        if notice.device_group in (None, device.id):
            group = groups.get(device.id, GroupState())
            groups[device.id] = overridden(group, device, notice, room.policy, now)
    return _decide(now, replace(state, groups=groups), room, Trigger.OVERRIDE)


def book(now: datetime, notice: BookingNotice, room: Room, state: ControlState) -> Decision:
    """Return what follows from a booking that is made, changed or cancelled."""
    bookings = noted(state.bookings, notice, now)
    return _decide(now, replace(state, bookings=bookings), room, Trigger.BOOKING)


def meter(now: datetime, notice: MeterNotice, room: Room, state: ControlState) -> Decision:
    """Return what follows from a meter reading; an old one, or one of no group, changes nothing."""
    return _decide(now, state, room, Trigger.TIMER, notice)


def _decide(
    now: datetime,
    state: ControlState,
    room: Room,
    trigger: Trigger,
    reading: MeterNotice | None = None,
) -> Decision:
    at = Situation(now, room, _believing(now, state, room), trigger)
    if room.policy.dry_run is not state.dry_run:
        at = replace(at, state=_handed_over(at))
    groups: dict[str, GroupState] = {}
    commands: list[Command] = []
    proposed: list[Command] = []
    alerts = dict(at.state.alerts)
    needs: dict[str, Need] = {}
    for device in room.devices:
        group, needs[device.id], command, proposal = _settle(device, at, reading, alerts)
        groups[device.id] = group
        if command is not None:
            commands.append(command)
        if proposal is not None:
            proposed.append(proposal)
    update_alerts(alerts, at, groups)
    return _decision(at, groups, needs, alerts, tuple(commands), tuple(proposed))


def _believing(now: datetime, state: ControlState, room: Room) -> ControlState:
    """Return the state with what is believed at `now`, and without bookings that are over."""
    believed, bookings = _believe(now, state.occupancy, room), to_come(state.bookings, now)
    since = state.state_since if state.state is believed and state.state_since else now
    if believed is state.state and since is state.state_since and bookings is state.bookings:
        return state
    return replace(state, state=believed, state_since=since, bookings=bookings)


def _settle(
    device: DeviceGroup, at: Situation, reading: MeterNotice | None, alerts: dict[str, Alert]
) -> tuple[GroupState, Need, Command | None, Command | None]:
    """Return one device group as decided, its need, and what to command and to propose for it.

    Args:
        device: Of the room.
        at: The decision to be made.
        reading: Of a meter, if that is what has been told.
        alerts: Those that are raised; the reading raises one or clears it here.
    """
    group = at.state.groups.get(device.id, GroupState())
    if group.override is not None and at.now >= group.override.until:
        group = released(group, group.override.until)
        at = replace(at, trigger=Trigger.OVERRIDE)
    need = needed(device, group, at)
    asked = group.waiting
    group = steer(device, group, need, at)
    if reading is not None and reading.device_group == device.id:
        group, is_excess = judged(reading, device, group, need, at)
        if is_excess:
            alert = excess_alert(reading, device, group, need, at)
            alerts.setdefault(alert.key, alert)
        elif is_excess is False:
            alerts.pop(alert_key(at.room, AlertKind.ENERGY_EXCESS, device.id), None)
    proposal = None
    if at.room.policy.dry_run and group.waiting is not None and group.waiting is not asked:
        # It is neither sent nor waited for, and the levels go on as if it had been carried out.
        proposal = replace(group.waiting, attempt=1)
        group = replace(group, waiting=asked)
    group, command = send(group, at.room, need.level, at.now)
    return group, need, command, proposal


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


def _handed_over(at: Situation) -> ControlState:
    """Return the state as a dry run begins or ends.

    As it begins, every group that was commanded is given back, once, and the levels go on as
    proposals. As it ends, nobody knows what the building did meanwhile: all is commanded anew.
    """
    groups = dict(at.state.groups)
    for device in at.room.devices:
        group = groups.get(device.id, GroupState())
        if not at.room.policy.dry_run:
            groups[device.id] = GroupState(
                level=group.level if group.override is not None else None,
                override=group.override,
                override_said_at=group.override_said_at,
                released_at=group.released_at,
                metered_at=group.metered_at,
            )
        elif group.level is not None:
            groups[device.id] = replace(group, waiting=relinquishment(device, at))
    return replace(at.state, groups=groups, dry_run=at.room.policy.dry_run)


def _decision(
    at: Situation,
    groups: Mapping[str, GroupState],
    needs: Mapping[str, Need],
    alerts: Mapping[str, Alert],
    commands: tuple[Command, ...] = (),
    proposed: tuple[Command, ...] = (),
) -> Decision:
    before = at.state.alerts
    raised = tuple(alert for key, alert in alerts.items() if key not in before)
    cleared = tuple(alert for key, alert in before.items() if key not in alerts)
    below = below_capacity_since(at, alerts)
    due = min(_due(at, groups, needs, below), default=None)
    check_at = at.state.check_at
    asked = check_at if check_at is not None and check_at > at.now else None
    wake = due if due is not None and (asked is None or asked > due) else None
    state = replace(
        at.state,
        groups=groups,
        alerts=alerts,
        below_capacity_since=below,
        check_at=wake or asked,
    )
    return Decision(state, commands, raised, cleared, wake, proposed)


def _due(
    at: Situation,
    groups: Mapping[str, GroupState],
    needs: Mapping[str, Need],
    below_since: datetime | None,
) -> list[datetime]:
    """Return the moments after now at which something may have to be done."""
    now, room, state = at.now, at.room, at.state
    due = alert_moments(at, below_since)
    calendar: list[datetime] = []
    for device in room.devices:
        group = groups.get(device.id)
        if group is None:
            continue
        due += level_moments(device, group, needs[device.id], at)
        if group.waiting is not None:
            due.append(answer_due(group.waiting, room))
        if group.override is not None:
            due.append(group.override.until)
        if device.precondition_s > 0:
            calendar += booking_moments(device, at)
    if not at.is_unknown and state.occupancy is not None:
        stale = timedelta(seconds=room.policy.occupancy_stale_s)
        due.append(state.occupancy.observed_at + stale)
    standby = at.is_vacant and any(device.standby_level > 0 for device in room.devices)
    if room.hours is not None and (at.is_unknown or standby):
        change = room.hours.next_change(now)
        calendar += () if change is None else (change,)
    due += [moment for moment in calendar if moment - now <= _SOON]
    return [moment for moment in due if moment > now]
