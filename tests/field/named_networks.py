"""A user's own networks, as `--backbone tests/field/named_networks.py:FACTORY` names them."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class OptionA(nn.Module):
    """akamaster/pytorch_resnet_cifar10: shortcuts without weights, ten class scores out of `linear`."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        self.conv2 = nn.Conv2d(16, 32, 3, stride=2, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(32)
        self.linear = nn.Linear(32, 10)

    def pooled(self, images: Tensor) -> Tensor:
        hidden = F.relu(self.bn1(self.conv1(images)))
        shortcut = F.pad(hidden[:, :, ::2, ::2], (0, 0, 0, 0, 8, 8))
        return F.relu(self.bn2(self.conv2(hidden)) + shortcut).mean((2, 3))

    def forward(self, images: Tensor) -> Tensor:
        return self.linear(self.pooled(images))


class Encoder(nn.Module):
    """Hugging Face's Dinov2Model in little: `embeddings`, `encoder`, `layernorm`; an output with fields."""

    def __init__(self, *, class_token: bool = True, pooler: bool = False) -> None:
        super().__init__()
        self.embeddings = nn.Module()
        if class_token:
            self.embeddings.cls_token = nn.Parameter(torch.randn(1, 1, 24))
        self.embeddings.projection = nn.Conv2d(3, 24, 8, stride=8)
        self.encoder = nn.Sequential(nn.Linear(24, 24), nn.GELU(), nn.Linear(24, 24))
        self.layernorm = nn.LayerNorm(24)
        self.pooler = nn.Linear(24, 24) if pooler else None

    def tokens(self, images: Tensor) -> Tensor:
        tokens = self.embeddings.projection(images).flatten(2).transpose(1, 2)
        if hasattr(self.embeddings, "cls_token"):
            mean = tokens.mean(1, keepdim=True)
            tokens = torch.cat([self.embeddings.cls_token + mean, tokens], dim=1)
        return self.layernorm(tokens + self.encoder(tokens))

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        tokens = self.tokens(images)
        given = {"last_hidden_state": tokens}
        return given | ({"pooler_output": self.pooler(tokens[:, 0]).tanh()} if self.pooler is not None else {})


class Wrapper(nn.Module):
    """Somebody's `self.model = Dinov2Model(…)`."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, images: Tensor) -> Any:
        return self.model(images)


class Giving(nn.Module):
    """A convolution, and what is made of its map."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind
        self.stem = nn.Conv2d(3, 12, 4, stride=4)
        self.fc = nn.Linear(12, 128 if kind == "projection" else 1000) if kind in ("projection", "scores") else None

    def forward(self, images: Tensor) -> Any:
        grid = self.stem(images).relu()
        pooled = grid.mean((2, 3))
        return {
            "map": lambda: grid,
            "map, channels last": lambda: grid.permute(0, 2, 3, 1),
            "tokens": lambda: grid.flatten(2).transpose(1, 2),
            "tokens first": lambda: grid.flatten(2).permute(2, 0, 1),
            "pair": lambda: (pooled, pooled),
            "logits": lambda: {"logits": pooled},
            "loss": lambda: pooled.sum(),
            "projection": lambda: self.fc(pooled),
            "scores": lambda: self.fc(pooled),
        }[self.kind]()


class Detached(nn.Module):
    """MoCo v3's frozen patch embedding, and a layer that only training runs."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 12, 4, stride=4)
        self.body = nn.Linear(12, 16)
        self.predictor = nn.Sequential(nn.Linear(16, 16), nn.BatchNorm1d(16))

    def forward(self, images: Tensor) -> Tensor:
        features = self.body(self.patches(images).detach().mean((2, 3)))
        return self.predictor(features) if self.training else features


def option_a() -> nn.Module:
    return OptionA()


def wrapped() -> nn.Module:
    return Wrapper(Encoder())


def wrapped_with_pooler() -> nn.Module:
    return Wrapper(Encoder(pooler=True))


def without_class_token() -> nn.Module:
    return Encoder(class_token=False)


def detached() -> nn.Module:
    return Detached()


def a_map() -> nn.Module:
    return Giving("map")


def a_map_channels_last() -> nn.Module:
    return Giving("map, channels last")


def tokens() -> nn.Module:
    return Giving("tokens")


def tokens_first() -> nn.Module:
    return Giving("tokens first")


def pair() -> nn.Module:
    return Giving("pair")


def logits() -> nn.Module:
    return Giving("logits")


def loss() -> nn.Module:
    return Giving("loss")


def projection() -> nn.Module:
    return Giving("projection")


def scores() -> nn.Module:
    return Giving("scores")


def timm_resnet() -> nn.Module:
    import timm

    return timm.create_model("resnet10t")


def seeded() -> nn.Module:
    """Sets the seed itself, so that two of them are the same."""
    torch.manual_seed(3)
    return Detached()


def lazy() -> nn.Module:
    return nn.Sequential(nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.LazyLinear(16))


def leaving() -> nn.Module:
    raise SystemExit(0)


def needing(width: int) -> nn.Module:
    return nn.Linear(width, width)


def a_dict() -> Any:
    return {"backbone": nn.Identity()}


NETWORK = Giving("tokens")
