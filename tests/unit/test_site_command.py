"""`headcount site` and the command around it."""

import json
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import (
    ClientError,
    ConnectTimeoutError,
    NoCredentialsError,
    NoRegionError,
)
from botocore.parsers import ResponseParserError

from headcount.errors import DeploymentError
from ops import cli
from ops.deployment import Deployment
from ops.site_contacts import filter_policy

EXAMPLE = Path(__file__).parents[2] / "sites/example.yaml"


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        cli.main(arguments)
    return int(ended.value.code or 0)


def test_help_lists_every_verb_without_importing_any(capsys: pytest.CaptureFixture[str]) -> None:
    code = run("--help")

    said = capsys.readouterr().out
    assert code == 0
    assert all(verb in said for verb in cli.VERBS)


def test_a_valid_site_is_summarised(capsys: pytest.CaptureFixture[str]) -> None:
    code = run("site", "validate", str(EXAMPLE))

    assert code == 0
    assert "valid: site riverside" in capsys.readouterr().out


def test_a_fault_is_printed_with_file_line_path_and_remedy(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "bad.yaml"
    file.write_text(EXAMPLE.read_text().replace("Europe/Berlin ", "Europe/Bonn"))

    code = run("site", "validate", str(file), str(EXAMPLE))

    lines = capsys.readouterr().out.splitlines()
    assert code == 1
    assert lines[0] == (
        f"{file}:10: time_zone: there is no time zone 'Europe/Bonn'. "
        "Remedy: Use a name such as Europe/Berlin or America/New_York."
    )
    assert "valid: site riverside" in lines[1]


def test_findings_can_be_had_as_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "empty.yaml"
    file.write_text("")

    code = run("site", "validate", str(file), "--json")

    (finding,) = json.loads(capsys.readouterr().out)
    assert code == 1
    assert finding["faults"][0]["line"] == 1
    assert finding["valid"] is False


def test_an_error_of_ours_is_one_message_and_not_a_traceback(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = run("site", "apply", str(tmp_path / "none.yaml"))

    said = capsys.readouterr().err
    assert code == 2
    assert said.startswith("headcount: ")
    assert "there is no such file" in said
    assert "Traceback" not in said


class FakeCloudFormation:
    """Stacks with outputs; asking for another is refused as AWS refuses it."""

    def __init__(self, stacks: dict[str, dict[str, str]]) -> None:
        self._stacks = stacks

    def describe_stacks(self, StackName: str) -> dict[str, Any]:  # noqa: N803 - AWS's spelling
        if StackName not in self._stacks:
            raise ClientError(
                {"Error": {"Code": "ValidationError", "Message": "does not exist"}},
                "DescribeStacks",
            )
        outputs = self._stacks[StackName]
        listed = [{"OutputKey": key, "OutputValue": value} for key, value in outputs.items()]
        return {"Stacks": [{"Outputs": listed}]}


def test_a_stage_that_is_not_deployed_says_how_to_deploy_it() -> None:
    with pytest.raises(DeploymentError, match="npx cdk deploy --all -c stage=dev"):
        Deployment.find("dev", FakeCloudFormation({}))  # type: ignore[arg-type]


def test_missing_outputs_are_all_named() -> None:
    stacks = FakeCloudFormation({"Headcount-dev-Data": {}, "Headcount-dev-Serving": {}})

    with pytest.raises(DeploymentError, match=r"RoomsTableName.*StreamPrefix"):
        Deployment.find("dev", stacks)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "fault",
    [
        NoCredentialsError(),
        NoRegionError(),
        ConnectTimeoutError(endpoint_url="https://cloudformation.example.com"),
        ResponseParserError("no element found"),
    ],
)
def test_an_aws_that_cannot_be_asked_is_one_message_that_says_what_to_set(
    fault: Exception,
) -> None:
    class Unreachable:
        def describe_stacks(self, **_asked: str) -> dict[str, Any]:
            raise fault

    client: Any = Unreachable()
    with pytest.raises(DeploymentError, match="AWS_DEFAULT_REGION"):
        Deployment.find("dev", client)


def test_one_site_is_filtered_by_site_and_room() -> None:
    assert filter_policy({"hq": ("a", "b")}) == {"site_id": ["hq"], "room_id": ["a", "b"]}
