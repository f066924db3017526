"""`headcount simulate`: the deployed estimator and policy over recorded or made-up days."""

import json
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from headcount.site import RoomConfig, Site
from local.demo.event_log import EventLog
from ops.simulation.errors import SimulationError
from ops.simulation.made_up import made_up_csv
from ops.simulation.page import write_page
from ops.simulation.people import PeopleRecord, parse_people, read_people
from ops.simulation.report import figures
from ops.simulation.settings import described_settings, settings_from
from ops.simulation.simulating import Progress, live_through, set_scene
from ops.simulation.sweeping import sweep as sweep_over
from ops.site_reading import read_site

# What is said of a run on the screen; all of it is in --json.
_SHOWN = {
    "people": "{people_room}, {days} days in {segments} part(s), {observations} frames counted",
    "policy": "{room}, version {policy_version}, seed {seed}",
    "a person, counted as empty": "{false_vacant_min} min of {occupied_min} min occupied",
    "lit while empty": "{lit_while_empty_min} min of {empty_min} min empty",
    "unknown": "{unknown_min} min",
    "switches": "{switches}; the naive rule {switches_naive}, ratio {switches_ratio}",
    "reaction up, down": "{reaction_up_s[mean]} s, {reaction_down_s[mean]} s on average",
    "from entering to light": "{reaction_entry_s[mean]} s, at most {reaction_entry_s[max]} s",
    "people, mean error": "{people_mae}; while occupied {people_mae_occupied}",
    "90 % interval while occupied": "holds {interval_coverage_occupied} of the time, "
    "{interval_width_occupied} wide",
    "energy without us": "{energy[counterfactual_kwh]} kWh, with us {energy[controlled_kwh]} kWh",
    "light for nobody": "{energy[lighting_empty_kwh]} kWh, of which avoided "
    "{lighting_empty_avoided_share}",
}
# Chosen: half a year of made-up days runs for minutes, and a typing error for hours.
_MOST_DAYS = 200


def _list_settings(asked: bool) -> None:
    if not asked:
        return
    table = Table("setting", "default", "meaning", box=None)
    for name, (default, meaning) in described_settings().items():
        table.add_row(name, f"{default:g}", meaning)
    Console().print(table)
    raise typer.Exit


def simulate(
    site_file: Annotated[
        Path, typer.Option("--site", help="The site's document.", metavar="SITE.yaml")
    ],
    policy_room: Annotated[
        str, typer.Option("--room", help="Whose cameras, devices and policy apply.")
    ],
    people: Annotated[
        Path | None, typer.Argument(help="CSV of people in a room.", metavar="[PEOPLE.csv]")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of everything that is drawn.", min=0)] = 1,
    json_out: Annotated[
        Path | None, typer.Option("--json", help="Write the figures to this file.")
    ] = None,
    html: Annotated[Path | None, typer.Option(help="Write a page that shows each day.")] = None,
    events: Annotated[
        Path | None, typer.Option(help="Write every event, for `headcount verify`.")
    ] = None,
    sweep: Annotated[
        bool, typer.Option("--sweep", help="Vary the policy's times: what would they bring?")
    ] = False,
    made_up: Annotated[
        int | None,
        typer.Option(help="Instead of PEOPLE.csv: so many made-up days.", min=1, max=_MOST_DAYS),
    ] = None,
    days: Annotated[
        int | None, typer.Option(help="Only the first so many days of the recording.", min=1)
    ] = None,
    people_room: Annotated[
        str | None, typer.Option(help="Which room of PEOPLE.csv, if it has several.")
    ] = None,
    assignments: Annotated[
        list[str] | None,
        typer.Option("--set", help="Change a setting; repeat it.", metavar="NAME=VALUE"),
    ] = None,
    list_settings: Annotated[  # noqa: ARG001 - answered by its callback
        bool,
        typer.Option(
            "--list-settings", help="Show what can be set.", callback=_list_settings, is_eager=True
        ),
    ] = False,
) -> None:
    """Run the deployed estimator and a room's policy over recorded or made-up days."""
    settings = settings_from(assignments or [])
    site = read_site(site_file)
    config = _room(site, policy_room)
    record = _record(people, made_up, (site, config), seed, people_room, days)
    for file in (json_out, html, events):
        _make_folder(file)
    scene = set_scene(record, site.id, config, settings, seed)
    with ExitStack() as ending:
        log = ending.enter_context(EventLog(events))
        tell = _progress(ending)
        lived = live_through(scene, tell, log.write if events else None)
        found = figures(scene, lived)
        if sweep:
            found["sweep"] = sweep_over(scene, found, tell)
    if json_out is not None:
        json_out.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    if html is not None:
        write_page(html, scene, lived, found)
    Console().print(_table(found))


def _progress(ending: ExitStack) -> Progress:
    """Return what shows progress: one line that changes, or lines where nobody watches."""
    console = Console(stderr=True)
    if not console.is_terminal:
        return lambda told: console.print(f"Simulating {told}", highlight=False)
    status = ending.enter_context(console.status("Simulating"))
    return lambda told: status.update(f"Simulating {told}")


def _room(site: Site, room_id: str) -> RoomConfig:
    known = {room.id: room for room in site.room_configs}
    if room_id not in known:
        raise SimulationError(
            f"Site '{site.id}' has no room '{room_id}'.\nIt has: {', '.join(known)}."
        )
    return known[room_id]


def _record(
    people: Path | None,
    made_up: int | None,
    room: tuple[Site, RoomConfig],
    seed: int,
    people_room: str | None,
    days: int | None,
) -> PeopleRecord:
    if (people is None) == (made_up is None):
        said = "neither" if people is None else "both"
        raise SimulationError(
            f"PEOPLE.csv or --made-up DAYS: {said} was given.\n"
            "Name a recording, or say how many days to make up."
        )
    if people is not None:
        return read_people(people, people_room, days)
    site, config = room
    lines = made_up_csv(made_up or 0, config.as_room(site.id), config.time_zone, seed)
    return parse_people(lines, "made-up days", days=days)


def _make_folder(file: Path | None) -> None:
    """Refuse what cannot be written before minutes are spent on it."""
    if file is None:
        return
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("a", encoding="utf-8"):
            pass
    except OSError as fault:
        raise SimulationError(
            f"{file} cannot be written ({fault.strerror}).\nName a file in a folder of yours."
        ) from fault


def _table(found: Mapping[str, Any]) -> Table:
    table = Table(show_header=False, box=None)
    for name, words in _SHOWN.items():
        table.add_row(name, words.format(**_readable(found)))
    return table


def _readable(value: Any) -> Any:
    """Return figures with a hyphen for those that there are not."""
    if isinstance(value, Mapping):
        return {name: _readable(item) for name, item in value.items()}
    return "-" if value is None else value
