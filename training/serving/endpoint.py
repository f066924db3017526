"""The four functions that the PyTorch inference image calls, by its toolkit's contract."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .adapters import FACES, PERSONS, open_detector
from .detector import Detector, InputSize
from .embedding import embed
from .quality import measure_quality
from .request import JSON_TYPE, Frame, Request, RequestError, read_request

MODEL_FILE = "model.onnx"
CARD_FILE = "model.json"
# A second network that looks at the same pictures, in a folder of its own; most packages have none.
BESIDE_FOLDER = "beside"


@dataclass(frozen=True, slots=True)
class ModelCard:
    """Who the model is: what model.json says of it.

    Attributes:
        name: E.g. `centerface`.
        version: Of the weights and their post-processing.
        sha256: Of model.onnx.
        threshold: What is scored at least this is counted, 0 to 1.
        size: How large a picture the network sees.
        threads: Processor threads for one picture.
        adapter: The form of the network.
        finds: `faces` or `persons`.
    """

    name: str
    version: str
    sha256: str
    threshold: float
    size: InputSize
    threads: int
    adapter: str = "centerface"
    finds: str = FACES

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
            # Packages from before there was a choice do not say it.
            adapter=card.get("adapter", "centerface"),
            finds=card.get("finds", FACES),
        )

    def as_answer(self) -> dict[str, Any]:
        """Return what the endpoint says of the model."""
        return {
            "name": self.name,
            "version": self.version,
            "sha256": self.sha256,
            "threshold": self.threshold,
        }


@dataclass(frozen=True, slots=True)
class ServedModel:
    """A loaded network and its card.

    Attributes:
        beside: A second one that looks at the same pictures, for persons where this finds faces.
    """

    card: ModelCard
    network: Detector
    beside: "ServedModel | None" = None

    def parts(self) -> "tuple[ServedModel, ...]":
        """Return the model and the one beside it, if there is one."""
        return (self,) if self.beside is None else (self, self.beside)


def model_fn(model_dir: str) -> ServedModel:
    """Return the model of an unpacked model.tar.gz."""
    folder = Path(model_dir)
    card = ModelCard.read(folder / CARD_FILE)
    network = open_detector(folder / MODEL_FILE, card.adapter, card.size, card.threads)
    # The first picture allocates memory for all: better before the endpoint is in service.
    network.detect(np.zeros((360, 640, 3), np.uint8), min_score=card.threshold)
    beside = folder / BESIDE_FOLDER
    return ServedModel(card, network, model_fn(str(beside)) if beside.is_dir() else None)


def input_fn(request_body: bytes | str, content_type: str) -> Request:
    """Return the pictures of a request.

    Raises:
        RequestError: If the request is at fault.
    """
    return read_request(request_body, content_type)


def predict_fn(request: Request, model: ServedModel) -> dict[str, Any]:
    """Return the answer to a request, ready for JSON."""
    answer = {
        # One by one: on a processor a batch through the network is no faster, and sizes differ.
        "predictions": [_look_at(frame, model, request.min_score) for frame in request.frames],
        "model": model.card.as_answer(),
    }
    for part in model.parts():
        if part.card.finds == PERSONS:
            answer["person_model"] = part.card.as_answer()
    return answer


def output_fn(prediction: dict[str, Any], accept: str) -> tuple[str, str]:
    """Return the answer as JSON, and its content type.

    Raises:
        RequestError: If the client accepts no JSON.
    """
    wanted = {part.partition(";")[0].strip().lower() for part in accept.split(",")}
    if not wanted & {JSON_TYPE, "application/*", "*/*", ""}:
        raise RequestError(f"Only {JSON_TYPE} can be answered, not {accept!r}.", 406)
    return json.dumps(prediction, separators=(",", ":")), JSON_TYPE


def _look_at(frame: Frame, model: ServedModel, min_score: float | None) -> dict[str, Any]:
    """Return one frame's part of the answer; `count` is at the threshold whatever is listed."""
    height, width = frame.picture.shape[:2]
    # Faces and bodies are the same people: each is listed for itself, and nothing is summed.
    listed: dict[str, Any] = {FACES: []}
    counts = []
    for part in model.parts():
        count, listed[part.card.finds] = _find(frame, part, min_score)
        counts.append(count)
    return {
        "frame_id": frame.frame_id,
        "width": width,
        "height": height,
        "count": counts[0],
        **listed,
        "quality": measure_quality(frame.picture).as_json(),
        "embedding": embed(frame.picture),
        "context": dict(frame.context),
    }


def _find(
    frame: Frame, model: ServedModel, min_score: float | None
) -> tuple[int, list[dict[str, Any]]]:
    """Return how many a network counts in a frame, and all that it finds from `min_score` on."""
    threshold = model.card.threshold
    lowest = threshold if min_score is None else min_score
    # A weaker one never suppresses a stronger one: a longer list counts the same.
    found = model.network.detect(frame.picture, min(lowest, threshold))
    return int((found.scores >= threshold).sum()), [
        {"box": [round(float(side), 6) for side in box], "score": round(float(score), 6)}
        for box, score in zip(found.boxes, found.scores, strict=True)
        if score >= lowest
    ]
