"""Adapters in memory, one per port, that behave as the real ones do."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar

import numpy as np

from headcount.aws.rooms import StateFormat
from headcount.domain.policy import Room
from headcount.errors import (
    ConflictError,
    DeadLetterError,
    FragmentNotFoundError,
    KeepingError,
    ModelError,
    RetiredError,
)
from headcount.events import Detail, Detection, FrameQuality, FramesCounted, ModelReference
from headcount.ports import Change, CountedFrame, FrameContext, Message, SampledFrame, Stored
from headcount.site import CameraBinding

StateT = TypeVar("StateT")


@dataclass
class FakeClock:
    """Shows the time it is set to."""

    now: datetime

    def __call__(self) -> datetime:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@dataclass
class FakeItems(Generic[StateT]):
    """Items with revisions and outboxes; states go through JSON, as they do in the table."""

    states: StateFormat[StateT]
    items: dict[str, Stored[StateT]] = field(default_factory=dict)
    conflicts: int = 0
    most_unpublished: int = 32

    def __call__(self, key: str) -> StateT | None:
        return self._read(key).state

    def update(
        self, key: str, change: Callable[[StateT | None, int], Change[StateT] | None]
    ) -> Stored[StateT]:
        while True:
            before = self._read(key)
            if len(before.unpublished) >= self.most_unpublished:
                return replace(before, is_full=True)
            changed = change(before.state, before.revision + 1)
            if changed is None:
                return before
            if self.conflicts > 0:
                self.conflicts -= 1
                self.items[key] = replace(before, revision=before.revision + 1)
                continue
            if before.revision > 1000:
                raise ConflictError(key)
            state = self.states.read(self.states.write(changed.state))
            self.items[key] = Stored(
                key, state, before.revision + 1, (*before.unpublished, *changed.events)
            )
            return self.items[key]

    def mark_published(self, stored: Stored[StateT]) -> None:
        if self.items[stored.key].revision == stored.revision:
            self.items[stored.key] = replace(self.items[stored.key], unpublished=())

    def _read(self, key: str) -> Stored[StateT]:
        return self.items.get(key, Stored(key, None, 0, ()))


@dataclass
class FakeStates(Generic[StateT]):
    """Items that somebody else keeps: there is no way to write here."""

    known: dict[str, StateT] = field(default_factory=dict)

    def __call__(self, key: str) -> StateT | None:
        return self.known.get(key)


@dataclass
class FakeBus:
    """Takes events, unless it is down."""

    sent: list[Any] = field(default_factory=list)
    down: bool = False

    def __call__(self, events: Sequence[Detail]) -> None:
        if self.down:
            raise ConnectionError("the bus is down")
        self.sent.extend(events)

    def of(self, kind: type[Detail]) -> list[Any]:
        return [event for event in self.sent if isinstance(event, kind)]


@dataclass
class FakeDeadLetters:
    """Keeps what is refused, by its reason, unless it is down."""

    kept: list[tuple[str, str]] = field(default_factory=list)
    down: bool = False

    def __call__(self, body: str, reason: str) -> None:
        if self.down:
            raise DeadLetterError("the dead-letter queue is down")
        self.kept.append((body, reason))


@dataclass
class FakeDirectory:
    """Knows the rooms and cameras it is given."""

    known: list[Room] = field(default_factory=list)
    cameras: dict[str, CameraBinding] = field(default_factory=dict)

    def camera(self, stream_name: str) -> CameraBinding:
        if stream_name not in self.cameras:
            raise RetiredError(f"no camera has the stream {stream_name}")
        return self.cameras[stream_name]

    def room(self, site_id: str, room_id: str) -> Room:
        for room in self.known:
            if (room.site_id, room.room_id) == (site_id, room_id):
                return room
        raise RetiredError(f"site {site_id} has no room {room_id}")

    def rooms(self) -> Sequence[tuple[str, str]]:
        return [(room.site_id, room.room_id) for room in self.known]


@dataclass
class FakeFragments:
    """An archive of fragments."""

    stored: dict[tuple[str, str], SampledFrame] = field(default_factory=dict)

    def __call__(self, stream_name: str, fragment_number: str) -> SampledFrame:
        if (stream_name, fragment_number) not in self.stored:
            raise FragmentNotFoundError(f"{stream_name} has no fragment {fragment_number}")
        return self.stored[stream_name, fragment_number]


@dataclass
class FakeDetector:
    """Finds as many faces as a frame's JPEG says in digits; counts its calls."""

    calls: int = 0
    down: bool = False
    contexts: dict[str, FrameContext] = field(default_factory=dict)

    def __call__(
        self, jpegs: Mapping[str, bytes], contexts: Mapping[str, FrameContext]
    ) -> Mapping[str, CountedFrame]:
        self.calls += 1
        self.contexts.update(contexts)
        if self.down:
            raise ModelError("the endpoint is down")
        return {name: counted_frame(int(jpeg)) for name, jpeg in jpegs.items()}


