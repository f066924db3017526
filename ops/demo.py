"""`headcount demo`: from video to BMS commands, deployed by `cdk deploy` on this machine."""

import json
import os
import shutil
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Annotated, Any

import typer
from rich.console import Console

from edge.gateway import Gateway
from edge.sources import check_source
from headcount.errors import SourceError
from headcount.events import FramesCounted
from headcount.identifiers import stream_name
from headcount.site import Site
from local import deployment as cdk
from local.bms import DEVICE_POWER_W, BuildingManagementSystem
from local.demo.event_log import EventLog
from local.demo.page import write_page
from local.demo.plan import DEFAULT_SITE, Feed, choose_feeds, truth_of
from local.demo.recording import (
    FragmentTally,
    Recording,
    compare_with_truth,
    fragment_figures,
    summarise,
)
from local.demo.steps import Steps
from local.demo.table import watch
from local.demo.tap import BusTap
from local.launcher import EmbeddedAws
from local.portraits import ROOT
from local.scenes import Scene, compose
from ops.backlog import backlog
from ops.build import build_for_this_machine
from ops.deployment import Deployment
from ops.query import run_named_query
from ops.site_apply import SitePlanner
from ops.site_changes import SiteClients, carry_out
from ops.site_reading import read_site

STAGE = "local"
PAGE = ROOT / ".build/demo/index.html"
LOG = ROOT / ".build/demo/emulator.log"
LAKE_QUERY = "faces_by_camera"
# How long a fragment may be on its way when the clips have ended. Chosen: a machine that was busy
# with much else was seen to need half of it.
DRAIN_S = 60.0
# A fragment that is not counted by then, and that no queue holds, is lost.
LOST_AFTER_S = 20.0
# Nothing is on its way when this many looks in a row find nothing: between two queues is the bus.
QUIET_LOOKS = 3
LOOK_EVERY_S = 0.25
# As many of each function as the local stage lets a queue run at once.
WARM_WORKERS = 2


def _writable(file: Path | None) -> Path | None:
    """Return `file` if it can be written to; it is found out before the run and not after."""
    if file is None:
        return None
    is_new = not file.exists()
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.open("a").close()
    except OSError as fault:
        raise typer.BadParameter(f"{file} cannot be written: {fault.strerror}.") from fault
    if is_new:
        # Another run that was given the same file may have removed it first.
        file.unlink(missing_ok=True)
    return file


def demo(
    site: Annotated[Path, typer.Option(help="The site to run.")] = DEFAULT_SITE,
    source: Annotated[
        list[str] | None,
        typer.Option(help="A file, RTSP or HTTP source instead of the clips; once a camera."),
    ] = None,
    seconds: Annotated[float, typer.Option(min=5, help="How long the clips play.")] = 45,
    json_out: Annotated[
        Path | None,
        typer.Option("--json", help="Write the figures to this file.", callback=_writable),
    ] = None,
    events: Annotated[
        Path | None,
        typer.Option(
            help="Write every event to this file as JSON lines, for `headcount verify`.",
            callback=_writable,
        ),
    ] = None,
    page: Annotated[
        Path, typer.Option(help="Write the page to this file.", callback=_writable)
    ] = PAGE,
) -> None:
    """Play clips through the whole flow on this machine, and show what the building is told."""
    console = Console()
    chosen, feeds = choose_feeds(read_site(site), source or (), os.environ)
    for feed in feeds:
        if isinstance(feed.source, str):
            check_source(feed.source)
    steps = Steps(console, total=7)
    with _told_when_stopped(console), ExitStack() as ending:
        aws, clips = _bring_up(steps, ending, feeds)
        log = ending.enter_context(EventLog(events))
        run = _Run(aws, chosen, feeds, clips, log)
        with steps.step("Applying the site and warming up") as news:
            run.apply_site(news)
            run.warm()
        with steps.step(f"Starting {len(feeds)} gateways and the building"):
            run.start(ending)
        watch(console, chosen, run.recording, run.bms, seconds=seconds, troubles=run.troubles)
        with steps.step("Letting the last fragments through"):
            run.finish()
        with steps.step("Asking the lake"):
            summary = run.summary()
        write_page(
            page,
            summary=summary,
            recording=run.recording,
            started_at=run.started_at,
            seconds=seconds,
            truth=run.truth(),
        )
    if json_out:
        json_out.write_text(json.dumps(summary, indent=2, default=str) + "\n", encoding="utf-8")
    _print_summary(console, summary, page, json_out)
    if events:
        console.print(f"The events: {events.resolve()}", soft_wrap=True, markup=False)
    if summary["fragments"]["put"] == 0 or run.failures():
        raise SourceError(
            "\n".join(run.failures())
            or "Not one fragment was sent. Do the sources hold video that can be played?"
        )


