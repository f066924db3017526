"""RoomOccupancyChanged, BmsCommandAcknowledged, a tick -> BmsCommandRequested, alerts."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from typing import Any, Final

import boto3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.typing import LambdaContext

from headcount.announcements import alert_cleared, alert_raised, command_requested
from headcount.aws.bus import EventBridgePublisher
from headcount.aws.checks import SqsCheckScheduler
from headcount.aws.directory import DynamoDirectory
from headcount.aws.rooms import control_items
from headcount.batch import each_record
from headcount.causes import Cause, RoomCheckDue, Tick, read_cause
from headcount.domain.control import acknowledge, decide
from headcount.domain.control_state import Acknowledgement, ControlState, Decision, Occupancy
from headcount.domain.policy import Room
from headcount.domain.terms import Trigger
from headcount.errors import HeadcountError, PoisonRecordError, RetiredError
from headcount.events import BmsCommandAcknowledged, Detail, RoomOccupancyChanged
from headcount.identifiers import room_key
from headcount.outbox import change_and_publish
from headcount.ports import Change, CheckScheduler, Clock, Directory, ItemStore, Publisher
from headcount.settings import Settings

logger: Final = Logger()

# Chosen: what is due within this was meant for now, by another host's clock.
_CLOCKS_DIFFER: Final = timedelta(seconds=2)


class DecideSettings(Settings):
    """What the function is told by its environment."""

    bus_name: str
    decide_queue_url: str
    rooms_table: str


@dataclass(frozen=True, slots=True)
class Adapters:
    """What the story needs from outside."""

    directory: Directory
    controls: ItemStore[ControlState]
    publish: Publisher
    check_again: CheckScheduler
    clock: Clock


@cache
def adapters() -> Adapters:
    """Build the adapters once per sandbox."""
    env = DecideSettings.from_env()
    table = boto3.resource("dynamodb").Table(env.rooms_table)
    return Adapters(
        directory=DynamoDirectory(table),
        controls=control_items(table),
        publish=EventBridgePublisher(boto3.client("events"), env.bus_name),
        check_again=SqsCheckScheduler(boto3.client("sqs"), env.decide_queue_url),
        clock=partial(datetime.now, UTC),
    )


@logger.inject_lambda_context
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> PartialItemFailureResponse:
    """Decide what follows from a batch of causes."""
    return each_record(event, context, read_cause, partial(decide_setpoints, to=adapters()))


def decide_setpoints(cause: Cause, to: Adapters) -> None:
    """Decide what the devices of the room should do, or of every room when only time passed."""
    if not isinstance(cause, Tick):
        _decide_room(to.directory.room(cause.site_id, cause.room_id), cause, to)
        return
    failed: list[str] = []
    for site_id, room_id in to.directory.rooms():
        # One room's fault must not keep the others waiting.
        try:
            _decide_room(to.directory.room(site_id, room_id), cause, to)
        except RetiredError:
            # The list of rooms is remembered a little longer than the room was there.
            continue
        except HeadcountError as fault:
            failed.append(f"{site_id}/{room_id}: {fault}")
    if failed:
        raise PoisonRecordError(f"{len(failed)} rooms not decided. {' '.join(failed)}")


def _decide_room(room: Room, cause: Cause, to: Adapters) -> None:
    now = to.clock()
    if isinstance(cause, RoomCheckDue):
        if cause.due_at - now > _CLOCKS_DIFFER:
            # A queue delays by a quarter of an hour at most, and a hold-off may be longer.
            to.check_again(room.site_id, room.room_id, cause.due_at, now)
            return
        now = max(now, cause.due_at)
    made: list[Decision] = []
    stored = change_and_publish(
        to.controls,
        to.publish,
        room_key(room.site_id, room.room_id),
        partial(_change, room=room, choose=_choice(now, cause, room), made=made.append, now=now),
    )
    due = made[-1].check_again_at
    if due is not None:
        to.check_again(room.site_id, room.room_id, due, now)
    logger.info(
        "room decided",
        site_id=room.site_id,
        room_id=room.room_id,
        cause=type(cause).__name__,
        published=len(stored.unpublished),
        check_again_at=due and due.isoformat(),
    )


def _choice(now: datetime, cause: Cause, room: Room) -> Callable[[ControlState], Decision]:
    if isinstance(cause, BmsCommandAcknowledged):
        ack = Acknowledgement(
            device_group=cause.device_group,
            idempotency_key=cause.idempotency_key,
            accepted=cause.accepted,
            reason=cause.reason,
        )
        return lambda state: acknowledge(now, ack, room, state)
    if isinstance(cause, RoomOccupancyChanged):
        told = Occupancy(
            state=cause.state,
            people=cause.people_estimate,
            observed_at=cause.observed_at,
            correlation_id=cause.correlation_id,
            revision=cause.revision,
        )
        return lambda state: decide(now, told, room, state)
    return lambda state: decide(now, None, room, state, Trigger.TIMER)


def _change(
    state: ControlState | None,
    _revision: int,
    *,
    room: Room,
    choose: Callable[[ControlState], Decision],
    made: Callable[[Decision], None],
    now: datetime,
) -> Change[ControlState] | None:
    before = state or ControlState()
    decision = choose(before)
    made(decision)
    if decision.state == before:
        return None
    events: tuple[Detail, ...] = (
        *(command_requested(command, room) for command in decision.commands),
        *(alert_raised(alert, room, now) for alert in decision.alerts_raised),
        *(alert_cleared(alert, room, now) for alert in decision.alerts_cleared),
    )
    return Change(decision.state, events)
