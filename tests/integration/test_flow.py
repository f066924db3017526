"""A visit on the deployed stack: a fragment in gives a BMS command out, and all can be looked up.

Four people are in a room, are seen, and leave; the BMS obeys. Every test looks at this one visit.
"""

import base64
import json
from dataclasses import dataclass
from typing import Any

import pytest

from headcount.domain.terms import OccupancyState
from headcount.events import (
    AlertRaised,
    BmsCommandAcknowledged,
    BmsCommandRequested,
    BmsMeterRead,
    Detail,
    FramesCounted,
    RoomOccupancyChanged,
)
from ops.query import run_named_query
from tests.integration.deployed_stage import DeployedStage, WatchedRoom, eventually
from tests.integration.inbox import Inbox

GROUPS = 2
LAKE_TABLES: dict[str, type[Detail]] = {
    "frames_counted": FramesCounted,
    "room_occupancy": RoomOccupancyChanged,
    "bms_commands": BmsCommandRequested,
    "bms_acknowledgements": BmsCommandAcknowledged,
    "meter_readings": BmsMeterRead,
    "alerts": AlertRaised,
}
JPEG_IN_BASE64 = base64.b64encode(b"\xff\xd8\xff").decode()


@dataclass(frozen=True)
class Visited:
    """A room after the visit.

    Attributes:
        arrival: The number of the one fragment that shows the four people.
        told: What a subscriber of the alert topic gets.
    """

    room: WatchedRoom
    arrival: str
    told: Inbox


@pytest.fixture(scope="module")
def visited(deployed: DeployedStage) -> Visited:
    told = Inbox(deployed.aws.client("sqs"), "told-of-the-visit")
    told.subscribe(deployed.aws.client("sns"), deployed.deployment.alert_topic_arn)
    room = deployed.room("visit")
    with deployed.building():
        (arrival,) = room.show(people=4)
        room.await_heard(BmsCommandAcknowledged, GROUPS)
        room.show(people=0, seconds=6)
        room.await_heard(BmsCommandAcknowledged, 2 * GROUPS)
        room.await_heard(AlertRaised)
        room.await_heard(BmsMeterRead)
    deployed.settle()
    return Visited(room, arrival, told)


def test_a_fragment_in_gives_the_commands_of_its_band_out(visited: Visited) -> None:
    chain = visited.room.correlation_id(visited.arrival)

    obeyed = {
        one.command.device_group: one.command.level
        for one in visited.room.received()
        if one.command.correlation_id == chain
    }

    assert obeyed == {"ac": 1, "lights": 2}


@pytest.mark.parametrize(
    ("kind", "count"),
    [
        (FramesCounted, 1),
        (RoomOccupancyChanged, 1),
        (BmsCommandRequested, GROUPS),
        (BmsCommandAcknowledged, GROUPS),
    ],
)
def test_one_correlation_id_runs_from_the_fragment_to_the_acknowledgement(
    visited: Visited, kind: type[Detail], count: int
) -> None:
    chain = visited.room.correlation_id(visited.arrival)

    assert [one.correlation_id for one in visited.room.heard(kind)].count(chain) == count


def test_four_people_in_the_picture_are_four_faces_and_an_estimate_of_four(
    visited: Visited,
) -> None:
    frame, change = (
        visited.room.heard(FramesCounted)[0],
        visited.room.heard(RoomOccupancyChanged)[0],
    )

    assert len(frame.faces) == 4
    assert (change.people_estimate, change.state) == (4, OccupancyState.OCCUPIED)


def test_when_everybody_has_left_everything_is_off(visited: Visited) -> None:
    levels = {one.command.device_group: one.command.level for one in visited.room.received()}

    assert visited.room.heard(RoomOccupancyChanged)[-1].state is OccupancyState.VACANT
    assert levels == {"ac": 0, "lights": 0}


def test_one_query_answers_why_the_lights_went_on(
    deployed: DeployedStage, visited: Visited
) -> None:
    def answered() -> list[dict[str, Any]]:
        _sql, rows = run_named_query(
            deployed.aws.session(), deployed.deployment, "why", deployed.aws.endpoint_url
        )
        return [
            row
            for row in rows
            if (row["site_id"], row["device_group"], row["level"]) == ("visit", "lights", 2)
            and row["acknowledged_at"]
        ]

    (why,) = eventually(answered)

    assert (why["fragment_number"], why["faces"]) == (visited.arrival, 4)
    assert why["model_sha256"] == visited.room.heard(FramesCounted)[0].model.sha256
    assert why["policy_version"] == visited.room.heard(BmsCommandRequested)[0].policy_version


@pytest.mark.parametrize("table", LAKE_TABLES)
def test_the_rows_of_the_lake_are_the_events_of_the_bus(
    deployed: DeployedStage, visited: Visited, table: str
) -> None:
    events = sorted(event.id for event in visited.room.heard(LAKE_TABLES[table]))
    sql = f"SELECT id FROM {table} WHERE site_id = 'visit' ORDER BY id"

    rows = eventually(lambda: found if len(found := deployed.ask_lake(sql)) >= len(events) else [])

    assert [row["id"] for row in rows] == events


def test_an_alert_reaches_people_once_however_often_it_is_delivered(
    deployed: DeployedStage, visited: Visited
) -> None:
    (alert,) = visited.room.heard(AlertRaised)
    deployed.put_event(alert.source, alert.detail_type, alert.model_dump_json())
    deployed.settle()

    said = visited.told.take(2, wait_s=3)

    assert [message["Message"].count("Nobody is in room lab") for message in said] == [1]


def test_captured_answers_hold_faces_and_no_picture(
    deployed: DeployedStage, visited: Visited
) -> None:
    records = eventually(lambda: _captured(deployed, len(visited.room.heard(FramesCounted))))

    assert {tuple(record["captureData"]) for record in records} == {("endpointOutput",)}
    assert JPEG_IN_BASE64 not in json.dumps(records)
    counts = [
        prediction["count"]
        for record in records
        for prediction in json.loads(record["captureData"]["endpointOutput"]["data"])["predictions"]
    ]
    assert 4 in counts


def test_a_clean_visit_leaves_no_dead_letters(deployed: DeployedStage, visited: Visited) -> None:
    assert deployed.take_dead_letters() == []


def _captured(stage: DeployedStage, frames: int) -> list[dict[str, Any]]:
    """Return the endpoint's captured answers once there are as many as counted frames."""
    s3, bucket = stage.aws.client("s3"), stage.deployment.lake_bucket_name
    listed = s3.list_objects_v2(Bucket=bucket, Prefix="capture/").get("Contents", [])
    lines = [
        line
        for entry in listed
        for line in s3.get_object(Bucket=bucket, Key=entry["Key"])["Body"].read().splitlines()
    ]
    records = [json.loads(line) for line in lines]
    answered = sum(
        len(json.loads(record["captureData"]["endpointOutput"]["data"])["predictions"])
        for record in records
    )
    return records if answered >= frames else []
