"""What a monitor costs a training: the same steps with it and without, in turns, and whether they end in the same bits.

A ResNet trains on pictures that are drawn, by classes, with augmentation on the device; `--evaluations` times its
weights are handed to `swaveval.Monitor` in a process beside it (`background`), or evaluated while it waits (`process`).
On a CPU the training has all processors but one, so that there is one to spare.

A machine that others share is now faster and now slower by several percent, more than what is measured here. So each
training is compared with the one beside it in time, which goes first changes from repeat to repeat, and the cost is
the mean over these pairs, with a 95 % interval (Student's, of the logarithms).

    python -m benchmarks.runs.monitor_cost [--device cpu] [--steps 240] [--evaluations 6] [--repeats 3]
"""

import argparse
import hashlib
import math
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torchvision
from scipy import stats
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


class Training:
    """A ResNet-18 on these pictures, the same steps each time."""

    def __init__(self, pictures: Any, device: str, batch: int) -> None:
        torch.manual_seed(0)
        self.device, self._batch = device, batch
        self.model = torchvision.models.resnet18(num_classes=CLASSES).to(device)
        self._images = torch.from_numpy(np.stack([image for image, _ in pictures])).permute(0, 3, 1, 2).to(device)
        self._labels = torch.tensor([label for _, label in pictures], device=device)
        self._optimiser = torch.optim.SGD(self.model.parameters(), lr=0.01, momentum=0.9)

    def step(self) -> torch.Tensor:
        """The loss of one."""
        chosen = torch.randint(0, len(self._images), (self._batch,), device="cpu").to(self.device)
        batch = self._images[chosen].float() / 255
        batch = batch + 0.05 * torch.randn(batch.shape, device=self.device)
        loss = nn.functional.cross_entropy(self.model(batch), self._labels[chosen])
        self._optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self._optimiser.step()
        return loss

    def digest(self) -> str:
        """Of the weights and the state of the random numbers."""
        weights = b"".join(value.cpu().numpy().tobytes() for value in self.model.state_dict().values())
        return hashlib.sha256(weights + torch.get_rng_state().numpy().tobytes()).hexdigest()


def trained(monitor: "swaveval.Monitor | None", pictures: Any, given: argparse.Namespace) -> tuple[float, str]:
    """Seconds of the steps (without the wait for what is still evaluated at their end), and a digest of the weights."""
    training = Training(pictures, given.device, given.batch)
    every = given.steps // given.evaluations
    began = 0.0
    for step in range(given.steps + 1):
        if step == given.warm:  # the first evaluation, which starts the process, is of before
            began = _now(given.device)
        loss = training.step()
        if monitor is not None and step % every == 0:
            monitor.step(training.model, step=step + 1, loss=loss)
    return _now(given.device) - began, training.digest()


def _now(device: str) -> float:
    if device.startswith("cuda"):
        torch.cuda.synchronize()
    return time.perf_counter()


def cost(without: list[float], beside: list[float]) -> dict[str, Any]:
    """What `beside` takes more, in percent, over pairs of runs: mean and 95 % interval (None of one)."""
    ratios = np.log(np.array(beside) / np.array(without))
    found: dict[str, Any] = {"mean": _percent(ratios.mean()), "interval": None}
    if len(ratios) > 1:
        low, high = stats.t.interval(0.95, len(ratios) - 1, loc=ratios.mean(), scale=stats.sem(ratios))
        found["interval"] = [_percent(low), _percent(high)]
    return found


def _percent(logarithm: float) -> float:
    return round(100 * math.expm1(logarithm), 2)


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
    for repeat in range(given.repeats):
        for mode in list(seconds)[:: -1 if repeat % 2 else 1]:
            with tempfile.TemporaryDirectory() as place:
                monitor = None
                if mode != "without":
                    options: Any = {"mode": mode, "device": given.device, "evaluators": EVALUATORS}
                    monitor = swaveval.Monitor(
                        pictures, out=Path(place) / "report", size=given.size, network=features, **options
                    )
                took, end = trained(monitor, pictures, given)
                if monitor is not None:
                    monitor.close()
            seconds[mode].append(round(took, 3))
            ends[mode].add(end)
            print(f"{mode}: {took:.2f} s", flush=True)
    costs = {mode: cost(seconds["without"], taken) for mode, taken in seconds.items() if mode != "without"}
    result = {
        "machine": machine,
        "task": dict(vars(given)) | {"evaluators": EVALUATORS},
        "seconds": seconds,
        "cost in percent of the training": {mode: one["mean"] for mode, one in costs.items()},
        "95 % interval": {mode: one["interval"] for mode, one in costs.items()},
        "same bits as without": {mode: end == ends["without"] and len(end) == 1 for mode, end in ends.items()},
    }
    kind = given.device.partition(":")[0]
    save(Path(__file__).with_name(f"monitor_cost-{kind}.json"), result)


def features(model: nn.Module) -> nn.Module:
    """The model itself: its classifier is taken off by the evaluation."""
    return model


if __name__ == "__main__":
    main()
