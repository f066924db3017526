"""Days that nobody filmed: people come and go, the sun rises, nights are infrared or dark.

What a picture looks like is measured on pictures (pictures.py); what is made up is when: who is in
the room, how much light there is. A frame every five seconds for each camera.
"""

import math
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import numpy as np
import numpy.typing as npt

from headcount.domain.features import FEATURE_NAMES
from headcount.domain.terms import LightMode
from training.monitor.frames import LIGHTS, AnsweringModel, Frames, join
from training.monitor.pictures import MOST_PEOPLE, Bank

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

FRAME_EVERY_S = 5
_MINUTES = 24 * 60
_FRAMES_A_MINUTE = 60 // FRAME_EVERY_S
FRAMES_A_DAY = _MINUTES * _FRAMES_A_MINUTE
_DAY, _INFRARED, _DARK = (
    LIGHTS.index(mode) for mode in (LightMode.DAY, LightMode.INFRARED, LightMode.DARK)
)
_AT = {name: number for number, name in enumerate(FEATURE_NAMES)}
_LAYOUT = slice(_AT["embedding_1"], _AT["embedding_8"] + 1)
_SCORES = (_AT["score_mean"], _AT["score_lowest"])

# All chosen, as are the figures of light below: a building in central Europe.
_LATITUDE_DEGREES = 48.0
_OPENS_MIN, _CLOSES_MIN = 8 * 60, 18 * 60
_MEETING_MIN, _PAUSE_MIN = (25, 120), (0, 60)
# One working day in so many is a holiday.
_HOLIDAY = 1 / 25
_LATE_WORK = 0.4
_WEEKEND_VISIT = 0.15
_GUARD_MIN = 6
# Lamps stay on so long after the last person, as our own policy has it.
_LAMPS_AFTER_MIN = 15
# Light from lamps and from a clear noon sky, in one unit; what an exposure control makes of it.
_LAMPS, _SKY = 0.7, 0.6
_EXPOSURE_POWER = 0.35
# Below so much light a camera goes over to infrared, or sees nothing.
_NIGHT = 0.06
_INFRARED_POWER = 1.0
# How likely a person shows the face, and how much that varies in minutes.
_SHOWS_FACE, _SHOWS_SPREAD = 0.65, 0.15
# Noise of one frame, and what differs from day to day and from meeting to meeting.
_FRAME_NOISE = {"brightness": 0.002, "contrast": 0.001, "blur": 0.03}
_DAY_NOISE = {"brightness": 0.008, "contrast": 0.004, "blur": 0.06}
_LAYOUT_NOISE, _LAYOUT_DAY_NOISE = 0.003, 0.004
_SCORE_NOISE, _SCORE_MEETING_NOISE = 0.015, 0.015
_LENGTH_NOISE = 0.05


@dataclass(frozen=True, slots=True)
class MadeUpCamera:
    """A camera of the made-up building.

    Attributes:
        name: `site/camera`.
        view: Of `pictures.VIEWS`.
        sees_in_infrared: Whether it has lamps of its own for the night.
        window: How much of the daylight reaches its room, 0 to 1.
        seats: The most people in its room.
    """

    name: str
    view: str
    sees_in_infrared: bool
    window: float
    seats: int = MOST_PEOPLE


CAMERAS = (
    MadeUpCamera("made-up/boardroom", "wide", sees_in_infrared=True, window=0.8),
    MadeUpCamera("made-up/office", "near", sees_in_infrared=False, window=1.0, seats=4),
    MadeUpCamera("made-up/studio", "near", sees_in_infrared=True, window=0.5),
    MadeUpCamera("made-up/lounge", "wide", sees_in_infrared=False, window=0.6),
    MadeUpCamera("made-up/library", "near", sees_in_infrared=True, window=0.9, seats=3),
    MadeUpCamera("made-up/archive", "wide", sees_in_infrared=True, window=0.2, seats=2),
)


