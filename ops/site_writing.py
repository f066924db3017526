"""Values written into a site file in place: comments, order and layout stay as they are."""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.nodes import MappingNode, Node

from headcount.errors import SiteError
from headcount.site import CameraConfig, Site
from ops.site_reading import examine_site, read_site


def write_camera_values(file: Path, camera_id: str, values: Mapping[str, float]) -> None:
    """Set `values` of one camera of the site in `file`, which is replaced in one step.

    Raises:
        SiteError: If the file has no such camera, or would be at fault or mean something else
            afterwards; it is then left as it was.
    """
    # A link stays a link.
    file = file.resolve()
    before = read_site(file)
    # By bytes: line endings stay what they are.
    text = file.read_bytes().decode()
    edited = file.with_name(f".{file.name}.edited")
    try:
        edited.write_bytes(_edited(text, camera_id, values).encode())
        shutil.copymode(file, edited)
        after = examine_site(edited)
        if after.site is None:
            raise SiteError(
                f"{file} would be at fault with {_in_words(values)}:\n" + "\n".join(after.lines())
            )
        if after.site != _with_values(before, camera_id, values):
            raise SiteError(
                f"{file} shares what it says of camera '{camera_id}' with another (an anchor).\n"
                f"Write {_in_words(values)} under that camera by hand."
            )
        edited.replace(file)
    except OSError as fault:
        raise SiteError(
            f"{file} cannot be written ({os.strerror(fault.errno or 0)}).\n"
            f"Write {_in_words(values)} under camera '{camera_id}' by hand."
        ) from fault
    finally:
        edited.unlink(missing_ok=True)


def _in_words(values: Mapping[str, float]) -> str:
    return " and ".join(f"`{key}: {value:g}`" for key, value in values.items())


def _with_values(site: Site, camera_id: str, values: Mapping[str, float]) -> Site:
    def changed(camera: CameraConfig) -> CameraConfig:
        return camera.model_copy(update=dict(values)) if camera.id == camera_id else camera

    rooms = tuple(
        room.model_copy(update={"cameras": tuple(changed(one) for one in room.cameras)})
        for room in site.rooms
    )
    return site.model_copy(update={"rooms": rooms})


def _edited(text: str, camera_id: str, values: Mapping[str, float]) -> str:
    camera = _camera_node(YAML(typ="safe", pure=True).compose(text), camera_id)
    line_end = "\r\n" if "\r\n" in text else "\n"
    there = {key.value: (key, value) for key, value in camera.value}
    id_key, id_value = there["id"]
    at_id: list[str] = []
    edits: list[tuple[int, int, str]] = []
    for name, value in values.items():
        if name in there:
            old = there[name][1]
            edits.append((old.start_mark.index, old.end_mark.index, f"{value:g}"))
        else:
            at_id.append(f"{name}: {value:g}")
    end = id_value.end_mark.index
    if camera.flow_style:
        edits.append((end, end, "".join(f", {entry}" for entry in at_id)))
    else:
        # Below the id's line, whatever comment stands there.
        while end < len(text) and text[end] not in "\r\n":
            end += 1
        indent = " " * id_key.start_mark.column
        edits.append((end, end, "".join(f"{line_end}{indent}{entry}" for entry in at_id)))
    # From the end, so that what is still to be edited keeps its place.
    for first, last, new in sorted(edits, reverse=True):
        text = text[:first] + new + text[last:]
    return text


def _camera_node(root: Any, camera_id: str) -> MappingNode:
    for room in _items(root, "rooms"):
        for camera in _items(room, "cameras"):
            if any(key.value == "id" and value.value == camera_id for key, value in camera.value):
                found: MappingNode = camera
                return found
    raise SiteError(f"There is no camera '{camera_id}' to write to.\nName one of the site's.")


def _items(node: Node, name: str) -> list[Any]:
    return [item for key, value in node.value if key.value == name for item in value.value]
