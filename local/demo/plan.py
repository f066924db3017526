"""What the demo plays: which site, which source before which camera, and what is true."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from headcount.errors import SiteError
from headcount.site import RoomEntry, Site
from local.portraits import ROOT
from local.scenes import EMPTYING, MEETING, Scene

DEFAULT_SITE = ROOT / "sites/demo.yaml"
DEFAULT_SCENES = (MEETING, EMPTYING)


@dataclass(frozen=True, slots=True)
class Feed:
    """One camera of the demo, and what it sees.

    Attributes:
        room_id: The room it watches.
        camera_id: The camera.
        source: A file or URL, or the scene to be composed.
        sample_every_s: Seconds between sampled fragments.
        fragment_s: Seconds of video in a fragment.
    """

    room_id: str
    camera_id: str
    source: str | Scene
    sample_every_s: float
    fragment_s: float


def choose_feeds(
    site: Site, sources: Sequence[str], environ: Mapping[str, str]
) -> tuple[Site, list[Feed]]:
    """Return the site reduced to the rooms that have a source, and a feed for each camera.

    Sources are given to the cameras in the document's order. Without any, a camera plays the
    source that the document names, and the first two that have none play the composed clips.

    Raises:
        SiteError: If there are more sources than cameras, or a variable in a source is not set.
    """
    cameras = [(room, camera) for room in site.rooms for camera in room.cameras]
    if len(sources) > len(cameras):
        raise SiteError(
            f"{len(sources)} sources were given, but site '{site.id}' has {len(cameras)} cameras.\n"
            "Give as many --source as there are cameras, or a --site with more of them."
        )
    scenes = list(DEFAULT_SCENES)
    feeds: list[Feed] = []
    for index, (room, camera) in enumerate(cameras):
        source: str | Scene | None
        if sources:
            source = sources[index] if index < len(sources) else None
        else:
            try:
                source = camera.source_with(environ) or (scenes.pop(0) if scenes else None)
            except KeyError as fault:
                raise SiteError(
                    f"The source of camera '{camera.id}' needs the variable {fault.args[0]}.\n"
                    "Set it, or give a source with --source."
                ) from fault
        if source is not None:
            feeds.append(Feed(room.id, camera.id, source, camera.sample_every_s, camera.fragment_s))
    fed = {feed.camera_id for feed in feeds}
    rooms = [_with_cameras(room, fed) for room in site.rooms]
    kept = tuple(room for room in rooms if room is not None)
    return site.model_copy(update={"rooms": kept}), feeds


def truth_of(
    feeds: Sequence[Feed], began_s: Mapping[str, float] | None = None
) -> dict[str, Callable[[float], int | None]]:
    """Return, for each room that plays one composed clip alone, the people at a second of the run.

    Args:
        feeds: What plays.
        began_s: For a camera, the second of the run at which its clip began; by default 0.
    """
    by_room: dict[str, list[Feed]] = {}
    for feed in feeds:
        by_room.setdefault(feed.room_id, []).append(feed)
    return {
        room_id: _from(of_room[0].source, (began_s or {}).get(of_room[0].camera_id, 0.0))
        for room_id, of_room in by_room.items()
        if len(of_room) == 1 and isinstance(of_room[0].source, Scene)
    }


def _from(scene: Scene, began_s: float) -> Callable[[float], int | None]:
    def people_at(at_s: float) -> int | None:
        return scene.people_at(at_s - began_s) if at_s >= began_s else None

    return people_at


def _with_cameras(room: RoomEntry, fed: set[str]) -> RoomEntry | None:
    cameras = tuple(camera for camera in room.cameras if camera.id in fed)
    return room.model_copy(update={"cameras": cameras}) if cameras else None
