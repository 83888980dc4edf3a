"""What could make the forward pass faster still: BatchNorm folded, weights in bfloat16, other batch sizes, compiling.

Images a second on one thread, the best of several passes of each variant in turn. `torch.compile` needs a C++ compiler;
what it takes before the first batch is measured with nothing compiled before.

    python -m benchmarks features.forward_variants
"""

import copy
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, fx, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from benchmarks.features.machine import describe, save
from swaveval.checkpoints import build_resnet
from swaveval.features.precision import running

REPEATS = 3
# Depth, pixels, images a batch.
CASES = {"ResNet-18, 64 px": (18, 64, (64, 256)), "ResNet-50, 224 px": (50, 224, (8, 32))}


def folded(network: nn.Module) -> nn.Module:
    """BatchNorm's scale and shift put into the convolutions before them."""
    traced = fx.symbolic_trace(copy.deepcopy(network))
    parts = dict(traced.named_modules())
    for node in list(traced.graph.nodes):
        before = node.args[0] if node.args else None
        if node.op != "call_module" or not isinstance(parts[node.target], nn.BatchNorm2d):
            continue
        if isinstance(before, fx.Node) and isinstance(parts.get(str(before.target)), nn.Conv2d):
            place, _, name = str(before.target).rpartition(".")
            fused = fuse_conv_bn_eval(parts[str(before.target)], parts[node.target])
            setattr(traced.get_submodule(place), name, fused)
            node.replace_all_uses_with(before)
            traced.graph.erase_node(node)
    traced.recompile()
    return traced


def in_bfloat16(network: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    def run(images: Tensor) -> Tensor:
        with running("bf16", "cpu"):
            return network(images)  # type: ignore[no-any-return]

    return run


def compiled(network: nn.Module, *, frozen: bool) -> Callable[[Tensor], Tensor]:
    """The network compiled; frozen for its own weights, so that BatchNorm is folded and another one compiles anew."""
    run = torch.compile(copy.deepcopy(network), options={"freezing": frozen})
    return in_bfloat16(run)


def variants(network: nn.Module) -> dict[str, Callable[[Tensor], Tensor]]:
    fused = folded(network)
    kept = copy.deepcopy(network)
    for part in kept.modules():
        if isinstance(part, nn.Conv2d | nn.Linear):
            part.to(torch.bfloat16)
    return {
        "float32": network,
        "float32, folded": fused,
        "float32, weights channels-last": copy.deepcopy(network).to(memory_format=torch.channels_last),
        "bfloat16": in_bfloat16(network),
        "bfloat16, folded": in_bfloat16(fused),
        "bfloat16, weights kept so": in_bfloat16(kept.to(memory_format=torch.channels_last)),
        "bfloat16, compiled": compiled(network, frozen=False),
        "bfloat16, compiled for its weights": compiled(network, frozen=True),
    }


@torch.inference_mode()
def rates(depth: int, pixels: int, batch: int) -> dict[str, float]:
    torch.manual_seed(0)
    network = build_resnet(depth=depth, stem="imagenet", width=64)[0].eval()
    for part in network.modules():  # statistics of the data, so that folding has something to round
        if isinstance(part, nn.BatchNorm2d):
            part.running_mean.normal_(0, 0.1)
            part.running_var.uniform_(0.5, 1.5)
    images = torch.randn(batch, pixels, pixels, 3).permute(0, 3, 1, 2)
    found, waited = variants(network), {}
    for name in (name for name in found if "compiled" in name):
        with tempfile.TemporaryDirectory() as place:
            os.environ["TORCHINDUCTOR_CACHE_DIR"] = place  # what was compiled before is not taken
            torch.compiler.reset()
            started = time.perf_counter()
            found[name](images)
            waited[f"seconds before the first batch: {name}"] = round(time.perf_counter() - started, 1)
    best = dict.fromkeys(found, float("inf"))
    for _ in range(REPEATS):
        for name, run in found.items():
            started = time.process_time()
            run(images)
            best[name] = min(best[name], time.process_time() - started)
    exact, fused = network(images), found["float32, folded"](images)
    return {
        **{name: round(batch / seconds, 1) for name, seconds in best.items()},
        **waited,
        "largest difference by folding / largest feature": float((exact - fused).abs().max() / exact.abs().max()),
    }


def main() -> None:
    torch.set_num_threads(1)
    results = {
        f"{name}, {batch} images a batch": rates(depth, pixels, batch)
        for name, (depth, pixels, batches) in CASES.items()
        for batch in batches
    }
    save(Path(__file__).with_suffix(".json"), {"machine": describe(), "images a second": results})


if __name__ == "__main__":
    main()
