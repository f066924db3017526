"""Hours of a camera in one light, and what is usual at that time of day.

An hour is one observation: frames seconds apart depend on each other, and hours of different days
hardly do. Counts are over the fixed bins of each feature, so that hours can be added up.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from headcount.domain.drift import cumulative
from headcount.domain.features import BINS, FEATURE_NAMES, FEATURES, Feature
from headcount.domain.terms import LightMode
from training.monitor.frames import LIGHTS, Frames

FloatArray = npt.NDArray[np.float64]
CountArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]

HOUR_S = 3600
HOURS_A_DAY = 24
# Working days and weekends.
KINDS = 2
_WORKING_DAYS = 5
# Frames: five minutes at a frame every five seconds. Chosen: less is no picture of an hour.
FEWEST_FRAMES = 60
# Days on which an hour must have been seen before it is usual for anything. Chosen.
FEWEST_DAYS = 3
# Hours that the sun moves in ten weeks of spring, at most, in Europe: what is usual an hour and
# two before and after is usual too, and an hour either way of that.
_SEASON_H = 2


@dataclass(frozen=True, order=True, slots=True)
class Scene:
    """Frames that may be compared: of one light, with a face in sight or without.

    Where somebody is, lamps are on; where nobody is, we switch them off ourselves. Taken
    together, a room that was used less would look like one that has darkened.

    Attributes:
        light: Of `LIGHTS`.
        occupied: Whether the model counted a face.
    """

    light: str
    occupied: bool

    def tells_of(self, feature: Feature) -> bool:
        """Return whether its frames say anything of a feature.

        Where no face is in sight, there is nothing to say of faces. Nor of light, but by infrared:
        it is the sun's, behind whatever clouds there are, for we have switched the lamps off; a
        room that in winter was too dark for it may be dim for the first time on a day in spring.
        """
        if self.occupied:
            return True
        by_own_lamps = self.light == LightMode.INFRARED
        return not feature.of_model and (by_own_lamps or not feature.of_light)

    def __str__(self) -> str:
        return f"{self.light}, {'faces' if self.occupied else 'no face'} in sight"


@dataclass(frozen=True, order=True, slots=True)
class Stream:
    """A camera's frames of one scene; the camera `ALL_CAMERAS` stands for the model as a whole."""

    camera: str
    scene: Scene

    def is_in_common(self, feature: Feature) -> bool:
        """Return whether a feature is judged by what all cameras have in common."""
        return feature.of_model and self.camera == ALL_CAMERAS


ALL_CAMERAS = "*"
# More faces are taken as so many. Chosen: beyond it, one more changes no score.
MOST_FACES = 16
_FACES = FEATURE_NAMES.index("faces")


@dataclass(frozen=True, eq=False, slots=True)
class Hours:
    """Hours of one stream.

    Attributes:
        start_s: Shape `(hours,)`; seconds since 1970, ascending.
        day: Shape `(hours,)`; days since year 1, by the clock on the wall.
        hour: Shape `(hours,)`; 0 to 23, by the clock on the wall.
        kind: Shape `(hours,)`; 0 on working days, 1 on weekends.
        frames: Shape `(hours,)`; how many frames each has.
        counts: Shape `(hours, features, BINS)`.
        by_faces: The same, parted by the number of faces.
    """

    start_s: IntArray
    day: IntArray
    hour: IntArray
    kind: IntArray
    frames: IntArray
    counts: CountArray
    by_faces: "ByFaces"

    def __len__(self) -> int:
        return len(self.start_s)

    def where(self, chosen: BoolArray) -> "Hours":
        """Return the hours that are chosen; shape of `chosen` `(hours,)`."""
        return Hours(
            self.start_s[chosen],
            self.day[chosen],
            self.hour[chosen],
            self.kind[chosen],
            self.frames[chosen],
            self.counts[chosen],
            ByFaces(self.by_faces.frames[chosen], self.by_faces.places[chosen]),
        )


