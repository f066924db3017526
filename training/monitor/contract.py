"""Model Monitor's three documents: statistics, constraints and violations.

Readers of these files find in them what Model Monitor's own container writes; what is ours stands
under the key `headcount`.

Source: Amazon SageMaker Developer Guide, "Schema for Statistics", "Schema for Constraints",
    "Schema for Violations".
"""

import math
from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np

from headcount.domain.drift import effective_sample_size
from headcount.domain.features import FEATURES, Feature
from headcount.domain.terms import LightMode
from training.monitor.deciding import Decision
from training.monitor.frames import LIGHTS, UNSAID, FloatArray, Frames

_VERSION = 0
LIGHT = "light_mode"
_BUCKETS = 10
# Deequ's defaults, which the documentation shows.
_SKETCH = {"c": 0.64, "k": 2048.0}
# Model Monitor's own default: a share of values of another type, or of another category.
_TOLERATED_SHARE = 0.1
# A camera that finds nobody has no scores: how often a feature is there varies with the people.
_DEPENDS_ON_PEOPLE = frozenset({"score_mean", "score_lowest", "box_size", "small_share"})
# How many drifting streams a violation names before it only counts them.
_NAMED = 3


def statistics(frames: Frames) -> dict[str, Any]:
    """Return what statistics.json says of frames, without what is ours."""
    return {
        "version": _VERSION,
        "dataset": {"item_count": len(frames)},
        "features": [
            *(
                _numerical(feature, frames.values[:, number])
                for number, feature in enumerate(FEATURES)
            ),
            _light_statistics(frames),
        ],
    }


def constraints(frames: Frames) -> dict[str, Any]:
    """Return what constraints.json says of a baseline's frames, without what is ours."""
    rows = []
    for number, feature in enumerate(FEATURES):
        column = frames.values[:, number]
        known = column[np.isfinite(column)]
        share = len(known) / max(len(column), 1)
        rows.append(
            {
                "name": feature.name,
                "inferred_type": _type(feature) if len(known) else "Unknown",
                "completeness": 0.0 if feature.name in _DEPENDS_ON_PEOPLE else round(share, 4),
                "num_constraints": {"is_non_negative": bool((known >= 0).all())},
            }
        )
    lights = sorted({LIGHTS[index] for index in np.unique(frames.light)} | {*LightMode})
    rows.append(
        {
            "name": LIGHT,
            "inferred_type": "String",
            "completeness": 1.0,
            "string_constraints": {"domains": [str(light) for light in lights]},
        }
    )
    return {
        "version": _VERSION,
        "features": rows,
        "monitoring_config": {
            "evaluate_constraints": "Enabled",
            "emit_metrics": "Enabled",
            "datatype_check_threshold": _TOLERATED_SHARE,
            "domain_content_threshold": _TOLERATED_SHARE,
            "distribution_constraints": {
                "perform_comparison": "Enabled",
                "comparison_threshold": _TOLERATED_SHARE,
                "comparison_method": "Robust",
                "categorical_comparison_threshold": _TOLERATED_SHARE,
                "categorical_drift_method": "LInfinity",
            },
        },
    }


def violations(
    found: Mapping[str, Any],
    frames: Frames,
    wrong_type: Counter[str],
    decision: Decision,
) -> list[dict[str, str]]:
    """Return what constraint_violations.json lists.

    Args:
        found: The baseline's constraints.json.
        frames: Of the window.
        wrong_type: Values that were no numbers, by feature.
        decision: What the comparison with the baseline came to.
    """
    said = [*_against_constraints(found, frames, wrong_type), *_drifts(decision)]
    return [
        {"feature_name": name, "constraint_check_type": check, "description": text}
        for name, check, text in said
    ]


def _numerical(feature: Feature, column: FloatArray) -> dict[str, Any]:
    known = column[np.isfinite(column)]
    common = {"num_present": len(known), "num_missing": len(column) - len(known)}
    numbers: dict[str, Any] = {"common": common}
    if len(known):
        numbers |= {
            "mean": float(known.mean()),
            "sum": float(known.sum()),
            "std_dev": float(known.std()),
            "min": float(np.min(known)),
            "max": float(np.max(known)),
            "distribution": {"kll": _sketch(known)},
        }
    return {
        "name": feature.name,
        "inferred_type": _type(feature) if len(known) else "Unknown",
        "numerical_statistics": numbers,
        "headcount": {"effective_frames": round(effective_sample_size(known), 1)},
    }


def _type(feature: Feature) -> str:
    return "Integral" if feature.whole else "Fractional"


