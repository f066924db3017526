"""A function behind a queue: the only form in which Headcount reacts to anything."""

from collections.abc import Mapping, Sequence

from aws_cdk import Duration
from aws_cdk.aws_cloudwatch import Stats
from aws_cdk.aws_events import EventPattern, IEventBus, Rule, Schedule
from aws_cdk.aws_events_targets import SqsQueue
from aws_cdk.aws_lambda import ILayerVersion
from aws_cdk.aws_lambda_event_sources import SqsEventSource
from aws_cdk.aws_sns import ITopic
from aws_cdk.aws_sns_subscriptions import SqsSubscription
from aws_cdk.aws_sqs import DeadLetterQueue, Queue, QueueEncryption
from constructs import Construct

from cdk.components.alarms import Runbook, alarm_above
from cdk.components.python_function import PythonFunction
from cdk.config import Stage

# A batch takes well under a second warm; a cold start on a busy laptop takes ten.
_TIMEOUT = Duration.seconds(30)
# AWS Lambda's advice for queues: six times the timeout and the batching window once, so that a
# slow batch is not handed out twice while it is still being worked on.
_VISIBILITY_TIMEOUTS = 6
# A record that failed this often fails for a reason of its own. Lambda's scaling can throttle a
# healthy one a few times first, so AWS advises at least five.
_MAX_RECEIVES = 5
_BATCH_SIZE = 10
# The longest that SQS keeps anything: time for a weekend and a fix.
_DEAD_LETTER_RETENTION = Duration.days(14)


def dead_letter_queue(scope: Construct, construct_id: str) -> Queue:
    """Return a queue for what could not be delivered or worked on."""
    return Queue(
        scope,
        construct_id,
        encryption=QueueEncryption.SQS_MANAGED,
        enforce_ssl=True,
        retention_period=_DEAD_LETTER_RETENTION,
    )


def alarm_on_dead_letters(dead_letters: Queue, *, of: str, tell: ITopic) -> None:
    """Tell `tell` as soon as one message lies in `dead_letters`."""
    alarm_above(
        dead_letters,
        "NotEmpty",
        metric=dead_letters.metric_approximate_number_of_messages_visible(
            period=Duration.minutes(1), statistic=Stats.MAXIMUM
        ),
        threshold=0,
        periods=1,
        runbook=Runbook.DEAD_LETTERS,
        says=f"{of} has dead letters.",
        tell=tell,
    )


class QueueFunction(Construct):
    """Queue, dead letters, function and alarms; then say what it consumes.

    All ways to lose an event end in the one dead-letter queue: what a rule or topic could not
    deliver, what the function could not do, and what it refuses, with the reason beside it. Their
    messages are of one form, so one redrive command serves all.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        stage: Stage,
        folder: str,
        layers: Sequence[ILayerVersion],
        environment: Mapping[str, str],
        operations: ITopic,
        description: str,
        memory_mb: int = 512,
        batch_size: int = _BATCH_SIZE,
        batch_window: Duration | None = None,
    ) -> None:
        super().__init__(scope, construct_id)
        self._name = folder
        window_s = batch_window.to_seconds() if batch_window else 0
        self.dead_letters = dead_letter_queue(self, "DeadLetters")
        self.queue = Queue(
            self,
            "Queue",
            encryption=QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            visibility_timeout=Duration.seconds(
                _VISIBILITY_TIMEOUTS * _TIMEOUT.to_seconds() + window_s
            ),
            dead_letter_queue=DeadLetterQueue(
                max_receive_count=_MAX_RECEIVES, queue=self.dead_letters
            ),
        )
        worker = PythonFunction(
            self,
            "Worker",
            stage=stage,
            folder=folder,
            layers=layers,
            environment=environment,
            timeout=_TIMEOUT,
            memory_mb=memory_mb,
            description=description,
        )
        self.function = worker.function
        self.role = worker.role
        self.function.add_environment("DEAD_LETTER_QUEUE_URL", self.dead_letters.queue_url)
        self.dead_letters.grant_send_messages(self.function)
        self.function.add_event_source(
            SqsEventSource(
                self.queue,
                batch_size=batch_size,
                max_batching_window=batch_window,
                max_concurrency=stage.queue_concurrency,
                report_batch_item_failures=True,
            )
        )
        self._watch(stage, operations)

    def consume_events(self, construct_id: str, *, bus: IEventBus, pattern: EventPattern) -> Rule:
        """Put the bus's events that match `pattern` on the queue."""
        rule = Rule(self, construct_id, event_bus=bus, event_pattern=pattern)
        rule.add_target(SqsQueue(self.queue, dead_letter_queue=self.dead_letters))
        return rule

    def consume_schedule(self, construct_id: str, *, every: Duration) -> Rule:
        """Put a scheduled event on the queue, again and again."""
        rule = Rule(self, construct_id, schedule=Schedule.rate(every))
        rule.add_target(SqsQueue(self.queue, dead_letter_queue=self.dead_letters))
        return rule

    def consume_topic(self, topic: ITopic) -> None:
        """Put the topic's notifications on the queue, in their SNS envelope."""
        topic.add_subscription(SqsSubscription(self.queue, dead_letter_queue=self.dead_letters))

    def _watch(self, stage: Stage, operations: ITopic) -> None:
        minute = Duration.minutes(1)
        alarm_on_dead_letters(self.dead_letters, of=self._name, tell=operations)
        alarm_above(
            self,
            "Errors",
            metric=self.function.metric_errors(period=minute),
            threshold=0,
            periods=3,
            runbook=Runbook.FUNCTION_ERRORS,
            says=f"{self._name} has failed in each of the last three minutes.",
            tell=operations,
        )
        alarm_above(
            self,
            "Backlog",
            metric=self.queue.metric_approximate_age_of_oldest_message(
                period=minute, statistic=Stats.MAXIMUM
            ),
            threshold=stage.alarms.oldest_message_s,
            periods=3,
            runbook=Runbook.QUEUE_BACKLOG,
            says=f"{self._name} is behind: its oldest message has waited too long.",
            tell=operations,
        )
