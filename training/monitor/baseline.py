"""The baseline: what is usual for each camera in each light, and how much quiet weeks differ."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np

from headcount.domain.drift import FEWEST_FOR_A_TAIL, Tail
from headcount.domain.features import FEATURES, Feature
from headcount.errors import MonitorError
from training.monitor.frames import AnsweringModel, Frames
from training.monitor.hours import (
    ALL_CAMERAS,
    FEWEST_DAYS,
    FEWEST_FRAMES,
    HOURS_A_DAY,
    KINDS,
    About,
    ByFaces,
    FloatArray,
    Hours,
    Scene,
    Stream,
    Usual,
    split_into_hours,
)
from training.monitor.moving import Moved, Spread, joined, moved, spread_of, together

_DAYS_A_WEEK = 7
# Weeks are left out in turn if there are so many; days if there are fewer.
_FEWEST_WEEKS = 3
_NOTHING_TOLD = Spread(
    np.full((KINDS, HOURS_A_DAY, len(FEATURES)), np.nan), np.zeros(len(FEATURES))
)


@dataclass(frozen=True, eq=False, slots=True)
class StreamBaseline:
    """One camera in one scene.

    Attributes:
        usual: By kind of day and hour.
        about: The same, as hours are compared with it.
        by_faces: What is usual of so many faces.
        spread: How far its quiet hours come from that.
        frames: How many an hour usually has.
    """

    usual: Usual
    about: About
    by_faces: ByFaces
    spread: Spread
    frames: float


@dataclass(frozen=True, eq=False, slots=True)
class Baseline:
    """What a window is compared with.

    Attributes:
        model: Which answered: scores and boxes of another cannot be compared.
        zone: Name of the time zone whose clock the hours of day are by.
        start: When the first frame was counted.
        end: When the last one was.
        streams: By camera and scene.
        spreads: Of the model as a whole, by scene.
        tails: By feature and scene: how far quiet hours come from usual, in spreads. A feature's
            tail over all scenes has the scene None. What the cameras have in common has one tail
            for all that the model says, by the name of `ALL_CAMERAS`: that of its square.
    """

    model: AnsweringModel
    zone: str
    start: datetime
    end: datetime
    streams: Mapping[Stream, StreamBaseline]
    spreads: Mapping[Scene, Spread]
    tails: Mapping[tuple[str, Scene | None], Tail]

    def p_value(self, feature: Feature, stream: Stream, spreads: float) -> float | None:
        """Return how likely so large a figure is in a quiet hour; None if too little tells.

        Args:
            feature: What it is of.
            stream: Whose it is.
            spreads: How far it is from usual, in units of what is usual for it.
        """
        if stream.is_in_common(feature):
            tail = self.tails.get((ALL_CAMERAS, None))
            return None if tail is None else tail.p_value(spreads**2)
        tail = self.tails.get((feature.name, stream.scene), self.tails.get((feature.name, None)))
        return None if tail is None else tail.p_value(spreads)

    def measure(self, frames: Frames) -> list[Moved]:
        """Return how far every stream of a window is from usual, and each scene as a whole.

        Args:
            frames: Of the window. A camera, or a scene of one, that the baseline does not know
                is left out.
        """
        seen = [
            moved(stream, hours, known.about, known.by_faces, known.frames)
            for stream, hours in split_into_hours(frames, time_zone(self.zone))
            if (known := self.streams.get(stream)) is not None
        ]
        return seen + together(
            seen, {stream: known.spread for stream, known in self.streams.items()}
        )

    def in_spreads(self, one: Moved) -> FloatArray:
        """Return distances in units of what is usual for them; shape `(hours, features)`."""
        if one.stream.camera == ALL_CAMERAS:
            spread = self.spreads.get(one.stream.scene, _NOTHING_TOLD)
        else:
            spread = self.streams[one.stream].spread
        return one.in_spreads(spread, time_zone(self.zone))


def time_zone(name: str) -> ZoneInfo:
    """Return a time zone by its name.

    Raises:
        MonitorError: If there is none of that name.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as fault:
        raise MonitorError(
            f"There is no time zone {name!r}.\nName one such as Europe/Berlin, or UTC."
        ) from fault


