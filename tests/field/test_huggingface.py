"""Checkpoints of Hugging Face's transformers, `config.json` beside: what transformers itself gives, or a sentence."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from swaveval.checkpoints import Backbone, CheckpointRefused, Directory, LoadOptions, discover, inspect, load
from swaveval.checkpoints.compression import form_named, load_form, write_form
from swaveval.checkpoints.geometry import Geometry
from swaveval.checkpoints.initial import random_backbone
from swaveval.runs.loader import CheckpointLoader
from swaveval.runs.losses import find_loss
from swaveval.runs.progress import Silent
from swaveval.runs.records import read_records
from tests.field.hugging_face_reference import CASES, PLACE, images, weights

REFERENCE: dict[str, Any] = json.loads(PLACE.read_text())


def written(directory: Path, case: str, **words: Any) -> Path:
    """The checkpoint of a case, as `save_pretrained` writes it; `words` change its config (None takes one out)."""
    directory.mkdir(parents=True, exist_ok=True)
    made = REFERENCE[case]
    config = {name: value for name, value in (made["config"] | words).items() if value is not None}
    (directory / "config.json").write_text(json.dumps(config))
    save_file(weights(made["shapes"]), directory / "model.safetensors", metadata={"format": "pt"})
    return directory / "model.safetensors"


def refusal(path: Path, options: LoadOptions | None = None) -> str:
    with pytest.raises(CheckpointRefused) as caught:
        load(path, options=options)
    return caught.value.reason


def same(found: Backbone, case: str) -> None:
    made = REFERENCE[case]
    for side, expected in made["features"].items():
        with torch.inference_mode():
            features = found.module(images(made["config"]["num_channels"], int(side)))
        # Features of up to 50; how the last bits of float32 are rounded depends on the processor.
        torch.testing.assert_close(features, torch.tensor(expected), rtol=3e-6, atol=1e-5)


@pytest.mark.parametrize("case", CASES)
def test_features_are_those_of_transformers(case: str, tmp_path: Path) -> None:
    found = load(written(tmp_path, case))
    same(found, case)
    assert found.report.family == "Hugging Face"
    assert (found.report.matched, found.report.missing, found.report.unexpected) == (1.0, (), ())
    assert found.report.channels == REFERENCE[case]["config"]["num_channels"]
    assert found.feature_dim == len(REFERENCE[case]["features"]["32"][0])


@pytest.mark.parametrize("case", ["vit, classifier", "dinov2, registers", "resnet", "convnext"])
def test_pytorch_model_bin(case: str, tmp_path: Path) -> None:
    file = written(tmp_path, case)
    torch.save(load_file(file), tmp_path / "pytorch_model.bin")
    assert load(tmp_path / "pytorch_model.bin").digest == load(file).digest


def test_shards(tmp_path: Path) -> None:
    file = written(tmp_path, "vit")
    tensors = load_file(file)
    file.unlink()
    places = {}
    for number, names in enumerate((list(tensors)[::2], list(tensors)[1::2]), start=1):
        piece = f"model-{number:05}-of-00002.safetensors"
        save_file({name: tensors[name] for name in names}, tmp_path / piece)
        places |= dict.fromkeys(names, piece)
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": places}))
    (one,) = discover(tmp_path)
    same(load(one.path), "vit")


# transformers 5 renames layers when it reads a file; `torch.save(model.state_dict())` writes the new names.
IN_MEMORY = {
    "encoder.layer.": "layers.",
    "attention.attention.query": "attention.q_proj",
    "attention.attention.key": "attention.k_proj",
    "attention.attention.value": "attention.v_proj",
    "attention.output.dense": "attention.o_proj",
    "intermediate.dense": "mlp.fc1",
    ".output.dense": ".mlp.fc2",
}


@pytest.mark.parametrize("prefix", ["", "vit.", "model.vit.", "module.vit.", "_orig_mod."])
def test_names_of_transformers_5_and_of_wrappers(prefix: str, tmp_path: Path) -> None:
    file = written(tmp_path, "vit")
    state = {}
    for name, tensor in load_file(file).items():
        for old, new in IN_MEMORY.items():
            name = name.replace(old, new)
        state[prefix + name] = tensor
    file.unlink()
    torch.save({"state_dict": state, "epoch": 3}, tmp_path / "last.ckpt")
    same(load(tmp_path / "last.ckpt"), "vit")


def test_a_gated_mlp_in_memory_has_two_matrices(tmp_path: Path) -> None:
    file = written(tmp_path, "dinov2, SwiGLU")
    state = {}
    for name, tensor in load_file(file).items():
        if ".mlp.weights_in." in name:
            gate, value = tensor.chunk(2)
            state |= {name.replace("weights_in", "gate_proj"): gate, name.replace("weights_in", "up_proj"): value}
        else:
            state[name.replace("weights_out", "down_proj")] = tensor
    file.unlink()
    torch.save(state, tmp_path / "last.pth")
    same(load(tmp_path / "last.pth"), "dinov2, SwiGLU")


def test_words_that_leave_no_trace_in_shapes_make_another_network(tmp_path: Path) -> None:
    plain = load(written(tmp_path / "plain", "vit"))
    heads = load(written(tmp_path / "heads", "vit", num_attention_heads=4))
    eps = load(written(tmp_path / "eps", "vit", layer_norm_eps=1e-2))
    activation = load(written(tmp_path / "activation", "vit", hidden_act="relu"))
    late, early = (
        load(written(tmp_path / f"{flag}", "resnet", downsample_in_bottleneck=flag)) for flag in (False, True)
    )
    digests = {found.digest for found in (plain, heads, eps, activation, late, early)}
    assert len(digests) == 6
    assert "4 heads" in heads.architecture
    assert "eps 0.01" in eps.architecture
    assert "relu" in activation.architecture


def test_what_a_config_leaves_out_is_what_transformers_takes(tmp_path: Path) -> None:
    found = load(written(tmp_path, "vit", hidden_act=None, layer_norm_eps=None, num_channels=None, qkv_bias=None))
    same(found, "vit")


CONTRADICTIONS: dict[str, tuple[str, dict[str, Any], str]] = {
    "width": ("vit", {"hidden_size": 16}, "describes another network"),
    "depth, less": ("vit", {"num_hidden_layers": 1}, "describes another network"),
    "depth, more": ("vit", {"num_hidden_layers": 3}, "nothing of what is called blocks.2"),
    "patch": ("vit", {"patch_size": 16}, "embeddings.patch_embeddings.projection.weight is 8×3×8×8"),
    "side": ("vit", {"image_size": 64}, "embeddings.position_embeddings is 1×17×8, by the config is 1×65×8"),
    "bands": ("vit", {"num_channels": 1}, "describes another network"),
    "heads": ("vit", {"num_attention_heads": 3}, "3 heads for a width of 8"),
    "bias": ("vit", {"qkv_bias": False}, "by the config has no place for it"),
    "rotation": ("dinov3", {"rope_theta": 0.0}, "says rope_theta: 0"),
    "registers": ("dinov2, registers", {"num_register_tokens": 4}, "register_tokens is 1×3×8, by the config is 1×4×8"),
    "gated": ("dinov2, SwiGLU", {"use_swiglu_ffn": False}, "mlp.weights_in."),
    "depths": ("resnet", {"depths": [1, 1]}, "describes another network"),
    "layer": ("resnet", {"layer_type": "basic"}, "describes another network"),
    "window": ("swin", {"window_size": 3}, "relative_position_bias_table is 49×1, by the config is 25×1"),
    "kind": ("convnext", {"model_type": "convnextv2"}, "layer_scale_parameter"),
    "another kind": ("resnet", {"model_type": "vit"}, "describes another network"),
}


@pytest.mark.parametrize("case", CONTRADICTIONS)
def test_a_config_that_the_weights_contradict_is_refused_by_name(case: str, tmp_path: Path) -> None:
    of, words, expected = CONTRADICTIONS[case]
    reason = refusal(written(tmp_path, of, **words))
    assert "config.json" in reason
    assert expected in reason


HOSTILE: dict[str, tuple[str, Any]] = {
    "text for a number": ("hidden_size", "768; rm"),
    "true for a number": ("hidden_size", True),
    "a number beyond all": ("hidden_size", 1 << 60),
    "a negative number": ("num_hidden_layers", -1),
    "no blocks": ("num_hidden_layers", 0),
    "a million blocks": ("num_hidden_layers", 1_000_000),
    "a list": ("num_attention_heads", [2]),
    "unequal sides": ("image_size", [32, 64]),
    "a fraction": ("patch_size", 8.5),
    "not a number": ("layer_norm_eps", float("nan")),
    "an activation of one's own": ("hidden_act", "os.system"),
    "a flag in words": ("qkv_bias", "false"),
    "nothing": ("hidden_act", [None]),
    "a mapping": ("hidden_act", {"name": "gelu"}),
    "a long text": ("hidden_act", "gelu" * 100),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_words_of_another_type_are_refused_by_name(case: str, tmp_path: Path) -> None:
    name, value = HOSTILE[case]
    path = written(tmp_path, "vit", **{name: value})
    assert f"config.json says {name}" in refusal(path)


NO_CONFIGS = {
    "empty": "",
    "cut": "{",
    "list": "[]",
    "deep": "[" * 100_000,
    "nested": '{"a": ' * 50_000,
    "number": '{"model_type": 7}',
    "bytes": "\x00\xff",
    "large": '{"model_type": "vit"' + " " * (5 << 20) + "}",
    "many names": json.dumps({"model_type": "vit"} | {f"a{number}": 1 for number in range(1000)}),
}


@pytest.mark.parametrize("text", NO_CONFIGS.values(), ids=NO_CONFIGS)
def test_a_config_that_is_none_is_as_if_there_were_none(text: str, tmp_path: Path) -> None:
    path = written(tmp_path, "vit")
    (tmp_path / "config.json").write_text(text)
    assert "no config.json is beside it" in refusal(path)


def test_without_a_config_the_sentence_says_so(tmp_path: Path) -> None:
    path = written(tmp_path, "dinov2")
    (tmp_path / "config.json").unlink()
    reason = refusal(path)
    assert "named as transformers names them, but no config.json is beside it" in reason


class LastHidden(nn.Module):
    """A network of a user's own that gives what transformers gives."""

    def __init__(self) -> None:
        super().__init__()
        self.embeddings = nn.ModuleDict({"patch_embeddings": nn.ModuleDict({"projection": nn.Conv2d(3, 8, 8, 8)})})

    def forward(self, seen: Tensor) -> dict[str, Tensor]:
        tokens = self.embeddings["patch_embeddings"]["projection"](seen)
        return {"last_hidden_state": tokens.flatten(2).transpose(1, 2), "pooler_output": tokens.mean((2, 3))}


