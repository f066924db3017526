"""A site document read from YAML, with every fault at its line."""

from collections.abc import Iterator, Mapping
from dataclasses import MISSING, dataclass, fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from headcount.domain.cameras import OccupancySettings
from headcount.domain.kept_frames import KeptFrames
from headcount.domain.points import BacnetReference, Point
from headcount.domain.policy import Band, DeviceGroup, Policy
from headcount.errors import SiteError
from headcount.site import Site
from ops.site_checks import contradictions
from ops.yaml_lines import LineFault, Path_, UnreadableYamlError, YamlTree, read_yaml

# Domain types check themselves and stop at their first fault; here they are asked for the others.
_TYPE_AT = {
    "policy": Policy,
    "occupancy": OccupancySettings,
    "kept_frames": KeptFrames,
    "point": Point,
    "bacnet": BacnetReference,
}
_TYPE_IN = {"policies": Policy, "device_groups": DeviceGroup, "bands": Band}
# The fields that are true or false.
_EITHER_OR = {"allowed", "dry_run", "uncertain"}
_UNKNOWN_KEY = {"extra_forbidden", "unexpected_keyword_argument"}
_MISSING_KEY = {"missing", "missing_argument", "missing_keyword_only_argument"}
_TEXT = ("this should be text", "Write text; a number or a date meant as text needs quotes.")
_WHOLE = ("this should be a whole number", "Write digits without a point or quotes.")
_NUMBER = ("this should be a number", "Write digits, with a point for fractions.")
_LIST = ("this should be a list", "Write one line with a hyphen per item.")
_MAPPING = ("this should be a mapping", "Write one `key: value` per line.")
_EITHER = ("this should be true or false", "Write true or false without quotes.")
_DATE = ("this should be a date", "Write it as 2026-12-24.")
# What pydantic's kinds of errors are called here, and what to do about each.
_IN_WORDS = {
    "string_type": _TEXT,
    "int_type": _WHOLE,
    "int_parsing": _WHOLE,
    "int_from_float": _WHOLE,
    "float_type": _NUMBER,
    "float_parsing": _NUMBER,
    "finite_number": _NUMBER,
    "tuple_type": _LIST,
    "mapping_type": _MAPPING,
    "dict_type": _MAPPING,
    "model_type": _MAPPING,
    "model_attributes_type": _MAPPING,
    "dataclass_type": _MAPPING,
    "bool_type": _EITHER,
    "bool_parsing": _EITHER,
    "date_type": _DATE,
    "date_parsing": _DATE,
    "date_from_datetime_parsing": _DATE,
    "date_from_datetime_inexact": _DATE,
    "too_short": ("the list is empty", "Add at least one item."),
}
# The bounds that pydantic puts into an error's context.
_BOUNDS = {"ge": "at least", "gt": "more than", "le": "at most", "lt": "less than"}
# What stands in for a field that is missing or wrong, so that its neighbours are still heard.
_STAND_INS: dict[str, Any] = {
    "id": "x",
    "kind": "x",
    "max_level": 1,
    "people": 1,
    "levels": {},
    "device": 0,
    "object": "binary-output,0",
    # Not required, but a point whose only part is wrong does not say nothing.
    "bacnet": {"device": 0, "object": "analog-output,0"},
}


@dataclass(frozen=True, slots=True)
class Reading:
    """What a file held.

    Attributes:
        path: The file.
        site: None if there are faults.
        faults: In the order of their lines.
    """

    path: Path
    site: Site | None
    faults: tuple[LineFault, ...]

    def lines(self) -> Iterator[str]:
        """Yield each fault as `file:line: path.to.field: what is wrong. Remedy: …`."""
        for fault in self.faults:
            where = dotted(fault.path)
            field = f"{where}: " if where else ""
            yield f"{self.path}:{fault.line}: {field}{fault.what}. Remedy: {fault.remedy}"


