"""The training step against SwaV's formulas in float64, and what must hold of any step."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from swaveval.pretrain.backbones import BuiltBackbone, build_backbone
from swaveval.pretrain.config import BackboneConfig, PretrainConfig, QueueConfig
from swaveval.pretrain.errors import ConfigError
from swaveval.pretrain.module import SwavModule
from swaveval.pretrain.queue import EmbeddingQueue


def module_of(config: PretrainConfig) -> SwavModule:
    torch.manual_seed(0)
    backbone = build_backbone(config.backbone, config.augmentation.crop_sizes)
    return SwavModule(config, backbone, steps_per_epoch=2, hyperparameters={})


def batch_of(config: PretrainConfig, n: int = 8, seed: int = 1) -> tuple[list[Tensor], Tensor, Any]:
    generator = torch.Generator().manual_seed(seed)
    crops = config.augmentation
    views = [
        torch.randn(n, 3, size, size, generator=generator)
        for size, count in zip(crops.crop_sizes, crops.crop_counts, strict=True)
        for _ in range(count)
    ]
    return views, torch.arange(n), [""] * n


def sinkhorn(scores: np.ndarray, epsilon: float, iterations: int) -> np.ndarray:
    """Algorithm 1 of arXiv:2006.09882: rows of the transposed matrix sum to 1/K, columns to 1/B, in turn."""
    codes = np.exp(scores / epsilon).T
    codes /= codes.sum()
    prototypes, images = codes.shape
    for _ in range(iterations):
        codes /= codes.sum(axis=1, keepdims=True) * prototypes
        codes /= codes.sum(axis=0, keepdims=True) * images
    return (codes * images).T


def swav_loss(scores: list[np.ndarray], large: int, config: PretrainConfig) -> float:
    """Mean over large crops i and all other crops v of −Σ q_i log softmax(scores_v / T)."""
    swav = config.swav
    terms = []
    for i in range(large):
        codes = sinkhorn(scores[i], swav.epsilon, swav.sinkhorn_iterations)
        for v, other in enumerate(scores):
            if v != i:
                logits = other / swav.temperature
                log_p = logits - logits.max(1, keepdims=True)
                log_p -= np.log(np.exp(log_p).sum(1, keepdims=True))
                terms.append(-(codes * log_p).sum(1).mean())
    return float(np.mean(terms))


def test_the_loss_is_swavs(tiny: PretrainConfig) -> None:
    config = replace(tiny, queue=QueueConfig())
    module = module_of(config)
    views, positions, names = batch_of(config)
    loss = module.training_step((views, positions, names), 0)
    double = module_of(config).double()
    pooled = torch.cat([double.backbone(torch.cat(views[:2]).double()), double.backbone(views[2].double())])
    embeddings = torch.nn.functional.normalize(double.projection_head(pooled), dim=1)
    scores = [part.detach().numpy() for part in double.prototypes(embeddings).chunk(3)]
    assert loss.ndim == 0
    assert float(loss.detach()) == pytest.approx(swav_loss(scores, 2, config), rel=1e-4)


@pytest.mark.parametrize("prototypes", [2, 30, 300])
def test_a_constant_output_gives_exactly_ln_k(tiny: PretrainConfig, prototypes: int) -> None:
    config = replace(tiny, swav=replace(tiny.swav, prototypes=prototypes), queue=QueueConfig())
    module = module_of(config)
    with torch.no_grad():
        for parameter in module.prototypes.parameters():
            parameter.zero_()
    assert float(module.training_step(batch_of(config), 0).detach()) == pytest.approx(math.log(prototypes), rel=1e-6)


def test_parameters_lie_where_lightlys_examples_have_them(tiny: PretrainConfig) -> None:
    names = set(module_of(tiny).state_dict())
    assert {"backbone.conv1.weight", "backbone.layer4.0.conv2.weight"} <= names
    assert {"projection_head.layers.0.weight", "projection_head.layers.3.bias"} <= names
    assert {"prototypes.heads.0.weight", "prototypes.heads.0.bias"} <= names
    assert {name.split(".")[0] for name in names} == {"backbone", "projection_head", "prototypes"}


def test_prototypes_start_with_unit_length(tiny: PretrainConfig) -> None:
    weight = module_of(tiny).prototypes.heads[0].weight
    assert torch.allclose(weight.norm(dim=1), torch.ones(len(weight)))


def test_every_parameter_is_optimised_once_and_biases_do_not_decay(tiny: PretrainConfig) -> None:
    for name in ("adamw", "sgd", "lars"):
        config = replace(tiny, optimiser=replace(tiny.optimiser, name=name))
        module = module_of(config)
        optimiser = module.configure_optimizers()["optimizer"]
        held = [id(parameter) for group in optimiser.param_groups for parameter in group["params"]]
        assert sorted(held) == sorted(id(parameter) for parameter in module.parameters())
        decayed = {id(parameter) for parameter in optimiser.param_groups[0]["params"]}
        assert optimiser.param_groups[0]["weight_decay"] == 0.01
        assert optimiser.param_groups[1]["weight_decay"] == 0
        for path, parameter in module.named_parameters():
            assert (id(parameter) in decayed) == (parameter.ndim > 1), path


def test_the_queue_keeps_the_latest_embeddings_and_waits_until_it_is_full() -> None:
    queue = EmbeddingQueue(QueueConfig(size=6, start_epoch=1), crops=2, dim=3)
    pushed = [torch.full((2, 3), float(number)) for number in range(8)]
    assert queue.push([pushed[0], pushed[0]], epoch=0) is None
    for number in (1, 2, 3):
        assert queue.push([pushed[number], -pushed[number]], epoch=1) is None
    banks = queue.push([pushed[4], -pushed[4]], epoch=1)
    assert banks is not None
    assert sorted(banks[0][:, 0].tolist()) == [1, 1, 2, 2, 3, 3]
    assert sorted(banks[1][:, 0].tolist()) == [-3, -3, -2, -2, -1, -1]
    banks = queue.push([pushed[5], -pushed[5]], epoch=2)
    assert banks is not None
    assert sorted(banks[0][:, 0].tolist()) == [2, 2, 3, 3, 4, 4]


def test_a_loaded_queue_goes_on_like_the_saved_one() -> None:
    one = EmbeddingQueue(QueueConfig(size=4, start_epoch=0), crops=1, dim=2)
    other = EmbeddingQueue(QueueConfig(size=4, start_epoch=0), crops=1, dim=2)
    for number in range(3):
        one.push([torch.full((2, 2), float(number))], epoch=0)
    other.load(one.state())
    for number in range(3, 6):
        left = one.push([torch.full((2, 2), float(number))], epoch=0)
        right = other.push([torch.full((2, 2), float(number))], epoch=0)
        assert left is not None
        assert right is not None
        assert torch.equal(left[0], right[0])


def test_queued_embeddings_change_the_codes(tiny: PretrainConfig) -> None:
    """With a full queue, codes are those of batch and queue together, cut to the batch."""
    config = replace(tiny, queue=QueueConfig(size=8, start_epoch=0))
    module = module_of(config)
    batches = batch_of(config, seed=1), batch_of(config, seed=2)
    first, second = (float(module.training_step(batch, step).detach()) for step, batch in enumerate(batches))
    without = module_of(replace(config, queue=QueueConfig()))
    plain = [float(without.training_step(batch, step).detach()) for step, batch in enumerate(batches)]
    assert first == plain[0]
    assert second != plain[1]
    assert math.isfinite(second)


@pytest.mark.parametrize(
    ("config", "dim", "description"),
    [
        (
            BackboneConfig(name="resnet10", stem="small", stem_stride=2, width=4),
            32,
            {
                "kind": "resnet",
                "blocks": [1, 1, 1, 1],
                "block": "basic",
                "width": 4,
                "stem": "small",
                "stem_stride": 2,
                "maxpool": False,
            },
        ),
        (
            BackboneConfig(name="resnet50", stem="imagenet", stem_stride=2, width=8),
            256,
            {
                "kind": "resnet",
                "blocks": [3, 4, 6, 3],
                "block": "bottleneck",
                "width": 8,
                "stem": "imagenet",
                "stem_stride": 2,
                "maxpool": True,
            },
        ),
        (BackboneConfig(name="timm:test_resnet"), None, {"kind": "timm", "name": "test_resnet", "image_size": 32}),
        (BackboneConfig(name="timm:test_vit"), None, {"kind": "timm", "name": "test_vit", "image_size": 32}),
    ],
)
def test_backbones_describe_what_shapes_do_not_tell(
    config: BackboneConfig, dim: int | None, description: dict[str, Any]
) -> None:
    built = build_backbone(config, (32, 16))
    assert isinstance(built, BuiltBackbone)
    assert built.description == description
    assert dim in (None, built.feature_dim)
    assert built.module(torch.zeros(2, 3, 32, 32)).shape == (2, built.feature_dim)


@pytest.mark.parametrize(
    ("name", "sizes", "word"),
    [
        ("resnet19", (32, 16), "unknown backbone 'resnet19'"),
        ("timm:nonesuch", (32, 16), "timm does not build 'nonesuch'"),
        ("timm:test_vit", (32, 12), "does not take crops of 12 px"),
    ],
)
def test_backbones_that_cannot_be(name: str, sizes: tuple[int, int], word: str) -> None:
    with pytest.raises(ConfigError, match=word):
        build_backbone(BackboneConfig(name=name, stem="small", stem_stride=1, width=8), sizes)
