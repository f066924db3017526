from pathlib import Path

import cv2
import numpy as np
import pytest

from headcount.errors import CorruptFragmentError
from headcount.media.fragments import Fragment, read_fragments
from headcount.media.keyframe import (
    decode_key_frame,
    encode_jpeg,
    grey_thumbnail,
    scene_change,
)
from headcount.media.mkv import Cluster, Frame
from tests.clips import archived, captured, encoded, room, walking


def fragment_of(cluster: Cluster) -> Fragment:
    (fragment,) = read_fragments([archived(cluster)])
    return fragment


def test_the_key_frame_is_the_first_picture() -> None:
    (cluster,) = encoded(captured(walking(5)))

    picture = decode_key_frame(fragment_of(cluster))

    assert picture.shape == (180, 320, 3)
    assert np.abs(picture.astype(int) - next(walking(1)).astype(int)).mean() < 6


def test_a_frame_that_is_no_video_is_a_corrupt_fragment() -> None:
    (cluster,) = encoded(captured([room()]))
    broken = Cluster(cluster.time_ms, cluster.tracks, (Frame(1, cluster.time_ms, True, b"\0" * 9),))

    with pytest.raises(CorruptFragmentError, match="cannot be decoded"):
        decode_key_frame(fragment_of(broken))


def test_a_real_fragment_is_decoded(shared_data: Path) -> None:
    stream = (shared_data / "kvs/output_get_media.mkv").read_bytes()

    fragment = next(iter(read_fragments([stream])))

    assert decode_key_frame(fragment).shape == (360, 640, 3)


def test_a_thumbnail_is_the_mean_of_areas() -> None:
    picture = np.zeros((360, 640, 3), np.uint8)
    picture[:, 320:] = 200

    thumbnail = grey_thumbnail(picture)

    assert thumbnail.shape == (36, 64)
    assert np.all(thumbnail[:, :32] == 0)
    assert np.all(thumbnail[:, 32:] == 200)


def test_the_same_scene_has_not_changed() -> None:
    thumbnail = grey_thumbnail(room())

    assert scene_change(thumbnail, thumbnail) == 0


def test_a_lamp_is_no_change_of_scene() -> None:
    thumbnail = grey_thumbnail(room())

    assert scene_change(thumbnail, thumbnail - np.uint8(30)) == 0


def test_a_person_is_a_change_of_the_share_that_they_cover() -> None:
    empty, occupied = room(), room()
    occupied[40:160, 100:160] = 255

    share = scene_change(grey_thumbnail(empty), grey_thumbnail(occupied))

    assert share == pytest.approx(120 * 60 / (180 * 320), rel=0.3)


def test_thumbnails_of_other_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match=r"\(36, 64\)"):
        scene_change(np.zeros((36, 64), np.uint8), np.zeros((18, 32), np.uint8))


def test_a_jpeg_is_no_wider_than_asked_for() -> None:
    jpeg = encode_jpeg(np.zeros((1080, 1920, 3), np.uint8))

    decoded = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)

    assert decoded is not None
    assert decoded.shape == (720, 1280, 3)


def test_an_empty_picture_is_no_jpeg() -> None:
    with pytest.raises(ValueError, match="0 x 0"):
        encode_jpeg(np.zeros((0, 0, 3), np.uint8))
