"""What makes control decide, and the estimator look again: events, and time."""

from collections.abc import Callable
from typing import Final, Literal, TypeVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, TypeAdapter

from headcount.batch import Envelope, bus_event, parsed
from headcount.bms_events import BMS_SOURCE, refuse_unknown
from headcount.events import (
    BmsCommandAcknowledged,
    BmsMeterRead,
    BmsOverrideChanged,
    BmsScheduleChanged,
    RoomOccupancyChanged,
)

ReadT = TypeVar("ReadT")

_TICK_DETAIL_TYPE: Final = "Scheduled Event"


class RoomCheckDue(BaseModel):
    """Something may have to be done about a room, though nothing has happened."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    kind: Literal["RoomCheckDue"] = "RoomCheckDue"
    site_id: str
    room_id: str
    due_at: AwareDatetime


class Tick(BaseModel):
    """A minute has passed: the safety net under everything that waits."""


BmsNotice = BmsCommandAcknowledged | BmsOverrideChanged | BmsScheduleChanged | BmsMeterRead
Cause = RoomOccupancyChanged | BmsNotice | RoomCheckDue | Tick

_BODIES: Final[TypeAdapter[Envelope | RoomCheckDue]] = TypeAdapter(Envelope | RoomCheckDue)
_ENVELOPES: Final = TypeAdapter(Envelope)


def or_tick(read: Callable[[str], ReadT | None]) -> Callable[[str], ReadT | Tick | None]:
    """Return a reader that also knows the passing of time, and leaves the rest to `read`."""

    def read_also(body: str) -> ReadT | Tick | None:
        if parsed(_ENVELOPES, body).detail_type == _TICK_DETAIL_TYPE:
            return Tick()
        return read(body)

    return read_also


def _refused_if_unknown(read: Callable[[str], ReadT | None]) -> Callable[[str], ReadT | None]:
    """Return a reader that tells a BMS of an event that nobody knows, and leaves out a replay."""

    def read_also(body: str) -> ReadT | None:
        about = parsed(_ENVELOPES, body)
        if about.source.startswith(BMS_SOURCE) and about.replay_name is None:
            refuse_unknown(about.detail_type)
        return read(body)

    return read_also


_read_event: Final = or_tick(
    _refused_if_unknown(
        bus_event(
            RoomOccupancyChanged,
            BmsCommandAcknowledged,
            BmsOverrideChanged,
            BmsScheduleChanged,
            BmsMeterRead,
        )
    )
)


def read_cause(body: str) -> Cause | None:
    """Return what a record on control's queue is about; None for a replayed event.

    Raises:
        PoisonRecordError: If it is none of the causes, or a BMS speaks for another site.
    """
    about = parsed(_BODIES, body)
    if isinstance(about, RoomCheckDue):
        return about
    event = _read_event(body)
    return event if isinstance(event, Cause) else None
