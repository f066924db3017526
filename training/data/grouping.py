"""Groups of near-duplicates, filled in where a manifest does not name them yet."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from training.data.near_duplicates import Likeness, look_of
from training.data.pictures import read_picture
from training.data.pool import with_sha256
from training.manifest import Frame, Manifest

Watch = Callable[[Sequence[Frame], str], Iterable[Frame]]


def with_groups(manifest: Manifest, watch: Watch = lambda frames, _: frames) -> tuple[Frame, ...]:
    """Return a manifest's frames, each with its group; pictures are read only if one lacks it.

    Args:
        manifest: Whose pictures are on this machine.
        watch: Wraps the iteration, to show progress; told what is being done.

    Raises:
        ManifestError: If a picture cannot be read or is not the one vouched for.
    """
    if all(frame.group for frame in manifest.frames):
        return manifest.frames
    frames, looks = [], []
    for frame in watch(manifest.frames, "Comparing"):
        picture = read_picture(manifest.picture(frame))
        frames.append(with_sha256(frame, picture.sha256, manifest.path))
        looks.append(look_of(picture.pixels))
    groups = Likeness(frames, looks).groups()
    return tuple(replace(frame, group=group) for frame, group in zip(frames, groups, strict=True))
