from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from headcount.errors import CorruptFragmentError, FragmentNotFoundError, MediaError, StreamError
from headcount.media import ebml
from headcount.media.ebml import Id
from headcount.media.fragments import FRAGMENT_NUMBER_TAG, read_fragments
from headcount.media.mkv import Cluster, Frame, Track, read_clusters
from headcount.media.muxer import open_cluster, write_block, write_cluster, write_header, write_tags
from tests.clips import NUMBER, archived

TRACK = Track(1, True, "V_MPEG4/ISO/AVC", b"\x01\x42\xc0\x1e", 320, 180)
AUDIO = Track(2, False, "A_AAC", b"\x12\x10")
FRAMES = (
    Frame(1, 1000, True, bytes(range(200))),
    Frame(2, 1010, True, b"sound"),
    Frame(1, 1100, False, b"little"),
)
CLUSTER = Cluster(1000, (TRACK, AUDIO), FRAMES, {}, {"AWS_KINESISVIDEO_NOTIFICATION": "1"})


def written(*clusters: Cluster) -> bytes:
    return write_header((TRACK, AUDIO)) + b"".join(write_cluster(cluster) for cluster in clusters)


def test_what_is_written_is_what_is_read() -> None:
    assert list(read_clusters([written(CLUSTER)])) == [CLUSTER]


def test_a_cluster_of_unknown_size_ends_where_its_tags_begin() -> None:
    stream = write_header((TRACK, AUDIO)) + open_cluster(1000)
    stream += b"".join(write_block(frame, 1000) for frame in FRAMES)
    stream += write_tags(CLUSTER.trailing_tags)

    assert list(read_clusters([stream])) == [CLUSTER]


def test_tags_after_a_cluster_belong_to_that_cluster() -> None:
    plain = Cluster(5000, (TRACK, AUDIO), (Frame(1, 5000, True, b"next"),))

    first, second = read_clusters([written(CLUSTER, plain)])

    assert first.trailing_tags == {"AWS_KINESISVIDEO_NOTIFICATION": "1"}
    assert second.trailing_tags == {}


@given(st.integers(1, 60))
@settings(max_examples=15)
def test_it_does_not_matter_where_a_stream_is_cut(length: int) -> None:
    stream = written(CLUSTER)

    pieces = (stream[at : at + length] for at in range(0, len(stream), length))

    assert list(read_clusters(pieces)) == [CLUSTER]


def test_block_groups_are_key_frames_unless_they_refer_to_another() -> None:
    head = b"\x81\x00\x05\x00"
    key = ebml.encode(Id.BLOCK_GROUP, ebml.encode(Id.BLOCK, head + b"key"))
    reference = ebml.encode(Id.REFERENCE_BLOCK, 1)
    inter = ebml.encode(Id.BLOCK_GROUP, ebml.encode(Id.BLOCK, head + b"inter") + reference)
    stream = write_header([TRACK]) + open_cluster(1000) + key + inter

    (cluster,) = read_clusters([stream])

    assert cluster.frames == (Frame(1, 1005, True, b"key"), Frame(1, 1005, False, b"inter"))


def test_void_and_crc_are_passed_over() -> None:
    void = ebml.encode(Id.VOID, bytes(50))
    crc = ebml.encode(Id.CRC_32, bytes(4))
    block = write_block(FRAMES[0], 1000)
    stream = write_header([TRACK]) + void + open_cluster(1000) + crc + void + block + void

    (cluster,) = read_clusters([stream])

    assert cluster.frames == FRAMES[:1]


def test_a_time_scale_other_than_milliseconds_is_honoured() -> None:
    info = ebml.encode(Id.INFO, ebml.encode(Id.TIMECODE_SCALE, 100_000))
    stream = write_header([TRACK]) + info + open_cluster(10_000) + write_block(FRAMES[0], 990)

    (cluster,) = read_clusters([stream])

    assert cluster.time_ms == 1000
    assert cluster.frames[0].time_ms == 1001


def test_a_fragment_has_its_number_its_times_and_the_producers_tags() -> None:
    (fragment,) = read_fragments([archived(CLUSTER)])

    assert fragment.number == NUMBER
    assert fragment.producer_at == datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)
    assert fragment.server_at - fragment.producer_at == timedelta(seconds=1)
    assert fragment.tags == {"AWS_KINESISVIDEO_NOTIFICATION": "1"}
    assert fragment.cluster.key_frame().data == FRAMES[0].data


def test_fragments_follow_one_another_each_with_a_header_of_its_own() -> None:
    numbers = [f"{number:047d}" for number in range(3)]
    stream = b"".join(archived(CLUSTER, number) for number in numbers)

    assert [fragment.number for fragment in read_fragments([stream])] == numbers


