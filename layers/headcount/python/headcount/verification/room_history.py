"""A room's events put in order: sightings, switches and who had the devices in hand."""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from headcount.domain.policy import DeviceGroup, Room
from headcount.verification.limits import Limits
from headcount.verification.room_log import AnyCommand, Look, RoomLog, Told
from headcount.verification.sightings import Sighting, looks_in_time, sightings


@dataclass(frozen=True, slots=True)
class Switch:
    """A device group was given another level.

    Attributes:
        level: None if it was handed back to the BMS.
        change: By how much; None if nobody can say.
        command: Ours; None if somebody overrode the group.
    """

    at: datetime
    group: str
    level: int | None
    change: int | None
    command: AnyCommand | None

    @property
    def raises(self) -> bool:
        """Whether the level is known to go up."""
        return self.change is not None and self.change > 0

    @property
    def lowers(self) -> bool:
        """Whether the level is known to go down."""
        return self.change is not None and self.change < 0


@dataclass(frozen=True, slots=True)
class InHand:
    """A device group, or with None every one, was in somebody else's hands."""

    group: str | None
    begins: datetime
    ends: datetime


@dataclass(slots=True)
class RoomHistory:
    """One room's log in order, beside what its site has decided about it.

    Attributes:
        looks: In the order they were taken, without those that came too late to count.
        told: In the order it was said.
        attempts: Idempotency key -> its attempts, oldest first, each once.
        switches: Device group id -> its changes of level.
    """

    log: RoomLog
    room: Room
    limits: Limits
    looks: list[Look] = field(default_factory=list)
    told: list[Told] = field(default_factory=list)
    sightings: list[Sighting] = field(default_factory=list)
    attempts: dict[str, list[AnyCommand]] = field(default_factory=dict)
    switches: dict[str, list[Switch]] = field(default_factory=dict)
    in_hand: list[InHand] = field(default_factory=list)
    _sighted_at: list[datetime] = field(default_factory=list)
    _looked_at: list[datetime] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.looks = looks_in_time(self.log.looks, self.room)
        self._looked_at = [look.at for look in self.looks]
        self.told = sorted(self.log.told, key=lambda told: (told.at, told.event.revision))
        self.sightings = sightings(self.looks, self.log.health, self.room)
        self._sighted_at = [sighting.look.at for sighting in self.sightings]
        self.attempts = _attempts(self.log.commands)
        self.in_hand = list(_overridden(self.log, self.room))
        self.switches = self._switches()

    def device(self, group: str) -> DeviceGroup | None:
        """Return a device group of the room as the site has it, or None."""
        return next((device for device in self.room.devices if device.id == group), None)

    def ours(self) -> Iterator[tuple[Switch, AnyCommand]]:
        """Yield every switch that we commanded, with the command's first attempt."""
        for switches in self.switches.values():
            for switch in switches:
                # A log that begins between two attempts does not say why the first was made.
                if switch.command is not None and switch.command.attempt == 1:
                    yield switch, switch.command

    def offs(self) -> Iterator[tuple[Switch, AnyCommand]]:
        """Yield what we commanded below the need of the fewest people."""
        for switch, command in self.ours():
            needed = self.room.policy.level(switch.group, self.room.policy.fewest_people)
            if switch.level is not None and not switch.raises and switch.level < needed:
                yield switch, command

    def sighted(self, after: datetime, until: datetime) -> list[Sighting]:
        """Return the sightings of frames taken after `after` and up to `until`."""
        first = bisect_right(self._sighted_at, after)
        return self.sightings[first : bisect_right(self._sighted_at, until)]

    def looked(self, after: datetime, until: datetime) -> Sequence[Look]:
        """Return the frames taken after `after` and before `until`."""
        first = bisect_right(self._looked_at, after)
        return self.looks[first : bisect_left(self._looked_at, until)]

    def overridden(self, group: str, at: datetime) -> InHand | None:
        """Return who had the group in hand at `at`, if not we."""
        held = [h for h in self.in_hand if h.group in (None, group) and h.begins <= at < h.ends]
        return max(held, key=lambda one: one.ends, default=None)

    def _switches(self) -> dict[str, list[Switch]]:
        """Return every change of level, by group, in order: ours, and what overrides set."""
        moves: dict[str, list[_Move]] = defaultdict(list)
        for attempts in self.attempts.values():
            first = attempts[0]
            level = None if first.relinquish else first.level
            moves[first.device_group].append((first.requested_at, level, first))
        for notice in self.log.overrides:
            groups = [notice.device_group] if notice.device_group else list(moves)
            for group in groups if notice.active and notice.level is not None else ():
                moves[group].append((notice.changed_at, notice.level, None))
        return {group: list(_changes(group, made)) for group, made in moves.items()}


_Move = tuple[datetime, int | None, AnyCommand | None]


def _attempts(commands: Sequence[AnyCommand]) -> dict[str, list[AnyCommand]]:
    """Return the attempts of each command, oldest first, told once each."""
    by_key: dict[str, dict[str, AnyCommand]] = defaultdict(dict)
    for command in sorted(commands, key=lambda one: (one.requested_at, one.attempt)):
        by_key[command.idempotency_key].setdefault(command.id, command)
    return {key: list(attempts.values()) for key, attempts in by_key.items()}


def _changes(group: str, made: list[_Move]) -> Iterator[Switch]:
    before: int | None = None
    for at, level, command in sorted(made, key=lambda move: move[0]):
        if level != before:
            change = None if level is None or before is None else level - before
            yield Switch(at, group, level, change, command)
        before = level


def _overridden(log: RoomLog, room: Room) -> Iterator[InHand]:
    """Yield from when to when groups were overridden: until told, ended or too long."""
    longest = timedelta(seconds=room.policy.override_max_s)
    notices = sorted(log.overrides, key=lambda notice: notice.changed_at)
    for at, notice in enumerate(notices):
        if not notice.active:
            continue
        latest = notice.changed_at + longest
        ends = min(notice.until or latest, latest)
        for later in notices[at + 1 :]:
            about_it = later.device_group in (None, notice.device_group)
            if about_it and not later.active and later.changed_at < ends:
                ends = later.changed_at
        yield InHand(notice.device_group, notice.changed_at, ends)
