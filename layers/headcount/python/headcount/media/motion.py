"""Motion inside a fragment, from the sizes of its frames: nothing is decoded.

An encoder spends almost nothing on a frame that repeats the one before. So the median size of the
frames between key frames, less what an unchanged frame costs, over the size of the key frame is a
measure of how much of the picture changes:

    ratio  = max(0, median(inter bytes) - UNCHANGED_FRAME_BYTES) / key bytes
    motion = log(1 + ratio / NOISE_RATIO) / log(1 + FULL_RATIO / NOISE_RATIO), at most 1

The median forgives one odd frame, such as a key frame inside the source of a re-encoded clip.

Sizes mean this only where every frame is quantised alike, which is how our gateway encodes
(`edge/encoder.py`: x264 at a constant quantiser, 10 frames a second). A camera that encodes to a
bit rate instead spends what is left over on noise, so its empty room measures higher: for such
cameras let the gateway re-encode, or compare a fragment with that camera's own empty room.
"""

import math
from statistics import median

from headcount.media.mkv import Cluster

# Chosen above the 32 to 45 bytes that x264 was measured to spend on an unchanged frame, 432p.
UNCHANGED_FRAME_BYTES = 64
# Measured with the gateway's settings on 2 s fragments: a corridor 0.00 while empty, 0.17 to 0.96
# with one person in it (median 0.45), a class that sits and listens 0.32 to 0.42; sensor noise of
# 2 grey levels 0.00, of 3 levels 0.15. 0.1 is a threshold between; tests hold it to that.
NOISE_RATIO = 0.005
FULL_RATIO = 0.2


def motion(cluster: Cluster) -> float:
    """Return how much moves between the frames of a cluster, from 0 (nothing) to 1.

    A cluster with fewer than two video frames says nothing about motion and returns 0.

    Raises:
        CorruptFragmentError: If it has no video or no key frame.
    """
    key_bytes = len(cluster.key_frame().data)
    inter_bytes = [len(frame.data) for frame in cluster.video_frames() if not frame.is_key]
    if not inter_bytes or key_bytes == 0:
        return 0.0
    ratio = max(0.0, median(inter_bytes) - UNCHANGED_FRAME_BYTES) / key_bytes
    return min(1.0, math.log1p(ratio / NOISE_RATIO) / math.log1p(FULL_RATIO / NOISE_RATIO))
