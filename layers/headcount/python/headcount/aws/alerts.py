"""Telling people, and remembering that they were told."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from botocore.exceptions import ClientError

from headcount.aws.rooms import is_conflict
from headcount.ports import Message

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table
    from mypy_boto3_sns import SNSClient

_SORT_KEY: Final = "NOTIFIED"
# Chosen: kept this much longer than the cooldown, for somebody who looks into the table.
_KEPT: Final = timedelta(days=7)


class SnsNotifier:
    """A `Notifier` on a topic; its subscriptions choose by the message's attributes."""

    def __init__(self, client: "SNSClient", topic_arn: str) -> None:
        self._client = client
        self._topic_arn = topic_arn

    def __call__(self, message: Message) -> None:
        """Hand the message to everybody who subscribed."""
        self._client.publish(
            TopicArn=self._topic_arn,
            Subject=message.subject,
            Message=message.text,
            MessageAttributes={
                name: {"DataType": "String", "StringValue": value}
                for name, value in message.attributes.items()
                if value
            },
        )


class DynamoNoticeLog:
    """A `NoticeLog` of one item per alert, which expires by itself."""

    def __init__(self, table: "Table") -> None:
        self._table = table

    def claim(self, about: str, event_id: str, now: datetime, cooldown_s: float) -> bool:
        """Return whether people are to be told of `about` now, because of that event.

        Not if they were told within the cooldown, or of this very event whenever; but if telling
        them of it failed.
        """
        try:
            self._table.put_item(
                Item={
                    **_key(about),
                    "event_id": event_id,
                    "told": False,
                    "notified_ms": _milliseconds(now),
                    "expires_at": int((now + timedelta(seconds=cooldown_s) + _KEPT).timestamp()),
                },
                ConditionExpression=(
                    "attribute_not_exists(pk)"
                    " OR (event_id <> :event AND notified_ms <= :quiet_until)"
                    " OR (event_id = :event AND told = :no)"
                ),
                ExpressionAttributeValues={
                    ":quiet_until": _milliseconds(now - timedelta(seconds=cooldown_s)),
                    ":event": event_id,
                    ":no": False,
                },
            )
        except ClientError as fault:
            if is_conflict(fault):
                return False
            raise
        return True

    def confirm(self, about: str, event_id: str) -> None:
        """Remember that people have been told."""
        try:
            self._table.update_item(
                Key=_key(about),
                UpdateExpression="SET told = :yes",
                ConditionExpression="event_id = :event",
                ExpressionAttributeValues={":yes": True, ":event": event_id},
            )
        except ClientError as fault:
            # A later alert has taken the item over.
            if not is_conflict(fault):
                raise


def _key(about: str) -> dict[str, str]:
    return {"pk": f"ALERT#{about}", "sk": _SORT_KEY}


def _milliseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)
