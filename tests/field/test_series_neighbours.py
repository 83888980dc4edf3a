"""Checkpoint names and logs of well-known code bases, beside the cases of test_one_run.py and test_losses_field.py."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from swaveval.checkpoints.names import read_name
from swaveval.runs.losses import find_loss
from tests.field.series_files import File, lightning, read, write
from tests.field.test_losses_field import MOMENTS, truth

FIVE = range(1, 6)
# Name of the checkpoint after e epochs, what is inside, and (epoch, step) that may be stated of it.
NAMES: dict[str, tuple[Callable[[int], str], Callable[[int], dict[str, object] | None], Callable[[int], object]]] = {
    "mmengine": (
        lambda e: f"epoch_{e}.pth", lambda e: {"meta": {"epoch": e, "iter": e * 10}}, lambda e: (e, e * 10),
    ),
    "MoCo": (
        lambda e: f"checkpoint_{e - 1:04}.pth.tar", lambda e: {"epoch": e, "arch": "resnet18"}, lambda e: (e, None),
    ),
    "timm": (lambda e: f"checkpoint-{e}.pth.tar", lambda e: {"epoch": e}, lambda e: (e, None)),
    "Trainer": (lambda e: f"checkpoint-{e * 500}/pytorch_model.bin", lambda e: None, lambda e: (None, e * 500)),
    "fastai": (lambda e: f"models/model_{e}.pth", lambda e: None, lambda e: (None, None)),
    "ignite": (lambda e: f"best_model_{e}_val_loss=-0.{90 - 7 * e}.pt", lambda e: None, lambda e: (None, None)),
    "epoch and loss": (lambda e: f"ckpt_epoch_{e * 10}_loss_{7 - e}.2.pth", lambda e: None, lambda e: (e * 10, None)),
    "thousands": (lambda e: f"step_{e * 10}k.pt", lambda e: None, lambda e: (None, e * 10_000)),
    "millions": (lambda e: f"step-{e}M.pt", lambda e: None, lambda e: (None, e * 1_000_000)),
    "thousands first": (lambda e: f"{e}k_steps.pt", lambda e: None, lambda e: (None, e * 1000)),
    "of all": (lambda e: f"epoch{e * 10}of100.pth", lambda e: None, lambda e: (e * 10, None)),
    "Ray Tune": (lambda e: f"checkpoint_{e:06}/model.pt", lambda e: None, lambda e: (None, None)),
    "spaces": (lambda e: f"my model epoch {e} (copy).pth", lambda e: None, lambda e: (e, None)),
    "other scripts": (lambda e: f"эпоха_{e}.pth", lambda e: None, lambda e: (e, None)),
}  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_names_of_code_bases(name: str, tmp_path: Path) -> None:
    called, inside, stated = NAMES[name]
    write(tmp_path / "c", [File(called(e), e, inside=inside(e)) for e in reversed(FIVE)])
    found = read(tmp_path / "c")
    assert not found.division.reasons
    assert [record.name for record in found.records] == [called(e) for e in FIVE]
    assert [(record.epoch, record.step) for record in found.records] == [stated(e) for e in FIVE]


def test_two_trials_of_ray_tune_are_two_runs(tmp_path: Path) -> None:
    names = [
        (trial, f"trial_{name}/checkpoint_{e:06}/model.pt", e) for trial, name in enumerate(("a", "b")) for e in FIVE
    ]
    write(tmp_path / "c", [File(name, e, trial) for trial, name, e in names])
    runs = read(tmp_path / "c").division.runs
    assert sorted(len(files) for files in runs.values()) == [5, 5]


BY_A_NUMBER = (
    "{}000/weights.pt",
    "ckpt/{:07}/model.pt",
    "run/{}/checkpoint/pytorch_model.bin",
    "artifacts/simclr:v{}/model.pth",  # versions of an artifact, as Weights & Biases fetches them
    "model-3f2k9x1q:v{}/model.ckpt",
)


@pytest.mark.parametrize("name", BY_A_NUMBER)
def test_directories_that_differ_by_a_number_are_one_training_where_the_weights_say_so(
    name: str, tmp_path: Path
) -> None:
    many = range(1, 8)
    copy = "latest/model.pt"
    write(tmp_path / "moments", [*(File(name.format(e), e) for e in reversed(many)), File(copy, many[-1])])
    found = read(tmp_path / "moments")
    assert not found.division.reasons
    assert [record.name for record in found.records] == [*(name.format(e) for e in many), copy]
    assert found.records[-1].same_as == name.format(many[-1])
    assert any("in the order of these numbers" in note for note in found.notes)
    write(tmp_path / "seeds", [File(name.format(e), 5, run=e) for e in many])
    assert len(read(tmp_path / "seeds").division.runs) == len(many)


def test_versions_of_an_artifact_go_by_the_moments_inside(tmp_path: Path) -> None:
    """Lightning's logger sends the best ones first or last; each file states its epoch."""
    write(
        tmp_path / "c",
        [File(f"model-ab12cd34:v{5 - e}/model.ckpt", e, inside=lightning(e - 1, e * 10)) for e in range(1, 6)],
    )
    found = read(tmp_path / "c")
    assert not found.division.reasons
    assert not any("in the order of these numbers" in note for note in found.notes)
    assert [(record.name[16:17], record.epoch) for record in found.records] == [(f"{5 - e}", e) for e in range(1, 6)]


