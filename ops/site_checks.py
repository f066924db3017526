"""What a site document may not say across its fields.

The checks run on the document as written, not on the model read from it, so that one misspelt
key does not hide the contradiction three rooms below. A value of the wrong type is passed over
here: the model has reported it.
"""

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any

from headcount.domain.cameras import OccupancySettings
from headcount.domain.policy import Band, Policy
from headcount.domain.terms import WhenEmpty
from headcount.site import CameraConfig
from ops.site_control_checks import control_contradictions
from ops.site_values import (
    Contradiction,
    did_you_mean,
    effective_policy,
    entries,
    is_number,
    members,
    named,
    number,
)
from ops.yaml_lines import Path_

_CAMERA_DEFAULTS = {
    name: CameraConfig.model_fields[name].default for name in ("sample_every_s", "fragment_s")
}


def contradictions(document: Mapping[str, Any]) -> Iterator[Contradiction]:
    """Yield everything in `document` that contradicts something else in it.

    Args:
        document: A site document as plain values; its types need not be right.
    """
    rooms = list(entries(document, "rooms", ()))
    yield from _twins("room", rooms)
    yield from _twins("contact", list(entries(document, "contacts", ())))
    cameras = [camera for path, room in rooms for camera in entries(room, "cameras", path)]
    yield from _twins("camera", cameras)
    yield from _empty_permission((), document)
    for path, camera in cameras:
        yield from _camera(path, camera)
        yield from _empty_permission(path, camera)
    for path, policy in members(document, "policies", ()):
        yield from _policy(path, policy)
    for path, room in rooms:
        yield from _room(document, path, room)


def _room(
    document: Mapping[str, Any], path: Path_, room: Mapping[str, Any]
) -> Iterator[Contradiction]:
    groups = list(entries(room, "device_groups", path))
    yield from _twins("device group", groups)
    if isinstance(room.get("occupancy"), Mapping):
        yield from _negative_times((*path, "occupancy"), room["occupancy"])
    for at, group in groups:
        yield from _negative_times(at, group)
        most = number(group, "max_level")
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
    policy = effective_policy(document, room)
    yield from _timing(path, room, policy)
    if policy is not None:
        yield from control_contradictions(path, room, policy)


def _policy(path: Path_, policy: Mapping[str, Any]) -> Iterator[Contradiction]:
    yield from _negative_times(path, policy)
    if policy.get("bands") == []:
        yield Contradiction(
            (*path, "bands"),
            "there is no band, so nothing would ever run",
            "Delete the key for the default bands, or write at least one.",
        )
    bands = []
    for at, band in entries(policy, "bands", path):
        yield from _negative_levels(at, band)
        people = number(band, "people")
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
    people = number(band, "people")
    if people is not None and people < 0:
        yield Contradiction(
            (*path, "people"), f"a band starts from {people:g} people", "Start from 1 or more."
        )
    for group, level in named(band, "levels"):
        if is_number(level) and level < 0:
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
    reached = dict(named(above, "levels"))
    for group, level in named(below, "levels"):
        then = reached.get(group, 0)
        if is_number(level) and is_number(then) and then < level:
            yield Contradiction(
                (*at, "levels", group) if group in reached else (*at, "levels"),
                f"'{group}' runs at {level:g} from {fewer} people but at {then:g} from {more}",
                "More people never need less: raise it here or lower it there.",
            )


def _negative_times(path: Path_, settings: Mapping[str, Any]) -> Iterator[Contradiction]:
    for name, value in settings.items():
        if name.endswith("_s") and is_number(value) and value < 0:
            yield Contradiction((*path, name), f"{name} is {value:g} seconds", "Write 0 or more.")


