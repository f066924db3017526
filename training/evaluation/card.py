"""The model card: what a model is for, what it was judged by, and how to be rid of it again.

Source: Mitchell et al. (2019), "Model Cards for Model Reporting", FAT* '19, 220-229.
"""

import json
from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

from training.evaluation.comparison import Comparison
from training.evaluation.fairness import Fairness
from training.evaluation.frozen import LEARNT_FROM
from training.evaluation.gate import Verdict
from training.evaluation.page import templates, write_text
from training.manifest import Frame, Manifest
from training.model_entry import ModelEntry

INTENDED_USE = {
    "for": "Counting the faces that a building's own cameras see, so that rooms are lit, heated "
    "and aired for those who are in them.",
    "by": "Building managers and the engineers who run Headcount, on cameras of their own.",
    "not_for": [
        "Telling who somebody is, or their age, gender, origin or mood.",
        "Following a person, keeping their hours, or judging anybody's work.",
        "Safety: evacuation, access, or any count that a life depends on.",
    ],
}
LIMITS = (
    "It finds faces, not people: a turned back is no face. Zero faces alone make no room empty.",
    "What never happened in the frozen sets, no interval knows of: other cameras, lights, crowds.",
    "Slices named as not judged had too few frames. Nothing says that they are well.",
    "Gender, age and ethnicity are not measured: no frame is labelled with them.",
)
ABOUT_THE_LICENCE = (
    "The face detectors known here were trained on WIDER FACE, whose pictures are licensed for "
    "non-commercial use without derivatives (CC BY-NC-ND). Whether that binds who uses weights "
    "trained on them, or weights trained further from those, is a question for a lawyer; training "
    "anew on pictures of one's own is the way around it."
)


def model_card(
    comparison: Comparison,
    verdict: Verdict,
    manifest: Manifest,
    written_at: datetime,
    entry: ModelEntry | None = None,
    fairness: Fairness | None = None,
) -> dict[str, Any]:
    """Return the card of a challenger, as JSON.

    Args:
        comparison: With the champion, on the manifest's frozen sets.
        verdict: What the gate made of it.
        manifest: What it was trained on and judged by.
        written_at: When; the card says it.
        entry: What the catalogue says of the challenger: where it comes from, under which licence.
        fairness: Recall by light, size and tone, where it was asked for.
    """
    found = comparison.as_json()
    champion = found["champion"]
    return {
        "model_details": {
            **found["challenger"],
            "kind": "face detector, ONNX, served by ONNX Runtime",
            "written_at": written_at.isoformat(),
            "replaces": champion,
        },
        "intended_use": INTENDED_USE,
        "factors": {
            "measured": "camera, light mode, faces in the frame, face size, named slices",
            "not_measured": "gender, age, ethnicity: no labels, and none are made up",
        },
        "metrics": {
            "ap50": "average precision at IoU 0.5 over scores from 0.05 on, as pycocotools has it",
            "recall": "share of labelled faces found at the model's threshold",
            "mae": "mean absolute error of the count of a frame at the threshold, in faces",
            "bias": "mean of counted minus labelled, in faces",
            "intervals": found["bootstrap"],
        },
        "evaluation_data": {
            "manifest_sha256": manifest.sha256,
            "sets": {
                split: {"sha256": sha256, **_facts(_in(manifest, split))}
                for split, sha256 in found["sets"].items()
            },
        },
        "training_data": {
            "manifest_sha256": manifest.sha256,
            **{split.value: _facts(manifest.within(split)) for split in LEARNT_FROM},
        },
        "quantitative_analyses": {"slices": found["slices"], "speed": found["speed"]},
        "gate": verdict.as_json(),
        "ethical_considerations": {
            "privacy": "Frames are kept only where a site allows it, encrypted, and expire. Faces "
            "are made unrecognisable in every report.",
            "fairness": fairness.as_json() if fairness else "not asked for",
        },
        "caveats": list(LIMITS),
        "licence": {
            "weights": entry.licence if entry else "not stated",
            "trained_on": entry.trained_on if entry else "not stated",
            "source": entry.source if entry else "not stated",
            "about": ABOUT_THE_LICENCE,
        },
        "rollback": {
            "to": champion,
            "how": f"Serve {champion['name']} {champion['version']} again, the weights with sha256 "
            f"{champion['sha256']}. They take no conversion, and the threshold "
            f"{champion['threshold']} comes with their card.",
        },
    }


def write_card(path: Path, card: dict[str, Any]) -> None:
    """Write a card as Markdown, and beside it, with the suffix .json, as JSON.

    Raises:
        ModelError: If a file cannot be written.
    """
    write_text(path, as_markdown(card))
    write_text(path.with_suffix(".json"), json.dumps(card, indent=2) + "\n")


def as_markdown(card: dict[str, Any]) -> str:
    """Return a card for people."""
    return templates().get_template("card.md.j2").render(card=card)


def _in(manifest: Manifest, split: str) -> Iterable[Frame]:
    return (frame for frame in manifest.frames if frame.split.value == split)


def _facts(frames: Iterable[Frame]) -> dict[str, Any]:
    kept = tuple(frames)
    cameras = {frame.camera_id for frame in kept if frame.camera_id}
    times = sorted(frame.captured_at for frame in kept if frame.captured_at is not None)
    return {
        "frames": len(kept),
        "faces": sum(len(frame.faces) for frame in kept),
        "scenes": len({frame.group or frame.source for frame in kept}),
        "cameras": len(cameras),
        "labelled_by": dict(sorted(Counter(frame.origin.value for frame in kept).items())),
        "captured": [times[0].isoformat(), times[-1].isoformat()] if times else None,
    }
