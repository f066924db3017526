"""Pictures and fragments for tests, encoded as the gateway encodes them."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import count

import av
import numpy as np
import numpy.typing as npt

from edge.encoder import Encoder
from edge.sources import CapturedFrame
from headcount.media.fragments import FRAGMENT_NUMBER_TAG, PRODUCER_TIME_TAGS, SERVER_TIME_TAGS
from headcount.media.mkv import Cluster
from headcount.media.muxer import write_cluster, write_header, write_tags

Picture = npt.NDArray[np.uint8]

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
NUMBER = "91343852333181432392682062607743920146159169392"
FRAMES_PER_S = 10


def room(seed: int = 1, width: int = 320, height: int = 180) -> Picture:
    """Return a textured picture without anybody in it."""
    coarse = np.random.default_rng(seed).integers(40, 200, (height // 20, width // 20, 3), np.uint8)
    return np.kron(coarse, np.ones((20, 20, 1), np.uint8))


def walking(pictures: int, width: int = 320, height: int = 180) -> Iterator[Picture]:
    """Yield the room with a figure that crosses it."""
    figure = room(seed=2, width=60, height=120)
    for step in range(pictures):
        picture = room(width=width, height=height)
        left = 4 * step % (width - 60)
        picture[40:160, left : left + 60] = figure
        yield picture


def captured(pictures: Iterable[Picture], frames_per_s: int = FRAMES_PER_S) -> list[CapturedFrame]:
    """Return pictures as a camera would give them from noon on."""
    return [
        CapturedFrame(
            av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="bgr24"),
            NOON + timedelta(seconds=number / frames_per_s),
        )
        for number, picture in zip(count(), pictures)
    ]


def encoded(frames: Iterable[CapturedFrame], fragment_s: float = 2.0) -> list[Cluster]:
    """Return clusters as the gateway sends them."""
    encoder = Encoder(fragment_s, FRAMES_PER_S)
    clusters: list[Cluster] = []
    for frame in frames:
        for out in encoder.encode(frame):
            if out.frame.is_key:
                clusters.append(Cluster(out.frame.time_ms, (out.track,), ()))
            last = clusters.pop()
            clusters.append(Cluster(last.time_ms, last.tracks, (*last.frames, out.frame)))
    return clusters


def archived(cluster: Cluster, number: str = NUMBER) -> bytes:
    """Return a cluster as GetMediaForFragmentList answers it."""
    tags = {
        FRAGMENT_NUMBER_TAG: number,
        SERVER_TIME_TAGS[1]: f"{cluster.time_ms / 1000 + 1:.3f}",
        PRODUCER_TIME_TAGS[1]: f"{cluster.time_ms / 1000:.3f}",
    }
    return write_header(cluster.tracks) + write_tags(tags) + write_cluster(cluster)
