"""Writes docs/performance.md from the committed results of the other benchmarks; measures nothing.

python -m benchmarks performance
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.features.machine import shown
from benchmarks.performance_profile import profile_table

HERE = Path(__file__).parent
TEMPLATE = HERE / "performance_template.md"
PAGE = HERE.parent / "docs" / "performance.md"
# Of the forward pass, see `features.forward_variants`.
COMPILED = "bfloat16, compiled"
Result = dict[str, Any]


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes:
        what: was measured, against what.
        file: the result, below `benchmarks/`.
        goal: that was set before.
        told: the result in words.
        command: that measures it.
    """

    what: str
    file: str
    goal: str
    told: Callable[[Result], str]
    command: str


def _whole(result: Result) -> str:
    found = result["results"]
    everything, less = "run, everything", "run, without map, gallery and figures"
    return (
        f"**{found[f'{everything} / forward passes']:g}** ({found[f'{everything}, s']:g} s against "
        f"{found['checkpoints']} × {found['forward pass of one checkpoint, s']:g} s in {found['precision']}); "
        f"**{found[f'{less} / forward passes']:g}** without map, gallery and figures"
    )


def _search(result: Result) -> str:
    found = result["times faster"]
    each = "; ".join(f"{name} **{ratio['wall']:g} ×**" for name, ratio in found.items())
    return f"{each}; {result['extra memory of ours, MB']} MB more memory"


def _grid(result: Result) -> str:
    (ours, right), (theirs, also) = (result["C and test accuracy"][name] for name in ("ours", "scikit-learn"))
    return f"**{result['times faster']:g} ×**; C = {ours:g} and {theirs:g}, test accuracy {right:.4f} and {also:.4f}"


def _precision(result: Result) -> str:
    return "; ".join(f"{name} **{found['fp32 / bf16']['wall']:g} ×**" for name, found in result["results"].items())


def _again(result: Result) -> str:
    found = result["results"]
    return f"**{found['nothing has changed']:g} s**, {found['ratio']:g} × as fast as looking at everything"


def _drawing(result: Result) -> str:
    found = result["results"]
    return f"**{found['times faster']:g} ×**: {found['one process, s']:g} s for {found['files']} files by one"


def _demo(result: Result) -> str:
    found = result["results"]
    return f"**{found['whole, s']:g} s**, {found['of it training, s']:g} s of it training ({result['repeats']} repeats)"


def _report(result: Result) -> str:
    found = result["results"]
    helps = [each["wall_s"] for name, each in found.items() if name.endswith("--help")]
    whole = found["report, figures whole"]["wall_s"]
    return f"**{whole:g} s**, with {found['figures']} figures drawn anew {found['ratio']:g} × that; {max(helps):g} s"


def _views(result: Result) -> str:
    return "; ".join(f"{name} **{found['lightly / batch']['wall']:g} ×**" for name, found in result["results"].items())


def _extraction(result: Result) -> str:
    return "; ".join(f"{name} **{found['times faster']['wall']:g} ×**" for name, found in result["cases"].items())


def _lightly(result: Result) -> str:
    found = result["results"]
    theirs = "extrapolated from " + str(result["task"]["measured"]) + " epochs" if found["extrapolated"] else "measured"
    right = "; ".join(
        f"{name} lightly {each['lightly']:.3f}, ours {each['ours']:.3f}"
        for name, each in found.items()
        if name.endswith("top-1") and each["lightly"] is not None
    )
    whole, ours = found["lightly, both, s"], found["swaveval run, s"]
    alone, times = found["of it the checkpoint, s"], found["times faster, without baselines and page"]
    both = f"**{found['times faster']:g} ×**: {whole:g} s ({theirs}) against {ours:g} s with all baselines"
    return f"{both}; {alone:g} s of it the checkpoint, **{times:g} ×**; {right}"


