"""A real recording through the deployed stack, with the real model."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import av
import pytest

from headcount.domain.terms import OccupancyState
from headcount.events import FramesCounted, RoomOccupancyChanged
from tests.integration.deployed_stage import DeployedStage, WatchedRoom
from tests.recordings import ONE_BY_ONE, ONE_BY_ONE_FRAMES_PER_S, is_somebody_at

# Nobody, a person who comes and goes, nobody, the person once more, nobody: 48 seconds.
FIRST, LAST = 450, 930
# As many as one batch of the sampler's takes: fewer come out of order than in one go.
FRAGMENTS_AT_ONCE = 10


@pytest.fixture(scope="module")
def visited(deployed: DeployedStage, shared_data: Path) -> WatchedRoom:
    room = deployed.room("recorded")
    pictures = islice(_pictures(shared_data / ONE_BY_ONE), FIRST, LAST)
    clusters = room.film_pictures(pictures, ONE_BY_ONE_FRAMES_PER_S)
    with deployed.building():
        for first in range(0, len(clusters), FRAGMENTS_AT_ONCE):
            room.put(clusters[first : first + FRAGMENTS_AT_ONCE])
            deployed.settle()
        room.await_heard(FramesCounted, len(clusters))
    return room


def test_a_room_is_never_vacant_while_a_person_is_there(visited: WatchedRoom) -> None:
    changes = sorted(visited.heard(RoomOccupancyChanged), key=lambda change: change.revision)
    wrong = []
    for frame in visited.heard(FramesCounted):
        known = [change.state for change in changes if change.observed_at <= frame.captured_at]
        number = FIRST + round(
            (frame.captured_at - visited.filmed_from).total_seconds() * ONE_BY_ONE_FRAMES_PER_S
        )
        if is_somebody_at(number) and known[-1] is OccupancyState.VACANT:
            wrong.append(number)

    assert not wrong
    assert OccupancyState.OCCUPIED in {change.state for change in changes}


def _pictures(recording: Path) -> Iterator[Any]:
    with av.open(str(recording)) as container:
        yield from container.decode(video=0)
