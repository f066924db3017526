"""A stage that `cdk deploy` made, and rooms of it that a test puts people into."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import av
import numpy as np
from botocore.credentials import Credentials
from pyathena import connect
from pyathena.cursor import DictCursor

from edge.connection import PutMediaConnection
from edge.sources import CapturedFrame
from headcount.events import Detail
from headcount.identifiers import deterministic_id, stream_name
from headcount.media.mkv import Cluster
from headcount.media.muxer import NOTIFICATION_TAG, write_cluster, write_header
from local.bms import BuildingManagementSystem, ReceivedCommand
from local.demo.tap import BusTap
from local.launcher import REGION, EmbeddedAws
from local.scenes import Picture, Scene, Visit, frames
from ops.backlog import backlog
from ops.deployment import Deployment
from ops.site_apply import SitePlanner
from ops.site_changes import SiteClients, carry_out
from ops.site_reading import read_site
from tests.clips import encoded

FoundT = TypeVar("FoundT")
DetailT = TypeVar("DetailT", bound=Detail)

SEATS = (0.1, 0.3, 0.5, 0.7, 0.9)
# A producer may send what it captured before: a minute of a room's life takes no minute.
_CAPTURED_BEFORE = timedelta(seconds=60)
_FRAMES_PER_S = 3

SITE = """\
id: {site_id}
time_zone: Europe/Berlin
rooms:
  - id: lab
    capacity: 8
    cameras: [{{id: door, sample_every_s: 1, fragment_s: 1}}]
    device_groups:
      - {{id: ac, kind: air_conditioning, max_level: 2}}
      - {{id: lights, kind: lighting, max_level: 4}}
    policy: {policy}
    occupancy: {{vacancy_confirm_s: 4, observation_gap_s: 15}}
"""
QUICK_POLICY = "{hold_off_s: 1, alert_cooldown_s: 60}"


def eventually(look: Callable[[], FoundT], timeout_s: float = 90) -> FoundT:
    """Return what `look` finds as soon as it finds something."""
    deadline = time.monotonic() + timeout_s
    while not (found := look()):
        assert time.monotonic() < deadline, "It did not happen in time."
        time.sleep(0.1)
    return found


@dataclass
class DeployedStage:
    """The stacks of the stage `local`, with an ear on their bus."""

    aws: EmbeddedAws
    deployment: Deployment
    folder: Path
    heard: list[Detail] = field(default_factory=list)
    received: list[ReceivedCommand] = field(default_factory=list)

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Keep every event of the bus in `heard`, each once."""
        tap = BusTap(
            bus_name=self.deployment.bus_name,
            sqs=self.aws.client("sqs"),
            events=self.aws.client("events"),
            heard=self.heard.append,
        )
        tap.start()
        try:
            yield
        finally:
            tap.stop()

    @contextmanager
    def building(self) -> Iterator[None]:
        """Let a BMS obey and acknowledge; it reports to `received`."""
        bms = BuildingManagementSystem(
            commands_url=self.deployment.bms_command_queue_url,
            bus_name=self.deployment.bus_name,
            sqs=self.aws.client("sqs"),
            events=self.aws.client("events"),
            on_receipt=self.received.append,
        )
        bms.start()
        try:
            yield
        finally:
            bms.stop()

    def room(self, site_id: str, policy: str = QUICK_POLICY) -> "WatchedRoom":
        """Return the one room of a new site, nobody having looked into it yet."""
        document = self.document(site_id, policy)
        planner = SitePlanner(self.deployment, SiteClients.made_by(self.aws.client))
        changes = planner.changes(read_site(document), document.read_bytes())
        carry_out(changes, tell=lambda _change: None)
        return WatchedRoom(self, site_id)

    def document(self, site_id: str, policy: str) -> Path:
        """Return the file of a site document with one room."""
        document = self.folder / f"{site_id}.yaml"
        document.write_text(SITE.format(site_id=site_id, policy=policy))
        return document

    def put_event(self, source: str, detail_type: str, detail: str) -> None:
        """Put one event on the bus."""
        entry = {"EventBusName": self.deployment.bus_name, "Source": source}
        answer = self.aws.client("events").put_events(
            Entries=[{**entry, "DetailType": detail_type, "Detail": detail}]
        )
        assert answer["FailedEntryCount"] == 0

    def ask_lake(self, sql: str) -> list[dict[str, Any]]:
        """Return the rows that Athena answers with."""
        with connect(
            session=self.aws.session(),
            work_group=self.deployment.athena_workgroup_name,
            schema_name=self.deployment.lake_database_name,
            region_name=REGION,
            endpoint_url=self.aws.endpoint_url,
            cursor_class=DictCursor,
            poll_interval=0.1,
        ) as connection:
            return [dict(row) for row in connection.cursor().execute(sql).fetchall()]

    def settle(self) -> None:
        """Wait until every queue has been empty for half a second."""
        sqs, quiet = self.aws.client("sqs"), 0
        deadline = time.monotonic() + 90
        while quiet < 5:
            assert time.monotonic() < deadline, "The queues do not become empty."
            quiet = 0 if backlog(self.deployment, sqs) else quiet + 1
            time.sleep(0.1)

    @contextmanager
    def impatient(self, queue_url: str) -> Iterator[None]:
        """Let what failed come back to a queue's function after one second, not three minutes."""
        sqs = self.aws.client("sqs")
        name = "VisibilityTimeout"
        before = sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=[name])["Attributes"]
        sqs.set_queue_attributes(QueueUrl=queue_url, Attributes={name: "1"})
        try:
            yield
        finally:
            sqs.set_queue_attributes(QueueUrl=queue_url, Attributes=before)

    def take_dead_letters(self) -> list[str]:
        """Return the bodies of all dead letters, and remove them."""
        return [message["Body"] for message in self._dead_letters()]

    def take_reasons(self) -> list[str]:
        """Return why what is refused was refused, and remove all dead letters."""
        return [
            message["MessageAttributes"]["reason"]["StringValue"]
            for message in self._dead_letters()
            if "MessageAttributes" in message
        ]

    def _dead_letters(self) -> list[Any]:
        sqs = self.aws.client("sqs")
        found: list[Any] = []
        for url in self.deployment.dead_letter_queue_urls.split(","):
            while messages := sqs.receive_message(
                QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["reason"]
            ).get("Messages"):
                found += messages
                for message in messages:
                    sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return found