def counted_frame(faces: int) -> CountedFrame:
    """Return what a model says of a frame with that many faces."""
    return CountedFrame(
        width=640,
        height=360,
        faces=tuple(Detection(box=(0.1, 0.1, 0.1, 0.2), score=0.9) for _ in range(faces)),
        quality=FrameQuality(brightness=0.5, contrast=0.2, blur=120.0),
        model=ModelReference(
            endpoint="faces",
            variant="champion",
            name="centerface",
            version="1",
            sha256="ab" * 32,
            threshold=0.5,
        ),
        inference_id="inference-1",
    )


@dataclass
class FakeVacantViews:
    """Remembers thumbnails, the newest per camera and light mode."""

    remembered: dict[tuple[str, str], SampledFrame] = field(default_factory=dict)

    def difference(self, camera_key: str, frame: SampledFrame) -> float | None:
        kept = self.remembered.get((camera_key, frame.light_mode.value))
        if kept is None:
            return None
        pixels = (np.frombuffer(one.thumbnail, dtype=np.uint8) for one in (kept, frame))
        return float(np.mean(np.not_equal(*pixels)))

    def remember(self, camera_key: str, frame: SampledFrame) -> None:
        about = (camera_key, frame.light_mode.value)
        kept = self.remembered.get(about)
        if kept is None or kept.captured_at < frame.captured_at:
            self.remembered[about] = frame


@dataclass
class FakeFrameKeeper:
    """Keeps pictures by their frame's id, each with its days, unless S3 is down."""

    kept: dict[str, tuple[bytes, int]] = field(default_factory=dict)
    calls: int = 0
    down: bool = False

    def __call__(self, seen: FramesCounted, jpeg: bytes, expire_days: int) -> None:
        self.calls += 1
        if self.down:
            raise KeepingError("S3 is down")
        self.kept[seen.id] = (jpeg, expire_days)


@dataclass
class FakeNoticeLog:
    """Remembers who was told what, when, and because of which event."""

    claims: dict[str, tuple[str, datetime, bool]] = field(default_factory=dict)

    def claim(self, about: str, event_id: str, now: datetime, cooldown_s: float) -> bool:
        if about in self.claims:
            known_id, at, told = self.claims[about]
            is_quiet = now - at < timedelta(seconds=cooldown_s)
            if told if known_id == event_id else is_quiet:
                return False
        self.claims[about] = (event_id, now, False)
        return True

    def confirm(self, about: str, event_id: str) -> None:
        known_id, at, _ = self.claims[about]
        if known_id == event_id:
            self.claims[about] = (known_id, at, True)


@dataclass
class FakeNotifier:
    """Hands messages to a list, unless the topic is down."""

    told: list[Message] = field(default_factory=list)
    down: bool = False

    def __call__(self, message: Message) -> None:
        if self.down:
            raise ConnectionError("the topic is down")
        self.told.append(message)
