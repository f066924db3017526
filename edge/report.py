"""What has become of a camera's fragments."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class PersistedFragment:
    """A fragment that Kinesis Video has stored.

    Attributes:
        number: Its fragment number.
        producer_at: When its first frame was captured; aware, UTC.
        persisted_at: When we were told, by this machine's clock; aware, UTC.
    """

    number: str
    producer_at: datetime
    persisted_at: datetime


@dataclass(frozen=True, slots=True)
class ProducerFault:
    """Something that went wrong.

    Attributes:
        at: Aware, UTC.
        message: In words.
    """

    at: datetime
    message: str


@dataclass(frozen=True, slots=True)
class ProducerReport:
    """What has become of the fragments.

    Attributes:
        put: Begun to be sent, each counted once however often it was sent.
        persisted: The newest that Kinesis Video has stored, in the order of storing.
        persisted_count: How many it has stored in all.
        lost: Given up: refused for what is in them, or pushed out of a full buffer.
        faults: The newest of what went wrong, oldest first.
    """

    put: int = 0
    persisted: tuple[PersistedFragment, ...] = ()
    persisted_count: int = 0
    lost: int = 0
    faults: tuple[ProducerFault, ...] = ()
