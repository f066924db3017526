"""`headcount camera`: measure how well a camera finds faces."""

import csv
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table

from headcount.errors import ModelError, SiteError
from headcount.site import Site
from ops.site_reading import read_site
from ops.site_writing import write_camera_values
from training.calibration import Calibration, LabelledFrame, Rate, calibrate, refuse_too_few
from training.catalogue import SHIPPED, Catalogue
from training.evaluate import counted, load_model, predict
from training.labels import LabelledImage, read_labels
from training.serving.endpoint import ServedModel

app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="Measure how well a camera finds faces."
)
_COLUMNS = ("people", "faces")


@app.callback()
def camera() -> None:
    """Measure how well a camera finds faces."""


@app.command(name="calibrate")
def calibrate_camera(
    labels: Annotated[
        list[Path],
        typer.Argument(
            help="Labelled frames of the camera: COCO (.json, with --images), or a .csv with the "
            "columns people (faces in sight, as you see it) and faces (as counted).",
        ),
    ],
    camera_id: Annotated[str, typer.Option("--camera", help="Which camera.", metavar="ID")],
    site: Annotated[Path, typer.Option(help="The site it belongs to.", metavar="SITE.yaml")],
    images: Annotated[
        Path | None, typer.Option(help="Folder of the pictures of a COCO file.", metavar="DIR")
    ] = None,
    model: Annotated[
        str,
        typer.Option(
            help="Count with this model of the catalogue, or this ONNX file.",
            metavar="NAME_OR_FILE",
        ),
    ] = SHIPPED,
    write: Annotated[
        bool, typer.Option("--write", help="Write the rates into the site file.")
    ] = False,
    json_out: Annotated[
        Path | None, typer.Option("--json", help="Write the figures to this file.")
    ] = None,
) -> None:
    """Measure a camera's detection and false-alarm rate; nothing is copied or kept of a frame."""
    known = read_site(site)
    _check_camera(known, camera_id, site)
    measured = calibrate(_read_frames(labels, images, model))
    if json_out is not None:
        _write_json(json_out, {"camera": camera_id, **asdict(measured)})
    Console().print(_table(measured))
    rates = {
        "detection_rate": measured.detection_rate.value,
        "false_alarm_rate": measured.false_alarm_rate.value,
    }
    if write:
        write_camera_values(site, camera_id, rates)
        print(f"Written to camera '{camera_id}' in {site}; `headcount site apply` makes it so.")
        return
    print(f"\nUnder camera '{camera_id}' in {site} (or with --write):\n")
    for key, value in rates.items():
        print(f"        {key}: {value}")


def _check_camera(site: Site, camera_id: str, path: Path) -> None:
    known = [camera.id for room in site.rooms for camera in room.cameras]
    if camera_id not in known:
        raise SiteError(f"{path} has no camera '{camera_id}'.\nIt has {', '.join(sorted(known))}.")


def _read_frames(labels: Sequence[Path], images: Path | None, model: str) -> list[LabelledFrame]:
    frames: list[LabelledFrame] = []
    pictures: list[LabelledImage] = []
    for file in labels:
        if file.suffix.lower() == ".csv":
            frames += read_counts(file)
        elif images is None:
            raise ModelError(
                f"{file} needs the folder of its pictures.\n"
                "Name it with --images, or give counts as a .csv."
            )
        else:
            # A frame with nobody but an ignored crowd is neither empty nor counted.
            pictures += [
                image
                for image in read_labels(file, images)
                if len(image.faces) or not len(image.ignored)
            ]
    # Before minutes are spent on counting.
    refuse_too_few([*(one.people for one in frames), *(len(one.faces) for one in pictures)])
    if pictures:
        frames += count_faces(pictures, load_model(Catalogue.read().resolve(model)))
    return frames


def read_counts(file: Path) -> list[LabelledFrame]:
    """Return the frames of a CSV file with the columns `people` and `faces`.

    Raises:
        ModelError: If it cannot be read; the message names the line.
    """
    try:
        with file.open(newline="", encoding="utf-8-sig") as text:
            rows = csv.DictReader(text)
            missing = [name for name in _COLUMNS if name not in (rows.fieldnames or ())]
            if missing:
                raise ModelError(
                    f"{file} has no column {' and no column '.join(missing)}.\n"
                    "Its first line is `people,faces`, then one line a frame."
                )
            return [_frame(file, rows.line_num, row) for row in rows]
    except (OSError, UnicodeDecodeError) as fault:
        raise ModelError(f"{file} cannot be read: {fault}.\nName a CSV file.") from fault


def _frame(file: Path, line: int, row: dict[str, Any]) -> LabelledFrame:
    values = [str(row[name] or "").strip() for name in _COLUMNS]
    if not all(value.isdecimal() for value in values):
        raise ModelError(
            f"{file}:{line}: people is '{values[0]}' and faces is '{values[1]}'.\n"
            "Both are whole numbers, 0 or more."
        )
    return LabelledFrame(people=int(values[0]), counted=int(values[1]))


def count_faces(pictures: Sequence[LabelledImage], served: ServedModel) -> list[LabelledFrame]:
    """Return each labelled picture with the faces that the served model counts in it."""
    return [
        LabelledFrame(
            people=len(image.faces),
            counted=counted(image, predict(served, image), served.card.threshold),
        )
        for image in track(pictures, "Counting", console=Console(stderr=True))
    ]


def _write_json(path: Path, document: object) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    except OSError as fault:
        raise ModelError(
            f"{path} cannot be written ({fault.strerror}).\nName a file in a folder of yours."
        ) from fault


def _table(measured: Calibration) -> Table:
    table = Table(show_header=False, box=None)
    table.add_row("frames", f"{measured.frames}, {measured.empty_frames} of them empty")
    table.add_row("people", str(measured.people))
    table.add_row("detection rate", _in_words(measured.detection_rate, "of the faces in sight"))
    table.add_row("false alarms", _in_words(measured.false_alarm_rate, "a frame"))
    return table


def _in_words(rate: Rate, per: str) -> str:
    return f"{rate.value:g} {per} (95 %: {rate.low:g} to {rate.high:g})"