@dataclass(frozen=True, eq=False, slots=True)
class ByFaces:
    """Where features lie, by the number of faces: of five, one scores otherwise than alone.

    Attributes:
        frames: Shape `(…, features, MOST_FACES + 1)`; how many had the feature, and so many faces.
        places: Same shape; their places on the feature's grid, summed.
    """

    frames: CountArray
    places: CountArray

    def of_all(self) -> "ByFaces":
        """Return all hours as one."""
        return ByFaces(self.frames.sum(axis=0), self.places.sum(axis=0))

    def less(self, other: "ByFaces") -> "ByFaces":
        """Return what is left without another part."""
        return ByFaces(self.frames - other.frames, self.places - other.places)

    def shift_from(self, usual: "ByFaces") -> FloatArray:
        """Return how far faces are from what so many usually are, shape `(hours, features)`.

        Every face counts once, and so a frame of five faces five times.
        """
        often = usual.frames >= FEWEST_FRAMES
        all_frames = np.maximum(usual.frames.sum(axis=-1, keepdims=True), 1.0)
        on_average = usual.places.sum(axis=-1, keepdims=True) / all_frames
        place = np.where(often, usual.places / np.maximum(usual.frames, 1.0), on_average)
        number = np.arange(MOST_FACES + 1)
        faces = (self.frames * number).sum(axis=-1)
        moved = ((self.places - self.frames * place) * number).sum(axis=-1, dtype=np.float64)
        shift: FloatArray = moved / np.where(faces > 0, faces, np.nan)
        return shift


