"""Every writer of ours with what reads it back, as `tests.crashes.points` takes them."""

import json
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from swaveval.checkpoints import Backbone, Entry, LoadOptions, LoadReport
from swaveval.checkpoints.source import Directory
from swaveval.convergence.verdict import Verdict
from swaveval.data import EvalTransform, decode
from swaveval.data.decoded import PixelArray
from swaveval.data.scan import _recall, _remember
from swaveval.data.trained import read_training_images, write_training_images
from swaveval.features.features import Features
from swaveval.features.store import FeatureStore
from swaveval.pretrain.errors import ConfigError
from swaveval.pretrain.loss_log import COLUMNS, LossLog, _rows_until
from swaveval.pretrain.series import AtomicCheckpointIO, newest, progress_of
from swaveval.report.figure_files import faults, write_all
from swaveval.results import Artifact, Cell, CellKey, DamagedCell, Metric, ResultStore, Series, StoreError
from swaveval.results.atomic import link
from swaveval.results.seconds import SecondsStore
from swaveval.runs import unchanged
from swaveval.runs.cost import training_time
from swaveval.runs.geometry_findings import Findings
from swaveval.runs.loader import CheckpointLoader
from swaveval.runs.outcome import RunOutcome, Written
from swaveval.runs.page import write_page
from tests.crashes.points import NOTHING, Writer
from tests.crashes.tracker_writers import TRACKER_WRITERS
from tests.crashes.watch_writers import WATCH_WRITERS
from tests.features.tiny_network import tiny_backbone, tiny_images

# -- results -----------------------------------------------------------------------------------------------------------


def key(evaluator: str = "knn") -> CellKey:
    return CellKey("b" * 64, "f" * 64, "t", evaluator, 1, {"k": 5}, 0)


def cell(value: float, evaluator: str = "knn") -> Cell:
    return Cell(key(evaluator), metrics=(Metric(f"{evaluator}.top1", value, checkpoint="b" * 64),))


def outcomes(value: float) -> list[Artifact]:
    return [Artifact("knn.top1.outcomes", {"correct": np.arange(12) % 3 < value, "index": np.arange(12)})]


def stored(root: Path) -> Any:
    store = ResultStore(root / "results")
    try:
        held = store.get(key())
        if held is None:
            return NOTHING
        arrays = [[name, *values.tolist()] for one in store.artifacts(held) for name, values in one.arrays.items()]
    except DamagedCell:
        return NOTHING
    return [held.metrics[0].value, arrays]


def first_cell(root: Path) -> Iterator[None]:
    ResultStore(root / "results").put(cell(0.25), outcomes(1))
    yield


def second_cell(root: Path) -> Iterator[None]:
    ResultStore(root / "results").put(cell(0.75), outcomes(2))
    yield


def once(write: Any) -> Any:
    """What a writer leaves, as what lies there before another."""

    def before(root: Path) -> None:
        for _ in write(root):
            pass

    return before


def discarded(root: Path) -> Iterator[None]:
    yield  # that it is gone is no promise: a cell that comes back is a whole one
    ResultStore(root / "results").discard(key())


@cache
def manifest() -> Any:
    from tests.results.schema_samples import sample_manifest

    return sample_manifest()


def manifests(root: Path) -> Iterator[None]:
    store = ResultStore(root / "results")
    store.write_manifest(manifest())
    yield
    store.write_manifest(replace(manifest(), name="another"))
    yield


def read_manifest(root: Path) -> Any:
    try:
        return ResultStore(root / "results").read_manifest().name
    except DamagedCell:
        return "damaged"
    except StoreError:
        return NOTHING


def seconds(root: Path) -> Iterator[None]:
    store = SecondsStore(root / "results" / "seconds")
    store.put("b", "d", "t", {"forward": 1.0})
    yield
    store.put("b", "d", "t", {"reading": 2.0})
    yield


def read_seconds(root: Path) -> Any:
    return dict(SecondsStore(root / "results" / "seconds").get("b", "d", "t").stages) or NOTHING


# -- what can be made again --------------------------------------------------------------------------------------------


def features(value: float) -> Features:
    index = np.arange(8)
    rows = np.full((6, 3), value, dtype=np.float32)
    return Features(
        train=rows, test=rows[:2], train_labels=index[:6] % 2, test_labels=index[:2] % 2, train_index=index[:6],
        test_index=index[6:], class_names=("a", "b"), views=None, prototypes=None, protocol="p", device="cpu",
    )  # fmt: skip


