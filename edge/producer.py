"""A producer that loses nothing it can keep: fragments stay in memory until they are persisted."""

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.credentials import Credentials
from botocore.exceptions import BotoCoreError, ClientError

from edge.connection import Acknowledgement, PutMediaConnection
from edge.report import PersistedFragment, ProducerFault, ProducerReport
from headcount.errors import PutMediaError, StreamError
from headcount.media.mkv import Frame, Track
from headcount.media.muxer import open_cluster, write_block, write_header, write_tags

# AWS closes a connection at 45 minutes; between fragments is a better moment.
_RENEW_AFTER_S = 40 * 60.0
_FIRST_RETRY_S = 0.5
_LAST_RETRY_S = 30.0
_REASON_TIMEOUT_S = 1.0
# Two minutes of fragments of two seconds; at 1 Mbit/s some 15 MB.
_MAX_BUFFERED = 60
# Chosen: what one camera may take of a small machine's memory, however long its fragments are.
_MAX_BUFFERED_BYTES = 64_000_000
_MAX_KEPT_ERRORS = 100
# Chosen: the stored fragments that are remembered one by one, some hours of them.
MAX_REMEMBERED = 10_000
# Errors in the media itself: sending the same bytes again brings the same error.
_MEDIA_ERRORS = frozenset({4001, 4002, 4004, 4005, 4006, 4007, 4009, 4010, 4011, 4012})

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(slots=True, eq=False)
class _Outgoing:
    """A fragment in the buffer: its pieces grow while it is being captured."""

    time_ms: int
    track: Track
    pieces: list[bytes] = field(default_factory=list)
    is_complete: bool = False
    was_put: bool = False

    def size_bytes(self) -> int:
        return sum(len(piece) for piece in self.pieces)


