import json
import re
import signal
import subprocess
import sys
import tarfile
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from tests.training.conftest import Job, frame_of
from training.composed import compose_frame
from training.detector.checkpoints import Checkpoints
from training.detector.run import StoppedError
from training.detector.train import main
from training.detector.validation import best_threshold
from training.evaluate import load_model
from training.job_requests import METRIC_DEFINITIONS
from training.manifest import Frame, Origin, Split, read_manifest
from training.weights import sha256_of


def _train(job: Job) -> int:
    return main(["--root", str(job.root)])


def _weights(job: Job) -> dict[str, np.ndarray]:
    model = onnx.load(job.root / "model/model.onnx")
    return {one.name: numpy_helper.to_array(one) for one in model.graph.initializer}


def test_a_job_leaves_a_model_that_the_endpoint_serves(job: Job) -> None:
    assert _train(job) == 0

    served = load_model(job.root / "model/model.onnx")
    assert served.card.version.startswith("1.0.0+")
    assert served.card.sha256 == sha256_of(job.root / "model/model.onnx")
    assert served.card.size.min_long_side_px == job.card["input"]["min_long_side_px"]
    assert served.network.detect(np.zeros((128, 128, 3), np.uint8), 0.9).boxes.shape == (0, 4)


def test_metrics_say_what_was_learnt_from_and_what_came_of_it(job: Job) -> None:
    _train(job)

    metrics = job.metrics()
    manifest = job.root / "input/data/train/manifest.jsonl"
    assert metrics["manifest_sha256"]["train"] == read_manifest(manifest).sha256
    assert set(metrics["manifest_sha256"]) == {"train", "rehearsal", "validation"}
    assert metrics["champion_sha256"] == job.card["sha256"]
    assert metrics["hyperparameters"]["seed"] == 7
    assert [one["round"] for one in metrics["rounds"]] == [0, 1, 2]
    assert metrics["losses"][-1]["step"] == 4
    assert metrics["export_difference"] < 1e-3
    assert metrics["versions"]["torch"].startswith("2.")


def test_the_same_job_gives_the_same_weights(job: Job, champion: Path, tmp_path: Path) -> None:
    again = Job(tmp_path / "again", champion)
    _train(job)
    _train(again)

    assert sha256_of(job.root / "model/model.onnx") == sha256_of(again.root / "model/model.onnx")


def test_another_seed_gives_other_weights(job: Job, champion: Path, tmp_path: Path) -> None:
    other = Job(tmp_path / "other", champion)
    other.hyperparameters(seed=8, rehearsal_margin=1)
    job.hyperparameters(rehearsal_margin=1)
    _train(job)
    _train(other)

    assert job.metrics()["losses"] != other.metrics()["losses"]


def test_sagemaker_finds_the_figures_in_the_output(
    job: Job, capsys: pytest.CaptureFixture[str]
) -> None:
    _train(job)

    output = capsys.readouterr().out
    for definition in METRIC_DEFINITIONS:
        found = re.findall(definition["Regex"], output)
        assert found, definition["Name"]
        assert all(np.isfinite(float(value)) for value in found)


