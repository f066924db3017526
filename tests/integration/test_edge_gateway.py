"""The gateway against the embedded Kinesis Video, over connections that break."""

import contextlib
import functools
import http.server
import socket
import threading
import time
from collections.abc import Callable, Iterator
from itertools import count, pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import av
import boto3
import numpy as np
import pytest
from botocore.credentials import Credentials

from edge.gateway import Gateway
from edge.producer import Producer
from edge.sources import VideoSource, check_source
from headcount.errors import SourceError, StreamError
from headcount.media.fragments import Fragment, read_fragments
from headcount.media.keyframe import decode_key_frame
from headcount.media.mkv import Cluster
from local.launcher import EmbeddedAws
from tests.clips import captured, encoded, walking

_names = count()


@pytest.fixture(scope="module")
def aws() -> Iterator[EmbeddedAws]:
    with EmbeddedAws(services=("local.emulator.kinesisvideo.app",)) as running:
        yield running


@pytest.fixture(scope="module")
def session() -> boto3.Session:
    return boto3.Session("test", "test", region_name="us-east-1")


@pytest.fixture
def stream(aws: EmbeddedAws, session: boto3.Session) -> str:
    name = f"headcount-test.hq.camera-{next(_names)}"
    client = session.client("kinesisvideo", endpoint_url=aws.endpoint_url)
    client.create_stream(StreamName=name, DataRetentionInHours=1)
    return name


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three seconds of ten frames a second."""
    path = tmp_path_factory.mktemp("clips") / "walking.mp4"
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=10)
        video.width, video.height, video.pix_fmt = 320, 180, "yuv420p"
        for frame in captured(walking(30)):
            container.mux(video.encode(frame.image))
        container.mux(video.encode())
    return path


def wait_for(condition: Callable[[], bool], timeout_s: float = 60) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "It did not happen in time."
        time.sleep(0.02)


def stored(aws: EmbeddedAws, session: boto3.Session, name: str) -> list[Fragment]:
    archive = session.client("kinesis-video-archived-media", endpoint_url=aws.endpoint_url)
    listed = archive.list_fragments(StreamName=name)["Fragments"]
    numbers = sorted(fragment["FragmentNumber"] for fragment in listed)
    answer = archive.get_media_for_fragment_list(StreamName=name, Fragments=numbers)
    return list(read_fragments(answer["Payload"].iter_chunks()))


def test_a_clip_is_stored_whole_and_tagged_as_often_as_asked(
    aws: EmbeddedAws, session: boto3.Session, stream: str, clip: Path
) -> None:
    gateway = Gateway(
        str(clip),
        stream,
        session=session,
        endpoint_url=aws.endpoint_url,
        fragment_s=1.0,
        sample_every_s=2.0,
    )
    gateway.start()
    assert gateway.join(timeout_s=60)
    report = gateway.report()

    assert (report.put, report.lost, report.failure) == (3, 0, None)
    fragments = stored(aws, session, stream)
    assert [one.number for one in fragments] == [one.number for one in report.persisted]
    assert [one.producer_at for one in fragments] == [one.producer_at for one in report.persisted]
    assert ["AWS_KINESISVIDEO_NOTIFICATION" in one.tags for one in fragments] == [
        True, False, True,
    ]  # fmt: skip
    assert [len(one.cluster.frames) for one in fragments] == [10, 10, 10]
    assert decode_key_frame(fragments[1]).shape == (180, 320, 3)
    assert report.last_persisted_at == report.persisted[-1].persisted_at


def test_a_fragment_is_persisted_as_soon_as_the_next_begins(
    aws: EmbeddedAws, session: boto3.Session, stream: str, clip: Path
) -> None:
    gateway = Gateway(
        str(clip), stream, session=session, endpoint_url=aws.endpoint_url, fragment_s=1.0
    )
    gateway.start()
    assert gateway.join(timeout_s=60)

    for before, after in pairwise(gateway.report().persisted):
        assert (before.persisted_at - after.producer_at).total_seconds() < 0.5


def test_a_stop_in_the_middle_keeps_what_was_captured(
    aws: EmbeddedAws, session: boto3.Session, stream: str, clip: Path
) -> None:
    gateway = Gateway(
        str(clip), stream, session=session, endpoint_url=aws.endpoint_url, loop=True, fragment_s=1.0
    )
    gateway.start()
    wait_for(lambda: len(gateway.report().persisted) >= 2)
    gateway.stop()
    report = gateway.report()

    assert report.put == len(report.persisted)
    assert report.lost == 0
    assert not report.is_running


def test_a_source_that_fails_shows_in_the_report(
    aws: EmbeddedAws, session: boto3.Session, stream: str
) -> None:
    told: list[str] = []
    gateway = Gateway(
        "no/such.mp4", stream, session=session, endpoint_url=aws.endpoint_url, on_event=told.append
    )
    gateway.start()
    assert gateway.join(timeout_s=60)

    assert isinstance(gateway.report().failure, SourceError)
    assert "no/such.mp4" in told[0]


def test_a_stream_that_does_not_exist_is_refused_at_once(
    aws: EmbeddedAws, session: boto3.Session, clip: Path
) -> None:
    gateway = Gateway(str(clip), "nobody", session=session, endpoint_url=aws.endpoint_url)

    with pytest.raises(StreamError, match="headcount site apply"):
        gateway.start()


def test_a_stream_that_keeps_nothing_is_refused_at_once(
    aws: EmbeddedAws, session: boto3.Session, clip: Path
) -> None:
    client = session.client("kinesisvideo", endpoint_url=aws.endpoint_url)
    client.create_stream(StreamName="keeps-nothing")
    gateway = Gateway(str(clip), "keeps-nothing", session=session, endpoint_url=aws.endpoint_url)

    with pytest.raises(StreamError, match="no data retention"):
        gateway.start()


class Line:
    """A line to the embedded AWS that breaks after so many bytes, as often as told."""

    def __init__(self, endpoint_url: str, breaks_after: list[int]) -> None:
        host, port = endpoint_url.removeprefix("http://").split(":")
        self._target = (host, int(port))
        self._breaks_after = breaks_after
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.endpoint_url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.connections = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            far = socket.create_connection(self._target)
            limit = self._breaks_after.pop(0) if self._breaks_after else 1 << 60
            self.connections += 1
            for source, sink, count_to in ((near, far, limit), (far, near, 1 << 60)):
                threading.Thread(
                    target=self._carry, args=(source, sink, count_to), daemon=True
                ).start()

    @staticmethod
    def _carry(source: socket.socket, sink: socket.socket, limit: int) -> None:
        with contextlib.suppress(OSError):
            while limit > 0 and (piece := source.recv(4096)):
                limit -= len(piece)
                sink.sendall(piece)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()


@pytest.fixture
def line_breaking(aws: EmbeddedAws) -> Iterator[Callable[..., Line]]:
    lines: list[Line] = []

    def make(*breaks_after: int) -> Line:
        lines.append(Line(aws.endpoint_url, list(breaks_after)))
        return lines[-1]

    yield make
    for line in lines:
        line.close()


def producer_over(
    line: Line,
    aws: EmbeddedAws,
    session: boto3.Session,
    name: str,
    secret: str = "test",
    **more: Any,
) -> Producer:
    """Return a producer that is told to put media at the line's end."""
    real = session.client("kinesisvideo", endpoint_url=aws.endpoint_url)
    client = SimpleNamespace(
        describe_stream=real.describe_stream,
        get_data_endpoint=lambda **_: {"DataEndpoint": line.endpoint_url},
        meta=real.meta,
    )
    return Producer(client, name, Credentials("test", secret), **more)


