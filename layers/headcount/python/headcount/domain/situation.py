"""What every rule of control looks at: the moment, the room, and what is believed of it."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from headcount.domain.control_state import ControlState
from headcount.domain.policy import Room
from headcount.domain.terms import OccupancyState, Trigger


@dataclass(frozen=True, slots=True)
class Situation:
    """One decision to be made.

    Attributes:
        state: With `state` and `state_since` as believed at `now`.
        trigger: What made control decide.
    """

    now: datetime
    room: Room
    state: ControlState
    trigger: Trigger

    @property
    def is_vacant(self) -> bool:
        """Whether nobody is believed to be there."""
        return self.state.state is OccupancyState.VACANT

    @property
    def is_unknown(self) -> bool:
        """Whether nobody can say."""
        return self.state.state is OccupancyState.UNKNOWN

    @property
    def people(self) -> int:
        """How many people count: nobody in a vacant room, somebody in an occupied one."""
        known = self.state.occupancy
        if known is None or self.is_vacant:
            return 0
        return max(1, known.people) if self.state.state is OccupancyState.OCCUPIED else known.people

    @property
    def since(self) -> datetime:
        """Since when control believes what it believes."""
        return self.state.state_since or self.now

    def last_seen_at(self) -> datetime | None:
        """Return when there was last evidence of a person, as far as anybody said."""
        known = self.state.occupancy
        if known is None:
            return None
        if known.state is OccupancyState.OCCUPIED and known.last_seen_at is None:
            return known.observed_at
        return known.last_seen_at

    def is_fresh(self) -> bool:
        """Return whether the room has been seen within one heartbeat of the estimator.

        What is older does not count as UNKNOWN before `occupancy_stale_s`, but who came meanwhile
        would not have been seen: it is not enough to lower anything.
        """
        known, settings = self.state.occupancy, self.room.occupancy
        heard = timedelta(seconds=settings.heartbeat_s + settings.observation_gap_s)
        return known is not None and self.now - known.observed_at <= heard
