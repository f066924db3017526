"""A whole recording, simulated: the room as the estimator believes it, and what became of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np

from headcount.domain.policy import Room
from headcount.site import RoomConfig
from ops.simulation.energy import Lived
from ops.simulation.event_log import RunLog
from ops.simulation.observing import FilmedCamera, Frames, film
from ops.simulation.people import PeopleRecord, Segment
from ops.simulation.running import RoomRun
from ops.simulation.scoring import timeline
from ops.simulation.settings import SimulationSettings

# What the estimator can be made to believe, whatever the error: it refuses rates beyond.
_LOWEST_RATE, _HIGHEST_RATE = 0.05, 0.99
# Streams of random numbers, so that what people do does not depend on what control does.
_WORLD, _BUILDING, _BELIEF = 0, 1, 2

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Scene:
    """A recording as cameras would have seen it, ready to be lived through.

    Attributes:
        room: With the rates that the estimator believes.
        begins: When each segment begins, by the clock of the site.
        frames: What each camera delivers in each segment.
    """

    record: PeopleRecord
    room: Room
    cameras: tuple[FilmedCamera, ...]
    settings: SimulationSettings
    seed: int
    begins: tuple[datetime, ...]
    frames: tuple[tuple[Frames, ...], ...]


def set_scene(
    record: PeopleRecord, site_id: str, config: RoomConfig, settings: SimulationSettings, seed: int
) -> Scene:
    """Return what the cameras of a room would have seen of a recording."""
    room = config.as_room(site_id)
    cameras = tuple(
        FilmedCamera.of(
            camera,
            room.occupancy.motion_threshold,
            settings.sample_every_s or configured.sample_every_s,
        )
        for camera, configured in zip(room.cameras, config.cameras, strict=True)
    )
    zone = ZoneInfo(config.time_zone)
    return Scene(
        record=record,
        room=_mistaken(room, settings, np.random.default_rng([seed, _BELIEF])),
        cameras=cameras,
        settings=settings,
        seed=seed,
        begins=tuple(_by_site_clock(segment, zone) for segment in record.segments),
        frames=tuple(
            film(segment, cameras, settings, np.random.default_rng([seed, _WORLD, at]))
            for at, segment in enumerate(record.segments)
        ),
    )


def live_through(
    scene: Scene,
    progress: Progress = lambda _: None,
    write: Callable[[Mapping[str, object]], None] | None = None,
) -> list[Lived]:
    """Return each segment of a scene as the room lived through it.

    Args:
        scene: What the cameras deliver.
        progress: Told what is being simulated.
        write: Given every event of the run, as one EventBridge envelope.
    """
    log = RunLog(scene.room, write) if write is not None else None
    lived = []
    for at, segment in enumerate(scene.record.segments):
        progress(f"segment {at + 1} of {len(scene.record.segments)}: {segment.start:%Y-%m-%d}")
        rng = np.random.default_rng([scene.seed, _BUILDING, at])
        run = RoomRun(segment, scene.begins[at], scene.room, scene.settings, rng, log)
        trace = run.through(scene.frames[at])
        lived.append(Lived(segment, trace, timeline(segment, trace, scene.room)))
    return lived


def _by_site_clock(segment: Segment, zone: ZoneInfo) -> datetime:
    """Return when a segment begins, if its recording had been made where the site is.

    Opening hours are read by the site's clock. A recording from elsewhere keeps the time that its
    own clocks showed; one in UTC is taken as it is, for logs are often kept in UTC.
    """
    offset = segment.start.utcoffset()
    if not offset or offset == segment.start.astimezone(zone).utcoffset():
        return segment.start.astimezone(UTC)
    return segment.start.replace(tzinfo=zone).astimezone(UTC)


def _mistaken(room: Room, settings: SimulationSettings, rng: np.random.Generator) -> Room:
    """Return the room with the detection rates that the estimator believes."""
    signs = rng.choice([-1.0, 1.0], len(room.cameras) + 1)
    believed = [
        float(
            np.clip(
                settings.detection_rate + sign * settings.belief_error, _LOWEST_RATE, _HIGHEST_RATE
            )
        )
        for sign in signs
    ]
    return replace(
        room,
        occupancy=replace(room.occupancy, detection_rate=believed[0]),
        cameras=tuple(
            replace(camera, detection_rate=rate)
            for camera, rate in zip(room.cameras, believed[1:], strict=True)
        ),
    )
