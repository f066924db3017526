"""`headcount monitor`: is what the cameras show still what the model knows?"""

import json
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table

from headcount.errors import MonitorError
from training.evaluate import load_model
from training.monitor.baseline import make_baseline
from training.monitor.capture import Reading
from training.monitor.corrections import read_corrections
from training.monitor.deciding import FALSE_ALARMS_A_YEAR
from training.monitor.footage import Footage, days_from
from training.monitor.job import COMPLETED, WITH_VIOLATIONS, Outcome, write_baseline
from training.monitor.job import run as run_job
from training.monitor.orders import Orders
from training.monitor.pictures import Bank, kept_bank, measure_bank, recipe_of
from training.monitor.quality import judge
from training.monitor.rehearsal import (
    BASELINE_WEEKS,
    FIRST_DAY,
    NIGHT_HOUR,
    TRIED_HOURS,
    Found,
    QuietWeeks,
    mishap,
    quiet_weeks,
    rehearsed_frames,
    through_files,
)
from training.serving.endpoint import ServedModel, predict_fn
from training.serving.request import Frame, Request
from training.weights import BUILD, fetch_weights, sha256_of

app = typer.Typer(no_args_is_help=True, add_completion=False, help=__doc__)

# A verb's "done, and the answer is no".
_DRIFTED = 1
_MISHAPS = ("darkened", "blurred", "moved", "masked")
ItemT = TypeVar("ItemT")

CaptureFolder = Annotated[
    Path, typer.Argument(help="Folder of capture files.", metavar="CAPTURE", show_default=False)
]
OutFolder = Annotated[Path, typer.Option("--out", help="Folder for the results.")]
Moment = Annotated[
    str | None, typer.Option(help="As 2026-03-02T08:00:00Z.", metavar="TIME", show_default=False)
]
Rate = Annotated[float, typer.Option(help="Quiet hours of a year that may raise something.")]


@app.command()
def baseline(
    capture: CaptureFolder,
    out: OutFolder,
    start: Moment = None,
    end: Moment = None,
    time_zone: Annotated[
        str, typer.Option(help="Whose clock the people in the pictures live by.")
    ] = "UTC",
    endpoint: Annotated[str, typer.Option(help="If the capture is of several.")] = "",
) -> None:
    """Say what is usual: from a capture of quiet weeks, four at best."""
    environment = _environment(capture, out, start, end, endpoint) | {"time_zone": time_zone}
    _tell(run_job(_orders(environment, out)), out)


@app.command()
def run(
    capture: CaptureFolder,
    out: OutFolder,
    against: Annotated[Path, typer.Option(help="Folder of the baseline.", metavar="BASELINE")],
    start: Moment = None,
    end: Moment = None,
    endpoint: Annotated[str, typer.Option(help="If the capture is of several.")] = "",
    false_alarms_a_year: Rate = FALSE_ALARMS_A_YEAR,
) -> None:
    """Compare a window of the capture with the baseline; exit code 1 if it has drifted."""
    environment = _environment(capture, out, start, end, endpoint) | {
        "baseline_statistics": str((against / "statistics.json").resolve()),
        "baseline_constraints": str((against / "constraints.json").resolve()),
        "false_alarms_a_year": str(false_alarms_a_year),
    }
    outcome = run_job(_orders(environment, out))
    _tell(outcome, out)
    if outcome.status == WITH_VIOLATIONS:
        raise typer.Exit(_DRIFTED)


@app.command()
def quality(
    capture: CaptureFolder,
    labels: Annotated[
        Path,
        typer.Option(help="A reviewed manifest, or a folder of groundTruthData files."),
    ],
    out: OutFolder,
    constraints: Annotated[
        Path | None, typer.Option(help="constraints.json of an earlier run; else one is written.")
    ] = None,
) -> None:
    """Say how well the model counts, by what people corrected; exit code 1 if it got worse."""
    judged = judge(capture, read_corrections(labels), out, constraints)
    table = Table(
        "where", "frames", "mean error", "bias", "missed faces", "false a frame", box=None
    )
    table.columns[0].no_wrap = True
    for row in judged.rows():
        table.add_row(*row)
    Console().print(table)
    Console().print(judged.message, highlight=False)
    if judged.violations:
        raise typer.Exit(_DRIFTED)


