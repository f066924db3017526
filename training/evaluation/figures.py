"""The figures of a slice for both models: AP50, recall, count error and bias, with intervals."""

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

from training.evaluate import Prediction, counted
from training.evaluation.bootstrap import FloatArray, Resamples, interval, resample_groups
from training.evaluation.frozen import FrozenSet, group_of
from training.evaluation.matching import Matches, average_precisions, match
from training.evaluation.slices import Slice, slices_of
from training.labels import LabelledImage


@dataclass(frozen=True, slots=True)
class Draws:
    """What intervals rest on.

    Attributes:
        resamples: How many draws.
        seed: Of the draws.
        level: Confidence of the intervals, 0 to 1.
    """

    resamples: int
    seed: int
    level: float


@dataclass(frozen=True, slots=True)
class Paired:
    """One figure of both models, and what the challenger gains.

    Attributes:
        champion: Its figure.
        challenger: Its figure.
        gain: How much better the challenger is; negative where it is worse, whatever the figure.
        low: Lower end of the interval of the gain; None where no interval can be told.
        high: Upper end.
    """

    champion: float
    challenger: float
    gain: float
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class SliceFigures:
    """What was measured on one slice.

    Attributes:
        name: E.g. `golden/camera/lobby`.
        frames: How many; of a slice of face sizes, those with such a face.
        faces: Labelled faces.
        groups: Scenes that these frames are of.
        ap50: Average precision at IoU 0.5, 0 to 1; None without faces.
        recall: Share of the faces found at each model's own threshold; None without faces.
        mae: Mean absolute error of a frame's count, in faces; None for a slice of face sizes.
        bias: Mean of counted minus labelled, in faces; its gain is of the absolute value.
    """

    name: str
    frames: int
    faces: int
    groups: int
    ap50: Paired | None
    recall: Paired | None
    mae: Paired | None
    bias: Paired | None


@dataclass(frozen=True, eq=False, slots=True)
class _Scores:
    """One model on one set.

    Attributes:
        errors: Shape `(images,)`: counted minus labelled.
        matches: By range of face areas.
        threshold: From which score on a face counts.
    """

    errors: FloatArray
    matches: dict[tuple[float, float], Matches]
    threshold: float


def measure_slices(
    part: FrozenSet,
    seen: tuple[Sequence[Prediction], Sequence[Prediction]],
    thresholds: tuple[float, float],
    draws: Draws,
) -> list[SliceFigures]:
    """Return the figures of each slice of a set, the whole first.

    Args:
        part: The set.
        seen: What champion and challenger saw, in the order of its frames.
        thresholds: From which score on each of them counts a face.
        draws: What the intervals rest on.
    """
    wanted = slices_of(part)
    areas = list(dict.fromkeys(one.area_px2 for one in wanted))
    scores = [
        _scores(part.images, predictions, areas, threshold)
        for predictions, threshold in zip(seen, thresholds, strict=True)
    ]
    groups = np.array([group_of(frame) for frame in part.frames])
    return [_slice_figures(one, scores, groups, draws) for one in wanted]


def _scores(
    images: Sequence[LabelledImage],
    predictions: Sequence[Prediction],
    areas: Sequence[tuple[float, float]],
    threshold: float,
) -> _Scores:
    errors = [
        counted(image, one, threshold) - len(image.faces)
        for image, one in zip(images, predictions, strict=True)
    ]
    found = match(images, predictions, areas)
    return _Scores(np.array(errors, float), dict(zip(areas, found, strict=True)), threshold)


def _slice_figures(
    one: Slice, scores: Sequence[_Scores], groups: npt.NDArray[np.str_], draws: Draws
) -> SliceFigures:
    matches = [each.matches[one.area_px2].within(one.images) for each in scores]
    faces = matches[0].faces
    # The name is part of the seed: a slice more or less does not change another's interval.
    seeds = (draws.seed, zlib.crc32(one.name.encode()))
    drawn = resample_groups(groups[one.images].tolist(), draws.resamples, seeds, draws.level)
    ap50 = recall = mae = bias = None
    if faces.any():
        ap50 = _paired([partial(average_precisions, each) for each in matches], drawn)
        recall = _paired(
            [
                partial(_ratio, match_.found(each.threshold), faces)
                for match_, each in zip(matches, scores, strict=True)
            ],
            drawn,
        )
    if not one.is_by_size:
        errors = [each.errors[one.images] for each in scores]
        mae = _paired([partial(_mean, np.abs(each)) for each in errors], drawn, np.negative)
        bias = _paired([partial(_mean, each) for each in errors], drawn, _nearness)
    # Of a size of faces, the frames without one tell false alarms only.
    telling = groups[one.images][faces > 0] if one.is_by_size else groups[one.images]
    return SliceFigures(
        name=one.name,
        frames=len(telling),
        faces=int(faces.sum()),
        groups=len(np.unique(telling)),
        ap50=ap50,
        recall=recall,
        mae=mae,
        bias=bias,
    )


def _paired(
    figures: Sequence[Callable[[FloatArray], FloatArray]],
    drawn: Resamples,
    goodness: Callable[[FloatArray], FloatArray] = np.positive,
) -> Paired:
    """Return both models' figure, and the interval of how much better the challenger's is.

    Args:
        figures: The champion's and the challenger's, of weights of shape `(resamples, images)`.
        drawn: The same draws for both.
        goodness: Turns a figure into one that is better the higher it is.
    """
    champion, challenger = figures

    def gain(weights: FloatArray) -> FloatArray:
        return np.asarray(goodness(challenger(weights)) - goodness(champion(weights)))

    whole = np.ones((1, drawn.drawn.shape[1]))
    found = interval(gain, drawn)
    return Paired(
        champion=float(champion(whole)[0]),
        challenger=float(challenger(whole)[0]),
        gain=float(gain(whole)[0]),
        low=found.low if found else None,
        high=found.high if found else None,
    )


def _nearness(bias: FloatArray) -> FloatArray:
    return -np.abs(bias)


def _mean(values: FloatArray, weights: FloatArray) -> FloatArray:
    return np.asarray(weights @ values / weights.sum(axis=1))


def _ratio(parts: FloatArray, wholes: FloatArray, weights: FloatArray) -> FloatArray:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray((weights @ parts) / (weights @ wholes))
