"""CPU of a day of one room's observations, one every five seconds."""

from datetime import UTC, datetime, timedelta

from bench.clock import cpu_ms
from headcount.domain.cameras import Camera
from headcount.domain.occupancy import Observation, RoomState, observe
from headcount.domain.policy import Room

OBSERVATIONS = 24 * 3600 // 5


def measure() -> dict[str, float]:
    """Return CPU milliseconds a day, observations in order, and each pair of them swapped."""
    start = datetime(2026, 3, 2, tzinfo=UTC)
    # Four people from eight to six, one of them often unseen.
    day = [
        Observation(str(tick), "camera", start + timedelta(seconds=5 * tick), faces)
        for tick in range(OBSERVATIONS)
        for faces in [(4 - tick % 2) if 8 <= tick * 5 / 3600 < 18 else 0]
    ]
    swapped = [one for first in range(0, len(day), 2) for one in (day[first + 1], day[first])]
    return {
        "in order": cpu_ms(lambda: _observe_all(day), runs=3),
        "every pair in the wrong order": cpu_ms(lambda: _observe_all(swapped), runs=3),
    }


def _observe_all(day: list[Observation]) -> None:
    room = Room("site", "room", (Camera("camera"),))
    state: RoomState | None = None
    for seen in day:
        state = observe(state, seen, room)
