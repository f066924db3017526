"""Made-up rooms with painted faces, and a network that finds the paint."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from training.data.pictures import Picture, read_picture
from training.data.stronger import StrongReader
from training.manifest import Frame, Manifest, Origin, write_manifest
from training.serving.detector import Detections, InputSize
from training.serving.endpoint import ModelCard, ServedModel

SIZE_PX = (320, 180)
THRESHOLD = 0.4
# Left, top, width, height in pixels, and the score that the network gives it.
Face = tuple[int, int, int, int, float]


class PaintNetwork:
    """Finds faces painted in pure blue; how blue one is, is its score."""

    def detect(self, picture: Picture, min_score: float) -> Detections:
        height, width = picture.shape[:2]
        blue, others = picture[..., 0], picture[..., 1:].max(axis=2)
        painted = ((others == 0) & (blue > 0)).astype(np.uint8)
        count, _, stats, _ = cv2.connectedComponentsWithStats(painted)
        boxes, scores = [], []
        for left, top, wide, high, _ in stats[1:count].tolist():
            score = blue[top + high // 2, left + wide // 2] / 255
            if score >= min_score:
                boxes.append([left / width, top / height, wide / width, high / height])
                scores.append(score)
        return Detections(np.array(boxes, np.float32).reshape(-1, 4), np.array(scores, np.float32))


class OneEyedNetwork(PaintNetwork):
    """Finds only what it is shown on the left."""

    def detect(self, picture: Picture, min_score: float) -> Detections:
        found = super().detect(picture, min_score)
        is_left = found.boxes[:, 0] + found.boxes[:, 2] / 2 < 0.5
        return Detections(found.boxes[is_left], found.scores[is_left])


def served(network: Any = None, name: str = "paint") -> ServedModel:
    card = ModelCard(name, "1.0.0", "c" * 64, THRESHOLD, InputSize(320, 640), 1)
    return ServedModel(card, network or PaintNetwork())


def strong_reader(network: Any = None) -> StrongReader:
    model = served(network)
    return StrongReader(model, model.network, model.card.size.max_long_side_px)


def room(seed: int, faces: Sequence[Face] = ()) -> Picture:
    """Return a room of its own for each seed, with faces in it."""
    random = np.random.default_rng(seed)
    walls = random.integers(40, 220, (9, 16, 3), dtype=np.uint8)
    picture = cv2.resize(walls, SIZE_PX, interpolation=cv2.INTER_CUBIC)
    # No wall is pure blue.
    picture[..., 1] = np.maximum(picture[..., 1], 20)
    for left, top, width, height, score in faces:
        picture[top : top + height, left : left + width] = (round(score * 255), 0, 0)
    return np.asarray(picture, np.uint8)


def store(picture: Picture, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(cv2.imencode(".png", picture)[1].tobytes())


def framed(folder: Path, source: str, picture: Picture, **known: Any) -> Frame:
    """Store a picture and return its frame, hashed."""
    store(picture, folder / source)
    kept = read_picture(folder / source)
    return Frame(source, kept.width_px, kept.height_px, **{"sha256": kept.sha256} | known)


def labelled(folder: Path, source: str, seed: int, faces: Sequence[Face], **known: Any) -> Frame:
    """Store a room and return its frame, labelled by people as it was painted."""
    boxes = np.array([face[:4] for face in faces], float).reshape(-1, 4)
    return framed(
        folder,
        source,
        room(seed, faces),
        **{"origin": Origin.PEOPLE, "faces": boxes, "labelled_by": "ada"} | known,
    )


def pooled(folder: Path, frames: Sequence[Frame]) -> Manifest:
    return write_manifest(folder / "manifest.jsonl", frames)
