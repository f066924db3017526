"""Clusters out of Matroska that arrives in pieces, e.g. what a producer sends.

What Kinesis Video makes of them is in `fragments.py`, writing in `muxer.py`. Standard library
only: the embedded AWS shares these files.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from headcount.errors import CorruptFragmentError, MediaError
from headcount.media.ebml import (
    Closed,
    Event,
    Id,
    Leaf,
    Opened,
    Walker,
    children,
    text,
    unsigned,
)

# GetMedia's last tags of a fragment: with both of them it is complete.
BEHIND_NOW_TAG = "AWS_KINESISVIDEO_MILLIS_BEHIND_NOW"
CONTINUATION_TAG = "AWS_KINESISVIDEO_CONTINUATION_TOKEN"

# Matroska's default: one tick is a millisecond.
_DEFAULT_TICK_NS = 1_000_000
_NS_PER_MS = 1_000_000
_VIDEO_TRACK_TYPE = 1
_LACING_FLAGS = 0x06
_KEY_FRAME_FLAG = 0x80


@dataclass(frozen=True, slots=True)
class Track:
    """What a track's header says.

    Attributes:
        number: What its frames refer to it by.
        is_video: False for audio and anything else.
        codec_id: E.g. `V_MPEG4/ISO/AVC`.
        codec_private: What its decoder needs first; for H.264 the AVCDecoderConfigurationRecord.
        width: In pixels; 0 unless video.
        height: In pixels; 0 unless video.
    """

    number: int
    is_video: bool
    codec_id: str
    codec_private: bytes
    width: int = 0
    height: int = 0


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame as it was encoded.

    Attributes:
        track: Number of its track.
        time_ms: On the stream's own clock; epoch milliseconds if the producer's are absolute.
        is_key: Whether it can be decoded alone.
        data: The codec's bytes; for H.264 NAL units with their lengths before them.
    """

    track: int
    time_ms: int
    is_key: bool
    data: bytes


@dataclass(frozen=True, slots=True)
class Cluster:
    """A run of frames, and the header it is read with.

    Attributes:
        time_ms: Of its first frame, as the producer sent it.
        tracks: From the header before it.
        frames: In the order of the stream.
        leading_tags: Between the header and the cluster.
        trailing_tags: After the cluster: these belong to it too.
    """

    time_ms: int
    tracks: tuple[Track, ...]
    frames: tuple[Frame, ...]
    leading_tags: Mapping[str, str] = field(default_factory=dict)
    trailing_tags: Mapping[str, str] = field(default_factory=dict)

    def video_track(self) -> Track:
        """Return the first video track.

        Raises:
            CorruptFragmentError: If there is none.
        """
        for track in self.tracks:
            if track.is_video:
                return track
        raise CorruptFragmentError(
            f"No video among the {len(self.tracks)} tracks of the cluster at {self.time_ms} ms."
        )

    def video_frames(self) -> tuple[Frame, ...]:
        """Return the first video track's frames."""
        number = self.video_track().number
        return tuple(frame for frame in self.frames if frame.track == number)

    def key_frame(self) -> Frame:
        """Return the first video frame that can be decoded alone.

        Raises:
            CorruptFragmentError: If there is none.
        """
        for frame in self.video_frames():
            if frame.is_key:
                return frame
        raise CorruptFragmentError(
            f"No key frame in the cluster at {self.time_ms} ms. Let the camera send one at least "
            "as often as a fragment begins."
        )


def read_tracks(tracks: Leaf) -> tuple[Track, ...]:
    """Return what a Tracks element describes.

    Raises:
        MediaError: If an entry cannot be read.
    """
    return tuple(_read_track(entry) for entry in children(tracks) if entry.id == Id.TRACK_ENTRY)


def _read_track(entry: Leaf) -> Track:
    parts = {part.id: part for part in children(entry)}
    if Id.TRACK_NUMBER not in parts or Id.CODEC_ID not in parts:
        raise entry.fault("it has no number or no codec")
    private = parts.get(Id.CODEC_PRIVATE)
    kind = parts.get(Id.TRACK_TYPE)
    sizes = {part.id: unsigned(part) for part in _picture(parts.get(Id.VIDEO))}
    return Track(
        number=unsigned(parts[Id.TRACK_NUMBER]),
        is_video=kind is not None and unsigned(kind) == _VIDEO_TRACK_TYPE,
        codec_id=text(parts[Id.CODEC_ID]),
        codec_private=private.payload if private else b"",
        width=sizes.get(Id.PIXEL_WIDTH, 0),
        height=sizes.get(Id.PIXEL_HEIGHT, 0),
    )


def _picture(video: Leaf | None) -> Iterator[Leaf]:
    if video is not None:
        for part in children(video):
            if part.id in (Id.PIXEL_WIDTH, Id.PIXEL_HEIGHT):
                yield part


def read_tags(tags: Leaf) -> dict[str, str]:
    """Return names and values of a Tags element; of equal names the last counts.

    Raises:
        MediaError: If a tag cannot be read.
    """
    found = {}
    for tag in children(tags):
        for simple in children(tag):
            if tag.id == Id.TAG and simple.id == Id.SIMPLE_TAG:
                parts = {part.id: part for part in children(simple)}
                if Id.TAG_NAME not in parts:
                    raise simple.fault("it has no name")
                value = parts.get(Id.TAG_STRING)
                found[text(parts[Id.TAG_NAME])] = text(value) if value else ""
    return found


