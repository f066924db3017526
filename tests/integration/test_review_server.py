"""The review's server on the wire, and a review of frames in S3, without a browser."""

import http.client
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from headcount.errors import ManifestError
from local.launcher import EmbeddedAws
from local.portraits import ROOT
from tests.reviewing import a_face, a_manifest, clock
from training.manifest import read_manifest
from training.review.desk import Desk
from training.review.keeping import KeptManifest
from training.review.server import LOOPBACK, ReviewServer


class Client:
    """Asks as the page does."""

    def __init__(self, address: str) -> None:
        parts = urlsplit(address)
        self.host = parts.netloc
        self.token = parts.fragment.partition("=")[2]
        self.key = ""

    def ask(
        self, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> tuple[http.client.HTTPResponse, bytes]:
        connection = http.client.HTTPConnection(self.host, timeout=10)
        sent = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        try:
            connection.request(
                "GET" if body is None else "POST",
                path,
                body=sent,
                headers={"Authorization": f"Bearer {self.key}"} | (headers or {}),
            )
            answer = connection.getresponse()
            return answer, answer.read()
        finally:
            connection.close()

    def enter(self) -> None:
        answer, body = self.ask("/session", {"token": self.token})
        assert answer.status == 200
        self.key = json.loads(body)["key"]

    def confirm(self, index: int) -> tuple[int, Any]:
        self.ask(f"/api/frames/{index}/opened", {})
        _, frame = self.ask(f"/api/frames/{index}")
        said = {"revision": json.loads(frame)["revision"], "boxes": [a_face(1, 1, 20, 20)]}
        answer, body = self.ask(f"/api/frames/{index}/confirmed", said)
        return answer.status, json.loads(body)


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    kept = KeptManifest(a_manifest(tmp_path))
    desk = Desk(kept, reviewer="anna", now=clock, note_opened=lambda: None)
    with ReviewServer(desk, 0, lambda _address: None) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield Client(server.address)
        server.shutdown()
        thread.join()


def test_the_page_comes_with_headers_that_keep_it_to_itself(client: Client) -> None:
    answer, body = client.ask("/")

    assert answer.status == 200
    assert b"<title>Review" in body
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert answer.headers["X-Frame-Options"] == "DENY"
    assert answer.headers["Cache-Control"] == "no-store"
    assert "Python" not in answer.headers["Server"]


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "rebound.example"},
        {"Origin": "http://evil.example"},
        {"Sec-Fetch-Site": "cross-site"},
    ],
    ids=str,
)
def test_another_sites_page_gets_nothing_even_with_a_key(
    client: Client, headers: dict[str, str]
) -> None:
    client.enter()

    for path in ("/", "/api/frames", "/api/frames/0/blurred"):
        assert client.ask(path, headers=headers)[0].status == 403


def test_without_a_key_nothing_is_told_of_frames(client: Client) -> None:
    for path in ("/api/frames", "/api/frames/0", "/api/frames/0/blurred", "/api/frames/99"):
        assert client.ask(path)[0].status == 401
    for path in ("/api/frames/0/opened", "/api/frames/0/confirmed", "/api/reread"):
        assert client.ask(path, {})[0].status == 401


@pytest.mark.parametrize(
    "path", ["/../server.py", "/%2e%2e/server.py", "/etc/passwd", "/session", "/api/frames/x"]
)
def test_there_is_nothing_but_the_page(client: Client, path: str) -> None:
    client.enter()

    assert client.ask(path)[0].status == 404


@pytest.mark.parametrize("body", [b"{", b"[]", b'"text"', b"[" * 100_000], ids=len)
def test_what_is_no_object_is_refused_in_words(client: Client, body: bytes) -> None:
    client.enter()

    answer, said = client.ask("/api/frames/0/confirmed", body)

    assert answer.status == 422
    assert "\n" in json.loads(said)["error"]


def test_what_is_too_long_is_refused_unread(client: Client) -> None:
    client.enter()

    answer, said = client.ask(
        "/api/frames/0/confirmed", b"{}", headers={"Content-Length": "1000001"}
    )

    assert answer.status == 422
    assert answer.headers["Connection"] == "close"
    assert "At most 1000000 bytes" in json.loads(said)["error"]


def test_a_frame_is_confirmed_over_the_wire(client: Client) -> None:
    client.enter()

    status, saved = client.confirm(0)

    assert (status, saved["reviewed"], saved["warning"]) == (200, True, "")


def test_a_port_that_is_taken_is_refused_in_words(client: Client, tmp_path: Path) -> None:
    desk = Desk(
        KeptManifest(tmp_path / "manifest.jsonl"),
        reviewer="anna",
        now=clock,
        note_opened=lambda: None,
    )
    port = int(client.host.partition(":")[2])

    with pytest.raises(ManifestError, match=rf"Port {port} of {LOOPBACK} cannot be had"):
        ReviewServer(desk, port, lambda _address: None)


def test_two_reviews_of_one_prefix_lose_nothing(tmp_path: Path) -> None:
    a_manifest(tmp_path / "theirs")
    with EmbeddedAws() as aws:
        s3 = aws.client("s3")
        s3.create_bucket(Bucket="pool")
        for path in (tmp_path / "theirs").iterdir():
            s3.put_object(Bucket="pool", Key=f"frames/{path.name}", Body=path.read_bytes())
        with (
            _reviewing(aws, tmp_path / "anna") as (anna, as_anna),
            _reviewing(aws, tmp_path / "ben") as (ben, as_ben),
        ):
            assert as_anna.confirm(0)[1]["warning"] == ""
            assert as_ben.confirm(1)[1]["warning"] == "somebody else saved first"
            anna_said, ben_said = _stopped(anna), _stopped(ben)
        stored = tmp_path / "stored.jsonl"
        stored.write_bytes(s3.get_object(Bucket="pool", Key="frames/manifest.jsonl")["Body"].read())

    assert [frame.labelled_by for frame in read_manifest(stored).frames] == ["anna", "centerface"]
    assert anna.returncode == 0, anna_said
    assert ben.returncode == 2
    assert "was changed by somebody else meanwhile, and was left as it is" in ben_said
    assert "Traceback" not in anna_said + ben_said
    (kept,) = (tmp_path / "ben").glob("headcount-review-*.jsonl")
    assert [frame.labelled_by for frame in read_manifest(kept).frames] == ["centerface", "ben"]
    # Pictures of people do not stay behind.
    assert list((tmp_path / "ben/tmp").glob("headcount-*")) == []


@contextmanager
def _reviewing(aws: EmbeddedAws, home: Path) -> Iterator[tuple[subprocess.Popen[str], Client]]:
    (home / "tmp").mkdir(parents=True)
    # The folder in which it runs is where work is kept that S3 did not take.
    code = os.pathsep.join(map(str, (ROOT, ROOT / "layers/headcount/python")))
    mine = {"TMPDIR": str(home / "tmp"), "PYTHONPATH": code, "LOGNAME": home.name}
    with subprocess.Popen(
        [sys.executable, "-m", "ops.cli", "review", "s3://pool/frames", "--no-open"],
        cwd=home,
        env=aws.environment() | mine,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as review:
        assert review.stdout is not None
        client = Client(next(line.strip() for line in review.stdout if line.startswith("http")))
        client.enter()
        try:
            yield review, client
        finally:
            review.kill()


def _stopped(review: subprocess.Popen[str]) -> str:
    """Stop a review as Ctrl-C does, and return the rest of what it said."""
    review.send_signal(signal.SIGINT)
    said, _ = review.communicate(timeout=60)
    return said
