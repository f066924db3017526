"""The building that stands behind the command queue in the demo."""

from datetime import UTC, datetime, timedelta
from unittest.mock import create_autospec

import pytest

from headcount.domain.terms import OccupancyState, Trigger
from headcount.events import BmsCommandRequested
from local.bms import BuildingManagementSystem

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def a_command(level: int, key: str, *, attempt: int = 1) -> BmsCommandRequested:
    return BmsCommandRequested(
        id=f"{key}-{attempt}",
        correlation_id="chain",
        site_id="hq",
        room_id="meeting",
        device_group="lights",
        level=level,
        priority=12,
        requested_at=NOON,
        expires_at=NOON + timedelta(minutes=5),
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
