"""A policy runs what a site wants, and a site that contradicts itself is told where."""

import math

import pytest

from headcount.domain.cameras import Camera, OccupancySettings
from headcount.domain.policy import Band, DeviceGroup, Policy, Room

AC = DeviceGroup("ac", "air_conditioning", max_level=2)
LIGHTS = DeviceGroup("lights", "lighting", max_level=4)


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


def test_a_camera_that_the_site_no_longer_names_is_a_plain_one():
    assert Room("s", "r", (Camera("a", view="door"),)).camera("b") == Camera("b")


@pytest.mark.parametrize("seconds", [math.inf, math.nan, 1e308, -1])
def test_a_time_that_no_clock_can_reckon_with_is_refused(seconds):
    with pytest.raises(ValueError, match="hold_off_s"):
        Policy(hold_off_s=seconds)


@pytest.mark.parametrize(
    "settings",
    [{"median_of": 0}, {"median_of": 100}, {"late_window_s": 121}, {"detection_rate": 0.001}],
)
def test_what_is_kept_of_a_room_is_bounded_by_its_settings(settings):
    with pytest.raises(ValueError, match=next(iter(settings))):
        OccupancySettings(**settings)
