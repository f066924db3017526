"""A notice that a fragment is stored -> FramesCounted."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
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
from headcount.aws.kept_frames import S3FrameKeeper
from headcount.aws.metrics import EmbeddedMetric
from headcount.aws.notices import FragmentNotice, read_notice
from headcount.aws.views import DynamoVacantViews
from headcount.batch import whole_batch
from headcount.counting import Sample, count
from headcount.domain.kept_frames import is_worth_keeping
from headcount.domain.occupancy import RoomState, is_new_empty_view
from headcount.errors import (
    HeadcountError,
    KeepingError,
    MediaError,
    PoisonRecordError,
    StreamError,
    UnreadableItemError,
)
from headcount.events import FramesCounted
from headcount.evidence import as_observation
from headcount.identifiers import room_key
from headcount.ports import (
    Directory,
    FaceDetector,
    FrameKeeper,
    FrameSource,
    Publisher,
    StateReader,
    Tally,
    VacantViews,
)
from headcount.settings import Settings

logger: Final = Logger()

# Chosen: a service that hangs must fail while the function, which has 30 seconds, can still say so;
# boto3 alone would wait for minutes.
_VIDEO_PATIENCE: Final = Config(
    connect_timeout=3, read_timeout=5, retries={"mode": "standard", "total_max_attempts": 2}
)
# A batch takes the endpoint a second, and more when it has just started.
_ENDPOINT_PATIENCE: Final = Config(
    connect_timeout=2, read_timeout=12, retries={"mode": "standard", "total_max_attempts": 2}
)
# A frame that is not kept is no loss: nobody waits for it, and the rest of the batch is let go.
_KEEPING_PATIENCE: Final = Config(
    connect_timeout=1, read_timeout=3, retries={"mode": "standard", "total_max_attempts": 1}
)


class SampleSettings(Settings):
    """What the function is told by its environment."""

    bus_name: str
    endpoint_name: str
    kept_frames_bucket: str
    metrics_namespace: str
    rooms_table: str


@dataclass(frozen=True, slots=True)
class Adapters:
    """What the story needs from outside."""

    directory: Directory
    frames: FrameSource
    detect: FaceDetector
    views: VacantViews
    rooms: StateReader[RoomState]
    publish: Publisher
    keep: FrameKeeper
    not_kept: Tally


@cache
def adapters() -> Adapters:
    """Build the adapters once per sandbox."""
    env = SampleSettings.from_env()
    table = boto3.resource("dynamodb").Table(env.rooms_table)
    return Adapters(
        directory=DynamoDirectory(table),
        frames=KinesisVideoFragments(
            Archives(
                boto3.client("kinesisvideo", config=_VIDEO_PATIENCE),
                lambda address: boto3.client(
                    "kinesis-video-archived-media", endpoint_url=address, config=_VIDEO_PATIENCE
                ),
            )
        ),
        detect=SageMakerDetector(
            boto3.client("sagemaker-runtime", config=_ENDPOINT_PATIENCE), env.endpoint_name
        ),
        views=DynamoVacantViews(table),
        rooms=occupancy_items(table),
        publish=EventBridgePublisher(boto3.client("events"), env.bus_name),
        keep=S3FrameKeeper(boto3.client("s3", config=_KEEPING_PATIENCE), env.kept_frames_bucket),
        not_kept=EmbeddedMetric(env.metrics_namespace, "sample_fragments", "FramesNotKept"),
    )


@logger.inject_lambda_context
def lambda_handler(event: dict[str, Any], _context: LambdaContext) -> PartialItemFailureResponse:
    """Count the people in the key frames of a batch of fragments."""
    return whole_batch(event, read_notice, partial(sample, to=adapters()), dead_letters())


def sample(notices: Mapping[str, FragmentNotice], to: Adapters) -> Mapping[str, HeadcountError]:
    """Count a batch's frames in one call, and return which notices have to come back, and why."""
    samples: dict[str, Sample] = {}
    failed: dict[str, HeadcountError] = {}
    for message_id, notice in notices.items():
        try:
            samples[message_id] = _fetch(notice, to)
        except (MediaError, PoisonRecordError, StreamError, UnreadableItemError) as fault:
            failed[message_id] = fault
    seen: dict[str, FramesCounted] = {}
    for message_id, frame in count(samples, to.detect, to.views).items():
        try:
            _learn_empty_view(samples[message_id], frame, to)
        except (PoisonRecordError, UnreadableItemError) as fault:
            failed[message_id] = fault
        else:
            seen[message_id] = frame
    if seen:
        to.publish(list(seen.values()))
    # After the counts are told: what is kept to learn from later is worth none of them.
    _keep(((samples[message_id], frame) for message_id, frame in seen.items()), to)
    logger.info("fragments sampled", sampled=len(notices) - len(failed), failed=len(failed))
    return failed


def _fetch(notice: FragmentNotice, to: Adapters) -> Sample:
    camera = to.directory.camera(notice.stream_name)
    number = notice.fragment_number
    return Sample(camera, number, to.frames(notice.stream_name, number))


def _learn_empty_view(one: Sample, seen: FramesCounted, to: Adapters) -> None:
    """Remember what the camera sees if nobody is there."""
    state = to.rooms(room_key(seen.site_id, seen.room_id))
    room = to.directory.room(seen.site_id, seen.room_id)
    if state is not None and is_new_empty_view(state, as_observation(seen), room):
        to.views.remember(one.camera_key, one.frame)


def _keep(counted: Iterable[tuple[Sample, FramesCounted]], to: Adapters) -> None:
    """Keep the frames that their site allows and that are worth it; no failure is anybody's."""
    wanted = [
        (one, seen, permission.expire_days)
        for one, seen in counted
        if (permission := one.camera.kept_frames) is not None and _is_worth_keeping(one, seen)
    ]
    for done, (one, seen, expire_days) in enumerate(wanted):
        try:
            to.keep(seen, one.frame.jpeg, expire_days)
        except KeepingError as fault:
            # Whatever ails S3 would take the others' time too, and the batch has 30 seconds.
            logger.error("frames not kept", number=len(wanted) - done, reason=str(fault))
            to.not_kept(len(wanted) - done)
            return


def _is_worth_keeping(one: Sample, seen: FramesCounted) -> bool:
    return is_worth_keeping(
        one.camera.kept_frames,
        seen.captured_at,
        [face.score for face in seen.faces],
        threshold=seen.model.threshold,
        sample_every_s=one.camera.sample_every_s,
        fragment_s=one.camera.fragment_s,
    )
