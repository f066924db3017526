"""What a BMS says, held against the sites: its mistakes are told to whoever integrates it."""

from datetime import datetime, timedelta
from difflib import get_close_matches
from typing import Final

from headcount.domain.policy import Room
from headcount.errors import PoisonRecordError, RetiredError
from headcount.events import (
    ALL_EVENTS,
    BmsCommandAcknowledged,
    BmsDetail,
    BmsMeterRead,
    BmsOverrideChanged,
    BmsPresenceSensed,
    BmsScheduleChanged,
)
from headcount.ports import Directory

BMS_SOURCE: Final = f"{BmsDetail.source}."
"""A BMS speaks as `bms.<site>`; its policy allows no other source."""

BMS_EVENTS: Final = tuple(event for event in ALL_EVENTS if issubclass(event, BmsDetail))

# Chosen: clocks that are kept by NTP differ by less than a second, ones set by hand by minutes, and
# local time that calls itself UTC by a quarter of an hour or more.
_CLOCKS_DIFFER: Final = timedelta(minutes=5)


def refuse_unknown(detail_type: str) -> None:
    """Raise a PoisonRecordError, with the likeliest meant, if a BMS has no event of that name."""
    known = [event.detail_type for event in BMS_EVENTS]
    if detail_type in known:
        return
    meant = get_close_matches(detail_type, known, n=1)
    advice = f"Was it meant to be {meant[0]}?" if meant else f"There are {', '.join(known)}."
    raise PoisonRecordError(f"'{detail_type}' is no event of a BMS. {advice}")


def room_told_of(said: BmsDetail, directory: Directory, now: datetime) -> Room:
    """Return the room that a BMS speaks of.

    Raises:
        PoisonRecordError: If no site has it, it has no such device group, or the event is of the
            future. An observation of a retired room is nobody's mistake; this is.
        UnreadableItemError: If what is stored of the room cannot be read.
    """
    _refuse_future(said, now)
    try:
        room = directory.room(said.site_id, said.room_id)
    except RetiredError:
        raise PoisonRecordError(
            f"Site {said.site_id} has no room {said.room_id}. `headcount site show` lists them."
        ) from None
    _refuse_unknown_group(said, room)
    return room


def _refuse_unknown_group(said: BmsDetail, room: Room) -> None:
    # A level above what the group has is not refused: somebody's hand on a panel counts, also when
    # the panel reports per cent. Control takes it as all there is.
    match said:
        case BmsCommandAcknowledged() | BmsMeterRead() | BmsOverrideChanged():
            group_id = said.device_group
        case _:
            return
    known = {group.id for group in room.devices}
    # An override of all groups of the room names none.
    if group_id is not None and group_id not in known:
        raise PoisonRecordError(
            f"Room {room.site_id}/{room.room_id} has no device group {group_id}. "
            f"It has {', '.join(sorted(known)) or 'none'}."
        )


def _refuse_future(said: BmsDetail, now: datetime) -> None:
    match said:
        case BmsOverrideChanged() | BmsScheduleChanged():
            name, at = "changed_at", said.changed_at
        case BmsPresenceSensed():
            name, at = "sensed_at", said.sensed_at
        case BmsMeterRead():
            name, at = "read_at", said.read_at
        case _:
            return
    if at - now > _CLOCKS_DIFFER:
        ahead_s = (at - now).total_seconds()
        raise PoisonRecordError(
            f"{name} is {ahead_s:.0f} s ahead of our clock. Is it local time that calls itself UTC?"
        )
