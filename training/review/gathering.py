"""A folder of pictures becomes a manifest: unlabelled, or read by the champion to begin from."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from headcount.errors import ManifestError
from training.data.fusion import Fused, ViewReading, fuse
from training.data.pictures import PICTURE_SUFFIXES, Picture, read_picture
from training.data.readings import read_with
from training.manifest import Frame, Origin
from training.serving.endpoint import ServedModel

MANIFEST_NAME = "manifest.jsonl"

Watch = Callable[[Sequence[Path]], Iterable[Path]]


def find_pictures(folder: Path, called: str) -> list[Path]:
    """Return the pictures of a folder and the folders in it, by name; hidden ones are left out.

    Args:
        folder: Where to look.
        called: What the user calls it, for messages.

    Raises:
        ManifestError: If the folder is absent or holds no picture.
    """
    if not folder.is_dir():
        raise ManifestError(
            f"{called} is no folder.\nName a folder of pictures, or of a {MANIFEST_NAME}."
        )
    pictures = sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in PICTURE_SUFFIXES
        and path.is_file()
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    )
    if not pictures:
        raise ManifestError(
            f"{called} holds no {MANIFEST_NAME} and no picture "
            f"({', '.join(sorted(PICTURE_SUFFIXES))}).\nName another folder."
        )
    return pictures


def frames_of(
    folder: Path, pictures: Sequence[Path], model: ServedModel | None, watch: Watch = iter
) -> list[Frame]:
    """Return a frame for each picture; a folder within the folder is taken for one camera's.

    Args:
        folder: Where the manifest will be.
        pictures: In `folder`.
        model: Reads each picture for a beginning; None leaves them without labels.
        watch: Wraps the iteration, to show progress.

    Raises:
        ManifestError: If a file is no picture.
    """
    return [_frame(folder, path, model) for path in watch(pictures)]


def _frame(folder: Path, path: Path, model: ServedModel | None) -> Frame:
    picture = read_picture(path)
    parent = path.relative_to(folder).parent
    bare = Frame(
        source=path.relative_to(folder).as_posix(),
        width_px=picture.width_px,
        height_px=picture.height_px,
        sha256=picture.sha256,
        camera_id="" if parent == Path() else parent.as_posix(),
    )
    if model is None:
        return bare
    fused = _looked_at_twice(model, picture.pixels)
    return replace(
        bare,
        origin=Origin.MODEL,
        faces=fused.boxes,
        scores=fused.confidences,
        labelled_by=f"{model.card.name}-{model.card.version} sha256:{model.card.sha256} read twice",
        labelled_at=datetime.now(UTC).replace(microsecond=0),
    )


def _looked_at_twice(model: ServedModel, picture: Picture) -> Fused:
    """Return what the picture and its mirror image show, whatever counts in either.

    A face that only one of them shows is listed, with half of its score: people decide.
    """
    height, width = picture.shape[:2]
    seen, mirrored = (
        read_with(model, np.ascontiguousarray(view), model.card.threshold)
        for view in (picture, picture[:, ::-1])
    )
    mirrored.boxes[:, 0] = width - mirrored.boxes[:, 0] - mirrored.boxes[:, 2]
    whole = np.array([0.0, 0, width, height])
    return fuse([ViewReading(seen, whole), ViewReading(mirrored, whole)])
