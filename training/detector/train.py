"""Fine-tune the champion on a job's channels: `python -m training.detector.train`.

By SageMaker's container contract: reads /opt/ml/input, writes /opt/ml/model, keeps checkpoints in
/opt/ml/checkpoints, and one reason in /opt/ml/output/failure if it fails. `--root` puts all of that
anywhere else.
"""

import argparse
import hashlib
import json
import platform
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from types import FrameType
from typing import Any

try:
    import torch
except ModuleNotFoundError as fault:
    raise SystemExit(
        "There is no torch here.\nMake its environment with `make training`, and run "
        "`.build/training/bin/python -m training.detector.train`."
    ) from fault

from headcount.errors import HeadcountError
from training.detector.champion import Champion, find_champion
from training.detector.channels import Channels, read_channels
from training.detector.checkpoints import Checkpoints
from training.detector.container import OPT_ML, Container
from training.detector.export import export
from training.detector.hyperparameters import Hyperparameters, read_hyperparameters
from training.detector.learning import LEARNING
from training.detector.run import Run, StoppedError
from training.serving.endpoint import MODEL_FILE

METRICS_FILE = "metrics.json"
# What a shell adds to the number of the signal that a process ended by.
_SIGNALLED = 128
# What changes how a run goes on, and not what comes of it.
_WITHOUT_EFFECT = {"checkpoint_every", "threads"}


def train(container: Container, is_stopped: Callable[[], bool]) -> dict[str, Any]:
    """Run a job whole, and return what metrics.json says.

    Args:
        container: Of the job.
        is_stopped: Is asked after each step whether to stop.

    Raises:
        StoppedError: If the process was told to stop; the checkpoint is written.
        ModelError: If the job cannot be done; names the channel, the file or the value.
    """
    started_s = time.perf_counter()
    parameters = read_hyperparameters(container.hyperparameters())
    channels = read_channels(container, rehearse=parameters.rehearsal_share > 0)
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        champion = find_champion(container, parameters.adapter, scratch)
        run_sha256 = _sha256_of_run(parameters, channels, champion)
        run = Run(
            parameters,
            channels,
            champion,
            Checkpoints(container.checkpoints, run_sha256),
            scratch,
            _say,
        )
        run.finish(is_stopped)
        weights = container.model / MODEL_FILE
        difference = export(run.graph, weights, LEARNING[parameters.adapter].outputs)
        chosen = run.state.rounds[run.state.best_round]
        # The part before the plus sign is the model it goes back to, however often it was trained.
        first, _, _ = champion.file.entry.version.partition("+")
        champion.write_card(weights, f"{first}+{run_sha256[:12]}", chosen["threshold"])
    metrics = {
        "run_sha256": run_sha256,
        "hyperparameters": parameters.model_dump(),
        "manifest_sha256": channels.sha256,
        "champion_sha256": champion.file.entry.sha256,
        "frames": {
            part: len(getattr(channels, part))
            for part in ("train", "rehearsal", "validation", "floor")
        },
        "selected_round": run.state.best_round,
        "threshold": chosen["threshold"],
        "rounds": run.state.rounds,
        "losses": run.state.losses,
        "export_difference": difference,
        "seconds": {
            "learning": round(run.state.seconds, 1),
            "whole": round(time.perf_counter() - started_s, 1),
        },
        "torch_threads": torch.get_num_threads(),
        "versions": _versions(),
    }
    (container.model / METRICS_FILE).write_text(json.dumps(metrics, indent=2) + "\n")
    _say(f"selected_round={run.state.best_round}; export_difference={difference:.3g};")
    return metrics


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a job, and return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m training.detector.train", description=__doc__)
    parser.add_argument("--root", type=Path, default=OPT_ML, help="instead of /opt/ml")
    # The image's toolkit passes every hyperparameter as an option too; they are read from the file.
    container = Container(parser.parse_known_args(arguments)[0].root)
    stop = _StopSignal()
    try:
        train(container, stop.is_set)
    except StoppedError as stopped:
        sys.stderr.write(f"train: {stopped}\n")
        return _SIGNALLED + stop.signal
    except HeadcountError as refused:
        container.fail(str(refused))
        sys.stderr.write(f"train: {refused}\n")
        return 1
    except BaseException as fault:
        # The contract asks for a reason also of what nobody foresaw; the traceback is in the log.
        container.fail(f"{type(fault).__name__}: {fault}")
        raise
    return 0


class _StopSignal:
    """Remembers that the process was told to stop: spot capacity goes two minutes after."""

    def __init__(self) -> None:
        self.signal = 0
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._set)

    def is_set(self) -> bool:
        return self.signal != 0

    def _set(self, number: int, _frame: FrameType | None) -> None:
        self.signal = number


def _sha256_of_run(parameters: Hyperparameters, channels: Channels, champion: Champion) -> str:
    what = [
        parameters.model_dump(exclude=_WITHOUT_EFFECT),
        channels.sha256,
        champion.file.entry.sha256,
        asdict(champion.file.entry.input),
    ]
    return hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()


def _versions() -> dict[str, str]:
    packages = ("torch", "onnx", "onnx2torch", "onnxruntime", "numpy", "opencv-python-headless")
    return {"python": platform.python_version()} | {name: version(name) for name in packages}


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
