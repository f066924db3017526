"""What is remembered of each camera and sensor of a room."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from headcount.domain.cameras import OccupancySettings
from headcount.domain.observations import Observation, Presence
from headcount.domain.reading import Lens, Reading
from headcount.domain.scenery import Scenery
from headcount.domain.terms import CameraStatus

# A camera that was turned away still shows who is in its view.
_CAN_SEE = (CameraStatus.ONLINE, CameraStatus.MOVED)
# A sensor of this kind goes on saying what it senses; the others speak of one moment.
_LASTING = "pir"


@dataclass(frozen=True, slots=True)
class Track:
    """What is remembered of one camera.

    Attributes:
        heard_at: When it last delivered a frame.
        sighted_at: When it last delivered a frame in which a person could have been seen.
        present_at: When it last showed somebody.
        witnessed_at: When it last showed a face or a movement.
        clear_since: Since when every frame has shown nobody, in the light and without a gap.
        changed_since: Since when its picture has differed from the vacant view.
        doubtful: Whether the newest frame has one sign of a person that nothing confirms yet.
        people: People found in the newest frame.
        motion: Motion of the newest frame.
        dark: Whether the newest frame was too dark to see in.
        status: What its health check last said.
        scenery: Faces that are part of the scene, or may become so.
    """

    camera_id: str
    heard_at: datetime
    sighted_at: datetime | None = None
    present_at: datetime | None = None
    witnessed_at: datetime | None = None
    clear_since: datetime | None = None
    changed_since: datetime | None = None
    doubtful: bool = False
    people: int = 0
    motion: float = 0.0
    dark: bool = False
    status: CameraStatus = CameraStatus.ONLINE
    scenery: Scenery = field(default_factory=Scenery)

    def shows_somebody(self) -> bool:
        """Return whether its newest frame shows somebody."""
        return self.present_at == self.heard_at

    def is_silent(self, now: datetime, gap: timedelta) -> bool:
        """Return whether nothing has come from it for too long."""
        return now - self.heard_at > gap

    def is_blind(self, now: datetime, gap: timedelta) -> bool:
        """Return whether it has not been able to see for too long."""
        return self.sighted_at is None or now - self.sighted_at > gap

    def is_well(self) -> bool:
        """Return whether its health check lets it be believed."""
        return self.status in _CAN_SEE

    def is_in_the_dark(self) -> bool:
        """Return whether nothing but the dark keeps it from seeing."""
        return self.status is CameraStatus.DARK or (self.dark and self.is_well())

    def finds_nothing_new(self, seen: Observation, lens: Lens) -> bool:
        """Return whether a view without anybody is found as it was, with nothing to watch in it."""
        return (
            seen.faces == 0
            and seen.persons == 0
            and seen.motion <= lens.motion_threshold
            and seen.dark == self.dark
            and not (seen.unable or seen.boxes)
            and not seen.scene_differs(lens.scene_change_threshold)
            and not (self.doubtful or self.people or self.scenery.faces)
            and self.changed_since is None
            and self.status is CameraStatus.ONLINE
        )

    def looked_again(self, seen: Observation) -> "Track":
        """Return the track after a frame that found nothing new."""
        return Track(
            camera_id=self.camera_id,
            heard_at=seen.captured_at,
            sighted_at=self.sighted_at if seen.dark else seen.captured_at,
            present_at=self.present_at,
            witnessed_at=self.witnessed_at,
            clear_since=self.clear_since,
            motion=seen.motion,
            dark=seen.dark,
        )


@dataclass(frozen=True, slots=True)
class Sensor:
    """What a sensor of the BMS last said.

    Attributes:
        until: Until when somebody is taken to be there for that; None if it sensed nobody.
        sensed_at: When it last said anything.
    """

    sensor_id: str
    until: datetime | None
    sensed_at: datetime


@dataclass(frozen=True, slots=True)
class Sighting:
    """What one frame says, with the scenery left out.

    Attributes:
        people: Found in it; None if it is too dark to tell.
        stirs: Whether something moves.
        can_see: Whether somebody would have been seen.
    """

    people: int | None
    stirs: bool
    can_see: bool


def sensed(said: Presence, settings: OccupancySettings) -> Sensor:
    """Return what is remembered of a sensor's word.

    A door or a switch is somebody at that moment, whatever way it moved.
    """
    lasting = said.kind == _LASTING
    hold_s = settings.sensor_hold_s if lasting else settings.vacancy_confirm_s
    somebody = said.present or not lasting
    until = said.sensed_at + timedelta(seconds=hold_s) if somebody else None
    return Sensor(said.sensor_id, until, said.sensed_at)


def sight(track: Track | None, seen: Observation, lens: Lens) -> Sighting:
    """Return what a frame says."""
    stirs = seen.motion > lens.motion_threshold
    status = CameraStatus.ONLINE if track is None else track.status
    if status is CameraStatus.FROZEN:
        # A picture that stands still shows who was there, not who is.
        return Sighting(people=None, stirs=False, can_see=False)
    faces = seen.faces
    if seen.boxes and track is not None:
        faces = track.scenery.people_among(seen.boxes)
    people = max(faces, seen.persons)
    can_see = not seen.dark and not seen.unable and status in _CAN_SEE
    return Sighting(people if can_see or people else None, stirs, can_see)


def follow(
    track: Track | None,
    seen: Observation,
    says: Sighting,
    lens: Lens,
    reading: Reading,
    *,
    expected: bool,
    left_lately: bool,
) -> Track:
    """Return what is remembered of a camera after one more frame.

    Args:
        track: None before its first frame.
        seen: The frame.
        says: What it says.
        lens: How the frame's camera is read.
        reading: How the room is read.
        expected: Whether somebody is believed to be there already: then one sign is believed too.
        left_lately: Whether the room was found vacant only lately, and people may come back: then
            one movement is believed.
    """
    now, settings = seen.captured_at, reading.settings
    if track is None:
        track = Track(seen.camera_id, heard_at=now)
    if track.is_silent(now, reading.gap):
        track = replace(track, sighted_at=None, clear_since=None, doubtful=False, people=0)
    changed = says.can_see and seen.scene_differs(lens.scene_change_threshold)
    # Blindness does not say that the scene is as it was.
    changed_since = (track.changed_since or now) if changed else None
    if not says.can_see:
        changed_since = changed_since or track.changed_since
    found = says.people or 0
    # One sign may be a false alarm where nobody is expected; two, or the next frame's, are not.
    signs = (found > 0) + says.stirs + changed
    sole = signs == 1 and found <= 1
    known = expected or track.doubtful or track.shows_somebody()
    doubtful = sole and not known and not (left_lately and not found)
    witnessed = (says.stirs or found > 0) and not doubtful
    witnessed_at = now if witnessed else track.witnessed_at
    quiet_since = max((at for at in (changed_since, witnessed_at) if at is not None), default=now)
    # What has stood there for long, and nobody moved or showed a face, is furniture.
    held = timedelta(seconds=settings.moved_scene_held_s)
    somebody = witnessed or (changed and not doubtful and now - quiet_since < held)
    clear_since = None
    if says.can_see and not somebody:
        clear_since = track.clear_since or (quiet_since if changed else now)
    scenery = track.scenery
    if says.can_see and (seen.boxes or scenery.faces):
        scenery = scenery.watch(
            seen.boxes, now, stirs=says.stirs, static_face_s=settings.static_face_s
        )
    return Track(
        camera_id=seen.camera_id,
        heard_at=now,
        sighted_at=now if says.can_see or somebody else track.sighted_at,
        dark=seen.dark,
        present_at=now if somebody else track.present_at,
        witnessed_at=witnessed_at,
        clear_since=clear_since,
        changed_since=changed_since,
        doubtful=doubtful,
        people=found,
        motion=seen.motion,
        status=track.status,
        scenery=scenery,
    )
