"""`headcount gate`: compare two models on frozen frames, and promote the one or keep the other."""

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table

from headcount.errors import ManifestError, ModelError
from training.catalogue import OWN_FOLDER, SHIPPED, Catalogue
from training.evaluation.card import model_card, write_card
from training.evaluation.comparison import RESAMPLES, Comparison, Watch, compare_files
from training.evaluation.fairness import measure_fairness
from training.evaluation.figures import Paired
from training.evaluation.frozen import FrozenSets, frozen_sets
from training.evaluation.gate import Gain, Margins, Verdict, gate
from training.evaluation.page import write_page, write_text
from training.evaluation.slices import slice_names
from training.labels import LabelledImage
from training.manifest import read_manifest

_DEFAULTS = Margins()
# 2 is for errors, as everywhere.
_REJECTED = 1


def gate_challenger(
    manifest: Annotated[
        Path, typer.Option(help="Holds the golden and the drifted set.", metavar="MANIFEST.jsonl")
    ],
    challenger: Annotated[
        str,
        typer.Option(help="What might replace the champion.", metavar="NAME_OR_FILE"),
    ],
    champion: Annotated[
        str, typer.Option(help="What is served now.", metavar="NAME_OR_FILE")
    ] = SHIPPED,
    models: Annotated[
        Path, typer.Option(help="Where the models you bring are.", metavar="DIR")
    ] = OWN_FOLDER,
    trained_on: Annotated[
        list[Path] | None,
        typer.Option(help="Another manifest that a model learnt from; repeat it."),
    ] = None,
    frozen_by: Annotated[
        Path | None,
        typer.Option(help="An earlier --json: refuse if the sets are others than in it."),
    ] = None,
    json_out: Annotated[
        Path | None, typer.Option("--json", help="Write figures and verdict to this file.")
    ] = None,
    page: Annotated[
        Path | None, typer.Option(help="Write a page with the frames that changed, blurred.")
    ] = None,
    card: Annotated[
        Path | None, typer.Option(help="Write the model card, Markdown; JSON goes beside it.")
    ] = None,
    fairness: Annotated[
        bool, typer.Option("--fairness", help="Also recall by light, size and a skin-tone proxy.")
    ] = False,
    drifted: Annotated[
        str, typer.Option(help="The slice that must be better.")
    ] = _DEFAULTS.drifted,
    gain_on: Annotated[
        Gain, typer.Option(help="The figure that must be better on it.")
    ] = _DEFAULTS.gain_on,
    ap50_margin: Annotated[
        float, typer.Option(help="AP50 that a whole set may lose.", min=0)
    ] = _DEFAULTS.ap50,
    count_margin: Annotated[
        float, typer.Option(help="Faces a frame by which counts may be more wrong.", min=0)
    ] = _DEFAULTS.mae_faces,
    slice_factor: Annotated[
        float, typer.Option(help="Times as much that a part of a set may lose.", min=0)
    ] = _DEFAULTS.slice_factor,
    speed_ratio: Annotated[
        float, typer.Option(help="Times the champion's time that a frame may take.", min=0)
    ] = _DEFAULTS.speed_ratio,
    size_ratio: Annotated[
        float, typer.Option(help="Times the champion's bytes that weights may take.", min=0)
    ] = _DEFAULTS.size_ratio,
    resamples: Annotated[
        int, typer.Option(help="Draws that intervals rest on.", min=200, max=100_000)
    ] = RESAMPLES,
    seed: Annotated[int, typer.Option(help="Of the draws.", min=0)] = 0,
) -> None:
    """Promote a challenger (exit code 0) or reject it (1), with every reason."""
    margins = Margins(
        gain_on=gain_on,
        drifted=drifted,
        ap50=ap50_margin,
        mae_faces=count_margin,
        slice_factor=slice_factor,
        speed_ratio=speed_ratio,
        size_ratio=size_ratio,
    )
    kept = read_manifest(manifest)
    sets = frozen_sets(
        kept,
        learnt_from=[read_manifest(path) for path in trained_on or ()],
        expected=_earlier_hashes(frozen_by),
    )
    _check_slice(sets, drifted)
    for file in (json_out, page, card):
        _check_writable(file)
    _check_apart(json_out, page, card)
    catalogue = Catalogue.read(models)
    served, contesting = catalogue.resolve(champion), catalogue.resolve(challenger)
    compared = compare_files(
        served,
        contesting,
        sets,
        resamples=resamples,
        seed=seed,
        watch=_watched(),
    )
    verdict = gate(compared, margins)
    asked = measure_fairness(compared) if fairness else None
    if json_out is not None:
        document = compared.as_json() | verdict.as_json()
        document |= {"fairness": asked.as_json()} if asked else {}
        write_text(json_out, json.dumps(document, indent=2) + "\n")
    if page is not None:
        write_page(page, compared, verdict, asked)
    if card is not None:
        now = datetime.now(UTC)
        write_card(card, model_card(compared, verdict, kept, now, contesting.entry, asked))
    _tell(compared, verdict)
    if not verdict.promote:
        raise typer.Exit(_REJECTED)


