"""What a site has decided about a room: its cameras, its devices, and when they run.

Every value checks itself, so a room that contradicts itself cannot exist: the message of the
`ValueError` names what is wrong and what would be right.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise

from headcount.domain.bounds import refuse_negative, refuse_twins, refuse_zero
from headcount.domain.cameras import Camera, OccupancySettings
from headcount.domain.points import Point
from headcount.domain.room_contradictions import room_contradictions
from headcount.domain.schedule import OpeningHours
from headcount.domain.terms import UnknownAtClose, WhenEmpty, WhenExcess

# BACnet's range of write priorities: 1 is manual life safety, 16 the lowest.
HIGHEST_PRIORITY, LOWEST_PRIORITY = 1, 16
# Chosen: ten megawatts are more than any one device in a room.
_MOST_POWER_W = 1e7
# Chosen: an alert at twice the capacity is no alert about capacity.
_MOST_CAPACITY_SHARE = 2.0


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
        max_switches_per_hour: How often its level may change in any hour; 0 is without a bound.
            A rise is never refused: a lowering is, unless every rise after it is still free.
        precondition_s: Seconds before a booking at which it is raised for the people booked; 0 is
            not before they come.
        standby_level: How many devices run in an empty room while the room is open.
        device_power_w: Watts that one device draws; needed to compare a meter with a level.
        point: What the building itself calls it.
    """

    id: str
    kind: str
    max_level: int
    priority: int = 12
    min_run_s: float = 0.0
    min_rest_s: float = 0.0
    # Chosen: under a hold-off of minutes it is never met. It is there for a hold-off of seconds and
    # an estimate that swings: once in five minutes is what a contactor made for 10^5 switchings
    # bears for a year without a pause.
    max_switches_per_hour: int = 12
    precondition_s: float = 0.0
    standby_level: int = 0
    device_power_w: float | None = None
    point: Point | None = None

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
        where = f"device group '{self.id}'"
        refuse_negative(where, self, "min_run_s", "min_rest_s", "precondition_s")
        self._refuse_contradictions(where)

    def _refuse_contradictions(self, where: str) -> None:
        if self.max_switches_per_hour < 0:
            raise ValueError(
                f"{where}: max_switches_per_hour is {self.max_switches_per_hour}; "
                "it is 1 or more, or 0 for no bound"
            )
        if not 0 <= self.standby_level <= self.max_level:
            raise ValueError(
                f"{where}: standby_level is {self.standby_level}; "
                f"it is 0 to max_level, which is {self.max_level}"
            )
        if 0 < self.precondition_s < self.min_rest_s:
            raise ValueError(
                f"{where}: precondition_s ({self.precondition_s:g}) is below min_rest_s "
                f"({self.min_rest_s:g}), so it may still rest when people come; "
                "raise precondition_s or lower min_rest_s"
            )
        # Asked in this form, what is not a number is refused too.
        power_w = self.device_power_w
        if power_w is not None and not 0 < power_w <= _MOST_POWER_W:
            raise ValueError(
                f"{where}: device_power_w is {power_w:g}; "
                f"it is above 0, up to {_MOST_POWER_W:.0f} W a device"
            )
        bacnet = self.point.bacnet if self.point is not None else None
        if bacnet is not None and bacnet.is_binary() and self.max_level > 1:
            raise ValueError(
                f"{where}: {bacnet.object} is only on or off, and max_level is {self.max_level}; "
                "write to an analog or multi-state object, or make groups of one device"
            )


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
        hold_off_s: Seconds for which a room must be empty before it is switched off.
        fewer_hold_off_s: Seconds for which fewer people must be seen before a level goes down that
            somebody still needs; None is as long as `hold_off_s`. A long one saves switching, and
            cannot light an empty room.
        unknown_hold_s: Seconds a room may be UNKNOWN before somebody is told, and before the
            opening hours may raise it.
        unknown_at_close: What is done with a room that is UNKNOWN and closed.
        occupancy_stale_s: Seconds after which what is known of a room counts as UNKNOWN.
        command_expiry_s: Seconds after which a command must no longer be carried out.
        ack_timeout_s: Seconds to wait for an acknowledgement before asking again.
        max_attempts: How often a command is sent before somebody is told.
        alert_cooldown_s: Seconds in which the same alert is not sent again.
        capacity_share: Share of the room's capacity from which somebody is told; 0 is never.
        capacity_clear_s: Seconds for which fewer must be there before that is over.
        booking_grace_s: Seconds after the start of a booking for which the room waits for people.
        override_max_s: Seconds after which an override ends that does not end by itself.
        when_excess: What is done about a meter that shows more than the people need.
        excess_hold_s: Seconds for which a meter must show it.
        dry_run: Propose, and command nothing.
    """

    bands: tuple[Band, ...] = DEFAULT_BANDS
    when_empty: WhenEmpty = WhenEmpty.OFF_AND_TELL
    # Chosen: long enough for a coffee, short enough to be worth it; ASHRAE 90.1 allows 20 minutes.
    hold_off_s: float = 600.0
    fewer_hold_off_s: float | None = None
    unknown_hold_s: float = 1800.0
    unknown_at_close: UnknownAtClose = UnknownAtClose.TELL
    # Chosen: three missed heartbeats of the estimator, which speaks every five minutes.
    occupancy_stale_s: float = 900.0
    command_expiry_s: float = 900.0
    ack_timeout_s: float = 30.0
    max_attempts: int = 3
    alert_cooldown_s: float = 900.0
    capacity_share: float = 1.0
    # Chosen: as long as an estimator needs to be sure that somebody has left.
    capacity_clear_s: float = 300.0
    # Chosen: who is later than a quarter of an hour is a no-show to most booking systems.
    booking_grace_s: float = 900.0
    # Chosen: half a working day. An override that nobody ends is the usual reason for a room that
    # runs all night.
    override_max_s: float = 14_400.0
    when_excess: WhenExcess = WhenExcess.TELL
    # Chosen: one reading of a meter that is read every quarter of an hour, and another to confirm.
    excess_hold_s: float = 900.0
    dry_run: bool = False

    def __post_init__(self) -> None:
        refuse_negative(
            "policy",
            self,
            "hold_off_s",
            "unknown_hold_s",
            "alert_cooldown_s",
            "capacity_clear_s",
            "booking_grace_s",
        )
        refuse_zero(
            "policy",
            self,
            "occupancy_stale_s",
            "command_expiry_s",
            "ack_timeout_s",
            "override_max_s",
            "excess_hold_s",
        )
        if self.fewer_hold_off_s is not None:
            refuse_negative("policy", self, "fewer_hold_off_s")
        if not 0 <= self.capacity_share <= _MOST_CAPACITY_SHARE:
            raise ValueError(
                f"policy: capacity_share is {self.capacity_share:g}; it is a share of the "
                f"capacity up to {_MOST_CAPACITY_SHARE:g}, e.g. 0.9, or 0 for no alert"
            )
        if self.max_attempts < 1:
            raise ValueError(f"policy: max_attempts is {self.max_attempts}; send it at least once")
        if (self.unknown_at_close, self.when_empty) == (UnknownAtClose.OFF, WhenEmpty.TELL):
            raise ValueError(
                "policy: when_empty is tell, so nothing is switched off, and unknown_at_close is "
                "off; write keep or tell for unknown_at_close"
            )
        if self.ack_timeout_s * self.max_attempts > self.command_expiry_s:
            raise ValueError(
                f"policy: {self.max_attempts} attempts {self.ack_timeout_s:g} s apart outlive "
                f"command_expiry_s ({self.command_expiry_s:g}); raise the one or lower the other"
            )
        self._refuse_contradicting_bands()

    @property
    def hold_off_of_fewer_s(self) -> float:
        """How long fewer people must be seen before a level goes down that they do not need."""
        return self.hold_off_s if self.fewer_hold_off_s is None else self.fewer_hold_off_s

    @property
    def fewest_people(self) -> int:
        """The smallest number of people that a band is for, at least one."""
        return max(1, min((band.people for band in self.bands if band.people > 0), default=1))

    def levels_above(self, device: DeviceGroup, level: int) -> int:
        """Return in how many steps a device group may still rise from `level`."""
        levels = {band.levels.get(device.id, 0) for band in self.bands} | {device.standby_level}
        return sum(1 for other in levels if other > level)

    def level(self, group: str, people: int) -> int:
        """Return how many devices of `group` should run for `people` people."""
        from_people, level = -1, 0
        for band in self.bands:
            if from_people < band.people <= people:
                from_people, level = band.people, band.levels.get(group, 0)
        return level

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
    """One room of one version of a site's document: all that a decision about it needs.

    Attributes:
        capacity: How many people it is meant for; 0 if nobody said.
        hours: When it is open; None where no rule may ask for that.
    """

    site_id: str
    room_id: str
    cameras: tuple[Camera, ...]
    devices: tuple[DeviceGroup, ...] = ()
    policy: Policy = field(default_factory=Policy)
    occupancy: OccupancySettings = field(default_factory=OccupancySettings)
    policy_version: str = ""
    capacity: int = 0
    hours: OpeningHours | None = None

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
        if self.capacity < 0:
            raise ValueError(f"{where}: capacity is {self.capacity}; it is 0 or more")
        for found in room_contradictions(
            self.policy, self.devices, has_hours=self.hours is not None
        ):
            raise ValueError(f"{where}: {found.what}; {found.remedy}")

    def camera(self, camera_id: str) -> Camera:
        """Return the camera of that id, or a plain one if the site no longer names it."""
        known = {camera.id: camera for camera in self.cameras}
        return known.get(camera_id, Camera(camera_id))
