import asyncio

import pytest

from local.emulator.routing import ServiceRouter, credential_scope
from local.emulator.service import AsgiApp, Receive, Scope, Send

SIGNATURE = (
    "AWS4-HMAC-SHA256 Credential=test/20260131/us-east-1/{}/aws4_request, "
    "SignedHeaders=host, Signature=00"
)


def request(*headers: tuple[bytes, bytes], query: bytes = b"") -> Scope:
    return {"type": "http", "headers": list(headers), "query_string": query}


def signed_for(service: str) -> tuple[bytes, bytes]:
    return b"authorization", SIGNATURE.format(service).encode()


@pytest.mark.parametrize("service", ["kinesisvideo", "sagemaker", "s3"])
def test_a_signature_in_a_header_names_its_service(service: str) -> None:
    assert credential_scope(request(signed_for(service))) == service


def test_a_presigned_url_names_its_service() -> None:
    query = b"X-Amz-Credential=test%2F20260131%2Fus-east-1%2Fkinesisvideo%2Faws4_request"

    assert credential_scope(request(query=query)) == "kinesisvideo"


@pytest.mark.parametrize(
    "unsigned",
    [
        request(),
        request((b"authorization", b"Bearer kinesisvideo")),
        request(query=b"X-Amz-Credential=nonsense"),
    ],
)
def test_a_request_without_a_signature_names_no_service(unsigned: Scope) -> None:
    assert credential_scope(unsigned) is None


class Routed:
    """A router between one foreign service and MiniStack, and who was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, Scope]] = []

        foreign = {"kinesisvideo": self._app("video")}
        self.router = ServiceRouter(self._app("ministack"), foreign)

    def _app(self, name: str) -> AsgiApp:
        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            self.asked.append((name, scope))

        return app

    def ask(self, scope: Scope) -> tuple[str, Scope]:
        async def nothing(*_: object) -> dict[str, object]:
            return {}

        asyncio.run(self.router(scope, nothing, nothing))  # type: ignore[arg-type]
        return self.asked[-1]


def test_a_foreign_service_gets_what_is_signed_for_it_untouched() -> None:
    scope = request(signed_for("kinesisvideo"))

    assert Routed().ask(scope) == ("video", scope)


@pytest.mark.parametrize("scope", [request(), request(signed_for("s3")), {"type": "lifespan"}])
def test_ministack_gets_everything_else(scope: Scope) -> None:
    assert Routed().ask(scope)[0] == "ministack"


def test_ministack_takes_plain_http_for_tls() -> None:
    _, seen = Routed().ask(request(signed_for("s3")))

    assert (b"x-forwarded-proto", b"https") in seen["headers"]
