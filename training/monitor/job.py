"""The monitor as a Processing job: `python -m training.monitor.job`.

It honours the contract that Model Monitor has for containers of one's own: what to do is in
environment variables, data and results are below /opt/ml, and without a baseline it makes one.
Scheduled by anything that starts Processing jobs; `--root` puts /opt/ml elsewhere.
"""

import argparse
import json
import os
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from headcount.errors import HeadcountError, MonitorError
from training.monitor import contract, metrics
from training.monitor.baseline import Baseline, make_baseline, time_zone
from training.monitor.capture import Reading, read_capture
from training.monitor.corrections import read_corrections
from training.monitor.deciding import Decision, Test, decide
from training.monitor.frames import Frames
from training.monitor.orders import MESSAGE, Orders
from training.monitor.quality import judge
from training.monitor.stored import OURS, constraints_part, read_baseline, statistics_part

STATISTICS, CONSTRAINTS = "statistics.json", "constraints.json"
VIOLATIONS = "constraint_violations.json"
PER_CAMERA = "per_camera.jsonl"
# One document of PutMetricData: a plain Processing job keeps its output, and publishes nothing.
PUT_METRICS = "put_metric_data.json"
COMPLETED, WITH_VIOLATIONS = "Completed", "CompletedWithViolations"
# The platform cuts the exit message there.
_LONGEST_MESSAGE = 1024


@dataclass(frozen=True, eq=False, slots=True)
class Outcome:
    """What a run came to.

    Attributes:
        status: `COMPLETED` or `WITH_VIOLATIONS`, as a monitoring execution's.
        message: In a sentence, for people.
        violations: As constraint_violations.json lists them.
        decision: None if nothing was compared.
        frames: Of the window.
    """

    status: str
    message: str
    violations: tuple[Mapping[str, str], ...] = ()
    decision: Decision | None = None
    frames: int = 0


def run(orders: Orders) -> Outcome:
    """Make a baseline, or compare a window with one; write the results and return the outcome.

    Raises:
        MonitorError: If there is nothing to make a baseline of, or the window cannot be compared.
    """
    if orders.ground_truth is not None:
        outcome = _judge(orders, orders.ground_truth)
    else:
        frames, reading = read_capture(_capture(orders), orders.start, orders.end)
        if orders.baseline is None:
            outcome = _write_baseline(orders, frames, reading)
        else:
            outcome = _compare(orders, frames, reading, *map(_read_json, orders.baseline))
    if orders.message is not None:
        _write(orders.message, f"{outcome.status}: {outcome.message}"[:_LONGEST_MESSAGE])
    return outcome


def _write_baseline(orders: Orders, frames: Frames, reading: Reading) -> Outcome:
    time_zone(orders.time_zone)
    if not len(frames):
        read = f"{reading.files} file(s) with {reading.lines} line(s) were read"
        raise MonitorError(
            f"There are no frames in the capture: {read}.{_unread(reading)}\n"
            "Name the folder as in S3, {endpoint}/{variant}/yyyy/mm/dd/hh/*.jsonl; look whether "
            "the endpoint captures its answers, and for the window that was asked."
        )
    baseline = make_baseline(frames, orders.time_zone)
    write_baseline(orders.output, baseline, frames, reading)
    days = (baseline.end - baseline.start).total_seconds() / 86_400
    cameras = len({stream.camera for stream in baseline.streams})
    return Outcome(
        COMPLETED,
        f"A baseline of {len(frames)} frames by {cameras} camera(s) over {days:.1f} days, "
        f"answered by {baseline.model}.{_unread(reading)}",
        frames=len(frames),
    )


def write_baseline(folder: Path, baseline: Baseline, frames: Frames, reading: Reading) -> None:
    """Write a baseline's statistics.json and constraints.json."""
    statistics = contract.statistics(frames)
    statistics[OURS] = {**statistics_part(baseline), "capture": reading.as_json()}
    constraints = {**contract.constraints(frames), OURS: constraints_part(baseline)}
    _write_json(folder / STATISTICS, statistics)
    _write_json(folder / CONSTRAINTS, constraints)


def _compare(
    orders: Orders,
    frames: Frames,
    reading: Reading,
    old_statistics: Mapping[str, Any],
    old_constraints: Mapping[str, Any],
) -> Outcome:
    baseline = read_baseline(old_statistics, old_constraints)
    own = frames.of_model(baseline.model.sha256)
    if len(frames) and not len(own):
        others = ", ".join(sorted(map(str, frames.models)))
        raise MonitorError(
            f"The window was answered by {others}, the baseline by {baseline.model}.\n"
            "Make a baseline of the new model: headcount monitor baseline."
        )
    decision = decide(baseline, own, orders.false_alarms_a_year)
    violations = tuple(contract.violations(old_constraints, own, reading.wrong_type, decision))
    if not len(own):
        # Nothing is missing from nothing: that no frames come is the cameras' alarm, not drift.
        violations = ()
    statistics = contract.statistics(own)
    statistics[OURS] = _about(orders, baseline, own, frames, reading, decision)
    _write_json(orders.output / STATISTICS, statistics)
    _write_json(orders.output / VIOLATIONS, {"violations": violations})
    _write(
        orders.output / PER_CAMERA,
        "".join(
            json.dumps({"endpoint": orders.endpoint, **_row(test)}) + "\n"
            for test in decision.tests
            if not test.is_of_model
        ),
    )
    at = orders.end or (own.last_at() if len(own) else datetime.now(UTC))
    about = metrics.dimensions(orders.endpoint, orders.schedule)
    _publish(orders, metrics.NAMESPACE, list(metrics.data_metrics(own, decision, at, about)))
    status = WITH_VIOLATIONS if violations else COMPLETED
    message = _summary(orders, own, decision, violations) + _unread(reading)
    return Outcome(status, message, violations, decision, len(own))


