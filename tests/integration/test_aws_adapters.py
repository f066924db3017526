"""The adapters against an embedded AWS: what the fakes promise, they keep."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from pydantic import TypeAdapter

from headcount.aws.alerts import DynamoNoticeLog, SnsNotifier
from headcount.aws.bus import EventBridgePublisher
from headcount.aws.checks import SqsCheckScheduler
from headcount.aws.directory import DynamoDirectory
from headcount.aws.estimates import OccupancyFormat, occupancy_items
from headcount.aws.rooms import DynamoRooms, JsonFormat
from headcount.aws.streams import KinesisVideoStreams
from headcount.aws.views import DynamoVacantViews
from headcount.causes import RoomCheckDue
from headcount.domain.cameras import Camera
from headcount.domain.occupancy import Observation, RoomState, observe
from headcount.domain.policy import Room
from headcount.domain.terms import LightMode
from headcount.errors import ConflictError, PublishError, RetiredError
from headcount.identifiers import camera_key, room_key
from headcount.ports import Change, Message, SampledFrame
from local.launcher import EmbeddedAws
from tests.integration.inbox import Inbox
from tests.samples import ALERT, FRAMES_COUNTED, OCCUPANCY_CHANGED

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
ROOM = Room("hq", "lab", (Camera("door"),))


@pytest.fixture(scope="module")
def aws() -> Iterator[EmbeddedAws]:
    with EmbeddedAws(services=["local.emulator.kinesisvideo.app"]) as running:
        yield running


@pytest.fixture
def table(aws: EmbeddedAws, request: pytest.FixtureRequest) -> Any:
    import boto3

    name = f"rooms-{abs(hash(request.node.name))}"
    database = boto3.resource(
        "dynamodb",
        endpoint_url=aws.endpoint_url,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    return database.create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[
            {"AttributeName": "pk", "KeyType": "HASH"},
            {"AttributeName": "sk", "KeyType": "RANGE"},
        ],
        AttributeDefinitions=[
            {"AttributeName": "pk", "AttributeType": "S"},
            {"AttributeName": "sk", "AttributeType": "S"},
        ],
    )


@pytest.fixture
def inbox(aws: EmbeddedAws, request: pytest.FixtureRequest) -> Any:
    """A queue, and a way to wait for its next message."""
    return Inbox(aws.client("sqs"), f"inbox-{abs(hash(request.node.name))}")


def let_in(state: RoomState | None, revision: int, *, seconds: int) -> Change[RoomState]:
    seen = Observation(f"o{seconds}", "door", NOON + timedelta(seconds=seconds), faces=2)
    told = OCCUPANCY_CHANGED.model_copy(update={"revision": revision})
    return Change(observe(state, seen, ROOM), (told,))


def test_a_room_s_state_comes_back_as_it_was_stored(table: Any) -> None:
    rooms, key = occupancy_items(table), room_key("hq", "lab")

    stored = rooms.update(key, partial(let_in, seconds=0))

    kept = rooms(key)
    assert kept is not None
    assert stored.state is not None
    assert OccupancyFormat().write(kept) == OccupancyFormat().write(stored.state)
    assert rooms(room_key("hq", "other")) is None


def test_events_stay_in_the_outbox_until_they_are_published(table: Any) -> None:
    rooms, key = occupancy_items(table), room_key("hq", "lab")
    rooms.update(key, partial(let_in, seconds=0))
    stored = rooms.update(key, partial(let_in, seconds=5))
    rooms.mark_published(stored)

    after = rooms.update(key, lambda _state, _revision: None)

    assert [event.revision for event in stored.unpublished] == [1, 2]  # type: ignore[attr-defined]
    assert (after.unpublished, after.revision) == ((), 2)


def test_who_publishes_late_does_not_empty_a_newer_outbox(table: Any) -> None:
    rooms, key = occupancy_items(table), room_key("hq", "lab")
    older = rooms.update(key, partial(let_in, seconds=0))
    rooms.update(key, partial(let_in, seconds=5))

    rooms.mark_published(older)

    assert len(rooms.update(key, lambda _state, _revision: None).unpublished) == 2


def test_a_change_is_made_again_when_somebody_else_was_first(table: Any) -> None:
    rooms, key = occupancy_items(table), room_key("hq", "lab")
    tries: list[int] = []

    def change(state: RoomState | None, revision: int) -> Change[RoomState]:
        tries.append(revision)
        if len(tries) == 1:
            occupancy_items(table).update(key, partial(let_in, seconds=0))
        return let_in(state, revision, seconds=5)

    stored = rooms.update(key, change)

    assert tries == [1, 2]
    assert stored.state is not None
    assert len(stored.state.recent) == 2


def test_a_room_that_is_always_changed_by_others_is_given_up(table: Any) -> None:
    numbers = DynamoRooms(table, "NUMBER", JsonFormat(TypeAdapter(int)))

    def disturb(state: int | None, _revision: int) -> Change[int]:
        numbers.update("n", lambda known, _: Change((known or 0) + 1))
        return Change(state or 0)

    with pytest.raises(ConflictError, match="8 times in a row"):
        numbers.update("n", disturb)


def test_the_empty_view_is_the_newest_one_of_its_light(table: Any) -> None:
    views, camera = DynamoVacantViews(table), camera_key("hq", "door")

    def frame(seconds: int, level: int, light: LightMode = LightMode.DAY) -> SampledFrame:
        half = bytes([level]) * (64 * 18)
        moment = NOON + timedelta(seconds=seconds)
        return SampledFrame(moment, moment, b"", half + bytes(64 * 18), 0.0, light)

    views.remember(camera, frame(10, 0))
    views.remember(camera, frame(5, 200))

    assert views.difference(camera, frame(20, 0)) == 0.0
    assert views.difference(camera, frame(20, 200)) == pytest.approx(0.5, abs=0.5)
    assert views.difference(camera, frame(20, 0, LightMode.INFRARED)) is None


def test_an_alert_is_claimed_once_within_its_cooldown(table: Any) -> None:
    log = DynamoNoticeLog(table)

    first = log.claim("hq/lab", "event-1", NOON, 60)
    same_again = log.claim("hq/lab", "event-1", NOON, 60)
    log.confirm("hq/lab", "event-1")
    claims = [
        log.claim("hq/lab", "event-1", NOON, 60),
        log.claim("hq/lab", "event-2", NOON + timedelta(seconds=59), 60),
        log.claim("hq/lab", "event-3", NOON + timedelta(seconds=60), 60),
    ]

    assert (first, same_again) == (True, True)
    assert claims == [False, False, True]


def test_a_room_that_no_site_has_is_retired(table: Any) -> None:
    with pytest.raises(RetiredError, match="headcount site apply"):
        DynamoDirectory(table).room("hq", "lab")


def test_what_was_read_is_kept_for_half_a_minute(table: Any) -> None:
    now = 0.0
    directory = DynamoDirectory(table, lambda: now)
    before = directory.rooms()
    table.put_item(Item={"pk": "SITES", "sk": "SITE#hq"})
    table.put_item(Item={"pk": "SITE#hq", "sk": "ROOM#lab"})
    kept = directory.rooms()
    now = 30.0

    assert (before, kept, directory.rooms()) == ([], [], [("hq", "lab")])


def test_more_events_than_one_call_takes_all_reach_the_bus(aws: EmbeddedAws, inbox: Inbox) -> None:
    events = aws.client("events")
    events.create_event_bus(Name="many")
    rule = events.put_rule(
        Name="all", EventBusName="many", EventPattern='{"source": ["headcount.perception"]}'
    )
    inbox.admit(rule["RuleArn"], "events.amazonaws.com")
    events.put_targets(Rule="all", EventBusName="many", Targets=[{"Id": "1", "Arn": inbox.arn}])

    EventBridgePublisher(events, "many")(
        [FRAMES_COUNTED.model_copy(update={"id": f"{number}"}) for number in range(23)]
    )

    taken = inbox.take(23)
    assert {one["detail"]["id"] for one in taken} == {f"{number}" for number in range(23)}
    assert {one["detail-type"] for one in taken} == {"FramesCounted.v1"}


def test_entries_that_the_bus_refuses_are_an_error() -> None:
    class RefusingBus:
        def __init__(self) -> None:
            self.asked: list[int] = []

        def put_events(self, Entries: list[Any]) -> Any:  # noqa: N803 - boto3's own name
            self.asked.append(len(Entries))
            answers: list[dict[str, str]] = [{"EventId": "1"} for _ in Entries]
            answers[-1] = {"ErrorCode": "ThrottlingException"}
            return {"FailedEntryCount": 1, "Entries": answers}

    bus = RefusingBus()

    with pytest.raises(PublishError, match=r"1 events \(ThrottlingException\)"):
        EventBridgePublisher(bus, "b")([ALERT, ALERT, ALERT])  # type: ignore[arg-type]

    assert bus.asked == [3, 1]


def test_control_is_woken_by_its_own_delayed_message(aws: EmbeddedAws, inbox: Inbox) -> None:
    now = datetime.now(UTC)
    due_at = now + timedelta(seconds=1.5)

    SqsCheckScheduler(aws.client("sqs"), inbox.url)("hq", "lab", due_at, now)

    (message,) = inbox.take(1)
    assert datetime.now(UTC) >= due_at
    assert RoomCheckDue.model_validate(message).due_at == due_at


def test_a_message_reaches_the_topic_with_its_attributes(aws: EmbeddedAws, inbox: Inbox) -> None:
    sns = aws.client("sns")
    topic = sns.create_topic(Name="alerts")["TopicArn"]
    inbox.admit(topic)
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=inbox.arn)

    SnsNotifier(sns, topic)(Message("Subject", "Text", {"severity": "warning", "room_id": ""}))

    (message,) = inbox.take(1)
    assert (message["Subject"], message["Message"]) == ("Subject", "Text")
    assert list(message["MessageAttributes"]) == ["severity"]


def test_only_the_stage_s_own_streams_are_retired(aws: EmbeddedAws) -> None:
    video = aws.client("kinesisvideo")
    for name in ("headcount-a.hq.one", "headcount-a.hq.two", "headcount-b.hq.one"):
        video.create_stream(StreamName=name, DataRetentionInHours=1)
    streams = KinesisVideoStreams(video, "headcount-a.")

    retired = [streams.retire(), streams.retire()]

    left = [stream["StreamName"] for stream in video.list_streams()["StreamInfoList"]]
    assert retired == [2, 0]
    assert left == ["headcount-b.hq.one"]
