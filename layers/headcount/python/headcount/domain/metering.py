"""More energy is running than this many people need: a meter held against the level."""

from dataclasses import replace
from datetime import timedelta

from headcount.domain.alerts import Alert, AlertKind
from headcount.domain.commands import repetition
from headcount.domain.control_state import Excess, GroupState, MeterNotice
from headcount.domain.needs import Need
from headcount.domain.policy import DeviceGroup
from headcount.domain.situation import Situation
from headcount.domain.terms import WhenExcess

# Chosen: rated and drawn power differ by ballasts, dirt and voltage; a quarter is above those.
_TOLERATED = 1.25
# Chosen: what devices draw in standby, as a share of one that runs. One device too many is above
# it also where none should run.
_STANDBY = 0.25
# Chosen: two readings of a meter that is read every quarter of an hour.
_STALE = timedelta(seconds=1800)


def judged(
    reading: MeterNotice, device: DeviceGroup, group: GroupState, need: Need, at: Situation
) -> tuple[GroupState, bool | None]:
    """Return the group after a reading, and whether somebody must be told.

    Too much is held against us only while nothing of ours is still to come: no hold-off, no
    minimum run, no unanswered command, no override, and a room of which we know who is in it.

    Returns:
        The group, with the command repeated if the policy wants that; and True if there is too
        much, False if there is not, None if the reading does not settle it.
    """
    if not _is_watched(device, at) or not _is_news(reading, group, at):
        return group, None
    group = replace(group, metered_at=min(reading.read_at, at.now))
    if reading.power_w <= _allowed_w(device, _running(group, need)):
        return replace(group, excess=None), False
    settled = need.level is None or need.level == (group.level or 0)
    ours = group.lowering is None and group.override is None and settled
    if not ours or at.is_unknown:
        return replace(group, excess=None), None
    if group.waiting is not None and not group.waiting.relinquish:
        return group, None
    excess = group.excess or Excess(reading.read_at)
    group = replace(group, excess=excess)
    if reading.read_at - excess.since < timedelta(seconds=at.room.policy.excess_hold_s):
        return group, None
    commands = at.room.policy.when_excess is WhenExcess.COMMAND
    if commands and not excess.repeated and group.level is not None:
        why = f"{reading.power_w:.0f} W are metered"
        again = repetition(device, group.level, why, reading.correlation_id, at)
        repeated = Excess(reading.read_at, repeated=True)
        return replace(group, waiting=again, excess=repeated), None
    return group, True


def excess_alert(
    reading: MeterNotice, device: DeviceGroup, group: GroupState, need: Need, at: Situation
) -> Alert:
    """Return the alert that more energy is running than the people need."""
    level = _running(group, need)
    allowed_w = _allowed_w(device, level)
    people = "nobody" if at.people == 0 else f"{at.people} people"
    message = (
        f"{device.id} of room {at.room.room_id} draws {reading.power_w:.0f} W. "
        f"With {people} there, {level} of {device.max_level} run, "
        f"and need at most {allowed_w:.0f} W."
    )
    return Alert.about(
        at.room,
        AlertKind.ENERGY_EXCESS,
        message,
        device_group=device.id,
        correlation_id=reading.correlation_id,
    )


def _is_watched(device: DeviceGroup, at: Situation) -> bool:
    return device.device_power_w is not None and at.room.policy.when_excess is not WhenExcess.IGNORE


def _is_news(reading: MeterNotice, group: GroupState, at: Situation) -> bool:
    if at.now - reading.read_at > _STALE:
        return False
    return group.metered_at is None or reading.read_at > group.metered_at


def _running(group: GroupState, need: Need) -> int:
    return max(group.level or 0, need.level or 0)


def _allowed_w(device: DeviceGroup, level: int) -> float:
    return (level * _TOLERATED + _STANDBY) * (device.device_power_w or 0.0)
