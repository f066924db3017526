"""EBML, the syntax under Matroska: an incremental walker over elements, and their encoding.

Only Segment and Cluster are opened as containers, because only they may be endless; every other
element is handed over whole. Standard library only: the embedded AWS shares this file.

Source: RFC 8794 (EBML) and RFC 9559 (Matroska).
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

from headcount.errors import MediaError

# Kinesis Video's own limit for a fragment: nothing inside one can be larger.
MAX_ELEMENT_BYTES = 50_000_000
_MAX_ID_BYTES = 4
_MAX_SIZE_BYTES = 8


class Id(IntEnum):
    """The elements we read or write, with their length marker."""

    EBML = 0x1A45DFA3
    DOC_TYPE = 0x4282
    VOID = 0xEC
    CRC_32 = 0xBF
    SEGMENT = 0x18538067
    SEEK_HEAD = 0x114D9B74
    INFO = 0x1549A966
    TIMECODE_SCALE = 0x2AD7B1
    MUXING_APP = 0x4D80
    WRITING_APP = 0x5741
    TRACKS = 0x1654AE6B
    TRACK_ENTRY = 0xAE
    TRACK_NUMBER = 0xD7
    TRACK_UID = 0x73C5
    TRACK_TYPE = 0x83
    FLAG_LACING = 0x9C
    CODEC_ID = 0x86
    CODEC_PRIVATE = 0x63A2
    VIDEO = 0xE0
    PIXEL_WIDTH = 0xB0
    PIXEL_HEIGHT = 0xBA
    CHAPTERS = 0x1043A770
    CUES = 0x1C53BB6B
    ATTACHMENTS = 0x1941A469
    TAGS = 0x1254C367
    TAG = 0x7373
    SIMPLE_TAG = 0x67C8
    TAG_NAME = 0x45A3
    TAG_STRING = 0x4487
    CLUSTER = 0x1F43B675
    TIMECODE = 0xE7
    SIMPLE_BLOCK = 0xA3
    BLOCK_GROUP = 0xA0
    BLOCK = 0xA1
    REFERENCE_BLOCK = 0xFB


_NAMES = {int(member): member.name.title().replace("_", "") for member in Id}
_SEGMENT_LEVEL = frozenset(
    {Id.SEEK_HEAD, Id.INFO, Id.TRACKS, Id.CHAPTERS, Id.CUES, Id.ATTACHMENTS, Id.TAGS, Id.CLUSTER}
)
_TOP_LEVEL = frozenset({Id.EBML, Id.SEGMENT})
_ANYWHERE = frozenset({Id.VOID, Id.CRC_32})
# An element of unknown size ends where one begins that cannot be inside it.
_ENDS = {int(Id.SEGMENT): _TOP_LEVEL, int(Id.CLUSTER): _TOP_LEVEL | _SEGMENT_LEVEL}


def name_of(element_id: int) -> str:
    """Return an element's name for a message, e.g. `Cluster` or `0x42AB`."""
    return _NAMES.get(element_id, f"0x{element_id:X}")


@dataclass(frozen=True, slots=True)
class Opened:
    """A Segment or Cluster begins.

    Attributes:
        id: `Id.SEGMENT` or `Id.CLUSTER`.
        offset: Of its first byte in the whole stream.
        raw: Its ID and size, as they were.
    """

    id: int
    offset: int
    raw: bytes


@dataclass(frozen=True, slots=True)
class Closed:
    """A Segment or Cluster has ended."""

    id: int
    offset: int


@dataclass(frozen=True, slots=True)
class Leaf:
    """Any other element, complete.

    Attributes:
        id: The ID with its length marker.
        offset: Of its first byte in the whole stream.
        raw: ID, size and payload, as they were.
        head_bytes: Length of ID and size.
    """

    id: int
    offset: int
    raw: bytes
    head_bytes: int

    @property
    def payload(self) -> bytes:
        """What the element holds."""
        return self.raw[self.head_bytes :]

    def fault(self, what: str) -> MediaError:
        """Return the error that says what is wrong with this element, and where."""
        return MediaError(f"{name_of(self.id)} at byte {self.offset}: {what}.")


Event = Opened | Closed | Leaf


@dataclass(frozen=True, slots=True)
class _Head:
    id: int
    size: int | None  # None: unknown
    length: int


def _read_head(data: bytes | bytearray, at: int, offset: int) -> _Head | None:
    """Return the element's head at `data[at]`, or None when more bytes are needed."""
    if at >= len(data):
        return None
    id_length = 9 - data[at].bit_length()
    if id_length > _MAX_ID_BYTES:
        raise MediaError(
            f"No element at byte {offset}: 0x{data[at]:02X} begins no ID. This is not Matroska."
        )
    size_at = at + id_length
    if size_at >= len(data):
        return None
    element_id = int.from_bytes(data[at:size_at], "big")
    size_length = 9 - data[size_at].bit_length()
    if size_length > _MAX_SIZE_BYTES:
        raise MediaError(f"{name_of(element_id)} at byte {offset}: its size is no EBML number.")
    end = size_at + size_length
    if end > len(data):
        return None
    mask = (1 << (7 * size_length)) - 1
    size = int.from_bytes(data[size_at:end], "big") & mask
    return _Head(element_id, None if size == mask else size, id_length + size_length)


