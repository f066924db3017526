"""What was found when a property was checked."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from headcount.domain.policy import Room
from headcount.verification.limits import Limits
from headcount.verification.room_history import RoomHistory


@dataclass(frozen=True, slots=True)
class Violation:
    """One place where a run did not keep what is promised.

    Attributes:
        property: The name of what is not kept.
        says: What happened, in words.
        event_ids: Of the events to look at, the command first.
    """

    property: str
    site: str
    room: str
    device_group: str | None
    at: datetime
    says: str
    event_ids: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """Return it ready for JSON."""
        return {
            "property": self.property,
            "site": self.site,
            "room": self.room,
            "device_group": self.device_group,
            "at": self.at.isoformat(),
            "says": self.says,
            "event_ids": list(self.event_ids),
        }


@dataclass(frozen=True, slots=True)
class Finding:
    """What one property's check of one room came to.

    Attributes:
        checked: How many commands, needs or frames could be judged; 0 is no pass.
    """

    checked: int
    violations: tuple[Violation, ...]


@dataclass(frozen=True, slots=True)
class Property:
    """Something that every run must keep.

    Attributes:
        name: Short, for tables and tests.
        says: The promise, in one line.
        counts: What `checked` counts.
        look_at: Where to look when it is not kept.
        parameters: What the room's site decided that the promise depends on, in words.
        check: Judges one room.
        needs_site: Whether it says nothing without the site's own policy.
    """

    name: str
    says: str
    counts: str
    look_at: str
    parameters: Callable[[Room, Limits], str]
    check: Callable[[RoomHistory], Finding]
    needs_site: bool = False


def violation(
    name: str,
    history: RoomHistory,
    group: str | None,
    at: datetime,
    says: str,
    *event_ids: str,
) -> Violation:
    """Return a violation in the room of `history`."""
    log = history.log
    return Violation(name, log.site_id, log.room_id, group, at, says, event_ids)
