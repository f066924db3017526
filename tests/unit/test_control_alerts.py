"""Full rooms, and meters that show more than the people need: told once, until it is over."""

from dataclasses import replace

import pytest

from headcount.domain.alerts import AlertKind
from headcount.domain.control_state import MeterNotice
from headcount.domain.terms import Trigger, WhenExcess
from tests.building import AC, LIGHTS, NOON, OCCUPIED, POLICY, ROOM, UNKNOWN, VACANT, Building, at

MINUTE = 60
FULL = replace(ROOM, capacity=10, policy=replace(POLICY, capacity_clear_s=120))
WATT = replace(LIGHTS, device_power_w=50)
# Patient enough that the tests need no news between two readings.
METERED = replace(
    ROOM, devices=(AC, WATT), policy=replace(POLICY, hold_off_s=60, excess_hold_s=300)
)
COMMANDING = replace(METERED, policy=replace(METERED.policy, when_excess=WhenExcess.COMMAND))


def test_a_count_that_hovers_at_the_limit_is_told_once():
    building = Building(FULL)
    for second in range(60):
        building.hear(second, OCCUPIED, 10 if second % 2 else 9)

    assert building.raised == [AlertKind.OVER_CAPACITY]
    assert building.cleared == []
    (alert,) = building.state.alerts.values()
    assert alert.message == "10 people are in room lab, which is meant for 10."


def test_a_full_room_is_over_when_fewer_have_been_there_for_a_while():
    building = Building(FULL)
    building.hear(0, OCCUPIED, 12)
    building.hear(10, OCCUPIED, 9)
    building.hear(100, OCCUPIED, 10)
    building.hear(110, OCCUPIED, 9)
    building.wait_until(229)
    assert building.cleared == []
    building.wait_until(230)

    assert building.cleared == [AlertKind.OVER_CAPACITY]


def test_control_asks_to_be_woken_for_the_end_of_a_full_room():
    building = Building(replace(FULL, devices=()))
    building.hear(0, OCCUPIED, 12)
    building.hear(10, OCCUPIED, 9)

    assert building.check_at == at(130)


def test_a_room_that_nobody_sees_is_neither_full_nor_no_longer_full():
    building = Building(FULL)
    building.hear(0, OCCUPIED, 12)
    building.hear(10, OCCUPIED, 9)
    building.hear(20, UNKNOWN)
    building.wait_until(600)

    assert AlertKind.OVER_CAPACITY not in building.cleared


def test_what_was_counted_before_sight_was_lost_raises_no_alert():
    building = Building(FULL)
    building.hear(0, UNKNOWN, 12)

    assert building.raised == []


def test_a_share_of_the_capacity_warns_early_and_none_never():
    early = Building(replace(FULL, policy=replace(FULL.policy, capacity_share=0.8)))
    never = Building(replace(FULL, policy=replace(FULL.policy, capacity_share=0)))
    for building in (early, never):
        building.hear(0, OCCUPIED, 8)

    assert (early.raised, never.raised) == ([AlertKind.OVER_CAPACITY], [])


def occupied(room, people=4):
    building = Building(room)
    building.hear(0, OCCUPIED, people)
    return building


def meter(building, start, end, power_w, state=OCCUPIED, people=4):
    """Read the meter every minute while the room stays as it is."""
    for second in range(start, end + 1, MINUTE):
        building.hear(second, state, people)
        building.read_meter(second, power_w)


def test_what_the_people_need_is_no_excess():
    building = occupied(METERED)
    meter(building, 60, 1200, 2 * 50 * 1.25)

    assert building.raised == []


def test_more_than_the_people_need_is_told_once_and_cleared():
    building = occupied(METERED)
    meter(building, 60, 359, 200)
    assert building.raised == []
    meter(building, 360, 1200, 200)
    assert building.raised == [AlertKind.ENERGY_EXCESS]
    (alert,) = building.state.alerts.values()
    assert alert.message == (
        "lights of room lab draws 200 W. With 4 people there, 2 of 4 run, and need at most 138 W."
    )
    building.read_meter(1210, 100)

    assert building.cleared == [AlertKind.ENERGY_EXCESS]


