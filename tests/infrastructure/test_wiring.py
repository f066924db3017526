"""That every event gets where it should, or where somebody finds it."""

import importlib
import inspect
import json
from typing import Any

import pytest

from cdk.components.alarms import Runbook
from headcount.settings import Settings
from tests.infrastructure.conftest import ROOT, STAGES, Resource, Synthesized

FOLDERS = sorted(path.parent.name for path in (ROOT / "functions").glob("*/handler.py"))
OUTPUTS = {
    "Data": {
        "RoomsTableName", "SitesBucketName", "LakeBucketName", "BusName", "AlertTopicArn",
        "KeptFramesBucketName", "LakeDatabaseName", "AthenaWorkgroupName",
        "ObservationArchiveName", "KeyArn",
    },
    "Serving": {
        "FragmentNoticeTopicArn", "SampleQueueUrl", "EstimateQueueUrl", "DecideQueueUrl",
        "NotifyQueueUrl", "DeadLetterQueueUrls", "BmsCommandQueueUrl", "EndpointName",
        "StreamPrefix",
    },
}  # fmt: skip


def test_every_function_folder_is_deployed(stage: Synthesized) -> None:
    assert sorted(stage.functions()) == FOLDERS


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_setting_of_a_function_is_in_its_environment(stage: Synthesized, folder: str) -> None:
    environment = stage.functions()[folder].properties["Environment"]["Variables"]

    wanted = {name for found in _settings_of(folder) for name in found.environment_names()}

    assert wanted
    assert wanted <= set(environment)


def test_functions_run_what_is_tested(stage: Synthesized) -> None:
    functions = stage.functions().values()

    assert {f.properties["Runtime"] for f in functions} == {"python3.13"}
    assert {f.properties["TracingConfig"]["Mode"] for f in functions} == {"Active"}
    assert all("LogGroup" in f.properties["LoggingConfig"] for f in functions)


def test_every_log_group_forgets(stage: Synthesized) -> None:
    assert all("RetentionInDays" in g.properties for g in stage.resources("AWS::Logs::LogGroup"))


def test_every_rule_target_has_a_dead_letter_queue(stage: Synthesized) -> None:
    without = [
        rule.logical_id
        for rule in stage.resources("AWS::Events::Rule")
        for target in rule.properties["Targets"]
        if "Arn" not in target.get("DeadLetterConfig", {})
    ]

    assert without == []


def test_events_may_be_put_into_the_dead_letter_queues_of_rules(stage: Synthesized) -> None:
    for rule in stage.resources("AWS::Events::Rule"):
        for target in rule.properties["Targets"]:
            letters = target["DeadLetterConfig"]["Arn"]
            allowed = [
                statement
                for policy in stage.resources("AWS::SQS::QueuePolicy")
                if policy.template is rule.template
                for statement in policy.properties["PolicyDocument"]["Statement"]
                if statement["Resource"] == letters
                and statement["Principal"] == {"Service": "events.amazonaws.com"}
                and json.dumps(rule.arn) in json.dumps(statement.get("Condition"))
            ]

            assert allowed, f"{rule.logical_id} cannot reach its dead letters"


def test_every_queue_has_dead_letters_or_is_one(stage: Synthesized) -> None:
    queues = stage.resources("AWS::SQS::Queue")
    dead = _dead_letter_arns(stage)

    lost = [
        queue.logical_id
        for queue in queues
        if "RedrivePolicy" not in queue.properties and json.dumps(queue.arn) not in dead
    ]

    assert lost == []


def test_every_dead_letter_queue_has_an_alarm(stage: Synthesized) -> None:
    watched = {
        json.dumps(dimension["Value"])
        for alarm in stage.resources("AWS::CloudWatch::Alarm")
        if alarm.properties.get("MetricName") == "ApproximateNumberOfMessagesVisible"
        for dimension in alarm.properties["Dimensions"]
    }
    names = {
        json.dumps({"Fn::GetAtt": [json.loads(arn)["Fn::GetAtt"][0], "QueueName"]})
        for arn in _dead_letter_arns(stage)
    }

    assert names
    assert names <= watched


def test_every_subscription_has_a_dead_letter_queue(stage: Synthesized) -> None:
    subscriptions = stage.resources("AWS::SNS::Subscription")

    assert subscriptions
    assert all("RedrivePolicy" in found.properties for found in subscriptions)


