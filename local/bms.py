"""A building management system small enough to read: it obeys, acknowledges and meters.

Of every device group it keeps a BACnet priority array: the lowest priority number that somebody has
written counts, a relinquished one is written no more, and what is below all is the building's own.
It stands where a customer's BMS stands, behind the command queue and the bus, and knows nothing of
Headcount but the events.
"""

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from headcount.events import (
    BmsCommandAcknowledged,
    BmsCommandRequested,
    BmsMeterRead,
    ControlHeartbeat,
)
from headcount.identifiers import deterministic_id

if TYPE_CHECKING:
    from mypy_boto3_events.client import EventBridgeClient
    from mypy_boto3_sqs.client import SQSClient

# Typical figures for a split unit and for a ceiling panel; only the demo's meter uses them.
DEVICE_POWER_W = {"air_conditioning": 900.0, "lighting": 36.0}
METER_INTERVAL_S = 5.0
POLL_S = 1
DeviceKey = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class ReceivedCommand:
    """A command, and when this BMS had it in its hands."""

    command: BmsCommandRequested
    received_at: datetime
    accepted: bool


class BuildingManagementSystem:
    """Takes commands from a queue, runs devices, acknowledges and reads meters.

    Args:
        commands_url: The queue that BmsCommandRequested events arrive in.
        bus_name: Where acknowledgements and meter readings are published.
        sqs: A client of its own; used from this BMS's thread.
        events: A client of its own; used from this BMS's thread.
        power_w: Watts of one device of a group, by (room, group).
        own_levels: What the building itself lets run, by (room, group), when nobody else has
            written; a group that is not named stays as it is when control falls silent.
        on_receipt: Called in the BMS's thread with every command.
    """

    def __init__(
        self,
        *,
        commands_url: str,
        bus_name: str,
        sqs: "SQSClient",
        events: "EventBridgeClient",
        power_w: dict[tuple[str, str], float] | None = None,
        own_levels: dict[tuple[str, str], int] | None = None,
        on_receipt: Callable[[ReceivedCommand], None] = lambda _received: None,
    ) -> None:
        self._commands_url = commands_url
        self._bus_name = bus_name
        self._sqs = sqs
        self._events = events
        self._power_w = power_w or {}
        self._on_receipt = on_receipt
        self._own_levels = own_levels or {}
        self._written: dict[DeviceKey, dict[int, int]] = {}
        self._kept: dict[DeviceKey, int] = {}
        self._newest: dict[DeviceKey, datetime] = {}
        self._done: set[str] = set()
        self._in_control_until: dict[tuple[str, str], datetime] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="bms", daemon=True)
        self._meter_due = 0.0

    def start(self) -> None:
        """Begin to obey."""
        self._thread.start()

    def stop(self) -> None:
        """Finish the message in hand and stop."""
        self._stop.set()
        self._thread.join(timeout=10)

    def level(self, site_id: str, room_id: str, device_group: str) -> int | None:
        """Return how many devices of a group run, or None if it was never told."""
        key = (site_id, room_id, device_group)
        if key not in self._written:
            return None
        written = self._written[key]
        if written:
            return written[min(written)]
        return self._own_levels.get((room_id, device_group), self._kept.get(key, 0))

    def obey(self, command: BmsCommandRequested, now: datetime) -> BmsCommandAcknowledged:
        """Return the acknowledgement of `command`, having carried it out at most once."""
        refusal = self._carry_out(command, now)
        return BmsCommandAcknowledged(
            id=deterministic_id(
                BmsCommandAcknowledged.detail_type, command.idempotency_key, command.attempt
            ),
            correlation_id=command.correlation_id,
            site_id=command.site_id,
            room_id=command.room_id,
            device_group=command.device_group,
            idempotency_key=command.idempotency_key,
            level=command.level,
            accepted=not refusal,
            reason=refusal,
            acknowledged_at=now,
        )

    def hear(self, heartbeat: ControlHeartbeat) -> None:
        """Leave the rooms that it names to control until it expires."""
        for room_id in heartbeat.rooms:
            room = (heartbeat.site_id, room_id)
            # Heartbeats may overtake each other: the one that lasts longest counts.
            until = self._in_control_until.get(room, heartbeat.expires_at)
            self._in_control_until[room] = max(until, heartbeat.expires_at)

    def take_over(self, now: datetime) -> list[str]:
        """Return the rooms that control has fallen silent about, now the building's own."""
        silent = [room for room, until in self._in_control_until.items() if until <= now]
        for room in silent:
            del self._in_control_until[room]
            for key, written in self._written.items():
                if key[:2] == room and written:
                    self._kept[key] = written[min(written)]
                    written.clear()
        return [room_id for _site_id, room_id in silent]

    def read_meters(self, now: datetime) -> list[BmsMeterRead]:
        """Return the power of every group that has been told a level, in watts."""
        return [
            BmsMeterRead(
                id=deterministic_id(BmsMeterRead.detail_type, *key, now.isoformat()),
                correlation_id=deterministic_id("meter", *key, now.isoformat()),
                site_id=site_id,
                room_id=room_id,
                device_group=group,
                power_w=(self.level(*key) or 0)
                * self._power_w.get((room_id, group), DEVICE_POWER_W["lighting"]),
                read_at=now,
            )
            for key in self._written
            for site_id, room_id, group in [key]
        ]

    def _carry_out(self, command: BmsCommandRequested, now: datetime) -> str:
        """Write a command once and return an empty text, or why it is refused."""
        key = (command.site_id, command.room_id, command.device_group)
        if command.idempotency_key in self._done:
            return ""
        if command.expires_at <= now:
            return "expired before it arrived"
        # A queue does not keep the order: what is older than what runs has been overtaken.
        if command.requested_at < self._newest.get(key, command.requested_at):
            return "overtaken by a newer command"
        self._done.add(command.idempotency_key)
        self._newest[key] = command.requested_at
        written = self._written.setdefault(key, {})
        if command.relinquish:
            written.pop(command.priority, None)
        else:
            written[command.priority] = command.level
        return ""

    def _run(self) -> None:
        while not self._stop.is_set():
            answer = self._sqs.receive_message(
                QueueUrl=self._commands_url, MaxNumberOfMessages=10, WaitTimeSeconds=POLL_S
            )
            for message in answer.get("Messages", []):
                self._take(json.loads(message["Body"]))
                self._sqs.delete_message(
                    QueueUrl=self._commands_url, ReceiptHandle=message["ReceiptHandle"]
                )
            now = datetime.now(UTC)
            self.take_over(now)
            self._meter(now)

    def _take(self, envelope: dict[str, Any]) -> None:
        detail = envelope["detail"]
        if envelope["detail-type"] == ControlHeartbeat.detail_type:
            self.hear(ControlHeartbeat.model_validate(detail))
        elif envelope["detail-type"] == BmsCommandRequested.detail_type:
            command = BmsCommandRequested.model_validate(detail)
            now = datetime.now(UTC)
            acknowledgement = self.obey(command, now)
            self._publish(acknowledgement)
            self._on_receipt(ReceivedCommand(command, now, acknowledgement.accepted))

    def _meter(self, now: datetime) -> None:
        if now.timestamp() < self._meter_due:
            return
        self._meter_due = now.timestamp() + METER_INTERVAL_S
        self._publish(*self.read_meters(now))

    def _publish(self, *details: BmsCommandAcknowledged | BmsMeterRead) -> None:
        for first in range(0, len(details), 10):
            some = details[first : first + 10]
            self._events.put_events(
                Entries=[
                    {
                        "EventBusName": self._bus_name,
                        "Source": f"bms.{detail.site_id}",
                        "DetailType": detail.detail_type,
                        "Detail": detail.model_dump_json(),
                    }
                    for detail in some
                ]
            )
