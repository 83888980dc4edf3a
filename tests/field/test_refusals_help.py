"""Refusals whose advice was followed: what they say to do makes a file that is read, with the right features."""

import io
import pickle
import re
import tarfile
import warnings
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
import torchvision
from torch import nn
from typer.testing import CliRunner

from swaveval.checkpoints import LoadOptions, load
from swaveval.checkpoints.foreign import foreign
from swaveval.cli.app import app
from tests.field.field_networks import State, prefixed, read_as, refusal, saved, small_resnet, small_vit


def torch_bytes(content: Any) -> bytes:
    stream = io.BytesIO()
    torch.save(content, stream)
    return stream.getvalue()


def zipped(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("run/model.pth", torch_bytes(small_resnet().state_dict()))


def unzipped(path: Path) -> Path:
    with zipfile.ZipFile(path) as archive:
        return Path(archive.extract("run/model.pth", path.parent / "out"))


def tarred(path: Path) -> None:
    content = torch_bytes(small_resnet().state_dict())
    with tarfile.open(path, "w") as archive:
        member = tarfile.TarInfo("model.pth")
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))


def untarred(path: Path) -> Path:
    with tarfile.open(path) as archive:
        archive.extract("model.pth", path.parent / "out", filter="data")
    return path.parent / "out" / "model.pth"