def _bring_up(
    steps: Steps, ending: ExitStack, feeds: Sequence[Feed]
) -> tuple[EmbeddedAws, dict[str, str]]:
    """Build, start and deploy; what does not need each other runs side by side."""
    with steps.step("Building layers and the model package") as news:
        build_for_this_machine(news)
    assembly = Path(ending.enter_context(tempfile.TemporaryDirectory(prefix="headcount-cdk-")))
    with steps.step("Synthesizing, and starting the embedded AWS") as news:
        # Ctrl-C ends what runs in this thread. What runs in others is told to end, or ends because
        # the embedded AWS does, before anybody waits for it.
        at_once = ending.enter_context(ThreadPoolExecutor())
        stopped = threading.Event()
        ending.callback(stopped.set)
        clips = at_once.submit(_clips, feeds, news, stopped)
        aws = ending.enter_context(EmbeddedAws())
        ending.callback(_keep_log, aws)
        bootstrap = at_once.submit(cdk.bootstrap, aws.environment(), progress=news)
        cdk.synth(STAGE, assembly / "cdk.out", progress=news)
        bootstrap.result()
        sources = clips.result()
    with steps.step("Deploying with cdk deploy") as news:
        cdk.deploy(aws.environment(), assembly / "cdk.out", progress=news)
    return aws, sources


def _clips(
    feeds: Sequence[Feed], say: Callable[[str], None], stopped: threading.Event
) -> dict[str, str]:
    return {
        feed.camera_id: str(compose(feed.source, say, stopped))
        if isinstance(feed.source, Scene)
        else feed.source
        for feed in feeds
    }


class _Run:
    """One run: gateways before the cameras, a building behind the commands, a tap on the bus."""

    def __init__(
        self,
        aws: EmbeddedAws,
        site: Site,
        feeds: Sequence[Feed],
        sources: Mapping[str, str],
        log: EventLog,
    ) -> None:
        self._aws = aws
        self._site = site
        self._feeds = feeds
        self.deployment = Deployment.find(STAGE, aws.client("cloudformation"))
        self._sqs = aws.client("sqs")
        self.recording = Recording()
        self.started_at = datetime.now(UTC)
        self.bms = BuildingManagementSystem(
            commands_url=self.deployment.bms_command_queue_url,
            bus_name=self.deployment.bus_name,
            sqs=aws.client("sqs"),
            events=aws.client("events"),
            power_w={
                (room.id, group.id): DEVICE_POWER_W.get(group.kind, DEVICE_POWER_W["lighting"])
                for room in site.rooms
                for group in room.device_groups
            },
            on_receipt=self.recording.receive,
        )
        self._tap = BusTap(
            bus_name=self.deployment.bus_name,
            sqs=aws.client("sqs"),
            events=aws.client("events"),
            heard=self.recording.hear,
            overheard=log.write,
        )
        self._gateways = {
            feed.camera_id: Gateway(
                sources[feed.camera_id],
                stream_name(self.deployment.stream_prefix, site.id, feed.camera_id),
                session=aws.session(),
                endpoint_url=aws.endpoint_url,
                sample_every_s=feed.sample_every_s,
                fragment_s=feed.fragment_s,
                loop=True,
            )
            for feed in feeds
        }

    def apply_site(self, say: Callable[[str], None]) -> None:
        """Make streams, rooms and policies as `headcount site apply` does."""
        planner = SitePlanner(self.deployment, SiteClients.made_by(self._aws.client))
        document = self._site.model_dump_json(indent=2).encode()
        carry_out(planner.changes(self._site, document), lambda change: say(str(change)))

    def warm(self) -> None:
        """Call each function behind a queue, so that nobody's first frame waits for a start."""
        pages = self._aws.client("lambda").get_paginator("list_event_source_mappings").paginate()
        functions = [
            mapping["FunctionArn"] for page in pages for mapping in page["EventSourceMappings"]
        ]
        with ThreadPoolExecutor(len(functions) * WARM_WORKERS) as at_once:
            list(at_once.map(self._warm_function, functions * WARM_WORKERS))

    def start(self, ending: ExitStack) -> None:
        """Start everything; `ending` stops it, in the opposite order."""
        self._tap.start()
        ending.callback(self._tap.stop)
        self.bms.start()
        ending.callback(self.bms.stop)
        self.started_at = datetime.now(UTC)
        for gateway in self._gateways.values():
            gateway.start()
            ending.callback(gateway.stop)

    def troubles(self) -> list[str]:
        """Return what the gateways have to complain of."""
        return [
            f"{camera_id}: {trouble}"
            for camera_id, gateway in self._gateways.items()
            for report in [gateway.report()]
            for trouble in [report.failure, *(fault.message for fault in report.faults[-1:])]
            if trouble
        ]

    def failures(self) -> list[str]:
        """Return what ended a camera's gateway before its time."""
        return [
            str(report.failure)
            for gateway in self._gateways.values()
            for report in [gateway.report()]
            if report.failure
        ]

    def finish(self) -> None:
        """Stop the cameras, and wait until all that follows from their fragments has happened."""
        for gateway in self._gateways.values():
            gateway.stop()
        began, quiet = time.monotonic(), 0
        while quiet < QUIET_LOOKS and (waited_s := time.monotonic() - began) < DRAIN_S:
            time.sleep(LOOK_EVERY_S)
            is_on_its_way = backlog(self.deployment, self._sqs) > 0 or (
                waited_s < LOST_AFTER_S and self._uncounted() > 0
            )
            quiet = 0 if is_on_its_way else quiet + 1
        self._tap.stop()
        self.bms.stop()

    def _uncounted(self) -> int:
        return fragment_figures(self._tallies(), self.recording.frames)["lost"]

    def summary(self) -> dict[str, Any]:
        """Return the figures of the run, with the lake's own answer beside them."""
        sql, rows = self._ask_lake(deadline=time.monotonic() + DRAIN_S)
        summary = summarise(
            self.recording,
            rooms={room.id: [camera.id for camera in room.cameras] for room in self._site.rooms},
            tallies=self._tallies(),
            athena={"sql": sql, "rows": rows},
        )
        for room in summary["rooms"]:
            known = self.truth().get(room["room_id"])
            if known:
                room["truth"] = self._against(known, room["room_id"])
        return summary

    def truth(self) -> dict[str, Callable[[float], int | None]]:
        """Return, for the rooms of composed clips, the people at each second of the run."""
        began_s = {
            camera_id: (persisted[0].producer_at - self.started_at).total_seconds()
            for camera_id, gateway in self._gateways.items()
            for persisted in [gateway.report().persisted]
            if persisted
        }
        return truth_of(self._feeds, began_s)

    def _against(
        self, known: Callable[[float], int | None], room_id: str
    ) -> dict[str, float | int]:
        def truth(frame: FramesCounted) -> int | None:
            return known((frame.captured_at - self.started_at).total_seconds())

        frames = [frame for frame in self.recording.frames if frame.room_id == room_id]
        return compare_with_truth(frames, truth)

    def _ask_lake(self, deadline: float) -> tuple[str, list[dict[str, Any]]]:
        """Query until Firehose has delivered every frame that was heard, or time is up."""
        while True:
            sql, rows = run_named_query(
                self._aws.session(), self.deployment, LAKE_QUERY, self._aws.endpoint_url
            )
            written = sum(int(row["frames_sampled"]) for row in rows)
            if written >= len(self.recording.frames) or time.monotonic() > deadline:
                return sql, rows
            time.sleep(0.5)

    def _tallies(self) -> list[FragmentTally]:
        return [
            FragmentTally(
                camera_id=camera_id,
                put=report.put,
                persisted=report.persisted_count,
                due=report.due,
            )
            for camera_id, gateway in self._gateways.items()
            for report in [gateway.report()]
        ]

    def _warm_function(self, name: str) -> None:
        self._aws.client("lambda").invoke(FunctionName=name, Payload=b'{"Records": []}')