class Producer:
    """Sends one camera's fragments to one stream, on threads of its own.

    Args:
        client: boto3 `kinesisvideo`.
        stream_name: A stream with data retention.
        credentials: What PutMedia is signed with.
        notify: Is told, in words, of what goes wrong and is tried again.
        max_buffered: Fragments kept for sending again; the oldest goes first.
        max_buffered_bytes: The most that all of them together may take.
    """

    def __init__(
        self,
        client: Any,
        stream_name: str,
        credentials: Credentials,
        *,
        notify: Callable[[str], None] = lambda _: None,
        max_buffered: int = _MAX_BUFFERED,
        max_buffered_bytes: int = _MAX_BUFFERED_BYTES,
    ) -> None:
        self._client = client
        self._stream_name = stream_name
        self._credentials = credentials
        self._notify = notify
        self._max_buffered = max_buffered
        self._max_buffered_bytes = max_buffered_bytes
        self._changed = threading.Condition()
        self._buffer: deque[_Outgoing] = deque()
        self._growing: _Outgoing | None = None
        self._report = ProducerReport()
        self._persisted: deque[PersistedFragment] = deque(maxlen=MAX_REMEMBERED)
        self._faults: deque[ProducerFault] = deque(maxlen=_MAX_KEPT_ERRORS)
        self._untold: deque[str] = deque()
        self._connection: PutMediaConnection | None = None
        self._is_closing = False
        self._sender = threading.Thread(target=self._send_all, name="put-media", daemon=True)

    def start(self) -> None:
        """Check the stream and begin to send.

        Raises:
            StreamError: If the stream does not exist, or keeps nothing.
        """
        try:
            found = self._client.describe_stream(StreamName=self._stream_name)["StreamInfo"]
        except (BotoCoreError, ClientError) as fault:
            raise StreamError(
                f"Stream {self._stream_name}: {fault}. `headcount site apply` creates the streams "
                "of a site's cameras."
            ) from fault
        if not found.get("DataRetentionInHours"):
            raise StreamError(
                f"Stream {self._stream_name} has no data retention: what it gets cannot be read "
                "again. `headcount site apply` sets one."
            )
        self._sender.start()

    def begin(self, track: Track, time_ms: int) -> None:
        """Begin a fragment at a key frame; the one before must have ended."""
        with self._changed:
            while self._is_buffer_full():
                self._buffer.popleft()
                self._count(lost=1)
                self._record("The buffer is full: its oldest fragment is lost.")
            self._growing = _Outgoing(time_ms, track, [open_cluster(time_ms)])
            self._buffer.append(self._growing)
            self._changed.notify_all()
        self._tell()

    def add(self, frame: Frame) -> None:
        """Add a frame to the fragment that has begun.

        Raises:
            ValueError: If none has.
        """
        with self._changed:
            if self._growing is None:
                raise ValueError("A frame before its fragment: call begin() at a key frame.")
            self._growing.pieces.append(write_block(frame, self._growing.time_ms))
            self._changed.notify_all()

    def end(self, tags: Mapping[str, str]) -> None:
        """End the fragment that has begun, if one has, with its tags."""
        with self._changed:
            if self._growing is None:
                return
            if tags:
                self._growing.pieces.append(write_tags(tags))
            self._growing.is_complete = True
            self._growing = None
            self._changed.notify_all()

    def close(self, timeout_s: float) -> None:
        """End the body, wait so long for what is not yet persisted, and stop."""
        deadline = time.monotonic() + timeout_s
        with self._changed:
            self._is_closing = True
            self._changed.notify_all()
            while self._buffer and self._sender.is_alive():
                left_s = deadline - time.monotonic()
                if left_s <= 0 or not self._changed.wait(left_s):
                    break
            unsettled = len(self._buffer)
            self._buffer.clear()
            self._count(lost=unsettled)
            connection = self._connection
            self._changed.notify_all()
        if connection is not None:
            connection.close()
        if self._sender.is_alive():
            self._sender.join(timeout_s)

    def report(self) -> ProducerReport:
        """Return what has become of the fragments until now."""
        with self._changed:
            return replace(
                self._report, persisted=tuple(self._persisted), faults=tuple(self._faults)
            )

    def _is_buffer_full(self) -> bool:
        if len(self._buffer) >= self._max_buffered:
            return True
        size = sum(fragment.size_bytes() for fragment in self._buffer)
        return bool(self._buffer) and size >= self._max_buffered_bytes

    def _count(self, *, put: int = 0, persisted: int = 0, lost: int = 0) -> None:
        report = self._report
        self._report = replace(
            report,
            put=report.put + put,
            persisted_count=report.persisted_count + persisted,
            lost=report.lost + lost,
        )

    def _record(self, message: str) -> None:
        self._faults.append(ProducerFault(datetime.now(UTC), message))
        self._untold.append(message)

    def _tell(self) -> None:
        """Pass on what was recorded: without the lock, as whoever is told may ask for a report."""
        while True:
            with self._changed:
                if not self._untold:
                    return
                message = self._untold.popleft()
            self._notify(message)

    def _send_all(self) -> None:
        """Connect as often as needed until closed; the body of the sending thread."""
        wait_s = _FIRST_RETRY_S
        while self._await_work():
            persisted_before = self._report.persisted_count
            try:
                self._send_on_one_connection()
            except (PutMediaError, BotoCoreError, ClientError) as fault:
                with self._changed:
                    if self._is_closing and not self._buffer:
                        return
                    self._record(f"{fault} Sending again in {wait_s:.1f} s.")
                self._tell()
                with self._changed:
                    if self._changed.wait_for(lambda: self._is_closing, wait_s):
                        # The last seconds allow a few more attempts, and no hammering.
                        self._changed.wait_for(lambda: not self._buffer, _FIRST_RETRY_S)
                progressed = self._report.persisted_count > persisted_before
                wait_s = _FIRST_RETRY_S if progressed else min(wait_s * 2, _LAST_RETRY_S)

    def _await_work(self) -> bool:
        """Return whether there is something to send, or False when closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._buffer or self._is_closing)
            return bool(self._buffer)

    def _send_on_one_connection(self) -> None:
        answer = self._client.get_data_endpoint(StreamName=self._stream_name, APIName="PUT_MEDIA")
        connection = PutMediaConnection(
            answer["DataEndpoint"],
            self._stream_name,
            self._client.meta.region_name,
            self._credentials,
        )
        with self._changed:
            if self._is_closing and not self._buffer:
                # Closed while it was being connected: there is nothing left to send.
                connection.close()
                return
            self._connection = connection
        outcome = _Outcome()
        reader = threading.Thread(
            target=self._read_all, args=(connection, outcome), name="put-media-acks", daemon=True
        )
        reader.start()
        lost: PutMediaError | None = None
        try:
            self._send_buffer(connection, outcome)
            connection.finish()
            self._await_settled(outcome)
        except PutMediaError as fault:
            lost = fault
            # The other side says why before it closes: let that be read.
            reader.join(_REASON_TIMEOUT_S)
        finally:
            connection.close()
            reader.join()
            with self._changed:
                self._connection = None
        reason = outcome.fault or lost
        if reason is not None:
            raise reason

    def _send_buffer(self, connection: PutMediaConnection, outcome: "_Outcome") -> None:
        """Send the buffer from its oldest fragment on, until closed, refused or due for renewal."""
        renew_at = time.monotonic() + _RENEW_AFTER_S
        track: Track | None = None
        last: _Outgoing | None = None
        while time.monotonic() < renew_at:
            fragment = self._next_after(last, outcome)
            if fragment is None:
                return
            if track is None:
                connection.send(write_header([fragment.track]))
                track = fragment.track
            elif track != fragment.track:
                # Another picture size needs another header, which needs another connection.
                return
            self._send_fragment(connection, fragment, outcome)
            last = fragment

    def _next_after(self, last: _Outgoing | None, outcome: "_Outcome") -> _Outgoing | None:
        """Return the fragment to send next, waiting for one to begin; None to end the body."""
        with self._changed:
            while not outcome.is_over:
                for fragment in self._buffer:
                    if last is None or fragment.time_ms > last.time_ms:
                        return fragment
                if self._is_closing:
                    return None
                self._changed.wait()
            return None

    def _send_fragment(
        self, connection: PutMediaConnection, fragment: _Outgoing, outcome: "_Outcome"
    ) -> None:
        """Send a fragment's pieces as they come."""
        sent = 0
        while True:
            with self._changed:
                if not fragment.was_put:
                    fragment.was_put = True
                    self._count(put=1)
                while sent == len(fragment.pieces) and not fragment.is_complete:
                    if outcome.is_over or self._is_closing:
                        return
                    self._changed.wait()
                pieces = fragment.pieces[sent:]
                if not pieces or outcome.is_over:
                    return
                sent = len(fragment.pieces)
            connection.send(b"".join(pieces))

    def _await_settled(self, outcome: "_Outcome") -> None:
        """Wait until the other side has answered all that was sent, and closed."""
        with self._changed:
            self._changed.wait_for(lambda: outcome.is_over, timeout=_LAST_RETRY_S)

    def _read_all(self, connection: PutMediaConnection, outcome: "_Outcome") -> None:
        """Take acknowledgements until the other side closes; the body of the reading thread."""
        try:
            for acknowledgement in connection.acknowledgements():
                self._take(acknowledgement, outcome)
                if outcome.fault is not None:
                    break
        except PutMediaError as fault:
            outcome.fault = outcome.fault or fault
        finally:
            with self._changed:
                outcome.is_over = True
                self._changed.notify_all()
            # Wakes a sender that is blocked by a peer that no longer reads.
            connection.close()

    def _take(self, said: Acknowledgement, outcome: "_Outcome") -> None:
        with self._changed:
            if said.kind == "PERSISTED" and said.time_ms is not None:
                self._settle(said.time_ms)
                self._count(persisted=1)
                producer_at = _EPOCH + timedelta(milliseconds=said.time_ms)
                self._persisted.append(
                    PersistedFragment(said.fragment_number, producer_at, datetime.now(UTC))
                )
            elif said.kind == "ERROR":
                outcome.fault = PutMediaError(
                    f"PutMedia to {self._stream_name}: {said.error_id} {said.error_code}."
                )
                if said.error_id in _MEDIA_ERRORS and said.time_ms is not None:
                    self._count(lost=self._settle(said.time_ms))
                    self._record(f"{outcome.fault} The fragment of that time is lost.")
            self._changed.notify_all()
        self._tell()

    def _settle(self, time_ms: int) -> int:
        """Take a fragment out of the buffer; return how many that were."""
        kept = [fragment for fragment in self._buffer if fragment.time_ms != time_ms]
        settled = len(self._buffer) - len(kept)
        self._buffer = deque(kept)
        return settled


@dataclass(slots=True)
class _Outcome:
    """How a connection ended; written by the reading thread under the producer's lock."""

    is_over: bool = False
    fault: PutMediaError | None = None
