"""Up within a minute, down within the hold-off: what is needed is commanded in time."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import chain

from headcount.domain.policy import DeviceGroup
from headcount.domain.terms import OccupancyState, WhenEmpty
from headcount.verification.finding import Finding, Violation, violation
from headcount.verification.room_history import RoomHistory, Switch
from headcount.verification.room_log import Told

REACTION = "reaction"
_HOUR = timedelta(hours=1)
# Below this a room is not surely vacant, and nothing need go off. As in headcount.domain.switching.
_SURELY_VACANT = 0.9


@dataclass(frozen=True, slots=True)
class _Waiting:
    """Something that has to be commanded.

    Attributes:
        told: What it was needed for first.
        level: What is needed now.
        state: Of the room, that asks for it.
        is_late: Whether that has been said.
    """

    since: datetime
    told: Told
    level: int
    state: OccupancyState
    raises: bool
    is_late: bool = False


def reaction(history: RoomHistory) -> Finding:
    """Check that what the estimator's word asks for was commanded in time."""
    checked = 0
    wrong: list[Violation] = []
    for device in history.room.devices:
        if history.switches.get(device.id) or history.told:
            walk = _Walk(history, device)
            walk.through()
            checked += walk.checked
            wrong += walk.wrong
    return Finding(checked, tuple(wrong))