def _capacity(
    path: Path_, policy: Mapping[str, Any], room: Mapping[str, Any]
) -> Iterator[Contradiction]:
    capacity = number(room, "capacity")
    for at, band in entries(policy, "bands", path):
        people = number(band, "people")
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
    policy = effective_policy(document, room)
    if policy is None:
        policies = dict(named(document, "policies"))
        yield Contradiction(
            (*path, "policy"),
            f"the site has no policy '{room['policy']}'",
            did_you_mean(str(room["policy"]), policies, "Add it under `policies:`."),
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
        most = {str(group.get("id")): number(group, "max_level") for _, group in groups}
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
                    did_you_mean(
                        group, most, f"Its groups are {', '.join(sorted(most))}; write own bands."
                    ),
                )
            elif limit is not None and is_number(level) and level > limit >= 1:
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
    for at, band in entries(policy, "bands", ()):
        yield at, dict(named(band, "levels"))


def _contacts(
    document: Mapping[str, Any], path: Path_, room: Mapping[str, Any]
) -> Iterator[Contradiction]:
    known = {str(contact.get("id")) for _, contact in entries(document, "contacts", ())}
    told = room.get("contacts", [])
    for at, name in enumerate(told if isinstance(told, list) else []):
        if isinstance(name, str) and name not in known:
            yield Contradiction(
                (*path, "contacts", at),
                f"the site has no contact '{name}'",
                did_you_mean(name, known, "Add it under the site's `contacts:`."),
            )
    policy = effective_policy(document, room) or {}
    if policy.get("when_empty") in (WhenEmpty.TELL, WhenEmpty.OFF_AND_TELL) and told == []:
        inline = isinstance(room.get("policy"), Mapping)
        yield Contradiction(
            (*path, "policy", "when_empty") if inline else (*path, "policy"),
            f"when_empty is {policy['when_empty']}, and the room names nobody to tell",
            "Add `contacts:` to the room, or write `when_empty: 'off'`.",
        )


def _camera(path: Path_, camera: Mapping[str, Any]) -> Iterator[Contradiction]:
    every_s, fragment_s = (
        number(camera, name, default) for name, default in _CAMERA_DEFAULTS.items()
    )
    if every_s is not None and fragment_s is not None and 0 < every_s < fragment_s:
        yield Contradiction(
            (*path, "sample_every_s" if "sample_every_s" in camera else "fragment_s"),
            f"a frame every {every_s:g} s cannot be had from fragments of {fragment_s:g} s",
            f"Sample every {fragment_s:g} s or more, or shorten fragment_s.",
        )


def _empty_permission(path: Path_, part: Mapping[str, Any]) -> Iterator[Contradiction]:
    """Yield a permission to keep frames that says nothing: its author may mean yes or no."""
    if "kept_frames" in part and part["kept_frames"] is None:
        yield Contradiction(
            (*path, "kept_frames"),
            "kept_frames is empty",
            "Write {allowed: false} to keep nothing, or say what may be kept.",
        )


def _timing(
    path: Path_, room: Mapping[str, Any], policy: Mapping[str, Any] | None
) -> Iterator[Contradiction]:
    """Yield times under which a healthy room would keep becoming UNKNOWN."""
    occupancy = room.get("occupancy", {})
    occupancy = occupancy if isinstance(occupancy, Mapping) else {}
    gap_s = number(occupancy, "observation_gap_s", OccupancySettings().observation_gap_s)
    for at, camera in entries(room, "cameras", path):
        every_s = number(camera, "sample_every_s", _CAMERA_DEFAULTS["sample_every_s"])
        if gap_s is not None and every_s is not None and 0 < gap_s <= every_s:
            yield Contradiction(
                (*at, "sample_every_s"),
                f"a camera counts as blind after {gap_s:g} s without a frame "
                f"(observation_gap_s), and this one is asked every {every_s:g} s",
                "Sample more often, or raise the room's occupancy.observation_gap_s.",
            )
    heartbeat_s = number(occupancy, "heartbeat_s", OccupancySettings().heartbeat_s)
    stale_s = number(policy or {}, "occupancy_stale_s", Policy().occupancy_stale_s)
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