@app.command()
def rehearse(
    weeks: Annotated[int, typer.Option(help="Quiet weeks after the baseline.", min=1)] = 10,
    seed: Annotated[int, typer.Option(help="Of everything that is drawn.", min=0)] = 1,
    false_alarms_a_year: Rate = FALSE_ALARMS_A_YEAR,
    model: Annotated[
        Path | None, typer.Option(help="Let this ONNX file look, not the packaged CenterFace.")
    ] = None,
    json_out: Annotated[
        Path | None, typer.Option("--json", help="Write the figures to this file.")
    ] = None,
) -> None:
    """Live through quiet weeks, then through mishaps: are they told, and nothing else?

    The days are made up; what pictures look like is measured on composed ones by the model.
    """
    footage = Footage(_bank(model or fetch_weights()), seed)
    frames = rehearsed_frames(footage, lambda days: _watch(days, "Baseline weeks"))
    usual = make_baseline(frames)
    quiet = quiet_weeks(
        footage, usual, weeks, lambda days: _watch(days, "Quiet weeks"), false_alarms_a_year
    )
    day = _working_day(footage)
    tried = [(condition, at) for condition in _MISHAPS for at in _tried(condition, day)]
    found = [
        mishap(footage, usual, condition, at, false_alarms_a_year)
        for condition, at in _watch(tried, "Mishaps")
    ]
    with tempfile.TemporaryDirectory() as work:
        folder = Path(work)
        (folder / "baseline").mkdir()
        write_baseline(folder / "baseline", usual, frames, Reading())
        outcomes = {
            condition: through_files(
                footage, folder / "baseline", folder / condition, condition, _at(day, 11)
            )
            for condition in _watch(("quiet", *_MISHAPS), "Through files")
        }
    _show(quiet, found, outcomes)
    if json_out is not None:
        _write(json_out, _figures(quiet, found, outcomes, footage))
    if quiet.false_hours or any(outcome.status != _wanted(c) for c, outcome in outcomes.items()):
        raise typer.Exit(_DRIFTED)


def _environment(
    capture: Path, out: Path, start: str | None, end: str | None, endpoint: str
) -> dict[str, str]:
    """Return the job's environment for paths of this machine."""
    source = capture.resolve()
    if endpoint:
        _check_captured(source, endpoint)
    environment = {
        "dataset_source": str(source),
        "output_path": str(out.resolve()),
        "start_time": start or "",
        "end_time": end or "",
        "sagemaker_endpoint_name": endpoint,
    }
    return {name: value for name, value in environment.items() if value}


def _check_captured(source: Path, endpoint: str) -> None:
    """Refuse an endpoint that a capture has nothing of; a window without traffic is none of it."""
    if not source.is_dir() or source.name == endpoint or (source / endpoint).is_dir():
        return
    there = ", ".join(sorted(one.name for one in source.iterdir() if one.is_dir())) or "no folder"
    raise MonitorError(
        f"{source} has no folder of the endpoint {endpoint!r}; it has {there}.\n"
        "Name one of these, or leave --endpoint out."
    )


def _orders(environment: dict[str, str], out: Path) -> Orders:
    return replace(
        Orders.read(environment, Path("/")), message=None, metrics=out.resolve() / "cloudwatch"
    )


def _tell(outcome: Outcome, out: Path) -> None:
    console = Console()
    console.print(f"{outcome.status}: {outcome.message}", highlight=False)
    if outcome.violations:
        table = Table("feature", "check", "what", box=None)
        for one in outcome.violations:
            table.add_row(one["feature_name"], one["constraint_check_type"], one["description"])
        console.print(table)
    console.print(f"Written to {out}.", highlight=False)