def read_tick_ns(info: Leaf) -> int:
    """Return how long a timecode's unit is, in nanoseconds.

    Raises:
        MediaError: If it is 0 or cannot be read.
    """
    for part in children(info):
        if part.id == Id.TIMECODE_SCALE:
            if unsigned(part) == 0:
                raise part.fault("a unit of 0 ns")
            return unsigned(part)
    return _DEFAULT_TICK_NS


def read_block(block: Leaf, cluster_ticks: int, tick_ns: int) -> Frame:
    """Return the frame in a SimpleBlock or BlockGroup.

    Args:
        block: The element.
        cluster_ticks: The cluster's timecode, as stored.
        tick_ns: How long a timecode's unit is, in nanoseconds.

    Raises:
        MediaError: If it is too short, or holds several frames (lacing).
    """
    body, is_key = block, None
    if block.id == Id.BLOCK_GROUP:
        parts = {part.id: part for part in children(block)}
        if Id.BLOCK not in parts:
            raise block.fault("it has no Block")
        body, is_key = parts[Id.BLOCK], Id.REFERENCE_BLOCK not in parts
    data = body.payload
    number_bytes = 9 - data[0].bit_length() if data else 9
    if number_bytes > 8 or len(data) < number_bytes + 3:
        raise body.fault("it is too short for a frame")
    number = int.from_bytes(data[:number_bytes], "big") & ((1 << 7 * number_bytes) - 1)
    ticks = int.from_bytes(data[number_bytes : number_bytes + 2], "big", signed=True)
    flags = data[number_bytes + 2]
    if flags & _LACING_FLAGS:
        raise body.fault("several frames in one block (lacing), which Kinesis Video never sends")
    if is_key is None:
        is_key = bool(flags & _KEY_FRAME_FLAG)
    time_ms = (cluster_ticks + ticks) * tick_ns // _NS_PER_MS
    return Frame(number, time_ms, is_key, data[number_bytes + 3 :])


class ClusterReader:
    """Collects clusters from a stream that arrives in pieces."""

    def __init__(self) -> None:
        self._walker = Walker()
        self._tracks: tuple[Track, ...] = ()
        self._tick_ns = _DEFAULT_TICK_NS
        self._leading: dict[str, str] = {}
        self._trailing: dict[str, str] = {}
        self._ticks: int | None = None  # None: no timecode has come yet
        self._in_cluster = self._has_cluster = False
        self._frames: list[Frame] = []

    def feed(self, piece: bytes) -> Iterator[Cluster]:
        """Yield the clusters that `piece` shows to be complete.

        A cluster is complete where the next one or the next file begins, or, in what GetMedia
        sends, as soon as both of its closing tags are there.

        Raises:
            MediaError: If the bytes are not Matroska.
        """
        for event in self._walker.feed(piece):
            yield from self._take(event)

    def finish(self) -> Iterator[Cluster]:
        """Yield the last cluster when the stream has ended.

        Raises:
            MediaError: If the stream ends inside an element.
        """
        for event in self._walker.finish():
            yield from self._take(event)
        yield from self._complete()

    def unclaimed_tags(self) -> Mapping[str, str]:
        """Return the tags since the last header that no cluster has followed."""
        return {} if self._has_cluster else self._leading

    def _take(self, event: Event) -> Iterator[Cluster]:
        if isinstance(event, Opened):
            if event.id == Id.CLUSTER:
                yield from self._complete()
                self._in_cluster = self._has_cluster = True
        elif isinstance(event, Closed):
            self._in_cluster = self._in_cluster and event.id != Id.CLUSTER
        elif self._in_cluster:
            self._take_inside(event)
        elif event.id == Id.EBML:
            yield from self._complete()
            self._tracks, self._tick_ns, self._leading = (), _DEFAULT_TICK_NS, {}
        else:
            self._take_outside(event)
            if self._trailing.keys() >= {BEHIND_NOW_TAG, CONTINUATION_TAG}:
                yield from self._complete()

    def _take_outside(self, leaf: Leaf) -> None:
        if leaf.id == Id.TRACKS:
            self._tracks = read_tracks(leaf)
        elif leaf.id == Id.INFO:
            self._tick_ns = read_tick_ns(leaf)
        elif leaf.id == Id.TAGS:
            tags = self._trailing if self._has_cluster else self._leading
            tags |= read_tags(leaf)

    def _take_inside(self, leaf: Leaf) -> None:
        if leaf.id == Id.TIMECODE:
            self._ticks = unsigned(leaf)
        elif leaf.id in (Id.SIMPLE_BLOCK, Id.BLOCK_GROUP):
            if self._ticks is None:
                raise leaf.fault("a frame before the cluster's timecode")
            self._frames.append(read_block(leaf, self._ticks, self._tick_ns))

    def _complete(self) -> Iterator[Cluster]:
        if self._has_cluster:
            if self._ticks is None:
                raise MediaError(f"Cluster before byte {self._walker.offset}: it has no timecode.")
            time_ms = self._ticks * self._tick_ns // _NS_PER_MS
            frames, trailing = tuple(self._frames), dict(self._trailing)
            yield Cluster(time_ms, self._tracks, frames, dict(self._leading), trailing)
        self._has_cluster = self._in_cluster = False
        self._ticks, self._frames, self._trailing = None, [], {}


def read_clusters(pieces: Iterable[bytes]) -> Iterator[Cluster]:
    """Yield the clusters of a Matroska stream, e.g. what a producer sends.

    Raises:
        MediaError: If the bytes are not Matroska, or end inside an element.
    """
    reader = ClusterReader()
    for piece in pieces:
        yield from reader.feed(piece)
    yield from reader.finish()
