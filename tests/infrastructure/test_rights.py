"""That whoever AWS acts for has the rights, where only AWS itself would notice that they lack."""

import json
import re
from collections.abc import Iterator
from typing import Any

from headcount.identifiers import EXPIRY_TAG
from tests.infrastructure.conftest import Resource, Synthesized


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
    allowed = _actions_of(_statements_of(stage, "sample_fragments"))

    assert {"kinesisvideo:GetMediaForFragmentList", "kms:Decrypt"} <= allowed


def test_the_sampler_may_put_kept_frames_and_neither_read_nor_delete_any(
    stage: Synthesized,
) -> None:
    (policy,) = _keeping_policies(stage)
    statements = policy.properties["PolicyDocument"]["Statement"]
    role = stage.functions()["sample_fragments"].properties["Role"]["Fn::GetAtt"][0]
    (attached,) = [
        found.properties["ManagedPolicyArns"]
        for found in stage.resources("AWS::IAM::Role")
        if found.logical_id == role
    ]

    assert _actions_of(statements) == {
        "s3:PutObject",
        "s3:PutObjectTagging",
        "kms:GenerateDataKey",
    }
    assert policy.logical_id in json.dumps(attached)
    assert not {
        action
        for action in _actions_of(_statements_of(stage, "sample_fragments"))
        if action.startswith("s3:")
    }


def test_nobody_else_may_touch_kept_frames(stage: Synthesized) -> None:
    (keeping,) = _keeping_policies(stage)
    bucket = _kept_frames_bucket(stage).logical_id
    granted = [
        policy.logical_id
        for kind in ("AWS::IAM::Policy", "AWS::IAM::ManagedPolicy")
        for policy in stage.resources(kind)
        if bucket in json.dumps(policy.properties["PolicyDocument"])
    ]
    attached = [
        role.logical_id
        for role in stage.resources("AWS::IAM::Role")
        if keeping.logical_id in json.dumps(role.properties.get("ManagedPolicyArns", []))
    ]

    assert granted == [keeping.logical_id]
    assert len(attached) == 1


def test_kept_frames_are_encrypted_with_the_stage_s_key_and_leave_no_versions(
    stage: Synthesized,
) -> None:
    bucket = _kept_frames_bucket(stage)
    (rule,) = bucket.properties["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    (key,) = stage.resources("AWS::KMS::Key")

    assert rule["ServerSideEncryptionByDefault"] == {
        "SSEAlgorithm": "aws:kms",
        "KMSMasterKeyID": key.arn,
    }
    assert "VersioningConfiguration" not in bucket.properties


def test_kept_frames_expire_on_the_day_their_site_chose_and_never_later_than_after_90_days(
    stage: Synthesized,
) -> None:
    rules = _kept_frames_bucket(stage).properties["LifecycleConfiguration"]["Rules"]
    chosen = {
        tag["Value"]: rule["ExpirationInDays"]
        for rule in rules
        for tag in rule.get("TagFilters", [])
        if tag["Key"] == EXPIRY_TAG
    }

    assert chosen == {str(days): days for days in range(1, 91)}
    assert [rule["ExpirationInDays"] for rule in rules if "TagFilters" not in rule] == [90]
    assert {rule["Status"] for rule in rules} == {"Enabled"}


def test_who_checks_a_room_may_find_and_decrypt_its_newest_fragments_and_writes_no_item(
    stage: Synthesized,
) -> None:
    allowed = _actions_of(_statements_of(stage, "check_room"))

    assert {
        "events:PutEvents",
        "kinesisvideo:GetDataEndpoint",
        "kinesisvideo:GetMediaForFragmentList",
        "kinesisvideo:ListFragments",
        "kms:Decrypt",
        "sagemaker:InvokeEndpoint",
    } <= allowed
    assert not {action for action in allowed if re.match("dynamodb:(Put|Update|Delete)", action)}


def test_a_question_about_a_room_waits_for_no_other_in_its_batch(stage: Synthesized) -> None:
    checker = stage.functions()["check_room"].logical_id
    (mapping,) = [
        mapping
        for mapping in stage.resources("AWS::Lambda::EventSourceMapping")
        if mapping.properties["FunctionName"]["Ref"] == checker
    ]

    assert mapping.properties["BatchSize"] == 1


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


def _keeping_policies(stage: Synthesized) -> list[Resource]:
    return [
        found
        for found in stage.resources("AWS::IAM::ManagedPolicy")
        if "keep frames" in found.properties["Description"]
    ]


def _kept_frames_bucket(stage: Synthesized) -> Resource:
    (data,) = [t for name, t in stage.templates.items() if name.endswith("Data")]
    name = data["Outputs"]["KeptFramesBucketName"]["Value"]["Ref"]
    (bucket,) = [b for b in stage.resources("AWS::S3::Bucket") if b.logical_id == name]
    return bucket


def _statements_of(stage: Synthesized, folder: str) -> list[dict[str, Any]]:
    """Return what the role of one of our functions may do."""
    role = stage.functions()[folder].properties["Role"]["Fn::GetAtt"][0]
    return [
        statement
        for policy in stage.resources("AWS::IAM::Policy")
        if policy.properties["Roles"] == [{"Ref": role}]
        for statement in policy.properties["PolicyDocument"]["Statement"]
    ]


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
