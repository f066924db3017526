"""The demo's page: what it draws, and that nothing in it is taken for markup."""

import re
from datetime import timedelta
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from headcount.domain.terms import OccupancyState
from headcount.events import BmsCommandRequested, RoomOccupancyChanged
from local.demo.page import Axes, write_page
from local.demo.recording import FragmentTally, Recording, summarise
from tests.samples import ALERT, COMMAND, FRAMES_COUNTED, NOON, OCCUPANCY_CHANGED

SECONDS = 20.0
ROOM = OCCUPANCY_CHANGED.room_id


def a_change(revision: int, at_s: float, **fields: Any) -> RoomOccupancyChanged:
    observed_at = NOON + timedelta(seconds=at_s)
    return OCCUPANCY_CHANGED.model_copy(
        update={"id": str(revision), "revision": revision, "observed_at": observed_at, **fields}
    )


def a_command(level: int, at_s: float, **fields: Any) -> BmsCommandRequested:
    requested_at = NOON + timedelta(seconds=at_s)
    return COMMAND.model_copy(
        update={"id": f"{level}-{at_s}", "level": level, "requested_at": requested_at, **fields}
    )


def page_of(folder: Path, recording: Recording, **changed: Any) -> str:
    """Return the page of a run of twenty seconds; `changed` replaces parts of its summary."""
    summary = summarise(
        recording,
        rooms={ROOM: ["door"]},
        tallies=[FragmentTally("door", 1, 1, frozenset())],
        athena={"sql": "SELECT 1", "rows": []},
    )
    path = folder / "new/page.html"
    write_page(
        path,
        summary={**summary, **changed},
        recording=recording,
        started_at=NOON,
        seconds=SECONDS,
        truth={ROOM: lambda at_s: 4 if at_s < 10 else None},
    )
    return path.read_text()


def charts_of(page: str) -> list[ElementTree.Element]:
    """Return the page's drawings; a mistake in one is no well-formed XML."""
    drawings = re.findall(r"<svg.*?</svg>", page, re.DOTALL)
    return [ElementTree.fromstring(drawing) for drawing in drawings]


@pytest.fixture
def recording() -> Recording:
    heard = Recording()
    for event in (
        FRAMES_COUNTED,
        a_change(1, 1),
        a_change(2, 12, state=OccupancyState.VACANT, people_estimate=0, people_high=0),
        a_command(2, 1.5),
        a_command(0, 15),
        ALERT,
    ):
        heard.hear(event)
    return heard


def test_a_room_called_script_stays_text(tmp_path: Path, recording: Recording) -> None:
    evil = "<script>alert(1)</script>"
    room = {
        "room_id": evil, "camera_ids": [evil], "frames_sampled": 1, "faces_median": 1,
        "people_estimate": 1, "states": [evil],
    }  # fmt: skip
    command = {
        "room_id": evil, "device_group": evil, "level": 1, "reason": evil,
        "requested_at": NOON.isoformat(), "acknowledged_at": None,
    }  # fmt: skip

    page = page_of(
        tmp_path,
        recording,
        rooms=[room],
        commands=[command],
        alerts=[{"kind": evil, "room_id": evil, "at": NOON.isoformat()}],
        athena={"sql": evil, "rows": [{evil: evil}]},
    )

    assert "<script" not in page
    assert page.count("&lt;script&gt;") >= 10


def test_evidence_with_quotes_does_not_leave_its_drawing(
    tmp_path: Path, recording: Recording
) -> None:
    recording.hear(a_change(3, 16, evidence='</title></svg><b onload="x">'))

    (chart,) = charts_of(page_of(tmp_path, recording))

    assert not chart.findall(".//b")


def test_states_other_than_occupied_are_shaded_for_as_long_as_they_held(
    tmp_path: Path, recording: Recording
) -> None:
    (chart,) = charts_of(page_of(tmp_path, recording))

    (vacant,) = (rect for rect in chart.iter("rect") if rect.get("fill") == "var(--vacant)")
    axes = Axes(SECONDS, 4)
    assert float(vacant.get("x", "")) == axes.x(12)
    assert float(vacant.get("width", "")) == pytest.approx(axes.x(20) - axes.x(12))


def test_a_group_of_devices_has_a_bar_for_each_level_it_was_told(
    tmp_path: Path, recording: Recording
) -> None:
    recording.hear(a_command(2, 2.5, id="again", attempt=2))

    (chart,) = charts_of(page_of(tmp_path, recording))

    bars = [rect for rect in chart.iter("rect") if rect.get("height") == "8"]
    assert [bar.get("fill") for bar in bars] == ["var(--run)", "var(--line)"]


def test_only_known_truth_is_drawn(tmp_path: Path, recording: Recording) -> None:
    (chart,) = charts_of(page_of(tmp_path, recording))

    assert len(list(chart.iter("circle"))) == 50


def test_what_was_not_acknowledged_says_so(tmp_path: Path, recording: Recording) -> None:
    assert page_of(tmp_path, recording).count("<td>no</td>") == 2


def test_a_run_in_which_nothing_happened_has_a_page(tmp_path: Path) -> None:
    page = page_of(tmp_path, Recording())

    assert len(charts_of(page)) == 1
    assert page.count("None.</td>") == 2
    assert "No rows.</td>" in page


def test_a_moment_outside_of_the_run_stays_inside_of_the_chart() -> None:
    axes = Axes(SECONDS, 4)

    assert axes.x(-3) == axes.x(0)
    assert axes.x(99) == axes.x(SECONDS)
    assert axes.y(4) < axes.y(0)
