"""`headcount data`: choose, label, validate and split the frames that a model learns from."""

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, TypeVar

import typer
from rich.console import Console
from rich.progress import track

from headcount.domain.terms import LightMode
from headcount.errors import ManifestError
from ops.data_kept import erase, fetch
from ops.data_tables import comparison_table, curated_tables, report_tables, split_table
from training.catalogue import SHIPPED, Catalogue
from training.data.agreement import compare_with_people
from training.data.coco import frames_from_coco, write_coco
from training.data.curation import Readers, Wish, curate
from training.data.findings import Rule
from training.data.grouping import with_groups
from training.data.pool import read_pool
from training.data.readings import load_face_model, read_predictions
from training.data.selection import Quotas
from training.data.split_plan import By, SplitPlan
from training.data.splits import split_frames
from training.data.stronger import StrongReader
from training.data.validation import Bounds, validate
from training.data.validation_page import write_page
from training.manifest import read_manifest, write_manifest

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Choose, label, validate and split the frames that a model learns from.",
)
Item = TypeVar("Item")
_Manifest = Annotated[Path, typer.Argument(help="JSON lines, one frame each.")]
_Model = Annotated[
    str,
    typer.Option(
        help="The champion: a name of the catalogue, or an ONNX file.", metavar="NAME_OR_FILE"
    ),
]
_Frozen = Annotated[
    Path | None,
    typer.Option(help="A manifest whose golden and drifted frames judge models."),
]
_Json = Annotated[Path | None, typer.Option("--json", help="Write the figures to this file.")]


app.command()(fetch)
app.command()(erase)


@app.callback()
def data() -> None:
    """Choose, label, validate and split the frames that a model learns from."""


@app.command(name="curate")
def curate_pool(
    pool: Annotated[Path, typer.Argument(help="A manifest, or a folder of pictures.")],
    out: Annotated[Path, typer.Option(help="A new folder for what is taken.", metavar="DIR")],
    budget: Annotated[int, typer.Option(help="The most frames to take.")] = 200,
    drifted: Annotated[
        list[str] | None,
        typer.Option(help="A slice or light mode that drifted; it gets a share. Repeat it."),
    ] = None,
    drifted_share: Annotated[
        float, typer.Option(help="The share of the budget for what drifted.")
    ] = Quotas().drifted,
    camera_share: Annotated[
        float, typer.Option(help="The share of the budget divided equally among cameras.")
    ] = Quotas().cameras,
    model: _Model = SHIPPED,
    rival: Annotated[
        str | None,
        typer.Option(
            help="Another model to disagree; by default a stronger reading of the champion.",
            metavar="NAME_OR_FILE",
        ),
    ] = None,
    predictions: Annotated[
        Path | None,
        typer.Option(help="The champion's readings, as COCO results with sources as image_id."),
    ] = None,
    frozen: _Frozen = None,
    pseudo_label: Annotated[
        bool, typer.Option(help="Label what the stronger reading is sure of.")
    ] = True,
) -> None:
    """Take the frames that are most worth a look, and say why; near-duplicates are left."""
    stronger = _strong_reader(model)
    readers = Readers(
        champion=stronger.served,
        stronger=stronger,
        rival=None if rival is None else load_face_model(Catalogue.read().resolve(rival)),
        known=None if predictions is None else read_predictions(predictions),
    )
    wish = Wish(
        budget=budget,
        quotas=Quotas(drifted=drifted_share, cameras=camera_share),
        drifted=frozenset(drifted or ()),
        pseudo_label=pseudo_label,
    )
    frames = read_pool(pool, lambda pictures: _watch(pictures, "Hashing"))
    judges = None if frozen is None else read_manifest(frozen)
    _show(*curated_tables(curate(frames, out, wish, readers, judges, _watch)))


@app.command(name="validate")
def validate_manifest(
    manifest: _Manifest,
    frozen: _Frozen = None,
    model: _Model = SHIPPED,
    label_noise: Annotated[
        bool, typer.Option(help="Read pictures with the model, to tell how wrong labels are.")
    ] = True,
    least: Annotated[
        int, typer.Option(help="Labelled frames wanted of each camera, light, slice and part.")
    ] = Bounds().least,
    most_unlabelled: Annotated[
        float, typer.Option(help="The largest share of surely seen faces without a label.")
    ] = Bounds().unlabelled,
    most_unseen: Annotated[
        float, typer.Option(help="The largest share of labelled faces without a trace.")
    ] = Bounds().unseen,
    noise_frames: Annotated[
        int, typer.Option(help="The most frames to read for label noise.")
    ] = Bounds().noise_frames,
    allow: Annotated[list[Rule] | None, typer.Option(help="A rule to waive; repeat it.")] = None,
    json_out: _Json = None,
    html: Annotated[
        Path | None, typer.Option(help="Write a page with the pictures, pixelated.")
    ] = None,
) -> None:
    """Refuse a manifest that is not fit to learn from, naming every reason; exits with 1 then."""
    reader = _strong_reader(model) if label_noise else None
    bounds = Bounds(
        least=least,
        unlabelled=most_unlabelled,
        unseen=most_unseen,
        noise_frames=noise_frames,
        allowed=frozenset(allow or ()),
    )
    judges = None if frozen is None else read_manifest(frozen)
    report = validate(read_manifest(manifest), bounds, reader, judges, _watch)
    if json_out is not None:
        _write_json(json_out, report.as_json())
    if html is not None:
        write_page(report, html)
    _show(*report_tables(report))
    if not report.is_valid:
        raise typer.Exit(1)


