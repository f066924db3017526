"""A policy runs what a site wants, and a site that contradicts itself is told where."""

import math
from dataclasses import replace
from zoneinfo import ZoneInfo

import pytest

from headcount.domain.cameras import Camera, OccupancySettings
from headcount.domain.points import BacnetReference, Point
from headcount.domain.policy import Band, DeviceGroup, Policy, Room
from headcount.domain.schedule import OpeningHours
from headcount.domain.terms import UnknownAtClose, WhenEmpty, WhenExcess

AC = DeviceGroup("ac", "air_conditioning", max_level=2)
LIGHTS = DeviceGroup("lights", "lighting", max_level=4)
HOURS = OpeningHours(ZoneInfo("UTC"), (((480, 1080),),) * 7)


@pytest.mark.parametrize(
    ("people", "ac", "lights"),
    [(0, 0, 0), (1, 1, 2), (4, 1, 2), (5, 2, 4), (10, 2, 4), (200, 2, 4)],
)
def test_the_default_bands_are_those_of_the_mission(people, ac, lights):
    policy = Policy()

    assert (policy.level("ac", people), policy.level("lights", people)) == (ac, lights)


def test_bands_may_come_in_any_order():
    policy = Policy(bands=(Band(5, {"ac": 2}), Band(1, {"ac": 1})))

    assert [policy.level("ac", people) for people in (0, 1, 5)] == [0, 1, 2]


def test_a_group_that_a_band_does_not_name_is_off():
    assert Policy(bands=(Band(1, {"ac": 1}),)).level("lights", 3) == 0


@pytest.mark.parametrize(
    ("faulty", "says"),
    [
        (lambda: DeviceGroup("", "lighting", 1), "needs an id"),
        (lambda: DeviceGroup("lights", "lighting", 0), "max_level is 0"),
        (lambda: DeviceGroup("lights", "lighting", 1, priority=17), "priority is 17"),
        (lambda: DeviceGroup("ac", "air", 1, min_run_s=-1), "min_run_s is -1"),
        (lambda: Band(-1, {}), "cannot be negative"),
        (lambda: Band(1, {"ac": -2}), "sets 'ac' to -2"),
        (lambda: Policy(bands=(Band(1, {}), Band(1, {}))), "two bands start from 1"),
        (lambda: Policy(bands=(Band(1, {"ac": 2}), Band(5, {"ac": 1}))), "never need less"),
        (lambda: Policy(hold_off_s=-1), "hold_off_s is -1"),
        (lambda: Policy(max_attempts=0), "max_attempts is 0"),
        (lambda: Policy(ack_timeout_s=500), "outlive command_expiry_s"),
        (lambda: OccupancySettings(vacancy_confirm_s=0), "vacancy_confirm_s is 0"),
        (lambda: OccupancySettings(motion_threshold=2), "motion_threshold is 2"),
        (lambda: Camera(""), "needs an id"),
        (lambda: Camera("c", motion_threshold=0), "motion_threshold is 0"),
        (lambda: Room("s", "r", (Camera("c"), Camera("c"))), "two of its cameras"),
        (lambda: Room("s", "r", (), (LIGHTS,)), "names the device group 'ac'"),
        (
            lambda: Room("s", "r", (), (LIGHTS,), Policy(bands=(Band(1, {"lights": 5}),))),
            "runs 5 of 'lights', which has 4",
        ),
        (
            lambda: Room("s", "r", (), policy=Policy(occupancy_stale_s=100)),
            "must be above heartbeat_s",
        ),
    ],
)
def test_a_contradiction_is_refused_with_its_reason(faulty, says):
    with pytest.raises(ValueError, match=says):
        faulty()


def room(device=AC, hours=HOURS, **policy):
    """Return a room with one device group, which runs 1 from one person on and 2 from five."""
    bands = (Band(1, {"ac": 1}), Band(5, {"ac": 2}))
    return Room("s", "r", (), (device,), Policy(bands=bands, **policy), hours=hours)


BINARY = Point(bacnet=BacnetReference(1, "binary-output,1"))