def test_a_fragment_that_get_media_has_closed_does_not_wait_for_the_next() -> None:
    closing = {
        "AWS_KINESISVIDEO_MILLIS_BEHIND_NOW": "15",
        "AWS_KINESISVIDEO_CONTINUATION_TOKEN": NUMBER,
    }

    def pieces() -> Iterator[bytes]:
        yield archived(CLUSTER) + write_tags(closing)
        raise AssertionError("It was asked for more than it needed.")

    fragment = next(read_fragments(pieces()))

    assert fragment.behind_now_ms == 15
    assert fragment.continuation_token == NUMBER
    assert fragment.tags == {"AWS_KINESISVIDEO_NOTIFICATION": "1"}


@pytest.mark.parametrize(
    ("tags", "error"),
    [
        ({"AWS_KINESISVIDEO_ERROR_CODE": "KMS", "AWS_KINESISVIDEO_ERROR_ID": "4501"}, StreamError),
        (
            {
                FRAGMENT_NUMBER_TAG: NUMBER,
                "AWS_KINESISVIDEO_EXCEPTION_ERROR_CODE": "ResourceNotFoundException",
                "AWS_KINESISVIDEO_EXCEPTION_MESSAGE": "gone",
            },
            FragmentNotFoundError,
        ),
    ],
)
def test_an_error_that_kinesis_video_reports_in_tags_is_raised(
    tags: dict[str, str], error: type[Exception]
) -> None:
    with pytest.raises(error, match=r"Kinesis Video answered"):
        list(read_fragments([archived(CLUSTER) + write_header([TRACK]) + write_tags(tags)]))


def test_a_cluster_without_a_number_is_no_fragment() -> None:
    with pytest.raises(CorruptFragmentError, match="read_clusters"):
        list(read_fragments([written(CLUSTER)]))


def test_a_fragment_without_a_key_frame_says_so() -> None:
    (cluster,) = read_clusters([written(Cluster(0, (), (Frame(1, 0, False, b"inter"),)))])

    with pytest.raises(CorruptFragmentError, match="No key frame"):
        cluster.key_frame()


@pytest.mark.parametrize(
    ("stream", "said"),
    [
        (written(CLUSTER)[:-1], r"Truncated inside Tags at byte \d+"),
        (written(CLUSTER)[:200], r"Truncated inside SimpleBlock at byte \d+"),
        (b"\x00" * 20, "No element at byte 0"),
        (write_cluster(CLUSTER), "Cluster at byte 0: outside of any Segment"),
        (b"<html>not found</html>", r"at byte 0: outside of any Segment"),
        (
            write_header([TRACK]) + open_cluster(0) + ebml.encode(Id.SIMPLE_BLOCK, b"\x81\0"),
            "SimpleBlock at byte .* too short",
        ),
        (
            write_header([TRACK]) + ebml.encode_open(Id.CLUSTER) + write_block(FRAMES[0], 1000),
            "before the cluster's timecode",
        ),
    ],
)
def test_what_is_wrong_is_named_with_its_element_and_offset(stream: bytes, said: str) -> None:
    with pytest.raises(MediaError, match=said):
        list(read_clusters([stream]))


@cache
def sample() -> bytes:
    return archived(CLUSTER) + archived(CLUSTER, f"{1:047d}")


mutations = st.lists(
    st.tuples(st.integers(0, len(sample()) - 1), st.binary(max_size=3), st.integers(0, 3)),
    min_size=1,
    max_size=6,
)


@given(mutations, st.integers(0, len(sample())))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_damage_is_a_media_error_or_nothing(
    damage: list[tuple[int, bytes, int]], length: int
) -> None:
    stream = bytearray(sample())
    for at, replacement, removed in damage:
        stream[at : at + removed] = replacement

    for cut in (stream, stream[:length]):
        try:
            for fragment in read_fragments([bytes(cut)]):
                fragment.cluster.key_frame()
        except (MediaError, StreamError):
            pass


def test_a_real_answer_of_get_media_is_read(shared_data: Path) -> None:
    stream = (shared_data / "kvs/output_get_media.mkv").read_bytes()

    fragments = list(read_fragments([stream]))

    assert [len(fragment.cluster.frames) for fragment in fragments] == [60] * 5
    first = fragments[0]
    assert first.number == "91343852333181432392682062607743920146159169392"
    assert first.producer_at == datetime(2017, 11, 28, 6, 55, 8, 513_000, tzinfo=UTC)
    assert first.server_at == datetime(2017, 11, 28, 6, 55, 9, 126_000, tzinfo=UTC)
    assert first.behind_now_ms == 15_858
    assert first.tags == {}
    assert first.cluster.video_track().codec_id == "V_MPEG4/ISO/AVC"
    assert (first.cluster.video_track().width, first.cluster.video_track().height) == (640, 360)
    assert sum(frame.is_key for frame in first.cluster.frames) == 1


def test_a_real_producers_input_is_read(shared_data: Path) -> None:
    stream = (shared_data / "kvs/clusters.mkv").read_bytes()

    clusters = list(read_clusters([stream]))

    assert [cluster.time_ms for cluster in clusters] == [
        0, 1999, 3999, 5998, 7998, 9998, 11997, 13997,
    ]  # fmt: skip
    assert all(cluster.frames[0].is_key for cluster in clusters)
