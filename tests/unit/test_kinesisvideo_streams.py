import asyncio
from pathlib import Path

import pytest

from local.emulator.kinesisvideo.faults import KinesisVideoError
from local.emulator.kinesisvideo.media import list_fragments, media_of, start_of
from local.emulator.kinesisvideo.streams import (
    StoredFragment,
    Stream,
    Streams,
    next_fragment_number,
)

HOUR_S = 3600.0


class Clock:
    now_s = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def streams(tmp_path: Path, clock: Clock) -> Streams:
    return Streams("us-east-1", "000000000000", tmp_path, clock)


def store(stream: Stream, at_s: float) -> StoredFragment:
    number = next_fragment_number(at_s)
    path = stream.folder / f"{number}.mkv"
    path.write_bytes(b"media")
    fragment = StoredFragment(number, at_s - 2, at_s, 2000, b"", b"", {}, path, 5)
    asyncio.run(stream.add(fragment))
    return fragment


def test_numbers_have_47_digits_and_grow() -> None:
    numbers = [next_fragment_number(1_800_000_000.0 + 1e-4 * n) for n in range(100)]

    assert {len(number) for number in numbers} == {47}
    assert numbers == sorted(set(numbers))


def test_what_is_older_than_the_retention_is_gone_with_its_file(
    streams: Streams, clock: Clock
) -> None:
    stream = streams.create("camera")
    stream.retention_h = 1
    old = store(stream, clock.now_s)
    clock.now_s += HOUR_S + 1
    new = store(stream, clock.now_s)

    streams.find({"StreamName": "camera"})

    assert stream.fragments == [new]
    assert not old.path.exists()
    with pytest.raises(KinesisVideoError, match="has no fragment"):
        media_of(stream, [old.number])


def test_a_stream_is_found_by_its_arn_and_not_after_it_is_deleted(streams: Streams) -> None:
    stream = streams.create("camera")

    found = streams.find({"StreamARN": stream.arn})
    asyncio.run(streams.delete(stream))

    assert found is stream
    assert not stream.folder.exists()
    with pytest.raises(KinesisVideoError) as gone:
        streams.find({"StreamARN": stream.arn})
    assert (gone.value.code, gone.value.status) == ("ResourceNotFoundException", 404)


@pytest.mark.parametrize(
    "request_",
    [
        {"MaxResults": 1001},
        {"NextToken": "%%%"},
        {"FragmentSelector": {"FragmentSelectorType": "SERVER_TIMESTAMP"}},
        {
            "FragmentSelector": {
                "FragmentSelectorType": "NOISE",
                "TimestampRange": {"StartTimestamp": 0, "EndTimestamp": 1},
            }
        },
    ],
)
def test_a_request_that_contradicts_the_model_is_an_invalid_argument(
    streams: Streams, request_: dict[str, object]
) -> None:
    stream = streams.create("camera")
    stream.retention_h = 1

    with pytest.raises(KinesisVideoError) as refused:
        list_fragments(stream, request_)

    assert refused.value.code == "InvalidArgumentException"


def test_a_time_after_the_newest_fragment_starts_with_what_comes(
    streams: Streams, clock: Clock
) -> None:
    stream = streams.create("camera")
    newest = store(stream, clock.now_s)

    after = start_of(
        stream,
        {"StartSelectorType": "SERVER_TIMESTAMP", "StartTimestamp": clock.now_s + 60},
    )

    assert after == newest.number
