"""One camera's way into Kinesis Video: capture, encode, cut into fragments, put."""

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3

from edge.encoder import EncodedFrame, Encoder
from edge.producer import MAX_REMEMBERED, Producer
from edge.report import PersistedFragment, ProducerFault, ProducerReport
from edge.sources import DEFAULT_FRAMES_PER_S, VideoSource
from headcount.errors import HeadcountError, StreamError
from headcount.media.muxer import NOTIFICATION_TAG

DEFAULT_FRAGMENT_S = 2.0
# Kinesis Video takes fragments of 1 to 20 seconds.
_FRAGMENT_RANGE_S = (1.0, 20.0)
_CLOSE_TIMEOUT_S = 5.0

# What `on_event` is told: what happened, in words.
OnEvent = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class GatewayReport:
    """What a gateway has done so far.

    Attributes:
        source: The source's name, without credentials.
        stream_name: Where it goes.
        put: Fragments begun to be sent.
        persisted: The newest fragments that Kinesis Video has stored, in order.
        persisted_count: How many it has stored in all.
        due: Numbers of those of `persisted` that Kinesis Video sends a notice of.
        lost: Fragments given up.
        faults: The newest of what went wrong and was tried again, oldest first.
        failure: What ended the gateway; None while it runs, or when its source simply ended.
        is_running: Whether frames are still being read.
    """

    source: str
    stream_name: str
    put: int
    persisted: tuple[PersistedFragment, ...]
    persisted_count: int
    due: frozenset[str]
    lost: int
    faults: tuple[ProducerFault, ...]
    failure: HeadcountError | None
    is_running: bool

    @property
    def last_persisted_at(self) -> datetime | None:
        """When Kinesis Video last said that it has stored a fragment."""
        return self.persisted[-1].persisted_at if self.persisted else None


class Gateway:
    """Streams one source to one stream, on threads of its own, from `start` to `stop`.

    Args:
        source: A path, or an RTSP or HTTP(S) URL.
        stream_name: An existing stream with data retention.
        session: Gives region and credentials.
        endpoint_url: Of Kinesis Video; by default AWS's.
        sample_every_s: How often a fragment is tagged so that Kinesis Video sends a notice of it.
        fragment_s: Seconds a fragment, 1 to 20.
        loop: Whether a file begins again at its end.
        frames_per_s: Frames beyond so many a second are left out.
        on_event: Is told what goes wrong and is tried again, from any thread.
    """

    def __init__(
        self,
        source: str,
        stream_name: str,
        *,
        session: boto3.Session,
        endpoint_url: str | None = None,
        sample_every_s: float = 5.0,
        fragment_s: float = DEFAULT_FRAGMENT_S,
        loop: bool = False,
        frames_per_s: int = DEFAULT_FRAMES_PER_S,
        on_event: OnEvent = lambda _: None,
    ) -> None:
        shortest_s, longest_s = _FRAGMENT_RANGE_S
        if not shortest_s <= fragment_s <= longest_s:
            raise ValueError(f"A fragment of {fragment_s} s: Kinesis Video takes 1 to 20 s.")
        self._stream_name = stream_name
        self._source = VideoSource(source, loop=loop, frames_per_s=frames_per_s, notify=on_event)
        self._encoder = Encoder(fragment_s, frames_per_s)
        self._samples = SampleClock(timedelta(seconds=sample_every_s))
        self._session = session
        self._endpoint_url = endpoint_url
        self._on_event = on_event
        self._producer: Producer | None = None
        self._thread = threading.Thread(target=self._run, name=f"gateway-{stream_name}")
        self._thread.daemon = True
        self._failure: HeadcountError | None = None
        # As many as the producer remembers, for a gateway runs for months.
        self._tagged_ms: deque[int] = deque(maxlen=MAX_REMEMBERED)

    def start(self) -> None:
        """Begin to stream; what happens then is in `report`.

        Raises:
            StreamError: If there are no credentials, no such stream, or it keeps nothing.
        """
        credentials = self._session.get_credentials()
        if credentials is None:
            raise StreamError("No AWS credentials. Set AWS_PROFILE, or run `aws configure`.")
        client: Any = self._session.client("kinesisvideo", endpoint_url=self._endpoint_url)
        producer = Producer(client, self._stream_name, credentials, notify=self._on_event)
        producer.start()
        self._producer = producer
        self._thread.start()

    def stop(self) -> None:
        """Stop reading, wait a little for what is not yet persisted, and end all threads."""
        self._source.stop()
        if self._thread.ident is not None:
            self._thread.join()

    def join(self, timeout_s: float | None = None) -> bool:
        """Wait until the source has ended; return whether it has."""
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def report(self) -> GatewayReport:
        """Return what the gateway has done so far; also after `stop`."""
        done = self._producer.report() if self._producer else ProducerReport()
        tagged_ms = set(self._tagged_ms)
        return GatewayReport(
            source=self._source.name,
            stream_name=self._stream_name,
            put=done.put,
            persisted=done.persisted,
            persisted_count=done.persisted_count,
            due=frozenset(
                stored.number
                for stored in done.persisted
                if round(stored.producer_at.timestamp() * 1000) in tagged_ms
            ),
            lost=done.lost,
            faults=done.faults,
            failure=self._failure,
            is_running=self._thread.is_alive(),
        )

    def _run(self) -> None:
        producer = self._producer
        if producer is None:
            return
        try:
            self._stream(producer)
        except HeadcountError as failure:
            self._failure = failure
            self._on_event(str(failure))
        finally:
            producer.close(_CLOSE_TIMEOUT_S)

    def _stream(self, producer: Producer) -> None:
        tags: dict[str, str] = {}
        for captured in self._source.frames():
            for encoded in self._encoder.encode(captured):
                if encoded.frame.is_key:
                    producer.end(tags)
                    tags = self._begin(producer, encoded)
                producer.add(encoded.frame)
        producer.end(tags)

    def _begin(self, producer: Producer, encoded: EncodedFrame) -> dict[str, str]:
        producer.begin(encoded.track, encoded.frame.time_ms)
        if not self._samples.is_due(encoded.captured_at):
            return {}
        self._tagged_ms.append(encoded.frame.time_ms)
        return {NOTIFICATION_TAG: "1"}


class SampleClock:
    """Says of which fragments a notice is due: the first at or after each point of the raster."""

    def __init__(self, every: timedelta) -> None:
        self._every = every
        self._due = datetime.min.replace(tzinfo=UTC)

    def is_due(self, captured_at: datetime) -> bool:
        """Return whether the fragment that begins then is one to look at."""
        # Further ahead than one step is only a point set before the clock was put back.
        if captured_at < self._due <= captured_at + self._every:
            return False
        # On the raster, so that being late once does not make every sample later.
        is_off_the_raster = abs(captured_at - self._due) >= self._every
        self._due = (captured_at if is_off_the_raster else self._due) + self._every
        return True
