import pytest

from headcount.media import ebml
from headcount.media.ebml import Id
from headcount.media.mkv import Cluster, Frame, Track
from headcount.media.muxer import open_cluster, write_block, write_cluster, write_header, write_tags
from local.emulator.kinesisvideo.ingest import FragmentBegun, FragmentReceived, Ingest, IngestError

TRACK = Track(1, True, "V_MPEG4/ISO/AVC", b"\x01\x42\xc0\x1e", 320, 180)
HEADER = write_header([TRACK])


def cluster(time_ms: int, *later_ms: int, track: int = 1) -> bytes:
    frames = [Frame(track, time_ms, True, b"key")]
    frames += [Frame(track, time_ms + later, False, b"inter") for later in later_ms]
    return write_cluster(Cluster(time_ms, (TRACK,), tuple(frames)))


def progress_of(stream: bytes) -> list[FragmentBegun | FragmentReceived]:
    ingest = Ingest()
    return [*ingest.feed(stream), *ingest.finish()]


def test_a_fragment_is_begun_with_its_timecode_and_received_where_the_next_begins() -> None:
    ingest = Ingest()

    begun = list(ingest.feed(HEADER + open_cluster(7)))
    growing = list(ingest.feed(write_block(Frame(1, 7, True, b"key"), 7) + write_tags({"a": "b"})))
    received = list(ingest.feed(open_cluster(2007)))

    assert begun == [FragmentBegun(7)]
    assert growing == []
    assert [type(step) for step in received] == [FragmentReceived, FragmentBegun]


def test_what_is_kept_is_what_was_sent() -> None:
    tags = write_tags({"kind": "sample"})

    (_, received) = progress_of(HEADER + cluster(0, 100, 200) + tags)

    assert received == FragmentReceived(
        0, 300, HEADER, cluster(0, 100, 200), tags, {"kind": "sample"}
    )


def test_a_new_header_on_the_same_connection_is_kept_with_what_follows_it() -> None:
    other = write_header([Track(1, True, "V_MPEG4/ISO/AVC", b"", 640, 360)])

    received = [
        step
        for step in progress_of(HEADER + cluster(0) + other + cluster(2000))
        if isinstance(step, FragmentReceived)
    ]

    assert [step.header for step in received] == [HEADER, other]


FOUR_TRACKS = write_header([Track(number, False, "A_AAC", b"") for number in range(1, 5)])
TWO_TRACKS = write_header([TRACK, Track(2, False, "A_AAC", b"")])


@pytest.mark.parametrize(
    ("stream", "error_id", "time_ms"),
    [
        (HEADER + cluster(0) + cluster(0), 4004, 0),
        (HEADER + cluster(5000) + cluster(3000), 4004, 3000),
        (HEADER + cluster(0, 10_000, 20_001), 4002, 0),
        (FOUR_TRACKS, 4005, None),
        (HEADER + cluster(0, track=3), 4010, 0),
        (TWO_TRACKS + cluster(0), 4011, 0),
        (HEADER + cluster(0) + write_tags({str(n): "x" for n in range(11)}), 4009, 0),
        (HEADER + cluster(0) + write_tags({"n" * 129: "x"}), 4009, 0),
        (HEADER + cluster(0) + write_tags({"n": "x" * 257}), 4009, 0),
        (b"no matroska", 4006, None),
        (cluster(0), 4006, None),
        (HEADER + cluster(0) + b"\0", 4006, 0),
        (HEADER + cluster(0)[:-1], 4006, 0),
        (ebml.encode(Id.EBML, ebml.encode(Id.DOC_TYPE, "avi")), 4006, None),
    ],
)
def test_a_broken_rule_is_told_with_its_number_and_fragment(
    stream: bytes, error_id: int, time_ms: int | None
) -> None:
    with pytest.raises(IngestError) as broken:
        progress_of(stream)

    assert (broken.value.error_id, broken.value.time_ms) == (error_id, time_ms)
