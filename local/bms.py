"""A building management system small enough to read: it obeys, acknowledges and meters.

It stands where a customer's BMS stands, behind the command queue and the bus, and knows nothing of
Headcount but the events.
"""

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from headcount.events import BmsCommandAcknowledged, BmsCommandRequested, BmsMeterRead
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
        on_receipt: Callable[[ReceivedCommand], None] = lambda _received: None,
    ) -> None:
        self._commands_url = commands_url
        self._bus_name = bus_name
        self._sqs = sqs
        self._events = events
        self._power_w = power_w or {}
        self._on_receipt = on_receipt
        self._levels: dict[DeviceKey, int] = {}
        self._done: set[str] = set()
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
        return self._levels.get((site_id, room_id, device_group))

    def obey(self, command: BmsCommandRequested, now: datetime) -> BmsCommandAcknowledged:
        """Return the acknowledgement of `command`, having carried it out at most once."""
        expired = command.expires_at <= now
        if not expired and command.idempotency_key not in self._done:
            self._done.add(command.idempotency_key)
            self._levels[command.site_id, command.room_id, command.device_group] = command.level
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
            accepted=not expired,
            reason="expired before it arrived" if expired else "",
            acknowledged_at=now,
        )

    def read_meters(self, now: datetime) -> list[BmsMeterRead]:
        """Return the power of every group that has been told a level, in watts."""
        return [
            BmsMeterRead(
                id=deterministic_id(BmsMeterRead.detail_type, *key, now.isoformat()),
                correlation_id=deterministic_id("meter", *key, now.isoformat()),
                site_id=site_id,
                room_id=room_id,
                device_group=group,
                power_w=level * self._power_w.get((room_id, group), DEVICE_POWER_W["lighting"]),
                read_at=now,
            )
            for (site_id, room_id, group), level in self._levels.items()
            for key in [(site_id, room_id, group)]
        ]

    def _run(self) -> None:
        while not self._stop.is_set():
            answer = self._sqs.receive_message(
                QueueUrl=self._commands_url, MaxNumberOfMessages=10, WaitTimeSeconds=POLL_S
            )
            for message in answer.get("Messages", []):
                command = BmsCommandRequested.model_validate(json.loads(message["Body"])["detail"])
                now = datetime.now(UTC)
                acknowledgement = self.obey(command, now)
                self._publish(acknowledgement)
                self._sqs.delete_message(
                    QueueUrl=self._commands_url, ReceiptHandle=message["ReceiptHandle"]
                )
                self._on_receipt(ReceivedCommand(command, now, acknowledgement.accepted))
            self._meter(datetime.now(UTC))

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
