"""How CenterFace learns: a heat map of centres, with size and offset where the heat is."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from training.detector.augment import Crop
from training.detector.losses import agreement_loss, heat_map_loss
from training.detector.targets import maps_of
from training.serving import centerface

# Cells where the champion's heat is below this say nothing of a face's size. Chosen.
_SIZED_FROM = 0.3


class CenterFaceLearning:
    """CenterFace as something that learns: a `Learning`.

    Source of the losses and their shares: Xu et al. (2020), equations 1 to 6.
    """

    outputs = centerface.OUTPUTS

    def label_loss(self, found: Sequence[Tensor], crops: Sequence[Crop]) -> Tensor:
        """Return the mean loss per labelled face of a batch.

        Args:
            found: Heat `(batch, 1, rows, columns)`, log of size and offset
                `(batch, 2, rows, columns)`.
            crops: The squares that were shown.
        """
        heat, log_size, offset = found
        maps = maps_of(crops)
        target, counts, worth, sized = (
            torch.from_numpy(part) for part in (maps.heat, maps.counts, maps.worth, maps.sized)
        )
        faces = max(1.0, float((target >= 1).sum()))
        loss = heat_map_loss(heat[:, 0], target, counts, worth) / faces
        cells = sized.sum().clamp(min=1.0)
        for output, wanted in ((log_size, maps.log_size), (offset, maps.offset)):
            apart = functional.smooth_l1_loss(
                output, torch.from_numpy(wanted), reduction="none", beta=0.1
            )
            loss = loss + (apart * sized[:, None]).sum() / cells
        return loss

    def agreement(self, found: Sequence[Tensor], champion: Sequence[Tensor]) -> Tensor:
        """Return how far the outputs are from the champion's of the undarkened squares."""
        heat, log_size, offset = found
        taught, taught_size, taught_offset = champion
        mass = taught.sum().clamp(min=1.0)
        loss = agreement_loss(heat, taught, torch.ones_like(taught)) / mass
        weight = torch.where(taught >= _SIZED_FROM, taught, torch.zeros_like(taught))
        cells = weight.sum().clamp(min=1.0)
        for output, wanted in ((log_size, taught_size), (offset, taught_offset)):
            apart = functional.smooth_l1_loss(output, wanted, reduction="none", beta=0.1)
            loss = loss + (apart * weight).sum() / cells
        return loss
