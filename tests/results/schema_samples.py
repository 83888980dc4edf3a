"""A small evaluation that uses every field that is stored: what the fixtures below tests/results/schemas are made of.

`python -m tests.results.schema_samples NAME` writes it there under a new name, with the present code.
"""

import sys
from pathlib import Path

import numpy as np

from swaveval.results import (
    Artifact,
    Cell,
    CellKey,
    CheckpointRecord,
    DataSummary,
    LossCurve,
    Metric,
    ResultStore,
    RunManifest,
    Term,
)
from swaveval.results.seconds import OF_PAGE

SCHEMAS = Path(__file__).parent / "schemas"
DATA, TRANSFORM = "f" * 64, "resize32"
CREATED = "2026-11-27T08:00:00+00:00"


def sample_cells() -> list[tuple[Cell, list[Artifact]]]:
    """Every status; metrics with and without an interval, and what JSON has no number for; arrays of every kind."""
    index = np.arange(20, dtype=np.int32)
    made: list[tuple[Cell, list[Artifact]]] = []
    for number, backbone in enumerate(("a" * 64, "b" * 64)):
        key = CellKey(backbone, DATA, TRANSFORM, "knn", 3, {"k": 20}, 7)
        share = 0.5 + number / 4
        metric = Metric(
            "knn.top1", share, bounds=(0.0, 1.0), ci95=(share - 0.2, share + 0.2), n=20, protocol="20 neighbours"
        )
        correct = Artifact("knn.top1.outcomes", {"correct": index < 20 * share, "index": index})
        made.append((Cell(key, metrics=(metric,), seconds=0.25, created=CREATED), [correct]))
        key = CellKey(backbone, DATA, TRANSFORM, "spectrum", 2, {}, 7)
        unknown = Metric("spectrum.alpha", float("nan"), unit="ratio", better="neither", bounds=(None, None))
        endless = Metric("spectrum.condition", float("inf"), unit="ratio", better="lower", bounds=(1.0, None))
        made.append((Cell(key, metrics=(unknown, endless), seconds=0.5, created=CREATED), []))
    key = CellKey("c" * 64, DATA, TRANSFORM, "umap", 1, {}, 7)
    place = Artifact(
        "umap.map", {"xy": np.linspace(0, 1, 40).reshape(20, 2), "names": np.array(["é", "b"])}, checkpoint="b" * 64
    )
    made.append((Cell(key, seconds=1.5, created=CREATED), [place]))
    key = CellKey("a" * 64, DATA, TRANSFORM, "dse", 1, {}, 7)
    made.append((Cell(key, "skipped", "it needs two checkpoints", created=CREATED), []))
    key = CellKey("b" * 64, DATA, TRANSFORM, "dse", 1, {}, 7)
    made.append((Cell(key, "error", "MemoryError: no room", created=CREATED), []))
    return made


def sample_manifest() -> RunManifest:
    """Every field of a manifest, none as it is where nothing is said."""
    records = [
        CheckpointRecord(
            f"epoch={number}.ckpt", digest=letter * 64, epoch=float(number), step=10 * number,
            untrained=number == 0, load={"matched": 1.0, "prototypes": 30},
        )
        for number, letter in enumerate("ab")
    ]  # fmt: skip
    records.append(
        CheckpointRecord("last.ckpt", digest="b" * 64, epoch=1.0, step=10, same_as="epoch=1.ckpt", alias=True)
    )
    records.append(CheckpointRecord("torn.ckpt", state="corrupt", reason="it is cut off"))
    records.append(CheckpointRecord("random init, seed 0", kind="baseline", baseline="random", seed=0, digest="d" * 64))
    digests = [cell.key.digest for cell, _ in sample_cells()]
    return RunManifest(
        name="sample",
        data=DataSummary(
            "bars", "in/bars", DATA, 40, 20, ("one", "two"), True, "drawn", TRANSFORM, {"broken": []}, "folders",
            "bf16", "asked for", 600, "600 of all",
        ),
        checkpoints=tuple(records),
        evaluators=(("knn", 3, {"k": 20}), ("spectrum", 2, {})),
        loss=LossCurve("metrics.csv", (1.0, 2.0), (3.4, 3.1), 30, (10, 20), (0.1, 0.05), "epoch", "placed by steps"),
        hyperparameters={"prototypes": 30},
        training_seconds=24.5,
        command="swaveval run -c checkpoints",
        versions={"python": "3.11"},
        created=CREATED,
        seed=7,
        notes=("a note",),
        cells=tuple(digests),
        order="epoch",
        source="../checkpoints",
        cell_names=dict.fromkeys(digests[:1], ("knn", "epoch=0.ckpt")),
        terms={"mine.value": Term("Mine", "what mine says", "by hand", "M")},
        roles={"mine.value": ("witness",)},
        training_epochs=2,
        recipe="e" * 64,
        budget_seconds=600.0,
        repaired={digests[0]: "2026-11-27"},
    )  # fmt: skip


def write_sample(out: Path) -> None:
    """The whole of it below `out`."""
    store = ResultStore(out / "results")
    for cell, artifacts in sample_cells():
        store.put(cell, artifacts)
    store.seconds.put("a" * 64, DATA, TRANSFORM, {"reading": 0.5, "forward": 2.0})
    store.seconds.put(*OF_PAGE, {"page": 1.0})
    store.write_manifest(sample_manifest())


if __name__ == "__main__":
    place = SCHEMAS / sys.argv[1]
    if place.exists():
        sys.exit(f"{place} exists; a fixture is never written again: name another")
    write_sample(place)