@app.command(name="split")
def split_manifest(
    manifest: _Manifest,
    out: Annotated[Path, typer.Option(help="The manifest to write.", metavar="FILE")],
    validation: Annotated[
        float, typer.Option(help="Share of the frames for validation.")
    ] = SplitPlan().validation,
    golden: Annotated[
        float, typer.Option(help="Share for the frozen test, if there is none yet.")
    ] = SplitPlan().golden,
    drifted: Annotated[
        list[str] | None,
        typer.Option(help="A slice or light mode with a frozen test of its own; repeat it."),
    ] = None,
    hold_out: Annotated[
        list[str] | None, typer.Option(help="A camera that is only tested on; repeat it.")
    ] = None,
    by: Annotated[By, typer.Option(help="What keeps frames together.")] = By.CAMERA_AND_TIME,
    block_s: Annotated[
        float, typer.Option(help="Length of a camera's blocks of time, in seconds.")
    ] = SplitPlan().block_s,
    guard_s: Annotated[
        float, typer.Option(help="Least time between a camera's frames in two parts, in seconds.")
    ] = SplitPlan().guard_s,
) -> None:
    """Split frames by camera and time; groups are never parted, frozen parts stay as they are."""
    known = read_manifest(manifest)
    _check_folder(manifest, out)
    plan = SplitPlan(
        validation=validation,
        golden=golden,
        drifted=frozenset(drifted or ()),
        held_out=frozenset(hold_out or ()),
        by=by,
        block_s=block_s,
        guard_s=guard_s,
    )
    outcome = split_frames(with_groups(known, _watch), plan, str(manifest))
    written = write_manifest(out, outcome.frames)
    _show(split_table(outcome))
    Console().print(f"{written.path}, sha256 {written.sha256}", highlight=False, soft_wrap=True)


@app.command(name="compare")
def compare_labels(manifest: _Manifest, model: _Model = SHIPPED, json_out: _Json = None) -> None:
    """Compare pseudo-labels with people's, on the frames that people have labelled."""
    found = compare_with_people(read_manifest(manifest), _strong_reader(model), _watch)
    if json_out is not None:
        _write_json(json_out, found.as_json())
    _show(comparison_table(found))


@app.command(name="import")
def import_coco(
    images: Annotated[Path, typer.Option(help="Folder of pictures.", metavar="DIR")],
    annotations: Annotated[
        Path, typer.Option(help="Labelled faces, in COCO form.", metavar="COCO.json")
    ],
    out: Annotated[
        Path, typer.Option(help="The manifest; in the pictures' folder or above.", metavar="FILE")
    ],
    camera: Annotated[str, typer.Option(help="Which camera took them, or the set's name.")] = "",
    labelled_by: Annotated[str, typer.Option(help="Who drew the boxes.")] = "",
    labelled_at: Annotated[datetime | None, typer.Option(help="When, in UTC.")] = None,
    light: Annotated[LightMode, typer.Option(help="In which light.")] = LightMode.DAY,
    category: Annotated[
        list[str] | None,
        typer.Option(help="A category that is a face; repeat it. By default all are."),
    ] = None,
) -> None:
    """Make a manifest of a COCO file that people labelled, each picture hashed."""
    frames = frames_from_coco(
        annotations,
        images,
        out,
        camera_id=camera,
        labelled_by=labelled_by,
        labelled_at=None if labelled_at is None else labelled_at.replace(tzinfo=UTC),
        light_mode=light,
        categories=category or (),
        watch=lambda pictures: _watch(pictures, "Hashing"),
    )
    written = write_manifest(out, frames)
    print(f"{len(frames)} frames in {out}, sha256 {written.sha256}")


@app.command(name="export")
def export_coco(
    manifest: _Manifest,
    out: Annotated[Path, typer.Option(help="The COCO file to write.", metavar="COCO.json")],
) -> None:
    """Write a manifest's labelled frames as a COCO file."""
    print(f"{write_coco(read_manifest(manifest), out)} labelled frames in {out}")


def _strong_reader(model: str) -> StrongReader:
    return StrongReader.open(Catalogue.read().resolve(model))


def _watch(items: Sequence[Item], what: str) -> Iterable[Item]:
    return track(items, what, console=Console(stderr=True)) if items else items


def _show(*tables: object) -> None:
    console = Console()
    for table in tables:
        console.print(table)


def _check_folder(manifest: Path, out: Path) -> None:
    """Sources are relative: a manifest elsewhere would not find its pictures."""
    if out.resolve().parent != manifest.resolve().parent:
        raise ManifestError(
            f"{out} is not in the folder of {manifest}, which its pictures are named from.\n"
            f"Write it to {manifest.parent}."
        )


def _write_json(path: Path, document: object) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    except OSError as fault:
        raise ManifestError(
            f"{path} cannot be written ({fault.strerror}).\nName a file in a folder of yours."
        ) from fault
