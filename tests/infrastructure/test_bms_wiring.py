"""That what a BMS says reaches who it is for, or a dead-letter queue with the reason."""

import json
import re
from typing import Any

import pytest

from headcount.aws.dead_letters import DeadLetterSettings
from headcount.bms_events import BMS_EVENTS
from tests.infrastructure.conftest import ROOT, Resource, Synthesized

FROM_A_BMS = [{"prefix": "bms."}]
READERS = {
    "BmsCommandAcknowledged.v1": "decide_setpoints",
    "BmsOverrideChanged.v1": "decide_setpoints",
    "BmsScheduleChanged.v1": "decide_setpoints",
    "BmsMeterRead.v1": "decide_setpoints",
    "BmsPresenceSensed.v1": "estimate_occupancy",
    "OccupancyCheckRequested.v1": "check_room",
}


@pytest.mark.parametrize(("detail_type", "folder"), READERS.items())
def test_what_a_bms_says_reaches_the_function_it_is_for(
    dev: Synthesized, detail_type: str, folder: str
) -> None:
    rules = [
        rule
        for rule in _rules_of(dev, folder)
        if rule.properties.get("EventPattern", {}).get("detail-type", []).count(detail_type)
    ]

    assert [rule.properties["EventPattern"]["source"] for rule in rules] == [FROM_A_BMS]


def test_every_event_of_a_bms_has_a_reader() -> None:
    assert {event.detail_type for event in BMS_EVENTS} == set(READERS)


def test_what_a_bms_says_and_nobody_knows_is_caught(stage: Synthesized) -> None:
    (caught,) = [
        rule.properties["EventPattern"]
        for rule in _rules_of(stage, "decide_setpoints")
        if "anything-but" in json.dumps(rule.properties)
    ]

    assert caught["source"] == FROM_A_BMS
    assert caught["detail-type"] == [{"anything-but": [e.detail_type for e in BMS_EVENTS]}]


@pytest.mark.parametrize("folder", ["estimate_occupancy", "decide_setpoints"])
def test_time_wakes_whoever_waits_for_what_does_not_happen(stage: Synthesized, folder: str) -> None:
    scheduled = [
        rule.properties["ScheduleExpression"]
        for rule in _rules_of(stage, folder)
        if "ScheduleExpression" in rule.properties
    ]

    assert scheduled == ["rate(1 minute)"]


def test_the_heartbeat_lasts_for_ticks_as_long_as_they_are(dev: Synthesized) -> None:
    environment = dev.functions()["decide_setpoints"].properties["Environment"]["Variables"]

    assert environment["TICK_MINUTES"] == "1"


def test_commands_heartbeats_and_answers_reach_the_bms_and_proposals_do_not(
    stage: Synthesized,
) -> None:
    told = {
        detail_type
        for rule in stage.resources("AWS::Events::Rule")
        if rule.logical_id.startswith("BmsGateway")
        for detail_type in rule.properties["EventPattern"]["detail-type"]
    }

    assert told == {"BmsCommandRequested.v1", "ControlHeartbeat.v1", "RoomChecked.v1"}


def test_a_function_on_a_queue_keeps_what_it_refuses_in_that_queue_s_dead_letters(
    stage: Synthesized,
) -> None:
    (name,) = DeadLetterSettings.environment_names()

    for mapping in stage.resources("AWS::Lambda::EventSourceMapping"):
        resources = mapping.template["Resources"]
        queue = resources[mapping.properties["EventSourceArn"]["Fn::GetAtt"][0]]["Properties"]
        function = resources[mapping.properties["FunctionName"]["Ref"]]["Properties"]
        letters = queue["RedrivePolicy"]["deadLetterTargetArn"]["Fn::GetAtt"][0]

        assert function["Environment"]["Variables"][name] == {"Ref": letters}
        assert _allowed(stage, function, letters) == {
            "sqs:GetQueueAttributes",
            "sqs:GetQueueUrl",
            "sqs:SendMessage",
        }


def test_the_stack_that_the_page_shows_an_integrator_can_be_synthesized() -> None:
    from aws_cdk import App
    from aws_cdk.assertions import Template

    page = (ROOT / "docs/bms.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    (program,) = [block for block in blocks if "aws_cdk" in block]
    shown: dict[str, Any] = {}
    exec(program, shown)

    stack = shown["HqBms"](App(), "HqBms", bus_name="bus", secret_name="hq-bms")

    (rule,) = Template.from_stack(stack).find_resources("AWS::Events::Rule").values()
    (target,) = rule["Properties"]["Targets"]
    assert target["InputTransformer"]["InputTemplate"] == '{"kind":<detail-type>,"say":<detail>}'
    assert "Arn" in target["DeadLetterConfig"]


def _rules_of(stage: Synthesized, folder: str) -> list[Resource]:
    """Return the rules that put something on the queue of a function."""
    function = stage.functions()[folder]
    (queue,) = [
        mapping.properties["EventSourceArn"]
        for mapping in stage.resources("AWS::Lambda::EventSourceMapping")
        if mapping.properties["FunctionName"]["Ref"] == function.logical_id
    ]
    return [
        rule
        for rule in stage.resources("AWS::Events::Rule")
        if any(target["Arn"] == queue for target in rule.properties["Targets"])
    ]


def _as_list(value: Any) -> list[Any]:
    # CDK makes one statement of equal grants.
    return value if isinstance(value, list) else [value]


def _allowed(stage: Synthesized, function: dict[str, Any], queue: str) -> set[str]:
    role = function["Role"]["Fn::GetAtt"][0]
    return {
        action
        for policy in stage.resources("AWS::IAM::Policy")
        if policy.properties["Roles"] == [{"Ref": role}]
        for statement in policy.properties["PolicyDocument"]["Statement"]
        if {"Fn::GetAtt": [queue, "Arn"]} in _as_list(statement["Resource"])
        for action in statement["Action"]
    }
