"""Small trainings that are watched in tests: pictures, a network with everything that random numbers go into."""

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

EVALUATORS = ("knn", "spectrum")


@cache
def pictures(count: int = 90) -> list[tuple[Any, int]]:
    """Digits as (bytes `(16, 16)`, class)."""
    digits = load_digits()
    images = np.kron(digits.images[:count] * 15.9, np.ones((1, 2, 2))).astype(np.uint8)
    return [(image, int(label)) for image, label in zip(images, digits.target[:count], strict=True)]


class Tensors(Dataset[tuple[Tensor, int]]):
    """The same as a training sees them, with noise from the global generator."""

    def __len__(self) -> int:
        return len(pictures())

    def __getitem__(self, position: int) -> tuple[Tensor, int]:
        image, label = pictures()[position]
        pixels = torch.from_numpy(image).float().expand(3, 16, 16) / 255
        return pixels + 0.01 * torch.randn(pixels.shape), label


class Model(nn.Module):
    """A backbone with BatchNorm and dropout, and a classifier."""

    def __init__(self) -> None:
        super().__init__()
        self.backbone = nn.Sequential(
            nn.Conv2d(3, 8, 3, stride=2),
            nn.BatchNorm2d(8),
            nn.ReLU(),
            nn.Dropout(0.1),
            nn.Conv2d(8, 16, 3),
            nn.AdaptiveAvgPool2d(2),
            nn.Flatten(),
        )
        self.classifier = nn.Linear(64, 10)

    def forward(self, images: Tensor) -> Tensor:
        scores: Tensor = self.classifier(self.backbone(images))
        return scores


def backbone() -> nn.Module:
    """The part of it that is evaluated, for a reader of files."""
    return Model().backbone


Called = Callable[[nn.Module, int, Tensor | None], object]


def train(epochs: int, each: Called | None = None, *, device: str = "cpu") -> tuple[nn.Module, list[int]]:
    """Train from seed 0, calling `each(model, finished epochs, loss)` before the first epoch and after every one.

    Returns:
        The model, and the labels in the order they were seen.
    """
    torch.manual_seed(0)
    np.random.seed(0)  # noqa: NPY002
    model = Model().to(device)
    optimiser = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    loader = DataLoader(Tensors(), batch_size=30, shuffle=True)
    order: list[int] = []
    if each is not None:
        each(model, 0, None)
    for epoch in range(1, epochs + 1):
        loss = torch.zeros(())
        for images, labels in loader:
            order += labels.tolist()
            scores = model(images.to(device))
            loss = nn.functional.cross_entropy(scores, labels.to(device))
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
        if each is not None:
            each(model, epoch, loss)
    return model, order


def state(model: nn.Module) -> Iterator[tuple[str, bytes]]:
    """Everything that a training is, bit by bit."""
    for name, value in model.state_dict().items():
        yield name, value.cpu().contiguous().numpy().tobytes()
    yield "torch", torch.get_rng_state().numpy().tobytes()
    yield "numpy", np.random.get_state()[1].tobytes()  # type: ignore[union-attr,index]  # noqa: NPY002
    if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        yield "cuda", torch.cuda.get_rng_state().numpy().tobytes()
    yield "mode", bytes([model.training, torch.is_grad_enabled()])
