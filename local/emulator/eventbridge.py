"""EventBridge rules: their right to reach a target, and the target that MiniStack does not know."""

import base64
import json
import logging
from typing import Any

from local.emulator.pin import HookPoint

logger = logging.getLogger(__name__)

_INVOKE_TARGET = HookPoint(
    "services.eventbridge", "_invoke_target", ("target", "event", "rule", "view")
)
_EVENT_VIEW = HookPoint("services.eventbridge", "_pattern_event_view", ("event",))
_TRANSFORM = HookPoint(
    "services.eventbridge", "_apply_input_transformer", ("transformer", "rule", "view")
)
_PUT_RECORD = HookPoint("services.firehose", "_put_record", ("data",))
_QUEUE_ADMITS = HookPoint(
    "services.sqs",
    "queue_policy_allows",
    ("queue_arn", "service", "source_arn", "source_account"),
)


def install() -> None:
    """Deliver to Firehose what a rule sends there, and to a queue only what its policy admits.

    Raises:
        HookError: If MiniStack has no such place any more.
    """
    for point in (_EVENT_VIEW, _TRANSFORM, _PUT_RECORD, _QUEUE_ADMITS):
        point.current()
    _INVOKE_TARGET.replace(_checked_and_with_firehose)


def _checked_and_with_firehose(invoke_target: Any) -> Any:
    def invoke(target: dict[str, Any], event: dict[str, Any], rule: Any, view: Any = None) -> None:
        arn: str = target.get("Arn", "")
        if ":sqs:" in arn and not _queue_admits(arn, rule):
            # AWS would count a failed invocation and hand the event to the rule's dead letters.
            logger.warning("Rule %s may not deliver: the policy of %s", rule["Arn"], arn)
        elif ":firehose:" in arn:
            _put_record(target, rule, view or _EVENT_VIEW.current()(event))
        else:
            invoke_target(target, event, rule, view)

    return invoke


def _queue_admits(queue_arn: str, rule: Any) -> bool:
    rule_arn: str = rule["Arn"]
    account = rule_arn.split(":")[4]
    return bool(_QUEUE_ADMITS.current()(queue_arn, "events.amazonaws.com", rule_arn, account))


def _put_record(target: dict[str, Any], rule: Any, view: Any) -> None:
    stream = target["Arn"].rsplit("/", 1)[-1]
    payload = _payload(target, rule, view)
    status, _headers, body = _PUT_RECORD.current()(
        {
            "DeliveryStreamName": stream,
            "Record": {"Data": base64.b64encode(payload.encode()).decode()},
        }
    )
    if status >= 400:
        logger.error("EventBridge could not deliver to Firehose %s: %s", stream, body)


def _payload(target: dict[str, Any], rule: Any, view: Any) -> str:
    """Return what the target asks for of an event, as `_invoke_target` does for the others."""
    if target.get("InputTransformer"):
        return str(_TRANSFORM.current()(target["InputTransformer"], rule, view))
    if target.get("Input"):
        return str(target["Input"])
    value = view.event_with_detail()
    for step in target.get("InputPath", "$").removeprefix("$").split("."):
        if step:
            # A path that leads nowhere gives null, as in EventBridge.
            value = value.get(step) if isinstance(value, dict) else None
    return json.dumps(value)
