"""Where there is no Slurm: a sentence, before a checkpoint is read."""

from pathlib import Path

import pytest

from swaveval.runs.executors import make_executor
from swaveval.specification import PluginError

pytest.importorskip("submitit", reason="needs the extra 'slurm'")


def test_a_machine_that_submits_no_jobs_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(PluginError, match="no sbatch on this machine"):
        make_executor("slurm")
    with pytest.raises(PluginError, match="minutes, cpus, at_once and tasks are at least 1"):
        make_executor("slurm(cpus=0)")
