"""Bookings and opening hours: they may ask for more than the people there need."""

from dataclasses import replace
from datetime import date
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headcount.domain.alerts import AlertKind
from headcount.domain.control_state import BookingNotice
from headcount.domain.schedule import OpeningHours
from headcount.domain.terms import Trigger, UnknownAtClose
from tests.building import AC, LIGHTS, OCCUPIED, ROOM, UNKNOWN, VACANT, Building, at

MINUTE, HOUR = 60, 3600
# NOON is a Monday, and 13:00 in Berlin: open for five hours more.
HOURS = OpeningHours(ZoneInfo("Europe/Berlin"), (((8 * 60, 18 * 60),),) * 5 + ((),) * 2)
CLOSES = 5 * HOUR
READY = replace(ROOM, devices=(replace(AC, precondition_s=15 * MINUTE), LIGHTS))
STANDBY = replace(ROOM, devices=(replace(AC, standby_level=1), LIGHTS), hours=HOURS)
HOUSE = replace(ROOM, hours=HOURS)


def with_policy(room, **values):
    return replace(room, policy=replace(room.policy, **values))


def running(building):
    return {name: group.level for name, group in building.state.groups.items()}


def emptied(room):
    building = Building(room)
    building.keep_hearing(0, 2 * MINUTE, VACANT)
    return building


def blind(room, since=0):
    building = Building(room)
    building.hear(since - MINUTE, OCCUPIED, 4)
    building.keep_hearing(since, since + MINUTE, UNKNOWN)
    return building


def test_a_booked_room_is_ready_when_the_people_come():
    building = emptied(READY)
    building.book(3 * MINUTE, HOUR, 2 * HOUR, people=8)

    assert building.keep_hearing(4 * MINUTE, 44 * MINUTE, VACANT) == []
    assert building.keep_hearing(45 * MINUTE, HOUR, VACANT) == [(45 * MINUTE, "ac", 2)]
    command = building.commands[-1]
    assert command.reason == "booked from 13:00 (UTC) for 8 people: ac 2 of 2"
    assert (command.trigger, command.correlation_id) == (Trigger.BOOKING, "booking-meeting")


def test_the_start_of_a_booking_is_told_by_the_clock_of_the_room():
    building = emptied(replace(READY, hours=HOURS))
    building.book(50 * MINUTE, HOUR, 2 * HOUR)

    assert building.commands[-1].reason == "booked from 14:00 (Europe/Berlin): ac 1 of 2"


def test_a_booking_without_a_number_of_people_gets_the_lowest_band():
    building = emptied(READY)

    assert building.book(50 * MINUTE, HOUR, 2 * HOUR) == {"ac": 1}


def test_control_asks_to_be_woken_for_a_booking_that_is_near_and_not_for_a_far_one():
    building = emptied(with_policy(READY, occupancy_stale_s=6 * HOUR))
    building.book(3 * MINUTE, 5 * HOUR, 6 * HOUR, name="later")
    assert building.check_at is None
    building.book(4 * MINUTE, 30 * MINUTE, HOUR, name="soon")

    assert building.check_at == at(15 * MINUTE)


def test_a_booking_that_nobody_comes_to_is_given_up_after_its_grace():
    building = emptied(READY)
    building.book(50 * MINUTE, HOUR, 2 * HOUR, people=8)
    sent = building.keep_hearing(51 * MINUTE, 2 * HOUR, VACANT)

    assert sent == [(75 * MINUTE, "ac", 0)]


def test_a_booking_asks_for_nothing_after_its_end():
    building = emptied(READY)
    building.book(50 * MINUTE, HOUR, HOUR + 5 * MINUTE, people=8)
    sent = building.keep_hearing(51 * MINUTE, 2 * HOUR, VACANT)

    assert sent == [(65 * MINUTE, "ac", 0)]


def test_who_comes_to_a_booking_keeps_the_level_by_being_there():
    building = emptied(READY)
    building.book(50 * MINUTE, HOUR, 2 * HOUR, people=8)
    building.keep_hearing(51 * MINUTE, 2 * HOUR, OCCUPIED, 8)

    assert running(building) == {"ac": 2, "lights": 4}


def test_a_cancelled_booking_is_released_at_once_in_a_room_long_vacant():
    building = emptied(READY)
    building.book(50 * MINUTE, HOUR, 2 * HOUR, people=8)
    building.hear(51 * MINUTE, VACANT)

    assert building.book(52 * MINUTE, HOUR, 2 * HOUR, cancelled=True) == {"ac": 0}


