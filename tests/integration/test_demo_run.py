"""`headcount demo` as it is called: its figures, and the page it writes."""

import http.server
import json
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from local.scenes import EMPTY, compose

HEADCOUNT = Path(sys.executable).with_name("headcount")
NUMBER = (int, float)
# Until then the one room has filled up to the highest band, and the other is empty, has been
# switched off and told of. Nobody leaves the one before 25 s.
SECONDS = 24
PAGE_URL = "http://demo.test/"
CHROMIUM = next(
    (
        found
        for name in ("chromium", "chromium-browser", "google-chrome", "chrome")
        for found in [shutil.which(name)]
        if found
    ),
    None,
)

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Played:
    """A run that has ended."""

    figures: dict[str, Any]
    page: Path
    output: str

    def room(self, room_id: str) -> dict[str, Any]:
        """Return the figures of a room."""
        (found,) = (room for room in self.figures["rooms"] if room["room_id"] == room_id)
        return dict(found)

    def levels(self, room_id: str) -> dict[str, list[int]]:
        """Return what each device group of a room was told, in order."""
        told: dict[str, list[int]] = {}
        for command in self.figures["commands"]:
            if command["room_id"] == room_id:
                told.setdefault(command["device_group"], []).append(command["level"])
        return told

    def alerts(self, room_id: str) -> list[str]:
        """Return the kinds of a room's alerts."""
        return [one["kind"] for one in self.figures["alerts"] if one["room_id"] == room_id]


