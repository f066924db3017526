"""What the handlers' stories need from outside, one verb or a few each."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, Protocol, TypeVar

from headcount.domain.policy import Room
from headcount.domain.terms import LightMode
from headcount.events import Detail, Detection, FrameQuality, FramesCounted, ModelReference
from headcount.site import CameraBinding

StateT = TypeVar("StateT")
ReadT_co = TypeVar("ReadT_co", covariant=True)

Clock = Callable[[], datetime]
"""Returns the time now, aware and UTC."""


class Publisher(Protocol):
    """Puts events on the bus."""

    def __call__(self, events: Sequence[Detail]) -> None:
        """Return when the bus has every one of the events.

        Raises:
            PublishError: If it has not taken them all.
        """


@dataclass(frozen=True, slots=True)
class Change(Generic[StateT]):
    """What a pure function made of an item: its next state, and what to say about it."""

    state: StateT
    events: tuple[Detail, ...] = ()


@dataclass(frozen=True, slots=True)
class Stored(Generic[StateT]):
    """An item as it is in the table, with the events that nobody has published yet.

    Attributes:
        is_full: Whether so many events wait that the change was not made.
    """

    key: str
    state: StateT | None
    revision: int
    unpublished: tuple[Detail, ...]
    is_full: bool = False


class ItemStore(Protocol[StateT]):
    """One kind of item per room, changed by pure functions: estimator's or control's."""

    def update(
        self, key: str, change: Callable[[StateT | None, int], Change[StateT] | None]
    ) -> Stored[StateT]:
        """Return the item after `change`, which is run again if somebody else was first.

        Args:
            key: The room's, from `identifiers.room_key`.
            change: Takes the state (None at first) and the revision that the item will have;
                returns None to leave the item as it is. Not run while the outbox is full.

        Raises:
            ConflictError: If somebody else is first every time.
            UnreadableItemError: If what is stored cannot be read.
        """

    def mark_published(self, stored: Stored[StateT]) -> None:
        """Forget the item's events, unless it has been changed since."""


class StateReader(Protocol[ReadT_co]):
    """Reads an item without changing it."""

    def __call__(self, key: str) -> ReadT_co | None:
        """Return the state, or None if there is none."""


class Directory(Protocol):
    """Knows the sites: what `headcount site apply` wrote."""

    def camera(self, stream_name: str) -> CameraBinding:
        """Return which camera a stream belongs to.

        Raises:
            RetiredError: If no site has it.
            UnreadableItemError: If what is stored of it cannot be read.
        """

    def room(self, site_id: str, room_id: str) -> Room:
        """Return a room's cameras, devices and policy.

        Raises:
            RetiredError: If the site has no such room.
            UnreadableItemError: If what is stored of it cannot be read.
        """

    def rooms(self) -> Sequence[tuple[str, str]]:
        """Return (site id, room id) of every room."""


@dataclass(frozen=True, slots=True)
class SampledFrame:
    """The key frame of a stored fragment, and what can be said of it without a model.

    Attributes:
        jpeg: What the detector is given.
        thumbnail: 64 by 36 grey pixels, row by row.
        motion: Within the fragment, 0 to 1.
    """

    captured_at: datetime
    persisted_at: datetime
    jpeg: bytes
    thumbnail: bytes
    motion: float
    light_mode: LightMode


class FrameSource(Protocol):
    """Fetches the key frames of stored fragments."""

    def __call__(self, stream_name: str, fragment_number: str) -> SampledFrame:
        """Return a fragment's key frame.

        Raises:
            FragmentNotFoundError: If the fragment is not, or no longer, stored.
            CorruptFragmentError: If it cannot be decoded.
            StreamError: If Kinesis Video does not answer as it should.
        """


@dataclass(frozen=True, slots=True)
class StoredFragment:
    """A fragment that can be fetched.

    Attributes:
        captured_at: Producer time, never later than `persisted_at`.
        persisted_at: Server time.
    """

    number: str
    captured_at: datetime
    persisted_at: datetime


class NewestFragment(Protocol):
    """Knows which fragment of a stream is the newest."""

    def __call__(self, stream_name: str, now: datetime) -> StoredFragment | None:
        """Return it, or None if nothing was stored for 15 minutes.

        Raises:
            StreamError: If Kinesis Video does not answer as it should.
        """


@dataclass(frozen=True, slots=True)
class CountedFrame:
    """What the model says about one frame.

    Attributes:
        persons: Faces and bodies are the same people; empty without a person model.
        person_model: What found them; None without one.
    """

    width: int
    height: int
    faces: tuple[Detection, ...]
    quality: FrameQuality
    model: ModelReference
    inference_id: str
    persons: tuple[Detection, ...] = ()
    person_model: ModelReference | None = None


@dataclass(frozen=True, slots=True)
class FrameContext:
    """What is said of a frame beside its picture; the monitor finds it in the answer.

    Attributes:
        motion: Within the fragment, 0 to 1.
    """

    site_id: str
    camera_id: str
    light_mode: LightMode
    motion: float


class FaceDetector(Protocol):
    """Finds faces in frames, many at once."""

    def __call__(
        self, jpegs: Mapping[str, bytes], contexts: Mapping[str, FrameContext]
    ) -> Mapping[str, CountedFrame]:
        """Return what is in every frame, by the ids of `jpegs`.

        Args:
            jpegs: The pictures.
            contexts: By the same ids; a frame may have none.

        Raises:
            ModelError: If the endpoint fails or its answer is not as agreed.
        """


class VacantViews(Protocol):
    """Remembers what cameras see when nobody is there."""

    def difference(self, camera_key: str, frame: SampledFrame) -> float | None:
        """Return the share of the picture that differs, or None if nothing is remembered."""

    def remember(self, camera_key: str, frame: SampledFrame) -> None:
        """Remember this frame as the empty view, unless a newer one is remembered."""


class FrameKeeper(Protocol):
    """Keeps frames to learn from, where a site allows it."""

    def __call__(self, seen: FramesCounted, jpeg: bytes, expire_days: int) -> None:
        """Keep a frame for so many days; the same frame twice is kept once.

        Raises:
            KeepingError: If it is not kept.
        """


class Tally(Protocol):
    """Counts what somebody is told of if there is too much of it."""

    def __call__(self, number: int, /) -> None:
        """Add to what was counted."""


class CheckScheduler(Protocol):
    """Asks to be woken."""

    def __call__(self, site_id: str, room_id: str, due_at: datetime, now: datetime) -> None:
        """Have the room looked at again at `due_at`, or as near before it as can be."""


class DeadLetters(Protocol):
    """Keeps what a function refuses, for whoever sent it."""

    def __call__(self, body: str, reason: str) -> None:
        """Return when the record is kept, with the reason beside it.

        Raises:
            DeadLetterError: If it is not.
        """


class NoticeLog(Protocol):
    """Knows what people were told, and when."""

    def claim(self, about: str, event_id: str, now: datetime, cooldown_s: float) -> bool:
        """Return whether people are to be told of `about` now, because of that event.

        Not if they were told within the cooldown; but if telling them of this same event failed.
        """

    def confirm(self, about: str, event_id: str) -> None:
        """Remember that people have been told."""


@dataclass(frozen=True, slots=True)
class Message:
    """What people read.

    Attributes:
        subject: At most 100 printable ASCII characters, which is what SNS takes.
        attributes: For the filter policies of subscriptions.
    """

    subject: str
    text: str
    attributes: Mapping[str, str]


class Notifier(Protocol):
    """Tells people."""

    def __call__(self, message: Message) -> None:
        """Hand the message to everybody who subscribed."""
