import json
from pathlib import Path

import pytest

from local.emulator.authorization import requested_action, requested_resource
from local.emulator.service import EmulatorConfig, Scope

CONFIG = EmulatorConfig("http://127.0.0.1:1", "us-east-1", "000000000000", Path(), Path())


def request(path: str, *headers: tuple[bytes, bytes]) -> Scope:
    return {"type": "http", "path": path, "headers": list(headers)}


@pytest.mark.parametrize(
    ("service", "scope", "action"),
    [
        ("kinesisvideo", request("/putMedia"), "kinesisvideo:PutMedia"),
        ("kinesisvideo", request("/listFragments"), "kinesisvideo:ListFragments"),
        ("sagemaker", request("/endpoints/Count/invocations"), "sagemaker:InvokeEndpoint"),
        (
            "sagemaker",
            request("/", (b"x-amz-target", b"SageMaker.CreateEndpoint")),
            "sagemaker:CreateEndpoint",
        ),
    ],
)
def test_a_request_asks_for_an_action(service: str, scope: Scope, action: str) -> None:
    assert requested_action(service, scope) == action


def test_an_invocation_is_about_its_endpoint_in_lower_case() -> None:
    resource = requested_resource("sagemaker", request("/endpoints/Count/invocations"), b"", CONFIG)

    assert resource == "arn:aws:sagemaker:us-east-1:000000000000:endpoint/count"


@pytest.mark.parametrize(
    ("scope", "body"),
    [
        (request("/listFragments"), json.dumps({"StreamName": "north"}).encode()),
        (request("/putMedia", (b"x-amzn-stream-name", b"north")), b""),
    ],
)
def test_a_stream_is_named_in_the_body_or_for_put_media_in_a_header(
    scope: Scope, body: bytes
) -> None:
    resource = requested_resource("kinesisvideo", scope, body, CONFIG)

    assert resource == "arn:aws:kinesisvideo:us-east-1:000000000000:stream/north/0"


@pytest.mark.parametrize("body", [b"", b"\xff\xd8jpeg", b"[1]"])
def test_a_request_that_names_nothing_is_about_everything(body: bytes) -> None:
    assert requested_resource("kinesisvideo", request("/listStreams"), body, CONFIG) == "*"
