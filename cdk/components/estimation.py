"""What cameras and sensors notice and the passing of time in, RoomOccupancyChanged out."""

from aws_cdk import Duration
from aws_cdk.aws_dynamodb import ITable
from aws_cdk.aws_events import IEventBus
from aws_cdk.aws_lambda import ILayerVersion
from aws_cdk.aws_sns import ITopic
from constructs import Construct

from cdk.components.patterns import pattern_of
from cdk.components.queue_function import QueueFunction
from cdk.config import Stage
from headcount.events import BmsPresenceSensed, CameraHealthChanged, FramesCounted


class Estimation(Construct):
    """How many people are in each room, from everything its cameras saw."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        stage: Stage,
        bus: IEventBus,
        rooms: ITable,
        core: ILayerVersion,
        numeric: ILayerVersion,
        operations: ITopic,
    ) -> None:
        super().__init__(scope, construct_id)
        self.estimator = QueueFunction(
            self,
            "Estimator",
            stage=stage,
            folder="estimate_occupancy",
            description="Lets a camera's observation into its room.",
            layers=[core, numeric],
            environment={"BUS_NAME": bus.event_bus_name, "ROOMS_TABLE": rooms.table_name},
            operations=operations,
        )
        self.estimator.consume_events(
            "Counted",
            bus=bus,
            pattern=pattern_of(FramesCounted, CameraHealthChanged),
        )
        self.estimator.consume_events("Presence", bus=bus, pattern=pattern_of(BmsPresenceSensed))
        # A room whose cameras have fallen silent has nothing else to wake anybody by.
        self.estimator.consume_schedule("Tick", every=Duration.minutes(stage.tick_minutes))
        bus.grant_put_events_to(self.estimator.function)
        rooms.grant_read_write_data(self.estimator.function)
