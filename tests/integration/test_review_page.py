"""The review's page in a real browser: one visit, and what must be true of it."""

import base64
import json
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from local.portraits import ROOT, fetch_portraits
from local.scenes import MEETING, frames
from training.manifest import Frame, Origin, read_manifest, write_manifest
from training.review.log import LOG_NAME

VISIT = ROOT / "tests/browser/review.mjs"
# Seconds: unpacking the browser once included.
PATIENCE_S = 240
# Of the composed clip, in frames: five people sit from here on.
FIVE_SEATED = 160
# A face of that clip, in pixels.
FACE = np.s_[220:320, 250:330]


@dataclass(frozen=True, slots=True)
class Visit:
    """What the browser found, and what was left behind."""

    found: dict[str, Any]
    folder: Path
    exit_code: int
    printed: str

    def line(self, name: str) -> dict[str, Any]:
        line: dict[str, Any] = self.found[name]
        return line


@pytest.fixture(scope="module")
def visit(tmp_path_factory: pytest.TempPathFactory) -> Visit:
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed: the page cannot be opened in a browser.")
    folder = _frames_to_review(tmp_path_factory.mktemp("review"))
    pictures = tmp_path_factory.mktemp("screenshots")
    with subprocess.Popen(
        [sys.executable, "-m", "ops.cli", "review", str(folder), "--reviewer", "anna", "--no-open"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as server:
        assert server.stdout is not None
        try:
            address = next(line.strip() for line in server.stdout if line.startswith("http"))
            visited = subprocess.run(
                [node, str(VISIT), address, str(folder / "manifest.jsonl"), str(pictures)],
                cwd=ROOT,
                capture_output=True,
                text=True,
                timeout=PATIENCE_S,
                check=False,
            )
        finally:
            server.send_signal(signal.SIGINT)
            printed = server.stdout.read()
            exit_code = server.wait(10)
    assert visited.returncode == 0, visited.stderr
    found = json.loads(visited.stdout)
    if "skipped" in found:
        pytest.skip(found["skipped"])
    return Visit(found, folder, exit_code, printed)


def _frames_to_review(folder: Path) -> Path:
    fetch_portraits()
    pictures = list(islice(frames(MEETING), FIVE_SEATED, FIVE_SEATED + 5))
    near, far = [90.0, 220, 60, 80], [640.0, 220, 60, 80]
    made = [
        ("lobby/0.png", "lobby", Origin.NOBODY, [], []),
        ("lobby/1.png", "lobby", Origin.MODEL, [near, far], [0.6, 0.9]),
        ("hall/2.png", "hall", Origin.MODEL, [near, far], [0.8, 0.9]),
        ("hall/3.png", "hall", Origin.MODEL, [near], [0.95]),
        ("hall/4.png", "hall", Origin.PEOPLE, [near], [1.0]),
    ]
    for picture, (source, *_) in zip(pictures, made, strict=True):
        (folder / source).parent.mkdir(exist_ok=True)
        (folder / source).write_bytes(cv2.imencode(".png", picture)[1].tobytes())
    height, width = pictures[0].shape[:2]
    write_manifest(
        folder / "manifest.jsonl",
        [
            Frame(
                source=source,
                width_px=width,
                height_px=height,
                origin=origin,
                faces=np.array(faces, float).reshape(-1, 4),
                scores=np.array(scores, float),
                camera_id=camera,
            )
            for source, camera, origin, faces, scores in made
        ],
    )
    return folder


def test_the_frame_most_worth_a_look_comes_first_with_its_reason(visit: Visit) -> None:
    assert visit.found["firstPlace"].startswith("Frame 1 of 5. Nobody has labelled it yet")
    assert visit.found["firstReason"].startswith("Nobody has labelled it yet")


def test_a_picture_is_sent_blurred_until_it_is_opened(visit: Visit) -> None:
    picture = _decoded(base64.b64encode((visit.folder / "lobby/0.png").read_bytes()).decode())
    height, width = picture.shape[:2]

    blurred = np.asarray(cv2.resize(_decoded(visit.found["blurred"]), (width, height)), np.uint8)
    opened = _decoded(visit.found["opened"])

    assert opened.shape == picture.shape
    assert _detail(opened[FACE]) > 0.8 * _detail(picture[FACE])
    assert _detail(blurred[FACE]) < 0.02 * _detail(picture[FACE])


def test_nothing_can_be_confirmed_that_was_not_opened(visit: Visit) -> None:
    assert visit.found["saidUnopened"] == "Open the picture first, with O."


def test_a_frame_is_labelled_by_keyboard_alone(visit: Visit) -> None:
    line = visit.line("byKeyboard")

    (box,) = line["faces"]["annotations"]
    assert [box[side] for side in ("left", "top", "width", "height")] == pytest.approx(
        [240, 220, 80, 100], abs=1
    )
    assert line["faces-metadata"]["human-annotated"] == "yes"
    assert line["faces-metadata"]["job-name"] == "people/anna"
    assert line["faces-metadata"]["creation-date"].endswith("Z")
    assert visit.found["heard"] == "Face 1, 80 by 100 pixels at 240, 220"
    assert visit.found["savedText"].startswith("Saved ")


def test_the_next_frame_is_blurred_again(visit: Visit) -> None:
    assert visit.found["secondPlace"].startswith("Frame 2 of 5")
    assert visit.found["secondIsBlurred"] is True


def test_boxes_are_drawn_moved_sized_removed_and_ignored_with_the_mouse(visit: Visit) -> None:
    marks = visit.line("byMouse")["faces"]["annotations"]

    boxes = {
        mark["class_id"]: [mark[side] for side in ("left", "top", "width", "height")]
        for mark in marks
    }
    kept, drawn = sorted(
        ([mark["left"], mark["top"], mark["width"], mark["height"]] for mark in marks[:2]),
        reverse=True,
    )
    assert len(marks) == 3
    assert kept == [640, 220, 60, 80]
    # Drawn from 420, 210 to 500, 320; moved by ten; its lower right corner pulled by ten more.
    assert drawn == pytest.approx([430, 220, 90, 120], abs=2)
    assert boxes[1] == pytest.approx([650, 40, 250, 150], abs=2)


def test_nobody_here_can_be_undone_and_done_again(visit: Visit) -> None:
    assert visit.found["nobodyUndoRedo"] == ["0 faces", "2 faces", "0 faces"]
    assert visit.line("nobody")["faces"]["annotations"] == []
    assert visit.line("nobody")["faces-metadata"]["human-annotated"] == "yes"


def test_undo_takes_a_confirmation_back_whole(visit: Visit) -> None:
    line = visit.line("takenBack")

    assert len(line["faces"]["annotations"]) == 2
    assert line["faces-metadata"]["human-annotated"] == "no"
    assert visit.found["savedAfterTakingBack"].startswith("Taken back")


def test_a_reload_keeps_what_was_confirmed_and_what_was_not_yet(visit: Visit) -> None:
    assert visit.found["progressAfterReload"] == "3 of 5 reviewed, 2 left"
    assert visit.found["draft"] == ["2 faces", "2 faces"]
    assert visit.found["blurredAfterReload"] is True


def test_an_edit_of_the_file_meanwhile_is_not_overwritten(visit: Visit) -> None:
    assert "was changed by somebody else since it was read" in visit.found["conflict"]
    assert visit.found["savedInConflict"] == "Not saved"
    assert visit.found["theirsIsThere"] is True


def test_after_reading_again_the_boxes_of_the_frame_are_still_there(visit: Visit) -> None:
    assert visit.found["afterConflict"]["lines"] == 6
    assert len(visit.found["afterConflict"]["kept"]["faces"]["annotations"]) == 2


def test_a_wrong_or_used_address_opens_nothing(visit: Visit) -> None:
    assert "not valid, or was used already" in visit.found["wrongToken"]
    assert "not valid, or was used already" in visit.found["usedToken"]
    assert visit.found["strangersPicture"] == 401
    assert "token" not in visit.found["addressAfterwards"]


def test_no_request_leaves_this_machine(visit: Visit) -> None:
    asked = visit.found["asked"]

    assert len(asked) > 20
    assert all(url.startswith(("http://127.0.0.1:", "blob:http://127.0.0.1:")) for url in asked)


def test_the_console_has_nothing_to_complain_of(visit: Visit) -> None:
    assert visit.found["complaintsBefore"] == []
    # The browser itself remarks on the refusal that the conflict was answered with.
    assert [text for text in visit.found["complaints"] if "409" not in text] == []


def test_the_page_keeps_the_rules_of_accessibility(visit: Visit) -> None:
    assert visit.found["violations"] == {
        "blurred, light": [],
        "edited, dark": [],
        "narrow, light": [],
        "keys, light": [],
    }
    assert visit.found["sideways"] == 0


def test_it_is_noted_who_opened_pictures_and_when_but_not_which(visit: Visit) -> None:
    lines = [json.loads(line) for line in (visit.folder / LOG_NAME).read_text().splitlines()]

    assert len(lines) == 6
    assert {frozenset(line) for line in lines} == {frozenset({"at", "by", "did"})}
    assert {line["by"] for line in lines} == {"anna"}
    assert {line["did"] for line in lines} == {"opened a picture"}


def test_ctrl_c_ends_it_with_a_summary_and_a_manifest_that_reads(visit: Visit) -> None:
    manifest = read_manifest(visit.folder / "manifest.jsonl")

    assert visit.exit_code == 0
    assert "Traceback" not in visit.printed
    assert "Labelled by people: 4 of 5." in visit.printed
    assert sum(frame.labelled_by == "anna" for frame in manifest.frames) == 3


def _decoded(encoded: str) -> npt.NDArray[np.uint8]:
    picture = cv2.imdecode(np.frombuffer(base64.b64decode(encoded), np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    return np.asarray(picture, np.uint8)


def _detail(picture: npt.NDArray[np.uint8]) -> float:
    """How much of a picture is edges and features: the variance of its Laplacian."""
    return float(cv2.Laplacian(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), cv2.CV_64F).var())
