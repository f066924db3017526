"""Firehose with a buffer: several records an object, as in AWS, instead of one each."""

import contextvars
import threading
from dataclasses import dataclass, field
from typing import Any

from local.emulator.pin import HookPoint

# AWS holds a Parquet buffer for 60 s or more. Two seconds keep a demo's lake fresh and still
# make tens of records one object.
BUFFER_S_AT_MOST = 2.0

_DELIVER_RECORDS = HookPoint(
    "services.firehose", "_deliver_records_to_s3", ("stream", "dest", "records")
)
_DELIVER = HookPoint("services.firehose", "_deliver_to_s3", ("stream", "dest", "record_data"))
_PROCESS = HookPoint("services.firehose", "_apply_lambda_processors", ("stream", "dest", "records"))
_CONVERT = HookPoint("services.firehose", "_convert_to_parquet", ("conversion", "data"))
_DELIVERY_ERROR = HookPoint("services.firehose", "_DeliveryError")

Record = tuple[str, bytes]


@dataclass(slots=True)
class _Buffer:
    """The records of one destination that wait for its next object."""

    stream: dict[str, Any]
    destination: dict[str, Any]
    payloads: list[bytes] = field(default_factory=list)


class FirehoseBuffers:
    """One buffer per stream and destination, each with a timer from its first record."""

    def __init__(self, deliver_unbuffered: Any) -> None:
        self._deliver_unbuffered = deliver_unbuffered
        self._waiting: dict[tuple[str, str], _Buffer] = {}
        self._lock = threading.Lock()

    def deliver(
        self, stream: dict[str, Any], destination: dict[str, Any], records: list[Record]
    ) -> None:
        """Take records in; write them with others of their destination a little later."""
        config = destination["config"]
        if (config.get("DynamicPartitioningConfiguration") or {}).get("Enabled"):
            # Each record has a prefix of its own.
            self._deliver_unbuffered(stream, destination, records)
            return
        key = (stream["name"], str(destination.get("id", "")))
        payloads = [payload for _id, payload in _PROCESS.current()(stream, destination, records)]
        if not payloads:
            return
        with self._lock:
            buffer = self._waiting.get(key)
            if buffer is not None:
                buffer.payloads.extend(payloads)
                return
            self._waiting[key] = _Buffer(stream, destination, payloads)
        hints = config.get("BufferingHints") or {}
        wait_s = min(float(hints.get("IntervalInSeconds", 300)), BUFFER_S_AT_MOST)
        # The account and region of the request are context variables, which threads do not inherit.
        context = contextvars.copy_context()
        timer = threading.Timer(wait_s, context.run, args=(self._write, key))
        timer.daemon = True
        timer.start()

    def _write(self, key: tuple[str, str]) -> None:
        with self._lock:
            buffer = self._waiting.pop(key)
        for body in _objects(buffer):
            _DELIVER.current()(buffer.stream, buffer.destination, body)


def install() -> None:
    """Buffer what Firehose delivers to S3.

    Raises:
        HookError: If MiniStack has no such place any more.
    """
    for point in (_DELIVER, _PROCESS, _CONVERT, _DELIVERY_ERROR):
        point.current()
    _DELIVER_RECORDS.replace(lambda unbuffered: FirehoseBuffers(unbuffered).deliver)


def _objects(buffer: _Buffer) -> list[bytes]:
    """Return the bodies to deliver: all in one, or each apart if one cannot be converted."""
    conversion = buffer.destination["config"].get("DataFormatConversionConfiguration") or {}
    if not (conversion and conversion.get("Enabled", True)):
        # AWS puts no separator between records either.
        return [b"".join(buffer.payloads)]
    together = b"\n".join(buffer.payloads)
    try:
        _CONVERT.current()(conversion, together)
    except _DELIVERY_ERROR.current():
        return buffer.payloads
    return [together]
