"""What every run of the bank deserves, by how it was made and by its truth: `python -m benchmarks.verdicts.expect DIR`.

Writes expected.toml from DIR/truth (`truth_bank`), before the verdict sees a run. How a run was made decides where it
leaves no question (nothing was trained, files were shuffled or damaged); else the rules of `truth.deserved` and
`truth_beyond.amended` do.
Runs that are not in DIR keep what is written of them.
"""

import csv
import json
import math
import sys
import tomllib
from pathlib import Path

from benchmarks.verdicts.bank_runs import TRAINED
from benchmarks.verdicts.derived import DERIVED
from benchmarks.verdicts.fixture import BANK
from benchmarks.verdicts.methods import Joint
from benchmarks.verdicts.recipes import Recipe
from benchmarks.verdicts.truth import LEAST, Measured, deserved
from benchmarks.verdicts.truth_bank import recipe_of
from benchmarks.verdicts.truth_beyond import Beyond, amended

EXPECTED = Path(__file__).with_name("expected.toml")

_STILL = "the learning rate is 1e-7: the weights hardly move, only BatchNorm's statistics settle"
MADE: dict[str, tuple[str, str]] = {
    "rate-too-low": ("not-learning", _STILL),
    "rate-too-low-t3": ("not-learning", f"{_STILL}; at temperature 3 the loss is that of a constant output all along"),
    "cifar-swav-rate-too-low": ("not-learning", _STILL),
    "cifar-simclr-rate-too-low": ("not-learning", _STILL),
    "flowers-barlow-rate-too-low": ("not-learning", _STILL),
    "textures-simclr-rate-too-low": ("not-learning", _STILL),
    "flowers-swav-rate-too-low": ("not-learning", _STILL),
    "clothing-simclr-rate-too-low": ("not-learning", _STILL),
    "flowers-dino-rate-too-low": ("not-learning", _STILL),
    "cifar-barlow-rate-too-low": ("not-learning", _STILL),
    "textures-swav-frozen-backbone": ("not-learning", "only head and prototypes learn"),
    "frozen-backbone": ("not-learning", "only head and prototypes learn"),
    "flowers-swav-frozen-backbone": ("not-learning", "only head and prototypes learn"),
    "prototypes-only": ("not-learning", "only the prototypes learn"),
    "clothing-swav-prototypes-only": ("not-learning", "only the prototypes learn"),
    "never-changing": ("not-learning", "step 0 saved under every epoch"),
    "shuffled": ("inconclusive", "the trained checkpoints under each other's epochs: better than the start, no order"),
    "flowers-simclr-shuffled": ("inconclusive", "the trained checkpoints under each other's epochs"),
    "damaged-gradually": ("regressed", "growing noise on the weights of the last five checkpoints"),
    "damaged-at-once": ("regressed", "noise on the weights of the last checkpoint"),
    "cifar-simclr-damaged-at-once": ("regressed", "noise on the weights of the last checkpoint"),
    "textures-barlow-damaged-gradually": ("regressed", "growing noise on the weights of the last five checkpoints"),
    "nan-half-way": ("regressed", "NaN weights in the second half of a run that had learned"),
    "clothing-simclr-nan-half-way": ("regressed", "NaN weights in the second half of a run that had learned"),
}


