"""What the devices, the policy and the hours of a room may not say of each other, at their lines.

The rules are the domain's own. Here each part of a room that can be read is read by itself, so that
one misspelt key does not hide what is wrong beside it.
"""

from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from headcount.domain.policy import DeviceGroup, Policy
from headcount.domain.room_contradictions import RoomContradiction, room_contradictions
from headcount.site import CameraConfig
from ops.site_values import Contradiction, entries, named, number
from ops.yaml_lines import Path_

_PartT = TypeVar("_PartT")
_SAMPLE_EVERY_S = CameraConfig.model_fields["sample_every_s"].default


def control_contradictions(
    path: Path_, room: Mapping[str, Any], policy: Mapping[str, Any]
) -> Iterator[Contradiction]:
    """Yield what would keep the devices of a room from being run as it is described.

    Args:
        path: Where the room stands.
        room: As written.
        policy: The one that decides about it, as written.
    """
    yield from _hold_off(path, room, policy)
    read = _read(Policy, policy)
    if read is None:
        return
    groups = [
        (at, group)
        for at, written in entries(room, "device_groups", path)
        if (group := _read(DeviceGroup, written)) is not None
    ]
    schedule = room.get("schedule")
    has_hours = isinstance(schedule, Mapping) and bool(dict(named(schedule, "open")))
    devices = [group for _, group in groups]
    for found in room_contradictions(read, devices, has_hours=has_hours):
        at = _place(path, room, found) if found.device is None else groups[found.device][0]
        field = () if found.device is None else (found.field,)
        yield Contradiction(
            (*at, *field), found.what, f"{found.remedy[0].upper()}{found.remedy[1:]}."
        )


def _hold_off(
    path: Path_, room: Mapping[str, Any], policy: Mapping[str, Any]
) -> Iterator[Contradiction]:
    """Yield a hold-off that is over before the cameras have looked again."""
    hold_s = number(policy, "hold_off_s", Policy().hold_off_s)
    for _, camera in entries(room, "cameras", path):
        every_s = number(camera, "sample_every_s", _SAMPLE_EVERY_S)
        if hold_s is not None and every_s is not None and 0 <= hold_s < every_s:
            yield Contradiction(
                _place(path, room, RoomContradiction("hold_off_s", "", "")),
                f"an empty room is switched off after {hold_s:g} s (hold_off_s), and camera "
                f"'{camera.get('id')}' looks every {every_s:g} s",
                f"Raise hold_off_s to {every_s:g} or more, or sample more often.",
            )
            return


def _place(path: Path_, room: Mapping[str, Any], found: RoomContradiction) -> Path_:
    """Return where a fault of the policy is put right: in it, or where the room names it."""
    policy = room.get("policy")
    if isinstance(policy, Mapping) and found.field in policy:
        return (*path, "policy", found.field)
    return (*path, "policy") if "policy" in room else path


def _read(kind: type[_PartT], written: Mapping[str, Any]) -> _PartT | None:
    try:
        return TypeAdapter(kind).validate_python(written)
    except ValidationError:
        # The model, or the type itself, is heard elsewhere about what is wrong with it.
        return None
