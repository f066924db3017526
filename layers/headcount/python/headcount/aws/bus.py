"""The event bus, written to."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from headcount.errors import PublishError
from headcount.events import Detail

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_events.type_defs import PutEventsRequestEntryTypeDef

# EventBridge takes this many entries a call.
_ENTRIES_A_CALL: Final = 10
# Chosen: a throttled entry is asked once more at once, then left to the queue's redelivery.
_ATTEMPTS: Final = 2


class EventBridgePublisher:
    """A `Publisher` onto one bus."""

    def __init__(self, client: "EventBridgeClient", bus_name: str) -> None:
        self._client = client
        self._bus_name = bus_name

    def __call__(self, events: Sequence[Detail]) -> None:
        """Return when the bus has every one of the events.

        Raises:
            PublishError: If it has not taken them all.
        """
        entries = [self._entry(event) for event in events]
        for start in range(0, len(entries), _ENTRIES_A_CALL):
            self._put(entries[start : start + _ENTRIES_A_CALL])

    def _put(self, entries: list["PutEventsRequestEntryTypeDef"]) -> None:
        codes: list[str] = []
        for _ in range(_ATTEMPTS):
            answer = self._client.put_events(Entries=entries)
            if answer["FailedEntryCount"] == 0:
                return
            results = list(zip(entries, answer["Entries"], strict=True))
            codes = sorted({result["ErrorCode"] for _, result in results if "ErrorCode" in result})
            entries = [entry for entry, result in results if "ErrorCode" in result]
        raise PublishError(
            f"{self._bus_name} did not take {len(entries)} events ({', '.join(codes)}). "
            "They stay in the outbox and are published when the record comes back."
        )

    def _entry(self, event: Detail) -> "PutEventsRequestEntryTypeDef":
        return {
            "EventBusName": self._bus_name,
            "Source": event.source,
            "DetailType": event.detail_type,
            "Detail": event.model_dump_json(),
        }