def test_a_kind_that_is_not_built_is_named_with_an_advice_that_works(tmp_path: Path) -> None:
    """BEiT, CLIP, …: `model_type` in the sentence, and the factory it names reads the file."""
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "beit", "hidden_size": 8}))
    save_file(LastHidden().state_dict(), tmp_path / "model.safetensors")
    reason = refusal(tmp_path / "model.safetensors")
    assert "config.json beside it says beit, which is not built here" in reason
    assert "--backbone path/nets.py:factory" in reason
    found = load(tmp_path / "model.safetensors", options=LoadOptions(backbone=f"{__file__}:LastHidden"))
    assert found.feature_dim == 8


def test_images_with_fewer_tokens_than_a_window_are_an_error_as_in_transformers(tmp_path: Path) -> None:
    found = load(written(tmp_path, "swin"))
    with pytest.raises(ValueError, match="fewer than a window of 4×4"):
        found.module(images(3, 8))


def test_a_config_beside_a_checkpoint_of_another_program_changes_nothing(tmp_path: Path) -> None:
    from torchvision.models import resnet18

    torch.save(resnet18().state_dict(), tmp_path / "last.pth")
    before = load(tmp_path / "last.pth")
    (tmp_path / "config.json").write_text(json.dumps(REFERENCE["vit"]["config"]))
    after = load(tmp_path / "last.pth")
    assert (after.digest, after.architecture) == (before.digest, before.architecture)


