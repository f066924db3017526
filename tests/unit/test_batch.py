"""A record that fails comes back alone, with its reason in the log and its payload not."""

import json

import pytest
from aws_lambda_powertools.utilities.typing import LambdaContext

from headcount.batch import bus_event, each_record, whole_batch
from headcount.causes import RoomCheckDue, Tick, read_cause
from headcount.errors import ModelError, PoisonRecordError, RetiredError
from headcount.events import AlertCleared, AlertRaised, BmsCommandAcknowledged
from tests.samples import ACKNOWLEDGED, ALERT, on_the_bus

CONTEXT = LambdaContext()


def queue_event(**bodies):
    """Return what Lambda hands over for a batch: message id -> body."""
    return {
        "Records": [
            {"messageId": name, "body": body, "eventSource": "aws:sqs", "attributes": {}}
            for name, body in bodies.items()
        ]
    }


def failures(response):
    return [item["itemIdentifier"] for item in response["batchItemFailures"]]


def test_each_record_reaches_the_story_as_its_model():
    told: list[object] = []
    event = queue_event(one=on_the_bus(ALERT))

    response = each_record(event, CONTEXT, bus_event(AlertRaised), told.append)

    assert (failures(response), told) == ([], [ALERT])


def test_one_bad_record_does_not_fail_its_batch():
    told: list[object] = []
    event = queue_event(bad="{", good=on_the_bus(ALERT), strange='{"detail": 1}')

    response = each_record(event, CONTEXT, bus_event(AlertRaised), told.append)

    assert (failures(response), told) == (["bad", "strange"], [ALERT])


def test_a_batch_in_which_all_fail_is_reported_like_any_other():
    response = each_record(queue_event(a="{", b="{"), CONTEXT, bus_event(AlertRaised), print)

    assert failures(response) == ["a", "b"]


def test_the_story_s_error_brings_the_record_back():
    def refuse(_alert):
        raise ModelError("the endpoint is down")

    response = each_record(
        queue_event(one=on_the_bus(ALERT)), CONTEXT, bus_event(AlertRaised), refuse
    )

    assert failures(response) == ["one"]


def test_the_reason_names_fields_and_repeats_no_payload(caplog):
    secret = on_the_bus(ALERT).replace('"warning"', '"face-of-a-person"')

    each_record(queue_event(one=secret), CONTEXT, bus_event(AlertRaised), print)

    logged = str([vars(record) for record in caplog.records])
    assert "severity" in logged
    assert "PoisonRecordError" in logged
    assert "face-of-a-person" not in logged


def test_a_replayed_event_is_left_out():
    replayed = json.loads(on_the_bus(ALERT)) | {"replay-name": "last-week"}

    assert bus_event(AlertRaised)(json.dumps(replayed)) is None


def test_an_event_of_another_kind_is_poison():
    with pytest.raises(PoisonRecordError, match="event pattern"):
        bus_event(AlertCleared)(on_the_bus(ALERT))


def test_a_whole_batch_is_one_story_and_reports_what_it_returns():
    told: list[object] = []

    def story(wanted):
        told.append(dict(wanted))
        return {"b": ModelError("no")}

    response = whole_batch(
        queue_event(a=on_the_bus(ALERT), b=on_the_bus(ALERT), c="{"),
        bus_event(AlertRaised),
        story,
    )

    assert told == [{"a": ALERT, "b": ALERT}]
    assert failures(response) == ["c", "b"]


def test_what_is_about_a_retired_room_is_left_out_and_does_not_come_back(caplog):
    def story(_alert):
        raise RetiredError("site hq has no room lab")

    one_by_one = each_record(
        queue_event(one=on_the_bus(ALERT)), CONTEXT, bus_event(AlertRaised), story
    )
    together = whole_batch(
        queue_event(one=on_the_bus(ALERT)),
        bus_event(AlertRaised),
        lambda wanted: {name: RetiredError("site hq has no room lab") for name in wanted},
    )

    assert (failures(one_by_one), failures(together)) == ([], [])
    assert [record.getMessage() for record in caplog.records] == ["record left out"] * 2


def test_control_wakes_for_events_for_ticks_and_for_what_it_asked_for():
    check = RoomCheckDue(site_id="hq", room_id="lab", due_at=ALERT.raised_at)
    tick = json.loads(on_the_bus(ALERT)) | {"detail-type": "Scheduled Event", "detail": {}}

    assert isinstance(read_cause(on_the_bus(ACKNOWLEDGED, "bms.hq")), BmsCommandAcknowledged)
    assert isinstance(read_cause(json.dumps(tick)), Tick)
    assert read_cause(check.model_dump_json()) == check


def test_a_bms_cannot_answer_for_another_site():
    with pytest.raises(PoisonRecordError, match=r"has to be bms\.hq"):
        read_cause(on_the_bus(ACKNOWLEDGED, "bms.elsewhere"))
