"""retire_streams: CloudFormation is answered in any case."""

import json

import pytest
from botocore.exceptions import ClientError

from functions.retire_streams.handler import Adapters, ResourceRequest, respond

REQUEST = {
    "RequestType": "Delete",
    "ResponseURL": "https://example.com/answer",
    "StackId": "stack",
    "RequestId": "request",
    "LogicalResourceId": "Streams",
    "PhysicalResourceId": "camera-streams",
    "ResourceType": "Custom::CameraStreams",
}


def answer_to(request_type, retire):
    answers = []
    request = ResourceRequest.model_validate(REQUEST | {"RequestType": request_type})

    respond(request, Adapters(retire=retire, answer=lambda url, body: answers.append((url, body))))

    ((url, body),) = answers
    assert url == REQUEST["ResponseURL"]
    return json.loads(body)


def refused():
    raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "DeleteStream")


def test_the_streams_go_with_the_stack():
    assert answer_to("Delete", lambda: 3) == {
        "Status": "SUCCESS",
        "Reason": "deleted 3 streams",
        "PhysicalResourceId": "camera-streams",
        "StackId": "stack",
        "RequestId": "request",
        "LogicalResourceId": "Streams",
    }


@pytest.mark.parametrize("request_type", ["Create", "Update"])
def test_nothing_is_retired_while_the_stack_stays(request_type):
    assert answer_to(request_type, refused)["Status"] == "SUCCESS"


def test_a_refusal_is_answered_with_its_reason():
    answer = answer_to("Delete", refused)

    assert answer["Status"] == "FAILED"
    assert "AccessDenied" in answer["Reason"]