def test_a_job_stopped_after_any_step_goes_on_as_if_nothing_had_happened(
    job: Job, champion: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = Job(tmp_path / "whole", champion)
    whole.hyperparameters(rehearsal_margin=1)
    job.hyperparameters(rehearsal_margin=1)
    _train(whole)

    saves = []
    save = Checkpoints.save

    def save_and_die(self: Checkpoints, state: dict[str, object]) -> None:
        save(self, state)
        saves.append(state["state"])
        if len(saves) <= 3:
            raise StoppedError("the machine was taken away")

    monkeypatch.setattr(Checkpoints, "save", save_and_die)
    codes = [_train(job) for _ in range(4)]

    assert codes == [128, 128, 128, 0]
    assert not (job.root / "output/failure").exists()
    for name, weight in _weights(whole).items():
        assert np.array_equal(weight, _weights(job)[name]), name
    assert job.metrics()["rounds"] == whole.metrics()["rounds"]


def test_sigterm_leaves_a_checkpoint_and_no_failure(job: Job) -> None:
    job.hyperparameters(steps=100_000, checkpoint_every=100_000, validations=1)
    process = subprocess.Popen(
        [sys.executable, "-m", "training.detector.train", "--root", str(job.root)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("step="):
            break

    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=120)

    assert process.returncode == 128 + signal.SIGTERM
    assert (job.root / "checkpoints/checkpoint.pt").is_file()
    assert not (job.root / "output/failure").exists()
    assert not (job.root / "model/model.onnx").exists()


def test_a_checkpoint_of_another_run_is_refused(job: Job) -> None:
    _train(job)
    checkpoint = (job.root / "checkpoints/checkpoint.pt").read_bytes()
    job.hyperparameters(seed=9)
    (job.root / "checkpoints").mkdir()
    (job.root / "checkpoints/checkpoint.pt").write_bytes(checkpoint)

    assert _train(job) == 1
    assert "is of another run" in job.failure()


def test_a_broken_checkpoint_is_refused(job: Job) -> None:
    (job.root / "checkpoints").mkdir()
    (job.root / "checkpoints/checkpoint.pt").write_bytes(b"PK\x03\x04 half of it")

    assert _train(job) == 1
    assert "is no whole checkpoint" in job.failure()


def test_a_round_that_forgets_is_never_chosen(job: Job) -> None:
    # So great a rate destroys whatever the champion knew.
    job.hyperparameters(learning_rate=0.003, average_decay=0, rehearsal_margin=0, distillation=0)
    # What the champion does know: real faces, composed.
    for name in ("rehearsal", "validation"):
        job.channel(name, [_composed(job, name, number) for number in range(2, 8)])

    code = _train(job)

    assert code == 0
    metrics = job.metrics()
    champion = metrics["rounds"][0]
    chosen = metrics["rounds"][metrics["selected_round"]]
    assert champion["rehearsal"]["ap50"] > 0.9
    assert metrics["rounds"][2]["rehearsal"]["ap50"] < 0.5
    assert metrics["selected_round"] == 0
    assert chosen["rehearsal"]["ap50"] == champion["rehearsal"]["ap50"]


def test_a_job_without_rehearsal_needs_no_such_channel(job: Job) -> None:
    job.hyperparameters(rehearsal_share=0)
    (job.root / "input/data/rehearsal/manifest.jsonl").unlink()

    assert _train(job) == 0
    assert job.metrics()["rounds"][0]["rehearsal"] is None


def test_the_champion_may_come_as_the_archive_that_serves(job: Job) -> None:
    folder = job.root / "input/data/model"
    with tarfile.open(folder / "model.tar.gz", "w:gz") as archive:
        for name in ("model.onnx", "model.json"):
            archive.add(folder / name, name)
            (folder / name).unlink()

    assert _train(job) == 0
    assert job.metrics()["champion_sha256"] == job.card["sha256"]


def test_pictures_without_faces_are_learnt_from_too(job: Job) -> None:
    frames = list(read_manifest(job.root / "input/data/train/manifest.jsonl").frames)
    empty = frame_of(job.root, "train", "empty", 99, faces=np.zeros((0, 4)))
    job.channel("train", [frames[0], *[empty] * 3])

    assert _train(job) == 0
    assert job.metrics()["frames"]["train"] == 4


def _composed(job: Job, channel: str, number: int) -> Frame:
    picture, frame = compose_frame("composed-lab", f"{channel}-{number}", 0, seed=3)
    cv2.imwrite(str(job.root / "input/data" / channel / frame.source), picture)
    return frame


class TestPoison:
    """One clear reason in output/failure for each, and no model."""

    def refuses(self, job: Job, message: str) -> None:
        assert _train(job) == 1
        assert re.search(message, job.failure()), job.failure()
        assert "Traceback" not in job.failure()
        assert not (job.root / "model/model.onnx").exists()

    def test_an_empty_manifest(self, job: Job) -> None:
        (job.root / "input/data/train/manifest.jsonl").write_text("")
        self.refuses(job, r"train/manifest\.jsonl has no frame")

    def test_a_broken_line(self, job: Job) -> None:
        with (job.root / "input/data/train/manifest.jsonl").open("a") as file:
            file.write("{\n")
        self.refuses(job, r"manifest\.jsonl:6: not JSON")

    def test_no_faces_at_all(self, job: Job) -> None:
        job.channel("train", [frame_of(job.root, "train", "a", 1, faces=np.zeros((0, 4)))])
        self.refuses(job, "channel train shows no face in 1 frames")

    def test_frames_that_nobody_labelled(self, job: Job) -> None:
        frame = frame_of(job.root, "train", "a", 1, origin=Origin.NOBODY)
        job.channel("train", [frame])
        self.refuses(job, "1 frames without labels")

    @pytest.mark.parametrize("split", [Split.GOLDEN, Split.DRIFTED])
    def test_what_judges_must_not_teach(self, job: Job, split: Split) -> None:
        job.channel("train", [frame_of(job.root, "train", "a", 1, split=split)])
        self.refuses(job, "holds 1 frozen frames")

    def test_a_scene_in_two_channels(self, job: Job) -> None:
        job.channel("train", [frame_of(job.root, "train", "a", 1, group="validation-0")])
        self.refuses(job, "has the group of a frame that .* teaches")

    @pytest.mark.parametrize("name", ["train", "validation", "rehearsal"])
    def test_a_missing_channel(self, job: Job, name: str) -> None:
        folder = job.root / "input/data" / name
        for file in folder.iterdir():
            file.unlink()
        folder.rmdir()
        self.refuses(job, f"channel {name}")

    def test_a_missing_picture(self, job: Job) -> None:
        (job.root / "input/data/train/train-0.png").unlink()
        self.refuses(job, r"1 of 5 pictures are missing.*train-0\.png")

    def test_a_picture_that_is_none(self, job: Job) -> None:
        job.hyperparameters(rehearsal_share=0)
        for number in range(5):
            (job.root / f"input/data/train/train-{number}.png").write_bytes(b"no picture")
        self.refuses(job, r"train-\d\.png cannot be decoded")

    @pytest.mark.parametrize(
        ("changed", "message"),
        [
            ({"momentum": "0.9"}, "momentum is no hyperparameter"),
            ({"learning_rate": "-1"}, "learning_rate is '-1'"),
            ({"learning_rate": "nan"}, "learning_rate is 'nan'"),
            ({"steps": "many"}, "steps is 'many'"),
            ({"crop_px": "100"}, "crop_px is '100'.*multiple of 32"),
            ({"adapter": "yolox"}, "adapter is 'yolox'"),
        ],
    )
    def test_a_hyperparameter_that_cannot_be(
        self, job: Job, changed: dict[str, str], message: str
    ) -> None:
        job.hyperparameters(**changed)
        self.refuses(job, message)

    def test_hyperparameters_that_are_no_json(self, job: Job) -> None:
        (job.root / "input/config/hyperparameters.json").write_text("{")
        self.refuses(job, r"hyperparameters\.json is not JSON")

    def test_a_champion_that_is_no_detector(self, job: Job) -> None:
        value = [
            helper.make_tensor_value_info(n, TensorProto.FLOAT, [1, 3, "h", "w"]) for n in "ab"
        ]
        graph = helper.make_graph(
            [helper.make_node("Relu", ["a"], ["b"])], "g", value[:1], value[1:]
        )
        onnx.save(
            helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8),
            job.root / "input/data/model/model.onnx",
        )
        (job.root / "input/data/model/model.json").unlink()
        self.refuses(job, "its outputs .* are those of no detector known here")

    def test_a_champion_that_is_cut_short(self, job: Job) -> None:
        file = job.root / "input/data/model/model.onnx"
        file.write_bytes(file.read_bytes()[:1_000_000])
        self.refuses(job, r"model\.onnx cannot be read as an ONNX model")

    def test_a_champion_of_another_form(self, job: Job) -> None:
        job.hyperparameters(adapter="yunet")
        self.refuses(job, "is a centerface, but the hyperparameter adapter is yunet")

    def test_a_model_channel_without_a_model(self, job: Job) -> None:
        (job.root / "input/data/model/model.onnx").unlink()
        self.refuses(job, r"holds neither model\.onnx nor model\.tar\.gz")

    def test_an_archive_cut_short(self, job: Job) -> None:
        folder = job.root / "input/data/model"
        with tarfile.open(folder / "model.tar.gz", "w:gz") as archive:
            archive.add(folder / "model.onnx", "model.onnx")
        packed = (folder / "model.tar.gz").read_bytes()
        (folder / "model.tar.gz").write_bytes(packed[: len(packed) // 2])
        self.refuses(job, r"model\.tar\.gz cannot be unpacked")

    def test_a_loss_that_is_no_number(self, job: Job) -> None:
        # A face without end: the logarithm of its size is none either.
        job.channel(
            "train",
            [
                frame_of(job.root, "train", f"n{number}", number, scores=np.array([np.nan, 1]))
                for number in range(3)
            ],
        )
        job.hyperparameters(rehearsal_share=0, steps=20)
        self.refuses(job, "The loss became nan at step")


def test_yunet_is_trained_by_the_same_script(job: Job, shared_data: Path) -> None:
    folder = job.root / "input/data/model"
    (folder / "model.json").unlink()
    (folder / "model.onnx").write_bytes((shared_data / "weights/yunet_n_dynamic.onnx").read_bytes())
    job.hyperparameters(adapter="yunet", rehearsal_margin=1)

    assert _train(job) == 0
    assert load_model(job.root / "model/model.onnx").card.adapter == "yunet"
    assert json.loads((job.root / "model/model.json").read_text())["adapter"] == "yunet"


def test_the_count_of_what_is_rehearsed_is_kept_where_a_threshold_can() -> None:
    # Error shares on validation and on rehearsed frames, by threshold.
    wrong = {0.3: (0.1, 0.4), 0.4: (0.3, 0.2), 0.5: (0.5, 0.1)}

    assert best_threshold(wrong, 0.4, most=None) == 0.4
    assert best_threshold(wrong, 0.4, most=0.15) == 0.5
    assert best_threshold(wrong, 0.4, most=0.05) == 0.4
    assert best_threshold({0.3: (0.2,), 0.4: (0.2,), 0.6: (0.2,)}, 0.45, most=None) == 0.4
