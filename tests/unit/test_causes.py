"""What wakes control and the estimator, and what of a BMS's is refused before it does."""

import json
from datetime import timedelta

import pytest

from headcount.batch import bus_event
from headcount.causes import RoomCheckDue, Tick, or_tick, read_cause
from headcount.errors import PoisonRecordError
from headcount.events import BmsOverrideChanged, BmsPresenceSensed, BmsScheduleChanged
from tests.samples import (
    ACKNOWLEDGED,
    ALERT,
    BOOKING,
    METER_READ,
    NOON,
    OCCUPANCY_CHANGED,
    OVERRIDE,
    PRESENCE,
    on_the_bus,
)

OF_A_BMS = (ACKNOWLEDGED, OVERRIDE, BOOKING, METER_READ)
TICK = json.dumps(json.loads(on_the_bus(ALERT)) | {"detail-type": "Scheduled Event", "detail": {}})


@pytest.mark.parametrize("said", OF_A_BMS, ids=lambda said: said.detail_type)
def test_control_wakes_for_what_a_bms_says_of_its_own_site(said):
    assert read_cause(on_the_bus(said, "bms.hq")) == said


def test_control_wakes_for_rooms_for_ticks_and_for_what_it_asked_for():
    check = RoomCheckDue(site_id="hq", room_id="lab", due_at=NOON)

    assert read_cause(on_the_bus(OCCUPANCY_CHANGED)) == OCCUPANCY_CHANGED
    assert isinstance(read_cause(TICK), Tick)
    assert read_cause(check.model_dump_json()) == check


def test_the_estimator_wakes_for_sensors_and_for_ticks():
    read = or_tick(bus_event(BmsPresenceSensed))

    assert read(on_the_bus(PRESENCE, "bms.hq")) == PRESENCE
    assert isinstance(read(TICK), Tick)


@pytest.mark.parametrize("said", OF_A_BMS, ids=lambda said: said.detail_type)
def test_a_bms_cannot_speak_for_another_site(said):
    with pytest.raises(PoisonRecordError, match=r"has to be bms\.hq"):
        read_cause(on_the_bus(said, "bms.elsewhere"))


def test_a_misspelt_event_is_refused_with_what_was_probably_meant():
    misspelt = on_the_bus(OVERRIDE, "bms.hq").replace("BmsOverrideChanged.v1", "BmsOverideChanged")

    with pytest.raises(PoisonRecordError, match=r"Was it meant to be BmsOverrideChanged\.v1\?"):
        read_cause(misspelt)


def test_an_event_that_resembles_none_is_refused_with_those_that_there_are():
    strange = on_the_bus(OVERRIDE, "bms.hq").replace("BmsOverrideChanged.v1", "Hello")

    with pytest.raises(PoisonRecordError, match=r"BmsMeterRead\.v1"):
        read_cause(strange)


@pytest.mark.parametrize("detail_type", ["BmsOverrideChanged.v1", "BmsOverideChanged.v1"])
def test_what_is_replayed_never_reaches_control(detail_type):
    replayed = json.loads(on_the_bus(OVERRIDE, "bms.hq"))
    replayed |= {"replay-name": "last-week", "detail-type": detail_type}

    assert read_cause(json.dumps(replayed)) is None


@pytest.mark.parametrize(
    ("said", "wrong", "field"),
    [
        (OVERRIDE, {"level": -1}, "level"),
        (OVERRIDE, {"changed_at": "2026-03-02T12:00:00"}, "changed_at"),
        (OVERRIDE, {"reason": "x" * 501}, "reason"),
        (OVERRIDE, {"room_id": ""}, "room_id"),
        (OVERRIDE, {"until": NOON.isoformat()}, "until has to be after changed_at"),
        (BOOKING, {"ends_at": NOON.isoformat()}, "ends_at has to be after starts_at"),
        (BOOKING, {"ends_at": (NOON + timedelta(days=400)).isoformat()}, "31 days"),
        (BOOKING, {"people": -3}, "people"),
        (METER_READ, {"power_w": -0.5}, "power_w"),
        (METER_READ, {"power_w": float("inf")}, "power_w"),
        (METER_READ, {"power_w": float("nan")}, "power_w"),
        (ACKNOWLEDGED, {"idempotency_key": None}, "idempotency_key"),
    ],
)
def test_a_field_out_of_bounds_is_refused_by_its_name(said, wrong, field):
    envelope = json.loads(on_the_bus(said, "bms.hq"))
    envelope["detail"] |= wrong

    with pytest.raises(PoisonRecordError, match=field):
        read_cause(json.dumps(envelope))


@pytest.mark.parametrize("kind", ["pir", "door", "switch", "other"])
def test_a_sensor_is_of_a_known_kind(kind):
    envelope = json.loads(on_the_bus(PRESENCE, "bms.hq"))
    envelope["detail"]["kind"] = kind

    read = bus_event(BmsPresenceSensed)(json.dumps(envelope))

    assert read is not None
    assert read.kind == kind


def test_an_override_that_has_ended_may_name_any_end():
    ended = OVERRIDE.model_dump(mode="json") | {"active": False, "until": NOON.isoformat()}

    assert BmsOverrideChanged.model_validate(ended).active is False


def test_a_booking_is_not_cancelled_unless_it_says_so():
    plain = BOOKING.model_dump(mode="json")
    del plain["cancelled"], plain["people"]

    assert BmsScheduleChanged.model_validate(plain).cancelled is False
