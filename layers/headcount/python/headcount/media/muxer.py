"""Matroska as a Kinesis Video producer sends it: a cluster for each key frame, tags after it.

Written by hand because libav's muxer does not begin a cluster at each key frame, and a cluster is
what becomes a fragment. Standard library only.
"""

from collections.abc import Mapping, Sequence

from headcount.media.ebml import Id, encode, encode_open
from headcount.media.mkv import Cluster, Frame, Track

AVC_CODEC_ID = "V_MPEG4/ISO/AVC"
NOTIFICATION_TAG = "AWS_KINESISVIDEO_NOTIFICATION"
_APP = "Headcount"
_TICK_NS = 1_000_000
_VIDEO_TRACK_TYPE, _AUDIO_TRACK_TYPE = 1, 2
_EBML_HEADER = encode(
    Id.EBML,
    b"".join(
        (
            encode(0x4286, 1),  # EBMLVersion
            encode(0x42F7, 1),  # EBMLReadVersion
            encode(0x42F2, 4),  # EBMLMaxIDLength
            encode(0x42F3, 8),  # EBMLMaxSizeLength
            encode(Id.DOC_TYPE, "matroska"),
            encode(0x4287, 4),  # DocTypeVersion
            encode(0x4285, 2),  # DocTypeReadVersion
        )
    ),
)


def write_header(tracks: Sequence[Track]) -> bytes:
    """Return what comes before the first cluster; timecodes are in milliseconds."""
    info = encode(Id.TIMECODE_SCALE, _TICK_NS)
    info += encode(Id.MUXING_APP, _APP) + encode(Id.WRITING_APP, _APP)
    entries = b"".join(_write_track(track) for track in tracks)
    return (
        _EBML_HEADER + encode_open(Id.SEGMENT) + encode(Id.INFO, info) + encode(Id.TRACKS, entries)
    )


def _write_track(track: Track) -> bytes:
    entry = encode(Id.TRACK_NUMBER, track.number) + encode(Id.TRACK_UID, track.number)
    entry += encode(Id.TRACK_TYPE, _VIDEO_TRACK_TYPE if track.is_video else _AUDIO_TRACK_TYPE)
    entry += encode(Id.FLAG_LACING, 0) + encode(Id.CODEC_ID, track.codec_id)
    if track.codec_private:
        entry += encode(Id.CODEC_PRIVATE, track.codec_private)
    if track.is_video:
        size = encode(Id.PIXEL_WIDTH, track.width) + encode(Id.PIXEL_HEIGHT, track.height)
        entry += encode(Id.VIDEO, size)
    return encode(Id.TRACK_ENTRY, entry)


def open_cluster(time_ms: int) -> bytes:
    """Return the beginning of a cluster of unknown size, whose frames follow as they come."""
    return encode_open(Id.CLUSTER) + encode(Id.TIMECODE, time_ms)


def write_block(frame: Frame, cluster_ms: int) -> bytes:
    """Return a frame as a SimpleBlock.

    Args:
        frame: Of a track with a number below 127.
        cluster_ms: Of the cluster it is in; at most 32,767 ms before the frame.

    Raises:
        ValueError: If the frame is too far from the cluster's time, or its track's number too big.
    """
    relative_ms = frame.time_ms - cluster_ms
    if not -32_768 <= relative_ms <= 32_767:
        raise ValueError(f"A frame {relative_ms} ms from its cluster: begin a new cluster earlier.")
    if not 0 < frame.track < 0x7F:
        raise ValueError(f"Track {frame.track} is not between 1 and 126.")
    head = bytes([0x80 | frame.track]) + relative_ms.to_bytes(2, "big", signed=True)
    return encode(Id.SIMPLE_BLOCK, head + (b"\x80" if frame.is_key else b"\0") + frame.data)


def write_tags(tags: Mapping[str, str]) -> bytes:
    """Return a Tags element; written after a cluster, it belongs to that cluster."""
    simple = (
        encode(Id.SIMPLE_TAG, encode(Id.TAG_NAME, name) + encode(Id.TAG_STRING, value))
        for name, value in tags.items()
    )
    return encode(Id.TAGS, encode(Id.TAG, b"".join(simple)))


def write_cluster(cluster: Cluster) -> bytes:
    """Return a whole cluster of known size, and its trailing tags."""
    blocks = b"".join(write_block(frame, cluster.time_ms) for frame in cluster.frames)
    written = encode(Id.CLUSTER, encode(Id.TIMECODE, cluster.time_ms) + blocks)
    return written + (write_tags(cluster.trailing_tags) if cluster.trailing_tags else b"")


def key_frame_file(cluster: Cluster) -> bytes:
    """Return a Matroska file that holds the cluster's key frame and nothing else.

    A decoder then has one frame to probe and decode instead of the whole fragment.

    Raises:
        CorruptFragmentError: If there is no video or no key frame.
    """
    key = cluster.key_frame()
    alone = Frame(1, 0, True, key.data)
    track = cluster.video_track()
    track = Track(1, True, track.codec_id, track.codec_private, track.width, track.height)
    return write_header([track]) + write_cluster(Cluster(0, (track,), (alone,)))
