"""What is found over a whole series: the images themselves, stability, maps, neighbours and drift."""

import math
from typing import Any

import numpy as np

from swaveval.results import Artifact, Cell, Metric
from tests.report.invented_plan import class_name
from tests.report.invented_run import Run


def data_cell(run: Run) -> tuple[Cell, list[Artifact]]:
    """The images that are shown and the labels of all."""
    plan = run.plan
    arrays: dict[str, Any] = {
        "index": run.shown,
        "thumbnails": _thumbnails(run.labels[run.shown], plan.thumbnail, plan.natural, run.random),
        "label": run.labels[run.shown] if plan.labelled else np.full(len(run.shown), -1),
        "file": np.asarray([plan.named(f"{class_name(int(run.labels[i]))}/{i:05d}.png") for i in run.shown]),
    }
    everything = {
        "label": run.labels if plan.labelled else np.full(len(run.labels), -1),
        "index": np.arange(len(run.labels), dtype=np.int32),
        "is_test": run.is_test,
    }
    cell = run.cell("series", "data", [])
    return cell, [Artifact("data.images", arrays), Artifact("data.labels", everything)]


def series_cells(run: Run) -> list[tuple[Cell, list[Artifact]]]:
    """A cell per evaluator that reads every checkpoint at once."""
    digests = [str(record.digest) for record in run.records]
    last = len(digests) - 1
    done: list[tuple[Cell, list[Artifact]]] = []
    if "stability" in run.plan.evaluators:
        metrics = [
            Metric("stability.cka_last", 1 - 0.5 * (1 - p / max(last, 1)), checkpoint=d, better="neither")
            for p, d in enumerate(digests)
        ]
        metrics += [
            Metric("stability.neighbours", 0.4 + 0.5 * p / max(last, 1), checkpoint=d, better="neither")
            for p, d in enumerate(digests)
            if p
        ]
        done.append((run.cell("series", "stability", metrics), []))
    if "dse" in run.plan.evaluators:
        metrics = [
            Metric(f"dse.{name}", value, unit="ratio", better=better, checkpoint=d)
            for p, d in enumerate(digests)
            for name, better, value in (
                ("inter", "higher", 0.8 + 0.2 * p / max(last, 1)),
                ("intra", "lower", 1.4 - 0.3 * p / max(last, 1)),
                ("dimension", "higher", 0.3 + 0.1 * p / max(last, 1)),
                ("score", "higher", math.nan if run.plan.nonfinite else 0.5 + p / max(last, 1)),
            )
        ]
        done.append((run.cell("series", "dse", metrics), []))
    if "umap" in run.plan.evaluators:
        done.append(
            (
                run.cell(
                    "series",
                    "umap",
                    [
                        Metric("umap.trustworthiness", 0.93 + 0.03 * p / max(last, 1), checkpoint=d)
                        for p, d in enumerate(digests)
                    ],
                ),
                _maps(run, digests),
            )
        )
    if "gallery" in run.plan.evaluators:
        done.append((run.cell("series", "gallery", []), _gallery(run, digests)))
    if "drift" in run.plan.evaluators:
        layers = [
            run.plan.named(name)
            for name in (
                "conv1",
                "bn1",
                *(f"layer{a}.{b}.conv{c}" for a in (1, 2, 3, 4) for b in (0, 1) for c in (1, 2)),
                "projection_head.0",
                "prototypes",
            )
        ]
        growth = np.linspace(0.2, 1.3, len(layers))[:, None] * run.progress[None, :]
        growth[0] = 0.0
        steps = np.diff(growth, axis=1, prepend=np.nan)
        arrays = {"relative_l2": steps, "from_first": growth, "cosine": 1 - steps / 3, "names": np.asarray(layers)}
        metrics = [
            Metric("drift.relative_l2", float(steps[:, p].mean()), unit="ratio", better="neither", checkpoint=d)
            for p, d in enumerate(digests)
            if p
        ]
        done.append((run.cell("series", "drift", metrics), [Artifact("drift.layers", arrays)]))
    return done


def _maps(run: Run, digests: list[str]) -> list[Artifact]:
    c = run.plan.classes
    angle = 2 * np.pi * np.arange(c) / c
    centres = np.c_[np.cos(angle), np.sin(angle)] * (4 + 3 * (np.arange(c) % 2)[:, None])
    own = run.random.normal(size=(len(run.shown), 2))
    stray = run.random.normal(size=(len(run.shown), 2)) * 4
    maps = []
    for position, digest in enumerate(digests):
        share = float(np.clip((run.quality[position] - run.plan.start + 0.03) / (0.13), 0.15, 1))
        xy = (
            centres[run.labels[run.shown]] * share
            + own * (1.1 - 0.4 * share)
            + stray * (1 - share)
            + 0.05 * run.random.normal(size=own.shape)
        )
        maps.append(Artifact("umap.map", {"xy": xy.astype(np.float32), "index": run.shown}, digest))
    return maps


def _gallery(run: Run, digests: list[str]) -> list[Artifact]:
    queries = run.shown[:: max(1, len(run.shown) // 8)][:8]
    train = run.shown[run.shown < run.plan.n_train]
    kinds = {"cluster": run.plan.classes, "prototype": min(run.plan.prototypes, 12)}
    artifacts = []
    for position, digest in enumerate(digests):
        rows = []
        for query in queries:
            same = train[run.labels[train] == run.labels[query]]
            pool = np.where(
                run.random.random(6) < run.quality[position] ** 3,
                run.random.choice(same if len(same) else train, 6),
                run.random.choice(train, 6),
            )
            rows.append(pool)
        similarity = np.sort(run.random.uniform(0.5, 0.99, (len(queries), 6)))[:, ::-1]
        artifacts.append(
            Artifact(
                "gallery.queries",
                {
                    "query": queries,
                    "neighbours": np.asarray(rows, np.int32),
                    "similarity": similarity.astype(np.float32),
                },
                digest,
            )
        )
        group, images, kind = [], [], []
        for name, count in kinds.items():
            for g in range(count):
                members = run.shown[run.labels[run.shown] == g % run.plan.classes]
                group.append(g)
                images.append(run.random.choice(members if len(members) else run.shown, 6))
                kind.append(name)
        artifacts.append(
            Artifact(
                "gallery.typical",
                {
                    "group": np.asarray(group, np.int32),
                    "images": np.asarray(images, np.int32),
                    "kind": np.asarray(kind),
                },
                digest,
            )
        )
    return artifacts


def _thumbnails(
    labels: np.ndarray[Any, np.dtype[Any]], side: int, natural: bool, random: np.random.Generator
) -> np.ndarray[Any, Any]:
    """uint8 `(m, side, side, 3)`: scikit-learn's digits, or smooth coloured noise that compresses like photographs."""
    if natural:
        coarse = random.integers(0, 256, (len(labels), side // 8 + 1, side // 8 + 1, 3))
        smooth = np.repeat(np.repeat(coarse, 8, 1), 8, 2)[:, :side, :side]
        return np.clip(smooth * 0.8 + random.normal(20, 14, smooth.shape), 0, 255).astype(np.uint8)
    from sklearn.datasets import load_digits

    digits = load_digits()
    pools = [np.flatnonzero(digits.target == d) for d in range(10)]
    chosen = np.asarray([pools[int(label) % 10][int(random.integers(len(pools[int(label) % 10])))] for label in labels])
    grey = (digits.images[chosen] * 255 / 16).astype(np.uint8)
    scale = -(-side // 8)
    grey = np.repeat(np.repeat(grey, scale, 1), scale, 2)[:, :side, :side]
    return np.repeat(grey[..., None], 3, 3)
