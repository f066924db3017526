"""Pictures and the faces that people marked in them, out of a COCO file."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from headcount.errors import ModelError

Boxes = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class LabelledImage:
    """One picture and the faces that people marked in it.

    Attributes:
        image_id: The annotation file's own.
        path: Where the picture is.
        size_px: Width and height as annotated; None where the annotation does not say.
        faces: Shape `(n, 4)`: left, top, width, height in pixels.
        ignored: Shape `(m, 4)`: regions marked `iscrowd` or `ignore`, neither right nor wrong.
    """

    image_id: int | str
    path: Path
    size_px: tuple[int, int] | None
    faces: Boxes
    ignored: Boxes


def read_labels(
    annotations: Path, images: Path, categories: Sequence[str] = ()
) -> list[LabelledImage]:
    """Return the labelled images of a COCO file, by their ids.

    Args:
        annotations: The COCO JSON file.
        images: The folder that its file names are relative to.
        categories: Names of the categories that are faces; by default all of them.

    Raises:
        ModelError: If the file is not COCO, names no image, or a picture is missing.
    """
    document = _read_coco(annotations)
    wanted = _wanted_categories(document, categories, annotations)
    marked: dict[Any, list[dict[str, Any]]] = {image["id"]: [] for image in document["images"]}
    for annotation in document["annotations"]:
        if annotation["image_id"] not in marked:
            raise ModelError(
                f"{annotations}: annotation {annotation.get('id')} is of image "
                f"{annotation['image_id']!r}, which is not in `images`.\nCorrect the file."
            )
        if annotation.get("category_id") in wanted:
            marked[annotation["image_id"]].append(annotation)
    # As pycocotools goes through them: where scores tie, the order decides who comes first.
    ordered = sorted(document["images"], key=lambda one: (isinstance(one["id"], str), one["id"]))
    labelled = [_labelled(image, marked[image["id"]], images) for image in ordered]
    missing = [image.path for image in labelled if not image.path.is_file()]
    if missing:
        raise ModelError(
            f"{len(missing)} of {len(labelled)} images are missing, the first is {missing[0]}.\n"
            "Name the folder that the annotations' file names are relative to."
        )
    return labelled


def face_category(annotations: Path, categories: Sequence[str] = ()) -> int:
    """Return the category id that predictions carry: the first one that is a face."""
    document = _read_coco(annotations)
    wanted = _wanted_categories(document, categories, annotations)
    return min((category for category in wanted if category is not None), default=1)


def _read_coco(annotations: Path) -> dict[str, Any]:
    try:
        document = json.loads(annotations.read_bytes())
    except (OSError, ValueError) as fault:
        raise ModelError(
            f"{annotations} cannot be read as JSON: {fault}.\nName a COCO annotation file."
        ) from fault
    for part in ("images", "annotations"):
        if not isinstance(document, dict) or not isinstance(document.get(part), list):
            raise ModelError(f"{annotations} has no list `{part}`.\nName a COCO annotation file.")
    if not document["images"]:
        raise ModelError(f"{annotations} labels no image.\nThere is nothing to score against.")
    _check_fields(annotations, document["images"], {"id", "file_name"})
    _check_fields(annotations, document["annotations"], {"image_id", "bbox"})
    _check_values(annotations, document)
    coco: dict[str, Any] = document
    return coco


def _check_fields(annotations: Path, entries: list[dict[str, Any]], needed: set[str]) -> None:
    for entry in entries:
        if not isinstance(entry, dict) or not needed <= set(entry) or not _has_box(entry):
            raise ModelError(
                f"{annotations}: {json.dumps(entry)[:200]} needs {', '.join(sorted(needed))}, a "
                "bbox of four numbers.\nCorrect the file."
            )


def _check_values(annotations: Path, document: dict[str, Any]) -> None:
    """Refuse what would be read as something else, or not at all."""
    for image in document["images"]:
        if not isinstance(image["file_name"], str) or not image["file_name"]:
            raise _wrong(annotations, image, "a file_name that is text")
        sizes = [image[side] for side in ("width", "height") if image.get(side) is not None]
        if not all(_is_whole(size) and size > 0 for size in sizes):
            raise _wrong(annotations, image, "a width and a height that are whole pixels")
    for name, entries in (("image", document["images"]), ("annotation", document["annotations"])):
        known = set()
        for entry in entries:
            given = [entry[key] for key in ("id", "image_id", "category_id") if key in entry]
            if not all(isinstance(one, str) or _is_whole(one) for one in given):
                raise _wrong(annotations, entry, "ids that are whole numbers or text")
            if "id" in entry and entry["id"] in known:
                raise ModelError(
                    f"{annotations}: two {name}s have the id {entry['id']!r}.\n"
                    "Give each an id of its own."
                )
            known.add(entry.get("id"))
    categories = document.get("categories", [])
    if not isinstance(categories, list) or not all(
        isinstance(one, dict) and {"id", "name"} <= set(one) for one in categories
    ):
        raise ModelError(
            f"{annotations}: each of `categories` needs an id and a name.\nCorrect the file."
        )


def _wrong(annotations: Path, entry: dict[str, Any], needed: str) -> ModelError:
    return ModelError(
        f"{annotations}: {json.dumps(entry)[:200]} needs {needed}.\nCorrect the file."
    )


def _is_number(value: Any) -> bool:
    # In Python, true is 1.
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_whole(value: Any) -> bool:
    """Return whether a number is whole; some tools write 640.0."""
    return _is_number(value) and math.isfinite(value) and value == int(value)


def _has_box(entry: dict[str, Any]) -> bool:
    """Return whether the entry's box, if it has one, is four numbers of a size that can be."""
    box = entry.get("bbox", [0, 0, 0, 0])
    return (
        isinstance(box, list)
        and len(box) == 4
        and all(_is_number(side) and math.isfinite(side) for side in box)
        and box[2] >= 0
        and box[3] >= 0
    )


def _wanted_categories(
    document: dict[str, Any], names: Sequence[str], annotations: Path
) -> set[int | None]:
    known = {category.get("name"): category["id"] for category in document.get("categories", [])}
    unknown = set(names) - set(known)
    if unknown:
        raise ModelError(
            f"{annotations} has no category {', '.join(sorted(unknown))}.\n"
            f"It has {', '.join(sorted(map(str, known)))}."
        )
    if names:
        return {known[name] for name in names}
    return {annotation.get("category_id") for annotation in document["annotations"]}


def _labelled(image: dict[str, Any], marked: list[dict[str, Any]], folder: Path) -> LabelledImage:
    is_ignored = [bool(mark.get("iscrowd") or mark.get("ignore")) for mark in marked]
    boxes = np.array([mark["bbox"] for mark in marked], dtype=np.float64).reshape(-1, 4)
    mask = np.array(is_ignored, dtype=bool)
    has_size = image.get("width") is not None and image.get("height") is not None
    return LabelledImage(
        image_id=image["id"],
        path=folder / image["file_name"],
        size_px=(int(image["width"]), int(image["height"])) if has_size else None,
        faces=boxes[~mask],
        ignored=boxes[mask],
    )