def test_a_cancelled_booking_is_not_revived_by_an_older_notice():
    building = emptied(READY)
    building.book(10 * MINUTE, HOUR, 2 * HOUR, cancelled=True)
    building.book(11 * MINUTE, HOUR, 2 * HOUR, people=8, said=5 * MINUTE)

    assert building.keep_hearing(12 * MINUTE, 2 * HOUR, VACANT) == []


def test_a_booking_that_is_moved_asks_at_its_new_time_only():
    building = emptied(READY)
    building.book(10 * MINUTE, HOUR, 2 * HOUR)
    building.book(11 * MINUTE, 3 * HOUR, 4 * HOUR)
    sent = building.keep_hearing(12 * MINUTE, 3 * HOUR, VACANT)

    assert sent == [(165 * MINUTE, "ac", 1)]


def test_a_group_without_preconditioning_waits_for_the_people():
    building = emptied(READY)
    building.book(50 * MINUTE, HOUR, 2 * HOUR, people=8)

    assert running(building)["lights"] == 0


def test_a_booking_raises_an_unknown_room_and_leaves_a_fuller_one_alone():
    blind_room = blind(READY)
    blind_room.book(2 * MINUTE, 3 * MINUTE, HOUR, people=8)
    full = Building(READY)
    full.hear(0, OCCUPIED, 8)
    full.book(MINUTE, 2 * MINUTE, HOUR, people=1)
    full.keep_hearing(2 * MINUTE, 10 * MINUTE, OCCUPIED, 8)

    assert running(blind_room)["ac"] == running(full)["ac"] == 2


def test_bookings_that_are_over_are_forgotten_and_only_the_nearest_are_kept():
    building = emptied(READY)
    for day in range(60):
        building.book(3 * MINUTE, (day + 1) * HOUR, (day + 2) * HOUR, name=f"{day}")
    assert len(building.state.bookings) == 50
    building.hear(10 * HOUR, VACANT)

    assert building.state.bookings[0].booking_id == "9"


def test_a_vacant_room_stands_by_while_it_is_open_and_is_off_after_closing():
    building = Building(STANDBY)
    building.hear(0, OCCUPIED, 10)
    sent = building.keep_hearing(MINUTE, CLOSES + MINUTE, VACANT)

    assert sent == [(2 * MINUTE, "ac", 1), (2 * MINUTE, "lights", 0), (CLOSES, "ac", 0)]


def test_a_vacant_room_stands_by_again_when_it_opens():
    building = emptied(STANDBY)
    building.keep_hearing(3 * MINUTE, CLOSES, VACANT)
    opens = 19 * HOUR

    assert building.keep_hearing(opens - MINUTE, opens, VACANT) == [(opens, "ac", 1)]


def test_a_holiday_has_no_standby():
    building = Building(replace(STANDBY, hours=replace(HOURS, holidays=frozenset({at(0).date()}))))

    assert building.keep_hearing(0, 2 * MINUTE, VACANT)[0] == (MINUTE, "ac", 0)
    assert at(0).date() == date(2026, 3, 2)


def test_an_unknown_room_is_raised_to_the_lowest_band_while_it_is_open():
    building = Building(HOUSE)
    building.keep_hearing(0, 2 * MINUTE, VACANT)
    sent = building.keep_hearing(3 * MINUTE, 10 * MINUTE, UNKNOWN)

    assert sent == [(5 * MINUTE, "ac", 1), (5 * MINUTE, "lights", 2)]
    assert building.commands[-1].trigger is Trigger.SCHEDULE


def test_an_unknown_room_without_hours_or_outside_them_is_held():
    for room, start in ((ROOM, 0), (HOUSE, CLOSES)):
        building = Building(room)
        building.keep_hearing(start, start + 2 * MINUTE, VACANT)

        assert building.keep_hearing(start + 3 * MINUTE, start + HOUR, UNKNOWN) == []


def test_the_hours_never_lower_an_unknown_room():
    building = Building(HOUSE)
    building.hear(0, OCCUPIED, 10)

    assert building.keep_hearing(MINUTE, CLOSES - MINUTE, UNKNOWN) == []


def test_the_dark_that_we_made_ourselves_does_not_switch_a_room_on_and_off_all_day():
    building = Building(HOUSE)
    for start in range(0, CLOSES, 10 * MINUTE):
        building.keep_hearing(start, start + 4 * MINUTE, VACANT)
        building.keep_hearing(start + 5 * MINUTE, start + 9 * MINUTE, UNKNOWN)
    raised = [one for one in building.commands if one.level > 0]

    assert [one.device_group for one in raised] == ["ac", "lights"]