def test_two_artifacts_are_two_runs(tmp_path: Path) -> None:
    files = [(f"model-{name}:v{e}/model.pt", e, run) for run, name in enumerate(("aa11", "bb22")) for e in FIVE]
    write(tmp_path / "c", [File(name, e, run=run) for name, e, run in files])
    assert read(tmp_path / "c").division.reasons


def test_numbers_that_are_not_the_order_of_the_weights_are_no_training(tmp_path: Path) -> None:
    write(tmp_path / "c", [File(f"{e}/model.pt", e * 7 % 11) for e in range(1, 11)])
    assert len(read(tmp_path / "c").division.runs) == 10


def test_what_lightning_writes_a_second_time_is_a_copy_or_a_place_of_its_own(tmp_path: Path) -> None:
    files = [
        File(f"epoch={e - 1}-step={e * 10}{'-v1' * (e == 2)}.ckpt", e, inside=lightning(e - 1, e * 10)) for e in FIVE
    ]
    files += [File(f"last{v}.ckpt", 5, inside=lightning(4, 50)) for v in ("", "-v1")]
    write(tmp_path / "c", files)
    found = read(tmp_path / "c")
    assert not found.division.reasons
    assert [record.epoch for record in found.records if record.same_as is None] == [1, 2, 3, 4, 5]
    assert {record.name for record in found.records if record.same_as} == {"last.ckpt", "last-v1.ckpt"}


@pytest.mark.parametrize("head", ["projection_head.layers.0.weight", "prototypes.heads.prototypes0.weight"])
@pytest.mark.parametrize(
    "name",
    [
        *("exported_models/exported_last.pt", "models/backbone.pth", "encoder_only.pt", "resnet50.pth"),
        *("best_resnet18.pth", "model_best_r18.pth", "encoder_224.pth", "pretrained_vit_b_16.pth"),
    ],
)
def test_an_exported_backbone_is_the_checkpoint_it_was_made_from(name: str, head: str, tmp_path: Path) -> None:
    heads = [{head: torch.full((16, 64), float(e))} for e in FIVE]
    files = [File(f"checkpoints/epoch={e}.ckpt", e, heads=heads[e - 1]) for e in FIVE]
    write(tmp_path / "c", [*files, File(name, 5)])
    found = read(tmp_path / "c")
    assert not found.division.reasons
    assert [record.epoch for record in found.records if record.same_as is None] == [1, 2, 3, 4, 5]
    assert [(one.name, one.same_as) for one in found.records if one.same_as] == [(name, "checkpoints/epoch=5.ckpt")]


@pytest.mark.parametrize("name", ["resnet50.pth", "last_resnet18.pth", "resnet18_final.pth"])
def test_a_number_that_no_other_file_has_orders_nothing(name: str, tmp_path: Path) -> None:
    """Barlow Twins' and VICReg's `checkpoint.pth` and `resnet50.pth` were two that had not moved."""
    head = {"projector.0.weight": torch.ones(16, 64)}
    write(tmp_path / "c", [File("checkpoint.pth", 5, heads=head, inside={"epoch": 4}), File(name, 5)])
    found = read(tmp_path / "c")
    assert not found.division.reasons
    assert [(one.name, one.same_as) for one in found.records if one.same_as] == [(name, "checkpoint.pth")]


def test_backbones_that_count_are_a_series_beside_the_whole_of_one(tmp_path: Path) -> None:
    head = {"projector.0.weight": torch.ones(16, 64)}
    write(tmp_path / "c", [*(File(f"resnet18_{e}.pth", e) for e in FIVE), File("checkpoint.pth", 5, heads=head)])
    found = read(tmp_path / "c")
    assert {f"resnet18_{e}.pth" for e in FIVE} <= {one.name for one in found.records if not one.same_as}


def test_a_backbone_of_no_checkpoint_is_no_copy(tmp_path: Path) -> None:
    head = {"projection_head.layers.0.weight": torch.ones(16, 64)}
    write(
        tmp_path / "c", [*(File(f"checkpoints/epoch={e}.ckpt", e, heads=head) for e in FIVE), File("other/model.pt", 9)]
    )
    found = read(tmp_path / "c")
    assert len(found.division.runs) == 2


def test_a_number_of_thousands_is_no_word_of_its_own() -> None:
    assert read_name("step_10k.pt").step == 10_000
    assert read_name("step_10kept.pt").step == 10
    assert read_name("step_1.5k.pt").step != 1500000


