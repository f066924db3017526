"""What docs/bms.md shows an integrator is what Headcount reads and says."""

import json
import re
from pathlib import Path

import pytest

from headcount.bms_events import BMS_EVENTS
from headcount.events import ALL_EVENTS

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/bms.md").read_text(encoding="utf-8")
MODELS = {event.detail_type: event for event in ALL_EVENTS}
SHOWN = dict(re.findall(r"^### (\w+\.v1)\n.*?^```json\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE))
PROGRAMS = re.findall(r"^```python\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)


def test_every_event_of_a_bms_is_shown_and_every_one_for_it():
    for_it = {"BmsCommandRequested.v1", "ControlHeartbeat.v1", "RoomChecked.v1"}

    assert set(SHOWN) == {event.detail_type for event in BMS_EVENTS} | for_it


@pytest.mark.parametrize("detail_type", SHOWN)
def test_an_event_on_the_page_is_the_golden_one(detail_type):
    golden = ROOT / f"tests/contract/golden/{detail_type}.json"
    shown = json.loads(SHOWN[detail_type])

    assert MODELS[detail_type].model_validate(shown).model_dump(mode="json") == shown
    assert shown == json.loads(golden.read_text(encoding="utf-8"))


def test_every_other_json_on_the_page_can_be_read():
    for block in re.findall(r"^```json\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE):
        assert json.loads(block)


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda text: text.splitlines()[0])
def test_a_program_on_the_page_is_python(program):
    assert compile(program, "docs/bms.md", "exec")
