from datetime import timedelta

import av
import pytest

from edge.encoder import Encoder
from edge.h264 import decoder_configuration, split_annex_b, to_length_prefixed
from edge.sources import CapturedFrame
from headcount.errors import MediaError, SourceError
from tests.clips import NOON, captured, encoded, room, walking


def test_a_fragment_begins_with_a_key_frame_and_has_no_other() -> None:
    clusters = encoded(captured(walking(45)), fragment_s=2.0)

    assert [len(cluster.frames) for cluster in clusters] == [20, 20, 5]
    for cluster in clusters:
        assert [frame.is_key for frame in cluster.frames] == [
            True,
            *[False] * (len(cluster.frames) - 1),
        ]


def test_times_are_those_of_capture_in_epoch_milliseconds() -> None:
    (cluster,) = encoded(captured(walking(3)))

    begun_ms = int(NOON.timestamp() * 1000)
    assert [frame.time_ms - begun_ms for frame in cluster.frames] == [0, 100, 200]


def test_times_grow_even_where_the_clock_stands_still() -> None:
    image = captured([room()])[0].image

    (cluster,) = encoded([CapturedFrame(image, NOON)] * 3)

    times = [frame.time_ms for frame in cluster.frames]
    assert times == sorted(set(times))


def test_wide_pictures_are_made_smaller_and_odd_ones_even() -> None:
    wide, odd = room(width=1920, height=1080), room(width=320, height=180)[:179, :319]

    sizes = [
        (cluster.video_track().width, cluster.video_track().height)
        for picture in (wide, odd)
        for cluster in encoded(captured([picture]))
    ]

    assert sizes == [(1280, 720), (318, 178)]


def test_another_picture_size_begins_another_track() -> None:
    pictures = [room(), room(), room(width=640, height=360)]

    small, large = encoded(captured(pictures))

    assert small.video_track() != large.video_track()
    assert large.frames[0].is_key


def test_frames_that_come_late_still_give_fragments_of_the_length_asked_for() -> None:
    frames = [
        CapturedFrame(frame.image, frame.captured_at + timedelta(seconds=0.7 * number))
        for number, frame in enumerate(captured(walking(6)))
    ]

    clusters = encoded(frames, fragment_s=2.0)

    assert [len(cluster.frames) for cluster in clusters] == [3, 3]


def test_units_are_found_between_start_codes_of_three_and_four_bytes() -> None:
    stream = b"\0\0\0\1\x67sps\0\0\1\x68pps\0\0\0\1\x65picture"

    assert list(split_annex_b(stream)) == [b"\x67sps", b"\x68pps", b"\x65picture"]
    assert to_length_prefixed(stream) == b"\0\0\0\x08\x65picture"


def test_the_decoder_configuration_holds_profile_level_and_both_parameter_sets() -> None:
    record = decoder_configuration(b"\0\0\0\1\x67\x42\xc0\x1e\x99\0\0\1\x68\xce")

    assert record == b"\x01\x42\xc0\x1e\xff\xe1\0\x05\x67\x42\xc0\x1e\x99\x01\0\x02\x68\xce"


def test_h264_without_parameter_sets_is_refused() -> None:
    with pytest.raises(MediaError, match="parameter sets"):
        decoder_configuration(b"\0\0\1\x65picture")


def test_an_encoder_takes_a_camera_whose_frame_rate_nobody_knows() -> None:
    encoder = Encoder(fragment_s=1.0, frames_per_s=10)
    image = captured([room()])[0].image

    out = [
        frame
        for number in range(8)
        for frame in encoder.encode(CapturedFrame(image, NOON + timedelta(seconds=number * 0.3)))
    ]

    assert [frame.frame.is_key for frame in out] == [True, False, False, False] * 2


def test_a_picture_that_no_encoder_takes_is_the_source_s_fault() -> None:
    endless = CapturedFrame(av.VideoFrame(16, 40_000, "yuv420p"), NOON)

    with pytest.raises(SourceError, match="16 x 40000 pixels cannot be encoded"):
        list(Encoder(fragment_s=1.0, frames_per_s=10).encode(endless))
