"""OccupancyCheckRequested in, RoomChecked out."""

from aws_cdk.aws_dynamodb import ITable
from aws_cdk.aws_events import IEventBus
from aws_cdk.aws_kms import IKey
from aws_cdk.aws_lambda import ILayerVersion
from aws_cdk.aws_sns import ITopic
from constructs import Construct

from cdk.components.camera_streams import CameraStreams
from cdk.components.counting_model import CountingModel
from cdk.components.patterns import pattern_of
from cdk.components.queue_function import QueueFunction
from cdk.config import Stage
from headcount.events import OccupancyCheckRequested

# As the sampler's: one full vCPU, for a room's frames are decoded while somebody waits.
_MEMORY_MB = 1769
# One question at a time: the next one must not wait until this one's cameras have answered.
_BATCH_SIZE = 1


class RoomCheck(Construct):
    """What looks into a room as soon as a BMS asks whether anyone is in there."""

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
        streams: CameraStreams,
        core: ILayerVersion,
        vision: ILayerVersion,
        operations: ITopic,
    ) -> None:
        super().__init__(scope, construct_id)
        self.checker = QueueFunction(
            self,
            "Checker",
            stage=stage,
            folder="check_room",
            description="Counts the newest frames of a room and answers who asked.",
            layers=[core, vision],
            environment={
                "BUS_NAME": bus.event_bus_name,
                "ROOMS_TABLE": rooms.table_name,
                "ENDPOINT_NAME": model.endpoint_name,
                "STREAM_PREFIX": stage.stream_prefix,
            },
            memory_mb=_MEMORY_MB,
            batch_size=_BATCH_SIZE,
            operations=operations,
        )
        self.checker.consume_events("Asked", bus=bus, pattern=pattern_of(OccupancyCheckRequested))
        bus.grant_put_events_to(self.checker.function)
        # Only to read: the estimator writes, when the frames that were looked at reach it.
        rooms.grant_read_data(self.checker.function)
        model.grant_invoke(self.checker.function)
        self.checker.function.add_to_role_policy(
            streams.allow("GetDataEndpoint", "GetMediaForFragmentList", "ListFragments")
        )
        streams.acknowledge_names(self.checker.role)
        # Kinesis Video decrypts a stored fragment with the rights of whoever reads it.
        key.grant_decrypt(self.checker.function)
