"""Which level a device group needs now, and what asks for it.

People come first. A booking and the opening hours may ask for more than the people do; only an
empty room, or a site that says so for a closed one, asks for nothing.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, auto

from headcount.domain.control_state import BookingNotice, GroupState
from headcount.domain.policy import DeviceGroup
from headcount.domain.situation import Situation
from headcount.domain.terms import UnknownAtClose, WhenEmpty


class Cause(Enum):
    """What asks for a level."""

    PEOPLE = auto()
    NOBODY = auto()
    BOOKING = auto()
    OPEN = auto()
    CLOSED = auto()


@dataclass(frozen=True, slots=True)
class Need:
    """A level and what asks for it.

    Attributes:
        level: None to hold what there is.
        booking: That which asks, for a `Cause.BOOKING`.
    """

    level: int | None
    cause: Cause
    booking: BookingNotice | None = None


_HOLD = Need(None, Cause.PEOPLE)


def needed(device: DeviceGroup, group: GroupState, at: Situation) -> Need:
    """Return the level that a device group needs, or a need to hold what there is."""
    if group.override is not None:
        return _HOLD
    if at.is_unknown:
        need = _while_unknown(device, group, at)
    elif at.is_vacant:
        need = _while_vacant(device, at)
    else:
        need = Need(at.room.policy.level(device.id, at.people), Cause.PEOPLE)
    if device.precondition_s > 0 and at.state.bookings:
        asked = _by_bookings(device, at)
        running = group.level or 0 if need.level is None else need.level
        if asked.level is not None and asked.level > running:
            return asked
    return need


def empty_level(device: DeviceGroup, at: Situation) -> int:
    """Return the level of an empty room: off, or what runs in standby while it is open."""
    level = at.room.policy.level(device.id, 0)
    hours = at.room.hours
    if device.standby_level > level and hours is not None and hours.is_open(at.now):
        return device.standby_level
    return level


def booking_moments(device: DeviceGroup, at: Situation) -> list[datetime]:
    """Return when bookings begin and cease to ask for a level."""
    moments: list[datetime] = []
    for booking in at.state.bookings if device.precondition_s > 0 else ():
        if not booking.cancelled:
            moments += _asks(booking, device, at)
    return moments


def _while_vacant(device: DeviceGroup, at: Situation) -> Need:
    if at.room.policy.when_empty is WhenEmpty.TELL:
        return _HOLD
    return Need(empty_level(device, at), Cause.NOBODY)


def _while_unknown(device: DeviceGroup, group: GroupState, at: Situation) -> Need:
    """Hold for `unknown_hold_s`; then up while it is open, and what the site chose once closed."""
    policy, hours = at.room.policy, at.room.hours
    if hours is None or at.now < at.since + timedelta(seconds=policy.unknown_hold_s):
        return _HOLD
    span = hours.span(at.now)
    if span is not None:
        level = policy.level(device.id, policy.fewest_people)
        if level > (group.level or 0) and not _followed(group, span[0], at):
            return Need(level, Cause.OPEN)
        return _HOLD
    if policy.unknown_at_close is not UnknownAtClose.OFF:
        return _HOLD
    seen = at.last_seen_at()
    if seen is not None and at.now < seen + timedelta(seconds=policy.hold_off_s):
        return _HOLD
    return Need(0, Cause.CLOSED)


def _followed(group: GroupState, opened_at: datetime, at: Situation) -> bool:
    """Return whether the hours have raised the group today already, and nobody was seen since.

    Once an opening, or the dark that our own switching off made would be a loop: off, dark,
    UNKNOWN, on, vacant, off.
    """
    if group.followed_at is None or group.followed_at < opened_at:
        return False
    seen = at.last_seen_at()
    return seen is None or seen <= group.followed_at


def _by_bookings(device: DeviceGroup, at: Situation) -> Need:
    """Return the most that a booking asks for now."""
    policy = at.room.policy
    most = _HOLD
    for booking in at.state.bookings:
        if booking.cancelled:
            continue
        begins, ceases = _asks(booking, device, at)
        if not begins <= at.now < ceases:
            continue
        # For an unknown number the fewest: they are a meeting, and the others are seen as they
        # come, while a room made ready for its capacity is mostly made ready for nobody.
        people = policy.fewest_people if booking.people is None else booking.people
        level = policy.level(device.id, max(1, people))
        if level > (most.level or 0):
            most = Need(level, Cause.BOOKING, booking)
    return most


def _asks(booking: BookingNotice, device: DeviceGroup, at: Situation) -> tuple[datetime, datetime]:
    """Return from when to when a booking asks for a level though nobody is there."""
    grace = booking.starts_at + timedelta(seconds=at.room.policy.booking_grace_s)
    begins = booking.starts_at - timedelta(seconds=device.precondition_s)
    return begins, min(grace, booking.ends_at)
