"""What a site has decided about a room: its cameras, its devices, and when they run.

Every value checks itself, so a room that contradicts itself cannot exist: the message of the
`ValueError` names what is wrong and what would be right.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise

from headcount.domain.bounds import refuse_negative, refuse_twins, refuse_zero
from headcount.domain.cameras import Camera, OccupancySettings
from headcount.domain.terms import WhenEmpty

# BACnet's range of write priorities: 1 is manual life safety, 16 the lowest.
HIGHEST_PRIORITY, LOWEST_PRIORITY = 1, 16


@dataclass(frozen=True, slots=True)
class DeviceGroup:
    """Devices that are switched together, up to `max_level` of them.

    `min_run_s` and `min_rest_s` protect the machine (a compressor), so they belong to the group
    and not to the policy: lights need neither, and must never wait to come on.

    Attributes:
        id: Name within the room, e.g. `ac`.
        kind: What it is to people, e.g. `air_conditioning` or `lighting`.
        max_level: How many devices the group has.
        priority: BACnet write priority of its commands, 1 to 16; lower wins.
        min_run_s: Seconds it runs at least after it was raised, before it is lowered.
        min_rest_s: Seconds it rests at least after it was lowered, before it is raised.
    """

    id: str
    kind: str
    max_level: int
    priority: int = 12
    min_run_s: float = 0.0
    min_rest_s: float = 0.0

    def __post_init__(self) -> None:
        if not self.id:
            raise ValueError("a device group needs an id, e.g. 'lights'")
        if self.max_level < 1:
            raise ValueError(
                f"device group '{self.id}': max_level is {self.max_level}; "
                "say how many devices it has, 1 or more"
            )
        if not HIGHEST_PRIORITY <= self.priority <= LOWEST_PRIORITY:
            raise ValueError(
                f"device group '{self.id}': priority is {self.priority}; BACnet has 1 to 16"
            )
        refuse_negative(f"device group '{self.id}'", self, "min_run_s", "min_rest_s")


@dataclass(frozen=True, slots=True)
class Band:
    """From `people` people on, these device groups run at these levels.

    Attributes:
        people: The smallest number of people the band is for.
        levels: Device group id -> how many devices of it run; a group not named is off.
    """

    people: int
    levels: Mapping[str, int]

    def __post_init__(self) -> None:
        if self.people < 0:
            raise ValueError(f"a band starts from {self.people} people; it cannot be negative")
        for group, level in self.levels.items():
            if level < 0:
                raise ValueError(
                    f"the band from {self.people} people sets '{group}' to {level}; "
                    "a level is 0 or more"
                )


# The mission's figures: four people need one air conditioner and two lights, ten need two and four.
DEFAULT_BANDS = (
    Band(people=1, levels={"ac": 1, "lights": 2}),
    Band(people=5, levels={"ac": 2, "lights": 4}),
)


@dataclass(frozen=True, slots=True)
class Policy:
    """When devices go up, when they go down, and who is told.

    Attributes:
        bands: In any order; below the lowest everything is off.
        when_empty: Switch an empty room off, tell somebody, or both.
        hold_off_s: Seconds for which fewer people must be seen before a level goes down.
        unknown_hold_s: Seconds a room may be UNKNOWN before somebody is told.
        occupancy_stale_s: Seconds after which what is known of a room counts as UNKNOWN.
        command_expiry_s: Seconds after which a command must no longer be carried out.
        ack_timeout_s: Seconds to wait for an acknowledgement before asking again.
        max_attempts: How often a command is sent before somebody is told.
        alert_cooldown_s: Seconds in which the same alert is not sent again.
    """

    bands: tuple[Band, ...] = DEFAULT_BANDS
    when_empty: WhenEmpty = WhenEmpty.OFF_AND_TELL
    # Chosen: long enough for a coffee, short enough to be worth it; ASHRAE 90.1 allows 20 minutes.
    hold_off_s: float = 600.0
    unknown_hold_s: float = 1800.0
    # Chosen: three missed heartbeats of the estimator, which speaks every five minutes.
    occupancy_stale_s: float = 900.0
    command_expiry_s: float = 900.0
    ack_timeout_s: float = 30.0
    max_attempts: int = 3
    alert_cooldown_s: float = 900.0

    def __post_init__(self) -> None:
        refuse_negative("policy", self, "hold_off_s", "unknown_hold_s", "alert_cooldown_s")
        refuse_zero("policy", self, "occupancy_stale_s", "command_expiry_s", "ack_timeout_s")
        if self.max_attempts < 1:
            raise ValueError(f"policy: max_attempts is {self.max_attempts}; send it at least once")
        if self.ack_timeout_s * self.max_attempts > self.command_expiry_s:
            raise ValueError(
                f"policy: {self.max_attempts} attempts {self.ack_timeout_s:g} s apart outlive "
                f"command_expiry_s ({self.command_expiry_s:g}); raise the one or lower the other"
            )
        self._refuse_contradicting_bands()

    def level(self, group: str, people: int) -> int:
        """Return how many devices of `group` should run for `people` people."""
        reached = [band for band in self.bands if band.people <= people]
        if not reached:
            return 0
        return max(reached, key=lambda band: band.people).levels.get(group, 0)

    def _refuse_contradicting_bands(self) -> None:
        ordered = sorted(self.bands, key=lambda band: band.people)
        for lower, upper in pairwise(ordered):
            if lower.people == upper.people:
                raise ValueError(
                    f"policy: two bands start from {lower.people} people; keep one of them"
                )
            for group, level in lower.levels.items():
                if upper.levels.get(group, 0) < level:
                    raise ValueError(
                        f"policy: '{group}' runs at {level} from {lower.people} people but at "
                        f"{upper.levels.get(group, 0)} from {upper.people}; more people never "
                        "need less"
                    )


@dataclass(frozen=True, slots=True)
class Room:
    """One room of one version of a site's document: all that a decision about it needs."""

    site_id: str
    room_id: str
    cameras: tuple[Camera, ...]
    devices: tuple[DeviceGroup, ...] = ()
    policy: Policy = field(default_factory=Policy)
    occupancy: OccupancySettings = field(default_factory=OccupancySettings)
    policy_version: str = ""

    def __post_init__(self) -> None:
        where = f"room '{self.room_id}'"
        refuse_twins(where, "camera", [camera.id for camera in self.cameras])
        refuse_twins(where, "device group", [group.id for group in self.devices])
        if self.policy.occupancy_stale_s <= self.occupancy.heartbeat_s:
            raise ValueError(
                f"{where}: occupancy_stale_s ({self.policy.occupancy_stale_s:g}) must be above "
                f"heartbeat_s ({self.occupancy.heartbeat_s:g}), or a quiet room counts as UNKNOWN"
            )
        levels = {group.id: group.max_level for group in self.devices}
        for band in self.policy.bands if self.devices else ():
            for group, level in band.levels.items():
                if group not in levels:
                    raise ValueError(
                        f"{where}: the band from {band.people} people names the device group "
                        f"'{group}'; the room has {', '.join(sorted(levels))}"
                    )
                if level > levels[group]:
                    raise ValueError(
                        f"{where}: the band from {band.people} people runs {level} of '{group}', "
                        f"which has {levels[group]}"
                    )

    def camera(self, camera_id: str) -> Camera:
        """Return the camera of that id, or a plain one if the site no longer names it."""
        known = {camera.id: camera for camera in self.cameras}
        return known.get(camera_id, Camera(camera_id))
