"""Which bookings of a room are remembered."""

from datetime import datetime

from headcount.domain.control_state import BookingNotice

# Chosen: more than a week of half-hour meetings has in a room, and small enough for one item.
_MOST_BOOKINGS = 50

Bookings = tuple[BookingNotice, ...]


def noted(bookings: Bookings, notice: BookingNotice, now: datetime) -> Bookings:
    """Return the bookings after a notice, the nearest first; an older notice changes nothing.

    A cancelled one stays until its time is over, so that an older notice does not revive it.
    """
    for known in bookings:
        if known.booking_id == notice.booking_id and known.at > notice.at:
            return bookings
    others = [known for known in bookings if known.booking_id != notice.booking_id]
    ordered = sorted((*others, notice), key=lambda one: (one.starts_at, one.booking_id))
    return to_come(tuple(ordered), now)[:_MOST_BOOKINGS]


def to_come(bookings: Bookings, now: datetime) -> Bookings:
    """Return the bookings that are not over."""
    if all(booking.ends_at > now for booking in bookings):
        return bookings
    return tuple(booking for booking in bookings if booking.ends_at > now)
