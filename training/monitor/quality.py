"""How well the model counts in service, by what people corrected.

The documents are those of Model Monitor's model quality, as a regression of the count; missed and
false faces, and cameras and lights, stand beside them under the key `headcount`.
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from headcount.errors import MonitorError
from training.monitor.capture import Reading, read_answers
from training.monitor.corrections import Corrections, FloatArray, Judged, join_corrections

# Below so many corrected frames nothing is raised. Chosen: the interval of a mean is then as wide
# as what it is of.
FEWEST_JUDGED = 30
# Model Monitor has standard deviations from so many on.
_FEWEST_FOR_DEVIATION = 200
_RESAMPLES = 1000
_INTERVAL = (0.025, 0.975)
# Frames of one camera and day are drawn together, if there are so many of these.
_FEWEST_CLUSTERS = 5
_SEED = 5
_VERSION = 0
_HIGHER_IS_WORSE = ("mae", "mse", "rmse")
OPERATORS = {
    **dict.fromkeys(_HIGHER_IS_WORSE, "GreaterThanThreshold"),
    "r2": "LessThanThreshold",
}


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure with its 95 % interval, by bootstrap over cameras and days."""

    value: float
    low: float
    high: float
    deviation: float

    def as_json(self) -> dict[str, float]:
        """Return it rounded."""
        return {
            "value": round(self.value, 4),
            "low": round(self.low, 4),
            "high": round(self.high, 4),
        }


@dataclass(frozen=True, eq=False, slots=True)
class Quality:
    """What corrections say of the model.

    Attributes:
        whole: Figures over all frames, by name.
        slices: Likewise, by camera and by light.
        frames: How many were judged, over all and in each slice.
        violations: As constraint_violations.json lists them.
        message: In a sentence.
    """

    whole: Mapping[str, Figure]
    slices: Mapping[str, Mapping[str, Figure]]
    frames: Mapping[str, int]
    violations: tuple[Mapping[str, str], ...]
    message: str

    def rows(self) -> Iterable[tuple[str, ...]]:
        """Yield the rows of a table: where, frames, error, bias, missed, false."""
        for name, figures in (("all", self.whole), *self.slices.items()):
            yield (
                name,
                str(self.frames[name]),
                *(_shown(figures.get(one)) for one in ("mae", "bias", "missed_share", "false")),
            )


def judge(
    capture: Path, corrections: Corrections, out: Path, constraints: Path | None = None
) -> Quality:
    """Return how well the model counts, and write its documents.

    Args:
        capture: Folder of capture files.
        corrections: By people.
        out: Folder for statistics.json and constraint_violations.json; and for constraints.json,
            if there are none yet.
        constraints: Of an earlier run: what must not get worse.

    Raises:
        MonitorError: If no correction meets an answer, or the constraints cannot be read.
    """
    bounds = None if constraints is None else _read(constraints)
    reading = Reading()
    judged, left_out = join_corrections(read_answers(capture, reading), corrections)
    left_out += reading.unreadable + corrections.unreadable
    if not judged:
        reasons = ", ".join(f"{count} {reason}" for reason, count in left_out.items())
        raise MonitorError(
            f"None of {len(corrections.known)} corrections meets an answer: {reasons}.\n"
            "Name the capture of the same days, and labels whose inference ids are its."
        )
    whole = figures_of(judged)
    groups = _groups(judged)
    quality = Quality(
        whole=whole,
        slices={name: figures_of(group) for name, group in groups.items()},
        frames={"all": len(judged), **{name: len(group) for name, group in groups.items()}},
        violations=tuple(_violations(whole, bounds, len(judged)) if bounds else ()),
        message=_message(judged, left_out),
    )
    _write(out / "statistics.json", _statistics(quality, left_out))
    _write(
        out / "constraint_violations.json", {"version": _VERSION, "violations": quality.violations}
    )
    if bounds is None:
        _write(out / "constraints.json", constraints_of(whole))
    return quality


def figures_of(judged: Sequence[Judged]) -> dict[str, Figure]:
    """Return the figures of some frames: of the count, and of faces where they were labelled.

    `missed_share` is of labelled faces, `false` a frame; both only over frames with boxes.
    """
    counted = np.array([one.counted for one in judged], np.float64)
    labelled = np.array([one.labelled for one in judged], np.float64)
    has_boxes = np.array([one.missed is not None for one in judged])
    missed = np.array([one.missed or 0 for one in judged], np.float64)
    false = np.array([one.false or 0 for one in judged], np.float64)
    error = counted - labelled
    columns = np.stack(
        [
            np.ones(len(judged)),
            np.abs(error),
            error,
            error**2,
            labelled,
            labelled**2,
            has_boxes,
            missed,
            labelled * has_boxes,
            false,
        ],
        axis=1,
    )
    clusters = _cluster_sums(judged, columns)
    rng = np.random.default_rng(_SEED)
    drawn = rng.integers(len(clusters), size=(_RESAMPLES, len(clusters)))
    resampled = _figures(clusters[drawn].sum(axis=1))
    exact = _figures(columns.sum(axis=0)[None])
    found = {}
    for name, values in exact.items():
        if np.isfinite(values[0]):
            spread = resampled[name][np.isfinite(resampled[name])]
            low, high = np.quantile(spread, _INTERVAL) if spread.size else (values[0],) * 2
            deviation = float(spread.std()) if spread.size else 0.0
            found[name] = Figure(float(values[0]), float(low), float(high), deviation)
    return found


