"""When levels go down: two hold-offs side by side, sure news, and a bound on switching."""

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headcount.domain.policy import Band, DeviceGroup, Policy
from tests.building import AC, LIGHTS, OCCUPIED, POLICY, ROOM, UNKNOWN, VACANT, Building, at

PATIENT = replace(ROOM, policy=replace(POLICY, hold_off_s=120, fewer_hold_off_s=360))


def limited(most, **more):
    lights = replace(LIGHTS, max_switches_per_hour=most)
    return replace(ROOM, devices=(AC, lights), policy=replace(POLICY, hold_off_s=10, **more))


def test_fewer_people_may_wait_longer_than_an_empty_room():
    building = Building(PATIENT)
    building.hear(0, OCCUPIED, 10)
    lowered = building.keep_hearing(60, 480, OCCUPIED, 4)

    assert lowered == [(420, "ac", 1), (420, "lights", 2)]


def test_an_empty_room_does_not_wait_for_the_hold_off_of_fewer_people():
    building = Building(PATIENT)
    building.hear(0, OCCUPIED, 10)
    building.keep_hearing(60, 180, OCCUPIED, 4)
    lowered = building.keep_hearing(240, 480, VACANT)

    assert lowered == [(360, "ac", 0), (360, "lights", 0)]


def test_a_long_wait_for_fewer_people_does_not_switch_an_empty_room_off_early():
    building = Building(PATIENT)
    building.hear(0, OCCUPIED, 10)
    building.keep_hearing(60, 360, OCCUPIED, 4)
    lowered = building.keep_hearing(400, 600, VACANT, every_s=20)

    assert lowered == [(420, "ac", 1), (420, "lights", 2), (520, "ac", 0), (520, "lights", 0)]


def test_an_empty_room_waits_its_whole_hold_off_where_fewer_people_wait_less():
    hasty = replace(ROOM, policy=replace(POLICY, hold_off_s=120, fewer_hold_off_s=30))
    building = Building(hasty)
    building.hear(0, OCCUPIED, 10)
    lowered = building.keep_hearing(10, 200, VACANT, every_s=10)

    assert lowered == [(130, "ac", 0), (130, "lights", 0)]


def test_a_room_that_is_not_surely_vacant_is_not_switched_off():
    building = Building()
    building.hear(0, OCCUPIED, 4)
    building.hear(10, VACANT, p_vacant=0.99)
    building.hear(60, VACANT, p_vacant=0.85)

    assert building.wait_until(75) == {}
    assert building.hear(90, VACANT, p_vacant=0.9) == {"ac": 0, "lights": 0}


def test_a_person_whom_the_estimator_saw_later_delays_the_hold_off():
    building = Building()
    building.hear(0, OCCUPIED, 4)
    building.hear(10, VACANT, last_seen_at=at(30))

    assert building.wait_until(80) == {}
    assert building.wait_until(90) == {"ac": 0, "lights": 0}


def test_a_group_that_was_switched_too_often_stays_on_and_not_off():
    building = Building(limited(4))
    for start in range(0, 400, 100):
        building.hear(start, OCCUPIED, 10)
        building.hear(start + 50, VACANT)
        building.wait_until(start + 60)
    lights = [one.level for one in building.commands if one.device_group == "lights"]

    assert lights == [4, 0, 4]
    assert "lights" not in building.hear(3655, VACANT)
    assert building.wait_until(3661)["lights"] == 0


def test_without_a_bound_a_group_is_switched_as_often_as_its_room_changes():
    building = Building(limited(0))
    for start in range(0, 4000, 100):
        building.hear(start, OCCUPIED, 10)
        building.hear(start + 50, VACANT)
        building.wait_until(start + 60)
    lights = [one for one in building.commands if one.device_group == "lights"]

    assert len(lights) == 80
    assert building.state.groups["lights"].switched_at == ()


