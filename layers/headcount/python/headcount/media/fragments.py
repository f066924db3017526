"""Fragments out of what GetMedia and GetMediaForFragmentList answer.

Both answer with whole Matroska files one after another: header, tags with the fragment's number
and times, one cluster, more tags. The two name their tags differently; both are read. Standard
library only.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from headcount.errors import CorruptFragmentError, FragmentNotFoundError, StreamError
from headcount.media.mkv import BEHIND_NOW_TAG, CONTINUATION_TAG, Cluster, ClusterReader

FRAGMENT_NUMBER_TAG = "AWS_KINESISVIDEO_FRAGMENT_NUMBER"
# GetMedia's name first, then GetMediaForFragmentList's.
SERVER_TIME_TAGS = ("AWS_KINESISVIDEO_SERVER_TIMESTAMP", "AWS_KINESISVIDEO_SERVER_SIDE_TIMESTAMP")
PRODUCER_TIME_TAGS = (
    "AWS_KINESISVIDEO_PRODUCER_TIMESTAMP",
    "AWS_KINESISVIDEO_PRODUCER_SIDE_TIMESTAMP",
)
_ERROR_TAGS = ("AWS_KINESISVIDEO_ERROR_CODE", "AWS_KINESISVIDEO_EXCEPTION_ERROR_CODE")
_ERROR_DETAIL_TAGS = ("AWS_KINESISVIDEO_ERROR_ID", "AWS_KINESISVIDEO_EXCEPTION_MESSAGE")
_NOT_FOUND_CODES = frozenset({"ResourceNotFoundException", "FRAGMENT_NOT_FOUND", "4000"})

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Fragment:
    """A cluster that Kinesis Video has stored.

    Attributes:
        number: Its decimal digits; later ones are greater among strings of one length.
        producer_at: When the producer says that its first frame was captured.
        server_at: When Kinesis Video received it.
        tags: The producer's own, without those of Kinesis Video.
        cluster: Tracks and frames.
        behind_now_ms: GetMedia only: how far behind the newest fragment this one is.
        continuation_token: GetMedia only: where to go on.
    """

    number: str
    producer_at: datetime
    server_at: datetime
    tags: Mapping[str, str]
    cluster: Cluster
    behind_now_ms: int | None = None
    continuation_token: str | None = None


def read_fragments(pieces: Iterable[bytes]) -> Iterator[Fragment]:
    """Yield the fragments in an answer of GetMedia or GetMediaForFragmentList.

    Args:
        pieces: The payload, cut anywhere, e.g. `response["Payload"].iter_chunks()`.

    Raises:
        MediaError: If the bytes are not Matroska, or end inside an element.
        CorruptFragmentError: If a fragment lacks number or times.
        FragmentNotFoundError: If Kinesis Video says that a fragment is not stored.
        StreamError: If Kinesis Video says anything else instead of a fragment.
    """
    reader = ClusterReader()
    for piece in pieces:
        for cluster in reader.feed(piece):
            yield _as_fragment(cluster)
        _raise_reported_error(reader.unclaimed_tags())
    for cluster in reader.finish():
        yield _as_fragment(cluster)
    _raise_reported_error(reader.unclaimed_tags())


def _as_fragment(cluster: Cluster) -> Fragment:
    tags = {**cluster.leading_tags, **cluster.trailing_tags}
    _raise_reported_error(tags)
    number = tags.get(FRAGMENT_NUMBER_TAG, "")
    if not (number.isascii() and number.isdecimal()):
        raise CorruptFragmentError(
            f"The cluster at {cluster.time_ms} ms has fragment number {number!r}. Only what "
            "Kinesis Video returns has one: read a producer's file with read_clusters."
        )
    behind = tags.get(BEHIND_NOW_TAG, "")
    return Fragment(
        number=number,
        producer_at=_read_time(tags, PRODUCER_TIME_TAGS, number),
        server_at=_read_time(tags, SERVER_TIME_TAGS, number),
        # What came before the cluster is the producer's header, the same for every fragment.
        tags={
            name: value
            for name, value in cluster.trailing_tags.items()
            if name not in (BEHIND_NOW_TAG, CONTINUATION_TAG)
        },
        cluster=cluster,
        behind_now_ms=int(behind) if behind.isascii() and behind.isdecimal() else None,
        continuation_token=tags.get(CONTINUATION_TAG),
    )


def _read_time(tags: Mapping[str, str], names: tuple[str, ...], number: str) -> datetime:
    written = next((tags[name] for name in names if name in tags), "absent")
    try:
        return _EPOCH + timedelta(milliseconds=round(float(written) * 1000))
    except (ValueError, OverflowError) as fault:
        raise CorruptFragmentError(
            f"Fragment {number}: {names[0]} is {written!r}, not seconds since 1970."
        ) from fault


def _raise_reported_error(tags: Mapping[str, str]) -> None:
    code = next((tags[name] for name in _ERROR_TAGS if name in tags), None)
    detail = next((tags[name] for name in _ERROR_DETAIL_TAGS if name in tags), "")
    if code is None:
        return
    said = f"Kinesis Video answered {code} {detail}".rstrip()
    about = tags.get(FRAGMENT_NUMBER_TAG)
    said += f" for fragment {about}." if about else "."
    if _NOT_FOUND_CODES & {code, detail}:
        raise FragmentNotFoundError(f"{said} Its retention may be over.")
    raise StreamError(f"{said} Ask again; if it stays, see the stream's key and retention.")
