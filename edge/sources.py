"""Where pictures come from: a file played at its own pace, or a live RTSP or HTTP stream."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, Any

import av
import numpy as np

from edge.http_files import fetch
from headcount.errors import SourceError
from headcount.locations import scheme_of, without_login

# Chosen: how often people are looked at never needs more, and encoding costs by the frame.
DEFAULT_FRAMES_PER_S = 10
_OPEN_TIMEOUT_S = 10.0
_READ_TIMEOUT_S = 10.0
# A player that is so far behind (a busy machine, a suspended laptop) lets the clock go on.
_MAX_LATE = timedelta(seconds=1)
_FIRST_RETRY_S = 1.0
_LAST_RETRY_S = 30.0
_LIVE_SCHEMES = frozenset({"rtsp", "rtsps", "rtmp", "udp", "srt"})
_SCHEMES = _LIVE_SCHEMES | {"http", "https"}

Notify = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class CapturedFrame:
    """A decoded picture, and when it was captured or, for a file, played.

    Attributes:
        image: An `av.VideoFrame`.
        captured_at: Aware, UTC.
    """

    image: Any
    captured_at: datetime


class VideoSource:
    """A file, RTSP or HTTP(S) source, opened when `frames` is first asked for one.

    A file plays in real time, over and over with `loop`. So does an HTTP source of known length;
    one without, and RTSP, is live: it is read as it comes, and opened again when it ends.

    Args:
        location: A path or URL, with credentials where the camera wants them.
        loop: Whether a file begins again at its end.
        frames_per_s: Frames beyond so many a second are left out.
        notify: Is told, in words, of what goes wrong and is tried again.
    """

    def __init__(
        self,
        location: str,
        *,
        loop: bool = False,
        frames_per_s: int = DEFAULT_FRAMES_PER_S,
        notify: Notify = lambda _: None,
    ) -> None:
        self._location = location
        self._loop = loop
        self._frames_per_s = frames_per_s
        self._spacing = timedelta(seconds=1 / frames_per_s)
        self._notify = notify
        self._stopped = threading.Event()
        self.name = without_login(location)

    def stop(self) -> None:
        """Let `frames` end soon; may be called from any thread."""
        self._stopped.set()

    def frames(self) -> Iterator[CapturedFrame]:
        """Yield frames, each when its time has come.

        Raises:
            SourceError: If the source cannot be opened at first, or a file cannot be read on.
        """
        with _media(self._location) as media:
            yield from self._frames_of(media)

    def _frames_of(self, media: str | IO[bytes]) -> Iterator[CapturedFrame]:
        container = _open(self._location, media)
        is_live = _is_live(self._location, container)
        pace: Iterator[CapturedFrame]
        while not self._stopped.is_set():
            with container:
                pace = self._as_it_comes(container) if is_live else self._in_real_time(container)
                yield from self._thinned(pace)
            if self._stopped.is_set() or not (is_live or self._loop):
                return
            container = self._reopen() if is_live else _open(self._location, media)
            if container is None:
                return

    def _reopen(self) -> Any:
        """Return the live source opened again, trying ever less often, or None when stopped."""
        wait_s = _FIRST_RETRY_S
        while not self._stopped.wait(wait_s):
            try:
                return _open(self._location, self._location)
            except SourceError as fault:
                wait_s = min(wait_s * 2, _LAST_RETRY_S)
                self._notify(f"{fault} Trying again in {wait_s:.0f} s.")
        return None

    def _as_it_comes(self, container: Any) -> Iterator[CapturedFrame]:
        try:
            for image in container.decode(video=0):
                if self._stopped.is_set():
                    return
                yield CapturedFrame(image, datetime.now(UTC))
        except (av.FFmpegError, OSError) as fault:
            self._notify(f"{self.name}: {_reason(fault)}. Opening it again.")
            return
        self._notify(f"{self.name}: the stream has ended. Opening it again.")

    def _in_real_time(self, container: Any) -> Iterator[CapturedFrame]:
        first_s: float | None = None
        rate = float(container.streams.video[0].average_rate or self._frames_per_s)
        begun = datetime.now(UTC)
        try:
            for number, image in enumerate(container.decode(video=0)):
                # A bare H.264 stream knows the order of its frames and not their times.
                at_s = number / rate if image.time is None else image.time
                first_s = at_s if first_s is None else first_s
                due = begun + timedelta(seconds=at_s - first_s)
                now = datetime.now(UTC)
                if now - due > _MAX_LATE:
                    begun, due = begun + (now - due), now
                elif due > now and self._stopped.wait((due - now).total_seconds()):
                    return
                yield CapturedFrame(image, due)
        except (av.FFmpegError, OSError) as fault:
            raise SourceError(f"{self.name}: {_reason(fault)}. {_REMEDY}") from fault
        if first_s is None:
            raise SourceError(f"{self.name}: not one frame can be decoded. {_REMEDY}")
        # The last frame is shown as long as any other, before the file begins again.
        self._stopped.wait(1 / rate)

    def _thinned(self, frames: Iterator[CapturedFrame]) -> Iterator[CapturedFrame]:
        """Leave out frames so that the rest are `spacing` apart on average."""
        next_due: datetime | None = None
        for captured in frames:
            if next_due is None or captured.captured_at - next_due > self._spacing:
                next_due = captured.captured_at
            # A tenth of tolerance: time stamps in whole milliseconds jitter around the spacing.
            if captured.captured_at >= next_due - self._spacing / 10:
                next_due += self._spacing
                yield replace(captured, image=_upright(captured.image))


_REMEDY = "Is it a video? `ffplay` or VLC should be able to show it from this machine."


def check_source(location: str) -> None:
    """Return if a source can be opened and holds video.

    Raises:
        SourceError: If not; the message names the source without its credentials.
    """
    with _media(location) as media:
        _open(location, media).close()


@contextmanager
def _media(location: str) -> Iterator[str | IO[bytes]]:
    """Yield what is to be opened: the location itself, or what was fetched from it."""
    if not _is_film_behind_http(location):
        yield location
        return
    with fetch(location) as film:
        yield film


def _is_film_behind_http(location: str) -> bool:
    if scheme_of(location) not in ("http", "https"):
        return False
    with _open(location, location) as container:
        # One that has no length is a live stream, and would never end.
        return "mp4" in container.format.name.split(",") and container.duration is not None


def _open(location: str, media: str | IO[bytes]) -> Any:
    scheme, name = scheme_of(location), without_login(location)
    if scheme not in _SCHEMES and not Path(location).is_file():
        raise SourceError(
            f"{name or 'An empty source'}: no such file. Give the path of a video, or a URL that "
            "begins with rtsp:// or http(s)://."
        )
    # Interleaved in the one connection: UDP loses packets, and firewalls lose UDP.
    options = {"rtsp_transport": "tcp"} if scheme in ("rtsp", "rtsps") else {}
    if not isinstance(media, str):
        media.seek(0)
    try:
        container = av.open(media, options=options, timeout=(_OPEN_TIMEOUT_S, _READ_TIMEOUT_S))
    except (av.FFmpegError, OSError, ValueError) as fault:
        raise SourceError(f"{name}: {_reason(fault)}. {_REMEDY}") from fault
    if not container.streams.video:
        container.close()
        raise SourceError(f"{name}: it holds no video. {_REMEDY}")
    return container


def _upright(image: Any) -> Any:
    """Return a picture as it is to be shown: a phone films upright and notes the turn beside it."""
    quarter_turns = round(image.rotation / 90) % 4
    if quarter_turns == 0:
        return image
    turned = np.rot90(image.to_ndarray(format="rgb24"), quarter_turns)
    return av.VideoFrame.from_ndarray(np.ascontiguousarray(turned), format="rgb24")


def _reason(fault: Exception) -> str:
    """Return what went wrong without the address, which may hold a password."""
    said: str | None = getattr(fault, "strerror", None)
    return said or type(fault).__name__


def _is_live(location: str, container: Any) -> bool:
    scheme = scheme_of(location)
    return scheme in _LIVE_SCHEMES or (scheme in ("http", "https") and container.duration is None)