@pytest.mark.parametrize("inside", [None, "own"])
def test_minus_one_is_before_zero_and_no_second_one(inside: str | None, tmp_path: Path) -> None:
    """`epoch=-1` was read as epoch 1 and clashed with it."""
    own = {e: None if inside is None else {"epoch": e} for e in range(-1, 4)}
    write(tmp_path / "c", [File(f"epoch={e}.ckpt", e + 1, inside=own[e]) for e in (2, -1, 1, 3, 0)])
    found = read(tmp_path / "c")
    assert not found.division.reasons
    assert [record.name for record in found.records] == [f"epoch={e}.ckpt" for e in range(-1, 4)]
    assert read_name("epoch=-1-step=0.ckpt").epoch == -1
    assert read_name("epoch-1-step-10.ckpt").epoch == read_name("model_epoch_-1.pt").epoch == 1


STEPS, EPOCHS = range(1, 151), range(15)
LOGS: dict[str, tuple[str, str]] = {
    "mmselfsup": ("20240501_120000.log.json", "\n".join([json.dumps({"env_info": "x"})] + [
        json.dumps({"mode": "train", "epoch": e + 1, "iter": i, "lr": 0.1, "loss": truth(e + i / 10)})
        for e in EPOCHS for i in range(1, 11)])),
    "mmengine": ("20240501_120000/vis_data/scalars.json", "\n".join(
        json.dumps({"lr": 0.1, "loss": truth(s / 10), "iter": s, "step": s}) for s in STEPS)),
    "VISSL": ("stdout.json", "\n".join(
        json.dumps({"iteration": s, "phase_idx": (s - 1) // 10, "loss": truth(s / 10)}) for s in STEPS)),
    "timm": ("summary.csv", "epoch,train_loss,eval_loss,lr\n" + "\n".join(
        f"{e},{truth(e + 1)},1.0,0.1" for e in EPOCHS)),
    "DINO": ("log.txt", "\n".join(json.dumps({"train_loss": truth(e + 1), "epoch": e}) for e in EPOCHS)),
    "fastai": ("history.csv", "epoch,train_loss,valid_loss,time\n" + "\n".join(
        f"{e},{truth(e + 1)},1.0,00:12" for e in EPOCHS)),
    "Trainer, printed": ("train.log", "\n".join(
        str({"loss": truth(e + 1), "learning_rate": 1e-4, "epoch": float(e + 1)}) for e in EPOCHS)),
    "progress bar": ("train.log", "\r".join(
        f"Epoch {e}: {10 * i}%|█| {i}/10 [00:01<00:00, 9it/s, loss={truth(e + i / 10)}, v_num=0]"
        for e in EPOCHS for i in range(1, 11))),
    "MoCo": ("train.log", "\n".join(
        f"Epoch: [{e}][{i}/10]\tTime  0.4 (  0.5)\tLoss {truth(e + i / 10):.4e} (9.9e+00)\tAcc@1  50.00"
        for e in EPOCHS for i in range(1, 11))),
}  # fmt: skip


@pytest.mark.parametrize("name", LOGS)
def test_logs_of_code_bases_are_found_and_placed(name: str, tmp_path: Path) -> None:
    file, text = LOGS[name]
    (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / file).write_text(text + "\n", encoding="utf-8")
    curve = find_loss(tmp_path, loss_log=None, prototypes=None, moments=MOMENTS)
    assert curve is not None
    assert (curve.axis, curve.epochs[-1]) == ("epoch", 15)
    assert curve.values == pytest.approx([truth(epoch) for epoch in curve.epochs], abs=0.01)


def test_what_tensorboard_exports_of_one_curve(tmp_path: Path) -> None:
    path = tmp_path / "run-train-tag-loss.csv"
    path.write_text("Wall time,Step,Value\n" + "\n".join(f"{1.7e9 + s},{s},{truth(s / 10)}" for s in STEPS) + "\n")
    curve = find_loss(tmp_path, loss_log=path, prototypes=None, moments=MOMENTS)
    assert curve is not None
    assert curve.axis == "epoch"
    assert curve.values == pytest.approx([truth(epoch) for epoch in curve.epochs])


@pytest.mark.parametrize(
    ("pieces", "whole"),
    [
        ("checkpoint-20/model-00001-of-00003.safetensors", "checkpoint-20/model.safetensors"),
        ("run/epoch=3-00001-of-00012.pt", "run/epoch=3.pt"),
        ("global_step40/mp_rank_00_model_states.pt", "global_step40/model.pt"),
    ],
)
def test_a_checkpoint_in_pieces_is_named_as_one_file(pieces: str, whole: str) -> None:
    """`model-00001-of-00002` beside other files was a run called `of`, at 1 and at 2."""
    assert read_name(pieces) == read_name(whole)
