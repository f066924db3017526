"""`headcount model add` of an address: from a server on this machine, over real sockets."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from ops.cli import main
from tests.graphs import yunet_graph
from training.catalogue import Catalogue
from training.weights import sha256_of


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    return yunet_graph(tmp_path / "ours.onnx")


@pytest.fixture
def address(weights: Path) -> Iterator[str]:
    content = weights.read_bytes()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            if path == "/latest":
                self.send_response(302)
                self.send_header("Location", "/ours.onnx?token=secret")
                self.end_headers()
                return
            if path == "/private.onnx" and not self.headers.get("Authorization"):
                self.send_error(401)
                return
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content[: len(content) // 2] if path == "/half.onnx" else content)

        def log_message(self, *_: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()
    thread.join()


def add(url: str, *options: str, folder: Path) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["model", "add", url, *options, "--models", str(folder)])
    return int(ended.value.code or 0)


def test_an_address_is_followed_and_its_file_kept_without_its_token(
    address: str, weights: Path, tmp_path: Path
) -> None:
    code = add(
        f"http://{address}/latest", "--sha256", sha256_of(weights), folder=tmp_path / "models"
    )

    model = Catalogue.read(tmp_path / "models").find("ours")
    assert code == 0
    assert model.path.read_bytes() == weights.read_bytes()
    assert model.entry.source == f"http://{address}/latest"


def test_an_address_without_a_hash_is_refused_and_its_hash_is_said(
    address: str, weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = add(f"http://{address}/ours.onnx", folder=tmp_path / "models")

    assert code == 2
    assert f"--sha256 {sha256_of(weights)}" in capsys.readouterr().err
    assert not (tmp_path / "models").exists()
    assert add(f"http://{address}/ours.onnx", "--accept-hash", folder=tmp_path / "models") == 0


def test_a_login_in_an_address_is_used_and_never_said(
    address: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = add(
        f"http://me:secret@{address}/private.onnx", "--accept-hash", folder=tmp_path / "models"
    )

    assert code == 0
    assert "secret" not in (tmp_path / "models/models.yaml").read_text()
    assert "secret" not in "".join(capsys.readouterr())


def test_a_file_that_breaks_off_on_its_way_is_refused(
    address: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = add(f"http://{address}/half.onnx", "--accept-hash", folder=tmp_path / "models")

    assert code == 2
    assert "half.onnx: it cannot be fetched" in capsys.readouterr().err
