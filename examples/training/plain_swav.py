"""SwaV in a plain PyTorch loop, watched by `swaveval.Monitor`, which evaluates beside the training.

python plain_swav.py photos/ --epochs 100
"""

import argparse

import torch
import torchvision
from lightly.data import LightlyDataset
from lightly.loss import SwaVLoss
from lightly.models.modules import SwaVProjectionHead, SwaVPrototypes
from lightly.transforms.swav_transform import SwaVTransform
from torch import Tensor, nn
from torch.utils.data import DataLoader

import swaveval


class SwaV(nn.Module):
    def __init__(self, prototypes: int) -> None:
        super().__init__()
        layers = list(torchvision.models.resnet18().children())[:-1]
        self.backbone = nn.Sequential(*layers, nn.Flatten())
        self.projection_head = SwaVProjectionHead(512, 512, 128)
        self.prototypes = SwaVPrototypes(128, n_prototypes=prototypes)

    def forward(self, images: Tensor) -> Tensor:
        embedded = self.projection_head(self.backbone(images))
        return self.prototypes(nn.functional.normalize(embedded, dim=1))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("images", help="directory")
    parser.add_argument("--out", default="runs/plain/report", help="directory of the page")
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--every", type=int, default=5, help="epochs between two evaluations")
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--prototypes", type=int, default=512)
    parser.add_argument("--crops", type=int, nargs=2, default=(224, 96), help="sides of large and small crops")
    parser.add_argument("--workers", type=int, default=8)
    chosen = parser.parse_args()

    device = "cuda" if torch.cuda.is_available() else "cpu"
    loader = DataLoader(
        LightlyDataset(chosen.images, transform=SwaVTransform(crop_sizes=tuple(chosen.crops))),
        batch_size=chosen.batch_size,
        shuffle=True,
        drop_last=True,
        num_workers=chosen.workers,
    )
    model, criterion = SwaV(chosen.prototypes).to(device), SwaVLoss()
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-3)

    with swaveval.Monitor(chosen.images, out=chosen.out, every=chosen.every, stop_on=("collapsed",)) as monitor:
        monitor.step(model, epoch=0)  # the untrained network: what every later one is compared with
        for epoch in range(1, chosen.epochs + 1):
            total = 0.0
            for views, _, _ in loader:
                model.prototypes.normalize()
                scores = [model(view.to(device)) for view in views]
                loss = criterion(scores[:2], scores[2:])
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
                total += loss.item()
            verdict = monitor.step(model, epoch=epoch, loss=total / len(loader))
            print(f"epoch {epoch}: loss {total / len(loader):.4f}", verdict.verdict if verdict else "")
            if monitor.should_stop:
                break
    print(monitor.verdict.sentence)
    print(monitor.page)


if __name__ == "__main__":
    main()
