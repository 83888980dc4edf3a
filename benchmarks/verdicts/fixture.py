"""A measured series as one small file of numbers, and back."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from swaveval.results import Artifact, Metric, Point, RunManifest, Series
from swaveval.results.encoding import decode_number, encode_number

BANK = Path(__file__).parents[2] / "tests" / "convergence" / "bank"
# What the verdict reads, and a few that the page and docs/verdict-proof.md show.
KEPT_METRICS = (
    "knn.loo_top1",
    "knn.top1",
    "linear.fold_top1",
    "linear.top1",
    "lowshot.train_top1[shots=5]",
    "lowshot.top1[shots=5]",
    "clusters.train_purity",
    "clusters.purity",
    "clusters.nmi",
    "clusters.ami",
    "clusters.silhouette",
    "intrinsic.mst",
    "intrinsic.lid",
    "dse.score",
    "prototypes.unique",
    "prototypes.loss",
    "prototypes.perplexity",
    "prototypes.agreement",
    "prototypes.dead",
    "spectrum.rankme",
    "spectrum.rankme_centred",
    "spectrum.std",
    "spectrum.alpha",
    "spectrum.nesum",
    "spectrum.stable_rank",
    "views.retrieval",
    "views.lidar",
    "views.alignment",
    "views.uniformity",
    "drift.relative_l2",
)
KEPT_OUTCOMES = (
    "knn.loo_top1",
    "knn.top1",
    "linear.fold_top1",
    "linear.top1",
    "lowshot.train_top1[shots=5]",
    "clusters.train_purity",
    "views.retrieval",
)
# Shares are kept to one part in this many: of two to five, six, eight and ten draws exactly.
SHARES = 240


def save(series: Series, path: Path) -> int:
    """Write `series` and return the file's size in bytes. Digests are shortened, the data's path is its name."""
    names = {str(record.digest): f"w{place}" for place, record in enumerate(series.manifest.checkpoints)}
    body = series.manifest.to_json()
    body["data"] |= {"path": series.manifest.data.name, "audit": {}}
    for record in body["checkpoints"]:
        record["digest"] = None if record["digest"] is None else names[record["digest"]]
    values = {
        names[str(point.record.digest)]: {
            metric: encode_number(point.metrics[metric].value) for metric in KEPT_METRICS if metric in point.metrics
        }
        for point in (*series.points, *series.baselines)
    }
    arrays: dict[str, np.ndarray[Any, np.dtype[Any]]] = {}
    for metric in KEPT_OUTCOMES:
        for digest, name in names.items():
            found = series.artifact(f"{metric}.outcomes", digest)
            if found is None:
                continue
            arrays[f"{metric}/index"] = found["index"]
            if "share" in found:
                arrays[f"{metric}/{name}"] = np.rint(found["share"] * SHARES).astype(np.uint8)
            else:
                arrays[f"{metric}/{name}"] = np.packbits(found["correct"])
    text = json.dumps({"manifest": body, "values": values}, allow_nan=False)
    arrays["json"] = np.frombuffer(text.encode(), dtype=np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(path, allow_pickle=False, **arrays)
    return path.stat().st_size


def load(path: Path) -> Series:
    """Read a series back."""
    with np.load(path, allow_pickle=False) as stored:
        arrays = dict(stored)
    body = json.loads(arrays.pop("json").tobytes().decode())
    manifest = RunManifest.from_json(body["manifest"])
    kept: dict[tuple[str, str], Artifact] = {}
    for key, packed in arrays.items():
        metric, name = key.rsplit("/", 1)
        if name == "index":
            continue
        index = arrays[f"{metric}/index"]
        if len(packed) == len(index):
            said = {"share": (packed / SHARES).astype(np.float32)}
        else:
            said = {"correct": np.unpackbits(packed, count=len(index)).astype(np.bool_)}
        kept[(f"{metric}.outcomes", name)] = Artifact(f"{metric}.outcomes", {**said, "index": index})
    points = [
        Point(record, {metric: _metric(metric, value) for metric, value in body["values"][str(record.digest)].items()})
        for record in manifest.checkpoints
        if record.evaluated and str(record.digest) in body["values"]
    ]
    return Series(
        manifest=manifest,
        points=tuple(point for point in points if point.record.kind == "checkpoint"),
        baselines=tuple(point for point in points if point.record.kind == "baseline"),
        arrays=kept,
    )


def without_labels(series: Series) -> Series:
    """The same series as if the images had no labels."""
    kept = {key: value for key, value in series.arrays.items() if key[0].startswith("views.")}
    data = replace(series.manifest.data, labelled=False, class_names=())
    return replace(
        series,
        manifest=replace(series.manifest, data=data),
        points=tuple(map(_unlabelled, series.points)),
        baselines=tuple(map(_unlabelled, series.baselines)),
        arrays=kept,
    )


def _unlabelled(point: Point) -> Point:
    labelled = ("knn.", "linear.", "lowshot.", "clusters.")
    kept = {name: metric for name, metric in point.metrics.items() if not name.startswith(labelled)}
    return replace(point, metrics=kept)


def _metric(name: str, value: float | str | None) -> Metric:
    number = decode_number(value)
    return Metric(name, float("nan") if number is None else number, unit="ratio")
