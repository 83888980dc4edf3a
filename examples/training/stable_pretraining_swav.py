"""SwAV of stable-pretraining, watched while it trains: the callback takes the trainers of `lightning`, too.

pip install stable-pretraining timm
python stable_pretraining_swav.py photos/ --epochs 100
"""

import argparse
from functools import partial
from typing import Any

import lightning
import stable_pretraining as spt
import timm
import torch
from stable_pretraining.methods.swav import SwAV
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms
from torchvision.datasets import ImageFolder

import swaveval


class TwoViews(Dataset[dict[str, torch.Tensor]]):
    def __init__(self, images: str, size: int) -> None:
        change = [
            transforms.RandomResizedCrop(size, (0.4, 1.0)),
            transforms.ColorJitter(0.4, 0.4),
            transforms.ToTensor(),
        ]
        self.images, self.change = ImageFolder(images), transforms.Compose(change)

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, position: int) -> dict[str, torch.Tensor]:
        image, _ = self.images[position]
        return {"first": self.change(image), "second": self.change(image)}


def forward(self: Any, batch: dict[str, Any], stage: str) -> dict[str, Any]:
    batch["loss"] = self.swav(batch["first"], batch["second"]).loss
    return batch


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("images", help="directory of class folders; one folder in it will do")
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--every", type=int, default=5, help="epochs between two evaluations")
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--prototypes", type=int, default=512)
    parser.add_argument("--size", type=int, default=224, help="of the views")
    parser.add_argument("--workers", type=int, default=8)
    chosen = parser.parse_args()

    backbone = timm.create_model("resnet18", num_classes=0)
    module = spt.Module(
        swav=SwAV(backbone, projector_dims=(512, 128), n_prototypes=chosen.prototypes),
        forward=forward,
        optim={"optimizer": partial(torch.optim.AdamW, lr=1e-3)},
    )
    evaluate = swaveval.lightning.Evaluate(
        chosen.images, every_n_epochs=chosen.every, network="swav.backbone", stop_on=("collapsed",)
    )
    trainer = lightning.Trainer(max_epochs=chosen.epochs, callbacks=[evaluate])
    loader = DataLoader(
        TwoViews(chosen.images, chosen.size),
        batch_size=chosen.batch_size,
        shuffle=True,
        drop_last=True,
        num_workers=chosen.workers,
    )
    trainer.fit(module, loader)


if __name__ == "__main__":
    main()
