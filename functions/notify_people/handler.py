"""AlertRaised, AlertCleared -> a message to people."""

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, partial
from typing import Any, Final

import boto3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.typing import LambdaContext

from headcount.announcements import message_for
from headcount.aws.alerts import DynamoNoticeLog, SnsNotifier
from headcount.aws.dead_letters import dead_letters
from headcount.aws.directory import DynamoDirectory
from headcount.batch import bus_event, each_record
from headcount.domain.policy import Policy
from headcount.domain.terms import Severity
from headcount.events import AlertCleared, AlertRaised
from headcount.ports import Clock, Directory, NoticeLog, Notifier
from headcount.settings import Settings

logger: Final = Logger()


class NotifySettings(Settings):
    """What the function is told by its environment."""

    alert_topic_arn: str
    rooms_table: str


@dataclass(frozen=True, slots=True)
class Adapters:
    """What the story needs from outside."""

    directory: Directory
    notices: NoticeLog
    tell: Notifier
    clock: Clock


@cache
def adapters() -> Adapters:
    """Build the adapters once per sandbox."""
    env = NotifySettings.from_env()
    table = boto3.resource("dynamodb").Table(env.rooms_table)
    return Adapters(
        directory=DynamoDirectory(table),
        notices=DynamoNoticeLog(table),
        tell=SnsNotifier(boto3.client("sns"), env.alert_topic_arn),
        clock=partial(datetime.now, UTC),
    )


@logger.inject_lambda_context
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> PartialItemFailureResponse:
    """Tell people of a batch of alerts."""
    return each_record(
        event,
        context,
        bus_event(AlertRaised, AlertCleared),
        partial(notify, to=adapters()),
        dead_letters(),
    )


def notify(alert: AlertRaised | AlertCleared, to: Adapters) -> None:
    """Tell people of an alert, once, unless they were told of the same a moment ago."""
    if isinstance(alert, AlertCleared) and alert.severity is Severity.INFO:
        # That somebody has come back into a room needs nobody's attention.
        return
    about = f"{alert.alert_key}/{alert.severity.value}/{type(alert).__name__}"
    told = to.notices.claim(about, alert.id, to.clock(), _policy(alert, to).alert_cooldown_s)
    if told:
        to.tell(message_for(alert))
        to.notices.confirm(about, alert.id)
    logger.info("alert handled", alert_key=alert.alert_key, kind=alert.kind, told=told)


def _policy(alert: AlertRaised | AlertCleared, to: Adapters) -> Policy:
    if alert.room_id is None:
        return Policy()
    return to.directory.room(alert.site_id, alert.room_id).policy