def test_every_queue_function_reports_single_failures(stage: Synthesized) -> None:
    mappings = stage.resources("AWS::Lambda::EventSourceMapping")

    assert len(mappings) == len(FOLDERS) - 1  # retire_streams is woken by CloudFormation
    assert all(
        mapping.properties["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
        for mapping in mappings
    )


def test_a_message_stays_invisible_for_six_timeouts_of_its_function(stage: Synthesized) -> None:
    for mapping in stage.resources("AWS::Lambda::EventSourceMapping"):
        resources = mapping.template["Resources"]
        queue = resources[mapping.properties["EventSourceArn"]["Fn::GetAtt"][0]]["Properties"]
        function = resources[mapping.properties["FunctionName"]["Ref"]]["Properties"]

        assert queue["VisibilityTimeout"] >= 6 * function["Timeout"]


def test_the_decider_may_write_to_its_own_queue(dev: Synthesized) -> None:
    decider = dev.functions()["decide_setpoints"]
    queue = decider.properties["Environment"]["Variables"]["DECIDE_QUEUE_URL"]["Ref"]

    role = decider.properties["Role"]["Fn::GetAtt"][0]
    statements = [
        statement
        for policy in dev.resources("AWS::IAM::Policy")
        if policy.properties["Roles"] == [{"Ref": role}]
        for statement in policy.properties["PolicyDocument"]["Statement"]
        # CDK makes one statement of equal grants: its own queue, and its dead letters.
        if {"Fn::GetAtt": [queue, "Arn"]} in _as_list(statement["Resource"])
    ]

    assert any("sqs:SendMessage" in statement["Action"] for statement in statements)


def test_what_a_bms_asked_for_reaches_the_queue_that_its_commands_are_in(
    stage: Synthesized,
) -> None:
    (serving,) = [t for name, t in stage.templates.items() if name.endswith("Serving")]
    queue = serving["Outputs"]["BmsCommandQueueUrl"]["Value"]["Ref"]

    delivered = {
        kind
        for rule in stage.resources("AWS::Events::Rule")
        for target in rule.properties["Targets"]
        if target["Arn"] == {"Fn::GetAtt": [queue, "Arn"]}
        for kind in rule.properties["EventPattern"]["detail-type"]
    }

    assert {"BmsCommandRequested.v1", "ControlHeartbeat.v1", "RoomChecked.v1"} <= delivered


def test_only_observations_and_the_bms_are_archived(stage: Synthesized) -> None:
    (archive,) = stage.resources("AWS::Events::Archive")

    assert archive.properties["EventPattern"] == {
        "source": ["headcount.perception", {"prefix": "bms."}]
    }


def test_a_bms_may_speak_only_as_a_bms(stage: Synthesized) -> None:
    (statement,) = [
        statement
        for policy in stage.resources("AWS::IAM::ManagedPolicy")
        for statement in policy.properties["PolicyDocument"]["Statement"]
        if statement["Action"] == "events:PutEvents"
    ]

    assert statement["Condition"] == {"StringLike": {"events:source": "bms.*"}}


def test_the_endpoint_captures_answers_and_no_pictures(stage: Synthesized) -> None:
    (config,) = stage.resources("AWS::SageMaker::EndpointConfig")
    capture = config.properties["DataCaptureConfig"]

    assert capture["CaptureOptions"] == [{"CaptureMode": "Output"}]
    assert capture["CaptureContentTypeHeader"] == {"JsonContentTypes": ["application/json"]}
    assert capture["KmsKeyId"]


def test_the_model_runs_isolated_on_an_x86_instance(stage: Synthesized) -> None:
    (model,) = stage.resources("AWS::SageMaker::Model")
    (config,) = stage.resources("AWS::SageMaker::EndpointConfig")
    (variant,) = config.properties["ProductionVariants"]

    assert model.properties["EnableNetworkIsolation"] is True
    # The deep-learning image has no Graviton build: types such as c7g end in a g.
    assert not variant["InstanceType"].split(".")[1].endswith("g")


def test_every_alarm_tells_operations_and_names_a_heading_of_the_runbook(
    stage: Synthesized,
) -> None:
    headings = {
        line.removeprefix("## ") for line in (ROOT / "docs/runbook.md").read_text().splitlines()
    }

    for alarm in stage.resources("AWS::CloudWatch::Alarm"):
        says = alarm.properties["AlarmDescription"]
        heading = says.rsplit("Runbook: ", 1)[1].removesuffix(".")

        assert alarm.properties["AlarmActions"]
        assert heading in set(Runbook)
        assert heading in headings


@pytest.mark.parametrize("stack", ["Data", "Serving"])
def test_outputs_are_those_that_the_command_reads(stage: Synthesized, stack: str) -> None:
    (template,) = [t for name, t in stage.templates.items() if name.endswith(stack)]

    assert OUTPUTS[stack] <= set(template["Outputs"])


def test_what_runs_locally_is_what_is_deployed(synthesize: Any) -> None:
    # The one difference: CDK's own function that empties buckets before they are removed, with
    # its log.
    emptying = {"Custom::S3AutoDeleteObjects"}
    of_emptying = ("CustomS3AutoDeleteObjects", "EmptyingLogs")
    kinds = [
        sorted(
            (found.type, found.logical_id)
            for found in synthesize(name).everything()
            if found.type not in emptying and not found.logical_id.startswith(of_emptying)
        )
        for name in STAGES
    ]

    assert [kind for kind, _ in kinds[0]] == [kind for kind, _ in kinds[2]]
    assert [kind for kind, _ in kinds[0]] == [kind for kind, _ in kinds[1]]


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _settings_of(folder: str) -> list[type[Settings]]:
    module = importlib.import_module(f"functions.{folder}.handler")
    return [
        found
        for _, found in inspect.getmembers(module, inspect.isclass)
        if issubclass(found, Settings) and found is not Settings
    ]


def _dead_letter_arns(stage: Synthesized) -> set[str]:
    """Return the ARNs that anything names as its dead-letter queue, as JSON."""
    named: list[Any] = []
    for resource in stage.everything():
        named += _dead_letters_of(resource)
    return {json.dumps(arn) for arn in named}


def _dead_letters_of(resource: Resource) -> list[Any]:
    properties = resource.properties
    found = [properties[key] for key in ("RedrivePolicy", "DeadLetterConfig") if key in properties]
    arns = [entry.get("deadLetterTargetArn") or entry.get("TargetArn") for entry in found]
    arns += [
        target["DeadLetterConfig"]["Arn"]
        for target in properties.get("Targets", [])
        if "DeadLetterConfig" in target
    ]
    return [arn for arn in arns if arn is not None]
