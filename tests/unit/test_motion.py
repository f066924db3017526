from datetime import timedelta
from itertools import takewhile
from pathlib import Path

import av
import numpy as np
import pytest

from edge.sources import CapturedFrame
from headcount.media.mkv import Cluster, Frame, Track
from headcount.media.motion import motion
from tests.clips import NOON, captured, encoded, room, walking

TRACK = Track(1, True, "V_MPEG4/ISO/AVC", b"", 320, 180)
# What is counted as motion by the estimator begins here; the tests below leave room to both sides.
SOMETHING_MOVES = 0.1


def cluster_of(key_bytes: int, *inter_bytes: int) -> Cluster:
    frames = [Frame(1, 0, True, bytes(key_bytes))]
    frames += [Frame(1, at, False, bytes(size)) for at, size in enumerate(inter_bytes, start=1)]
    return Cluster(0, (TRACK,), tuple(frames))


def test_unchanged_frames_are_no_motion() -> None:
    assert motion(cluster_of(20_000, 35, 40, 64, 20)) == 0


def test_one_odd_frame_is_no_motion() -> None:
    assert motion(cluster_of(20_000, 35, 40, 9_000, 20, 30)) == 0


def test_motion_grows_with_the_frames_and_ends_at_one() -> None:
    levels = [motion(cluster_of(20_000, size, size)) for size in (100, 300, 1000, 4064, 30_000)]

    assert levels == sorted(levels)
    assert levels[-2:] == pytest.approx([1.0, 1.0])


def test_a_key_frame_alone_says_nothing_of_motion() -> None:
    assert motion(cluster_of(20_000)) == 0


def test_a_noisy_picture_of_nothing_does_not_move() -> None:
    noise = np.random.default_rng(0)
    pictures = [
        np.clip(room() + noise.normal(0, 2, room().shape), 0, 255).astype(np.uint8)
        for _ in range(10)
    ]

    (cluster,) = encoded(captured(pictures))

    assert motion(cluster) < SOMETHING_MOVES / 2


def test_a_figure_that_walks_moves() -> None:
    (cluster,) = encoded(captured(walking(10)))

    assert motion(cluster) > SOMETHING_MOVES


def played(path: Path, start_s: float, seconds: float) -> list[CapturedFrame]:
    with av.open(str(path)) as container:
        container.seek(int(start_s * av.time_base))
        until = takewhile(lambda image: image.time < start_s + seconds, container.decode(video=0))
        images = [image for image in until if image.time >= start_s]
    return [CapturedFrame(image, NOON + timedelta(seconds=image.time)) for image in images]


@pytest.mark.parametrize("start_s", [2.0, 46.5, 121.0])
def test_a_real_empty_corridor_does_not_move(shared_data: Path, start_s: float) -> None:
    (cluster,) = encoded(played(shared_data / "video/one-by-one.mp4", start_s, 1.9))

    assert motion(cluster) < SOMETHING_MOVES / 2


@pytest.mark.parametrize("start_s", [7.0, 34.0, 106.0])
def test_a_real_person_in_the_corridor_moves(shared_data: Path, start_s: float) -> None:
    (cluster,) = encoded(played(shared_data / "video/one-by-one.mp4", start_s, 1.9))

    assert motion(cluster) > SOMETHING_MOVES


def test_real_people_who_sit_and_listen_move(shared_data: Path) -> None:
    (cluster,) = encoded(played(shared_data / "video/classroom.mp4", 0, 1.9))

    assert motion(cluster) > 2 * SOMETHING_MOVES
