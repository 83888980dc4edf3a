"""Where files keep weights, and which of several copies is read: features are those of the network that wrote them."""

import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from field_networks import lived_in, prefixed, read_as, refusal, saved, small_resnet, small_vit
from torch import nn

KEYS = (
    *("net", "network", "model_state", "weights", "params", "module", "ema", "student_state_dict"),
    *("encoder_state_dict", "backbone_state_dict", "model_weights", "ckpt", "G", "online", "visual", "f_theta"),
)


@pytest.mark.parametrize("key", KEYS)
def test_weights_under_any_key(tmp_path: Path, key: str) -> None:
    """Of CIFAR code bases (`net`, `network`, …)."""
    network = small_resnet()
    content = {key: network.state_dict(), "acc": 91.2, "epoch": 7, "optimizer": {"state": {}, "param_groups": []}}
    assert read_as(saved(tmp_path / "ckpt.pth", content), network).epoch == 7


@pytest.mark.parametrize("keys", [("a", "b"), ("checkpoint", "model", "encoder")])
def test_weights_under_keys_under_keys(tmp_path: Path, keys: tuple[str, ...]) -> None:
    network = small_resnet()
    content: Any = network.state_dict()
    for key in reversed(keys):
        content = {key: content, "other": {"lr": 0.1}}
    read_as(saved(tmp_path / "a.pt", content), network)


def test_an_optimisers_tensors_are_never_weights(tmp_path: Path) -> None:
    moments = {"optimizer": {"state": small_resnet(1).state_dict()}, "optim_g": small_resnet(1).state_dict()}
    network = small_resnet()
    read_as(saved(tmp_path / "a.pt", moments | {"weights_of_mine": network.state_dict()}), network)
    assert refusal(saved(tmp_path / "b.pt", moments)).state == "unsupported"


# (copies, the one that is read)
COPIES = [
    (("state_dict", "state_dict_ema"), "state_dict_ema"),
    (("model", "model_ema"), "model_ema"),
    (("net", "ema"), "ema"),
    (("ema_net", "net"), "ema_net"),
    (("student", "teacher"), "teacher"),
    (("student_state_dict", "teacher_state_dict"), "teacher_state_dict"),
    (("model_k", "model_q"), "model_q"),
    (("momentum_encoder", "encoder"), "encoder"),
    (("target_network", "online_network"), "online_network"),
    (("target_encoder", "predictor_of_b", "encoder"), "encoder"),
]


@pytest.mark.parametrize(("copies", "right"), COPIES)
def test_of_copies_under_several_keys_the_documented_one(tmp_path: Path, copies: tuple[str, ...], right: str) -> None:
    networks = {key: small_resnet(seed) for seed, key in enumerate(copies)}
    path = saved(tmp_path / "a.pt", {key: network.state_dict() for key, network in networks.items()})
    report = read_as(path, networks[right])
    assert any(right in warning and "copies" in warning for warning in report.warnings)


# (prefixes in one state dict, the one that is read)
PREFIXES = [
    (("encoder_k.", "encoder_q."), "encoder_q."),  # MoCo
    (("module.encoder_q.", "module.encoder_k."), "module.encoder_q."),
    (("momentum_encoder.", "base_encoder."), "base_encoder."),  # MoCo v3
    (("momentum_backbone.", "backbone."), "backbone."),  # solo-learn
    (("backbone_momentum.", "backbone."), "backbone."),  # lightly's BYOL
    (("online_encoder.", "target_encoder."), "online_encoder."),
    (("student.backbone.", "teacher.backbone."), "teacher.backbone."),  # DINOv2's raw training files
    (("model.student.backbone.", "model.teacher.backbone."), "model.teacher.backbone."),
    (("student_backbone.", "teacher_backbone."), "teacher_backbone."),  # lightly's DINO
    (("model.", "ema_model."), "ema_model."),
]


