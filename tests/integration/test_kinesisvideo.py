"""Unmodified boto3 clients, and producers of both styles, against the embedded Kinesis Video."""

import contextlib
import hashlib
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from edge.connection import Acknowledgement, PutMediaConnection
from headcount.aws.archives import Archives
from headcount.aws.newest import KinesisVideoNewest
from headcount.errors import PutMediaError
from headcount.media.fragments import read_fragments
from headcount.media.mkv import Cluster, Frame, Track, read_clusters
from headcount.media.muxer import open_cluster, write_block, write_cluster, write_header, write_tags
from local.launcher import EmbeddedAws

TRACK = Track(1, True, "V_MPEG4/ISO/AVC", b"\x01\x42\xc0\x1e", 320, 180)
NOTIFY = {"AWS_KINESISVIDEO_NOTIFICATION": "1", "kind": "sample"}
CREDENTIALS = Credentials("test", "test")
_names = count()


@pytest.fixture(scope="module")
def aws() -> Iterator[EmbeddedAws]:
    with EmbeddedAws(services=("local.emulator.kinesisvideo.app",)) as running:
        yield running


@pytest.fixture(scope="module")
def clients(aws: EmbeddedAws) -> Any:
    session = boto3.Session("test", "test", region_name="us-east-1")

    class Clients:
        control = session.client("kinesisvideo", endpoint_url=aws.endpoint_url)
        media = session.client("kinesis-video-media", endpoint_url=aws.endpoint_url)
        archive = session.client("kinesis-video-archived-media", endpoint_url=aws.endpoint_url)
        sns = session.client("sns", endpoint_url=aws.endpoint_url)
        sqs = session.client("sqs", endpoint_url=aws.endpoint_url)

    return Clients


@pytest.fixture
def stream(clients: Any) -> str:
    name = f"headcount-test.hq.camera-{next(_names)}"
    clients.control.create_stream(StreamName=name, DataRetentionInHours=1)
    return name


def cluster(time_ms: int, tags: dict[str, str] | None = None) -> Cluster:
    frames = [
        Frame(1, time_ms, True, b"key" * 50),
        Frame(1, time_ms + 500, False, b"inter"),
    ]
    return Cluster(time_ms, (TRACK,), tuple(frames), {}, tags or {})


def epoch_ms() -> int:
    return int(time.time() * 1000)


@contextmanager
def connected(aws: EmbeddedAws, name: str) -> Iterator[PutMediaConnection]:
    connection = PutMediaConnection(aws.endpoint_url, name, "us-east-1", CREDENTIALS)
    try:
        yield connection
    finally:
        connection.close()


def put(aws: EmbeddedAws, name: str, *clusters: Cluster) -> list[Acknowledgement]:
    """Put clusters on one connection; return what is said until it closes."""
    with connected(aws, name) as connection:
        # Who is refused may find the line closed; why is said all the same.
        with contextlib.suppress(PutMediaError):
            connection.send(write_header([TRACK]))
            for one in clusters:
                connection.send(write_cluster(one))
            connection.finish()
        return list(connection.acknowledgements())


def numbers_of(acknowledgements: list[Acknowledgement]) -> list[str]:
    return [said.fragment_number for said in acknowledgements if said.kind == "PERSISTED"]


def code_of(error: pytest.ExceptionInfo[ClientError]) -> str:
    return str(error.value.response["Error"]["Code"])


def test_a_stream_is_created_described_listed_tagged_and_deleted(clients: Any) -> None:
    control = clients.control
    arn = control.create_stream(
        StreamName="headcount-life.hq.a", MediaType="video/h264", Tags={"headcount-site": "hq"}
    )["StreamARN"]

    info = control.describe_stream(StreamName="headcount-life.hq.a")["StreamInfo"]
    assert (info["StreamARN"], info["Status"], info["DataRetentionInHours"]) == (arn, "ACTIVE", 0)
    assert info["CreationTime"] > datetime.now(UTC) - timedelta(minutes=1)
    control.update_data_retention(
        StreamARN=arn,
        CurrentVersion=info["Version"],
        Operation="INCREASE_DATA_RETENTION",
        DataRetentionChangeInHours=24,
    )
    assert control.describe_stream(StreamARN=arn)["StreamInfo"]["DataRetentionInHours"] == 24
    control.tag_stream(StreamARN=arn, Tags={"headcount-camera": "a"})
    control.untag_stream(StreamARN=arn, TagKeyList=["headcount-site"])
    assert control.list_tags_for_stream(StreamARN=arn)["Tags"] == {"headcount-camera": "a"}

    control.delete_stream(StreamARN=arn)
    with pytest.raises(control.exceptions.ResourceNotFoundException):
        control.describe_stream(StreamName="headcount-life.hq.a")


