"""`headcount review`: what it says of what it cannot do."""

from pathlib import Path

import pytest

from ops.cli import main
from tests.reviewing import a_manifest


def refusal(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Return what a refused command says: one message, and no traceback."""
    with pytest.raises(SystemExit) as ended:
        main(["review", *arguments])
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert "Traceback" not in said
    return " ".join(said.split())


def test_a_folder_that_is_not_there_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert "headcount: absent is no folder. Name a folder" in refusal(capsys, "absent")


def test_an_empty_folder_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "holds no manifest.jsonl and no picture" in refusal(capsys, str(tmp_path))


def test_a_broken_manifest_is_named_by_its_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = a_manifest(tmp_path)
    path.write_text(path.read_text() + "{\n")

    assert "manifest.jsonl:3: not JSON" in refusal(capsys, str(tmp_path))


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("a" * 101, "--reviewer has 101 characters"),
        ("anna\nben", "cannot be printed"),
        ("\x1b[31m", "cannot be printed"),
    ],
)
def test_a_name_that_is_none_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, why: str
) -> None:
    a_manifest(tmp_path)

    assert why in refusal(capsys, str(tmp_path), "--reviewer", name)


def test_a_port_that_cannot_be_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "65535" in refusal(capsys, str(tmp_path), "--port", "70000")


def test_what_is_no_s3_address_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert "'s3://UPPER' is no S3 address" in refusal(capsys, "s3://UPPER")
