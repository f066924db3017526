"""What several looks agree on, and what they leave to people."""

from pathlib import Path

import numpy as np
import pytest

from headcount.errors import ManifestError
from tests.data_pool import (
    OneEyedNetwork,
    framed,
    labelled,
    pooled,
    room,
    served,
    strong_reader,
)
from tests.graphs import centerface_graph, yunet_graph
from training.catalogue import Catalogue
from training.data.agreement import compare_with_people
from training.data.fusion import ViewReading, fuse
from training.data.pseudo_labels import label_frame
from training.data.readings import Reading
from training.data.stronger import StrongReader
from training.manifest import Origin

WHOLE = np.array([0.0, 0, 320, 180])


def view(*boxes: tuple[float, float, float, float, float], area=WHOLE) -> ViewReading:
    rows = np.array(boxes, float).reshape(-1, 5)
    return ViewReading(Reading(rows[:, :4], rows[:, 4]), area)


def test_looks_that_agree_make_one_box_between_them() -> None:
    fused = fuse([view((100, 50, 20, 20, 0.9)), view((104, 50, 20, 20, 0.3))])

    assert fused.boxes.tolist() == [[101.0, 50.0, 20.0, 20.0]]
    assert fused.confidences == pytest.approx([0.6])
    assert fused.agreement == pytest.approx([1.0])


def test_a_look_that_saw_nothing_halves_the_confidence() -> None:
    fused = fuse([view((100, 50, 20, 20, 0.8)), view()])

    assert fused.confidences == pytest.approx([0.4])
    assert fused.agreement == pytest.approx([0.5])


def test_a_look_at_another_part_of_the_picture_does_not_vote() -> None:
    left_half = np.array([0.0, 0, 160, 180])

    fused = fuse([view((200, 50, 20, 20, 0.8)), view(area=left_half)])

    assert fused.confidences == pytest.approx([0.8])


def test_one_look_votes_once_for_a_face() -> None:
    fused = fuse([view((100, 50, 20, 20, 0.9), (102, 50, 20, 20, 0.5)), view()])

    assert len(fused.boxes) == 1
    assert fused.confidences == pytest.approx([0.45])


def test_nothing_seen_is_nothing_fused() -> None:
    fused = fuse([view(), view()])

    assert (len(fused.boxes), len(fused.confidences)) == (0, 0)


def test_looks_find_a_face_where_it_is_whatever_the_view() -> None:
    picture = room(1, [(30, 40, 24, 30, 0.9), (250, 100, 40, 50, 0.7)])

    fused = strong_reader().read(picture)

    assert fused.boxes.tolist() == [
        pytest.approx([30, 40, 24, 30], abs=0.1),
        pytest.approx([250, 100, 40, 50], abs=0.1),
    ]
    assert fused.confidences == pytest.approx([0.9, 0.7], abs=0.01)
    assert fused.agreement == pytest.approx([1, 1])


def test_a_picture_larger_than_is_served_is_read_in_tiles_as_well() -> None:
    model = served()
    tiled = StrongReader(model, model.network, max_long_side_px=200)
    at_the_cut = [(150, 80, 24, 30, 0.9), (10, 10, 24, 30, 0.9)]

    fused = tiled.read(room(1, at_the_cut))

    assert len(fused.boxes) == 2
    assert fused.agreement == pytest.approx([1, 1])


def test_a_face_that_only_some_looks_see_is_left_to_people(tmp_path: Path) -> None:
    frame = framed(tmp_path, "a.png", room(1, [(20, 40, 24, 30, 0.9)]))
    reader = strong_reader(OneEyedNetwork())

    verdict = label_frame(frame, reader.read(room(1, [(20, 40, 24, 30, 0.9)])), reader.served.card)

    assert verdict.in_doubt == 1
    assert not verdict.frame.is_labelled


@pytest.mark.parametrize("origin", [Origin.PEOPLE, Origin.COMPOSED])
def test_labels_of_people_and_of_composed_scenes_are_never_touched(
    tmp_path: Path, origin: Origin
) -> None:
    picture = room(1, [(30, 40, 24, 30, 0.9), (250, 100, 40, 50, 0.9)])
    frame = framed(tmp_path, "a.png", picture, origin=origin, faces=np.array([[30.0, 40, 24, 30]]))

    verdict = label_frame(frame, strong_reader().read(picture), served().card)

    assert verdict.frame is frame


def test_a_model_s_older_label_is_replaced_and_taken_back_where_in_doubt(tmp_path: Path) -> None:
    old = {"origin": Origin.MODEL, "faces": np.array([[0.0, 0, 9, 9]]), "labelled_by": "older"}
    sure, unsure = ([(30, 40, 24, 30, score)] for score in (0.9, 0.42))
    reader = strong_reader()

    verdicts = [
        label_frame(
            framed(tmp_path, "a.png", room(1, faces), **old),
            reader.read(room(1, faces)),
            reader.served.card,
        )
        for faces in (sure, unsure, [])
    ]

    assert [one.frame.origin for one in verdicts] == [Origin.MODEL, Origin.NOBODY, Origin.MODEL]
    assert [len(one.frame.faces) for one in verdicts] == [1, 0, 0]
    assert "older" not in {one.frame.labelled_by for one in verdicts}


def test_pseudo_labels_are_measured_against_people_s(tmp_path: Path) -> None:
    faces = [(30, 40, 24, 30, 0.9), (250, 100, 40, 50, 0.35)]
    frames = [
        labelled(tmp_path, "a.png", 1, [faces[0]]),
        labelled(tmp_path, "b.png", 2, faces),
        framed(tmp_path, "c.png", room(3, faces)),
    ]

    found = compare_with_people(pooled(tmp_path, frames), strong_reader())

    assert (found.champion.frames, found.champion.faces) == (2, 3)
    assert found.champion.recall == pytest.approx(2 / 3, abs=1e-4)
    assert found.pseudo_labels is not None
    assert (found.pseudo_labels.precision, found.pseudo_labels.recall) == (1, 1)
    assert found.left_for_review == 1


def test_without_people_s_labels_there_is_nothing_to_compare(tmp_path: Path) -> None:
    pool = pooled(tmp_path, [framed(tmp_path, "a.png", room(1))])

    with pytest.raises(ManifestError, match="no frame that people labelled"):
        compare_with_people(pool, strong_reader())


def test_the_stronger_reading_sees_the_same_weights_at_twice_the_size(tmp_path: Path) -> None:
    weights = centerface_graph(tmp_path / "drawn.onnx")
    red = np.zeros((64, 64, 3), np.uint8)
    red[24:40, 24:40] = (0, 0, 255)

    reader = StrongReader.open(Catalogue.read().describe(weights))
    fused = reader.read(red)

    assert reader.enlarged is not None
    assert len(fused.boxes) > 0
    # Each look has its own cells: only what lies under the red is seen.
    centres = fused.boxes[:, :2] + fused.boxes[:, 2:] / 2
    assert ((centres > 16) & (centres < 48)).all()


def test_a_network_whose_file_fixes_its_size_is_given_tiles_instead(tmp_path: Path) -> None:
    weights = yunet_graph(tmp_path / "fixed.onnx", picture=(1, 3, 64, 64))

    reader = StrongReader.open(Catalogue.read().describe(weights))

    assert reader.enlarged is None
    assert reader.read(np.zeros((64, 64, 3), np.uint8)).boxes.shape == (0, 4)
