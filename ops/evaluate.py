"""`headcount evaluate`: score the model against labelled images, through its serving code."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table

from headcount.errors import ModelError
from training.catalogue import OWN_FOLDER, SHIPPED, Catalogue
from training.evaluate import Evaluation, as_coco_results, evaluate_model, load_model
from training.labels import LabelledImage, face_category, read_labels


def evaluate(
    images: Annotated[Path, typer.Option(help="Folder of pictures.", metavar="DIR")],
    annotations: Annotated[
        Path, typer.Option(help="Labelled faces, in COCO form.", metavar="COCO.json")
    ],
    json_out: Annotated[
        Path | None, typer.Option("--json", help="Write the figures to this file.")
    ] = None,
    predictions: Annotated[
        Path | None,
        typer.Option(help="Write every face with a score from 0.05 on, as COCO results."),
    ] = None,
    model: Annotated[
        str,
        typer.Option(help="A name of the catalogue, or an ONNX file.", metavar="NAME_OR_FILE"),
    ] = SHIPPED,
    models: Annotated[
        Path, typer.Option(help="Where the models you bring are.", metavar="DIR")
    ] = OWN_FOLDER,
    category: Annotated[
        list[str] | None,
        typer.Option(help="A category that is a face; repeat it. By default all are."),
    ] = None,
) -> None:
    """Score the model against labelled images, as the endpoint would see them."""
    categories = category or []
    labelled = read_labels(annotations, images, categories)
    served = load_model(Catalogue.read(models).resolve(model))
    console = Console(stderr=True)

    def watch(items: Sequence[LabelledImage]) -> Iterable[LabelledImage]:
        return track(items, "Scoring", console=console)

    scored, seen = evaluate_model(served, labelled, watch)
    if json_out is not None:
        _write(json_out, scored.as_json())
    if predictions is not None:
        _write(predictions, as_coco_results(labelled, seen, face_category(annotations, categories)))
    Console().print(_table(scored))


def _write(path: Path, document: object) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(document, indent=2) + "\n")
    except OSError as fault:
        raise ModelError(
            f"{path} cannot be written ({fault.strerror}).\nName a file in a folder of yours."
        ) from fault


def _table(scored: Evaluation) -> Table:
    table = Table(show_header=False, box=None)
    for name, value in scored.as_json().items():
        table.add_row(name, str(value))
    return table
