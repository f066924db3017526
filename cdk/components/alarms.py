"""Alarms, each named in the runbook by the heading that says what to do."""

from enum import StrEnum

from aws_cdk.aws_cloudwatch import Alarm, ComparisonOperator, IMetric, TreatMissingData
from aws_cdk.aws_cloudwatch_actions import SnsAction
from aws_cdk.aws_sns import ITopic
from constructs import Construct


class Runbook(StrEnum):
    """The headings of docs/runbook.md."""

    DEAD_LETTERS = "Dead letters"
    FUNCTION_ERRORS = "Function errors"
    QUEUE_BACKLOG = "Queue backlog"
    BMS_NOT_READING = "The BMS does not read its commands"
    ENDPOINT_ERRORS = "Endpoint errors"
    ENDPOINT_LATENCY = "Endpoint latency"
    LAKE_DELAY = "Lake delay"
    FRAMES_NOT_KEPT = "Frames not kept"


def alarm_above(
    scope: Construct,
    construct_id: str,
    *,
    metric: IMetric,
    threshold: float,
    periods: int,
    runbook: Runbook,
    says: str,
    tell: ITopic,
) -> Alarm:
    """Tell `tell` when `metric` has been above `threshold` for `periods` of its periods.

    Args:
        scope: The construct that owns the metric.
        construct_id: Unique in `scope`.
        metric: What is watched; silence is not a fault.
        threshold: In the metric's unit.
        periods: Consecutive periods above, so that one slow minute wakes nobody.
        runbook: Where it says what to do.
        says: What is wrong, for the person woken.
        tell: The topic of those who operate Headcount.
    """
    alarm = Alarm(
        scope,
        construct_id,
        metric=metric,
        threshold=threshold,
        evaluation_periods=periods,
        comparison_operator=ComparisonOperator.GREATER_THAN_THRESHOLD,
        treat_missing_data=TreatMissingData.NOT_BREACHING,
        alarm_description=f"{says} Runbook: {runbook.value}.",
    )
    alarm.add_alarm_action(SnsAction(tell))
    alarm.add_ok_action(SnsAction(tell))
    return alarm
