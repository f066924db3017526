"""`headcount data fetch` and `erase`: the frames that cameras' sites let be kept."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, TypeVar

import boto3
import typer
from rich.console import Console
from rich.progress import track

from headcount.errors import ManifestError
from ops.deployment import PATIENCE, Deployment
from ops.kept_frames import Choice, KeptFrames

Item = TypeVar("Item")
_Stage = Annotated[str, typer.Option(help="The deployed stage: dev, prod or local.")]
_Site = Annotated[str, typer.Option(help="The site's id.")]
_Camera = Annotated[str | None, typer.Option(help="One camera's id; by default all.")]
_Since = Annotated[
    datetime | None,
    typer.Option(formats=["%Y-%m-%d"], help="Taken on that day (UTC) or later.", metavar="DATE"),
]
_Before = Annotated[
    datetime | None,
    typer.Option(formats=["%Y-%m-%d"], help="Taken before that day (UTC).", metavar="DATE"),
]
_LEFT = 1


def fetch(
    site: _Site,
    out: Annotated[Path, typer.Option(help="The pool: a folder.", metavar="POOL")],
    stage: _Stage = "dev",
    camera: _Camera = None,
    since: _Since = None,
    before: _Before = None,
) -> None:
    """Download kept frames into a pool for `data curate`; what is there already is left."""
    choice = Choice(site, camera, _day(since), _day(before))
    kept = _kept(stage)
    frames = kept.find(choice)
    if not frames:
        raise ManifestError(
            f"Stage {stage} has kept no frame {choice}.\n"
            "Frames are kept where the site document says kept_frames (docs/sites.md), and expire."
        )
    fetched, there = kept.fetch(frames, out, lambda new: _watch(new, "Fetching"))
    print(f"{fetched} of {len(frames)} kept frames {choice} fetched; {out} has {there}.")
    print("They are pictures of people, and copies neither expire nor are erased: delete them.")


def erase(
    site: _Site,
    stage: _Stage = "dev",
    camera: _Camera = None,
    since: _Since = None,
    before: _Before = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before erasing.")] = False,
) -> None:
    """Erase kept frames for good, then look whether any is left; exits with 1 if so."""
    choice = Choice(site, camera, _day(since), _day(before))
    kept = _kept(stage)
    if not yes and (frames := kept.find(choice)):
        typer.confirm(f"Erase {len(frames)} kept frames {choice} from stage {stage}?", abort=True)
    there, left = kept.erase(choice, lambda calls: _watch(calls, "Erasing"))
    print(f"Kept frames {choice}: {there} were there, {left} are left.")
    print("Copies in pools that were fetched are not erased: delete those folders.")
    if left:
        print(
            "Frames are still being kept: take kept_frames out of the document, apply it, repeat."
        )
        raise typer.Exit(_LEFT)


def _kept(stage: str) -> KeptFrames:
    deployment = Deployment.find(stage)
    return KeptFrames(boto3.client("s3", config=PATIENCE), deployment.kept_frames_bucket_name)


def _day(moment: datetime | None) -> date | None:
    return None if moment is None else moment.date()


def _watch(items: Sequence[Item], what: str) -> Iterable[Item]:
    return track(items, what, console=Console(stderr=True)) if items else items
