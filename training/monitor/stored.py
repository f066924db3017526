"""A baseline as JSON: what is ours beside what Model Monitor's files document.

It is split as they are: what was seen into statistics.json, and what follows from it, how far
quiet weeks come from usual, into constraints.json. Both halves stand under the key `headcount`.
"""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

import numpy as np

from headcount.domain.drift import Tail
from headcount.domain.features import BINS, FEATURE_NAMES, FEATURES
from headcount.errors import MonitorError
from training.monitor.baseline import Baseline, StreamBaseline, time_zone
from training.monitor.frames import AnsweringModel
from training.monitor.hours import (
    HOURS_A_DAY,
    KINDS,
    MOST_FACES,
    ByFaces,
    FloatArray,
    IntArray,
    Scene,
    Stream,
    Usual,
)
from training.monitor.moving import Spread

OURS = "headcount"
_FORMAT = 2
_DIGITS = 6
_KIND_NAMES = ("working day", "weekend")


def statistics_part(baseline: Baseline) -> dict[str, Any]:
    """Return what was seen: histograms of each stream by kind of day and hour of day."""
    return {
        "format": _FORMAT,
        "model": asdict(baseline.model),
        "time_zone": baseline.zone,
        "start": baseline.start.isoformat(),
        "end": baseline.end.isoformat(),
        "features": _grids(),
        "kinds_of_day": list(_KIND_NAMES),
        "streams": [
            {
                **_stream(stream),
                "frames_an_hour": one.frames,
                "hours": _histograms(one.usual),
                "by_faces": _by_faces(one.by_faces),
            }
            for stream, one in sorted(baseline.streams.items())
        ],
    }


def constraints_part(baseline: Baseline) -> dict[str, Any]:
    """Return how far quiet weeks come from usual, and the tails that p-values are read off."""
    return {
        "format": _FORMAT,
        "spreads": [
            {**_stream(stream), **_spread(one.spread)}
            for stream, one in sorted(baseline.streams.items())
        ],
        "model_spreads": [
            {**_scene(scene), **_spread(spread)}
            for scene, spread in sorted(baseline.spreads.items())
        ],
        "tails": [
            {"feature": feature, **(_scene(scene) if scene else {}), **asdict(tail)}
            for (feature, scene), tail in baseline.tails.items()
        ],
    }


def read_baseline(statistics: Mapping[str, Any], constraints: Mapping[str, Any]) -> Baseline:
    """Return the baseline in a statistics.json and its constraints.json.

    Raises:
        MonitorError: If they are not of this monitor, of another format, or do not fit together.
    """
    try:
        seen, bounds = statistics[OURS], constraints[OURS]
        if (seen["format"], bounds["format"]) != (_FORMAT, _FORMAT):
            raise ValueError(f"they are of format {seen['format']}, and this monitor of {_FORMAT}")
        if seen["features"] != _grids():
            raise ValueError("their features are not this monitor's")
        return _baseline(seen, bounds)
    except KeyError as fault:
        reason = f"{fault.args[0]!r} is missing"
    except (TypeError, ValueError, IndexError, AttributeError) as fault:
        reason = str(fault)
    raise MonitorError(
        f"The baseline cannot be used: {reason}.\n"
        "Make one with this version: headcount monitor baseline."
    )


def _baseline(seen: Mapping[str, Any], bounds: Mapping[str, Any]) -> Baseline:
    spreads = {_read_stream(row): _read_spread(row) for row in bounds["spreads"]}
    streams = {}
    for row in seen["streams"]:
        stream, usual = _read_stream(row), _read_histograms(row["hours"])
        streams[stream] = StreamBaseline(
            usual,
            usual.about(),
            _read_by_faces(row["by_faces"]),
            spreads[stream],
            float(row["frames_an_hour"]),
        )
    time_zone(seen["time_zone"])
    return Baseline(
        model=AnsweringModel(**seen["model"]),
        zone=seen["time_zone"],
        start=datetime.fromisoformat(seen["start"]),
        end=datetime.fromisoformat(seen["end"]),
        streams=streams,
        spreads={_read_scene(row): _read_spread(row) for row in bounds["model_spreads"]},
        tails={
            (row["feature"], _read_scene(row) if "light" in row else None): _read_tail(row)
            for row in bounds["tails"]
        },
    )