@pytest.mark.parametrize("name", ["convnext_atto", "resnet18"])
def test_config_of_timm_on_the_hub_names_the_network(name: str, tmp_path: Path) -> None:
    """timm's `config.json` says the architecture, which is asked where names do not tell it, and mean and std."""
    model = timm.create_model(name, pretrained=False).eval()
    save_file(model.state_dict(), tmp_path / "model.safetensors")
    words = {"architecture": name, "num_classes": 1000, "pretrained_cfg": {"mean": [0.5] * 3, "std": [0.5] * 3}}
    (tmp_path / "config.json").write_text(json.dumps(words))
    found = load(tmp_path / "model.safetensors")
    seen = images(3, 64)
    with torch.inference_mode():
        expected = timm.create_model(name, pretrained=False, num_classes=0).eval()
        expected.load_state_dict(model.state_dict(), strict=False)
        torch.testing.assert_close(found.module(seen), expected(seen), rtol=0, atol=1e-5)
    assert found.report.geometry["normalisation"] == [[0.5] * 3, [0.5] * 3]
    assert found.architecture == ("resnet18" if name == "resnet18" else f"timm {name}")


# -- pre-processing --------------------------------------------------------------------------------------------------

HALF = {"image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5], "do_normalize": True, "size": 224}
PREPROCESSING: dict[str, tuple[dict[str, Any], list[list[float]] | None]] = {
    "as written": (HALF, [[0.5] * 3, [0.5] * 3]),
    "rescaled by 1/255": (HALF | {"do_rescale": True, "rescale_factor": 1 / 255}, [[0.5] * 3, [0.5] * 3]),
    "not normalised": (HALF | {"do_normalize": False}, [[0.0] * 3, [1.0] * 3]),
    "not rescaled": (HALF | {"do_rescale": False}, None),
    "rescaled otherwise": (HALF | {"rescale_factor": 1 / 127.5}, None),
    "one of two": ({"image_mean": [0.5, 0.5, 0.5]}, None),
    "of one band": ({"image_mean": [0.5], "image_std": [0.5]}, None),
    "nonsense": ({"image_mean": ["a", "b", "c"], "image_std": [0, 0, 0]}, None),
}


@pytest.mark.parametrize("case", PREPROCESSING)
def test_normalisation_is_that_of_preprocessor_config(case: str, tmp_path: Path) -> None:
    words, expected = PREPROCESSING[case]
    path = written(tmp_path, "vit")
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(words))
    assert inspect(path).geometry.get("normalisation") == expected


