import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import boto3
import botocore.session
import cv2
import numpy as np
import pytest
from botocore.validate import ParamValidator

from headcount.errors import ManifestError, TrainingError
from training.channel_folders import MANIFEST, write_channel, write_job
from training.detector.container import Container
from training.detector.hyperparameters import Hyperparameters, read_hyperparameters
from training.job_requests import (
    OBJECTIVE,
    JobPlace,
    SearchSpace,
    training_job_request,
    tuning_job_request,
)
from training.launch import Wish, check, dry_run, main
from training.manifest import Frame, Manifest, Origin, write_manifest
from training.train_demo import read_figures, run_job
from training.tune import Candidate, Search, as_table, grid, halving

PLACE = JobPlace(
    role_arn="arn:aws:iam::123456789012:role/Training",
    image_uri="123456789012.dkr.ecr.eu-west-1.amazonaws.com/pytorch-training:2.6.0-cpu-py312",
    source_uri="s3://bucket/source/sourcedir.tar.gz",
    output_uri="s3://bucket/output",
)
CHANNELS = {name: f"s3://bucket/{name}" for name in ("train", "validation", "rehearsal", "model")}


def _faults(operation: str, request: dict[str, Any]) -> str:
    """What SageMaker's own published model says against a request; empty if nothing."""
    model = botocore.session.get_session().get_service_model("sagemaker")
    shape = model.operation_model(operation).input_shape
    assert shape is not None
    report: str = ParamValidator().validate(request, shape).generate_report()
    return report


def test_a_training_job_is_asked_for_as_sagemaker_wants_it() -> None:
    request = training_job_request("job-1", PLACE, CHANNELS, {"steps": 7}, {"manifest": "a" * 64})

    assert _faults("CreateTrainingJob", request) == ""
    assert request["HyperParameters"]["steps"] == "7"
    assert request["CheckpointConfig"]["LocalPath"] == "/opt/ml/checkpoints"
    assert request["Tags"] == [{"Key": "manifest", "Value": "a" * 64}]


def test_spot_capacity_may_be_waited_for_and_other_capacity_not() -> None:
    on_demand = JobPlace(**(asdict(PLACE) | {"spot": False}))
    requests = [training_job_request("a", place, CHANNELS, {}) for place in (PLACE, on_demand)]

    assert [one["EnableManagedSpotTraining"] for one in requests] == [True, False]
    assert ["MaxWaitTimeInSeconds" in one["StoppingCondition"] for one in requests] == [True, False]


def test_a_key_encrypts_disk_and_output() -> None:
    place = JobPlace(**(asdict(PLACE) | {"kms_key": "alias/headcount"}))
    request = training_job_request("a", place, CHANNELS, {})

    assert request["OutputDataConfig"]["KmsKeyId"] == "alias/headcount"
    assert request["ResourceConfig"]["VolumeKmsKeyId"] == "alias/headcount"


def test_the_search_that_sagemaker_is_asked_for_varies_what_tune_varies() -> None:
    request = tuning_job_request("search", PLACE, CHANNELS, SearchSpace(fixed={"seed": 3}))

    ranges = request["HyperParameterTuningJobConfig"]["ParameterRanges"]
    names = {one["Name"] for kind in ranges.values() for one in kind}
    metrics = request["TrainingJobDefinition"]["AlgorithmSpecification"]["MetricDefinitions"]
    assert _faults("CreateHyperParameterTuningJob", request) == ""
    assert names == set(asdict(Candidate(1e-4, 10, 0.5)))
    assert OBJECTIVE in {one["Name"] for one in metrics}
    assert request["TrainingJobDefinition"]["StaticHyperParameters"]["seed"] == "3"


def test_what_the_search_varies_is_within_what_a_job_takes() -> None:
    space = SearchSpace()
    for which in (0, 1):
        read_hyperparameters(
            {
                "learning_rate": space.learning_rate[which],
                "steps": space.steps[which],
                "rehearsal_share": space.rehearsal_share[which],
            }
        )


