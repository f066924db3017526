"""Room items in DynamoDB: state, revision and outbox of each, changed together or not at all."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, Generic, Protocol, TypeVar

from botocore.exceptions import ClientError
from pydantic import TypeAdapter

from headcount.domain.control_state import ControlState
from headcount.errors import ConflictError, UnreadableItemError
from headcount.events import ALL_EVENTS, Detail
from headcount.ports import Change, Stored

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

StateT = TypeVar("StateT")

# Chosen: a room has a handful of cameras, so as many writers meet at worst.
_ATTEMPTS: Final = 8
# Chosen: an item holds 400 KB, an event is one or two, and one change adds a few tens at most.
_MOST_UNPUBLISHED: Final = 32
_KINDS: Final = {kind.detail_type: kind for kind in ALL_EVENTS}


class StateFormat(Protocol[StateT]):
    """How a state is written."""

    def read(self, text: str) -> StateT:
        """Return the state in `text`.

        Raises:
            ValueError: If it is none; pydantic's ValidationError is one.
        """

    def write(self, state: StateT) -> str:
        """Return the state as text."""


class DynamoRooms(Generic[StateT]):
    """An `ItemStore` and `StateReader` for one kind of item per room."""

    def __init__(self, table: "Table", sort_key: str, states: StateFormat[StateT]) -> None:
        """Keep the items of that sort key.

        Args:
            table: The rooms table.
            sort_key: `OCCUPANCY` or `CONTROL`.
            states: How a state is written.
        """
        self._table = table
        self._sort_key = sort_key
        self._states = states

    def __call__(self, key: str) -> StateT | None:
        """Return the state, or None if there is none; it may be a second old."""
        return self._read(key, consistent=False).state

    def update(
        self, key: str, change: Callable[[StateT | None, int], Change[StateT] | None]
    ) -> Stored[StateT]:
        """Return the item after `change`, which is run again if somebody else was first.

        Raises:
            ConflictError: If somebody else is first every time.
            UnreadableItemError: If what is stored cannot be read.
        """
        for _ in range(_ATTEMPTS):
            before = self._read(key, consistent=True)
            if len(before.unpublished) >= _MOST_UNPUBLISHED:
                return replace(before, is_full=True)
            changed = change(before.state, before.revision + 1)
            if changed is None:
                return before
            after = Stored(
                key, changed.state, before.revision + 1, (*before.unpublished, *changed.events)
            )
            if self._write(after, changed.state, expected=before.revision):
                return after
        raise ConflictError(
            f"{self._sort_key} of {key} was changed by somebody else {_ATTEMPTS} times in a row. "
            "The record comes back; if it stays, lower the concurrency of the queue's mapping."
        )

    def mark_published(self, stored: Stored[StateT]) -> None:
        """Forget the item's events, unless it has been changed since.

        Whoever changed it has taken the events along and publishes them again, by the same ids.
        """
        if not stored.unpublished:
            return
        try:
            self._table.update_item(
                Key={"pk": stored.key, "sk": self._sort_key},
                UpdateExpression="SET outbox = :nothing",
                ConditionExpression="revision = :seen",
                ExpressionAttributeValues={":nothing": [], ":seen": stored.revision},
            )
        except ClientError as fault:
            if not is_conflict(fault):
                raise

    def _read(self, key: str, *, consistent: bool) -> Stored[StateT]:
        answer = self._table.get_item(
            Key={"pk": key, "sk": self._sort_key}, ConsistentRead=consistent
        )
        item: dict[str, Any] = answer.get("Item", {})
        if not item:
            return Stored(key, None, 0, ())
        try:
            state = self._states.read(item["state"])
            unpublished = _read_outbox(item.get("outbox", []))
        except (ValueError, KeyError) as fault:
            raise UnreadableItemError(
                f"What is stored as {self._sort_key} of {key} is of another version of Headcount. "
                "Deploy that version again, or delete the item: the room then starts anew."
            ) from fault
        return Stored(key, state, int(item["revision"]), unpublished)

    def _write(self, stored: Stored[StateT], state: StateT, *, expected: int) -> bool:
        try:
            self._table.put_item(
                Item={
                    "pk": stored.key,
                    "sk": self._sort_key,
                    "state": self._states.write(state),
                    "revision": stored.revision,
                    "outbox": _write_outbox(stored.unpublished),
                },
                ConditionExpression="attribute_not_exists(pk) OR revision = :expected",
                ExpressionAttributeValues={":expected": expected},
            )
        except ClientError as fault:
            if is_conflict(fault):
                return False
            raise
        return True


class JsonFormat(Generic[StateT]):
    """A state of plain values, as JSON."""

    def __init__(self, states: TypeAdapter[StateT]) -> None:
        """Write what the adapter knows."""
        self._states = states

    def read(self, text: str) -> StateT:
        """Return the state in `text`."""
        return self._states.validate_json(text)

    def write(self, state: StateT) -> str:
        """Return the state as text."""
        return self._states.dump_json(state, exclude_defaults=True).decode()


def control_items(table: "Table") -> DynamoRooms[ControlState]:
    """Return control's items."""
    return DynamoRooms(table, "CONTROL", JsonFormat(TypeAdapter(ControlState)))


def is_conflict(fault: ClientError) -> bool:
    """Return whether a conditional write found its condition unmet."""
    return fault.response["Error"]["Code"] == "ConditionalCheckFailedException"


def _write_outbox(events: Sequence[Detail]) -> list[str]:
    return [
        json.dumps({"detail_type": one.detail_type, "detail": one.model_dump(mode="json")})
        for one in events
    ]


def _read_outbox(entries: Sequence[str]) -> tuple[Detail, ...]:
    read = [json.loads(entry) for entry in entries]
    return tuple(_KINDS[one["detail_type"]].model_validate(one["detail"]) for one in read)
