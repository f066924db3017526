"""COCO files and manifests, one made of the other."""

import json
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from headcount.domain.terms import LightMode
from headcount.errors import ManifestError
from training.data.pictures import read_picture
from training.labels import LabelledImage, read_labels
from training.manifest import Frame, Manifest, Origin

_FACE_ID = 1


def frames_from_coco(
    annotations: Path,
    images: Path,
    manifest: Path,
    *,
    camera_id: str = "",
    labelled_by: str = "",
    labelled_at: datetime | None = None,
    light_mode: LightMode = LightMode.DAY,
    categories: Sequence[str] = (),
    watch: Callable[[Sequence[LabelledImage]], Iterable[LabelledImage]] = iter,
) -> list[Frame]:
    """Return the pictures of a COCO file as frames that people labelled, each hashed.

    Args:
        annotations: The COCO file.
        images: The folder of its pictures; below the manifest's.
        manifest: Where the manifest will be: sources are relative to its folder.
        camera_id: Which camera took them, or the set's name.
        labelled_by: Who drew the boxes.
        labelled_at: When.
        light_mode: In which light they were taken.
        categories: Names of the categories that are faces; by default all.
        watch: Wraps the iteration, to show progress.

    Raises:
        ManifestError: If a picture is unreadable, of another size than annotated, or lies outside
            the manifest's folder.
        ModelError: If the COCO file is none.
    """
    folder = manifest.parent.resolve()
    if not images.resolve().is_relative_to(folder):
        raise ManifestError(
            f"{images} is not below {manifest.parent}, where the manifest is to be.\n"
            "Write the manifest beside the pictures' folder, or copy them below the manifest's."
        )
    frames = []
    for image in watch(read_labels(annotations, images, categories)):
        picture = read_picture(image.path)
        size_px = (picture.width_px, picture.height_px)
        if image.size_px not in (None, size_px):
            raise ManifestError(
                f"{image.path} is {size_px[0]}x{size_px[1]}, but was annotated as "
                f"{'x'.join(map(str, image.size_px or ()))}.\n"
                "Use the pictures that were annotated, without a rotation in their EXIF data."
            )
        frames.append(
            Frame(
                source=image.path.resolve().relative_to(folder).as_posix(),
                width_px=size_px[0],
                height_px=size_px[1],
                sha256=picture.sha256,
                origin=Origin.PEOPLE,
                faces=image.faces,
                ignored=image.ignored,
                camera_id=camera_id,
                light_mode=light_mode,
                labelled_by=labelled_by,
                labelled_at=labelled_at,
            )
        )
    return frames


def as_coco(manifest: Manifest) -> dict[str, Any]:
    """Return a manifest's labelled frames as a COCO document; ignored regions are crowds.

    Raises:
        ManifestError: If no frame is labelled.
    """
    labelled = [frame for frame in manifest.frames if frame.is_labelled]
    if not labelled:
        raise ManifestError(
            f"{manifest.path} has no labelled frame.\nLabel some: headcount review."
        )
    marks = [
        {"image_id": number, "category_id": _FACE_ID, "iscrowd": int(is_ignored)}
        | {"bbox": [round(float(side), 2) for side in box]}
        | {"area": round(float(box[2] * box[3]), 2)}
        for number, frame in enumerate(labelled, start=1)
        for boxes, is_ignored in ((frame.faces, False), (frame.ignored, True))
        for box in boxes
    ]
    return {
        "images": [
            {
                "id": number,
                "file_name": frame.source,
                "width": frame.width_px,
                "height": frame.height_px,
            }
            for number, frame in enumerate(labelled, start=1)
        ],
        "annotations": [mark | {"id": number} for number, mark in enumerate(marks, start=1)],
        "categories": [{"id": _FACE_ID, "name": "face"}],
    }


def write_coco(manifest: Manifest, path: Path) -> int:
    """Write a manifest's labelled frames as a COCO file, and return how many they are.

    Raises:
        ManifestError: If no frame is labelled, or the file cannot be written.
    """
    document = as_coco(manifest)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    except OSError as fault:
        raise ManifestError(
            f"{path} cannot be written ({fault.strerror}).\nName a file in a folder of yours."
        ) from fault
    return len(document["images"])
