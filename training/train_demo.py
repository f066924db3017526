"""Fine-tune the packaged CenterFace for a drift, and gate it: `make train-demo`.

Composes a set of scenes, or takes labelled photographs (`--faces DIR`); shows that the champion is
worse on the part that drifted; trains a challenger in the training environment by the very script
that a SageMaker job runs; compares the two on frozen frames, and promotes or rejects.
"""

import argparse
import json
import shutil
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, track

from headcount.errors import HeadcountError, TrainingError
from training.channel_folders import write_champion, write_channel, write_job
from training.composed import DARK_SLICE, compose_set
from training.detector.container import Container
from training.detector.hyperparameters import read_hyperparameters
from training.evaluate import evaluate_model, load_model
from training.evaluation.card import model_card, write_card
from training.evaluation.comparison import Comparison, compare_files
from training.evaluation.frozen import frozen_sets
from training.evaluation.gate import Verdict, gate
from training.evaluation.page import write_page, write_text
from training.manifest import Frame, Manifest, Split
from training.photographs import read_photographs
from training.weights import BUILD, fetch_weights

_JOB = "training.detector.train"
TRAINING_PYTHON = BUILD / "training/bin/python"
_MADE = BUILD / "train-demo"
_REJECTED, _REFUSED, _INTERRUPTED = 1, 2, 130
# By SIGINT and by SIGTERM, once the job has written its checkpoint.
_STOPPED = (130, 143)
# glibc gives large blocks back to the system after every step, and asks for them again: measured,
# 36 of 180 s. Elsewhere the two mean nothing.
_KEEP_MEMORY = ("MALLOC_TRIM_THRESHOLD_=4000000000", "MALLOC_MMAP_THRESHOLD_=4000000000")
# Four people's faces are learnt in a third of the steps (measured): no need to wait for the rest.
_COMPOSED_DEFAULTS: dict[str, object] = {"steps": 80, "validations": 2}
# The job's last lines say what went wrong, if its failure file does not.
_LAST_LINES = 5

Item = TypeVar("Item")


def demonstrate(faces: Path | None, hyperparameters: dict[str, object], seed: int) -> Verdict:
    """Run the demonstration, write its reports below .build/train-demo, and return the verdict.

    Args:
        faces: A folder with `images/` and `annotations.json`; None for composed scenes.
        hyperparameters: Of the job, besides the defaults.
        seed: Of the composed set and of the job.

    Raises:
        HeadcountError: If a part of it cannot be done.
    """
    console = Console(stderr=True)
    started_s = time.perf_counter()
    asked: dict[str, object] = {"seed": seed} | ({} if faces else _COMPOSED_DEFAULTS)
    asked |= hyperparameters
    read_hyperparameters(asked)
    folder = _MADE / ("photographs" if faces else "composed")
    shutil.rmtree(folder / "set", ignore_errors=True)
    if faces:
        manifest = read_photographs(faces, folder / "set", _watch(console, "Reading photographs"))
    else:
        manifest = compose_set(folder / "set", seed, watch=_watch(console, "Composing scenes"))
    champion = fetch_weights()
    _tell(f"{len(manifest.frames)} frames, sha256 {manifest.sha256}", console)
    _show_drift(champion, manifest, console)
    root = folder / "job"
    lay_out_job(root, manifest, champion, asked)
    metrics = run_job(root, console)
    compared, verdict = _gate(champion, root / "model/model.onnx", manifest, folder, console)
    _report(compared, verdict, metrics)
    _tell(f"{time.perf_counter() - started_s:.0f} s in all. Reports: {folder}", console)
    return verdict


def lay_out_job(
    root: Path, manifest: Manifest, champion: Path, hyperparameters: dict[str, object]
) -> None:
    """Lay out a job: drifted frames to learn from, those of before to rehearse.

    Raises:
        ManifestError: If pictures are missing or folders cannot be written.
    """
    taught, chosen_by = manifest.within(Split.TRAIN), manifest.within(Split.VALIDATION)
    channels = {
        "train": [frame for frame in taught if _is_dark(frame)],
        # Those of the validation split are not learnt from: they tell what is forgotten.
        "rehearsal": [frame for frame in (*taught, *chosen_by) if not _is_dark(frame)],
        "validation": [frame for frame in chosen_by if _is_dark(frame)],
    }
    for name, frames in channels.items():
        write_channel(manifest, frames, root / "input/data" / name)
    write_champion(champion, root)
    write_job(root, hyperparameters, [*channels, "model"])


