"""A pool: the frames there are to choose from, as a manifest or as a folder of pictures."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from headcount.errors import ManifestError
from training.data.pictures import PICTURE_SUFFIXES, read_picture
from training.manifest import Frame, Manifest, read_manifest

MANIFEST_NAME = "manifest.jsonl"


def read_pool(pool: Path, watch: Callable[[Sequence[Path]], Iterable[Path]] = iter) -> Manifest:
    """Return the frames of a pool.

    Args:
        pool: A manifest, a folder with one called `manifest.jsonl`, or a folder of pictures; the
            pictures' folder is their camera: `hall/0001.jpg` was taken by `hall`.
        watch: Wraps the reading of pictures, to show progress.

    Raises:
        ManifestError: If there is nothing that can be read.
    """
    if pool.is_file():
        return read_manifest(pool)
    if (pool / MANIFEST_NAME).is_file():
        return read_manifest(pool / MANIFEST_NAME)
    if not pool.is_dir():
        raise ManifestError(f"{pool} is not there.\nName a manifest, or a folder of pictures.")
    found = sorted(
        path
        for path in pool.rglob("*")
        if path.suffix.lower() in PICTURE_SUFFIXES and path.is_file()
    )
    if not found:
        raise ManifestError(
            f"{pool} holds no picture ({', '.join(sorted(PICTURE_SUFFIXES))}).\n"
            "Name a manifest, or a folder of pictures."
        )
    frames = tuple(_frame(path, pool) for path in watch(found))
    # What is not a file yet has no hash: lineage names what curation writes.
    return Manifest(pool / MANIFEST_NAME, frames, "")


def with_sha256(frame: Frame, sha256: str, where: Path) -> Frame:
    """Return a frame whose picture's hash is known.

    Raises:
        ManifestError: If it is not the picture that the manifest vouches for.
    """
    if frame.sha256 and frame.sha256 != sha256:
        raise ManifestError(
            f"{where}: {frame.source} has sha256 {sha256}, and the manifest says {frame.sha256}.\n"
            "The picture is not the one that was labelled: restore it, or take its line out."
        )
    return frame if frame.sha256 else replace(frame, sha256=sha256)


def _frame(path: Path, folder: Path) -> Frame:
    picture = read_picture(path)
    source = path.relative_to(folder)
    return Frame(
        source=source.as_posix(),
        width_px=picture.width_px,
        height_px=picture.height_px,
        sha256=picture.sha256,
        camera_id="" if source.parent == Path() else source.parent.as_posix(),
    )
