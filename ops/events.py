"""Write docs/events.md and tests/contract/schemas/ from the events' models.

.venv/bin/python -m ops.events [ROOT]
"""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from headcount.events import ALL_EVENTS, Detail

ROOT: Final = Path(__file__).parent.parent
_INTRODUCTION: Final = """\
# Events

Generated from `layers/headcount/python/headcount/events.py` by `make events`; do not edit.

Every event is on the stage's bus. `detail` is the JSON below; its schemas are in
`tests/contract/schemas/`, an example of each in `tests/contract/golden/`. Readers ignore fields
they do not know. An added optional field keeps the version; any other change is a new version,
published beside the old one until its last reader has moved. Times are ISO 8601 with a zone.

`id` is deterministic: a retry is the same event everywhere. `correlation_id` is the same from the
fragment to the acknowledgement of the command it led to.

| Event | Source | Says |
|---|---|---|
"""


def documents() -> Mapping[Path, str]:
    """Return the generated files: path from the repository's root -> text."""
    schemas = {
        Path("tests/contract/schemas") / f"{event.detail_type}.json": _schema_text(event)
        for event in ALL_EVENTS
    }
    return {Path("docs/events.md"): _page(), **schemas}


def write(root: Path) -> None:
    """Write the generated files, and remove schemas of events that are gone."""
    wanted = documents()
    for stale in (root / "tests/contract/schemas").glob("*.json"):
        if stale.relative_to(root) not in wanted:
            stale.unlink()
    for path, text in wanted.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, encoding="utf-8")


def _schema_text(event: type[Detail]) -> str:
    return json.dumps(event.model_json_schema(), indent=2, sort_keys=True) + "\n"


def _page() -> str:
    index = "".join(
        f"| [{event.detail_type}](#{event.detail_type.lower().replace('.', '')}) "
        f"| `{_source(event)}` | {_first_line(event)} |\n"
        for event in ALL_EVENTS
    )
    return _INTRODUCTION + index + "".join(_section(event) for event in ALL_EVENTS)


def _section(event: type[Detail]) -> str:
    schema = event.model_json_schema()
    parts: Mapping[str, Any] = schema.get("$defs", {})
    tables = [_table(schema)]
    tables += [
        f"`{name}`: {part.get('description', '').splitlines()[0]}\n\n{_table(part)}"
        for name, part in parts.items()
        if "properties" in part
    ]
    tables += [
        f"`{name}`: {part.get('description', '').splitlines()[0]} One of "
        f"{', '.join(f'`{value}`' for value in part['enum'])}.\n"
        for name, part in parts.items()
        if "enum" in part
    ]
    return f"\n## {event.detail_type}\n\n{event.__doc__}\n\n" + "\n".join(tables)


def _table(schema: Mapping[str, Any]) -> str:
    required = set(schema.get("required", ()))
    rows = "".join(
        f"| `{name}` | {_type(field)} | {'yes' if name in required else 'no'} "
        f"| {field.get('description', '')} |\n"
        for name, field in schema["properties"].items()
    )
    return f"| Field | Type | Required | Meaning |\n|---|---|---|---|\n{rows}"


def _type(field: Mapping[str, Any]) -> str:
    if "$ref" in field:
        return f"`{field['$ref'].rsplit('/', 1)[-1]}`"
    if "anyOf" in field:
        return " or ".join(_type(option) for option in field["anyOf"])
    if "prefixItems" in field:
        return f"[{', '.join(_type(item) for item in field['prefixItems'])}]"
    if field.get("type") == "array":
        return f"list of {_type(field['items'])}"
    kind = str(field.get("format") or field.get("type"))
    bounds = [
        f"{sign} {field[name]:g}"
        for name, sign in (
            ("minimum", "≥"),
            ("exclusiveMinimum", ">"),
            ("maximum", "≤"),
        )
        if name in field
    ]
    return ", ".join([kind, *bounds])


def _source(event: type[Detail]) -> str:
    return "bms.{site_id}" if event.source == "bms" else event.source


def _first_line(event: type[Detail]) -> str:
    return (event.__doc__ or "").splitlines()[0]


if __name__ == "__main__":
    write(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT)
