"""Up at once, down after the hold-off, and never off for want of knowing."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from headcount.domain.alerts import AlertKind
from headcount.domain.control import acknowledge, decide
from headcount.domain.control_state import Acknowledgement, ControlState, Occupancy
from headcount.domain.terms import Trigger, WhenEmpty
from tests.building import (
    AC,
    LIGHTS,
    NOON,
    OCCUPIED,
    POLICY,
    ROOM,
    UNKNOWN,
    VACANT,
    Building,
    at,
)


def test_four_people_get_one_air_conditioner_and_two_lights_at_once():
    assert Building().hear(0, OCCUPIED, 4) == {"ac": 1, "lights": 2}


def test_ten_people_get_two_air_conditioners_and_four_lights_at_once():
    building = Building()
    building.hear(0, OCCUPIED, 4)

    assert building.hear(1, OCCUPIED, 10) == {"ac": 2, "lights": 4}


def test_the_same_input_twice_gives_no_new_command():
    building = Building()
    building.hear(0, OCCUPIED, 4)

    assert building.hear(0, OCCUPIED, 4) == {}


def test_fewer_people_lower_the_levels_only_after_the_hold_off():
    building = Building()
    building.hear(0, OCCUPIED, 10)

    assert building.hear(10, OCCUPIED, 4) == {}
    assert building.check_at == at(70)
    assert building.wait_until(69) == {}
    assert building.wait_until(70) == {"ac": 1, "lights": 2}


def test_people_who_come_back_within_the_hold_off_stop_the_lowering():
    building = Building()
    building.hear(0, OCCUPIED, 10)
    building.hear(10, OCCUPIED, 4)
    building.hear(60, OCCUPIED, 10)
    building.hear(65, OCCUPIED, 4)

    assert building.wait_until(100) == {}


def test_the_level_goes_down_to_the_most_that_was_needed_meanwhile():
    building = Building()
    building.hear(0, OCCUPIED, 10)
    building.hear(10, VACANT)
    building.hear(40, OCCUPIED, 3)
    building.hear(50, VACANT)

    assert building.wait_until(70) == {"ac": 1, "lights": 2}
    assert building.wait_until(130) == {"ac": 0, "lights": 0}


def test_a_vacant_room_is_switched_off_and_somebody_is_told_once():
    building = Building()
    building.hear(0, OCCUPIED, 4)
    building.hear(10, VACANT)

    assert building.wait_until(70) == {"ac": 0, "lights": 0}
    building.wait_until(80)
    building.hear(90, VACANT)

    assert building.raised == [AlertKind.ROOM_VACANT]


def test_the_vacancy_is_over_when_somebody_comes():
    building = Building()
    building.hear(0, VACANT)
    building.wait_until(60)
    building.hear(70, OCCUPIED, 1)

    assert building.cleared == [AlertKind.ROOM_VACANT]


def test_a_room_first_seen_vacant_is_switched_off_too():
    building = Building()
    building.hear(0, VACANT)

    assert building.wait_until(60) == {"ac": 0, "lights": 0}


def test_where_only_telling_is_wanted_nothing_is_switched():
    building = Building(replace(ROOM, policy=replace(POLICY, when_empty=WhenEmpty.TELL)))
    building.hear(0, OCCUPIED, 4)
    building.hear(10, VACANT)

    assert building.wait_until(70) == {}
    assert building.raised == [AlertKind.ROOM_VACANT]


def test_where_only_switching_is_wanted_nobody_is_told():
    building = Building(replace(ROOM, policy=replace(POLICY, when_empty=WhenEmpty.OFF)))
    building.hear(0, VACANT)

    assert building.wait_until(60) == {"ac": 0, "lights": 0}
    assert building.raised == []


def test_an_unknown_room_keeps_what_runs_and_somebody_is_told():
    building = Building()
    building.hear(0, OCCUPIED, 4)
    building.hear(10, UNKNOWN, 0)

    assert building.wait_until(500) == {}
    assert building.raised == [AlertKind.OCCUPANCY_UNKNOWN]


def test_a_lowering_that_waits_is_dropped_when_sight_is_lost():
    building = Building()
    building.hear(0, OCCUPIED, 4)
    building.hear(10, VACANT)
    building.hear(60, UNKNOWN)
    building.hear(65, VACANT)

    assert building.wait_until(80) == {}
    assert building.wait_until(125) == {"ac": 0, "lights": 0}


def test_a_silent_estimator_makes_the_room_unknown():
    building = Building()
    building.hear(0, OCCUPIED, 4)
    building.wait_until(901)

    assert building.state.state is UNKNOWN


def test_what_was_observed_long_ago_commands_nothing():
    replayed = Occupancy(OCCUPIED, 10, at(-3600))

    assert decide(at(0), replayed, ROOM, ControlState()).commands == ()


def test_what_comes_late_does_not_undo_what_is_newer():
    building = Building()
    building.hear(10, OCCUPIED, 10)
    late = Occupancy(OCCUPIED, 1, at(5))

    decision = decide(at(11), late, ROOM, building.state)

    assert decision.state.occupancy == building.state.occupancy


def test_a_compressor_runs_its_minimum_before_it_is_lowered():
    slow = replace(AC, min_run_s=300)
    building = Building(replace(ROOM, devices=(slow, LIGHTS)))
    building.hear(0, OCCUPIED, 4)
    building.hear(10, VACANT)

    assert building.wait_until(70) == {"lights": 0}
    assert building.wait_until(299) == {}
    assert building.wait_until(300) == {"ac": 0}


def test_a_compressor_rests_its_minimum_before_it_is_raised():
    slow = replace(AC, min_rest_s=300)
    building = Building(replace(ROOM, devices=(slow, LIGHTS)))
    building.hear(0, VACANT)
    building.wait_until(60)

    assert building.hear(70, OCCUPIED, 4) == {"lights": 2}
    building.wait_until(80)
    assert building.check_at == at(360)
    assert building.wait_until(360) == {"ac": 1}


def test_a_command_says_what_it_is_and_why():
    building = Building()
    building.hear(0, OCCUPIED, 4)
    command = building.commands[0]

    assert (command.priority, command.policy_version, command.attempt) == (10, "v1", 1)
    assert command.reason == "4 people: ac 1 of 2"
    assert command.expires_at == at(900)
    assert command.correlation_id == "fragment-0"


def test_a_command_without_an_answer_is_asked_again_under_the_same_key():
    building = Building(acknowledges=False)
    building.hear(0, OCCUPIED, 4)
    building.wait_until(10)
    ac = [command for command in building.commands if command.device_group == "ac"]

    assert [command.attempt for command in ac] == [1, 2]
    assert [command.trigger for command in ac] == [Trigger.OCCUPANCY, Trigger.RETRY]
    assert len({command.idempotency_key for command in ac}) == 1


def test_a_command_that_is_never_answered_ends_in_one_alert_per_group():
    building = Building(acknowledges=False)
    building.hear(0, OCCUPIED, 4)
    for seconds in (10, 20, 30, 40, 50):
        building.wait_until(seconds)

    assert len(building.commands) == 6
    assert building.raised == [AlertKind.COMMAND_UNACKNOWLEDGED] * 2


def test_a_late_answer_clears_the_alert():
    building = Building(acknowledges=False)
    building.hear(0, OCCUPIED, 4)
    for seconds in (10, 20, 30):
        building.wait_until(seconds)
    building.answer(40, building.commands[0])

    assert building.cleared == [AlertKind.COMMAND_UNACKNOWLEDGED]


def test_a_refused_command_is_told_and_not_repeated():
    building = Building(acknowledges=False)
    building.hear(0, OCCUPIED, 4)
    for command in list(building.commands):
        building.answer(1, command, accepted=False, reason="in maintenance")

    assert building.wait_until(100) == {}
    assert building.raised == [AlertKind.COMMAND_REFUSED] * 2


def test_an_answer_that_nobody_waits_for_changes_nothing():
    stray = Acknowledgement("ac", "another key", accepted=True)

    assert acknowledge(NOON, stray, ROOM, ControlState()).state == ControlState()


def test_control_asks_to_be_woken_once_for_the_same_moment():
    building = Building()
    building.hear(0, OCCUPIED, 10)
    building.hear(10, OCCUPIED, 4)
    building.hear(11, OCCUPIED, 4)

    assert building.check_at is None


def test_a_state_survives_json():
    building = Building(acknowledges=False)
    building.hear(0, OCCUPIED, 4)
    building.hear(10, VACANT)
    building.wait_until(70)
    states = TypeAdapter(ControlState)

    text = states.dump_json(building.state, exclude_defaults=True)

    assert states.validate_json(text) == building.state


def test_all_that_is_remembered_survives_json():
    metered = replace(ROOM, devices=(AC, replace(LIGHTS, device_power_w=50)), capacity=4)
    building = Building(metered, acknowledges=False)
    building.hear(0, OCCUPIED, 4, people_high=5, p_vacant=0.0, last_seen_at=at(0))
    building.answer(1, building.commands[1])
    building.hear(2, OCCUPIED, 2)
    building.read_meter(3, 500)
    building.take_in_hand(4, level=1, group="ac")
    building.book(5, 60, 120, people=3)
    states = TypeAdapter(ControlState)

    text = states.dump_json(building.state, exclude_defaults=True)

    assert building.state.groups["lights"].excess is not None
    assert building.state.groups["ac"].override is not None
    assert building.state.below_capacity_since == at(2)
    assert states.validate_json(text) == building.state


def test_a_state_from_before_bookings_and_overrides_is_read():
    stored = """{
        "occupancy": {"state": "OCCUPIED", "people": 4, "observed_at": "2026-03-02T12:00:00Z"},
        "state": "OCCUPIED", "state_since": "2026-03-02T12:00:00Z",
        "groups": {"ac": {"level": 1, "raised_at": "2026-03-02T12:00:00Z"},
                   "lights": {"level": 2, "raised_at": "2026-03-02T12:00:00Z"}}
    }"""
    state = TypeAdapter(ControlState).validate_json(stored)

    assert decide(at(60), None, ROOM, state).commands == ()
    assert decide(at(60), Occupancy(OCCUPIED, 10, at(60)), ROOM, state).commands != ()


steps = st.lists(
    st.tuples(
        st.floats(0.5, 90), st.sampled_from([OCCUPIED, VACANT, UNKNOWN, None]), st.integers(1, 12)
    ),
    max_size=40,
)


def play(script, building):
    """Yield (seconds, what was heard, levels commanded) of a made-up day."""
    seconds = 0.0
    for wait_s, heard, people in script:
        seconds += wait_s
        if heard is None:
            yield seconds, heard, people, building.wait_until(seconds)
        else:
            yield seconds, heard, people, building.hear(seconds, heard, people)


@given(steps, st.booleans())
def test_nothing_is_switched_off_while_somebody_was_seen_within_the_hold_off(script, answers):
    building, last_seen = Building(acknowledges=answers), None
    for seconds, heard, _, commanded in play(script, building):
        if heard is OCCUPIED:
            last_seen = seconds
        if last_seen is not None and seconds - last_seen < POLICY.hold_off_s:
            assert 0 not in commanded.values()


@given(steps)
def test_an_unknown_room_is_never_lowered(script):
    building = Building()
    running: dict[str, int] = {}
    for _, heard, _, commanded in play(script, building):
        if heard is UNKNOWN or building.state.state is UNKNOWN:
            assert all(level >= running.get(group, 0) for group, level in commanded.items())
        running.update(commanded)


@given(steps)
def test_who_is_seen_has_at_least_what_the_band_says(script):
    building = Building()
    running: dict[str, int] = {}
    for _, heard, people, commanded in play(script, building):
        running.update(commanded)
        if heard is OCCUPIED:
            assert all(level >= POLICY.level(group, people) for group, level in running.items())


@given(steps)
def test_minimum_run_and_rest_are_kept(script):
    slow = replace(AC, min_run_s=200, min_rest_s=100)
    building = Building(replace(ROOM, devices=(slow, LIGHTS)))
    level, raised_at, lowered_at = 0, None, None
    for seconds, _, _, commanded in play(script, building):
        new = commanded.get("ac", level)
        if new < level:
            assert raised_at is None or seconds - raised_at >= 200 - 1e-6
            lowered_at = seconds
        if new > level:
            assert lowered_at is None or seconds - lowered_at >= 100 - 1e-6
            raised_at = seconds
        level = new


@given(steps)
def test_every_command_is_answered_or_asked_again_or_alerted(script):
    building = Building(acknowledges=False)
    end = 0.0
    for seconds, *_ in play(script, building):
        end = seconds
    # Past the hold-off, every attempt, and the patience after the last of them.
    for extra_s in range(0, 140, 10):
        building.wait_until(end + extra_s)
    waiting = [name for name, group in building.state.groups.items() if group.waiting]
    alerted = {
        alert.device_group
        for alert in building.state.alerts.values()
        if alert.kind is AlertKind.COMMAND_UNACKNOWLEDGED
    }

    assert set(waiting) <= alerted
