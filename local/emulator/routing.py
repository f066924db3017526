"""Send each request to the service it was signed for."""

import re
from collections.abc import Mapping
from urllib.parse import parse_qs

from local.emulator.service import AsgiApp, Receive, Scope, Send

# Credential=AKID/20260131/us-east-1/kinesisvideo/aws4_request
_CREDENTIAL = re.compile(r"Credential=([^/,\s]+)/\d{8}/[^/,\s]+/([^/,\s]+)/aws4_request")


def header(scope: Scope, name: bytes) -> str | None:
    """Return the first header called `name`, which is in lower case, or None."""
    for found, value in scope.get("headers", []):
        if found.lower() == name:
            return str(value.decode("latin-1"))
    return None


def credential_scope(scope: Scope) -> str | None:
    """Return the service named by a request's SigV4 signature, or None if it has none."""
    return _credential(scope)[1]


def access_key_id(scope: Scope) -> str | None:
    """Return who signed a request, or None if nobody did."""
    return _credential(scope)[0]


def _credential(scope: Scope) -> tuple[str, str] | tuple[None, None]:
    authorization = header(scope, b"authorization")
    if authorization is None:
        query = parse_qs(scope.get("query_string", b"").decode("latin-1"))
        authorization = "Credential=" + "".join(query.get("X-Amz-Credential", []))
    found = _CREDENTIAL.search(authorization)
    return (found.group(1), found.group(2)) if found else (None, None)


class ServiceRouter:
    """An ASGI app: foreign services by credential scope, everything else to MiniStack.

    MiniStack sees every request as if it had come through TLS, because the policies that CDK
    writes deny plain HTTP and the loopback has no certificate.
    """

    def __init__(self, ministack: AsgiApp, foreign: Mapping[str, AsgiApp]) -> None:
        self._ministack = ministack
        self._foreign = foreign

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or MiniStack's life span."""
        if scope["type"] != "http":
            await self._ministack(scope, receive, send)
            return
        service = credential_scope(scope)
        foreign = self._foreign.get(service) if service else None
        if foreign is not None:
            await foreign(scope, receive, send)
            return
        headers = [*scope["headers"], (b"x-forwarded-proto", b"https")]
        await self._ministack({**scope, "headers": headers}, receive, send)
