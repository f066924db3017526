"""What other times of the policy would bring: comfort against energy and switching."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from headcount.domain.policy import Room
from ops.simulation.report import figures
from ops.simulation.simulating import Progress, Scene, live_through

# What is varied, as shares of the site's own value. Chosen: from none to twice as long, and for
# fewer people longer still, since that cannot light an empty room.
_SHARES = {
    "hold_off_s": (0.0, 0.25, 0.5, 1.5, 2.0),
    "fewer_hold_off_s": (0.0, 0.5, 2.0, 4.0),
    "vacancy_confirm_s": (0.1, 0.25, 0.5, 2.0),
}
DEFAULT = "default"
_KEPT = (
    "false_vacant_min",
    "lit_while_empty_min",
    "lighting_empty_avoided_share",
    "switches",
    "switches_ratio",
    "reaction_up_s",
    "reaction_down_s",
    "reaction_entry_s",
)


def sweep(
    scene: Scene, default: Mapping[str, Any], progress: Progress = lambda _: None
) -> list[dict[str, Any]]:
    """Return one entry for the site's own policy and for each variation of one of its times.

    Args:
        scene: Lived through once for each variation, so that all see the same people.
        default: The figures of the site's own policy.
        progress: Told what is being simulated.
    """
    points = [_point(DEFAULT, scene.room, default)]
    variations = list(_variations(scene.room))
    for number, (knob, room) in enumerate(variations, start=1):
        told = f"variation {number} of {len(variations)}: {knob} {_times(room)[knob]:g}"
        varied = replace(scene, room=room)
        progress(told)
        lived = live_through(varied)
        points.append(_point(knob, room, figures(varied, lived)))
    for point in points:
        point["on_frontier"] = not any(_beats(other, point) for other in points)
    return points


def _variations(room: Room) -> Iterator[tuple[str, Room]]:
    """Yield (what is varied, the room with it); what the room's own rules refuse is left out."""
    own = _times(room)
    for knob, shares in _SHARES.items():
        for value in dict.fromkeys(round(share * own[knob]) for share in shares):
            if value == own[knob]:
                continue
            try:
                yield knob, _varied(room, {**own, knob: float(value)})
            except ValueError:
                # A confirmation of 0 s, or a time that contradicts another: no policy to compare.
                continue


def _varied(room: Room, times: Mapping[str, float]) -> Room:
    return replace(
        room,
        policy=replace(
            room.policy,
            hold_off_s=times["hold_off_s"],
            fewer_hold_off_s=times["fewer_hold_off_s"],
        ),
        occupancy=replace(room.occupancy, vacancy_confirm_s=times["vacancy_confirm_s"]),
    )


def _times(room: Room) -> dict[str, float]:
    return {
        "hold_off_s": room.policy.hold_off_s,
        "fewer_hold_off_s": room.policy.hold_off_of_fewer_s,
        "vacancy_confirm_s": room.occupancy.vacancy_confirm_s,
    }


def _point(knob: str, room: Room, found: Mapping[str, Any]) -> dict[str, Any]:
    kept = {name: found[name] for name in _KEPT}
    return {
        "knob": knob,
        **_times(room),
        **kept,
        "avoided_kwh": found["energy"]["avoided_kwh"],
    }


def _beats(other: Mapping[str, Any], point: Mapping[str, Any]) -> bool:
    """Return whether `other` is nowhere worse than `point`, and somewhere better."""
    theirs, ours = _costs(other), _costs(point)
    return theirs != ours and all(a <= b for a, b in zip(theirs, ours, strict=True))


def _costs(point: Mapping[str, Any]) -> tuple[float, float, float]:
    """Return what one wants little of: discomfort, light for nobody, switching."""
    avoided = point["lighting_empty_avoided_share"] or 0.0
    return point["false_vacant_min"], -avoided, point["switches"]
