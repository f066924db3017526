"""The networks that can be fine-tuned, and what each must be able to say of a batch."""

from collections.abc import Sequence
from typing import Protocol

from torch import Tensor

from training.detector.augment import Crop
from training.detector.centerface import CenterFaceLearning
from training.detector.yunet import YunetLearning


class Learning(Protocol):
    """How one form of network is trained."""

    @property
    def outputs(self) -> tuple[str, ...]:
        """Return the names of the graph's outputs that the losses read, in their order."""

    def label_loss(self, found: Sequence[Tensor], crops: Sequence[Crop]) -> Tensor:
        """Return how far the outputs are from the labels, per face."""

    def agreement(self, found: Sequence[Tensor], champion: Sequence[Tensor]) -> Tensor:
        """Return how far the outputs are from the champion's, per face it sees."""


LEARNING: dict[str, Learning] = {"centerface": CenterFaceLearning(), "yunet": YunetLearning()}
