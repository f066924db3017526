"""Who does not know whether a room is empty switches nothing off."""

from datetime import datetime, timedelta

from headcount.domain.policy import Room
from headcount.domain.terms import OccupancyState, Trigger, UnknownAtClose
from headcount.verification.finding import Finding, Violation, violation
from headcount.verification.room_history import RoomHistory, Switch
from headcount.verification.room_log import AnyCommand, Told

UNKNOWN_HOLDS = "unknown-holds"


def unknown_holds(history: RoomHistory) -> Finding:
    """Check that no level went down while nobody could say whether somebody was there."""
    lowered = {command.id: (switch, command) for switch, command in history.ours() if switch.lowers}
    # Of the first command in a log nobody knows whether it lowered: off is down.
    lowered |= {command.id: (switch, command) for switch, command in history.offs()}
    wrong: list[Violation] = []
    checked = 0
    for switch, command in lowered.values():
        if _decided_at_close(command, history.room):
            continue
        checked += 1
        says = _ignorance(history, switch, command)
        if says is not None:
            wrong.append(
                violation(UNKNOWN_HOLDS, history, switch.group, switch.at, says, command.id)
            )
    return Finding(checked, tuple(wrong))


def _decided_at_close(command: AnyCommand, room: Room) -> bool:
    """Return whether the site itself wants an unknown room off at closing, and this is that."""
    return (
        command.trigger is Trigger.SCHEDULE
        and command.state is OccupancyState.UNKNOWN
        and room.policy.unknown_at_close is UnknownAtClose.OFF
        and room.hours is not None
        and not room.hours.is_open(command.requested_at)
    )


def _ignorance(history: RoomHistory, switch: Switch, command: AnyCommand) -> str | None:
    """Return what was not known when the level went down, in words; None if enough was."""
    lowered = f"{switch.group} went to {switch.level}"
    if command.state is OccupancyState.UNKNOWN:
        return f"{lowered} while the room was UNKNOWN ({command.reason})"
    newest = _known(history, switch.at)
    stale = timedelta(seconds=history.room.policy.occupancy_stale_s)
    if newest is None:
        begins = history.log.begins
        if begins is None or switch.at - begins <= stale or not history.told:
            return None
        return f"{lowered} before the estimator had said anything"
    if newest.event.state is OccupancyState.UNKNOWN:
        return f"{lowered} although the estimator's last word was UNKNOWN ({newest.event.evidence})"
    if switch.at - newest.event.observed_at > stale:
        age_s = (switch.at - newest.event.observed_at).total_seconds()
        return f"{lowered} on what was seen {age_s:.0f} s before; that is UNKNOWN"
    return None


def _known(history: RoomHistory, at: datetime) -> Told | None:
    """Return the newest word of the estimator that control must have had at `at`."""
    arrived = at - timedelta(seconds=history.limits.arrival_s)
    # What came just before may or may not have been heard: the better of the two counts.
    sure = [told for told in history.told if told.at <= arrived]
    maybe = [told for told in history.told if arrived < told.at <= at]
    newest = max(sure, key=_newer, default=None)
    for told in maybe:
        knows = told.event.state is not OccupancyState.UNKNOWN
        if knows and (newest is None or _newer(told) >= _newer(newest)):
            newest = told
    return newest


def _newer(told: Told) -> tuple[datetime, int]:
    return told.event.observed_at, told.event.revision
