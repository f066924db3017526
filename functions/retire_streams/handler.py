"""A CloudFormation custom resource: when the stack goes, the cameras' streams go with it."""

import json
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, Literal

import boto3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.exceptions import BotoCoreError, ClientError
from pydantic import BaseModel, ConfigDict, Field

from headcount.aws.streams import KinesisVideoStreams
from headcount.settings import Settings

logger: Final = Logger()

_ANSWER_TIMEOUT_S: Final = 10


class RetireSettings(Settings):
    """What the function is told by its environment."""

    stream_prefix: str


class ResourceRequest(BaseModel):
    """What CloudFormation asks of a custom resource."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    request_type: Literal["Create", "Update", "Delete"] = Field(alias="RequestType")
    response_url: str = Field(alias="ResponseURL")
    stack_id: str = Field(alias="StackId")
    request_id: str = Field(alias="RequestId")
    logical_id: str = Field(alias="LogicalResourceId")
    physical_id: str = Field(default="camera-streams", alias="PhysicalResourceId")


@dataclass(frozen=True, slots=True)
class Adapters:
    """What the story needs from outside; `retire` returns how many streams it deleted."""

    retire: Callable[[], int]
    answer: Callable[[str, bytes], None]


@cache
def adapters() -> Adapters:
    """Build the adapters once per sandbox."""
    env = RetireSettings.from_env()
    streams = KinesisVideoStreams(boto3.client("kinesisvideo"), env.stream_prefix)
    return Adapters(retire=streams.retire, answer=_put)


@logger.inject_lambda_context
def lambda_handler(event: dict[str, Any], _context: LambdaContext) -> None:
    """Answer CloudFormation, on Delete after the streams are gone."""
    respond(ResourceRequest.model_validate(event), adapters())


def respond(request: ResourceRequest, to: Adapters) -> None:
    """Do what is asked, and answer in any case: without an answer a stack hangs for an hour."""
    status, reason = "SUCCESS", "nothing to do"
    if request.request_type == "Delete":
        try:
            reason = f"deleted {to.retire()} streams"
        except (BotoCoreError, ClientError) as fault:
            # The message of an AWS error says which call of which stream was refused.
            status, reason = "FAILED", f"{type(fault).__name__}: {fault}"
    logger.info("streams retired", request_type=request.request_type, status=status, reason=reason)
    to.answer(
        request.response_url,
        json.dumps(
            {
                "Status": status,
                "Reason": reason,
                "PhysicalResourceId": request.physical_id,
                "StackId": request.stack_id,
                "RequestId": request.request_id,
                "LogicalResourceId": request.logical_id,
            }
        ).encode(),
    )


def _put(url: str, body: bytes) -> None:
    # S3 signed the URL without a content type: sending one breaks the signature.
    request = urllib.request.Request(  # noqa: S310 - the URL is CloudFormation's own
        url, data=body, method="PUT", headers={"Content-Type": ""}
    )
    with urllib.request.urlopen(request, timeout=_ANSWER_TIMEOUT_S):  # noqa: S310
        pass
