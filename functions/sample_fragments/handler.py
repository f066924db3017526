"""A notice that a fragment is stored -> FramesCounted."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, partial
from typing import Any, Final

import boto3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.config import Config

from headcount.aws.bus import EventBridgePublisher
from headcount.aws.detector import SageMakerDetector
from headcount.aws.directory import DynamoDirectory
from headcount.aws.frames import KinesisVideoFragments
from headcount.aws.notices import FragmentNotice, read_notice
from headcount.aws.rooms import occupancy_items
from headcount.aws.views import DynamoVacantViews
from headcount.batch import whole_batch
from headcount.domain.occupancy import RoomState, is_new_empty_view
from headcount.errors import HeadcountError, MediaError, PoisonRecordError, StreamError
from headcount.events import FramesCounted
from headcount.evidence import as_observation
from headcount.identifiers import camera_key, deterministic_id, room_key
from headcount.ports import (
    CountedFrame,
    Directory,
    FaceDetector,
    FrameSource,
    Publisher,
    SampledFrame,
    StateReader,
    VacantViews,
)
from headcount.settings import Settings
from headcount.site import CameraBinding

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


class SampleSettings(Settings):
    """What the function is told by its environment."""

    bus_name: str
    endpoint_name: str
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


@dataclass(frozen=True, slots=True)
class Sample:
    """A fragment's key frame, and whose it is."""

    notice: FragmentNotice
    camera: CameraBinding
    frame: SampledFrame


@cache
def adapters() -> Adapters:
    """Build the adapters once per sandbox."""
    env = SampleSettings.from_env()
    table = boto3.resource("dynamodb").Table(env.rooms_table)
    return Adapters(
        directory=DynamoDirectory(table),
        frames=KinesisVideoFragments(
            boto3.client("kinesisvideo", config=_VIDEO_PATIENCE),
            lambda address: boto3.client(
                "kinesis-video-archived-media", endpoint_url=address, config=_VIDEO_PATIENCE
            ),
        ),
        detect=SageMakerDetector(
            boto3.client("sagemaker-runtime", config=_ENDPOINT_PATIENCE), env.endpoint_name
        ),
        views=DynamoVacantViews(table),
        rooms=occupancy_items(table),
        publish=EventBridgePublisher(boto3.client("events"), env.bus_name),
    )


@logger.inject_lambda_context
def lambda_handler(event: dict[str, Any], _context: LambdaContext) -> PartialItemFailureResponse:
    """Count the people in the key frames of a batch of fragments."""
    return whole_batch(event, read_notice, partial(sample, to=adapters()))


def sample(notices: Mapping[str, FragmentNotice], to: Adapters) -> Mapping[str, HeadcountError]:
    """Count a batch's frames in one call, and return which notices have to come back, and why."""
    samples: dict[str, Sample] = {}
    failed: dict[str, HeadcountError] = {}
    for message_id, notice in notices.items():
        try:
            samples[message_id] = _fetch(notice, to)
        except (MediaError, PoisonRecordError, StreamError) as fault:
            failed[message_id] = fault
    if samples:
        counted = to.detect({message_id: one.frame.jpeg for message_id, one in samples.items()})
        seen: list[FramesCounted] = []
        for message_id, one in samples.items():
            try:
                seen.append(_seen(one, counted[message_id], to))
            except PoisonRecordError as fault:
                failed[message_id] = fault
        to.publish(seen)
    logger.info("fragments sampled", sampled=len(notices) - len(failed), failed=len(failed))
    return failed


def _fetch(notice: FragmentNotice, to: Adapters) -> Sample:
    camera = to.directory.camera(notice.stream_name)
    return Sample(notice, camera, to.frames(notice.stream_name, notice.fragment_number))


def _seen(one: Sample, counted: CountedFrame, to: Adapters) -> FramesCounted:
    key = camera_key(one.camera.site_id, one.camera.camera_id)
    seen = _frames_counted(one, counted, to.views.difference(key, one.frame))
    state = to.rooms(room_key(seen.site_id, seen.room_id))
    room = to.directory.room(seen.site_id, seen.room_id)
    if state is not None and is_new_empty_view(state, as_observation(seen), room):
        to.views.remember(key, one.frame)
    return seen


def _frames_counted(
    one: Sample, counted: CountedFrame, scene_change: float | None
) -> FramesCounted:
    camera, frame, number = one.camera, one.frame, one.notice.fragment_number
    return FramesCounted(
        id=deterministic_id(FramesCounted.detail_type, camera.site_id, camera.camera_id, number),
        correlation_id=deterministic_id("fragment", camera.stream_name, number),
        site_id=camera.site_id,
        camera_id=camera.camera_id,
        room_id=camera.room_id,
        captured_at=frame.captured_at,
        persisted_at=frame.persisted_at,
        fragment_number=number,
        frame_width=counted.width,
        frame_height=counted.height,
        faces=counted.faces,
        motion=frame.motion,
        scene_change=scene_change,
        quality=counted.quality,
        light_mode=frame.light_mode,
        model=counted.model,
        inference_id=counted.inference_id,
    )
