"""decide_setpoints: what is known of rooms in, commands and alerts out."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import TypeAdapter

from functions.decide_setpoints.handler import Adapters, decide_setpoints
from headcount.aws.rooms import JsonFormat
from headcount.causes import RoomCheckDue, Tick
from headcount.domain.cameras import Camera
from headcount.domain.control_state import ControlState
from headcount.domain.points import BacnetReference, Point
from headcount.domain.policy import DeviceGroup, Policy, Room
from headcount.domain.terms import OccupancyState, WhenExcess
from headcount.errors import (
    PoisonRecordError,
    RetiredError,
    UndecidedError,
    UnreadableItemError,
)
from headcount.events import (
    AlertRaised,
    BmsCommandAcknowledged,
    BmsCommandProposed,
    BmsCommandRequested,
    ControlHeartbeat,
)
from headcount.identifiers import room_key
from tests.fakes import FakeBus, FakeClock, FakeDirectory, FakeItems
from tests.samples import BOOKING, METER_READ, OCCUPANCY_CHANGED, OVERRIDE

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
ROOM = Room(
    "hq",
    "lab",
    (Camera("door"),),
    (DeviceGroup("ac", "air_conditioning", 2), DeviceGroup("lights", "lighting", 4)),
    Policy(hold_off_s=60, ack_timeout_s=10),
    policy_version="v1",
)


@dataclass
class FakeScheduler:
    """Keeps what it was asked for."""

    asked: list[RoomCheckDue] = field(default_factory=list)

    def __call__(self, site_id: str, room_id: str, due_at: datetime, now: datetime) -> None:
        assert due_at > now
        self.asked.append(RoomCheckDue(site_id=site_id, room_id=room_id, due_at=due_at))


@dataclass
class DirectoryBehind(FakeDirectory):
    """Still lists rooms that are gone; of others, what is stored cannot be read."""

    gone: set[str] = field(default_factory=set)
    unreadable: set[str] = field(default_factory=set)

    def room(self, site_id: str, room_id: str) -> Room:
        if room_id in self.gone:
            raise RetiredError(f"site {site_id} has no room {room_id}")
        if room_id in self.unreadable:
            raise UnreadableItemError(f"what is stored of {room_id} is of another version")
        return super().room(site_id, room_id)


@pytest.fixture
def to():
    return Adapters(
        directory=FakeDirectory([ROOM]),
        controls=FakeItems(JsonFormat(TypeAdapter(ControlState))),
        publish=FakeBus(),
        check_again=FakeScheduler(),
        clock=FakeClock(NOON),
        heartbeat_valid_for=timedelta(minutes=3),
    )


def told(to, people):
    now = to.clock()
    return OCCUPANCY_CHANGED.model_copy(
        update={
            "state": OccupancyState.OCCUPIED if people else OccupancyState.VACANT,
            "people_estimate": people,
            "people_low": people,
            "people_high": people,
            "p_vacant": 0.0 if people else 1.0,
            "observed_at": now,
            "last_seen_at": now if people else OCCUPANCY_CHANGED.last_seen_at,
        }
    )


def acknowledge_all(to):
    for command in to.publish.of(BmsCommandRequested):
        ack = BmsCommandAcknowledged(
            id=command.id,
            correlation_id=command.correlation_id,
            site_id="hq",
            room_id="lab",
            device_group=command.device_group,
            idempotency_key=command.idempotency_key,
            level=command.level,
            acknowledged_at=to.clock(),
        )
        decide_setpoints(ack, to)


def commands(to):
    return [(one.device_group, one.level) for one in to.publish.of(BmsCommandRequested)]


def test_four_people_are_answered_with_the_band_for_four(to):
    decide_setpoints(told(to, 4), to)

    assert commands(to) == [("ac", 1), ("lights", 2)]


def test_a_command_carries_its_chain_of_causes(to):
    decide_setpoints(told(to, 4), to)

    command = to.publish.of(BmsCommandRequested)[0]
    assert command.correlation_id == OCCUPANCY_CHANGED.correlation_id
    assert (command.policy_version, command.state) == ("v1", OccupancyState.OCCUPIED)


def test_an_empty_room_goes_off_when_control_wakes_itself(to):
    decide_setpoints(told(to, 4), to)
    acknowledge_all(to)
    to.clock.advance(30)
    decide_setpoints(told(to, 0), to)
    wake = to.check_again.asked[-1]
    to.clock.advance(60)

    decide_setpoints(wake, to)

    assert wake.due_at == NOON + timedelta(seconds=90)
    assert commands(to)[2:] == [("ac", 0), ("lights", 0)]
    assert [alert.kind for alert in to.publish.of(AlertRaised)] == ["room_vacant"]


def test_a_check_that_arrives_a_moment_early_counts_as_due(to):
    decide_setpoints(told(to, 4), to)
    acknowledge_all(to)
    to.clock.advance(30)
    decide_setpoints(told(to, 0), to)
    to.clock.advance(59.9)

    decide_setpoints(to.check_again.asked[-1], to)

    assert commands(to)[2:] == [("ac", 0), ("lights", 0)]


def test_a_tick_looks_at_every_room(to):
    decide_setpoints(told(to, 4), to)
    to.clock.advance(15)

    decide_setpoints(Tick(), to)

    attempts = [(one.device_group, one.attempt) for one in to.publish.of(BmsCommandRequested)]
    assert attempts == [("ac", 1), ("lights", 1), ("ac", 2), ("lights", 2)]


def test_a_retry_has_the_same_key_and_another_id(to):
    decide_setpoints(told(to, 4), to)
    to.clock.advance(15)
    decide_setpoints(Tick(), to)

    first, _, again, _ = to.publish.of(BmsCommandRequested)
    assert first.idempotency_key == again.idempotency_key
    assert first.id != again.id


def test_the_same_news_twice_commands_once(to):
    news = told(to, 4)
    decide_setpoints(news, to)
    decide_setpoints(news, to)

    assert len(commands(to)) == 2


def test_news_of_an_hour_ago_commands_nothing(to):
    old = told(to, 10)
    to.clock.advance(3600)

    decide_setpoints(old, to)

    assert commands(to) == []


def test_commands_that_the_bus_did_not_take_are_published_when_the_record_comes_back(to):
    to.publish.down = True
    with pytest.raises(ConnectionError):
        decide_setpoints(told(to, 4), to)
    to.publish.down = False

    decide_setpoints(told(to, 4), to)

    assert commands(to) == [("ac", 1), ("lights", 2)]


def test_a_room_that_cannot_be_decided_does_not_keep_the_others_waiting(to):
    decide_setpoints(told(to, 4), to)
    to.clock.advance(15)
    broken = replace(ROOM, room_id="broken")
    directory = DirectoryBehind([broken, ROOM], unreadable={"broken"})

    with pytest.raises(UndecidedError, match=r"1 rooms not decided\. hq/broken"):
        decide_setpoints(Tick(), replace(to, directory=directory))

    assert [one.attempt for one in to.publish.of(BmsCommandRequested)] == [1, 1, 2, 2]


def test_a_hold_off_longer_than_a_queue_can_delay_is_waited_for_in_steps(to):
    patient = replace(ROOM, policy=replace(ROOM.policy, hold_off_s=1800))
    to = replace(to, directory=FakeDirectory([patient]))
    decide_setpoints(told(to, 4), to)
    acknowledge_all(to)
    decide_setpoints(told(to, 0), to)
    wake = RoomCheckDue(site_id="hq", room_id="lab", due_at=NOON + timedelta(seconds=1800))
    to.clock.advance(900)

    decide_setpoints(wake, to)

    assert commands(to) == [("ac", 1), ("lights", 2)]
    assert to.check_again.asked[-1] == wake


def test_a_room_retired_since_the_list_was_read_is_passed_over(to):
    directory = DirectoryBehind([replace(ROOM, room_id="retired"), ROOM], gone={"retired"})
    decide_setpoints(told(to, 4), to)
    to.clock.advance(15)

    decide_setpoints(Tick(), replace(to, directory=directory))

    assert [one.attempt for one in to.publish.of(BmsCommandRequested)] == [1, 1, 2, 2]


def test_control_is_told_how_sure_the_estimator_is_and_when_it_last_saw_somebody(to):
    decide_setpoints(OCCUPANCY_CHANGED, to)

    believed = to.controls(room_key("hq", "lab")).occupancy
    assert (believed.people_high, believed.p_vacant) == (8, 0.01)
    assert believed.last_seen_at == OCCUPANCY_CHANGED.last_seen_at


def test_a_tick_tells_the_bms_which_rooms_are_in_control_s_hands(to):
    decide_setpoints(Tick(), to)

    (beat,) = to.publish.of(ControlHeartbeat)
    assert (beat.site_id, beat.rooms) == ("hq", ("lab",))
    assert beat.expires_at - beat.sent_at == timedelta(minutes=3)


def test_each_site_has_a_heartbeat_of_its_own(to):
    rooms = [ROOM, replace(ROOM, room_id="hall"), replace(ROOM, site_id="annex")]

    decide_setpoints(Tick(), replace(to, directory=FakeDirectory(rooms)))

    beats = {beat.site_id: beat.rooms for beat in to.publish.of(ControlHeartbeat)}
    assert beats == {"hq": ("lab", "hall"), "annex": ("lab",)}


def test_a_room_that_could_not_be_decided_is_not_in_the_heartbeat(to):
    directory = DirectoryBehind([replace(ROOM, room_id="broken"), ROOM], unreadable={"broken"})

    with pytest.raises(UndecidedError):
        decide_setpoints(Tick(), replace(to, directory=directory))

    assert [beat.rooms for beat in to.publish.of(ControlHeartbeat)] == [("lab",)]


@pytest.mark.parametrize(
    "left_alone",
    [
        replace(ROOM, policy=replace(ROOM.policy, dry_run=True)),
        replace(ROOM, devices=(), policy=Policy(bands=())),
    ],
    ids=["dry run", "no devices"],
)
def test_a_room_that_control_does_not_command_has_no_heartbeat(to, left_alone):
    decide_setpoints(Tick(), replace(to, directory=FakeDirectory([left_alone])))

    assert to.publish.of(ControlHeartbeat) == []


def test_a_dry_run_proposes_and_commands_nothing(to):
    rehearsed = replace(ROOM, policy=replace(ROOM.policy, dry_run=True))
    to = replace(to, directory=FakeDirectory([rehearsed]))

    decide_setpoints(told(to, 4), to)

    proposed = [(one.device_group, one.level) for one in to.publish.of(BmsCommandProposed)]
    assert (commands(to), proposed) == ([], [("ac", 1), ("lights", 2)])


def test_a_command_names_the_building_s_own_point(to):
    where = Point(brick_class="Lighting_Zone", bacnet=BacnetReference(1201, "analog-value,7"))
    lights = replace(ROOM.devices[1], point=where)
    named = replace(ROOM, devices=(ROOM.devices[0], lights))

    decide_setpoints(told(to, 4), replace(to, directory=FakeDirectory([named])))

    ac, lit = to.publish.of(BmsCommandRequested)
    assert ac.point is None
    assert lit.point.model_dump(exclude_none=True) == {
        "brick_class": "Lighting_Zone",
        "bacnet": "bacnet://1201/analog-value,7/present-value",
    }


def test_an_override_keeps_control_from_the_group_it_names(to):
    decide_setpoints(OVERRIDE, to)

    decide_setpoints(told(to, 10), to)

    assert [group for group, _level in commands(to)] == ["ac"]


def test_a_group_that_is_given_back_is_commanded_again(to):
    decide_setpoints(OVERRIDE.model_copy(update={"level": 1}), to)
    decide_setpoints(told(to, 10), to)
    while_overridden = commands(to)
    to.clock.advance(60)

    decide_setpoints(OVERRIDE.model_copy(update={"active": False, "changed_at": to.clock()}), to)
    decide_setpoints(told(to, 10), to)

    assert ("lights", 4) not in while_overridden
    assert ("lights", 4) in commands(to)


def test_a_booking_is_remembered_until_it_is_cancelled(to):
    decide_setpoints(BOOKING, to)
    remembered = to.controls(room_key("hq", "lab")).bookings
    to.clock.advance(60)

    decide_setpoints(BOOKING.model_copy(update={"cancelled": True, "changed_at": to.clock()}), to)

    after = to.controls(room_key("hq", "lab")).bookings
    assert [(one.booking_id, one.cancelled) for one in remembered] == [("4711", False)]
    assert [(one.booking_id, one.cancelled) for one in after] == [("4711", True)]


def test_a_meter_that_shows_too_much_for_long_is_told_to_somebody(to):
    lights = replace(ROOM.devices[1], device_power_w=36.0)
    policy = replace(ROOM.policy, when_excess=WhenExcess.TELL, excess_hold_s=60)
    metered = replace(ROOM, devices=(ROOM.devices[0], lights), policy=policy)
    to = replace(to, directory=FakeDirectory([metered]))
    decide_setpoints(told(to, 4), to)
    acknowledge_all(to)

    for _ in range(4):
        to.clock.advance(60)
        decide_setpoints(told(to, 4), to)
        decide_setpoints(
            METER_READ.model_copy(update={"power_w": 4 * 36.0, "read_at": to.clock()}), to
        )

    assert [alert.device_group for alert in to.publish.of(AlertRaised)] == ["lights"]


@pytest.mark.parametrize("said", [OVERRIDE, BOOKING, METER_READ], ids=lambda said: said.detail_type)
def test_what_a_bms_says_of_a_room_that_no_site_has_is_refused(to, said):
    with pytest.raises(PoisonRecordError, match="has no room labb"):
        decide_setpoints(said.model_copy(update={"room_id": "labb"}), to)
