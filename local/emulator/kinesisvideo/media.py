"""Reading: ListFragments, GetMediaForFragmentList and GetMedia."""

import asyncio
import base64
import binascii
import hashlib
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from typing import Any

from headcount.media.fragments import FRAGMENT_NUMBER_TAG, PRODUCER_TIME_TAGS, SERVER_TIME_TAGS
from headcount.media.mkv import BEHIND_NOW_TAG, CONTINUATION_TAG
from headcount.media.muxer import write_tags
from local.emulator.kinesisvideo.faults import KinesisVideoError, invalid_argument
from local.emulator.kinesisvideo.streams import Clock, StoredFragment, Stream

_MAX_FRAGMENTS = 1000
_DEFAULT_PAGE = 100
_MAX_CONSUMERS = 3


def _seconds(epoch_s: float) -> str:
    return f"{epoch_s:.3f}"


def _require_retention(stream: Stream) -> None:
    if stream.retention_h == 0:
        raise KinesisVideoError(
            "NoDataRetentionException", f"The stream {stream.name} has a data retention of 0."
        )


def list_fragments(stream: Stream, request: Mapping[str, Any]) -> dict[str, Any]:
    """Answer ListFragments: a page of those within the selector's time range, ends included.

    AWS promises no order, across pages neither. Here there is none, so that a consumer who takes
    the last one for the newest is found out.
    """
    _require_retention(stream)
    count = request.get("MaxResults") or _DEFAULT_PAGE
    if not 1 <= count <= _MAX_FRAGMENTS:
        raise invalid_argument(f"MaxResults {count} is not 1 to 1000.")
    is_selected = _selected_by(request.get("FragmentSelector"))
    after = _place(_read_token(request.get("NextToken")))
    found = sorted(
        (fragment for fragment in stream.fragments if is_selected(fragment)),
        key=lambda fragment: _place(fragment.number),
    )
    rest = [fragment for fragment in found if _place(fragment.number) > after]
    page = rest[:count]
    answer: dict[str, Any] = {
        "Fragments": [
            {
                "FragmentNumber": fragment.number,
                "FragmentSizeInBytes": fragment.size,
                "ProducerTimestamp": fragment.producer_s,
                "ServerTimestamp": fragment.server_s,
                "FragmentLengthInMilliseconds": fragment.length_ms,
            }
            for fragment in page
        ]
    }
    if len(rest) > count:
        answer["NextToken"] = base64.urlsafe_b64encode(page[-1].number.encode()).decode()
    return answer


def _place(number: str) -> str:
    """Return where a fragment stands among the listed: nowhere in particular."""
    return hashlib.sha256(number.encode()).hexdigest() if number else ""


def _selected_by(selector: Mapping[str, Any] | None) -> Callable[[StoredFragment], bool]:
    if selector is None:
        return lambda _: True
    times = selector.get("TimestampRange") or {}
    start, end = times.get("StartTimestamp"), times.get("EndTimestamp")
    if not isinstance(start, int | float) or not isinstance(end, int | float) or start > end:
        raise invalid_argument(f"TimestampRange {start} to {end} is no range of epoch seconds.")
    kind = selector.get("FragmentSelectorType")
    if kind == "SERVER_TIMESTAMP":
        return lambda fragment: start <= fragment.server_s <= end
    if kind == "PRODUCER_TIMESTAMP":
        return lambda fragment: start <= fragment.producer_s <= end
    raise invalid_argument(f"FragmentSelectorType {kind!r} is unknown.")


def _read_token(token: str | None) -> str:
    if not token:
        return ""
    try:
        number = base64.urlsafe_b64decode(token).decode("ascii")
    except (binascii.Error, UnicodeDecodeError) as fault:
        raise invalid_argument(f"NextToken {token!r} was not given out here.") from fault
    if not number.isdecimal():
        raise invalid_argument(f"NextToken {token!r} was not given out here.")
    return number


