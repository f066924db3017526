"""PutMedia's body: from pieces of Matroska to fragments, and the errors a producer is told of."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from headcount.errors import HeadcountError, MediaError
from headcount.media.ebml import Closed, Event, Id, Leaf, Opened, Walker, children, text, unsigned
from headcount.media.mkv import Frame, Track, read_block, read_tags, read_tick_ns, read_tracks

# Kinesis Video's limits.
_MAX_FRAGMENT_BYTES = 50_000_000
_MAX_FRAGMENT_MS = 20_000
_MAX_TRACKS = 3
_MAX_TAGS = 10
_MAX_TAG_NAME_BYTES = 128
_MAX_TAG_VALUE_BYTES = 256

ERROR_CODES = {
    4000: "STREAM_READ_ERROR",
    4001: "MAX_FRAGMENT_SIZE_REACHED",
    4002: "MAX_FRAGMENT_DURATION_REACHED",
    4003: "MAX_CONNECTION_DURATION_REACHED",
    4004: "FRAGMENT_TIMECODE_LESSER_THAN_PREVIOUS",
    4005: "MORE_THAN_ALLOWED_TRACKS_FOUND",
    4006: "INVALID_MKV_DATA",
    4007: "INVALID_PRODUCER_TIMESTAMP",
    4008: "STREAM_NOT_ACTIVE",
    4009: "FRAGMENT_METADATA_LIMIT_REACHED",
    4010: "TRACK_NUMBER_MISMATCH",
    4011: "FRAMES_MISSING_FOR_TRACK",
    4500: "KMS_KEY_ACCESS_DENIED",
}


class IngestError(HeadcountError):
    """What a producer is told in an ERROR acknowledgement.

    Attributes:
        error_id: One of `ERROR_CODES`.
        time_ms: Of the fragment that is at fault; None if there is none.
    """

    def __init__(self, error_id: int, time_ms: int | None) -> None:
        super().__init__(f"{error_id} {ERROR_CODES[error_id]}")
        self.error_id = error_id
        self.time_ms = time_ms


@dataclass(frozen=True, slots=True)
class FragmentBegun:
    """A cluster's timecode has come: Kinesis Video is buffering it."""

    time_ms: int


@dataclass(frozen=True, slots=True)
class FragmentReceived:
    """A cluster and its tags have come whole."""

    time_ms: int
    length_ms: int
    header: bytes
    cluster: bytes
    written_tags: bytes
    tags: Mapping[str, str]


@dataclass(slots=True)
class _Fragment:
    raw: bytearray
    time_ms: int | None = None
    ticks: int = 0
    times_ms: list[int] = field(default_factory=list)
    tracks_seen: set[int] = field(default_factory=set)
    written_tags: bytearray = field(default_factory=bytearray)
    tags: dict[str, str] = field(default_factory=dict)

    def length_ms(self) -> int:
        """From the first frame to the end of the last, taken to be as long as the others."""
        if len(self.times_ms) < 2:
            return 0
        span = max(self.times_ms) - min(self.times_ms)
        return span + span // (len(self.times_ms) - 1)


