"""Which of a stream's fragments is the newest."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from headcount.aws.archives import Archives
from headcount.aws.newest import KinesisVideoNewest
from headcount.errors import StreamError

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


@dataclass
class Archive:
    """Kinesis Video with fragments listed in the order given, a page of two at a time."""

    stored: list[dict[str, Any]] = field(default_factory=list)
    refuses: Exception | None = None
    asked: list[dict[str, Any]] = field(default_factory=list)
    addresses_asked: list[str] = field(default_factory=list)

    def get_data_endpoint(self, StreamName: str, APIName: str) -> dict[str, str]:  # noqa: N803
        self.addresses_asked.append(APIName)
        return {"DataEndpoint": "https://s-1.kinesisvideo.example.com"}

    def get_paginator(self, operation: str) -> "Archive":
        assert operation == "list_fragments"
        return self

    def paginate(self, **asked: Any) -> Any:
        if self.refuses is not None:
            raise self.refuses
        self.asked.append(asked)
        times = asked["FragmentSelector"]["TimestampRange"]
        found = [
            one
            for one in self.stored
            if times["StartTimestamp"] <= one["ServerTimestamp"] <= times["EndTimestamp"]
        ]
        return ({"Fragments": found[at : at + 2]} for at in range(0, len(found), 2))


def fragment(number: int, *, captured_s: float, stored_s: float | None = None) -> dict[str, Any]:
    captured_at = NOW - timedelta(seconds=captured_s)
    stored_at = NOW - timedelta(seconds=captured_s - 1 if stored_s is None else stored_s)
    return {
        "FragmentNumber": str(number),
        "ProducerTimestamp": captured_at,
        "ServerTimestamp": stored_at,
    }


def newest(archive: Archive) -> KinesisVideoNewest:
    client: Any = archive
    return KinesisVideoNewest(Archives(client, lambda _address: client))


def test_the_newest_is_found_in_whatever_order_and_page_it_is_listed():
    ages = (8, 2, 6, 10, 4)
    archive = Archive([fragment(100 - age, captured_s=age) for age in ages])

    found = newest(archive)("door", NOW)

    assert found is not None
    assert (found.number, found.captured_at) == ("98", NOW - timedelta(seconds=2))


def test_what_a_gateway_sends_afterwards_is_not_the_newest():
    archive = Archive(
        [fragment(1, captured_s=5), fragment(2, captured_s=600, stored_s=2)],
    )

    found = newest(archive)("door", NOW)

    assert found is not None
    assert found.number == "1"


def test_a_camera_whose_clock_is_ahead_captures_nothing_in_the_future():
    archive = Archive([fragment(1, captured_s=-3600, stored_s=3)])

    found = newest(archive)("door", NOW)

    assert found is not None
    assert found.captured_at == found.persisted_at == NOW - timedelta(seconds=3)


def test_a_camera_that_fell_silent_is_looked_for_further_back():
    archive = Archive([fragment(1, captured_s=300), fragment(2, captured_s=298)])

    found = newest(archive)("door", NOW)

    assert found is not None
    assert found.number == "2"
    assert [one["PaginationConfig"]["PageSize"] for one in archive.asked] == [100, 1000]


def test_a_camera_that_works_costs_one_small_call():
    archive = Archive([fragment(1, captured_s=3)])

    newest(archive)("door", NOW)

    assert [one["PaginationConfig"]["PageSize"] for one in archive.asked] == [100]


def test_a_camera_that_has_been_silent_for_longer_has_no_newest_fragment():
    assert newest(Archive([fragment(1, captured_s=1000)]))("door", NOW) is None


def test_the_address_of_this_very_call_is_asked_for_once():
    archive = Archive([fragment(1, captured_s=3)])
    find = newest(archive)

    for _ in range(3):
        find("door", NOW)

    assert archive.addresses_asked == ["LIST_FRAGMENTS"]


@pytest.mark.parametrize(
    ("refusal", "says"),
    [
        (
            ClientError({"Error": {"Code": "ResourceNotFoundException", "Message": ""}}, "List"),
            "there is no stream door",
        ),
        (
            ClientError({"Error": {"Code": "NoDataRetentionException", "Message": ""}}, "List"),
            "NoDataRetentionException for its newest fragment",
        ),
        (ReadTimeoutError(endpoint_url="https://s-1.kinesisvideo.example.com"), "Ask again"),
    ],
)
def test_a_refusal_is_told_and_the_address_asked_for_anew(refusal, says):
    archive = Archive(refuses=refusal)
    find = newest(archive)

    for _ in range(2):
        with pytest.raises(StreamError, match=says):
            find("door", NOW)

    assert len(archive.addresses_asked) == 2
