"""SwaV as a LightningModule: lightly's head, prototypes and loss around a backbone."""

import os
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import Any

os.environ.setdefault("LIGHTLY_DID_VERSION_CHECK", "True")

import pytorch_lightning as pl
import torch
from lightly.loss import SwaVLoss
from lightly.models.modules import SwaVProjectionHead, SwaVPrototypes
from lightly.models.utils import get_weight_decay_parameters
from lightly.utils.lars import LARS
from lightly.utils.scheduler import CosineWarmupScheduler
from torch import Tensor, nn
from torch.optim import Optimizer

from swaveval.pretrain.backbones import BuiltBackbone
from swaveval.pretrain.config import OptimiserConfig, PretrainConfig
from swaveval.pretrain.datamodule import EpochSampler
from swaveval.pretrain.joint_batch_norm import JointBatchNorm
from swaveval.pretrain.layout import memory_layout
from swaveval.pretrain.queue import EmbeddingQueue, joined, share
from swaveval.pretrain.seeds import mix

_TRAINING = 2  # keeps the seeds of what the network itself draws apart from the data's


class SwavModule(pl.LightningModule):
    """Parameters lie under `backbone.`, `projection_head.layers.` and `prototypes.heads.0.`, as in lightly's examples.

    Args:
        config: resolved settings.
        backbone: the network.
        steps_per_epoch: optimiser steps in an epoch.
        hyperparameters: plain values that every checkpoint carries.
    """

    def __init__(
        self,
        config: PretrainConfig,
        backbone: BuiltBackbone,
        *,
        steps_per_epoch: int,
        hyperparameters: dict[str, Any],
    ) -> None:
        super().__init__()
        swav = config.swav
        self.backbone = backbone.module
        self._layout = memory_layout(backbone.module)
        hidden = swav.projection_hidden if swav.projection_hidden > 0 else backbone.feature_dim
        self.projection_head = SwaVProjectionHead(backbone.feature_dim, hidden, swav.projection_dim)
        self.prototypes = SwaVPrototypes(swav.projection_dim, swav.prototypes)
        self.prototypes.normalize()
        self.criterion = SwaVLoss(
            temperature=swav.temperature,
            sinkhorn_iterations=swav.sinkhorn_iterations,
            sinkhorn_epsilon=swav.epsilon,
            sinkhorn_gather_distributed=config.hardware.processes > 1,
        )
        self._config = config
        self._steps_per_epoch = steps_per_epoch
        self._hyperparameters = hyperparameters
        self._large = config.augmentation.crop_counts[0]
        self._queue = (
            EmbeddingQueue(config.queue, crops=self._large, dim=swav.projection_dim, shares=config.hardware.processes)
            if config.queue.size
            else None
        )

    def on_fit_start(self) -> None:
        if self._queue is not None:
            self._queue.to(self.device)

    def on_train_epoch_start(self) -> None:
        # A resumed run starts at an epoch, so what the network draws (drop path …) is drawn anew from there.
        torch.manual_seed(mix(self._config.training.seed, self.current_epoch, _TRAINING, self.global_rank))
        # Lightning announces epochs to samplers, not to batch samplers.
        sampler = getattr(self.trainer.train_dataloader, "batch_sampler", None)
        if isinstance(sampler, EpochSampler):
            sampler.epoch = self.current_epoch

    def training_step(self, batch: Sequence[Any], batch_index: int) -> Tensor:
        """SwaV's loss of one batch (views, positions, names); views `(B, 3, s, s)` per crop, large crops first.

        Under several processes it is that of this process's share, with codes and BatchNorm of the joint batch: its
        mean over the processes is the loss that one process has on the joint batch.
        """
        with JointBatchNorm() if self._config.hardware.processes > 1 else nullcontext():
            return self._loss(batch[0])

    def _loss(self, views: Sequence[Tensor]) -> Tensor:
        counts = [count for count in self._config.augmentation.crop_counts if count]
        # One pass per resolution and one through the head, as in the authors' code: BatchNorm sees all crops at once.
        pooled, first = [], 0
        for count in counts:
            crops = torch.cat(list(views[first : first + count]))
            pooled.append(self.backbone(crops.contiguous(memory_format=self._layout)))
            first += count
        embeddings = nn.functional.normalize(self.projection_head(torch.cat(pooled)), dim=1, p=2)
        # Sinkhorn's exponential of up to 1/ε needs 32 bits whatever the precision of the rest.
        with torch.autocast(self.device.type, enabled=False):
            embeddings = embeddings.float()
            scores = list(self.prototypes(embeddings).chunk(len(views)))
            queued = None
            if self._queue is not None:
                banks = self._queue.push(list(embeddings.chunk(len(views))[: self._large]), self.current_epoch)
                if banks is not None:
                    with torch.no_grad():
                        queued = [self.prototypes(bank) for bank in banks]
            return self.criterion(scores[: self._large], scores[self._large :], queued).squeeze()

    def on_before_optimizer_step(self, optimizer: Optimizer) -> None:
        # As in the authors' code. lightly's n_steps_frozen_prototypes switches requires_grad instead, which
        # DistributedDataParallel, having registered the prototypes, answers with an error.
        if self.global_step < self._config.swav.frozen_prototype_steps:
            for parameter in self.prototypes.parameters():
                parameter.grad = None

    def optimizer_step(
        self,
        epoch: int,
        batch_idx: int,
        optimizer: Any,
        optimizer_closure: Callable[[], Any] | None = None,
    ) -> None:
        super().optimizer_step(epoch, batch_idx, optimizer, optimizer_closure)
        # After the step, not before the next one, so that saved prototypes have unit length.
        self.prototypes.normalize()

    def configure_optimizers(self) -> Any:
        decayed, free = get_weight_decay_parameters([self.backbone, self.projection_head, self.prototypes])
        settings = self._config.optimiser
        optimiser = _optimiser(settings, decayed, free)
        total = self._steps_per_epoch * self._config.training.epochs
        scheduler = CosineWarmupScheduler(
            optimiser,
            warmup_epochs=settings.warmup_steps,
            max_epochs=total,
            end_value=settings.final_factor if settings.schedule == "cosine" else 1.0,
        )
        return {"optimizer": optimiser, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint["hyper_parameters"] = self._hyperparameters
        if self._queue is not None:
            # Each process keeps a share of the queue; the file holds the whole, as one process would have it.
            one = self.trainer.world_size == 1
            state = self._queue.state()
            gathered: dict[str, Any] = {
                name: value.unsqueeze(0) if one else self.all_gather(value) for name, value in state.items()
            }
            whole = joined({name: value.detach().cpu().clone() for name, value in gathered.items()})
            checkpoint["swaveval_queue"] = {name: value.unsqueeze(0) for name, value in whole.items()}

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        if self._queue is not None:
            saved = checkpoint["swaveval_queue"]
            self._queue.load(share(joined(saved), self.global_rank, of=self.trainer.world_size))


def _optimiser(settings: OptimiserConfig, decayed: list[nn.Parameter], free: list[nn.Parameter]) -> Optimizer:
    groups = [{"params": decayed, "weight_decay": settings.weight_decay}, {"params": free, "weight_decay": 0.0}]
    if settings.name == "adamw":
        return torch.optim.AdamW(groups, lr=settings.learning_rate)
    if settings.name == "sgd":
        return torch.optim.SGD(groups, lr=settings.learning_rate, momentum=settings.momentum)
    return LARS(groups, lr=settings.learning_rate, momentum=settings.momentum)
