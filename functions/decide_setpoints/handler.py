"""RoomOccupancyChanged, what a BMS says, a tick -> commands, alerts, a heartbeat."""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from typing import Any, Final

import boto3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.typing import LambdaContext

from headcount.announcements import announced, heartbeat
from headcount.aws.bus import EventBridgePublisher
from headcount.aws.checks import SqsCheckScheduler
from headcount.aws.dead_letters import dead_letters
from headcount.aws.directory import DynamoDirectory
from headcount.aws.rooms import control_items
from headcount.batch import each_record
from headcount.bms_events import room_told_of
from headcount.causes import BmsNotice, Cause, RoomCheckDue, Tick, read_cause
from headcount.domain.control import acknowledge, book, decide, meter, override
from headcount.domain.control_state import (
    Acknowledgement,
    BookingNotice,
    ControlState,
    Decision,
    MeterNotice,
    Occupancy,
    OverrideNotice,
)
from headcount.domain.policy import Room
from headcount.domain.terms import Trigger
from headcount.errors import HeadcountError, RetiredError, UndecidedError
from headcount.events import (
    BmsCommandAcknowledged,
    BmsDetail,
    BmsMeterRead,
    BmsOverrideChanged,
    BmsScheduleChanged,
    RoomOccupancyChanged,
)
from headcount.identifiers import room_key
from headcount.outbox import change_and_publish
from headcount.ports import Change, CheckScheduler, Clock, Directory, ItemStore, Publisher
from headcount.settings import Settings

logger: Final = Logger()

# Chosen: what is due within this was meant for now, by another host's clock.
_CLOCKS_DIFFER: Final = timedelta(seconds=2)
# Chosen: one tick may be late and one may be lost before a BMS takes a room over.
_HEARTBEAT_TICKS: Final = 3

Choice = Callable[[ControlState], Decision]


class DecideSettings(Settings):
    """What the function is told by its environment."""

    bus_name: str
    decide_queue_url: str
    rooms_table: str
    tick_minutes: int


@dataclass(frozen=True, slots=True)
class Adapters:
    """What the story needs from outside."""

    directory: Directory
    controls: ItemStore[ControlState]
    publish: Publisher
    check_again: CheckScheduler
    clock: Clock
    heartbeat_valid_for: timedelta


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
        heartbeat_valid_for=timedelta(minutes=_HEARTBEAT_TICKS * env.tick_minutes),
    )


@logger.inject_lambda_context
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> PartialItemFailureResponse:
    """Decide what follows from a batch of causes."""
    return each_record(
        event, context, read_cause, partial(decide_setpoints, to=adapters()), dead_letters()
    )


def decide_setpoints(cause: Cause, to: Adapters) -> None:
    """Decide what the devices of the room should do, or of every room when only time passed."""
    if isinstance(cause, Tick):
        _decide_every_room(cause, to)
    elif isinstance(cause, BmsDetail):
        _decide_room(room_told_of(cause, to.directory, to.clock()), cause, to)
    else:
        _decide_room(to.directory.room(cause.site_id, cause.room_id), cause, to)


def _decide_every_room(tick: Tick, to: Adapters) -> None:
    decided: defaultdict[str, list[str]] = defaultdict(list)
    failed: list[str] = []
    for site_id, room_id in to.directory.rooms():
        # One room's fault must not keep the others waiting.
        try:
            room = to.directory.room(site_id, room_id)
            _decide_room(room, tick, to)
        except RetiredError:
            # The list of rooms is remembered a little longer than the room was there.
            continue
        except HeadcountError as fault:
            failed.append(f"{site_id}/{room_id}: {fault}")
            continue
        if room.devices and not room.policy.dry_run:
            decided[site_id].append(room_id)
    now = to.clock()
    to.publish(
        [heartbeat(site, rooms, now, to.heartbeat_valid_for) for site, rooms in decided.items()]
    )
    if failed:
        raise UndecidedError(f"{len(failed)} rooms not decided. {' '.join(failed)}")


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


def _choice(now: datetime, cause: Cause, room: Room) -> Choice:
    if isinstance(cause, RoomOccupancyChanged):
        told = Occupancy(
            state=cause.state,
            people=cause.people_estimate,
            observed_at=cause.observed_at,
            correlation_id=cause.correlation_id,
            revision=cause.revision,
            people_high=cause.people_high,
            p_vacant=cause.p_vacant,
            last_seen_at=cause.last_seen_at,
        )
        return lambda state: decide(now, told, room, state)
    if isinstance(cause, BmsDetail):
        return _bms_choice(now, cause, room)
    return lambda state: decide(now, None, room, state, Trigger.TIMER)


def _bms_choice(now: datetime, said: BmsNotice, room: Room) -> Choice:
    match said:
        case BmsCommandAcknowledged():
            ack = Acknowledgement(
                device_group=said.device_group,
                idempotency_key=said.idempotency_key,
                accepted=said.accepted,
                reason=said.reason,
            )
            return lambda state: acknowledge(now, ack, room, state)
        case BmsOverrideChanged():
            taken = OverrideNotice(
                device_group=said.device_group,
                level=said.level,
                active=said.active,
                until=said.until,
                reason=said.reason,
                at=said.changed_at,
                correlation_id=said.correlation_id,
            )
            return lambda state: override(now, taken, room, state)
        case BmsScheduleChanged():
            booking = BookingNotice(
                booking_id=said.booking_id,
                starts_at=said.starts_at,
                ends_at=said.ends_at,
                people=said.people,
                cancelled=said.cancelled,
                at=said.changed_at,
                correlation_id=said.correlation_id,
            )
            return lambda state: book(now, booking, room, state)
        case BmsMeterRead():
            reading = MeterNotice(
                device_group=said.device_group,
                power_w=said.power_w,
                read_at=said.read_at,
                correlation_id=said.correlation_id,
            )
            return lambda state: meter(now, reading, room, state)


def _change(
    state: ControlState | None,
    _revision: int,
    *,
    room: Room,
    choose: Choice,
    made: Callable[[Decision], None],
    now: datetime,
) -> Change[ControlState] | None:
    before = state or ControlState()
    decision = choose(before)
    made(decision)
    if decision.state == before:
        return None
    return Change(decision.state, tuple(announced(decision, room, now)))
