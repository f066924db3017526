"""Who may speak to the review's server: whoever has the address that it printed."""

import secrets
import threading
from email.message import Message

# Bytes: more than can be guessed while a review lasts, or ever.
_SECRET_BYTES = 32

SECURITY_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
        "img-src 'self' blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    # A picture that was opened must not lie in the browser's cache afterwards.
    "Cache-Control": "no-store",
}


class Door:
    """Takes a token once and gives a key for it; the key opens everything else.

    The token stands in the address, where a list of processes or a history may show it: it is worth
    nothing once it was used. The key is only ever in the page's memory and its headers, and not in
    a cookie, which every server on 127.0.0.1 would be sent.
    """

    def __init__(self, port: int) -> None:
        self._hosts = frozenset({f"127.0.0.1:{port}", f"localhost:{port}"})
        self._lock = threading.Lock()
        self._keys: set[str] = set()
        self.token = secrets.token_urlsafe(_SECRET_BYTES)

    def exchange(self, token: str) -> str | None:
        """Return a key for the token, and make a new token; None if it is not the token."""
        with self._lock:
            if not _are_equal(token, self.token):
                return None
            self.token = secrets.token_urlsafe(_SECRET_BYTES)
            key = secrets.token_urlsafe(_SECRET_BYTES)
            self._keys.add(key)
            return key

    def admits(self, headers: Message) -> bool:
        """Return whether a request carries a key."""
        scheme, _, key = (headers.get("Authorization") or "").partition(" ")
        with self._lock:
            return scheme == "Bearer" and any(_are_equal(key, known) for known in self._keys)

    def is_for_us(self, headers: Message) -> bool:
        """Return whether a request was meant for this server and comes from its own page.

        A name that an attacker's DNS points at 127.0.0.1 shows in `Host`; another site's page shows
        in `Origin` and `Sec-Fetch-Site`.
        """
        origin = headers.get("Origin")
        return (
            headers.get("Host") in self._hosts
            and (origin is None or origin.removeprefix("http://") in self._hosts)
            and headers.get("Sec-Fetch-Site", "none") in ("none", "same-origin")
        )


def _are_equal(one: str, other: str) -> bool:
    """Compare in a time that tells nothing; what is no text of ours differs like any other."""
    return secrets.compare_digest(*(text.encode(errors="replace") for text in (one, other)))
