"""What a run of the monitor is told: Model Monitor's environment for containers of one's own."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from headcount.errors import MonitorError
from training.monitor.deciding import FALSE_ALARMS_A_YEAR

MESSAGE = "/opt/ml/output/message"
METRICS = "/opt/ml/output/metrics/cloudwatch"
# A year of days: more often than daily nobody would call a rate.
_MOST_ALARMS_A_YEAR = 365


@dataclass(frozen=True, slots=True)
class Orders:
    """What a run is told.

    Attributes:
        dataset: Where the capture is.
        output: Where results go.
        start: Of the window; None for the beginning of the capture.
        end: None for its end.
        baseline: Paths of statistics.json and constraints.json; None to make a baseline.
        endpoint: Whose capture it is.
        schedule: What metrics are told apart by.
        ground_truth: What people corrected; then the model's quality is judged, not drift.
        publishes: Whether metrics are written.
        time_zone: Whose clock a baseline's hours of day are by.
        false_alarms_a_year: How many quiet hours of a year may raise something.
        message: Where the run's last word goes.
        metrics: Where the metrics go.
    """

    dataset: Path
    output: Path
    start: datetime | None = None
    end: datetime | None = None
    baseline: tuple[Path, Path] | None = None
    ground_truth: Path | None = None
    endpoint: str = ""
    schedule: str = ""
    publishes: bool = True
    time_zone: str = "UTC"
    false_alarms_a_year: float = FALSE_ALARMS_A_YEAR
    message: Path | None = None
    metrics: Path | None = None

    @classmethod
    def read(cls, environment: Mapping[str, str], root: Path) -> "Orders":
        """Return the orders in a job's environment.

        Args:
            environment: The contract's variables; `time_zone`, `false_alarms_a_year`
                and `ground_truth_source` are ours.
            root: What the paths of the contract are below.

        Raises:
            MonitorError: If a variable is missing or wrong; names it.
        """

        def below(path: str) -> Path:
            return root / path.lstrip("/")

        for name in ("dataset_source", "output_path"):
            if not environment.get(name):
                raise MonitorError(f"{name} is not set.\nSet it in the job's environment.")
        paths = [environment.get(f"baseline_{name}") for name in ("statistics", "constraints")]
        if (paths[0] is None) != (paths[1] is None):
            raise MonitorError(
                "Of baseline_statistics and baseline_constraints only one is set.\n"
                "Set both to compare with a baseline, or neither to make one."
            )
        start, end = (_moment(environment, name) for name in ("start_time", "end_time"))
        if start is not None and end is not None and start >= end:
            raise MonitorError(
                f"start_time {start.isoformat()} is not before end_time {end.isoformat()}.\n"
                "A window begins before it ends: are the two swapped?"
            )
        return cls(
            dataset=below(environment["dataset_source"]),
            output=below(environment["output_path"]),
            start=start,
            end=end,
            baseline=(below(paths[0]), below(paths[1])) if paths[0] and paths[1] else None,
            ground_truth=below(truth)
            if (truth := environment.get("ground_truth_source"))
            else None,
            endpoint=environment.get("sagemaker_endpoint_name", ""),
            schedule=environment.get("sagemaker_monitoring_schedule_name", ""),
            publishes=environment.get("publish_cloudwatch_metrics", "Enabled") == "Enabled",
            time_zone=environment.get("time_zone", "UTC"),
            false_alarms_a_year=_rate(environment),
            message=below(MESSAGE),
            metrics=below(METRICS),
        )


def _moment(environment: Mapping[str, str], name: str) -> datetime | None:
    text = environment.get(name)
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as fault:
        raise MonitorError(
            f"{name} is {text!r}: {fault}.\nWrite it as 2026-03-02T08:00:00Z."
        ) from fault
    if moment.tzinfo is None:
        raise MonitorError(
            f"{name} {text!r} has no offset from UTC.\n"
            f"Write it as {moment.isoformat()}Z, if that is the time in UTC."
        )
    return moment.astimezone(UTC)


def _rate(environment: Mapping[str, str]) -> float:
    text = environment.get("false_alarms_a_year", str(FALSE_ALARMS_A_YEAR))
    try:
        rate = float(text)
    except ValueError:
        rate = -1.0
    if not 0 < rate <= _MOST_ALARMS_A_YEAR:
        raise MonitorError(
            f"false_alarms_a_year is {text!r}.\n"
            f"Name a number over 0, and at most {_MOST_ALARMS_A_YEAR}."
        )
    return rate
