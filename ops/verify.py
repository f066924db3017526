"""`headcount verify`: check a run's events against what every run must keep."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from headcount.domain.policy import Room
from headcount.errors import HeadcountError
from headcount.site import Site
from headcount.verification.finding import Finding, Property, Violation
from headcount.verification.limits import Limits
from headcount.verification.properties import PROPERTIES, verify_room
from headcount.verification.room_log import RoomLog
from ops.event_log import EventLogError, ReadLog, read_event_log
from ops.site_reading import read_site
from ops.unnamed_room import room_of_defaults

# Of one property; all of them are in --json.
_SHOWN_VIOLATIONS = 10
# Columns; chosen for the table in a file.
_WIDE = 160
_DEFAULTS = Limits()

Findings = dict[tuple[str, str], dict[str, Finding]]


def verify(
    events: Annotated[
        Path, typer.Argument(help="Events as JSON lines, an EventBridge envelope each.")
    ],
    site: Annotated[
        Path | None, typer.Option(help="The site they are of.", metavar="SITE.yaml")
    ] = None,
    json_out: Annotated[
        Path | None, typer.Option("--json", help="Write what was found to this file.")
    ] = None,
    reaction_s: Annotated[
        float, typer.Option(min=1, help="Seconds in which a room must be given more.")
    ] = _DEFAULTS.reaction_s,
) -> None:
    """Check a run's events: exit 0 if all is kept, 1 if not, 2 if nothing can be said."""
    known = read_site(site) if site is not None else None
    log = read_event_log(events)
    rooms = _rooms(log, known, events)
    limits = Limits(reaction_s=reaction_s)
    properties = [one for one in PROPERTIES if known is not None or not one.needs_site]
    found: Findings = {
        where: verify_room(log.rooms[where], room, limits, properties)
        for where, room in rooms.items()
    }
    remarks = _remarks(log, rooms, known, site)
    console = Console()
    if not console.is_terminal:
        # Where nobody looks at a terminal, nothing is cut to its width.
        console = Console(width=_WIDE)
    _print(console, found, remarks)
    if json_out is not None:
        _write(json_out, _as_json(found, rooms, remarks, limits))
    if not any(one.checked for findings in found.values() for one in findings.values()):
        raise EventLogError(
            f"{events} holds nothing that can be checked: no command, no estimate, no frame out "
            "of order.\nAn empty log is no pass: take the events of a run in which a room was "
            "controlled."
        )
    if any(one.violations for findings in found.values() for one in findings.values()):
        raise typer.Exit(1)


def _rooms(log: ReadLog, site: Site | None, events: Path) -> dict[tuple[str, str], Room]:
    """Return the rooms to check, in order, as their site has them or with the code's defaults."""
    if site is None:
        return {where: room_of_defaults(room) for where, room in sorted(log.rooms.items())}
    named = {(site.id, room.id): room.as_room(site.id) for room in site.room_configs}
    rooms = {where: named[where] for where in sorted(log.rooms) if where in named}
    if log.rooms and not rooms:
        raise HeadcountError(
            f"{events} has no event of a room of site '{site.id}'.\n"
            f"It has {', '.join('/'.join(where) for where in sorted(log.rooms))}: "
            "name the site of one of them, or none."
        )
    return rooms


def _remarks(
    log: ReadLog,
    rooms: Mapping[tuple[str, str], Room],
    site: Site | None,
    path: Path | None,
) -> list[str]:
    """Return what somebody who reads the result should know of how it came about."""
    remarks = list(log.remarks)
    if site is None:
        remarks.append(
            "Without --site the code's defaults are checked against; a site that decides "
            "otherwise (hold_off_s, min_run_s, …) has to be named. Not checked: "
            + ", ".join(one.name for one in PROPERTIES if one.needs_site)
            + ", which depend on the site's bands and opening hours."
        )
    left_out = sorted(set(log.rooms) - set(rooms))
    if left_out:
        names = ", ".join("/".join(where) for where in left_out)
        remarks.append(f"Left out, since {path} does not name them: {names}.")
    for where, room in rooms.items():
        others = _other_versions(log.rooms[where], room)
        if site is not None and others:
            remarks.append(
                f"{'/'.join(where)}: {sum(others.values())} command(s) were made under another "
                f"policy version ({', '.join(others)}) than {path}'s ({room.policy_version})."
            )
    return remarks


def _other_versions(log: RoomLog, room: Room) -> Counter[str]:
    versions = Counter(command.policy_version for command in log.commands)
    del versions[room.policy_version]
    return versions


def _print(console: Console, found: Findings, remarks: Sequence[str]) -> None:
    table = Table("property", "checked", "violations", "what is kept", box=None)
    for known in PROPERTIES:
        checked, wrong = _of(known, found)
        table.add_row(
            known.name,
            f"{checked} {known.counts}" if checked else "nothing to check",
            f"[red]{len(wrong)}[/red]" if wrong else "0" if checked else "-",
            known.says,
        )
    console.print(table)
    for remark in remarks:
        console.print(remark, highlight=False, markup=False, soft_wrap=True)
    for known in PROPERTIES:
        _, wrong = _of(known, found)
        if wrong:
            _print_violations(console, known, wrong)


def _print_violations(console: Console, known: Property, wrong: Sequence[Violation]) -> None:
    console.print(f"\n{known.name}: {known.says} Look at {known.look_at}", markup=False)
    for one in wrong[:_SHOWN_VIOLATIONS]:
        where = "/".join(part for part in (one.site, one.room, one.device_group) if part)
        # A name's first dozen digits find it; all of them are in --json.
        ids = " ".join(name[:12] for name in one.event_ids[:4])
        console.print(
            f"  {one.at:%Y-%m-%d %H:%M:%S} {where}: {one.says} [{ids}]",
            highlight=False,
            markup=False,
            soft_wrap=True,
        )
    if len(wrong) > _SHOWN_VIOLATIONS:
        console.print(f"  and {len(wrong) - _SHOWN_VIOLATIONS} more; --json has them all")


def _of(known: Property, found: Findings) -> tuple[int, list[Violation]]:
    findings = [room[known.name] for room in found.values() if known.name in room]
    wrong = [one for finding in findings for one in finding.violations]
    return sum(finding.checked for finding in findings), wrong


def _as_json(
    found: Findings,
    rooms: Mapping[tuple[str, str], Room],
    remarks: Sequence[str],
    limits: Limits,
) -> dict[str, Any]:
    return {
        "holds": not any(_of(known, found)[1] for known in PROPERTIES),
        "remarks": list(remarks),
        "properties": [
            {
                "name": known.name,
                "says": known.says,
                "checked": _of(known, found)[0],
                "counts": known.counts,
                "parameters": {
                    "/".join(where): known.parameters(room, limits) for where, room in rooms.items()
                },
                "violations": [one.as_json() for one in _of(known, found)[1]],
            }
            for known in PROPERTIES
        ],
    }


def _write(path: Path, document: object) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    except OSError as fault:
        raise EventLogError(
            f"{path} cannot be written ({fault.strerror}).\nName a file in a folder of yours."
        ) from fault
