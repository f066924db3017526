"""`headcount site`: the buildings, as documents."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from botocore.exceptions import BotoCoreError, ClientError
from pydantic import ValidationError

from headcount.errors import DeploymentError, SiteError
from headcount.site import RoomConfig, Site
from ops.deployment import Deployment, another_version
from ops.site_apply import SitePlanner
from ops.site_changes import Change, SiteClients, carry_out
from ops.site_reading import Reading, dotted, examine_site, read_site

app = typer.Typer(
    help="Validate, apply, show and retire sites.", no_args_is_help=True, add_completion=False
)

StageOption = Annotated[str, typer.Option(help="The deployed stage: dev, prod or local.")]
DryRunOption = Annotated[
    bool, typer.Option("--dry-run", help="Show what would change, and change nothing.")
]


@app.command()
def validate(
    files: Annotated[list[Path], typer.Argument(help="Site documents (YAML).")],
    as_json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
) -> None:
    """Name every fault of site documents, with its line and its remedy."""
    readings = [examine_site(file) for file in files]
    if as_json:
        typer.echo(json.dumps([_as_json(reading) for reading in readings], indent=2))
    else:
        for reading in readings:
            for line in reading.lines():
                typer.echo(line)
            if reading.site is not None:
                typer.echo(f"{reading.path}: {_summary(reading.site)}")
    if any(reading.faults for reading in readings):
        raise typer.Exit(1)


@app.command()
def apply(
    file: Annotated[Path, typer.Argument(help="A site document (YAML).")],
    stage: StageOption = "dev",
    dry_run: DryRunOption = False,
) -> None:
    """Make a deployed stage match a site document: streams, rooms, policies, contacts."""
    site = read_site(file)
    planner = _planner(stage)
    try:
        changes = planner.changes(site, file.read_bytes())
    except (BotoCoreError, ClientError) as fault:
        raise _unplanned(stage, fault) from fault
    _carry_out(f"Site {site.id} on stage {stage}", changes, dry_run)


@app.command()
def retire(
    site_id: Annotated[str, typer.Argument(help="The site's id.")],
    stage: StageOption = "dev",
    dry_run: DryRunOption = False,
    yes: Annotated[
        bool, typer.Option("--yes", help="Do not ask before the video is deleted.")
    ] = False,
) -> None:
    """Remove a site from a deployed stage: its streams with their video, rooms and contacts."""
    planner = _planner(stage)
    try:
        changes = planner.retirement(site_id)
        if not changes:
            known = ", ".join(record.site_id for record in planner.items.sites()) or "none"
            raise SiteError(
                f"Stage {stage} has no site {site_id!r}.\nIts sites: {known}. "
                "Name another stage with --stage."
            )
    except (BotoCoreError, ClientError) as fault:
        raise _unplanned(stage, fault) from fault
    if not dry_run and not yes:
        typer.echo("\n".join(str(change) for change in changes))
        typer.confirm(f"Retire site {site_id} from stage {stage}?", abort=True)
    _carry_out(f"Site {site_id} on stage {stage}", changes, dry_run)


@app.command()
def show(
    stage: StageOption = "dev",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the sites, rooms and cameras of a deployed stage, with their versions."""
    items = _planner(stage).items
    try:
        sites = {record: items.rooms(record.site_id) for record in items.sites()}
    except (BotoCoreError, ClientError) as fault:
        raise _unplanned(stage, fault) from fault
    rooms = {
        record: [_read_room(stage, room_id, config) for room_id, config in configs.items()]
        for record, configs in sites.items()
    }
    if as_json:
        listing = [
            {**asdict(record), "rooms": [_room_as_json(room) for room in of_site]}
            for record, of_site in rooms.items()
        ]
        typer.echo(json.dumps(listing, indent=2))
        return
    if not rooms:
        typer.echo(f"Stage {stage} has no site yet. `headcount site apply FILE` makes one.")
    for record, of_site in rooms.items():
        typer.echo(
            f"{record.site_id}  {record.name}  version {record.version}  "
            f"applied {record.applied_at}"
        )
        for room in of_site:
            cameras = ", ".join(camera.id for camera in room.cameras)
            typer.echo(
                f"  {room.id}  {room.name}  capacity {room.capacity}  "
                f"policy {room.policy_version}  cameras {cameras}"
            )


def _planner(stage: str) -> SitePlanner:
    return SitePlanner(Deployment.find(stage), SiteClients.made_by())


def _read_room(stage: str, room_id: str, config: str) -> RoomConfig:
    try:
        return RoomConfig.model_validate_json(config)
    except ValidationError as fault:
        raise another_version(stage, f"room {room_id}") from fault


def _unplanned(stage: str, fault: Exception) -> DeploymentError:
    return DeploymentError(
        f"What stage {stage} has cannot be read: {fault}\n"
        "Nothing was changed. The caller needs to read the rooms table, Kinesis Video and SNS."
    )


def _carry_out(title: str, changes: list[Change], dry_run: bool) -> None:
    if not changes:
        typer.echo(f"{title}: nothing to change.")
        return
    typer.echo(f"{title}: {len(changes)} changes{' (dry run)' if dry_run else ''}")
    if dry_run:
        for change in changes:
            typer.echo(f"  {change}")
        return
    carry_out(changes, tell=lambda change: typer.echo(f"  {change}"))
    typer.echo("Done.")


def _summary(site: Site) -> str:
    cameras = sum(len(room.cameras) for room in site.rooms)
    return (
        f"valid: site {site.id}, version {site.version}, {len(site.rooms)} rooms, "
        f"{cameras} cameras, {len(site.contacts)} contacts"
    )


def _as_json(reading: Reading) -> dict[str, object]:
    return {
        "file": str(reading.path),
        "valid": reading.site is not None,
        "version": reading.site.version if reading.site else None,
        "faults": [
            {
                "line": fault.line,
                "path": dotted(fault.path),
                "what": fault.what,
                "remedy": fault.remedy,
            }
            for fault in reading.faults
        ],
    }


def _room_as_json(room: RoomConfig) -> dict[str, object]:
    return {
        "room_id": room.id,
        "name": room.name,
        "capacity": room.capacity,
        "policy_version": room.policy_version,
        "camera_ids": [camera.id for camera in room.cameras],
        "device_groups": [group.id for group in room.device_groups],
    }
