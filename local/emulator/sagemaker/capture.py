"""Data capture: what an endpoint answered, as JSON lines in S3."""

import base64
import json
import logging
import random
import threading
import uuid
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlparse

from botocore.exceptions import BotoCoreError, ClientError

logger = logging.getLogger("headcount.emulator.sagemaker")


@dataclass(frozen=True, slots=True)
class Payload:
    """A body that went in or came out, and its content type."""

    body: bytes
    content_type: str


@dataclass(frozen=True, slots=True)
class Invocation:
    """One answered invocation."""

    endpoint: str
    variant: str
    sent: Payload
    answered: Payload
    at: datetime
    inference_id: str | None = None
    custom_attributes: str | None = None


def capture_record(invocation: Invocation, settings: dict[str, Any]) -> dict[str, Any]:
    """Return an invocation as one line of a capture file says it.

    Args:
        invocation: What was asked and answered.
        settings: DataCaptureConfig: its CaptureOptions choose input and output, its
            CaptureContentTypeHeader what is written as text. All else is base64.
    """
    modes = {option["CaptureMode"] for option in settings.get("CaptureOptions", [])}
    types = settings.get("CaptureContentTypeHeader", {})
    data: dict[str, Any] = {}
    if modes & {"Input", "InputAndOutput"}:
        data["endpointInput"] = _side("INPUT", invocation.sent, types)
    if modes & {"Output", "InputAndOutput"}:
        data["endpointOutput"] = _side("OUTPUT", invocation.answered, types)
    metadata: dict[str, Any] = {
        "eventId": str(uuid.uuid4()),
        "inferenceTime": invocation.at.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    if invocation.inference_id:
        metadata["inferenceId"] = invocation.inference_id
    if invocation.custom_attributes:
        metadata["customAttributes"] = [invocation.custom_attributes]
    return {"captureData": data, "eventMetadata": metadata, "eventVersion": "0"}


def capture_key(prefix: str, invocation: Invocation) -> str:
    """Return the key of a capture file that begins with this invocation.

    Args:
        prefix: The path of DestinationS3Uri.
        invocation: The first one in the file.
    """
    at = invocation.at
    name = f"{at:%M-%S}-{at.microsecond // 1000:03d}-{uuid.uuid4()}.jsonl"
    parts = [prefix.strip("/"), invocation.endpoint, invocation.variant, f"{at:%Y/%m/%d/%H}", name]
    return "/".join(part for part in parts if part)


@dataclass(frozen=True, slots=True)
class _Destination:
    """Which records share a file, and the key it is encrypted with."""

    uri: str
    kms_key_id: str | None
    endpoint: str
    variant: str


class DataCapture:
    """Collects invocations; `flush` writes them to S3.

    Args:
        s3: A boto3 client.
    """

    def __init__(self, s3: Any) -> None:
        self._s3 = s3
        self._pending: defaultdict[_Destination, list[tuple[Invocation, str]]] = defaultdict(list)
        self._lock = threading.Lock()

    def add(self, invocation: Invocation, settings: dict[str, Any]) -> None:
        """Capture an invocation, if its endpoint captures and the sample falls on it."""
        if not settings.get("EnableCapture"):
            return
        if random.random() * 100 >= settings.get("InitialSamplingPercentage", 0):
            return
        line = json.dumps(capture_record(invocation, settings), separators=(",", ":"))
        where = _Destination(
            settings["DestinationS3Uri"],
            settings.get("KmsKeyId"),
            invocation.endpoint,
            invocation.variant,
        )
        with self._lock:
            self._pending[where].append((invocation, line))

    def flush(self) -> None:
        """Write everything collected so far."""
        with self._lock:
            pending, self._pending = self._pending, defaultdict(list)
        for where, records in pending.items():
            location = urlparse(where.uri)
            encryption = (
                {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": where.kms_key_id}
                if where.kms_key_id
                else {}
            )
            try:
                self._s3.put_object(
                    **encryption,
                    Bucket=location.netloc,
                    Key=capture_key(location.path, records[0][0]),
                    Body="".join(f"{line}\n" for _, line in records).encode(),
                )
            except (ClientError, BotoCoreError) as fault:
                # As on AWS: a capture that cannot be written never disturbs the endpoint.
                logger.error(
                    "Capture of %s lost %d records: %s", where.endpoint, len(records), fault
                )


def _side(mode: str, payload: Payload, types: dict[str, list[str]]) -> dict[str, str]:
    media_type = payload.content_type.split(";")[0].strip()
    if media_type in types.get("JsonContentTypes", []):
        encoding, data = "JSON", payload.body.decode()
    elif media_type in types.get("CsvContentTypes", []):
        encoding, data = "CSV", payload.body.decode()
    else:
        encoding, data = "BASE64", base64.b64encode(payload.body).decode()
    return {
        "observedContentType": payload.content_type,
        "mode": mode,
        "data": data,
        "encoding": encoding,
    }


def now() -> datetime:
    """Return the time that an invocation is captured under."""
    return datetime.now(UTC)
