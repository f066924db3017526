"""What a function refuses lies in its dead-letter queue, with the reason beside it."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from headcount.aws.dead_letters import SqsDeadLetters
from headcount.errors import DeadLetterError


class Queue:
    """Takes messages as SQS does: no control characters in an attribute."""

    def __init__(self, *, gone: bool = False) -> None:
        self.sent: list[dict[str, Any]] = []
        self.gone = gone

    def send_message(self, **message: Any) -> None:
        reason = message["MessageAttributes"]["reason"]["StringValue"]
        if self.gone or not reason.isprintable():
            raise ClientError({"Error": {"Code": "InvalidMessageContents"}}, "SendMessage")
        self.sent.append(message)


def letters(queue: Any) -> SqsDeadLetters:
    return SqsDeadLetters(queue, "https://sqs/dead")


def test_a_record_is_kept_as_it_came_beside_its_reason() -> None:
    queue = Queue()

    letters(queue)('{"detail": 1}', "level: Input should be a valid integer")

    (message,) = queue.sent
    assert (message["QueueUrl"], message["MessageBody"]) == ("https://sqs/dead", '{"detail": 1}')
    assert message["MessageAttributes"]["reason"] == {
        "DataType": "String",
        "StringValue": "level: Input should be a valid integer",
    }


def test_an_id_with_control_characters_does_not_keep_a_record_from_being_kept() -> None:
    queue = Queue()

    letters(queue)("{}", "Site hq has no room la\x00b\n")

    assert queue.sent[0]["MessageAttributes"]["reason"]["StringValue"] == (
        "Site hq has no room la b "
    )


def test_a_long_reason_is_cut_and_the_record_is_not() -> None:
    queue = Queue()

    letters(queue)("b" * 5000, "r" * 5000)

    assert len(queue.sent[0]["MessageAttributes"]["reason"]["StringValue"]) == 1000
    assert len(queue.sent[0]["MessageBody"]) == 5000


def test_a_queue_that_refuses_is_an_error_so_that_the_record_comes_back() -> None:
    with pytest.raises(DeadLetterError, match="comes back"):
        letters(Queue(gone=True))("{}", "no reason")