@contextmanager
def playing(folder: Path, *arguments: str) -> Iterator[Callable[[], Played]]:
    """Start a run; yield what waits for its end."""
    figures, page = folder / "out.json", folder / "page.html"
    with subprocess.Popen(
        [str(HEADCOUNT), "demo", "--json", str(figures), "--page", str(page), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:

        def ended() -> Played:
            said, _nothing = process.communicate(timeout=400)
            assert process.returncode == 0, said
            return Played(json.loads(figures.read_text()), page, said)

        try:
            yield ended
        finally:
            # Only if a test failed: the embedded AWS ends with the process that started it.
            process.kill()


@pytest.fixture(scope="module")
def runs(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> dict[str, Played]:
    """The composed clips before the demo's own site, and recordings if there are any.

    Both at once: most of the time is spent on coming so far.
    """
    arguments = {"clips": ["--seconds", str(SECONDS)]}
    try:
        classroom = request.getfixturevalue("shared_data") / "video/classroom.mp4"
    except pytest.skip.Exception:
        pass
    else:
        sources = ["--source", str(classroom), "--source", str(compose(EMPTY))]
        arguments["recordings"] = [*sources, "--seconds", "15"]
    with ExitStack() as ending:
        started = {
            name: ending.enter_context(playing(tmp_path_factory.mktemp(name), *given))
            for name, given in arguments.items()
        }
        return {name: ended() for name, ended in started.items()}


@pytest.fixture
def played(runs: dict[str, Played]) -> Played:
    """The run of the composed clips."""
    return runs["clips"]


def test_every_room_has_its_figures(played: Played) -> None:
    rooms = played.figures["rooms"]

    assert [room["room_id"] for room in rooms] == ["studio", "lounge"]
    for room in rooms:
        assert room.keys() - {"truth"} == {
            "room_id", "camera_ids", "frames_sampled", "faces_median", "people_estimate", "states",
        }  # fmt: skip
        assert room["camera_ids"] == [f"{room['room_id']}-1"]
        assert isinstance(room["frames_sampled"], int)
        assert isinstance(room["faces_median"], NUMBER)
        assert isinstance(room["people_estimate"], int)
        assert set(room["states"]) <= {"OCCUPIED", "VACANT", "UNKNOWN"}
        assert all(before != after for before, after in pairwise(room["states"]))


def test_every_command_says_why_and_when_it_was_acknowledged(played: Played) -> None:
    commands = played.figures["commands"]

    assert commands
    for command in commands:
        assert command.keys() == {
            "room_id", "device_group", "level", "reason", "requested_at", "acknowledged_at",
        }  # fmt: skip
        assert isinstance(command["level"], int)
        assert command["reason"]
        requested = datetime.fromisoformat(command["requested_at"])
        assert requested.tzinfo
        assert datetime.fromisoformat(command["acknowledged_at"]) > requested
    assert commands == sorted(commands, key=lambda one: str(one["requested_at"]))


def test_no_fragment_is_lost(played: Played) -> None:
    fragments = played.figures["fragments"]

    assert fragments.keys() == {"put", "persisted", "sampled", "lost"}
    assert all(isinstance(count, int) for count in fragments.values())
    assert fragments["lost"] == 0
    assert fragments["put"] == fragments["persisted"]
    assert fragments["sampled"] == sum(room["frames_sampled"] for room in played.figures["rooms"])


def test_latency_is_told_as_median_and_p95(played: Played) -> None:
    latency = played.figures["latency_ms"]

    assert latency.keys() - {"hops_p50"} == {"p50", "p95"}
    assert 0 < latency["p50"] <= latency["p95"]


def test_athena_counts_the_same_frames_as_the_bus(played: Played) -> None:
    athena = played.figures["athena"]

    assert athena.keys() == {"sql", "rows"}
    assert "SELECT" in athena["sql"]
    assert {row["room_id"]: row["frames_sampled"] for row in athena["rows"]} == {
        room["room_id"]: room["frames_sampled"] for room in played.figures["rooms"]
    }


def test_both_bands_are_commanded_while_a_room_fills(played: Played) -> None:
    assert played.levels("studio") == {"ac": [1, 2], "lights": [2, 4]}


def test_a_room_that_empties_is_switched_off_and_told_of_once(played: Played) -> None:
    assert played.room("lounge")["states"] == ["OCCUPIED", "VACANT"]
    assert played.levels("lounge") == {"ac": [1, 0], "lights": [2, 0]}
    assert played.figures["alerts"] == [
        {"kind": "room_vacant", "room_id": "lounge", "at": played.figures["alerts"][0]["at"]}
    ]
    assert datetime.fromisoformat(played.figures["alerts"][0]["at"]).tzinfo


def test_counts_are_compared_with_the_people_who_are_known_to_be_there(played: Played) -> None:
    for room in played.figures["rooms"]:
        assert room["truth"]["frames"] > SECONDS / 2
        assert room["truth"]["exact_share"] >= 0.9


def test_the_summary_names_the_page(played: Played) -> None:
    assert f"The page: {played.page}" in played.output


def test_the_page_holds_no_picture_no_script_and_no_address(played: Played) -> None:
    page = played.page.read_text()

    assert not re.findall(r"<(?:img|image|picture|video|canvas|script|iframe|link)\b", page)
    # Not even a relative one: the page is one file.
    assert not re.findall(r"://|data:|url\(|@import|\b(?:src|href|srcset)\s*=", page)


@pytest.mark.skipif(CHROMIUM is None, reason="No Chromium is installed.")
def test_a_browser_shows_the_page_and_asks_for_nothing_else(played: Played, tmp_path: Path) -> None:
    shot = tmp_path / "page.png"
    with proxied(played.page) as (proxy, asked):
        finished = subprocess.run(
            [
                str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom",
                "--disable-background-networking", "--disable-component-update", "--disable-sync",
                "--no-first-run", f"--user-data-dir={tmp_path}/profile", f"--screenshot={shot}",
                "--window-size=1000,1400", f"--proxy-server={proxy}", PAGE_URL,
            ],
            capture_output=True,
            text=True,
            check=True,
            timeout=120,
        )  # fmt: skip

    # Chromium looks for news of its own, whatever it is told.
    of_the_page = {address for address in asked if "google" not in address}
    assert of_the_page - {f"{PAGE_URL}favicon.ico"} == {PAGE_URL}
    assert finished.stdout.count("<svg") == len(played.figures["rooms"])
    picture = cv2.imread(str(shot))
    assert picture is not None
    assert len(np.unique(picture.reshape(-1, 3), axis=0)) > 10


def test_a_classroom_and_an_empty_room_are_told_apart(
    shared_data: Path, runs: dict[str, Played]
) -> None:
    told = runs["recordings"]

    occupied, empty = told.figures["rooms"]
    assert (occupied["faces_median"], occupied["people_estimate"]) == (4, 4)
    assert occupied["states"] == ["OCCUPIED"]
    assert told.levels(occupied["room_id"]) == {"ac": [1], "lights": [2]}
    assert told.alerts(occupied["room_id"]) == []
    assert (empty["faces_median"], empty["people_estimate"]) == (0, 0)
    assert empty["states"][-1] == "VACANT"
    assert "OCCUPIED" not in empty["states"]
    assert told.levels(empty["room_id"]) == {"ac": [0], "lights": [0]}
    assert told.alerts(empty["room_id"]) == ["room_vacant"]
    assert told.figures["fragments"]["lost"] == 0


@contextmanager
def proxied(page: Path) -> Iterator[tuple[str, list[str]]]:
    """Serve a page as a proxy that knows nothing else; yield its address and all it is asked."""
    asked: list[str] = []

    class Proxy(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200 if self.path == PAGE_URL else 404)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.end_headers()
            if self.path == PAGE_URL:
                self.wfile.write(page.read_bytes())

        def do_CONNECT(self) -> None:
            asked.append(self.path)
            self.send_error(502)

        def log_message(self, *_arguments: object) -> None: ...

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Proxy) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server.server_address[1]}", asked
        server.shutdown()
