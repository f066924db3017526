"""What every run must keep, and the room by room check of all of it."""

from collections.abc import Iterable

from headcount.domain.policy import Room
from headcount.verification.answers import ANSWERED, ONE_EFFECT, answered, one_effect
from headcount.verification.finding import Finding, Property
from headcount.verification.limits import Limits
from headcount.verification.order import ANY_ORDER, any_order
from headcount.verification.reaction import REACTION, reaction
from headcount.verification.room_history import RoomHistory
from headcount.verification.room_log import RoomLog
from headcount.verification.sight import NEVER_DARK, NO_DARK_LOOP, never_dark, no_dark_loop
from headcount.verification.switching import (
    RUN_AND_REST,
    SWITCHING_BOUND,
    run_and_rest,
    switching_bound,
)
from headcount.verification.unknown import UNKNOWN_HOLDS, unknown_holds


def _hold_off(room: Room, limits: Limits) -> str:
    return f"hold_off_s {room.policy.hold_off_s:g}, arrival {limits.arrival_s:g} s"


def _run_and_rest(room: Room, _limits: Limits) -> str:
    asked = [f"{d.id} {d.min_run_s:g}/{d.min_rest_s:g} s" for d in room.devices]
    return f"min_run_s/min_rest_s: {', '.join(asked) or 'no device group'}"


def _bound(room: Room, _limits: Limits) -> str:
    asked = [f"{d.id} {d.max_switches_per_hour or 'without bound'}" for d in room.devices]
    return f"max_switches_per_hour: {', '.join(asked) or 'no device group'}"


def _reaction(room: Room, limits: Limits) -> str:
    policy = room.policy
    return (
        f"up {limits.reaction_s:g} s, down hold_off_s {policy.hold_off_s:g} (fewer "
        f"{policy.hold_off_of_fewer_s:g}) and {limits.margin_s:g} s"
    )


def _answers(room: Room, limits: Limits) -> str:
    policy = room.policy
    return (
        f"{policy.max_attempts} attempts of {policy.ack_timeout_s:g} s, command_expiry_s "
        f"{policy.command_expiry_s:g}, {limits.margin_s:g} s more"
    )


def _unknown(room: Room, _limits: Limits) -> str:
    policy = room.policy
    return (
        f"occupancy_stale_s {policy.occupancy_stale_s:g}, unknown_at_close "
        f"{policy.unknown_at_close.value}"
    )


def _window(room: Room, _limits: Limits) -> str:
    return f"late_window_s {room.occupancy.late_window_s:g}"


PROPERTIES = (
    Property(
        NEVER_DARK,
        "Nothing goes off while a healthy camera saw a person within the hold-off.",
        "switchings off",
        "the frames named: what did the camera see, and did the estimator hear of it in time?",
        _hold_off,
        never_dark,
    ),
    Property(
        RUN_AND_REST,
        "A machine runs and rests as long as its group asks.",
        "switchings of groups with a minimum",
        "the two commands: which of them had another cause, e.g. an override?",
        _run_and_rest,
        run_and_rest,
    ),
    Property(
        SWITCHING_BOUND,
        "No group changes its level more often in an hour than its bound.",
        "switchings",
        "hold_off_s and fewer_hold_off_s: are they shorter than people come and go?",
        _bound,
        switching_bound,
    ),
    Property(
        REACTION,
        "What the estimator's word asks for is commanded in time, up and down.",
        "needs",
        "the estimator's word named: did control run, and what held it?",
        _reaction,
        reaction,
        needs_site=True,
    ),
    Property(
        ANSWERED,
        "Every command is acknowledged, overtaken by another, or ends in an alert.",
        "commands",
        "the BMS's side, then control's minute tick",
        _answers,
        answered,
    ),
    Property(
        UNKNOWN_HOLDS,
        "UNKNOWN switches nothing off, save at closing where the site says so.",
        "lowerings",
        "the estimator's last word before the command",
        _unknown,
        unknown_holds,
    ),
    Property(
        NO_DARK_LOOP,
        "Off, dark and on again never follow from each other alone.",
        "times off, dark and on",
        "the frames in between, and the reason of the command that switched on",
        lambda _room, limits: f"arrival {limits.arrival_s:g} s",
        no_dark_loop,
        needs_site=True,
    ),
    Property(
        ONE_EFFECT,
        "A retry repeats its command; none is sent when expired, or for what is old or replayed.",
        "attempts",
        "the attempts named, by their idempotency key",
        _answers,
        one_effect,
    ),
    Property(
        ANY_ORDER,
        "Frames in any order within the window for late ones leave the room the same.",
        "frames out of order",
        "the frames named, fed to the estimator in both orders",
        _window,
        any_order,
    ),
)


def verify_room(
    log: RoomLog,
    room: Room,
    limits: Limits | None = None,
    properties: Iterable[Property] = PROPERTIES,
) -> dict[str, Finding]:
    """Return what each property's check of one room came to, by the property's name.

    Args:
        log: The room's events.
        room: What its site had decided when they happened.
        limits: What is allowed for on the way; by default what `Limits` says.
        properties: Which to check.
    """
    history = RoomHistory(log, room, limits or Limits())
    return {known.name: known.check(history) for known in properties}
