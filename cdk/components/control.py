"""RoomOccupancyChanged, what the BMS says and the passing of time in, commands and alerts out."""

from aws_cdk import Duration
from aws_cdk.aws_dynamodb import ITable
from aws_cdk.aws_events import IEventBus
from aws_cdk.aws_lambda import ILayerVersion
from aws_cdk.aws_sns import ITopic
from constructs import Construct

from cdk.components.patterns import pattern_of, unknown_of_bms
from cdk.components.queue_function import QueueFunction
from cdk.config import Stage
from headcount.events import (
    BmsCommandAcknowledged,
    BmsMeterRead,
    BmsOverrideChanged,
    BmsScheduleChanged,
    RoomOccupancyChanged,
)


class Control(Construct):
    """What every device group should do now."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        stage: Stage,
        bus: IEventBus,
        rooms: ITable,
        core: ILayerVersion,
        operations: ITopic,
    ) -> None:
        super().__init__(scope, construct_id)
        self.decider = QueueFunction(
            self,
            "Decider",
            stage=stage,
            folder="decide_setpoints",
            description="Decides what every device group of a room should do.",
            layers=[core],
            environment={
                "BUS_NAME": bus.event_bus_name,
                "ROOMS_TABLE": rooms.table_name,
                "TICK_MINUTES": str(stage.tick_minutes),
            },
            operations=operations,
        )
        self.decider.consume_events(
            "Occupancy",
            bus=bus,
            pattern=pattern_of(RoomOccupancyChanged),
        )
        self.decider.consume_events(
            "SaidByBms",
            bus=bus,
            pattern=pattern_of(
                BmsCommandAcknowledged, BmsOverrideChanged, BmsScheduleChanged, BmsMeterRead
            ),
        )
        # EventBridge drops what no rule takes. Refused by the decider, it is a dead letter with a
        # reason instead, and whoever misspelt it can find it.
        self.decider.consume_events("UnknownOfBms", bus=bus, pattern=unknown_of_bms())
        self.decider.consume_schedule("Tick", every=Duration.minutes(stage.tick_minutes))
        # A hold-off falls due between two ticks: the decider sends itself a delayed message.
        self.decider.function.add_environment("DECIDE_QUEUE_URL", self.decider.queue.queue_url)
        self.decider.queue.grant_send_messages(self.decider.function)
        bus.grant_put_events_to(self.decider.function)
        rooms.grant_read_write_data(self.decider.function)