class _Walk:
    """Follows one device group through what was told and what was commanded."""

    def __init__(self, history: RoomHistory, device: DeviceGroup) -> None:
        self._history, self._device = history, device
        self._policy = history.room.policy
        self._level: int | None = None
        self._newest: Told | None = None
        self._waiting: _Waiting | None = None
        self._switches: list[Switch] = []
        self.checked = 0
        self.wrong: list[Violation] = []

    def through(self) -> None:
        for happened in self._in_order():
            self._be_patient_until(happened.at)
            if isinstance(happened, Told):
                self._hear(happened)
            else:
                self._switch(happened)
        if self._history.log.ends is not None:
            self._be_patient_until(self._history.log.ends)

    def _in_order(self) -> Iterator[Told | Switch]:
        switches = self._history.switches.get(self._device.id, [])
        # Of one instant, the word comes before the command that follows from it.
        yield from sorted(
            chain[Told | Switch](self._history.told, switches),
            key=lambda one: (one.at, isinstance(one, Switch)),
        )

    def _hear(self, told: Told) -> None:
        newest, event = self._newest, told.event
        if newest is not None and (event.observed_at, event.revision) < (
            newest.event.observed_at,
            newest.event.revision,
        ):
            return
        if newest is not None and event.observed_at - newest.event.observed_at > self._fresh():
            # Nobody looked in between: what had been waited for begins anew.
            self._waiting = None
        self._newest = told
        needed = self._needed(told)
        level = self._level or 0
        if needed is None or needed == level:
            self._waiting = None
            return
        waiting = self._waiting
        same = waiting is not None and (
            waiting.raises if needed > level else waiting.state is event.state
        )
        if waiting is not None and same and waiting.raises == (needed > level):
            self._waiting = replace(waiting, level=needed)
        else:
            self._waiting = _Waiting(told.at, told, needed, event.state, needed > level)

    def _switch(self, switch: Switch) -> None:
        self._switches.append(switch)
        self._level = switch.level
        waiting = self._waiting
        if waiting is None:
            return
        if not waiting.is_late and switch.command is not None:
            self.checked += 1
        level = switch.level or 0
        if (
            switch.level is None
            or level == waiting.level
            or (level > waiting.level) == (waiting.raises)
        ):
            self._waiting = None
        elif not waiting.raises:
            # A step down is progress; the next may take its own hold-off.
            self._waiting = replace(waiting, since=switch.at, is_late=False)

    def _be_patient_until(self, now: datetime) -> None:
        """Note that what is waited for has not come in time, if that is so by `now`."""
        waiting = self._waiting
        if waiting is None or waiting.is_late:
            return
        due = self._due(waiting)
        if now <= due or not self._still_asked(waiting, due):
            return
        self.checked += 1
        self._waiting = replace(waiting, is_late=True)
        late_s = (due - waiting.since).total_seconds()
        event = waiting.told.event
        self.wrong.append(
            violation(
                REACTION,
                self._history,
                self._device.id,
                due,
                f"{self._device.id} stayed at {self._level or 0}, not {waiting.level}, for "
                f"{late_s:.0f} s after {event.state} with {event.people_estimate} people "
                f"was told at {waiting.told.at:%H:%M:%S}",
                event.id,
            )
        )

    def _needed(self, told: Told) -> int | None:
        """Return the level that a word of the estimator asks for; None if for none."""
        event, group = told.event, self._device.id
        stale = timedelta(seconds=self._policy.occupancy_stale_s)
        if event.state is OccupancyState.UNKNOWN or told.at - event.observed_at > stale:
            return None
        if event.state is OccupancyState.OCCUPIED:
            return self._policy.level(group, max(1, event.people_estimate))
        sure = event.p_vacant >= _SURELY_VACANT
        if self._policy.when_empty is WhenEmpty.TELL or not sure:
            return None
        return self._policy.level(group, 0)

    def _due(self, waiting: _Waiting) -> datetime:
        """Return by when it has to be commanded."""
        begins = waiting.since
        if not waiting.raises and waiting.state is OccupancyState.VACANT and self._newest:
            begins = max(begins, self._newest.event.last_seen_at or begins)
        due = self._due_from(begins, waiting)
        for held in sorted(self._history.in_hand, key=lambda one: one.begins):
            if held.group in (None, self._device.id) and held.begins <= due and held.ends > begins:
                begins = held.ends
                due = self._due_from(begins, waiting)
        return due

    def _due_from(self, begins: datetime, waiting: _Waiting) -> datetime:
        """Return by when it has to be commanded if nobody but we had the group in hand."""
        limits, device = self._history.limits, self._device
        if waiting.raises:
            rested = self._last(raises=False)
            if rested is not None and device.min_rest_s:
                begins = max(begins, rested + timedelta(seconds=device.min_rest_s))
            return begins + timedelta(seconds=limits.reaction_s)
        empty = waiting.state is OccupancyState.VACANT
        hold_s = self._policy.hold_off_s if empty else self._policy.hold_off_of_fewer_s
        due = begins + timedelta(seconds=hold_s)
        ran = self._last(raises=True)
        if ran is not None:
            due = max(due, ran + timedelta(seconds=device.min_run_s))
        return self._unbound(due, waiting.level) + timedelta(seconds=limits.margin_s)

    def _unbound(self, due: datetime, level: int) -> datetime:
        """Return when enough switching is left for a lowering and every rise after it."""
        bound = self._device.max_switches_per_hour
        if bound == 0:
            return due
        left = bound - 1 - self._policy.levels_above(self._device, level)
        ours = [switch.at for switch in self._switches if switch.command is not None]
        if left < 0 or len(ours) <= left:
            return due
        # The one that has to be an hour old for the lowering to be within the bound.
        return max(due, ours[-1 - left] + _HOUR)

    def _last(self, *, raises: bool) -> datetime | None:
        moments = [
            switch.at for switch in self._switches if (switch.raises if raises else switch.lowers)
        ]
        first = self._switches[0].at if self._switches else None
        return moments[-1] if moments else first

    def _still_asked(self, waiting: _Waiting, due: datetime) -> bool:
        """Return whether nothing else explains that it was not commanded by `due`."""
        newest = self._newest
        if newest is None or due - newest.event.observed_at > self._fresh():
            # Nobody looks any more: what is held is held.
            return False
        if waiting.raises:
            return True
        return not self._asked_for(waiting, due)

    def _asked_for(self, waiting: _Waiting, due: datetime) -> bool:
        """Return whether a booking or the opening hours keep the level up for nobody."""
        history, device, level = self._history, self._device, self._level or 0
        hours = history.room.hours
        moments = (waiting.since, due)
        open_then = hours is not None and any(hours.is_open(moment) for moment in moments)
        if open_then and level <= device.standby_level:
            return True
        before = timedelta(seconds=device.precondition_s)
        return any(
            not booking.cancelled
            and booking.starts_at - before <= due
            and booking.ends_at >= waiting.since
            for booking in history.log.bookings
        )

    def _fresh(self) -> timedelta:
        settings = self._history.room.occupancy
        return timedelta(seconds=settings.heartbeat_s + settings.observation_gap_s)