def test_the_hours_may_raise_a_room_again_once_somebody_was_seen():
    building = Building(HOUSE)
    for start in (0, HOUR):
        building.keep_hearing(start, start + 4 * MINUTE, VACANT)
        building.keep_hearing(start + 5 * MINUTE, start + 9 * MINUTE, UNKNOWN)
        building.hear(start + 10 * MINUTE, OCCUPIED, 1)
        building.keep_hearing(
            start + 11 * MINUTE, start + 20 * MINUTE, VACANT, last_seen_at=at(start + 600)
        )
    building.keep_hearing(2 * HOUR, 2 * HOUR + 5 * MINUTE, UNKNOWN, last_seen_at=at(HOUR + 600))

    assert running(building) == {"ac": 1, "lights": 2}


steps = st.lists(
    st.tuples(
        st.integers(1, 90 * MINUTE), st.sampled_from([OCCUPIED, VACANT, UNKNOWN]), st.integers(1, 9)
    ),
    max_size=40,
)


@given(steps, st.sampled_from([UnknownAtClose.KEEP, UnknownAtClose.TELL]))
def test_no_hour_of_the_day_lowers_an_unknown_room_unless_the_site_says_off(script, at_close):
    building = Building(with_policy(READY, unknown_at_close=at_close))
    building.room = replace(building.room, hours=HOURS)
    building.book(0, 4 * HOUR, 6 * HOUR, people=9)
    levels, second = {"ac": 0, "lights": 0}, 0
    for wait_s, heard, people in script:
        second += wait_s
        sent = building.hear(second, heard, people)
        if heard is UNKNOWN:
            assert all(level >= levels[group] for group, level in sent.items())
        levels |= sent


def test_somebody_is_told_of_a_room_that_is_unknown_when_it_closes():
    building = blind(HOUSE, since=CLOSES - HOUR)
    building.keep_hearing(CLOSES - 2 * MINUTE, CLOSES - MINUTE, UNKNOWN)
    assert building.raised == [AlertKind.OCCUPANCY_UNKNOWN]
    building.keep_hearing(CLOSES, CLOSES + HOUR, UNKNOWN)

    assert building.raised == [AlertKind.OCCUPANCY_UNKNOWN, AlertKind.UNKNOWN_AT_CLOSE]
    assert running(building) == {"ac": 1, "lights": 2}
    building.hear(CLOSES + 2 * HOUR, VACANT)
    assert building.cleared == building.raised


def test_a_room_that_becomes_unknown_at_night_is_told_of_once():
    building = blind(HOUSE, since=CLOSES + HOUR)
    building.keep_hearing(CLOSES + HOUR, CLOSES + 2 * HOUR, UNKNOWN)

    assert building.raised == [AlertKind.OCCUPANCY_UNKNOWN]


def test_an_unknown_room_is_switched_off_at_close_only_where_the_site_says_so():
    off = with_policy(HOUSE, unknown_at_close=UnknownAtClose.OFF)
    kept = with_policy(HOUSE, unknown_at_close=UnknownAtClose.KEEP)
    sent = {}
    for room in (off, kept):
        building = blind(room, since=CLOSES - HOUR)
        building.keep_hearing(CLOSES - 2 * MINUTE, CLOSES - MINUTE, UNKNOWN)
        sent[room.policy.unknown_at_close] = building.keep_hearing(CLOSES, CLOSES + HOUR, UNKNOWN)
        if room is off:
            command = building.commands[-1]

    assert sent == {
        UnknownAtClose.OFF: [(CLOSES, "ac", 0), (CLOSES, "lights", 0)],
        UnknownAtClose.KEEP: [],
    }
    why = "closed and unknown: the site's unknown_at_close is off"
    assert command.reason == f"{why}: lights 0 of 4"
    assert (command.trigger, command.state) == (Trigger.SCHEDULE, UNKNOWN)


def test_who_was_seen_within_the_hold_off_is_not_put_in_the_dark_at_close():
    patient = with_policy(HOUSE, unknown_at_close=UnknownAtClose.OFF, hold_off_s=20 * MINUTE)
    building = blind(patient, since=CLOSES - 10 * MINUTE)
    sent = building.keep_hearing(
        CLOSES - 9 * MINUTE, CLOSES + HOUR, UNKNOWN, last_seen_at=at(CLOSES - 5 * MINUTE)
    )

    assert sent == [(CLOSES + 15 * MINUTE, "ac", 0), (CLOSES + 15 * MINUTE, "lights", 0)]


def test_a_booking_that_ends_before_it_starts_cannot_be():
    with pytest.raises(ValueError, match="not after its start"):
        BookingNotice("a", at(60), at(0), None, cancelled=False, at=at(0), correlation_id="")
