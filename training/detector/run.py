"""One run: steps of learning, rounds of validation, and the best round's weights."""

import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from headcount.errors import TrainingError
from training.detector.batches import Batch, as_input, batch_of
from training.detector.champion import Champion
from training.detector.channels import Channels
from training.detector.checkpoints import Checkpoints
from training.detector.export import export
from training.detector.graph import TrainableGraph, read_graph
from training.detector.hyperparameters import Hyperparameters
from training.detector.learning import LEARNING
from training.detector.validation import Judgement, Score, judge
from training.serving.adapters import ADAPTERS

# The share of the steps over which the rate rises to its peak: folded networks break at once.
_WARM_UP = 0.1
# A gradient longer than this is shortened to it. Chosen.
_LONGEST_GRADIENT = 5.0
# Steps between two lines of loss.
_REPORT_EVERY = 10


class StoppedError(TrainingError):
    """The run was told to stop; its checkpoint is written."""


@dataclass
class State:
    """All that changes while a run goes on.

    Attributes:
        step: Steps made.
        averaged: Moving average of the weights, by name: what is judged and exported.
        losses: Mean loss of each stretch of steps.
        rounds: Each round's figures; round 0 is the champion.
        best: The best round's weights, by name.
        best_round: Its number.
        seconds: Spent learning, over all of the run's lives.
    """

    step: int = 0
    averaged: dict[str, Tensor] = field(default_factory=dict)
    losses: list[dict[str, float]] = field(default_factory=list)
    rounds: list[dict[str, Any]] = field(default_factory=list)
    best: dict[str, Tensor] = field(default_factory=dict)
    best_round: int = 0
    seconds: float = 0.0


