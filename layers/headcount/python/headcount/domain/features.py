"""What is watched of a frame: the same figures in training, in service and in monitoring.

Everything is reckoned from an answer of the endpoint, so that whoever has answers (the capture,
the lake, an evaluation on a laptop) has the same features by this one function, and they cannot
skew. Each feature has a grid: 256 bins between two fixed ends. Bins that do not depend on data
can be added up, compared over years and between models.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

BINS = 256
# Pixels: a box of less than 32 x 32 is small. Source: Lin et al. (2014), "Microsoft COCO", ECCV.
SMALL_AREA_PX = 32 * 32
# As the serving code answers them (training/serving/embedding.py).
EMBEDDING_COMPONENTS = 8


@dataclass(frozen=True, slots=True)
class Feature:
    """One figure of a frame.

    Attributes:
        name: As statistics and metrics call it.
        low: Where its grid begins; what is lower falls into the first bin.
        high: Where its grid ends; what is higher falls into the last.
        least_shift: The smallest shift that is worth telling, as a share of the grid. Chosen for
            each: a camera that is steadier than this is not watched more closely than this.
        logarithmic: Whether the grid is even in log(1 + value).
        whole: Whether it counts something.
        of_model: Whether it is of the faces that the model finds, and not of the picture.
        of_light: Whether it grows with the light that falls into the room.
    """

    name: str
    low: float
    high: float
    least_shift: float
    logarithmic: bool = False
    whole: bool = False
    of_model: bool = False
    of_light: bool = False

    def on_grid(self, values: FloatArray) -> FloatArray:
        """Return where values lie on the grid, 0 at `low` to 1 at `high`; NaN stays NaN."""
        low, high = self.low, self.high
        if self.logarithmic:
            values, low, high = np.log1p(np.maximum(values, low)), math.log1p(low), math.log1p(high)
        return np.clip((values - low) / (high - low), 0.0, 1.0)

    def off_grid(self, places: FloatArray) -> FloatArray:
        """Return the values that lie at places on the grid."""
        if self.logarithmic:
            low, high = math.log1p(self.low), math.log1p(self.high)
            return np.expm1(low + places * (high - low))
        return self.low + places * (self.high - self.low)

    def bins(self, values: FloatArray) -> IntArray:
        """Return the bin of each value, 0 to `BINS` - 1, and -1 where there is none (NaN)."""
        places = self.on_grid(values)
        known = np.isfinite(places)
        binned = np.minimum(np.where(known, places, 0.0) * BINS, BINS - 1).astype(np.int64)
        return np.where(known, binned, -1)


FEATURES: tuple[Feature, ...] = (
    Feature("brightness", 0.0, 1.0, 0.02, of_light=True),
    Feature("contrast", 0.0, 0.5, 0.02, of_light=True),
    Feature("blur", 0.0, 20_000.0, 0.02, logarithmic=True, of_light=True),
    Feature("faces", 0.0, 255.0, 0.05, logarithmic=True, whole=True, of_model=True),
    Feature("score_mean", 0.0, 1.0, 0.02, of_model=True),
    Feature("score_lowest", 0.0, 1.0, 0.03, of_model=True),
    Feature("box_size", 0.0, 1.0, 0.01, of_model=True),
    Feature("small_share", 0.0, 1.0, 0.05, of_model=True),
    Feature("motion", 0.0, 1.0, 0.03),
    *(
        Feature(f"embedding_{number}", -1.0, 1.0, 0.01)
        for number in range(1, EMBEDDING_COMPONENTS + 1)
    ),
)
FEATURE_NAMES = tuple(feature.name for feature in FEATURES)


def frame_features(
    *,
    brightness: float,
    contrast: float,
    blur: float,
    count: int,
    scores: Sequence[float],
    boxes: Sequence[Sequence[float]],
    size_px: tuple[int, int],
    motion: float | None = None,
    embedding: Sequence[float] | None = None,
) -> list[float]:
    """Return a frame's features in the order of `FEATURES`; NaN is what the frame has not.

    Args:
        brightness: Mean luma, 0 to 1.
        contrast: Standard deviation of luma, 0 to 0.5.
        blur: Variance of the Laplacian, 0 or more; higher is sharper.
        count: Faces at the model's threshold.
        scores: Shape `(faces,)`; scores of the faces at the threshold, 0 to 1. Without faces
            there is no score and no size: an empty room does not look like a worse model.
        boxes: Shape `(faces, 4)`: left, top, width, height as fractions of the frame.
        size_px: Width and height of the frame.
        motion: Within the fragment, 0 to 1; None if nobody said.
        embedding: Shape `(EMBEDDING_COMPONENTS,)`; None from an endpoint that has none.

    Raises:
        ValueError: If there are not as many boxes as scores, or another number of components.
    """
    if len(scores) != len(boxes):
        raise ValueError(f"{len(scores)} scores do not fit {len(boxes)} boxes")
    if embedding is not None and len(embedding) != EMBEDDING_COMPONENTS:
        raise ValueError(f"{len(embedding)} components, not {EMBEDDING_COMPONENTS}")
    # The side of a square of the box's share of the picture: a length, so that a face twice as
    # near is twice as large.
    areas = [box[2] * box[3] for box in boxes]
    frame_area_px = size_px[0] * size_px[1]
    faces = len(scores)
    return [
        brightness,
        contrast,
        blur,
        float(count),
        sum(scores) / faces if faces else math.nan,
        min(scores) if faces else math.nan,
        sum(map(math.sqrt, areas)) / faces if faces else math.nan,
        sum(area * frame_area_px < SMALL_AREA_PX for area in areas) / faces if faces else math.nan,
        math.nan if motion is None else motion,
        *([math.nan] * EMBEDDING_COMPONENTS if embedding is None else embedding),
    ]
