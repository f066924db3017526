"""A queue of a test's own, to hear what a topic or a rule says."""

import json
import time
from typing import Any


class Inbox:
    """Takes messages as they come.

    Args:
        sqs: A boto3 client.
        name: A name that no other queue has.
    """

    def __init__(self, sqs: Any, name: str) -> None:
        self._sqs = sqs
        self.url: str = sqs.create_queue(QueueName=name)["QueueUrl"]
        asked = sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=["QueueArn"])
        self.arn: str = asked["Attributes"]["QueueArn"]

    def admit(self, source_arn: str, service: str = "sns.amazonaws.com") -> None:
        """Let a topic or a rule deliver, which a queue refuses by itself."""
        statement = {
            "Effect": "Allow",
            "Principal": {"Service": service},
            "Action": "sqs:SendMessage",
            "Resource": self.arn,
            "Condition": {"ArnEquals": {"aws:SourceArn": source_arn}},
        }
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        self._sqs.set_queue_attributes(QueueUrl=self.url, Attributes={"Policy": policy})

    def subscribe(self, sns: Any, topic_arn: str) -> None:
        """Hear everything that is published to a topic from now on."""
        self.admit(topic_arn)
        sns.subscribe(TopicArn=topic_arn, Protocol="sqs", Endpoint=self.arn)

    def take(self, count: int, wait_s: float = 30) -> list[dict[str, Any]]:
        """Return the next messages: `count` of them, or fewer when `wait_s` is over."""
        found: list[dict[str, Any]] = []
        deadline = time.monotonic() + wait_s
        while len(found) < count and time.monotonic() < deadline:
            answer = self._sqs.receive_message(
                QueueUrl=self.url, MaxNumberOfMessages=10, WaitTimeSeconds=1
            )
            for message in answer.get("Messages", []):
                found.append(json.loads(message["Body"]))
                self._sqs.delete_message(QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"])
        return found
