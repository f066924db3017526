"""Listens to the bus as any other subscriber would: with a rule and a queue of its own."""

import json
import threading
import uuid
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from pydantic import ValidationError

from headcount.events import ALL_EVENTS, Detail

if TYPE_CHECKING:
    from mypy_boto3_events.client import EventBridgeClient
    from mypy_boto3_sqs.client import SQSClient

_MODELS = {model.detail_type: model for model in ALL_EVENTS}
_PATTERN = json.dumps({"source": [{"prefix": "headcount."}, {"prefix": "bms"}]})


class BusTap:
    """Hands every event of Headcount and the BMS to `heard`, in a thread of its own.

    Args:
        bus_name: The bus to listen to.
        sqs: A client of its own.
        events: A client of its own.
        heard: Called with each event once; a second delivery is dropped by its id, and an event
            that breaks its contract is passed over: it is its consumer's to refuse.
        overheard: Called with the envelope of everything that comes, once, whatever it holds.
    """

    def __init__(
        self,
        *,
        bus_name: str,
        sqs: "SQSClient",
        events: "EventBridgeClient",
        heard: Callable[[Detail], None],
        overheard: Callable[[Mapping[str, object]], None] = lambda _envelope: None,
    ) -> None:
        self._bus_name = bus_name
        self._sqs = sqs
        self._events = events
        self._heard = heard
        self._overheard = overheard
        self._name = f"headcount-tap-{uuid.uuid4().hex[:8]}"
        self._queue_url = ""
        self._seen: set[str] = set()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="bus tap", daemon=True)

    def start(self) -> None:
        """Subscribe, and begin to listen."""
        self._queue_url = self._sqs.create_queue(QueueName=self._name)["QueueUrl"]
        arn = self._sqs.get_queue_attributes(QueueUrl=self._queue_url, AttributeNames=["QueueArn"])[
            "Attributes"
        ]["QueueArn"]
        rule_arn = self._events.put_rule(
            Name=self._name, EventBusName=self._bus_name, EventPattern=_PATTERN, State="ENABLED"
        )["RuleArn"]
        self._sqs.set_queue_attributes(
            QueueUrl=self._queue_url, Attributes={"Policy": _only_from(rule_arn, arn)}
        )
        self._events.put_targets(
            Rule=self._name, EventBusName=self._bus_name, Targets=[{"Id": "tap", "Arn": arn}]
        )
        self._thread.start()

    def stop(self) -> None:
        """Read what is left, then remove the rule and the queue. Harmless when repeated."""
        if self._stop.is_set():
            return
        self._stop.set()
        self._thread.join(timeout=20)
        self._events.remove_targets(Rule=self._name, EventBusName=self._bus_name, Ids=["tap"])
        self._events.delete_rule(Name=self._name, EventBusName=self._bus_name)
        self._sqs.delete_queue(QueueUrl=self._queue_url)

    def _run(self) -> None:
        while True:
            last_look = self._stop.is_set()
            answer = self._sqs.receive_message(
                QueueUrl=self._queue_url, MaxNumberOfMessages=10, WaitTimeSeconds=1
            )
            messages = answer.get("Messages", [])
            for message in messages:
                self._take(json.loads(message["Body"]))
                self._sqs.delete_message(
                    QueueUrl=self._queue_url, ReceiptHandle=message["ReceiptHandle"]
                )
            if last_look and not messages:
                return

    def _take(self, envelope: dict[str, object]) -> None:
        detail = _read(envelope)
        # A detail's id survives its producer's retry, which an envelope's does not.
        name = detail.id if detail is not None else str(envelope.get("id"))
        if name in self._seen:
            return
        self._seen.add(name)
        self._overheard(envelope)
        if detail is not None:
            self._heard(detail)


def _read(envelope: dict[str, object]) -> Detail | None:
    """Return the event in an envelope; None if it is none of ours or breaks its contract."""
    model = _MODELS.get(str(envelope["detail-type"]))
    if model is None:
        return None
    try:
        return model.model_validate(envelope["detail"])
    except ValidationError:
        return None


def _only_from(rule_arn: str, queue_arn: str) -> str:
    """Return the queue policy that lets one rule deliver, and nobody else."""
    return json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Principal": {"Service": "events.amazonaws.com"},
                    "Action": "sqs:SendMessage",
                    "Resource": queue_arn,
                    "Condition": {"ArnEquals": {"aws:SourceArn": rule_arn}},
                }
            ],
        }
    )