class Ingest:
    """Follows one connection's body. Exhaust what `feed` yields before feeding more."""

    def __init__(self) -> None:
        self._walker = Walker()
        self._header = bytearray()
        self._tracks: tuple[Track, ...] = ()
        self._tick_ns = 1_000_000
        self._fragment: _Fragment | None = None
        self._in_cluster = False
        self._last_ms = -1

    def feed(self, piece: bytes) -> Iterator[FragmentBegun | FragmentReceived]:
        """Yield what `piece` brings about.

        Raises:
            IngestError: If the producer breaks a rule; the connection is over.
        """
        yield from self._follow(self._walker.feed(piece))

    def finish(self) -> Iterator[FragmentBegun | FragmentReceived]:
        """Yield the last fragment when the body has ended.

        Raises:
            IngestError: If the body ends inside an element.
        """
        yield from self._follow(self._walker.finish())
        yield from self._receive()

    def _follow(self, events: Iterator[Event]) -> Iterator[FragmentBegun | FragmentReceived]:
        try:
            for event in events:
                yield from self._take(event)
        except MediaError as fault:
            raise self._fault(4006) from fault

    def _fault(self, error_id: int) -> IngestError:
        return IngestError(error_id, self._fragment.time_ms if self._fragment else None)

    def _take(self, event: Event) -> Iterator[FragmentBegun | FragmentReceived]:
        if isinstance(event, Closed):
            self._in_cluster = self._in_cluster and event.id != Id.CLUSTER
        elif isinstance(event, Opened) and event.id == Id.CLUSTER:
            yield from self._receive()
            if not self._tracks:
                raise self._fault(4006)
            self._fragment, self._in_cluster = _Fragment(bytearray(event.raw)), True
        elif isinstance(event, Opened):
            self._header += event.raw
        elif self._in_cluster and self._fragment is not None:
            yield from self._take_inside(event, self._fragment)
        elif event.id == Id.EBML:
            yield from self._receive()
            self._begin_file(event)
        elif self._fragment is not None:
            self._take_after(event, self._fragment)
        else:
            self._take_header(event)

    def _begin_file(self, ebml: Leaf) -> None:
        types = [text(part) for part in children(ebml) if part.id == Id.DOC_TYPE]
        if types not in (["matroska"], ["webm"]):
            raise self._fault(4006)
        self._header, self._tracks = bytearray(ebml.raw), ()

    def _take_header(self, leaf: Leaf) -> None:
        self._header += leaf.raw
        if leaf.id == Id.INFO:
            self._tick_ns = read_tick_ns(leaf)
        elif leaf.id == Id.TRACKS:
            self._tracks = read_tracks(leaf)
            if len(self._tracks) > _MAX_TRACKS:
                raise self._fault(4005)

    def _take_inside(self, leaf: Leaf, fragment: _Fragment) -> Iterator[FragmentBegun]:
        fragment.raw += leaf.raw
        if len(fragment.raw) > _MAX_FRAGMENT_BYTES:
            raise self._fault(4001)
        if leaf.id == Id.TIMECODE:
            fragment.ticks = unsigned(leaf)
            fragment.time_ms = fragment.ticks * self._tick_ns // 1_000_000
            if fragment.time_ms <= self._last_ms:
                raise self._fault(4004)
            self._last_ms = fragment.time_ms
            yield FragmentBegun(fragment.time_ms)
        elif leaf.id in (Id.SIMPLE_BLOCK, Id.BLOCK_GROUP):
            if fragment.time_ms is None:
                raise self._fault(4006)
            self._take_frame(read_block(leaf, fragment.ticks, self._tick_ns), fragment)

    def _take_frame(self, frame: Frame, fragment: _Fragment) -> None:
        if frame.track not in {track.number for track in self._tracks}:
            raise self._fault(4010)
        fragment.tracks_seen.add(frame.track)
        fragment.times_ms.append(frame.time_ms)
        if frame.time_ms - fragment.times_ms[0] > _MAX_FRAGMENT_MS:
            raise self._fault(4002)

    def _take_after(self, leaf: Leaf, fragment: _Fragment) -> None:
        # Cues and the like belong to no fragment and are not kept.
        if leaf.id != Id.TAGS:
            return
        fragment.written_tags += leaf.raw
        fragment.tags |= read_tags(leaf)
        too_long = any(
            len(name.encode()) > _MAX_TAG_NAME_BYTES or len(value.encode()) > _MAX_TAG_VALUE_BYTES
            for name, value in fragment.tags.items()
        )
        if too_long or len(fragment.tags) > _MAX_TAGS:
            raise self._fault(4009)

    def _receive(self) -> Iterator[FragmentReceived]:
        fragment = self._fragment
        if fragment is None:
            return
        if fragment.time_ms is None:
            raise self._fault(4006)
        if fragment.tracks_seen != {track.number for track in self._tracks}:
            raise self._fault(4011)
        self._fragment = None
        yield FragmentReceived(
            fragment.time_ms,
            fragment.length_ms(),
            bytes(self._header),
            bytes(fragment.raw),
            bytes(fragment.written_tags),
            fragment.tags,
        )
