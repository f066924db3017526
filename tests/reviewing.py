"""A small review: pictures, a manifest, and a clock that stands still."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from training.manifest import Frame, Origin, write_manifest

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
WIDTH, HEIGHT = 160, 90


def clock() -> datetime:
    return NOON


def a_picture(path: Path, size: tuple[int, int] = (WIDTH, HEIGHT)) -> None:
    """Write a picture that is all detail."""
    noise = np.random.default_rng(3).integers(0, 255, (size[1], size[0], 3), np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(cv2.imencode(".png", noise)[1].tobytes())


def a_manifest(folder: Path, names: Sequence[str] = ("0.png", "1.png")) -> Path:
    """Write frames that a model labelled, the first with a face it is less sure of."""
    frames = []
    for number, name in enumerate(names):
        a_picture(folder / name)
        frames.append(
            Frame(
                source=name,
                width_px=WIDTH,
                height_px=HEIGHT,
                origin=Origin.MODEL,
                faces=np.array([[10.0, 10, 20, 30]]),
                scores=np.array([0.6 + 0.1 * number]),
                camera_id="hall",
                labelled_by="centerface",
            )
        )
    return write_manifest(folder / "manifest.jsonl", frames).path


def a_face(left: float, top: float, width: float, height: float) -> dict[str, Any]:
    """Return what the page says of a face."""
    return {"kind": "face", "box": [left, top, width, height]}
