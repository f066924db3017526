"""What AWS bounds: the bytes of a call to the bus, and of an item."""

from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError
from pydantic import TypeAdapter

from headcount.aws.bus import EventBridgePublisher
from headcount.aws.rooms import DynamoRooms, JsonFormat
from headcount.errors import PublishError, UnreadableItemError
from headcount.events import Detection
from headcount.outbox import change_and_publish
from headcount.ports import Change
from tests.fakes import FakeBus
from tests.samples import ALERT, FRAMES_COUNTED

CROWD = FRAMES_COUNTED.model_copy(
    update={"faces": (Detection(box=(0.123456, 0.123456, 0.123456, 0.123456), score=0.5),) * 800}
)

# What EventBridge counts of an entry.
SIZED = ("Source", "DetailType", "Detail")


class Bus:
    """EventBridge, which takes 256 KB a call."""

    def __init__(self) -> None:
        self.calls: list[int] = []

    def put_events(self, **asked: list[dict[str, str]]) -> dict[str, Any]:
        entries = asked["Entries"]
        details = ("".join(entry[name] for name in SIZED) for entry in entries)
        assert sum(len(one.encode()) for one in details) <= 256 * 1024
        self.calls.append(len(entries))
        return {"FailedEntryCount": 0, "Entries": [{} for _ in entries]}


class Table:
    """One item, whose revision is checked."""

    def __init__(self) -> None:
        self.item: dict[str, Any] = {}

    def get_item(self, **_asked: Any) -> dict[str, Any]:
        return {"Item": self.item} if self.item else {}

    def put_item(self, **asked: Any) -> None:
        self.item = asked["Item"]

    def update_item(self, **_update: Any) -> None:
        self.item = self.item | {"outbox": []}


def rooms(table: Any) -> DynamoRooms[int]:
    return DynamoRooms(table, "OCCUPANCY", JsonFormat(TypeAdapter(int)))


def count_up(state: int | None, _revision: int) -> Change[int]:
    return Change((state or 0) + 1, (ALERT,))


def test_events_of_crowds_are_spread_over_calls_that_the_bus_takes() -> None:
    bus: Any = Bus()

    EventBridgePublisher(bus, "bus")([CROWD] * 10)

    assert sum(bus.calls) == 10
    assert len(bus.calls) > 1


def test_a_bus_that_cannot_be_reached_is_a_publish_error() -> None:
    class Unreachable(Bus):
        def put_events(self, **_asked: Any) -> dict[str, Any]:
            raise EndpointConnectionError(endpoint_url="https://events.example.com")

    bus: Any = Unreachable()
    with pytest.raises(PublishError, match="did not take 1 events"):
        EventBridgePublisher(bus, "bus")([ALERT])


def test_an_outbox_stops_growing_while_the_bus_is_away() -> None:
    table = Table()

    for _ in range(40):
        stored = rooms(table).update("ROOM#hq#lab", count_up)

    assert stored.is_full
    assert len(table.item["outbox"]) == 32
    assert table.item["state"] == "32"


def test_a_full_outbox_is_published_and_then_the_change_is_made() -> None:
    table, bus = Table(), FakeBus()
    for _ in range(32):
        rooms(table).update("ROOM#hq#lab", count_up)

    stored = change_and_publish(rooms(table), bus, "ROOM#hq#lab", count_up)

    assert (stored.state, len(bus.sent), table.item["outbox"]) == (33, 33, [])


@pytest.mark.parametrize(
    "left", [{"state": '"no number"'}, {"outbox": ['{"detail_type": "Gone.v1", "detail": {}}']}]
)
def test_an_item_of_another_version_cannot_be_read_and_says_what_to_do(
    left: dict[str, Any],
) -> None:
    table = Table()
    table.item = {"state": "1", "revision": 1, "outbox": []} | left

    with pytest.raises(UnreadableItemError, match="another version of Headcount"):
        rooms(table).update("ROOM#hq#lab", count_up)
