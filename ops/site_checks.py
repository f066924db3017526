"""What a site document may not say across its fields.

The checks run on the document as written, not on the model read from it, so that one misspelt
key does not hide the contradiction three rooms below. A value of the wrong type is passed over
here: the model has reported it.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import pairwise
from typing import Any

from headcount.domain.cameras import OccupancySettings
from headcount.domain.policy import Band, Policy
from headcount.domain.terms import WhenEmpty
from headcount.site import CameraConfig
from ops.yaml_lines import Path_

# Names of groups are as short as `ac`: one letter of two may be wrong.
_ALIKE = 0.5
_CAMERA_DEFAULTS = {
    name: CameraConfig.model_fields[name].default for name in ("sample_every_s", "fragment_s")
}


@dataclass(frozen=True, slots=True)
class Contradiction:
    """Two parts of a document that cannot both be meant.

    Attributes:
        path: The part to change, outermost first.
        what: What is wrong, without a full stop.
        remedy: What to write instead, as a sentence.
    """

    path: Path_
    what: str
    remedy: str


def contradictions(document: Mapping[str, Any]) -> Iterator[Contradiction]:
    """Yield everything in `document` that contradicts something else in it.

    Args:
        document: A site document as plain values; its types need not be right.
    """
    rooms = list(_entries(document, "rooms", ()))
    yield from _twins("room", rooms)
    yield from _twins("contact", list(_entries(document, "contacts", ())))
    cameras = [camera for path, room in rooms for camera in _entries(room, "cameras", path)]
    yield from _twins("camera", cameras)
    for path, camera in cameras:
        yield from _camera(path, camera)
    for path, policy in _members(document, "policies", ()):
        yield from _policy(path, policy)
    for path, room in rooms:
        yield from _room(document, path, room)


def _room(
    document: Mapping[str, Any], path: Path_, room: Mapping[str, Any]
) -> Iterator[Contradiction]:
    groups = list(_entries(room, "device_groups", path))
    yield from _twins("device group", groups)
    if isinstance(room.get("occupancy"), Mapping):
        yield from _negative_times((*path, "occupancy"), room["occupancy"])
    for at, group in groups:
        yield from _negative_times(at, group)
        most = _number(group, "max_level")
        if most is not None and most < 1:
            yield Contradiction(
                (*at, "max_level"), f"max_level is {most:g}", "Say how many devices it has."
            )
    policy = room.get("policy")
    if isinstance(policy, Mapping):
        yield from _policy((*path, "policy"), policy)
        yield from _capacity((*path, "policy"), policy, room)
    yield from _levels(document, path, room, groups)
    yield from _contacts(document, path, room)
    yield from _timing(path, room, _effective_policy(document, room))


def _effective_policy(
    document: Mapping[str, Any], room: Mapping[str, Any]
) -> Mapping[str, Any] | None:
    """Return the policy that decides about `room` as written; None if it names an unknown one."""
    policy = room.get("policy")
    if isinstance(policy, str):
        policy = dict(_named(document, "policies")).get(policy)
        return policy if isinstance(policy, Mapping) else None
    return policy if isinstance(policy, Mapping) else {}


def _policy(path: Path_, policy: Mapping[str, Any]) -> Iterator[Contradiction]:
    yield from _negative_times(path, policy)
    if policy.get("bands") == []:
        yield Contradiction(
            (*path, "bands"),
            "there is no band, so nothing would ever run",
            "Delete the key for the default bands, or write at least one.",
        )
    bands = []
    for at, band in _entries(policy, "bands", path):
        yield from _negative_levels(at, band)
        people = _number(band, "people")
        if people is not None and people >= 0:
            bands.append((at, int(people), band))
    bands.sort(key=lambda band: band[1])
    if bands and bands[0][1] > 1:
        yield Contradiction(
            (*bands[0][0], "people"),
            f"the lowest band starts from {bands[0][1]} people, so everything would be off with "
            "fewer there",
            "Let a band start from 1.",
        )
    for lower, upper in pairwise(bands):
        yield from _step_up(lower, upper)


def _negative_levels(path: Path_, band: Mapping[str, Any]) -> Iterator[Contradiction]:
    people = _number(band, "people")
    if people is not None and people < 0:
        yield Contradiction(
            (*path, "people"), f"a band starts from {people:g} people", "Start from 1 or more."
        )
    for group, level in _named(band, "levels"):
        if _is_number(level) and level < 0:
            yield Contradiction(
                (*path, "levels", group), f"the level is {level:g}", "Write 0 or more."
            )


def _step_up(
    lower: tuple[Path_, int, Mapping[str, Any]], upper: tuple[Path_, int, Mapping[str, Any]]
) -> Iterator[Contradiction]:
    """Yield what is wrong between two neighbouring bands."""
    (_, fewer, below), (at, more, above) = lower, upper
    if fewer == more:
        yield Contradiction(
            (*at, "people"),
            f"two bands start from {more} people",
            "Keep one, or let the other start elsewhere; a band ends where the next starts.",
        )
        return
    reached = dict(_named(above, "levels"))
    for group, level in _named(below, "levels"):
        then = reached.get(group, 0)
        if _is_number(level) and _is_number(then) and then < level:
            yield Contradiction(
                (*at, "levels", group) if group in reached else (*at, "levels"),
                f"'{group}' runs at {level:g} from {fewer} people but at {then:g} from {more}",
                "More people never need less: raise it here or lower it there.",
            )


def _negative_times(path: Path_, settings: Mapping[str, Any]) -> Iterator[Contradiction]:
    for name, value in settings.items():
        if name.endswith("_s") and _is_number(value) and value < 0:
            yield Contradiction((*path, name), f"{name} is {value:g} seconds", "Write 0 or more.")


def _capacity(
    path: Path_, policy: Mapping[str, Any], room: Mapping[str, Any]
) -> Iterator[Contradiction]:
    capacity = _number(room, "capacity")
    for at, band in _entries(policy, "bands", path):
        people = _number(band, "people")
        if capacity is not None and people is not None and people > capacity > 0:
            yield Contradiction(
                (*at, "people"),
                f"the band starts from {people:g} people, and the room's capacity is {capacity:g}",
                "Lower the band or raise the capacity.",
            )


def _levels(
    document: Mapping[str, Any],
    path: Path_,
    room: Mapping[str, Any],
    groups: list[tuple[Path_, Mapping[str, Any]]],
) -> Iterator[Contradiction]:
    """Yield levels of bands that the room's devices cannot have."""
    policy = _effective_policy(document, room)
    if policy is None:
        named = dict(_named(document, "policies"))
        yield Contradiction(
            (*path, "policy"),
            f"the site has no policy '{room['policy']}'",
            _did_you_mean(str(room["policy"]), named, "Add it under `policies:`."),
        )
        return
    if not all(isinstance(group.get("id"), str) for _, group in groups):
        return
    own = isinstance(room.get("policy"), Mapping) and "bands" in policy
    for at, levels in _band_levels(policy):
        if not groups:
            if own:
                yield Contradiction(
                    (*path, "policy", "bands"),
                    "the room has bands and no device groups",
                    "Add `device_groups:`, or delete the bands of a room that is only counted.",
                )
                return
            continue
        most = {str(group.get("id")): _number(group, "max_level") for _, group in groups}
        for group, level in levels.items():
            # A shared or default policy is right for other rooms: the fault is at this room's end.
            place = (*path, "policy", *at, "levels", group) if own else (*path, "policy")
            whose = (
                "a band"
                if own
                else "a band of its policy"
                if "policy" in room
                else "a default band"
            )
            limit = most.get(group)
            if group not in most:
                yield Contradiction(
                    place,
                    f"{whose} names the device group '{group}', which the room does not have",
                    _did_you_mean(
                        group, most, f"Its groups are {', '.join(sorted(most))}; write own bands."
                    ),
                )
            elif limit is not None and _is_number(level) and level > limit >= 1:
                yield Contradiction(
                    place,
                    f"{whose} runs {level:g} of '{group}', which has {limit:g}",
                    f"Lower the level to {limit:g}, or raise max_level.",
                )