def constraints_of(figures: Mapping[str, Figure]) -> dict[str, Any]:
    """Return what later weeks must keep: the worse end of each figure's interval."""
    return {
        "version": _VERSION,
        "regression_constraints": {
            name: {
                "threshold": figures[name].high if name in _HIGHER_IS_WORSE else figures[name].low,
                "comparison_operator": operator,
            }
            for name, operator in OPERATORS.items()
            if name in figures
        },
    }


def _figures(sums: FloatArray) -> dict[str, FloatArray]:
    """Return figures from sums over frames; shape of `sums` `(resamples, columns)`."""
    count, absolute, error, square, labels, labels_square, boxed, missed, faces, false = sums.T
    with np.errstate(invalid="ignore", divide="ignore"):
        spread = labels_square - labels**2 / count
        return {
            "mae": absolute / count,
            "mse": square / count,
            "rmse": np.sqrt(square / count),
            "r2": np.where(spread > 0, 1 - square / np.where(spread > 0, spread, 1.0), np.nan),
            "bias": error / count,
            "missed_share": missed / faces,
            "false": false / boxed,
        }


def _cluster_sums(judged: Sequence[Judged], columns: FloatArray) -> FloatArray:
    """Return sums by camera and day, or the frames themselves if these are too few."""
    keys = [(one.camera, one.day) for one in judged]
    order = {key: number for number, key in enumerate(sorted(set(keys)))}
    if len(order) < _FEWEST_CLUSTERS:
        return columns
    sums = np.zeros((len(order), columns.shape[1]))
    np.add.at(sums, [order[key] for key in keys], columns)
    return sums


def _groups(judged: Sequence[Judged]) -> dict[str, list[Judged]]:
    groups: dict[str, list[Judged]] = {}
    for one in judged:
        groups.setdefault(f"camera {one.camera or 'unsaid'}", []).append(one)
        groups.setdefault(f"light {one.light}", []).append(one)
    return dict(sorted(groups.items()))


def _violations(
    figures: Mapping[str, Figure], bounds: Mapping[str, Any], frames: int
) -> Iterable[dict[str, str]]:
    """Yield what got worse, surely: a figure's whole interval is beyond its threshold."""
    if frames < FEWEST_JUDGED:
        return
    for name, bound in bounds.items():
        if name not in figures:
            continue
        figure, threshold = figures[name], float(bound["threshold"])
        operator = str(bound["comparison_operator"])
        is_worse = (
            figure.low > threshold
            if operator == "GreaterThanThreshold"
            else figure.high < threshold
        )
        if is_worse:
            yield {
                "constraint_check_type": operator,
                "description": f"Metric {name} with {figure.value:.3g} +/- {figure.deviation:.2g} "
                f"was {operator} '{threshold:.3g}'",
                "metric_name": name,
            }


def _statistics(quality: Quality, left_out: Counter[str]) -> dict[str, Any]:
    frames = quality.frames["all"]
    return {
        "version": _VERSION,
        "dataset": {"item_count": frames},
        "regression_metrics": {
            name: {
                "value": quality.whole[name].value,
                **(
                    {"standard_deviation": quality.whole[name].deviation}
                    if frames >= _FEWEST_FOR_DEVIATION
                    else {}
                ),
            }
            for name in OPERATORS
            if name in quality.whole
        },
        "headcount": {
            "left_out": dict(left_out),
            "all": {name: one.as_json() for name, one in quality.whole.items()},
            "slices": {
                name: {"frames": quality.frames[name]}
                | {figure: one.as_json() for figure, one in figures.items()}
                for name, figures in quality.slices.items()
            },
        },
    }


def _message(judged: Sequence[Judged], left_out: Counter[str]) -> str:
    said = f"{len(judged)} frames were counted by the model and by people."
    if len(judged) < FEWEST_JUDGED:
        said += f" Fewer than {FEWEST_JUDGED}: too few to raise anything."
    if left_out:
        said += " Left out: " + ", ".join(f"{many} {why}" for why, many in left_out.items()) + "."
    return said


def _shown(figure: Figure | None) -> str:
    if figure is None:
        return "-"
    return f"{figure.value:.2f} ({figure.low:.2f} to {figure.high:.2f})"


def _read(path: Path) -> Mapping[str, Any]:
    try:
        bounds = json.loads(path.read_text(encoding="utf-8"))["regression_constraints"]
        for bound in bounds.values():
            float(bound["threshold"]), str(bound["comparison_operator"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as fault:
        raise MonitorError(
            f"{path} holds no regression_constraints ({fault!r}).\n"
            "Name a constraints.json that headcount monitor quality wrote."
        ) from fault
    else:
        return dict(bounds)


def _write(path: Path, document: Mapping[str, Any]) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(document) + "\n", encoding="utf-8")
    except OSError as fault:
        raise MonitorError(
            f"{path} cannot be written ({fault.strerror}).\nName a folder of yours."
        ) from fault
