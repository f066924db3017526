"""A room under control, driven by the second: what it hears, and what is decided."""

from datetime import UTC, datetime, timedelta

from headcount.domain.cameras import Camera
from headcount.domain.control import acknowledge, decide
from headcount.domain.control_state import Acknowledgement, ControlState, Occupancy
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
        self.check_at = None

    def hear(self, seconds, state, people=0):
        told = Occupancy(state, people, at(seconds), correlation_id=f"fragment-{seconds}")
        return self._take(seconds, decide(at(seconds), told, self.room, self.state))

    def wait_until(self, seconds):
        decision = decide(at(seconds), None, self.room, self.state, Trigger.TIMER)
        return self._take(seconds, decision)

    def answer(self, seconds, command, *, accepted=True, reason=""):
        ack = Acknowledgement(command.device_group, command.idempotency_key, accepted, reason)
        return self._take(seconds, acknowledge(at(seconds), ack, self.room, self.state))

    def _take(self, seconds, decision):
        self.state = decision.state
        self.commands += decision.commands
        self.raised += [alert.kind for alert in decision.alerts_raised]
        self.cleared += [alert.kind for alert in decision.alerts_cleared]
        self.check_at = decision.check_again_at
        if self.acknowledges:
            for command in decision.commands:
                self.answer(seconds, command)
        return levels(decision.commands)


def levels(commands):
    return {command.device_group: command.level for command in commands}