def split_into_hours(frames: Frames, zone: ZoneInfo) -> Iterator[tuple[Stream, Hours]]:
    """Yield each stream of some frames with its hours.

    Args:
        frames: In any order.
        zone: Whose clock people live by.
    """
    bins = np.stack(
        [feature.bins(column) for feature, column in zip(FEATURES, frames.values.T, strict=True)]
    )
    occupied = frames.values[:, _FACES] > 0
    streams = (frames.camera * len(LIGHTS) + frames.light) * 2 + occupied
    for number in np.unique(streams):
        camera, light = divmod(int(number) // 2, len(LIGHTS))
        stream = Stream(frames.cameras[camera], Scene(LIGHTS[light], bool(number % 2)))
        chosen = streams == number
        faces = np.nan_to_num(frames.values[chosen, _FACES]).clip(0, MOST_FACES).astype(np.int64)
        yield stream, _hours(frames.at_s[chosen], bins[:, chosen], faces, zone)


def _hours(at_s: FloatArray, bins: IntArray, faces: IntArray, zone: ZoneInfo) -> Hours:
    """Return the hours of frames of one stream; `bins` has shape `(features, frames)`."""
    starts, inverse = np.unique(
        np.floor_divide(at_s, HOUR_S).astype(np.int64) * HOUR_S, return_inverse=True
    )
    counts = np.zeros((len(starts), len(FEATURES), BINS), np.float32)
    numbers = MOST_FACES + 1
    seen, places = (np.zeros((len(starts), len(FEATURES), numbers), np.float32) for _ in range(2))
    for number, row in enumerate(bins):
        known = row >= 0
        counts[:, number] = np.bincount(
            inverse[known] * BINS + row[known], minlength=len(starts) * BINS
        ).reshape(-1, BINS)
        with_so_many = inverse[known] * numbers + faces[known]
        for into, weights in ((seen, None), (places, (row[known] + 0.5) / BINS)):
            into[:, number] = np.bincount(
                with_so_many, weights, minlength=len(starts) * numbers
            ).reshape(-1, numbers)
    return Hours(
        starts,
        *clock_of(starts, zone),
        np.bincount(inverse, minlength=len(starts)).astype(np.int64),
        counts,
        ByFaces(seen, places),
    )


def clock_of(start_s: IntArray, zone: ZoneInfo) -> tuple[IntArray, IntArray, IntArray]:
    """Return day, hour and kind of day of hours, as `Hours` has them."""
    clocks = [datetime.fromtimestamp(int(start), UTC).astimezone(zone) for start in start_s]
    return (
        np.array([clock.toordinal() for clock in clocks], np.int64),
        np.array([clock.hour for clock in clocks], np.int64),
        np.array([int(clock.weekday() >= _WORKING_DAYS) for clock in clocks], np.int64),
    )


@dataclass(frozen=True, eq=False, slots=True)
class Usual:
    """What a stream usually looks like, by kind of day and hour of day.

    Attributes:
        counts: Shape `(KINDS, 24, features, BINS)`.
        days: Shape `(KINDS, 24, features)`; on how many days it was seen, with enough frames.
    """

    counts: CountArray
    days: IntArray

    @classmethod
    def of(cls, hours: Hours) -> "Usual":
        """Return what is usual in some hours."""
        features = len(FEATURES)
        counts = np.zeros((KINDS, HOURS_A_DAY, features, BINS), np.float32)
        days = np.zeros((KINDS, HOURS_A_DAY, features), np.int64)
        enough = hours.counts.sum(axis=2) >= FEWEST_FRAMES
        for number, when in enumerate(zip(hours.kind, hours.hour, strict=True)):
            counts[when] += hours.counts[number]
            days[when] += enough[number]
        return cls(counts, days)

    def less(self, other: "Usual") -> "Usual":
        """Return what is usual without some of the hours it is made of."""
        return Usual(self.counts - other.counts, self.days - other.days)

    def about(self) -> "About":
        """Return what is usual about each hour: people are not punctual, and the sun is not."""
        counts = self.counts + np.roll(self.counts, 1, axis=1) + np.roll(self.counts, -1, axis=1)
        before, after = np.roll(self.days, 1, axis=1), np.roll(self.days, -1, axis=1)
        days = np.maximum(self.days, np.maximum(before, after))
        whenever = self.counts.sum(axis=(0, 1))
        return About(
            counts,
            cumulative(counts).astype(np.float32),
            days >= FEWEST_DAYS,
            whenever,
            cumulative(whenever).astype(np.float32),
            self.days.sum(axis=(0, 1)) >= FEWEST_DAYS,
        )


@dataclass(frozen=True, eq=False, slots=True)
class About:
    """What is usual, as hours are compared with it.

    Attributes:
        counts: Shape `(KINDS, 24, features, BINS)`; an hour either way included.
        cdf: Likewise; cumulative shares.
        is_usual: Shape `(KINDS, 24, features)`; whether it was seen on enough days.
        whenever: Shape `(features, BINS)`; counts at any time.
        whenever_cdf: Likewise; cumulative shares.
        ever: Shape `(features,)`; whether that was seen on enough days.
    """

    counts: CountArray
    cdf: CountArray
    is_usual: BoolArray
    whenever: CountArray
    whenever_cdf: CountArray
    ever: BoolArray


@dataclass(frozen=True, eq=False, slots=True)
class Shift:
    """How far hours are from what is usual.

    Attributes:
        distance: Shape `(hours, features)`; Wasserstein distance, NaN where there are too few
            frames, or nothing is usual.
        usual: Shape `(hours, features, BINS)`; what each was compared with.
    """

    distance: FloatArray
    usual: CountArray


def shift_from(about: About, hours: Hours) -> Shift:
    """Return how far hours are from the nearest that is usual at their time of day.

    A working day and a weekend are both usual at an hour: on a holiday nobody comes, and that is
    no drift. So are the hours up to `_SEASON_H` away: the sun sets later every week, and clocks
    are put forward. An hour that was never seen in this light (the lamps went off at noon: our
    own dark) is compared with the light's other hours.
    """
    cdf = cumulative(hours.counts).astype(np.float32)
    rows = np.arange(len(hours))[:, None]
    columns = np.arange(len(FEATURES))[None, :]
    distance = np.full((len(hours), len(FEATURES)), np.inf)
    nearest = np.zeros(distance.shape, np.int64)
    candidates = [
        (kind, (hours.hour + ahead) % HOURS_A_DAY)
        for kind in range(KINDS)
        for ahead in (-_SEASON_H, 0, _SEASON_H)
    ]
    for number, (kind, at) in enumerate(candidates):
        area = np.abs(about.cdf[kind, at] - cdf).mean(axis=2)
        area = np.where(about.is_usual[kind, at], area, np.inf)
        nearer = area < distance
        distance, nearest = np.where(nearer, area, distance), np.where(nearer, number, nearest)
    kinds = np.array([kind for kind, _ in candidates])[nearest]
    at_hours = np.stack([at for _, at in candidates])[nearest, rows]
    usual = about.counts[kinds, at_hours, columns]
    unseen = ~np.isfinite(distance)
    if unseen.any():
        area = np.abs(about.whenever_cdf - cdf).mean(axis=2)
        distance = np.where(unseen & about.ever, area, distance)
        usual = np.where(unseen[:, :, None], about.whenever, usual)
    enough = hours.counts.sum(axis=2) >= FEWEST_FRAMES
    return Shift(np.where(enough & np.isfinite(distance), distance, np.nan), usual)
