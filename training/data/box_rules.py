"""Rules about one frame's boxes: what no face can be."""

from collections.abc import Iterator

import numpy as np

from training.data.findings import Finding, Rule
from training.data.readings import overlaps
from training.labels import Boxes
from training.manifest import Frame

# Pixels by which a box may stand out of the picture: people draw to the edge, tools round up.
_SLACK_PX = 1.5
# Pixels, the shorter side. The smallest of 1,458 faces that people marked in photographs is 3.
_LEAST_SIDE_PX = 3.0
# The longer side over the shorter. In the same photographs at most 3.2, for faces cut by the edge.
_MOST_ELONGATED = 4.0
# Share of the picture. In the same photographs at most 0.43; a camera of a room is farther away.
_LARGEST_SHARE = 0.8
# IoU from which on two boxes are one face, marked twice. Chosen: heads do not hide each other so.
_SAME_BOX = 0.8


def check_boxes(frame: Frame, line: int) -> Iterator[Finding]:
    """Yield what is wrong with a frame's boxes."""
    for kind, boxes in (("face", frame.faces), ("ignored region", frame.ignored)):
        for number, box in enumerate(boxes, start=1):
            found = _fault(box, frame, is_face=kind == "face")
            if found is not None:
                rule, what, remedy = found
                name = f"{kind} {number} of {len(boxes)} ({_in_words(box)})"
                yield Finding(rule, line, frame.source, f"{name} {what}", remedy)
    overlap = np.triu(overlaps(frame.faces, frame.faces), k=1)
    for one, other in zip(*np.nonzero(overlap >= _SAME_BOX), strict=True):
        yield Finding(
            Rule.DOUBLE_BOX,
            line,
            frame.source,
            f"faces {one + 1} and {other + 1} share {overlap[one, other]:.0%} of their area",
            "Take one of them out: headcount review.",
        )


def _fault(box: Boxes, frame: Frame, *, is_face: bool) -> tuple[Rule, str, str] | None:
    left, top, width, height = box.tolist()
    if not np.isfinite(box).all() or width <= 0 or height <= 0:
        return Rule.EMPTY_BOX, "is empty", "Take it out, or draw it again: headcount review."
    if (
        min(left, top) < -_SLACK_PX
        or left + width > frame.width_px + _SLACK_PX
        or top + height > frame.height_px + _SLACK_PX
    ):
        return (
            Rule.OUTSIDE_BOX,
            f"is not inside the picture of {frame.width_px}x{frame.height_px}",
            "Draw it again; if all boxes are off, they are in another unit or of another size.",
        )
    if not is_face:
        return None
    if min(width, height) < _LEAST_SIDE_PX:
        return Rule.ABSURD_BOX, f"is under {_LEAST_SIDE_PX:g} pixels", "Take it out."
    if max(width, height) > _MOST_ELONGATED * min(width, height):
        return (
            Rule.ABSURD_BOX,
            f"is over {_MOST_ELONGATED:g} times as long as it is wide",
            "Draw it again: headcount review.",
        )
    share = width * height / (frame.width_px * frame.height_px)
    if share > _LARGEST_SHARE:
        return (
            Rule.ABSURD_BOX,
            f"covers {share:.0%} of the picture",
            "Draw it again; a picture of one face alone is none of a room.",
        )
    return None


def _in_words(box: Boxes) -> str:
    return ", ".join(f"{side:g}" for side in box.tolist())