def dotted(path: Path_) -> str:
    """Return `rooms[0].cameras[1].id` for `("rooms", 0, "cameras", 1, "id")`."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}"
    return text.removeprefix(".")


def read_site(path: Path) -> Site:
    """Return the site in `path`.

    Raises:
        SiteError: If it has faults; the message names every one with its line.
    """
    reading = examine_site(path)
    if reading.site is None:
        raise SiteError(
            f"{path} has {len(reading.faults)} fault(s):\n" + "\n".join(reading.lines())
        )
    return reading.site


def examine_site(path: Path) -> Reading:
    """Return the site in `path`, or all that is wrong with it."""
    try:
        tree = read_yaml(path)
    except UnreadableYamlError as unreadable:
        return Reading(path, None, (unreadable.fault,))
    if not isinstance(tree.value, dict):
        fault = LineFault(
            tree.line_of(()),
            (),
            f"a site is a mapping, and this is {_kind(tree.value)}",
            "Begin with `id:`, `time_zone:` and `rooms:`; see sites/example.yaml.",
        )
        return Reading(path, None, (fault,))
    site, faults = _examine(tree)
    # A band and the band above it may say the same of one place: it is told once.
    faults = sorted(set(faults), key=lambda fault: (fault.line, dotted(fault.path), fault.what))
    return Reading(path, None if faults else site, tuple(faults))


def _kind(value: object) -> str:
    return {list: "a list", str: "a piece of text", type(None): "nothing"}.get(
        type(value), "a number"
    )


def _examine(tree: YamlTree) -> tuple[Site | None, list[LineFault]]:
    faults = list(tree.faults)
    faults += [
        LineFault(tree.line_of(found.path), found.path, found.what, found.remedy)
        for found in contradictions(tree.value)
    ]
    site = None
    try:
        site = Site.model_validate(tree.value)
    except ValidationError as wrong:
        faults += [_located(e, tree) for e in wrong.errors() if not _is_said_elsewhere(e)]
    told = [fault.path for fault in faults]
    # The model takes true for 1 where a number belongs.
    faults += [
        LineFault(tree.line_of(path), path, f"`{said}` is no number", "Write the number in digits.")
        for path, said in _booleans(tree.value, ())
        if path not in told and path[-1] not in _EITHER_OR
    ]
    for path, message in _domain_faults(tree.value, ()):
        # A check across fields has said the same, more exactly.
        if not any(other[: len(path)] == path for other in told):
            what, _, remedy = message.partition("; ")
            faults.append(_domain_fault(tree, path, what, remedy))
    if not faults and site is not None:
        faults += _room_faults(tree, site)
    return site, faults


def _is_said_elsewhere(error: ErrorDetails) -> bool:
    # A list whose items are at fault counts as too short; a domain type's own complaint
    # (value_error) is asked for separately, field by field.
    return error["type"] == "value_error" or (error["type"] == "too_short" and bool(error["input"]))


def _domain_fault(tree: YamlTree, path: Path_, what: str, remedy: str) -> LineFault:
    advice = remedy or "See docs/sites.md for what the field means"
    return LineFault(tree.line_of(path), path, what, f"{advice[0].upper()}{advice[1:]}.")


def _room_faults(tree: YamlTree, site: Site) -> Iterator[LineFault]:
    """Yield what the domain refuses of whole rooms, should it know more than our checks."""
    for at, room in enumerate(site.room_configs):
        try:
            room.as_room(site.id)
        except ValueError as refused:
            what, _, remedy = str(refused).partition("; ")
            yield _domain_fault(tree, ("rooms", at), what, remedy)


def _booleans(value: Any, path: Path_) -> Iterator[tuple[Path_, str]]:
    """Yield (path, as written) of everything below `value` that is true or false."""
    if isinstance(value, bool):
        yield path, str(value).lower()
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _booleans(item, (*path, key))
    elif isinstance(value, list):
        for position, item in enumerate(value):
            yield from _booleans(item, (*path, position))


def _domain_faults(value: Any, path: Path_) -> Iterator[tuple[Path_, str]]:
    """Yield (path, message) of what domain types anywhere below `value` say of themselves."""
    if isinstance(value, Mapping):
        kind = _domain_type(path)
        if kind is not None:
            for at, message in _complaints(kind, value):
                yield (*path, *at), message
        for key, item in value.items():
            yield from _domain_faults(item, (*path, key))
    elif isinstance(value, list):
        for position, item in enumerate(value):
            yield from _domain_faults(item, (*path, position))


def _domain_type(path: Path_) -> type[Any] | None:
    """Return the domain's type of what stands at `path`, if it is one of the domain's."""
    inside = str(path[-2]) if len(path) > 1 else ""
    return _TYPE_IN.get(inside) or _TYPE_AT.get(str(path[-1]) if path else "")


def _complaints(kind: type[Any], values: Mapping[str, Any]) -> Iterator[tuple[Path_, str]]:
    """Yield every complaint of a domain type, with the field to blame or () for the whole.

    A type raises at its first fault. The field without which that complaint is not heard is the
    one to blame; it is left out, and the type is asked again.
    """
    optional = {f.name for f in fields(kind) if not _required(f)}
    left = dict(values)
    while True:
        heard = _complaint(kind, left)
        if heard is None:
            return
        blamed = next(
            (
                name
                for name in left
                if name in optional
                and _complaint(kind, {n: v for n, v in left.items() if n != name}) != heard
            ),
            None,
        )
        if blamed is None:
            yield (), heard
            return
        yield (blamed,), heard
        del left[blamed]


def _required(field: Any) -> bool:
    return field.default is MISSING and field.default_factory is MISSING


def _complaint(kind: type[Any], values: dict[str, Any]) -> str | None:
    """Return what the type says of `values`, without those that are of the wrong type."""
    adapter = TypeAdapter(kind)
    while True:
        try:
            adapter.validate_python(values)
        except ValidationError as wrong:
            first = wrong.errors()[0]
            if not first["loc"]:
                return str(first.get("ctx", {}).get("error", first["msg"]))
            name = str(first["loc"][0])
            values = {key: item for key, item in values.items() if key != name}
            if name in _STAND_INS and name in {f.name for f in fields(kind)}:
                values[name] = _STAND_INS[name]
        else:
            return None


def _located(error: ErrorDetails, tree: YamlTree) -> LineFault:
    # "[key]" and "(own)" are steps that the validator took and that no document has.
    path = tree.existing([step for step in error["loc"] if not str(step).startswith(("[", "("))])
    what, remedy = _in_words(error, path)
    return LineFault(tree.line_of(path), path, what, remedy)


def _in_words(error: ErrorDetails, path: Path_) -> tuple[str, str]:
    kind, name = error["type"], str(path[-1]) if path else ""
    context = error.get("ctx", {})
    if kind in _UNKNOWN_KEY:
        known = _known_keys(path[:-1])
        close = get_close_matches(name, known, n=1)
        remedy = f"Did you mean `{close[0]}`?" if close else f"Known here: {', '.join(known)}."
        return f"there is no key `{name}` here", remedy
    if kind in _MISSING_KEY:
        about = _schema_at(path).get("description", "")
        return f"`{name}` is missing", f"Add `{name}:`" + (f". {about}" if about else ".")
    if "remedy" in context:
        return error["msg"], str(context["remedy"])
    if kind in ("enum", "literal_error"):
        expected = str(context["expected"])
        return f"`{error['input']}` is not known here", f"Write one of {expected}."
    shown = f", not `{error['input']}`" if isinstance(error["input"], str | int | float) else ""
    for bound, words in _BOUNDS.items():
        if bound in context:
            return f"this should be {words} {context[bound]}{shown}", "Write such a number."
    what, remedy = _IN_WORDS.get(kind, (error["msg"], "See docs/sites.md for the field."))
    return f"{what}{shown}", remedy


def _known_keys(path: Path_) -> list[str]:
    return sorted(_schema_at(path).get("properties", {}))


def _schema_at(path: Path_) -> dict[str, Any]:
    """Return the JSON schema of what stands at `path` in a site document."""
    whole = Site.model_json_schema()
    here: dict[str, Any] = whole
    for step in path:
        here = _resolved(here, whole)
        if isinstance(step, int):
            here = here.get("items", {})
        else:
            here = here.get("properties", {}).get(step) or here.get("additionalProperties") or {}
        here = here if isinstance(here, dict) else {}
    described = here.get("description")
    here = _resolved(here, whole)
    # A field's own description says more than that of the type it refers to.
    return {**here, "description": described or ""}


def _resolved(schema: dict[str, Any], whole: dict[str, Any]) -> dict[str, Any]:
    for choice in schema.get("oneOf", schema.get("anyOf", [])):
        if "$ref" in choice or choice.get("type") in ("object", "array"):
            schema = choice
            break
    reference = schema.get("$ref", "")
    return whole["$defs"][reference.rpartition("/")[2]] if reference else schema
