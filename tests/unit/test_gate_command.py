import json
from dataclasses import replace
from pathlib import Path

import pytest

from ops.cli import main
from tests.frozen_world import SEES_BOTH, SEES_BRIGHT, detector, painted, usual_scenes
from training.manifest import Split, write_manifest

pytestmark = pytest.mark.slow

REFUSED = 2


@pytest.fixture
def world(tmp_path: Path) -> Path:
    """Return a folder with a manifest, and detectors of bright faces only and of both."""
    painted(tmp_path, usual_scenes())
    detector(tmp_path / "bright.onnx", SEES_BRIGHT)
    detector(tmp_path / "both.onnx", SEES_BOTH)
    return tmp_path


def test_a_better_challenger_is_promoted_with_exit_code_0(
    world: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = _gate(world, "both", "--champion", str(world / "bright.onnx"))

    assert code == 0
    assert capsys.readouterr().out.rstrip().endswith("Promote.")


def test_a_worse_challenger_is_rejected_with_exit_code_1_and_every_reason(
    world: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = _gate(world, "bright", "--champion", str(world / "both.onnx"))

    told = capsys.readouterr().out
    assert code == 1
    assert "not better: On the slice drifted, AP50 goes from 1.000 to 0.000" in told
    assert "worse: On drifted, the count's mean error goes from 0.000 to 2.000" in told
    assert told.rstrip().endswith("Reject.")


def test_what_was_asked_for_is_written(world: Path) -> None:
    _gate(
        world,
        "both",
        *("--champion", str(world / "bright.onnx")),
        *("--json", str(world / "out/gate.json")),
        *("--page", str(world / "out/gate.html")),
        *("--card", str(world / "out/card.md")),
        "--fairness",
    )

    document = json.loads((world / "out/gate.json").read_text())
    assert document["verdict"] == "promote"
    assert document["reasons"]
    assert document["fairness"]["respects"]
    assert "Promote" in (world / "out/gate.html").read_text()
    assert "Model card" in (world / "out/card.md").read_text()
    assert (world / "out/card.json").exists()


def test_fairness_is_measured_only_when_asked_for(world: Path) -> None:
    _gate(world, "both", "--champion", str(world / "bright.onnx"), "--json", str(world / "a.json"))

    assert "fairness" not in json.loads((world / "a.json").read_text())


def test_sets_that_changed_since_the_champion_was_judged_are_refused(
    world: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _gate(world, "both", "--champion", str(world / "bright.onnx"), "--json", str(world / "a.json"))
    painted(world, usual_scenes(each=25))

    code = _gate(
        world,
        "both",
        *("--champion", str(world / "bright.onnx")),
        *("--frozen-by", str(world / "a.json")),
    )

    assert code == REFUSED
    assert "but the champion was judged by" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--drifted", "drifted/slice/fog"], "There is no slice 'drifted/slice/fog'"),
        (["--frozen-by", "manifest.jsonl"], "does not say by which sets"),
        (["--trained-on", "nowhere.jsonl"], "nowhere.jsonl cannot be read"),
        (["--champion", "nowhere.onnx"], "nowhere.onnx"),
        (["--champion", "manifest.jsonl"], "manifest.jsonl"),
        (["--json", "both.onnx/a.json"], "cannot be written"),
        (["--card", "card.json"], "would hold two of the results"),
        (["--card", "gate.md", "--json", "gate.json"], "would hold two of the results"),
    ],
)
def test_each_fault_is_one_error_with_exit_code_2(
    world: Path,
    arguments: list[str],
    said: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(world)

    code = _gate(world, "both", *("--champion", "bright.onnx"), *arguments)

    error = capsys.readouterr().err
    assert code == REFUSED
    assert said in error
    assert "Traceback" not in error


def test_a_manifest_with_a_leak_is_refused(world: Path, capsys: pytest.CaptureFixture[str]) -> None:
    manifest = painted(world, usual_scenes())
    leaked = replace(manifest.frames[0], split=Split.TRAIN)
    write_manifest(world / "manifest.jsonl", [*manifest.frames, leaked])

    assert _gate(world, "both", "--champion", str(world / "bright.onnx")) == REFUSED
    assert "is also trained on" in capsys.readouterr().err


def _gate(world: Path, challenger: str, *arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(
            [
                "gate",
                *("--manifest", str(world / "manifest.jsonl")),
                *("--challenger", str(world / f"{challenger}.onnx")),
                *("--resamples", "200"),
                # A picture of 640 x 64 takes a millisecond: what else runs decides its time.
                *("--speed-ratio", "10"),
                *arguments,
            ]
        )
    return int(ended.value.code or 0)
