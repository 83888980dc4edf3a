"""Rotary positions of DINOv3: queries and keys of patches are turned by their place in the image."""

import math

import torch
from torch import Tensor

Rotation = tuple[Tensor, Tensor]


def rotation(rows: int, columns: int, frequencies: Tensor) -> Rotation:
    """Cosines and sines `(rows·columns, width of a head)` at the patches' centres, which lie between −1 and 1.

    Args:
        frequencies: a quarter of the width of a head, the same for both directions.
    """
    device = frequencies.device
    sides = [2 * torch.arange(0.5, count, dtype=torch.float32, device=device) / count - 1 for count in (rows, columns)]
    centres = torch.stack(torch.meshgrid(*sides, indexing="ij"), dim=-1).flatten(0, 1)
    angles = (2 * math.pi * centres[:, :, None] * frequencies).flatten(1, 2).tile(2)
    return angles.cos(), angles.sin()


def rotated(heads: Tensor, turned: Rotation) -> Tensor:
    """The patches' part of `(B, heads, tokens, width)` turned; class token and registers stay."""
    cos, sin = turned
    first, patches = heads[..., : -len(cos), :], heads[..., -len(cos) :, :]
    one, other = patches.chunk(2, dim=-1)
    return torch.cat([first, patches * cos + torch.cat([-other, one], dim=-1) * sin], dim=-2)
