"""Commands are held against the machines they are for, and the answers they got."""

import pytest

from headcount.domain.policy import DeviceGroup
from headcount.domain.terms import Trigger
from headcount.events import Detail
from headcount.verification.properties import verify_room
from tests.event_rows import (
    ATTEMPTS,
    OCCUPIED,
    ON,
    a_clearing,
    a_command,
    a_log,
    a_room,
    an_alert,
    an_answer,
    an_override,
    at,
    check,
    told,
)

PROTECTED = a_room(lights=DeviceGroup("lights", "lighting", 4, min_run_s=300, min_rest_s=200))


def test_a_machine_that_ran_and_rested_is_kept() -> None:
    row = [a_command(0, 0), a_command(200, 2), a_command(500, 0), a_command(700, 2)]
    found = check("run-and-rest", *row, room=PROTECTED)

    assert (found.checked, found.violations) == (2, ())


def test_one_that_did_not_is_broken() -> None:
    row = [a_command(0, 0), a_command(200, 2), a_command(499, 0), a_command(698, 2)]
    found = check("run-and-rest", *row, room=PROTECTED)

    assert [one.says for one in found.violations] == [
        "lights went to 0 when it had run for 299 s; at least 300 s are asked",
        "lights went to 2 when it had rested for 199 s; at least 200 s are asked",
    ]


def test_what_somebody_else_switched_counts_and_is_not_blamed() -> None:
    row = [a_command(0, 0), a_command(200, 2), an_override(250, 0), a_command(300, 2)]
    found = check("run-and-rest", *row, room=PROTECTED)

    assert [one.at for one in found.violations] == [at(300)]


def test_as_often_as_allowed_is_kept() -> None:
    row = [a_command(900 * number, number % 2) for number in range(9)]
    found = check("switching-bound", *row)

    assert (found.checked, found.violations) == (9, ())


def test_once_more_within_an_hour_is_broken() -> None:
    row = [a_command(899 * number, number % 2) for number in range(5)]
    (broken,) = check("switching-bound", *row).violations

    assert "5 times within 60 minutes; 4 in an hour are allowed" in broken.says
    assert len(broken.event_ids) == 5


def test_a_retry_is_no_switching() -> None:
    row = [a_command(10 * number, 2, key="one", attempt=number + 1) for number in range(3)]

    assert check("switching-bound", *row).checked == 1


END = told(2000, OCCUPIED, 3)


def test_an_acknowledged_command_is_kept() -> None:
    found = check("answered", ON, an_answer(ON, 1), END)

    assert (found.checked, found.violations) == (1, ())


def test_silence_is_broken_and_names_every_attempt() -> None:
    (broken,) = check("answered", *ATTEMPTS, END).violations

    assert broken.event_ids == ("one/1", "one/2", "one/3")


@pytest.mark.parametrize(
    "ending",
    [
        an_alert(95, "command_unacknowledged"),
        an_alert(-50, "command_unacknowledged"),
        a_command(80, 4),
        an_override(80, 1),
    ],
    ids=["somebody was told", "was told before", "overtaken", "taken in hand"],
)
def test_an_alert_or_a_newer_will_is_an_answer(ending: Detail) -> None:
    events = [*ATTEMPTS, ending, END]
    broken = check("answered", *events).violations

    assert [one for one in broken if one.event_ids[0] == "one/1"] == []


@pytest.mark.parametrize(
    "ending",
    [
        [an_alert(95, "room_vacant")],
        [an_alert(95, "command_unacknowledged", "ac")],
        [an_alert(-90, "command_refused"), a_clearing(an_alert(-90, "command_refused"), -5)],
        [an_alert(1500, "command_unacknowledged")],
    ],
    ids=["of something else", "of another group", "cleared before", "too late"],
)
def test_another_alert_is_none(ending: list[Detail]) -> None:
    assert len(check("answered", *ATTEMPTS, *ending, END).violations) == 1


def test_the_log_may_end_before_anybody_could_give_up() -> None:
    assert check("answered", *ATTEMPTS, told(100, OCCUPIED, 3)).checked == 0


def test_attempts_of_one_command_are_kept() -> None:
    row = ATTEMPTS
    found = check("one-effect", *row, row[1])

    assert (found.checked, found.violations) == (3, ())


@pytest.mark.parametrize(
    ("second", "says"),
    [
        (a_command(30, 4, key="one", attempt=2, expires_s=900), "something else"),
        (a_command(30, 2, key="one", attempt=2), "something else"),
        (a_command(900, 2, key="one", attempt=2, expires_s=900), "when it had expired"),
        (a_command(30, 2, key="one", attempt=3, expires_s=900), "as number 2"),
        (a_command(30, 2, key="two", trigger=Trigger.RETRY), "a key of its own"),
    ],
)
def test_one_that_differs_is_broken(second: Detail, says: str) -> None:
    found = check("one-effect", a_command(0, 2, key="one"), second)

    assert any(says in one.says for one in found.violations)


def test_more_attempts_than_allowed_are_broken() -> None:
    row = [a_command(30 * n, 2, key="one", attempt=n + 1, expires_s=900) for n in range(4)]

    assert [one.event_ids[0] for one in check("one-effect", *row).violations] == ["one/4"]


def test_a_command_from_an_old_observation_is_broken() -> None:
    old = told(1000, OCCUPIED, 3, observed_s=0)
    command = a_command(1001, 2, correlation_id=old.correlation_id)
    (broken,) = check("one-effect", old, command).violations

    assert "1001 s old" in broken.says


def test_a_command_from_the_archive_is_broken() -> None:
    word = told(1000, OCCUPIED, 3)
    command = a_command(1001, 2, correlation_id=word.correlation_id)
    log = a_log(command)
    log.hear(word, replayed=True)
    (broken,) = verify_room(log, a_room())["one-effect"].violations

    assert "archive" in broken.says
    assert verify_room(a_log(word, command), a_room())["one-effect"].violations == ()
