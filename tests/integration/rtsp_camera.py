"""A camera on loopback: RTSP with a password, H.264 in RTP inside the one TCP connection.

Enough of RFC 2326 and RFC 6184 for libav, and no more: one stream, interleaved, no RTCP.
"""

import base64
import contextlib
import socketserver
import struct
import threading
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Self

from headcount.media.mkv import Cluster, Frame

_PAYLOAD_TYPE = 96
_CLOCK_HZ = 90_000
_MAX_PAYLOAD = 1_300
_FU_A = 28


class RtspCamera:
    """Serves recorded clusters over and over, ten frames a second.

    Args:
        clusters: Of one track.
        credentials: `user:password` that a client must know.
        hangs_up_after: Frames after which a connection is closed, as cameras do that restart.
    """

    def __init__(
        self, clusters: Sequence[Cluster], credentials: str, hangs_up_after: int | None = None
    ) -> None:
        self.clusters = clusters
        self.authorization = f"Basic {base64.b64encode(credentials.encode()).decode()}"
        self.hangs_up_after = hangs_up_after
        self.sessions = 0
        self.stopped = threading.Event()
        camera = self

        class Handler(_Session):
            camera_of = camera

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stopped.set()
        self._server.shutdown()
        self._server.server_close()

    @property
    def address(self) -> str:
        """Host and port."""
        return f"127.0.0.1:{self._server.server_address[1]}"

    def description(self) -> str:
        """Return the SDP, with the parameter sets from the clusters' header."""
        private = self.clusters[0].video_track().codec_private
        length = int.from_bytes(private[6:8], "big")
        sets = (private[8 : 8 + length], private[8 + length + 3 :])
        written = ",".join(base64.b64encode(one).decode() for one in sets)
        lines = (
            "v=0",
            "o=- 0 0 IN IP4 127.0.0.1",
            "s=camera",
            "c=IN IP4 0.0.0.0",
            "t=0 0",
            f"m=video 0 RTP/AVP {_PAYLOAD_TYPE}",
            f"a=rtpmap:{_PAYLOAD_TYPE} H264/{_CLOCK_HZ}",
            f"a=fmtp:{_PAYLOAD_TYPE} packetization-mode=1;sprop-parameter-sets={written}",
            "a=control:track1",
        )
        return "\r\n".join((*lines, ""))


class _Session(socketserver.StreamRequestHandler):
    camera_of: RtspCamera

    def handle(self) -> None:
        with contextlib.suppress(OSError):
            while request := self._request():
                method, headers = request
                if headers.get("authorization") != self.camera_of.authorization:
                    self._answer("401 Unauthorized", headers, 'WWW-Authenticate: Basic realm="c"')
                elif method == "DESCRIBE":
                    sdp = self.camera_of.description()
                    self._answer("200 OK", headers, "Content-Type: application/sdp", body=sdp)
                elif method == "SETUP":
                    transport = f"Transport: {headers['transport']}"
                    self._answer("200 OK", headers, transport, "Session: 1")
                elif method == "PLAY":
                    self._answer("200 OK", headers, "Session: 1")
                    self._play()
                    return
                else:
                    self._answer("200 OK", headers, "Public: DESCRIBE, SETUP, PLAY, TEARDOWN")

    def _request(self) -> tuple[str, dict[str, str]] | None:
        first = self.rfile.readline().decode()
        headers = {}
        while (line := self.rfile.readline().decode().strip()) != "":
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        return (first.split()[0], headers) if first.strip() else None

    def _answer(self, status: str, request: dict[str, str], *headers: str, body: str = "") -> None:
        lines = (
            f"RTSP/1.0 {status}",
            f"CSeq: {request.get('cseq', '0')}",
            f"Content-Length: {len(body)}",
            *headers,
        )
        self.wfile.write("\r\n".join((*lines, "", body)).encode())

    def _play(self) -> None:
        self.camera_of.sessions += 1
        sequence = 0
        frames = [frame for one in self.camera_of.clusters for frame in one.video_frames()]
        for number, frame in enumerate(_forever(frames)):
            if number == self.camera_of.hangs_up_after or self.camera_of.stopped.wait(0.1):
                return
            payloads = list(_payloads(frame))
            for payload in payloads:
                marker = 0x80 if payload is payloads[-1] else 0
                head = struct.pack(
                    ">BBHII", 0x80, marker | _PAYLOAD_TYPE, sequence, number * _CLOCK_HZ // 10, 1
                )
                packet = head + payload
                self.wfile.write(b"$\0" + len(packet).to_bytes(2, "big") + packet)
                sequence = (sequence + 1) & 0xFFFF


def _forever(frames: Sequence[Frame]) -> Iterator[Frame]:
    while True:
        yield from frames


def _payloads(frame: Frame) -> Iterator[bytes]:
    """Yield RTP payloads: a unit as it is, or in fragments where it is too long."""
    at = 0
    while at < len(frame.data):
        length = int.from_bytes(frame.data[at : at + 4], "big")
        unit = frame.data[at + 4 : at + 4 + length]
        at += 4 + length
        if len(unit) <= _MAX_PAYLOAD:
            yield unit
            continue
        pieces = [unit[n : n + _MAX_PAYLOAD] for n in range(1, len(unit), _MAX_PAYLOAD)]
        for number, piece in enumerate(pieces):
            ends = (0x80 if number == 0 else 0) | (0x40 if number == len(pieces) - 1 else 0)
            yield bytes([unit[0] & 0xE0 | _FU_A, ends | unit[0] & 0x1F]) + piece
