"""The server behind the page: on loopback, for one person, until it is stopped."""

import json
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from headcount.errors import ConflictError, HeadcountError, ManifestError
from training.review.desk import Desk
from training.review.door import SECURITY_HEADERS, Door

LOOPBACK = "127.0.0.1"
PAGE = Path(__file__).parent / "page"
_PAGE_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
# Bytes: what the most boxes of one frame take, with room to spare.
MAX_BODY_BYTES = 1_000_000
# Seconds that a browser may keep a connection without a word.
_PATIENCE_S = 30


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back."""

    status: HTTPStatus
    content_type: str
    body: bytes

    @classmethod
    def of(cls, document: Any, status: HTTPStatus = HTTPStatus.OK) -> "Answer":
        """Return JSON."""
        return cls(status, "application/json", json.dumps(document).encode())

    @classmethod
    def refusal(cls, status: HTTPStatus, error: object) -> "Answer":
        """Return a refusal in words."""
        return cls.of({"error": str(error)}, status)


class ReviewServer(ThreadingHTTPServer):
    """Serves the page, and the desk to whoever has the address."""

    daemon_threads = True

    def __init__(self, desk: Desk, port: int, announce: Callable[[str], None]) -> None:
        """Listen on loopback.

        Args:
            desk: What the page works on.
            port: 0 for any that is free.
            announce: Is told the address, and the next one each time one was used.

        Raises:
            ManifestError: If the port is taken or not ours to take.
        """
        try:
            super().__init__((LOOPBACK, port), _Handler)
        except (OSError, OverflowError) as fault:
            raise ManifestError(
                f"Port {port} of {LOOPBACK} cannot be had: {fault}.\n"
                "Choose another with --port, or leave it out to take a free one."
            ) from fault
        self.desk = desk
        self.door = Door(self.server_port)
        self.announce = announce
        self.page = {
            file.name: Answer(HTTPStatus.OK, _PAGE_TYPES[file.suffix], file.read_bytes())
            for file in PAGE.iterdir()
            if file.suffix in _PAGE_TYPES
        }

    @property
    def address(self) -> str:
        """Return the address that opens the page, once.

        The token is in the fragment, which browsers keep to themselves.
        """
        return f"http://{LOOPBACK}:{self.server_port}/#token={self.door.token}"

    def server_bind(self) -> None:
        """Take the port, without asking DNS for this machine's name as the parent would."""
        self.socket.bind(self.server_address)
        self.server_name, self.server_port = LOOPBACK, self.socket.getsockname()[1]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Report a fault of ours; a browser that hangs up is none."""
        if not isinstance(sys.exception(), ConnectionError | TimeoutError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "headcount"
    sys_version = ""
    timeout = _PATIENCE_S
    server: ReviewServer

    def do_GET(self) -> None:
        """Answer with the page, or with what the desk knows."""
        self._respond(self._get)

    def do_POST(self) -> None:
        """Take a token, or what a person did."""
        self._respond(self._post)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the framework's name
        """Log nothing: who opens pictures is noted elsewhere, and which ones nowhere."""

    def _respond(self, answer_to: Callable[[str], Answer]) -> None:
        self._body_is_read = self.headers.get("Content-Length", "0") == "0"
        answer = self._answer(answer_to)
        self.send_response(answer.status)
        for name, value in SECURITY_HEADERS.items():
            self.send_header(name, value)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(answer.body)))
        if not self._body_is_read:
            # What was not read would be taken for the next request.
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(answer.body)

    def _answer(self, answer_to: Callable[[str], Answer]) -> Answer:
        if not self.server.door.is_for_us(self.headers):
            return Answer.refusal(
                HTTPStatus.FORBIDDEN, "Only the review's own page may ask.\nOpen its address."
            )
        path = self.path.partition("?")[0]
        is_open = path == "/session" or not path.startswith("/api/")
        if not is_open and not self.server.door.admits(self.headers):
            return Answer.refusal(
                HTTPStatus.UNAUTHORIZED, "This page has no key.\nOpen the address printed last."
            )
        try:
            return answer_to(path)
        except ConflictError as fault:
            return Answer.refusal(HTTPStatus.CONFLICT, fault)
        except HeadcountError as fault:
            return Answer.refusal(HTTPStatus.UNPROCESSABLE_ENTITY, fault)

    def _get(self, path: str) -> Answer:
        desk = self.server.desk
        if path == "/api/frames":
            return Answer.of(desk.overview())
        if matched := re.fullmatch(r"/api/frames/(\d{1,9})", path):
            return Answer.of(desk.frame(int(matched[1])))
        if matched := re.fullmatch(r"/api/frames/(\d{1,9})/blurred", path):
            return Answer(HTTPStatus.OK, "image/jpeg", desk.blurred(int(matched[1])))
        page = self.server.page.get(path.removeprefix("/") or "index.html")
        return page or Answer.refusal(HTTPStatus.NOT_FOUND, "There is nothing here.")

    def _post(self, path: str) -> Answer:
        desk, said = self.server.desk, self._body()
        if path == "/session":
            return self._enter(said)
        if path == "/api/reread":
            desk.reread()
            return Answer.of(desk.overview())
        if matched := re.fullmatch(r"/api/frames/(\d{1,9})/(opened|confirmed|taken-back)", path):
            index, revision = int(matched[1]), str(said.get("revision", ""))
            if matched[2] == "opened":
                return Answer(HTTPStatus.OK, "image/jpeg", desk.open(index))
            if matched[2] == "confirmed":
                return Answer.of(desk.confirm(index, revision, said.get("boxes", ())))
            return Answer.of(desk.take_back(index, revision))
        return Answer.refusal(HTTPStatus.NOT_FOUND, "There is nothing here.")

    def _enter(self, said: dict[str, Any]) -> Answer:
        key = self.server.door.exchange(str(said.get("token", "")))
        if key is None:
            return Answer.refusal(
                HTTPStatus.FORBIDDEN,
                "This address is not valid, or was used already.\nOpen the address printed last.",
            )
        self.server.announce(self.server.address)
        return Answer.of({"key": key})

    def _body(self) -> dict[str, Any]:
        """Return what was sent.

        Raises:
            ManifestError: If it is no JSON object, or too long.
        """
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or int(length) > MAX_BODY_BYTES:
            raise ManifestError(f"At most {MAX_BODY_BYTES} bytes are read.\nSend fewer boxes.")
        raw = self.rfile.read(int(length))
        self._body_is_read = True
        try:
            document = json.loads(raw or b"{}")
        except (ValueError, RecursionError) as fault:
            raise ManifestError("That is not JSON.\nLoad the page again.") from fault
        if not isinstance(document, dict):
            raise ManifestError("That is no JSON object.\nLoad the page again.")
        return document
