"""Whole files with the wrong content: another network, missing or spoilt weights."""

import argparse
from pathlib import Path
from typing import Any

import torch
from hostile_building import Make, bomb, filled, kind, replaced, small_checkpoint, weights, without, write, zipped
from torch import nn


def cyclic(directory: Path, canary: Path) -> Path:
    content = small_checkpoint()
    content["hyper_parameters"] = {"self": content}
    content["state_dict"]["loop"] = content["state_dict"]
    return write(directory, zipped(content))


def honest(**more: Any) -> Make:
    return lambda directory, canary: write(directory, zipped(small_checkpoint() | more))


CONTENT_KINDS = (
    kind("a list", "unsupported", bomb(lambda: [torch.ones(3)])),
    kind("a tensor", "unsupported", bomb(lambda: torch.ones(3))),
    kind("None", "unsupported", bomb(lambda: None)),
    kind("only an optimiser", "unsupported", bomb(lambda: {"optimizer": {"state": {0: {"exp_avg": torch.ones(9)}}}})),
    kind(
        "another architecture",
        "unsupported",
        bomb(lambda: {"state_dict": nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 5)).state_dict()}),
    ),
    kind("names that are numbers", "unsupported", weights(lambda state: dict(enumerate(state.values())))),
    kind("cyclic", "ready unsupported", cyclic),
    kind("a layer missing", "refused", without("backbone.5.0.bn2")),
    kind(
        "a weight more inside a block",
        "refused",
        weights(lambda state: state | {"backbone.4.0.attention.weight": torch.ones(3)}),
    ),
    kind(
        "a weight of another shape",
        "refused unsupported",
        replaced("backbone.6.0.conv1.weight", lambda t: t[:, :-1].contiguous()),
    ),
    kind("NaN weight", "refused", replaced("backbone.5.0.conv1.weight", filled(float("nan")))),
    kind("infinite weight", "refused", replaced("backbone.5.0.conv1.weight", filled(float("inf")))),
    kind("integer weights", "refused", replaced("backbone.5.0.conv1.weight", lambda t: t.to(torch.int8))),
    kind(
        "complex weights", "refused unsupported", replaced("backbone.5.0.conv1.weight", lambda t: t.to(torch.complex64))
    ),
    kind(
        "sparse weights",
        "refused unsupported",
        replaced("backbone.5.0.conv1.weight", lambda t: t.reshape(len(t), -1).to_sparse()),
    ),
    kind("weights on no device", "refused unsupported", replaced("backbone.5.0.conv1.weight", lambda t: t.to("meta"))),
    kind("a grey image's network", "ready", replaced("backbone.0.weight", lambda t: t[:, :1].contiguous())),
    kind("no channels", "unsupported refused", replaced("backbone.0.weight", lambda t: t[:0])),
    kind(
        "transposed (not contiguous) weight",
        "ready",
        replaced("backbone.5.0.conv1.weight", lambda t: t.transpose(2, 3).contiguous().transpose(2, 3)),
    ),
    kind("namespace and path beside the weights", "ready", honest(args=argparse.Namespace(lr=1, out=Path("/x")))),
    kind(
        "control characters in names",
        "refused unsupported ready",
        weights(lambda state: state | {"backbone.\x1b[2J\n<script>": torch.ones(1)}),
    ),
)
