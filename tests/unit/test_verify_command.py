"""`headcount verify` says what was kept, what was not, and when nothing can be said."""

import json
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from headcount.errors import HeadcountError
from headcount.events import Detail
from ops.cli import main
from ops.event_log import read_event_log
from tests.event_rows import (
    OCCUPIED,
    OFF,
    ON,
    VACANT,
    a_command,
    a_frame,
    an_answer,
    at,
    empty,
    sensed,
    told,
)
from tests.samples import HEARTBEAT

# The site of the events in tests.event_rows, with a hold-off of ten minutes.
SITE = """\
id: hq
time_zone: UTC
rooms:
  - id: lab
    capacity: 8
    cameras: [{id: door}]
    device_groups: [{id: lights, kind: lighting, max_level: 4, max_switches_per_hour: 4}]
    policy:
      bands: [{people: 1, levels: {lights: 2}}, {people: 5, levels: {lights: 4}}]
      hold_off_s: 600
"""
KEPT: Sequence[Detail] = (
    told(-2, OCCUPIED, 2),
    ON,
    an_answer(ON, 1),
    *empty(605, 1190),
    told(1100, VACANT),
    OFF,
    an_answer(OFF, 1201),
)
SEEN = a_frame(1180, 2)


def envelope(event: Detail, time: datetime | None = None) -> dict[str, Any]:
    return {
        "id": f"envelope-{event.id}",
        "detail-type": event.detail_type,
        "source": event.source,
        **({"time": time.isoformat()} if time else {}),
        "detail": event.model_dump(mode="json"),
    }


def written(folder: Path, *events: Detail) -> Path:
    file = folder / "events.jsonl"
    file.write_text("".join(json.dumps(envelope(event)) + "\n" for event in events))
    return file


@pytest.fixture
def site(tmp_path: Path) -> Path:
    file = tmp_path / "site.yaml"
    file.write_text(SITE)
    return file


def verify(*arguments: Any) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["verify", *map(str, arguments)])
    return int(ended.value.code or 0)


def test_a_run_that_kept_all_ends_with_0_and_says_how_much_was_checked(
    tmp_path: Path, site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "found.json"
    code = verify(written(tmp_path, *KEPT), "--site", site, "--json", out)
    said, found = capsys.readouterr().out, json.loads(out.read_text())
    checked = {one["name"]: one["checked"] for one in found["properties"]}

    assert code == 0
    assert found["holds"] is True
    assert (checked["answered"], checked["never-dark"], checked["any-order"]) == (2, 1, 0)
    assert "any-order        nothing to check" in said
    assert "hold_off_s 600" in found["properties"][0]["parameters"]["hq/lab"]


def test_one_that_did_not_ends_with_1_and_names_time_and_events(
    tmp_path: Path, site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "found.json"
    code = verify(written(tmp_path, *KEPT, SEEN), "--site", site, "--json", out)
    said, found = capsys.readouterr().out, json.loads(out.read_text())
    (broken,) = found["properties"][0]["violations"]

    assert code == 1
    assert "2026-03-02 12:20:00 hq/lab/lights: lights went to 0 although door saw 2 people" in said
    assert broken["event_ids"] == [OFF.id, SEEN.id]


def test_without_a_site_the_defaults_are_checked_and_said_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = verify(written(tmp_path, *KEPT))
    said = capsys.readouterr().out

    assert code == 0
    assert "Without --site the code's defaults are checked against" in said
    assert "reaction         nothing to check" in said


@pytest.mark.parametrize("events", [[], [HEARTBEAT], [a_frame(0), a_frame(5)]])
def test_a_log_with_nothing_to_check_is_no_pass(
    tmp_path: Path, site: Path, events: list[Detail], capsys: pytest.CaptureFixture[str]
) -> None:
    code = verify(written(tmp_path, *events), "--site", site)

    assert code == 2
    assert "An empty log is no pass" in capsys.readouterr().err


def test_a_site_that_the_events_are_not_of_is_refused(
    tmp_path: Path, site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    site.write_text(SITE.replace("id: hq", "id: other"))
    code = verify(written(tmp_path, *KEPT), "--site", site)

    assert code == 2
    assert "It has hq/lab" in capsys.readouterr().err


def test_rooms_that_the_site_does_not_name_are_left_out_and_said(
    tmp_path: Path, site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    attic = ON.model_copy(update={"room_id": "attic"})
    code = verify(written(tmp_path, *KEPT, attic), "--site", site)

    assert code == 0
    assert "does not name them: hq/attic" in capsys.readouterr().out


def test_commands_of_another_policy_version_are_remarked(
    tmp_path: Path, site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    verify(written(tmp_path, *KEPT), "--site", site)

    assert "2 command(s) were made under another policy version" in capsys.readouterr().out


def test_a_torn_last_line_is_left_out_and_remarked(tmp_path: Path) -> None:
    file = written(tmp_path, *KEPT)
    with file.open("a") as log:
        log.write('{"id": "x", "detail-ty')
    log_read = read_event_log(file)

    assert log_read.remarks == [
        f"Line {len(KEPT) + 1} is torn and was left out: the run broke off."
    ]
    assert len(log_read.rooms["hq", "lab"].commands) == 2


def test_unknown_types_and_a_bms_at_fault_are_counted_and_left_out(tmp_path: Path) -> None:
    odd = envelope(ON) | {"detail-type": "SomethingElse.v9"}
    wrong = envelope(sensed(0))
    wrong["detail"]["kind"] = "ghost"
    file = tmp_path / "events.jsonl"
    file.write_text("\n".join(map(json.dumps, [odd, odd, wrong, envelope(ON)])) + "\n\n")
    log = read_event_log(file)

    assert log.remarks == [
        "2 event(s) of the unknown type SomethingElse.v9 were left out.",
        "1 event(s) of a BMS broke their contract and were left out.",
    ]
    assert len(log.rooms["hq", "lab"].commands) == 1


def test_what_came_out_of_the_archive_is_no_evidence(tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"
    replayed = envelope(SEEN) | {"replay-name": "again"}
    file.write_text(json.dumps(replayed) + "\n")
    log = read_event_log(file).rooms["hq", "lab"]

    assert log.looks == []
    assert log.replayed_chains == {SEEN.correlation_id}


def test_the_time_on_the_bus_counts_for_what_was_said(tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"
    file.write_text(json.dumps(envelope(told(0, VACANT), at(7))) + "\n")

    assert read_event_log(file).rooms["hq", "lab"].told[0].at == at(7)


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("not json", r"events.jsonl:2 is no JSON"),
        ("[1]", r"events.jsonl:2 is no EventBridge envelope"),
        ('{"detail-type": "FramesCounted.v1"}', "needs `detail-type` and `detail`"),
        (
            '{"detail-type": "FramesCounted.v1", "detail": {"id": "1"}}',
            r"events.jsonl:2: a FramesCounted.v1 breaks its contract at `correlation_id`",
        ),
        (
            json.dumps(envelope(a_command(0, 2)) | {"time": "yesterday"}),
            r"events.jsonl:2: `time` is 'yesterday'",
        ),
    ],
)
def test_a_line_that_cannot_be_read_is_refused_with_its_number(
    tmp_path: Path, line: str, complaint: str
) -> None:
    file = written(tmp_path, ON)
    with file.open("a") as log:
        log.write(line + "\n")

    with pytest.raises(HeadcountError, match=complaint):
        read_event_log(file)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(HeadcountError, match="headcount demo --events"):
        read_event_log(tmp_path / "none.jsonl")
