"""The parts of a gateway that need no Kinesis Video: when to sample, and how much to keep."""

from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.credentials import Credentials

from edge.gateway import SampleClock
from edge.producer import Producer
from headcount.media.mkv import Frame, Track

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
TRACK = Track(1, True, "V_MPEG4/ISO/AVC", b"", 640, 360)


def test_a_clock_put_back_by_an_hour_does_not_stop_the_samples() -> None:
    samples = SampleClock(timedelta(seconds=5))
    before = [samples.is_due(NOON + timedelta(seconds=2 * at)) for at in range(4)]

    back = [samples.is_due(NOON + timedelta(seconds=2 * at - 3600)) for at in range(4)]

    assert before == [True, False, False, True]
    assert back == [True, False, False, True]


def test_the_buffer_is_bounded_in_bytes_however_few_fragments_it_holds() -> None:
    client: Any = None
    producer = Producer(client, "camera", Credentials("a", "b"), max_buffered_bytes=2500)

    for at_ms in range(0, 5000, 1000):
        producer.begin(TRACK, at_ms)
        producer.add(Frame(1, at_ms, True, bytes(1000)))
        producer.end({})

    assert producer.report().lost == 2
