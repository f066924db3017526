"""What a BMS says on the deployed stack, and what docs/bms.md tells an integrator to run."""

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from headcount.aws.rooms import control_items
from headcount.domain.control_state import ControlState
from headcount.events import (
    BmsCommandAcknowledged,
    BmsCommandRequested,
    BmsOverrideChanged,
    ControlHeartbeat,
)
from headcount.identifiers import room_key
from tests.integration.deployed_stage import DeployedStage, WatchedRoom, eventually
from tests.integration.inbox import Inbox
from tests.samples import HEARTBEAT, OVERRIDE

PAGE = (Path(__file__).parents[2] / "docs/bms.md").read_text(encoding="utf-8")
PROGRAM = next(
    text
    for text in re.findall(r"^```python\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    if "Reads Headcount's commands" in text
)
TARGET = next(
    text
    for text in re.findall(r"^```json\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    if "InputTransformer" in text
)
GROUPS = 2


@pytest.fixture(scope="module")
def overridden(deployed: DeployedStage) -> WatchedRoom:
    """A room whose lights somebody has taken over before two people come."""
    room = deployed.room("overridden")
    taken = _said(OVERRIDE, room, level=None)
    with deployed.building():
        deployed.put_event("bms.overridden", taken.detail_type, taken.model_dump_json())
        eventually(lambda: _is_overridden(deployed, room))
        room.show(people=2)
        room.await_heard(BmsCommandAcknowledged)
        deployed.settle()
    return room


def test_a_group_that_a_person_has_taken_over_is_not_commanded(overridden: WatchedRoom) -> None:
    assert {one.device_group for one in overridden.heard(BmsCommandRequested)} == {"ac"}


def test_an_override_is_a_row_of_the_lake(deployed: DeployedStage, overridden: WatchedRoom) -> None:
    sql = "SELECT device_group, active, reason FROM bms_overrides WHERE site_id = 'overridden'"

    (row,) = eventually(lambda: deployed.ask_lake(sql))

    assert row == {"device_group": "lights", "active": True, "reason": "set at the wall panel"}


def test_what_a_bms_says_wrong_is_a_dead_letter_with_its_reason(
    deployed: DeployedStage, overridden: WatchedRoom
) -> None:
    right = _said(OVERRIDE, overridden)
    nowhere = right.model_copy(update={"room_id": "labb"})
    deployed.put_event("bms.overridden", "BmsOverideChanged.v1", right.model_dump_json())
    deployed.put_event("bms.overridden", right.detail_type, nowhere.model_dump_json())
    deployed.put_event("bms.elsewhere", right.detail_type, right.model_dump_json())

    wanted = {
        "'BmsOverideChanged.v1' is no event of a BMS. Was it meant to be BmsOverrideChanged.v1?",
        "Site overridden has no room labb. `headcount site show` lists them.",
        (
            "bms.elsewhere cannot say BmsOverrideChanged.v1 of bms.overridden: "
            "its source has to be bms.overridden."
        ),
    }
    reasons: set[str] = set()

    def all_told() -> bool:
        reasons.update(deployed.take_reasons())
        return wanted <= reasons

    eventually(all_told)


def test_the_program_on_the_page_obeys_and_acknowledges(
    deployed: DeployedStage, tmp_path: Path
) -> None:
    room = deployed.room("integrated")
    with _running(deployed, tmp_path, "integrated") as printed:
        room.show(people=4)
        answers = room.await_heard(BmsCommandAcknowledged, GROUPS)

    assert {(one.device_group, one.level, one.accepted) for one in answers} == {
        ("ac", 1, True),
        ("lights", 2, True),
    }
    assert "write lab lights 2 12" in printed.read_text()


def test_an_api_destination_posts_what_the_page_says(deployed: DeployedStage) -> None:
    with _web_api() as (address, posted):
        _connect(deployed, address)
        beat = HEARTBEAT.model_copy(update={"site_id": "posted", "id": "posted-1"})
        deployed.put_event(beat.source, beat.detail_type, beat.model_dump_json())
        ((key, said),) = eventually(lambda: list(posted))

    assert key == "the-key"
    assert said["kind"] == "ControlHeartbeat.v1"
    assert ControlHeartbeat.model_validate(said["say"]) == beat


def _said(sample: BmsOverrideChanged, room: WatchedRoom, **differently: Any) -> BmsOverrideChanged:
    """Return what the sample says, of another room and of now."""
    now = room.filmed_from
    return sample.model_copy(
        update={"site_id": room.site_id, "until": None, "changed_at": now, **differently}
    )


def _is_overridden(deployed: DeployedStage, room: WatchedRoom) -> bool:
    table = (
        deployed.aws.session()
        .resource("dynamodb", endpoint_url=deployed.aws.endpoint_url)
        .Table(deployed.deployment.rooms_table_name)
    )
    state: ControlState | None = control_items(table)(room_key(room.site_id, room.room_id))
    return state is not None and state.groups["lights"].override is not None


@contextmanager
def _running(deployed: DeployedStage, folder: Path, site_id: str) -> Iterator[Path]:
    """Run the program of the page as its reader would; yield the file of what it prints."""
    program, printed = folder / "bms.py", folder / "printed.txt"
    program.write_text(PROGRAM)
    environment = {
        **os.environ,
        **deployed.aws.environment(),
        "SITE_ID": site_id,
        "BUS_NAME": deployed.deployment.bus_name,
        "BMS_COMMAND_QUEUE_URL": deployed.deployment.bms_command_queue_url,
    }
    with printed.open("w") as out:
        process = subprocess.Popen([sys.executable, str(program)], env=environment, stdout=out)
        try:
            yield printed
        finally:
            process.terminate()
            process.wait(timeout=60)


@contextmanager
def _web_api() -> Iterator[tuple[str, list[tuple[str, dict[str, Any]]]]]:
    """Serve a BMS's web API; yield its address and what is posted to it, with the key."""
    posted: list[tuple[str, dict[str, Any]]] = []

    class Api(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            posted.append((self.headers["x-api-key"], json.loads(body)))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Say nothing: the test looks at what is posted."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Api)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/headcount", posted
    finally:
        server.shutdown()
        server.server_close()


def _connect(deployed: DeployedStage, address: str) -> None:
    """Do what the page says to do: connection, destination, rule and target."""
    events = deployed.aws.client("events")
    connection = events.create_connection(
        Name="hq-bms",
        AuthorizationType="API_KEY",
        AuthParameters={
            "ApiKeyAuthParameters": {"ApiKeyName": "x-api-key", "ApiKeyValue": "the-key"}
        },
    )
    destination = events.create_api_destination(
        Name="hq-bms",
        ConnectionArn=connection["ConnectionArn"],
        HttpMethod="POST",
        InvocationEndpoint=address,
        InvocationRateLimitPerSecond=50,
    )
    bus = deployed.deployment.bus_name
    pattern = {
        "source": ["headcount.control"],
        "detail-type": ["BmsCommandRequested.v1", "ControlHeartbeat.v1"],
        "detail": {"site_id": ["posted"]},
    }
    events.put_rule(Name="hq-bms-api", EventBusName=bus, EventPattern=json.dumps(pattern))
    letters = Inbox(deployed.aws.client("sqs"), "undelivered-to-the-api")
    target = json.loads(TARGET)[0] | {
        "Arn": destination["ApiDestinationArn"],
        "RoleArn": "arn:aws:iam::000000000000:role/invokes-the-api",
        "DeadLetterConfig": {"Arn": letters.arn},
    }
    events.put_targets(Rule="hq-bms-api", EventBusName=bus, Targets=[target])