def _stable(result: Result) -> str:
    found, epochs = result["results"], result["task"]["epochs"]
    whole, ours = found["stable-pretraining, s"], found["swaveval run, s"]
    alone, times = found["of it the checkpoint, s"], found["times faster, without baselines and page"]
    theirs = f"{whole:g} s ({epochs} epochs, extrapolated from {result['task']['measured']})"
    both = f"**{found['times faster']:g} ×**: {theirs} against {ours:g} s with all baselines"
    return f"{both}; {alone:g} s of it the checkpoint, **{times:g} ×**"


def _large_grid(result: Result) -> str:
    theirs, ours, most = result["scikit-learn"]["wall_s"], result["ours"]["wall_s"], result["task"]["most"]
    reached = {name: accuracy for name, (_, accuracy) in result["C and test accuracy"].items()}
    return (
        f"**> {result['times faster']:g} ×**: {ours:.0f} s against {theirs:.0f} s for no more than {most} iterations "
        f"of each fit, after which they are not done (test accuracy {reached['ours']:.3f} and "
        f"{reached['scikit-learn']:.3f})"
    )


def _cores(result: Result) -> str:
    return "; ".join(f"{name} **{found['times faster']:g} ×**" for name, found in result["results"].items())


def _loop(result: Result) -> str:
    told = []
    for name, found in result["results"].items():
        sides = ", ".join(f"{side} {rate:g}" for side, rate in found["images a second"].items())
        times = ", ".join(f"**{ratio:g} ×**" for ratio in found["times lightly's"].values())
        told.append(f"{name}: {times} ({sides} images/s)")
    return "; ".join(told)


def _monitor(result: Result) -> str:
    task, cost = result["task"], result["cost in percent of the training"]
    same = "the same bits" if all(result["same bits as without"].values()) else "OTHER BITS"
    interval = result.get("95 % interval", {}).get("background")
    within = "" if interval is None else ", {:+.1f} to {:+.1f} with 95 %".format(*interval)
    return (
        f"**{cost['background']:+.1f} %**{within}, {same} (ResNet-18, {task['size']} px, batch {task['batch']}, "
        f"{task['evaluations']} evaluations of {task['images']:,} images and the baselines in "
        f"{min(result['seconds']['without']):.0f} s, {task['repeats']} repeats)"
    )


def _beside(result: Result) -> str:
    task, found = result["task"], result["results"]
    low, high = found["95 % interval"]
    return (
        f"**{found['steps are slower beside one, percent']:+.1f} %** ({low:+.1f} to {high:+.1f} with 95 %), and "
        f"{found['a snapshot, s']:g} s for handing over weights (ResNet-18, {task['size']} px, batch {task['batch']}, "
        f"{found['pairs with an evaluation at work']} pairs of {task['steps']} steps with and without it; "
        f"{task['images']:,} images)"
    )


def _growth(result: Result) -> str:
    found = result["results"]
    counts = "; ".join(
        f"{n} checkpoints {each['s each']:g} s each, {each['peak MB']:g} MB" for n, each in found["checkpoints"].items()
    )
    images = "; ".join(
        f"{int(n):,} images {each['ms an image']:g} ms each, {each['peak MB']:g} MB"
        for n, each in found["images"].items()
    )
    return f"{counts} (one more: **{found['s for one checkpoint more']:g} s**); {images}"


def _gpu(result: Result) -> str:
    found = result["results"]
    forward, each = found["features"], found["evaluators, s"]
    alone = max(rate for name, rate in forward.items() if name.startswith("network alone"))
    seconds = ", ".join(f"{name} {spent:g}" for name, spent in sorted(each.items(), key=lambda pair: -pair[1]))
    return (
        f"features **{forward['share of the best']:g}** of the network alone ({forward['features, images/s']:,.0f} and "
        f"{alone:,.0f} images/s); all evaluators **{found['all evaluators / forward pass']:g} ×** the forward pass "
        f"({sum(each.values()):.1f} s: {seconds}); kNN **{found['kNN, s']:g} s**"
    )


