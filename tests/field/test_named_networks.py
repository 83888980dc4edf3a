"""Networks that the user names: read as they are, or a sentence says what was assumed or is missing."""

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
import torchvision
from torch import Tensor, nn

from swaveval.checkpoints import Backbone, CheckpointRefused, LoadOptions, load
from swaveval.checkpoints.named import best_place
from swaveval.checkpoints.sandbox.description import TensorInfo
from tests.field import named_networks as own

FILE = str(Path(own.__file__))


def randomised(module: nn.Module, seed: int = 0) -> nn.Module:
    """Every weight and statistic another than at initialisation; eval mode."""
    generator = torch.Generator().manual_seed(seed)
    for name, tensor in module.state_dict().items():
        if name.endswith("running_var"):
            tensor.copy_(torch.rand(tensor.shape, generator=generator) + 0.5)
        elif tensor.is_floating_point():
            tensor.add_(0.1 * torch.randn(tensor.shape, generator=generator))
    return module.eval().requires_grad_(False)


def saved(state: Any, directory: Path) -> Path:
    path = directory / "epoch=3.pth"
    torch.save(state, path)
    return path


def read(state: Any, directory: Path, backbone: str) -> Backbone:
    return load(saved(state, directory), options=LoadOptions(backbone=backbone))


def refusal(state: Any, directory: Path, backbone: str) -> str:
    with pytest.raises(CheckpointRefused) as caught:
        read(state, directory, backbone)
    return caught.value.reason


def images(side: int = 64) -> Tensor:
    return torch.randn(3, 3, side, side, generator=torch.Generator().manual_seed(1))


def same(found: Backbone, expected: Tensor, side: int = 64) -> None:
    with torch.inference_mode():
        features = found.module(images(side))
    assert found.feature_dim == expected.shape[1]
    torch.testing.assert_close(features, expected, rtol=1e-5, atol=1e-5)


# -- timm and torchvision by name ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["convnext_atto", "regnetx_002", "convnextv2_atto", "efficientnet_b0", "levit_128s"])
@pytest.mark.parametrize("classifier", [True, False], ids=["with classifier", "without"])
def test_timms_own_files(name: str, classifier: bool, tmp_path: Path) -> None:
    """`head.fc.weight … it is another network: name it with --backbone timm:NAME`, which was done."""
    network = randomised(timm.create_model(name, num_classes=1000 if classifier else 0))
    side = 224 if name.startswith("levit") else 64
    expected = network.forward_head(network.forward_features(images(side)), pre_logits=True)
    found = read(network.state_dict(), tmp_path, f"timm:{name}")
    same(found, expected, side)
    assert (found.report.matched, found.report.unexpected, found.report.partial) == (1.0, (), False)


@pytest.mark.parametrize(
    "name", [pytest.param("swin_tiny_patch4_window7_224", marks=pytest.mark.torture), "vit_tiny_patch16_224"]
)
def test_a_transformer_trained_at_another_size(name: str, tmp_path: Path) -> None:
    """Only its tables of positions show at which: 96 px in place of 224."""
    network = randomised(timm.create_model(name, img_size=96))
    expected = network.forward_head(network.forward_features(images(96)), pre_logits=True)
    same(read(network.state_dict(), tmp_path, f"timm:{name}"), expected, 96)


@pytest.mark.parametrize("channels", [1, 13])
def test_as_many_channels_as_the_files_first_convolution(channels: int, tmp_path: Path) -> None:
    """torchxrayvision#93"""
    network = randomised(timm.create_model("resnet10t", num_classes=0, in_chans=channels))
    bands = torch.randn(3, channels, 64, 64)
    found = read(network.state_dict(), tmp_path, "timm:resnet10t")
    torch.testing.assert_close(found.module(bands), network(bands))


@pytest.mark.parametrize("address", ["hf-hub:timm/resnet10t", "timm/resnet10t", "resnet10t.c3_in1k"])
def test_addresses_of_timms_models_are_names_and_nothing_is_downloaded(address: str, tmp_path: Path) -> None:
    network = randomised(timm.create_model("resnet10t"))
    expected = network.forward_head(network.forward_features(images()), pre_logits=True)
    same(read(network.state_dict(), tmp_path, f"timm:{address}"), expected)


def test_other_normalisation_is_said(tmp_path: Path) -> None:
    """timm trained its ViT with mean and standard deviation .5."""
    network = timm.create_model("vit_tiny_patch16_224", num_classes=0)
    warnings = read(network.state_dict(), tmp_path, "timm:vit_tiny_patch16_224").report.warnings
    assert any("--mean 0.5,0.5,0.5 --std 0.5,0.5,0.5" in warning for warning in warnings)


