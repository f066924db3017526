"""IAM in the embedded AWS: a function may do what its role's policies say, and nothing else."""

import io
import json
import zipfile
from collections.abc import Iterator
from typing import Any

import pytest

from local.launcher import ACCOUNT_ID, REGION, EmbeddedAws

CODE = """
import boto3
from botocore.exceptions import ClientError

def handle(event, context):
    try:
        if event == "video":
            boto3.client("kinesisvideo").describe_stream(StreamName="north")
        else:
            boto3.client("sqs").send_message(QueueUrl=event, MessageBody="hello")
    except ClientError as refused:
        return refused.response["Error"]["Code"]
    return "done"
"""


@pytest.fixture(scope="module")
def aws() -> Iterator[EmbeddedAws]:
    with EmbeddedAws() as running:
        running.client("kinesisvideo").create_stream(StreamName="north")
        running.client("sqs").create_queue(QueueName="letters")
        yield running


def run_as(aws: EmbeddedAws, name: str, about: str, *allowed: dict[str, str]) -> str:
    """Return what a function with a role of its own says when it is asked to do something."""
    iam = aws.client("iam")
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps({"Statement": []}))
    if allowed:
        statements = [{"Effect": "Allow", **one} for one in allowed]
        policy: dict[str, Any] = {"Version": "2012-10-17", "Statement": statements}
        iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=json.dumps(policy))
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("handler.py", CODE)
    functions = aws.client("lambda")
    functions.create_function(
        FunctionName=name,
        Runtime="python3.13",
        Role=role["Role"]["Arn"],
        Handler="handler.handle",
        Code={"ZipFile": content.getvalue()},
        Timeout=10,
    )
    answer = functions.invoke(FunctionName=name, Payload=json.dumps(about).encode())
    return str(json.loads(answer["Payload"].read()))


STREAMS = f"arn:aws:kinesisvideo:{REGION}:{ACCOUNT_ID}:stream"


@pytest.mark.parametrize(
    ("name", "allowed", "says"),
    [
        ("nothing", [], "AccessDeniedException"),
        (
            "another-stream",
            [{"Action": "kinesisvideo:DescribeStream", "Resource": f"{STREAMS}/south/*"}],
            "AccessDeniedException",
        ),
        (
            "another-action",
            [{"Action": "kinesisvideo:GetMedia", "Resource": f"{STREAMS}/north/*"}],
            "AccessDeniedException",
        ),
        (
            "this-stream",
            [{"Action": "kinesisvideo:DescribeStream", "Resource": f"{STREAMS}/no*/*"}],
            "done",
        ),
    ],
)
def test_a_foreign_service_asks_the_role_of_its_caller(
    aws: EmbeddedAws, name: str, allowed: list[dict[str, str]], says: str
) -> None:
    assert run_as(aws, name, "video", *allowed) == says


@pytest.mark.parametrize(
    ("name", "allowed", "says"),
    [
        ("mute", [], "AccessDenied"),
        ("may-write", [{"Action": "sqs:SendMessage", "Resource": "*"}], "done"),
    ],
)
def test_ministack_asks_the_role_of_its_caller(
    aws: EmbeddedAws, name: str, allowed: list[dict[str, str]], says: str
) -> None:
    queue = aws.client("sqs").get_queue_url(QueueName="letters")["QueueUrl"]

    assert run_as(aws, name, queue, *allowed).startswith(says)


def test_iam_can_be_left_out() -> None:
    with EmbeddedAws(authorize=False) as aws:
        aws.client("kinesisvideo").create_stream(StreamName="north")

        assert run_as(aws, "nothing", "video") == "done"