def of_prefixes(directory: Path, prefixes: tuple[str, ...]) -> tuple[Path, dict[str, nn.Module]]:
    networks: dict[str, nn.Module] = {prefix: small_resnet(seed) for seed, prefix in enumerate(prefixes)}
    state = {k: v for prefix, network in networks.items() for k, v in prefixed(prefix, network.state_dict()).items()}
    return saved(directory / "a.ckpt", {"state_dict": state, "epoch": 3}), networks


@pytest.mark.parametrize(("prefixes", "right"), PREFIXES)
def test_of_copies_in_one_state_dict_the_documented_one(tmp_path: Path, prefixes: tuple[str, ...], right: str) -> None:
    path, networks = of_prefixes(tmp_path, prefixes)
    report = read_as(path, networks[right])
    assert any("copies" in warning for warning in report.warnings)


@pytest.mark.parametrize(("prefixes", "right"), PREFIXES)
def test_also_for_a_backbone_that_was_named(tmp_path: Path, prefixes: tuple[str, ...], right: str) -> None:
    path, networks = of_prefixes(tmp_path, prefixes)
    read_as(path, networks[right], backbone="field_networks:small_resnet")


def test_dinov2s_raw_training_file(tmp_path: Path) -> None:
    """The documented teacher, not the student (DINOv2's FSDP checkpointer, consolidated)."""
    networks = {name: small_vit(seed) for seed, name in enumerate(("student", "teacher"))}
    state = {}
    for name, network in networks.items():
        state |= prefixed(f"{name}.backbone.", network.state_dict()) | {
            f"{name}.backbone.mask_token": torch.ones(1, 128)
        }
        state |= {
            f"{name}.dino_head.last_layer.weight_v": torch.ones(9, 8),
            f"{name}.dino_head.mlp.0.weight": torch.ones(8, 128),
        }
    read_as(
        saved(tmp_path / "model_0000999.rank_0.pth", {"model": state, "iteration": 999}), networks["teacher"], side=32
    )


@pytest.mark.torture
def test_one_file_in_processes_of_other_hash_seeds(tmp_path: Path) -> None:
    """moco with `--backbone timm:resnet18` read one copy or the other by the process's hash seed."""
    import timm

    state = {}
    for seed, prefix in enumerate(("encoder_q.", "encoder_k.")):
        torch.manual_seed(seed)
        state |= prefixed(prefix, timm.create_model("resnet10t", num_classes=0).state_dict())
    path = saved(tmp_path / "checkpoint_0199.pth.tar", {"state_dict": state})
    script = (
        "import sys\nfrom pathlib import Path\nfrom swaveval.checkpoints import LoadOptions, load\n"
        "print(load(Path(sys.argv[1]), options=LoadOptions(backbone='timm:resnet10t')).digest)"
    )
    digests = set()
    for seed in ("0", "1"):
        environment = os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": str(Path(__file__).parents[2])}
        command = [sys.executable, "-c", script, str(path)]
        digests.add(subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout)
    assert len(digests) == 1


def test_an_average_without_statistics_gives_way_to_the_copy_that_has_them(tmp_path: Path) -> None:
    network, average = small_resnet(0), small_resnet(1)
    parameters = dict(average.named_parameters())
    report = read_as(saved(tmp_path / "a.pt", {"model": network.state_dict(), "ema": parameters}), network)
    assert any("complete" in warning for warning in report.warnings)


# -- what lies beside a backbone -------------------------------------------------------------------------------------


def mlp(*sizes: int) -> nn.Sequential:
    layers = [part for a, b in pairwise(sizes) for part in (nn.Linear(a, b), nn.BatchNorm1d(b), nn.ReLU())]
    return lived_in(nn.Sequential(*layers))  # type: ignore[return-value]


def test_averaged_model(tmp_path: Path) -> None:
    """torchvision's references and SWA: `n_averaged` and `module.` names."""
    network = small_resnet()
    averaged = torch.optim.swa_utils.AveragedModel(network)
    path = saved(tmp_path / "model_99.pth", {"model": small_resnet(1).state_dict(), "model_ema": averaged.state_dict()})
    read_as(path, network)
    read_as(saved(tmp_path / "swa.pth", averaged.state_dict()), network)


