"""A made-up morning of a room, lived through by estimator, control and a BMS, as events.

The loop stands where cameras, queues, a minute tick and a BMS stand: it calls what the functions
call, and keeps what they would have published.
"""

import heapq
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from zoneinfo import ZoneInfo

from headcount.announcements import announced
from headcount.domain.cameras import Camera, OccupancySettings
from headcount.domain.control import acknowledge, book, decide, override
from headcount.domain.control_state import (
    Acknowledgement,
    BookingNotice,
    ControlState,
    Decision,
    Occupancy,
    OverrideNotice,
)
from headcount.domain.occupancy import RoomState, announce, is_news, lapse, let_in
from headcount.domain.policy import Band, DeviceGroup, Policy, Room
from headcount.domain.schedule import OpeningHours
from headcount.domain.terms import LightMode, SensorKind, Trigger, UnknownAtClose
from headcount.estimates import occupancy_changed
from headcount.events import (
    BmsCommandAcknowledged,
    BmsCommandRequested,
    BmsOverrideChanged,
    BmsPresenceSensed,
    BmsScheduleChanged,
    Detail,
    Detection,
    FramesCounted,
)
from headcount.evidence import Noticed, as_evidence
from headcount.verification.room_log import RoomLog
from tests.samples import FRAMES_COUNTED

BEGINS = datetime(2026, 3, 2, 8, tzinfo=UTC)
_FRAME_EVERY_S = 10
# Open from ten past eight to ten to nine: a morning sees it open and close.
_HOURS = OpeningHours(zone=ZoneInfo("UTC"), week=(((490, 530),),) * 7)
ROOM = Room(
    "hq",
    "lab",
    (Camera("door"),),
    (
        DeviceGroup(
            "ac",
            "air_conditioning",
            max_level=2,
            min_run_s=240,
            min_rest_s=120,
            max_switches_per_hour=6,
            precondition_s=300,
        ),
        DeviceGroup("lights", "lighting", max_level=4),
    ),
    Policy(
        bands=(
            Band(people=1, levels={"ac": 1, "lights": 2}),
            Band(people=4, levels={"ac": 2, "lights": 4}),
        ),
        hold_off_s=180,
        fewer_hold_off_s=240,
        unknown_hold_s=240,
        unknown_at_close=UnknownAtClose.OFF,
        occupancy_stale_s=400,
        command_expiry_s=300,
        override_max_s=900,
        booking_grace_s=300,
    ),
    OccupancySettings(vacancy_confirm_s=60, observation_gap_s=60, heartbeat_s=120),
    policy_version="v1",
    capacity=8,
    hours=_HOURS,
)


@dataclass(frozen=True)
class Scene:
    """What the room is like for some minutes.

    Attributes:
        facing: How many of the people show their face.
        stirs: Whether they move now and then.
        filmed: Whether the camera delivers anything.
    """

    minutes: int
    people: int = 0
    facing: int = 0
    stirs: bool = False
    filmed: bool = True


@dataclass(frozen=True)
class Morning:
    """A script, and how badly everything works.

    Attributes:
        missed: Share of the faces in sight that no frame shows.
        false_alarms: Share of the frames with a face that is none.
        late: Share of the frames that come late, and in another order.
        lost: Share of the messages between us and the BMS that get lost.
        taken: Minutes at which somebody takes the room in hand, and at which level.
        booked: Minutes for which it is booked a quarter of an hour before, and for how many.
    """

    scenes: tuple[Scene, ...]
    seed: int = 1
    missed: float = 0.2
    false_alarms: float = 0.02
    late: float = 0.0
    lost: float = 0.0
    taken: tuple[tuple[int, int | None], ...] = ()
    booked: tuple[tuple[int, int | None], ...] = ()


def live(morning: Morning) -> list[tuple[Detail, datetime]]:
    """Return the events of a morning in the order they were published, with their time."""
    return _Life(morning).through()


