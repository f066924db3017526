"""Streams and what they hold: an index in memory, the media in files."""

import asyncio
import itertools
import shutil
import time
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from local.emulator.kinesisvideo.faults import KinesisVideoError, invalid_argument

# Without retention AWS still lets a consumer that is a little late read on.
_UNRETAINED_S = 300.0
# Like AWS's own: 47 digits that grow with every fragment, across restarts too.
_NUMBER_PREFIX = "91343852333"
_counter = itertools.count()

Clock = Callable[[], float]


def next_fragment_number(now_s: float) -> str:
    """Return 47 digits, greater than all before."""
    return f"{_NUMBER_PREFIX}{int(now_s * 1e9):020d}{next(_counter):016d}"


@dataclass(frozen=True, slots=True)
class StoredFragment:
    """What is known of a fragment without reading its file.

    Attributes:
        number: 47 digits.
        producer_s: Epoch seconds of its first frame, as the producer says.
        server_s: Epoch seconds of its storing.
        length_ms: From the first frame to the end of the last.
        header: EBML, Segment, Info, Tracks and the producer's own tags, as sent.
        tags: The producer's tags for this fragment: written ones, and read.
        path: A file with the cluster as sent.
        size: Of header, cluster and tags, in bytes.
    """

    number: str
    producer_s: float
    server_s: float
    length_ms: int
    header: bytes
    written_tags: bytes
    tags: Mapping[str, str]
    path: Path
    size: int


@dataclass(slots=True, eq=False)
class Stream:
    """One stream: its settings, its fragments in the order of their numbers."""

    name: str
    arn: str
    folder: Path
    created_s: float
    retention_h: int = 0
    media_type: str | None = None
    device_name: str | None = None
    kms_key_id: str = "aws/kinesisvideo"
    tags: dict[str, str] = field(default_factory=dict)
    version: int = 0
    notification: dict[str, Any] | None = None
    image_generation: dict[str, Any] | None = None
    fragments: list[StoredFragment] = field(default_factory=list)
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)
    is_deleted: bool = False
    producers: int = 0
    consumers: int = 0

    @property
    def customer_key(self) -> str | None:
        """The ARN of the customer's key; None for AWS's own, which needs no rights."""
        return self.kms_key_id if self.kms_key_id.startswith("arn:") else None

    def touch(self) -> None:
        """Let a setting's change show in the version."""
        self.version += 1

    def trim(self, now_s: float) -> None:
        """Forget what is older than the retention."""
        oldest_s = now_s - (self.retention_h * 3600 or _UNRETAINED_S)
        while self.fragments and self.fragments[0].server_s < oldest_s:
            self.fragments.pop(0).path.unlink(missing_ok=True)

    async def add(self, fragment: StoredFragment) -> None:
        """Index a fragment whose file is written, and wake who waits for it."""
        self.trim(fragment.server_s)
        async with self.changed:
            self.fragments.append(fragment)
            self.changed.notify_all()

    def after(self, number: str) -> Iterator[StoredFragment]:
        """Yield the fragments with a greater number."""
        index = bisect_right(self.fragments, number, key=lambda fragment: fragment.number)
        yield from self.fragments[index:]


class Streams:
    """All streams of one account and region."""

    def __init__(self, region: str, account_id: str, state_dir: Path, clock: Clock = time.time):
        self._arn_prefix = f"arn:aws:kinesisvideo:{region}:{account_id}:stream/"
        self._state_dir = state_dir
        self._by_name: dict[str, Stream] = {}
        self.clock = clock

    def create(self, name: str) -> Stream:
        """Return a new stream.

        Raises:
            KinesisVideoError: ResourceInUseException if there is one of this name.
        """
        if name in self._by_name:
            raise KinesisVideoError("ResourceInUseException", f"The stream {name} already exists.")
        created_s = self.clock()
        stamp = int(created_s * 1000)
        folder = self._state_dir / f"{name}-{stamp}"
        folder.mkdir(parents=True, exist_ok=True)
        stream = Stream(name, f"{self._arn_prefix}{name}/{stamp}", folder, created_s)
        self._by_name[name] = stream
        return stream

    def find(self, request: Mapping[str, Any]) -> Stream:
        """Return the stream that `StreamName` or `StreamARN` of a request names.

        Raises:
            KinesisVideoError: ResourceNotFoundException, or InvalidArgumentException if
                neither is given.
        """
        name, arn = request.get("StreamName"), request.get("StreamARN")
        if not name and not arn:
            raise invalid_argument("Either StreamName or StreamARN is needed.")
        for stream in self._by_name.values():
            if stream.name == name or stream.arn == arn:
                stream.trim(self.clock())
                return stream
        raise KinesisVideoError(
            "ResourceNotFoundException", f"The requested stream {name or arn} is not found."
        )

    def named_from(self, prefix: str) -> list[Stream]:
        """Return the streams whose name begins so, in the order of names."""
        return [self._by_name[name] for name in sorted(self._by_name) if name.startswith(prefix)]

    async def delete(self, stream: Stream) -> None:
        """Forget a stream, its media, and let go who waits for it."""
        del self._by_name[stream.name]
        shutil.rmtree(stream.folder, ignore_errors=True)
        async with stream.changed:
            stream.is_deleted = True
            stream.changed.notify_all()