def _bank(weights: Path) -> Bank:
    """Return what pictures look like to a model, measured once and kept."""
    served: list[ServedModel] = []

    def look(picture: Any) -> Any:
        if not served:
            served.append(load_model(weights))
        return predict_fn(Request((Frame("", picture),)), served[0])

    return kept_bank(
        BUILD / "monitor/pictures.json",
        recipe_of(sha256_of(weights)),
        lambda: measure_bank(look, lambda pictures: _watch(pictures, "Measuring pictures")),
    )


def _working_day(footage: Footage) -> date:
    """Return the Wednesday in the second quiet week, or the next day that is no holiday."""
    wednesday = FIRST_DAY + timedelta(weeks=BASELINE_WEEKS + 1, days=2)
    return next(day for day in days_from(wednesday, 7) if not footage.is_holiday(day))


def _at(day: date, hour: int) -> datetime:
    return datetime(day.year, day.month, day.day, hour, tzinfo=UTC)


def _tried(condition: str, day: date) -> list[datetime]:
    """Return when a mishap is tried: at work and, where it can be seen, by night."""
    hours = TRIED_HOURS if condition == "masked" else (*TRIED_HOURS, NIGHT_HOUR)
    return [_at(day, hour) for hour in hours]


def _wanted(condition: str) -> str:
    return COMPLETED if condition == "quiet" else WITH_VIOLATIONS


def _show(quiet: QuietWeeks, found: Sequence[Found], outcomes: dict[str, Outcome]) -> None:
    console = Console()
    console.print(
        f"{quiet.hours} quiet hours, {quiet.tests} figures: {quiet.false_hours} hour(s) raised "
        f"something; the stated rate allows {quiet.expected:.2f}.",
        highlight=False,
    )
    table = Table("what is wrong", "hours tried", "found", "after", "named by", box=None)
    for condition in _MISHAPS:
        tries = [one for one in found if one.condition == condition]
        times = sorted(one.after_s for one in tries if one.after_s is not None)
        named = dict.fromkeys(name for one in tries for name in one.features)
        after = f"{_minutes(times[0])} to {_minutes(times[-1])}" if times else "-"
        table.add_row(condition, str(len(tries)), str(len(times)), after, ", ".join(named))
    console.print(table)
    for condition, outcome in outcomes.items():
        console.print(f"Through files, {condition}: {outcome.status}: {outcome.message}")


def _minutes(seconds: float) -> str:
    return f"{seconds / 60:.0f} min"


def _figures(
    quiet: QuietWeeks, found: Sequence[Found], outcomes: dict[str, Outcome], footage: Footage
) -> dict[str, Any]:
    return {
        "seed": footage.seed,
        "cameras": len(footage.cameras),
        "model": str(footage.model),
        "quiet": {
            "hours": quiet.hours,
            "figures": quiet.tests,
            "false_hours": quiet.false_hours,
            "allowed": round(quiet.expected, 3),
            "raised": [f"{one.at.isoformat()} {one.stream} {one.feature}" for one in quiet.raised],
        },
        "mishaps": [
            {
                "condition": one.condition,
                "began": one.began.isoformat(),
                "after_s": one.after_s,
                "features": list(one.features),
            }
            for one in found
        ],
        "through_files": {
            condition: f"{outcome.status}: {outcome.message}"
            for condition, outcome in outcomes.items()
        },
    }


def _watch(items: Sequence[ItemT], what: str) -> Iterable[ItemT]:
    return track(items, what, console=Console(stderr=True))


def _write(path: Path, document: object) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    except OSError as fault:
        raise MonitorError(
            f"{path} cannot be written ({fault.strerror}).\nName a file in a folder of yours."
        ) from fault
