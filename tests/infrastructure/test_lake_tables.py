"""That the lake's tables are the events."""

import json
import re
from enum import StrEnum
from typing import Any, Literal

import pytest
from pydantic import AwareDatetime, BaseModel

from cdk.components.lake_columns import columns_of, hive_type
from headcount import events
from tests.infrastructure.conftest import ROOT, Resource, Synthesized

TABLES: dict[str, type[events.Detail]] = {
    "frames_counted": events.FramesCounted,
    "room_occupancy": events.RoomOccupancyChanged,
    "bms_commands": events.BmsCommandRequested,
    "bms_acknowledgements": events.BmsCommandAcknowledged,
    "bms_proposals": events.BmsCommandProposed,
    "bms_overrides": events.BmsOverrideChanged,
    "bookings": events.BmsScheduleChanged,
    "presence": events.BmsPresenceSensed,
    "meter_readings": events.BmsMeterRead,
    "alerts": events.AlertRaised,
}


class Colour(StrEnum):
    RED = "red"


class Inner(BaseModel):
    at: AwareDatetime
    ratio: float | None


@pytest.mark.parametrize(
    ("annotation", "expected"),
    [
        (str, "string"),
        (bool, "boolean"),
        (int, "bigint"),
        (float, "double"),
        (Colour, "string"),
        (AwareDatetime, "string"),
        (str | None, "string"),
        (tuple[int, ...], "array<bigint>"),
        (tuple[float, float, float, float], "array<double>"),
        (Inner, "struct<at:string,ratio:double>"),
        (tuple[Inner, ...], "array<struct<at:string,ratio:double>>"),
    ],
)
def test_a_field_becomes_the_type_that_holds_its_json(annotation: Any, expected: str) -> None:
    assert hive_type(annotation) == expected


@pytest.mark.parametrize("annotation", [str | int, tuple[int, str], dict[str, int], Literal["a"]])
def test_a_field_without_a_column_type_is_refused_by_name(annotation: Any) -> None:
    with pytest.raises(TypeError, match="has no column type"):
        hive_type(annotation)


@pytest.mark.parametrize("event", events.ALL_EVENTS)
def test_every_event_can_be_a_table(event: type[events.Detail]) -> None:
    assert [column.name for column in columns_of(event)] == list(event.model_fields)


@pytest.mark.parametrize(("name", "event"), TABLES.items())
def test_a_table_has_the_fields_of_its_event_and_no_others(
    stage: Synthesized, name: str, event: type[events.Detail]
) -> None:
    columns = _table(stage, name)["StorageDescriptor"]["Columns"]

    # By way of the published JSON schema, which pydantic makes without our derivation.
    assert [column["Name"] for column in columns] == list(event.model_json_schema()["properties"])
    assert all(len(column.get("Comment", "")) <= 255 for column in columns)


def test_faces_keep_their_boxes_and_scores(dev: Synthesized) -> None:
    columns = _table(dev, "frames_counted")["StorageDescriptor"]["Columns"]
    types = {column["Name"]: column["Type"] for column in columns}

    assert types["faces"] == "array<struct<box:array<double>,score:double>>"
    assert types["captured_at"] == "string"


@pytest.mark.parametrize("name", TABLES)
def test_days_are_projected_onto_what_firehose_writes(stage: Synthesized, name: str) -> None:
    table = _table(stage, name)
    destination = _delivery(stage, name)

    assert [key["Name"] for key in table["PartitionKeys"]] == ["day"]
    assert table["Parameters"]["projection.enabled"] == "true"
    assert table["Parameters"]["projection.day.format"] == "yyyy-MM-dd"
    assert "day=${day}/" in json.dumps(table["Parameters"]["storage.location.template"])
    assert destination["Prefix"] == f"{name}/day=!{{timestamp:yyyy-MM-dd}}/"
    assert destination["ErrorOutputPrefix"].startswith("errors/")


@pytest.mark.parametrize("name", TABLES)
def test_what_firehose_gets_is_the_detail_alone(stage: Synthesized, name: str) -> None:
    event = TABLES[name]
    targets = [
        target
        for rule in _lake_rules(stage)
        if rule.properties["EventPattern"]["detail-type"] == [event.detail_type]
        for target in rule.properties["Targets"]
    ]

    assert [target["InputPath"] for target in targets] == ["$.detail"]


def test_named_queries_ask_for_columns_that_exist(dev: Synthesized) -> None:
    columns = {
        name: {c.name for c in columns_of(event)} | {"day"} for name, event in TABLES.items()
    }

    for path in (ROOT / "cdk/components/queries").glob("*.sql"):
        text = re.sub(r"--.*", "", path.read_text())
        tables = set(re.findall(r"FROM (\w+)", text)) & set(columns)
        asked = set(re.findall(r"[a-z_]+_(?:at|id|estimate|version|key)\b", text))
        # Names that a query makes itself, behind AS, are its own.
        made = set(re.findall(r"AS (\w+)", text))

        assert tables, path.name
        assert asked <= made | set().union(*(columns[table] for table in tables)), path.name


def test_named_queries_are_deployed_with_what_they_answer(stage: Synthesized) -> None:
    queries = {
        q.properties["Name"]: q.properties for q in stage.resources("AWS::Athena::NamedQuery")
    }

    assert set(queries) == {"people_by_room_and_hour", "faces_by_camera", "why"}
    assert all(query["Description"] for query in queries.values())


def _table(stage: Synthesized, name: str) -> dict[str, Any]:
    (found,) = [
        table.properties["TableInput"]
        for table in stage.resources("AWS::Glue::Table")
        if table.properties["TableInput"]["Name"] == name
    ]
    return dict(found)


def _delivery(stage: Synthesized, name: str) -> dict[str, Any]:
    (found,) = [
        destination
        for stream in stage.resources("AWS::KinesisFirehose::DeliveryStream")
        for destination in [stream.properties["ExtendedS3DestinationConfiguration"]]
        if destination["Prefix"].startswith(f"{name}/")
    ]
    return dict(found)


def _lake_rules(stage: Synthesized) -> list[Resource]:
    return [
        rule for rule in stage.resources("AWS::Events::Rule") if rule.logical_id.startswith("Lake")
    ]
