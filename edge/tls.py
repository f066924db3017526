"""TLS that one thread sends on while another reads, which Python's own sockets do not promise."""

import io
import selectors
import ssl
import threading
from collections.abc import Callable
from functools import partial
from typing import TypeVar

ReturnT = TypeVar("ReturnT")


class DuplexTls:
    """A TLS connection for two threads: as much of a socket as PutMedia needs.

    OpenSSL must not be entered by two threads at once: a read beside a write ends, rarely, in a
    broken connection. A lock around a blocking read would keep the sender waiting for an answer,
    so every call returns at once under the lock, and threads wait for the network outside of it.
    """

    def __init__(self, secured: ssl.SSLSocket, timeout_s: float) -> None:
        """Take a connection over.

        Args:
            secured: Connected, its handshake done.
            timeout_s: How long to wait for the network.
        """
        secured.setblocking(False)
        self._secured = secured
        self._timeout_s = timeout_s
        self._lock = threading.Lock()
        self._readable = selectors.DefaultSelector()
        self._readable.register(secured, selectors.EVENT_READ)
        self._writable = selectors.DefaultSelector()
        self._writable.register(secured, selectors.EVENT_WRITE)

    def sendall(self, content: bytes) -> None:
        """Send everything.

        Raises:
            OSError: If the connection is lost, or stays blocked for too long.
        """
        rest = memoryview(content)
        while rest:
            rest = rest[self._when_ready(partial(self._secured.send, rest)) :]

    def receive_into(self, buffer: memoryview) -> int:
        """Return how many bytes have come into `buffer`; 0 at the end.

        Raises:
            OSError: If the connection is lost, or nothing comes for too long.
        """
        return self._when_ready(partial(self._secured.recv_into, buffer))

    def makefile(self, _mode: str = "rb") -> io.BufferedReader:
        """Return what comes, as `http.client` wants to read it."""
        return io.BufferedReader(_Incoming(self))

    def shutdown(self, how: int) -> None:
        """End both directions, which wakes whoever waits."""
        with self._lock:
            self._secured.shutdown(how)

    def close(self) -> None:
        """Let go of the connection."""
        with self._lock:
            self._readable.close()
            self._writable.close()
            self._secured.close()

    def _when_ready(self, call: Callable[[], ReturnT]) -> ReturnT:
        while True:
            with self._lock:
                try:
                    return call()
                except ssl.SSLWantReadError:
                    ready = self._readable
                except ssl.SSLWantWriteError:
                    ready = self._writable
            try:
                has_moved = ready.select(self._timeout_s)
            except ValueError as closed:
                raise ConnectionAbortedError("closed by this side") from closed
            if not has_moved:
                raise TimeoutError(f"nothing moved for {self._timeout_s:.0f} s")


class _Incoming(io.RawIOBase):
    """The reading side as a file."""

    def __init__(self, connection: DuplexTls) -> None:
        self._connection = connection

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        return self._connection.receive_into(buffer)