def _band_levels(policy: Mapping[str, Any]) -> Iterator[tuple[Path_, Mapping[str, Any]]]:
    if "bands" not in policy:
        bands: tuple[Band, ...] = Policy().bands
        yield from (((), band.levels) for band in bands)
        return
    for at, band in _entries(policy, "bands", ()):
        yield at, dict(_named(band, "levels"))


def _contacts(
    document: Mapping[str, Any], path: Path_, room: Mapping[str, Any]
) -> Iterator[Contradiction]:
    known = {str(contact.get("id")) for _, contact in _entries(document, "contacts", ())}
    named = room.get("contacts", [])
    for at, name in enumerate(named if isinstance(named, list) else []):
        if isinstance(name, str) and name not in known:
            yield Contradiction(
                (*path, "contacts", at),
                f"the site has no contact '{name}'",
                _did_you_mean(name, known, "Add it under the site's `contacts:`."),
            )
    policy = _effective_policy(document, room) or {}
    if policy.get("when_empty") in (WhenEmpty.TELL, WhenEmpty.OFF_AND_TELL) and named == []:
        inline = isinstance(room.get("policy"), Mapping)
        yield Contradiction(
            (*path, "policy", "when_empty") if inline else (*path, "policy"),
            f"when_empty is {policy['when_empty']}, and the room names nobody to tell",
            "Add `contacts:` to the room, or write `when_empty: 'off'`.",
        )


