"""From a stored fragment to a message to people, through all four functions."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import TypeAdapter

from functions.decide_setpoints import handler as control
from functions.estimate_occupancy import handler as estimation
from functions.notify_people import handler as notification
from functions.sample_fragments import handler as perception
from headcount.aws.estimates import OccupancyFormat
from headcount.aws.notices import FragmentNotice
from headcount.aws.rooms import JsonFormat
from headcount.causes import RoomCheckDue
from headcount.domain.cameras import Camera, OccupancySettings
from headcount.domain.control_state import ControlState
from headcount.domain.policy import DeviceGroup, Policy, Room
from headcount.domain.terms import LightMode
from headcount.events import (
    AlertCleared,
    AlertRaised,
    BmsCommandAcknowledged,
    BmsCommandRequested,
    FramesCounted,
    RoomOccupancyChanged,
)
from headcount.ports import SampledFrame
from headcount.site import CameraBinding
from tests.fakes import (
    FakeBus,
    FakeClock,
    FakeDetector,
    FakeDirectory,
    FakeFragments,
    FakeFrameKeeper,
    FakeItems,
    FakeNoticeLog,
    FakeNotifier,
    FakeVacantViews,
)

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
STREAM = "headcount-dev.hq.door"
ARN = f"arn:aws:kinesisvideo:us-east-1:111122223333:stream/{STREAM}/1"
ROOM = Room(
    "hq",
    "lab",
    (Camera("door"),),
    (DeviceGroup("ac", "air_conditioning", 2), DeviceGroup("lights", "lighting", 4)),
    Policy(hold_off_s=3),
    OccupancySettings(vacancy_confirm_s=4, observation_gap_s=15),
    policy_version="v1",
)
BINDING = CameraBinding(
    site_id="hq",
    room_id="lab",
    camera_id="door",
    stream_name=STREAM,
    stream_arn=ARN,
    sample_every_s=2,
    fragment_s=2,
)


@dataclass
class Headcount:
    """All functions around one bus, with a BMS that carries out every command."""

    bus: FakeBus = field(default_factory=FakeBus)
    clock: FakeClock = field(default_factory=lambda: FakeClock(NOON))
    frames: FakeFragments = field(default_factory=FakeFragments)
    notifier: FakeNotifier = field(default_factory=FakeNotifier)
    checks: list[RoomCheckDue] = field(default_factory=list)
    running: dict[str, int] = field(default_factory=dict)
    delivered: int = 0

    def __post_init__(self) -> None:
        directory = FakeDirectory([ROOM], {STREAM: BINDING})
        rooms = FakeItems(OccupancyFormat())
        self.sampler = perception.Adapters(
            directory,
            self.frames,
            FakeDetector(),
            FakeVacantViews(),
            rooms,
            self.bus,
            keep=FakeFrameKeeper(),
            not_kept=list[int]().append,
        )
        self.estimator = estimation.Adapters(directory, rooms, self.bus, self.clock)
        self.controller = control.Adapters(
            directory,
            FakeItems(JsonFormat(TypeAdapter(ControlState))),
            self.bus,
            self._ask,
            self.clock,
            timedelta(minutes=3),
        )
        self.notification = notification.Adapters(
            directory, FakeNoticeLog(), self.notifier, self.clock
        )

    def film(self, faces: int, motion: float = 0.0) -> None:
        """Store a fragment with so many faces, and let everything follow from it."""
        self.clock.advance(2)
        number = str(int((self.clock.now - NOON).total_seconds()))
        self.frames.stored[STREAM, number] = SampledFrame(
            self.clock.now, self.clock.now, str(faces).encode(), bytes(9), motion, LightMode.DAY
        )
        notice = FragmentNotice.model_validate(
            {
                "StreamArn": ARN,
                "FragmentNumber": number,
                "FragmentStartProducerTimestamp": self.clock.now,
                "FragmentStartServerTimestamp": self.clock.now,
                "NotificationType": "PERSISTED",
            }
        )
        perception.sample({"message": notice}, self.sampler)
        for check in [check for check in self.checks if check.due_at <= self.clock.now]:
            self.checks.remove(check)
            control.decide_setpoints(check, self.controller)
        for event in self._undelivered():
            self._deliver(event)

    def _ask(self, site_id: str, room_id: str, due_at: datetime, now: datetime) -> None:
        self.checks.append(RoomCheckDue(site_id=site_id, room_id=room_id, due_at=due_at))

    def _undelivered(self) -> Iterator[Any]:
        while self.delivered < len(self.bus.sent):
            self.delivered += 1
            yield self.bus.sent[self.delivered - 1]

    def _deliver(self, event: Any) -> None:
        match event:
            case FramesCounted():
                estimation.estimate(event, self.estimator)
            case RoomOccupancyChanged() | BmsCommandAcknowledged():
                control.decide_setpoints(event, self.controller)
            case BmsCommandRequested():
                self.running[event.device_group] = event.level
                self.bus([self._acknowledgement(event)])
            case AlertRaised() | AlertCleared():
                notification.notify(event, self.notification)

    def _acknowledgement(self, command: BmsCommandRequested) -> BmsCommandAcknowledged:
        return BmsCommandAcknowledged(
            id=f"ack-{command.id}",
            correlation_id=command.correlation_id,
            site_id=command.site_id,
            room_id=command.room_id,
            device_group=command.device_group,
            idempotency_key=command.idempotency_key,
            level=command.level,
            acknowledged_at=self.clock.now,
        )


def test_people_come_and_go_and_the_building_follows():
    house = Headcount()
    levels = []
    for faces in (4, 10, 4, 0):
        for _ in range(8):
            house.film(faces)
        levels.append(dict(house.running))

    assert levels == [
        {"ac": 1, "lights": 2},
        {"ac": 2, "lights": 4},
        {"ac": 1, "lights": 2},
        {"ac": 0, "lights": 0},
    ]
    assert [message.attributes["kind"] for message in house.notifier.told] == ["room_vacant"]


def test_a_turned_back_keeps_the_lights_on():
    house = Headcount()
    house.film(1)
    for _ in range(100):
        house.film(0, motion=0.1)

    assert house.running == {"ac": 1, "lights": 2}
    assert house.notifier.told == []


def test_one_correlation_id_leads_from_the_fragment_to_the_acknowledgement():
    house = Headcount()
    house.film(4)
    chain = {type(event).__name__: event.correlation_id for event in house.bus.sent}

    assert len(chain) == 4
    assert len(set(chain.values())) == 1


def test_the_chain_of_an_emptied_room_ends_at_the_frame_that_confirmed_it():
    house = Headcount()
    for faces in (1, 0, 0, 0, 0, 0, 0):
        house.film(faces)
    vacant = [event for event in house.bus.of(RoomOccupancyChanged) if event.state == "VACANT"]
    off = [event for event in house.bus.of(BmsCommandRequested) if event.level == 0]

    assert {event.correlation_id for event in off} == {vacant[0].correlation_id}
    assert off[0].requested_at - vacant[0].observed_at >= timedelta(seconds=3)
