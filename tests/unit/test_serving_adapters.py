"""Each form of model is fed and read as its authors say; answers are reckoned by hand."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from tests.graphs import (
    centerface_graph,
    constant_graph,
    other_graph,
    yolox_graph,
    yunet_graph,
)
from training.serving.adapters import (
    ADAPTERS,
    YOLOX,
    YUNET,
    GraphDetector,
    open_detector,
    recognise,
)
from training.serving.detector import Canvas, InputSize, ModelFormError
from training.serving.graph import Graph

AS_IT_IS = InputSize(min_long_side_px=96, max_long_side_px=96)
BLUE, RED = 0, 2


@pytest.fixture
def drawn(tmp_path: Path) -> dict[str, Path]:
    return {
        "centerface": centerface_graph(tmp_path / "centerface.onnx"),
        "yunet": yunet_graph(tmp_path / "yunet.onnx"),
        "yolox": yolox_graph(tmp_path / "yolox.onnx"),
    }


@pytest.mark.parametrize("name", ADAPTERS)
def test_a_form_is_recognised_by_its_outputs(drawn: dict[str, Path], name: str) -> None:
    assert recognise(Graph(drawn[name], threads=1)) is ADAPTERS[name]


def test_yunet_finds_a_blue_cell_with_the_box_that_it_gives_it(drawn: dict[str, Path]) -> None:
    picture = _with_square(64, 96, side=8, row=3, column=5, colour=BLUE)

    found = open_detector(drawn["yunet"], "yunet", AS_IT_IS, threads=1).detect(picture, 0.5)

    # Centre (5.5, 3.25) cells of 8 pixels; 2 cells wide and 3 tall.
    assert found.boxes == pytest.approx(np.array([[36 / 96, 14 / 64, 16 / 96, 24 / 64]]))
    assert found.scores == pytest.approx([1.0])


def test_yunet_scores_by_the_geometric_mean_at_every_scale(drawn: dict[str, Path]) -> None:
    picture = _with_square(64, 96, side=8, row=3, column=5, colour=BLUE)

    found = open_detector(drawn["yunet"], "yunet", AS_IT_IS, threads=1).detect(picture, 0.2)

    # The cell of 16 pixels around it is a quarter blue: row 1, column 2, its box cut at the top.
    assert found.scores == pytest.approx([1.0, 0.25])
    assert found.boxes[1] == pytest.approx([24 / 96, 0, 32 / 96, 44 / 64])


def test_yolox_finds_a_person_in_a_letterbox(drawn: dict[str, Path]) -> None:
    # Seen at half its size, above a half that is filled up: the square is one cell of 8 pixels.
    picture = _with_square(64, 128, side=16, row=1, column=4, colour=BLUE)

    found = open_detector(drawn["yolox"], "yolox", AS_IT_IS, threads=1).detect(picture, 0.5)

    # Centre (4.5, 1.25) cells of 8 in 64 x 32; 16 wide, 24 tall, cut at the top.
    assert found.boxes == pytest.approx(np.array([[28 / 64, 0, 16 / 64, 22 / 32]]))
    # A bicycle is likelier in that cell, and somebody may be riding it.
    assert found.scores == pytest.approx([0.8])


def test_what_fills_a_letterbox_up_is_the_grey_that_it_was_trained_with() -> None:
    picture = np.full((32, 64, 3), 200, np.uint8)

    seen = Canvas.of((64, 64), width=64, height=32).paint(picture, YOLOX.fill)

    assert (seen[:32] == 200).all()
    assert (seen[32:] == 114).all()


def test_centerface_finds_a_red_cell_with_the_box_that_it_gives_it(drawn: dict[str, Path]) -> None:
    picture = _with_square(64, 96, side=4, row=3, column=5, colour=RED)

    found = open_detector(drawn["centerface"], "", AS_IT_IS, threads=1).detect(picture, 0.5)

    assert found.boxes == pytest.approx(np.array([[18 / 96, 7 / 64, 8 / 96, 12 / 64]]))
    assert found.scores == pytest.approx([1.0])


@pytest.mark.parametrize(("name", "colour"), [("yunet", RED), ("yolox", RED), ("centerface", BLUE)])
def test_colours_come_in_the_order_of_the_form(
    drawn: dict[str, Path], name: str, colour: int
) -> None:
    picture = _with_square(64, 64, side=8, row=3, column=5, colour=colour)

    found = open_detector(drawn[name], name, AS_IT_IS, threads=1).detect(picture, 0.5)

    assert len(found.boxes) == 0


@pytest.mark.parametrize("name", ADAPTERS)
@pytest.mark.parametrize(("height", "width"), [(1, 1), (7, 1000), (1000, 7), (33, 65)])
def test_a_picture_of_any_shape_can_be_looked_at(
    drawn: dict[str, Path], name: str, height: int, width: int
) -> None:
    picture = np.full((height, width, 3), 255, np.uint8)

    found = open_detector(drawn[name], name, AS_IT_IS, threads=1).detect(picture, 0.5)

    assert ((found.boxes >= 0) & (found.boxes <= 1)).all()
    assert (np.diff(found.scores) <= 0).all()


@pytest.mark.parametrize(("nms_iou", "left"), [(0.3, 1), (0.45, 2)])
def test_boxes_that_share_more_than_the_form_allows_are_one(
    drawn: dict[str, Path], nms_iou: float, left: int
) -> None:
    # Two cells side by side, each with a box twice as wide as itself: a third is shared.
    picture = np.zeros((64, 96, 3), np.uint8)
    picture[16:24, 32:48, BLUE] = 255
    form = replace(YUNET, nms_iou=nms_iou)

    found = GraphDetector(Graph(drawn["yunet"], threads=1), form, AS_IT_IS).detect(picture, 0.9)

    assert len(found.boxes) == left


def test_an_input_of_fixed_size_is_filled_whatever_the_sizes_say(tmp_path: Path) -> None:
    fixed = yunet_graph(tmp_path / "fixed.onnx", picture=(1, 3, 64, 64))
    picture = _with_square(128, 64, side=16, row=2, column=1, colour=BLUE)

    found = open_detector(fixed, "yunet", AS_IT_IS, threads=1).detect(picture, 0.5)

    # Seen at half its size, 32 x 64: row 2, column 1 of cells of 8 pixels.
    assert found.boxes == pytest.approx(np.array([[4 / 32, 6 / 64, 16 / 32, 24 / 64]]))


@pytest.mark.parametrize(
    ("picture", "says"),
    [
        ((10, 3, 32, 32), "always 10 pictures at once"),
        ((1, 1, "height", "width"), "1x1xheightxwidth, and not"),
        ((1, 3, 64, "width"), "one side is fixed"),
        ((1, 3, 60, 60), "no multiples of 32"),
    ],
)
def test_an_input_that_is_no_picture_is_named(
    tmp_path: Path, picture: tuple[int | str, ...], says: str
) -> None:
    path = other_graph(tmp_path / "other.onnx", picture=picture)

    with pytest.raises(ModelFormError, match=says):
        Graph(path, threads=1)


def test_outputs_of_no_known_form_are_named(tmp_path: Path) -> None:
    graph = Graph(other_graph(tmp_path / "other.onnx", outputs=2), threads=1)

    with pytest.raises(ModelFormError, match=r"map0 1x3xheightxwidth, map1 .*yolox"):
        recognise(graph)


def test_a_form_that_a_graph_has_not_is_refused(drawn: dict[str, Path]) -> None:
    with pytest.raises(ModelFormError, match="not those of yunet"):
        open_detector(drawn["yolox"], "yunet", AS_IT_IS, threads=1)
    with pytest.raises(ModelFormError, match="no adapter 'retina'"):
        open_detector(drawn["yolox"], "retina", AS_IT_IS, threads=1)


@pytest.mark.parametrize(
    "answer", [(1, 7, 84), (1, 252, 7)], ids=["boxes in columns", "three boxes to a cell"]
)
def test_a_yolo_of_another_kind_is_not_taken_for_yolox(
    tmp_path: Path, answer: tuple[int, ...]
) -> None:
    graph = Graph(constant_graph(tmp_path / "yolo.onnx", answer, side_px=64), threads=1)

    with pytest.raises(ModelFormError, match="no detector known here"):
        recognise(graph)


def _with_square(
    height: int, width: int, *, side: int, row: int, column: int, colour: int
) -> npt.NDArray[np.uint8]:
    picture = np.zeros((height, width, 3), np.uint8)
    picture[row * side : (row + 1) * side, column * side : (column + 1) * side, colour] = 255
    return picture
