"""FramesCounted -> RoomOccupancyChanged."""

from dataclasses import dataclass
from functools import cache, partial
from typing import Any, Final

import boto3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.typing import LambdaContext

from headcount.aws.bus import EventBridgePublisher
from headcount.aws.directory import DynamoDirectory
from headcount.aws.rooms import occupancy_items
from headcount.batch import bus_event, each_record
from headcount.domain.occupancy import RoomState, announce, is_news, observe
from headcount.domain.policy import Room
from headcount.events import FramesCounted, RoomOccupancyChanged
from headcount.evidence import as_observation
from headcount.identifiers import deterministic_id, room_key
from headcount.outbox import change_and_publish
from headcount.ports import Change, Directory, ItemStore, Publisher
from headcount.settings import Settings

logger: Final = Logger()


class EstimateSettings(Settings):
    """What the function is told by its environment."""

    bus_name: str
    rooms_table: str


@dataclass(frozen=True, slots=True)
class Adapters:
    """What the story needs from outside."""

    directory: Directory
    rooms: ItemStore[RoomState]
    publish: Publisher


@cache
def adapters() -> Adapters:
    """Build the adapters once per sandbox."""
    env = EstimateSettings.from_env()
    table = boto3.resource("dynamodb").Table(env.rooms_table)
    return Adapters(
        directory=DynamoDirectory(table),
        rooms=occupancy_items(table),
        publish=EventBridgePublisher(boto3.client("events"), env.bus_name),
    )


@logger.inject_lambda_context
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> PartialItemFailureResponse:
    """Let a batch of observations into their rooms."""
    return each_record(event, context, bus_event(FramesCounted), partial(estimate, to=adapters()))


def estimate(seen: FramesCounted, to: Adapters) -> None:
    """Let one camera's observation into its room, and say so if the room changed."""
    room = to.directory.room(seen.site_id, seen.room_id)
    stored = change_and_publish(
        to.rooms,
        to.publish,
        room_key(seen.site_id, seen.room_id),
        partial(_let_in, seen=seen, room=room),
    )
    logger.info(
        "observation let in",
        site_id=seen.site_id,
        room_id=seen.room_id,
        camera_id=seen.camera_id,
        correlation_id=seen.correlation_id,
        revision=stored.revision,
        published=len(stored.unpublished),
    )


def _let_in(
    state: RoomState | None, revision: int, *, seen: FramesCounted, room: Room
) -> Change[RoomState] | None:
    after = observe(state, as_observation(seen), room)
    if after == state:
        return None
    if not is_news(after, room.occupancy):
        return Change(after)
    return Change(announce(after), (_occupancy_changed(after, revision, seen, room),))


def _occupancy_changed(
    state: RoomState, revision: int, seen: FramesCounted, room: Room
) -> RoomOccupancyChanged:
    now = state.estimate
    return RoomOccupancyChanged(
        id=deterministic_id(
            RoomOccupancyChanged.detail_type, room.site_id, room.room_id, revision, seen.id
        ),
        correlation_id=seen.correlation_id,
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
        camera_ids=tuple(track.camera_id for track in state.belief.tracks),
        persisted_at=seen.persisted_at,
    )
