"""`headcount demo` refuses what cannot work before it builds or deploys anything."""

import http.server
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ops import cli

HEADCOUNT = Path(sys.executable).with_name("headcount")
REFUSED = 2
Refused = Callable[..., str]


@pytest.fixture(scope="module")
def web_page() -> Iterator[str]:
    """The URL of a page, where somebody hoped for a video."""

    class Page(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = b"<!doctype html><title>Camera login</title><p>Please log in."
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_arguments: object) -> None: ...

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/stream"
        server.shutdown()


@pytest.fixture
def refused(capsys: pytest.CaptureFixture[str]) -> Refused:
    """Run the command in this process, which saves it two seconds; return what it says."""

    def run(*arguments: str) -> str:
        with pytest.raises(SystemExit) as ended:
            cli.main(["demo", *arguments])
        said = capsys.readouterr()
        assert ended.value.code == REFUSED
        assert "[1/" not in said.out
        return said.err

    return run


def one_line(said: str) -> str:
    assert said.count("\n") == 1, said
    return said


def test_a_missing_file_is_no_source() -> None:
    finished = subprocess.run(
        [str(HEADCOUNT), "demo", "--source", "no-such.mp4"],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )

    assert finished.returncode == REFUSED
    assert finished.stdout == ""
    said = one_line(finished.stderr)
    assert said.startswith("headcount: no-such.mp4: no such file. Give the path of a video")


def test_a_text_file_is_no_source(refused: Refused, tmp_path: Path) -> None:
    note = tmp_path / "note.mp4"
    note.write_text("This is not a video.\n" * 100)

    said = one_line(refused("--source", str(note)))

    assert f"{note}: Invalid data found" in said
    assert "Is it a video?" in said


def test_an_address_where_nobody_answers_is_no_source(refused: Refused) -> None:
    # Nothing can be bound to port 1 without being root, and nothing is.
    said = one_line(refused("--source", "http://user:secret@127.0.0.1:1/live"))

    assert "http://127.0.0.1:1/live: Connection refused" in said
    assert "secret" not in said


def test_a_web_page_is_no_source(refused: Refused, web_page: str) -> None:
    said = one_line(refused("--source", web_page))

    assert f"{web_page}: Invalid data found" in said


def test_a_source_without_a_camera_is_refused(refused: Refused) -> None:
    said = refused("--source", "a.mp4", "--source", "b.mp4", "--source", "c.mp4")

    assert "3 sources were given, but site 'demo' has 2 cameras." in said
    assert "--site with more of them" in said


def test_a_site_that_is_no_site_is_refused_with_its_line(refused: Refused, tmp_path: Path) -> None:
    site = tmp_path / "site.yaml"
    site.write_text("id: hq\ntime_zone: Europe/Berlin\nroooms: []\n")

    said = refused("--site", str(site))

    assert f"{site}:3:" in said
    assert "Remedy:" in said


@pytest.mark.parametrize("option", ["--json", "--page"])
def test_a_file_that_cannot_be_written_is_found_before_the_run(
    refused: Refused, tmp_path: Path, option: str
) -> None:
    (tmp_path / "file").write_text("not a folder")

    said = refused(option, str(tmp_path / "file/out"))

    assert f"Invalid value for '{option}'" in said
    assert "cannot be" in said


def test_a_refused_run_leaves_no_file_for_its_figures(refused: Refused, tmp_path: Path) -> None:
    refused("--json", str(tmp_path / "out.json"), "--source", "no-such.mp4")

    assert list(tmp_path.iterdir()) == []
