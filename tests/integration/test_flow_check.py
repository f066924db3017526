"""Somebody asks the deployed stack whether anyone is in a room whose camera is hardly sampled."""

import json
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest

from headcount.domain.terms import OccupancyState
from headcount.events import (
    FramesCounted,
    OccupancyCheckRequested,
    RoomChecked,
    RoomOccupancyChanged,
)
from headcount.identifiers import deterministic_id
from tests.integration.deployed_stage import DeployedStage, WatchedRoom, eventually

SITE_ID = "asked"
FILMED_S = 3


@dataclass(frozen=True)
class Asked:
    """A room that was asked about before its camera sent anything, and while it shows four people.

    Attributes:
        room: None of its fragments has been announced to the sampler.
        fragments: Their numbers, oldest first.
    """

    room: WatchedRoom
    fragments: list[str]
    before: RoomChecked
    now: RoomChecked


@pytest.fixture(scope="module")
def asked(deployed: DeployedStage) -> Asked:
    with deployed.building():
        room = deployed.room(SITE_ID)
        before = ask(deployed, room, "before")
        room = replace(room, filmed_from=datetime.now(UTC) - timedelta(seconds=FILMED_S))
        fragments = room.put(room.film(people=4, seconds=FILMED_S), noticed=False)
        # Fragments are asked for in whole seconds: what has just been stored is found after this.
        time.sleep(1)
        now = ask(deployed, room, "now")
        room.await_heard(RoomOccupancyChanged)
    deployed.settle()
    return Asked(room, fragments, before, now)


def ask(deployed: DeployedStage, room: WatchedRoom, request_id: str) -> RoomChecked:
    question = OccupancyCheckRequested(
        id=request_id,
        correlation_id=f"round-{request_id}",
        site_id=room.site_id,
        room_id=room.room_id,
        request_id=request_id,
        requested_by="night-watch",
        requested_at=datetime.now(UTC),
    )
    deployed.put_event(f"bms.{room.site_id}", question.detail_type, question.model_dump_json())
    (answer,) = eventually(
        lambda: [one for one in room.heard(RoomChecked) if one.request_id == request_id]
    )
    return answer


def test_who_asks_is_told_how_many_are_there_without_any_sampling(asked: Asked) -> None:
    (camera,) = asked.now.cameras

    assert (camera.faces, camera.fault) == (4, "")
    assert asked.now.state is OccupancyState.OCCUPIED
    assert asked.now.people_low <= 4 <= asked.now.people_high
    assert asked.now.correlation_id == f"round-{asked.now.request_id}"


def test_before_there_is_video_nobody_knows(asked: Asked) -> None:
    assert asked.before.state is OccupancyState.UNKNOWN
    assert asked.before.cameras[0].fault.startswith("silent")


def test_the_estimator_learns_what_was_looked_at(asked: Asked) -> None:
    (frame,) = asked.room.heard(FramesCounted)
    change = asked.room.heard(RoomOccupancyChanged)[0]

    assert frame.fragment_number == asked.fragments[-1]
    assert frame.id == deterministic_id(
        FramesCounted.detail_type, SITE_ID, "door", frame.fragment_number
    )
    assert change.correlation_id == frame.correlation_id
    assert change.state is OccupancyState.OCCUPIED


def test_a_question_about_a_room_that_is_not_there_is_a_dead_letter(
    deployed: DeployedStage,
) -> None:
    question = {
        "id": "nowhere",
        "correlation_id": "nowhere",
        "site_id": SITE_ID,
        "room_id": "attic",
        "request_id": "nowhere",
        "requested_by": "night-watch",
        "requested_at": datetime.now(UTC).isoformat(),
    }

    deployed.put_event(f"bms.{SITE_ID}", OccupancyCheckRequested.detail_type, json.dumps(question))
    (letter,) = eventually(deployed.take_dead_letters)

    assert json.loads(letter)["detail"] == question
