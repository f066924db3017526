"""What a simulated world is like: every chance and every time in it, settable by name."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from difflib import get_close_matches
from typing import Any

from ops.simulation.errors import SimulationError


@dataclass(frozen=True, slots=True)
class SimulationSettings:
    """How people, cameras and the building behave. All durations are seconds.

    Chosen, all of them, unless a comment names a source: a setting is there to be varied.

    Attributes:
        sample_every_s: Between two counted frames of a camera; 0 takes each camera's own.
        frame_jitter_s: A frame comes up to this much earlier or later than its turn.
        visible_min_s: Shortest time for which a person shows the face to a camera.
        visible_max_s: Longest such time.
        turned_min_s: Shortest time for which a person is turned away.
        turned_max_s: Longest such time.
        detection_rate: Share of the frames in which a visible face is found.
        belief_error: By how much the estimator's detection rate is off the true one; each
            camera's sign is drawn.
        false_alarms_per_frame: Mean number of faces found where there is none.
        still_sitter_share: Share of the people who never move between sitting down and leaving.
        moving_min_s: Shortest time for which anybody else moves.
        moving_max_s: Longest such time.
        still_min_s: Shortest time for which anybody else sits still.
        still_max_s: Longest such time.
        entering_min_s: Shortest time for which somebody moves on coming in, and on leaving.
        entering_max_s: Longest such time.
        walking_motion_rate: Chance that one walking person shows as motion in a frame.
        motion_rate: Chance that one person who moves in the seat does.
        motion_false_rate: Chance of motion in a frame in which nobody moves.
        outages_per_day: How often a day a camera fails.
        outage_s: For how long.
        delivery_s: From a frame being taken to its count reaching the estimator.
        late_share: Share of the frames that come later than that, and so out of order.
        late_max_s: By how much at most.
        infrared: 1 if the cameras see in the dark, else 0.
        daylight: 1 if it never gets dark when the lights are off, else 0.
        darkens_after_s: From the lights going off to a dark picture.
        dark_motion_rate: Chance that one moving person shows as motion in a dark frame.
        switch_probability: Chance that people in the dark press the switch when they look for it.
        switch_min_s: Shortest time after which they look for it.
        switch_max_s: Longest such time.
        switch_again_s: They try again after this, and as long as the first time.
        bms_delay_s: From a command to the device having changed and the BMS having said so.
        bms_loss_rate: Chance that a command, or else its acknowledgement, is lost.
        reaction_limit_s: An entry that is not noticed within this counts as false vacancy.
    """

    sample_every_s: float = 0.0
    frame_jitter_s: float = 0.3
    # A back stays turned for minutes: frames seconds apart are not independent.
    visible_min_s: float = 60.0
    visible_max_s: float = 600.0
    turned_min_s: float = 60.0
    turned_max_s: float = 600.0
    detection_rate: float = 0.8
    belief_error: float = 0.15
    false_alarms_per_frame: float = 0.005
    still_sitter_share: float = 0.25
    moving_min_s: float = 5.0
    moving_max_s: float = 60.0
    still_min_s: float = 30.0
    still_max_s: float = 600.0
    # Chosen: from the door to sitting still, and from getting up to the door.
    entering_min_s: float = 15.0
    entering_max_s: float = 60.0
    # Measured: every fragment with a walker in it moved, through our own gateway.
    walking_motion_rate: float = 0.95
    motion_rate: float = 0.7
    motion_false_rate: float = 0.0002
    outages_per_day: float = 1.0
    outage_s: float = 120.0
    delivery_s: float = 3.0
    late_share: float = 0.01
    late_max_s: float = 20.0
    infrared: int = 0
    daylight: int = 0
    darkens_after_s: float = 1.0
    dark_motion_rate: float = 0.05
    switch_probability: float = 1.0
    switch_min_s: float = 2.0
    switch_max_s: float = 20.0
    switch_again_s: float = 30.0
    bms_delay_s: float = 1.0
    bms_loss_rate: float = 0.001
    reaction_limit_s: float = 60.0

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if not (math.isfinite(value) and value >= 0):
                raise ValueError(f"{field.name} is {value:g}; it is a number of 0 or more")
            if field.name.endswith(("_rate", "_share", "_probability")) and value > 1:
                raise ValueError(f"{field.name} is {value:g}; it is a share of 0 to 1")
            if field.type is int and value not in (0, 1):
                raise ValueError(f"{field.name} is {value:g}; write 1 for yes and 0 for no")
            if field.name.endswith("_min_s") and not value > 0:
                raise ValueError(f"{field.name} is {value:g}; it is above 0")
            if field.name.endswith("_min_s"):
                longest = field.name.replace("_min_s", "_max_s")
                if value > getattr(self, longest):
                    raise ValueError(
                        f"{field.name} ({value:g}) is above {longest} "
                        f"({getattr(self, longest):g}); lower the one or raise the other"
                    )
        if self.belief_error > 1:
            raise ValueError(f"belief_error is {self.belief_error:g}; it is a share of 0 to 1")


def settings_from(assignments: Iterable[str]) -> SimulationSettings:
    """Return the settings with `name=value` for each of `assignments`, the others by default.

    Raises:
        SimulationError: If there is no such setting, or not with such a value.
    """
    types = {field.name: field.type for field in fields(SimulationSettings)}
    values: dict[str, Any] = {}
    for assignment in assignments:
        name, equals, text = assignment.partition("=")
        if name not in types or not equals:
            close = get_close_matches(name, types, n=1)
            hint = f"Did you mean {close[0]}?" if close else "Write --set name=value."
            raise SimulationError(
                f"--set {assignment}: there is no such setting.\n{hint} "
                "`headcount simulate --list-settings` names them all."
            )
        try:
            values[name] = int(text) if types[name] is int else float(text)
        except ValueError as fault:
            raise SimulationError(
                f"--set {assignment}: '{text}' is no number.\n"
                f"Write digits, e.g. --set {name}={getattr(SimulationSettings(), name):g}."
            ) from fault
    try:
        return replace(SimulationSettings(), **values)
    except ValueError as refused:
        raise SimulationError(f"--set: {refused}.") from refused


def described_settings() -> Mapping[str, tuple[float, str]]:
    """Return each setting's default and what it means, in the words of the class."""
    words = " ".join((SimulationSettings.__doc__ or "").partition("Attributes:")[2].split())
    defaults = SimulationSettings()
    names = [field.name for field in fields(SimulationSettings)]
    said: dict[str, tuple[float, str]] = {}
    for name, following in zip(names, [*names[1:], ""], strict=True):
        _, _, rest = words.partition(f"{name}: ")
        meaning = rest.partition(f" {following}: ")[0] if following else rest
        said[name] = (getattr(defaults, name), meaning)
    return said
