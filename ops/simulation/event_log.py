"""The events of a run, as the deployed functions and a BMS would have published them."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from headcount.announcements import announced
from headcount.domain.control_state import Command, Decision
from headcount.domain.observations import Observation, Presence
from headcount.domain.occupancy import RoomState
from headcount.domain.policy import Room
from headcount.domain.terms import LightMode
from headcount.estimates import occupancy_changed
from headcount.events import (
    BmsCommandAcknowledged,
    BmsDetail,
    BmsPresenceSensed,
    Detail,
    Detection,
    FrameQuality,
    FramesCounted,
    ModelReference,
)
from headcount.identifiers import deterministic_id

# What a simulated frame is said to have been: nothing is decided by any of it.
_QUALITY = {
    False: FrameQuality(brightness=0.5, contrast=0.2, blur=100.0),
    True: FrameQuality(brightness=0.02, contrast=0.01, blur=1.0),
}
_MODEL = ModelReference(
    endpoint="simulated",
    variant="simulated",
    name="simulated",
    version="1",
    sha256="0" * 64,
    threshold=0.5,
)
_FRAME = (1280, 720)
# A fragment is stored before its count is published; a second is what two functions need.
_COUNTING_S = 1.0


class RunLog:
    """Turns what happens in a run into events, and writes each as one envelope."""

    def __init__(self, room: Room, write: Callable[[Mapping[str, object]], None]) -> None:
        self._room, self._write = room, write

    def counted(self, seen: Observation, delivered_at: datetime) -> None:
        """Write that a frame was counted."""
        persisted_at = max(seen.captured_at, delivered_at - timedelta(seconds=_COUNTING_S))
        self._publish(
            FramesCounted(
                id=seen.id,
                correlation_id=seen.id,
                site_id=self._room.site_id,
                camera_id=seen.camera_id,
                room_id=self._room.room_id,
                captured_at=seen.captured_at,
                persisted_at=persisted_at,
                fragment_number=seen.id,
                frame_width=_FRAME[0],
                frame_height=_FRAME[1],
                faces=tuple(_face(number, seen.faces) for number in range(seen.faces)),
                motion=seen.motion,
                quality=_QUALITY[seen.dark],
                light_mode=LightMode.DARK if seen.dark else LightMode.DAY,
                model=_MODEL,
                inference_id=seen.id,
            ),
            delivered_at,
        )

    def changed(self, state: RoomState, revision: int, cause: str, at: datetime) -> None:
        """Write that the room's state or estimate is news."""
        told = occupancy_changed(state, self._room, revision, about=cause, correlation_id=cause)
        self._publish(told, at)

    def decided(self, made: Decision, at: datetime) -> None:
        """Write what follows from a decision: commands and alerts."""
        for event in announced(made, self._room, at):
            self._publish(event, at)

    def acknowledged(self, command: Command, at: datetime) -> None:
        """Write that the BMS has carried out a command."""
        self._publish(
            BmsCommandAcknowledged(
                id=deterministic_id(
                    BmsCommandAcknowledged.detail_type, command.idempotency_key, command.attempt
                ),
                correlation_id=command.correlation_id or command.idempotency_key,
                site_id=self._room.site_id,
                room_id=self._room.room_id,
                device_group=command.device_group,
                idempotency_key=command.idempotency_key,
                level=command.level,
                acknowledged_at=at,
            ),
            at,
        )

    def sensed(self, presence: Presence) -> None:
        """Write that somebody has pressed the light switch."""
        self._publish(
            BmsPresenceSensed(
                id=presence.id,
                correlation_id=presence.id,
                site_id=self._room.site_id,
                room_id=self._room.room_id,
                sensor_id=presence.sensor_id,
                kind=presence.kind,
                present=presence.present,
                sensed_at=presence.sensed_at,
            ),
            presence.sensed_at,
        )

    def _publish(self, event: Detail, at: datetime) -> None:
        theirs = isinstance(event, BmsDetail)
        self._write(
            {
                # EventBridge names an envelope anew on every delivery; here one is enough.
                "id": event.id,
                "detail-type": event.detail_type,
                "source": f"bms.{self._room.site_id}" if theirs else event.source,
                "time": at.isoformat(),
                "detail": event.model_dump(mode="json"),
            }
        )


def _face(number: int, faces: int) -> Detection:
    """Return the box of one face of `faces`, side by side in one row."""
    width = 1 / max(faces, 1)
    return Detection(box=(min(number * width, 1 - width), 0.4, width, 0.1), score=0.9)
