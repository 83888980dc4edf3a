"""Measure the truth of the bank's runs into DIR/truth and DIR/beyond:
`python -m benchmarks.verdicts.truth_bank DIR [NAME …]`.

Needs the trained runs (`train_bank`) and DIR/sets/digits (`sets.prepare_digits`). What each number is, and the rules
that make a word of them: `truth.py`, `truth_beyond.py`.
"""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from benchmarks.verdicts.bank_runs import TRAINED
from benchmarks.verdicts.derived import DERIVED, series
from benchmarks.verdicts.methods import Joint, network_of
from benchmarks.verdicts.recipes import Recipe
from benchmarks.verdicts.sets import Kept, kept, unseen
from benchmarks.verdicts.truth import Array, Truth, features, measured, probed, settled
from benchmarks.verdicts.truth_beyond import Beyond, alike, by_few, commonest, dino_outputs, outputs, p_above, rank
from swaveval.checkpoints.architectures import build_resnet

CHECKPOINTS = 4
UNTRAINED = 2


def recipe_of(name: str) -> Recipe | Joint:
    """Of a derived run that of the run it was made from."""
    return TRAINED[DERIVED[name].source if name in DERIVED else name]


def network(recipe: Recipe | Joint) -> nn.Module:
    if isinstance(recipe, Joint):
        return network_of(recipe)[0]
    return build_resnet(depth=10, stem="small", width=recipe.width, stem_stride=2)[0]


def part_of(recipe: Recipe | Joint) -> str:
    """Whose backbone and head are evaluated: the teacher's, where there is one."""
    return "teacher_" if isinstance(recipe, Joint) and recipe.distilled else ""


def below(state: dict[str, Any], prefix: str) -> dict[str, Any]:
    return {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}


def truth_of(recipe: Recipe | Joint, files: list[Path], given: Kept) -> Truth:
    """Probe a few checkpoints, spread over the run, and untrained networks."""
    digits, size = recipe.images == "digits", recipe.size
    places = np.unique(np.linspace(0, len(files) - 1, CHECKPOINTS).round().astype(int))
    right, names = [], []
    for place in places:
        state = torch.load(files[place], map_location="cpu", weights_only=True)["state_dict"]
        module = network(recipe)
        module.load_state_dict(below(state, f"{part_of(recipe)}backbone."))
        module.eval()
        finite = all(bool(torch.isfinite(value).all()) for value in module.state_dict().values())
        names.append(files[place].name)
        asked = int((given.fold >= 0).sum())
        right.append(probed(module, given, size=size, digits=digits) if finite else np.zeros(asked, dtype=np.bool_))
    untrained = []
    for seed in range(UNTRAINED):
        torch.manual_seed(1000 + seed)
        untrained.append(probed(settled(network(recipe), given.pixels, size=size), given, size=size, digits=digits))
    if names[0].endswith("step=0.ckpt"):
        untrained.append(right[0])  # the run's own untrained network, as it was saved
    return Truth(tuple(names), np.stack(right), np.stack(untrained))


def beyond_of(recipe: Recipe | Joint, files: list[Path], pixels: Array, labels: Array) -> Beyond:
    """Measure the last checkpoint, its head, and the same untrained networks as `truth_of`."""
    size, states = recipe.size, [torch.load(files[place], map_location="cpu", weights_only=True) for place in (0, -1)]

    def read(module: nn.Module) -> Array:
        return features(module, pixels, size=size, views=0, digits=False)[0]

    def saved(state: dict[str, Any]) -> Array:
        module = network(recipe)
        module.load_state_dict(below(state["state_dict"], f"{part_of(recipe)}backbone."))
        return read(module.eval())

    untrained = []
    for seed in range(UNTRAINED):
        torch.manual_seed(1000 + seed)
        untrained.append(read(settled(network(recipe), pixels, size=size)))
    if files[0].name.endswith("step=0.ckpt"):
        untrained.append(saved(states[0]))
    end = saved(states[1])
    state = states[1]["state_dict"]
    given, scores = dino_outputs(state, end) if part_of(recipe) else outputs(state, end)
    few, of_untrained = by_few(end, labels), [by_few(one, labels) for one in untrained]
    best, worst = (pick(of_untrained, key=lambda one: float(one.mean())) for pick in (max, min))
    return Beyond(
        alike=alike(given),
        commonest=0.0 if scores is None else commonest(scores),
        rank=rank(end),
        rank_untrained=min(map(rank, untrained)),
        classes=len(np.unique(labels)),
        few=float(few.mean()),
        few_best=float(best.mean()),
        few_worst=float(worst.mean()),
        few_gain_p=p_above(few, best),
        few_lost_p=p_above(worst, few),
    )


def write_beyond(name: str, directory: Path) -> None:
    """DIR/beyond/NAME.json, where the end has finite weights."""
    out, files = directory / "beyond" / f"{name}.json", series(directory / "runs" / name)
    state = torch.load(files[-1], map_location="cpu", weights_only=True)["state_dict"]
    if out.exists() or not all(bool(torch.isfinite(value).all()) for value in state.values()):
        return
    recipe = recipe_of(name)
    found = beyond_of(recipe, files, *unseen(recipe.images, directory / "sets"))
    out.parent.mkdir(exist_ok=True)
    out.write_text(json.dumps(found.to_json(), indent=1), encoding="utf-8")
    print(name, found.to_json(), flush=True)


def main() -> None:
    torch.set_num_threads(1)
    directory = Path(sys.argv[1])
    for name in sys.argv[2:] or [*TRAINED, *DERIVED]:
        write_beyond(name, directory)
        out = directory / "truth" / f"{name}.json"
        if out.exists():
            continue
        recipe = recipe_of(name)
        truth = truth_of(recipe, series(directory / "runs" / name), kept(recipe.images, directory / "sets"))
        found = measured(truth)
        out.parent.mkdir(exist_ok=True)
        curve = dict(zip(truth.names, truth.right.mean(axis=1).round(4).tolist(), strict=True))
        out.write_text(json.dumps({**found.to_json(), "n": truth.right.shape[1], "curve": curve}, indent=1))
        print(name, found.to_json(), flush=True)


if __name__ == "__main__":
    main()