def constant(run: Path, recipe: Recipe | Joint) -> bool:
    """Whether the loss ended within 0.1 % of a constant output's: ln K of SwaV, -1 where views are only pulled."""
    if isinstance(recipe, Joint) and recipe.method != "byol without predictor":
        return False
    with (run / "metrics.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    if isinstance(recipe, Joint):
        return abs(1 + float(rows[-1]["train_loss"])) < 0.001
    last = [float(row["loss"]) for row in rows if row["kind"] == "epoch"][-1]
    return abs(1 - last / math.log(recipe.prototypes)) < 0.001


def word(name: str, directory: Path) -> tuple[str, str, str]:
    """The verdict that a run deserves, why, and another that is right as well; an empty word where nobody knows."""
    if name in MADE:
        verdict, why = MADE[name]
        if name in DERIVED and verdict in ("regressed", "inconclusive"):
            source = DERIVED[name].source
            if word(source, directory)[0] not in ("learning", "converged"):
                return "", f"nobody knows whether {source} had learned", ""
        return verdict, why, "learning" if verdict == "converged" else ""
    path = directory / "truth" / f"{name}.json"
    if not path.exists():
        return "", "its truth was not measured", ""
    body = json.loads(path.read_text(encoding="utf-8"))
    found = Measured(**{key: body[key] for key in Measured.__dataclass_fields__})
    recipe = recipe_of(name)
    flat = constant(directory / "runs" / (DERIVED[name].source if name in DERIVED else name), recipe)
    verdict = deserved(found, finished=recipe.finished, constant=flat)
    if found.end == 0:  # nothing is right by weights that are not finite
        verdict = "regressed" if max(body["curve"].values()) - found.best >= LEAST else "not-learning"
    why = (
        f"truth {100 * found.end:.1f} at the end, {100 * found.worst:.1f} to {100 * found.best:.1f} untrained "
        f"(n = {body['n']}); {100 * found.fall:+.1f} from the best, {100 * found.late:+.1f} over the last third"
        f"{'; the loss ends at that of a constant output' if flat else ''}"
        f"{'; the rate went to zero' if recipe.finished else ''}"
    )
    beside = directory / "beyond" / f"{name}.json"
    other = "learning" if verdict == "converged" else ""
    if not beside.exists():
        return verdict, why, other
    beyond = Beyond(**json.loads(beside.read_text(encoding="utf-8")))
    verdict, divided = amended(verdict, beyond)
    return verdict, f"{why}; {_beyond_words(beyond)}", divided or ("learning" if verdict == "converged" else "")


def _beyond_words(beyond: Beyond) -> str:
    taken = f", one prototype takes {100 * beyond.commonest:.0f} %" if beyond.commonest else ""
    return (
        f"outputs of different images have cosine {beyond.alike:.2f}{taken}; rank {beyond.rank:.0f} "
        f"({beyond.rank_untrained:.0f} untrained; {beyond.classes} classes); "
        f"five labels a class {100 * beyond.few:.1f}, "
        f"{100 * beyond.few_worst:.1f} to {100 * beyond.few_best:.1f} untrained"
    )


def main() -> None:
    directory = Path(sys.argv[1])
    before = tomllib.loads(EXPECTED.read_text(encoding="utf-8"))
    lines = [
        "# The verdict each run deserves, written by `python -m benchmarks.verdicts.expect` before the verdict saw it:",
        "# from how it was made where that leaves no question, else from its truth (truth.py): the accuracy in percent",
        "# of a probe on images that no number of the verdict is measured on (of digits and textures, which are too",
        "# few to be cut in two, of all images under views). `or`: a truth is known to about half a point, and cannot",
        "# tell a run that has converged from one that rises by less than a point in its last third: either is right;",
        "# where few labels contradict many, the truth is divided and inconclusive is right as well (truth_beyond.py).",
    ]
    for name in [*TRAINED, *DERIVED]:
        if not (BANK / f"{name}.npz").exists():
            continue
        kept = before.get(name)
        here = (directory / "runs" / name).exists() or kept is None
        if here:
            verdict, why, other = word(name, directory)
        else:
            verdict, why, other = kept["verdict"], kept["why"], kept.get("or", "")
        if not verdict:
            print(f"{name} is left out: {why}")
            (BANK / f"{name}.npz").unlink()
            continue
        lines += ["", f'["{name}"]', f'verdict = "{verdict}"', f'why = "{why}"']
        if other:
            lines.append(f'or = "{other}"')
    EXPECTED.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
