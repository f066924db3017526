"""The newest fragment that Kinesis Video has stored of a stream."""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from botocore.exceptions import BotoCoreError, ClientError

from headcount.aws.archives import Archives
from headcount.errors import StreamError
from headcount.ports import StoredFragment

if TYPE_CHECKING:
    from mypy_boto3_kinesis_video_archived_media.type_defs import FragmentTypeDef

_API: Final = "LIST_FRAGMENTS"
# Chosen: a camera that works has stored something within the first span. The second tells since
# when another one is silent, and costs ten times as much.
_SPANS: Final = (timedelta(minutes=1), timedelta(minutes=15))
# A call costs as many of a stream's 10,000 points a second as it asks for results. A minute holds
# 60 fragments of the shortest length that our gateway sends.
_PAGE: Final = (100, 1000)


class KinesisVideoNewest:
    """A `NewestFragment`, out of what ListFragments says."""

    def __init__(self, archives: Archives) -> None:
        self._archives = archives

    def __call__(self, stream_name: str, now: datetime) -> StoredFragment | None:
        """Return a stream's newest fragment, or None if nothing was stored for 15 minutes.

        What was stored within the last second may not be listed yet: AWS says so, and boto3 sends
        times in whole seconds.

        Raises:
            StreamError: If Kinesis Video does not answer as it should.
        """
        for span, page in zip(_SPANS, _PAGE, strict=True):
            # By the server's clock: a camera's own may be anywhere.
            found = self._stored_between(stream_name, now - span, now, page)
            if found:
                # ListFragments promises no order.
                return max(found, key=lambda one: (one.captured_at, one.persisted_at, one.number))
        return None

    def _stored_between(
        self, stream_name: str, start: datetime, end: datetime, page: int
    ) -> list[StoredFragment]:
        try:
            pages = (
                self._archives.client(stream_name, _API)
                .get_paginator("list_fragments")
                .paginate(
                    StreamName=stream_name,
                    FragmentSelector={
                        "FragmentSelectorType": "SERVER_TIMESTAMP",
                        "TimestampRange": {"StartTimestamp": start, "EndTimestamp": end},
                    },
                    PaginationConfig={"PageSize": page},
                )
            )
            return [_stored(one) for answer in pages for one in answer["Fragments"]]
        except ClientError as fault:
            self._archives.forget(stream_name, _API)
            code = fault.response["Error"]["Code"]
            if code == "ResourceNotFoundException":
                raise StreamError(
                    f"there is no stream {stream_name}. Run `headcount site apply` again."
                ) from fault
            raise StreamError(
                f"{stream_name}: {code} for its newest fragment. Look whether it keeps data "
                "(retention above 0), and the role may list it."
            ) from fault
        except BotoCoreError as fault:
            self._archives.forget(stream_name, _API)
            raise StreamError(f"{stream_name}: {fault} Ask again.") from fault


def _stored(one: "FragmentTypeDef") -> StoredFragment:
    captured_at, persisted_at = one["ProducerTimestamp"], one["ServerTimestamp"]
    return StoredFragment(
        number=one["FragmentNumber"],
        # Nothing is stored before it is captured, whatever a camera's clock says.
        captured_at=min(captured_at, persisted_at).astimezone(UTC),
        persisted_at=persisted_at.astimezone(UTC),
    )
