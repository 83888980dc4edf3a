"""Reading a checkpoint safely against plain `torch.load` of the same file, in turn, with the reading process warm.

Four files: a ResNet-18 and a ResNet-50, each as a training run leaves it (AdamW state, twice the weights) and as bare
weights. Three stages of ours, each including the one before:

- read: the reading process unpickles safely, checks every CRC-32 a feature needs and hands the tensors over;
- named: and the weights' SHA-256, which everything downstream is keyed by;
- loaded: and the module built, filled and checked for NaN (`swaveval.checkpoints.load`).

Every side is measured a tenth of a second after the one before, when the reading process has a fork waiting, as it has
between two checkpoints of a run; and once more back to back, when the next fork is still being made.

`python -m benchmarks checkpoints.reading` measures and writes reading.json and reading.md beside this file.
"""

import gc
import json
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
import torchvision

from swaveval.checkpoints import LoadOptions, load
from swaveval.checkpoints.families import CONTAINERS, SCALARS
from swaveval.checkpoints.recognise import recognise
from swaveval.checkpoints.sandbox.reader import shared_reader
from swaveval.checkpoints.weights_digest import tensor_hashes

HERE = Path(__file__).parent
REPEATS = 15
REST = 0.1  # seconds
GOALS = {"weights": 2.5, "training": 1.5}  # as files hold weights alone, or a training's whole state


def write_files(directory: Path) -> dict[str, Path]:
    """The four files."""
    files: dict[str, Path] = {}
    for name in ("resnet18", "resnet50"):
        torch.manual_seed(0)
        model = torchvision.models.get_model(name)
        optimiser = torch.optim.AdamW(model.parameters())
        for parameter in model.parameters():
            parameter.grad = torch.randn_like(parameter)
        optimiser.step()
        training = {"epoch": 1, "state_dict": model.state_dict(), "optimizer": optimiser.state_dict()}
        for kind, content in (("training", training), ("weights", model.state_dict())):
            files[f"{name}, {kind}"] = directory / f"{name}-{kind}.pth"
            torch.save(content, files[f"{name}, {kind}"])
    return files


def plain(path: Path) -> object:
    return torch.load(path, map_location="cpu", weights_only=True)


def read(path: Path) -> dict[str, torch.Tensor]:
    """What `load` takes from the file: the backbone's tensors, checked."""
    with shared_reader().open(path, containers=CONTAINERS, scalars=SCALARS, options=LoadOptions()) as opened:
        parts = recognise(opened.description)
        assert parts is not None
        place = parts.view.keys[next(iter(parts.backbone.values()))][0]
        return opened.take(place, [parts.view.keys[name][1] for name in parts.backbone.values()])


def named(path: Path) -> object:
    return tensor_hashes(read(path))


SIDES: dict[str, Callable[[Path], object]] = {
    "torch.load": plain,
    "read": read,
    "named": named,
    "loaded": lambda p: load(p),
}


def measure(path: Path, repeats: int, *, rest: float) -> dict[str, list[float]]:
    """Seconds of every side, in turn, so that a slow moment of the machine hits all alike.

    Args:
        rest: seconds to wait before each.
    """
    times: dict[str, list[float]] = {side: [] for side in SIDES}
    for _ in range(repeats + 1):
        for side, action in SIDES.items():
            gc.collect()
            time.sleep(rest)
            started = time.perf_counter()
            held = action(path)
            times[side].append(time.perf_counter() - started)
            del held
    return {side: values[1:] for side, values in times.items()}  # the first round warms the page cache


def ratios(times: dict[str, list[float]]) -> dict[str, float]:
    """Median over rounds of each side against torch.load in the same round."""
    base = times["torch.load"]
    return {
        side: statistics.median(value / other for value, other in zip(values, base, strict=True))
        for side, values in times.items()
    }


def run(repeats: int = REPEATS) -> dict[str, Any]:
    shared_reader().start()
    rows = []
    with tempfile.TemporaryDirectory() as directory:
        for name, path in write_files(Path(directory)).items():
            times = measure(path, repeats, rest=REST)
            medians = {side: statistics.median(values) for side, values in times.items()}
            hurried = ratios(measure(path, repeats, rest=0.0))
            rows.append(
                {
                    "file": name,
                    "megabytes": round(path.stat().st_size / 1e6, 1),
                    "milliseconds": {side: round(1000 * value, 1) for side, value in medians.items()},
                    "fastest": {side: round(1000 * min(values), 1) for side, values in times.items()},
                    "ratio": {side: round(value, 2) for side, value in ratios(times).items()},
                    "back_to_back": {side: round(value, 2) for side, value in hurried.items()},
                }
            )
    return {
        "command": "python -m benchmarks checkpoints.reading",
        "date": datetime.now(UTC).date().isoformat(),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "load_average": round(os.getloadavg()[0], 1),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "repeats": repeats,
        "rows": rows,
    }


def markdown(body: dict[str, Any]) -> str:
    lines = [
        "# Reading a checkpoint against `torch.load`",
        "",
        f"Command: `{body['command']}`. {body['date']}, {body['machine']} (load average {body['load_average']}), "
        f"Python {body['python']}, torch {body['torch']}; median of {body['repeats']} rounds, page cache warm.",
        "",
        "| file | MB | torch.load | read | ratio | back to back | + SHA-256 | ratio | loaded | ratio |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for row in body["rows"]:
        times, ratio = row["milliseconds"], row["ratio"]
        read = f"{times['read']} ms | **{ratio['read']}** | {row['back_to_back']['read']}"
        rest = " | ".join(f"{times[side]} ms | **{ratio[side]}**" for side in ("named", "loaded"))
        lines.append(f"| {row['file']} | {row['megabytes']} | {times['torch.load']} ms | {read} | {rest} |")
    lines += [
        "",
        "*Ratio* is the median over rounds of ours / torch.load in the same round, each a tenth of a second after the "
        "one before, as checkpoints of a run are further apart than that; *back to back* the same without the pause, "
        "in which the next reading fork is made. `read` gives checked tensors in the "
        f"parent; the goals are {GOALS['weights']} for bare weights and {GOALS['training']} for training files, which "
        "are mostly optimiser state, that is not read at all. "
        "`torch.load` checks no checksum; ours checks every record a feature depends on. Hashing names the weights.",
        "",
    ]
    return "\n".join(lines)


def main() -> None:
    torch.set_num_threads(1)
    body = run()
    (HERE / "reading.json").write_text(json.dumps(body, indent=1) + "\n", encoding="utf-8")
    (HERE / "reading.md").write_text(markdown(body), encoding="utf-8")
    print(markdown(body))


if __name__ == "__main__":
    main()
