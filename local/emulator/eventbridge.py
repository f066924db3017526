"""EventBridge rules whose target is a Firehose stream, which MiniStack drops in silence."""

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


def install() -> None:
    """Deliver to Firehose what a rule sends there.

    Raises:
        HookError: If MiniStack has no such place any more.
    """
    for point in (_EVENT_VIEW, _TRANSFORM, _PUT_RECORD):
        point.current()
    _INVOKE_TARGET.replace(_with_firehose)


def _with_firehose(invoke_target: Any) -> Any:
    def invoke(target: dict[str, Any], event: dict[str, Any], rule: Any, view: Any = None) -> None:
        if ":firehose:" in target.get("Arn", ""):
            _put_record(target, rule, view or _EVENT_VIEW.current()(event))
        else:
            invoke_target(target, event, rule, view)

    return invoke


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
