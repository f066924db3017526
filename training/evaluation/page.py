"""The page of a comparison: one file, no script; verdict, slices, frames that changed."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from headcount.errors import ModelError
from training.evaluation.blurring import as_data_uri, blurred_picture
from training.evaluation.changes import Change, changed_frames
from training.evaluation.comparison import Comparison
from training.evaluation.fairness import Fairness
from training.evaluation.forest import ROW_PX, forests
from training.evaluation.gate import Verdict
from training.labels import Boxes

# Frames with their pictures; each is about 20 kB, and nobody looks at more than a few dozen.
_MOST_PICTURES = 48


def write_page(
    path: Path, comparison: Comparison, verdict: Verdict, fairness: Fairness | None = None
) -> None:
    """Write the page that shows a comparison.

    Args:
        path: The file to write; its folder is made.
        comparison: What was measured.
        verdict: What the gate made of it.
        fairness: Recall by light, size and tone, where it was asked for.

    Raises:
        ModelError: If the file cannot be written.
    """
    changes = changed_frames(comparison)
    text = (
        templates()
        .get_template("page.html.j2")
        .render(
            comparison=comparison,
            verdict=verdict,
            fairness=fairness,
            headlines=verdict.won if verdict.promote else verdict.against,
            forests=forests(comparison, verdict),
            row_px=ROW_PX,
            changes=[_shown(change) for change in changes[:_MOST_PICTURES]],
            changed=len(changes),
            won=sum(change.won for change in changes),
            lost=sum(change.lost for change in changes),
        )
    )
    write_text(path, text)


def templates() -> Environment:
    """Return the templates beside this file."""
    return Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=select_autoescape(["html.j2"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def write_text(path: Path, text: str) -> None:
    """Write a file of a report.

    Raises:
        ModelError: If it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as fault:
        raise ModelError(
            f"{path} cannot be written ({fault.strerror}).\nName a file in a folder of yours."
        ) from fault


def _shown(change: Change) -> dict[str, Any]:
    picture, scale = blurred_picture(change.seen)
    height, width = picture.shape[:2]
    faces = change.seen.image.faces
    return {
        "name": change.seen.frame.source,
        "part": change.seen.part,
        "about": _about(change),
        "picture": as_data_uri(picture),
        "width": width,
        "height": height,
        "labels": [
            {"box": box, "kind": _kind(was, now)}
            for box, was, now in zip(
                _scaled(faces, scale), change.champion.found, change.challenger.found, strict=True
            )
        ],
        "ignored": _scaled(change.seen.image.ignored, scale),
        "champion": _scaled(change.champion.boxes, scale),
        "challenger": _scaled(change.challenger.boxes, scale),
        "won": change.won,
        "lost": change.lost,
        "false_more": change.false_more,
    }


def _about(change: Change) -> str:
    frame = change.seen.frame
    return ", ".join(
        word for word in (frame.camera_id, frame.light_mode.value, *frame.slices) if word
    )


def _kind(was_found: bool, is_found: bool) -> str:
    if was_found == is_found:
        return "both" if is_found else "neither"
    return "won" if is_found else "lost"


def _scaled(boxes: Boxes, scale: float) -> Sequence[list[float]]:
    return [[round(float(side), 1) for side in box] for box in boxes * scale]