def _sketch(values: FloatArray) -> dict[str, Any]:
    """Return ten buckets, and values of which those of level n stand for 2 to the n each."""
    edges = np.linspace(np.min(values), np.max(values), _BUCKETS + 1)
    counts, _ = np.histogram(values, edges)
    buckets = [
        {"lower_bound": float(low), "upper_bound": float(high), "count": float(count)}
        for low, high, count in zip(edges[:-1], edges[1:], counts, strict=True)
    ]
    ordered = np.sort(values)
    level = max(0, math.ceil(math.log2(len(ordered) / _SKETCH["k"])))
    whole = len(ordered) >> level << level
    data: list[list[float]] = [[] for _ in range(level + 1)]
    data[0] += ordered[whole:].tolist()
    data[level] += ordered[:whole].reshape(-1, 1 << level)[:, (1 << level) // 2].tolist()
    return {"buckets": buckets, "sketch": {"parameters": dict(_SKETCH), "data": data}}


def _light_statistics(frames: Frames) -> dict[str, Any]:
    counts = np.bincount(frames.light, minlength=len(LIGHTS))
    unsaid = int(counts[LIGHTS.index(UNSAID)])
    buckets = [
        {"value": light, "count": int(count)}
        for light, count in zip(LIGHTS, counts, strict=True)
        if count and light != UNSAID
    ]
    return {
        "name": LIGHT,
        "inferred_type": "String",
        "string_statistics": {
            "common": {"num_present": len(frames) - unsaid, "num_missing": unsaid},
            "distinct_count": float(len(buckets)),
            "distribution": {"categorical": {"buckets": buckets}},
        },
    }


def _against_constraints(
    found: Mapping[str, Any], frames: Frames, wrong_type: Counter[str]
) -> list[tuple[str, str, str]]:
    said: list[tuple[str, str, str]] = []
    count = max(len(frames), 1)
    present = dict(
        zip(
            (feature.name for feature in FEATURES),
            np.isfinite(frames.values).sum(axis=0).tolist(),
            strict=True,
        )
    )
    tolerated = found["monitoring_config"]["datatype_check_threshold"]
    for row in found["features"]:
        name, share = row["name"], present.get(row["name"], 0) / count
        if name == LIGHT:
            said += _light_violations(row, frames)
        elif wrong_type[name] / count > tolerated:
            said.append(
                (name, "data_type_check", f"{wrong_type[name]} of {count} values are no numbers.")
            )
        elif row["inferred_type"] != "Unknown" and present.get(name, 0) == 0:
            if name not in _DEPENDS_ON_PEOPLE:
                said.append((name, "missing_column_check", "No frame of the window has it."))
        elif row["inferred_type"] == "Unknown" and present.get(name, 0):
            said.append((name, "extra_column_check", "The baseline never had it."))
        elif share < row["completeness"] - tolerated:
            said.append(
                (
                    name,
                    "completeness_check",
                    f"{share:.1%} of the frames have it, {row['completeness']:.1%} had.",
                )
            )
    return said


def _light_violations(row: Mapping[str, Any], frames: Frames) -> list[tuple[str, str, str]]:
    domains = set(row["string_constraints"]["domains"])
    unknown = [index for index, light in enumerate(LIGHTS) if light not in domains]
    share = float(np.isin(frames.light, unknown).mean()) if len(frames) else 0.0
    if share <= _TOLERATED_SHARE:
        return []
    return [(LIGHT, "categorical_values_check", f"{share:.1%} of the frames are of unknown light.")]


def _drifts(decision: Decision) -> list[tuple[str, str, str]]:
    """Return one violation a feature: how far, how surely, and where."""
    said = []
    for name in dict.fromkeys(test.feature for test in decision.drifts):
        tests = [test for test in decision.drifts if test.feature == name]
        surest = tests[0]
        places = [
            f"{'all cameras' if test.is_of_model else test.stream.camera} ({test.stream.scene})"
            for test in tests
        ]
        named = "; ".join(dict.fromkeys(places[:_NAMED]))
        more = f" and {len(places) - _NAMED} more" if len(places) > _NAMED else ""
        said.append(
            (
                name,
                "baseline_drift_check",
                (
                    f"Mean {surest.mean:.3g} instead of {surest.usual_mean:.3g}: "
                    f"{surest.spreads:.1f} times what a quiet hour in twenty comes to "
                    f"(p {surest.p_value:.1g}; linf {surest.linf:.2f}, PSI {surest.psi:.2f}, "
                    f"Jensen-Shannon {surest.js:.2f}) in {named}{more}."
                ),
            )
        )
    return said
