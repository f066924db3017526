"""CloudWatch metrics of a run, as the lines of a file that the platform publishes.

Of the model as a whole only: a metric per camera would be paid for by the camera and month.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

import numpy as np

from headcount.domain.features import FEATURES
from training.monitor.deciding import Decision
from training.monitor.frames import Frames
from training.monitor.quality import Figure

# The documentation disagrees with itself; alarms that AWS deploys in its samples use these.
NAMESPACE = "aws/sagemaker/Endpoints/data-metrics"
QUALITY_NAMESPACE = "aws/sagemaker/Endpoints/model-metrics"
VIOLATIONS = "feature_baseline_drift_violations"
FRAMES = "feature_frames"

Metric = dict[str, Any]


def dimensions(endpoint: str, schedule: str) -> list[dict[str, str]]:
    """Return what every metric of a schedule is told apart by."""
    return [
        {"Name": "Endpoint", "Value": endpoint},
        {"Name": "MonitoringSchedule", "Value": schedule},
    ]


def data_metrics(
    frames: Frames, decision: Decision | None, at: datetime, about: list[dict[str, str]]
) -> Iterator[Metric]:
    """Yield the metrics of a window.

    Args:
        frames: Of the window.
        decision: None without a baseline.
        at: The end of the window.
        about: The dimensions.
    """
    yield _value(FRAMES, len(frames), at, about)
    for number, feature in enumerate(FEATURES):
        column = frames.values[:, number]
        known = column[np.isfinite(column)]
        share = len(known) / len(column) if len(column) else 0.0
        yield _value(f"feature_non_null_{feature.name}", share, at, about)
        if len(known):
            yield {
                "MetricName": f"feature_data_{feature.name}",
                "Timestamp": _iso(at),
                "Dimensions": about,
                "StatisticValues": {
                    "SampleCount": len(known),
                    "Sum": float(known.sum()),
                    "Minimum": float(np.min(known)),
                    "Maximum": float(np.max(known)),
                },
                "Unit": "None",
            }
    if decision is not None:
        for name, distance in model_distances(decision).items():
            yield _value(f"feature_baseline_drift_{name}", distance, at, about)
        told = {test.feature for test in decision.drifts}
        yield _value(VIOLATIONS, len(told), at, about)


def model_distances(decision: Decision) -> dict[str, float]:
    """Return the largest CDF difference of each feature over all cameras, in any scene and hour."""
    distances: dict[str, float] = {}
    for test in decision.tests:
        if test.is_of_model:
            distances[test.feature] = max(distances.get(test.feature, 0.0), test.linf)
    return distances


def quality_metrics(
    figures: Mapping[str, Figure], at: datetime, about: list[dict[str, str]]
) -> Iterator[Metric]:
    """Yield the model's quality by people's corrections, and how sure each figure is."""
    for name, figure in figures.items():
        yield _value(name, figure.value, at, about)
        yield _value(f"{name}_stddev", figure.deviation, at, about)


def as_lines(metrics: Iterable[Metric]) -> str:
    """Return metrics as the file holds them: one PutMetricData entry a line."""
    return "".join(json.dumps(metric) + "\n" for metric in metrics)


def _value(name: str, value: float, at: datetime, about: list[dict[str, str]]) -> Metric:
    return {
        "MetricName": name,
        "Timestamp": _iso(at),
        "Dimensions": about,
        "Value": float(value),
        "Unit": "None",
    }


def _iso(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")
