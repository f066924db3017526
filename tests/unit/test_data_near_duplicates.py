"""Which pictures are near-duplicates."""

from datetime import UTC, datetime

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.data_pool import SIZE_PX, room
from training.data.near_duplicates import Likeness, look_of
from training.data.pictures import Picture, read_picture
from training.manifest import Frame


def frame(source: str, **known: object) -> Frame:
    return Frame(source, *SIZE_PX, **known)  # type: ignore[arg-type]


def likeness(pictures: list[Picture], frames: list[Frame] | None = None) -> Likeness:
    named = frames or [frame(f"{number}.png") for number in range(len(pictures))]
    return Likeness(named, [look_of(picture) for picture in pictures])


def is_near(one: Picture, other: Picture) -> bool:
    return bool(likeness([one, other]).near(0, np.array([1]))[0])


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param(lambda picture: (picture * 0.3).astype(np.uint8), id="darker"),
        pytest.param(lambda picture: cv2.GaussianBlur(picture, (0, 0), 3), id="blurred"),
        pytest.param(lambda picture: cv2.resize(picture, (160, 90)), id="half the size"),
        pytest.param(
            lambda picture: cv2.imdecode(
                cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 30])[1], 1
            ),
            id="compressed",
        ),
    ],
)
def test_a_picture_in_other_light_size_or_quality_is_a_near_duplicate(changed) -> None:
    assert is_near(room(1), changed(room(1)))


def test_other_rooms_are_not_near_duplicates() -> None:
    pictures = [room(seed) for seed in range(30)]
    every = likeness(pictures)

    near = [every.near(index, np.arange(30)).sum() for index in range(30)]

    assert near == [1] * 30


def test_dark_pictures_are_alike_whatever_their_noise() -> None:
    random = np.random.default_rng(1)
    first, second = (random.integers(0, 3, (180, 320, 3), dtype=np.uint8) for _ in range(2))

    assert is_near(first, second)
    assert not is_near(first, room(1))


def test_one_camera_s_frames_differ_when_somebody_came() -> None:
    empty, peopled = room(1), room(1, [(100, 60, 20, 26, 0.9)])
    times = [datetime(2026, 3, 2, 9, minute, tzinfo=UTC) for minute in (0, 1)]
    seen_by_camera = [
        frame(f"{number}.png", camera_id="hall", captured_at=time)
        for number, time in enumerate(times)
    ]

    of_camera = likeness([empty, peopled], seen_by_camera)

    # As photographs they would be: nobody takes the same room twice by chance.
    assert is_near(empty, peopled)
    assert not of_camera.near(0, np.array([1]))[0]


def test_groups_are_joined_by_chains_and_keep_their_names() -> None:
    darker = (room(1) * 0.5).astype(np.uint8)
    frames = [
        frame("a.png", sha256="aa" * 32),
        frame("b.png", sha256="bb" * 32, group="hall-1"),
        frame("c.png", sha256="cc" * 32, group="hall-1"),
        frame("d.png", sha256="dd" * 32),
    ]

    groups = likeness([room(1), darker, room(2), room(3)], frames).groups()

    assert groups == ["hall-1", "hall-1", "hall-1", "like-dddddddddddd"]


@given(st.permutations(range(6)))
def test_groups_do_not_depend_on_the_order(order: list[int]) -> None:
    pictures = [room(1), (room(1) * 0.6).astype(np.uint8), room(2), room(3), room(3), room(4)]
    frames = [frame(f"{number}.png", sha256=f"{number}" * 64) for number in range(6)]

    straight = dict(zip(range(6), likeness(pictures, frames).groups(), strict=True))
    shuffled = likeness([pictures[n] for n in order], [frames[n] for n in order]).groups()

    assert dict(zip(order, shuffled, strict=True)) == straight
    assert len(set(straight.values())) == 4


def test_the_same_photograph_retouched_is_found_among_real_ones(shared_data) -> None:
    folder = shared_data / "faces/images"
    names = ["0181", "0263", "0210", "0221", "0001", "0002"]
    pictures = [read_picture(folder / f"{name}.jpg").pixels for name in names]

    groups = likeness(pictures).groups()

    assert groups[0] == groups[1]
    assert groups[2] == groups[3]
    assert len(set(groups)) == 4
