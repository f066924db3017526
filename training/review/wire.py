"""What the page is told of a frame, and what it may say of one."""

import math
from collections.abc import Sequence
from typing import Any, TypeGuard

from headcount.errors import ManifestError
from training.manifest import Frame
from training.review.order import Turn

# Pixels: a box that is narrower was a slip of the hand.
MIN_SIDE_PX = 2.0
# Boxes of one frame: more than any labelled crowd has.
MAX_BOXES = 2000
FACE, IGNORED = "face", "ignored"


def describe(frame: Frame, turn: Turn) -> dict[str, Any]:
    """Return a frame as the page shows it; the picture's name is not in it."""
    faces = zip(frame.faces, frame.scores, strict=True)
    return {
        "id": turn.index,
        "width": frame.width_px,
        "height": frame.height_px,
        "reason": turn.reason,
        "camera": frame.camera_id,
        "captured_at": frame.captured_at and frame.captured_at.isoformat(),
        "light": frame.light_mode.value,
        "split": frame.split.value,
        "slices": list(frame.slices),
        "origin": frame.origin.value,
        "labelled_by": frame.labelled_by,
        "labelled_at": frame.labelled_at and frame.labelled_at.isoformat(),
        "boxes": [
            *({"kind": FACE, "box": box.tolist(), "score": float(score)} for box, score in faces),
            *({"kind": IGNORED, "box": box.tolist(), "score": 1.0} for box in frame.ignored),
        ],
    }


def read_boxes(said: Sequence[Any], frame: Frame) -> dict[str, list[list[float]]]:
    """Return boxes by their kind, cut off at the picture's edges.

    Args:
        said: `{"kind": "face" or "ignored", "box": [left, top, width, height]}`, in pixels.
        frame: The one that they are in.

    Raises:
        ManifestError: If one is no box, or they are too many.
    """
    if not isinstance(said, list):
        raise ManifestError("The boxes of a frame are a list.\nLoad the page again.")
    if len(said) > MAX_BOXES:
        raise ManifestError(f"At most {MAX_BOXES} boxes can be in a frame.\nRemove some.")
    boxes: dict[str, list[list[float]]] = {FACE: [], IGNORED: []}
    for entry in said:
        kind = entry.get("kind") if isinstance(entry, dict) else None
        sides = entry.get("box") if isinstance(entry, dict) else None
        if not isinstance(kind, str) or kind not in boxes or not _is_box(sides):
            raise ManifestError(f"{str(entry)[:100]} is no box.\nLoad the page again.")
        boxes[kind].append(_within(sides, frame))
    return boxes


def _within(sides: Sequence[float], frame: Frame) -> list[float]:
    left, top = max(0.0, sides[0]), max(0.0, sides[1])
    width = min(sides[0] + sides[2], frame.width_px) - left
    height = min(sides[1] + sides[3], frame.height_px) - top
    if width < MIN_SIDE_PX or height < MIN_SIDE_PX:
        raise ManifestError("A box lies outside the picture, or is too small.\nRemove it.")
    return [left, top, width, height]


def _is_box(sides: Any) -> TypeGuard[list[float]]:
    return (
        isinstance(sides, list)
        and len(sides) == 4
        and all(
            isinstance(side, int | float) and not isinstance(side, bool) and math.isfinite(side)
            for side in sides
        )
    )
