"""Files as public repositories of self-supervised learning write them: the copy and the network that each documents."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from swaveval.checkpoints import load
from tests.checkpoints.originals import torchvision_resnet
from tests.field.field_networks import State, prefixed, read_as, refusal, saved, small_resnet, small_vit

ONES = torch.ones(3, 4)


def children(state: State) -> State:
    """Names after `nn.Sequential(*resnet.children())`."""
    places = {"conv1": "0", "bn1": "1"} | {f"layer{stage}": str(stage + 3) for stage in range(1, 5)}
    return {".".join([places[name.partition(".")[0]], name.partition(".")[2]]): value for name, value in state.items()}


def inside(name: str) -> str:
    name = name.replace("layer2.", "layer2._fsdp_wrapped_module.")
    return name.replace("layer3.0", "layer3._checkpoint_wrapped_module.0")


def in_fsdp(state: State) -> State:
    wrapped = {inside(name): value for name, value in state.items()}
    return prefixed("_fsdp_wrapped_module.", wrapped)


def vissl(trunk: State) -> dict[str, Any]:
    heads = {"0.projection_head.0.weight": torch.ones(8, 64), "0.prototypes0.weight": torch.ones(9, 8)}
    model = {"trunk": trunk, "heads": heads}
    return {
        "phase_idx": 3,
        "iteration": 40,
        "type": "consolidated",
        "classy_state_dict": {"base_model": {"model": model}},
    }


# name → a file's content from the weights that are right and those of another copy
FILES: dict[str, Callable[[State, State], Any]] = {
    "lightly, epoch=3-step=40.ckpt with ModelCheckpoint": lambda right, other: {
        "epoch": 3,
        "global_step": 40,
        "pytorch-lightning_version": "2.2.0",
        "state_dict": prefixed("backbone.", children(right))
        | prefixed("backbone_momentum.", children(other))
        | {"projection_head.layers.0.weight": ONES, "projection_head_momentum.layers.0.weight": ONES},
        "callbacks": {"ModelCheckpoint{'monitor': 'knn'}": {"best_model_score": torch.tensor(3.0), "dirpath": "a"}},
    },
    "lightly NNCLR, memory bank": lambda right, _: {
        "state_dict": prefixed("backbone.", right)
        | {"memory_bank.bank": ONES, "memory_bank.bank_ptr": torch.tensor([1]), "projection_head.layers.0.weight": ONES}
    },
    "sthalles/PyTorch-BYOL": lambda right, other: {
        "online_network_state_dict": prefixed("encoder.", children(right)) | {"projetion.net.0.weight": ONES},
        "target_network_state_dict": prefixed("encoder.", children(other)) | {"projetion.net.0.weight": ONES},
        "optimizer_state_dict": {},
    },
    "lucidrains/byol-pytorch, the learner": lambda right, other: (
        prefixed("net.", right)
        | prefixed("online_encoder.net.", right)
        | prefixed("target_encoder.net.", other)
        | {"online_predictor.0.weight": ONES}
    ),
    "lucidrains/byol-pytorch in a LightningModule": lambda right, other: {
        "state_dict": prefixed("learner.net.", right)
        | prefixed("learner.online_encoder.net.", right)
        | prefixed("learner.target_encoder.net.", other)
    },
    "facebookresearch/moco's demo for CIFAR-10": lambda right, other: {
        "epoch": 3,
        "state_dict": prefixed("encoder_q.net.", children(right) | {"9.weight": ONES, "9.bias": ONES[0]})
        | prefixed("encoder_k.net.", children(other) | {"9.weight": ONES, "9.bias": ONES[0]})
        | {"queue": ONES, "queue_ptr": torch.tensor([3])},
    },
    "facebookresearch/simsiam": lambda right, _: {
        "epoch": 3,
        "arch": "resnet50",
        "state_dict": prefixed("module.encoder.", right | {"fc.0.weight": ONES, "fc.1.running_mean": ONES[0]})
        | {"module.predictor.0.weight": ONES},
    },
    "facebookresearch/barlowtwins": lambda right, _: {
        "epoch": 3,
        "model": prefixed("module.backbone.", right)
        | {"module.projector.0.weight": ONES, "module.bn.running_mean": ONES[0], "module.bn.running_var": ONES[0]},
    },
    "facebookresearch/vicreg": lambda right, _: {
        "epoch": 3,
        "model": prefixed("module.backbone.", right) | {"module.projector.0.weight": ONES},
        "optimizer": {},
    },
    "DenseCL": lambda right, other: {
        "state_dict": prefixed("module.encoder_q.0.", right)
        | prefixed("module.encoder_k.0.", other)
        | {"module.queue": ONES, "module.queue2": ONES, "module.encoder_q.1.mlp2.0.weight": ONES}
    },
    "PixPro": lambda right, other: {
        "epoch": 3,
        "opt": None,
        "model": prefixed("module.encoder.", right)
        | prefixed("module.encoder_k.", other)
        | {"module.projector.linear1.weight": ONES, "module.value_transform.weight": ONES},
    },
    "PCL": lambda right, other: {
        "state_dict": prefixed("module.encoder_q.", right | {"fc.0.weight": ONES})
        | prefixed("module.encoder_k.", other)
        | {"module.queue": ONES, "module.queue_ptr": torch.tensor([3])}
    },
    "DeepCluster-v2": lambda right, _: {
        "state_dict": prefixed("module.", right)
        | {
            "module.projection_head.0.weight": torch.ones(8, 64),
            "module.prototypes.prototypes0.weight": torch.ones(9, 8),
        }
    },
    "VISSL": lambda right, _: vissl(prefixed("_feature_blocks.", right)),
    "VISSL, DDP inside": lambda right, _: vissl(prefixed("base_model._feature_blocks.", right)),
    "VISSL, flattened": lambda right, _: prefixed("classy_state_dict.base_model.model.trunk._feature_blocks.", right),
    "mmpretrain": lambda right, _: {
        "meta": {"epoch": 4},
        "state_dict": prefixed("backbone.", right)
        | {"data_preprocessor.mean": torch.ones(3, 1, 1), "neck.fc0.weight": ONES, "head.predictor.fc0.weight": ONES},
    },
    "mmselfsup's BYOL": lambda right, other: {
        "state_dict": prefixed("backbone.", right) | {"neck.fc0.weight": ONES} | prefixed("target_net.module.0.", other)
    },
    "mmengine's EMA": lambda right, other: {
        "state_dict": prefixed("backbone.", other) | {"head.fc.weight": ONES},
        "ema_state_dict": prefixed("module.backbone.", right) | {"module.head.fc.weight": ONES},
    },
    "timm's EMA": lambda right, other: {"epoch": 3, "arch": "resnet18", "state_dict": other, "state_dict_ema": right},
    "nested EMA": lambda right, other: {"model": other, "model_ema": {"module": right, "decay": 0.99}},
    "torch.compile around DDP": lambda right, _: {"model": prefixed("_orig_mod.module.", right)},
    "DDP around torch.compile": lambda right, _: {"state_dict": prefixed("module.backbone._orig_mod.", right)},
    "FSDP, full state": lambda right, _: in_fsdp(right),
    "segmentation_models_pytorch": lambda right, _: {
        "state_dict": prefixed("model.encoder.", right)
        | {"model.decoder.blocks.0.conv1.0.weight": ONES, "model.segmentation_head.0.weight": ONES}
    },
    "torchvision's DeepLab": lambda right, _: (
        prefixed("backbone.", right) | {"classifier.0.convs.0.0.weight": ONES, "aux_classifier.0.weight": ONES}
    ),
    "torchvision's Faster R-CNN": lambda right, _: (
        prefixed("backbone.body.", right)
        | {"backbone.fpn.inner_blocks.0.0.weight": ONES, "rpn.head.conv.0.0.weight": ONES}
    ),
    "DETR": lambda right, _: {
        "model": prefixed("backbone.0.body.", right)
        | {"transformer.encoder.layers.0.linear1.weight": ONES, "query_embed.weight": ONES}
    },
    "a teacher that follows its student": lambda right, other: {
        "state_dict": prefixed("student.encoder.", other) | prefixed("teacher.encoder.", right)
    },
}

# Their names are not those of the class that a user would name.
OF_CHILDREN = frozenset(
    {
        "lightly, epoch=3-step=40.ckpt with ModelCheckpoint",
        "sthalles/PyTorch-BYOL",
        "facebookresearch/moco's demo for CIFAR-10",
    }
)


@pytest.mark.parametrize("name", FILES)
def test_features_are_the_documented_networks(name: str, tmp_path: Path) -> None:
    network = small_resnet()
    content = FILES[name](dict(network.state_dict()), dict(small_resnet(9).state_dict()))
    assert read_as(saved(tmp_path / "checkpoint.pth", content), network).matched == 1


def narrow() -> nn.Module:
    return torchvision_resnet(width=4)


@pytest.mark.parametrize("teacher", [narrow, small_vit])
@pytest.mark.parametrize("deep", [False, True], ids=["one state dict", "two containers"])
def test_a_teacher_of_another_kind_is_a_distillations(
    teacher: Callable[[], nn.Module], deep: bool, tmp_path: Path
) -> None:
    """It does not learn: every file of the run would have had the same features."""
    network = small_resnet()
    student, frozen = network.state_dict(), teacher().state_dict()
    content: Any = prefixed("student.", student) | prefixed("teacher.", frozen)
    path = saved(tmp_path / "checkpoint.pth", {"student": student, "teacher": frozen} if deep else content)
    report = read_as(path, network)
    assert any("the student, which learns, was read" in note for note in report.warnings)


@pytest.mark.parametrize("kept", [r".*num_batches_tracked$", r".*(running_mean|running_var|num_batches_tracked)$"])
def test_a_teacher_without_counters_or_statistics_is_still_the_students_average(kept: str, tmp_path: Path) -> None:
    network = small_resnet()
    average = {name: value for name, value in network.state_dict().items() if not re.match(kept, name)}
    content = {"student": (other := small_resnet(9)).state_dict(), "teacher": average}
    path = saved(tmp_path / "a.pth", content)
    report = read_as(path, other if "mean" in kept else network)
    assert not any("which learns" in note for note in report.warnings)


def student() -> nn.Module:
    return torchvision_resnet(blocks=(1, 1, 1, 1), width=8)


def test_a_deeper_teacher_is_not_where_a_named_student_lies(tmp_path: Path) -> None:
    """A ResNet-34 has every weight of a ResNet-18."""
    torch.manual_seed(0)
    network, deeper = student(), torchvision_resnet(blocks=(1, 2, 2, 1), width=8)
    content = prefixed("student.", network.state_dict()) | prefixed("teacher.", deeper.state_dict())
    read_as(saved(tmp_path / "a.pth", {"state_dict": content}), network, backbone=f"{__file__}:student")


def test_the_average_of_such_a_student_comes_before_it(tmp_path: Path) -> None:
    network = small_resnet()
    content = {
        "student": small_resnet(9).state_dict(),
        "teacher": narrow().state_dict(),
        "model_ema": network.state_dict(),
    }
    read_as(saved(tmp_path / "checkpoint.pth", content), network)


def test_two_networks_of_different_kinds_are_never_guessed_between(tmp_path: Path) -> None:
    content: dict[str, Tensor] = prefixed("visual.", small_resnet().state_dict()) | prefixed(
        "audio.", narrow().state_dict()
    )
    path = saved(tmp_path / "checkpoint.pth", content)
    assert "several backbones in the file (audio., visual.)" in refusal(path).reason
    assert (
        "torch.save({name: value for name, value in weights.items() if name.startswith('audio.')}"
        in refusal(path).reason
    )
    alone = {name: value for name, value in content.items() if name.startswith("visual.")}
    read_as(saved(tmp_path / "weights.pt", alone), small_resnet())


def test_three_stages_after_a_large_stem_are_said(tmp_path: Path) -> None:
    state = {name: value for name, value in small_resnet().state_dict().items() if "layer4" not in name}
    notes = load(saved(tmp_path / "a.pth", state)).report.warnings
    assert any("the file has 3 stages of a ResNet" in note for note in notes)


def test_lightlys_msn_calls_the_average_backbone(tmp_path: Path) -> None:
    network = small_vit()
    anchor = prefixed("anchor_backbone.vit.", small_vit(5).state_dict())
    content = {"state_dict": anchor | prefixed("backbone.vit.", network.state_dict()) | {"prototypes.weight": ONES}}
    read_as(saved(tmp_path / "checkpoint.ckpt", content), network, side=32)


@pytest.mark.parametrize(
    "keys", [("fold0", "fold1"), ("best_model", "last_model"), ("epoch_1", "epoch_2"), ("model1", "model2")]
)
@pytest.mark.parametrize("inside", [(), ("state_dict",)], ids=["themselves", "a state dict deep"])
def test_of_several_networks_that_are_no_copies_none_is_chosen(
    keys: tuple[str, str], inside: tuple[str, ...], tmp_path: Path
) -> None:
    content: dict[str, Any] = {}
    for seed, key in enumerate(keys):
        content[key] = {name: small_resnet(seed).state_dict() for name in inside} or small_resnet(seed).state_dict()
    reason = refusal(saved(tmp_path / "checkpoint.pth", content)).reason
    assert f"several networks of one kind in the file ({'.'.join((keys[0], *inside))}, " in reason
    place = "".join(f"[{key!r}]" for key in (keys[0], *inside))
    assert f"torch.save(checkpoint{place}, 'weights.pt')" in reason
    named = f"{Path(__file__).with_name('field_networks.py')}:small_resnet"
    assert refusal(tmp_path / "checkpoint.pth", backbone=named).reason == reason
    alone = content[keys[0]]["state_dict"] if inside else content[keys[0]]
    for backbone in (None, named):
        read_as(saved(tmp_path / "weights.pt", alone), small_resnet(), backbone=backbone)


@pytest.mark.parametrize("keys", [("fold0", "fold1"), ("best_model", "last_model"), ("audio", "visual")])
def test_nor_of_several_in_one_state_dict_also_with_a_name(keys: tuple[str, str], tmp_path: Path) -> None:
    content: State = {}
    for seed, key in enumerate(keys):
        content |= prefixed(f"{key}.", small_resnet(seed).state_dict())
    path = saved(tmp_path / "checkpoint.pth", {"state_dict": content})
    named = f"{Path(__file__).with_name('field_networks.py')}:small_resnet"
    for backbone in (None, named):
        assert f"several backbones in the file ({keys[0]}., {keys[1]}.)" in refusal(path, backbone=backbone).reason
    alone = {name: value for name, value in content.items() if name.startswith(f"{keys[1]}.")}
    read_as(saved(tmp_path / "weights.pt", alone), small_resnet(1), backbone=named)


@pytest.mark.parametrize("name", sorted(FILES.keys() - OF_CHILDREN))
def test_a_named_networks_weights_are_the_documented_ones_too(name: str, tmp_path: Path) -> None:
    network = small_resnet()
    content = FILES[name](dict(network.state_dict()), dict(small_resnet(9).state_dict()))
    named = f"{Path(__file__).with_name('field_networks.py')}:small_resnet"
    path = saved(tmp_path / "checkpoint.pth", content)
    read_as(path, network, backbone=named)
