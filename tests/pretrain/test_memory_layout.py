"""Crops enter a network in the layout that is fastest, unless the processor's kernels are wrong there."""

import os
import subprocess
import sys

import pytest
import torch
from torch import nn

from swaveval.pretrain.layout import memory_layout

# On AVX2, which any processor can be told to keep to: gradients of one strided convolution after the other in the
# layout of its own, beside those in float64, which has other kernels. The heap is in use, so that writing beyond a
# buffer is noticed: the process ends, or a gradient is wrong.
STRIDED = """
import torch
from swaveval.pretrain.layout import memory_layout

torch.manual_seed(0)
kept = []
for channels in (2, 3, 4, 6, 7, 8, 12, 16):
    for groups in (1, 2):
        for kernel, stride in ((1, 2), (1, (1, 2)), (3, 2), (1, 1)):
            if channels % groups:
                continue
            one = torch.nn.Conv2d(channels, 8, kernel, stride, kernel // 2, groups=groups, bias=False)
            other = torch.nn.Conv2d(channels, 8, kernel, stride, kernel // 2, groups=groups, bias=False).double()
            other.load_state_dict(one.state_dict())
            for size in (5, 8, 16):
                images = torch.randn(16, channels, size, size).contiguous(memory_format=memory_layout(one))
                made = one(images)
                gradient = torch.randn(made.shape)
                made.backward(gradient)
                other(images.double()).backward(gradient.double())
                torch.testing.assert_close(one.weight.grad, other.weight.grad.float(), rtol=1e-3, atol=1e-3)
                kept.append([torch.empty(size_) for size_ in (3, 17, 65, 257, 1025)])
print("same")
"""


def test_gradients_are_right_on_a_processor_with_avx2_alone() -> None:
    done = subprocess.run(
        [sys.executable, "-c", STRIDED],
        env=os.environ | {"ONEDNN_MAX_CPU_ISA": "AVX2", "MALLOC_CHECK_": "3", "MALLOC_PERTURB_": "85"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "same\n"), done.stderr


@pytest.mark.parametrize(
    ("convolution", "layout"),
    [
        (nn.Conv2d(7, 8, 1, 2), torch.contiguous_format),
        (nn.Conv2d(4, 8, 1, (1, 2)), torch.contiguous_format),
        (nn.Conv2d(12, 8, 1, 2, groups=2), torch.contiguous_format),
        (nn.Conv2d(8, 16, 1, 2), torch.channels_last),
        (nn.Conv2d(3, 64, 7, 2), torch.channels_last),
        (nn.Conv2d(4, 8, 1), torch.channels_last),
    ],
)
def test_channels_last_but_for_strided_convolutions_of_few_channels(
    convolution: nn.Module, layout: torch.memory_format
) -> None:
    assert memory_layout(nn.Sequential(nn.Conv2d(3, 64, 3), convolution)) == layout