def make_baseline(frames: Frames, zone: str = "UTC") -> Baseline:
    """Return the baseline of frames from a time when nothing was wrong.

    Args:
        frames: Of three days at least; four weeks is what the stated false-alarm rate was
            measured with.
        zone: Name of the time zone that the people in the pictures live by.

    Raises:
        MonitorError: If there are no frames, frames of several models, or of too few days.
    """
    clock = time_zone(zone)
    model = _one_model(frames)
    cut = dict(split_into_hours(frames, clock))
    days = sorted({int(day) for hours in cut.values() for day in hours.day})
    if len(days) < FEWEST_DAYS:
        raise MonitorError(
            f"The capture has frames of {len(days)} day(s).\nA baseline needs {FEWEST_DAYS} at "
            "least to tell one day from another; four weeks are better."
        )
    groups = _left_out_together(days)
    quiet = [_quiet(stream, hours, groups) for stream, hours in cut.items()]
    spreads = {one.stream: spread_of(one, clock) for one in quiet}
    in_common = together(quiet, spreads)
    spreads |= {one.stream: spread_of(one, clock) for one in in_common}
    quiet += in_common
    return Baseline(
        model=model,
        zone=zone,
        start=frames.first_at(),
        end=frames.last_at(),
        streams={
            stream: StreamBaseline(
                usual := Usual.of(hours),
                usual.about(),
                hours.by_faces.of_all(),
                spreads[stream],
                _usual_frames(hours),
            )
            for stream, hours in cut.items()
        },
        spreads={
            stream.scene: spread
            for stream, spread in spreads.items()
            if stream.camera == ALL_CAMERAS
        },
        tails=_tails([(one, one.in_spreads(spreads[one.stream], clock)) for one in quiet]),
    )


def _one_model(frames: Frames) -> AnsweringModel:
    if not len(frames):
        raise MonitorError(
            "There are no frames in the capture.\n"
            "Look whether the endpoint captures its answers, and for the window that was asked."
        )
    models = [frames.models[int(index)] for index in np.unique(frames.model)]
    if len(models) > 1:
        raise MonitorError(
            f"The capture has answers of {len(models)} models: {', '.join(map(str, models))}.\n"
            "A baseline is of one: narrow the window, or name the model by its sha256."
        )
    return models[0]


def _left_out_together(days: list[int]) -> dict[int, int]:
    """Return the group of each day: weeks, if there are enough of them."""
    weeks = {day: (day - days[0]) // _DAYS_A_WEEK for day in days}
    if len(set(weeks.values())) >= _FEWEST_WEEKS:
        return weeks
    return {day: number for number, day in enumerate(days)}


def _usual_frames(hours: Hours) -> float:
    full = hours.frames[hours.frames >= FEWEST_FRAMES]
    return float(np.median(full)) if full.size else float(FEWEST_FRAMES)


def _quiet(stream: Stream, hours: Hours, groups: Mapping[int, int]) -> Moved:
    """Return how far each hour is from usual, had its week not been part of the baseline."""
    usual, by_faces, frames = Usual.of(hours), hours.by_faces.of_all(), _usual_frames(hours)
    group_of = np.array([groups[int(day)] for day in hours.day])
    parts = []
    for group in np.unique(group_of):
        left_out = hours.where(group_of == group)
        others = usual.less(Usual.of(left_out)).about()
        with_faces = by_faces.less(left_out.by_faces.of_all())
        parts.append(moved(stream, left_out, others, with_faces, frames))
    return joined(parts)


def _tails(quiet: list[tuple[Moved, FloatArray]]) -> dict[tuple[str, Scene | None], Tail]:
    found: dict[tuple[str, Scene | None], list[FloatArray]] = {}
    for one, far in quiet:
        for number, feature in enumerate(FEATURES):
            if not one.stream.scene.tells_of(feature):
                continue
            keys: list[tuple[str, Scene | None]] = [(feature.name, one.stream.scene)]
            keys += [(feature.name, None)]
            values = far[:, number]
            if one.stream.is_in_common(feature):
                # A mean over cameras is nearly normal, so its square's tail is exponential, which
                # is what a tail is fitted as unless it is heavier.
                keys, values = [(ALL_CAMERAS, None)], values**2
            for key in keys:
                found.setdefault(key, []).append(values)
    tails: dict[tuple[str, Scene | None], Tail] = {}
    for key, parts in found.items():
        values = np.concatenate(parts)
        if np.isfinite(values).sum() >= FEWEST_FOR_A_TAIL:
            tails[key] = Tail.fit(values)
    return tails
