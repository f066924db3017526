"""Where a building management system reads its commands and puts its answers."""

from aws_cdk import Duration
from aws_cdk.aws_cloudwatch import Stats
from aws_cdk.aws_events import IEventBus, Rule
from aws_cdk.aws_events_targets import SqsQueue
from aws_cdk.aws_iam import ManagedPolicy, PolicyStatement
from aws_cdk.aws_sns import ITopic
from aws_cdk.aws_sqs import DeadLetterQueue, Queue, QueueEncryption
from constructs import Construct

from cdk.components.alarms import Runbook, alarm_above
from cdk.components.patterns import pattern_of
from cdk.components.queue_function import alarm_on_dead_letters, dead_letter_queue
from cdk.config import Stage
from headcount.bms_events import BMS_SOURCE
from headcount.events import BmsCommandRequested, ControlHeartbeat, RoomChecked

# A BMS that reads a command and dies before it has carried it out gets it again after this.
_VISIBILITY = Duration.seconds(30)
_MAX_RECEIVES = 5
# Every command carries its own, shorter, expiry; this only bounds the queue.
_COMMANDS_KEPT = Duration.hours(1)


class BmsGateway(Construct):
    """The BMS's mailbox: commands, heartbeats and answers out by a queue, its own words by the bus.

    What a dry run proposes is not in it, so that nothing carries it out by mistake.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        stage: Stage,
        bus: IEventBus,
        operations: ITopic,
    ) -> None:
        super().__init__(scope, construct_id)
        self.dead_letters = dead_letter_queue(self, "DeadLetters")
        self.commands = Queue(
            self,
            "Commands",
            encryption=QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            visibility_timeout=_VISIBILITY,
            retention_period=_COMMANDS_KEPT,
            dead_letter_queue=DeadLetterQueue(
                max_receive_count=_MAX_RECEIVES, queue=self.dead_letters
            ),
        )
        for name, pattern in {
            "Requested": pattern_of(BmsCommandRequested, ControlHeartbeat),
            "Answered": pattern_of(RoomChecked),
        }.items():
            rule = Rule(self, name, event_bus=bus, event_pattern=pattern)
            rule.add_target(SqsQueue(self.commands, dead_letter_queue=self.dead_letters))
        self.access = self._access(bus)
        alarm_on_dead_letters(self.dead_letters, of="The BMS command queue", tell=operations)
        alarm_above(
            self,
            "NotReading",
            metric=self.commands.metric_approximate_age_of_oldest_message(
                period=Duration.minutes(1), statistic=Stats.MAXIMUM
            ),
            threshold=stage.alarms.oldest_message_s,
            periods=3,
            runbook=Runbook.BMS_NOT_READING,
            says="Commands wait in the BMS's queue: nobody reads them.",
            tell=operations,
        )

    def _access(self, bus: IEventBus) -> ManagedPolicy:
        """Return what a BMS may do: read its commands, and speak as a BMS and as nothing else."""
        return ManagedPolicy(
            self,
            "BmsPolicy",
            description="Attach to the role or user of a building management system.",
            statements=[
                PolicyStatement(
                    actions=["events:PutEvents"],
                    resources=[bus.event_bus_arn],
                    conditions={"StringLike": {"events:source": f"{BMS_SOURCE}*"}},
                ),
                PolicyStatement(
                    actions=[
                        "sqs:DeleteMessage",
                        "sqs:GetQueueAttributes",
                        "sqs:ReceiveMessage",
                    ],
                    resources=[self.commands.queue_arn],
                ),
            ],
        )
