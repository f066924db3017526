"""Nobody is left in the dark, and our own dark is not taken for somebody."""

from datetime import datetime, timedelta

from headcount.domain.terms import CameraStatus, Trigger
from headcount.verification.finding import Finding, Violation, violation
from headcount.verification.room_history import RoomHistory, Switch
from headcount.verification.sightings import Sighting

NEVER_DARK = "never-dark"
NO_DARK_LOOP = "no-dark-loop"

# What else than a person seen may raise a room: somebody asked for it.
_ASKED_FOR = frozenset({Trigger.BOOKING, Trigger.OVERRIDE, Trigger.POLICY})


def never_dark(history: RoomHistory) -> Finding:
    """Check that nothing went off while a healthy camera saw a person within the hold-off."""
    hold_off = timedelta(seconds=history.room.policy.hold_off_s)
    checked = 0
    wrong: list[Violation] = []
    for switch, command in history.offs():
        # Somebody at the device knows better than a camera.
        if command.trigger is Trigger.OVERRIDE:
            continue
        if not history.looked(switch.at - hold_off, switch.at):
            continue
        checked += 1
        seen = _known_sightings(history, switch.at, hold_off)
        if seen:
            last = seen[-1]
            ago_s = (switch.at - last.look.at).total_seconds()
            wrong.append(
                violation(
                    NEVER_DARK,
                    history,
                    switch.group,
                    switch.at,
                    f"{switch.group} went to {switch.level} although {last.words} {ago_s:.0f} s "
                    f"before ({len(seen)} such frames within the hold-off)",
                    command.id,
                    last.look.seen.id,
                )
            )
    return Finding(checked, tuple(wrong))


def _known_sightings(history: RoomHistory, at: datetime, hold_off: timedelta) -> list[Sighting]:
    """Return who was seen within the hold-off before `at`, as far as control could know."""
    arrived = at - timedelta(seconds=history.limits.arrival_s)
    return [one for one in history.sighted(at - hold_off, at) if one.counts(arrived)]


def no_dark_loop(history: RoomHistory) -> Finding:
    """Check that what we switched off and made dark did not come on again for that alone."""
    checked = 0
    wrong: list[Violation] = []
    for off, _ in history.offs():
        after = history.switches[off.group]
        on = next((switch for switch in after if switch.at > off.at), None)
        if on is None or on.command is None or not on.raises or not _dark(history, off.at, on.at):
            continue
        checked += 1
        if on.command.trigger in _ASKED_FOR or _new_evidence(history, off.at, on.at):
            continue
        if _opened(history, off, on):
            continue
        wrong.append(
            violation(
                NO_DARK_LOOP,
                history,
                on.group,
                on.at,
                f"{on.group} was switched off at {off.at:%H:%M:%S}, the camera went dark, and "
                f"{on.group} came on at {on.level} with no face, motion, sensor, booking or "
                f"opening in between ({on.command.reason})",
                on.command.id,
                *((off.command.id,) if off.command is not None else ()),
            )
        )
    return Finding(checked, tuple(wrong))


def _dark(history: RoomHistory, after: datetime, until: datetime) -> bool:
    said = [h for h in history.log.health if h.status is CameraStatus.DARK]
    return any(look.seen.dark for look in history.looked(after, until)) or any(
        after < health.since < until for health in said
    )


def _new_evidence(history: RoomHistory, off_at: datetime, on_at: datetime) -> bool:
    """Return whether anything but the dark happened between the two."""
    # What was on its way when we switched off is news, too.
    since = off_at - timedelta(seconds=history.limits.arrival_s)
    log = history.log
    late = timedelta(seconds=history.room.occupancy.late_window_s)
    return (
        any(one.look.known_at > since for one in history.sighted(since - late, on_at))
        or any(sensed.present and since < sensed.sensed_at <= on_at for sensed in log.presence)
        or any(since < notice.changed_at <= on_at for notice in log.overrides)
        or any(since < notice.changed_at <= on_at for notice in log.bookings)
    )


def _opened(history: RoomHistory, off: Switch, on: Switch) -> bool:
    """Return whether the opening hours explain that the group came on.

    The room has opened in between; or nobody could say who was there, and the hours raised it for
    the first time of that opening. Once they may: that is no loop.
    """
    hours = history.room.hours
    span = None if hours is None else hours.span(on.at)
    if span is None or on.command is None:
        return False
    if span[0] > off.at:
        return True
    return on.command.trigger is Trigger.SCHEDULE and not any(
        earlier.raises
        and span[0] <= earlier.at < on.at
        and earlier.command is not None
        and earlier.command.trigger is Trigger.SCHEDULE
        and not _new_evidence(history, earlier.at, on.at)
        for earlier in history.switches[on.group]
    )