def test_streams_are_listed_by_prefix_page_by_page(clients: Any) -> None:
    names = [f"headcount-pages.hq.{number}" for number in range(5)]
    for name in names:
        clients.control.create_stream(StreamName=name)

    pages = clients.control.get_paginator("list_streams").paginate(
        StreamNameCondition={
            "ComparisonOperator": "BEGINS_WITH",
            "ComparisonValue": "headcount-pages.",
        },
        PaginationConfig={"PageSize": 2},
    )

    listed = [[stream["StreamName"] for stream in page["StreamInfoList"]] for page in pages]
    assert listed == [names[:2], names[2:4], names[4:]]


def test_errors_are_those_that_boto3_knows(clients: Any, stream: str) -> None:
    control = clients.control
    with pytest.raises(control.exceptions.ResourceInUseException):
        control.create_stream(StreamName=stream)
    with pytest.raises(control.exceptions.VersionMismatchException):
        control.update_data_retention(
            StreamName=stream,
            CurrentVersion="old",
            Operation="INCREASE_DATA_RETENTION",
            DataRetentionChangeInHours=1,
        )
    with pytest.raises(clients.archive.exceptions.ResourceNotFoundException):
        clients.archive.get_media_for_fragment_list(StreamName=stream, Fragments=["1"])
    with pytest.raises(clients.media.exceptions.InvalidArgumentException):
        clients.media.get_media(
            StreamName=stream, StartSelector={"StartSelectorType": "FRAGMENT_NUMBER"}
        )


def test_the_media_endpoint_is_the_embedded_aws_itself(
    aws: EmbeddedAws, clients: Any, stream: str
) -> None:
    answer = clients.control.get_data_endpoint(StreamName=stream, APIName="PUT_MEDIA")

    assert answer["DataEndpoint"] == aws.endpoint_url


def test_a_fragment_is_acknowledged_while_the_body_still_comes(
    aws: EmbeddedAws, stream: str
) -> None:
    now_ms = epoch_ms()
    with connected(aws, stream) as connection:
        said = connection.acknowledgements()
        connection.send(write_header([TRACK]) + open_cluster(now_ms))
        buffering = next(said)
        connection.send(write_block(Frame(1, now_ms, True, b"key"), now_ms) + write_tags(NOTIFY))
        connection.send(open_cluster(now_ms + 1000))
        rest = [next(said) for _ in range(3)]

    assert (buffering.kind, buffering.time_ms) == ("BUFFERING", now_ms)
    assert [one.kind for one in rest] == ["RECEIVED", "PERSISTED", "BUFFERING"]
    assert rest[1].fragment_number == buffering.fragment_number
    assert len(buffering.fragment_number) == 47


def test_what_a_producer_puts_is_what_the_archive_returns(
    aws: EmbeddedAws, clients: Any, stream: str
) -> None:
    now_ms = epoch_ms()
    clusters = [cluster(now_ms), cluster(now_ms + 2000, NOTIFY), cluster(now_ms + 4000)]

    numbers = numbers_of(put(aws, stream, *clusters))

    assert numbers == sorted(numbers)
    answer = clients.archive.get_media_for_fragment_list(StreamName=stream, Fragments=numbers)
    assert answer["ContentType"] == "video/webm"
    fragments = list(read_fragments(answer["Payload"].iter_chunks()))
    assert [fragment.number for fragment in fragments] == numbers
    assert [fragment.cluster.frames for fragment in fragments] == [one.frames for one in clusters]
    assert [fragment.tags for fragment in fragments] == [{}, NOTIFY, {}]
    assert round(fragments[0].producer_at.timestamp() * 1000) == now_ms
    assert abs(fragments[0].server_at - datetime.now(UTC)) < timedelta(seconds=30)


