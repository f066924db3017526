"""A small job that trains in a second, for the suite that runs in the training environment."""

import json
import shutil
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
import pytest
import torch

from training.channel_folders import MANIFEST, write_job
from training.detector.container import Container
from training.detector.graph import read_graph
from training.manifest import Frame, Origin, Split, write_manifest
from training.weights import fetch_weights, sha256_of

SMALL = {
    "steps": 4,
    "batch_size": 2,
    "crop_px": 96,
    "validations": 2,
    "checkpoint_every": 1,
    "threads": 1,
    "seed": 7,
}
_SIDE_PX = 128


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def champion(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """CenterFace in a file that no catalogue lists: its card says how it is served."""
    path = tmp_path_factory.mktemp("champion") / "model.onnx"
    onnx.save(read_graph(fetch_weights()).with_trained_weights(), path)
    return path


class Job:
    """A job's folder below a root, with every part in its place; a test spoils what it likes."""

    def __init__(self, root: Path, champion: Path) -> None:
        self.root = root
        self.container = Container(root)
        for number, name in enumerate(("train", "rehearsal", "validation")):
            self.channel(name, [frame_of(root, name, f"{name}-{index}", index + 10 * number)
                                for index in range(5)])  # fmt: skip
        folder = root / "input/data/model"
        folder.mkdir(parents=True)
        shutil.copyfile(champion, folder / "model.onnx")
        # Pictures are seen as small as they are: the suite would else take minutes.
        self.card: dict[str, Any] = {
            "name": "centerface",
            "version": "1.0.0",
            "sha256": sha256_of(champion),
            "threshold": 0.4,
            "input": {"min_long_side_px": _SIDE_PX, "max_long_side_px": 960},
            "threads": 1,
        }
        (folder / "model.json").write_text(json.dumps(self.card))
        self.hyperparameters()

    def hyperparameters(self, **changed: object) -> None:
        write_job(self.root, SMALL | changed, ["train", "rehearsal", "validation", "model"])

    def channel(self, name: str, frames: list[Frame]) -> None:
        write_manifest(self.root / "input/data" / name / MANIFEST, frames)

    def failure(self) -> str:
        return (self.root / "output/failure").read_text()

    def metrics(self) -> dict[str, Any]:
        metrics: dict[str, Any] = json.loads((self.root / "model/metrics.json").read_text())
        return metrics


def frame_of(root: Path, channel: str, name: str, seed: int, **changed: Any) -> Frame:
    """Write a picture of noise with two bright ovals, and return its labelled frame."""
    random = np.random.default_rng(seed)
    picture = random.integers(40, 90, (_SIDE_PX, _SIDE_PX, 3), dtype=np.uint8)
    faces = np.array([[20.0, 24, 24, 30], [76, 60, 26, 32]])
    for left, top, width, height in faces.astype(int).tolist():
        centre = (left + width // 2, top + height // 2)
        cv2.ellipse(picture, centre, (width // 2, height // 2), 0, 0, 360, (150, 180, 220), -1)
    target = root / "input/data" / channel / f"{name}.png"
    target.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(target), picture)
    frame: dict[str, Any] = {
        "source": target.name,
        "width_px": _SIDE_PX,
        "height_px": _SIDE_PX,
        "origin": Origin.PEOPLE,
        "faces": faces,
        "group": name,
        "split": Split.VALIDATION if channel == "validation" else Split.TRAIN,
    }
    return Frame(**(frame | changed))


@pytest.fixture
def job(tmp_path: Path, champion: Path) -> Job:
    return Job(tmp_path / "ml", champion)
