"""CPU of a day of one room's observations, one every five seconds."""

from datetime import UTC, datetime, timedelta

from bench.clock import cpu_ms
from headcount.aws.estimates import OccupancyFormat
from headcount.domain.cameras import Camera
from headcount.domain.occupancy import Observation, RoomState, observe
from headcount.domain.policy import Room

OBSERVATIONS = 24 * 3600 // 5
# Reading and writing the state costs the same each time: an hour of it stands for the day.
STORED_SHARE = 24


def measure() -> dict[str, float]:
    """Return CPU milliseconds a day: in order, with each pair swapped, and with the state stored.

    The last is what the deployed function does beside DynamoDB: state read, folded and written
    for every observation.
    """
    start = datetime(2026, 3, 2, tzinfo=UTC)
    # Four people from eight to six, one of them often unseen.
    day = [
        Observation(str(tick), "camera", start + timedelta(seconds=5 * tick), faces)
        for tick in range(OBSERVATIONS)
        for faces in [(4 - tick % 2) if 8 <= tick * 5 / 3600 < 18 else 0]
    ]
    swapped = [one for first in range(0, len(day), 2) for one in (day[first + 1], day[first])]
    occupied = OBSERVATIONS // 2
    hour = day[occupied : occupied + OBSERVATIONS // STORED_SHARE]
    return {
        "in order": cpu_ms(lambda: _observe_all(day), runs=3),
        "every pair in the wrong order": cpu_ms(lambda: _observe_all(swapped), runs=3),
        "in order, occupied, stored in between": STORED_SHARE
        * cpu_ms(lambda: _observe_and_store(hour), runs=3),
    }


def _room() -> Room:
    return Room("site", "room", (Camera("camera"),))


def _observe_all(day: list[Observation]) -> None:
    room = _room()
    state: RoomState | None = None
    for seen in day:
        state = observe(state, seen, room)


def _observe_and_store(some: list[Observation]) -> None:
    room, form = _room(), OccupancyFormat()
    text: str | None = None
    for seen in some:
        text = form.write(observe(None if text is None else form.read(text), seen, room))