def _watched() -> Watch:
    console = Console(stderr=True)

    def watch(images: Sequence[LabelledImage], what: str) -> Iterable[LabelledImage]:
        return track(images, what, console=console)

    return watch


def _check_slice(sets: FrozenSets, name: str) -> None:
    """Refuse a slice that there is not, before minutes are spent on the others."""
    known = slice_names(sets)
    if name not in known:
        raise ManifestError(
            f"There is no slice {name!r} to be better on.\nThere are {', '.join(known)}."
        )


def _check_apart(json_out: Path | None, page: Path | None, card: Path | None) -> None:
    """Refuse two results in one file; the card is two, its own and one with the suffix .json."""
    files = [file for file in (json_out, page, card) if file is not None]
    files += [card.with_suffix(".json")] if card is not None else []
    for number, file in enumerate(files):
        if file.resolve() in {other.resolve() for other in files[:number]}:
            raise ModelError(
                f"{file} would hold two of the results; the card's JSON goes beside the card.\n"
                "Name --json, --page and --card apart, the card with another suffix than .json."
            )


def _check_writable(file: Path | None) -> None:
    """Refuse what cannot be written before minutes are spent on it."""
    if file is None:
        return
    is_new = not file.exists()
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("a", encoding="utf-8"):
            pass
        if is_new:  # and not left behind empty, should a picture be at fault
            file.unlink()
    except OSError as fault:
        raise ModelError(
            f"{file} cannot be written ({fault.strerror}).\nName a file in a folder of yours."
        ) from fault


def _earlier_hashes(report: Path | None) -> dict[str, str]:
    if report is None:
        return {}
    try:
        sets = json.loads(report.read_bytes())["sets"]
        return {str(name): str(sha256) for name, sha256 in sets.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as fault:
        raise ManifestError(
            f"{report} does not say by which sets a model was judged.\n"
            "Name a file that headcount gate --json has written."
        ) from fault


def _tell(compared: Comparison, verdict: Verdict) -> None:
    console = Console()
    table = Table(box=None, padding=(0, 1, 0, 0))
    table.add_column("slice", overflow="fold")
    # Eighty columns hold them.
    for title in ("AP50", "gain", "count error", "gain"):
        table.add_column(title, no_wrap=True)
    for one in compared.slices:
        table.add_row(one.name, *_cells(one.ap50, 3), *_cells(one.mae, 2))
    console.print(table)
    shown = verdict.reasons if verdict.promote else (*verdict.against, *verdict.not_judged)
    for reason in shown:
        console.print(f"{reason.outcome.value}: {reason.words}", highlight=False, soft_wrap=True)
    console.print("Promote." if verdict.promote else "Reject.", style="bold")


def _cells(paired: Paired | None, digits: int) -> tuple[str, str]:
    """Return both models' figure, and the interval of the gain."""
    if paired is None:
        return "-", "-"
    figures = f"{paired.champion:.{digits}f} → {paired.challenger:.{digits}f}"
    if paired.low is None:
        return figures, f"{paired.gain:+.{digits}f}"
    return figures, f"{paired.low:+.{digits}f} to {paired.high:+.{digits}f}"
