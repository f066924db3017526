"""Frames as columns: when, by which camera, in which light, and their features."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt

from headcount.domain.features import FEATURES
from headcount.domain.terms import LightMode

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]

# In what light a frame was taken if nobody said so.
UNSAID = "unsaid"
LIGHTS: tuple[str, ...] = (*(mode.value for mode in LightMode), UNSAID)


@dataclass(frozen=True, slots=True)
class AnsweringModel:
    """Which model answered, as the endpoint says it."""

    name: str
    version: str
    sha256: str

    def __str__(self) -> str:
        return f"{self.name} {self.version} ({self.sha256[:12]})"


@dataclass(frozen=True, eq=False, slots=True)
class Frames:
    """Many frames.

    Attributes:
        at_s: Shape `(n,)`; when each was counted, in seconds since 1970.
        camera: Shape `(n,)`; index into `cameras`.
        light: Shape `(n,)`; index into `LIGHTS`.
        model: Shape `(n,)`; index into `models`.
        values: Shape `(n, features)`, in the order of `FEATURES`; NaN is what a frame has not.
        cameras: `site/camera`, or empty for frames of which nobody said whose they are.
        models: Which models answered.
    """

    at_s: FloatArray
    camera: IntArray
    light: IntArray
    model: IntArray
    values: FloatArray
    cameras: tuple[str, ...]
    models: tuple[AnsweringModel, ...]

    def __post_init__(self) -> None:
        count = len(self.at_s)
        if self.values.shape != (count, len(FEATURES)):
            raise ValueError(f"{count} frames have values of shape {self.values.shape}")
        if any(len(column) != count for column in (self.camera, self.light, self.model)):
            raise ValueError(f"columns are not {count} long")

    def __len__(self) -> int:
        return len(self.at_s)

    def where(self, chosen: BoolArray) -> "Frames":
        """Return the frames that are chosen; shape of `chosen` `(n,)`."""
        return Frames(
            self.at_s[chosen],
            self.camera[chosen],
            self.light[chosen],
            self.model[chosen],
            self.values[chosen],
            self.cameras,
            self.models,
        )

    def between(self, start: datetime, end: datetime) -> "Frames":
        """Return the frames from `start` on and before `end`."""
        return self.where((self.at_s >= start.timestamp()) & (self.at_s < end.timestamp()))

    def of_model(self, sha256: str) -> "Frames":
        """Return the frames that one model answered."""
        wanted = [index for index, model in enumerate(self.models) if model.sha256 == sha256]
        return self.where(np.isin(self.model, wanted))

    def first_at(self) -> datetime:
        """Return when the first frame was counted; there must be one."""
        return datetime.fromtimestamp(float(np.min(self.at_s)), UTC)

    def last_at(self) -> datetime:
        """Return when the last frame was counted; there must be one."""
        return datetime.fromtimestamp(float(np.max(self.at_s)), UTC)


def join(parts: Sequence[Frames]) -> Frames:
    """Return frames of several parts with the same cameras and models as one."""
    first = parts[0]
    if any((part.cameras, part.models) != (first.cameras, first.models) for part in parts):
        raise ValueError("parts with other cameras or models cannot be joined")
    return Frames(
        np.concatenate([part.at_s for part in parts]),
        np.concatenate([part.camera for part in parts]),
        np.concatenate([part.light for part in parts]),
        np.concatenate([part.model for part in parts]),
        np.concatenate([part.values for part in parts]),
        first.cameras,
        first.models,
    )