def scripted(path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch calls tracing deprecated
        torch.jit.trace(small_resnet(), torch.zeros(1, 3, 64, 64)).save(str(path))


def unscripted(path: Path) -> Path:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return saved(path.parent / "weights.pt", torch.jit.load(path).state_dict())


def exported(path: Path) -> None:
    torch.export.save(torch.export.export(small_resnet(), (torch.zeros(2, 3, 64, 64),)), path)


def arrays() -> dict[str, Any]:
    return {name: value.numpy() for name, value in small_resnet().state_dict().items()}


def of_arrays(path: Path) -> Path:
    weights = pickle.loads(path.read_bytes())["model"]
    return saved(path.parent / "weights.pt", {name: torch.as_tensor(value) for name, value in weights.items()})


@dataclass(frozen=True)
class Case:
    """Attributes: suffix, write (the file), says (a pattern of the refusal), follow (the advice; gives the new file)."""  # noqa: E501

    suffix: str
    write: Callable[[Path], Any]
    says: str
    follow: Callable[[Path], Path]


CASES = {
    "zipped once more": Case(".zip", zipped, "unpack it first: it holds run/model.pth", unzipped),
    "in a tar archive": Case(".pth.tar", tarred, "unpack it first", untarred),
    "TorchScript": Case(".pt", scripted, r"torch\.jit\.load\(file\)\.state_dict\(\)", unscripted),
    "torch.export": Case(
        ".pt2",
        exported,
        r"torch\.export\.load\(file\)\.state_dict",
        lambda path: saved(path.parent / "weights.pt", torch.export.load(path).state_dict),
    ),
    "detectron2's pickle of arrays": Case(
        ".pkl",
        lambda path: path.write_bytes(pickle.dumps({"model": arrays(), "matching_heuristics": True})),
        r"torch\.as_tensor\(value\) for name, value in weights\.items\(\)",
        of_arrays,
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_the_advice_makes_a_file_that_is_read(name: str, tmp_path: Path) -> None:
    case = CASES[name]
    path = tmp_path / f"checkpoint{case.suffix}"
    case.write(path)
    error = refusal(path)
    assert error.state == "unsupported"
    assert re.search(case.says, error.reason), error.reason
    read_as(case.follow(path), small_resnet())


def test_sparse_weights_are_made_dense_first(tmp_path: Path) -> None:
    state = small_resnet().state_dict()
    sparse = {name: value.to_sparse() if value.dim() == 4 else value for name, value in state.items()}
    assert "tensor.to_dense()" in refusal(saved(tmp_path / "a.pt", sparse)).reason
    dense = {name: value.to_dense() if value.is_sparse else value for name, value in sparse.items()}
    read_as(saved(tmp_path / "b.pt", dense), small_resnet())


def eighths(value: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    return (value * 16).to(dtype) if value.dim() == 4 else value


@pytest.mark.parametrize("dtype", [torch.float8_e4m3fn, torch.int8], ids=str)
def test_scaled_weights_are_not_taken_for_the_weights(dtype: torch.dtype, tmp_path: Path) -> None:
    state = {name: eighths(value, dtype) for name, value in small_resnet().state_dict().items()}
    reason = refusal(saved(tmp_path / "a.pt", state)).reason
    assert "scales and zero points lie elsewhere" in reason
    assert "allow-partial" not in reason
    unscaled = {name: value.float() / 16 if value.dim() == 4 else value for name, value in state.items()}
    network = small_resnet()
    network.load_state_dict(unscaled)
    read_as(saved(tmp_path / "b.pt", unscaled), network)


def test_weights_on_the_meta_device_have_no_values(tmp_path: Path) -> None:
    state = {name: value.to("meta") for name, value in small_resnet().state_dict().items()}
    assert "it has no values" in refusal(saved(tmp_path / "a.pt", state)).reason


ADAPTERS = {f"blocks.{block}.attn.qkv.lora_{part}.weight": torch.ones(8, 128) for block in (0, 1) for part in "AB"}


def with_adapters(state: State) -> State:
    return state | ADAPTERS


def of_peft(state: State) -> State:
    return prefixed("base_model.model.", {n.replace("qkv.", "qkv.base_layer."): v for n, v in state.items()} | ADAPTERS)


@pytest.mark.parametrize("make", [lambda _: prefixed("base_model.model.", ADAPTERS), with_adapters, of_peft])
@pytest.mark.parametrize("partial", [False, True])
def test_adapters_are_merged_first(make: Callable[[State], State], partial: bool, tmp_path: Path) -> None:
    """`--allow-partial` would leave out what was trained, or build its layers of random weights."""
    reason = refusal(saved(tmp_path / "a.pt", make(small_vit().state_dict())), allow_partial=partial).reason
    assert "adapters (LoRA)" in reason
    assert "merge_and_unload()" in reason
    assert "allow-partial" not in reason


PRUNED = {"weight_orig": torch.randn(8, 8, 3, 3), "weight_mask": torch.ones(8, 8, 3, 3)}
NORMED = {
    "parametrizations.weight.original0": torch.ones(8, 1, 1, 1),
    "parametrizations.weight.original1": torch.ones(8, 8, 3, 3),
}


@pytest.mark.parametrize("parts", [PRUNED, NORMED], ids=["pruned", "weight norm"])
@pytest.mark.parametrize("partial", [False, True])
def test_a_layer_in_another_form_is_not_built_of_random_weights(parts: State, partial: bool, tmp_path: Path) -> None:
    state = small_resnet().state_dict()
    del state["layer1.0.conv2.weight"]
    path = saved(tmp_path / "a.pt", state | prefixed("layer1.0.conv2.", parts))
    reason = refusal(path, allow_partial=partial).reason
    assert "its layer layer1.0.conv2 is there in another form" in reason
    assert "--backbone path/to/file.py:factory" in reason


def weight_normed() -> nn.Module:
    network = small_resnet()
    nn.utils.parametrizations.weight_norm(network.layer1[0].conv2)
    return network


def test_and_the_factory_reads_it(tmp_path: Path) -> None:
    network = weight_normed().eval()
    read_as(saved(tmp_path / "a.pt", network.state_dict()), network, backbone=f"{__file__}:weight_normed")


@pytest.mark.parametrize("partial", [False, True])
def test_a_network_without_its_first_normalisation_is_another(partial: bool, tmp_path: Path) -> None:
    """A preactivated ResNet has the names of a ResNet but `bn1`; a fresh one in its place would be another network."""
    state = {name: value for name, value in small_resnet().state_dict().items() if not name.startswith("bn1")}
    assert "nothing of its layer bn1" in refusal(saved(tmp_path / "a.pt", state), allow_partial=partial).reason


@pytest.mark.parametrize("partial", [False, True])
def test_nor_of_a_network_that_is_named(partial: bool, tmp_path: Path) -> None:
    state = small_resnet().state_dict()
    del state["layer1.0.conv2.weight"]
    path = saved(tmp_path / "a.pt", {"state_dict": prefixed("encoder.", state | prefixed("layer1.0.conv2.", NORMED))})
    factory = f"{Path(__file__).with_name('field_networks.py')}:small_resnet"
    reason = refusal(path, allow_partial=partial, backbone=factory).reason
    assert "its layer layer1.0.conv2 is there in another form" in reason


@pytest.mark.parametrize("partial", [False, True])
def test_a_layer_without_running_statistics_is_no_batch_normalisation(partial: bool, tmp_path: Path) -> None:
    """InstanceNorm has a BatchNorm's names; the stem kept its BatchNorm."""
    state = small_resnet().state_dict()
    state = {name: value for name, value in state.items() if not re.match(r"layer.*running_", name)}
    reason = refusal(saved(tmp_path / "a.pt", state), allow_partial=partial).reason
    assert "layer1.0.bn1 has no running statistics" in reason


@pytest.mark.parametrize("partial", [False, True])
def test_a_weight_of_another_shape_is_another_networks(partial: bool, tmp_path: Path) -> None:
    """Swin's authors number its downsampling otherwise than timm: each would have been drawn at random."""
    state = small_resnet().state_dict()
    state |= {"layer3.0.conv2.weight": torch.ones(16, 16, 3, 3), "layer3.0.bn2.weight": torch.ones(16)}
    for backbone in (None, f"{Path(__file__).with_name('field_networks.py')}:small_resnet"):
        reason = refusal(saved(tmp_path / "a.pt", state), allow_partial=partial, backbone=backbone).reason
        assert "its layer3.0.conv2.weight has another shape" in reason
        assert "allow-partial" not in reason


def test_flattened_weights_are_named(tmp_path: Path) -> None:
    state = {
        "_fsdp_wrapped_module._flat_param": torch.randn(1000),
        "_fsdp_wrapped_module.layer1._flat_param": torch.randn(9),
    }
    assert "flattened by FSDP" in refusal(saved(tmp_path / "a.pt", state)).reason


def test_variances_below_zero_are_damage(tmp_path: Path) -> None:
    state = small_resnet().state_dict()
    state["layer2.0.bn1.running_var"] *= -1
    assert "layer2.0.bn1.running_var has variances below zero" in refusal(saved(tmp_path / "a.pt", state)).reason


@pytest.mark.parametrize("kind", ["shard", "sharded"])
def test_a_piece_of_vissls_is_no_network(kind: str, tmp_path: Path) -> None:
    trunk = prefixed("_feature_blocks.", small_resnet().state_dict())
    content = {"type": kind, "classy_state_dict": {"base_model": {"model": {"trunk": trunk}}}}
    for partial in (False, True):
        reason = refusal(saved(tmp_path / "a.torch", content), allow_partial=partial).reason
        assert "convert_sharded_checkpoint.py" in reason


STATISTICS = {
    "PaddlePaddle": {"running_mean": "_mean", "running_var": "_variance"},
    "Keras": {"running_mean": "moving_mean", "running_var": "moving_variance"},
    "Flax": {"running_mean": "mean", "running_var": "var"},
}


@pytest.mark.parametrize("named", ["", "torchvision:resnet18"])
@pytest.mark.parametrize("written_by", STATISTICS)
def test_running_statistics_by_another_name_are_renamed(written_by: str, named: str, tmp_path: Path) -> None:
    """They were "not in the file, so it does not normalise by batches (GroupNorm?)"."""
    right = (torchvision.models.resnet18() if named else small_resnet()).state_dict()
    weights = dict(right)
    for usual, other in STATISTICS[written_by].items():
        weights = {name.replace(usual, other): value for name, value in weights.items()}
    reason = refusal(saved(tmp_path / "a.pt", weights), backbone=named or None).reason
    assert reason.endswith("; rename them to running_mean and running_var")
    assert all(name in reason for name in STATISTICS[written_by].values())
    assert "GroupNorm" not in reason
    assert load(saved(tmp_path / "b.pt", right), options=LoadOptions(backbone=named or None)).report.state == "ready"


@pytest.mark.parametrize("partial", [False, True])
def test_a_layer_with_a_bias_of_its_own_is_not_read_without_it(partial: bool, tmp_path: Path) -> None:
    """MONAI's shortcuts have one: without it "100 % of the backbone matched … some weights are random"."""
    weights = small_resnet().state_dict()
    weights |= {name[:-6] + "bias": torch.ones(len(value)) for name, value in weights.items() if "downsample.0" in name}
    reason = refusal(saved(tmp_path / "a.pt", weights), allow_partial=partial).reason
    assert "downsample.0 adds a bias" in reason
    assert "--allow-partial" not in reason


FOREIGN = {
    "output/epoch_1.pdparams": ("PaddlePaddle's weights", "`_variance` are running_mean and running_var"),
    "tf_model.h5": ("TensorFlow's weights of a Hugging Face model", "from_tf=True"),
    "flax_model.msgpack": ("Flax's weights of a Hugging Face model", "from_flax=True"),
    "export/model.onnx": ("an exported network", "give the PyTorch checkpoint that it was exported from"),
    "variables/variables.index": ("of TensorFlow or Keras", "cannot be read"),
    "model.gguf": ("a quantised language model", ""),
    "weights.zip": ("packed", "unpack it first"),
    "arrays.npz": ("objects of Python or NumPy", "what torch.save writes"),
}


@pytest.mark.parametrize("name", FOREIGN)
@pytest.mark.parametrize("command", ["inspect", "run", "compress"])
def test_weights_of_other_programs_are_named(name: str, command: str, tmp_path: Path) -> None:
    """For TensorFlow and Flax with the line that transformers 4.49 was seen to carry out."""
    place = tmp_path / "models"
    (place / name).parent.mkdir(parents=True)
    (place / name).write_bytes(b"\x08\x07")
    (place / "config.json").write_text("{}")
    arguments = ["--ckpt-dir", str(place), "--data", str(tmp_path)] if command == "run" else [str(place)]
    said = CliRunner().invoke(app, [command, *arguments])
    output = said.output + str(said.exception)
    for words in (f"; there is {name}, ", *FOREIGN[name]):
        assert words in output
    if name in ("tf_model.h5", "flax_model.msgpack"):
        option = "from_tf=True" if "tf" in name else "from_flax=True"
        code = f'AutoModel.from_pretrained("{place}", {option}).save_pretrained("{place}")'
        assert f"python -c 'from transformers import AutoModel; {code}'" in output


def test_and_nothing_is_said_where_nothing_is(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "model.onnx").touch()
    (tmp_path / "notes.txt").touch()
    assert foreign(tmp_path) == ""
