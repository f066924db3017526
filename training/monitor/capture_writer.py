"""Write frames as an endpoint's data capture would have: for rehearsals and tests."""

import base64
import json
import math
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from headcount.domain.features import EMBEDDING_COMPONENTS, FEATURE_NAMES
from training.monitor.frames import LIGHTS, UNSAID, Frames, IntArray

_AT = {name: number for number, name in enumerate(FEATURE_NAMES)}
_THRESHOLD = 0.4
_SIZE_PX = (640, 360)


def write_capture(
    frames: Frames,
    folder: Path,
    endpoint: str = "faces",
    variant: str = "champion",
    *,
    as_base64: bool = False,
) -> int:
    """Write a capture file for each hour of some frames, and return how many.

    Frames that were counted at one time are one answer, as a sampler's batch is.

    Args:
        frames: In any order.
        folder: The capture's destination.
        endpoint: Its name.
        variant: Likewise.
        as_base64: As SageMaker writes output whose content type it was not told to be text.
    """
    lines: dict[Path, list[str]] = {}
    for moment in np.unique(frames.at_s):
        at = datetime.fromtimestamp(float(moment), UTC)
        these = np.flatnonzero(frames.at_s == moment)
        line = _line(frames, these, at, as_base64=as_base64)
        path = folder / endpoint / variant / f"{at:%Y/%m/%d/%H}" / "00-00-000-rehearsed.jsonl"
        lines.setdefault(path, []).append(line)
    for path, kept in lines.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(f"{line}\n" for line in kept), encoding="utf-8")
    return len(lines)


def _line(frames: Frames, these: IntArray, at: datetime, *, as_base64: bool) -> str:
    model = frames.models[int(frames.model[these[0]])]
    answer = json.dumps(
        {
            "predictions": [prediction(frames, int(index)) for index in these],
            "model": {
                "name": model.name,
                "version": model.version,
                "sha256": model.sha256,
                "threshold": _THRESHOLD,
            },
        }
    )
    data = base64.b64encode(answer.encode()).decode() if as_base64 else answer
    record = {
        "captureData": {
            "endpointOutput": {
                "observedContentType": "application/json",
                "mode": "OUTPUT",
                "data": data,
                "encoding": "BASE64" if as_base64 else "JSON",
            }
        },
        "eventMetadata": {
            "eventId": str(uuid.uuid5(uuid.NAMESPACE_URL, f"{at.isoformat()}")),
            "inferenceId": f"inference-{at:%Y%m%d%H%M%S}",
            "inferenceTime": f"{at:%Y-%m-%dT%H:%M:%SZ}",
        },
        "eventVersion": "0",
    }
    return json.dumps(record)


def prediction(frames: Frames, index: int) -> dict[str, Any]:
    """Return a prediction that has a frame's features.

    Faces are as many as were counted: one has the lowest score, the others what brings the mean
    to the frame's, and all are squares of the mean size.
    """
    values = frames.values[index]

    def known(name: str) -> float | None:
        value = float(values[_AT[name]])
        return None if math.isnan(value) else value

    count = int(values[_AT["faces"]])
    camera = frames.cameras[int(frames.camera[index])]
    light = LIGHTS[int(frames.light[index])]
    context = {"motion": known("motion"), "light_mode": None if light == UNSAID else light}
    site, _, own = camera.rpartition("/")
    context |= {"site_id": site or None, "camera_id": own or None}
    embedding = [known(f"embedding_{number}") for number in range(1, EMBEDDING_COMPONENTS + 1)]
    return {
        "frame_id": f"{own}-{index}",
        "width": _SIZE_PX[0],
        "height": _SIZE_PX[1],
        "count": count,
        "faces": _faces(count, known("score_mean"), known("score_lowest"), known("box_size")),
        "quality": {name: known(name) for name in ("brightness", "contrast", "blur")},
        "embedding": None if None in embedding else embedding,
        "context": {name: value for name, value in context.items() if value is not None},
    }


def _faces(
    count: int, mean: float | None, lowest: float | None, size: float | None
) -> list[dict[str, Any]]:
    if not count or mean is None or lowest is None or size is None:
        return []
    lowest = min(lowest, mean) if count > 1 else mean
    others = min((mean * count - lowest) / (count - 1), 1.0) if count > 1 else mean
    box = [0.1, 0.1, size, size]
    return [{"box": box, "score": score} for score in (*([others] * (count - 1)), lowest)]
