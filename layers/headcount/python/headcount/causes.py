"""What makes control decide: three kinds of event, and time."""

from typing import Final, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, TypeAdapter

from headcount.batch import Envelope, bus_event, parsed
from headcount.errors import PoisonRecordError
from headcount.events import BmsCommandAcknowledged, RoomOccupancyChanged

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


Cause = RoomOccupancyChanged | BmsCommandAcknowledged | RoomCheckDue | Tick

_BODIES: Final[TypeAdapter[Envelope | RoomCheckDue]] = TypeAdapter(Envelope | RoomCheckDue)
_read_event: Final = bus_event(RoomOccupancyChanged, BmsCommandAcknowledged)


def read_cause(body: str) -> Cause | None:
    """Return what a record on control's queue is about; None for a replayed event.

    Raises:
        PoisonRecordError: If it is none of the causes, or a BMS speaks for another site.
    """
    about = parsed(_BODIES, body)
    if isinstance(about, RoomCheckDue):
        return about
    if about.detail_type == _TICK_DETAIL_TYPE:
        return Tick()
    event = _read_event(body)
    if isinstance(event, RoomOccupancyChanged):
        return event
    if not isinstance(event, BmsCommandAcknowledged):
        return None
    if about.source != f"bms.{event.site_id}":
        raise PoisonRecordError(
            f"{about.source} acknowledges a command of site {event.site_id}. "
            f"Its source has to be bms.{event.site_id}."
        )
    return event
