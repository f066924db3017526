"""H.264 with settings that make frame sizes mean something, a key frame where each fragment begins.

The quantiser is constant: then an unchanged picture costs almost nothing, whatever its noise, and
`headcount.media.motion` can tell from the sizes alone whether something moves. A bit rate or a
quality target (CRF) would spend more on a still scene just because there is room; measured on an
empty corridor, CRF 23 spends as much as on a person in it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from typing import Any

import av

from edge.h264 import decoder_configuration, to_length_prefixed
from edge.sources import CapturedFrame
from headcount.errors import SourceError
from headcount.media.mkv import Frame, Track
from headcount.media.muxer import AVC_CODEC_ID

# Chosen: wider adds nothing for a face detector that sees 1280 pixels at most.
MAX_WIDTH = 1280
# Measured: hides sensor noise of 2 grey levels, and still shows people who sit and listen.
_QUANTISER = 28
_OPTIONS = {
    "preset": "veryfast",
    "tune": "zerolatency",
    "qp": str(_QUANTISER),
    # Key frames only where we ask for one, and nothing refers across them.
    "sc_threshold": "0",
    "forced-idr": "1",
    "bf": "0",
    # One slice a frame: slices cost bytes of their own, and a camera gets one core at most.
    "threads": "1",
}
_TICKS_PER_S = 1000
# Never reached: a key frame comes with each fragment.
_KEY_INTERVAL_FRAMES = 100_000
_TRACK = 1


@dataclass(frozen=True, slots=True)
class EncodedFrame:
    """A frame on its way to Kinesis Video.

    Attributes:
        frame: Its time is epoch milliseconds.
        track: What it is to be read with.
        captured_at: Aware, UTC.
    """

    frame: Frame
    track: Track
    captured_at: datetime


class Encoder:
    """Encodes one camera's frames, all of one size.

    Args:
        fragment_s: Seconds between key frames.
        frames_per_s: What the rate control is told; frames may come as they like.
    """

    def __init__(self, fragment_s: float, frames_per_s: int) -> None:
        self._fragment_ms = round(fragment_s * 1000)
        self._frames_per_s = frames_per_s
        self._codec: Any = None
        self._track: Track | None = None
        self._next_key_ms = 0
        self._last_ms = 0

    def encode(self, captured: CapturedFrame) -> Iterator[EncodedFrame]:
        """Yield the encoded frame; a changed picture size begins a new track.

        Raises:
            SourceError: If pictures of this size cannot be encoded.
        """
        width, height = _size(captured.image.width, captured.image.height)
        if self._track is None or (self._track.width, self._track.height) != (width, height):
            self._codec = self._open(width, height)
            configuration = decoder_configuration(self._codec.extradata)
            self._track = Track(_TRACK, True, AVC_CODEC_ID, configuration, width, height)
            self._next_key_ms = 0
        time_ms = round(captured.captured_at.timestamp() * 1000)
        # Kinesis Video refuses a time that does not grow.
        time_ms = max(time_ms, self._last_ms + 1)
        self._last_ms = time_ms
        image = captured.image.reformat(width=width, height=height, format="yuv420p")
        image.pts, image.time_base = time_ms, Fraction(1, _TICKS_PER_S)
        is_key = time_ms >= self._next_key_ms
        image.pict_type = (
            av.video.frame.PictureType.I if is_key else av.video.frame.PictureType.NONE
        )
        if is_key:
            self._next_key_ms = time_ms + self._fragment_ms
        for packet in self._codec.encode(image):
            data = to_length_prefixed(bytes(packet))
            frame = Frame(_TRACK, packet.pts, packet.is_keyframe, data)
            yield EncodedFrame(frame, self._track, captured.captured_at)

    def _open(self, width: int, height: int) -> Any:
        codec: Any = av.CodecContext.create("libx264", "w")
        codec.width, codec.height, codec.pix_fmt = width, height, "yuv420p"
        codec.time_base = Fraction(1, _TICKS_PER_S)
        codec.framerate = Fraction(self._frames_per_s)
        codec.gop_size = _KEY_INTERVAL_FRAMES
        codec.options = _OPTIONS
        # Parameter sets beside the stream, not in it: Matroska wants them in its header.
        codec.flags |= av.codec.context.Flags.global_header
        try:
            codec.open()
        except av.FFmpegError as fault:
            raise SourceError(
                f"Pictures of {width} x {height} pixels cannot be encoded as H.264. "
                "Let the camera send a usual size."
            ) from fault
        return codec


def _size(width: int, height: int) -> tuple[int, int]:
    """Return what a picture is encoded at: no wider than 1280, even both ways for 4:2:0."""
    if width > MAX_WIDTH:
        width, height = MAX_WIDTH, round(height * MAX_WIDTH / width)
    return max(2, width // 2 * 2), max(2, height // 2 * 2)
