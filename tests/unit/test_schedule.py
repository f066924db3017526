"""Opening hours by the clock on the wall, also on the two odd days of a year."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headcount.domain.schedule import OpeningHours

BERLIN = ZoneInfo("Europe/Berlin")
# Clocks that go forward at 2:00, at midnight, by half an hour, over a whole day, and not at all.
ZONES = [
    "Europe/Berlin",
    "America/New_York",
    "Africa/Cairo",
    "America/Sao_Paulo",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "Asia/Kathmandu",
    "UTC",
]


def every_day(*spans, zone=BERLIN, holidays=()):
    return OpeningHours(zone, (tuple(spans),) * 7, frozenset(holidays))


def wall(year, month, day, hour=0, minute=0, zone=BERLIN, fold=0):
    return datetime(year, month, day, hour, minute, tzinfo=zone, fold=fold)


NINE_TO_FIVE = every_day((9 * 60, 17 * 60))


def test_a_room_is_open_from_its_first_minute_to_its_last():
    opens, closes = wall(2026, 3, 2, 9), wall(2026, 3, 2, 17)

    assert [NINE_TO_FIVE.is_open(moment) for moment in (opens, closes)] == [True, False]
    assert not NINE_TO_FIVE.is_open(opens - timedelta(microseconds=1))
    assert NINE_TO_FIVE.is_open(closes - timedelta(microseconds=1))


def test_a_day_that_is_not_named_is_closed():
    weekdays = OpeningHours(BERLIN, (((540, 1020),),) * 5 + ((),) * 2)

    assert not weekdays.is_open(wall(2026, 3, 7, 12))
    assert weekdays.next_change(wall(2026, 3, 6, 18)) == wall(2026, 3, 9, 9)


def test_a_holiday_is_closed_by_the_date_of_the_room_and_not_of_utc():
    holidays = every_day(
        (0, 1440), zone=ZoneInfo("Pacific/Auckland"), holidays=[date(2026, 12, 25)]
    )
    begins = datetime(2026, 12, 24, 11, tzinfo=UTC)

    assert holidays.is_open(begins - timedelta(seconds=1))
    assert not holidays.is_open(begins)
    assert holidays.next_change(begins) == begins + timedelta(days=1)


def test_hours_over_midnight_are_one_span():
    late = OpeningHours(BERLIN, (((0, 120), (18 * 60, 1440)),) * 7)
    opens, closes = wall(2026, 3, 2, 18), wall(2026, 3, 3, 2)

    assert late.span(wall(2026, 3, 2, 23)) == (opens, closes)
    assert late.next_change(wall(2026, 3, 2, 23)) == closes


def test_an_hour_after_opening_is_an_hour_later_in_utc_once_summer_time_begins():
    before, after = wall(2026, 3, 28, 9), wall(2026, 3, 29, 9)

    assert NINE_TO_FIVE.next_change(before - timedelta(hours=1)) == before
    assert NINE_TO_FIVE.next_change(after - timedelta(hours=1)) == after
    assert after.astimezone(UTC) - before.astimezone(UTC) == timedelta(hours=23)


def test_a_room_that_opens_in_the_hour_that_is_left_out_opens_when_the_clock_steps_over_it():
    hours = every_day((150, 360))

    assert hours.next_change(wall(2026, 3, 29, 1)) == datetime(2026, 3, 29, 1, tzinfo=UTC)


def test_a_span_within_the_hour_that_is_left_out_does_not_happen():
    hours = every_day((130, 170))

    assert hours.next_change(wall(2026, 3, 29, 1)) == wall(2026, 3, 30, 2, 10)


def test_the_hour_that_comes_twice_does_not_close_a_room_early():
    hours = every_day((60, 150))
    second_half_past_two = wall(2026, 10, 25, 2, 30, fold=1).astimezone(UTC)

    assert hours.next_change(wall(2026, 10, 25, 1, 30)) == second_half_past_two


def test_a_room_that_never_opens_has_no_next_change():
    never = every_day()

    assert (never.next_change(wall(2026, 3, 2)), never.last_close(wall(2026, 3, 2))) == (None, None)


def test_the_last_close_looks_back_over_a_weekend():
    weekdays = OpeningHours(BERLIN, (((540, 1020),),) * 5 + ((),) * 2)

    assert weekdays.last_close(wall(2026, 3, 8, 12)) == wall(2026, 3, 6, 17)


@pytest.mark.parametrize(
    ("week", "says"),
    [
        ((((540, 1020),),) * 6, "a week has seven"),
        ((((540, 1020), (1000, 1100)),) * 7, "overlap"),
        ((((540, 500),),) * 7, "end before they start"),
        ((((540, 1500),),) * 7, "leave the day"),
    ],
)
def test_hours_that_no_week_has_are_refused(week, says):
    with pytest.raises(ValueError, match=says):
        OpeningHours(BERLIN, week)


minutes = st.integers(0, 48).map(lambda half_hours: half_hours * 30)
spans = st.lists(minutes, max_size=6, unique=True).map(
    lambda bounds: tuple(zip(sorted(bounds)[::2], sorted(bounds)[1::2], strict=False))
)
weeks = st.lists(spans, min_size=7, max_size=7).map(tuple)
zones = st.sampled_from(ZONES).map(ZoneInfo)
# The year of every odd day of these zones: Apia leaves out a whole date in December 2011.
moments = st.integers(0, 395 * 24 * 60).map(
    lambda elapsed: datetime(2011, 1, 1, tzinfo=UTC) + timedelta(minutes=elapsed)
)


@given(weeks, zones, moments)
def test_a_room_is_open_whenever_the_clock_on_its_wall_says_so(week, zone, at):
    hours = OpeningHours(zone, week)
    local = at.astimezone(zone)
    minute = local.hour * 60 + local.minute
    shown = any(opens <= minute < closes for opens, closes in week[local.weekday()])
    again = at.astimezone(zone).replace(fold=1 - local.fold).astimezone(UTC) != at

    # In the hour that comes twice it stays open from the first opening to the last closing.
    assert hours.is_open(at) == shown or (again and hours.is_open(at))


@given(weeks, zones, moments)
def test_nothing_changes_before_the_next_change_and_everything_at_it(week, zone, at):
    hours = OpeningHours(zone, week)
    change = hours.next_change(at)

    if change is None:
        assert hours.span(at + timedelta(days=14)) == hours.span(at)
        return
    assert change > at
    halfway = at + (change - at) / 2
    just_before = change - timedelta(microseconds=1)
    assert hours.is_open(halfway) == hours.is_open(at) == hours.is_open(just_before)
    assert hours.is_open(change) != hours.is_open(at)


@given(weeks, zones, moments)
def test_since_the_last_close_it_was_never_open(week, zone, at):
    hours = OpeningHours(zone, week)
    closed = hours.last_close(at)

    if closed is not None and not hours.is_open(at):
        assert closed <= at
        assert not hours.is_open(closed)
        assert hours.is_open(closed - timedelta(microseconds=1))
        assert hours.next_change(closed) == hours.next_change(at)
