"""What to say of a room to somebody who asks now."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from headcount.domain.occupancy import Observation, RoomState, observe
from headcount.domain.policy import Room
from headcount.domain.terms import OccupancyState


@dataclass(frozen=True, slots=True)
class Finding:
    """What is believed of a room at the moment of asking.

    Attributes:
        people: The estimate; of an UNKNOWN room the last one.
        people_low: Lower end of the 90 % interval.
        people_high: Upper end of the 90 % interval.
        p_vacant: Between 0 and 1; 0.5 is "no idea".
        evidence: In words, for people.
    """

    state: OccupancyState
    people: int
    people_low: int
    people_high: int
    p_vacant: float
    evidence: str


def find(
    now: datetime, known: RoomState | None, seen: Sequence[Observation], room: Room
) -> Finding:
    """Return what is known of a room, with what its cameras see at this moment let in.

    Nothing is kept of it: the same observations reach the estimator by their own way. What is
    older than `observation_gap_s` says nothing of now: without a newer look the room is UNKNOWN.

    Args:
        now: When the question is answered.
        known: What the estimator has kept of the room; None of a room never seen.
        seen: One observation of each camera that delivered one, in any order.
        room: Its cameras and how the estimator reads them.
    """
    state = known
    for one in sorted(seen, key=lambda one: one.captured_at):
        state = observe(state, one, room)
    if state is None:
        return Finding(OccupancyState.UNKNOWN, 0, 0, 1, 0.5, "never seen")
    estimate = state.estimate
    age_s = max(0.0, (now - estimate.at).total_seconds())
    if age_s > room.occupancy.observation_gap_s:
        return Finding(
            state=OccupancyState.UNKNOWN,
            people=estimate.people,
            people_low=0,
            people_high=max(estimate.people_high, 1),
            p_vacant=0.5,
            evidence=f"nothing seen for {age_s:.0f} s; before: {estimate.evidence}",
        )
    evidence = (
        estimate.evidence if seen else f"no new frame; {age_s:.0f} s ago: {estimate.evidence}"
    )
    return Finding(
        state=estimate.state,
        people=estimate.people,
        people_low=estimate.people_low,
        people_high=estimate.people_high,
        p_vacant=estimate.p_vacant,
        evidence=evidence,
    )
