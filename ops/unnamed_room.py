"""A room that no site document was given for, as the code's defaults would have it."""

from headcount.domain.cameras import Camera
from headcount.domain.policy import DEFAULT_BANDS, Band, DeviceGroup, Policy, Room
from headcount.verification.room_log import RoomLog


def room_of_defaults(log: RoomLog) -> Room:
    """Return a room with the cameras and device groups of its log, and default settings."""
    levels = {group: level for band in DEFAULT_BANDS for group, level in band.levels.items()}
    most: dict[str, int] = {}
    for command in log.commands:
        group = command.device_group
        most[group] = max(most.get(group, 1), command.level, levels.get(group, 1))
    bands = tuple(
        Band(band.people, {group: band.levels.get(group, 0) for group in most})
        for band in DEFAULT_BANDS
    )
    return Room(
        site_id=log.site_id,
        room_id=log.room_id,
        cameras=tuple(Camera(name) for name in sorted({one.seen.camera_id for one in log.looks})),
        devices=tuple(
            # Without a site, nobody knows what a group is: its name has to do.
            DeviceGroup(id=group, kind=group, max_level=level)
            for group, level in sorted(most.items())
        ),
        policy=Policy(bands=bands),
    )
