"""Search learning rate, steps and rehearsal share: `python -m training.tune`.

Every candidate is the job that SageMaker would run, on this machine. A grid runs them all; halving
runs all of them short, and the better half again with twice the steps, until one is left. The same
space is what `training.job_requests.tuning_job_request` asks SageMaker to search.
"""

import argparse
import itertools
import json
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from headcount.errors import HeadcountError, TrainingError
from training.channel_folders import write_job
from training.detector.hyperparameters import read_hyperparameters
from training.train_demo import run_job
from training.weights import BUILD

_REFUSED = 2
# Of the values that the demonstration's defaults were chosen from; docs/training.md.
RATES, STEPS, SHARES = (5e-5, 1e-4, 2e-4), (120, 200), (0.25, 0.5)

# Runs one job below a folder and returns its metrics.
Runner = Callable[[Path, dict[str, object]], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Candidate:
    """One point of the search."""

    learning_rate: float
    steps: int
    rehearsal_share: float


@dataclass(frozen=True, slots=True)
class Trial:
    """What a candidate came to, over its seeds.

    Attributes:
        candidate: Which.
        steps: That it was run with; fewer than its own while it is still one of many.
        ap50: Mean of the chosen rounds' average precision on the validation channel.
        mae: Mean of their count's error.
        rehearsal_ap50: The same on what must not be forgotten; None without rehearsal.
        improved: In how many seeds any round beat the champion within the margin.
        seeds: How many seeds.
        seconds: Of all its runs.
    """

    candidate: Candidate
    steps: int
    ap50: float
    mae: float
    rehearsal_ap50: float | None
    improved: int
    seeds: int
    seconds: float


def grid(candidates: Sequence[Candidate], seeds: Sequence[int], run: "Search") -> list[Trial]:
    """Return every candidate's trial at its own steps, the best first."""
    return sorted((run.trial(one, one.steps, seeds) for one in candidates), key=_rank)


def halving(candidates: Sequence[Candidate], seeds: Sequence[int], run: "Search") -> list[Trial]:
    """Return the trials of successive halving: the last rung first, the best of each first.

    Source: Jamieson and Talwalkar (2016), "Non-stochastic Best Arm Identification and
        Hyperparameter Optimization", AISTATS 51, 240-248.
    """
    left, rungs = list(candidates), []
    divisor = 1 << max(0, (len(left) - 1).bit_length())
    while True:
        # The last one standing is run at its own steps, whatever the rounding.
        trials = sorted(
            (run.trial(one, max(1, one.steps // divisor), seeds) for one in left), key=_rank
        )
        rungs.append(trials)
        if divisor == 1:
            return [trial for rung in reversed(rungs) for trial in rung]
        left = [trial.candidate for trial in trials[: max(1, (len(left) + 1) // 2)]]
        divisor //= 2


class Search:
    """Runs trials over one set of channels."""

    def __init__(self, channels: Path, into: Path, fixed: dict[str, object], run: Runner) -> None:
        """Prepare a search.

        Args:
            channels: A folder of channels, as in a job's input/data.
            into: Where each job's folder is made.
            fixed: Hyperparameters that are the same everywhere.
            run: Runs one job.

        Raises:
            TrainingError: If there are no channels.
        """
        if not (channels / "train").is_dir():
            raise TrainingError(
                f"{channels} holds no channel train.\nName the folder of the channels, e.g. "
                ".build/train-demo/composed/job/input/data."
            )
        self._channels, self._into, self._fixed, self._run = channels.resolve(), into, fixed, run

    def trial(self, candidate: Candidate, steps: int, seeds: Sequence[int]) -> Trial:
        """Return what a candidate comes to with some number of steps.

        Raises:
            TrainingError: If a job fails.
        """
        started_s = time.perf_counter()
        chosen = []
        for seed in seeds:
            parameters = self._fixed | asdict(candidate) | {"steps": steps, "seed": seed}
            metrics = self._run(self._root(parameters), parameters)
            chosen.append(metrics["rounds"][metrics["selected_round"]])
        rehearsed = [one["rehearsal"]["ap50"] for one in chosen if one["rehearsal"]]
        return Trial(
            candidate=candidate,
            steps=steps,
            ap50=statistics.fmean(one["validation"]["ap50"] for one in chosen),
            mae=statistics.fmean(one["validation"]["mae"] for one in chosen),
            rehearsal_ap50=statistics.fmean(rehearsed) if rehearsed else None,
            improved=sum(one["round"] > 0 for one in chosen),
            seeds=len(seeds),
            seconds=round(time.perf_counter() - started_s, 1),
        )

    def _root(self, parameters: dict[str, object]) -> Path:
        # Refused here, before minutes are spent on those that come first.
        read_hyperparameters(dict(parameters))
        name = "-".join(str(parameters[part]) for part in ("learning_rate", "steps", "seed"))
        root = self._into / f"{name}-{parameters['rehearsal_share']}"
        (root / "input").mkdir(parents=True, exist_ok=True)
        link = root / "input/data"
        link.unlink(missing_ok=True)
        link.symlink_to(self._channels, target_is_directory=True)
        write_job(root, parameters, sorted(one.name for one in self._channels.iterdir()))
        return root


def main(arguments: Sequence[str] | None = None) -> int:
    """Search, print the table and write the results."""
    parser = argparse.ArgumentParser(prog="python -m training.tune", description=__doc__)
    parser.add_argument("--channels", type=Path, required=True, help="a job's input/data")
    parser.add_argument("--rates", type=_numbers(float), default=RATES, metavar="N,N,…")
    parser.add_argument("--steps", type=_numbers(int), default=STEPS, metavar="N,N,…")
    parser.add_argument("--shares", type=_numbers(float), default=SHARES, metavar="N,N,…")
    parser.add_argument("--seeds", type=_numbers(int), default=(0,), metavar="N,N,…")
    parser.add_argument("--halving", action="store_true", help="successive halving, not a grid")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--json", type=Path, default=BUILD / "tune/results.json")
    asked = parser.parse_args(arguments)
    console = Console(stderr=True)
    fixed: dict[str, object] = dict(part.partition("=")[::2] for part in asked.set)
    candidates = [
        Candidate(rate, steps, share)
        for rate, steps, share in itertools.product(asked.rates, asked.steps, asked.shares)
    ]
    try:
        for one in candidates:
            read_hyperparameters(fixed | asdict(one))

        def run(root: Path, parameters: dict[str, object]) -> dict[str, Any]:
            console.print(f"{parameters}", highlight=False, soft_wrap=True)
            return run_job(root, console)

        search = Search(asked.channels, BUILD / "tune/jobs", fixed, run)
        trials = (halving if asked.halving else grid)(candidates, asked.seeds, search)
        asked.json.parent.mkdir(parents=True, exist_ok=True)
        asked.json.write_text(json.dumps([asdict(one) for one in trials], indent=2) + "\n")
    except HeadcountError as refused:
        sys.stderr.write(f"tune: {refused}\n")
        return _REFUSED
    Console().print(as_table(trials))
    return 0


def as_table(trials: Sequence[Trial]) -> Table:
    """Return the results as a table, in their order."""
    table = Table(box=None)
    for title in ("rate", "steps", "share", "AP50", "count error", "rehearsal AP50", "better", "s"):
        table.add_column(title, justify="right")
    for one in trials:
        kept = "-" if one.rehearsal_ap50 is None else f"{one.rehearsal_ap50:.3f}"
        table.add_row(
            f"{one.candidate.learning_rate:g}",
            str(one.steps),
            f"{one.candidate.rehearsal_share:g}",
            f"{one.ap50:.3f}",
            f"{one.mae:.2f}",
            kept,
            f"{one.improved}/{one.seeds}",
            f"{one.seconds:.0f}",
        )
    return table


def _rank(trial: Trial) -> tuple[float, float]:
    """Return what trials are sorted by: precision, and between equals the count."""
    return -trial.ap50, trial.mae


def _numbers(kind: type[float] | type[int]) -> Callable[[str], tuple[float, ...]]:
    def read(text: str) -> tuple[float, ...]:
        return tuple(kind(part) for part in text.split(","))

    read.__name__ = "list of numbers"
    return read


if __name__ == "__main__":
    sys.exit(main())
