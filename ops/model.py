"""`headcount model`: the catalogue of models, and bringing one's own."""

import json
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn
from rich.table import Table

from headcount.errors import ModelError
from headcount.locations import without_login
from training.catalogue import OWN_FOLDER, SHIPPED, Catalogue
from training.download import download, is_url
from training.model_entry import ModelEntry, ModelFile
from training.model_file import checked_size
from training.weights import sha256_of

app = typer.Typer(help="List, bring and remove models.", no_args_is_help=True, add_completion=False)

FolderOption = Annotated[
    Path, typer.Option("--models", help="Where the models you bring are.", metavar="DIR")
]


@app.command(name="list")
def list_models(
    models: FolderOption = OWN_FOLDER,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the models of the catalogue, and which of them are here."""
    catalogue = Catalogue.read(models)
    entries = catalogue.entries()
    if as_json:
        listing = [_as_json(entry, catalogue) for entry in entries]
        typer.echo(json.dumps(listing, indent=2))
        return
    table = Table(box=None, pad_edge=False)
    for column in ("name", "version", "finds", "adapter", "threshold", "licence", "file"):
        table.add_column(column)
    for entry in entries:
        table.add_row(
            entry.name,
            entry.version,
            entry.finds,
            entry.adapter,
            f"{entry.threshold:g}",
            entry.licence,
            _whereabouts(entry, catalogue),
        )
    Console().print(table)
    if not all(catalogue.is_here(entry.name) for entry in entries):
        typer.echo("What is not here comes by: headcount model add FILE_OR_URL")


@app.command()
def show(name: str, models: FolderOption = OWN_FOLDER) -> None:
    """Show all that is known of a model, as JSON."""
    catalogue = Catalogue.read(models)
    typer.echo(json.dumps(_as_json(catalogue.entry(name), catalogue), indent=2))


@app.command()
def add(
    file: Annotated[str, typer.Argument(help="An ONNX file, or its http(s) address.")],
    name: Annotated[str, typer.Option(help="What to call it; by default after the file.")] = "",
    version: Annotated[str, typer.Option(help="Of its weights.")] = "",
    adapter: Annotated[
        str, typer.Option(help="Its form: centerface, yunet, yolox; by default recognised.")
    ] = "",
    threshold: Annotated[
        float | None, typer.Option(help="Count from this score on, between 0 and 1.")
    ] = None,
    licence: Annotated[str, typer.Option(help="As its publisher states it.")] = "",
    finds: Annotated[
        str, typer.Option(help="faces or persons; by default what its form usually finds.")
    ] = "",
    sha256: Annotated[str, typer.Option(help="Refuse any other file than this.")] = "",
    accept_hash: Annotated[
        bool,
        typer.Option("--accept-hash", help="Take what an address answers, whatever its hash."),
    ] = False,
    models: FolderOption = OWN_FOLDER,
) -> None:
    """Bring a model: look into the file, and keep it with an entry of its own."""
    catalogue = Catalogue.read(models)
    with _fetched(file) as path:
        _check_hash(path, file, sha256.strip().lower(), accept_hash, catalogue)
        described = catalogue.describe(
            path,
            name=name,
            version=version,
            adapter=adapter,
            threshold=threshold,
            licence=licence,
            finds=finds,
        )
        entry = catalogue.add(described, source=_source(file, described, catalogue))
    typer.echo(
        f"{entry.name} {entry.version} finds {entry.finds}, by {entry.adapter}, from a score of "
        f"{entry.threshold:g} on. sha256 {entry.sha256}"
    )
    typer.echo(f"Licence: {entry.licence}. Trained on: {entry.trained_on}.")
    typer.echo(f"Score it with: headcount evaluate --model {entry.name} …")


@app.command()
def remove(name: str, models: FolderOption = OWN_FOLDER) -> None:
    """Forget a model that was brought, and delete its file."""
    Catalogue.read(models).remove(name)
    typer.echo(f"{name} is removed from {models}.")


@contextmanager
def _fetched(named: str) -> Iterator[Path]:
    """Yield the file, fetched first if it is named by its address."""
    if not is_url(named):
        yield Path(named)
        return
    bar = Progress(
        TextColumn("Fetching"), BarColumn(), DownloadColumn(), console=Console(stderr=True)
    )
    with tempfile.TemporaryDirectory() as folder:
        with bar:
            task = bar.add_task("", total=None)
            path = download(
                named,
                Path(folder),
                lambda done, total: bar.update(task, completed=done, total=total),
            )
        yield path


def _check_hash(
    path: Path, named: str, wanted: str, accept_hash: bool, catalogue: Catalogue
) -> None:
    """Return if the file may be taken.

    Raises:
        ModelError: If it is another file than asked for, or nobody has said which it should be.
    """
    checked_size(path)
    found = sha256_of(path)
    if wanted:
        if found != wanted:
            raise ModelError(
                f"{without_login(named)} has sha256 {found}, not {wanted}.\n"
                "Do not use it, unless its publisher says otherwise."
            )
        return
    if not is_url(named) or accept_hash or any(found == one.sha256 for one in catalogue.entries()):
        return
    question = f"{without_login(named)} has sha256 {found}."
    if sys.stdin.isatty() and typer.confirm(f"{question} Is that what its publisher says?"):
        return
    raise ModelError(
        f"{question}\nCompare it with what its publisher says, and give it: --sha256 {found} "
        "(or --accept-hash, to take whatever comes)."
    )


def _source(named: str, model: ModelFile, catalogue: Catalogue) -> str:
    """Return where a model came from, without logins, and without a path of this machine."""
    if is_url(named):
        return without_login(named)
    known = catalogue.known.get(model.entry.name)
    if known is not None and known.sha256 == model.entry.sha256:
        return known.source
    return f"the file {Path(named).name}"


def _whereabouts(entry: ModelEntry, catalogue: Catalogue) -> str:
    if entry.name == SHIPPED:
        return "shipped"
    return "here" if catalogue.is_here(entry.name) else "not here"


def _as_json(entry: ModelEntry, catalogue: Catalogue) -> dict[str, object]:
    return entry.model_dump(mode="json") | {"here": catalogue.is_here(entry.name)}
