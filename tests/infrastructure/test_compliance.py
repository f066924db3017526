"""What cdk-nag and cfn-lint say, and what no policy may allow."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.infrastructure.conftest import ROOT, Resource, Synthesized

# None of these can be granted on less than everything (service authorization reference).
GRANTED_ON_EVERYTHING = {
    "ecr:GetAuthorizationToken",
    "glue:GetSchemaVersion",
    "kinesisvideo:ListStreams",
    "xray:PutTelemetryRecords",
    "xray:PutTraceSegments",
}


def test_aws_solutions_pack_has_no_unacknowledged_finding(stage: Synthesized) -> None:
    assert stage.findings == ()


@pytest.mark.slow
def test_templates_have_no_cfn_lint_error(dev: Synthesized) -> None:
    # The stages differ in numbers alone, which another test shows: one is enough to lint.
    templates = sorted(str(path) for path in dev.folder.glob("*.template.json"))
    cfn_lint = Path(sys.executable).with_name("cfn-lint")

    done = subprocess.run(
        [str(cfn_lint), "--non-zero-exit-code", "error", "--format", "parseable", *templates],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )

    assert done.returncode == 0, done.stdout + done.stderr


def test_only_what_has_no_resource_is_granted_on_everything(stage: Synthesized) -> None:
    granted = {
        action
        for statement in _identity_statements(stage)
        if "*" in _as_list(statement["Resource"])
        for action in _as_list(statement["Action"])
    }

    assert granted <= GRANTED_ON_EVERYTHING


def test_no_statement_allows_every_action_of_a_service(stage: Synthesized) -> None:
    actions = {a for s in _identity_statements(stage) for a in _as_list(s["Action"])}

    assert not {action for action in actions if action == "*" or action.endswith(":*")}


def test_every_function_has_a_role_of_its_own(stage: Synthesized) -> None:
    roles = [json.dumps(f.properties["Role"]) for f in stage.functions().values()]

    assert len(set(roles)) == len(roles)


def test_every_queue_and_topic_refuses_plain_http(stage: Synthesized) -> None:
    for kind in ("Queue", "Topic"):
        service = "SQS" if kind == "Queue" else "SNS"
        guarded = {
            reference["Ref"]
            for policy in stage.resources(f"AWS::{service}::{kind}Policy")
            if "aws:SecureTransport" in json.dumps(policy.properties)
            for reference in policy.properties[f"{kind}s"]
        }

        assert {r.logical_id for r in stage.resources(f"AWS::{service}::{kind}")} == guarded


def test_buckets_are_private_encrypted_and_logged(stage: Synthesized) -> None:
    buckets = stage.resources("AWS::S3::Bucket")

    assert all(all(b.properties["PublicAccessBlockConfiguration"].values()) for b in buckets)
    assert all(b.properties["BucketEncryption"] for b in buckets)
    assert [b.logical_id for b in buckets if "LoggingConfiguration" not in b.properties] == [
        b.logical_id for b in buckets if b.logical_id.startswith("AccessLogs")
    ]


def test_production_keeps_its_data_and_the_others_keep_nothing(stage: Synthesized) -> None:
    keepers = {"AWS::S3::Bucket", "AWS::DynamoDB::Table", "AWS::KMS::Key"}
    policies = {
        template["Resources"][found.logical_id]["DeletionPolicy"]
        for found in stage.everything()
        if found.type in keepers
        for template in [found.template]
    }
    is_production = any("-prod-" in name for name in stage.templates)

    assert policies == ({"Retain"} if is_production else {"Delete"})


def test_nothing_that_is_kept_has_a_name_that_the_next_deployment_needs(
    stage: Synthesized,
) -> None:
    named = {"AWS::Events::EventBus", "AWS::Glue::Database", "AWS::Athena::WorkGroup"}
    kept = {
        found.type
        for found in stage.everything()
        if found.template["Resources"][found.logical_id].get("DeletionPolicy") == "Retain"
    }

    assert not named & kept


def test_no_physical_name_stops_a_second_deployment(stage: Synthesized) -> None:
    named = {
        f"{found.type} {key}"
        for found in stage.everything()
        for key in found.properties
        if re.fullmatch(r"(Bucket|Queue|Topic|Function|Role|Table|DeliveryStream)Name", key)
        and found.type.rsplit("::", 1)[1] == key.removesuffix("Name")
    }

    assert named == set()


def _identity_statements(stage: Synthesized) -> Iterator[dict[str, Any]]:
    for kind in ("AWS::IAM::Policy", "AWS::IAM::ManagedPolicy"):
        for policy in stage.resources(kind):
            yield from _statements(policy)


def _statements(policy: Resource) -> list[dict[str, Any]]:
    statements: list[dict[str, Any]] = policy.properties["PolicyDocument"]["Statement"]
    return [statement for statement in statements if statement["Effect"] == "Allow"]


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
