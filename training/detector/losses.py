"""The losses that heat maps, grids and boxes are trained by."""

import torch
from torch import Tensor
from torch.nn import functional

# Scores are kept this far from 0 and 1, where a logarithm has no end.
_LEAST_SCORE = 1e-4
# How much sure answers count less, and how much cells near a centre do: the published values.
_FOCUS, _NEARNESS = 2, 4


def heat_map_loss(heat: Tensor, target: Tensor, counts: Tensor, worth: Tensor) -> Tensor:
    """Return the penalty-reduced focal loss, summed over cells.

    Args:
        heat: Shape `(batch, rows, columns)`, 0 to 1.
        target: Same shape: 1 at a face's centre, falling around it.
        counts: Same shape: 0 where a cell is neither right nor wrong, else 1.
        worth: Same shape: how much a centre counts, 0 to 1.

    Source: Law and Deng (2018), "CornerNet", ECCV, equation 1.
    """
    score = heat.clamp(_LEAST_SCORE, 1 - _LEAST_SCORE)
    is_centre = target >= 1
    right = -torch.log(score) * (1 - score) ** _FOCUS * worth
    wrong = -torch.log(1 - score) * score**_FOCUS * (1 - target) ** _NEARNESS
    return (torch.where(is_centre, right, wrong) * counts).sum()


def agreement_loss(score: Tensor, champion: Tensor, counts: Tensor) -> Tensor:
    """Return how far scores are from the champion's, summed: cross-entropy where they differ.

    Args:
        score: Any shape, 0 to 1.
        champion: Same shape, 0 to 1.
        counts: Same shape: how much each counts.

    Source: Li et al. (2020), "Generalized Focal Loss", NeurIPS 33, equation 4 (quality focal loss).
    """
    safe = score.clamp(_LEAST_SCORE, 1 - _LEAST_SCORE)
    entropy = functional.binary_cross_entropy(safe, champion, reduction="none")
    return ((champion - safe).detach().abs() ** _FOCUS * entropy * counts).sum()


def box_loss(found: Tensor, wanted: Tensor) -> Tensor:
    """Return 1 - IoU² of pairs of boxes, shape `(n,)`.

    Args:
        found: Shape `(n, 4)`: left, top, right, bottom.
        wanted: Same shape.

    Source: YOLOX's IoU loss (Ge et al. 2021, arXiv 2107.08430).
    """
    return 1 - paired_iou(found, wanted) ** 2


def paired_iou(one: Tensor, other: Tensor) -> Tensor:
    """Return intersection over union of corners, pair by pair; leading dimensions broadcast."""
    low = torch.maximum(one[..., :2], other[..., :2])
    high = torch.minimum(one[..., 2:], other[..., 2:])
    shared = (high - low).clamp(min=0).prod(-1)
    areas = [(boxes[..., 2:] - boxes[..., :2]).clamp(min=0).prod(-1) for boxes in (one, other)]
    return shared / (areas[0] + areas[1] - shared).clamp(min=1e-6)
