"""What the demo says of its rooms while the clips play."""

import io
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from unittest.mock import create_autospec

import pytest
from rich.console import Console

from headcount.site import Site
from local.bms import BuildingManagementSystem
from local.demo.recording import Recording
from local.demo.steps import Steps
from local.demo.table import watch
from tests.samples import ALERT, COMMAND, OCCUPANCY_CHANGED

SITE = Site.model_validate(
    {
        "id": "hq",
        "name": "Head office",
        "time_zone": "Europe/Berlin",
        "rooms": [
            {
                "id": "lab",
                "capacity": 8,
                "cameras": [{"id": "door"}],
                "device_groups": [{"id": "lights", "kind": "lighting", "max_level": 4}],
            }
        ],
    }
)


@pytest.fixture
def bms() -> BuildingManagementSystem:
    absent = create_autospec(object)
    return BuildingManagementSystem(commands_url="", bus_name="", sqs=absent, events=absent)


def shown(
    recording: Recording,
    bms: BuildingManagementSystem,
    *,
    terminal: bool,
    troubles: Sequence[str] = (),
) -> str:
    console = Console(file=io.StringIO(), force_terminal=terminal, width=160, color_system=None)
    watch(console, SITE, recording, bms, seconds=0.01, troubles=lambda: troubles)
    written = console.file
    assert isinstance(written, io.StringIO)
    return written.getvalue()


@pytest.mark.parametrize("terminal", [True, False])
def test_a_room_that_nobody_has_looked_into_has_a_row(
    bms: BuildingManagementSystem, terminal: bool
) -> None:
    said = shown(Recording(), bms, terminal=terminal)

    assert "lab" in said
    assert "lights ?/4" in said


@pytest.mark.parametrize("terminal", [True, False])
def test_a_row_says_who_is_there_and_what_runs(
    bms: BuildingManagementSystem, terminal: bool
) -> None:
    now = datetime.now(UTC)
    recording = Recording()
    recording.hear(OCCUPANCY_CHANGED)
    recording.hear(COMMAND.model_copy(update={"requested_at": now}))
    bms.obey(COMMAND.model_copy(update={"expires_at": now + timedelta(minutes=1)}), now)

    said = shown(recording, bms, terminal=terminal)

    for part in ("4 (4-8)", "OCCUPIED", "lights 2/4", "lights → 2, 0 s ago"):
        assert part in said


def test_alerts_and_troubles_stand_below_the_table(bms: BuildingManagementSystem) -> None:
    recording = Recording()
    recording.hear(ALERT)

    said = shown(recording, bms, terminal=True, troubles=["door: [gone] for good"])

    assert f"alert  12:00:00 {ALERT.message}" in said
    assert "!  door: [gone] for good" in said


def test_news_with_brackets_is_shown_as_it_is() -> None:
    console = Console(file=io.StringIO(), force_terminal=True, width=120, color_system=None)
    steps = Steps(console, total=2)

    with steps.step("Deploying") as news:
        news("asset [/opt/layer] [bold]uploaded[/]")

    written = console.file
    assert isinstance(written, io.StringIO)
    assert "[1/2] Deploying: 0.0 s" in written.getvalue()
