"""What a client may ask: one picture, or a JSON batch of them."""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from .context import ContextError, read_context

try:
    # The AWS image's toolkit answers with the status of its own error type, and 500 to all others.
    from sagemaker_inference.errors import (  # type: ignore[import-not-found]
        BaseInferenceToolkitError,
    )
except ImportError:

    class BaseInferenceToolkitError(Exception):  # type: ignore[no-redef]
        """The same three attributes, where the toolkit is not installed."""

        def __init__(self, status_code: int, message: str, phrase: str) -> None:
            self.status_code = status_code
            self.message = message
            self.phrase = phrase
            super().__init__(status_code, message, phrase)


# Bytes: the most that InvokeEndpoint carries.
MAX_BODY_BYTES = 6 * 1024 * 1024
# Frames: at 60 ms each this is half of the two seconds that a sampler's batch may wait.
MAX_FRAMES = 16
PICTURE_TYPES = ("image/jpeg", "image/png", "application/x-image")
JSON_TYPE = "application/json"
_JPEG_START, _JPEG_SCAN, _JPEG_END = b"\xff\xd8", b"\xff\xda", b"\xff\xd9"


class RequestError(BaseInferenceToolkitError):  # type: ignore[misc]
    """The request is at fault; the endpoint answers with this status and message."""

    def __init__(self, message: str, status_code: int = 400) -> None:
        super().__init__(status_code, message, "Bad Request")

    def __str__(self) -> str:
        return str(self.message)


@dataclass(frozen=True, slots=True)
class Frame:
    """One decoded picture.

    Attributes:
        frame_id: The client's name for it; empty for a single picture.
        picture: Shape `(height, width, 3)`, blue-green-red, 0 to 255.
        context: What the client said of it, as `read_context` returns it.
    """

    frame_id: str
    picture: npt.NDArray[np.uint8]
    context: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Request:
    """Pictures to look at, and the lowest score to list; None lists what is counted."""

    frames: tuple[Frame, ...]
    min_score: float | None = None


def read_request(body: bytes | str, content_type: str) -> Request:
    """Return the pictures of a request.

    Args:
        body: A picture's bytes, or JSON `{"instances": [{"frame_id", "image_b64", "context"}],
            "min_score"}`; a context is optional.
        content_type: One of `PICTURE_TYPES`, or `application/json`; parameters are ignored.

    Raises:
        RequestError: With 400, 413 or 415, naming the frame where one is at fault.
    """
    # The toolkit hands JSON over as text.
    raw = body.encode() if isinstance(body, str) else bytes(body)
    if len(raw) > MAX_BODY_BYTES:
        raise RequestError(
            f"The body has {len(raw)} bytes; at most {MAX_BODY_BYTES} are accepted. "
            "Send fewer or smaller frames.",
            413,
        )
    media_type = content_type.partition(";")[0].strip().lower()
    if media_type in PICTURE_TYPES:
        return Request((Frame("", decode_picture(raw, "the request's picture")),))
    if media_type == JSON_TYPE:
        return _read_batch(raw)
    raise RequestError(
        f"Content type {content_type!r} is not understood. "
        f"Send one of {', '.join((*PICTURE_TYPES, JSON_TYPE))}.",
        415,
    )


def decode_picture(encoded: bytes, name: str) -> npt.NDArray[np.uint8]:
    """Return a picture, shape `(height, width, 3)`, blue-green-red.

    Args:
        encoded: JPEG, PNG or another format that OpenCV reads.
        name: What to call the picture in an error.

    Raises:
        RequestError: If the bytes are no picture, or a JPEG that breaks off.
    """
    if encoded.startswith(_JPEG_START) and encoded.rfind(_JPEG_END) < encoded.rfind(_JPEG_SCAN):
        # The decoder would fill the missing part with grey: an empty half-room that nobody saw.
        raise RequestError(f"{name} is a JPEG that breaks off. Send the whole file.")
    try:
        picture = cv2.imdecode(np.frombuffer(encoded, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error as fault:
        raise RequestError(f"{name} cannot be decoded: {fault.err}. Send a JPEG.") from fault
    if picture is None:
        raise RequestError(f"{name} is not a picture that can be decoded. Send a JPEG.")
    return np.asarray(picture, dtype=np.uint8)


def _read_batch(raw: bytes) -> Request:
    try:
        document: Any = json.loads(raw)
    except (ValueError, RecursionError) as fault:
        raise RequestError(f"The body is not JSON: {fault}.") from fault
    instances = document.get("instances") if isinstance(document, dict) else None
    if not isinstance(instances, list) or not instances:
        raise RequestError('The body needs {"instances": [{"frame_id": …, "image_b64": …}]}.')
    if len(instances) > MAX_FRAMES:
        raise RequestError(
            f"{len(instances)} frames were sent; at most {MAX_FRAMES} are accepted. Split them."
        )
    min_score = document.get("min_score")
    if min_score is not None and (
        isinstance(min_score, bool)
        or not isinstance(min_score, int | float)
        or not 0 < min_score <= 1
    ):
        raise RequestError(f"min_score must be over 0 and at most 1, not {min_score!r}.")
    frames = tuple(_read_frame(index, instance) for index, instance in enumerate(instances))
    return Request(frames, min_score)


def _read_frame(index: int, instance: Any) -> Frame:
    if not isinstance(instance, dict) or not isinstance(instance.get("image_b64"), str):
        raise RequestError(f"Instance {index} needs frame_id and image_b64 (base64 of a JPEG).")
    frame_id = str(instance.get("frame_id", index))
    try:
        encoded = base64.b64decode(instance["image_b64"], validate=True)
    except ValueError as fault:
        raise RequestError(f"Frame {frame_id!r}: image_b64 is not base64 ({fault}).") from fault
    try:
        context = read_context(instance.get("context", {}))
    except ContextError as fault:
        raise RequestError(f"Frame {frame_id!r}: {fault}.") from fault
    return Frame(frame_id, decode_picture(encoded, f"Frame {frame_id!r}"), context)
