import base64
import re
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from headcount.errors import ModelError
from tests.frozen_world import BRIGHT, DIM, Scene, painted, sees_both, sees_bright
from training.evaluate import Prediction
from training.evaluation.blurring import LONG_SIDE_PX, blurred_picture
from training.evaluation.comparison import Comparison, SeenFrame, compare
from training.evaluation.fairness import measure_fairness
from training.evaluation.forest import forests
from training.evaluation.frozen import frozen_sets
from training.evaluation.gate import Margins, gate
from training.evaluation.page import write_page
from training.labels import LabelledImage
from training.manifest import Frame, Split

NO_BOXES = np.empty((0, 4))
# These pictures take a millisecond: what else runs on the machine decides their time.
UNTIMED = Margins(speed_ratio=100)
NOTHING = Prediction(NO_BOXES, np.empty(0), 1.0)


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory) -> Comparison:
    folder = tmp_path_factory.mktemp("page")
    scenes = [
        *[Scene(Split.GOLDEN, [BRIGHT] * 2, camera_id="<hall>") for _ in range(22)],
        *[Scene(Split.GOLDEN, [BRIGHT], camera_id="lobby") for _ in range(5)],
        *[Scene(Split.DRIFTED, [DIM] * 2) for _ in range(22)],
    ]
    sets = frozen_sets(painted(folder, scenes))
    return compare(sees_bright(folder), sees_both(folder), sets, resamples=200)


@pytest.fixture(scope="module")
def page(compared: Comparison, tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("written") / "pages/comparison.html"
    write_page(path, compared, gate(compared, UNTIMED), measure_fairness(compared))
    return path.read_text()


def test_the_page_is_whole_in_itself_and_runs_nothing(page: str) -> None:
    assert "<script" not in page
    assert not re.findall(r'(?:src|href)="(?!data:image/jpeg;base64,)', page)
    assert "http" not in page


def test_the_page_says_the_verdict_and_every_reason(page: str, compared: Comparison) -> None:
    verdict = gate(compared, UNTIMED)

    assert "<b>Promote</b>" in page
    for reason in verdict.reasons:
        assert reason.words.replace("<", "&lt;").replace(">", "&gt;").replace("'", "&#39;") in page
    assert "Not judged: golden/camera/lobby" in page


def test_the_page_names_what_it_was_reckoned_from(page: str, compared: Comparison) -> None:
    for sha256 in (
        compared.manifest_sha256,
        *compared.sets.values(),
        compared.champion.sha256,
        compared.challenger.sha256,
    ):
        assert sha256 in page


def test_a_cameras_name_is_text_and_no_markup(page: str) -> None:
    assert "golden/camera/&lt;hall&gt;" in page
    assert "<hall>" not in page


def test_the_page_shows_each_frame_that_changed_with_all_boxes(page: str) -> None:
    assert page.count("<figcaption>") == 22
    assert page.count("won 2") == 22
    assert page.count('class="won"') == 44
    assert page.count('<rect class="challenger"') == 44
    assert page.count('<rect class="champion"') == 0


def test_a_rejection_is_told_by_what_refuses(compared: Comparison, tmp_path: Path) -> None:
    verdict = gate(compared, replace(UNTIMED, drifted="drifted/slice/fog"))

    write_page(tmp_path / "page.html", compared, verdict)

    text = (tmp_path / "page.html").read_text()
    assert "<b>Reject</b>" in text
    assert "There is no slice drifted/slice/fog" in text
    assert "Who is found" not in text


def test_an_interval_is_drawn_within_the_axis_and_the_margin_left_of_zero(
    compared: Comparison,
) -> None:
    for plot in forests(compared, gate(compared, UNTIMED)):
        assert len(plot.ticks) >= 4
        for row in plot.rows:
            assert row.low is not None
            assert row.high is not None
            assert plot.left <= row.low <= row.point <= row.high <= plot.right
            assert row.margin is None or plot.left <= row.margin < plot.zero


def test_no_detail_of_a_face_is_left_in_the_picture(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    for name in ("labelled", "ignored", "seen by the champion", "seen by the challenger"):
        box = np.array([[100.0, 80, 120, 120]])
        seen = _seen(tmp_path, rng.integers(0, 256, (360, 640, 3), dtype=np.uint8), name, box)

        shown, scale = blurred_picture(seen)

        left, top, width, height = (round(float(side) * scale) for side in box[0])
        inside = shown[top + 2 : top + height - 2, left + 2 : left + width - 2].reshape(-1, 3)
        assert len(np.unique(inside, axis=0)) <= 16, name


def test_a_face_that_nobody_saw_is_blurred_with_the_rest(tmp_path: Path) -> None:
    stripes = np.zeros((480, 640, 3), np.uint8)
    stripes[:, ::4] = 255

    shown, _ = blurred_picture(_seen(tmp_path, stripes, "none", NO_BOXES))

    assert shown.std() < 0.2 * stripes.std()


def test_pictures_of_any_size_are_shown_at_one(tmp_path: Path) -> None:
    for height, width in ((2000, 3000), (12, 9)):
        picture = np.full((height, width, 3), 128, np.uint8)
        box = np.array([[-5.0, -5, width + 10, height + 10]])

        shown, _ = blurred_picture(_seen(tmp_path, picture, "labelled", box))

        assert max(shown.shape[:2]) == LONG_SIDE_PX


def test_the_pictures_of_the_page_are_the_blurred_ones(page: str) -> None:
    pictures = re.findall(r'src="data:image/jpeg;base64,([^"]+)"', page)

    for encoded in pictures:
        picture = cv2.imdecode(np.frombuffer(base64.b64decode(encoded), np.uint8), cv2.IMREAD_COLOR)
        assert picture is not None
        assert max(picture.shape[:2]) == LONG_SIDE_PX
        # A face was a square of 128 on black: four pixels wide, and spread over many now.
        assert int(np.max(picture)) < 64


def test_a_page_that_cannot_be_written_is_one_error(compared: Comparison, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(ModelError, match="cannot be written"):
        write_page(tmp_path / "file/page.html", compared, gate(compared, UNTIMED))


def _seen(folder: Path, picture: np.ndarray, name: str, box: np.ndarray) -> SeenFrame:
    path = folder / "picture.png"
    path.write_bytes(cv2.imencode(".png", picture)[1].tobytes())
    height, width = picture.shape[:2]
    prediction = Prediction(box, np.full(len(box), 0.06), 1.0)
    image = LabelledImage(
        1,
        path,
        (width, height),
        box if name == "labelled" else NO_BOXES,
        box if name == "ignored" else NO_BOXES,
    )
    return SeenFrame(
        "golden",
        Frame("picture.png", width, height),
        image,
        prediction if name == "seen by the champion" else NOTHING,
        prediction if name == "seen by the challenger" else NOTHING,
    )
