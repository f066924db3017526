"""One segment of a recording, lived through by the deployed estimator and control.

The loop stands where queues, schedules and a BMS stand in a building: it calls the same functions
as the Lambda functions do, in the order in which messages would come.
"""

import heapq
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count

import numpy as np

from headcount.domain.control import acknowledge, decide
from headcount.domain.control_state import (
    Acknowledgement,
    Command,
    ControlState,
    Decision,
    Occupancy,
)
from headcount.domain.observations import Observation, Presence
from headcount.domain.occupancy import (
    Estimate,
    RoomState,
    announce,
    is_news,
    lapse,
    observe,
    sense,
)
from headcount.domain.policy import Room
from headcount.domain.terms import OccupancyState, SensorKind, Trigger
from ops.simulation.building import Building
from ops.simulation.event_log import RunLog
from ops.simulation.observing import Frames
from ops.simulation.people import Segment
from ops.simulation.settings import SimulationSettings

# How often time alone wakes control and the estimator, in the deployed system too.
_TICK_S = 60.0


@dataclass(frozen=True, slots=True)
class Belief:
    """What the estimator held to be so, from `at_s` on."""

    at_s: float
    state: OccupancyState
    people: int
    low: int
    high: int


@dataclass(slots=True)
class Trace:
    """What happened in a segment, by the seconds since it began.

    Attributes:
        begins: When it began, in UTC.
        beliefs: One for every change.
        levels: Device group id -> (when, level as the devices ran), as `Building.changes`.
        commands: Every command at its first attempt, with the second it was sent in.
        retries: How many commands were sent again.
        proposed: How many a dry run would have sent.
        alerts: How many of each kind were raised.
        observations: How many frames were counted.
    """

    begins: datetime
    beliefs: list[Belief]
    levels: dict[str, list[tuple[float, int | None]]] = field(default_factory=dict)
    commands: list[tuple[float, Command]] = field(default_factory=list)
    retries: int = 0
    proposed: int = 0
    alerts: Counter[str] = field(default_factory=Counter)
    observations: int = 0


