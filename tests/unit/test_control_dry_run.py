"""A dry run proposes what would be commanded, and commands nothing."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from headcount.domain.alerts import AlertKind
from headcount.domain.terms import Trigger
from tests.building import OCCUPIED, ROOM, UNKNOWN, VACANT, Building, levels

DRY = replace(ROOM, policy=replace(ROOM.policy, dry_run=True))


def test_a_dry_run_proposes_and_commands_nothing():
    building = Building(DRY)
    building.hear(0, OCCUPIED, 4)

    assert building.commands == []
    assert levels(building.proposed) == {"ac": 1, "lights": 2}
    assert [one.attempt for one in building.proposed] == [1, 1]


def test_a_proposal_waits_for_no_answer_and_alerts_nobody():
    building = Building(DRY)
    building.hear(0, OCCUPIED, 4)
    for seconds in range(10, 200, 10):
        building.wait_until(seconds)

    assert len(building.proposed) == 2
    assert building.raised == []


steps = st.lists(
    st.tuples(st.integers(1, 90), st.sampled_from([OCCUPIED, VACANT, UNKNOWN]), st.integers(1, 9)),
    max_size=40,
)


@given(steps)
def test_the_proposals_are_what_would_have_been_commanded(script):
    dry, real, seconds = Building(DRY), Building(), 0
    for wait_s, heard, people in script:
        seconds += wait_s
        dry.hear(seconds, heard, people)
        real.hear(seconds, heard, people)

    assert dry.proposed == real.commands
    assert dry.commands == []


def test_a_dry_run_gives_back_once_what_was_commanded():
    building = Building()
    building.hear(0, OCCUPIED, 4)
    building.commands.clear()
    building.room = DRY
    building.wait_until(10)
    building.wait_until(20)

    given_back = [(one.device_group, one.relinquish, one.priority) for one in building.commands]
    assert given_back == [("ac", True, 10), ("lights", True, 12)]
    assert {one.trigger for one in building.commands} == {Trigger.POLICY}
    assert building.proposed == []


def test_a_dry_run_from_the_first_day_has_nothing_to_give_back():
    building = Building(DRY)
    building.wait_until(0)

    assert (building.commands, building.proposed) == ([], [])


def test_giving_back_is_asked_again_and_ends_in_an_alert_like_any_command():
    building = Building()
    building.hear(0, OCCUPIED, 4)
    building.acknowledges, building.room = False, DRY
    building.commands.clear()
    for seconds in (10, 20, 30, 40):
        building.wait_until(seconds)

    assert [one.attempt for one in building.commands] == [1, 1, 2, 2, 3, 3]
    assert len({one.idempotency_key for one in building.commands}) == 2
    assert building.raised == [AlertKind.COMMAND_UNACKNOWLEDGED] * 2
    messages = [alert.message for alert in building.state.alerts.values()]
    assert "has not acknowledged ac to take it back" in messages[0]


def test_giving_back_goes_on_while_proposals_are_made():
    building = Building()
    building.hear(0, OCCUPIED, 4)
    building.acknowledges, building.room = False, DRY
    building.commands.clear()
    building.wait_until(10)
    building.hear(15, OCCUPIED, 10)
    building.wait_until(20)

    assert levels(building.proposed) == {"ac": 2, "lights": 4}
    assert all(one.relinquish for one in building.commands)
    assert len(building.commands) == 4


def test_a_command_that_nobody_answered_is_no_longer_asked_for_in_a_dry_run():
    building = Building(acknowledges=False)
    building.hear(0, OCCUPIED, 4)
    for seconds in (10, 20, 30):
        building.wait_until(seconds)
    building.acknowledges, building.room = True, DRY
    building.wait_until(40)
    building.wait_until(50)

    assert building.cleared == [AlertKind.COMMAND_UNACKNOWLEDGED] * 2


def test_when_a_dry_run_ends_the_room_is_commanded_anew():
    building = Building(DRY)
    building.hear(0, OCCUPIED, 4)
    building.room = ROOM

    assert building.wait_until(10) == {"ac": 1, "lights": 2}
    assert not any(one.relinquish for one in building.commands)


def test_when_a_dry_run_ends_in_an_unknown_room_nothing_is_switched():
    building = Building(DRY)
    building.hear(0, OCCUPIED, 4)
    building.hear(5, UNKNOWN)
    building.room = ROOM

    assert building.wait_until(10) == {}


def test_an_override_outlives_the_end_of_a_dry_run():
    building = Building(DRY)
    building.hear(0, OCCUPIED, 4)
    building.take_in_hand(5, level=0, group="lights")
    building.room = ROOM

    assert building.wait_until(10) == {"ac": 1}
    assert building.give_back(20) == {"lights": 2}


def test_a_vacancy_alert_in_a_dry_run_does_not_say_that_anything_was_switched():
    building = Building(DRY)
    building.hear(0, VACANT)
    building.wait_until(60)
    (alert,) = building.state.alerts.values()

    assert alert.message == "Nobody is in room lab. Its devices are left as they are."
