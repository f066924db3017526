"""Who has a device group in hand: we, or somebody at the BMS, for a bounded time."""

from dataclasses import replace
from datetime import datetime, timedelta

from headcount.domain.control_state import GroupState, Override, OverrideNotice
from headcount.domain.policy import DeviceGroup, Policy


def overridden(
    group: GroupState, device: DeviceGroup, notice: OverrideNotice, policy: Policy, now: datetime
) -> GroupState:
    """Return the group after an override notice; one that is older or over changes nothing."""
    # A clock that is ahead of ours must not keep later notices out.
    said_at = min(notice.at, now)
    if group.override_said_at is not None and said_at < group.override_said_at:
        return group
    if not notice.active:
        group = replace(group, override_said_at=said_at)
        return group if group.override is None else released(group, now)
    ends_at = said_at + timedelta(seconds=policy.override_max_s)
    until = ends_at if notice.until is None else min(notice.until, ends_at)
    if until <= now:
        return group
    taken = replace(
        group,
        lowering=None,
        # What we last asked for no longer matters, save that we gave the group back.
        waiting=group.waiting if group.waiting is not None and group.waiting.relinquish else None,
        override=Override(until, notice.reason, notice.correlation_id),
        override_said_at=said_at,
        excess=None,
    )
    return taken if notice.level is None else _set(taken, min(notice.level, device.max_level), now)


def released(group: GroupState, at: datetime) -> GroupState:
    """Return the group in our hands again, from the level that the override left."""
    return replace(group, override=None, released_at=at)


def _set(group: GroupState, level: int, now: datetime) -> GroupState:
    """Return the group at a level of somebody else's; a machine's run and rest count all the same.

    It is not one of our own switchings, so the bound per hour does not count it.
    """
    if level == group.level:
        return group
    up = level > (group.level or 0)
    return replace(
        group,
        level=level,
        raised_at=now if up else group.raised_at,
        lowered_at=group.lowered_at if up else now,
    )
