"""A run in figures, by the names of `--json`."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from headcount.domain.terms import OccupancyState
from ops.simulation.building import LIGHTING
from ops.simulation.energy import Ledger, Lived, climate, lighting
from ops.simulation.scoring import (
    entries_s,
    false_vacant_spells,
    naive_switches,
    raw_counts,
    reactions_s,
    seconds,
)
from ops.simulation.simulating import Scene

_DIGITS = 4
DEFINITIONS = {
    "false_vacant_min": "Minutes with a person in a room that was declared VACANT or whose lights "
    "we had switched off, but for the first reaction_limit_s after somebody came into the empty "
    "room: nobody can be seen before the next frame is taken and counted.",
    "false_vacant_rate": "false_vacant_min as a share of occupied_min.",
    "lit_while_empty_min": "Minutes without people in which the lights ran at a level above 0.",
    "switches": "How often a device group was commanded from one known level to another.",
    "switches_naive": "The same, had the bands been applied at once to the recorded people.",
    "switches_naive_observed": "The same, had they been applied at once to the cameras' counts.",
    "switches_ratio": "switches as a share of switches_naive.",
    "reaction_up_s": "From the recorded people needing a higher level of any group to its being "
    "acknowledged; unmet counts needs that went away first.",
    "reaction_down_s": "From the recorded people needing a lower level to its being acknowledged.",
    "reaction_entry_s": "From a person entering a room that we had switched off to light.",
    "people_mae": "Mean distance of the estimate from the recorded people, over known minutes.",
    "people_mae_occupied": "The same, over known minutes with people.",
    "interval_coverage_occupied": "Share of known minutes with people in which the 90 % interval "
    "held them.",
    "interval_width_occupied": "Mean width of the 90 % interval over those minutes, in people.",
    "unknown_min": "Minutes in which the room was UNKNOWN.",
    "lighting_empty_kwh": "Lighting energy of the intervals without people, without us.",
    "lighting_empty_avoided_kwh": "Of that, what fell to times at which we had the lights off.",
    "lighting_empty_avoided_share": "lighting_empty_avoided_kwh as a share of lighting_empty_kwh.",
    "empty_above_floor_kwh": "Energy of the intervals without people above floor_w, the power that "
    "one interval in twenty stays below: standby and emergency lighting that may not be ours.",
}


def figures(scene: Scene, lived: Sequence[Lived]) -> dict[str, Any]:
    """Return the figures of a run; the same scene gives the same figures."""
    record, room = scene.record, scene.room
    ups, downs = (_reactions(scene, lived, up=up) for up in (True, False))
    occupied_s = _over(lived, lambda one: one.seen.people > 0)
    switches = _switches(lived)
    naive = sum(naive_switches(room, one.segment.people) for one in lived)
    false_vacant_s = sum(
        end - start
        for one in lived
        for start, end in false_vacant_spells(room, one.seen, scene.settings.reaction_limit_s)
    )
    energy = _energy(scene, lived)
    empty = energy["lighting_empty_kwh"]
    document = {
        "seed": scene.seed,
        "room": f"{room.site_id}/{room.room_id}",
        "people_room": record.room_id,
        "policy_version": room.policy_version,
        "days": record.days(),
        "segments": len(record.segments),
        "unknown_rows": record.unknown_rows,
        "observations": sum(one.trace.observations for one in lived),
        "occupied_min": occupied_s / 60,
        "empty_min": _over(lived, lambda one: one.seen.people == 0) / 60,
        "unknown_min": _over(lived, lambda one: one.seen.is_state(OccupancyState.UNKNOWN)) / 60,
        "false_vacant_min": false_vacant_s / 60,
        "false_vacant_rate": _share(false_vacant_s, occupied_s),
        "lit_while_empty_min": _lit_while_empty_s(scene, lived) / 60,
        "switches": switches,
        "switches_naive": naive,
        "switches_naive_observed": sum(
            naive_switches(room, raw_counts(scene.cameras, frames)) for frames in scene.frames
        ),
        "switches_ratio": _share(switches, naive),
        "reaction_up_s": ups,
        "reaction_down_s": downs,
        "reaction_entry_s": _mean_and_max([s for one in lived for s in entries_s(room, one.seen)]),
        **_counting(lived),
        "energy": energy,
        "lighting_empty_avoided_share": _share(energy["lighting_empty_avoided_kwh"] or 0.0, empty),
        "commands": sum(len(one.trace.commands) for one in lived),
        "retries": sum(one.trace.retries for one in lived),
        "proposed": sum(one.trace.proposed for one in lived),
        "alerts": dict(sorted(sum((one.trace.alerts for one in lived), Counter()).items())),
        "settings": asdict(scene.settings),
        "believed_detection_rates": {camera.id: camera.detection_rate for camera in room.cameras},
        "policy": {
            "hold_off_s": room.policy.hold_off_s,
            "fewer_hold_off_s": room.policy.hold_off_of_fewer_s,
            "vacancy_confirm_s": room.occupancy.vacancy_confirm_s,
        },
        "definitions": DEFINITIONS,
    }
    rounded: dict[str, Any] = _rounded(document)
    return rounded


def _counting(lived: Sequence[Lived]) -> dict[str, float | None]:
    """Return how well people were counted, by minutes in which the room was not UNKNOWN."""
    spans = np.concatenate([one.seen.spans_s for one in lived])
    people, estimate, low, high = (
        np.concatenate([getattr(one.seen, name) for one in lived])
        for name in ("people", "estimate", "low", "high")
    )
    known = np.concatenate([~one.seen.is_state(OccupancyState.UNKNOWN) for one in lived])
    there = known & (people > 0)
    covered = there & (low <= people) & (people <= high)
    distance = np.abs(estimate - people)
    return {
        "people_mae": _share(float((spans * distance)[known].sum()), float(spans[known].sum())),
        "people_mae_occupied": _share(
            float((spans * distance)[there].sum()), float(spans[there].sum())
        ),
        "interval_coverage_occupied": _share(
            float(spans[covered].sum()), float(spans[there].sum())
        ),
        "interval_width_occupied": _share(
            float((spans * (high - low))[there].sum()), float(spans[there].sum())
        ),
    }


def _switches(lived: Sequence[Lived]) -> int:
    """Return how often a group was commanded from a known level to another."""
    switches = 0
    for one in lived:
        levels: dict[str, int | None] = {}
        for _, command in one.trace.commands:
            before = levels.get(command.device_group)
            level = None if command.relinquish else command.level
            switches += before is not None and level is not None and level != before
            levels[command.device_group] = level
    return switches


def _lit_while_empty_s(scene: Scene, lived: Sequence[Lived]) -> float:
    lights = [group.id for group in scene.room.devices if group.kind == LIGHTING]
    total = 0.0
    for one in lived:
        metered = np.nan_to_num(one.segment.lighting_kwh, nan=1.0)[one.seen.row] > 0
        for_us = [one.seen.levels[group] for group in lights]
        if not for_us:
            continue
        lit = np.any([np.where(np.isnan(level), metered, level > 0) for level in for_us], axis=0)
        total += seconds(one.seen, lit & (one.seen.people == 0))
    return total


def _reactions(scene: Scene, lived: Sequence[Lived], *, up: bool) -> dict[str, Any]:
    by_group, everything, unmet = {}, [], 0
    for group in scene.room.devices:
        taken: list[float] = []
        for one in lived:
            of_segment, missed = reactions_s(one.seen, [group.id], up=up)
            taken += of_segment
            unmet += missed
        by_group[group.id] = _mean_and_max(taken)
        everything += taken
    return {**_mean_and_max(everything), "unmet": unmet, "by_group": by_group}


def _energy(scene: Scene, lived: Sequence[Lived]) -> dict[str, Any]:
    lights, hvac = lighting(scene.room, lived), climate(scene.room, lived)
    ledgers = [ledger for ledger in (lights, hvac) if ledger is not None]
    recorded = [one.recorded_kwh for one in ledgers if one.recorded_kwh is not None]
    counterfactual = sum(ledger.counterfactual_kwh for ledger in ledgers) if ledgers else None
    controlled = sum(ledger.controlled_kwh for ledger in ledgers) if ledgers else None
    said = [sentence for ledger in ledgers for sentence in ledger.assumptions]
    for name, ledger in (("lighting", lights), ("hvac", hvac)):
        if ledger is None:
            said.append(
                f"{name}: not reckoned; the recording has no {name}_kwh and the site no "
                "device_power_w for its groups."
            )
    return {
        "recorded_kwh": sum(recorded) if recorded else None,
        "counterfactual_kwh": counterfactual,
        "controlled_kwh": controlled,
        "avoided_kwh": None if counterfactual is None else counterfactual - (controlled or 0.0),
        "lighting_empty_kwh": lights.empty_kwh if lights else None,
        "lighting_empty_avoided_kwh": lights.empty_avoided_kwh if lights else None,
        "lighting": _amounts(lights),
        "hvac": _amounts(hvac),
        "assumptions": said,
    }


def _amounts(ledger: Ledger | None) -> dict[str, float | None] | None:
    if ledger is None:
        return None
    return {
        "recorded_kwh": ledger.recorded_kwh,
        "counterfactual_kwh": ledger.counterfactual_kwh,
        "controlled_kwh": ledger.controlled_kwh,
        "empty_kwh": ledger.empty_kwh,
        "empty_avoided_kwh": ledger.empty_avoided_kwh,
        "floor_w": ledger.floor_w,
        "empty_above_floor_kwh": ledger.empty_above_floor_kwh,
        "empty_above_floor_avoided_kwh": ledger.empty_above_floor_avoided_kwh,
    }


def _over(lived: Sequence[Lived], where: Any) -> float:
    return sum(seconds(one.seen, where(one)) for one in lived)


def _mean_and_max(values: Sequence[float]) -> dict[str, float | int | None]:
    if not values:
        return {"mean": None, "max": None, "count": 0}
    return {"mean": float(np.mean(values)), "max": float(max(values)), "count": len(values)}


def _share(part: float, whole: float | None) -> float | None:
    return part / whole if whole else None


def _rounded(value: Any) -> Any:
    """Return a document with its numbers short enough to read."""
    if isinstance(value, Mapping):
        return {name: _rounded(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(item) for item in value]
    return round(value, _DIGITS) if isinstance(value, float) else value