def put(producer: Producer, cluster: Cluster) -> None:
    producer.begin(cluster.video_track(), cluster.time_ms)
    for frame in cluster.frames:
        producer.add(frame)
    producer.end({})


@pytest.fixture(scope="module")
def clusters() -> list[Cluster]:
    return encoded(captured(walking(60)), fragment_s=1.0)


def test_fragments_cut_off_by_a_broken_line_are_sent_again(
    aws: EmbeddedAws,
    session: boto3.Session,
    stream: str,
    line_breaking: Callable[..., Line],
    clusters: list[Cluster],
) -> None:
    size = sum(len(frame.data) for cluster in clusters for frame in cluster.frames)
    line = line_breaking(1_500, size // 2)
    producer = producer_over(line, aws, session, stream)
    producer.start()
    for cluster in clusters:
        put(producer, cluster)
    producer.close(timeout_s=60)
    report = producer.report()

    # At least: the stream may still be held by the connection that broke, and be asked again.
    assert line.connections >= 2
    assert report.faults
    assert (report.put, report.lost) == (6, 0)
    by_time = {round(one.producer_at.timestamp() * 1000) for one in report.persisted}
    assert by_time == {cluster.time_ms for cluster in clusters}
    assert {one.cluster.time_ms for one in stored(aws, session, stream)} == by_time


def test_a_full_buffer_loses_its_oldest_fragment_and_says_so(
    aws: EmbeddedAws,
    session: boto3.Session,
    stream: str,
    line_breaking: Callable[..., Line],
    clusters: list[Cluster],
) -> None:
    line = line_breaking(*[0] * 50)
    told: list[str] = []
    producer = producer_over(line, aws, session, stream, max_buffered=2, notify=told.append)
    producer.start()
    for cluster in clusters:
        put(producer, cluster)
    producer.close(timeout_s=0.1)

    assert producer.report().lost == len(clusters)
    assert producer.report().persisted == ()
    assert any("buffer is full" in message for message in told)
    # Not even while it closes does it hammer at a line that is down.
    assert line.connections < 10


def test_another_picture_size_goes_on_with_another_header(
    aws: EmbeddedAws, session: boto3.Session, stream: str, line_breaking: Callable[..., Line]
) -> None:
    pictures = [*walking(5), *walking(5, 640, 360)]
    producer = producer_over(line_breaking(), aws, session, stream)
    producer.start()
    for cluster in encoded(captured(pictures)):
        put(producer, cluster)
    producer.close(timeout_s=60)

    assert producer.report().lost == 0
    assert [one.cluster.video_track().width for one in stored(aws, session, stream)] == [320, 640]


def test_a_fragment_that_is_refused_for_what_it_holds_is_given_up(
    aws: EmbeddedAws,
    session: boto3.Session,
    stream: str,
    line_breaking: Callable[..., Line],
    clusters: list[Cluster],
) -> None:
    producer = producer_over(line_breaking(), aws, session, stream)
    producer.start()
    producer.begin(clusters[0].video_track(), clusters[0].time_ms - 1000)
    producer.end({})
    put(producer, clusters[0])
    producer.close(timeout_s=60)

    report = producer.report()
    assert (report.put, report.lost, len(report.persisted)) == (2, 1, 1)
    assert "4011 FRAMES_MISSING_FOR_TRACK" in report.faults[0].message


def test_a_refusal_is_recorded_with_what_the_service_said(
    aws: EmbeddedAws,
    session: boto3.Session,
    stream: str,
    line_breaking: Callable[..., Line],
    clusters: list[Cluster],
) -> None:
    producer = producer_over(line_breaking(), aws, session, stream, secret="wrong")
    producer.start()
    put(producer, clusters[0])
    wait_for(lambda: bool(producer.report().faults))
    producer.close(timeout_s=0)

    assert "HTTP 401, NotAuthorizedException" in producer.report().faults[0].message


@pytest.fixture
def web(clip: Path) -> Iterator[str]:
    handler = functools.partial(_QuietHandler, directory=str(clip.parent))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


class _QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args: Any) -> None:
        pass


def test_a_clip_on_a_web_server_is_a_source(web: str) -> None:
    frames = [frame.captured_at for frame in VideoSource(f"{web}/walking.mp4").frames()]

    assert len(frames) == 30
    assert frames == sorted(frames)


def test_a_film_with_its_index_at_its_end_needs_no_server_that_can_jump(
    web: str, clip: Path
) -> None:
    # Noise, so that the film is longer than what is read ahead.
    noise = np.random.default_rng(1)
    with av.open(str(clip.parent / "noise.mp4"), "w") as film:
        video = film.add_stream("libx264", rate=10)
        video.width, video.height = 640, 360
        for _ in range(20):
            picture = noise.integers(0, 255, (360, 640, 3), np.uint8)
            film.mux(video.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        film.mux(video.encode(None))

    assert len(list(VideoSource(f"{web}/noise.mp4").frames())) == 20


def test_an_address_that_is_no_video_is_named_without_its_password(web: str) -> None:
    address = web.replace("http://", "http://user:s3cret@") + "/missing.mp4?token=s3cret"

    with pytest.raises(SourceError, match=r"127\.0\.0\.1:\d+/missing\.mp4: ") as error:
        check_source(address)

    assert "s3cret" not in str(error.value)
