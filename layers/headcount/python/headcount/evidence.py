"""What the cameras tell, as the estimator takes it."""

from headcount.domain.occupancy import Observation
from headcount.domain.terms import LightMode
from headcount.events import FramesCounted


def as_observation(seen: FramesCounted) -> Observation:
    """Return the observation in an event."""
    return Observation(
        id=seen.id,
        camera_id=seen.camera_id,
        captured_at=seen.captured_at,
        faces=len(seen.faces),
        persons=len(seen.persons),
        motion=seen.motion,
        scene_change=seen.scene_change,
        dark=seen.light_mode is LightMode.DARK,
    )