# -- the Trainer's directories ---------------------------------------------------------------------------------------


def trained(directory: Path, step: int) -> Path:
    path = written(directory / f"checkpoint-{step}", "vit")
    tensors = {name: tensor + step / 1e4 for name, tensor in load_file(path).items()}
    save_file(tensors, path)
    state = {"epoch": step / 250, "global_step": step, "log_history": [{"loss": 1.0, "step": step}]}
    (path.parent / "trainer_state.json").write_text(json.dumps(state))
    for name in ("optimizer.pt", "scheduler.pt", "rng_state.pth", "rng_state_0.pth", "scaler.pt", "training_args.bin"):
        torch.save({"state": {}}, path.parent / name)
    return path


def test_what_the_trainer_writes_is_one_checkpoint_a_directory(tmp_path: Path) -> None:
    for step in (1000, 500):
        trained(tmp_path, step)
    assert [file.name for file in discover(tmp_path)] == [
        "checkpoint-500/model.safetensors",
        "checkpoint-1000/model.safetensors",
    ]
    reports = [inspect(file.path) for file in discover(tmp_path)]
    assert [(report.step, report.epoch, report.named) for report in reports] == [(500, 2.0, ()), (1000, 4.0, ())]


def test_the_log_of_the_last_directory_is_the_loss(tmp_path: Path) -> None:
    for step in (500, 1000, 1500):
        path = trained(tmp_path, step)
        log = [{"loss": 5 - at / 500, "epoch": at / 250, "step": at} for at in range(100, step + 1, 100)]
        state = {"epoch": step / 250, "global_step": step, "log_history": log}
        (path.parent / "trainer_state.json").write_text(json.dumps(state))
    curve = find_loss(tmp_path, loss_log=None, prototypes=None)
    assert curve is not None
    assert curve.source == "checkpoint-1500/trainer_state.json"
    assert (len(curve.values), max(curve.epochs)) == (15, 6.0)