def _grids() -> list[dict[str, Any]]:
    return [
        {
            "name": feature.name,
            "low": feature.low,
            "high": feature.high,
            "logarithmic": feature.logarithmic,
            "bins": BINS,
        }
        for feature in FEATURES
    ]


def _stream(stream: Stream) -> dict[str, Any]:
    return {"camera": stream.camera, **_scene(stream.scene)}


def _scene(scene: Scene) -> dict[str, Any]:
    return {"light": scene.light, "occupied": scene.occupied}


def _read_stream(row: Mapping[str, Any]) -> Stream:
    return Stream(str(row["camera"]), _read_scene(row))


def _read_scene(row: Mapping[str, Any]) -> Scene:
    return Scene(str(row["light"]), bool(row["occupied"]))


def _histograms(usual: Usual) -> list[dict[str, Any]]:
    """Return the hours that were seen; each histogram as its filled bins and their counts."""
    return [
        {
            "kind": kind,
            "hour": hour,
            "days": usual.days[kind, hour].tolist(),
            "counts": [
                [filled.tolist(), row[filled].astype(int).tolist()]
                for row in usual.counts[kind, hour]
                for filled in [np.flatnonzero(row)]
            ],
        }
        for kind in range(KINDS)
        for hour in range(HOURS_A_DAY)
        if usual.counts[kind, hour].any()
    ]


def _read_histograms(rows: list[Mapping[str, Any]]) -> Usual:
    counts = np.zeros((KINDS, HOURS_A_DAY, len(FEATURES), BINS), np.float32)
    days: IntArray = np.zeros((KINDS, HOURS_A_DAY, len(FEATURES)), np.int64)
    for row in rows:
        kind, hour = row["kind"], row["hour"]
        days[kind, hour] = row["days"]
        for number, (filled, seen) in enumerate(row["counts"]):
            counts[kind, hour, number, filled] = seen
    return Usual(counts, days)


def _by_faces(seen: ByFaces) -> list[dict[str, Any]]:
    """Return the numbers of faces that were seen; of each, frames and summed places by feature."""
    return [
        {
            "faces": number,
            "frames": seen.frames[:, number].astype(int).tolist(),
            "places": _rounded(np.asarray(seen.places[:, number], np.float64)),
        }
        for number in range(MOST_FACES + 1)
        if seen.frames[:, number].any()
    ]


def _read_by_faces(rows: list[Mapping[str, Any]]) -> ByFaces:
    frames, places = (np.zeros((len(FEATURES), MOST_FACES + 1), np.float32) for _ in range(2))
    for row in rows:
        frames[:, row["faces"]] = row["frames"]
        places[:, row["faces"]] = row["places"]
    return ByFaces(frames, places)


def _spread(spread: Spread) -> dict[str, Any]:
    return {
        "of_stream": _rounded(spread.of_stream),
        "of_hour": [
            {"kind": kind, "hour": hour, "median": _rounded(spread.of_hour[kind, hour])}
            for kind in range(KINDS)
            for hour in range(HOURS_A_DAY)
            if np.isfinite(spread.of_hour[kind, hour]).any()
        ],
    }


def _read_spread(row: Mapping[str, Any]) -> Spread:
    of_hour = np.full((KINDS, HOURS_A_DAY, len(FEATURES)), np.nan)
    for hour in row["of_hour"]:
        of_hour[hour["kind"], hour["hour"]] = _numbers(hour["median"])
    return Spread(of_hour, np.nan_to_num(_numbers(row["of_stream"])))


def _rounded(values: FloatArray) -> list[float | None]:
    return [None if np.isnan(value) else round(float(value), _DIGITS) for value in values]


def _numbers(values: list[float | None]) -> FloatArray:
    if len(values) != len(FEATURE_NAMES):
        raise ValueError(f"{len(values)} spreads are not of {len(FEATURE_NAMES)} features")
    return np.array([np.nan if value is None else value for value in values], np.float64)


def _read_tail(row: Mapping[str, Any]) -> Tail:
    numbers = {name: float(row[name]) for name in ("above", "share", "scale", "shape")}
    return Tail(quantiles=tuple(map(float, row["quantiles"])), **numbers)
