"""What one change of a deployed site is, and how changes are shown and carried out."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Self

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from headcount.errors import DeploymentError
from ops.deployment import PATIENCE

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_kinesisvideo import KinesisVideoClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sns import SNSClient


@dataclass(frozen=True, slots=True)
class SiteClients:
    """The AWS services that hold a site."""

    dynamodb: "DynamoDBClient"
    kinesisvideo: "KinesisVideoClient"
    s3: "S3Client"
    sns: "SNSClient"

    @classmethod
    def made_by(cls, make: Callable[[str], Any] | None = None) -> Self:
        """Return clients made by `make` from a service's name, by default by boto3."""
        client = make or _boto3_client
        return cls(client("dynamodb"), client("kinesisvideo"), client("s3"), client("sns"))


def _boto3_client(service: str) -> Any:
    return boto3.client(service, config=PATIENCE)  # type: ignore[call-overload]


@dataclass(frozen=True, slots=True)
class Change:
    """One thing to make (`+`), to alter (`~`) or to remove (`-`).

    Attributes:
        sign: Which of the three.
        what: In words, for the plan.
        carry_out: Does it. Doing it again does no harm: after a failure everything is planned anew.
    """

    sign: Literal["+", "~", "-"]
    what: str
    carry_out: Callable[[], object] = field(repr=False, compare=False)

    def __str__(self) -> str:
        return f"{self.sign} {self.what}"


def carry_out(changes: Sequence[Change], tell: Callable[[Change], object]) -> None:
    """Carry out `changes` in their order, telling of each when it is done.

    Raises:
        DeploymentError: If AWS refuses one. What was done before it stays done.
    """
    for done, change in enumerate(changes):
        try:
            change.carry_out()
        except (BotoCoreError, ClientError) as fault:
            raise DeploymentError(
                f"AWS refused “{change}”: {fault}\n"
                f"{done} of {len(changes)} changes are done. Remove the cause and run the same "
                "command again: it does what is left."
            ) from fault
        tell(change)
