"""Objects beside the weights, and whole modules: read without importing or running what they name."""

import datetime
import decimal
import functools
import types
import uuid
from enum import Enum, IntFlag
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torchvision
from field_networks import read_as, refusal, saved, small_resnet, small_vit
from torch import nn
from torchvision.transforms import Compose, InterpolationMode, Normalize, RandomResizedCrop, ToTensor


class Phase(Enum):
    WARM = "warm"


class Flags(IntFlag):
    A = 1


class Settings(dict):  # type: ignore[type-arg]
    """As EasyDict, CfgNode and ConfigDict are."""


class Stages(list):  # type: ignore[type-arg]
    pass


class Plain:
    def __init__(self) -> None:
        self.depth = 3


class Slotted:
    __slots__ = ("depth",)

    def __init__(self) -> None:
        self.depth = 3


def settings() -> Settings:
    made = Settings(lr=0.1)
    made.lr = 0.1  # type: ignore[attr-defined]
    return made


OBJECTS: dict[str, Any] = {
    "datetime": datetime.datetime(2026, 1, 2, tzinfo=datetime.UTC),
    "date": datetime.date(2026, 1, 2),
    "timedelta": datetime.timedelta(hours=3),
    "TorchVersion": torch.torch_version.TorchVersion("2.10.0"),
    "slice": slice(1, 2),
    "range": range(3),
    "frozenset": frozenset({1}),
    "SimpleNamespace": types.SimpleNamespace(lr=0.1),
    "InterpolationMode": InterpolationMode.BICUBIC,
    "transforms": Compose([RandomResizedCrop(64), ToTensor(), Normalize((0.5,), (0.5,))]),
    "path": Path("/data"),
    "partial": functools.partial(nn.LayerNorm, eps=1e-6),
    "function": torch.nn.functional.gelu,
    "class": nn.BatchNorm2d,
    "module": nn.Linear(3, 4),
    "Decimal": decimal.Decimal("0.1"),
    "UUID": uuid.uuid4(),
    "enum": Phase.WARM,
    "flag": Flags.A,
    "numpy array": np.arange(4.0),
    "numpy scalar": np.float64(0.5),
    "numpy generator": np.random.default_rng(0),
    "dict of one's own": settings(),
    "list of one's own": Stages([1, 2]),
    "object": Plain(),
    "object with slots": Slotted(),
    "pattern": __import__("re").compile("a+"),
    "type": int,
    "optimiser": torch.optim.SGD([nn.Parameter(torch.ones(2))], lr=0.1),
}


@pytest.mark.parametrize("name", OBJECTS)
def test_objects_beside_the_weights(tmp_path: Path, name: str) -> None:
    """lightly's and others' `hyper_parameters`: none of it is needed to read weights."""
    network = small_resnet()
    content = {"state_dict": network.state_dict(), "hyper_parameters": {"of": OBJECTS[name], "lr": 0.1}, "epoch": 3}
    assert read_as(saved(tmp_path / "a.ckpt", content), network).epoch is not None


def test_what_only_an_attack_names_is_still_refused(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> Any:
            return exec, ("raise SystemExit",)

    error = refusal(saved(tmp_path / "a.pt", {"state_dict": small_resnet().state_dict(), "extra": Evil()}))
    assert "builtins.exec" in error.reason
    assert error.state == "refused"


# -- whole modules ---------------------------------------------------------------------------------------------------


class Wrapper(nn.Module):
    """A user's own class, which need not be importable where its checkpoint is read."""

    def __init__(self, backbone: nn.Module) -> None:
        super().__init__()
        self.backbone = backbone
        self.projector = nn.Sequential(nn.Linear(64, 8), nn.BatchNorm1d(8))


WHOLE: dict[str, Any] = {
    "the model": lambda network: network,
    "in DataParallel": nn.DataParallel,
    "in a class of one's own": Wrapper,
    "under a key": lambda network: {"model": network, "epoch": 3},
    "an object's attribute": lambda network: types.SimpleNamespace(trainer={"lr": 1}, net=network),
    "MLflow's": lambda network: network,
}


TRUSTED = "in a class of one's own"
READ = [(name, False) for name in WHOLE] + [(TRUSTED, True)]
READ += [pytest.param(name, True, marks=pytest.mark.torture) for name in WHOLE if name != TRUSTED]


@pytest.mark.parametrize(("name", "trust"), READ)
def test_whole_modules(tmp_path: Path, name: str, trust: bool) -> None:
    """`torch.save(model)`, MLflow's `model.pth`: weights are read without the class, with and without --trust."""
    network = small_resnet()
    path = saved(tmp_path / "model.pth", WHOLE[name](network))
    assert read_as(path, network, trust=trust).matched == 1


def test_a_whole_vit(tmp_path: Path) -> None:
    network = small_vit()
    read_as(saved(tmp_path / "vit.pth", network), network, side=32)


def test_a_module_of_torchvision_at_full_size(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = torchvision.models.resnet18().eval()
    path = saved(tmp_path / "resnet18.pt", network)
    network.fc = nn.Identity()
    read_as(path, network)


def test_trust_still_unpickles_in_full_where_it_must(tmp_path: Path) -> None:
    """What stand-ins cannot stand in for is run on the user's word, and then whole modules are read as well."""
    import operator

    network = small_resnet()
    network.key = operator.itemgetter(1)  # type: ignore[assignment]
    path = saved(tmp_path / "model.pth", network)
    assert "--trust" in refusal(path).reason
    assert read_as(path, network, trust=True).trusted
