"""What a step frees, the next one has without asking the system for it."""

import subprocess
import sys

import pytest

CODE = """
import resource, sys
import torch
from swaveval.pretrain.freed_memory import keep_freed_memory
asked = sys.argv[1] == "keep" and keep_freed_memory()
def step():
    torch.ones(40_000_000).mul(2).sum()  # two times 160 MB
step()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(5):
    step()
print(int(asked), resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(how: str) -> tuple[int, int]:
    """Whether it could be asked for, and pages that the system had to give anew."""
    told = subprocess.run([sys.executable, "-c", CODE, how], capture_output=True, text=True, check=True).stdout
    asked, count = map(int, told.split())
    return asked, count


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="asks glibc")
def test_pages_are_given_once() -> None:
    asked, kept = faults("keep")
    if not asked:
        pytest.skip("this C library has no such setting")
    _, fresh = faults("leave")
    assert kept < fresh / 5
