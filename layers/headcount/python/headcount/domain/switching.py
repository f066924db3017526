"""When a device group may change its level.

Up at once, save for a machine that rests. Down after a hold-off, on fresh and sure news, after the
minimum run, and only while enough switching is left for every rise that may have to follow.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from headcount.domain.commands import command_for
from headcount.domain.control_state import GroupState, Lowering
from headcount.domain.needs import Cause, Need
from headcount.domain.policy import DeviceGroup
from headcount.domain.situation import Situation

# Chosen: the estimator's own bound for VACANT is higher. Between two of its states a room may have
# become less sure, and that is not enough to switch it off.
_SURELY_VACANT = 0.9
_HOUR = timedelta(hours=1)


def steer(device: DeviceGroup, group: GroupState, need: Need, at: Situation) -> GroupState:
    """Return the group at the level it should now have, with a new command if that changed."""
    level = need.level
    if level is None or level == group.level:
        return group if group.lowering is None else replace(group, lowering=None)
    if level > (group.level or 0):
        if at.now < _rested_at(device, group, at.now):
            return replace(group, lowering=None)
        return _switched(device, group, level, need, at)
    if need.cause is Cause.CLOSED:
        if at.now < _run_until(device, group, at.now) or not _may_lower(device, group, level, at):
            return group
        return _switched(device, group, level, need, at)
    return _lowered(device, group, level, need, at)


def level_moments(
    device: DeviceGroup, group: GroupState, need: Need, at: Situation
) -> list[datetime]:
    """Return when the level may have to change though nothing new is heard."""
    if need.level is None or need.level == group.level:
        return []
    if need.level > (group.level or 0):
        return [_rested_at(device, group, at.now)]
    run_until = _run_until(device, group, at.now)
    due = [run_until] if need.cause is Cause.CLOSED else []
    if group.lowering is not None:
        if at.is_vacant:
            due.append(max(_empty_due(group, at), run_until))
        if _helps(group.lowering.level, need.level, at):
            due.append(max(_fewer_due(group.lowering, at), run_until))
    return due


def _lowered(
    device: DeviceGroup, group: GroupState, level: int, need: Need, at: Situation
) -> GroupState:
    """Return the group after its hold-off, or with the lowering that waits for it.

    Two hold-offs run side by side: that of an empty room since it became vacant, and that of fewer
    people since there were fewer. Neither makes the other sooner or later.
    """
    lowering = group.lowering or Lowering(at.now, level)
    # The site may have been applied anew meanwhile, and the group have fewer devices now.
    most = min(max(lowering.level, level), device.max_level)
    if group.lowering is None or most != lowering.level:
        lowering = replace(lowering, level=most)
        group = replace(group, lowering=lowering)
    target = None
    if at.is_vacant and at.now >= _empty_due(group, at) and _is_sure(at):
        target = level
    elif at.now >= _fewer_due(lowering, at) and _helps(most, level, at):
        target = most
    if target is None or at.now < _run_until(device, group, at.now) or not at.is_fresh():
        return group
    if not _may_lower(device, group, target, at):
        return group
    group = _switched(device, group, target, need, at)
    return replace(group, lowering=Lowering(at.now, level)) if level < target else group


def _helps(most: int, level: int, at: Situation) -> bool:
    """Return whether lowering for fewer people is its own step: not that of an empty room."""
    return most > level or not at.is_vacant


def _is_sure(at: Situation) -> bool:
    known = at.state.occupancy
    return known is None or known.p_vacant is None or known.p_vacant >= _SURELY_VACANT


def _empty_due(group: GroupState, at: Situation) -> datetime:
    """Return when an empty room has been empty for long enough."""
    begins = at.since
    for later in (group.released_at, at.last_seen_at()):
        if later is not None and later > begins:
            begins = later
    return begins + timedelta(seconds=at.room.policy.hold_off_s)


def _fewer_due(lowering: Lowering, at: Situation) -> datetime:
    return lowering.since + timedelta(seconds=at.room.policy.hold_off_of_fewer_s)


def _run_until(device: DeviceGroup, group: GroupState, now: datetime) -> datetime:
    return _after(group.raised_at, device.min_run_s, now)


def _rested_at(device: DeviceGroup, group: GroupState, now: datetime) -> datetime:
    return _after(group.lowered_at, device.min_rest_s, now)


def _after(moment: datetime | None, seconds: float, otherwise: datetime) -> datetime:
    return otherwise if moment is None else moment + timedelta(seconds=seconds)


def _may_lower(device: DeviceGroup, group: GroupState, level: int, at: Situation) -> bool:
    """Return whether a lowering leaves enough switching for every rise that could follow.

    So the bound never keeps a room dark: what it costs is energy, until the hour has passed.
    """
    if device.max_switches_per_hour == 0:
        return True
    used = len(_of_last_hour(group.switched_at, at.now))
    rises = at.room.policy.levels_above(device, level)
    return used + 1 + rises <= device.max_switches_per_hour


def _of_last_hour(switched_at: tuple[datetime, ...], now: datetime) -> tuple[datetime, ...]:
    return tuple(moment for moment in switched_at if now - moment <= _HOUR)


def _switched(
    device: DeviceGroup, group: GroupState, level: int, need: Need, at: Situation
) -> GroupState:
    up = level > (group.level or 0)
    counted = device.max_switches_per_hour > 0
    return replace(
        group,
        level=level,
        raised_at=at.now if up else group.raised_at,
        lowered_at=group.lowered_at if up else at.now,
        lowering=None,
        waiting=command_for(device, level, need, at),
        switched_at=(*_of_last_hour(group.switched_at, at.now), at.now) if counted else (),
        followed_at=at.now if need.cause is Cause.OPEN else group.followed_at,
        excess=None,
    )
