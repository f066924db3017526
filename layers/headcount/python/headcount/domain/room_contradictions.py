"""What a room's devices, policy and hours may not say of each other."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from headcount.domain.terms import UnknownAtClose, WhenEmpty, WhenExcess

if TYPE_CHECKING:
    from headcount.domain.policy import DeviceGroup, Policy


@dataclass(frozen=True, slots=True)
class RoomContradiction:
    """Two things that a room cannot both have.

    Attributes:
        field: The one to change, of the policy or of a device group.
        what: What is wrong, without a full stop.
        remedy: What to do instead, as the end of a sentence.
        device: Position of the device group whose field it is; None for the policy's.
    """

    field: str
    what: str
    remedy: str
    device: int | None = None


def room_contradictions(
    policy: "Policy", devices: Sequence["DeviceGroup"], *, has_hours: bool
) -> Iterator[RoomContradiction]:
    """Yield what would keep a room from being run as it is described.

    Args:
        policy: What decides about the room; checked for itself already.
        devices: The room's device groups, each checked for itself already.
        has_hours: Whether the room says when it is open.
    """
    yield from _of_policy(policy, devices, has_hours=has_hours)
    for position, device in enumerate(devices):
        yield from _of_standby(position, device, policy, has_hours=has_hours)
        yield from _of_bookings(position, device, policy)
        yield from _of_switching(position, device, policy)


def _of_policy(
    policy: "Policy", devices: Sequence["DeviceGroup"], *, has_hours: bool
) -> Iterator[RoomContradiction]:
    if policy.unknown_at_close is UnknownAtClose.OFF and not has_hours:
        yield RoomContradiction(
            "unknown_at_close",
            "unknown_at_close is off, and the room never closes",
            "give it a schedule with opening hours, or write keep or tell",
        )
    if policy.when_excess is WhenExcess.COMMAND and devices:
        if any(device.device_power_w for device in devices):
            return
        yield RoomContradiction(
            "when_excess",
            "when_excess is command, and no device group says device_power_w",
            "add device_power_w to a group, or write tell",
        )


def _of_standby(
    position: int, device: "DeviceGroup", policy: "Policy", *, has_hours: bool
) -> Iterator[RoomContradiction]:
    standby = device.standby_level
    if standby == 0:
        return
    lowest = policy.level(device.id, policy.fewest_people)
    if not has_hours:
        yield RoomContradiction(
            "standby_level",
            f"standby_level of '{device.id}' is {standby}, and the room has no opening hours",
            "give it a schedule, or delete standby_level",
            position,
        )
    if standby > lowest:
        yield RoomContradiction(
            "standby_level",
            f"'{device.id}' runs at {standby} when the room is empty (standby_level), and at "
            f"{lowest} in the lowest band",
            "lower standby_level or raise the band",
            position,
        )
    if policy.when_empty is WhenEmpty.TELL:
        yield RoomContradiction(
            "standby_level",
            f"when_empty is tell, so an empty room is never lowered to the standby_level of "
            f"'{device.id}'",
            "delete standby_level, or let when_empty switch off",
            position,
        )


def _of_bookings(
    position: int, device: "DeviceGroup", policy: "Policy"
) -> Iterator[RoomContradiction]:
    if device.precondition_s == 0:
        return
    if policy.when_empty is WhenEmpty.TELL:
        yield RoomContradiction(
            "precondition_s",
            f"when_empty is tell, so '{device.id}' would stay on after a booking that nobody "
            "comes to (precondition_s)",
            "delete precondition_s, or let when_empty switch off",
            position,
        )
    if policy.levels_above(device, 0) == 0:
        yield RoomContradiction(
            "precondition_s",
            f"'{device.id}' has precondition_s, and no band runs it",
            "name it in a band, or delete precondition_s",
            position,
        )


def _of_switching(
    position: int, device: "DeviceGroup", policy: "Policy"
) -> Iterator[RoomContradiction]:
    # One to lower it, and the rises that may have to follow at once.
    rises = policy.levels_above(device, 0)
    if 0 < device.max_switches_per_hour <= rises:
        yield RoomContradiction(
            "max_switches_per_hour",
            f"max_switches_per_hour of '{device.id}' is {device.max_switches_per_hour}, and it "
            f"rises in {rises} steps, so it could never be lowered",
            f"allow {rises + 1} or more, or 0 for no bound",
            position,
        )