def media_of(stream: Stream, numbers: list[str]) -> Iterator[bytes]:
    """Return the payload of GetMediaForFragmentList, a piece for each fragment.

    Raises:
        KinesisVideoError: ResourceNotFoundException if one of the fragments is not stored.
    """
    _require_retention(stream)
    if not 1 <= len(numbers) <= _MAX_FRAGMENTS:
        raise invalid_argument(f"{len(numbers)} fragments are asked for, not 1 to 1000.")
    stored = {fragment.number: fragment for fragment in stream.fragments}
    missing = [number for number in numbers if number not in stored]
    if missing:
        raise KinesisVideoError(
            "ResourceNotFoundException", f"{stream.name} has no fragment {missing[0]}."
        )
    return (_archived(stored[number]) for number in numbers)


def _archived(fragment: StoredFragment) -> bytes:
    tags = {
        FRAGMENT_NUMBER_TAG: fragment.number,
        SERVER_TIME_TAGS[1]: _seconds(fragment.server_s),
        PRODUCER_TIME_TAGS[1]: _seconds(fragment.producer_s),
    }
    cluster = fragment.path.read_bytes()
    return b"".join((fragment.header, write_tags(tags), cluster, fragment.written_tags))


def _live(fragment: StoredFragment, behind_ms: int) -> bytes:
    before = {
        FRAGMENT_NUMBER_TAG: fragment.number,
        SERVER_TIME_TAGS[0]: _seconds(fragment.server_s),
        PRODUCER_TIME_TAGS[0]: _seconds(fragment.producer_s),
    }
    after = {BEHIND_NOW_TAG: str(behind_ms), CONTINUATION_TAG: fragment.number}
    cluster = fragment.path.read_bytes()
    parts = (fragment.header, write_tags(before), cluster, fragment.written_tags, write_tags(after))
    return b"".join(parts)


def start_of(stream: Stream, selector: Mapping[str, Any]) -> str:
    """Return the fragment number after which a GetMedia begins.

    Raises:
        KinesisVideoError: InvalidArgumentException if the selector says nothing usable.
    """
    kind = selector.get("StartSelectorType")
    if kind == "EARLIEST":
        return ""
    if kind == "NOW":
        return stream.fragments[-2].number if len(stream.fragments) > 1 else ""
    if kind == "FRAGMENT_NUMBER" and selector.get("AfterFragmentNumber"):
        return str(selector["AfterFragmentNumber"])
    if kind == "CONTINUATION_TOKEN" and selector.get("ContinuationToken"):
        return str(selector["ContinuationToken"])
    start = selector.get("StartTimestamp")
    if kind in ("SERVER_TIMESTAMP", "PRODUCER_TIMESTAMP") and isinstance(start, int | float):
        earlier = ""
        for fragment in stream.fragments:
            begun = fragment.server_s if kind == "SERVER_TIMESTAMP" else fragment.producer_s
            if begun >= start:
                return earlier
            earlier = fragment.number
        return earlier
    raise invalid_argument(f"StartSelector {dict(selector)} says no place to start at.")


async def follow(stream: Stream, after: str, clock: Clock) -> AsyncGenerator[bytes, None]:
    """Yield the payload of GetMedia until the stream is deleted: what is stored, what comes.

    Raises:
        KinesisVideoError: ConnectionLimitExceededException if three others follow it already.
    """
    if stream.consumers >= _MAX_CONSUMERS:
        raise KinesisVideoError(
            "ConnectionLimitExceededException", f"{stream.name} has {_MAX_CONSUMERS} consumers."
        )
    stream.consumers += 1
    try:
        # What tells the caller that there is no fault, before there is media.
        yield b""
        while not stream.is_deleted:
            fragment = next(stream.after(after), None)
            if fragment is None:
                async with stream.changed:
                    await stream.changed.wait()
                continue
            after = fragment.number
            behind_ms = max(0, round((clock() - fragment.server_s) * 1000))
            try:
                yield _live(fragment, behind_ms)
            except FileNotFoundError:
                # Trimmed since: whoever is so late goes on with what is still there.
                await asyncio.sleep(0)
    finally:
        stream.consumers -= 1
