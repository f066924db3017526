"""`headcount review`: people look at frames in a browser, and correct what is said of them."""

import getpass
import os
import signal
import sys
import tempfile
import webbrowser
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, TypeVar

import boto3
import typer
from botocore.exceptions import BotoCoreError
from rich.console import Console
from rich.progress import track

from headcount.errors import ManifestError
from ops.deployment import PATIENCE
from training.evaluate import load_model
from training.manifest import write_manifest
from training.review.bucket import BucketReview, Prefix
from training.review.desk import Desk
from training.review.gathering import MANIFEST_NAME, find_pictures, frames_of
from training.review.keeping import KeptManifest
from training.review.log import LOG_NAME, ReviewLog
from training.review.server import ReviewServer
from training.weights import fetch_weights

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

# Characters: a name, not a story.
LONGEST_NAME = 100

_Item = TypeVar("_Item")


def review(
    place: Annotated[
        str,
        typer.Argument(
            help="A folder of frames, with a manifest.jsonl or without, or s3://BUCKET/PREFIX.",
            metavar="DIR_OR_PREFIX",
        ),
    ],
    reviewer: Annotated[
        str, typer.Option(help="Who you are, for the manifest; by default your user's name.")
    ] = "",
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="On 127.0.0.1; 0 for any that is free.")
    ] = 0,
    open_browser: Annotated[
        bool, typer.Option("--open/--no-open", help="Open a browser, if there is one.")
    ] = True,
    use_model: Annotated[
        bool,
        typer.Option(
            "--model/--no-model",
            help="Begin from what the packaged model finds, where there is no manifest.",
        ),
    ] = True,
) -> None:
    """Look at frames in a browser, and correct the boxes around faces."""
    name = _reviewer_name(reviewer)
    if place.startswith("s3://"):
        _review_prefix(place, name, port, open_browser=open_browser, use_model=use_model)
        return
    folder = Path(place)
    kept = _manifest_of(folder, use_model=use_model)
    log = ReviewLog(folder / LOG_NAME, name, _now)
    desk = Desk(kept, reviewer=name, now=_now, note_opened=log.note_opened)
    _serve(desk, log, port, open_browser=open_browser)


def _review_prefix(
    address: str, name: str, port: int, *, open_browser: bool, use_model: bool
) -> None:
    prefix, s3 = Prefix.read(address), _s3()
    # Pictures of people: in a folder that only this user can enter, and gone afterwards.
    with tempfile.TemporaryDirectory(prefix="headcount-review-") as scratch, _ended_by_sigterm():
        folder = Path(scratch)
        bucket = BucketReview(prefix, folder, s3, keep_in=Path.cwd(), now=_now())
        bucket.fetch(lambda copies: _watched(copies, "Copying frames"))
        kept = _manifest_of(folder, use_model=use_model, called=address)
        log = ReviewLog(folder / LOG_NAME, name, _now)
        desk = Desk(
            kept,
            reviewer=name,
            now=_now,
            note_opened=log.note_opened,
            picture_of=bucket.picture_of,
            copy=bucket.save,
        )
        _serve(desk, log, port, open_browser=open_browser)
        bucket.finish(log.path)


def _s3() -> "S3Client":
    try:
        return boto3.session.Session().client("s3", config=PATIENCE)
    except (BotoCoreError, ValueError) as fault:
        raise ManifestError(
            f"S3 cannot be asked: {fault}\nCorrect the profile, region or endpoint that is set."
        ) from fault


def _manifest_of(folder: Path, *, use_model: bool, called: str = "") -> KeptManifest:
    """Return the folder's manifest, made from its pictures if there is none."""
    path = folder / MANIFEST_NAME
    if not path.exists():
        pictures = find_pictures(folder, called or str(folder))
        model = load_model(fetch_weights()) if use_model else None
        label = "Reading frames" if model else "Listing frames"
        frames = frames_of(folder, pictures, model, lambda paths: _watched(paths, label))
        write_manifest(path, frames)
    return KeptManifest(path)


def _serve(desk: Desk, log: ReviewLog, port: int, *, open_browser: bool) -> None:
    console = Console(stderr=True)
    if desk.missing:
        console.print(f"{desk.missing} frames are left out: their pictures are not here.")
    with _ended_by_sigterm(), ReviewServer(desk, port, _print_address) as server:
        _print_address(server.address)
        console.print("Ctrl-C ends the review. Each address opens one window.")
        if open_browser:
            _open(server.address)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            console.print()
        desk.close()
    done = sum(reviewed for reviewed, _total in desk.progress().values())
    total = sum(total for _reviewed, total in desk.progress().values())
    console.print(
        f"Frames confirmed: {desk.confirmed}. Pictures opened: {log.opened}. "
        f"Labelled by people: {done} of {total}.",
        highlight=False,
    )


def _print_address(address: str) -> None:
    print(address, flush=True)


def _open(address: str) -> None:
    """Open a browser where there is a screen; a browser in the terminal would take it from us."""
    has_screen = sys.platform in ("darwin", "win32") or any(
        os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY")
    )
    if has_screen:
        webbrowser.open(address)


def _reviewer_name(given: str) -> str:
    """Return who reviews.

    Raises:
        ManifestError: If nobody knows, or it is no name.
    """
    try:
        name = given.strip() or getpass.getuser()
    except (OSError, KeyError, ImportError) as fault:
        raise ManifestError("This user has no name.\nSay who you are with --reviewer.") from fault
    if not name.isprintable():
        raise ManifestError(
            f"The name {name!r} has characters that cannot be printed.\n"
            "Give another one with --reviewer."
        )
    if len(name) > LONGEST_NAME:
        raise ManifestError(
            f"--reviewer has {len(name)} characters.\nGive a name of at most {LONGEST_NAME}."
        )
    return name


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


def _watched(items: Sequence[_Item], label: str) -> Iterable[_Item]:
    return track(items, label, console=Console(stderr=True))


@contextmanager
def _ended_by_sigterm() -> Iterator[None]:
    """Let SIGTERM end the review as Ctrl-C does: saved, and with nothing left behind."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
