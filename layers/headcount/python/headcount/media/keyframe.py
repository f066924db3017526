"""Pictures out of fragments: the key frame alone, a thumbnail of it, and what has changed."""

import io
from typing import cast

import cv2
import numpy as np
import numpy.typing as npt

from headcount.errors import CorruptFragmentError
from headcount.media.fragments import Fragment
from headcount.media.muxer import key_frame_file

Picture = npt.NDArray[np.uint8]

THUMBNAIL_WIDTH, THUMBNAIL_HEIGHT = 64, 36
# Chosen: above it a JPEG's artefacts no longer change what a face detector finds.
JPEG_QUALITY = 90
MAX_JPEG_WIDTH = 1280
# Grey levels of 255. Measured on a corridor: no pixel of it differs by more while it is empty, and
# a person changes 0.056 of the picture at least (median 0.105).
CHANGED_LEVELS = 20


def decode_key_frame(fragment: Fragment) -> Picture:
    """Return a fragment's key frame, shape `(height, width, 3)`, blue green red.

    Only the key frame is given to the decoder, wrapped as a file of its own.

    Raises:
        CorruptFragmentError: If there is no key frame, or it cannot be decoded.
    """
    # OpenCV's stub wants its own reader class; what it reads from is any object with read and seek.
    file = cast("cv2.IStreamReader", io.BytesIO(key_frame_file(fragment.cluster)))
    # One thread: a single frame cannot be shared out, starting threads costs as much as decoding.
    capture = cv2.VideoCapture(file, cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1])
    try:
        decoded, picture = capture.read()
    finally:
        capture.release()
    if not decoded or picture is None:
        track = fragment.cluster.video_track()
        raise CorruptFragmentError(
            f"Fragment {fragment.number}: its key frame ({track.codec_id}, {track.width} x "
            f"{track.height}) cannot be decoded. If every fragment of this camera fails, let the "
            "camera send H.264."
        )
    return np.asarray(picture, np.uint8)


def grey_thumbnail(picture: Picture) -> Picture:
    """Return a 64 by 36 grey picture, shape `(36, 64)`, each pixel the mean of its area."""
    grey = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
    small = cv2.resize(grey, (THUMBNAIL_WIDTH, THUMBNAIL_HEIGHT), interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.uint8)


def scene_change(reference: Picture, current: Picture) -> float:
    """Return the share of two thumbnails that differs, whatever the light.

    The median difference is taken off first: when a lamp or the sun changes, most of the picture
    changes by the same amount, and what a person covers does not.

    Args:
        reference: Shape `(36, 64)`.
        current: The same shape.

    Returns:
        A value in `[0, 1]`: pixels that still differ by more than `CHANGED_LEVELS`.

    Raises:
        ValueError: If the shapes differ.
    """
    if reference.shape != current.shape:
        raise ValueError(f"Thumbnails of shapes {reference.shape} and {current.shape} differ.")
    difference = current.astype(np.int16) - reference.astype(np.int16)
    changed = np.abs(difference - np.median(difference)) > CHANGED_LEVELS
    return float(np.count_nonzero(changed) / changed.size)


def encode_jpeg(picture: Picture, max_width: int = MAX_JPEG_WIDTH) -> bytes:
    """Return a picture as JPEG, made smaller if it is wider than `max_width` pixels.

    Raises:
        ValueError: If the picture is empty.
    """
    height, width = picture.shape[:2]
    if width == 0 or height == 0:
        raise ValueError(f"A picture of {width} x {height} pixels.")
    if width > max_width:
        size = (max_width, max(1, round(height * max_width / width)))
        picture = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)
    encoded, jpeg = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    if not encoded:
        raise ValueError(f"A picture of shape {picture.shape} cannot be written as JPEG.")
    return jpeg.tobytes()
