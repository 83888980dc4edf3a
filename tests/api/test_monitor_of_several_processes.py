"""A monitor in a distributed loop: the documented way in which all processes stop together."""

import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tests.field.around_runs import environment

DOCS = Path(__file__).parents[2] / "docs" / "while-it-trains.md"

PROGRAM = """
import sys
import torch
from torch import nn
from torch.nn.parallel import DistributedDataParallel
import swaveval

rank, place, loop = int(sys.argv[1]), sys.argv[2], sys.argv[3]
torch.distributed.init_process_group("gloo", init_method=f"file://{place}/store", rank=rank, world_size=2)
torch.manual_seed(0)
network = nn.Sequential(nn.Conv2d(3, 4, 3, stride=4), nn.AdaptiveAvgPool2d(2), nn.Flatten())
model, device = DistributedDataParallel(network), "cpu"

def train_one_epoch(model):
    model(torch.rand(2, 3, 16, 16)).sum().backward()  # whose gradients go through all processes

options = {"evaluators": "knn", "images": 60, "size": 16, "mode": "process"}
with swaveval.Monitor("digits", out=f"{place}/out", stop_on="not-learning", patience=1, **options) as monitor:
    exec(loop)
print("stopped after epoch", epoch)
"""


@pytest.mark.torture
def test_all_processes_stop_together(tmp_path: Path) -> None:
    """As it is documented; of weights that nothing moves the second evaluation says so."""
    blocks = re.findall(r"```py\n(.*?)```", DOCS.read_text(encoding="utf-8"), flags=re.DOTALL)
    [loop] = [textwrap.dedent(block) for block in blocks if "broadcast(" in block]
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(rank), str(tmp_path), loop],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment() | {"OMP_NUM_THREADS": "1"},
        )
        for rank in range(2)
    ]
    try:
        said = [process.communicate(timeout=120) for process in processes]
    finally:
        for process in processes:
            process.kill()
    assert [out.split("\n")[0] for out, _ in said] == ["stopped after epoch 2"] * 2, said
    assert "closed" not in said[1][1]