def as_log(events: list[tuple[Detail, datetime]]) -> RoomLog:
    """Return events as a log that heard them."""
    log = RoomLog(ROOM.site_id, ROOM.room_id)
    for event, at in events:
        log.hear(event, at)
    return log


class _Life:
    def __init__(self, morning: Morning) -> None:
        self._morning = morning
        self._chance = random.Random(morning.seed)
        self._events: list[tuple[Detail, datetime]] = []
        self._queue: list[tuple[datetime, int, Callable[[datetime], None]]] = []
        self._turn, self._number, self._revision = count(), count(), count(1)
        self._state: RoomState | None = None
        self._control = ControlState()
        self._levels: dict[str, int] = {}
        self._carried_out: set[str] = set()

    def through(self) -> list[tuple[Detail, datetime]]:
        begins_s = 0
        for scene in self._morning.scenes:
            for at_s in range(begins_s, begins_s + 60 * scene.minutes, _FRAME_EVERY_S):
                self._on(at_s, self._film(scene))
            begins_s += 60 * scene.minutes
        for at_s in range(30, begins_s, 60):
            self._on(at_s, self._tick)
        for minute, level in self._morning.taken:
            self._on(60 * minute + 1, self._take(level))
        for minute, people in self._morning.booked:
            self._on(max(0, 60 * minute - 900) + 2, self._book(60 * minute, people))
        end = BEGINS + timedelta(seconds=begins_s)
        while self._queue and self._queue[0][0] <= end:
            now, _, do = heapq.heappop(self._queue)
            do(now)
        return self._events

    def _on(self, at_s: float, do: Callable[[datetime], None]) -> None:
        self._at(BEGINS + timedelta(seconds=at_s), do)

    def _at(self, moment: datetime, do: Callable[[datetime], None]) -> None:
        heapq.heappush(self._queue, (moment, next(self._turn), do))

    def _film(self, scene: Scene) -> Callable[[datetime], None]:
        def film(now: datetime) -> None:
            if scene.people and self._levels.get("lights") == 0 and self._chance.random() < 0.1:
                self._notice(self._switch_pressed(now), now)
            if not scene.filmed:
                return
            late_s = 1.0
            if self._chance.random() < self._morning.late:
                # Mostly within the window of 30 s, sometimes far beyond it.
                late_s = self._chance.choice([11.5, 17.5, 25.5, 90.5])
            delivered = now + timedelta(seconds=late_s)
            frame = self._frame(scene, now, delivered)
            self._at(delivered, lambda then: self._notice(frame, then))

        return film

    def _frame(self, scene: Scene, now: datetime, delivered: datetime) -> FramesCounted:
        dark = self._levels.get("lights") == 0
        shown = 0 if dark else scene.facing
        faces = sum(self._chance.random() >= self._morning.missed for _ in range(shown))
        faces += not dark and self._chance.random() < self._morning.false_alarms
        moves = scene.stirs and scene.people > 0 and self._chance.random() < 0.5
        name = f"frame-{next(self._number)}"
        return FRAMES_COUNTED.model_copy(
            update={
                "id": name,
                "correlation_id": name,
                "fragment_number": name,
                "inference_id": name,
                "captured_at": now,
                "persisted_at": delivered,
                "faces": tuple(self._face() for _ in range(faces)),
                "motion": 0.2 if moves else 0.0,
                "scene_change": None,
                "light_mode": LightMode.DARK if dark else LightMode.DAY,
            }
        )

    def _face(self) -> Detection:
        left, top = self._chance.random() * 0.9, self._chance.random() * 0.9
        return Detection(box=(left, top, 0.1, 0.1), score=0.9)

    def _switch_pressed(self, now: datetime) -> BmsPresenceSensed:
        name = f"switch-{next(self._number)}"
        return BmsPresenceSensed(
            id=name,
            correlation_id=name,
            site_id="hq",
            room_id="lab",
            sensor_id="switch",
            kind=SensorKind.SWITCH,
            present=True,
            sensed_at=now,
        )

    def _notice(self, told: Noticed, now: datetime) -> None:
        self._events.append((told, now))
        after = let_in(self._state, as_evidence(told), ROOM)
        self._believe(after, told.id, told.correlation_id, now)

    def _believe(self, after: RoomState, about: str, chain: str, now: datetime) -> None:
        news = after is not self._state and is_news(after, ROOM.occupancy)
        self._state = after
        if not news:
            return
        event = occupancy_changed(
            after, ROOM, next(self._revision), about=about, correlation_id=chain
        )
        self._state = announce(after)
        self._events.append((event, now))
        told = Occupancy(
            event.state,
            event.people_estimate,
            event.observed_at,
            chain,
            event.revision,
            event.people_high,
            event.p_vacant,
            event.last_seen_at,
        )
        self._follow(decide(now, told, ROOM, self._control), now)

    def _tick(self, now: datetime) -> None:
        if self._state is not None:
            self._believe(lapse(self._state, now, ROOM), f"tick-{now}", f"tick-{now}", now)
        self._check(now)

    def _check(self, now: datetime) -> None:
        self._follow(decide(now, None, ROOM, self._control, Trigger.TIMER), now)

    def _take(self, level: int | None) -> Callable[[datetime], None]:
        def take(now: datetime) -> None:
            name = f"override-{next(self._number)}"
            said = BmsOverrideChanged(
                id=name,
                correlation_id=name,
                site_id="hq",
                room_id="lab",
                device_group="lights",
                active=True,
                level=level,
                until=now + timedelta(minutes=5),
                reason="somebody at the panel",
                changed_at=now,
            )
            self._events.append((said, now))
            if level is not None:
                self._levels["lights"] = level
            notice = OverrideNotice("lights", level, True, said.until, said.reason, now, name)
            self._follow(override(now, notice, ROOM, self._control), now)

        return take

    def _book(self, begins_s: float, people: int | None) -> Callable[[datetime], None]:
        def make(now: datetime) -> None:
            name = f"booking-{next(self._number)}"
            starts = BEGINS + timedelta(seconds=begins_s)
            ends = starts + timedelta(minutes=15)
            said = BmsScheduleChanged(
                id=name,
                correlation_id=name,
                site_id="hq",
                room_id="lab",
                booking_id=name,
                starts_at=starts,
                ends_at=ends,
                people=people,
                changed_at=now,
            )
            self._events.append((said, now))
            notice = BookingNotice(name, starts, ends, people, False, now, name)
            self._follow(book(now, notice, ROOM, self._control), now)

        return make

    def _follow(self, made: Decision, now: datetime) -> None:
        self._control = made.state
        for event in announced(made, ROOM, now):
            self._events.append((event, now))
            if isinstance(event, BmsCommandRequested) and not self._is_lost():
                self._at(now + timedelta(seconds=1.25), self._carry_out(event))
        if made.check_again_at is not None:
            self._at(made.check_again_at, self._check)

    def _carry_out(self, command: BmsCommandRequested) -> Callable[[datetime], None]:
        def carry_out(now: datetime) -> None:
            if command.idempotency_key not in self._carried_out:
                self._carried_out.add(command.idempotency_key)
                self._levels[command.device_group] = command.level
            if self._is_lost():
                return
            answer = BmsCommandAcknowledged(
                id=f"ack-{command.id}",
                correlation_id=command.correlation_id or "none",
                site_id="hq",
                room_id="lab",
                device_group=command.device_group,
                idempotency_key=command.idempotency_key,
                level=command.level,
                acknowledged_at=now,
            )
            self._events.append((answer, now))
            ack = Acknowledgement(command.device_group, command.idempotency_key, accepted=True)
            self._follow(acknowledge(now, ack, ROOM, self._control), now)

        return carry_out

    def _is_lost(self) -> bool:
        return self._chance.random() < self._morning.lost
