"""Clips whose number of people is known, without the portraits."""

import threading
from concurrent.futures import CancelledError
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from local.portraits import PEOPLE
from local.scenes import (
    EMPTY,
    EMPTYING,
    HEIGHT,
    MEETING,
    WALK_S,
    WIDTH,
    Scene,
    Visit,
    compose,
    frames,
)

ONE_VISIT = Scene("one", 20, (Visit(0, 0.5, enters_s=4, leaves_s=10),))


@pytest.fixture
def without_portraits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is in these clips: no portrait has to be fetched."""
    monkeypatch.setattr("local.scenes.fetch_portraits", lambda: None)


def test_somebody_counts_once_seated_and_until_getting_up() -> None:
    assert ONE_VISIT.people_at(2) == 0
    assert ONE_VISIT.people_at(4 + WALK_S + 0.2) == 1
    assert ONE_VISIT.people_at(9.8) == 1
    assert ONE_VISIT.people_at(10 + WALK_S + 0.2) == 0


@pytest.mark.parametrize("at_s", [4.0, 4 + WALK_S / 2, 10.0, 10 + WALK_S])
def test_while_somebody_walks_the_count_is_not_defined(at_s: float) -> None:
    assert ONE_VISIT.people_at(at_s) is None


def test_a_scene_repeats_itself() -> None:
    assert [ONE_VISIT.people_at(20 + at_s) for at_s in range(20)] == [
        ONE_VISIT.people_at(at_s) for at_s in range(20)
    ]


def test_who_is_there_from_the_start_does_not_walk_in() -> None:
    assert MEETING.people_at(0) == 1
    assert EMPTYING.people_at(0) == 2


@pytest.mark.parametrize("scene", [MEETING, EMPTYING, EMPTY], ids=lambda scene: scene.name)
def test_every_visitor_has_a_portrait_and_a_seat_of_their_own(scene: Scene) -> None:
    for at_s in range(int(scene.seconds)):
        present = [visit for visit in scene.visits if visit.enters_s < at_s < visit.leaves_s]
        assert len({visit.seat for visit in present}) == len(present)
        assert len({visit.person for visit in present}) == len(present)
    assert all(visit.person < len(PEOPLE) for visit in scene.visits)


def test_an_empty_room_is_the_same_each_time_it_is_drawn() -> None:
    first, again = list(islice(frames(EMPTY), 3)), list(islice(frames(EMPTY), 3))

    assert all(np.array_equal(one, other) for one, other in zip(first, again, strict=True))
    assert first[0].shape == (HEIGHT, WIDTH, 3)


def test_sensor_noise_differs_from_frame_to_frame() -> None:
    one, other = islice(frames(EMPTY), 2)

    assert 0 < np.abs(one.astype(int) - other.astype(int)).mean() < 3


def test_a_clip_that_is_there_is_not_composed_again(
    tmp_path: Path, without_portraits: None
) -> None:
    scene = Scene("short", 0.2, ())
    clip = compose(scene, folder=tmp_path)
    said: list[str] = []

    assert compose(scene, said.append, folder=tmp_path) == clip
    assert said == []


def test_a_changed_scene_is_another_clip(tmp_path: Path, without_portraits: None) -> None:
    clips = {compose(Scene("short", seconds, ()), folder=tmp_path) for seconds in (0.1, 0.2)}

    assert len(clips) == 2


def test_composing_says_how_far_it_is(tmp_path: Path, without_portraits: None) -> None:
    said: list[str] = []

    compose(Scene("short", 1.1, ()), said.append, folder=tmp_path)

    assert said == [f"Composing the clip «short»: {second} of 1 s" for second in (0, 1)]


def test_a_clip_that_is_not_wanted_any_more_leaves_nothing(
    tmp_path: Path, without_portraits: None
) -> None:
    stopped = threading.Event()

    with pytest.raises(CancelledError):
        compose(Scene("short", 5, ()), lambda _line: stopped.set(), stopped, tmp_path)

    assert list(tmp_path.iterdir()) == []