@dataclass(frozen=True, eq=False, slots=True)
class Footage:
    """Makes up days; the same seed makes the same.

    Attributes:
        bank: What pictures look like.
        seed: Of everything that is drawn.
        cameras: Of the building.
    """

    bank: Bank
    seed: int
    cameras: tuple[MadeUpCamera, ...] = CAMERAS

    @property
    def model(self) -> AnsweringModel:
        """The model that looked at the pictures."""
        return AnsweringModel(*(str(self.bank.model[key]) for key in ("name", "version", "sha256")))

    def day(self, on: date, condition: str = "quiet") -> Frames:
        """Return a day's frames of every camera.

        The same day under another condition differs by the condition alone.

        Args:
            on: Which day; it has its own season, weekday and weather.
            condition: Of the bank.
        """
        weather = _weather(np.random.default_rng([self.seed, on.toordinal()]))
        is_holiday = self.is_holiday(on)
        return join(
            [self._camera_day(number, on, weather, is_holiday, condition)
             for number in range(len(self.cameras))]
        )  # fmt: skip

    def is_holiday(self, on: date) -> bool:
        """Return whether nobody works on a day though it is a working day."""
        return np.random.default_rng([self.seed, on.toordinal(), 1]).random() < _HOLIDAY

    def _camera_day(
        self, number: int, on: date, weather: FloatArray, is_holiday: bool, condition: str
    ) -> Frames:
        camera = self.cameras[number]
        rng = np.random.default_rng([self.seed, on.toordinal(), 100 + number])
        people = _people(on, camera.seats, is_holiday, rng)
        lamps = _lamps(people)
        light = _LAMPS * lamps + _SKY * camera.window * _sun(on) * weather
        by_night = light < _NIGHT
        mode = np.where(by_night, _INFRARED if camera.sees_in_infrared else _DARK, _DAY)
        visible = _visible(people, rng)
        frame_mode = np.repeat(mode, _FRAMES_A_MINUTE)
        exposure = (np.maximum(light, _NIGHT) / (_LAMPS + 0.1)) ** _EXPOSURE_POWER
        gain = np.where(by_night, _INFRARED_POWER, exposure)
        values = self._rows(camera, mode, visible, condition, rng)
        _expose(values, np.repeat(gain, _FRAMES_A_MINUTE))
        _add_noise(values, rng)
        values[frame_mode == _DARK] = _black(int((frame_mode == _DARK).sum()), rng)
        values[:, _AT["motion"]] = _motion(np.repeat(people, _FRAMES_A_MINUTE), rng)
        midnight = datetime(on.year, on.month, on.day, tzinfo=UTC).timestamp()
        return Frames(
            midnight + np.arange(FRAMES_A_DAY, dtype=np.float64) * FRAME_EVERY_S,
            np.full(FRAMES_A_DAY, number),
            frame_mode,
            np.zeros(FRAMES_A_DAY, np.int64),
            values,
            tuple(one.name for one in self.cameras),
            (self.model,),
        )

    def _rows(
        self,
        camera: MadeUpCamera,
        mode: IntArray,
        visible: IntArray,
        condition: str,
        rng: np.random.Generator,
    ) -> FloatArray:
        """Return measured rows for every frame of a day; shape `(frames, features)`."""
        values = np.full((FRAMES_A_DAY, len(FEATURE_NAMES)), np.nan)
        # Who sits where changes in half an hour; which of their pictures, with every frame.
        seating = np.repeat(rng.integers(0, 1 << 30, 48), FRAMES_A_DAY // 48)
        picture = rng.integers(0, 1 << 30, FRAMES_A_DAY)
        frame_mode = np.repeat(mode, _FRAMES_A_MINUTE)
        faces = np.repeat(visible, _FRAMES_A_MINUTE)
        for light, name in ((_DAY, "day"), (_INFRARED, "infrared")):
            for count in np.unique(faces[frame_mode == light]):
                rows = self.bank.of(camera.view, name, condition, int(count))
                these = np.flatnonzero((frame_mode == light) & (faces == count))
                pairs = max(len(rows) // 2, 1)
                chosen = (seating[these] % pairs) * 2 + picture[these] % 2
                values[these] = rows[chosen % len(rows)]
        return values


def days_from(first: date, count: int) -> list[date]:
    """Return so many days from `first` on."""
    return [first + timedelta(days=ahead) for ahead in range(count)]


def _people(on: date, seats: int, is_holiday: bool, rng: np.random.Generator) -> IntArray:
    """Return the people in each minute of a day; shape `(1440,)`."""
    people = np.zeros(_MINUTES, np.int64)
    if on.weekday() >= 5 or is_holiday:
        if rng.random() < _WEEKEND_VISIT:
            start = int(rng.integers(9 * 60, 16 * 60))
            people[start : start + int(rng.integers(20, 120))] = 1
    else:
        minute = _OPENS_MIN + int(rng.integers(*_PAUSE_MIN))
        while minute < _CLOSES_MIN:
            ends = min(minute + int(rng.integers(*_MEETING_MIN)), _CLOSES_MIN)
            guests = max(1, round(seats * float(rng.beta(2.0, 2.0))))
            for _ in range(guests):
                late, early = (int(rng.integers(-8, 8)) for _ in range(2))
                people[max(minute + late, 0) : ends + early] += 1
            minute = ends + int(rng.integers(*_PAUSE_MIN))
        if rng.random() < _LATE_WORK:
            people[_CLOSES_MIN : _CLOSES_MIN + int(rng.integers(20, 150))] += 1
        cleaned = int(rng.integers(19 * 60, 21 * 60))
        people[cleaned : cleaned + 15] += 1
    return np.minimum(people, seats)


def _lamps(people: IntArray) -> FloatArray:
    """Return whether the lamps are on in each minute: as long as somebody is there, and after."""
    there = np.convolve(people > 0, np.ones(_LAMPS_AFTER_MIN + 1))[:_MINUTES] > 0
    return there.astype(np.float64)


def _sun(on: date) -> FloatArray:
    """Return the sine of the sun's height in each minute, 0 at night; shape `(1440,)`.

    Source: Cooper (1969), Solar Energy 12(3), 333-346 (declination).
    """
    declination = math.radians(23.45 * math.sin(2 * math.pi * (284 + on.timetuple().tm_yday) / 365))
    latitude = math.radians(_LATITUDE_DEGREES)
    hour_angle = (np.arange(_MINUTES) / _MINUTES - 0.5) * 2 * np.pi
    height = math.sin(latitude) * math.sin(declination) + math.cos(latitude) * math.cos(
        declination
    ) * np.cos(hour_angle)
    return np.maximum(height, 0.0)


def _weather(rng: np.random.Generator) -> FloatArray:
    """Return what clouds leave of the daylight in each minute, 0.2 to 1."""
    overcast = rng.beta(1.2, 1.2)
    clouds = _slow(rng, _MINUTES, every=20) * 0.15
    return np.clip(1 - 0.7 * overcast + clouds, 0.2, 1.0)


def _visible(people: IntArray, rng: np.random.Generator) -> IntArray:
    """Return how many show the face, held for two minutes as people keep their pose."""
    shows = np.clip(_SHOWS_FACE + _SHOWS_SPREAD * _slow(rng, _MINUTES, every=30), 0.05, 0.98)
    drawn = rng.binomial(people, shows)
    return np.minimum(np.repeat(drawn[::2], 2), people)


def _slow(rng: np.random.Generator, length: int, every: int) -> FloatArray:
    """Return unit noise that changes over `every` steps."""
    knots = rng.standard_normal(length // every + 2)
    return np.interp(np.arange(length) / every, np.arange(len(knots)), knots)


def _expose(values: FloatArray, gain: FloatArray) -> None:
    """Lighten or darken pictures, in place: variance goes with the square of the gain."""
    values[:, _AT["brightness"]] = np.clip(values[:, _AT["brightness"]] * gain, 0, 0.98)
    values[:, _AT["contrast"]] *= gain
    values[:, _AT["blur"]] *= gain**2


def _add_noise(values: FloatArray, rng: np.random.Generator) -> None:
    count = len(values)
    for name, noise in _FRAME_NOISE.items():
        today = 1 + _DAY_NOISE[name] * rng.standard_normal()
        within = 1 + noise * rng.standard_normal(count)
        values[:, _AT[name]] = np.maximum(values[:, _AT[name]] * today * within, 0.0)
    layout_today = _LAYOUT_DAY_NOISE * rng.standard_normal(8)
    values[:, _LAYOUT] += layout_today + _LAYOUT_NOISE * rng.standard_normal((count, 8))
    meeting = np.repeat(_SCORE_MEETING_NOISE * rng.standard_normal(48), count // 48)
    differs = meeting + _SCORE_NOISE * rng.standard_normal(count)
    for column in _SCORES:
        values[:, column] = np.clip(values[:, column] + differs, 0.4, 1.0)
    values[:, _AT["box_size"]] *= 1 + _LENGTH_NOISE * rng.standard_normal(count)


def _black(count: int, rng: np.random.Generator) -> FloatArray:
    """Return frames of a room whose lamps are off, by a camera that has none."""
    values = np.full((count, len(FEATURE_NAMES)), np.nan)
    values[:, _AT["brightness"]] = np.abs(0.015 + 0.002 * rng.standard_normal(count))
    values[:, _AT["contrast"]] = np.abs(0.006 + 0.001 * rng.standard_normal(count))
    values[:, _AT["blur"]] = np.abs(4.0 + 0.4 * rng.standard_normal(count))
    values[:, _AT["faces"]] = 0.0
    values[:, _LAYOUT] = 0.03 * rng.standard_normal((count, 8))
    return values


def _motion(people: IntArray, rng: np.random.Generator) -> FloatArray:
    still = rng.gamma(2.0, 0.004, len(people))
    stirring = rng.beta(1.0, 6.0, len(people)) * (people > 0) * np.minimum(people, 4) / 4
    return np.clip(still + stirring, 0.0, 1.0)
