"""Is a geometry that shapes do not tell read rightly from BatchNorm's statistics, on the training's images and others?

`python -m benchmarks.geometry.fingerprints --data DIR --foreign DIR … --cache DIR` trains a small network of every
variant on some of the images of `--data` and lets `prepare` of `swaveval run` settle geometry and pre-processing: on
images of `--data` that no network has seen, on those of each `--foreign`, and on digits. The files hold weights alone.
"""

import argparse
import random
import re
import shutil
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from benchmarks.features.machine import describe, save
from benchmarks.geometry.networks import SIDE, VARIANTS, Variant, trained
from swaveval.checkpoints.geometry import RESNET_FIELDS
from swaveval.data.transforms import EvalTransform
from swaveval.runs.request import RunRequest
from swaveval.runs.run import prepare

HERE = Path(__file__).parent
TRAINED_ON, HELD_OUT = 800, 200
SUFFIXES = (".jpg", ".jpeg", ".png")


@dataclass(frozen=True)
class Trial:
    """One network shown one image set.

    Attributes:
        geometry, pixels: `right`, `said` (wrong, and a note names it) or `silent` (wrong without a word).
        other: whether it was said that the images are not like those of the training.
        least: mismatch of the best geometry over all layers. first: of the normalisation in use at the first layer.
    """

    network: str
    images: str
    geometry: str
    pixels: str
    other: bool
    least: float
    first: float
    seconds: float
    notes: tuple[str, ...]


def some_of(directory: Path) -> list[Path]:
    """The images below a directory in a fixed random order."""
    found = sorted(path for path in directory.rglob("*") if path.suffix.lower() in SUFFIXES)
    random.Random(0).shuffle(found)
    return found


def trial(name: str, checkpoint: Path, images: str, data: str, scratch: Path) -> Trial:
    """Show the network the images, as `swaveval run` would before it computes anything."""
    variant = VARIANTS[name]
    started = time.perf_counter()
    request = RunRequest(
        checkpoints=checkpoint,
        out=scratch / "report",
        data=data,
        labels="none",
        evaluators=("spectrum",),
        transform=EvalTransform(size=SIDE),
    )
    found = prepare(request)
    seconds = time.perf_counter() - started
    (record,) = [record for record in found.records if record.kind == "checkpoint"]
    told = record.load["geometry"]
    evidence, notes = told["evidence"], tuple(found.said)
    return Trial(
        network=name,
        images=images,
        geometry=_outcome(_geometry_is_right(told, variant), notes, "stem|stage|pooling|padding|smaller than in"),
        pixels=_outcome(_pixels_are_right(found.request.normalisation, variant), notes, "pre-process"),
        other=any("not like those" in note for note in notes),
        least=min((fit for _, fit in evidence.get("fits", [])), default=float("nan")),
        first=evidence["preprocessing"][0][1],
        seconds=round(seconds, 1),
        notes=notes,
    )


def _outcome(right: bool, notes: tuple[str, ...], words: str) -> str:
    return "right" if right else "said" if any(re.search(words, note) for note in notes) else "silent"


def _geometry_is_right(told: dict[str, Any], variant: Variant) -> bool:
    return all(told[field][0] == getattr(variant.spec, field) for field in RESNET_FIELDS if field in told)


def _pixels_are_right(normalisation: Any, variant: Variant) -> bool:
    taken = EvalTransform(**dict(normalisation))
    return (taken.mean, taken.std, taken.order) == (variant.mean, variant.std, variant.order)


