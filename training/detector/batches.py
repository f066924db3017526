"""Which pictures each step sees: a function of seed and step alone, so that a run can resume."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from training.conditions import Picture
from training.detector.augment import Crop, crop_of
from training.detector.channels import Channels, Shown
from training.detector.hyperparameters import Hyperparameters
from training.serving.detector import InputSize

# Streams of chance that must not meet: the same seed for each would tie order to augmentation.
_ORDER, _LOOK = 1, 2


@dataclass(frozen=True, slots=True)
class Batch:
    """What one step learns from.

    Attributes:
        crops: Rehearsal first.
        rehearsed: How many of them are rehearsal.
    """

    crops: tuple[Crop, ...]
    rehearsed: int


def batch_of(step: int, channels: Channels, parameters: Hyperparameters, size: InputSize) -> Batch:
    """Return the batch of a step.

    Every picture of a channel is seen once before any is seen again. Rehearsal is shown also as
    the drifted light would make it, since what the champion says of it undarkened is known.

    Raises:
        TrainingError: If a picture cannot be decoded.
    """
    rehearsed = round(parameters.batch_size * parameters.rehearsal_share)
    rehearsed = min(rehearsed, parameters.batch_size - 1) if channels.rehearsal else 0
    random = np.random.default_rng([parameters.seed, _LOOK, step])
    parts = (
        (channels.rehearsal, rehearsed, 0, parameters.darkened_share),
        (channels.train, parameters.batch_size - rehearsed, 1, parameters.darkened_train_share),
    )
    crops = tuple(
        crop_of(
            shown,
            random,
            side_px=parameters.crop_px,
            size=size,
            darkened_share=share,
        )
        for source, number, stream, share in parts
        for shown in _in_turn(source, step * number, number, [parameters.seed, _ORDER, stream])
    )
    return Batch(crops, rehearsed)


def as_input(pictures: Sequence[Picture], *, is_rgb: bool) -> Tensor:
    """Return pictures as the network is fed: `(batch, 3, height, width)`, 0 to 255."""
    stacked = np.stack(pictures)
    ordered = stacked[..., ::-1] if is_rgb else stacked
    return torch.from_numpy(np.ascontiguousarray(ordered.transpose(0, 3, 1, 2), dtype=np.float32))


def _in_turn(
    source: Sequence[Shown], first: int, number: int, seed: Sequence[int]
) -> Iterator[Shown]:
    """Yield `number` pictures from place `first` of an endless row of shuffled rounds."""
    for place in range(first, first + number):
        turn, index = divmod(place, len(source))
        yield source[np.random.default_rng([*seed, turn]).permutation(len(source))[index]]
