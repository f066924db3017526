"""A room under control, driven by the second: what it hears, and what is decided."""

from datetime import UTC, datetime, timedelta

from headcount.domain.cameras import Camera
from headcount.domain.control import acknowledge, book, decide, meter, override
from headcount.domain.control_state import (
    Acknowledgement,
    BookingNotice,
    ControlState,
    MeterNotice,
    Occupancy,
    OverrideNotice,
)
from headcount.domain.policy import DeviceGroup, Policy, Room
from headcount.domain.terms import OccupancyState, Trigger

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
POLICY = Policy(hold_off_s=60, unknown_hold_s=120, ack_timeout_s=10, max_attempts=3)
AC = DeviceGroup("ac", "air_conditioning", max_level=2, priority=10)
LIGHTS = DeviceGroup("lights", "lighting", max_level=4)
ROOM = Room("hq", "lab", (Camera("door"),), (AC, LIGHTS), POLICY, policy_version="v1")
OCCUPIED, VACANT, UNKNOWN = (
    OccupancyState.OCCUPIED,
    OccupancyState.VACANT,
    OccupancyState.UNKNOWN,
)


def at(seconds):
    return NOON + timedelta(seconds=seconds)


class Building:
    """A room whose BMS acknowledges at once, unless told otherwise; keeps all that is decided."""

    def __init__(self, room=ROOM, *, acknowledges=True):
        self.room, self.acknowledges = room, acknowledges
        self.state, self.commands, self.raised, self.cleared = ControlState(), [], [], []
        self.proposed, self.check_at = [], None

    def hear(self, seconds, state, people=0, **more):
        told = Occupancy(state, people, at(seconds), correlation_id=f"fragment-{seconds}", **more)
        return self._take(seconds, decide(at(seconds), told, self.room, self.state))

    def keep_hearing(self, seconds, until, state, people=0, every_s=60, **more):
        """Hear the same every minute; return (second, group, level) of every command."""
        heard, sent = seconds, []
        while heard <= until:
            levels_now = self.hear(heard, state, people, **more)
            sent += [(heard, group, level) for group, level in levels_now.items()]
            heard += every_s
        return sent

    def take_in_hand(self, seconds, level=None, group=None, until=None, said=None):
        notice = OverrideNotice(
            group,
            level,
            active=True,
            until=None if until is None else at(until),
            reason="cleaning",
            at=at(seconds if said is None else said),
            correlation_id="override-1",
        )
        return self.override(seconds, notice)

    def override(self, seconds, notice):
        return self._take(seconds, override(at(seconds), notice, self.room, self.state))

    def give_back(self, seconds, group=None, said=None):
        when = at(seconds if said is None else said)
        notice = OverrideNotice(group, None, False, None, "", when, "override-2")
        return self.override(seconds, notice)

    def book(self, seconds, starts, ends, people=None, name="meeting", said=None, cancelled=False):
        notice = BookingNotice(
            name,
            at(starts),
            at(ends),
            people,
            cancelled,
            at(seconds if said is None else said),
            f"booking-{name}",
        )
        return self._take(seconds, book(at(seconds), notice, self.room, self.state))

    def read_meter(self, seconds, power_w, group="lights", read=None):
        notice = MeterNotice(group, power_w, at(seconds if read is None else read), "meter-1")
        return self._take(seconds, meter(at(seconds), notice, self.room, self.state))

    def wait_until(self, seconds):
        decision = decide(at(seconds), None, self.room, self.state, Trigger.TIMER)
        return self._take(seconds, decision)

    def answer(self, seconds, command, *, accepted=True, reason=""):
        ack = Acknowledgement(command.device_group, command.idempotency_key, accepted, reason)
        return self._take(seconds, acknowledge(at(seconds), ack, self.room, self.state))

    def _take(self, seconds, decision):
        self.state = decision.state
        self.commands += decision.commands
        self.proposed += decision.proposed
        self.raised += [alert.kind for alert in decision.alerts_raised]
        self.cleared += [alert.kind for alert in decision.alerts_cleared]
        self.check_at = decision.check_again_at
        if self.acknowledges:
            for command in decision.commands:
                self.answer(seconds, command)
        return levels(decision.commands)


def levels(commands):
    return {command.device_group: command.level for command in commands}
