"""What the estimator is told: a camera's look, a sensor's word, a camera's health."""

from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from headcount.domain.terms import CameraStatus

# A change of nearly the whole picture is the light and not a person. Chosen.
SCENE_CHANGE_IS_LIGHT = 0.6

Box: TypeAlias = tuple[float, float, float, float]
"""Left, top, width, height as fractions of the frame."""


@dataclass(frozen=True, slots=True)
class Observation:
    """What one camera saw at one instant.

    Attributes:
        id: Deterministic: the same observation told twice has the same id.
        motion: Motion within the fragment, 0 to 1.
        scene_change: Share of the picture that differs from the vacant reference, if there is one.
        dark: Whether there was too little light to see a person.
        boxes: Where the faces are; without them none can be known as part of the scene.
        unable: Whether the picture shows nothing at all: a covered lens, a failed sensor.
    """

    id: str
    camera_id: str
    captured_at: datetime
    faces: int
    persons: int = 0
    motion: float = 0.0
    scene_change: float | None = None
    dark: bool = False
    boxes: tuple[Box, ...] = ()
    unable: bool = False

    @property
    def at(self) -> datetime:
        """Return when it was so, by the producer's clock."""
        return self.captured_at

    @property
    def source(self) -> str:
        """Return whose word it is."""
        return self.camera_id

    def people_seen(self) -> int:
        """Return how many people can be pointed at; faces and bodies are the same people."""
        return max(self.faces, self.persons)

    def scene_differs(self, threshold: float) -> bool:
        """Return whether somebody or something is there that the vacant view did not have."""
        # In the dark the picture differs from the reference for want of light, not of emptiness.
        if self.scene_change is None or self.dark:
            return False
        return threshold < self.scene_change < SCENE_CHANGE_IS_LIGHT


@dataclass(frozen=True, slots=True)
class Presence:
    """What a sensor of the BMS says.

    Attributes:
        kind: `pir` goes on saying it; `door`, `switch` and others speak of one moment.
        present: Whether it senses somebody.
    """

    id: str
    sensor_id: str
    kind: str
    present: bool
    sensed_at: datetime

    @property
    def at(self) -> datetime:
        """Return when it was so, by the sensor's clock."""
        return self.sensed_at

    @property
    def source(self) -> str:
        """Return whose word it is."""
        return self.sensor_id


@dataclass(frozen=True, slots=True)
class CameraHealth:
    """Whether a camera can be believed, from `since` on."""

    id: str
    camera_id: str
    status: CameraStatus
    since: datetime

    @property
    def at(self) -> datetime:
        """Return from when on it is so."""
        return self.since

    @property
    def source(self) -> str:
        """Return whose word it is."""
        return self.camera_id


Evidence: TypeAlias = Observation | Presence | CameraHealth
