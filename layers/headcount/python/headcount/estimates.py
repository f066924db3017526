"""What is believed of a room, as the event that says so."""

from datetime import datetime

from headcount.domain.occupancy import RoomState
from headcount.domain.policy import Room
from headcount.events import RoomOccupancyChanged
from headcount.identifiers import deterministic_id


def occupancy_changed(
    state: RoomState,
    room: Room,
    revision: int,
    *,
    about: str,
    correlation_id: str,
    persisted_at: datetime | None = None,
) -> RoomOccupancyChanged:
    """Return the event that says what is believed of a room.

    Args:
        state: Of the room.
        room: Its cameras are named in the event.
        revision: Of the room's item.
        about: Id of the evidence that led to it.
        correlation_id: Of that evidence.
        persisted_at: Server time of its fragment, where it has one.
    """
    now = state.estimate
    return RoomOccupancyChanged(
        id=deterministic_id(
            RoomOccupancyChanged.detail_type, room.site_id, room.room_id, revision, about
        ),
        correlation_id=correlation_id,
        site_id=room.site_id,
        room_id=room.room_id,
        revision=revision,
        observed_at=now.at,
        since=now.since,
        state=now.state,
        people_estimate=now.people,
        people_low=now.people_low,
        people_high=now.people_high,
        p_vacant=now.p_vacant,
        evidence=now.evidence,
        camera_ids=tuple(track.camera_id for track in state.tracks),
        last_seen_at=now.last_seen_at,
        persisted_at=persisted_at,
    )
