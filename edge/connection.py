"""One PutMedia request on a socket of its own: media out, acknowledgements in meanwhile.

Neither botocore nor any Python HTTP client has PutMedia: its answer begins before its body ends.
"""

import contextlib
import http.client
import json
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast
from urllib.parse import urlsplit

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from edge.tls import DuplexTls
from headcount.errors import PutMediaError

_SERVICE = "kinesisvideo"
_PATH = "/putMedia"
_CONNECT_TIMEOUT_S = 10.0
# Kinesis Video says IDLE, or closes, before this when it hears nothing.
_SOCKET_TIMEOUT_S = 60.0


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """One line of PutMedia's answer.

    Attributes:
        kind: BUFFERING, RECEIVED, PERSISTED, IDLE or ERROR.
        time_ms: The fragment's timecode as it was sent; None if the line is about none.
        fragment_number: Empty if the line is about none.
        error_id: 0 unless `kind` is ERROR.
        error_code: Empty unless `kind` is ERROR.
    """

    kind: str
    time_ms: int | None = None
    fragment_number: str = ""
    error_id: int = 0
    error_code: str = ""

    @classmethod
    def parse(cls, line: bytes) -> "Acknowledgement":
        """Return what a line says.

        Raises:
            PutMediaError: If it is not an acknowledgement.
        """
        try:
            said: dict[str, Any] = json.loads(line)
            time_ms = said.get("FragmentTimecode")
            return cls(
                kind=str(said["EventType"]),
                time_ms=None if time_ms is None else int(time_ms),
                fragment_number=str(said.get("FragmentNumber") or ""),
                error_id=int(said.get("ErrorId") or 0),
                error_code=str(said.get("ErrorCode") or ""),
            )
        except (ValueError, KeyError, TypeError, AttributeError) as fault:
            raise PutMediaError(
                f"PutMedia answered {line[:80]!r}, which is no acknowledgement. Is the endpoint "
                "Kinesis Video?"
            ) from fault


class PutMediaConnection:
    """A PutMedia that has been asked for. One thread may send while another reads.

    Args:
        endpoint_url: From GetDataEndpoint for PUT_MEDIA.
        stream_name: An existing stream.
        region: Of the stream.
        credentials: Frozen or not; read once.

    Raises:
        PutMediaError: If the endpoint cannot be reached.
    """

    def __init__(
        self, endpoint_url: str, stream_name: str, region: str, credentials: Credentials
    ) -> None:
        self._stream_name = stream_name
        address = urlsplit(endpoint_url)
        is_secure = address.scheme == "https"
        host = address.hostname or ""
        try:
            plain = socket.create_connection(
                (host, address.port or (443 if is_secure else 80)), _CONNECT_TIMEOUT_S
            )
            # An acknowledgement is wanted for each piece: do not wait to fill packets.
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            # The handshake, too, may take no longer than this.
            plain.settimeout(_SOCKET_TIMEOUT_S)
            self._socket: socket.socket | DuplexTls = _secured(plain, host) if is_secure else plain
            self._socket.sendall(self._request(endpoint_url, region, credentials))
        except OSError as fault:
            raise PutMediaError(
                f"{endpoint_url} cannot be reached for PutMedia ({fault.strerror or fault}). Is "
                "the network up, and is HTTPS to Kinesis Video allowed from here?"
            ) from fault

    def _request(self, endpoint_url: str, region: str, credentials: Credentials) -> bytes:
        request = AWSRequest(
            "POST",
            endpoint_url.rstrip("/") + _PATH,
            headers={
                "x-amzn-stream-name": self._stream_name,
                "x-amzn-fragment-timecode-type": "ABSOLUTE",
                "x-amzn-producer-start-timestamp": f"{datetime.now(UTC).timestamp():.3f}",
                "x-amzn-fragment-acknowledgment-required": "1",
            },
        )
        SigV4Auth(credentials, _SERVICE, region).add_auth(request)
        headers = {
            "Host": urlsplit(endpoint_url).netloc,
            **dict(request.headers.items()),
            "Transfer-Encoding": "chunked",
            "Connection": "keep-alive",
            "User-Agent": "headcount-edge",
        }
        lines = [f"POST {_PATH} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
        return "\r\n".join([*lines, "", ""]).encode("latin-1")

    def send(self, media: bytes) -> None:
        """Send a piece of the body.

        Raises:
            PutMediaError: If the connection is gone; what `acknowledgements` said tells why.
        """
        try:
            self._socket.sendall(b"%x\r\n%b\r\n" % (len(media), media))
        except OSError as fault:
            raise self._lost(fault) from fault

    def finish(self) -> None:
        """End the body; acknowledgements may still come.

        Raises:
            PutMediaError: If the connection is gone.
        """
        try:
            self._socket.sendall(b"0\r\n\r\n")
        except OSError as fault:
            raise self._lost(fault) from fault

    def acknowledgements(self) -> Iterator[Acknowledgement]:
        """Yield what Kinesis Video says, as it says it, until it closes.

        Raises:
            PutMediaError: If it refuses the request, or the connection breaks.
        """
        # It takes no more of a socket than `makefile`.
        response = http.client.HTTPResponse(cast("socket.socket", self._socket), method="POST")
        try:
            response.begin()
            if response.status != http.HTTPStatus.OK:
                kind = response.getheader("x-amzn-ErrorType", "no error type")
                said = response.read(2000).decode(errors="replace")
                raise PutMediaError(
                    f"PutMedia to {self._stream_name}: HTTP {response.status}, {kind}: {said}"
                )
            for line in response:
                if line.strip():
                    yield Acknowledgement.parse(line)
        except (OSError, http.client.HTTPException) as fault:
            raise self._lost(fault) from fault
        finally:
            response.close()

    def close(self) -> None:
        """Close the socket, which ends `acknowledgements` in its thread too."""
        # An error here means that the other side has closed already.
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def _lost(self, fault: Exception) -> PutMediaError:
        reason = getattr(fault, "strerror", None) or type(fault).__name__
        return PutMediaError(f"PutMedia to {self._stream_name}: the connection is lost ({reason}).")


def _secured(plain: socket.socket, host: str) -> DuplexTls:
    """Return the connection in TLS, its peer's certificate checked."""
    context = ssl.create_default_context()
    return DuplexTls(context.wrap_socket(plain, server_hostname=host), _SOCKET_TIMEOUT_S)
