"""What the demo heard, and the figures that follow from it. No AWS: the same in tests."""

import statistics
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

from headcount.domain.terms import Trigger
from headcount.events import (
    AlertCleared,
    AlertRaised,
    BmsCommandAcknowledged,
    BmsCommandRequested,
    BmsMeterRead,
    Detail,
    FramesCounted,
    RoomOccupancyChanged,
)
from local.bms import ReceivedCommand


@dataclass(frozen=True, slots=True)
class FragmentTally:
    """What one camera's gateway put and Kinesis Video acknowledged.

    Attributes:
        camera_id: Whose stream it is.
        put: Fragments sent.
        persisted: Fragments acknowledged as stored.
        due: Numbers of the stored fragments that carry a notice and so must be sampled.
    """

    camera_id: str
    put: int
    persisted: int
    due: frozenset[str]


@dataclass(slots=True)
class Recording:
    """Every event of a run, in the order heard. Written by threads, read by the table."""

    frames: list[FramesCounted] = field(default_factory=list)
    occupancy: list[RoomOccupancyChanged] = field(default_factory=list)
    commands: list[BmsCommandRequested] = field(default_factory=list)
    acknowledgements: list[BmsCommandAcknowledged] = field(default_factory=list)
    alerts: list[AlertRaised] = field(default_factory=list)
    cleared: list[AlertCleared] = field(default_factory=list)
    meters: list[BmsMeterRead] = field(default_factory=list)
    receipts: list[ReceivedCommand] = field(default_factory=list)
    heard_at: dict[str, datetime] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def hear(self, detail: Detail) -> None:
        """Keep one event."""
        lists: dict[type[Detail], list[Any]] = {
            FramesCounted: self.frames,
            RoomOccupancyChanged: self.occupancy,
            BmsCommandRequested: self.commands,
            BmsCommandAcknowledged: self.acknowledgements,
            AlertRaised: self.alerts,
            AlertCleared: self.cleared,
            BmsMeterRead: self.meters,
        }
        with self._lock:
            self.heard_at[detail.id] = datetime.now(UTC)
            # No figure comes of the other kinds: a heartbeat, an answer to a question.
            if type(detail) in lists:
                lists[type(detail)].append(detail)

    def receive(self, receipt: ReceivedCommand) -> None:
        """Keep a command as the BMS got it."""
        with self._lock:
            self.receipts.append(receipt)

    def newest_occupancy(self, room_id: str) -> RoomOccupancyChanged | None:
        """Return the event with the highest revision of a room, whatever order they came in."""
        of_room = [event for event in self.occupancy if event.room_id == room_id]
        return max(of_room, key=lambda event: event.revision, default=None)

    def newest_command(self, room_id: str) -> BmsCommandRequested | None:
        """Return the command requested last for a room."""
        of_room = [event for event in self.commands if event.room_id == room_id]
        return max(of_room, key=lambda event: event.requested_at, default=None)

    def latencies_ms(self, room_id: str | None = None) -> list[float]:
        """Return the times from a stored fragment to its command in the BMS's hands.

        Only first attempts that an observation caused: a command that waited for a hold-off is
        meant to be late.
        """
        persisted = {frame.correlation_id: frame.persisted_at for frame in self.frames}
        return [
            (receipt.received_at - persisted[command.correlation_id]).total_seconds() * 1000
            for receipt in list(self.receipts)
            for command in [receipt.command]
            if command.trigger is Trigger.OCCUPANCY
            and command.attempt == 1
            and command.correlation_id in persisted
            and room_id in (None, command.room_id)
        ]

    def hops_ms(self) -> dict[str, list[float]]:
        """Return the times of each hop, as heard on the bus, of commands an observation caused.

        `counted` is from stored to counted, `estimated` from there to the room's change, and
        `commanded` from there to the command in the BMS's hands.
        """
        frames = {frame.correlation_id: frame for frame in self.frames}
        changes = {change.correlation_id: change for change in self.occupancy}
        hops: dict[str, list[float]] = {"counted": [], "estimated": [], "commanded": []}
        for receipt in list(self.receipts):
            chain = receipt.command.correlation_id
            if receipt.command.trigger is not Trigger.OCCUPANCY or receipt.command.attempt > 1:
                continue
            if chain in frames and chain in changes:
                frame, change = frames[chain], changes[chain]
                moments = [
                    frame.persisted_at,
                    self.heard_at[frame.id],
                    self.heard_at[change.id],
                    receipt.received_at,
                ]
                for name, (before, after) in zip(hops, pairwise(moments), strict=True):
                    hops[name].append((after - before).total_seconds() * 1000)
        return hops


