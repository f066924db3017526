"""What is true of the recordings in `shared_data`, by eye."""

ONE_BY_ONE = "video/one-by-one.mp4"
ONE_BY_ONE_FRAMES_PER_S = 10
# Frames in which one person, mostly from behind, is to be seen; nobody else ever is.
_SOMEBODY = ((56, 200), (224, 450), (500, 702), (750, 870), (918, 1206), (1230, 1362))
_UNCERTAIN_FRAMES = 6


def is_somebody_at(frame: int) -> bool:
    """Return whether a frame of `ONE_BY_ONE` shows the person for certain."""
    return any(
        first + _UNCERTAIN_FRAMES <= frame <= last - _UNCERTAIN_FRAMES for first, last in _SOMEBODY
    )
