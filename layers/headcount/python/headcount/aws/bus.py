"""The event bus, written to."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from botocore.exceptions import BotoCoreError, ClientError

from headcount.errors import PublishError
from headcount.events import Detail

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_events.type_defs import PutEventsRequestEntryTypeDef

# EventBridge takes this many entries a call, and this many bytes in all of them.
_ENTRIES_A_CALL: Final = 10
_BYTES_A_CALL: Final = 262_144
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
        for entries in _calls([self._entry(event) for event in events]):
            self._put(entries)

    def _put(self, entries: list["PutEventsRequestEntryTypeDef"]) -> None:
        codes: list[str] = []
        for _ in range(_ATTEMPTS):
            try:
                answer = self._client.put_events(Entries=entries)
            except (BotoCoreError, ClientError) as fault:
                raise self._refused(entries, str(fault)) from fault
            if answer["FailedEntryCount"] == 0:
                return
            results = list(zip(entries, answer["Entries"], strict=True))
            codes = sorted({result["ErrorCode"] for _, result in results if "ErrorCode" in result})
            entries = [entry for entry, result in results if "ErrorCode" in result]
        raise self._refused(entries, ", ".join(codes))

    def _refused(self, entries: list["PutEventsRequestEntryTypeDef"], why: str) -> PublishError:
        return PublishError(
            f"{self._bus_name} did not take {len(entries)} events ({why}). "
            "They are published when the record that led to them comes back."
        )

    def _entry(self, event: Detail) -> "PutEventsRequestEntryTypeDef":
        return {
            "EventBusName": self._bus_name,
            "Source": event.source,
            "DetailType": event.detail_type,
            "Detail": event.model_dump_json(),
        }


def _calls(
    entries: Sequence["PutEventsRequestEntryTypeDef"],
) -> Iterator[list["PutEventsRequestEntryTypeDef"]]:
    """Yield the entries in as few calls as EventBridge's limits allow."""
    call: list[PutEventsRequestEntryTypeDef] = []
    size = 0
    for entry in entries:
        added = sum(len(entry[name].encode()) for name in ("Source", "DetailType", "Detail"))
        if call and (len(call) == _ENTRIES_A_CALL or size + added > _BYTES_A_CALL):
            yield call
            call, size = [], 0
        call.append(entry)
        size += added
    if call:
        yield call