def test_fragments_are_listed_by_either_clock_page_by_page(
    aws: EmbeddedAws, clients: Any, stream: str
) -> None:
    begun_ms = epoch_ms() - 3_600_000
    numbers = numbers_of(put(aws, stream, *(cluster(begun_ms + 1000 * n) for n in range(5))))
    hour_ago = datetime.fromtimestamp(begun_ms // 1000, UTC)

    def listed(kind: str, start: datetime, end: datetime, **more: Any) -> dict[str, Any]:
        selector = {
            "FragmentSelectorType": kind,
            "TimestampRange": {"StartTimestamp": start, "EndTimestamp": end},
        }
        return dict(
            clients.archive.list_fragments(StreamName=stream, FragmentSelector=selector, **more)
        )

    early = listed("PRODUCER_TIMESTAMP", hour_ago, hour_ago + timedelta(seconds=3))
    nobody = listed("SERVER_TIMESTAMP", hour_ago, hour_ago + timedelta(seconds=3))
    first = clients.archive.list_fragments(StreamName=stream, MaxResults=3)
    rest = clients.archive.list_fragments(
        StreamName=stream, MaxResults=3, NextToken=first["NextToken"]
    )

    # In no order, as AWS promises none.
    pages = [{one["FragmentNumber"] for one in page["Fragments"]} for page in (first, rest)]
    assert {one["FragmentNumber"] for one in early["Fragments"]} == set(numbers[:3])
    assert nobody["Fragments"] == []
    assert [len(page) for page in pages] == [3, 2]
    assert pages[0] | pages[1] == set(numbers)
    assert "NextToken" not in rest
    assert first["Fragments"][0]["FragmentLengthInMilliseconds"] == 1000


def test_the_newest_fragment_is_found_among_more_than_a_page_of_them(
    aws: EmbeddedAws, clients: Any, stream: str
) -> None:
    begun_ms = epoch_ms() - 110_000
    numbers = numbers_of(put(aws, stream, *(cluster(begun_ms + 1000 * n) for n in range(105))))
    newest = KinesisVideoNewest(Archives(clients.control, lambda _address: clients.archive))

    # boto3 sends whole seconds: what has just been stored is in the next one.
    found = newest(stream, datetime.now(UTC) + timedelta(seconds=1))

    assert found is not None
    assert found.number == numbers[-1]
    assert round(found.captured_at.timestamp() * 1000) == begun_ms + 104_000


def test_a_stream_without_retention_persists_and_archives_nothing(
    aws: EmbeddedAws, clients: Any
) -> None:
    clients.control.create_stream(StreamName="headcount-test.no-retention")

    said = put(aws, "headcount-test.no-retention", cluster(epoch_ms()))

    assert [one.kind for one in said] == ["BUFFERING", "RECEIVED"]
    with pytest.raises(ClientError) as error:
        clients.archive.list_fragments(StreamName="headcount-test.no-retention")
    assert code_of(error) == "NoDataRetentionException"
    with pytest.raises(clients.control.exceptions.NoDataRetentionException):
        clients.control.update_notification_configuration(
            StreamName="headcount-test.no-retention",
            NotificationConfiguration={
                "Status": "ENABLED",
                "DestinationConfig": {"Uri": "arn:aws:sns:us-east-1:000000000000:topic"},
            },
        )


@pytest.mark.parametrize(
    ("start", "seen"),
    [
        ({"StartSelectorType": "EARLIEST"}, [0, 1, 2, 3]),
        ({"StartSelectorType": "NOW"}, [2, 3]),
        ({"StartSelectorType": "FRAGMENT_NUMBER", "AfterFragmentNumber": 0}, [1, 2, 3]),
        ({"StartSelectorType": "CONTINUATION_TOKEN", "ContinuationToken": 1}, [2, 3]),
        ({"StartSelectorType": "PRODUCER_TIMESTAMP", "StartTimestamp": 2}, [2, 3]),
        ({"StartSelectorType": "SERVER_TIMESTAMP", "StartTimestamp": 0}, [0, 1, 2, 3]),
    ],
)
def test_get_media_begins_where_asked_and_goes_on_with_what_comes(
    aws: EmbeddedAws, clients: Any, stream: str, start: dict[str, Any], seen: list[int]
) -> None:
    begun_ms = (epoch_ms() // 1000 - 100) * 1000
    clusters = [cluster(begun_ms + 2000 * number) for number in range(4)]
    numbers = numbers_of(put(aws, stream, *clusters[:3]))
    for name in ("AfterFragmentNumber", "ContinuationToken"):
        if name in start:
            start = {**start, name: numbers[start[name]]}
    if "StartTimestamp" in start:
        start = {**start, "StartTimestamp": begun_ms // 1000 + 2 * start["StartTimestamp"]}

    answer = clients.media.get_media(StreamName=stream, StartSelector=start)
    fragments = read_fragments(answer["Payload"].iter_chunks(1))
    got = [next(fragments) for _ in seen[:-1]]
    numbers += numbers_of(put(aws, stream, clusters[3]))
    got.append(next(fragments))
    answer["Payload"].close()

    assert [fragment.number for fragment in got] == [numbers[number] for number in seen]
    assert got[-1].continuation_token == numbers[-1]
    assert got[-1].behind_now_ms is not None
    assert got[-1].behind_now_ms < 2000


def test_a_fourth_consumer_is_refused_until_another_goes(
    aws: EmbeddedAws, clients: Any, stream: str
) -> None:
    start = {"StartSelectorType": "EARLIEST"}
    answers = [clients.media.get_media(StreamName=stream, StartSelector=start) for _ in range(3)]

    with pytest.raises(clients.media.exceptions.ConnectionLimitExceededException):
        clients.media.get_media(StreamName=stream, StartSelector=start)
    for answer in answers:
        answer["Payload"].close()


def test_a_second_producer_is_refused(aws: EmbeddedAws, stream: str) -> None:
    with connected(aws, stream) as first:
        first.send(write_header([TRACK]) + open_cluster(epoch_ms()))
        next(first.acknowledgements())

        with pytest.raises(Exception, match="ConnectionLimitExceededException"):
            put(aws, stream, cluster(epoch_ms()))


def test_what_is_not_matroska_is_answered_with_its_error_and_the_end(
    aws: EmbeddedAws, stream: str
) -> None:
    with connected(aws, stream) as connection:
        connection.send(b"this is no video at all")
        (said,) = connection.acknowledgements()

    assert (said.kind, said.error_id, said.error_code) == ("ERROR", 4006, "INVALID_MKV_DATA")


def sends_allowed(queue_arn: str, topic: str) -> dict[str, Any]:
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": queue_arn,
        "Condition": {"ArnEquals": {"aws:SourceArn": topic}},
    }
    return {"Version": "2012-10-17", "Statement": [statement]}


def test_a_notice_follows_each_tagged_fragment_in_order(
    aws: EmbeddedAws, clients: Any, stream: str
) -> None:
    topic = clients.sns.create_topic(Name="notices")["TopicArn"]
    queue = clients.sqs.create_queue(QueueName="notices")["QueueUrl"]
    attributes = clients.sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])
    queue_arn = attributes["Attributes"]["QueueArn"]
    clients.sqs.set_queue_attributes(
        QueueUrl=queue, Attributes={"Policy": json.dumps(sends_allowed(queue_arn, topic))}
    )
    clients.sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue_arn)
    configuration = {"Status": "ENABLED", "DestinationConfig": {"Uri": topic}}
    clients.control.update_notification_configuration(
        StreamName=stream, NotificationConfiguration=configuration
    )
    now_ms = epoch_ms()

    tags = [NOTIFY, {}, NOTIFY, {"kind": "untagged"}, NOTIFY]
    numbers = numbers_of(
        put(aws, stream, *(cluster(now_ms + 1000 * n, tag) for n, tag in enumerate(tags)))
    )

    described = clients.control.describe_notification_configuration(StreamName=stream)
    assert described["NotificationConfiguration"] == configuration
    notices: list[dict[str, Any]] = []
    deadline = time.monotonic() + 30
    while len(notices) < 3 and time.monotonic() < deadline:
        answer = clients.sqs.receive_message(
            QueueUrl=queue, MaxNumberOfMessages=10, WaitTimeSeconds=1
        )
        for message in answer.get("Messages", []):
            envelope = json.loads(message["Body"])
            assert envelope["Subject"] == "Kinesis Video Streams Notification"
            notices.append(json.loads(envelope["Message"]))
            clients.sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
    assert [notice["FragmentNumber"] for notice in notices] == [numbers[n] for n in (0, 2, 4)]
    assert notices[1]["NotificationType"] == "PERSISTED"
    assert notices[1]["NotificationPayload"] == {"kind": "sample"}
    assert notices[1]["FragmentStartProducerTimestamp"] == now_ms + 2000
    arn = clients.control.describe_stream(StreamName=stream)["StreamInfo"]["StreamARN"]
    assert notices[1]["StreamArn"] == arn


