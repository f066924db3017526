"""The simulated building: devices that obey, lights that go dark, people who find the switch."""

from dataclasses import dataclass, field

import numpy as np

from headcount.domain.control_state import Command
from headcount.domain.policy import Room
from ops.simulation.settings import SimulationSettings

LIGHTING = "lighting"


@dataclass(slots=True)
class Building:
    """What the devices of one room do, by the seconds of a segment.

    Attributes:
        levels: Device group id -> how many of its devices run; None before our first command and
            after we have let go of it: then the recorded practice runs on.
        changes: Device group id -> (when, level), in the order of time.
    """

    room: Room
    settings: SimulationSettings
    rng: np.random.Generator
    levels: dict[str, int | None] = field(default_factory=dict)
    changes: dict[str, list[tuple[float, int | None]]] = field(default_factory=dict)
    _dark: list[tuple[float, bool]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.levels = {group.id: None for group in self.room.devices}
        self.changes = {group.id: [(0.0, None)] for group in self.room.devices}
        self._dark = [(0.0, False)]

    def carry_out(self, at_s: float, command: Command) -> None:
        """Let the devices of a group do what the command says."""
        level = None if command.relinquish else command.level
        if self.levels[command.device_group] == level:
            return
        self.levels[command.device_group] = level
        self.changes[command.device_group].append((at_s, level))
        dark = self._is_dark()
        if dark != self._dark[-1][1]:
            self._dark.append((at_s + (self.settings.darkens_after_s if dark else 0.0), dark))

    def dark_at(self, at_s: float) -> bool:
        """Return whether the room was dark at a moment that is not in the future."""
        for since_s, dark in reversed(self._dark):
            if since_s <= at_s:
                return dark
        return False

    def loses(self) -> bool:
        """Return whether the next message between us and the BMS gets lost."""
        return bool(self.rng.random() < self.settings.bms_loss_rate)

    def finds_switch(self) -> bool:
        """Return whether people who look for the switch press it."""
        return bool(self.rng.random() < self.settings.switch_probability)

    def looks_for_switch_s(self) -> float:
        """Return after how many seconds people in the dark look for the switch."""
        return float(self.rng.uniform(self.settings.switch_min_s, self.settings.switch_max_s))

    def _is_dark(self) -> bool:
        lights = [self.levels[group.id] for group in self.room.devices if group.kind == LIGHTING]
        return bool(lights) and not self.settings.daylight and all(level == 0 for level in lights)
