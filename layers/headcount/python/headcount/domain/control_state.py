"""What control is told of a room, and what it remembers between two decisions."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from headcount.domain.alerts import Alert
from headcount.domain.terms import OccupancyState, Trigger


@dataclass(frozen=True, slots=True)
class Occupancy:
    """What the estimator said of the room, and when.

    Attributes:
        observed_at: Producer time of the newest evidence.
        correlation_id: Of the fragment that it comes from.
        revision: Of the room's item; of two with the same evidence, the higher one is newer.
    """

    state: OccupancyState
    people: int
    observed_at: datetime
    correlation_id: str = ""
    revision: int = 0


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """A BMS has carried out, or refused, a command."""

    device_group: str
    idempotency_key: str
    accepted: bool
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Command:
    """A device group should run at a level; sent again, it is the same command."""

    device_group: str
    level: int
    priority: int
    requested_at: datetime
    sent_at: datetime
    expires_at: datetime
    reason: str
    trigger: Trigger
    people: int
    state: OccupancyState
    policy_version: str
    idempotency_key: str
    attempt: int
    correlation_id: str


@dataclass(frozen=True, slots=True)
class Lowering:
    """Fewer devices have been enough since `since`; `level` is the most needed meanwhile."""

    since: datetime
    level: int


@dataclass(frozen=True, slots=True)
class GroupState:
    """What is remembered of one device group.

    Attributes:
        level: Last commanded; None before the first command, when nobody knows.
        raised_at: When it was last commanded up from a known level or at first.
        lowered_at: When it was last commanded down.
        lowering: A lowering that waits for its hold-off.
        waiting: The command that is not yet acknowledged.
    """

    level: int | None = None
    raised_at: datetime | None = None
    lowered_at: datetime | None = None
    lowering: Lowering | None = None
    waiting: Command | None = None


@dataclass(frozen=True, slots=True)
class ControlState:
    """All that is kept of a room's control between two decisions.

    Attributes:
        occupancy: The newest that the estimator said.
        state: What is believed now; UNKNOWN also when the estimator has fallen silent.
        state_since: Since when control believes that, by its own clock.
        groups: Device group id -> what is remembered of it.
        alerts: The alerts that are raised and not cleared, by their keys.
        check_at: When control has already asked to be woken.
    """

    occupancy: Occupancy | None = None
    state: OccupancyState = OccupancyState.UNKNOWN
    state_since: datetime | None = None
    groups: Mapping[str, GroupState] = field(default_factory=dict)
    alerts: Mapping[str, Alert] = field(default_factory=dict)
    check_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """What follows: the state to keep, and what to tell whom.

    Attributes:
        check_again_at: When to decide again though nothing happens; None if somebody is already
            asked to wake us by then, or nothing is due.
    """

    state: ControlState
    commands: tuple[Command, ...] = ()
    alerts_raised: tuple[Alert, ...] = ()
    alerts_cleared: tuple[Alert, ...] = ()
    check_again_at: datetime | None = None