def _judge(orders: Orders, ground_truth: Path) -> Outcome:
    constraints = orders.baseline[1] if orders.baseline else None
    corrections = read_corrections(ground_truth)
    quality = judge(_capture(orders), corrections, orders.output, constraints)
    at = orders.end or datetime.now(UTC)
    about = metrics.dimensions(orders.endpoint, orders.schedule)
    _publish(
        orders, metrics.QUALITY_NAMESPACE, list(metrics.quality_metrics(quality.whole, at, about))
    )
    status = WITH_VIOLATIONS if quality.violations else COMPLETED
    said = " ".join(violation["description"] + "." for violation in quality.violations)
    return Outcome(
        status,
        f"{said} {quality.message}".strip(),
        quality.violations,
        frames=quality.frames["all"],
    )


def _publish(orders: Orders, namespace: str, found: list[metrics.Metric]) -> None:
    if not orders.publishes:
        return
    _write_json(orders.output / PUT_METRICS, {"Namespace": namespace, "MetricData": found})
    if orders.metrics is not None:
        _write(orders.metrics, metrics.as_lines(found))


def _summary(
    orders: Orders,
    frames: Frames,
    decision: Decision,
    violations: tuple[Mapping[str, str], ...],
) -> str:
    if not len(frames):
        window = f"between {orders.start} and {orders.end}" if orders.start else "in the capture"
        return f"There are no frames {window}; nothing was compared."
    if violations:
        named = sorted({violation["feature_name"] for violation in violations})
        first = violations[0]
        return (
            f"{len(violations)} violation(s): {', '.join(named)}. "
            f"First {first['feature_name']}: {first['description']}"
        )
    if not decision.tests:
        return f"Too few of {len(frames)} frames can be compared; nothing is raised."
    return f"{len(frames)} frames, {len(decision.tests)} figures compared, nothing is raised."


def _about(
    orders: Orders,
    baseline: Baseline,
    own: Frames,
    frames: Frames,
    reading: Reading,
    decision: Decision,
) -> dict[str, Any]:
    return {
        "window": {
            "start": orders.start and orders.start.isoformat(),
            "end": orders.end and orders.end.isoformat(),
        },
        "model": asdict(baseline.model),
        "frames_of_other_models": len(frames) - len(own),
        "capture": reading.as_json(),
        "tests": len(decision.tests),
        "too_few": decision.too_few,
        "unknown_cameras": list(decision.unknown_cameras),
        "level_an_hour": decision.level,
        "all_cameras": [_row(test) for test in decision.tests if test.is_of_model],
    }


def _row(test: Test) -> dict[str, Any]:
    figures = ("mean", "usual_mean", "linf", "psi", "js", "wasserstein", "spreads", "p_value")
    return {
        "at": test.at.isoformat().replace("+00:00", "Z"),
        "camera": test.stream.camera,
        "light_mode": test.stream.scene.light,
        "occupied": test.stream.scene.occupied,
        "feature": test.feature,
        "frames": test.frames,
        **{name: float(f"{getattr(test, name):.6g}") for name in figures},
        "is_drift": test.is_drift,
    }


def _unread(reading: Reading) -> str:
    count = sum(reading.unreadable.values())
    if not count:
        return ""
    reasons = ", ".join(f"{many} {reason}" for reason, many in sorted(reading.unreadable.items()))
    return f" {count} of {reading.lines} lines could not be used: {reasons}."


def _capture(orders: Orders) -> Path:
    """Return the endpoint's own folder, if the data are of several."""
    own = orders.dataset / orders.endpoint
    return own if orders.endpoint and own.is_dir() else orders.dataset


def _read_json(path: Path) -> Mapping[str, Any]:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as fault:
        raise MonitorError(
            f"{path} cannot be read ({fault}).\nMake a baseline: headcount monitor baseline."
        ) from fault
    if not isinstance(document, dict):
        raise MonitorError(f"{path} is not a JSON object.\nName a file that a baseline wrote.")
    return document


def _write_json(path: Path, document: Mapping[str, Any]) -> None:
    _write(path, json.dumps(document, allow_nan=False) + "\n")


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as fault:
        raise MonitorError(
            f"{path} cannot be written ({fault.strerror}).\nName a folder of yours."
        ) from fault


def main(arguments: list[str] | None = None) -> int:
    """Run a job, and return its exit code: 0 when it completed, with violations or without."""
    parser = argparse.ArgumentParser(prog="python -m training.monitor.job", description=__doc__)
    parser.add_argument("--root", type=Path, default=Path("/"), help="what /opt/ml is below")
    root = parser.parse_args(arguments).root
    try:
        outcome = run(Orders.read(os.environ, root))
    except HeadcountError as fault:
        _write(root / MESSAGE.lstrip("/"), f"Failed: {fault}"[:_LONGEST_MESSAGE])
        sys.stderr.write(f"monitor: {fault}\n")
        return 1
    sys.stdout.write(f"{outcome.status}: {outcome.message}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
