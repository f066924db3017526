import struct
import threading
import time
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest

from edge.sources import VideoSource, check_source
from headcount.errors import SourceError
from tests.clips import captured, walking

FRAMES_PER_S = 25


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fifth of a second, five frames."""
    path = tmp_path_factory.mktemp("clips") / "walking.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=FRAMES_PER_S)
        stream.width, stream.height, stream.pix_fmt = 320, 180, "yuv420p"
        for frame in captured(walking(5), FRAMES_PER_S):
            container.mux(stream.encode(frame.image))
        container.mux(stream.encode())
    return path


def test_a_file_plays_at_its_own_pace(clip: Path) -> None:
    begun = time.monotonic()

    frames = list(VideoSource(str(clip), frames_per_s=FRAMES_PER_S).frames())

    assert len(frames) == 5
    assert 0.16 <= time.monotonic() - begun < 2
    steps = [
        (after.captured_at - before.captured_at).total_seconds()
        for before, after in pairwise(frames)
    ]
    assert steps == pytest.approx([1 / FRAMES_PER_S] * 4, abs=0.01)


def test_a_loop_goes_on_where_the_file_ends(clip: Path) -> None:
    source = VideoSource(str(clip), loop=True, frames_per_s=FRAMES_PER_S)
    frames = []

    for frame in source.frames():
        frames.append(frame.captured_at)
        if len(frames) == 8:
            source.stop()

    assert len(frames) == 8
    assert frames == sorted(set(frames))


def test_frames_beyond_the_rate_asked_for_are_left_out(clip: Path) -> None:
    assert len(list(VideoSource(str(clip), frames_per_s=12).frames())) == 3


def test_stopping_from_another_thread_ends_the_frames(clip: Path) -> None:
    source = VideoSource(str(clip), loop=True, frames_per_s=FRAMES_PER_S)
    timer = threading.Timer(0.1, source.stop)
    timer.start()

    frames = list(source.frames())
    timer.join()

    assert 1 <= len(frames) <= 5


def test_a_missing_file_is_named_with_what_to_do() -> None:
    with pytest.raises(SourceError, match=r"no/such\.mp4: no such file\. Give the path of a video"):
        check_source("no/such.mp4")


def test_a_file_that_is_no_video_says_so(tmp_path: Path) -> None:
    text = tmp_path / "notes.mp4"
    text.write_text("not a video")

    with pytest.raises(SourceError, match="Is it a video"):
        check_source(str(text))


def test_a_film_of_sound_alone_holds_no_video(tmp_path: Path) -> None:
    sound = tmp_path / "sound.wav"
    with av.open(str(sound), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000)
        frame = av.AudioFrame(format="s16", layout="mono", samples=800)
        frame.sample_rate = 8000
        frame.planes[0].update(bytes(1600))
        container.mux(stream.encode(frame))

    with pytest.raises(SourceError, match="it holds no video"):
        check_source(str(sound))


def test_a_film_turned_on_its_side_is_shown_upright(clip: Path, tmp_path: Path) -> None:
    film = bytearray(clip.read_bytes())
    # The matrix of the track header, ISO/IEC 14496-12 section 8.3.2: a quarter turn clockwise.
    at = film.index(b"tkhd") + 44
    film[at : at + 36] = struct.pack(">9i", 0, 1 << 16, 0, -1 << 16, 0, 0, 0, 0, 1 << 30)
    turned = tmp_path / "turned.mp4"
    turned.write_bytes(film)

    upright = [next(iter(VideoSource(str(path)).frames())).image for path in (clip, turned)]

    before, after = (image.to_ndarray(format="gray") for image in upright)
    assert after.shape == (320, 180)
    assert np.abs(np.rot90(before, -1).astype(int) - after).mean() < 5


def test_a_stream_without_times_plays_at_its_frame_rate(tmp_path: Path) -> None:
    bare = tmp_path / "walking.h264"
    with av.open(str(bare), "w", format="h264") as container:
        stream = container.add_stream("libx264", rate=FRAMES_PER_S)
        stream.width, stream.height, stream.pix_fmt = 320, 180, "yuv420p"
        for frame in captured(walking(5), FRAMES_PER_S):
            container.mux(stream.encode(frame.image))
        container.mux(stream.encode())

    frames = list(VideoSource(str(bare), frames_per_s=FRAMES_PER_S).frames())

    assert len(frames) == 5
    assert (frames[-1].captured_at - frames[0].captured_at).total_seconds() >= 0.1


@pytest.mark.parametrize(
    "location",
    ["rtps://admin:s3cret@10.0.0.7/typo", "rtsp://[::1/s3cret", "rtsp://a:s3/cret@10.0.0.7/x"],
)
def test_a_source_that_cannot_be_opened_is_refused_without_its_login(location: str) -> None:
    with pytest.raises(SourceError) as refused:
        check_source(location)

    assert "cret@" not in str(refused.value)
    assert "admin" not in str(refused.value)
