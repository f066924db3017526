"""What protects the machines: minimum run and rest, and the bound on switching."""

from datetime import datetime, timedelta

from headcount.verification.finding import Finding, Violation, violation
from headcount.verification.room_history import RoomHistory, Switch

RUN_AND_REST = "run-and-rest"
SWITCHING_BOUND = "switching-bound"
_HOUR = timedelta(hours=1)


def run_and_rest(history: RoomHistory) -> Finding:
    """Check that a machine ran and rested as long as its group asks before we switched it."""
    checked = 0
    wrong: list[Violation] = []
    for group, switches in history.switches.items():
        device = history.device(group)
        if device is None or not (device.min_run_s or device.min_rest_s):
            continue
        raised_at: datetime | None = None
        lowered_at: datetime | None = None
        for switch in switches:
            if not (switch.raises or switch.lowers):
                continue
            began, least_s, what = (
                (raised_at, device.min_run_s, "run")
                if switch.lowers
                else (lowered_at, device.min_rest_s, "rested")
            )
            if began is not None and switch.command is not None:
                checked += 1
                lasted_s = (switch.at - began).total_seconds()
                if lasted_s < least_s:
                    says = (
                        f"{group} went to {switch.level} when it had {what} for {lasted_s:.0f} s; "
                        f"at least {least_s:g} s are asked"
                    )
                    wrong.append(
                        violation(RUN_AND_REST, history, group, switch.at, says, switch.command.id)
                    )
            raised_at = switch.at if switch.raises else raised_at
            lowered_at = switch.at if switch.lowers else lowered_at
    return Finding(checked, tuple(wrong))


def switching_bound(history: RoomHistory) -> Finding:
    """Check that no group changed its level more often in any hour than its bound."""
    checked = 0
    wrong: list[Violation] = []
    for group, switches in history.switches.items():
        device = history.device(group)
        ours = [one for one in switches if one.command is not None and one.level is not None]
        if device is None or not device.max_switches_per_hour:
            continue
        checked += len(ours)
        for at, switch in enumerate(ours):
            first = at - device.max_switches_per_hour
            if first >= 0 and switch.at - ours[first].at < _HOUR:
                wrong.append(_too_often(history, ours[first : at + 1]))
    return Finding(checked, tuple(wrong))


def _too_often(history: RoomHistory, switches: list[Switch]) -> Violation:
    last = switches[-1]
    minutes = (last.at - switches[0].at).total_seconds() / 60
    return violation(
        SWITCHING_BOUND,
        history,
        last.group,
        last.at,
        f"{last.group} changed its level {len(switches)} times within {minutes:.0f} minutes; "
        f"{len(switches) - 1} in an hour are allowed",
        *(switch.command.id for switch in reversed(switches) if switch.command is not None),
    )
