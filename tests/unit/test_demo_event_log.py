"""What the demo hears of the bus is written down, whole and once, for `headcount verify`."""

import json
from pathlib import Path
from typing import Any

import pytest

from headcount.events import Detail
from local.demo.event_log import EventLog
from local.demo.recording import Recording
from local.demo.tap import BusTap
from ops.event_log import read_event_log
from tests.samples import COMMAND, FRAMES_COUNTED, HEARTBEAT, OCCUPANCY_CHANGED


def envelope(event: Detail, **more: Any) -> dict[str, Any]:
    return {
        "version": "0",
        "id": f"envelope-{event.id}",
        "detail-type": event.detail_type,
        "source": event.source,
        "time": "2026-03-02T12:00:00Z",
        "detail": event.model_dump(mode="json"),
        **more,
    }


class FakeSqs:
    """A queue that holds some messages until they are deleted."""

    def __init__(self, *bodies: dict[str, Any]) -> None:
        self.messages = {str(number): json.dumps(body) for number, body in enumerate(bodies)}

    def create_queue(self, **_: Any) -> dict[str, str]:
        return {"QueueUrl": "queue"}

    def get_queue_attributes(self, **_: Any) -> dict[str, Any]:
        return {"Attributes": {"QueueArn": "arn"}}

    def set_queue_attributes(self, **_: Any) -> None:
        return

    def receive_message(self, **_: Any) -> dict[str, Any]:
        held = list(self.messages.items())[:10]
        return {"Messages": [{"ReceiptHandle": name, "Body": body} for name, body in held]}

    def delete_message(self, *, ReceiptHandle: str, **_: Any) -> None:  # noqa: N803 - boto3's
        del self.messages[ReceiptHandle]

    def delete_queue(self, **_: Any) -> None:
        return


class FakeRules:
    """Rules that nobody asks about."""

    def put_rule(self, **_: Any) -> dict[str, str]:
        return {"RuleArn": "rule"}

    def put_targets(self, **_: Any) -> None:
        return

    def remove_targets(self, **_: Any) -> None:
        return

    def delete_rule(self, **_: Any) -> None:
        return


def heard_by(log: EventLog, *bodies: dict[str, Any]) -> Recording:
    recording = Recording()
    tap = BusTap(
        bus_name="bus",
        sqs=FakeSqs(*bodies),  # type: ignore[arg-type]
        events=FakeRules(),  # type: ignore[arg-type]
        heard=recording.hear,
        overheard=log.write,
    )
    tap.start()
    tap.stop()
    return recording


def test_every_event_of_the_run_is_written_once_and_can_be_verified(tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"
    row = [envelope(event) for event in (FRAMES_COUNTED, OCCUPANCY_CHANGED, COMMAND)]
    with EventLog(file) as log:
        recording = heard_by(log, *row, row[1])
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    room = read_event_log(file).rooms["hq", "lab"]

    assert [line["id"] for line in lines] == [line["id"] for line in row]
    assert set(lines[0]) == {"id", "detail-type", "source", "time", "detail"}
    assert (len(room.looks), len(room.told), len(room.commands)) == (1, 1, 1)
    assert len(recording.occupancy) == 1


def test_what_nobody_reads_is_written_too(tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"
    unknown = envelope(COMMAND) | {"detail-type": "Unheard.v1"}
    broken = envelope(COMMAND, id="other") | {"detail": {"id": "1"}}
    with EventLog(file) as log:
        recording = heard_by(log, unknown, broken, envelope(HEARTBEAT))

    assert len(file.read_text().splitlines()) == 3
    assert recording.commands == []


def test_a_line_can_be_read_as_soon_as_it_is_written(tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"
    with EventLog(file) as log:
        log.write(envelope(COMMAND))

        assert json.loads(file.read_text())["detail"]["id"] == COMMAND.id


def test_without_a_file_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with EventLog(None) as log:
        log.write(envelope(COMMAND))

    assert list(tmp_path.iterdir()) == []
