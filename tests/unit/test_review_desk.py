"""What a person says of a frame, and what the manifest holds afterwards."""

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from headcount.errors import ConflictError, ManifestError
from tests.reviewing import HEIGHT, NOON, WIDTH, a_face, a_manifest, a_picture, clock
from training.manifest import Origin, read_manifest
from training.review.desk import Desk
from training.review.keeping import KeptManifest
from training.review.log import ReviewLog


def a_desk(path: Path, opened: list[None] | None = None, reviewer: str = "anna") -> Desk:
    noted: list[None] = [] if opened is None else opened
    return Desk(
        KeptManifest(path),
        reviewer=reviewer,
        now=clock,
        note_opened=lambda: noted.append(None),
    )


def confirm(desk: Desk, index: int, *boxes: dict[str, Any]) -> dict[str, Any]:
    desk.open(index)
    return desk.confirm(index, desk.frame(index)["revision"], list(boxes))


def test_a_confirmed_frame_says_who_and_when_in_the_manifest(tmp_path: Path) -> None:
    path = a_manifest(tmp_path)

    confirm(a_desk(path), 0, a_face(1, 2, 30, 40), {"kind": "ignored", "box": [100, 0, 50, 20]})

    frame, other = read_manifest(path).frames
    assert (frame.origin, frame.labelled_by, frame.labelled_at) == (Origin.PEOPLE, "anna", NOON)
    assert frame.faces.tolist() == [[1, 2, 30, 40]]
    assert frame.scores.tolist() == [1]
    assert frame.ignored.tolist() == [[100, 0, 50, 20]]
    assert other.origin is Origin.MODEL


def test_a_frame_with_nobody_in_it_is_labelled_all_the_same(tmp_path: Path) -> None:
    path = a_manifest(tmp_path)

    confirm(a_desk(path), 1)

    frame = read_manifest(path).frames[1]
    assert frame.is_labelled
    assert len(frame.faces) == 0


def test_lines_that_nobody_changes_keep_their_bytes_and_others_keep_foreign_fields(
    tmp_path: Path,
) -> None:
    path = a_manifest(tmp_path)
    first, second = path.read_text().splitlines()
    foreign = json.loads(first) | {"weather": "rain"}
    foreign["frame"]["floor"] = 3
    spaced = second.replace(": ", " :  ")
    path.write_text(f"{json.dumps(foreign)}\r\n\n{spaced}\r\n", newline="")

    confirm(a_desk(path), 0, a_face(1, 2, 30, 40))

    changed, kept = path.read_text().splitlines()
    assert kept == spaced
    assert json.loads(changed)["weather"] == "rain"
    assert json.loads(changed)["frame"]["floor"] == 3


def test_what_somebody_else_wrote_meanwhile_is_not_overwritten(tmp_path: Path) -> None:
    path = a_manifest(tmp_path)
    desk = a_desk(path)
    confirm(a_desk(path, reviewer="ben"), 1, a_face(5, 5, 20, 20))

    with pytest.raises(ConflictError, match="changed by somebody else since it was read"):
        confirm(desk, 0)

    assert [frame.labelled_by for frame in read_manifest(path).frames] == ["centerface", "ben"]


def test_after_reading_again_both_have_their_say(tmp_path: Path) -> None:
    path = a_manifest(tmp_path)
    desk = a_desk(path)
    confirm(a_desk(path, reviewer="ben"), 1, a_face(5, 5, 20, 20))

    desk.reread()
    confirm(desk, 0)

    assert [frame.labelled_by for frame in read_manifest(path).frames] == ["anna", "ben"]


def test_a_manifest_that_went_away_is_not_written_anew(tmp_path: Path) -> None:
    path = a_manifest(tmp_path)
    desk = a_desk(path)
    path.unlink()

    with pytest.raises(ConflictError):
        confirm(desk, 0)

    assert not path.exists()


def test_a_second_window_does_not_overwrite_the_first(tmp_path: Path) -> None:
    desk = a_desk(a_manifest(tmp_path))
    as_both_saw_it = desk.frame(0)["revision"]
    confirm(desk, 0, a_face(1, 1, 10, 10))

    with pytest.raises(ConflictError, match="changed since you saw it"):
        desk.confirm(0, as_both_saw_it, [])


def test_a_frame_that_nobody_opened_cannot_be_confirmed(tmp_path: Path) -> None:
    desk = a_desk(a_manifest(tmp_path))
    desk.blurred(0)

    with pytest.raises(ManifestError, match="Nobody has opened this picture"):
        desk.confirm(0, desk.frame(0)["revision"], [])


def test_opening_is_noted_and_looking_at_the_blur_is_not(tmp_path: Path) -> None:
    opened: list[None] = []
    desk = a_desk(a_manifest(tmp_path), opened)

    desk.blurred(0)
    desk.open(0)
    desk.open(0)

    assert len(opened) == 2


def test_a_picture_is_not_shown_where_it_cannot_be_noted(tmp_path: Path) -> None:
    path = a_manifest(tmp_path)
    log = ReviewLog(tmp_path / "absent/log.jsonl", "anna", clock)
    desk = Desk(KeptManifest(path), reviewer="anna", now=clock, note_opened=log.note_opened)

    with pytest.raises(ManifestError, match="only opened where that can be noted"):
        desk.open(0)


