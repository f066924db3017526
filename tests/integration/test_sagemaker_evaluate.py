"""`headcount evaluate`, as it is called, with the real model."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from local.portraits import PEOPLE, fetch_portraits

HEADCOUNT = Path(sys.executable).with_name("headcount")
# Every fourth photo is enough to see a mistake: AP 0.79 on these, 0.83 on all 320.
EVERY = 4


def test_portraits_are_scored_and_their_predictions_written(tmp_path: Path) -> None:
    annotations = _portrait_annotations(tmp_path)

    finished = _evaluate(fetch_portraits(), annotations, tmp_path)

    assert finished.returncode == 0, finished.stderr
    scored = json.loads((tmp_path / "out.json").read_text())
    assert set(scored) == {
        "images",
        "faces",
        "ap50",
        "threshold",
        "mae",
        "bias",
        "ms_per_frame",
        "model_sha256",
    }
    assert (scored["images"], scored["faces"], scored["mae"]) == (len(PEOPLE), len(PEOPLE), 0)
    predictions = json.loads((tmp_path / "predictions.json").read_text())
    assert {prediction["image_id"] for prediction in predictions} == set(range(len(PEOPLE)))
    assert all(prediction["score"] >= 0.05 for prediction in predictions)


def test_a_missing_picture_ends_the_command_with_a_message(tmp_path: Path) -> None:
    finished = _evaluate(tmp_path, _portrait_annotations(tmp_path), tmp_path)

    assert finished.returncode != 0
    assert "images are missing" in finished.stderr
    assert "Traceback" not in finished.stderr


@pytest.mark.slow
def test_masked_faces_are_found_and_counted(shared_data: Path, tmp_path: Path) -> None:
    coco = json.loads((shared_data / "faces/annotations.json").read_text())
    coco["images"] = coco["images"][::EVERY]
    kept = {image["id"] for image in coco["images"]}
    coco["annotations"] = [mark for mark in coco["annotations"] if mark["image_id"] in kept]
    (tmp_path / "some.json").write_text(json.dumps(coco))

    finished = _evaluate(shared_data / "faces/images", tmp_path / "some.json", tmp_path)

    assert finished.returncode == 0, finished.stderr
    scored = json.loads((tmp_path / "out.json").read_text())
    assert scored["ap50"] > 0.75
    assert scored["mae"] < 1.15


def _evaluate(images: Path, annotations: Path, into: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [
            str(HEADCOUNT), "evaluate", "--images", str(images), "--annotations", str(annotations),
            "--json", str(into / "out.json"), "--predictions", str(into / "predictions.json"),
        ],
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip


def _portrait_annotations(folder: Path) -> Path:
    """Return annotations with one rough box a portrait: enough for counts."""
    marks: list[dict[str, Any]] = [
        {"id": number, "image_id": number, "category_id": 1, "bbox": [0, 0, 9, 9]}
        for number in range(len(PEOPLE))
    ]
    images = [{"id": number, "file_name": person.file} for number, person in enumerate(PEOPLE)]
    path = folder / "annotations.json"
    path.write_text(
        json.dumps(
            {
                "images": images,
                "annotations": marks,
                "categories": [{"id": 1, "name": "face"}],
            }
        )
    )
    return path