class Walker:
    """Turns bytes, in pieces of any length, into elements.

    Exhaust what `feed` yields before feeding more. Memory is one element and one piece.
    """

    def __init__(self) -> None:
        self._data = bytearray()
        self._offset = 0  # of self._data[0] in the whole stream
        self._open: list[tuple[int, int | None]] = []  # ID, and end if the size is known

    @property
    def offset(self) -> int:
        """How many bytes have been understood."""
        return self._offset

    def feed(self, piece: bytes) -> Iterator[Event]:
        """Yield what `piece` completes.

        Raises:
            MediaError: If the bytes are not Matroska; the message names element and offset.
        """
        self._data += piece
        at = 0
        try:
            while True:
                yield from self._close_finished(self._offset + at)
                head = _read_head(self._data, at, self._offset + at)
                if head is None:
                    return
                offset = self._offset + at
                yield from self._close_outer(head.id, offset)
                self._check_place(head, offset)
                if head.id in _ENDS:
                    body = offset + head.length
                    end = None if head.size is None else body + head.size
                    self._open.append((head.id, end))
                    raw = bytes(self._data[at : at + head.length])
                    at += head.length
                    yield Opened(head.id, offset, raw)
                else:
                    length = head.length + self._leaf_size(head, offset)
                    if at + length > len(self._data):
                        return
                    raw = bytes(self._data[at : at + length])
                    at += length
                    yield Leaf(head.id, offset, raw, head.length)
        finally:
            del self._data[:at]
            self._offset += at

    def finish(self) -> Iterator[Event]:
        """Yield the end of what is open when the stream has ended.

        Raises:
            MediaError: If the stream ends inside an element.
        """
        if self._data:
            head = _read_head(self._data, 0, self._offset)
            what = "an element's head" if head is None else name_of(head.id)
            raise MediaError(f"Truncated inside {what} at byte {self._offset}.")
        while self._open:
            element_id, end = self._open.pop()
            if end is not None and end > self._offset:
                raise MediaError(
                    f"Truncated: {name_of(element_id)} should end at byte {end}, "
                    f"the stream ends at {self._offset}."
                )
            yield Closed(element_id, self._offset)

    def _close_finished(self, offset: int) -> Iterator[Event]:
        while self._open and self._open[-1][1] == offset:
            yield Closed(self._open.pop()[0], offset)

    def _close_outer(self, element_id: int, offset: int) -> Iterator[Event]:
        while self._open and self._open[-1][1] is None and element_id in _ENDS[self._open[-1][0]]:
            yield Closed(self._open.pop()[0], offset)

    def _check_place(self, head: _Head, offset: int) -> None:
        where = f"{name_of(head.id)} at byte {offset}"
        if not self._open:
            if head.id not in _TOP_LEVEL | _ANYWHERE:
                raise MediaError(f"{where}: outside of any Segment. This is not Matroska.")
            return
        parent, end = self._open[-1]
        if head.id in _TOP_LEVEL or (parent == Id.CLUSTER and head.id in _SEGMENT_LEVEL):
            raise MediaError(f"{where}: cannot be inside {name_of(parent)}.")
        ends_at = offset + head.length + (head.size or 0)
        if end is not None and ends_at > end:
            raise MediaError(f"{where}: runs past byte {end}, where {name_of(parent)} ends.")

    @staticmethod
    def _leaf_size(head: _Head, offset: int) -> int:
        where = f"{name_of(head.id)} at byte {offset}"
        if head.size is None:
            raise MediaError(f"{where}: only Segment and Cluster may have an unknown size.")
        if head.size > MAX_ELEMENT_BYTES:
            raise MediaError(f"{where}: {head.size} bytes, more than {MAX_ELEMENT_BYTES}.")
        return head.size


def children(parent: Leaf) -> Iterator[Leaf]:
    """Yield the elements inside a complete one, without EBMLVoid and CRC-32.

    Raises:
        MediaError: If they do not fill it exactly.
    """
    at = parent.head_bytes
    while at < len(parent.raw):
        offset = parent.offset + at
        head = _read_head(parent.raw, at, offset)
        if head is None or head.size is None or at + head.length + head.size > len(parent.raw):
            raise parent.fault(f"the element inside at byte {offset} does not fit into it")
        length = head.length + head.size
        if head.id not in _ANYWHERE:
            yield Leaf(head.id, offset, parent.raw[at : at + length], head.length)
        at += length


def unsigned(element: Leaf) -> int:
    """Return the element's payload as an unsigned integer."""
    if len(element.payload) > _MAX_SIZE_BYTES:
        raise element.fault(f"an integer of {len(element.payload)} bytes")
    return int.from_bytes(element.payload, "big")


def text(element: Leaf) -> str:
    """Return the element's payload as text, without its padding."""
    try:
        return element.payload.rstrip(b"\0").decode()
    except UnicodeDecodeError as fault:
        raise element.fault("its text is not UTF-8") from fault


def encode_size(size: int) -> bytes:
    """Return an EBML number of the fewest bytes that hold `size`."""
    for length in range(1, _MAX_SIZE_BYTES + 1):
        # All ones is reserved: it means unknown.
        if size < (1 << (7 * length)) - 1:
            return (size | 1 << (7 * length)).to_bytes(length, "big")
    raise ValueError(f"{size} is too large for an EBML size.")


def _encode_id(element_id: int) -> bytes:
    return element_id.to_bytes((element_id.bit_length() + 7) // 8, "big")


def encode(element_id: int, payload: bytes | int | str | float) -> bytes:
    """Return a whole element; an integer is written unsigned, a float in eight bytes."""
    if isinstance(payload, str):
        payload = payload.encode()
    elif isinstance(payload, int):
        payload = payload.to_bytes(max(1, (payload.bit_length() + 7) // 8), "big")
    elif isinstance(payload, float):
        payload = struct.pack(">d", payload)
    return _encode_id(element_id) + encode_size(len(payload)) + payload


def encode_open(element_id: int) -> bytes:
    """Return the head of a Segment or Cluster of unknown size."""
    return _encode_id(element_id) + b"\x01" + b"\xff" * 7
