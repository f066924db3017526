"""FramesCounted, CameraHealthChanged, BmsPresenceSensed, a tick -> RoomOccupancyChanged."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, partial
from typing import Any, Final

import boto3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.typing import LambdaContext

from headcount.aws.bus import EventBridgePublisher
from headcount.aws.dead_letters import dead_letters
from headcount.aws.directory import DynamoDirectory
from headcount.aws.estimates import occupancy_items
from headcount.batch import each_record
from headcount.bms_events import room_told_of
from headcount.causes import Tick
from headcount.domain.occupancy import RoomState, announce, is_news, lapse, let_in
from headcount.domain.policy import Room
from headcount.errors import RetiredError
from headcount.estimates import occupancy_changed
from headcount.events import BmsPresenceSensed, FramesCounted
from headcount.evidence import Noticed, as_evidence, read_evidence
from headcount.identifiers import deterministic_id, room_key
from headcount.outbox import change_and_publish
from headcount.ports import Change, Clock, Directory, ItemStore, Publisher
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
    clock: Clock


@cache
def adapters() -> Adapters:
    """Build the adapters once per sandbox."""
    env = EstimateSettings.from_env()
    table = boto3.resource("dynamodb").Table(env.rooms_table)
    return Adapters(
        directory=DynamoDirectory(table),
        rooms=occupancy_items(table),
        publish=EventBridgePublisher(boto3.client("events"), env.bus_name),
        clock=partial(datetime.now, UTC),
    )


@logger.inject_lambda_context
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> PartialItemFailureResponse:
    """Let a batch of evidence into its rooms."""
    return each_record(
        event, context, read_evidence, partial(estimate, to=adapters()), dead_letters()
    )


def estimate(told: Noticed | Tick, to: Adapters) -> None:
    """Let one piece of evidence into its room, and say so if the room changed."""
    if isinstance(told, Tick):
        _look_for_silence(to)
        return
    if isinstance(told, BmsPresenceSensed):
        room = room_told_of(told, to.directory, to.clock())
    else:
        room = to.directory.room(told.site_id, told.room_id)
    _change(room, partial(_let_in, told=told, room=room), told.correlation_id, to)


def _look_for_silence(to: Adapters) -> None:
    """Say so of every room that nobody has looked at for too long."""
    now = to.clock()
    for site_id, room_id in to.directory.rooms():
        try:
            room = to.directory.room(site_id, room_id)
        except RetiredError:
            # The list of rooms is remembered a little longer than the room was there.
            continue
        _change(room, partial(_lapse, now=now, room=room), "", to)


def _change(
    room: Room,
    change: Callable[[RoomState | None, int], Change[RoomState] | None],
    correlation_id: str,
    to: Adapters,
) -> None:
    stored = change_and_publish(to.rooms, to.publish, room_key(room.site_id, room.room_id), change)
    logger.info(
        "room estimated",
        site_id=room.site_id,
        room_id=room.room_id,
        correlation_id=correlation_id,
        revision=stored.revision,
        published=len(stored.unpublished),
    )


def _let_in(
    state: RoomState | None, revision: int, *, told: Noticed, room: Room
) -> Change[RoomState] | None:
    after = let_in(state, as_evidence(told), room)
    if after is state:
        return None
    if not is_news(after, room.occupancy):
        return Change(after)
    cause = told.persisted_at if isinstance(told, FramesCounted) else None
    event = occupancy_changed(
        after, room, revision, about=told.id, correlation_id=told.correlation_id, persisted_at=cause
    )
    return Change(announce(after), (event,))


def _lapse(
    state: RoomState | None, revision: int, *, now: datetime, room: Room
) -> Change[RoomState] | None:
    if state is None:
        return None
    after = lapse(state, now, room)
    if after is state:
        return None
    silence = deterministic_id("silence", room.site_id, room.room_id, after.estimate.at.isoformat())
    event = occupancy_changed(after, room, revision, about=silence, correlation_id=silence)
    return Change(announce(after), (event,))
