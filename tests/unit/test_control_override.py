"""Somebody takes a device group into their own hands: theirs wins, until it ends."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headcount.domain.alerts import AlertKind
from headcount.domain.control_state import ControlState, OverrideNotice
from headcount.domain.terms import Trigger
from tests.building import AC, LIGHTS, NOON, OCCUPIED, POLICY, ROOM, UNKNOWN, VACANT, Building, at

HOUR = 3600
SHORT = replace(ROOM, policy=replace(POLICY, override_max_s=HOUR))


def running(building):
    return {name: group.level for name, group in building.state.groups.items()}


def test_nothing_is_commanded_for_what_somebody_has_in_hand():
    building = Building()
    building.hear(0, OCCUPIED, 4)
    building.take_in_hand(10, level=1, group="lights")

    assert building.hear(20, OCCUPIED, 10) == {"ac": 2}
    assert building.keep_hearing(60, 600, VACANT) == [(120, "ac", 0)]


def test_the_people_are_counted_all_the_while():
    building = Building()
    building.take_in_hand(0, level=4)
    building.hear(10, OCCUPIED, 7)
    known = building.state.occupancy

    assert known is not None
    assert (known.state, known.people) == (OCCUPIED, 7)


def test_a_notice_without_a_group_is_for_the_whole_room():
    building = Building()
    building.hear(0, OCCUPIED, 4)
    building.take_in_hand(10, level=1)

    assert running(building) == {"ac": 1, "lights": 1}
    assert building.hear(20, OCCUPIED, 10) == {}


def test_a_notice_without_a_level_leaves_what_runs():
    building = Building()
    building.hear(0, OCCUPIED, 4)
    building.take_in_hand(10)

    assert running(building) == {"ac": 1, "lights": 2}


def test_a_level_above_what_the_group_has_is_all_it_has():
    building = Building()
    building.take_in_hand(0, level=99, group="lights")

    assert running(building)["lights"] == 4


def test_who_is_in_the_dark_when_an_override_is_given_back_gets_light_at_once():
    building = Building()
    building.hear(0, OCCUPIED, 4)
    building.take_in_hand(10, level=0)

    assert building.give_back(20) == {"ac": 1, "lights": 2}
    assert building.commands[-1].trigger is Trigger.OVERRIDE


def test_an_override_ends_by_itself_and_control_is_awake_for_it():
    building = Building()
    building.hear(0, OCCUPIED, 4)
    building.take_in_hand(10, level=0, until=100)
    assert building.check_at == at(100)
    building.hear(50, OCCUPIED, 4)

    assert building.wait_until(99) == {}
    assert building.wait_until(100) == {"ac": 1, "lights": 2}


@pytest.mark.parametrize("until", [None, 5 * HOUR])
def test_an_override_that_nobody_ends_is_over_after_the_longest_that_is_allowed(until):
    building = Building(SHORT)
    building.hear(0, OCCUPIED, 4)
    building.take_in_hand(0, level=0, until=until)
    sent = building.keep_hearing(60, 2 * HOUR, OCCUPIED, 4)

    assert sent == [(HOUR, "ac", 1), (HOUR, "lights", 2)]


def test_what_was_left_on_in_an_empty_room_goes_off_a_hold_off_after_the_override():
    building = Building()
    building.hear(0, VACANT)
    building.take_in_hand(10, level=2, until=300)
    sent = building.keep_hearing(20, 500, VACANT, every_s=20)

    assert sent == [(360, "ac", 0), (360, "lights", 0)]


def test_an_override_in_the_past_changes_nothing():
    building = Building()
    building.hear(0, OCCUPIED, 4)
    before = building.state.groups
    building.take_in_hand(100, level=0, said=10, until=50)

    assert building.state.groups == before


def test_an_override_that_ends_before_it_starts_changes_nothing():
    building = Building()
    building.hear(0, OCCUPIED, 4)
    building.take_in_hand(100, level=0, said=90, until=80)

    assert running(building) == {"ac": 1, "lights": 2}


def test_an_older_notice_does_not_undo_a_newer_one():
    building = Building()
    building.hear(0, OCCUPIED, 4)
    building.give_back(30)
    building.take_in_hand(40, level=0, said=20)
    assert building.state.groups["lights"].override is None
    building.take_in_hand(50, level=1)
    building.give_back(60, said=45)

    assert running(building) == {"ac": 1, "lights": 1}


def test_the_same_notice_twice_is_one():
    building = Building()
    building.take_in_hand(10, level=1)
    once = building.state
    building.take_in_hand(20, level=1, said=10)

    assert building.state.groups == once.groups


def test_a_clock_that_is_ahead_does_not_keep_the_end_of_an_override_out():
    building = Building()
    building.hear(0, OCCUPIED, 4)
    building.take_in_hand(10, level=0, said=10 * HOUR)

    assert building.give_back(20) == {"ac": 1, "lights": 2}


def test_the_machine_that_somebody_stopped_rests_before_we_start_it():
    room = replace(ROOM, devices=(replace(AC, min_rest_s=300), LIGHTS))
    building = Building(room)
    building.hear(0, OCCUPIED, 4)
    building.take_in_hand(10, level=0)

    assert building.give_back(20) == {"lights": 2}
    building.hear(300, OCCUPIED, 4)
    assert building.wait_until(310) == {"ac": 1}


def test_a_command_that_waits_is_dropped_with_its_alert_when_somebody_takes_over():
    building = Building(acknowledges=False)
    building.hear(0, OCCUPIED, 4)
    for seconds in (10, 20, 30):
        building.wait_until(seconds)
    building.take_in_hand(40, level=2)

    assert building.cleared == [AlertKind.COMMAND_UNACKNOWLEDGED] * 2
    assert building.wait_until(60) == {}


def test_a_vacancy_alert_says_what_is_not_switched_off():
    building = Building()
    building.hear(0, VACANT)
    building.take_in_hand(10, level=2, group="lights")
    building.wait_until(60)
    (alert,) = building.state.alerts.values()

    assert alert.message.endswith("switched off, save what is overridden: lights.")


def test_a_long_reason_is_cut():
    notice = OverrideNotice("lights", 1, True, None, "x" * 100_000, NOON, "")
    building = Building()
    building.override(0, notice)

    held = building.state.groups["lights"].override

    assert held is not None
    assert len(held.reason) == 200


def test_a_level_below_nothing_is_refused():
    with pytest.raises(ValueError, match="level is -1"):
        OverrideNotice("lights", -1, True, None, "", NOON, "")


steps = st.lists(
    st.tuples(
        st.integers(1, 200),
        st.sampled_from([OCCUPIED, VACANT, UNKNOWN, "take", "give"]),
        st.integers(0, 9),
    ),
    max_size=40,
)


@given(steps)
def test_no_command_is_sent_while_an_override_is_in_force(script):
    building, seconds, until = Building(SHORT), 0, None
    for wait_s, what, number in script:
        seconds += wait_s
        if what == "take":
            sent = building.take_in_hand(seconds, level=number, until=seconds + 500)
            until = seconds + 500
        elif what == "give":
            until = None
            sent = building.give_back(seconds)
        else:
            sent = building.hear(seconds, what, number)
        if until is not None and seconds < until:
            assert sent == {}


def test_a_room_never_decided_before_can_be_taken_in_hand():
    building = Building()
    building.take_in_hand(0)

    assert building.state != ControlState()
    assert running(building) == {"ac": None, "lights": None}