def raw_put(aws: EmbeddedAws, headers: dict[str, str], body: bytes) -> tuple[int, list[bytes]]:
    import http.client

    connection = http.client.HTTPConnection(aws.endpoint_url.removeprefix("http://"), timeout=20)
    pieces = (body[at : at + 10_000] for at in range(0, len(body), 10_000))
    connection.request("POST", "/putMedia", body=pieces, headers=headers, encode_chunked=True)
    response = connection.getresponse()
    lines = response.read().splitlines()
    connection.close()
    return response.status, lines


def producer_headers(aws: EmbeddedAws, name: str, style: str) -> dict[str, str]:
    """Return what a producer of the C or the Java SDK sends, signed as it signs."""
    request = AWSRequest(
        "POST",
        f"{aws.endpoint_url}/putMedia",
        headers={
            "host": aws.endpoint_url.removeprefix("http://"),
            "user-agent": "AWS-SDK-KVS/3.4.0",
            "transfer-encoding": "chunked",
            "connection": "keep-alive",
            "x-amzn-stream-name": name,
            "x-amzn-fragment-timecode-type": "RELATIVE",
            "x-amzn-producer-start-timestamp": (
                "1511852108.513" if style == "java" else "1511852108.5"
            ),
            "x-amzn-fragment-acknowledgment-required": "1",
        },
    )
    if style == "java":
        request.headers["X-Amz-Content-SHA256"] = "UNSIGNED-PAYLOAD"
    SigV4Auth(CREDENTIALS, "kinesisvideo", "us-east-1").add_auth(request)
    return dict(request.headers.items())


