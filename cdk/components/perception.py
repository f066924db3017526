"""Fragments in, FramesCounted out."""

from aws_cdk import Duration, Stack
from aws_cdk.aws_cloudwatch import Metric, Stats
from aws_cdk.aws_dynamodb import ITable
from aws_cdk.aws_events import IEventBus
from aws_cdk.aws_iam import PolicyStatement, ServicePrincipal
from aws_cdk.aws_kms import IKey
from aws_cdk.aws_lambda import ILayerVersion
from aws_cdk.aws_sns import ITopic, Topic
from constructs import Construct

from cdk.components.alarms import Runbook, alarm_above
from cdk.components.camera_streams import CameraStreams
from cdk.components.counting_model import CountingModel
from cdk.components.kept_frames import KeptFrames
from cdk.components.queue_function import QueueFunction
from cdk.config import Stage

# One full vCPU: decoding and measuring a frame is the function's whole work.
_MEMORY_MB = 1769
_FOLDER = "sample_fragments"


class Perception(Construct):
    """Where Kinesis Video says that a fragment is stored, and what looks at it."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        stage: Stage,
        key: IKey,
        bus: IEventBus,
        rooms: ITable,
        model: CountingModel,
        kept_frames: KeptFrames,
        streams: CameraStreams,
        core: ILayerVersion,
        vision: ILayerVersion,
        operations: ITopic,
    ) -> None:
        super().__init__(scope, construct_id)
        self.notices = self._notices()
        self.sampler = QueueFunction(
            self,
            "Sampler",
            stage=stage,
            folder=_FOLDER,
            description="Counts the faces in the key frame of each noticed fragment.",
            layers=[core, vision],
            environment={
                "BUS_NAME": bus.event_bus_name,
                "ROOMS_TABLE": rooms.table_name,
                "ENDPOINT_NAME": model.endpoint_name,
                "KEPT_FRAMES_BUCKET": kept_frames.bucket.bucket_name,
                "METRICS_NAMESPACE": _namespace(stage),
            },
            memory_mb=_MEMORY_MB,
            batch_size=stage.sample_batch_size,
            batch_window=Duration.seconds(stage.sample_batch_window_s),
            operations=operations,
        )
        self.sampler.consume_topic(self.notices)
        bus.grant_put_events_to(self.sampler.function)
        rooms.grant_read_write_data(self.sampler.function)
        model.grant_invoke(self.sampler.function)
        self.sampler.function.add_to_role_policy(
            streams.allow("GetDataEndpoint", "GetMediaForFragmentList")
        )
        streams.acknowledge_names(self.sampler.role)
        # Kinesis Video decrypts a stored fragment with the rights of whoever reads it.
        key.grant_decrypt(self.sampler.function)
        self.sampler.role.add_managed_policy(kept_frames.keeping_policy)
        alarm_above(
            self,
            "FramesNotKept",
            metric=Metric(
                namespace=_namespace(stage),
                metric_name="FramesNotKept",
                dimensions_map={"service": _FOLDER},
                period=Duration.minutes(15),
                statistic=Stats.SUM,
            ),
            threshold=0,
            periods=1,
            runbook=Runbook.FRAMES_NOT_KEPT,
            says="Frames that a site wants kept are not: S3 does not take them.",
            tell=operations,
        )

    def _notices(self) -> Topic:
        # Not encrypted with the stage's key: a notice names a fragment and holds nothing of it,
        # and to publish, a gateway would need the right to decrypt with that key.
        topic = Topic(self, "FragmentNotices", enforce_ssl=True)
        topic.add_to_resource_policy(
            PolicyStatement(
                sid="KinesisVideoPublishes",
                principals=[ServicePrincipal("kinesisvideo.amazonaws.com")],
                actions=["sns:Publish"],
                resources=[topic.topic_arn],
                conditions={"StringEquals": {"aws:SourceAccount": Stack.of(self).account}},
            )
        )
        return topic


def _namespace(stage: Stage) -> str:
    """Return where the function's own metrics are: an account may hold several stages."""
    return f"Headcount/{stage.name}"
