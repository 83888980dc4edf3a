"""Runs of the bank that are not SwaV's: lightly's parts on Lightning, as its examples put them together.

They leave what such scripts leave: Lightning's own checkpoints and a CSV log, no run.json.
"""

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytorch_lightning as pl
import timm
import torch
from lightly.loss import BarlowTwinsLoss, DINOLoss, NegativeCosineSimilarity, NTXentLoss, VICRegLoss
from lightly.models.modules import (
    BarlowTwinsProjectionHead,
    BYOLPredictionHead,
    BYOLProjectionHead,
    SimCLRProjectionHead,
    SimSiamPredictionHead,
    SimSiamProjectionHead,
)
from lightly.models.modules.heads import DINOProjectionHead, VICRegProjectionHead
from lightly.models.utils import deactivate_requires_grad, update_momentum
from lightly.utils.scheduler import CosineWarmupScheduler
from pytorch_lightning.callbacks import Callback, ModelCheckpoint
from pytorch_lightning.loggers import CSVLogger
from torch import Tensor, nn
from torch.utils.data import DataLoader, IterableDataset

from swaveval.checkpoints.architectures import build_resnet
from swaveval.data import open_images
from swaveval.pretrain.batch_views import BatchViews
from swaveval.pretrain.config import AugmentationConfig
from swaveval.pretrain.quiet import quiet_lightning

Array = np.ndarray[Any, np.dtype[Any]]
Method = Literal[
    "simclr",
    "byol",
    "barlow",
    "simsiam",
    "vicreg",
    "byol without predictor",
    "vicreg without variance",
    "dino",
    "dino without centre",
    "dino without sharpening",
]

BATCH = 128


# Of the ResNets here, at 32 px.
STEM_STRIDE = 2
# Outputs of DINO's head.
DINO_OUTPUTS = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class Joint:
    """A run of a method that embeds two views of an image alike.

    Attributes:
        images: name of the set. method: the loss and the heads. network: `resnet10` of width 32, or a small `vit`.
        temperature: of SimCLR's loss.
        learning_rate, epochs, seed: of the training. constant: the rate stays; else a cosine to zero.
        every: steps between checkpoints; 0 for one an epoch. step_zero: whether the untrained network is saved as well.
    """

    images: str
    method: Method
    network: Literal["resnet10", "vit"] = "resnet10"
    temperature: float = 0.2
    learning_rate: float = 2e-3
    epochs: int = 12
    seed: int = 1
    constant: bool = True
    every: int = 0
    step_zero: bool = False

    @property
    def finished(self) -> bool:
        """Whether the learning rate goes to zero."""
        return not self.constant

    @property
    def size(self) -> int:
        """Side of the crops, and of the images that features are taken from."""
        return 32

    @property
    def distilled(self) -> bool:
        """Whether a teacher is saved beside a student, as DINO's examples name them; the teacher is evaluated."""
        return self.method.startswith("dino")


def small_vit() -> nn.Module:
    """A ViT of 0.46 M parameters for 32 px; `swaveval run --backbone FILE:small_vit` names it."""
    built: nn.Module = timm.create_model(
        "vit_tiny_patch16_224", img_size=32, patch_size=4, depth=4, num_heads=3, embed_dim=96, num_classes=0
    )
    return built


def network_of(run: Joint) -> tuple[nn.Module, int]:
    """An untrained backbone, and its feature dimension."""
    if run.network == "vit":
        return small_vit(), 96
    return build_resnet(depth=10, stem="small", width=32, stem_stride=STEM_STRIDE)


