"""`headcount model` lists, brings and removes models, and says in one message what is wrong."""

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from ops.cli import main
from tests.graphs import other_graph, yolox_graph, yunet_graph
from training.weights import sha256_of


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "models"


def model(*arguments: Any, folder: Path) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["model", *map(str, arguments), "--models", str(folder)])
    return int(ended.value.code or 0)


def test_a_file_is_brought_listed_shown_and_removed(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = yolox_graph(tmp_path / "people.onnx")

    assert model("add", path, "--licence", "MIT", "--threshold", 0.3, folder=folder) == 0
    assert "people" in capsys.readouterr().out
    assert model("list", folder=folder) == 0
    (line,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("people")]
    assert line.split()[2:] == ["persons", "yolox", "0.3", "MIT", "here"]
    assert model("show", "people", folder=folder) == 0
    shown = json.loads(capsys.readouterr().out)
    assert (shown["sha256"], shown["source"]) == (sha256_of(path), "the file people.onnx")
    assert model("remove", "people", folder=folder) == 0
    assert model("show", "people", folder=folder) == 2


def test_the_shipped_model_is_listed_and_cannot_be_removed(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert model("list", "--json", folder=folder) == 0
    listed = json.loads(capsys.readouterr().out)
    assert [(one["name"], one["here"]) for one in listed] == [
        ("centerface", True),
        ("yunet-n", False),
        ("yolox-nano", False),
    ]
    assert model("remove", "centerface", folder=folder) == 2
    assert "was not brought" in capsys.readouterr().err


def test_a_file_with_another_hash_than_asked_for_is_refused(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = yunet_graph(tmp_path / "ours.onnx")

    assert model("add", path, "--sha256", "0" * 64, folder=folder) == 2
    assert f"has sha256 {sha256_of(path)}, not 000" in capsys.readouterr().err
    assert not folder.exists()
    assert model("add", path, "--sha256", sha256_of(path).upper(), folder=folder) == 0


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--name", "Not A Name"], "name: 'Not A Name' is not"),
        (["--version", "a b"], "version: 'a b' is not"),
        (["--threshold", "1.5"], "threshold: Input should be less than 1"),
        (["--finds", "dogs"], "finds: Input should be 'faces' or 'persons'"),
        (["--adapter", "retina"], "no adapter 'retina'"),
        (["--adapter", "yolox"], "not those of yolox"),
        (["--name", "centerface"], "'centerface' is taken"),
    ],
)
def test_an_option_that_cannot_be_is_named(
    folder: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    options: list[str],
    says: str,
) -> None:
    path = yunet_graph(tmp_path / "ours.onnx")

    assert model("add", path, *options, folder=folder) == 2
    said = capsys.readouterr().err
    assert says in said
    assert said.startswith("headcount: ")
    assert len(said.splitlines()) == 2


@pytest.mark.parametrize("named", ["missing.onnx", "."])
def test_a_file_that_is_none_is_named(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], named: str
) -> None:
    assert model("add", tmp_path / named, folder=folder) == 2
    assert capsys.readouterr().err.startswith(f"headcount: {tmp_path / named} ")


def test_a_folder_that_cannot_be_written_to_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    path = yunet_graph(tmp_path / "ours.onnx")

    assert model("add", path, folder=tmp_path / "file/models") == 2
    assert "cannot be written to (Not a directory)" in capsys.readouterr().err


def test_nothing_is_kept_of_what_is_no_detector(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert model("add", other_graph(tmp_path / "other.onnx"), folder=folder) == 2
    assert "no detector known here" in capsys.readouterr().err
    assert not folder.exists()


def test_a_model_that_was_brought_is_scored_by_its_name_and_by_its_file(
    folder: Path, tmp_path: Path
) -> None:
    path = yolox_graph(tmp_path / "people.onnx")
    model("add", path, folder=folder)
    annotations = _one_blue_square(tmp_path)

    figures = [_evaluate(annotations, named, folder) for named in ("people", path)]

    assert figures[0] == figures[1]
    assert figures[0]["model_sha256"] == sha256_of(path)
    assert (figures[0]["ap50"], figures[0]["faces"]) == (1.0, 1)


def test_scoring_by_a_name_that_is_none_says_which_there_are(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(["evaluate", *_arguments(_one_blue_square(tmp_path), "persons", folder)])

    assert "The catalogue has centerface, yunet-n, yolox-nano" in capsys.readouterr().err


def _arguments(annotations: Path, named: str | Path, folder: Path) -> list[str]:
    return [
        *("--images", str(annotations.parent), "--annotations", str(annotations)),
        *("--model", str(named), "--models", str(folder)),
    ]


def _evaluate(annotations: Path, named: str | Path, folder: Path) -> dict[str, Any]:
    out = annotations.with_suffix(".figures.json")
    with pytest.raises(SystemExit) as ended:
        main(["evaluate", *_arguments(annotations, named, folder), "--json", str(out)])
    assert not ended.value.code
    figures: dict[str, Any] = json.loads(out.read_text())
    del figures["ms_per_frame"]
    return figures


def _one_blue_square(folder: Path) -> Path:
    """Write a picture in which the drawn YOLOX finds one person, and where that is."""
    picture = np.zeros((64, 64, 3), np.uint8)
    picture[24:32, 24:32, 0] = 255
    cv2.imwrite(str(folder / "square.png"), picture)
    document = {
        "images": [{"id": 1, "file_name": "square.png", "width": 64, "height": 64}],
        # Centre (3.5, 3.25) cells of 8 pixels, 2 wide and 3 tall.
        "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [20, 14, 16, 24]}],
        "categories": [{"id": 1, "name": "person"}],
    }
    (folder / "coco.json").write_text(json.dumps(document))
    return folder / "coco.json"
