"""What control is told of a room, and what it remembers between two decisions."""

import math
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
        people_high: Upper end of the 90 % interval, where it was told.
        p_vacant: Probability that nobody is there, where it was told.
        last_seen_at: Of the newest evidence of a person, where it was told.
    """

    state: OccupancyState
    people: int
    observed_at: datetime
    correlation_id: str = ""
    revision: int = 0
    people_high: int | None = None
    p_vacant: float | None = None
    last_seen_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """A BMS has carried out, or refused, a command."""

    device_group: str
    idempotency_key: str
    accepted: bool
    reason: str = ""


@dataclass(frozen=True, slots=True)
class OverrideNotice:
    """Somebody has taken devices of a room into their own hands, or given them back.

    Attributes:
        device_group: None means every group of the room.
        level: What they now run at; None leaves them as they are.
        active: False gives them back.
        until: When it ends by itself, at most `override_max_s` after `at`.
        at: When it was said; of two, the newer one counts, in whatever order they come.
    """

    device_group: str | None
    level: int | None
    active: bool
    until: datetime | None
    reason: str
    at: datetime
    correlation_id: str

    def __post_init__(self) -> None:
        if self.level is not None and self.level < 0:
            raise ValueError(f"override: level is {self.level}; it is 0 or more")


@dataclass(frozen=True, slots=True)
class BookingNotice:
    """A room is booked, booked anew, or no longer booked.

    Attributes:
        booking_id: The same for every notice of one booking.
        people: How many are expected; None if nobody said.
        at: When it was said; of two of one booking, the newer one counts.
    """

    booking_id: str
    starts_at: datetime
    ends_at: datetime
    people: int | None
    cancelled: bool
    at: datetime
    correlation_id: str

    def __post_init__(self) -> None:
        if self.ends_at <= self.starts_at:
            raise ValueError(
                f"booking '{self.booking_id}': it ends at {self.ends_at.isoformat()}, not after "
                f"its start at {self.starts_at.isoformat()}; exchange the two"
            )
        if self.people is not None and self.people < 0:
            raise ValueError(
                f"booking '{self.booking_id}': people is {self.people}; it is 0 or more"
            )


@dataclass(frozen=True, slots=True)
class MeterNotice:
    """What a device group drew at one moment, in watts."""

    device_group: str
    power_w: float
    read_at: datetime
    correlation_id: str

    def __post_init__(self) -> None:
        if not math.isfinite(self.power_w):
            raise ValueError(f"meter: power_w is {self.power_w}; give a finite number of watts")


@dataclass(frozen=True, slots=True)
class Command:
    """A device group should run at a level; sent again, it is the same command.

    Attributes:
        relinquish: Write null at `priority`: the level is the BMS's own business again, and
            `level` is 0 and means nothing.
    """

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
    relinquish: bool = False


@dataclass(frozen=True, slots=True)
class Lowering:
    """Fewer devices have been enough since `since`; `level` is the most needed meanwhile."""

    since: datetime
    level: int


@dataclass(frozen=True, slots=True)
class Override:
    """A device group is in somebody else's hands until `until`."""

    until: datetime
    reason: str = ""
    correlation_id: str = ""


@dataclass(frozen=True, slots=True)
class Excess:
    """A meter has shown too much since `since`; `repeated` if the level was asked for again."""

    since: datetime
    repeated: bool = False


@dataclass(frozen=True, slots=True)
class GroupState:
    """What is remembered of one device group.

    Attributes:
        level: Last commanded, or set by an override; None before that, when nobody knows.
        raised_at: When it was last raised from a known level or at first.
        lowered_at: When it was last lowered.
        lowering: A lowering that waits for its hold-off.
        waiting: The command that is not yet acknowledged.
        switched_at: When it was switched, for the bound per hour; an hour of it is kept.
        override: Who has it in hand, if not we.
        override_said_at: When the newest override notice was said.
        released_at: When the last override ended; hold-offs begin no earlier.
        followed_at: When it was last raised by the schedule alone, nobody being seen.
        metered_at: Of the newest meter reading.
        excess: A meter that shows more than the people need.
    """

    level: int | None = None
    raised_at: datetime | None = None
    lowered_at: datetime | None = None
    lowering: Lowering | None = None
    waiting: Command | None = None
    switched_at: tuple[datetime, ...] = ()
    override: Override | None = None
    override_said_at: datetime | None = None
    released_at: datetime | None = None
    followed_at: datetime | None = None
    metered_at: datetime | None = None
    excess: Excess | None = None


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
        bookings: Those to come and the present one, nearest first; a bounded number.
        below_capacity_since: Since when fewer people are there than an alert was raised for.
        dry_run: Whether the last decision only proposed.
    """

    occupancy: Occupancy | None = None
    state: OccupancyState = OccupancyState.UNKNOWN
    state_since: datetime | None = None
    groups: Mapping[str, GroupState] = field(default_factory=dict)
    alerts: Mapping[str, Alert] = field(default_factory=dict)
    check_at: datetime | None = None
    bookings: tuple[BookingNotice, ...] = ()
    below_capacity_since: datetime | None = None
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class Decision:
    """What follows: the state to keep, and what to tell whom.

    Attributes:
        commands: To be sent to the BMS.
        proposed: What would have been commanded; a dry run sends nothing else.
        check_again_at: When to decide again though nothing happens; None if somebody is already
            asked to wake us by then, or nothing is due.
    """

    state: ControlState
    commands: tuple[Command, ...] = ()
    alerts_raised: tuple[Alert, ...] = ()
    alerts_cleared: tuple[Alert, ...] = ()
    check_again_at: datetime | None = None
    proposed: tuple[Command, ...] = ()
