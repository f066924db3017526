"""Every command ends in an answer or an alert, and has one effect at most."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from headcount.domain.alerts import AlertKind
from headcount.domain.terms import Trigger
from headcount.events import BmsCommandRequested
from headcount.verification.finding import Finding, Violation, violation
from headcount.verification.room_history import RoomHistory
from headcount.verification.room_log import AnyCommand

ANSWERED = "answered"
ONE_EFFECT = "one-effect"
_LOST = (AlertKind.COMMAND_UNACKNOWLEDGED, AlertKind.COMMAND_REFUSED)


def answered(history: RoomHistory) -> Finding:
    """Check that every command was acknowledged, overtaken by another, or ended in an alert."""
    acknowledged = {answer.idempotency_key for answer in history.log.answers}
    checked = 0
    wrong: list[Violation] = []
    for key, attempts in history.attempts.items():
        last = attempts[-1]
        if not isinstance(last, BmsCommandRequested):
            continue
        due = _answer_due(attempts, history)
        ends = history.log.ends
        if key not in acknowledged and ends is not None and ends < due:
            # The log ends before anybody could have given up.
            continue
        checked += 1
        if key in acknowledged or _overtaken(history, last, due) or _alerted(history, last, due):
            continue
        wrong.append(
            violation(
                ANSWERED,
                history,
                last.device_group,
                last.requested_at,
                f"{last.device_group} {last.level} was asked for {len(attempts)} time(s), never "
                f"acknowledged, and nobody was told by {due:%H:%M:%S}",
                *(attempt.id for attempt in attempts),
            )
        )
    return Finding(checked, tuple(wrong))


def _answer_due(attempts: Sequence[AnyCommand], history: RoomHistory) -> datetime:
    """Return when the command must have been answered, or somebody told."""
    policy, last = history.room.policy, attempts[-1]
    margin = timedelta(seconds=history.limits.margin_s)
    if last.attempt >= policy.max_attempts:
        timeout = timedelta(seconds=policy.ack_timeout_s)
        return min(last.requested_at + timeout, last.expires_at) + margin
    return last.expires_at + margin


def _overtaken(history: RoomHistory, command: AnyCommand, due: datetime) -> bool:
    """Return whether a newer command, or a person, took the group before the answer was due."""
    newer = (attempts[0] for attempts in history.attempts.values())
    return any(
        other.device_group == command.device_group
        and other.idempotency_key != command.idempotency_key
        and command.requested_at <= other.requested_at <= due
        for other in newer
    ) or any(
        held.group in (None, command.device_group) and held.begins <= due
        for held in history.in_hand
        if held.ends >= command.requested_at
    )


def _alerted(history: RoomHistory, command: AnyCommand, due: datetime) -> bool:
    """Return whether somebody was told, or had been told and not yet told that it is over."""
    log = history.log
    for alert in log.raised:
        if alert.kind not in _LOST or alert.device_group != command.device_group:
            continue
        over = any(
            alert.raised_at <= cleared.cleared_at < command.requested_at
            for cleared in log.cleared
            if cleared.alert_key == alert.alert_key
        )
        if alert.raised_at <= due and not over:
            return True
    return False


def one_effect(history: RoomHistory) -> Finding:
    """Check that retries repeat one command, none is sent when expired or for what is old."""
    wrong: list[Violation] = []
    for attempts in history.attempts.values():
        for attempt, says in _faults(history, attempts):
            group, at = attempt.device_group, attempt.requested_at
            ids = dict.fromkeys((attempt.id, attempts[0].id))
            wrong.append(violation(ONE_EFFECT, history, group, at, says, *ids))
    checked = sum(len(attempts) for attempts in history.attempts.values())
    return Finding(checked, tuple(wrong))


def _faults(history: RoomHistory, attempts: Sequence[AnyCommand]) -> list[tuple[AnyCommand, str]]:
    first = attempts[0]
    policy = history.room.policy
    faults: list[tuple[AnyCommand, str]] = []
    for number, attempt in enumerate(attempts):
        if _effect(attempt) != _effect(first):
            faults.append(
                (attempt, f"attempt {attempt.attempt} asks for something else under the same key")
            )
        if attempt.requested_at >= attempt.expires_at:
            faults.append((attempt, f"attempt {attempt.attempt} was sent when it had expired"))
        place, most = first.attempt + number, policy.max_attempts
        if attempt.attempt != place or place > most:
            says = f"attempt {attempt.attempt} came as number {place} of at most {most}"
            faults.append((attempt, says))
    if first.attempt == 1 and first.trigger is Trigger.RETRY:
        faults.append((first, "a retry was sent under a key of its own"))
    faults += [(first, says) for says in _old_cause(history, first)]
    return faults


def _effect(command: AnyCommand) -> tuple[object, ...]:
    return (
        command.device_group,
        command.level,
        command.relinquish,
        command.priority,
        command.expires_at,
    )


def _old_cause(history: RoomHistory, command: AnyCommand) -> list[str]:
    """Return what is wrong with the observation that a command was made from."""
    log, chain = history.log, command.correlation_id
    if not chain or command.trigger is not Trigger.OCCUPANCY:
        return []
    if chain in log.replayed_chains and chain not in log.live_chains:
        return ["it was made from an event that came out of the archive"]
    causes = [told for told in history.told if told.event.correlation_id == chain]
    newest = max((told.event.observed_at for told in causes), default=None)
    stale = timedelta(seconds=history.room.policy.occupancy_stale_s)
    if newest is not None and command.requested_at - newest > stale:
        age_s = (command.requested_at - newest).total_seconds()
        return [f"it was made from an observation {age_s:.0f} s old"]
    return []