@dataclass
class WatchedRoom:
    """A room `lab` with a camera `door`, and a clock that the camera's pictures follow."""

    stage: DeployedStage
    site_id: str
    camera_id: str = "door"
    room_id: str = "lab"
    filmed_from: datetime = field(default_factory=lambda: datetime.now(UTC) - _CAPTURED_BEFORE)

    def __post_init__(self) -> None:
        self._clock = self.filmed_from

    @property
    def stream(self) -> str:
        """The name of the camera's stream."""
        return stream_name(self.stage.deployment.stream_prefix, self.site_id, self.camera_id)

    def show(self, people: int, seconds: int = 1) -> list[str]:
        """Send a fragment a second with so many people in it; return the fragments' numbers."""
        return self.put(self.film(people, seconds))

    def film(self, people: int, seconds: int = 1) -> list[Cluster]:
        """Return what the camera has to send after so many seconds; nobody moves."""
        image = av.VideoFrame.from_ndarray(np.ascontiguousarray(_sitting(people)), format="bgr24")
        return self.film_pictures([image] * seconds * _FRAMES_PER_S, _FRAMES_PER_S)

    def film_pictures(self, images: Iterable[Any], frames_per_s: int) -> list[Cluster]:
        """Return what the camera has to send after these pictures, a fragment a second."""
        since = self._clock
        captured = [
            CapturedFrame(image, since + timedelta(seconds=number / frames_per_s))
            for number, image in enumerate(images)
        ]
        self._clock += timedelta(seconds=len(captured) / frames_per_s)
        return encoded(captured, fragment_s=1)

    def put(self, clusters: Sequence[Cluster], *, noticed: bool = True) -> list[str]:
        """Send fragments, each with the tag that asks for a notice; return their numbers."""
        tags = {NOTIFICATION_TAG: "1"} if noticed else {}
        connection = PutMediaConnection(
            self.stage.aws.endpoint_url, self.stream, REGION, Credentials("test", "test")
        )
        try:
            connection.send(write_header(clusters[0].tracks))
            for cluster in clusters:
                connection.send(write_cluster(replace(cluster, trailing_tags=tags)))
            connection.finish()
            said = list(connection.acknowledgements())
        finally:
            connection.close()
        return [one.fragment_number for one in said if one.kind == "PERSISTED"]

    def correlation_id(self, fragment_number: str) -> str:
        """Return what every event that follows from a fragment carries."""
        return deterministic_id("fragment", self.stream, fragment_number)

    def heard(self, kind: type[DetailT]) -> list[DetailT]:
        """Return the events of one kind about this room, in the order heard."""
        return [
            event
            for event in list(self.stage.heard)
            if isinstance(event, kind) and getattr(event, "site_id", None) == self.site_id
        ]

    def await_heard(self, kind: type[DetailT], count: int = 1) -> list[DetailT]:
        """Return the events of one kind when there are at least `count`."""
        return eventually(lambda: found if len(found := self.heard(kind)) >= count else [])

    def received(self) -> list[ReceivedCommand]:
        """Return every delivery of a command about this room to the BMS."""
        return [one for one in list(self.stage.received) if one.command.site_id == self.site_id]


@cache
def _sitting(people: int) -> Picture:
    """Return a picture of so many people, who have all sat down."""
    visits = tuple(Visit(person, SEATS[person], -10, 10) for person in range(people))
    return next(frames(Scene("still", 1, visits)))