def write_features(root: Path) -> Iterator[None]:
    store = FeatureStore(root / "cache" / "features")
    for value in (1.0, 2.0):
        store.put("b", "s", "d", features(value))
        yield


def read_features(root: Path) -> Any:
    FeatureStore._verified.clear()
    found = FeatureStore(root / "cache" / "features").get("b", "s", "d")
    return NOTHING if found is None else [found.train.tolist(), found.test_index.tolist()]


def few_images() -> Any:
    pixels = [np.full((8, 8, 3), 20 * number, dtype=np.uint8) for number in range(4)]
    return replace(
        tiny_images(4),
        files=tuple("abcd"),
        fingerprint="e" * 64,
        open=lambda position: Image.fromarray(pixels[position]),
    )


def write_pixels(root: Path) -> Iterator[None]:
    decode(few_images(), EvalTransform(size=8), cache=root / "cache" / "pixels")
    yield


def read_pixels(root: Path) -> Any:
    """What is cached; a damaged cache is made anew, which `decode` does here in memory of its own."""
    held = [path for path in root.glob("cache/pixels/pixels-*.npy") if path.is_file()]
    if not held:
        return NOTHING
    found = decode(few_images(), EvalTransform(size=8), cache=root / "cache" / "pixels")
    assert isinstance(found, PixelArray)
    return found.take(range(4)).tolist()


class Fixed(Directory):
    """A file that is known by its name, wherever its directory lies, and read only where that is allowed."""

    readable = True

    def key(self, entry: Entry) -> str:
        return entry.name

    def unchanged(self, entry: Entry) -> bool:
        return True

    def backbone(self, entry: Entry, options: LoadOptions) -> Backbone:
        if not self.readable:
            raise LookupError("it is read again")
        return replace(tiny_backbone(), report=LoadReport(entry.name, "ready", digest="d" * 64))


def remembered(root: Path, *, readable: bool) -> Any:
    from swaveval.runs.records import _from_memory, _read

    source = Fixed(root / "run")
    source.readable = readable
    asked = CheckpointLoader(source, LoadOptions()), Entry("a.ckpt", stamp=(7, 7, 7)), root / "cache" / "reads"
    report, _ = _from_memory(*asked) or _read(*asked)
    return report.digest


def write_read(root: Path) -> Iterator[None]:
    """The memory of what was read of a checkpoint, by the very function of a run."""
    remembered(root, readable=True)
    yield


def read_read(root: Path) -> Any:
    try:
        return remembered(root, readable=False)
    except LookupError:
        return NOTHING


def write_note(root: Path) -> Iterator[None]:
    _remember(root / "scan.json", {"a.png": [1, 2, 3, 4, []]})
    yield
    _remember(root / "scan.json", {"b.png": [1, 2, 3, 4, []]})
    yield


def read_note(root: Path) -> Any:
    return list(_recall(root / "scan.json")) or NOTHING


def write_geometry(root: Path) -> Iterator[None]:
    from swaveval.results.atomic import write_bytes
    from swaveval.results.encoding import seal

    write_bytes(root / "cache" / "geometry.json", seal(Findings(notes=("one",)).to_json()))
    yield


def read_geometry(root: Path) -> Any:
    from swaveval.results.encoding import unseal

    try:
        return list(Findings.from_json(unseal((root / "cache" / "geometry.json").read_bytes())).notes)
    except (OSError, ValueError, KeyError, TypeError):
        return NOTHING


# -- for readers -------------------------------------------------------------------------------------------------------


def evaluated(root: Path) -> None:
    """A small evaluation of two checkpoints, stored and not yet shown."""
    from tests.results.schema_samples import write_sample

    write_sample(root)


def shown(root: Path) -> None:
    evaluated(root)
    write_page(root, figures=False)


def pages(root: Path) -> Iterator[None]:
    write_page(root, figures=False)
    yield


def read_page(root: Path) -> Any:
    """Page and verdict: each whole or absent."""
    Series.load(root)
    page, verdict = root / "index.html", root / "verdict.json"
    if page.exists():
        text = page.read_text(encoding="utf-8")
        assert text.rstrip().endswith("</html>"), "a torn page"
    if verdict.exists():
        json.loads(verdict.read_text(encoding="utf-8"))
    return [page.exists(), verdict.exists()]


def figures(root: Path) -> Iterator[None]:
    names = ("one", "two")
    made = ((name, {kind: f"{name} as {kind}".encode() * 9 for kind in ("png", "svg")}) for name in names)
    write_all(root / "figures", "source", names, made)
    yield


