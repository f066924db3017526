"""The sites in DynamoDB, as `headcount site apply` wrote them."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeVar

from headcount.domain.policy import Room
from headcount.errors import RetiredError, UnreadableItemError
from headcount.site import CameraBinding, RoomConfig

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

FoundT = TypeVar("FoundT")

# Chosen: an applied policy takes effect within half a minute, and a busy sandbox reads it twice a
# minute instead of with every record.
_KEPT_S: Final = 30.0


class DynamoDirectory:
    """A `Directory` that remembers for half a minute what it has read."""

    def __init__(self, table: "Table", tick: Callable[[], float] = time.monotonic) -> None:
        """Read from the rooms table.

        Args:
            table: The rooms table.
            tick: Seconds that only ever grow.
        """
        self._table = table
        self._tick = tick
        self._kept: dict[tuple[str, str], tuple[float, Any]] = {}

    def camera(self, stream_name: str) -> CameraBinding:
        """Return which camera a stream belongs to.

        Raises:
            RetiredError: If no site has it.
            UnreadableItemError: If what is stored of it cannot be read.
        """

        def read() -> CameraBinding:
            config = self._config(
                f"STREAM#{stream_name}", "CAMERA", f"no camera has the stream {stream_name}"
            )
            return _read(CameraBinding.model_validate_json, config, stream_name)

        return self._remembered(("camera", stream_name), read)

    def room(self, site_id: str, room_id: str) -> Room:
        """Return a room's cameras, devices and policy.

        Raises:
            RetiredError: If the site has no such room.
            UnreadableItemError: If what is stored of it cannot be read.
        """

        def read() -> Room:
            config = self._config(
                f"SITE#{site_id}", f"ROOM#{room_id}", f"site {site_id} has no room {room_id}"
            )
            deployed = _read(RoomConfig.model_validate_json, config, f"{site_id}/{room_id}")
            return _read(deployed.as_room, site_id, f"{site_id}/{room_id}")

        return self._remembered(("room", f"{site_id}/{room_id}"), read)

    def rooms(self) -> Sequence[tuple[str, str]]:
        """Return (site id, room id) of every room."""

        def read() -> Sequence[tuple[str, str]]:
            sites = [key.removeprefix("SITE#") for key in self._sort_keys("SITES", "SITE#")]
            return [
                (site, key.removeprefix("ROOM#"))
                for site in sites
                for key in self._sort_keys(f"SITE#{site}", "ROOM#")
            ]

        return self._remembered(("rooms", ""), read)

    def _remembered(self, what: tuple[str, str], read: Callable[[], FoundT]) -> FoundT:
        until, found = self._kept.get(what, (0.0, None))
        if found is None or self._tick() >= until:
            found = read()
            self._kept[what] = (self._tick() + _KEPT_S, found)
        kept: FoundT = found
        return kept

    def _config(self, pk: str, sk: str, absent: str) -> str:
        answer = self._table.get_item(Key={"pk": pk, "sk": sk})
        if "Item" not in answer:
            raise RetiredError(f"{absent}. Was it retired? Else run `headcount site apply`.")
        return str(answer["Item"]["config"])

    def _sort_keys(self, pk: str, prefix: str) -> list[str]:
        found: list[str] = []
        query: Mapping[str, Any] = {
            "KeyConditionExpression": "pk = :pk AND begins_with(sk, :prefix)",
            "ExpressionAttributeValues": {":pk": pk, ":prefix": prefix},
            "ProjectionExpression": "sk",
        }
        start: dict[str, Any] = {}
        while True:
            page = self._table.query(**query, **start)
            found += [str(item["sk"]) for item in page["Items"]]
            if "LastEvaluatedKey" not in page:
                return found
            start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}


def _read(read: Callable[[str], FoundT], text: str, about: str) -> FoundT:
    try:
        return read(text)
    except ValueError as fault:
        raise UnreadableItemError(
            f"What is stored of {about} is of another version: {fault}. Apply its site again."
        ) from fault
