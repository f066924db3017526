"""How YuNet learns: cells of three grids, each face given to the cells that see it best."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from training.detector.augment import Crop
from training.detector.losses import agreement_loss, box_loss, paired_iou
from training.labels import Boxes
from training.serving import yunet

_SCALES = len(yunet.STRIDES_PX)
# A cell may take a face whose centre is within so many cells of it; the published value.
_CENTRE_CELLS = 2.5
# How many cells a face gets: the sum of its best IoUs, of which so many are looked at; published.
_BEST_IOUS = 10
# What a poor box costs beside a poor score in the assignment, and in the loss; published.
_BOX_COST, _BOX_WEIGHT = 3.0, 5.0
_LEAST_SCORE = 1e-6


class YunetLearning:
    """YuNet as something that learns: a `Learning`.

    Source: Ge et al. (2021), "YOLOX", arXiv 2107.08430 (SimOTA), which YuNet's published training
        code uses.
    """

    outputs = yunet.OUTPUTS

    def label_loss(self, found: Sequence[Tensor], crops: Sequence[Crop]) -> Tensor:
        """Return the mean loss per cell that was given a face.

        Args:
            found: Class, objectness `(batch, cells, 1)` and box `(batch, cells, 4)` of each scale.
            crops: The squares that were shown.
        """
        grid = _Grid(crops[0].picture.shape[0])
        kind, is_object, box = _joined(found)
        corners = grid.corners(box)
        loss, given = kind.new_zeros(()), 0.0
        for index, crop in enumerate(crops):
            faces = torch.from_numpy(_as_corners(crop.faces))
            score = (kind[index] * is_object[index]).clamp(min=_LEAST_SCORE).sqrt()
            taken, face = grid.assign(faces, corners[index].detach(), score.detach())
            worth = torch.from_numpy(crop.scores.astype(np.float32))[face]
            wanted = torch.zeros_like(is_object[index])
            wanted[taken] = 1.0
            counts = grid.outside(crop.ignored).float()
            counts[taken] = worth
            entropy = functional.binary_cross_entropy(is_object[index], wanted, reduction="none")
            loss = loss + (entropy * counts).sum()
            if len(taken):
                overlap = paired_iou(corners[index][taken].detach(), faces[face])
                classes = functional.binary_cross_entropy(
                    kind[index][taken], overlap, reduction="none"
                )
                boxes = _BOX_WEIGHT * box_loss(corners[index][taken], faces[face])
                loss = loss + ((classes + boxes) * worth).sum()
                given += len(taken)
        return loss / max(1.0, given)

    def agreement(self, found: Sequence[Tensor], champion: Sequence[Tensor]) -> Tensor:
        """Return how far the outputs are from the champion's of the undarkened squares."""
        kind, is_object, box = _joined(found)
        taught_kind, taught_object, taught_box = _joined(champion)
        weight = (taught_kind * taught_object).clamp(min=0).sqrt()
        mass = weight.sum().clamp(min=1.0)
        loss = agreement_loss(is_object, taught_object, torch.ones_like(weight))
        loss = loss + agreement_loss(kind, taught_kind, weight)
        apart = functional.smooth_l1_loss(box, taught_box, reduction="none", beta=0.1).sum(-1)
        return (loss + (apart * weight).sum()) / mass


class _Grid:
    """The cells of all scales of a square, one after another."""

    def __init__(self, side_px: int) -> None:
        places, strides = [], []
        for stride in yunet.STRIDES_PX:
            cells = side_px // stride
            row, column = np.divmod(np.arange(cells * cells), cells)
            places.append(np.stack([column, row], axis=1) * stride)
            strides.append(np.full(cells * cells, stride))
        self._stride = torch.from_numpy(np.concatenate(strides).astype(np.float32))
        # The corner of each cell, from which boxes are told, and its middle, by which it is given.
        self._corner = torch.from_numpy(np.concatenate(places).astype(np.float32))
        self._middle = self._corner + self._stride[:, None] / 2

    def corners(self, box: Tensor) -> Tensor:
        """Return boxes as left, top, right, bottom in pixels; shape `(batch, cells, 4)`."""
        stride = self._stride[None, :, None]
        centre = box[..., :2] * stride + self._corner
        half = torch.exp(box[..., 2:]) * stride / 2
        return torch.cat([centre - half, centre + half], dim=-1)

    def outside(self, ignored: Boxes) -> Tensor:
        """Return which cells' middles lie in no ignored region."""
        outside = torch.ones(len(self._middle), dtype=torch.bool)
        for left, top, right, bottom in _as_corners(ignored):
            x, y = self._middle[:, 0], self._middle[:, 1]
            outside &= ~((x >= left) & (x < right) & (y >= top) & (y < bottom))
        return outside

    def assign(self, faces: Tensor, corners: Tensor, score: Tensor) -> tuple[Tensor, Tensor]:
        """Return the cells that are given a face, and which face each gets.

        Args:
            faces: Shape `(n, 4)`, corners in pixels.
            corners: Shape `(cells, 4)`: what the network says now.
            score: Shape `(cells,)`, above 0.
        """
        if not len(faces):
            nothing = torch.zeros(0, dtype=torch.long)
            return nothing, nothing
        middle = self._middle[None]
        inside = ((middle > faces[:, None, :2]) & (middle < faces[:, None, 2:])).all(-1)
        centre = (faces[:, None, :2] + faces[:, None, 2:]) / 2
        near = ((middle - centre).abs() < _CENTRE_CELLS * self._stride[None, :, None]).all(-1)
        iou = paired_iou(corners[None], faces[:, None])
        cost = -torch.log(score)[None] - _BOX_COST * torch.log(iou.clamp(min=1e-8))
        # Far cells cost more than any near one, so that even the smallest face gets one.
        cost = cost + 1e5 * ~(inside & near) + 1e9 * ~(inside | near)
        best_ious = iou.topk(min(_BEST_IOUS, iou.shape[1]), dim=1).values
        wanted = best_ious.sum(1).int().clamp(min=1)
        given = torch.zeros_like(cost, dtype=torch.bool)
        for face, number in enumerate(wanted.tolist()):
            given[face, cost[face].topk(number, largest=False).indices] = True
        # A cell that several faces want goes to the one it costs least.
        cells = given.any(0).nonzero()[:, 0]
        face_of = torch.where(given, cost, torch.full_like(cost, torch.inf))[:, cells].argmin(0)
        return cells, face_of


def _joined(outputs: Sequence[Tensor]) -> tuple[Tensor, Tensor, Tensor]:
    """Return class, objectness `(batch, cells)` and box `(batch, cells, 4)` of all scales."""
    kind, is_object, box = (
        torch.cat(list(outputs[start : start + _SCALES]), dim=1)
        for start in range(0, 3 * _SCALES, _SCALES)
    )
    return kind[..., 0].clamp(0, 1), is_object[..., 0].clamp(0, 1), box


def _as_corners(boxes: Boxes) -> npt.NDArray[np.float32]:
    return np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], axis=1).astype(np.float32)