ROWS = (
    Row(
        "A whole `run` of 8 checkpoints (all evaluators, baselines, map, gallery, figures, page) ÷ the forward pass of "
        "its images alone: ResNet-18, 64 px, 12,000 photos",
        "runs/whole_run-resnet18-64px.json",
        "≤ 1.6; ≤ 1.25 without",
        _whole,
        "python -m benchmarks.runs.whole_run --data DIR",
    ),
    Row(
        "The same for a network that costs nothing: ResNet-10 with a stem for photos, 32 px, 1,797 digits",
        "runs/whole_run-resnet10-32px.json",
        "≤ 3",
        _whole,
        "python -m benchmarks.runs.whole_run --size 32 --depth 10",
    ),
    Row(
        "The same for ResNet-50, 224 px, 1,000 photos",
        "runs/whole_run-resnet50-224px.json",
        "≤ 1.4",
        _whole,
        "python -m benchmarks.runs.whole_run --data DIR --size 224 --depth 50 --images 1000",
    ),
    Row(
        "Exact kNN, 10,000 × 50,000 × 512, k = 200, against peers",
        "features/exact_search.json",
        "faiss ≥ 1.3 ×, lightly ≥ 2 ×, scikit-learn ≥ 5 ×; < 512 MB",
        _search,
        "python -m benchmarks.features.exact_search",
    ),
    Row(
        "Linear probe with its choice of C, 10,000 × 512 × 10 classes, against scikit-learn's loop over the same grid "
        "on all cores",
        "evaluators/linear_grid.json",
        "≥ 4 ×, equal accuracy",
        _grid,
        "python -m benchmarks.evaluators.linear_grid",
    ),
    Row(
        "The same where classes overlap and features are correlated, as of networks on photos",
        "evaluators/linear_grid-overlapping.json",
        "≥ 4 ×, equal accuracy",
        _grid,
        "python -m benchmarks.evaluators.linear_grid --overlapping",
    ),
    Row(
        "The same of 50,000 × 2,048 × 100 classes, overlapping and correlated",
        "evaluators/linear_grid-large-overlapping.json",
        "≥ 4 ×",
        _large_grid,
        "python -m benchmarks.evaluators.linear_grid --overlapping --train 50000 --dimensions 2048 --classes 100 "
        "--most 40 --repeats 1",
    ),
    Row(
        "One checkpoint by lightly's `KNNClassifier` and `LinearClassifier` (90 epochs), against `swaveval run` "
        "with `knn` and `linear`: ResNet-18, 64 px, 12,000 photos",
        "evaluators/against_lightly-cifar10-12k.json",
        "≥ 50 ×",
        _lightly,
        "python -m benchmarks.evaluators.against_lightly --data DIR",
    ),
    Row(
        "One checkpoint by stable-pretraining's `OnlineProbe` and `OnlineKNN` on a frozen backbone, against the same",
        "evaluators/against_stable_pretraining-cifar10-12k.json",
        "≥ 10 ×",
        _stable,
        "python -m benchmarks.evaluators.against_stable_pretraining --data DIR",
    ),
    Row(
        "Each evaluator on all cores against one, 10,000 × 512",
        "evaluators/cores.json",
        "≥ 0.8 × cores",
        _cores,
        "python -m benchmarks evaluators.cores",
    ),
    Row(
        "One checkpoint more among 4, 40 and 400; images from 1,000 to 32,000; `--jobs 1`",
        "runs/growth.json",
        "flat within 10 %; straight line",
        _growth,
        "python -m benchmarks runs.growth",
    ),
    Row(
        "bfloat16 against float32, forward pass",
        "features/precision.json",
        "",
        _precision,
        "python -m benchmarks features.precision",
    ),
    Row(
        "One decode and one pass for all evaluators, against one each",
        "features/extraction.json",
        "",
        _extraction,
        "python -m benchmarks features.extraction",
    ),
    Row(
        "`swaveval demo` after the install: training, 16 checkpoints evaluated, the page",
        "runs/whole_demo.json",
        "≤ 120 s",
        _demo,
        "python -m benchmarks.runs.whole_demo",
    ),
    Row(
        "A second `run` with nothing to do",
        "runs/second_run.json",
        "< 2 s",
        _again,
        "python -m benchmarks runs.second_run",
    ),
    Row(
        "`swaveval report` on the demo, its figures whole; the slowest `--help`",
        "report/again.json",
        "< 3 s; < 0.4 s",
        _report,
        "python -m benchmarks report.again",
    ),
    Row(
        "All figures of the run of the second row, by one process and by as many as there are cores",
        "runs/drawing.json",
        "–",
        _drawing,
        "python -m benchmarks.runs.drawing REPORT",
    ),
    Row(
        "Training views of a whole batch, against lightly's transform image by image",
        "pretrain/views.json",
        "",
        _views,
        "python -m benchmarks pretrain.views",
    ),
    Row(
        "Images a second of `swaveval pretrain` against lightly's stock loop (its SwaV example on Lightning), "
        "each with the processes and threads that it takes by itself",
        "pretrain/loop.json",
        "≥ 3 ×; ≥ 1.5 ×",
        _loop,
        "python -m benchmarks.pretrain.loop --data DIR",
    ),
    Row(
        "What `swaveval.Monitor` costs a training, in a process beside it that evaluates without a pause, with a core "
        "to spare",
        "runs/monitor_beside.json",
        "≤ 2 %",
        _beside,
        "python -m benchmarks.runs.monitor_beside --pairs 200 --steps 6",
    ),
    Row(
        "The same on a GPU that both share, training by training",
        "runs/monitor_cost-cuda.json",
        "",
        _monitor,
        "python -m benchmarks.runs.monitor_cost --device cuda --size 64 --steps 3600 --evaluations 2 --repeats 2 "
        "--batch 256 --images 2000 --modes background",
    ),
    Row(
        "On a GPU: features of a ResNet-50 at 224 px in bfloat16 over the network alone; all evaluators of "
        "50,000 × 2,048 features over the forward pass of as many images; exact kNN of 50,000 among "
        "1,280,000 × 2,048, k = 200",
        "gpu.json",
        "≥ 0.9; ≤ 0.2; ≤ 10 s",
        _gpu,
        "python -m benchmarks.gpu",
    ),
)


