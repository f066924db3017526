"""Compare two models on the same frozen frames, slice by slice, with paired intervals."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from headcount.errors import ModelError
from training.evaluate import Prediction, load_model, predict
from training.evaluation.cost import ModelSize, Speed, measure_size, measure_speed
from training.evaluation.figures import Draws, SliceFigures, measure_slices
from training.evaluation.frozen import FrozenSet, FrozenSets
from training.labels import LabelledImage
from training.manifest import Frame
from training.model_entry import ModelFile
from training.serving.endpoint import ServedModel

# Two thousand leave fifty in each tail of a 95 % interval.
RESAMPLES = 2000
LEVEL = 0.95
# Digits to which figures are told: far below what any interval can tell apart.
# More than any page shows: what is rounded twice can be a digit off.
_DIGITS = 6

Watch = Callable[[Sequence[LabelledImage], str], Iterable[LabelledImage]]


def _unwatched(images: Sequence[LabelledImage], _what: str) -> Iterable[LabelledImage]:
    return images


@dataclass(frozen=True, slots=True)
class Contestant:
    """Who a model is: the card's own words, and what it costs to keep.

    Attributes:
        name: Of the model.
        version: Of the model.
        sha256: Of the weights.
        threshold: From which score on it counts a face.
        size: Bytes and parameters; None where only the loaded model was at hand.
    """

    name: str
    version: str
    sha256: str
    threshold: float
    size: ModelSize | None


@dataclass(frozen=True, eq=False, slots=True)
class SeenFrame:
    """One frame as both models saw it.

    Attributes:
        part: The set that it is in.
        frame: Its line of the manifest.
        image: The picture and its labels.
        champion: What the champion saw.
        challenger: What the challenger saw.
    """

    part: str
    frame: Frame
    image: LabelledImage
    champion: Prediction
    challenger: Prediction


@dataclass(frozen=True, eq=False, slots=True)
class Comparison:
    """Both models, measured on the same frames.

    Attributes:
        manifest_sha256: Of the manifest that the sets are in.
        sets: Hash of each set.
        champion: Who it is.
        challenger: Who it is.
        slices: Figures of each slice; each set whole comes before its parts.
        speed: Time of a frame as it is served, measured alternately.
        resamples: How many draws the intervals rest on.
        seed: Of the draws.
        level: Confidence of the intervals, 0 to 1.
        frames: What was seen, frame by frame; never part of the JSON.
    """

    manifest_sha256: str
    sets: dict[str, str]
    champion: Contestant
    challenger: Contestant
    slices: tuple[SliceFigures, ...]
    speed: Speed
    resamples: int
    seed: int
    level: float
    frames: tuple[SeenFrame, ...]

    def named(self, name: str) -> SliceFigures | None:
        """Return the figures of a slice; None if there is none of that name."""
        return next((one for one in self.slices if one.name == name), None)

    def as_json(self) -> dict[str, Any]:
        """Return every figure, rounded; no picture, path or box."""
        document = {
            "manifest_sha256": self.manifest_sha256,
            "sets": dict(self.sets),
            "champion": asdict(self.champion),
            "challenger": asdict(self.challenger),
            "slices": [asdict(one) for one in self.slices],
            "speed": asdict(self.speed),
            "bootstrap": {
                "method": "expanded percentile bootstrap over groups, paired",
                "resamples": self.resamples,
                "seed": self.seed,
                "level": self.level,
            },
        }
        rounded: dict[str, Any] = _rounded(document)
        return rounded


def compare_files(
    champion: Path | ModelFile, challenger: Path | ModelFile, sets: FrozenSets, **settings: Any
) -> Comparison:
    """Return the comparison of two models' files; see `compare` for the settings.

    Raises:
        ModelError: If a file is no model that can be served, or a picture cannot be read.
    """
    paths = [one.path if isinstance(one, ModelFile) else one for one in (champion, challenger)]
    served = load_model(champion), load_model(challenger)
    sizes = measure_size(paths[0]), measure_size(paths[1])
    return compare(*served, sets, sizes=sizes, **settings)


def compare(
    champion: ServedModel,
    challenger: ServedModel,
    sets: FrozenSets,
    *,
    sizes: tuple[ModelSize, ModelSize] | None = None,
    resamples: int = RESAMPLES,
    seed: int = 0,
    watch: Watch = _unwatched,
) -> Comparison:
    """Return how two models do on the same frames, slice by slice.

    Args:
        champion: What is served now.
        challenger: What might replace it.
        sets: Out of `frozen_sets`, so that neither model has learnt from them.
        sizes: Bytes and parameters of champion and challenger, where the files are at hand.
        resamples: Draws for each interval.
        seed: Of the draws; the same seed gives the same intervals.
        watch: Wraps each iteration over images, and is told what is done, to show progress.

    Raises:
        ModelError: If one finds faces and the other persons, or a picture cannot be read or has
            another size than labelled.
    """
    if champion.card.finds != challenger.card.finds:
        raise ModelError(
            f"The champion finds {champion.card.finds}, the challenger {challenger.card.finds}.\n"
            "Compare models that find the same."
        )
    figures: list[SliceFigures] = []
    frames: list[SeenFrame] = []
    for part in (sets.golden, sets.drifted):
        seen = _look(champion, challenger, part, watch)
        frames += seen
        figures += measure_slices(
            part,
            ([one.champion for one in seen], [one.challenger for one in seen]),
            (champion.card.threshold, challenger.card.threshold),
            Draws(resamples, seed, LEVEL),
        )
    return Comparison(
        manifest_sha256=sets.manifest_sha256,
        sets=sets.hashes(),
        champion=_contestant(champion, sizes and sizes[0]),
        challenger=_contestant(challenger, sizes and sizes[1]),
        slices=tuple(figures),
        speed=measure_speed(champion, challenger, [one.image for one in frames], watch),
        resamples=resamples,
        seed=seed,
        level=LEVEL,
        frames=tuple(frames),
    )


def _look(
    champion: ServedModel, challenger: ServedModel, part: FrozenSet, watch: Watch
) -> list[SeenFrame]:
    watched = watch(part.images, f"Scoring the {part.split.value} set")
    return [
        SeenFrame(
            part.split.value, frame, image, predict(champion, image), predict(challenger, image)
        )
        for frame, image in zip(part.frames, watched, strict=True)
    ]


def _contestant(model: ServedModel, size: ModelSize | None) -> Contestant:
    card = model.card
    return Contestant(card.name, card.version, card.sha256, card.threshold, size)


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _rounded(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(item) for item in value]
    # A negative zero would be told as a loss.
    return round(value, _DIGITS) + 0.0 if isinstance(value, float) else value
