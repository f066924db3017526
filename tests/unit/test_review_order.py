"""Which frames a reviewer is shown first, and what is said about why."""

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from training.manifest import Frame, Origin
from training.review.order import doubt, order_frames


def a_frame(scores: list[float] | None = None, **known: Any) -> Frame:
    """Return a frame that a model labelled with faces of these scores, or nobody."""
    scored = np.array(scores or [], float)
    origin = Origin.NOBODY if scores is None else Origin.MODEL
    faces = np.tile([10.0, 10, 20, 20], (len(scored), 1))
    given = {"camera_id": "hall", "origin": origin, "faces": faces, "scores": scored} | known
    return Frame(source="a.jpg", width_px=640, height_px=480, **given)


def places(*frames: Frame) -> list[int]:
    return [turn.index for turn in order_frames(frames)]


def reasons(*frames: Frame) -> list[str]:
    return [turn.reason for turn in order_frames(frames)]


def test_a_frame_without_a_label_comes_before_one_the_model_is_sure_of() -> None:
    sure, unlabelled = a_frame([0.95]), a_frame()

    assert places(sure, unlabelled) == [1, 0]
    assert reasons(sure, unlabelled)[0] == "Nobody has labelled it yet"


def test_the_least_sure_face_decides_and_is_named() -> None:
    unsure, sure = a_frame([0.95, 0.55]), a_frame([0.8])

    assert places(sure, unsure) == [1, 0]
    assert reasons(sure, unsure) == [
        "The model is unsure of a face (0.55)",
        "The model is sure of what it found",
    ]


def test_looks_that_disagree_come_before_a_face_that_is_only_doubtful() -> None:
    doubtful, disputed = a_frame([0.5]), a_frame([0.9, 0.3])

    assert places(doubtful, disputed) == [1, 0]
    assert "looks at it disagree about a face" in reasons(doubtful, disputed)[0]


def test_a_camera_seldom_seen_comes_first_among_equals() -> None:
    often = [a_frame([0.9]) for _ in range(10)]
    seldom = a_frame([0.9], camera_id="cellar")

    assert places(*often, seldom)[0] == 10
    assert reasons(*often, seldom)[0] == "Few come from its camera (1 frame of 11)"


def test_no_camera_is_rare_where_all_took_as_many() -> None:
    frames = [a_frame([0.9], camera_id=f"camera-{number}") for number in range(30)]

    assert set(reasons(*frames)) == {"The model is sure of what it found"}


def test_what_people_labelled_and_what_was_composed_comes_last() -> None:
    frames = [a_frame([0.4], origin=Origin.PEOPLE), a_frame([0.4], origin=Origin.COMPOSED)]

    assert places(*frames, a_frame([1.0])) == [2, 0, 1]
    assert reasons(*frames)[0] == "People have labelled it"


def test_a_second_frame_of_the_same_scene_waits_for_other_scenes() -> None:
    same = [a_frame(group="noon"), a_frame(group="noon"), a_frame(group="noon")]
    other = a_frame([0.65], group="night")

    assert places(*same, other) == [0, 3, 1, 2]


def test_no_face_leaves_nothing_to_doubt() -> None:
    assert doubt(a_frame([])) == 0.0
    assert doubt(a_frame([1.0])) == 0.0
    assert doubt(a_frame([0.5])) == 1.0


@given(
    st.lists(
        st.tuples(
            st.sampled_from(list(Origin)),
            st.lists(st.floats(0, 1), max_size=4),
            st.sampled_from(["hall", "cellar", ""]),
            st.sampled_from(["noon", "night", ""]),
        ),
        max_size=12,
    )
)
def test_every_frame_has_one_turn_and_a_reason(
    drawn: list[tuple[Origin, list[float], str, str]],
) -> None:
    frames = [
        a_frame(scores, origin=origin, camera_id=camera, group=group)
        for origin, scores, camera, group in drawn
    ]

    turns = order_frames(frames)

    assert sorted(turn.index for turn in turns) == list(range(len(frames)))
    assert all(turn.reason and turn.worth >= 0 for turn in turns)
    worths = [turn.worth for turn in turns]
    assert worths == sorted(worths, reverse=True)