@pytest.mark.parametrize("style", ["c", "java"])
def test_producers_of_both_styles_are_served_with_a_real_recording(
    aws: EmbeddedAws, clients: Any, stream: str, style: str, shared_data: Path
) -> None:
    recording = (shared_data / "kvs/clusters.mkv").read_bytes()

    status, lines = raw_put(aws, producer_headers(aws, stream, style), recording)

    assert status == 200
    said = [Acknowledgement.parse(line) for line in lines]
    sent = list(read_clusters([recording]))
    assert [one.time_ms for one in said if one.kind == "PERSISTED"] == [c.time_ms for c in sent]
    answer = clients.archive.get_media_for_fragment_list(
        StreamName=stream, Fragments=numbers_of(said)
    )
    fragments = list(read_fragments(answer["Payload"].iter_chunks()))
    assert [fragment.cluster.frames for fragment in fragments] == [c.frames for c in sent]
    assert [fragment.cluster.tracks for fragment in fragments] == [c.tracks for c in sent]
    start_ms = 1511852108_513 if style == "java" else 1511852108_500
    assert round(fragments[1].producer_at.timestamp() * 1000) == start_ms + 1999


@pytest.mark.parametrize("damage", ["secret", "stream", "unsigned"])
def test_a_signature_that_aws_would_refuse_is_refused(
    aws: EmbeddedAws, stream: str, damage: str
) -> None:
    headers = producer_headers(aws, stream, "c")
    if damage == "secret":
        forged = hashlib.sha256(b"wrong").hexdigest()
        headers["Authorization"] = headers["Authorization"].rsplit("=", 1)[0] + f"={forged}"
    elif damage == "stream":
        headers["x-amzn-stream-name"] = "another"
    else:
        scope = headers["Authorization"].split(", ")[0]
        headers["Authorization"] = scope

    status, lines = raw_put(aws, headers, b"")

    assert status == 401
    assert b"sign" in lines[0]
