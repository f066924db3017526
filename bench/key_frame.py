"""CPU to get one frame out of a 2 s, 30-frame 720p fragment, against other ways of getting it."""

import io
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import av
import cv2
import numpy as np

from bench.clock import cpu_ms
from edge.encoder import Encoder
from edge.sources import CapturedFrame
from headcount.media.fragments import Fragment
from headcount.media.keyframe import decode_key_frame
from headcount.media.mkv import Cluster
from headcount.media.muxer import write_cluster, write_header

WIDTH, HEIGHT, FRAMES, FRAMES_PER_S = 1280, 720, 30, 15


def measure() -> dict[str, float]:
    """Return CPU milliseconds a fragment, one thread."""
    cv2.setNumThreads(1)
    cluster = _fragment()
    whole = write_header(cluster.tracks) + write_cluster(cluster)
    moment = datetime(2026, 3, 2, 12, tzinfo=UTC)
    fragment = Fragment("1", moment, moment, {}, cluster, None, None)
    ways: dict[str, Callable[[], object]] = {
        "ours: the key frame re-wrapped alone, OpenCV": lambda: decode_key_frame(fragment),
        "every frame with OpenCV": lambda: _all_frames(whole),
        "floor: a bare decoder (PyAV, not in the layer)": lambda: _bare_decoder(cluster),
    }
    return {name: cpu_ms(way) for name, way in ways.items()}


def _fragment() -> Cluster:
    """Return a fragment of a textured picture across which something moves."""
    coarse = np.random.default_rng(1).integers(40, 200, (HEIGHT // 40, WIDTH // 40, 3), np.uint8)
    room = np.asarray(cv2.resize(coarse, (WIDTH, HEIGHT)), np.uint8)
    encoder = Encoder(FRAMES / FRAMES_PER_S, FRAMES_PER_S)
    encoded = []
    for number in range(FRAMES):
        picture = room.copy()
        picture[200:600, 20 * number : 20 * number + 200] = room[:400, 600:800]
        frame = av.VideoFrame.from_ndarray(picture, format="bgr24")
        at = datetime(2026, 3, 2, 12, tzinfo=UTC) + timedelta(seconds=number / FRAMES_PER_S)
        encoded += list(encoder.encode(CapturedFrame(frame, at)))
    return Cluster(
        encoded[0].frame.time_ms, (encoded[0].track,), tuple(out.frame for out in encoded)
    )


def _all_frames(whole: bytes) -> None:
    # Held in a name: OpenCV reads from it and does not keep it alive.
    file = cast("cv2.IStreamReader", io.BytesIO(whole))
    capture = cv2.VideoCapture(file, cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1])
    while capture.read()[0]:
        pass
    capture.release()


def _bare_decoder(cluster: Cluster) -> None:
    decoder: Any = av.CodecContext.create("h264", "r")
    decoder.thread_count = 1
    decoder.extradata = cluster.video_track().codec_private
    packets = [av.Packet(cluster.key_frame().data), None]
    for packet in packets:
        for frame in decoder.decode(packet):
            frame.to_ndarray(format="bgr24")
