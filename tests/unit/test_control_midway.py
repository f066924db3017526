"""What happens while control waits: a site applied anew, late news, a BMS slow to answer."""

from dataclasses import replace

from headcount.domain.alerts import AlertKind
from headcount.domain.control import decide
from headcount.domain.control_state import Occupancy
from headcount.domain.policy import Band
from headcount.domain.terms import WhenEmpty
from tests.building import AC, LIGHTS, OCCUPIED, POLICY, ROOM, VACANT, Building, at


def test_a_lowering_that_waits_never_exceeds_the_devices_of_a_site_applied_anew():
    building = Building()
    building.hear(0, OCCUPIED, 10)
    building.hear(10, OCCUPIED, 4)
    one_light = replace(
        ROOM,
        devices=(AC, replace(LIGHTS, max_level=1)),
        policy=replace(POLICY, bands=(Band(1, {"ac": 1, "lights": 1}),)),
    )
    building.room = one_light

    assert building.wait_until(70) == {"ac": 1, "lights": 1}


def test_bands_applied_while_a_hold_off_runs_decide_where_it_ends():
    building = Building()
    building.hear(0, OCCUPIED, 10)
    building.hear(10, OCCUPIED, 4)
    generous = (Band(1, {"ac": 2, "lights": 3}),)
    building.room = replace(ROOM, policy=replace(POLICY, bands=generous))

    assert building.wait_until(70) == {"lights": 3}


def test_alerts_about_a_device_group_that_the_site_gave_up_are_cleared():
    building = Building(acknowledges=False)
    building.hear(0, OCCUPIED, 4)
    for seconds in (10, 20, 30):
        building.wait_until(seconds)
    building.room = replace(
        ROOM, devices=(LIGHTS,), policy=replace(POLICY, bands=(Band(1, {"lights": 2}),))
    )
    building.wait_until(40)

    assert building.cleared == [AlertKind.COMMAND_UNACKNOWLEDGED]
    assert [alert.device_group for alert in building.state.alerts.values()] == ["lights"]


def test_a_vacancy_alert_is_cleared_when_nobody_wants_to_be_told_any_more():
    building = Building()
    building.hear(0, VACANT)
    building.wait_until(60)
    building.room = replace(ROOM, policy=replace(POLICY, when_empty=WhenEmpty.OFF))
    building.wait_until(70)

    assert building.cleared == [AlertKind.ROOM_VACANT]


def test_a_room_without_devices_is_told_of_without_a_word_about_them():
    building = Building(replace(ROOM, devices=()))
    building.hear(0, VACANT)
    building.wait_until(60)

    assert [alert.message for alert in building.state.alerts.values()] == ["Nobody is in room lab."]


def test_of_two_estimates_with_the_same_evidence_the_later_one_counts_in_any_order():
    corrected = Occupancy(OCCUPIED, 1, at(10), revision=6)
    overtaken = Occupancy(VACANT, 0, at(10), revision=5)
    building = Building()

    state = decide(at(11), corrected, ROOM, building.state).state
    state = decide(at(12), overtaken, ROOM, state).state

    assert state.occupancy == corrected


def test_nothing_is_lowered_on_what_was_seen_more_than_a_heartbeat_ago():
    patient = replace(ROOM, policy=replace(POLICY, hold_off_s=600))
    building = Building(patient)
    building.hear(0, OCCUPIED, 4)
    building.hear(10, VACANT)

    assert building.wait_until(611) == {}
    assert building.hear(615, VACANT) == {"ac": 0, "lights": 0}


def test_a_new_command_ends_the_repetition_of_the_one_it_replaces():
    building = Building(acknowledges=False)
    building.hear(0, OCCUPIED, 4)
    building.hear(5, OCCUPIED, 10)
    repeated = building.wait_until(15)

    assert repeated == {"ac": 2, "lights": 4}


def test_an_answer_to_a_replaced_command_does_not_settle_the_new_one():
    building = Building(acknowledges=False)
    building.hear(0, OCCUPIED, 4)
    replaced = building.commands[0]
    building.hear(5, OCCUPIED, 10)
    building.answer(6, replaced)

    assert building.wait_until(15)["ac"] == 2


def test_switching_off_is_not_repeated_once_somebody_is_back():
    resting = replace(AC, min_rest_s=300)
    building = Building(replace(ROOM, devices=(resting, LIGHTS)), acknowledges=False)
    building.hear(0, VACANT)
    off = building.wait_until(60)
    building.hear(65, OCCUPIED, 4)

    assert off == {"ac": 0, "lights": 0}
    assert "ac" not in building.wait_until(75)
    assert building.wait_until(360)["ac"] == 1


def test_a_long_reason_of_the_bms_is_cut():
    building = Building(acknowledges=False)
    building.hear(0, OCCUPIED, 4)
    building.answer(1, building.commands[0], accepted=False, reason="x" * 100_000)

    (alert,) = building.state.alerts.values()
    assert len(alert.message) < 300
