"""The estimator's room items. Apart from control's, which need none of its arithmetic."""

from typing import TYPE_CHECKING, Final

from pydantic import TypeAdapter

from headcount.aws.rooms import DynamoRooms
from headcount.domain.memory import KeptRoom, keep, recall
from headcount.domain.occupancy import RoomState

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table


class OccupancyFormat:
    """The estimator's state as JSON."""

    _kept: Final = TypeAdapter(KeptRoom)

    def read(self, text: str) -> RoomState:
        """Return the state in `text`."""
        return recall(self._kept.validate_json(text))

    def write(self, state: RoomState) -> str:
        """Return the state as text."""
        return self._kept.dump_json(keep(state), exclude_defaults=True).decode()


def occupancy_items(table: "Table") -> DynamoRooms[RoomState]:
    """Return the estimator's items."""
    return DynamoRooms(table, "OCCUPANCY", OccupancyFormat())
