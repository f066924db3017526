"""The four functions that the PyTorch inference image calls, by its toolkit's contract."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .centerface import CenterFace, InputSize
from .quality import measure_quality
from .request import JSON_TYPE, Frame, Request, RequestError, read_request

MODEL_FILE = "model.onnx"
CARD_FILE = "model.json"


@dataclass(frozen=True, slots=True)
class ModelCard:
    """Who the model is: what model.json says of it.

    Attributes:
        name: E.g. `centerface`.
        version: Of the weights and their post-processing.
        sha256: Of model.onnx.
        threshold: Faces scored at least this are counted, 0 to 1.
        size: How large a picture the network sees.
        threads: Processor threads for one picture.
    """

    name: str
    version: str
    sha256: str
    threshold: float
    size: InputSize
    threads: int

    @classmethod
    def read(cls, path: Path) -> "ModelCard":
        """Return the card in a file."""
        card = json.loads(path.read_text())
        return cls(
            name=card["name"],
            version=card["version"],
            sha256=card["sha256"],
            threshold=card["threshold"],
            size=InputSize(**card["input"]),
            threads=card["threads"],
        )


@dataclass(frozen=True, slots=True)
class ServedModel:
    """A loaded network and its card."""

    card: ModelCard
    network: CenterFace


def model_fn(model_dir: str) -> ServedModel:
    """Return the model of an unpacked model.tar.gz."""
    folder = Path(model_dir)
    card = ModelCard.read(folder / CARD_FILE)
    network = CenterFace(folder / MODEL_FILE, card.size, card.threads)
    # The first picture allocates memory for all: better before the endpoint is in service.
    network.detect(np.zeros((360, 640, 3), np.uint8), min_score=card.threshold)
    return ServedModel(card, network)


def input_fn(request_body: bytes | str, content_type: str) -> Request:
    """Return the pictures of a request.

    Raises:
        RequestError: If the request is at fault.
    """
    return read_request(request_body, content_type)


def predict_fn(request: Request, model: ServedModel) -> dict[str, Any]:
    """Return the answer to a request, ready for JSON."""
    card = model.card
    min_score = card.threshold if request.min_score is None else request.min_score
    return {
        # One by one: on a processor a batch through the network is no faster, and sizes differ.
        "predictions": [_look_at(frame, model, min_score) for frame in request.frames],
        "model": {
            "name": card.name,
            "version": card.version,
            "sha256": card.sha256,
            "threshold": card.threshold,
        },
    }


def output_fn(prediction: dict[str, Any], accept: str) -> tuple[str, str]:
    """Return the answer as JSON, and its content type.

    Raises:
        RequestError: If the client accepts no JSON.
    """
    wanted = {part.partition(";")[0].strip().lower() for part in accept.split(",")}
    if not wanted & {JSON_TYPE, "application/*", "*/*", ""}:
        raise RequestError(f"Only {JSON_TYPE} can be answered, not {accept!r}.", 406)
    return json.dumps(prediction, separators=(",", ":")), JSON_TYPE


def _look_at(frame: Frame, model: ServedModel, min_score: float) -> dict[str, Any]:
    """Return one frame's part of the answer; `count` is at the threshold whatever is listed."""
    threshold = model.card.threshold
    height, width = frame.picture.shape[:2]
    # A weaker face never suppresses a stronger one: a longer list counts the same.
    found = model.network.detect(frame.picture, min(min_score, threshold))
    return {
        "frame_id": frame.frame_id,
        "width": width,
        "height": height,
        "count": int((found.scores >= threshold).sum()),
        "faces": [
            {"box": [round(float(side), 6) for side in box], "score": round(float(score), 6)}
            for box, score in zip(found.boxes, found.scores, strict=True)
            if score >= min_score
        ],
        "quality": measure_quality(frame.picture).as_json(),
    }
