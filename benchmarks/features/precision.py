"""The forward pass in bfloat16 against float32: images a second, and how far the features are the same.

python -m benchmarks features.precision
"""

from pathlib import Path

import torch

from benchmarks.features.machine import describe, measure, ratio, save
from swaveval.checkpoints import build_resnet
from swaveval.features.extract import choose_device
from swaveval.features.precision import agreement, fastest, running

REPEATS = 5
# Depth, stem, width, pixels, images a batch: the demo's network, CIFAR's ResNet-18, ImageNet's ResNet-50.
CASES = {
    "ResNet-10, width 32, 32 px": (10, "small", 32, 32, 256),
    "ResNet-18, 64 px": (18, "imagenet", 64, 64, 64),
    "ResNet-50, 224 px": (50, "imagenet", 64, 224, 8),
}


@torch.inference_mode()
def compared(depth: int, stem: str, width: int, pixels: int, batch: int, device: str) -> dict[str, object]:
    torch.manual_seed(0)
    module, _ = build_resnet(depth=depth, stem=stem, width=width)  # type: ignore[arg-type]
    module = module.eval().to(device)
    images = torch.randn(batch, pixels, pixels, 3, device=device).permute(0, 3, 1, 2)

    def lower() -> torch.Tensor:
        with running("bf16", device):
            return module(images)  # type: ignore[no-any-return]

    exact, fast = measure(lambda: module(images), REPEATS), measure(lower, REPEATS)
    seen = agreement(module(images).float().cpu().numpy(), lower().float().cpu().numpy())
    return {
        "fp32": exact,
        "bf16": fast,
        "fp32 / bf16": ratio(exact, fast),
        "images a batch": batch,
        "median cosine, centred": seen.cosine,
        "same neighbour": seen.neighbours,
    }


def main() -> None:
    device = choose_device("auto")
    results = {name: compared(*case, device) for name, case in CASES.items()}
    body = {"machine": describe(), "device": device, "auto takes": fastest(device), "results": results}
    save(Path(__file__).with_suffix(".json"), body)


if __name__ == "__main__":
    main()