def run_job(root: Path, console: Console, python: Path = TRAINING_PYTHON) -> dict[str, Any]:
    """Run a laid-out job in the training environment, and return its metrics.json.

    Raises:
        TrainingError: If there is no such environment, or the job failed; says the job's reason.
    """
    if not python.exists():
        raise TrainingError(
            f"The training environment is missing: {python}.\nRun `make training` first."
        )
    last: deque[str] = deque(maxlen=_LAST_LINES)
    with (
        Progress(
            TextColumn("Training"), BarColumn(), TextColumn("{task.description}"),
            TimeElapsedColumn(), console=console,
        ) as progress,
        subprocess.Popen(
            ["env", *_KEEP_MEMORY, str(python), "-m", _JOB, "--root", str(root)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as job,
    ):  # fmt: skip
        steps = read_hyperparameters(Container(root).hyperparameters()).steps
        task = progress.add_task("", total=steps)
        for line in job.stdout or ():
            last.append(line.rstrip())
            said = read_figures(line)
            if "train_loss" in said:
                progress.update(
                    task, completed=said["step"], description=f"loss {said['train_loss']:.2f}"
                )
    if job.returncode in _STOPPED:
        raise TrainingError(
            f"The training job was stopped.\nRun it again to go on: {_JOB}, {root}."
        )
    if job.returncode != 0:
        failure = root / "output/failure"
        reason = failure.read_text().strip() if failure.is_file() else "\n".join(last)
        raise TrainingError(f"The training job failed: {reason}")
    metrics: dict[str, Any] = json.loads((root / "model/metrics.json").read_text())
    return metrics


def read_figures(line: str) -> dict[str, float]:
    """Return the `name=value;` figures of one of a job's lines."""
    figures = {}
    for part in line.split(";"):
        name, _, value = part.strip().partition("=")
        try:
            figures[name] = float(value)
        except ValueError:
            continue
    return figures


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demonstration: 0 if the challenger is promoted, 1 if not, 2 for an error."""
    parser = argparse.ArgumentParser(prog="python -m training.train_demo", description=__doc__)
    parser.add_argument("--faces", type=Path, help="photographs: images/ and annotations.json")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", help="a hyperparameter"
    )
    asked = parser.parse_args(arguments)
    parameters: dict[str, object] = dict(part.partition("=")[::2] for part in asked.set)
    try:
        verdict = demonstrate(asked.faces, parameters, asked.seed)
    except HeadcountError as refused:
        sys.stderr.write(f"train-demo: {refused}\n")
        return _REFUSED
    except KeyboardInterrupt:
        return _INTERRUPTED
    return 0 if verdict.promote else _REJECTED


def _show_drift(champion: Path, manifest: Manifest, console: Console) -> None:
    model = load_model(champion)
    for split in (Split.GOLDEN, Split.DRIFTED):
        images = manifest.as_labelled(manifest.within(split))
        watch = _watch(console, f"The champion on the {split.value} set")
        scored, _ = evaluate_model(model, images, watch)
        _tell(
            f"Champion on {split.value}: AP50 {scored.ap50:.3f}, count error {scored.mae:.2f}, "
            f"bias {scored.bias:+.2f} faces",
            console,
        )


def _gate(
    champion: Path, challenger: Path, manifest: Manifest, folder: Path, console: Console
) -> tuple[Comparison, Verdict]:
    def watch(images: Sequence[Any], what: str) -> Iterable[Any]:
        return track(images, what, console=console)

    compared = compare_files(champion, challenger, frozen_sets(manifest), watch=watch)
    verdict = gate(compared)
    document = compared.as_json() | verdict.as_json()
    write_text(folder / "gate.json", json.dumps(document, indent=2) + "\n")
    write_page(folder / "gate.html", compared, verdict)
    write_card(folder / "card.md", model_card(compared, verdict, manifest, datetime.now(UTC)))
    return compared, verdict


def _report(compared: Comparison, verdict: Verdict, metrics: dict[str, Any]) -> None:
    out = Console(soft_wrap=True, highlight=False)
    out.print(
        f"Round {metrics['selected_round']} of {len(metrics['rounds']) - 1} was chosen, threshold "
        f"{metrics['threshold']}; learning took {metrics['seconds']['learning']:.0f} s on "
        f"{metrics['torch_threads']} threads; torch and ONNX differ by "
        f"{metrics['export_difference']:.1e}."
    )
    for one in compared.slices:
        for name, paired in (("AP50", one.ap50), ("count error", one.mae)):
            if "/" not in one.name and paired is not None and paired.low is not None:
                out.print(
                    f"{one.name:8} {name:11} {paired.champion:.3f} -> {paired.challenger:.3f}, "
                    f"gain {paired.gain:+.3f} [{paired.low:+.3f}, {paired.high:+.3f}]"
                )
    for reason in (*verdict.won, *verdict.against):
        out.print(f"{reason.outcome.value}: {reason.words}")
    out.print("Promote." if verdict.promote else "Reject.", style="bold")


def _is_dark(frame: Frame) -> bool:
    return DARK_SLICE in frame.slices


def _watch(console: Console, what: str) -> Callable[[Sequence[Item]], Iterable[Item]]:
    return lambda items: track(items, what, console=console)


def _tell(line: str, console: Console) -> None:
    console.print(line, highlight=False, soft_wrap=True)


if __name__ == "__main__":
    sys.exit(main())
