"""A backbone that can be trusted, with the report of how it was loaded."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from swaveval.checkpoints.load_report import LoadReport


class PrototypeHead(nn.Module):
    """Projection head and prototypes: features `(B, d)` to prototype scores `(B, K)`.

    The projection is L2-normalised before the prototype layer, as in SwaV (2006.09882); a bias that lightly's layer
    has carried since 2022-10 is kept.
    """

    def __init__(self, projection: nn.Module, prototypes: nn.Linear) -> None:
        super().__init__()
        self.projection = projection
        self.prototypes = prototypes

    def forward(self, features: Tensor) -> Tensor:
        projected = nn.functional.normalize(self.projection(features), dim=1, p=2)
        return self.prototypes(projected)


@dataclass(frozen=True, eq=False)
class Backbone:
    """A loaded model: everything downstream may rely on it being what the file says.

    Attributes:
        module: images `(B, 3, H, W)`, float32, normalised, to features `(B, d)`; eval mode, no gradients.
        feature_dim: d.
        digest: SHA-256 over names, dtypes, shapes and bytes of backbone, head and prototypes.
        architecture: in words, e.g. `resnet18, small stem, width 32`.
        report: how it was loaded.
        head: projection head and prototypes, or None where the file has none that is complete.
        swav_settings: `temperature`, `epsilon`, `sinkhorn_iterations` as far as the file tells.
        build: makes the same architecture at random initialisation.
    """

    module: nn.Module
    feature_dim: int
    digest: str
    architecture: str
    report: LoadReport
    head: PrototypeHead | None
    swav_settings: dict[str, Any]
    build: Callable[[], nn.Module] | None = None

    def to(self, device: str | torch.device) -> "Backbone":
        """Move module and head in place; returns itself."""
        self.module.to(device)
        if self.head is not None:
            self.head.to(device)
        return self
