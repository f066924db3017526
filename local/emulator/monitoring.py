"""CloudWatch: metrics from Lambda's log lines, and events when an alarm changes."""

import json
import logging
import time
from collections.abc import Iterator
from typing import Any

from local.emulator.pin import HookPoint

logger = logging.getLogger(__name__)

_EMIT_LOGS = HookPoint(
    "services.lambda_svc", "_emit_lambda_logs", ("func", "request_id", "log_text")
)
_STORE = HookPoint(
    "services.cloudwatch",
    "_store_datum",
    ("namespace", "name", "dims", "ts", "unit", "value", "values", "counts", "stat_values"),
)
_EVALUATE = HookPoint("services.cloudwatch", "_evaluate_all_alarms", ())
_ALARM_ACTIONS = HookPoint(
    "services.cloudwatch", "_dispatch_alarm_actions", ("alarm", "old_state", "new_state", "reason")
)
_PUT_EVENTS = HookPoint("services.eventbridge", "_put_events", ("data", "allow_aws_source"))


def install() -> None:
    """Extract embedded metrics, and tell EventBridge of alarms.

    Raises:
        HookError: If MiniStack has no such place any more.
    """
    for point in (_STORE, _EVALUATE, _PUT_EVENTS):
        point.current()
    _EMIT_LOGS.replace(_with_metrics)
    _ALARM_ACTIONS.replace(_with_event)


def _with_metrics(emit: Any) -> Any:
    def emit_and_measure(
        func: Any, request_id: str, log_text: str, *rest: Any, **more: Any
    ) -> None:
        emit(func, request_id, log_text, *rest, **more)
        measured = False
        for line in log_text.splitlines():
            for metric in embedded_metrics(line):
                _STORE.current()(*metric)
                measured = True
        if measured:
            _EVALUATE.current()()

    return emit_and_measure


def embedded_metrics(line: str) -> Iterator[tuple[Any, ...]]:
    """Yield the arguments of `_store_datum` for each metric in a log line of the embedded format.

    Source: CloudWatch embedded metric format specification, version 0.
    """
    if '"CloudWatchMetrics"' not in line:
        return
    try:
        document = json.loads(line)
    except json.JSONDecodeError:
        return
    metadata = document.get("_aws", {})
    at = metadata.get("Timestamp", time.time() * 1000) / 1000
    for directive in metadata.get("CloudWatchMetrics", []):
        for dimension_set in directive.get("Dimensions") or [[]]:
            dimensions = {name: str(document.get(name, "")) for name in dimension_set}
            for metric in directive.get("Metrics", []):
                values = document.get(metric["Name"])
                numbers = values if isinstance(values, list) else [values]
                for number in numbers:
                    if number is not None:
                        yield (
                            directive["Namespace"],
                            metric["Name"],
                            dimensions,
                            at,
                            metric.get("Unit", "None"),
                            float(number),
                            None,
                            None,
                            None,
                        )


def _with_event(dispatch: Any) -> Any:
    def dispatch_and_tell(alarm: dict[str, Any], old: str, new: str, reason: str) -> None:
        dispatch(alarm, old, new, reason)
        detail = {
            "alarmName": alarm.get("AlarmName", ""),
            "state": {"value": new, "reason": reason},
            "previousState": {"value": old},
        }
        _PUT_EVENTS.current()(
            {
                "Entries": [
                    {
                        "Source": "aws.cloudwatch",
                        "DetailType": "CloudWatch Alarm State Change",
                        "Resources": [alarm.get("AlarmArn", "")],
                        "Detail": json.dumps(detail),
                    }
                ]
            },
            allow_aws_source=True,
        )

    return dispatch_and_tell