def test_the_note_says_who_and_when_and_not_what(tmp_path: Path) -> None:
    log = ReviewLog(tmp_path / "log.jsonl", "anna", clock)

    log.note_opened()
    log.note_opened()

    first, second = (json.loads(line) for line in log.path.read_text().splitlines())
    assert first == second == {"at": NOON.isoformat(), "by": "anna", "did": "opened a picture"}


def test_the_blur_holds_no_detail_and_the_opened_picture_does(tmp_path: Path) -> None:
    desk = a_desk(a_manifest(tmp_path))

    blurred, opened = (
        cv2.imdecode(np.frombuffer(body, np.uint8), cv2.IMREAD_GRAYSCALE)
        for body in (desk.blurred(0), desk.open(0))
    )

    assert blurred is not None
    assert opened is not None
    assert opened.shape == (HEIGHT, WIDTH)
    # Sent larger than it is, the blur still has next to nothing between neighbouring pixels.
    assert blurred.shape == (270, 480)
    assert cv2.Laplacian(blurred, cv2.CV_64F).var() < 0.01 * cv2.Laplacian(opened, 6).var()


def test_taking_back_leaves_the_line_as_it_was_to_the_byte(tmp_path: Path) -> None:
    path = a_manifest(tmp_path)
    before = path.read_bytes()
    desk = a_desk(path)
    confirm(desk, 0, a_face(1, 1, 10, 10))
    confirm(desk, 0, a_face(2, 2, 10, 10))

    desk.take_back(0, desk.frame(0)["revision"])

    assert path.read_bytes() == before
    assert desk.confirmed == 0
    with pytest.raises(ManifestError, match="not confirmed here"):
        desk.take_back(0, desk.frame(0)["revision"])


def test_a_review_that_is_over_takes_nothing_more(tmp_path: Path) -> None:
    desk = a_desk(a_manifest(tmp_path))
    desk.open(0)
    desk.close()

    with pytest.raises(ManifestError, match="was stopped"):
        desk.confirm(0, desk.frame(0)["revision"], [])


def test_boxes_are_cut_off_at_the_edges(tmp_path: Path) -> None:
    path = a_manifest(tmp_path)

    confirm(a_desk(path), 0, a_face(-10, -5, 30, 30), a_face(150, 80, 100, 100))

    assert read_manifest(path).frames[0].faces.tolist() == [[0, 0, 20, 25], [150, 80, 10, 10]]


@pytest.mark.parametrize(
    "boxes",
    [
        [{"kind": "face", "box": [0, 0, 1, 1]}],
        [{"kind": "face", "box": [500, 0, 20, 20]}],
        [{"kind": "nose", "box": [0, 0, 20, 20]}],
        [{"kind": ["face"], "box": [0, 0, 20, 20]}],
        [{"kind": "face", "box": [0, 0, 20]}],
        [{"kind": "face", "box": [0, 0, float("nan"), 20]}],
        [{"kind": "face", "box": [0, 0, True, 20]}],
        [{"box": [0, 0, 20, 20]}],
        ["face"],
        {"kind": "face"},
        [{"kind": "face", "box": [0, 0, 20, 20]}] * 2001,
    ],
    ids=str,
)
def test_what_is_no_box_is_refused_and_nothing_is_written(tmp_path: Path, boxes: Any) -> None:
    path = a_manifest(tmp_path)
    before = path.read_bytes()
    desk = a_desk(path)
    desk.open(0)

    with pytest.raises(ManifestError):
        desk.confirm(0, desk.frame(0)["revision"], boxes)

    assert path.read_bytes() == before


def test_frames_without_their_picture_are_left_out_and_counted(tmp_path: Path) -> None:
    path = a_manifest(tmp_path)
    (tmp_path / "0.png").unlink()

    desk = a_desk(path)

    assert desk.missing == 1
    assert [frame["id"] for frame in desk.overview()["frames"]] == [1]
    for nowhere in (0, 99):
        with pytest.raises(ManifestError, match=f"no frame {nowhere}"):
            desk.frame(nowhere)


def test_a_manifest_without_any_picture_is_refused(tmp_path: Path) -> None:
    path = a_manifest(tmp_path)
    for picture in tmp_path.glob("*.png"):
        picture.unlink()

    with pytest.raises(ManifestError, match="not one of its 2 pictures is here"):
        a_desk(path)


def test_a_picture_of_another_size_than_its_line_says_is_not_drawn_on(tmp_path: Path) -> None:
    path = a_manifest(tmp_path)
    a_picture(tmp_path / "0.png", (90, 160))

    with pytest.raises(ManifestError, match="is 90x160, but its line says 160x90"):
        a_desk(path).open(0)


def test_a_picture_outside_the_folder_is_never_read(tmp_path: Path) -> None:
    path = a_manifest(tmp_path / "frames")
    a_picture(tmp_path / "secret.png")
    path.write_text(path.read_text().replace("0.png", "../secret.png"))

    with pytest.raises(ManifestError, match="leaves the manifest's folder"):
        a_desk(path)


def test_progress_is_told_by_camera(tmp_path: Path) -> None:
    desk = a_desk(a_manifest(tmp_path))

    confirm(desk, 0)

    assert desk.progress() == {"hall": (1, 2)}
    assert desk.confirmed == 1