class _Stepping(pl.LightningModule):
    """The optimiser that every method here has."""

    def __init__(self, run: Joint, steps: int) -> None:
        super().__init__()
        self._run, self._steps = run, steps

    def configure_optimizers(self) -> Any:
        optimiser = torch.optim.AdamW(
            [one for one in self.parameters() if one.requires_grad], lr=self._run.learning_rate, weight_decay=1e-2
        )
        scheduler = CosineWarmupScheduler(
            optimiser,
            warmup_epochs=min(40, self._steps // 4),
            max_epochs=self._steps,
            end_value=1.0 if self._run.constant else 0.0,
        )
        return {"optimizer": optimiser, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}


class Embedder(_Stepping):
    """Backbone and heads of a method; its loss of two views."""

    def __init__(self, run: Joint, steps: int) -> None:
        super().__init__(run, steps)
        self.backbone, width = network_of(run)
        if run.method == "simclr":
            self.projection_head: nn.Module = SimCLRProjectionHead(width, width, 64)
            self.criterion: nn.Module = NTXentLoss(temperature=run.temperature)
        elif run.method == "barlow":
            self.projection_head = BarlowTwinsProjectionHead(width, 256, 256)
            self.criterion = BarlowTwinsLoss()
        elif run.method in ("vicreg", "vicreg without variance"):
            self.projection_head = VICRegProjectionHead(width, 256, 256)
            self.criterion = VICRegLoss() if run.method == "vicreg" else VICRegLoss(mu_param=0.0, nu_param=0.0)
        elif run.method == "simsiam":
            self.projection_head = SimSiamProjectionHead(width, 256, 128)
            self.prediction_head = SimSiamPredictionHead(128, 64, 128)
            self.criterion = NegativeCosineSimilarity()
        else:
            self.projection_head = BYOLProjectionHead(width, 256, 64)
            self.prediction_head = BYOLPredictionHead(64, 128, 64)
            self.backbone_momentum = copy.deepcopy(self.backbone)
            self.projection_head_momentum = copy.deepcopy(self.projection_head)
            deactivate_requires_grad(self.backbone_momentum)
            deactivate_requires_grad(self.projection_head_momentum)
            self.criterion = NegativeCosineSimilarity()

    def training_step(self, views: list[Tensor], _: int) -> Tensor:
        if self._run.method == "byol":
            loss = self._byol(views)
        elif self._run.method == "simsiam":
            loss = self._simsiam(views)
        elif self._run.method == "byol without predictor":
            # Both sides learn and nothing holds them apart: the constant output is the minimum.
            loss = self.criterion(*(self.projection_head(self.backbone(view)) for view in views))
        else:
            loss = self.criterion(*(self.projection_head(self.backbone(view)) for view in views))
        self.log("train_loss", loss, on_step=False, on_epoch=True)
        return loss

    def _byol(self, views: list[Tensor]) -> Tensor:
        update_momentum(self.backbone, self.backbone_momentum, m=0.99)
        update_momentum(self.projection_head, self.projection_head_momentum, m=0.99)
        online = [self.prediction_head(self.projection_head(self.backbone(view))) for view in views]
        with torch.no_grad():
            target = [self.projection_head_momentum(self.backbone_momentum(view)) for view in views]
        loss: Tensor = 0.5 * (self.criterion(online[0], target[1]) + self.criterion(online[1], target[0]))
        return loss

    def _simsiam(self, views: list[Tensor]) -> Tensor:
        projected = [self.projection_head(self.backbone(view)) for view in views]
        predicted = [self.prediction_head(one) for one in projected]
        loss: Tensor = 0.5 * sum(
            (self.criterion(predicted[one], projected[1 - one].detach()) for one in (0, 1)), torch.zeros(())
        )
        return loss


class Distiller(_Stepping):
    """DINO of two global views, put together and named as lightly's example does (2104.14294).

    A centre of the teacher's outputs keeps them from becoming one hot, a low temperature from becoming uniform: without
    the one or the other the method collapses (its section 5.3).
    """

    def __init__(self, run: Joint, steps: int) -> None:
        super().__init__(run, steps)
        self.student_backbone, width = network_of(run)
        self.student_head = DINOProjectionHead(width, 256, 64, DINO_OUTPUTS, batch_norm=run.network != "vit")
        self.teacher_backbone = copy.deepcopy(self.student_backbone)
        self.teacher_head = DINOProjectionHead(width, 256, 64, DINO_OUTPUTS, batch_norm=run.network != "vit")
        self.teacher_head.load_state_dict(self.student_head.state_dict())
        deactivate_requires_grad(self.teacher_backbone)
        deactivate_requires_grad(self.teacher_head)
        self.criterion = DINOLoss(
            DINO_OUTPUTS,
            teacher_temp=1.0 if run.method == "dino without sharpening" else 0.04,
            center_momentum=1.0 if run.method == "dino without centre" else 0.9,
        )

    def training_step(self, views: list[Tensor], _: int) -> Tensor:
        update_momentum(self.student_backbone, self.teacher_backbone, m=0.99)
        update_momentum(self.student_head, self.teacher_head, m=0.99)
        with torch.no_grad():
            teacher = [self.teacher_head(self.teacher_backbone(view)) for view in views]
        student = [self.student_head(self.student_backbone(view)) for view in views]
        loss: Tensor = self.criterion(teacher, student)
        self.log("train_loss", loss, on_step=False, on_epoch=True)
        return loss


class _TwoViews(IterableDataset[list[Tensor]]):
    """Batches of two views of the train split, in an order of each epoch's own; an incomplete one is left out."""

    def __init__(self, pixels: list[Array], run: Joint) -> None:
        digits = run.images == "digits"
        crops = AugmentationConfig(
            preset="digits" if digits else "natural",
            crop_sizes=(32, 16),
            crop_counts=(2, 0),
            crop_min_scales=(0.4 if digits else 0.25, 0.1),
            crop_max_scales=(1.0, 0.35),
        )
        self._views, self._pixels, self._seed, self._epoch = BatchViews(crops, seed=run.seed), pixels, run.seed, 0

    def __len__(self) -> int:
        return len(self._pixels) // BATCH

    def __iter__(self) -> Iterator[list[Tensor]]:
        order = np.random.default_rng([self._seed, self._epoch]).permutation(len(self._pixels))
        for step in range(len(self)):
            chosen = order[step * BATCH : (step + 1) * BATCH].tolist()
            yield self._views([self._pixels[place] for place in chosen], [(self._epoch, place) for place in chosen])
        self._epoch += 1


class _StepZero(Callback):
    def __init__(self, path: Path) -> None:
        self._path = path

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        trainer.save_checkpoint(self._path)


def train_joint(run: Joint, images: Path | str, out: Path) -> None:
    """Train one run into OUT/checkpoints and OUT/metrics.csv.

    Args:
        images: folder or name, as `open_images` takes it.
    """
    opened = open_images(str(images))
    pixels = [np.asarray(opened.open(int(place)).convert("RGB").resize((32, 32))) for place in opened.train_index]
    batches = _TwoViews(pixels, run)
    torch.manual_seed(run.seed)
    saved = ModelCheckpoint(
        out / "checkpoints",
        save_top_k=-1,
        **({"every_n_train_steps": run.every} if run.every else {"every_n_epochs": 1}),
    )
    callbacks: list[Callback] = [saved]
    if run.step_zero:
        callbacks.append(_StepZero(out / "checkpoints" / "epoch=0-step=0.ckpt"))
    with quiet_lightning():
        trainer = pl.Trainer(
            max_epochs=run.epochs,
            accelerator="cpu",
            callbacks=callbacks,
            logger=CSVLogger(out, name="", version=""),
            enable_progress_bar=False,
            enable_model_summary=False,
        )
        module = (Distiller if run.distilled else Embedder)(run, len(batches) * run.epochs)
        trainer.fit(module, DataLoader(batches, batch_size=None))
