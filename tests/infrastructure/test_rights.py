"""That whoever AWS acts for has the rights, where only AWS itself would notice that they lack."""

import json
from collections.abc import Iterator
from typing import Any

from tests.infrastructure.conftest import Synthesized


def test_a_gateway_may_encrypt_and_announce_what_it_puts(stage: Synthesized) -> None:
    allowed = _actions_of(_gateway_statements(stage))

    assert {
        "kinesisvideo:GetDataEndpoint",
        "kinesisvideo:PutMedia",
        "kms:GenerateDataKey",
        "sns:Publish",
    } <= allowed


def test_a_gateway_may_look_its_camera_up_and_nothing_else(stage: Synthesized) -> None:
    read = [s for s in _gateway_statements(stage) if "dynamodb:Query" in _actions_of([s])]
    described = _actions_of(_gateway_statements(stage))

    (keys,) = [s["Condition"]["ForAllValues:StringLike"]["dynamodb:LeadingKeys"] for s in read]
    assert all(key.startswith("STREAM#headcount-") for key in keys)
    assert "cloudformation:DescribeStacks" in described


def test_a_gateway_may_decrypt_its_camera_s_item_and_no_video(stage: Synthesized) -> None:
    decrypting = [s for s in _gateway_statements(stage) if "kms:Decrypt" in _actions_of([s])]

    assert decrypting
    assert all(
        "dynamodb" in json.dumps(s["Condition"]["StringEquals"]["kms:ViaService"])
        for s in decrypting
    )


def test_the_sampler_may_decrypt_what_it_reads(stage: Synthesized) -> None:
    sampler = stage.functions()["sample_fragments"].properties["Role"]["Fn::GetAtt"][0]
    statements = [
        statement
        for policy in stage.resources("AWS::IAM::Policy")
        if policy.properties["Roles"] == [{"Ref": sampler}]
        for statement in policy.properties["PolicyDocument"]["Statement"]
    ]

    assert {"kinesisvideo:GetMediaForFragmentList", "kms:Decrypt"} <= _actions_of(statements)


def test_alarms_may_publish_to_the_encrypted_topic_that_they_tell(stage: Synthesized) -> None:
    (key,) = stage.resources("AWS::KMS::Key")
    told = {
        json.dumps(topic.properties["KmsMasterKeyId"])
        for topic in stage.resources("AWS::SNS::Topic")
        if "KmsMasterKeyId" in topic.properties
    }
    statements = key.properties["KeyPolicy"]["Statement"]

    assert told == {json.dumps(key.arn)}
    assert {"kms:Decrypt", "kms:GenerateDataKey*"} == _actions_of(
        [s for s in statements if s["Principal"] == {"Service": "cloudwatch.amazonaws.com"}]
    )


def test_every_function_logs_into_its_stack_so_that_no_log_outlives_it(stage: Synthesized) -> None:
    functions = stage.resources("AWS::Lambda::Function")

    for function in functions:
        group = function.properties["LoggingConfig"]["LogGroup"]["Ref"]
        assert function.template["Resources"][group]["Properties"]["RetentionInDays"]


def test_a_batch_is_not_handed_out_twice_while_it_is_worked_on(stage: Synthesized) -> None:
    functions = {f.logical_id: f for f in stage.functions().values()}
    queues = {queue.logical_id: queue for queue in stage.resources("AWS::SQS::Queue")}

    for mapping in stage.resources("AWS::Lambda::EventSourceMapping"):
        function = functions[mapping.properties["FunctionName"]["Ref"]]
        queue = queues[mapping.properties["EventSourceArn"]["Fn::GetAtt"][0]]
        window_s = mapping.properties.get("MaximumBatchingWindowInSeconds", 0)
        needed_s = 6 * function.properties["Timeout"] + window_s
        assert queue.properties["VisibilityTimeout"] >= needed_s


def _gateway_statements(stage: Synthesized) -> list[dict[str, Any]]:
    (policy,) = [
        found
        for found in stage.resources("AWS::IAM::ManagedPolicy")
        if "camera gateway" in found.properties["Description"]
    ]
    statements: list[dict[str, Any]] = policy.properties["PolicyDocument"]["Statement"]
    return statements


def _actions_of(statements: list[dict[str, Any]]) -> set[str]:
    return set(_each_action(statements))


def _each_action(statements: list[dict[str, Any]]) -> Iterator[str]:
    for statement in statements:
        actions = statement["Action"]
        yield from [actions] if isinstance(actions, str) else actions