def test_a_lowering_leaves_a_rise_for_every_band_above_it():
    building = Building(limited(3, fewer_hold_off_s=10))
    building.hear(0, OCCUPIED, 10)
    building.hear(20, OCCUPIED, 4)

    assert building.wait_until(30) == {"ac": 1, "lights": 2}
    assert building.hear(40, OCCUPIED, 10) == {"ac": 2, "lights": 4}
    building.hear(50, VACANT)
    assert building.wait_until(60) == {"ac": 0}


def test_only_an_hour_of_switching_is_kept():
    building = Building(limited(12))
    for start in range(0, 7200, 450):
        building.hear(start, OCCUPIED, 10)
        building.hear(start + 50, VACANT)
        building.wait_until(start + 60)

    assert len(building.state.groups["lights"].switched_at) <= 12


days = st.lists(
    st.tuples(
        st.floats(1, 400), st.sampled_from([OCCUPIED, OCCUPIED, VACANT, UNKNOWN]), st.integers(1, 9)
    ),
    max_size=60,
)


def watched(script, room):
    """Yield (second, heard, people, level running) of a made-up day, every ten seconds."""
    building, second, level = Building(room), 0.0, 0
    for wait_s, heard, people in script:
        due = second + wait_s
        while second + 10 < due:
            second += 10
            level = building.wait_until(second).get("lights", level)
            yield second, None, people, level
        second = due
        level = building.hear(second, heard, people).get("lights", level)
        yield second, heard, people, level


@given(days, st.integers(3, 8))
def test_no_hour_has_more_switching_than_its_bound_and_nobody_sits_in_the_dark(script, most):
    room = limited(most, fewer_hold_off_s=20)
    switched, level = [], 0
    for second, heard, people, now in watched(script, room):
        if now != level:
            switched.append(second)
        level = now
        if heard is OCCUPIED:
            assert level >= room.policy.level("lights", people)

    for first in switched:
        assert sum(first <= other <= first + 3600 for other in switched) <= most


@given(days, st.sampled_from([0, 30, 200]), st.sampled_from([0, 30, 200]))
def test_minimum_run_and_rest_hold_for_any_day(script, run_s, rest_s):
    lights = replace(LIGHTS, min_run_s=run_s, min_rest_s=rest_s)
    room = replace(limited(0, fewer_hold_off_s=20), devices=(AC, lights))
    changes, level = [], 0
    for second, _, _, now in watched(script, room):
        if now != level:
            changes.append((second, now > level))
        level = now

    for (earlier, was_up), (later, is_up) in pairwise(changes):
        if was_up and not is_up:
            assert later - earlier >= run_s - 1e-6
        if is_up and not was_up:
            assert later - earlier >= rest_s - 1e-6


@given(days)
def test_an_empty_room_is_off_at_its_hold_off_and_no_sooner_whatever_came_before(script):
    bands = (Band(1, {"lights": 2}), Band(5, {"lights": 4}))
    unbounded = replace(LIGHTS, max_switches_per_hour=0)
    policy = replace(PATIENT.policy, bands=bands)
    building = Building(replace(PATIENT, devices=(unbounded,), policy=policy))
    second = 0.0
    for wait_s, heard, people in script:
        second += wait_s
        building.hear(second, heard, people)
    begins = second + 1
    building.hear(begins, OCCUPIED, 3)
    building.hear(begins + 1, VACANT)
    sent = building.keep_hearing(begins + 11, begins + 200, VACANT, every_s=10)
    off = [when for when, _, level in sent if level == 0]

    # Moments are kept to the microsecond.
    assert off == pytest.approx([begins + 121], abs=1e-5)


def test_a_bound_that_would_never_let_a_group_down_is_refused():
    with pytest.raises(ValueError, match="allow 3 or more"):
        limited(2)


def test_a_standby_level_counts_as_one_more_rise():
    lights = DeviceGroup("lights", "lighting", 4, max_switches_per_hour=2)
    policy = Policy(bands=(Band(1, {"lights": 4}),))

    assert policy.levels_above(lights, 0) == 1
    assert policy.levels_above(replace(lights, standby_level=1), 0) == 2
