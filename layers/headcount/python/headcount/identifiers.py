"""Deterministic identifiers: the same thing has the same id, however often it is told."""

import hashlib
from datetime import UTC, datetime

# 128 bits: collisions are out of reach for any number of events a building can make.
_ID_HEX_DIGITS = 32
# What a kept frame's object is tagged with; the bucket's rules delete by it.
EXPIRY_TAG = "expire-days"


def deterministic_id(*about: str | int) -> str:
    """Return 32 hex digits that name what `about` names, the same on every retry.

    Args:
        about: What the event is about, most general first, e.g. detail-type, camera, fragment.
    """
    digest = hashlib.sha256("\x1f".join(str(part) for part in about).encode())
    return digest.hexdigest()[:_ID_HEX_DIGITS]


def room_key(site_id: str, room_id: str) -> str:
    """Return the partition key of a room's items."""
    return f"ROOM#{site_id}#{room_id}"


def camera_key(site_id: str, camera_id: str) -> str:
    """Return the partition key of a camera's items."""
    return f"CAMERA#{site_id}#{camera_id}"


def stream_name(prefix: str, site_id: str, camera_id: str) -> str:
    """Return the Kinesis Video stream of a camera, e.g. `headcount-dev.hq.lobby-1`."""
    return f"{prefix}{site_id}.{camera_id}"


def kept_frames_prefix(site_id: str, camera_id: str | None = None) -> str:
    """Return what the keys of a site's kept frames begin with, or of one camera's."""
    return f"{site_id}/" if camera_id is None else f"{site_id}/{camera_id}/"


def kept_frame_key(site_id: str, camera_id: str, captured_at: datetime, frame_id: str) -> str:
    """Return the key of a kept frame, e.g. `hq/lobby-1/2026/03/02/0f….jpg`; days are of UTC."""
    day = captured_at.astimezone(UTC).strftime("%Y/%m/%d")
    return f"{kept_frames_prefix(site_id, camera_id)}{day}/{frame_id}.jpg"