class Run:
    """A fine-tuning run that can be stopped after any step."""

    def __init__(
        self,
        parameters: Hyperparameters,
        channels: Channels,
        champion: Champion,
        checkpoints: Checkpoints,
        scratch: Path,
        say: Callable[[str], None],
    ) -> None:
        """Prepare a run, or take it up where its checkpoint left it.

        Args:
            parameters: What it was told.
            channels: What it learns from.
            champion: What it begins with.
            checkpoints: Where it is kept.
            scratch: A folder for weights under judgement.
            say: Is given each line of figures.

        Raises:
            ModelError: If the champion cannot be trained, or the checkpoint is not this run's.
        """
        self._parameters, self._channels, self._champion = parameters, channels, champion
        self._checkpoints, self._scratch, self._say = checkpoints, scratch, say
        torch.manual_seed(parameters.seed)
        torch.use_deterministic_algorithms(mode=True)
        if parameters.threads:
            torch.set_num_threads(parameters.threads)
        self.graph: TrainableGraph = read_graph(champion.file.path)
        self._teacher = read_graph(champion.file.path).module.requires_grad_(requires_grad=False)
        self._learning = LEARNING[parameters.adapter]
        self._is_rgb = ADAPTERS[parameters.adapter].is_rgb
        names = [output.name for output in self.graph.proto.graph.output]
        self._served = [names.index(name) for name in self._learning.outputs]
        self._weights = dict(self.graph.module.named_parameters())
        self._optimizer = torch.optim.AdamW(
            self._weights.values(), lr=0.0, weight_decay=parameters.weight_decay
        )
        self.state = State(averaged=_copied(self._weights), best=_copied(self._weights))
        self._take_up()

    def finish(self, is_stopped: Callable[[], bool]) -> None:
        """Go on to the end; afterwards the module holds the best round's weights.

        Args:
            is_stopped: Is asked after each step whether to stop.

        Raises:
            StoppedError: If it was; the checkpoint is written.
            TrainingError: If the loss is no number any more, or a picture cannot be read.
        """
        state, parameters = self.state, self._parameters
        if not state.rounds:
            self._judge()
        total, count = 0.0, 0
        while state.step < parameters.steps:
            started_s = time.perf_counter()
            total, count = total + self._learn(), count + 1
            state.step += 1
            state.seconds += time.perf_counter() - started_s
            if state.step % _REPORT_EVERY == 0 or state.step == parameters.steps:
                self._report(total / count)
                total, count = 0.0, 0
            if _is_end_of_round(state.step, parameters):
                self._judge()
            if is_stopped():
                self.save()
                raise StoppedError(
                    f"Stopped after step {state.step} of {parameters.steps}.\n"
                    "The checkpoint is written: the same job goes on from there."
                )
            if state.step % parameters.checkpoint_every == 0:
                self.save()
        self._hold(state.best)

    def save(self) -> None:
        """Write the checkpoint."""
        self._checkpoints.save(
            {
                "state": asdict(self.state),
                "weights": _copied(self._weights),
                "optimizer": self._optimizer.state_dict(),
            }
        )

    def _take_up(self) -> None:
        kept = self._checkpoints.newest()
        if kept is None:
            return
        self.state = State(**kept["state"])
        self._hold(kept["weights"])
        self._optimizer.load_state_dict(kept["optimizer"])
        self._say(f"resumed_at_step={self.state.step};")

    def _learn(self) -> float:
        """Make one step, and return its loss."""
        step, parameters = self.state.step, self._parameters
        batch = batch_of(step, self._channels, parameters, self._champion.file.entry.input)
        self._optimizer.param_groups[0]["lr"] = _rate(step, parameters)
        loss = self._loss(batch)
        value = float(loss.detach())
        if not math.isfinite(value):
            raise TrainingError(
                f"The loss became {value} at step {step + 1}.\n"
                f"Lower the hyperparameter learning_rate, which is {parameters.learning_rate:g}, "
                "and look for labels without a size."
            )
        self._optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self._weights.values(), _LONGEST_GRADIENT)
        self._optimizer.step()
        # At first the average is young: it must not hold on to the champion.
        decay = min(parameters.average_decay, (step + 1) / (step + 10))
        with torch.no_grad():
            for name, weight in self._weights.items():
                self.state.averaged[name].lerp_(weight, 1 - decay)
        return value

    def _loss(self, batch: Batch) -> Tensor:
        found = self._look(self.graph.module, [crop.picture for crop in batch.crops])
        loss = self._learning.label_loss(found, batch.crops)
        if not batch.rehearsed or not self._parameters.distillation:
            return loss
        undarkened = [crop.undarkened for crop in batch.crops[: batch.rehearsed]]
        with torch.no_grad():
            taught = self._look(self._teacher, undarkened)
        held = self._learning.agreement([output[: batch.rehearsed] for output in found], taught)
        return loss + self._parameters.distillation * held

    def _look(self, module: torch.nn.Module, pictures: list[Any]) -> list[Tensor]:
        outputs = module(as_input(pictures, is_rgb=self._is_rgb))
        return [outputs[place] for place in self._served]

    def _judge(self) -> None:
        """Judge the averaged weights, and keep them if none were better so far."""
        learning = _copied(self._weights)
        self._hold(self.state.averaged)
        path = self._scratch / "judged.onnx"
        export(self.graph, path, self._learning.outputs)
        number = len(self.state.rounds)
        champion, threads = self._champion, self._parameters.threads
        if number == 0:
            # The champion as it is served, not as it might be.
            served_at = champion.file.entry.threshold
            judged = judge(path, champion, self._channels, threads, threshold=served_at)
        else:
            rehearsal = self.state.rounds[0]["rehearsal"]
            kept = None if rehearsal is None else Score(**rehearsal)
            judged = judge(path, champion, self._channels, threads, kept=kept)
        self._hold(learning)
        self.state.rounds.append({"round": number, "step": self.state.step, **asdict(judged)})
        self._say(f"round={number}; step={self.state.step}; " + _as_line(judged))
        if self._is_best(number):
            self.state.best_round = number
            self.state.best = _copied(self.state.averaged)

    def _is_best(self, number: int) -> bool:
        """Return whether a round beats the best so far without forgetting what is rehearsed."""
        champion, best, new = (
            self.state.rounds[which] for which in (0, self.state.best_round, number)
        )
        if new["rehearsal"] is not None:
            least = champion["rehearsal"]["ap50"] - self._parameters.rehearsal_margin
            if new["rehearsal"]["ap50"] < least:
                return False
        return _merit(new) > _merit(best)

    def _report(self, loss: float) -> None:
        step = self.state.step
        self.state.losses.append({"step": step, "loss": loss})
        rate = _rate(step - 1, self._parameters)
        self._say(f"step={step}; train_loss={loss:.5f}; learning_rate={rate:.3g};")

    def _hold(self, weights: dict[str, Tensor]) -> None:
        with torch.no_grad():
            for name, weight in self._weights.items():
                weight.copy_(weights[name])


def _rate(step: int, parameters: Hyperparameters) -> float:
    """Return a step's learning rate: a linear rise, then half a cosine down to nothing."""
    rise = max(1, round(_WARM_UP * parameters.steps))
    if step < rise:
        return parameters.learning_rate * (step + 1) / rise
    share = (step - rise) / max(1, parameters.steps - rise)
    return parameters.learning_rate * 0.5 * (1 + math.cos(math.pi * share))


def _merit(judged: dict[str, Any]) -> float:
    """Return what rounds are compared by: precision less the count's error as a share, summed.

    Each alone is known to a few hundredths only on a few dozen pictures, and all matter: a room is
    run by the count, and most of its days are not drifted.
    """
    scores = (judged["validation"], judged["rehearsal"])
    return sum(float(one["ap50"] - one["error_share"]) for one in scores if one is not None)


def _is_end_of_round(step: int, parameters: Hyperparameters) -> bool:
    rounds = min(parameters.validations, parameters.steps)
    return any(step == round(parameters.steps * (k + 1) / rounds) for k in range(rounds))


def _copied(weights: dict[str, Any]) -> dict[str, Tensor]:
    return {name: weight.detach().clone() for name, weight in weights.items()}


def _as_line(judged: Judgement) -> str:
    figures = {"validation": judged.validation, "rehearsal": judged.rehearsal}
    parts = [
        f"{name}_{what}={value:.5f};"
        for name, score in figures.items()
        if score is not None
        for what, value in asdict(score).items()
    ]
    return " ".join(parts)