Features = Callable[[Any, Tensor], Tensor]


@pytest.mark.parametrize("spelling", ["torchvision", "torchvision.models"])
@pytest.mark.parametrize("classifier", [True, False], ids=["with classifier", "without"])
@pytest.mark.parametrize(
    ("name", "head", "features"),
    [
        ("efficientnet_b0", "classifier", lambda net, x: net.avgpool(net.features(x)).flatten(1)),
        ("squeezenet1_1", "classifier", lambda net, x: net.features(x).relu().mean((2, 3))),
        ("mnasnet0_5", "classifier", lambda net, x: net.layers(x).mean((2, 3))),
    ],
)
def test_torchvision_by_name(
    name: str, head: str, features: Features, classifier: bool, spelling: str, tmp_path: Path
) -> None:
    """`--backbone torchvision.models:efficientnet_b0` matched 76 % of a file without classifier."""
    network = randomised(torchvision.models.get_model(name))
    state = {key: value for key, value in network.state_dict().items() if classifier or not key.startswith(head)}
    found = read(state, tmp_path, f"{spelling}:{name}")
    same(found, features(network, images()))
    assert found.report.matched == 1.0
    assert not found.report.partial


def test_auxiliary_classifiers_are_not_needed(tmp_path: Path) -> None:
    network = randomised(torchvision.models.googlenet(init_weights=False))
    seen: list[Tensor] = []
    network.fc.register_forward_pre_hook(lambda part, inputs: seen.append(inputs[0]))
    network(images())
    state = {key: value for key, value in network.state_dict().items() if not key.startswith(("aux", "fc."))}
    same(read(state, tmp_path, "torchvision:googlenet"), seen[0])


def test_a_network_of_another_kind_is_refused(tmp_path: Path) -> None:
    """Building it would download a backbone."""
    found = refusal({"a.weight": torch.ones(3, 3)}, tmp_path, "torchvision:fcn_resnet50")
    assert "torchvision has no classifier called fcn_resnet50" in found


@pytest.mark.parametrize(
    ("backbone", "sentence"),
    [
        ("timm:resnet18x", "near it are resnet18"),
        ("torchvision:resnet19", "near it are resnet"),
        ("resnet18", "torchvision:resnet18 is"),
        ("nonsense", "timm:NAME, torchvision:NAME, module:factory or path/to/file.py:factory"),
        ("nowhere_at_all:factory", "No module named 'nowhere_at_all'"),
        ("nowhere/at_all.py:factory", "there is no file nowhere/at_all.py"),
        (f"{FILE}:missing", "has no attribute 'missing'"),
        (f"{FILE}:leaving", "SystemExit"),
        (f"{FILE}:needing", "missing 1 required positional argument"),
        (f"{FILE}:a_dict", "gives a dict, not a torch.nn.Module"),
        (f"{FILE}:NETWORK", "is a network already"),
        (f"{FILE}:lazy", "make them with their sizes"),
        (f"{FILE}:pair", "a tuple of (2, 12), (2, 12)"),
        (f"{FILE}:logits", "a dict of logits"),
        (f"{FILE}:loss", "it gave ()"),
        (f"{FILE}:tokens_first", "it gave (256, 2, 12)"),
    ],
)
def test_what_cannot_be_had_is_one_sentence(backbone: str, sentence: str, tmp_path: Path) -> None:
    assert sentence in refusal({"stem.weight": torch.ones(12, 3, 4, 4)}, tmp_path, backbone)


# -- factories -------------------------------------------------------------------------------------------------------


