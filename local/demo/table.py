"""The live table: a row a room, drawn again while the clips play."""

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from headcount.site import Site
from local.bms import BuildingManagementSystem
from local.demo.recording import Recording, percentile

REDRAW_S = 0.5
# Without a terminal, a line a room now and then, so that a log stays readable.
PLAIN_LINES_S = 5.0
_COLOURS = {"OCCUPIED": "bold green", "VACANT": "cyan", "UNKNOWN": "yellow"}


def watch(
    console: Console,
    site: Site,
    recording: Recording,
    bms: BuildingManagementSystem,
    *,
    seconds: float,
    troubles: Callable[[], Sequence[str]],
) -> None:
    """Show the rooms for `seconds`.

    Args:
        console: Where to draw; a table that moves on a terminal, plain lines elsewhere.
        site: The rooms, in order.
        recording: What has been heard.
        bms: What the devices do.
        seconds: How long.
        troubles: What the gateways have to complain of.
    """
    end = time.monotonic() + seconds
    if not console.is_terminal:
        while (left := end - time.monotonic()) > 0:
            time.sleep(min(PLAIN_LINES_S, left))
            for cells in _rows(site, recording, bms):
                console.print(" | ".join(cells), highlight=False, soft_wrap=True)
        return
    with Live(console=console, refresh_per_second=4, transient=False) as live:
        while (left := end - time.monotonic()) > 0:
            live.update(_draw(site, recording, bms, left, troubles()))
            time.sleep(min(REDRAW_S, left))
        live.update(_draw(site, recording, bms, 0, troubles()))


def _draw(
    site: Site,
    recording: Recording,
    bms: BuildingManagementSystem,
    left_s: float,
    troubles: Sequence[str],
) -> Group:
    table = Table(title=f"{site.name or site.id}: {left_s:.0f} s left", title_justify="left")
    for heading in ("room", "camera", "people", "state", "devices", "last command", "latency"):
        table.add_column(heading)
    for room, camera, people, state, devices, command, latency in _rows(site, recording, bms):
        coloured = Text(state, _COLOURS.get(state, ""))
        table.add_row(room, camera, people, coloured, devices, command, latency)
    alerts = [
        f"{alert.raised_at:%H:%M:%S} {alert.message}"
        for alert in sorted(recording.alerts, key=lambda alert: alert.raised_at)[-3:]
    ]
    return Group(
        table,
        *(Text(f"alert  {line}", "magenta") for line in alerts),
        *(Text(f"!  {line}", "red") for line in troubles),
    )


def _rows(
    site: Site, recording: Recording, bms: BuildingManagementSystem
) -> list[tuple[str, str, str, str, str, str, str]]:
    rows = []
    for room in site.rooms:
        known = recording.newest_occupancy(room.id)
        command = recording.newest_command(room.id)
        latencies = recording.latencies_ms(room.id)
        median = percentile(latencies, 0.5)
        rows.append(
            (
                room.id,
                ", ".join(camera.id for camera in room.cameras),
                f"{known.people_estimate} ({known.people_low}-{known.people_high})"
                if known
                else "-",
                str(known.state) if known else "-",
                "  ".join(
                    f"{group.id} {_level(bms.level(site.id, room.id, group.id))}/{group.max_level}"
                    for group in room.device_groups
                ),
                f"{command.device_group} → {command.level}, {_ago(command.requested_at)}"
                if command
                else "-",
                f"{median:.0f} ms" if median is not None else "-",
            )
        )
    return rows


def _level(level: int | None) -> str:
    return "?" if level is None else str(level)


def _ago(moment: datetime) -> str:
    return f"{(datetime.now(UTC) - moment).total_seconds():.0f} s ago"