def test_hyperparameters_are_read_from_text_and_what_is_sagemakers_is_left_out() -> None:
    read = read_hyperparameters(
        {"steps": "7", "adapter": '"yunet"', "sagemaker_program": "train.py", "seed": "3"}
    )

    assert (read.steps, read.adapter, read.seed) == (7, "yunet", 3)
    assert read_hyperparameters({}) == Hyperparameters()


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ({"rate": "1"}, "rate is no hyperparameter"),
        ({"steps": "0"}, "steps is '0'"),
        ({"rehearsal_share": "1"}, "rehearsal_share is '1'"),
        ({"average_decay": "inf"}, "average_decay is 'inf'"),
    ],
)
def test_a_hyperparameter_that_cannot_be_is_named(texts: dict[str, object], message: str) -> None:
    with pytest.raises(TrainingError, match=message):
        read_hyperparameters(texts)


def test_a_jobs_folder_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    write_job(tmp_path, {"steps": 7}, ["train"])
    container = Container(tmp_path)

    assert container.hyperparameters() == {"steps": "7"}
    with pytest.raises(TrainingError, match="names the channel train, but"):
        container.channel("train")
    assert container.channel("model") is None


def test_a_new_job_forgets_what_an_older_one_made(tmp_path: Path) -> None:
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints/checkpoint.pt").write_bytes(b"old")

    write_job(tmp_path, {}, [])

    assert not (tmp_path / "checkpoints").exists()


def test_a_channel_is_a_manifest_with_its_pictures(tmp_path: Path) -> None:
    manifest = _manifest(tmp_path / "pool")
    channel = write_channel(manifest, manifest.frames[1:], tmp_path / "channel")

    assert len(channel.as_labelled(channel.frames)) == 2
    assert channel.picture(channel.frames[0]).read_bytes() == (tmp_path / "pool/1.png").read_bytes()
    assert channel.frames[0].faces.tolist() == manifest.frames[1].faces.tolist()
    assert (tmp_path / "channel" / MANIFEST).is_file()


def test_a_channel_is_written_anew_each_time(tmp_path: Path) -> None:
    manifest = _manifest(tmp_path / "pool")
    write_channel(manifest, manifest.frames, tmp_path / "channel")
    write_channel(manifest, manifest.frames[:1], tmp_path / "channel")

    assert len(list((tmp_path / "channel").rglob("*.png"))) == 1


def test_a_missing_picture_is_found_before_a_channel_is_written(tmp_path: Path) -> None:
    manifest = _manifest(tmp_path / "pool")
    (tmp_path / "pool/1.png").unlink()

    with pytest.raises(ManifestError, match="1 of 3 pictures are missing"):
        write_channel(manifest, manifest.frames, tmp_path / "channel")
    assert not (tmp_path / "channel").exists()


def test_figures_are_read_out_of_a_jobs_lines() -> None:
    line = "round=1; step=20; validation_ap50=0.75; words; rehearsal_ap50=nonsense;\n"

    assert read_figures(line) == {"round": 1.0, "step": 20.0, "validation_ap50": 0.75}


def test_without_a_training_environment_the_remedy_is_said(tmp_path: Path) -> None:
    from rich.console import Console

    with pytest.raises(TrainingError, match="Run `make training` first"):
        run_job(tmp_path, Console(), python=tmp_path / "python")


class FakeTraining:
    """Runs no job: precision rises with steps and is best at a rate of 1e-4."""

    def __init__(self) -> None:
        self.runs: list[dict[str, Any]] = []

    def __call__(self, root: Path, parameters: dict[str, object]) -> dict[str, Any]:
        asked = read_hyperparameters(json.loads(
            (root / "input/config/hyperparameters.json").read_text()))  # fmt: skip
        self.runs.append(asked.model_dump())
        precision = 0.5 + asked.steps / 1000 - abs(np.log10(asked.learning_rate) + 4) / 10
        score = {"ap50": float(precision), "mae": 1.0, "bias": 0.0}
        rounds = [{"round": one, "validation": score, "rehearsal": score} for one in (0, 1)]
        return {"rounds": rounds, "selected_round": 1}


@pytest.fixture
def channels(tmp_path: Path) -> Path:
    manifest = _manifest(tmp_path / "pool")
    for name in ("train", "validation", "rehearsal"):
        write_channel(manifest, manifest.frames, tmp_path / "channels" / name)
    return tmp_path / "channels"


CANDIDATES = [Candidate(rate, 80, share) for rate in (1e-5, 1e-4) for share in (0.25, 0.5)]