def test_a_config_beside_the_directories_of_the_trainer_counts(tmp_path: Path) -> None:
    path = trained(tmp_path, 500)
    (path.parent / "config.json").rename(tmp_path / "config.json")
    assert inspect(path).family == "Hugging Face"


# -- what the rest of the program makes of them ----------------------------------------------------------------------


@pytest.mark.parametrize("form", ["weights", "safetensors"])
def test_a_compressed_checkpoint_keeps_its_config(form: str, tmp_path: Path) -> None:
    path = written(tmp_path / "from", "dinov2, registers")
    (path.parent / "preprocessor_config.json").write_text(json.dumps(HALF))
    (tmp_path / "to").mkdir()
    target = write_form(
        path, form_named(form), tmp_path / "to" / f"small{form_named(form).suffix}", options=LoadOptions()
    )
    found = load_form(form_named(form), target, LoadOptions())
    same(found, "dinov2, registers")
    assert found.report.geometry["normalisation"] == [[0.5] * 3, [0.5] * 3]


@pytest.mark.parametrize("case", CASES)
def test_an_untrained_network_of_the_kind_is_drawn_from_the_seed(case: str, tmp_path: Path) -> None:
    found = load(written(tmp_path, case))
    drawn: list[Callable[..., Tensor]] = [random_backbone(found, seed).module for seed in (1, 1, 2)]
    with torch.inference_mode():
        first, again, other = (module(images(found.report.channels or 3, 32)) for module in drawn)
    assert torch.isfinite(first).all()
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_an_option_that_the_config_leaves_no_room_for_is_said_to_have_no_effect(tmp_path: Path) -> None:
    path = written(tmp_path, "vit")
    found = load(path, options=LoadOptions(geometry=Geometry(heads=4)))
    same(found, "vit")
    assert "--heads 4 has no effect: the network is built as it is named" in found.report.warnings


def test_another_config_is_noticed_though_the_weights_stayed(tmp_path: Path) -> None:
    path = written(tmp_path / "run", "vit")
    heads = []
    for words in ({}, {}, {"num_attention_heads": 4}, {"num_attention_heads": 1}):
        config = REFERENCE["vit"]["config"] | words
        if words:
            (path.parent / "config.json").write_text(json.dumps(config, indent=len(heads)))
        loader = CheckpointLoader(Directory(path.parent))
        read_records(loader, memory=tmp_path / "memory", progress=Silent())
        (digest,) = loader.entries
        heads.append(digest)
    assert heads[0] == heads[1]
    assert len(set(heads)) == 3
