"""`headcount gateway`: a camera's video into its stream, from any machine that sees the camera."""

import sys
import time
from typing import Annotated

import boto3
import typer
from botocore.exceptions import BotoCoreError, ClientError
from pydantic import ValidationError

from edge.gateway import Gateway, GatewayReport
from edge.sources import check_source
from headcount.errors import DeploymentError, StreamError
from headcount.identifiers import stream_name
from headcount.site import CameraBinding
from ops.deployment import PATIENCE, Deployment, another_version
from ops.site_items import SiteItems

app = typer.Typer(
    no_args_is_help=True, help="Send a camera's video to Kinesis Video.", add_completion=False
)

_PROGRESS_EVERY_S = 1.0


@app.callback()
def _group() -> None:
    """Make `run` a verb of its own: typer would otherwise drop the name of an only command."""


@app.command()
def run(
    site: Annotated[str, typer.Option(help="The site's id, as `headcount site show` shows it.")],
    camera: Annotated[str, typer.Option(help="The camera's id in that site.")],
    source: Annotated[
        str,
        typer.Option(
            help="A video file, or an RTSP or HTTP(S) URL.",
            # Where other users may list processes, a camera's password belongs here.
            envvar="HEADCOUNT_SOURCE",
        ),
    ],
    stage: Annotated[str, typer.Option(help="The deployed stage: dev, prod or local.")] = "dev",
    loop: Annotated[bool, typer.Option(help="Begin a file again at its end.")] = False,
) -> None:
    """Stream until Ctrl-C, or until a file ends; how often frames are counted, the site says."""
    check_source(source)
    deployment = Deployment.find(stage)
    items = SiteItems(boto3.client("dynamodb", config=PATIENCE), deployment.rooms_table_name)
    binding = find_binding(deployment, items, site, camera)
    gateway = Gateway(
        source,
        binding.stream_name,
        session=boto3.Session(),
        sample_every_s=binding.sample_every_s,
        fragment_s=binding.fragment_s,
        loop=loop,
        on_event=lambda message: typer.echo(f"\n{message}", err=True),
    )
    gateway.start()
    try:
        while gateway.report().is_running:
            # One line that changes for a person; lines of their own in a log.
            line = _progress(gateway.report())
            typer.echo(f"\r{line}" if sys.stdout.isatty() else line, nl=not sys.stdout.isatty())
            time.sleep(_PROGRESS_EVERY_S)
    except KeyboardInterrupt:
        typer.echo("\nStopping…")
    finally:
        gateway.stop()
    report = gateway.report()
    typer.echo(f"\r{_progress(report)}")
    if report.failure is not None:
        raise report.failure


def find_binding(deployment: Deployment, items: SiteItems, site: str, camera: str) -> CameraBinding:
    """Return what the applied site says of a camera.

    Raises:
        StreamError: If the stage has no such camera.
        DeploymentError: If what the stage has cannot be read.
    """
    name = stream_name(deployment.stream_prefix, site, camera)
    try:
        found = items.camera(name)
    except (BotoCoreError, ClientError) as fault:
        raise DeploymentError(
            f"What stage {deployment.stage} has cannot be read: {fault}\n"
            "The caller needs dynamodb:Query on the rooms table."
        ) from fault
    if found is None:
        raise StreamError(
            f"Stage {deployment.stage} has no camera {camera!r} in site {site!r}.\n"
            "`headcount site show` shows what it has, `headcount site apply FILE` adds a camera."
        )
    try:
        return CameraBinding.model_validate_json(found)
    except ValidationError as fault:
        raise another_version(deployment.stage, camera) from fault


def _progress(report: GatewayReport) -> str:
    newest = report.last_persisted_at
    when = f", newest {newest.astimezone():%H:%M:%S}" if newest else ""
    return (
        f"{report.source} → {report.stream_name}: {report.put} fragments put, "
        f"{report.persisted_count} stored, {report.lost} lost{when}"
    )
