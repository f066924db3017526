"""A record that fails comes back alone; one that no retry helps is kept with its reason."""

import json

import pytest
from aws_lambda_powertools.utilities.typing import LambdaContext

from headcount.batch import bus_event, each_record, whole_batch
from headcount.errors import ModelError, PoisonRecordError, RetiredError
from headcount.events import AlertCleared, AlertRaised
from tests.fakes import FakeDeadLetters
from tests.samples import ALERT, on_the_bus

CONTEXT = LambdaContext()


@pytest.fixture
def dead_letters():
    return FakeDeadLetters()


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


def test_each_record_reaches_the_story_as_its_model(dead_letters):
    told: list[object] = []
    event = queue_event(one=on_the_bus(ALERT))

    response = each_record(event, CONTEXT, bus_event(AlertRaised), told.append, dead_letters)

    assert (failures(response), told) == ([], [ALERT])


def test_one_bad_record_does_not_fail_its_batch(dead_letters):
    told: list[object] = []
    event = queue_event(bad="{", good=on_the_bus(ALERT), strange='{"detail": 1}')

    response = each_record(event, CONTEXT, bus_event(AlertRaised), told.append, dead_letters)

    assert (failures(response), told) == ([], [ALERT])
    assert [body for body, _reason in dead_letters.kept] == ["{", '{"detail": 1}']


def test_what_no_retry_can_help_is_kept_at_once_as_it_came_with_its_reason(dead_letters):
    wrong = on_the_bus(ALERT).replace('"warning"', '"dreadful"')

    each_record(queue_event(one=wrong), CONTEXT, bus_event(AlertRaised), print, dead_letters)

    ((body, reason),) = dead_letters.kept
    assert body == wrong
    assert reason.startswith("AlertRaised.v1 cannot be read: severity: Input should be")


def test_a_record_that_cannot_be_kept_comes_back_instead(dead_letters):
    dead_letters.down = True

    one_by_one = each_record(
        queue_event(a="{"), CONTEXT, bus_event(AlertRaised), print, dead_letters
    )
    together = whole_batch(
        queue_event(a="{"), bus_event(AlertRaised), lambda _alerts: {}, dead_letters
    )

    assert (failures(one_by_one), failures(together)) == (["a"], ["a"])


def test_a_batch_in_which_all_fail_is_reported_like_any_other(dead_letters):
    def refuse(_alert):
        raise ModelError("the endpoint is down")

    event = queue_event(a=on_the_bus(ALERT), b=on_the_bus(ALERT))

    response = each_record(event, CONTEXT, bus_event(AlertRaised), refuse, dead_letters)

    assert failures(response) == ["a", "b"]


def test_the_story_s_error_brings_the_record_back(dead_letters):
    def refuse(_alert):
        raise ModelError("the endpoint is down")

    response = each_record(
        queue_event(one=on_the_bus(ALERT)), CONTEXT, bus_event(AlertRaised), refuse, dead_letters
    )

    assert (failures(response), dead_letters.kept) == (["one"], [])


def test_the_reason_names_fields_and_repeats_no_payload(caplog, dead_letters):
    secret = on_the_bus(ALERT).replace('"warning"', '"face-of-a-person"')

    each_record(queue_event(one=secret), CONTEXT, bus_event(AlertRaised), print, dead_letters)

    logged = str([vars(record) for record in caplog.records])
    assert "face-of-a-person" not in dead_letters.kept[0][1]
    assert "severity" in logged
    assert "PoisonRecordError" in logged
    assert "face-of-a-person" not in logged


def test_a_replayed_event_is_left_out():
    replayed = json.loads(on_the_bus(ALERT)) | {"replay-name": "last-week"}

    assert bus_event(AlertRaised)(json.dumps(replayed)) is None


def test_an_event_of_another_kind_is_poison():
    with pytest.raises(PoisonRecordError, match="event pattern"):
        bus_event(AlertCleared)(on_the_bus(ALERT))


def test_an_event_from_another_source_than_its_own_is_poison():
    with pytest.raises(PoisonRecordError, match=r"has to be headcount\.alerts"):
        bus_event(AlertRaised)(on_the_bus(ALERT, "bms.hq"))


def test_a_whole_batch_is_one_story_and_reports_what_it_returns(dead_letters):
    told: list[object] = []

    def story(wanted):
        told.append(dict(wanted))
        return {"b": ModelError("no"), "d": PoisonRecordError("never")}

    alert = on_the_bus(ALERT)
    event = queue_event(a=alert, b=alert, c="{", d=alert)

    response = whole_batch(event, bus_event(AlertRaised), story, dead_letters)

    assert told == [{"a": ALERT, "b": ALERT, "d": ALERT}]
    assert failures(response) == ["b"]
    assert [body for body, _reason in dead_letters.kept] == ["{", alert]


def test_what_is_about_a_retired_room_is_left_out_and_does_not_come_back(caplog, dead_letters):
    def story(_alert):
        raise RetiredError("site hq has no room lab")

    event = queue_event(one=on_the_bus(ALERT))

    one_by_one = each_record(event, CONTEXT, bus_event(AlertRaised), story, dead_letters)
    together = whole_batch(
        event,
        bus_event(AlertRaised),
        lambda wanted: {name: RetiredError("site hq has no room lab") for name in wanted},
        dead_letters,
    )

    assert (failures(one_by_one), failures(together), dead_letters.kept) == ([], [], [])
    assert [record.getMessage() for record in caplog.records] == ["record left out"] * 2
