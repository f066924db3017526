"""The cameras' Kinesis Video streams, as a whole."""

from typing import TYPE_CHECKING, Final

from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from mypy_boto3_kinesisvideo import KinesisVideoClient

_PAGE: Final = 1000


class KinesisVideoStreams:
    """Every stream whose name starts with the stage's prefix."""

    def __init__(self, client: "KinesisVideoClient", prefix: str) -> None:
        self._client = client
        self._prefix = prefix

    def retire(self) -> int:
        """Delete them all, with what they store, and return how many there were."""
        arns = self._arns()
        for arn in arns:
            try:
                self._client.delete_stream(StreamARN=arn)
            except ClientError as fault:
                # Somebody else was faster; it is gone, which is what was wanted.
                if fault.response["Error"]["Code"] != "ResourceNotFoundException":
                    raise
        return len(arns)

    def _arns(self) -> list[str]:
        arns: list[str] = []
        token = ""
        while True:
            page = self._client.list_streams(
                MaxResults=_PAGE,
                StreamNameCondition={
                    "ComparisonOperator": "BEGINS_WITH",
                    "ComparisonValue": self._prefix,
                },
                **({"NextToken": token} if token else {}),
            )
            arns += [
                stream["StreamARN"]
                for stream in page["StreamInfoList"]
                if stream["StreamName"].startswith(self._prefix)
                and stream.get("Status") != "DELETING"
            ]
            token = page.get("NextToken", "")
            if not token:
                return arns
