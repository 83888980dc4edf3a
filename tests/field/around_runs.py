"""The command line on a tiny series of checkpoints, as a user calls it: shared by the tests of what lies around it."""

import csv
import io
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
import torch

from swaveval.checkpoints import build_resnet
from swaveval.cli.app import main
from tests.tiny_images import write_images

ROOT = Path(__file__).parents[2]
QUICK = ("--evaluators", "knn,spectrum")


def command(arguments: Sequence[object]) -> list[str]:
    return [sys.executable, "-m", "swaveval.cli.app", *map(str, arguments)]


def environment(changes: Mapping[str, str | None] | None = None) -> dict[str, str]:
    """This process's environment with our code importable from every directory."""
    wanted: dict[str, str | None] = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", **(changes or {})}
    return {name: value for name, value in wanted.items() if value is not None}


def swaveval(
    *arguments: object,
    code: int | None = 0,
    env: Mapping[str, str | None] | None = None,
    encoding: str = "utf-8",
    **how: Any,
) -> subprocess.CompletedProcess[str]:
    """Run the command, expect an exit code and no traceback.

    In a process of its own where an environment, an encoding, a limit or a directory is given; else here, where
    everything is imported and a reading process is warm.
    """
    if env is None and encoding == "utf-8" and not how:
        finished = here(arguments)
    else:
        finished = subprocess.run(
            command(arguments),
            capture_output=True,
            check=False,
            timeout=300,
            env=environment(env),
            encoding=encoding,
            **how,
        )
    said = f"exit {finished.returncode}\n{finished.stdout}\n{finished.stderr}"
    assert code is None or finished.returncode == code, said
    assert "Traceback" not in finished.stderr, said
    return finished


def here(arguments: Sequence[object]) -> subprocess.CompletedProcess[str]:
    """The whole command line in this process, up to its exit."""
    said, errors = io.StringIO(), io.StringIO()
    called = ["swaveval", *map(str, arguments)]
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(said), redirect_stderr(errors):
        patch.setattr(sys, "argv", called)
        patch.setenv("PYTHONSAFEPATH", "1")  # which main() sets; taken back afterwards
        with pytest.raises(SystemExit) as leaving:
            main()
    return subprocess.CompletedProcess(called, int(leaving.value.code or 0), said.getvalue(), errors.getvalue())


def write_checkpoints(directory: Path, count: int = 3) -> Path:
    """A series of tiny networks, each a little further from the first."""
    directory.mkdir(parents=True)
    generator = torch.Generator().manual_seed(0)
    torch.manual_seed(0)
    network, _ = build_resnet(depth=10, stem="small", width=8)
    for epoch in range(1, count + 1):
        for parameter in network.parameters():
            parameter.data += 0.05 * torch.randn(parameter.shape, generator=generator)
        state = {f"backbone.{name}": value.clone() for name, value in network.state_dict().items()}
        content = {"state_dict": state, "epoch": epoch - 1, "global_step": 10 * epoch}
        torch.save(content, directory / f"epoch={epoch}.ckpt")
    return directory


@pytest.fixture(scope="session")
def bars(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_images(tmp_path_factory.mktemp("around") / "bars", per_class=12)


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One file, for what needs no evaluation."""
    return write_checkpoints(tmp_path_factory.mktemp("one") / "checkpoints", count=1) / "epoch=1.ckpt"


@pytest.fixture(scope="session")
def evaluated(bars: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run directory with three checkpoints, evaluated by `knn,spectrum`; not to be spoilt."""
    run = tmp_path_factory.mktemp("evaluated") / "tiny"
    evaluate(write_checkpoints(run / "checkpoints"), bars)
    return run


@pytest.fixture
def spoilt(evaluated: Path, tmp_path: Path) -> Path:
    """A copy that a test may spoil."""
    return Path(shutil.copytree(evaluated, tmp_path / "tiny"))


def evaluate(checkpoints: Path, images: Path, *more: object, code: int | None = 0, **how: Any) -> dict[str, Any]:
    finished = swaveval(
        "run", "-c", checkpoints, "-d", images, *QUICK, "--no-figures", "--json", *more, code=code, **how
    )
    body = json.loads(finished.stdout)
    return {**body, "stderr": finished.stderr}


def table(out: Path) -> list[dict[str, str]]:
    """Every exported result; times are no results, and never twice the same."""
    rows = csv.DictReader(io.StringIO(swaveval("export", out).stdout))
    return [row for row in rows if row["status"] != "time"]


def values(out: Path, *evaluators: str) -> dict[tuple[str, str], str]:
    """(checkpoint, metric) to value, of some evaluators."""
    rows = [row for row in table(out) if row["status"] == "ok" and row["evaluator"] in evaluators]
    return {(row["checkpoint"], row["metric"]): row["value"] for row in rows}


PLUGIN = """
    import os, sys, time
    from dataclasses import dataclass
    from typing import ClassVar
    import numpy as np
    from swaveval.results import Artifact, Metric

    @dataclass(frozen=True)
    class Mine:
        name: ClassVar[str] = "mine"
        version: ClassVar[int] = 1
        needs: ClassVar[frozenset] = frozenset()

        def __call__(self, features, *, seed):
            {body}
            yield Metric("mine.value", 1.0)
"""


def write_plugin(path: Path, body: str = "pass", *, top: str = "", name: str = "mine") -> str:
    """A plugin file that does something in its call; gives what `--evaluator` takes."""
    body = dedent(body).strip().replace("\n", "\n            ")
    text = dedent(PLUGIN.replace("{body}", body)).replace('"mine', f'"{name}')
    path.write_text(f"{dedent(top)}\n{text}", encoding="utf-8")
    return f"{path}:Mine"
