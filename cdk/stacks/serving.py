"""What a new version replaces: endpoint, queues, functions and rules."""

from aws_cdk import CfnOutput, Fn, Stack
from aws_cdk.aws_lambda import Code, LayerVersion
from constructs import Construct

from cdk.assets import CORE, NUMERIC, VISION, Layer, layer_zip
from cdk.components.bms_gateway import BmsGateway
from cdk.components.camera_streams import CameraStreams
from cdk.components.control import Control
from cdk.components.counting_model import CountingModel
from cdk.components.estimation import Estimation
from cdk.components.gateway_access import GatewayAccess
from cdk.components.notification import Notification
from cdk.components.perception import Perception
from cdk.components.room_check import RoomCheck
from cdk.components.stream_retirement import StreamRetirement
from cdk.config import RUNTIME, Stage
from cdk.stacks.data import DataStack


class ServingStack(Stack):
    """The way from a fragment to a command."""

    def __init__(
        self, scope: Construct, construct_id: str, *, stage: Stage, data: DataStack
    ) -> None:
        super().__init__(
            scope,
            construct_id,
            description=f"Headcount {stage.name}: from a fragment of video to a BMS command.",
        )
        core = self._layer(CORE, stage)
        numeric = self._layer(NUMERIC, stage)
        vision = self._layer(VISION, stage)
        streams = CameraStreams(self, "CameraStreams", stage=stage)
        model = CountingModel(
            self,
            "CountingModel",
            stage=stage,
            key=data.key,
            capture_bucket=data.lake.bucket,
            capture_policy=data.lake.capture_policy,
            operations=data.operations,
        )
        perception = Perception(
            self,
            "Perception",
            stage=stage,
            key=data.key,
            bus=data.bus,
            rooms=data.rooms,
            model=model,
            kept_frames=data.kept_frames,
            streams=streams,
            core=core,
            vision=vision,
            operations=data.operations,
        )
        gateways = GatewayAccess(
            self,
            "Gateways",
            stage=stage,
            key=data.key,
            rooms=data.rooms,
            notices=perception.notices,
            streams=streams,
        )
        estimation = Estimation(
            self,
            "Estimation",
            stage=stage,
            bus=data.bus,
            rooms=data.rooms,
            core=core,
            numeric=numeric,
            operations=data.operations,
        )
        room_check = RoomCheck(
            self,
            "RoomCheck",
            stage=stage,
            key=data.key,
            bus=data.bus,
            rooms=data.rooms,
            model=model,
            streams=streams,
            core=core,
            vision=vision,
            operations=data.operations,
        )
        control = Control(
            self,
            "Control",
            stage=stage,
            bus=data.bus,
            rooms=data.rooms,
            core=core,
            operations=data.operations,
        )
        notification = Notification(
            self,
            "Notification",
            stage=stage,
            bus=data.bus,
            rooms=data.rooms,
            alerts=data.alerts,
            core=core,
            operations=data.operations,
        )
        bms = BmsGateway(self, "BmsGateway", stage=stage, bus=data.bus, operations=data.operations)
        retirement = StreamRetirement(
            self,
            "StreamRetirement",
            stage=stage,
            streams=streams,
            core=core,
            operations=data.operations,
        )
        dead_letters = [
            perception.sampler.dead_letters,
            estimation.estimator.dead_letters,
            room_check.checker.dead_letters,
            control.decider.dead_letters,
            notification.notifier.dead_letters,
            bms.dead_letters,
            retirement.dead_letters,
            data.lake.dead_letters,
        ]
        for name, value in {
            "FragmentNoticeTopicArn": perception.notices.topic_arn,
            "SampleQueueUrl": perception.sampler.queue.queue_url,
            "EstimateQueueUrl": estimation.estimator.queue.queue_url,
            "DecideQueueUrl": control.decider.queue.queue_url,
            "NotifyQueueUrl": notification.notifier.queue.queue_url,
            "DeadLetterQueueUrls": Fn.join(",", [queue.queue_url for queue in dead_letters]),
            "BmsCommandQueueUrl": bms.commands.queue_url,
            "EndpointName": model.endpoint_name,
            "StreamPrefix": stage.stream_prefix,
            "GatewayPolicyArn": gateways.policy.managed_policy_arn,
            "BmsPolicyArn": bms.access.managed_policy_arn,
        }.items():
            CfnOutput(self, name, value=value)

    def _layer(self, layer: Layer, stage: Stage) -> LayerVersion:
        return LayerVersion(
            self,
            f"{layer.name.title()}Layer",
            description=f"Headcount's {layer.name} layer for {stage.layer_target.name}.",
            code=Code.from_asset(str(layer_zip(layer, stage.layer_target))),
            compatible_runtimes=[RUNTIME],
            compatible_architectures=[stage.architecture],
            removal_policy=stage.removal_policy,
        )
