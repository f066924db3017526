"""The contracts on the bus change only on purpose, and what is written about them is fresh."""

import json
from pathlib import Path

import pytest

from headcount.events import ALL_EVENTS
from headcount.identifiers import deterministic_id
from ops.events import documents
from tests.samples import ALL_SAMPLES

ROOT = Path(__file__).parents[2]
GOLDEN = Path(__file__).parent / "golden"
EVENTS = {event.detail_type: event for event in ALL_EVENTS}


@pytest.mark.parametrize("path", documents(), ids=str)
def test_what_is_generated_from_the_events_is_fresh(path):
    assert (ROOT / path).read_text(encoding="utf-8") == documents()[path], "run `make events`"


def test_no_schema_is_left_of_an_event_that_is_gone():
    schemas = {path.stem for path in (ROOT / "tests/contract/schemas").glob("*.json")}

    assert schemas == set(EVENTS)


@pytest.mark.parametrize("detail_type", EVENTS)
def test_a_golden_event_is_read_and_written_back_the_same(detail_type):
    golden = json.loads((GOLDEN / f"{detail_type}.json").read_text(encoding="utf-8"))

    event = EVENTS[detail_type].model_validate(golden)

    assert event.model_dump(mode="json") == golden


@pytest.mark.parametrize("sample", ALL_SAMPLES, ids=lambda sample: sample.detail_type)
def test_a_field_that_a_reader_does_not_know_is_ignored(sample):
    newer = sample.model_dump(mode="json") | {"added_later": 1}

    assert type(sample).model_validate(newer) == sample


def test_a_time_without_a_zone_is_refused():
    naive = ALL_SAMPLES[0].model_dump(mode="json") | {"captured_at": "2026-03-02T12:00:00"}

    with pytest.raises(ValueError, match="captured_at"):
        EVENTS["FramesCounted.v1"].model_validate(naive)


def test_ids_tell_apart_what_joined_text_would_not():
    assert deterministic_id("a", "bc") != deterministic_id("ab", "c")
    assert deterministic_id("a", 1) == deterministic_id("a", "1")