def test_a_grid_runs_everything_and_puts_the_best_first(channels: Path, tmp_path: Path) -> None:
    training = FakeTraining()
    trials = grid(CANDIDATES, (0, 1), Search(channels, tmp_path / "jobs", {}, training))

    assert len(training.runs) == len(CANDIDATES) * 2
    assert {run["seed"] for run in training.runs} == {0, 1}
    assert trials[0].candidate.learning_rate == 1e-4
    assert trials[0].ap50 == pytest.approx(0.58)
    assert as_table(trials).row_count == 4


def test_halving_gives_most_steps_to_the_best(channels: Path, tmp_path: Path) -> None:
    training = FakeTraining()
    trials = halving(CANDIDATES, (0,), Search(channels, tmp_path / "jobs", {}, training))

    assert [run["steps"] for run in training.runs] == [20] * 4 + [40] * 2 + [80]
    assert trials[0].steps == 80
    assert trials[0].candidate.learning_rate == 1e-4


def test_a_search_of_one_is_one_whole_run(channels: Path, tmp_path: Path) -> None:
    training = FakeTraining()
    halving(CANDIDATES[:1], (0,), Search(channels, tmp_path / "jobs", {}, training))

    assert [run["steps"] for run in training.runs] == [80]


def test_a_search_keeps_what_is_fixed(channels: Path, tmp_path: Path) -> None:
    training = FakeTraining()
    search = Search(channels, tmp_path / "jobs", {"batch_size": 2}, training)
    grid(CANDIDATES[:1], (5,), search)

    assert (training.runs[0]["batch_size"], training.runs[0]["seed"]) == (2, 5)


def test_a_search_without_channels_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="holds no channel train"):
        Search(tmp_path, tmp_path / "jobs", {}, FakeTraining())


def _wish(**changed: Any) -> Wish:
    asked: dict[str, Any] = {
        "channels": CHANNELS,
        "role_arn": PLACE.role_arn,
        "region": "eu-west-1",
        "instance_type": "ml.c7i.xlarge",
        "hyperparameters": {},
        "spot": True,
        "name": "job",
    }
    return Wish(**(asked | changed))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"role_arn": "me"}, "'me' is no role's ARN"),
        ({"channels": {"train": "s3://b/t", "model": "s3://b/m"}}, "no channel rehearsal, valid"),
        ({"hyperparameters": {"steps": "none"}}, "steps is 'none'"),
    ],
)
def test_what_would_fail_in_the_account_is_refused_here(
    changed: dict[str, Any], message: str
) -> None:
    with pytest.raises(TrainingError, match=message):
        check(_wish(**changed))


def test_a_job_in_the_account_needs_its_champion() -> None:
    with pytest.raises(TrainingError, match="no channel model"):
        check(_wish(channels={k: v for k, v in CHANNELS.items() if k != "model"}))


def test_a_local_channel_is_read_before_it_is_uploaded(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match=r"manifest\.jsonl cannot be read"):
        check(_wish(channels=CHANNELS | {"train": str(tmp_path)}))


def test_without_the_sdk_the_remedy_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    options = [f"--channel={name}={where}" for name, where in CHANNELS.items()]

    code = main(["--dry-run", "--role", PLACE.role_arn, "--region", "eu-west-1", *options])

    assert code == 2
    assert "Run `make launch`" in capsys.readouterr().err


def test_a_channel_of_an_unknown_name_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["--role", PLACE.role_arn, "--region", "eu-west-1", "--channel", "test=x"])

    assert code == 2
    assert "--channel 'test=x' is no NAME=VALUE" in capsys.readouterr().err


def _manifest(folder: Path) -> Manifest:
    frames = []
    folder.mkdir(parents=True)
    for number in range(3):
        picture = np.full((40, 40, 3), 50 * number, np.uint8)
        cv2.imwrite(str(folder / f"{number}.png"), picture)
        frames.append(
            Frame(
                source=f"{number}.png",
                width_px=40,
                height_px=40,
                origin=Origin.PEOPLE,
                faces=np.array([[number, 2.0, 9, 9]]),
            )
        )
    return write_manifest(folder / MANIFEST, frames)


def test_the_request_is_built_without_an_account() -> None:
    assert "sagemaker" not in sys.modules
    assert boto3.DEFAULT_SESSION is None
    with pytest.raises(TrainingError, match="SDK is not installed"):
        dry_run(_wish())
