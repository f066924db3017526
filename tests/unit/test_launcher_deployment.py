import sys
from pathlib import Path

import pytest

from headcount.errors import DeploymentError
from local import deployment


@pytest.fixture
def cdk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A command line of ours in the place of CDK's; write its Python into it."""
    command = tmp_path / "cdk"
    monkeypatch.setattr(deployment, "CDK", command)
    return command


def write(command: Path, python: str) -> None:
    command.write_text(f"#!{sys.executable}\nimport sys, os, time\n{python}\n")
    command.chmod(0o755)


def test_a_resource_event_is_shortened_to_what_tells_progress() -> None:
    line = "A-Data |  3/20 | 1:25:13 AM | CREATE_COMPLETE  | AWS::SNS::Topic | Topic (T1)"

    assert deployment.readable(line) == "A-Data 3/20 create complete: Topic"


def test_any_other_line_is_left_alone() -> None:
    assert deployment.readable("Successfully synthesized") == "Successfully synthesized"


def test_a_missing_command_line_is_named_with_its_remedy(cdk: Path, tmp_path: Path) -> None:
    with pytest.raises(DeploymentError, match="make install"):
        deployment.synth("local", tmp_path)


def test_progress_is_told_line_by_line(cdk: Path, tmp_path: Path) -> None:
    write(cdk, "print('one'); print('two', file=sys.stderr)")
    lines: list[str] = []

    deployment.synth("local", tmp_path, progress=lines.append)

    assert sorted(lines) == ["one", "two"]


def test_a_failure_tells_what_the_command_line_said(cdk: Path, tmp_path: Path) -> None:
    write(cdk, "print('no such stage'); sys.exit(3)")

    with pytest.raises(DeploymentError, match=r"synth failed \(3\):\nno such stage"):
        deployment.synth("moon", tmp_path)


def test_a_command_that_hangs_is_ended(
    cdk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(cdk, "time.sleep(60)")
    monkeypatch.setattr(deployment, "SYNTH_TIMEOUT_S", 0.3)

    with pytest.raises(DeploymentError, match="took over 0 s"):
        deployment.synth("local", tmp_path)