def _variants() -> dict[str, str]:
    """What was tried in the forward pass: the table, the largest difference by folding, what compiling gains."""
    found = json.loads((HERE / "features" / "forward_variants.json").read_text(encoding="utf-8"))
    rates = found["images a second"]
    names = [name for name in next(iter(rates.values())) if not name.startswith(("largest", "seconds"))]
    lines = [f"| {shown(found['machine'])} | {' | '.join(names)} |", f"|---|{'---|' * len(names)}"]
    lines += [f"| {case} | {' | '.join(f'{rate[name]:g}' for name in names)} |" for case, rate in rates.items()]
    worst = max(rate["largest difference by folding / largest feature"] for rate in rates.values())
    waited = [rate[f"seconds before the first batch: {COMPILED}"] for rate in rates.values()]
    gained = [rate[COMPILED] / rate["bfloat16"] - 1 for rate in rates.values()]
    return {
        "VARIANTS": "\n".join(lines),
        "FOLDING": f"{worst:.0e}",
        "COMPILED": f"{min(gained):.0%} to {max(gained):.0%}",
        "WAITED": f"{min(waited):.0f} to {max(waited):.0f}",
    }


def page() -> str:
    """The document."""
    lines = []
    for row in ROWS:
        path = HERE / row.file
        result = json.loads(path.read_text(encoding="utf-8")) if path.exists() else None
        told = "not measured" if result is None else row.told(result)
        where = "" if result is None else shown(result["machine"])
        lines.append(f"| {row.what} (`{row.command}`) | {row.goal or '–'} | {told} | {where} |")
    text = TEMPLATE.read_text(encoding="utf-8")
    for word, said in ({"TABLE": "\n".join(lines), "PROFILE": profile_table()} | _variants()).items():
        text = text.replace(word, said)
    return text


def main() -> None:
    PAGE.write_text(page(), encoding="utf-8")
    print(PAGE)


if __name__ == "__main__":
    main()
