"""One PutMedia connection: media in, acknowledgements out while it still comes."""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from local.emulator.kinesisvideo.faults import KinesisVideoError, invalid_argument
from local.emulator.kinesisvideo.ingest import (
    ERROR_CODES,
    FragmentBegun,
    FragmentReceived,
    Ingest,
    IngestError,
)
from local.emulator.kinesisvideo.notices import Notices
from local.emulator.kinesisvideo.signature import check_signature
from local.emulator.kinesisvideo.streams import (
    Clock,
    StoredFragment,
    Stream,
    next_fragment_number,
)
from local.emulator.service import May, Receive, Scope

logger = logging.getLogger(__name__)

# Kinesis Video's limits on one connection.
_IDLE_CLOSE_S = 30.0
_MAX_CONNECTION_S = 45 * 60.0
# Chosen: how often a producer that sends nothing is told so.
_IDLE_ACK_S = 5.0
# How long a producer may take to read an error before the connection closes under it.
_DRAIN_S = 1.0

Write = Callable[[bytes], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class PutRequest:
    """What the headers of a PutMedia say.

    Attributes:
        stream: `StreamName` or `StreamARN`, as other operations have it.
        start_ms: What relative timecodes are counted from; 0 for absolute ones.
    """

    stream: Mapping[str, str]
    start_ms: int

    @classmethod
    def read(cls, scope: Scope) -> "PutRequest":
        """Return what a signed request's headers say.

        Raises:
            KinesisVideoError: If the signature does not match, or a header is missing or wrong.
        """
        headers = {
            name.decode("latin-1").lower(): value.decode("latin-1")
            for name, value in scope["headers"]
        }
        check_signature(scope["method"], scope["path"], headers)
        stream = {
            member: headers[name]
            for name, member in (
                ("x-amzn-stream-name", "StreamName"),
                ("x-amzn-stream-arn", "StreamARN"),
            )
            if headers.get(name)
        }
        kind = headers.get("x-amzn-fragment-timecode-type", "")
        if kind not in ("ABSOLUTE", "RELATIVE"):
            raise invalid_argument(f"x-amzn-fragment-timecode-type is {kind!r}.")
        start = headers.get("x-amzn-producer-start-timestamp", "" if kind == "RELATIVE" else "0")
        return cls(stream, _read_start_ms(start) if kind == "RELATIVE" else 0)


def _read_start_ms(written: str) -> int:
    """Return epoch milliseconds; the C producer writes its milliseconds without leading zeros."""
    try:
        return round(float(written) * 1000)
    except (ValueError, OverflowError) as fault:
        raise invalid_argument(
            f"x-amzn-producer-start-timestamp is {written!r}, not epoch seconds."
        ) from fault


class PutConnection:
    """Reads one PutMedia to its end."""

    def __init__(
        self,
        stream: Stream,
        start_ms: int,
        *,
        clock: Clock,
        notices: Notices,
        may: May,
        write: Write,
    ) -> None:
        if stream.producers:
            raise KinesisVideoError(
                "ConnectionLimitExceededException",
                f"Another producer is connected to {stream.name}.",
            )
        self._stream = stream
        self._start_ms = start_ms
        self._clock = clock
        self._notices = notices
        self._may = may
        self._write = write
        self._ingest = Ingest()
        self._number = ""

    async def run(self, receive: Receive) -> None:
        """Store what comes until the producer, or a limit, ends it."""
        self._stream.producers += 1
        try:
            await self._follow(receive)
        except IngestError as fault:
            logger.info("PutMedia to %s: %s", self._stream.name, fault)
            await self._acknowledge(
                "ERROR",
                fault.time_ms,
                ErrorId=fault.error_id,
                ErrorCode=ERROR_CODES[fault.error_id],
            )
            await _drain(receive)
        finally:
            self._stream.producers -= 1

    async def _follow(self, receive: Receive) -> None:
        begun_s = heard_s = asyncio.get_running_loop().time()
        while True:
            try:
                message = await asyncio.wait_for(receive(), _IDLE_ACK_S)
            except TimeoutError:
                if asyncio.get_running_loop().time() - heard_s >= _IDLE_CLOSE_S:
                    return
                await self._write_line({"EventType": "IDLE"})
                continue
            if message["type"] == "http.disconnect":
                return
            heard_s = asyncio.get_running_loop().time()
            if heard_s - begun_s > _MAX_CONNECTION_S:
                raise IngestError(4003, None)
            for progress in self._ingest.feed(message.get("body", b"")):
                await self._take(progress)
            if not message.get("more_body", False):
                for progress in self._ingest.finish():
                    await self._take(progress)
                return

    async def _take(self, progress: FragmentBegun | FragmentReceived) -> None:
        if self._stream.is_deleted:
            raise IngestError(4008, progress.time_ms)
        if isinstance(progress, FragmentBegun):
            self._check_key(progress.time_ms)
            self._check_time(progress.time_ms)
            self._number = next_fragment_number(self._clock())
            await self._acknowledge("BUFFERING", progress.time_ms)
            return
        await self._acknowledge("RECEIVED", progress.time_ms)
        fragment = self._store(progress)
        await self._stream.add(fragment)
        if self._stream.retention_h:
            await self._acknowledge("PERSISTED", progress.time_ms)
            self._notices.stored(self._stream, fragment, self._may)

    def _check_key(self, time_ms: int) -> None:
        # Kinesis Video encrypts with the rights of the producer.
        key = self._stream.customer_key
        if key is not None and not self._may("kms:GenerateDataKey", key):
            raise IngestError(4500, time_ms)

    def _check_time(self, time_ms: int) -> None:
        try:
            datetime.fromtimestamp((self._start_ms + time_ms) / 1000, UTC)
        except (ValueError, OverflowError, OSError) as fault:
            raise IngestError(4007, time_ms) from fault

    def _store(self, received: FragmentReceived) -> StoredFragment:
        path = self._stream.folder / f"{self._number}.mkv"
        # Written in place: 100 kB to a local file takes less than handing it to a thread.
        path.write_bytes(received.cluster)
        return StoredFragment(
            number=self._number,
            producer_s=(self._start_ms + received.time_ms) / 1000,
            server_s=self._clock(),
            length_ms=received.length_ms,
            header=received.header,
            written_tags=received.written_tags,
            tags=received.tags,
            path=path,
            size=len(received.header) + len(received.cluster) + len(received.written_tags),
        )

    async def _acknowledge(self, kind: str, time_ms: int | None, **more: int | str) -> None:
        line: dict[str, int | str] = {"EventType": kind}
        if time_ms is not None:
            line |= {"FragmentTimecode": time_ms, "FragmentNumber": self._number}
        await self._write_line(line | more)

    async def _write_line(self, line: Mapping[str, int | str]) -> None:
        await self._write(json.dumps(line, separators=(",", ":")).encode() + b"\n")


async def _drain(receive: Receive) -> None:
    """Read on for a moment: closing with unread input would destroy the error on its way."""
    try:
        async with asyncio.timeout(_DRAIN_S):
            while (await receive()).get("more_body", False):
                pass
    except TimeoutError:
        return
