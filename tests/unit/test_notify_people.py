"""notify_people: alerts in, messages that are right, once, out."""

from dataclasses import replace

import pytest

from functions.notify_people.handler import Adapters, notify
from headcount.domain.cameras import Camera
from headcount.domain.policy import Policy, Room
from headcount.domain.terms import Severity
from tests.fakes import FakeClock, FakeDirectory, FakeNoticeLog, FakeNotifier
from tests.samples import ALERT, CLEARED, NOON

ROOM = Room("hq", "lab", (Camera("door"),), policy=Policy(alert_cooldown_s=600))


@pytest.fixture
def to():
    return Adapters(
        directory=FakeDirectory([ROOM]),
        notices=FakeNoticeLog(),
        tell=FakeNotifier(),
        clock=FakeClock(NOON),
    )


def again(alert, number):
    return alert.model_copy(update={"id": f"{alert.id}-{number}"})


def test_people_are_told_what_where_and_when(to):
    notify(ALERT, to)

    message = to.tell.told[0]
    assert message.subject == "Headcount hq/lab: command refused"
    assert message.text.startswith(ALERT.message)
    assert "2026-03-02 12:00:00 UTC" in message.text


def test_subscribers_can_choose_by_site_room_kind_and_severity(to):
    notify(ALERT, to)

    assert to.tell.told[0].attributes == {
        "site_id": "hq",
        "room_id": "lab",
        "kind": "command_refused",
        "severity": "warning",
        "status": "raised",
    }


def test_an_alert_delivered_twice_is_told_once(to):
    notify(ALERT, to)
    notify(ALERT, to)

    assert len(to.tell.told) == 1


def test_an_alert_delivered_again_after_the_cooldown_is_not_told_again(to):
    notify(ALERT, to)
    to.clock.advance(600)
    notify(ALERT, to)

    assert len(to.tell.told) == 1


def test_the_same_alert_within_the_cooldown_is_not_told_again(to):
    for number in range(21):
        notify(again(ALERT, number), to)
        to.clock.advance(1)

    assert len(to.tell.told) == 1


def test_the_same_alert_after_the_cooldown_is_told_again(to):
    notify(ALERT, to)
    to.clock.advance(600)
    notify(again(ALERT, 2), to)

    assert len(to.tell.told) == 2


def test_a_graver_alert_does_not_wait_for_the_cooldown(to):
    notify(ALERT, to)
    notify(ALERT.model_copy(update={"id": "graver", "severity": Severity.CRITICAL}), to)

    assert len(to.tell.told) == 2


def test_people_are_told_when_the_topic_is_back(to):
    to.tell.down = True
    with pytest.raises(ConnectionError):
        notify(ALERT, to)
    to.tell.down = False

    notify(ALERT, to)

    assert len(to.tell.told) == 1


def test_a_warning_s_end_is_told(to):
    notify(ALERT, to)
    notify(CLEARED, to)

    assert to.tell.told[1].subject == "Headcount hq/lab: command refused is over"


def test_that_somebody_came_back_is_told_to_nobody(to):
    notify(CLEARED.model_copy(update={"severity": Severity.INFO}), to)

    assert to.tell.told == []


def test_an_alert_about_a_camera_alone_needs_no_room(to):
    to = replace(to, directory=FakeDirectory())

    notify(ALERT.model_copy(update={"room_id": None, "camera_id": "door"}), to)

    assert to.tell.told[0].attributes["room_id"] == ""


@pytest.mark.parametrize(
    ("kind", "begins", "ends"),
    [
        ("over_capacity", "more people than it is for", "no more people than it is for"),
        ("energy_excess", "more runs than its people need", "no more runs than they need"),
        (
            "unknown_at_close",
            "closed, and nobody can say whether it is empty",
            "settled whether it is empty",
        ),
    ],
)
def test_what_an_alert_is_about_reads_as_a_sentence(to, kind, begins, ends):
    notify(ALERT.model_copy(update={"kind": kind}), to)
    notify(CLEARED.model_copy(update={"kind": kind}), to)

    assert [message.subject for message in to.tell.told] == [
        f"Headcount hq/lab: {begins}",
        f"Headcount hq/lab: {ends}",
    ]
