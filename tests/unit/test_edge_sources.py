import threading
import time
from itertools import pairwise
from pathlib import Path

import av
import pytest

from edge.sources import VideoSource, check_source, without_credentials
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


@pytest.mark.parametrize(
    ("location", "shown"),
    [
        ("rtsp://admin:s3cret@10.0.0.7:554/stream1", "rtsp://10.0.0.7:554/stream1"),
        ("https://user@host/live.m3u8?token=s3cret", "https://host/live.m3u8"),
        ("clips/lobby.mp4", "clips/lobby.mp4"),
    ],
)
def test_a_source_is_named_without_its_secrets(location: str, shown: str) -> None:
    assert without_credentials(location) == shown


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
