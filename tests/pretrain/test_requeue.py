"""A training in a Slurm job: what it takes for its own, what the signal before the end does, and when it goes on."""

import os
import signal
import stat
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from swaveval.pretrain.config import PretrainConfig
from swaveval.pretrain.errors import Interrupted, RunExists
from swaveval.pretrain.requeue import requeueing
from swaveval.pretrain.train import pretrain
from tests.pretrain.test_train import Recorder

JOB = {"SLURM_NTASKS": "1", "SLURM_JOB_NAME": "swav", "SLURM_JOB_ID": "77", "SLURM_PROCID": "0", "SLURM_LOCALID": "0"}


@pytest.fixture
def job(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The environment of a Slurm job, in a directory; `asked` there says what was asked of `scontrol`."""
    tools = tmp_path / "tools"
    tools.mkdir()
    scontrol = tools / "scontrol"
    scontrol.write_text(
        f'#!/bin/sh\necho "$@" >> {tmp_path}/asked\n[ ! -e {tmp_path}/no ] || {{ echo no >&2; exit 1; }}\n'
    )
    scontrol.chmod(scontrol.stat().st_mode | stat.S_IXUSR)
    for name, value in {**JOB, "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def weights(run: Path) -> dict[str, torch.Tensor]:
    """Of the last checkpoint."""
    last = max((run / "checkpoints").glob("epoch=*.ckpt"), key=lambda path: path.stat().st_mtime_ns)
    found: dict[str, torch.Tensor] = torch.load(last, weights_only=True)["state_dict"]
    return found


def test_a_file_of_lightnings_in_the_current_directory_is_nobodys(job: Path, tiny: PretrainConfig) -> None:
    """Lightning loads `hpc_ckpt_1.ckpt` from there in place of fresh weights, whoever left it."""
    one = replace(tiny, training=replace(tiny.training, epochs=1))
    pretrain(one, job / "plain")
    foreign = job / "hpc_ckpt_1.ckpt"
    content = torch.load(next((job / "plain" / "checkpoints").glob("*step=2.ckpt")), weights_only=True)
    torch.save({**content, "state_dict": {k: v + 1 for k, v in content["state_dict"].items()}}, foreign)
    pretrain(one, job / "beside")
    plain, beside = weights(job / "plain"), weights(job / "beside")
    assert all(torch.equal(value, beside[name]) for name, value in plain.items())


def test_a_job_that_is_started_again_goes_on(job: Path, tiny: PretrainConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Preempted or requeued: Slurm runs the very same command, which has no --resume."""
    whole = Recorder()
    pretrain(tiny, job / "whole", reporter=whole)

    with pytest.raises(Interrupted):
        pretrain(tiny, job / "run", reporter=Recorder(stop_at=5))
    with pytest.raises(RunExists):
        pretrain(tiny, job / "run")
    monkeypatch.setenv("SLURM_RESTART_COUNT", "1")
    resumed = Recorder()
    pretrain(tiny, job / "run", reporter=resumed)
    assert 1 not in resumed.losses
    assert resumed.losses
    assert resumed.losses.items() <= whole.losses.items()
    expected = weights(job / "whole")
    assert all(torch.equal(value, expected[name]) for name, value in weights(job / "run").items())


def test_the_signal_before_the_end_puts_the_job_into_the_queue(job: Path, capfd: pytest.CaptureFixture[str]) -> None:
    before = signal.getsignal(signal.SIGUSR1)
    with pytest.raises(KeyboardInterrupt), requeueing():
        os.kill(os.getpid(), signal.SIGUSR1)
    assert (job / "asked").read_text() == "requeue 77\n"
    assert "job 77 is in the queue again" in capfd.readouterr().err
    assert signal.getsignal(signal.SIGUSR1) == before


def test_where_slurm_refuses_the_training_goes_on(
    job: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    (job / "no").touch()
    monkeypatch.delenv("SLURM_NTASKS")  # of a script that asked for no number of tasks
    with requeueing():
        os.kill(os.getpid(), signal.SIGUSR1)
    assert "did not put job 77 into the queue again (no); the training goes on" in capfd.readouterr().err


def test_one_process_of_several_asks_and_a_place_in_an_array_is_named(
    job: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLURM_PROCID", "1")
    with requeueing():
        os.kill(os.getpid(), signal.SIGUSR1)
    assert not (job / "asked").exists()
    for name, value in {"SLURM_PROCID": "0", "SLURM_ARRAY_JOB_ID": "70", "SLURM_ARRAY_TASK_ID": "4"}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(KeyboardInterrupt), requeueing():
        os.kill(os.getpid(), signal.SIGUSR1)
    assert (job / "asked").read_text() == "requeue 70_4\n"
