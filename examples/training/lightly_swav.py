"""SwaV with lightly and PyTorch Lightning, watched while it trains: the two marked lines are all that swaveval needs.

python lightly_swav.py photos/ --epochs 100
"""

import argparse

import pytorch_lightning as pl
import torch
import torchvision
from lightly.data import LightlyDataset
from lightly.loss import SwaVLoss
from lightly.models.modules import SwaVProjectionHead, SwaVPrototypes
from lightly.transforms.swav_transform import SwaVTransform
from torch import Tensor, nn
from torch.utils.data import DataLoader

import swaveval  # 1


class SwaV(pl.LightningModule):
    def __init__(self, prototypes: int) -> None:
        super().__init__()
        layers = list(torchvision.models.resnet18().children())[:-1]
        self.backbone = nn.Sequential(*layers, nn.Flatten())
        self.projection_head = SwaVProjectionHead(512, 512, 128)
        self.prototypes = SwaVPrototypes(128, n_prototypes=prototypes)
        self.criterion = SwaVLoss()

    def forward(self, images: Tensor) -> Tensor:
        embedded = self.projection_head(self.backbone(images))
        return self.prototypes(nn.functional.normalize(embedded, dim=1))

    def training_step(self, batch: list[list[Tensor]], batch_idx: int) -> Tensor:
        self.prototypes.normalize()
        scores = [self(view) for view in batch[0]]
        loss = self.criterion(scores[:2], scores[2:])
        self.log("train_loss", loss)
        return loss

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.parameters(), lr=1e-3)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("images", help="directory")
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--every", type=int, default=5, help="epochs between two evaluations")
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--prototypes", type=int, default=512)
    parser.add_argument("--crops", type=int, nargs=2, default=(224, 96), help="sides of large and small crops")
    parser.add_argument("--workers", type=int, default=8)
    chosen = parser.parse_args()

    transform = SwaVTransform(crop_sizes=tuple(chosen.crops))
    loader = DataLoader(
        LightlyDataset(chosen.images, transform=transform),
        batch_size=chosen.batch_size,
        shuffle=True,
        drop_last=True,
        num_workers=chosen.workers,
    )
    callbacks = [swaveval.lightning.Evaluate(chosen.images, every_n_epochs=chosen.every, stop_on=("collapsed",))]  # 2
    trainer = pl.Trainer(max_epochs=chosen.epochs, callbacks=callbacks)
    trainer.fit(SwaV(chosen.prototypes), loader)


if __name__ == "__main__":
    main()