def test_simsiam_and_moco_with_a_projector_inside_fc(tmp_path: Path) -> None:
    network = small_resnet()
    inside = network.state_dict() | prefixed("fc.", mlp(64, 32, 16).state_dict())
    state = prefixed("module.encoder.", inside) | prefixed("module.predictor.", mlp(16, 8, 16).state_dict())
    read_as(
        saved(tmp_path / "checkpoint_0099.pth.tar", {"epoch": 100, "arch": "resnet50", "state_dict": state}), network
    )
    state = prefixed("module.base_encoder.", inside) | prefixed("module.momentum_encoder.", inside)
    read_as(
        saved(
            tmp_path / "mocov3.pth.tar", {"state_dict": state | prefixed("module.predictor.", mlp(16, 8).state_dict())}
        ),
        network,
    )


def test_moco_v3_vit_with_a_projector_inside_head(tmp_path: Path) -> None:
    network = small_vit()
    inside = network.state_dict() | prefixed("head.", mlp(128, 32, 16).state_dict())
    state = prefixed("module.base_encoder.", inside) | prefixed("module.momentum_encoder.", inside)
    read_as(saved(tmp_path / "vit-s.pth.tar", {"state_dict": state}), network, side=32)


def test_mae_with_its_decoder(tmp_path: Path) -> None:
    network, other = small_vit(), small_vit(1)
    decoder = prefixed("decoder_blocks.", {k[7:]: v for k, v in other.state_dict().items() if k.startswith("blocks.")})
    beside = {"mask_token": torch.ones(1, 1, 64), "decoder_pos_embed": torch.ones(1, 17, 64)}
    beside |= {
        f"decoder_{name}.{kind}": torch.ones(3) for name in ("embed", "norm", "pred") for kind in ("weight", "bias")
    }
    read_as(
        saved(tmp_path / "checkpoint-799.pth", {"model": network.state_dict() | decoder | beside}), network, side=32
    )


def test_what_is_no_known_head_is_not_ignored(tmp_path: Path) -> None:
    """A learned pooling or an attention in a block makes another network."""
    for name in ("pool.p", "attnpool.k_proj.weight", "layer2.0.se.fc1.weight", "layer3.0.head.weight"):
        error = refusal(saved(tmp_path / "a.pt", small_resnet().state_dict() | {name: torch.ones(2)}))
        assert name in error.reason
        assert "--allow-partial" in error.reason
        read_as(tmp_path / "a.pt", small_resnet(), allow_partial=True)


# -- found in part ---------------------------------------------------------------------------------------------------


LACKING = {
    "the first layer": lambda name: name.startswith("conv1"),
    "a whole block": lambda name: name.startswith("layer3.0"),
    "all but a little": lambda name: "conv1" not in name and "bn1" not in name,
}


@pytest.mark.parametrize("part", LACKING)
def test_a_network_without_a_part_is_never_half_built(tmp_path: Path, part: str) -> None:
    """CTransPath (patch embedding missing), a shard: no advice that it can be used, and no use of it."""
    network = small_resnet()
    state = {name: tensor for name, tensor in network.state_dict().items() if not LACKING[part](name)}
    path = saved(tmp_path / "a.pt", {"state_dict": state})
    for options in ({}, {"allow_partial": True}, {"backbone": "field_networks:small_resnet", "allow_partial": True}):
        assert "--allow-partial" not in refusal(path, **options).reason


def test_a_weight_missing_within_a_block_is_advised_and_accepted(tmp_path: Path) -> None:
    state = {name: tensor for name, tensor in small_resnet().state_dict().items() if name != "layer2.0.bn2.bias"}
    path = saved(tmp_path / "a.pt", state)
    assert "--allow-partial accepts it" in refusal(path).reason
    from swaveval.checkpoints import LoadOptions, load

    assert load(path, options=LoadOptions(allow_partial=True)).report.partial