def test_a_factory_by_the_path_of_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`--backbone path/nets.py:factory`: "No module named 'path/nets'". What lies beside the file can be imported."""
    folder = tmp_path / "path with spaces"
    folder.mkdir()
    (folder / "nets.py").write_text("from layers_of_mine import body\n\ndef factory():\n    return body(24)\n")
    body = "nn.Sequential(nn.AvgPool2d(16), nn.Flatten(), nn.Linear(48, d))"
    (folder / "layers_of_mine.py").write_text(f"from torch import nn\n\ndef body(d):\n    return {body}\n")
    network = randomised(nn.Sequential(nn.AvgPool2d(16), nn.Flatten(), nn.Linear(48, 24)))
    same(read(network.state_dict(), tmp_path, f"{folder}/nets.py:factory"), network(images()))
    monkeypatch.chdir(folder)
    same(read(network.state_dict(), tmp_path, "nets.py:factory"), network(images()))
    assert "--backbone nets.py:" in refusal(network.state_dict(), tmp_path, "nets:factory")


@pytest.mark.parametrize("head", [True, False], ids=["with classifier", "without"])
def test_class_scores_are_not_taken_for_features(head: bool, tmp_path: Path) -> None:
    """resnet_cifar10: option-A shortcuts without weights, by a factory that ends in `linear`."""
    network = randomised(own.OptionA())
    state = {name: value for name, value in network.state_dict().items() if head or "linear" not in name}
    found = read(
        {"state_dict": {f"module.{name}": value for name, value in state.items()}}, tmp_path, f"{FILE}:option_a"
    )
    same(found, network.pooled(images()))
    assert any("ends in linear, which gives 10 class scores" in warning for warning in found.report.warnings)


def test_a_factory_of_timms_gives_features_too(tmp_path: Path) -> None:
    network = randomised(timm.create_model("resnet10t"))
    expected = network.forward_head(network.forward_features(images()), pre_logits=True)
    found = read(network.state_dict(), tmp_path, f"{FILE}:timm_resnet")
    same(found, expected)
    assert any("1000 class scores" in warning for warning in found.report.warnings)


def test_a_projection_stays_and_is_said(tmp_path: Path) -> None:
    network = randomised(own.projection())
    found = read(network.state_dict(), tmp_path, f"{FILE}:projection")
    same(found, network(images()))
    assert any("the 128 outputs of fc" in warning for warning in found.report.warnings)


@pytest.mark.parametrize(
    ("factory", "reduced", "said"),
    [
        ("a_map", lambda grid: grid.mean((2, 3)), "mean over positions"),
        ("a_map_channels_last", lambda grid: grid.mean((1, 2)), "mean over positions, channels last"),
        ("tokens", lambda grid: grid.mean(1), "mean of tokens"),
        ("wrapped", lambda given: given["last_hidden_state"][:, 0], "class token"),
        ("wrapped_with_pooler", lambda given: given["last_hidden_state"][:, 0], "class token"),
        ("without_class_token", lambda given: given["last_hidden_state"].mean(1), "mean of tokens"),
    ],
)
def test_grids_are_pooled_by_a_rule_that_is_said(
    factory: str, reduced: Callable[[Any], Tensor], said: str, tmp_path: Path
) -> None:
    """`module:factory` that gives logits or token grids was taken for one that gives features."""
    network = randomised(getattr(own, factory)())
    found = read(network.state_dict(), tmp_path, f"{FILE}:{factory}")
    same(found, reduced(network(images())))
    assert any(f"features are its {said}" in warning or said in warning for warning in found.report.warnings)


@pytest.mark.parametrize("prefix", ["", "dinov2.", "model.", "net.student."])
@pytest.mark.parametrize("factory", ["wrapped", "wrapped_with_pooler"])
def test_a_wrappers_name_need_not_be_in_the_file(factory: str, prefix: str, tmp_path: Path) -> None:
    """Hugging Face: `self.model = Dinov2Model(…)`: "nothing in the file fits"; its pooler is often in no file."""
    network = randomised(own.Encoder())
    state = {prefix + name: value for name, value in network.state_dict().items()}
    same(read(state, tmp_path, f"{FILE}:{factory}"), network.tokens(images())[:, 0])


def test_only_what_no_feature_depends_on_may_be_missing(tmp_path: Path) -> None:
    network = randomised(own.Detached())
    state = network.state_dict()
    without_predictor = {name: value for name, value in state.items() if not name.startswith("predictor")}
    same(read(without_predictor, tmp_path, f"{FILE}:detached"), network(images()))
    without_patches = {name: value for name, value in state.items() if not name.startswith("patches")}
    assert "patches.weight" in refusal(without_patches, tmp_path, f"{FILE}:detached")


# -- which copy ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("read_one", "other"),
    [
        ("encoder_q.", "encoder_k."),
        ("backbone.", "momentum_backbone."),
        ("teacher.", "student."),
        ("online.", "target."),
    ],
)
def test_of_two_copies_the_same_is_found_whatever_the_order(read_one: str, other: str) -> None:
    """moco: which of `encoder_q` and `encoder_k` was read depended on the process's hash seed."""
    shapes = {"conv1.weight": (4, 3, 3, 3), "fc.weight": (8, 4)}
    names = [prefix + name for prefix in (read_one, other) for name in shapes]
    dice = random.Random(0)
    for _ in range(20):
        dice.shuffle(names)
        tensors = {name: TensorInfo(name, "F32", shapes[name.partition(".")[2]]) for name in names}
        place = best_place(tensors, shapes)
        assert place is not None
        assert place.prefix == read_one