def test_one_lamp_in_an_empty_room_is_an_excess():
    building = occupied(METERED)
    building.keep_hearing(60, 180, VACANT)
    building.raised.clear()
    meter(building, 240, 600, 50, VACANT, 0)

    assert building.raised == [AlertKind.ENERGY_EXCESS]


def test_what_waits_for_its_hold_off_is_no_excess():
    slow = replace(METERED, policy=replace(METERED.policy, fewer_hold_off_s=3600))
    building = occupied(slow, 10)
    meter(building, 60, 1800, 200)

    assert building.raised == []


def test_nobody_is_accused_while_nobody_can_see():
    building = occupied(METERED)
    meter(building, 60, 110, 200)
    meter(building, 120, 1200, 200, UNKNOWN)

    assert AlertKind.ENERGY_EXCESS not in building.raised


def test_what_somebody_has_in_hand_is_no_excess():
    building = occupied(METERED)
    building.take_in_hand(30, group="lights")
    meter(building, 60, 1200, 200)

    assert building.raised == []


def test_a_reading_that_is_overtaken_does_not_clear_an_excess():
    building = occupied(METERED)
    meter(building, 60, 360, 200)
    building.read_meter(370, 100, read=240)

    assert building.cleared == []


def test_a_reading_of_half_an_hour_ago_says_nothing_of_now():
    building = occupied(METERED)
    meter(building, 60, 360, 100)
    building.hear(3000, OCCUPIED, 4)
    building.read_meter(3000, 200, read=1100)

    assert building.state.groups["lights"].excess is None


def test_a_command_is_repeated_once_before_somebody_is_told():
    building = occupied(COMMANDING)
    building.commands.clear()
    meter(building, 60, 360, 200)
    (again,) = building.commands
    assert (again.device_group, again.level, again.trigger) == ("lights", 2, Trigger.EXCESS)
    assert again.reason == "200 W are metered: lights 2 of 4"
    assert building.raised == []
    meter(building, 420, 1200, 200)

    assert len(building.commands) == 1
    assert building.raised == [AlertKind.ENERGY_EXCESS]


def test_a_repeated_command_has_a_key_of_its_own():
    building = occupied(COMMANDING)
    meter(building, 60, 360, 200)
    lights = [one for one in building.commands if one.device_group == "lights"]

    assert len({one.idempotency_key for one in lights}) == 2


def test_a_repeated_command_is_no_switching():
    building = occupied(COMMANDING)
    before = building.state.groups["lights"].switched_at
    meter(building, 60, 360, 200)

    assert building.state.groups["lights"].switched_at == before


def test_a_dry_run_only_proposes_the_repetition():
    building = occupied(replace(COMMANDING, policy=replace(COMMANDING.policy, dry_run=True)))
    building.proposed.clear()
    meter(building, 60, 360, 200)

    assert building.commands == []
    assert [one.trigger for one in building.proposed] == [Trigger.EXCESS]


def test_a_new_level_gives_the_devices_their_time():
    building = occupied(METERED, 10)
    meter(building, 60, 300, 300, people=10)
    building.hear(310, OCCUPIED, 4)
    building.hear(371, OCCUPIED, 4)
    meter(building, 420, 660, 300)
    assert building.raised == []
    meter(building, 720, 720, 300)

    assert building.raised == [AlertKind.ENERGY_EXCESS]


def test_a_group_without_its_power_is_never_accused():
    building = occupied(ROOM)
    meter(building, 60, 3000, 5000)

    assert building.raised == []


def test_a_site_that_no_longer_cares_clears_the_alert():
    building = occupied(METERED)
    meter(building, 60, 360, 200)
    ignoring = replace(METERED.policy, when_excess=WhenExcess.IGNORE)
    building.room = replace(METERED, policy=ignoring)
    building.wait_until(370)

    assert building.cleared == [AlertKind.ENERGY_EXCESS]


def test_a_reading_of_a_group_that_the_room_does_not_have_changes_no_group():
    building = occupied(METERED)
    before = building.state.groups
    building.read_meter(1, 900, group="pumps")

    assert building.state.groups == before


def test_a_reading_that_is_no_number_is_refused():
    with pytest.raises(ValueError, match="power_w is nan"):
        MeterNotice("lights", float("nan"), NOON, "")
