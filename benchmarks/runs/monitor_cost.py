"""What a monitor costs a training: the same steps with it and without, in turns, and whether they end in the same bits.

A ResNet trains on pictures that are drawn, by classes, with augmentation on the device; `--evaluations` times its
weights are handed to `swaveval.Monitor` in a process beside it (`background`), or evaluated while it waits (`process`).
On a CPU the training has all processors but one, so that there is one to spare.

    python -m benchmarks.runs.monitor_cost [--device cpu] [--steps 240] [--evaluations 6] [--repeats 3]
"""

import argparse
import hashlib
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torchvision
from torch import nn

import swaveval
from benchmarks.features.machine import describe, save
from swaveval.runs.machine import cores

EVALUATORS = ("knn", "linear", "spectrum", "views")
CLASSES = 10


def drawn(count: int, size: int) -> list[tuple[Any, int]]:
    """Pictures (bytes `(size, size, 3)`) whose class is the place and colour of a bar, in noise."""
    draw = np.random.default_rng(0)
    found = []
    for position in range(count):
        label = position % CLASSES
        pixels = draw.integers(0, 120, (size, size, 3), np.uint8)
        at = int(draw.integers(0, size - size // 4))
        pixels[at : at + size // 8, :, label % 3] = 120 + 13 * label
        found.append((pixels, label))
    return found


def trained(monitor: "swaveval.Monitor | None", pictures: Any, given: argparse.Namespace) -> tuple[float, str]:
    """Seconds of the steps (without the wait for what is still evaluated at their end), and a digest of the weights."""
    torch.manual_seed(0)
    device = given.device
    model = torchvision.models.resnet18(num_classes=CLASSES).to(device)
    images = torch.from_numpy(np.stack([image for image, _ in pictures])).permute(0, 3, 1, 2).to(device)
    labels = torch.tensor([label for _, label in pictures], device=device)
    optimiser = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    every = given.steps // given.evaluations
    began = 0.0
    for step in range(given.steps + 1):
        if step == given.warm:  # the first evaluation, which starts the process, is of before
            began = _now(device)
        chosen = torch.randint(0, len(images), (given.batch,), device="cpu").to(device)
        batch = images[chosen].float() / 255
        batch = batch + 0.05 * torch.randn(batch.shape, device=device)
        loss = nn.functional.cross_entropy(model(batch), labels[chosen])
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        if monitor is not None and step % every == 0:
            monitor.step(model, step=step + 1, loss=loss)
    seconds = _now(device) - began
    state = hashlib.sha256(b"".join(value.cpu().numpy().tobytes() for value in model.state_dict().values()))
    state.update(torch.get_rng_state().numpy().tobytes())
    return seconds, state.hexdigest()


def _now(device: str) -> float:
    if device.startswith("cuda"):
        torch.cuda.synchronize()
    return time.perf_counter()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--steps", type=int, default=240)
    parser.add_argument("--warm", type=int, default=10)
    parser.add_argument("--evaluations", type=int, default=6)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--size", type=int, default=32)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--modes", default="background,process")
    given = parser.parse_args()
    machine = describe()
    if given.device == "cpu":
        torch.set_num_threads(max(1, cores() - 1))
    elif given.device.startswith("cuda"):  # the same bits twice, with a monitor or without
        torch.backends.cudnn.deterministic = True
        torch.backends.cudnn.benchmark = False
        machine["gpu"] = torch.cuda.get_device_name()
    pictures = drawn(given.images, given.size)
    seconds: dict[str, list[float]] = {mode: [] for mode in ("without", *given.modes.split(","))}
    ends: dict[str, set[str]] = {name: set() for name in seconds}
    for _ in range(given.repeats):
        for mode, taken in seconds.items():
            with tempfile.TemporaryDirectory() as place:
                monitor = None
                if mode != "without":
                    options: Any = {"mode": mode, "device": given.device, "evaluators": EVALUATORS}
                    monitor = swaveval.Monitor(
                        pictures, out=Path(place) / "report", size=given.size, network=_features, **options
                    )
                took, end = trained(monitor, pictures, given)
                if monitor is not None:
                    monitor.close()
            taken.append(round(took, 3))
            ends[mode].add(end)
            print(f"{mode}: {took:.2f} s", flush=True)
    base = float(np.median(seconds["without"]))
    cost = {mode: round(100 * (float(np.median(taken)) / base - 1), 2) for mode, taken in seconds.items()}
    result = {
        "machine": machine,
        "task": dict(vars(given)) | {"evaluators": EVALUATORS},
        "seconds": seconds,
        "cost in percent of the training": cost,
        "same bits as without": {mode: end == ends["without"] and len(end) == 1 for mode, end in ends.items()},
    }
    kind = given.device.partition(":")[0]
    save(Path(__file__).with_name(f"monitor_cost-{kind}.json"), result)
    print(", ".join(f"{mode} {percent:+.1f} %" for mode, percent in cost.items()), f"of {base:.1f} s")


def _features(model: nn.Module) -> nn.Module:
    """The model itself: its classifier is taken off by the evaluation."""
    return model


if __name__ == "__main__":
    main()
