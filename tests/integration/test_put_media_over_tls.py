"""PutMedia as AWS is reached: over TLS, acknowledgements read while media is sent."""

import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from botocore.credentials import Credentials

from edge.connection import PutMediaConnection
from headcount.errors import PutMediaError
from local.launcher import REGION

PIECES = 2_000
PIECE = bytes(range(256)) * 16


class TlsPeer:
    """Answers one PutMedia: a line of acknowledgement for each piece, as soon as it has come."""

    def __init__(self, certificate: Path) -> None:
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificate)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.head = b""
        self.received = 0
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    @property
    def url(self) -> str:
        return f"https://localhost:{self._listener.getsockname()[1]}"

    def close(self) -> None:
        self._listener.close()
        self.thread.join(10)

    def _serve(self) -> None:
        try:
            raw, _ = self._listener.accept()
            with (
                self._context.wrap_socket(raw, server_side=True) as peer,
                peer.makefile("rb") as body,
            ):
                while (line := body.readline()) != b"\r\n":
                    self.head += line
                peer.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
                while size := int(body.readline(), 16):
                    body.read(size + 2)
                    self.received += size
                    said = b'{"EventType":"PERSISTED","FragmentTimecode":%d}\n' % self.received
                    peer.sendall(b"%x\r\n%b\r\n" % (len(said), said))
                peer.sendall(b"0\r\n\r\n")
        except OSError:
            # The client that does not trust us has gone.
            return


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key and its certificate for localhost, signed by itself, in one file."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl, which makes the peer's certificate, is not installed")
    path = tmp_path_factory.mktemp("tls") / "localhost.pem"
    subprocess.run(
        [
            openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
            "-nodes", "-days", "1", "-subj", "/CN=localhost",
            "-addext", "subjectAltName=DNS:localhost",
            "-keyout", str(path), "-out", str(path.with_suffix(".crt")),
        ],
        check=True,
        capture_output=True,
    )  # fmt: skip
    path.write_text(path.read_text() + path.with_suffix(".crt").read_text())
    return path


@pytest.fixture
def peer(certificate: Path) -> Iterator[TlsPeer]:
    running = TlsPeer(certificate)
    yield running
    running.close()


def test_media_and_acknowledgements_pass_each_other(
    peer: TlsPeer, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    connection = PutMediaConnection(
        peer.url, "headcount-dev.hq.door", REGION, Credentials("test", "test", "token")
    )
    said: list[int | None] = []
    reader = threading.Thread(
        target=lambda: said.extend(one.time_ms for one in connection.acknowledgements())
    )
    reader.start()
    for _ in range(PIECES):
        connection.send(PIECE)
    connection.finish()
    reader.join(60)
    connection.close()

    assert said == [len(PIECE) * count for count in range(1, PIECES + 1)]
    assert b"POST /putMedia HTTP/1.1\r\n" in peer.head
    assert b"X-Amz-Security-Token: token\r\n" in peer.head
    assert (
        b"/kinesisvideo/aws4_request, SignedHeaders=host;x-amz-date;x-amz-security-token;"
        in peer.head
    )


def test_a_peer_that_nobody_vouches_for_gets_no_video(peer: TlsPeer) -> None:
    with pytest.raises(PutMediaError, match="cannot be reached"):
        PutMediaConnection(peer.url, "headcount-dev.hq.door", REGION, Credentials("test", "test"))