def read_figures(root: Path) -> Any:
    missing = faults(root / "figures", "source")
    if missing is None or missing:  # never finished, or noticed: all are drawn again
        return NOTHING
    return sorted(path.read_text() for path in (root / "figures").glob("*.png"))


def finished(root: Path) -> Iterator[None]:
    verdict = json.loads((root / "verdict.json").read_text(encoding="utf-8"))
    written = Written(root / "index.html", Series.load(root), Verdict.from_json(verdict))
    for told in ("one", "two"):
        unchanged.remember(request_in(root), RunOutcome(written, 0, (), (), ()), {}, (told,))
        yield


def request_in(root: Path) -> Any:
    from swaveval.runs.request import RunRequest

    return RunRequest(Path("checkpoints"), root)


def read_finished(root: Path) -> Any:
    from swaveval.results.encoding import unseal

    try:
        return unseal((root / "cache" / "finished.json").read_bytes())["told"]
    except (OSError, ValueError):
        return NOTHING


# -- training ----------------------------------------------------------------------------------------------------------


def train(root: Path) -> Iterator[None]:
    """The checkpoints of two epochs, as `CheckpointSeries` writes them."""
    for epoch in range(3):
        content = {"swaveval_epoch": epoch, "global_step": 5 * epoch, "state_dict": {"w": torch.ones(300) * epoch}}
        kept = root / "checkpoints" / f"epoch={epoch}-step={5 * epoch}.ckpt"
        AtomicCheckpointIO().save_checkpoint(content, kept)
        link(kept, root / "checkpoints" / "last.ckpt")
        yield


def trained(root: Path) -> Any:
    """How far a resumed training would be; every file of the series must be whole."""
    found = newest(root / "checkpoints")
    for path in (root / "checkpoints").glob("[!.]*.ckpt"):
        try:
            progress_of(path)
        except ConfigError as error:
            raise AssertionError(f"torn: {error}") from error
    return NOTHING if found is None else progress_of(found)[0]


def log_losses(root: Path) -> Iterator[None]:
    for first in (0, 4):  # a training, and the same resumed
        log = LossLog(root / "metrics.csv", prototypes=30, step=first)
        log.open()
        yield
        for step in range(first + 1, first + 5):
            log.write("step", epoch=step / 4, step=step, loss=3.0 + step / 7, learning_rate=0.1)
        log.write("epoch", epoch=first / 4 + 1, step=first + 4, loss=3.25, learning_rate=0.1, seconds=12.25)
        yield
        log.close()


def read_losses(root: Path) -> Any:
    if not (root / "metrics.csv").exists():
        return NOTHING
    rows = _rows_until(root / "metrics.csv", 10**9)
    took = training_time(root)
    epochs = sum(row[0] == "epoch" for row in rows)
    assert took is None or took.seconds == 12.25 * took.epochs, f"{took} of torn rows"
    assert all(len(row) == len(COLUMNS) for row in rows)
    return [epochs, *rows]


def prefix(value: Any, old: Any, new: Any) -> bool:
    """Rows between two states of a log that grows."""
    if NOTHING in (value, new):
        return False
    start = [] if old == NOTHING else old[1:]
    return bool(value[1:] == new[1 : len(value)] and len(value) > len(start))


def image_list(root: Path) -> Iterator[None]:
    write_training_images(root, replace(tiny_images(4), contents=tuple(letter * 64 for letter in "abcd")))
    yield


def read_image_list(root: Path) -> Any:
    found = read_training_images(root)
    return NOTHING if found is None else [sorted(found.train), sorted(found.test)]


WRITERS = (
    Writer("cell, new", first_cell, stored),
    Writer("cell, done again with other numbers", second_cell, stored, before=once(first_cell)),
    Writer("cell, discarded", discarded, stored, before=once(first_cell)),
    Writer("manifest", manifests, read_manifest),
    Writer("seconds", seconds, read_seconds),
    Writer("features", write_features, read_features, again=True),
    Writer("pixels", write_pixels, read_pixels, again=True),
    Writer("memory of what was read", write_read, read_read, again=True),
    Writer("memory of the images", write_note, read_note, again=True),
    Writer("memory of the geometry", write_geometry, read_geometry, again=True),
    Writer("memory of a finished run", finished, read_finished, before=shown, again=True),
    Writer("page and verdict", pages, read_page, before=evaluated, between=lambda value, old, new: True),
    Writer("figures", figures, read_figures, again=True),
    Writer("checkpoints of a training", train, trained),
    Writer("log of a training", log_losses, read_losses, between=prefix),
    Writer("list of the images of a training", image_list, read_image_list),
    *TRACKER_WRITERS,
    *WATCH_WRITERS,
)