def _camera(path: Path_, camera: Mapping[str, Any]) -> Iterator[Contradiction]:
    every_s, fragment_s = (
        _number(camera, name, default) for name, default in _CAMERA_DEFAULTS.items()
    )
    if every_s is not None and fragment_s is not None and 0 < every_s < fragment_s:
        yield Contradiction(
            (*path, "sample_every_s" if "sample_every_s" in camera else "fragment_s"),
            f"a frame every {every_s:g} s cannot be had from fragments of {fragment_s:g} s",
            f"Sample every {fragment_s:g} s or more, or shorten fragment_s.",
        )


def _timing(
    path: Path_, room: Mapping[str, Any], policy: Mapping[str, Any] | None
) -> Iterator[Contradiction]:
    """Yield times under which a healthy room would keep becoming UNKNOWN."""
    occupancy = room.get("occupancy", {})
    occupancy = occupancy if isinstance(occupancy, Mapping) else {}
    gap_s = _number(occupancy, "observation_gap_s", OccupancySettings().observation_gap_s)
    for at, camera in _entries(room, "cameras", path):
        every_s = _number(camera, "sample_every_s", _CAMERA_DEFAULTS["sample_every_s"])
        if gap_s is not None and every_s is not None and 0 < gap_s <= every_s:
            yield Contradiction(
                (*at, "sample_every_s"),
                f"a camera counts as blind after {gap_s:g} s without a frame "
                f"(observation_gap_s), and this one is asked every {every_s:g} s",
                "Sample more often, or raise the room's occupancy.observation_gap_s.",
            )
    heartbeat_s = _number(occupancy, "heartbeat_s", OccupancySettings().heartbeat_s)
    stale_s = _number(policy or {}, "occupancy_stale_s", Policy().occupancy_stale_s)
    if heartbeat_s is not None and stale_s is not None and 0 < stale_s <= heartbeat_s:
        inline = isinstance(room.get("policy"), Mapping) and "occupancy_stale_s" in (policy or {})
        yield Contradiction(
            (*path, "policy", "occupancy_stale_s") if inline else (*path, "occupancy"),
            f"what is known of a room is stale after {stale_s:g} s (occupancy_stale_s), and a "
            f"steady room speaks every {heartbeat_s:g} s (heartbeat_s)",
            "Raise occupancy_stale_s above heartbeat_s.",
        )


def _twins(kind: str, things: list[tuple[Path_, Mapping[str, Any]]]) -> Iterator[Contradiction]:
    seen: dict[str, Path_] = {}
    for path, thing in things:
        name = thing.get("id")
        if not isinstance(name, str):
            continue
        if name in seen:
            first = ".".join(str(step) for step in seen[name])
            yield Contradiction(
                (*path, "id"), f"the {kind} id '{name}' is taken by {first}", "Rename one of them."
            )
        seen.setdefault(name, path)


def _did_you_mean(name: str, known: Mapping[str, Any] | set[str], otherwise: str) -> str:
    close = get_close_matches(name, sorted(known), n=1, cutoff=_ALIKE)
    return f"Did you mean '{close[0]}'? {otherwise}" if close else otherwise


def _entries(
    parent: Mapping[str, Any], key: str, path: Path_
) -> Iterator[tuple[Path_, Mapping[str, Any]]]:
    """Yield the mappings in the list at `key`, each with its path."""
    items = parent.get(key)
    for at, item in enumerate(items if isinstance(items, list) else []):
        if isinstance(item, Mapping):
            yield (*path, key, at), item


def _members(
    parent: Mapping[str, Any], key: str, path: Path_
) -> Iterator[tuple[Path_, Mapping[str, Any]]]:
    """Yield the mappings in the mapping at `key`, each with its path."""
    for name, item in _named(parent, key):
        if isinstance(item, Mapping):
            yield (*path, key, name), item


def _named(parent: Mapping[str, Any], key: str) -> Iterator[tuple[str, Any]]:
    items = parent.get(key)
    yield from items.items() if isinstance(items, Mapping) else ()


def _is_number(value: Any) -> bool:
    # The model reports what is infinite or not a number.
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _number(parent: Mapping[str, Any], key: str, default: float | None = None) -> float | None:
    value = parent.get(key, default)
    return float(value) if _is_number(value) else None
