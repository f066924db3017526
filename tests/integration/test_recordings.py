"""Real recordings through the gateway's encoder, the motion measure and the estimator."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import av
import pytest

from edge.sources import CapturedFrame
from headcount.domain.cameras import Camera, OccupancySettings
from headcount.domain.occupancy import Observation, RoomState, observe
from headcount.domain.policy import Room
from headcount.domain.terms import OccupancyState
from headcount.media.mkv import Cluster
from headcount.media.motion import motion
from tests.clips import NOON, encoded
from tests.recordings import ONE_BY_ONE, is_somebody_at

ROOM = Room(
    "hq",
    "lab",
    (Camera("door"),),
    occupancy=OccupancySettings(vacancy_confirm_s=4, observation_gap_s=15),
)


@pytest.fixture(scope="module")
def clusters(shared_data: Path) -> list[Cluster]:
    with av.open(str(shared_data / ONE_BY_ONE)) as container:
        frames = (
            CapturedFrame(image, NOON + timedelta(seconds=number / 10))
            for number, image in zip(count(), container.decode(video=0))
        )
        return encoded(frames, fragment_s=2)


def states(clusters: list[Cluster]) -> Iterator[tuple[int, OccupancyState]]:
    """Yield (frame number, state) after each fragment, by a detector that never finds a face."""
    state: RoomState | None = None
    for cluster in clusters:
        at = datetime.fromtimestamp(cluster.time_ms / 1000, UTC)
        seen = Observation(str(at), "door", at, faces=0, motion=motion(cluster))
        state = observe(state, seen, ROOM)
        last = cluster.frames[-1].time_ms / 1000
        yield round((last - NOON.timestamp()) * 10), state.estimate.state


def test_a_person_from_behind_is_never_in_a_vacant_room(clusters: list[Cluster]) -> None:
    while_there = [state for frame, state in states(clusters) if is_somebody_at(frame)]

    assert len(while_there) > 40
    assert OccupancyState.VACANT not in while_there
    assert while_there.count(OccupancyState.OCCUPIED) >= len(while_there) - 1
