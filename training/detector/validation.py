"""How well weights do on held-out frames, through the code that serves them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from training.detector.champion import Champion
from training.detector.channels import Channels
from training.evaluate import Prediction, average_precision, counted, predict
from training.labels import LabelledImage

# Thresholds that a challenger may be served at, finer than the count can tell. Chosen.
_THRESHOLDS = tuple(round(0.2 + 0.02 * step, 2) for step in range(31))
_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class Score:
    """Figures of one set.

    Attributes:
        ap50: Average precision at IoU 0.5, 0 to 1.
        mae: Mean absolute error of a picture's count, in faces.
        bias: Mean of counted minus labelled, in faces.
        error_share: The count's mean error as a share of the faces of a picture.
    """

    ap50: float
    mae: float
    bias: float
    error_share: float


@dataclass(frozen=True, slots=True)
class Judgement:
    """What held-out frames say of some weights.

    Attributes:
        validation: On the frames that choose the round.
        rehearsal: On the frames that must not be forgotten; None without any.
        threshold: At which faces are counted.
    """

    validation: Score
    rehearsal: Score | None
    threshold: float


def judge(
    weights: Path,
    champion: Champion,
    channels: Channels,
    threads: int,
    *,
    kept: Score | None = None,
    threshold: float | None = None,
) -> Judgement:
    """Return how well weights do on the frames that were held out.

    Args:
        weights: What to judge, an ONNX file.
        champion: How it would be served.
        channels: With the frames held out.
        threads: Processor threads.
        kept: What the champion does on the rehearsed frames: where a threshold can be found at
            which the count there is as good, it is.
        threshold: At which faces are counted; by default the best one is found.

    Raises:
        ModelError: If they cannot be served, or a picture cannot be read.
    """
    model = champion.served(weights, threads)
    sets = [images for images in (channels.validation, channels.floor) if images]
    seen = [[predict(model, image) for image in images] for images in sets]

    served_at = champion.file.entry.threshold
    if threshold is None:
        wrong = {
            at: [_error_share(*pair, at) for pair in zip(sets, seen, strict=True)]
            for at in (*_THRESHOLDS, served_at)
        }
        most = None if kept is None else kept.error_share
        threshold = best_threshold(wrong, served_at, most)
    validation, *rest = (
        _score(images, found, threshold) for images, found in zip(sets, seen, strict=True)
    )
    return Judgement(validation, rest[0] if rest else None, threshold)


def best_threshold(
    wrong: Mapping[float, Sequence[float]], served_at: float, most: float | None
) -> float:
    """Return the threshold of least error over both sets, each counting alike.

    Args:
        wrong: The error of the count on the validation set, and on the rehearsed frames if there
            are any, by threshold.
        served_at: Between equals, the one nearest to this is taken.
        most: The error on the rehearsed frames that is not to be passed, if any threshold does so
            well; None for no such bound.
    """
    allowed = [at for at, errors in wrong.items() if most is None or errors[-1] <= most + _ROUNDING]
    return min(
        allowed or list(wrong), key=lambda at: (round(sum(wrong[at]), 6), abs(at - served_at))
    )


def _score(
    images: Sequence[LabelledImage], predictions: Sequence[Prediction], threshold: float
) -> Score:
    errors = _errors(images, predictions, threshold)
    return Score(
        ap50=average_precision(images, predictions) or 0.0,
        mae=sum(abs(error) for error in errors) / len(errors),
        bias=sum(errors) / len(errors),
        error_share=_error_share(images, predictions, threshold),
    )


def _error_share(
    images: Sequence[LabelledImage], predictions: Sequence[Prediction], threshold: float
) -> float:
    wrong = sum(abs(error) for error in _errors(images, predictions, threshold))
    return wrong / max(1, sum(len(image.faces) for image in images))


def _errors(
    images: Sequence[LabelledImage], predictions: Sequence[Prediction], threshold: float
) -> list[int]:
    return [
        counted(image, prediction, threshold) - len(image.faces)
        for image, prediction in zip(images, predictions, strict=True)
    ]
