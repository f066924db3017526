"""How far hours are from what is usual: of each camera, and of the model as a whole."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from headcount.domain.drift import wasserstein_distance
from headcount.domain.features import BINS, FEATURE_NAMES, FEATURES
from training.monitor.hours import (
    ALL_CAMERAS,
    FEWEST_DAYS,
    FEWEST_FRAMES,
    HOURS_A_DAY,
    KINDS,
    About,
    ByFaces,
    CountArray,
    FloatArray,
    Hours,
    IntArray,
    Scene,
    Stream,
    clock_of,
    shift_from,
)

_LEAST_SHIFT = np.array([feature.least_shift for feature in FEATURES])
# The unit of a stream that hardly varies is this share of the least shift: nothing is divided by 0.
_LEAST_UNIT = _LEAST_SHIFT / 4
# Features of which the model as a whole is judged by what its cameras have in common.
_OF_MODEL = np.array([feature.of_model for feature in FEATURES])
# Of these, what the faces that are found have, however many they are.
_OF_FACES = _OF_MODEL & (np.array(FEATURE_NAMES) != "faces")
_LEAST_WEIGHT = 1e-300
# Of quiet hours: what one in twenty exceeds. Chosen.
_SELDOM = 0.95


@dataclass(frozen=True, eq=False, slots=True)
class Spread:
    """How far quiet hours of a stream come from usual.

    Attributes:
        of_hour: Shape `(KINDS, 24, features)`; the median about each hour of day, NaN where
            fewer than `FEWEST_DAYS` hours tell.
        of_stream: Shape `(features,)`; what one quiet hour in twenty exceeds, at any time of day.
            A room that is dim once a week, because nobody switched the lamps on, has a small
            median and a large one of these.
    """

    of_hour: FloatArray
    of_stream: FloatArray


@dataclass(frozen=True, eq=False, slots=True)
class Moved:
    """How far the hours of a stream are from usual.

    Attributes:
        stream: Whose hours.
        start_s: Shape `(hours,)`; seconds since 1970.
        distance: Shape `(hours, features)`; as a share of each feature's grid. NaN where there
            are too few frames, or nothing is usual.
        belief: Likewise; how much of the distance is believed, 0 to 1.
        current: Shape `(hours, features, BINS)`; what was seen.
        usual: Likewise; what it was compared with.
        shift: Shape `(hours, features)`; how far the mean has moved, up or down, as a share of the
            grid: of scores and boxes, from what so many faces usually have.
    """

    stream: Stream
    start_s: IntArray
    distance: FloatArray
    belief: FloatArray
    current: CountArray
    usual: CountArray
    shift: FloatArray

    @property
    def frames(self) -> FloatArray:
        """Return how many frames had each feature; shape `(hours, features)`."""
        return self.current.sum(axis=2, dtype=np.float64)

    def in_spreads(self, spread: "Spread", zone: ZoneInfo) -> FloatArray:
        """Return the believed distances in units of what quiet hours come to.

        Args:
            spread: Of the stream.
            zone: Whose clock people live by.
        """
        _day, hour, kind = clock_of(self.start_s, zone)
        here = np.nan_to_num(spread.of_hour[kind, hour])
        unit = np.maximum(np.hypot(here, spread.of_stream), _LEAST_UNIT)
        return self.distance * self.belief / unit


def moved(
    stream: Stream, hours: Hours, about: About, by_faces: ByFaces, usual_frames: float
) -> Moved:
    """Return how far hours are from usual.

    Args:
        stream: Whose hours.
        hours: What is asked about.
        about: What is usual.
        by_faces: What is usual of so many faces.
        usual_frames: How many frames an hour usually has.
    """
    shift = shift_from(about, hours)
    up = np.where(
        _OF_FACES,
        hours.by_faces.shift_from(by_faces),
        _mean_place(hours.counts) - _mean_place(shift.usual),
    )
    # The sampling error grows with the root of what is missing. Of an hour with fewer frames than
    # usual less is believed, and never more.
    belief = np.sqrt(np.minimum(1.0, hours.frames / usual_frames))
    return Moved(
        stream,
        hours.start_s,
        shift.distance,
        np.repeat(belief[:, None], len(FEATURES), axis=1),
        hours.counts,
        shift.usual,
        np.where(np.isfinite(shift.distance), up, np.nan),
    )


def together(seen: Iterable[Moved], spreads: Mapping[Stream, Spread]) -> list[Moved]:
    """Return each scene as a whole: usual is mixed as the window is, camera by camera.

    A camera that is away, or looks at more people than the others, therefore moves nothing. How
    far what the model says has moved is told by the shift that all cameras have in common: a
    change of the model, or of all people, moves every camera's figures the same way, while who
    sits where moves them up here and down there.

    Args:
        seen: Of any cameras and hours.
        spreads: Of each of their streams.

    Source: the weighted Z of Stouffer et al. (1949), "The American Soldier" I; its weights by
        Whitlock (2005), J. Evol. Biol. 18, 1368-1373.
    """
    by_scene: dict[Scene, list[Moved]] = {}
    for one in seen:
        by_scene.setdefault(one.stream.scene, []).append(one)
    return [_as_one(scene, parts, spreads) for scene, parts in sorted(by_scene.items())]


def spread_of(quiet: Moved, zone: ZoneInfo) -> Spread:
    """Return how far quiet hours come from usual."""
    _day, hour, kind = clock_of(quiet.start_s, zone)
    believed = quiet.distance * quiet.belief
    spread = np.full((KINDS, HOURS_A_DAY, len(FEATURES)), np.nan)
    for of_kind in range(KINDS):
        for of_hour in range(HOURS_A_DAY):
            near = np.isin(hour, [(of_hour + ahead) % HOURS_A_DAY for ahead in (-1, 0, 1)])
            some = believed[(kind == of_kind) & near]
            told = np.isfinite(some).sum(axis=0) >= FEWEST_DAYS
            spread[of_kind, of_hour] = np.where(told, _quantile(some, 0.5), np.nan)
    return Spread(spread, np.nan_to_num(_quantile(believed, _SELDOM)))


def joined(parts: list[Moved]) -> Moved:
    """Return several parts of one stream as one."""
    names = ("start_s", "distance", "belief", "current", "usual", "shift")
    columns: Mapping[str, npt.NDArray[np.generic]] = {
        name: np.concatenate([getattr(part, name) for part in parts]) for name in names
    }
    return replace(parts[0], **columns)  # type: ignore[arg-type]


def _as_one(scene: Scene, parts: list[Moved], spreads: Mapping[Stream, Spread]) -> Moved:
    starts = np.unique(np.concatenate([part.start_s for part in parts]))
    shape = (len(starts), len(FEATURES), BINS)
    current, usual = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    frames, believed, shift, weights = (np.zeros(shape[:2]) for _ in range(4))
    for part in parts:
        rows = np.searchsorted(starts, part.start_s)
        known = np.isfinite(part.distance)
        seen = np.where(known, part.frames, 0.0)
        current[rows] += part.current * known[:, :, None]
        usual[rows] += part.usual * (seen / np.maximum(part.usual.sum(axis=2), 1.0))[:, :, None]
        frames[rows] += seen
        believed[rows] += seen * part.belief
        # The steadier a camera is, and the more of its hour is believed, the more it counts.
        weight = np.where(known, (part.belief / _unit(spreads[part.stream])) ** 2, 0.0)
        shift[rows] += weight * np.nan_to_num(part.shift)
        weights[rows] += weight
    in_common = shift / np.maximum(weights, _LEAST_WEIGHT)
    # Of all cameras that the baseline knows there: the fewer tell, the less is believed.
    full = [_unit(spread) ** -2 for stream, spread in spreads.items() if stream.scene == scene]
    distance = np.where(_OF_MODEL, np.abs(in_common), wasserstein_distance(usual, current))
    belief = np.sqrt(weights / np.sum(full, axis=0))
    return Moved(
        Stream(ALL_CAMERAS, scene),
        starts,
        np.where(frames >= FEWEST_FRAMES, distance, np.nan),
        np.where(_OF_MODEL, belief, believed / np.maximum(frames, 1.0)),
        current,
        usual,
        in_common,
    )


def _unit(spread: Spread) -> FloatArray:
    return np.maximum(spread.of_stream, _LEAST_UNIT)


def _mean_place(counts: CountArray) -> FloatArray:
    """Return the mean of counts as a share of the grid, shape without its last axis."""
    totals = counts.sum(axis=-1, dtype=np.float64)
    places = counts @ ((np.arange(BINS) + 0.5) / BINS)
    means: FloatArray = places / np.where(totals > 0, totals, np.nan)
    return means


def _quantile(values: FloatArray, share: float) -> FloatArray:
    """Return a quantile of each column, NaN where nothing is known."""
    # NaN sorts last. Column by column, as numpy's own does it, this is most of a baseline's time.
    known = np.isfinite(values).sum(axis=0)
    if not len(values):
        return np.full(values.shape[1], np.nan)
    ordered = np.sort(np.where(np.isfinite(values), values, np.nan), axis=0)
    place = share * np.maximum(known - 1, 0)
    below = np.floor(place).astype(np.int64)
    above = np.minimum(below + 1, np.maximum(known - 1, 0))
    columns = np.arange(values.shape[1])
    low, high = ordered[below, columns], ordered[above, columns]
    quantiles: FloatArray = low + (high - low) * (place - below)
    return quantiles
