"""Recall by what can be measured of a face: its light, its size, and a proxy of its skin tone.

Asked for, never by itself; reckoned over all faces and kept for none. What a picture cannot tell is
said in `NOT_MEASURED`.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from training.evaluate import Prediction
from training.evaluation.bootstrap import FloatArray, Resamples, interval, resample_groups
from training.evaluation.comparison import Comparison, SeenFrame
from training.evaluation.frozen import group_of
from training.evaluation.matching import sights
from training.evaluation.skin_tone import ABOUT_THE_PROXY, TONES, tone_of
from training.evaluation.slices import SIZES_PX
from training.labels import LabelledImage
from training.serving.quality import measure_quality
from training.serving.request import decode_picture

NOT_MEASURED = (
    "Gender, age and ethnicity are not measured. No frame is labelled with them, and none is "
    "guessed: a guess would be wrong most often for those whom it is meant to protect."
)
# Mean luma of the frame, 0 to 1. Chosen: a lit office is brighter than 0.35, and below 0.15 a
# person looks for the switch.
_LIGHTS = ((0.0, 0.15), (0.15, 0.35), (0.35, None))
# Buckets with fewer are shown without an interval, and are not compared.
_LEAST_FACES = 30
_NO_BUCKET = -1

Buckets = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Share:
    """A share of faces found, with its interval; None where it cannot be told."""

    value: float
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class Bucket:
    """Faces that are alike in one respect, and how many of them each model finds."""

    name: str
    faces: int
    champion: Share
    challenger: Share


@dataclass(frozen=True, slots=True)
class Gap:
    """The most that recall differs by between two buckets with enough faces.

    The two are picked after looking, so that the gap is somewhat too large, and its interval too
    narrow: a gap whose interval holds zero is nothing, and one whose interval does not is a reason
    to look closer.
    """

    best: str
    worst: str
    gap: Share


@dataclass(frozen=True, slots=True)
class Respect:
    """One respect in which faces differ.

    Attributes:
        name: What was measured.
        buckets: In order; those without a face are left out.
        champion: Its largest gap; None with fewer than two buckets that can be compared.
        challenger: The same of the challenger.
        unmeasured: Faces of which it cannot be told.
    """

    name: str
    buckets: tuple[Bucket, ...]
    champion: Gap | None
    challenger: Gap | None
    unmeasured: int


@dataclass(frozen=True, slots=True)
class Fairness:
    """Recall by every respect that can be measured, over both sets together."""

    respects: tuple[Respect, ...]
    proxy: str = ABOUT_THE_PROXY
    not_measured: str = NOT_MEASURED

    def as_json(self) -> dict[str, Any]:
        """Return the figures: of buckets, never of a face."""
        return asdict(self)


def measure_fairness(comparison: Comparison) -> Fairness:
    """Return how recall differs between faces, by light, size and a proxy of skin tone.

    Buckets are told from the picture and the boxes that people drew, never from what a model saw:
    a model that misses a face cannot take it out of its bucket.
    """
    frames = [one for one in comparison.frames if len(one.image.faces)]
    images = [one.image for one in frames]
    found = (
        _found(images, [one.champion for one in frames], comparison.champion.threshold),
        _found(images, [one.challenger for one in frames], comparison.challenger.threshold),
    )
    drawn = resample_groups(
        [group_of(one.frame) for one in frames],
        comparison.resamples,
        (comparison.seed,),
        comparison.level,
    )
    told = [_told(one) for one in frames]
    kinds = (
        _Kind("light: mean luma of the frame", _names(_LIGHTS, ""), [one.light for one in told]),
        _Kind(
            "size: square root of the face's area",
            _names(SIZES_PX, " px"),
            [one.size for one in told],
        ),
        _Kind("skin tone, a proxy", TONES, [one.tone for one in told]),
    )
    return Fairness(tuple(_respect(kind, found, drawn) for kind in kinds) if frames else ())


@dataclass(frozen=True, eq=False, slots=True)
class _Told:
    """The bucket of each face of a frame in each respect, shape `(faces,)`; -1 for none."""

    light: Buckets
    size: Buckets
    tone: Buckets


@dataclass(frozen=True, eq=False, slots=True)
class _Kind:
    """One respect, the names of its buckets, and the bucket of each face, frame by frame."""

    name: str
    names: Sequence[str]
    buckets: Sequence[Buckets]

    def faces(self, index: int, found: Sequence[Flags] | None = None) -> FloatArray:
        """Return how many faces of each frame are in a bucket, all of them or the found ones."""
        inside = [each == index for each in self.buckets]
        if found is not None:
            inside = [each & seen for each, seen in zip(inside, found, strict=True)]
        return np.array([each.sum() for each in inside], float)


def _told(seen: SeenFrame) -> _Told:
    picture = decode_picture(seen.image.path.read_bytes(), seen.frame.source)
    faces = seen.image.faces
    light = _bucket(measure_quality(picture).brightness, _LIGHTS)
    sizes = [_bucket(float(np.sqrt(box[2] * box[3])), SIZES_PX) for box in faces]
    tones = [_tone(picture, box) for box in faces]
    return _Told(np.full(len(faces), light), np.array(sizes), np.array(tones))


def _tone(picture: npt.NDArray[np.uint8], box: FloatArray) -> int:
    left, top = (max(0, round(float(side))) for side in box[:2])
    right, bottom = (max(0, round(float(side))) for side in box[:2] + box[2:])
    tone = tone_of(picture[top:bottom, left:right])
    return _NO_BUCKET if tone is None else TONES.index(tone)


def _found(
    images: Sequence[LabelledImage], predictions: Sequence[Prediction], threshold: float
) -> list[Flags]:
    return [one.found for one in sights(images, predictions, threshold)]


def _respect(
    kind: _Kind, found: tuple[Sequence[Flags], Sequence[Flags]], drawn: Resamples
) -> Respect:
    faces = [kind.faces(index) for index in range(len(kind.names))]
    recalls = [
        [partial(_ratio, kind.faces(index, by_model), all_of) for index, all_of in enumerate(faces)]
        for by_model in found
    ]
    filled = [index for index, all_of in enumerate(faces) if all_of.any()]
    comparable = [index for index in filled if faces[index].sum() >= _LEAST_FACES]
    champion, challenger = recalls
    return Respect(
        name=kind.name,
        buckets=tuple(
            Bucket(
                kind.names[index],
                int(faces[index].sum()),
                _share(champion[index], drawn, is_enough=index in comparable),
                _share(challenger[index], drawn, is_enough=index in comparable),
            )
            for index in filled
        ),
        champion=_gap(kind.names, champion, comparable, drawn),
        challenger=_gap(kind.names, challenger, comparable, drawn),
        unmeasured=int(sum((each == _NO_BUCKET).sum() for each in kind.buckets)),
    )


def _gap(
    names: Sequence[str],
    recalls: Sequence[Callable[[FloatArray], FloatArray]],
    comparable: Sequence[int],
    drawn: Resamples,
) -> Gap | None:
    if len(comparable) < 2:
        return None
    whole = np.ones((1, drawn.drawn.shape[1]))
    ranked = sorted(comparable, key=lambda index: float(recalls[index](whole)[0]))
    worst, best = ranked[0], ranked[-1]

    def apart(weights: FloatArray) -> FloatArray:
        return np.asarray(recalls[best](weights) - recalls[worst](weights))

    return Gap(names[best], names[worst], _share(apart, drawn))


def _share(
    figure: Callable[[FloatArray], FloatArray], drawn: Resamples, *, is_enough: bool = True
) -> Share:
    found = interval(figure, drawn) if is_enough else None
    value = float(figure(np.ones((1, drawn.drawn.shape[1])))[0])
    ends = (round(found.low, 4), round(found.high, 4)) if found else (None, None)
    return Share(round(value, 4), *ends)


def _ratio(parts: FloatArray, wholes: FloatArray, weights: FloatArray) -> FloatArray:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray((weights @ parts) / (weights @ wholes))


def _bucket(value: float, ranges: Sequence[tuple[float, float | None]]) -> int:
    return max(index for index, (low, _) in enumerate(ranges) if value >= low)


def _names(ranges: Sequence[tuple[float, float | None]], unit: str) -> tuple[str, ...]:
    return tuple(
        f"{low:g}{unit} and more" if high is None else f"{low:g} to {high:g}{unit}"
        for low, high in ranges
    )
