"""The building that stands behind the command queue in the demo."""

from datetime import UTC, datetime, timedelta
from unittest.mock import create_autospec

import pytest

from headcount.domain.terms import OccupancyState, Trigger
from headcount.events import BmsCommandRequested, ControlHeartbeat
from local.bms import BuildingManagementSystem

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def a_command(
    level: int, key: str, *, attempt: int = 1, priority: int = 12, asked_at: datetime = NOON
) -> BmsCommandRequested:
    return BmsCommandRequested(
        id=f"{key}-{attempt}",
        correlation_id="chain",
        site_id="hq",
        room_id="meeting",
        device_group="lights",
        level=level,
        priority=priority,
        requested_at=asked_at,
        expires_at=asked_at + timedelta(minutes=5),
        reason="4 people",
        trigger=Trigger.OCCUPANCY,
        people_estimate=4,
        state=OccupancyState.OCCUPIED,
        policy_version="1",
        idempotency_key=key,
        attempt=attempt,
    )


@pytest.fixture
def bms() -> BuildingManagementSystem:
    # `obey` and `read_meters` decide without a client; a call to one would fail the test.
    absent = create_autospec(object)
    return BuildingManagementSystem(
        commands_url="", bus_name="", sqs=absent, events=absent, power_w={("meeting", "lights"): 36}
    )


def test_a_command_is_carried_out_and_acknowledged(bms: BuildingManagementSystem) -> None:
    answer = bms.obey(a_command(2, "first"), NOON)

    assert answer.accepted
    assert answer.correlation_id == "chain"
    assert bms.level("hq", "meeting", "lights") == 2


def test_a_retry_has_no_second_effect(bms: BuildingManagementSystem) -> None:
    bms.obey(a_command(2, "first"), NOON)
    bms.obey(a_command(4, "second"), NOON)

    answer = bms.obey(a_command(2, "first", attempt=2), NOON)

    assert answer.accepted
    assert bms.level("hq", "meeting", "lights") == 4


def test_an_expired_command_is_refused(bms: BuildingManagementSystem) -> None:
    answer = bms.obey(a_command(2, "late"), NOON + timedelta(minutes=5))

    assert not answer.accepted
    assert "expired" in answer.reason
    assert bms.level("hq", "meeting", "lights") is None


def test_a_meter_reads_what_runs(bms: BuildingManagementSystem) -> None:
    bms.obey(a_command(3, "first"), NOON)

    (reading,) = bms.read_meters(NOON)

    assert reading.power_w == 108


def relinquished(key: str, *, priority: int = 12) -> BmsCommandRequested:
    return a_command(0, key, priority=priority).model_copy(update={"relinquish": True})


def a_heartbeat(at: datetime) -> ControlHeartbeat:
    return ControlHeartbeat(
        id=at.isoformat(),
        correlation_id=at.isoformat(),
        site_id="hq",
        sent_at=at,
        expires_at=at + timedelta(minutes=3),
        rooms=("meeting",),
    )


def test_of_two_priorities_the_lower_number_runs(bms: BuildingManagementSystem) -> None:
    bms.obey(a_command(4, "life safety", priority=1), NOON)
    bms.obey(a_command(1, "ours"), NOON)

    assert bms.level("hq", "meeting", "lights") == 4


def test_what_is_relinquished_uncovers_what_is_below_it(bms: BuildingManagementSystem) -> None:
    bms.obey(a_command(1, "below", priority=16), NOON)
    bms.obey(a_command(4, "ours"), NOON)

    answer = bms.obey(relinquished("given back"), NOON)

    assert answer.accepted
    assert bms.level("hq", "meeting", "lights") == 1


def test_below_all_priorities_is_the_building_s_own_level() -> None:
    absent = create_autospec(object)
    bms = BuildingManagementSystem(
        commands_url="",
        bus_name="",
        sqs=absent,
        events=absent,
        own_levels={("meeting", "lights"): 3},
    )
    bms.obey(a_command(1, "ours"), NOON)

    bms.obey(relinquished("given back"), NOON)

    assert bms.level("hq", "meeting", "lights") == 3


def test_a_command_that_a_newer_one_has_overtaken_is_refused(bms: BuildingManagementSystem) -> None:
    bms.obey(a_command(4, "newer", asked_at=NOON + timedelta(seconds=1)), NOON)

    answer = bms.obey(a_command(0, "older"), NOON)

    assert (answer.accepted, answer.reason) == (False, "overtaken by a newer command")
    assert bms.level("hq", "meeting", "lights") == 4


def test_a_room_is_control_s_for_as_long_as_a_heartbeat_says(bms: BuildingManagementSystem) -> None:
    bms.hear(a_heartbeat(NOON + timedelta(minutes=1)))
    bms.hear(a_heartbeat(NOON))

    assert bms.take_over(NOON + timedelta(minutes=3)) == []
    assert bms.take_over(NOON + timedelta(minutes=4)) == ["meeting"]


def test_what_ran_when_control_fell_silent_goes_on(bms: BuildingManagementSystem) -> None:
    bms.hear(a_heartbeat(NOON))
    bms.obey(a_command(2, "first"), NOON)

    bms.take_over(NOON + timedelta(minutes=3))

    assert bms.level("hq", "meeting", "lights") == 2


def test_a_room_that_was_taken_over_obeys_the_next_command(bms: BuildingManagementSystem) -> None:
    bms.hear(a_heartbeat(NOON))
    bms.obey(a_command(2, "first"), NOON)
    bms.take_over(NOON + timedelta(minutes=3))

    later = NOON + timedelta(minutes=4)
    bms.obey(a_command(4, "second", asked_at=later), later)

    assert bms.level("hq", "meeting", "lights") == 4