def percentile(values: Sequence[float], share: float) -> float | None:
    """Return the nearest-rank percentile of `values`, or None if there are none.

    Args:
        values: In any order.
        share: Between 0 and 1, e.g. 0.95.
    """
    if not values:
        return None
    ordered = sorted(values)
    return round(ordered[min(len(ordered) - 1, int(share * len(ordered)))], 1)


def states_in_order(events: Iterable[RoomOccupancyChanged]) -> list[str]:
    """Return a room's states by revision, each once for as long as it held."""
    states: list[str] = []
    for event in sorted(events, key=lambda event: event.revision):
        if not states or states[-1] != event.state:
            states.append(str(event.state))
    return states


def fragment_figures(
    tallies: Sequence[FragmentTally], frames: Iterable[FramesCounted]
) -> dict[str, int]:
    """Return {put, persisted, sampled, lost}.

    Lost is what was sent and not stored, and what was stored for sampling and never counted.
    """
    sampled: dict[str, set[str]] = defaultdict(set)
    for frame in frames:
        sampled[frame.camera_id].add(frame.fragment_number)
    put = sum(tally.put for tally in tallies)
    persisted = sum(tally.persisted for tally in tallies)
    uncounted = sum(len(tally.due - sampled[tally.camera_id]) for tally in tallies)
    return {
        "put": put,
        "persisted": persisted,
        "sampled": sum(len(numbers) for numbers in sampled.values()),
        "lost": put - persisted + uncounted,
    }


def summarise(
    recording: Recording,
    *,
    rooms: Mapping[str, Sequence[str]],
    tallies: Sequence[FragmentTally],
    athena: Mapping[str, Any],
) -> dict[str, Any]:
    """Return the demo's figures, ready for JSON.

    Args:
        recording: What was heard.
        rooms: The cameras of each room.
        tallies: One per camera.
        athena: The query and its rows.
    """
    acknowledged = {
        answer.idempotency_key: answer.acknowledged_at
        for answer in recording.acknowledgements
        if answer.accepted
    }
    latencies = recording.latencies_ms()
    return {
        "rooms": [_room_figures(recording, room_id, rooms[room_id]) for room_id in rooms],
        "commands": [
            {
                "room_id": command.room_id,
                "device_group": command.device_group,
                "level": command.level,
                "reason": command.reason,
                "requested_at": _iso(command.requested_at),
                "acknowledged_at": _iso(acknowledged.get(command.idempotency_key)),
            }
            for command in sorted(recording.commands, key=lambda event: event.requested_at)
            if command.attempt == 1
        ],
        "alerts": [
            {"kind": alert.kind, "room_id": alert.room_id, "at": _iso(alert.raised_at)}
            for alert in sorted(recording.alerts, key=lambda event: event.raised_at)
        ],
        "fragments": fragment_figures(tallies, recording.frames),
        "latency_ms": {
            "p50": percentile(latencies, 0.50),
            "p95": percentile(latencies, 0.95),
            "hops_p50": {
                hop: percentile(times, 0.50) for hop, times in recording.hops_ms().items()
            },
        },
        "athena": dict(athena),
    }


def compare_with_truth(
    frames: Iterable[FramesCounted], truth: Callable[[FramesCounted], int | None]
) -> dict[str, float | int]:
    """Return {frames, exact_share, mean_absolute_error} of face counts against known people.

    Args:
        frames: Of one camera.
        truth: How many people a frame shows, or None where that is not defined.
    """
    errors = [
        abs(len(frame.faces) - people)
        for frame in frames
        for people in [truth(frame)]
        if people is not None
    ]
    if not errors:
        return {"frames": 0, "exact_share": 0.0, "mean_absolute_error": 0.0}
    return {
        "frames": len(errors),
        "exact_share": round(errors.count(0) / len(errors), 3),
        "mean_absolute_error": round(statistics.fmean(errors), 3),
    }


def _room_figures(recording: Recording, room_id: str, camera_ids: Sequence[str]) -> dict[str, Any]:
    frames = [frame for frame in recording.frames if frame.room_id == room_id]
    newest = recording.newest_occupancy(room_id)
    of_room = [event for event in recording.occupancy if event.room_id == room_id]
    return {
        "room_id": room_id,
        "camera_ids": list(camera_ids),
        "frames_sampled": len(frames),
        "faces_median": statistics.median(len(f.faces) for f in frames) if frames else None,
        "people_estimate": newest.people_estimate if newest else None,
        "states": states_in_order(of_room),
    }


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
