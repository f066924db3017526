"""How well a run did, against the recorded people: every figure defined where it is computed."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from headcount.domain.policy import Room
from headcount.domain.terms import OccupancyState
from ops.simulation.building import LIGHTING
from ops.simulation.observing import FilmedCamera, Frames
from ops.simulation.people import FloatArray, IntArray, Segment
from ops.simulation.running import Trace

BoolArray = npt.NDArray[np.bool_]

_STATES = (OccupancyState.UNKNOWN, OccupancyState.VACANT, OccupancyState.OCCUPIED)


@dataclass(frozen=True, slots=True)
class Timeline:
    """Truth, belief and devices of a segment, cut wherever one of them changes.

    Every array but `edges_s` and those of `needed` and `levels` has the shape `(spans,)`; `edges_s`
    has one more, for where the last span ends. A level is NaN while the recorded practice runs.

    Attributes:
        row: Which row of the recording holds.
        needed: Device group id -> the level that the bands give for the true people.
        levels: Device group id -> the level at which it runs.
    """

    edges_s: FloatArray
    row: IntArray
    people: IntArray
    state: IntArray
    estimate: IntArray
    low: IntArray
    high: IntArray
    needed: Mapping[str, IntArray]
    levels: Mapping[str, FloatArray]

    @property
    def spans_s(self) -> FloatArray:
        """How long each span lasts; shape `(spans,)`."""
        return np.diff(self.edges_s)

    def is_state(self, state: OccupancyState) -> BoolArray:
        """Return in which spans the room was believed to be so; shape `(spans,)`."""
        spans: BoolArray = self.state == _STATES.index(state)
        return spans


def timeline(segment: Segment, trace: Trace, room: Room) -> Timeline:
    """Return everything that is scored of a segment, on one axis of time."""
    believed_s = np.array([belief.at_s for belief in trace.beliefs])
    changed_s = [at_s for changes in trace.levels.values() for at_s, _ in changes]
    edges_s = np.unique(np.concatenate([segment.at_s, believed_s, changed_s, [0.0]]))
    edges_s = np.append(edges_s[edges_s < segment.length_s], segment.length_s)
    moments_s = edges_s[:-1]
    row = _holding(segment.at_s, moments_s)
    held = _holding(believed_s, moments_s)
    people = segment.people[row]
    beliefs = trace.beliefs
    return Timeline(
        edges_s=edges_s,
        row=row,
        people=people,
        state=np.array([_STATES.index(belief.state) for belief in beliefs])[held],
        estimate=np.array([belief.people for belief in beliefs])[held],
        low=np.array([belief.low for belief in beliefs])[held],
        high=np.array([belief.high for belief in beliefs])[held],
        needed={group.id: levels_for(room, group.id, people) for group in room.devices},
        levels={group: _levels(changes, moments_s) for group, changes in trace.levels.items()},
    )


def levels_for(room: Room, group: str, people: IntArray) -> IntArray:
    """Return the level of a group that the bands give for each number of people."""
    most = int(np.max(people, initial=0))
    table = np.array([room.policy.level(group, number) for number in range(most + 1)])
    return table[people]


def lights_off(room: Room, seen: Timeline) -> BoolArray:
    """Return in which spans we had switched off all lights; without lights, all devices."""
    lights = [group.id for group in room.devices if group.kind == LIGHTING]
    groups = lights or [group.id for group in room.devices]
    if not groups:
        return np.zeros(seen.people.size, dtype=bool)
    return np.all([seen.levels[group] == 0 for group in groups], axis=0)


def false_vacant_spells(room: Room, seen: Timeline, limit_s: float) -> list[tuple[float, float]]:
    """Return (start, end) of the times in which a room with a person in it counted as empty.

    It counts as empty while it is declared VACANT and while we have switched its lights off. Nobody
    can be seen before the next frame is taken and counted, so the first `limit_s` after somebody
    comes into an empty room are a reaction (`entries_s`) and not counted here.
    """
    occupied = seen.people > 0
    noticed_by_s = np.zeros(occupied.size)
    for first, last in runs(occupied):
        # Who was there when the segment began did not come in.
        noticed_by_s[first:last] = seen.edges_s[first] + limit_s if first > 0 else 0.0
    spells: list[tuple[float, float]] = []
    for empty in (seen.is_state(OccupancyState.VACANT), lights_off(room, seen)):
        for first, last in runs(empty & occupied):
            start_s = max(float(seen.edges_s[first]), float(noticed_by_s[first]))
            if start_s < seen.edges_s[last]:
                spells.append((start_s, float(seen.edges_s[last])))
    return _joined(spells)


def reactions_s(seen: Timeline, groups: Iterable[str], *, up: bool) -> tuple[list[float], int]:
    """Return how long the devices took to follow the true need, and how often they did not.

    A reaction begins when a group runs below (`up`) or above the level that the bands give for the
    true people, and ends when it has been brought there. It is not one if the need goes away first.
    """
    taken, unmet = [], 0
    for group in groups:
        level, needed = seen.levels[group], seen.needed[group]
        for first, last in runs(level < needed if up else level > needed):
            if last == level.size:
                continue
            moved = level[last] - level[last - 1]
            if moved > 0 if up else moved < 0:
                taken.append(float(seen.edges_s[last] - seen.edges_s[first]))
            else:
                unmet += 1
    return taken, unmet


def entries_s(room: Room, seen: Timeline) -> list[float]:
    """Return how long who came into an empty room that we had switched off waited for light."""
    off, occupied = lights_off(room, seen), seen.people > 0
    return [
        float(seen.edges_s[last] - seen.edges_s[first])
        for first, last in runs(off & occupied)
        if first > 0 and not occupied[first - 1] and last < off.size and not off[last]
    ]


def naive_switches(room: Room, people: IntArray) -> int:
    """Return how often the groups change level if the bands are applied at once to `people`."""
    return sum(
        int(np.count_nonzero(np.diff(levels_for(room, group.id, people)))) for group in room.devices
    )


def raw_counts(cameras: Sequence[FilmedCamera], frames: Sequence[Frames]) -> IntArray:
    """Return the people that the newest frames show, whenever a frame comes; shape `(frames,)`.

    Cameras of one view see the same people, so the largest count is theirs; views add up.
    """
    when = np.concatenate([one.captured_s for one in frames])
    order = np.argsort(when, kind="stable")
    views: dict[str, IntArray] = {}
    for camera, one in zip(cameras, frames, strict=True):
        at = np.searchsorted(one.captured_s, when[order], side="right") - 1
        newest = np.where(at >= 0, one.faces[at] if one.faces.size else 0, 0)
        views[camera.view] = np.maximum(views.get(camera.view, 0), newest)
    return np.sum(list(views.values()), axis=0)


def seconds(seen: Timeline, where: BoolArray) -> float:
    """Return how long `where` holds."""
    return float(seen.spans_s[where].sum())


def runs(mask: BoolArray) -> list[tuple[int, int]]:
    """Return (first, one past the last) of every row of true values."""
    edges = np.flatnonzero(np.diff(mask.astype(np.int8), prepend=0, append=0))
    return [(int(first), int(last)) for first, last in edges.reshape(-1, 2)]


def _joined(spells: list[tuple[float, float]]) -> list[tuple[float, float]]:
    joined: list[tuple[float, float]] = []
    for start_s, end_s in sorted(spells):
        if joined and start_s <= joined[-1][1]:
            joined[-1] = joined[-1][0], max(joined[-1][1], end_s)
        else:
            joined.append((start_s, end_s))
    return joined


def _holding(since_s: FloatArray, moments_s: FloatArray) -> IntArray:
    """Return which of the values that begin at `since_s` holds at each moment."""
    return np.searchsorted(since_s, moments_s, side="right") - 1


def _levels(changes: Sequence[tuple[float, int | None]], moments_s: FloatArray) -> FloatArray:
    since_s = np.array([at_s for at_s, _ in changes])
    values = np.array([np.nan if level is None else float(level) for _, level in changes])
    return values[_holding(since_s, moments_s)]
