"""AlertRaised and AlertCleared in, a message to people out."""

from aws_cdk.aws_dynamodb import ITable
from aws_cdk.aws_events import IEventBus
from aws_cdk.aws_lambda import ILayerVersion
from aws_cdk.aws_sns import ITopic
from constructs import Construct

from cdk.components.patterns import pattern_of
from cdk.components.queue_function import QueueFunction
from cdk.config import Stage
from headcount.events import AlertCleared, AlertRaised


class Notification(Construct):
    """Each alert told once."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        stage: Stage,
        bus: IEventBus,
        rooms: ITable,
        alerts: ITopic,
        core: ILayerVersion,
        operations: ITopic,
    ) -> None:
        super().__init__(scope, construct_id)
        self.notifier = QueueFunction(
            self,
            "Notifier",
            stage=stage,
            folder="notify_people",
            description="Tells people of an alert, once per alert key.",
            layers=[core],
            environment={"ROOMS_TABLE": rooms.table_name, "ALERT_TOPIC_ARN": alerts.topic_arn},
            operations=operations,
        )
        self.notifier.consume_events(
            "Alert", bus=bus, pattern=pattern_of(AlertRaised, AlertCleared)
        )
        rooms.grant_read_write_data(self.notifier.function)
        alerts.grant_publish(self.notifier.function)