def _keep_log(aws: EmbeddedAws) -> None:
    LOG.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(aws.log_path, LOG)


@contextmanager
def _told_when_stopped(console: Console) -> Iterator[None]:
    """Let SIGTERM end the demo as Ctrl-C does: with everything stopped, and a word about it."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    except KeyboardInterrupt:
        console.print("Stopped; nothing is left running.")
        raise
    finally:
        signal.signal(signal.SIGTERM, before)


def _print_summary(
    console: Console, summary: Mapping[str, Any], page: Path, json_out: Path | None
) -> None:
    fragments, latency = summary["fragments"], summary["latency_ms"]
    console.print()
    for room in summary["rooms"]:
        known = room.get("truth")
        console.print(
            f"{room['room_id']}: {room['frames_sampled']} frames, median {room['faces_median']} "
            f"faces, now {room['people_estimate']} people; {' → '.join(room['states'])}"
            + (
                f"; {known['exact_share']:.0%} of {known['frames']} frames exactly right"
                if known
                else ""
            ),
            highlight=False,
        )
    console.print(
        f"{len(summary['commands'])} commands, {len(summary['alerts'])} alerts; "
        f"{fragments['put']} fragments put, {fragments['persisted']} persisted, "
        f"{fragments['sampled']} sampled, {fragments['lost']} lost; "
        + (
            f"persisted to command {latency['p50']} ms median, {latency['p95']} ms p95"
            if latency["p50"] is not None
            else "no observation led to a command"
        ),
        highlight=False,
    )
    console.print(f"The page: {page.resolve()}", soft_wrap=True, markup=False)
    if json_out:
        console.print(f"The figures: {json_out.resolve()}", soft_wrap=True, markup=False)