def markdown(trials: list[Trial], machine: dict[str, Any], command: str) -> str:
    """The table, to be read."""
    sets = list(dict.fromkeys(trial.images for trial in trials))
    lines = [
        "# Geometry and pre-processing from BatchNorm's statistics",
        "",
        f"Command: `{command}`. {machine['date']}, {machine['cores']} cores, {machine['processor']}, "
        f"torch {machine['torch']}.",
        "",
        f"{len(VARIANTS)} small ResNets trained on {TRAINED_ON} photos of the first set, {SIDE} px, their files bare; "
        "each shown images of that set that none has seen, and images of other sets. *Right*: geometry "
        "(pre-processing) is that of the training. *Said*: it is not, and a note names what was assumed. *Silent*: it "
        "is not, without a word. *Others*: how often the page says that the images are not like those of the training.",
        "",
        "| images | geometry right / said / silent | pre-processing right / said / silent | others | first layer off "
        "by, median (range) | all layers | seconds, median |",
        "|---|---|---|---|---|---|---|",
    ]
    for name in sets:
        rows = [trial for trial in trials if trial.images == name]
        counts = [Counter(getattr(row, what) for row in rows) for what in ("geometry", "pixels")]
        shown = [" / ".join(str(count[word]) for word in ("right", "said", "silent")) for count in counts]
        first, least, seconds = (sorted(getattr(row, what) for row in rows) for what in ("first", "least", "seconds"))
        middle = len(rows) // 2
        lines.append(
            f"| {name} | {shown[0]} | {shown[1]} | {sum(row.other for row in rows)} of {len(rows)} | "
            f"{first[middle]:.2f} ({first[0]:.2f} to {first[-1]:.2f}) | "
            f"{least[middle]:.2f} ({least[0]:.2f} to {least[-1]:.2f}) | {seconds[middle]:.1f} |"
        )
    lines += ["", "Not right, and what was said:", ""]
    lines += [
        f"- {row.network}, {row.images}: {'; '.join(row.notes) or 'nothing'}"
        for row in trials
        if {row.geometry, row.pixels} != {"right"}
    ]
    return "\n".join([*lines, ""])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="images to train on")
    parser.add_argument("--foreign", type=Path, nargs="*", default=[], help="other image sets")
    parser.add_argument("--cache", type=Path, required=True, help="where trained networks and their views are kept")
    parser.add_argument("--only", nargs="*", default=list(VARIANTS), help="these networks; nothing is written then")
    options = parser.parse_args()
    torch.set_num_threads(1)
    options.cache.mkdir(parents=True, exist_ok=True)
    own = some_of(options.data)
    shown = {f"{options.data.name}, unseen": own[TRAINED_ON : TRAINED_ON + HELD_OUT]}
    shown |= {directory.name: some_of(directory)[:HELD_OUT] for directory in options.foreign}
    trials = []
    with tempfile.TemporaryDirectory() as name:
        places = {images: _copied(files, Path(name) / images) for images, files in shown.items()} | {"digits": "digits"}
        for network in options.only:
            checkpoint = trained(network, own[:TRAINED_ON], options.cache)
            for images, data in places.items():
                with tempfile.TemporaryDirectory() as scratch:
                    trials.append(trial(network, checkpoint, images, data, Path(scratch)))
                last = trials[-1]
                print(
                    f"{network:48} {images:18} {last.geometry:6} {last.pixels:6} {'others' if last.other else '':6} "
                    f"{last.least:.2f} {last.first:.2f} {last.seconds:5.1f}",
                    *(last.notes if {last.geometry, last.pixels} != {"right"} else ()),
                    flush=True,
                )
    if options.only == list(VARIANTS):
        machine = describe()
        command = "python -m benchmarks.geometry.fingerprints --data DIR --foreign DIR … --cache DIR"
        rows = [{field: getattr(trial, field) for field in Trial.__dataclass_fields__} for trial in trials]
        save(HERE / "fingerprints.json", {"command": command, "machine": machine, "trials": rows})
        (HERE / "fingerprints.md").write_text(markdown(trials, machine, command), encoding="utf-8")


def _copied(files: list[Path], directory: Path) -> str:
    directory.mkdir(parents=True)
    for number, file in enumerate(files):
        shutil.copyfile(file, directory / f"{number:04}{file.suffix.lower()}")
    return str(directory)


if __name__ == "__main__":
    main()
