"""OccupancyCheckRequested -> RoomChecked, and FramesCounted of the frames looked at."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from typing import Any, Final

import boto3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.config import Config

from headcount.aws.archives import Archives
from headcount.aws.bus import EventBridgePublisher
from headcount.aws.dead_letters import dead_letters
from headcount.aws.detector import SageMakerDetector
from headcount.aws.directory import DynamoDirectory
from headcount.aws.estimates import occupancy_items
from headcount.aws.frames import KinesisVideoFragments
from headcount.aws.newest import KinesisVideoNewest
from headcount.aws.views import DynamoVacantViews
from headcount.batch import bus_event, each_record
from headcount.bms_events import room_told_of
from headcount.counting import Sample, count
from headcount.domain.occupancy import RoomState
from headcount.domain.policy import Room
from headcount.domain.room_check import Finding, find
from headcount.domain.terms import LightMode
from headcount.errors import (
    MediaError,
    ModelError,
    PoisonRecordError,
    RetiredError,
    StreamError,
    UnreadableItemError,
)
from headcount.events import CheckedCamera, FramesCounted, OccupancyCheckRequested, RoomChecked
from headcount.evidence import as_observation
from headcount.identifiers import deterministic_id, room_key, stream_name
from headcount.ports import (
    Clock,
    Directory,
    FaceDetector,
    FrameSource,
    NewestFragment,
    Publisher,
    StateReader,
    StoredFragment,
    VacantViews,
)
from headcount.settings import Settings
from headcount.site import CameraBinding

logger: Final = Logger()

# Chosen: somebody waits. A camera or an endpoint that hangs becomes a fault in the answer, well
# before the function's own 30 seconds are over.
_VIDEO_PATIENCE: Final = Config(
    connect_timeout=2, read_timeout=3, retries={"mode": "standard", "total_max_attempts": 1}
)
_ENDPOINT_PATIENCE: Final = Config(
    connect_timeout=2, read_timeout=8, retries={"mode": "standard", "total_max_attempts": 1}
)
# Chosen: so many cameras of a room are looked through at once; each has its own stream and limits.
_AT_ONCE: Final = 8
# Chosen: a question that failed once comes back after three minutes and is still answered. Who
# asked before that has asked again or gone, and its answer would hold up a newer question's.
_ANSWERED_FOR: Final = timedelta(minutes=5)


class CheckSettings(Settings):
    """What the function is told by its environment."""

    bus_name: str
    endpoint_name: str
    rooms_table: str
    stream_prefix: str


@dataclass(frozen=True, slots=True)
class Adapters:
    """What the story needs from outside."""

    stream_prefix: str
    directory: Directory
    newest: NewestFragment
    frames: FrameSource
    detect: FaceDetector
    views: VacantViews
    rooms: StateReader[RoomState]
    publish: Publisher
    clock: Clock


@dataclass(frozen=True, slots=True)
class Look:
    """What came of looking through one camera.

    Attributes:
        stored: Its newest fragment, if there is one.
        sample: That fragment's key frame, if it is fresh and could be had.
        fault: Why there is none.
    """

    stored: StoredFragment | None = None
    sample: Sample | None = None
    fault: str = ""


@cache
def adapters() -> Adapters:
    """Build the adapters once per sandbox."""
    env = CheckSettings.from_env()
    table = boto3.resource("dynamodb").Table(env.rooms_table)
    archives = Archives(
        boto3.client("kinesisvideo", config=_VIDEO_PATIENCE),
        lambda address: boto3.client(
            "kinesis-video-archived-media", endpoint_url=address, config=_VIDEO_PATIENCE
        ),
    )
    return Adapters(
        stream_prefix=env.stream_prefix,
        directory=DynamoDirectory(table),
        newest=KinesisVideoNewest(archives),
        frames=KinesisVideoFragments(archives),
        detect=SageMakerDetector(
            boto3.client("sagemaker-runtime", config=_ENDPOINT_PATIENCE), env.endpoint_name
        ),
        views=DynamoVacantViews(table),
        rooms=occupancy_items(table),
        publish=EventBridgePublisher(boto3.client("events"), env.bus_name),
        clock=partial(datetime.now, UTC),
    )


@logger.inject_lambda_context
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> PartialItemFailureResponse:
    """Answer whether anyone is in the rooms that are asked about."""
    return each_record(
        event,
        context,
        bus_event(OccupancyCheckRequested),
        partial(check, to=adapters()),
        dead_letters(),
    )


def check(asked: OccupancyCheckRequested, to: Adapters) -> None:
    """Look through every camera of the room now, and answer, whatever fails on the way.

    The room's item is only read. What was looked at goes to the estimator as it does from the
    sampler, by the same ids, so that both know it and it counts once.

    Raises:
        PoisonRecordError: If the question is too old, or there is no such room.
    """
    room = _room(asked, to)
    looks = _look_through_all(room, to)
    seen: Mapping[str, FramesCounted] = {}
    try:
        samples = {name: look.sample for name, look in looks.items() if look.sample is not None}
        seen = count(samples, to.detect, to.views)
    except ModelError as fault:
        looks = {name: _uncounted(look, fault) for name, look in looks.items()}
    now = to.clock()
    finding = find(now, _known(room, to), [as_observation(one) for one in seen.values()], room)
    cameras = [_checked(name, look, seen.get(name), now) for name, look in looks.items()]
    # The answer first: many cameras need more than one call, and somebody waits for this one.
    to.publish([_answer(asked, finding, cameras, now), *seen.values()])
    logger.info(
        "room checked",
        site_id=room.site_id,
        room_id=room.room_id,
        correlation_id=asked.correlation_id,
        state=finding.state.value,
        cameras=len(cameras),
        faults=sum(1 for camera in cameras if camera.fault),
    )


def _room(asked: OccupancyCheckRequested, to: Adapters) -> Room:
    now = to.clock()
    age = now - asked.requested_at
    if age > _ANSWERED_FOR:
        raise PoisonRecordError(
            f"asked {age.total_seconds():.0f} s ago, by requested_at; a question is answered for "
            f"{_ANSWERED_FOR.total_seconds():.0f} s. Ask again, and look at the clock of the BMS."
        )
    return room_told_of(asked, to.directory, now)


def _look_through_all(room: Room, to: Adapters) -> dict[str, Look]:
    """Return what came of each camera, in the order of the site document."""
    bound: dict[str, CameraBinding] = {}
    looks: dict[str, Look] = {}
    for camera in room.cameras:
        name = stream_name(to.stream_prefix, room.site_id, camera.id)
        try:
            bound[camera.id] = to.directory.camera(name)
        except (RetiredError, UnreadableItemError) as fault:
            looks[camera.id] = Look(fault=str(fault))
    with ThreadPoolExecutor(_AT_ONCE) as at_once:
        looked = at_once.map(partial(_look_through, room=room, to=to), bound.values())
        looks.update(zip(bound, looked, strict=True))
    return {camera.id: looks[camera.id] for camera in room.cameras}


def _look_through(camera: CameraBinding, *, room: Room, to: Adapters) -> Look:
    stored: StoredFragment | None = None
    now = to.clock()
    try:
        stored = to.newest(camera.stream_name, now)
        if stored is None:
            return Look(fault="silent for 15 minutes at least")
        if now - stored.captured_at > timedelta(seconds=room.occupancy.observation_gap_s):
            return Look(stored, fault=_too_old(stored, room))
        frame = to.frames(camera.stream_name, stored.number)
    except (MediaError, StreamError) as fault:
        return Look(stored, fault=str(fault))
    return Look(stored, Sample(camera, stored.number, frame))


def _too_old(stored: StoredFragment, room: Room) -> str:
    late_s = (stored.persisted_at - stored.captured_at).total_seconds()
    if late_s > room.occupancy.observation_gap_s:
        return f"stored {late_s:.0f} s after it was captured: look at the camera's clock and line"
    return f"silent since {stored.captured_at:%Y-%m-%d %H:%M:%S} UTC"


def _uncounted(look: Look, fault: ModelError) -> Look:
    return look if look.sample is None else Look(look.stored, fault=f"not counted: {fault}")


def _known(room: Room, to: Adapters) -> RoomState | None:
    try:
        return to.rooms(room_key(room.site_id, room.room_id))
    except UnreadableItemError as fault:
        # The estimator's to mend, and its alarm: what the cameras see now can be told without.
        logger.warning("room state left out", room_id=room.room_id, reason=str(fault))
        return None


def _checked(
    camera_id: str, look: Look, seen: FramesCounted | None, now: datetime
) -> CheckedCamera:
    captured_at = look.stored and look.stored.captured_at
    age_s = captured_at and max(0.0, (now - captured_at).total_seconds())
    if seen is None:
        return CheckedCamera(
            camera_id=camera_id, captured_at=captured_at, age_s=age_s, fault=look.fault
        )
    blind = seen.light_mode is LightMode.DARK and not seen.faces and not seen.persons
    return CheckedCamera(
        camera_id=camera_id,
        captured_at=captured_at,
        faces=len(seen.faces),
        persons=len(seen.persons) if seen.person_model else None,
        age_s=age_s,
        fault="too dark to see anybody" if blind else "",
    )


def _answer(
    asked: OccupancyCheckRequested,
    finding: Finding,
    cameras: Sequence[CheckedCamera],
    now: datetime,
) -> RoomChecked:
    faults = [f"{camera.camera_id}: {camera.fault}" for camera in cameras if camera.fault]
    return RoomChecked(
        # Of the question, not of the answer: asked again by a redelivery, it is the same event.
        id=deterministic_id(
            RoomChecked.detail_type, asked.site_id, asked.room_id, asked.request_id
        ),
        correlation_id=asked.correlation_id,
        site_id=asked.site_id,
        room_id=asked.room_id,
        request_id=asked.request_id,
        requested_by=asked.requested_by,
        state=finding.state,
        people_estimate=finding.people,
        people_low=finding.people_low,
        people_high=finding.people_high,
        p_vacant=finding.p_vacant,
        evidence="; ".join([finding.evidence, *faults]),
        cameras=tuple(cameras),
        answered_at=now,
    )
