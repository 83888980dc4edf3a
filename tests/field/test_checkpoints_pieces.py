"""Checkpoints that are several files: one checkpoint each, read whole or refused with what works, never half."""

import datetime
import warnings
from pathlib import Path

import torch
import torch.distributed.checkpoint as dcp
from field_networks import prefixed, read_as, refusal, saved, small_resnet
from safetensors.torch import save_file
from typer.testing import CliRunner

from swaveval.checkpoints import LoadOptions, discover, inspect
from swaveval.checkpoints.compression import form_named, measure
from swaveval.cli.app import app
from tests.field.series_files import lightning


def shards(directory: Path, *, suffix: str) -> list[Path]:
    state = small_resnet().state_dict()
    names = list(state)
    thirds = [names[:40], names[40:50], names[50:]]
    paths = []
    for number, part in enumerate(thirds, start=1):
        path = directory / f"model-{number:05}-of-00003{suffix}"
        content = {name: state[name] for name in part}
        save_file(content, path) if suffix == ".safetensors" else saved(path, content)
        paths.append(path)
    return paths


def test_sharded_files_are_one_checkpoint(tmp_path: Path) -> None:
    for suffix in (".safetensors", ".bin"):
        paths = shards(tmp_path / suffix[1:] if (tmp_path / suffix[1:]).mkdir() is None else tmp_path, suffix=suffix)
        found = discover(tmp_path / suffix[1:])
        assert len(found) == 1
        report = read_as(found[0].path, small_resnet())
        assert report.size["file"] == sum(path.stat().st_size for path in paths)
        read_as(paths[1], small_resnet())  # any piece stands for all


def test_a_shard_alone_is_never_half_a_network(tmp_path: Path) -> None:
    paths = shards(tmp_path, suffix=".safetensors")
    paths[2].unlink()
    for options in ({}, {"allow_partial": True}):
        error = refusal(paths[0], **options)
        assert "model-00003-of-00003" in error.reason


def written_by_dcp(directory: Path) -> None:
    state = {"model": prefixed("backbone.", small_resnet().state_dict()), "epoch": 3}
    optimiser = {"state": {"backbone.conv1.weight": {"exp_avg": torch.ones(8, 3, 7, 7)}}}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dcp.save(state | {"optimizer": optimiser}, checkpoint_id=directory, no_dist=True)


