"""What a model costs to run and to keep: time of a frame, bytes, parameters."""

import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

from headcount.errors import ModelError
from training.evaluate import predict
from training.labels import LabelledImage
from training.serving.endpoint import ServedModel

# Frames that are timed, spread over all: the median of sixty is steady to a few per cent, and they
# take eight seconds at 65 ms.
_TIMED_FRAMES = 60


@dataclass(frozen=True, slots=True)
class ModelSize:
    """What a model takes up.

    Attributes:
        bytes: Of the weights file.
        parameters: Numbers in it that training can change or has fixed.
    """

    bytes: int
    parameters: int


@dataclass(frozen=True, slots=True)
class Speed:
    """How long a frame takes, from its bytes to the answer's, at the serving threshold.

    Attributes:
        champion_ms: Median.
        challenger_ms: Median.
        ratio: Median over frames of challenger by champion, which share what disturbed them.
        frames: How many were timed.
    """

    champion_ms: float
    challenger_ms: float
    ratio: float
    frames: int


def measure_size(weights: Path) -> ModelSize:
    """Return the size of an ONNX file.

    Raises:
        ModelError: If it cannot be read.
    """
    try:
        model = onnx.load(weights)
        size = weights.stat().st_size
    except (OSError, DecodeError) as fault:
        raise ModelError(
            f"{weights} cannot be read as an ONNX model ({fault}).\nName a .onnx file."
        ) from fault
    return ModelSize(size, sum(int(np.prod(one.dims)) for one in model.graph.initializer))


def measure_speed(
    champion: ServedModel,
    challenger: ServedModel,
    images: Sequence[LabelledImage],
    watch: Callable[[Sequence[LabelledImage], str], Iterable[LabelledImage]],
) -> Speed:
    """Return the time of a frame for both models, timed in turns within one run.

    What else the machine does then disturbs both alike. Who goes first changes from frame to frame,
    so that a picture already in the processor's cache favours neither.
    """
    timed = [images[index] for index in _spread(len(images))]
    times_ms: tuple[list[float], list[float]] = ([], [])
    for turn, image in enumerate(watch(timed, "Timing both models")):
        for which in (0, 1) if turn % 2 == 0 else (1, 0):
            model = (champion, challenger)[which]
            times_ms[which].append(predict(model, image, model.card.threshold).elapsed_ms)
    ratios = [later / before for before, later in zip(*times_ms, strict=True)]
    return Speed(
        champion_ms=statistics.median(times_ms[0]),
        challenger_ms=statistics.median(times_ms[1]),
        ratio=statistics.median(ratios),
        frames=len(timed),
    )


def _spread(count: int) -> list[int]:
    return sorted({int(index) for index in np.linspace(0, count - 1, min(count, _TIMED_FRAMES))})
