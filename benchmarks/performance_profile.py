"""The table of where the time of a whole run goes, from the profiles in the results of `runs.whole_run`."""

import json
from pathlib import Path
from typing import Any

from swaveval.runs.machine import IMAGES_PER_WORKER

HERE = Path(__file__).parent / "runs"
RUNS = {
    "ResNet-18, 64 px, 12,000 photos": "whole_run-resnet18-64px.json",
    "ResNet-50, 224 px, 1,000 photos": "whole_run-resnet50-224px.json",
    "ResNet-10, 32 px, 1,797 digits": "whole_run-resnet10-32px.json",
}
PROFILE, WALL = "worker seconds by stage", "run, everything, s"
# Untrained networks, raw pixels and colours, evaluated beside the checkpoints.
BASELINES = 4
WORDS = {
    "forward": "forward passes of the images",
    "forward_views": "forward passes of the views, and making them",
    "searches": "neighbour searches",
    "reading": "reading checkpoints",
    "decoding": "decoding images",
    "storing": "storing features",
}
# Stages that take less than this share of every run are summed up.
LEAST = 0.01


def profile_table() -> str:
    """A row for each stage; a column of worker seconds, and their share, for each run."""
    found = {name: json.loads((HERE / file).read_text(encoding="utf-8")) for name, file in RUNS.items()}
    runs = {name: _with_rest(one) for name, one in found.items() if PROFILE in one["results"]}
    total = {name: sum(stages.values()) for name, stages in runs.items()}
    order = dict.fromkeys(stage for stages in runs.values() for stage in stages)
    large = [s for s in order if any(stages.get(s, 0.0) >= LEAST * total[name] for name, stages in runs.items())]
    heads = (f"{name}, {_workers(found[name])} at a time" for name in runs)
    lines = [f"| seconds of worker processes | {' | '.join(heads)} |", f"|---|{'---|' * len(runs)}"]
    for stage in large:
        cells = (_cell(stages.get(stage, 0.0), total[name]) for name, stages in runs.items())
        lines.append(f"| {WORDS.get(stage, stage)} | {' | '.join(cells)} |")
    small = (_cell(total[n] - sum(stages.get(s, 0.0) for s in large), total[n]) for n, stages in runs.items())
    lines.append(f"| all others | {' | '.join(small)} |")
    return "\n".join(lines)


def _with_rest(result: dict[str, Any]) -> dict[str, float]:
    """The stages, and what no stage counts: of all worker processes for as long as the run took."""
    stages: dict[str, float] = dict(result["results"][PROFILE])
    have = result["results"][WALL] * _workers(result)
    return stages | {
        "in no stage: starting, looking at images, one process waiting for another": have - sum(stages.values())
    }


def _workers(result: dict[str, Any]) -> int:
    """How many checkpoints were evaluated at the same time, by the rule of `runs.machine.workers`."""
    tasks = result["results"]["checkpoints"] + BASELINES
    return max(1, min(result["machine"]["cores"], tasks * result["results"]["images"] // IMAGES_PER_WORKER))


def _cell(seconds: float, total: float) -> str:
    return f"{seconds:.0f} ({seconds / total:.0%})"