@pytest.mark.parametrize(
    ("faulty", "says"),
    [
        (lambda: replace(AC, max_switches_per_hour=-1), "1 or more, or 0 for no bound"),
        (lambda: replace(AC, standby_level=3), "0 to max_level, which is 2"),
        (lambda: replace(AC, standby_level=-1), "standby_level is -1"),
        (lambda: replace(AC, precondition_s=-1), "precondition_s is -1"),
        (lambda: replace(AC, precondition_s=60, min_rest_s=300), "may still rest when people come"),
        (lambda: replace(AC, device_power_w=0), "device_power_w is 0"),
        (lambda: replace(AC, device_power_w=math.nan), "device_power_w is nan"),
        (lambda: replace(AC, point=BINARY), "is only on or off, and max_level is 2"),
        (lambda: Policy(fewer_hold_off_s=-1), "fewer_hold_off_s is -1"),
        (lambda: Policy(capacity_share=3), "0 for no alert"),
        (lambda: Policy(capacity_share=math.nan), "capacity_share is nan"),
        (lambda: Policy(override_max_s=0), "override_max_s is 0"),
        (lambda: Policy(excess_hold_s=0), "excess_hold_s is 0"),
        (lambda: Policy(booking_grace_s=-1), "booking_grace_s is -1"),
        (lambda: Room("s", "r", (), capacity=-1), "capacity is -1"),
        (
            lambda: room(hours=None, unknown_at_close=UnknownAtClose.OFF),
            "unknown_at_close is off, and the room never closes",
        ),
        (
            lambda: room(when_empty=WhenEmpty.TELL, unknown_at_close=UnknownAtClose.OFF),
            "so nothing is switched off, and unknown_at_close is off",
        ),
        (lambda: room(when_excess=WhenExcess.COMMAND), "no device group says device_power_w"),
        (lambda: room(replace(AC, standby_level=1), hours=None), "has no opening hours"),
        (lambda: room(replace(AC, standby_level=2)), "and at 1 in the lowest band"),
        (
            lambda: room(replace(AC, standby_level=1), when_empty=WhenEmpty.TELL),
            "delete standby_level, or let when_empty switch off",
        ),
        (
            lambda: room(replace(AC, precondition_s=60), when_empty=WhenEmpty.TELL),
            "delete precondition_s, or let when_empty switch off",
        ),
        (lambda: room(replace(AC, id="fan", precondition_s=60)), "names the device group 'ac'"),
        (lambda: room(replace(AC, max_switches_per_hour=2)), "allow 3 or more"),
    ],
)
def test_a_policy_that_cannot_be_carried_out_is_refused_with_its_reason(faulty, says):
    with pytest.raises(ValueError, match=says):
        faulty()


def test_a_group_that_no_band_runs_is_not_made_ready_for_a_booking():
    fan = DeviceGroup("fan", "ventilation", 1, precondition_s=600)

    with pytest.raises(ValueError, match="no band runs it"):
        Room("s", "r", (), (AC, LIGHTS, fan))


def test_a_room_may_use_everything_at_once():
    device = replace(AC, precondition_s=600, standby_level=1, device_power_w=900.0)
    full = room(
        device,
        unknown_at_close=UnknownAtClose.OFF,
        when_excess=WhenExcess.COMMAND,
        fewer_hold_off_s=60,
        dry_run=True,
    )

    assert full.policy.hold_off_of_fewer_s == 60


def test_fewer_people_wait_as_long_as_an_empty_room_unless_the_site_says_otherwise():
    assert Policy(hold_off_s=77).hold_off_of_fewer_s == 77


def test_a_camera_that_the_site_no_longer_names_is_a_plain_one():
    assert Room("s", "r", (Camera("a", view="door"),)).camera("b") == Camera("b")


@pytest.mark.parametrize("seconds", [math.inf, math.nan, 1e308, -1])
def test_a_time_that_no_clock_can_reckon_with_is_refused(seconds):
    with pytest.raises(ValueError, match="hold_off_s"):
        Policy(hold_off_s=seconds)


@pytest.mark.parametrize(
    "settings",
    [{"late_window_s": 121}, {"detection_rate": 0.001}],
)
def test_what_is_kept_of_a_room_is_bounded_by_its_settings(settings):
    with pytest.raises(ValueError, match=next(iter(settings))):
        OccupancySettings(**settings)
