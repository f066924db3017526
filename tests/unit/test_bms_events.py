"""What a BMS says is held against the site: its mistakes are told by their reason."""

from dataclasses import replace
from datetime import timedelta

import pytest

from headcount.bms_events import room_told_of
from headcount.domain.cameras import Camera
from headcount.domain.policy import DeviceGroup, Policy, Room
from headcount.errors import PoisonRecordError, RetiredError
from tests.fakes import FakeDirectory
from tests.samples import (
    ACKNOWLEDGED,
    BOOKING,
    CHECK_REQUESTED,
    METER_READ,
    NOON,
    OVERRIDE,
    PRESENCE,
)

ROOM = Room(
    "hq",
    "lab",
    (Camera("door"),),
    (DeviceGroup("ac", "air_conditioning", 2), DeviceGroup("lights", "lighting", 4)),
    Policy(),
)
SAID = (ACKNOWLEDGED, OVERRIDE, BOOKING, PRESENCE, METER_READ, CHECK_REQUESTED)
DIRECTORY = FakeDirectory([ROOM])


@pytest.mark.parametrize("said", SAID, ids=lambda said: said.detail_type)
def test_what_is_said_of_a_room_of_the_site_finds_it(said):
    assert room_told_of(said, DIRECTORY, NOON) == ROOM


@pytest.mark.parametrize("said", SAID, ids=lambda said: said.detail_type)
def test_a_room_that_no_site_has_is_a_mistake_and_not_left_out(said):
    elsewhere = said.model_copy(update={"room_id": "labb"})

    with pytest.raises(PoisonRecordError, match="Site hq has no room labb") as refused:
        room_told_of(elsewhere, DIRECTORY, NOON)

    assert not isinstance(refused.value, RetiredError)


@pytest.mark.parametrize(
    "said", [ACKNOWLEDGED, OVERRIDE, METER_READ], ids=lambda said: said.detail_type
)
def test_a_device_group_that_the_room_lacks_is_refused_with_those_it_has(said):
    misspelt = said.model_copy(update={"device_group": "ligths"})

    with pytest.raises(PoisonRecordError, match=r"no device group ligths\. It has ac, lights\."):
        room_told_of(misspelt, DIRECTORY, NOON)


def test_a_room_without_devices_says_so():
    bare = FakeDirectory([replace(ROOM, devices=())])

    with pytest.raises(PoisonRecordError, match="It has none"):
        room_told_of(METER_READ, bare, NOON)


def test_an_override_counts_also_when_its_level_is_more_than_the_group_has():
    in_per_cent = OVERRIDE.model_copy(update={"level": 100})

    assert room_told_of(in_per_cent, DIRECTORY, NOON) == ROOM


def test_an_override_of_the_whole_room_names_no_group():
    whole = OVERRIDE.model_copy(update={"device_group": None, "level": 0})

    assert room_told_of(whole, DIRECTORY, NOON) == ROOM


@pytest.mark.parametrize(
    ("said", "field"),
    [
        (OVERRIDE, "changed_at"),
        (BOOKING, "changed_at"),
        (PRESENCE, "sensed_at"),
        (METER_READ, "read_at"),
    ],
)
def test_local_time_that_calls_itself_utc_is_refused(said, field):
    an_hour_ahead = said.model_copy(update={field: NOON + timedelta(hours=1)})

    with pytest.raises(PoisonRecordError, match=f"{field} is 3600 s ahead of our clock"):
        room_told_of(an_hour_ahead, DIRECTORY, NOON)


def test_a_clock_that_is_a_minute_ahead_is_forgiven():
    ahead = OVERRIDE.model_copy(update={"changed_at": NOON + timedelta(minutes=1)})

    assert room_told_of(ahead, DIRECTORY, NOON) == ROOM