class RoomRun:
    """Runs one room through one segment."""

    def __init__(
        self,
        segment: Segment,
        begins: datetime,
        room: Room,
        settings: SimulationSettings,
        rng: np.random.Generator,
        log: RunLog | None = None,
    ) -> None:
        self._log = log
        self._segment, self._begins = segment, begins.astimezone(UTC)
        self._room, self._settings = room, settings
        # Part of every id, so that no two segments of a recording make the same one.
        self._marked = f"{self._begins:%Y%m%dT%H%M%S}"
        self._building = Building(room, settings, rng)
        self._state: RoomState | None = None
        self._control = ControlState()
        self._queue: list[tuple[float, int, Callable[[float], None]]] = []
        self._turn = count()
        self._revision = count(1)
        self._presses = count(1)
        self._looking = False
        self._trace = Trace(self._begins, [Belief(0.0, OccupancyState.UNKNOWN, 0, 0, 0)])

    def through(self, frames: Sequence[Frames]) -> Trace:
        """Return what happens when the cameras deliver `frames`."""
        self._at(_TICK_S, self._tick)
        for at_s, people in zip(self._segment.at_s, self._segment.people, strict=True):
            if people > 0:
                self._at(float(at_s), self._miss_light)
        for seen, delivered_s, captured_s, dark_motion in _in_order(
            frames, self._begins, self._marked
        ):
            self._until(delivered_s)
            self._look(seen, delivered_s, captured_s, dark_motion)
        self._until(self._segment.length_s)
        self._trace.levels = self._building.changes
        return self._trace

    def _at(self, at_s: float, do: Callable[[float], None]) -> None:
        heapq.heappush(self._queue, (at_s, next(self._turn), do))

    def _until(self, end_s: float) -> None:
        while self._queue[0][0] <= end_s:
            at_s, _, do = heapq.heappop(self._queue)
            do(at_s)

    def _now(self, at_s: float) -> datetime:
        return self._begins + timedelta(seconds=at_s)

    def _look(
        self, seen: Observation, delivered_s: float, captured_s: float, dark_motion: float
    ) -> None:
        if self._building.dark_at(captured_s) and not self._settings.infrared:
            seen = Observation(
                seen.id, seen.camera_id, seen.captured_at, faces=0, motion=dark_motion, dark=True
            )
        self._trace.observations += 1
        if self._log is not None:
            self._log.counted(seen, self._now(delivered_s))
        self._believe(observe(self._state, seen, self._room), delivered_s, seen.id)

    def _believe(self, state: RoomState, at_s: float, cause: str) -> None:
        """Keep the estimator's new state, and tell control if it is news."""
        self._state = state
        now, last = state.estimate, self._trace.beliefs[-1]
        if (now.state, now.people, now.people_low, now.people_high) != (
            last.state,
            last.people,
            last.low,
            last.high,
        ):
            self._trace.beliefs.append(
                Belief(at_s, now.state, now.people, now.people_low, now.people_high)
            )
        if is_news(state, self._room.occupancy):
            self._state = announce(state)
            told = _told(now, cause, next(self._revision))
            if self._log is not None:
                self._log.changed(state, told.revision, cause, self._now(at_s))
            self._follow(at_s, decide(self._now(at_s), told, self._room, self._control))

    def _tick(self, at_s: float) -> None:
        if self._state is not None:
            state = lapse(self._state, self._now(at_s), self._room)
            if state is not self._state:
                self._believe(state, at_s, f"silence/{self._marked}/{at_s:.0f}")
        self._check(at_s)
        self._at(at_s + _TICK_S, self._tick)

    def _check(self, at_s: float) -> None:
        made = decide(self._now(at_s), None, self._room, self._control, Trigger.TIMER)
        self._follow(at_s, made)

    def _follow(self, at_s: float, made: Decision) -> None:
        """Do what was decided: send commands, count alerts, ask to be woken."""
        self._control = made.state
        if self._log is not None:
            self._log.decided(made, self._now(at_s))
        self._trace.proposed += len(made.proposed)
        for alert in made.alerts_raised:
            self._trace.alerts[alert.kind.value] += 1
        for command in made.commands:
            self._send(at_s, command)
        if made.check_again_at is not None:
            again_s = (made.check_again_at - self._begins).total_seconds()
            self._at(max(at_s, again_s), self._check)

    def _send(self, at_s: float, command: Command) -> None:
        if command.attempt == 1:
            self._trace.commands.append((at_s, command))
        else:
            self._trace.retries += 1
        if self._building.loses():
            return
        self._at(at_s + self._settings.bms_delay_s, lambda then_s: self._carry_out(then_s, command))

    def _carry_out(self, at_s: float, command: Command) -> None:
        was_dark = self._building.dark_at(at_s)
        self._building.carry_out(at_s, command)
        darkens_s = at_s + self._settings.darkens_after_s
        if not was_dark and self._building.dark_at(darkens_s):
            self._at(darkens_s, self._miss_light)
        if self._building.loses():
            return
        if self._log is not None:
            self._log.acknowledged(command, self._now(at_s))
        ack = Acknowledgement(command.device_group, command.idempotency_key, accepted=True)
        self._follow(at_s, acknowledge(self._now(at_s), ack, self._room, self._control))

    def _miss_light(self, at_s: float) -> None:
        """Let people who find themselves in the dark look for the switch."""
        if not self._looking and self._in_the_dark(at_s):
            self._looking = True
            self._at(at_s + self._building.looks_for_switch_s(), self._press)

    def _press(self, at_s: float) -> None:
        self._looking = False
        if not self._in_the_dark(at_s):
            return
        if self._building.finds_switch():
            self._sense(at_s)
        self._at(at_s + self._settings.switch_again_s, self._miss_light)

    def _sense(self, at_s: float) -> None:
        pressed = f"switch/{self._marked}/{next(self._presses)}"
        presence = Presence(
            id=pressed,
            sensor_id="switch",
            kind=SensorKind.SWITCH,
            present=True,
            sensed_at=self._now(at_s),
        )
        if self._log is not None:
            self._log.sensed(presence)
        self._believe(sense(self._state, presence, self._room), at_s, pressed)

    def _in_the_dark(self, at_s: float) -> bool:
        row = int(np.searchsorted(self._segment.at_s, at_s, side="right")) - 1
        return bool(self._segment.people[row] > 0) and self._building.dark_at(at_s)


def _told(now: Estimate, cause: str, revision: int) -> Occupancy:
    """Return what control hears of an estimate."""
    return Occupancy(
        state=now.state,
        people=now.people,
        observed_at=now.at,
        correlation_id=cause,
        revision=revision,
        people_high=now.people_high,
        p_vacant=now.p_vacant,
        last_seen_at=now.last_seen_at,
    )


def _in_order(
    frames: Sequence[Frames], begins: datetime, marked: str
) -> Iterator[tuple[Observation, float, float, float]]:
    """Yield (observation, delivered, captured, motion in the dark) as they are delivered."""
    names = [one.camera_id for one in frames]
    which = np.concatenate([np.full(f.captured_s.size, at) for at, f in enumerate(frames)])
    captured = np.concatenate([f.captured_s for f in frames])
    delivered = np.concatenate([f.delivered_s for f in frames])
    faces = np.concatenate([f.faces for f in frames])
    motion = np.concatenate([f.motion for f in frames])
    dark_motion = np.concatenate([f.dark_motion for f in frames])
    order = np.argsort(delivered, kind="stable")
    for number, (camera, captured_s, delivered_s, seen, moved, moved_dark) in enumerate(
        zip(
            which[order].tolist(),
            captured[order].tolist(),
            delivered[order].tolist(),
            faces[order].tolist(),
            motion[order].tolist(),
            dark_motion[order].tolist(),
            strict=True,
        )
    ):
        name = names[camera]
        observation = Observation(
            id=f"{name}/{marked}/{number}",
            camera_id=name,
            captured_at=begins + timedelta(seconds=captured_s),
            faces=seen,
            motion=moved,
        )
        yield observation, delivered_s, captured_s, moved_dark
