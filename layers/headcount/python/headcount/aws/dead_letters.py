"""A queue for what a function refuses, with the reason."""

from functools import cache
from typing import TYPE_CHECKING, Final

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from headcount.errors import DeadLetterError
from headcount.settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

REASON_ATTRIBUTE: Final = "reason"
# Chosen: a few sentences; SQS counts attributes against the size of the message.
_REASON_CHARACTERS: Final = 1000


class DeadLetterSettings(Settings):
    """What every function on a queue is told by its environment."""

    dead_letter_queue_url: str


class SqsDeadLetters:
    """A `DeadLetters` on the dead-letter queue of the function's own queue."""

    def __init__(self, client: "SQSClient", queue_url: str) -> None:
        self._client = client
        self._queue_url = queue_url

    def __call__(self, body: str, reason: str) -> None:
        """Return when the record is kept, with the reason beside it.

        Raises:
            DeadLetterError: If it is not.
        """
        try:
            self._client.send_message(
                QueueUrl=self._queue_url,
                MessageBody=body,
                MessageAttributes={
                    REASON_ATTRIBUTE: {"DataType": "String", "StringValue": _printable(reason)}
                },
            )
        except (BotoCoreError, ClientError) as fault:
            raise DeadLetterError(
                f"{self._queue_url} did not take a record ({fault}). "
                "The record comes back, and ends there without its reason."
            ) from fault


@cache
def dead_letters() -> SqsDeadLetters:
    """Build the function's own once per sandbox."""
    return SqsDeadLetters(boto3.client("sqs"), DeadLetterSettings.from_env().dead_letter_queue_url)


def _printable(reason: str) -> str:
    # SQS refuses control characters, and an id that somebody else chose may hold them.
    shown = "".join(one if one.isprintable() else " " for one in reason)
    return shown[:_REASON_CHARACTERS]
