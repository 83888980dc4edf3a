"""A reading process that was started ahead is the one that reads, and is gone at the end whether it did or not."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from swaveval.checkpoints import build_resnet

SCRIPT = """
import os
import sys
from pathlib import Path

from swaveval.checkpoints.sandbox import launching

launching.launch_ahead()
launching.launch_ahead()
ahead = launching._ahead
assert "torch" not in sys.modules
print(ahead.process.pid)
if sys.argv[2] == "used":
    from swaveval.checkpoints import load
    from swaveval.checkpoints.sandbox.reader import shared_reader

    load(Path(sys.argv[1]))
    assert shared_reader()._launched is ahead
    shared_reader().stop()
    load(Path(sys.argv[1]))
    assert shared_reader()._launched is not ahead
children = Path("/proc/self/task", str(os.getpid()), "children").read_text().split()
assert len(children) == 1, children
"""


@pytest.mark.parametrize("use", ["used", "not used"])
def test_one_process_for_the_first_reader(tmp_path: Path, use: str) -> None:
    path = tmp_path / "network.pt"
    torch.save(build_resnet(depth=10, stem="small", width=4)[0].state_dict(), path)
    script = tmp_path / "script.py"
    script.write_text(SCRIPT, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, str(script), str(path), use],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    process, deadline = Path("/proc") / done.stdout.strip(), time.monotonic() + 5
    while process.exists() and time.monotonic() < deadline:
        os.sched_yield()
    assert not process.exists()