def without_epoch(directory: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        state = {"state_dict": prefixed("backbone.", small_resnet().state_dict())}
        dcp.save(state, checkpoint_id=directory, no_dist=True)


class Payload:
    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return open, (self.path, "w")


def test_a_directory_of_torch_distributed_checkpoint(tmp_path: Path) -> None:
    """FSDP's and Lightning's FSDP's directories: put together in the limited process."""
    for epoch in (1, 2):
        written_by_dcp(tmp_path / f"epoch={epoch}.ckpt")
    found = discover(tmp_path)
    assert [file.name for file in found] == ["epoch=1.ckpt", "epoch=2.ckpt"]
    read_as(found[0].path, small_resnet())
    read_as(tmp_path / "epoch=2.ckpt", small_resnet())


def test_the_epoch_of_a_directory_is_read(tmp_path: Path) -> None:
    """Saved beside the tensors, or in Lightning's `meta.pt`, whose damage costs nothing else."""
    written_by_dcp(tmp_path / "own")
    assert inspect(tmp_path / "own").epoch == 3
    without_epoch(tmp_path / "none")
    assert inspect(tmp_path / "none").epoch is None
    without_epoch(tmp_path / "lightning")
    facts = {"hyper_parameters": {"lr": 0.1, "when": datetime.timedelta(1)}, "callbacks": {}, "state_dict": {}}
    saved(tmp_path / "lightning" / "meta.pt", lightning(4, 50) | facts)
    report = read_as(tmp_path / "lightning", small_resnet())
    assert (report.epoch, report.step, report.settings) == (5, 50, {"lr": 0.1})
    for content in (b"", b"PK\x03\x04", (tmp_path / "lightning" / "meta.pt").read_bytes()[:300]):
        (tmp_path / "lightning" / "meta.pt").write_bytes(content)
        assert read_as(tmp_path / "lightning", small_resnet()).epoch is None


def test_the_meta_file_of_a_directory_runs_no_code(tmp_path: Path) -> None:
    without_epoch(tmp_path / "d")
    torch.save({"epoch": 3, "x": Payload(str(tmp_path / "canary"))}, tmp_path / "d" / "meta.pt")
    assert read_as(tmp_path / "d", small_resnet()).epoch is None
    assert not (tmp_path / "canary").exists()


def test_compressed_all_the_same(tmp_path: Path) -> None:
    """Shards and directories are compressed whole or not at all, with the names of their parts gone."""
    (tmp_path / "shards").mkdir()
    paths = shards(tmp_path / "shards", suffix=".safetensors")
    written_by_dcp(tmp_path / "fsdp" / "epoch=3.ckpt")
    whole = {paths[1]: "shards/model", tmp_path / "fsdp" / "epoch=3.ckpt": "fsdp/epoch=3"}
    for path, stem in whole.items():
        rows = measure(path, options=LoadOptions(), repeats=1)
        assert rows[0].size > 300_000
        assert [row.problem for row in rows] == [""] * len(rows)
        assert all(row.identical for row in rows if row.form in ("weights", "deflate", "safetensors", "zstd"))
        for form in ("safetensors", "weights"):
            done = CliRunner().invoke(app, ["compress", str(path), "--to", form])
            assert done.exit_code == 0, done.stderr
            written = tmp_path / f"{stem}{form_named(form).suffix}"
            read_as(written, small_resnet())
            assert inspect(written).digest == inspect(path).digest
            assert inspect(written).epoch == inspect(path).epoch
    paths[2].unlink()
    done = CliRunner().invoke(app, ["compress", str(paths[0]), "--to", "bf16"])
    assert (done.exit_code, "model-00003-of-00003" in done.stderr) == (1, True)
    done = CliRunner().invoke(app, ["compress", str(tmp_path / "fsdp")])
    assert (done.exit_code, "is a directory, no checkpoint; give what is in it:" in done.stderr) == (2, True)


def test_a_damaged_piece_of_a_directory(tmp_path: Path) -> None:
    written_by_dcp(tmp_path)
    (piece,) = tmp_path.glob("*.distcp")
    content = bytearray(piece.read_bytes())
    weight = small_resnet().layer4[0].conv2.weight.numpy().tobytes()[:64]
    content[content.index(weight)] ^= 1
    piece.write_bytes(content)
    assert refusal(tmp_path).state == "corrupt"


def test_a_directory_whose_metadata_would_run_code(tmp_path: Path) -> None:
    written_by_dcp(tmp_path)
    (tmp_path / ".metadata").write_bytes(f"cos\nsystem\n(S'touch {tmp_path / 'canary'}'\ntR.".encode())
    assert "posix.system" in refusal(tmp_path).reason or "os.system" in refusal(tmp_path).reason
    assert not (tmp_path / "canary").exists()


def test_deepspeed(tmp_path: Path) -> None:
    directory = tmp_path / "epoch=1.ckpt" / "checkpoint"
    state = {"module": prefixed("_forward_module.backbone.", small_resnet().state_dict()), "ds_version": "0.15"}
    saved(directory / "mp_rank_00_model_states.pt", state)
    saved(directory / "zero_pp_rank_0_mp_rank_00_optim_states.pt", {"optimizer_state_dict": {"x": torch.ones(3)}})
    found = discover(tmp_path)
    assert [file.name for file in found] == ["epoch=1.ckpt"]
    read_as(found[0].path, small_resnet())


def test_deepspeed_stage_3_is_refused_with_its_own_command(tmp_path: Path) -> None:
    for rank in range(2):
        path = tmp_path / "checkpoint" / f"zero_pp_rank_{rank}_mp_rank_00_model_states.pt"
        saved(path, {"module": {"conv1.weight": torch.empty(0)}})
    (tmp_path / "zero_to_fp32.py").write_text("", encoding="utf-8")
    (found,) = discover(tmp_path)
    for options in ({}, {"allow_partial": True}):
        assert f"python {tmp_path / 'zero_to_fp32.py'} {tmp_path}" in refusal(found.path, **options).reason
