"""What the evaluators of single checkpoints would have found: metrics and arrays for a given quality."""

import math
from typing import Any

import numpy as np

from swaveval.results import Artifact, Cell, CheckpointRecord, Metric
from tests.report.invented_run import Run


def checkpoint_cells(
    run: Run, record: CheckpointRecord, position: int | None, quality: float
) -> list[tuple[Cell, list[Artifact]]]:
    """A cell per evaluator: baselines have no `position` in the series, and no prototypes."""
    makers = {
        "knn": _knn,
        "linear": _linear,
        "lowshot": _lowshot,
        "clusters": _clusters,
        "prototypes": _prototypes,
        "spectrum": _spectrum,
        "intrinsic": _intrinsic,
        "views": _views,
    }
    done: list[tuple[Cell, list[Artifact]]] = []
    for name in run.plan.evaluators:
        if name not in makers or (name == "prototypes" and position is None):
            continue
        if not run.plan.labelled and name in ("knn", "linear", "lowshot"):
            done.append(
                (
                    run.cell(
                        str(record.digest),
                        name,
                        [],
                        status="skipped",
                        reason="needs labels, which this evaluation does not have",
                    ),
                    [],
                )
            )
            continue
        if run.plan.nonfinite and name == "spectrum" and position == 1:
            done.append(
                (
                    run.cell(
                        str(record.digest),
                        name,
                        [],
                        status="error",
                        reason=run.plan.named("LinAlgError: SVD did not converge"),
                    ),
                    [],
                )
            )
            continue
        metrics, artifacts = makers[name](run, min(max(quality, 0.02), 0.995))
        done.append((run.cell(str(record.digest), name, metrics), artifacts))
    return done


def _knn(run: Run, quality: float) -> tuple[list[Metric], list[Artifact]]:
    test, train = np.flatnonzero(run.is_test), np.flatnonzero(~run.is_test)
    top1, outcomes = _outcomes(run, "knn.top1", quality, test)
    loo, loo_outcomes = _outcomes(run, "knn.loo_top1", quality - 0.004, train)
    metrics = [
        _accuracy("knn.top1", top1, len(test), "dino: cosine, k=20, exp(s/0.07)"),
        _accuracy("knn.loo_top1", loo, len(train), "dino, leave-one-out on the training split, k=20"),
        _accuracy("knn.top1[k=200,T=0.1]", top1 * 0.98, len(test), "lightly: cosine, k=200, exp(s/0.1)"),
        _accuracy("knn.top1[k=20,euclidean]", top1 * 0.99, len(test), "closer-look: euclidean, k=20, 1/d"),
    ]
    return metrics, [outcomes, loo_outcomes, *_confusion(run, "knn", outcomes)]


def _linear(run: Run, quality: float) -> tuple[list[Metric], list[Artifact]]:
    test = np.flatnonzero(run.is_test)
    top1, outcomes = _outcomes(run, "linear.top1", quality - 0.01, test)
    metrics = [
        _accuracy(f"linear.{kind}", min(1.0, top1 + shift), len(test), "logistic regression, L2, L-BFGS, C=0.31")
        for kind, shift in (("top1", 0.0), ("top5", 0.01), ("balanced", -0.003))
    ]
    return metrics, [outcomes, *_confusion(run, "linear", outcomes)]


def _lowshot(run: Run, quality: float) -> tuple[list[Metric], list[Artifact]]:
    return [
        _accuracy(f"lowshot.top1[shots={s}]", quality ** (6 / s**0.5), 300, f"ridge, {s} shots, 10 draws")
        for s in (1, 5, 10, 25)
    ], []


def _clusters(run: Run, quality: float) -> tuple[list[Metric], list[Artifact]]:
    purity = max(0.12, 1 - (1 - quality) * 3.8)
    k = run.plan.classes
    assigned = np.where(
        run.random.random(len(run.labels)) < purity, run.labels, run.random.integers(0, k, len(run.labels))
    )
    relabel = run.random.permutation(k)
    metrics = (
        []
        if not run.plan.labelled
        else [
            _accuracy("clusters.purity", purity, len(run.labels), f"k-means, K={k}, n_init=5"),
            _accuracy(
                "clusters.purity_shuffled", 1.4 / k if k > 1 else 1.0, len(run.labels), "shuffled labels, same K"
            ),
            Metric("clusters.nmi", purity**1.4, n=len(run.labels), protocol="arithmetic mean"),
            Metric("clusters.ami", purity**1.5, n=len(run.labels)),
            Metric("clusters.ari", purity**1.8, n=len(run.labels)),
        ]
    )
    metrics.append(Metric("clusters.silhouette", 0.1 + 0.3 * purity, unit="ratio", bounds=(-1.0, 1.0)))
    return metrics, [Artifact("clusters.assignment", {"cluster": relabel[assigned].astype(np.int32)})]


def _prototypes(run: Run, quality: float) -> tuple[list[Metric], list[Artifact]]:
    k = run.plan.prototypes
    weights = run.random.dirichlet(np.full(k, 0.6 + 2 * quality))
    assigned = (
        run.labels * (k // max(run.plan.classes, 1))
        + run.random.integers(0, max(k // max(run.plan.classes, 1), 1), len(run.labels))
    ) % k
    perplexity = float(np.exp(-np.sum(weights * np.log(weights + 1e-12))))
    loss = math.log(k) * (1 - 0.2 * max(0.0, quality - run.plan.start))
    metrics = [
        Metric("prototypes.perplexity", perplexity, unit="prototypes", bounds=(1.0, float(k))),
        Metric(
            "prototypes.dead",
            float(np.sum(np.bincount(assigned, minlength=k) == 0)),
            unit="count",
            better="lower",
            bounds=(0.0, float(k)),
        ),
        Metric("prototypes.duplicates", 2.0, unit="count", better="lower"),
        Metric("prototypes.unique", 0.955),
        *(Metric(f"prototypes.unique[eps={eps}]", 0.98 - eps) for eps in (0.025, 0.05, 0.1, 0.2, 0.5)),
        _accuracy("prototypes.agreement", 0.2 + 0.6 * quality, 512, "argmax of two views"),
        Metric("prototypes.loss", math.nan if run.plan.nonfinite else loss, unit="nats", better="lower"),
        # One prototype has no ln K to be below.
        Metric("prototypes.loss_gap", 1 - loss / math.log(k) if k > 1 else math.nan, better="neither"),
    ]
    if run.plan.labelled:
        metrics += [Metric("prototypes.purity", quality * 0.95), Metric("prototypes.ami", quality * 0.6)]
    usage = {"mean_probability": weights, "count": np.bincount(assigned, minlength=k).astype(np.int64)}
    score = run.random.random(len(run.labels)).astype(np.float32)
    return metrics, [
        Artifact("prototypes.assignment", {"prototype": assigned.astype(np.int32), "score": score}),
        Artifact("prototypes.usage", usage),
    ]


def _spectrum(run: Run, quality: float) -> tuple[list[Metric], list[Artifact]]:
    eigenvalues = np.arange(1, 129, dtype=np.float64) ** -(2.2 - quality)
    metrics = [
        Metric(
            "spectrum.rankme",
            20 + 100 * quality,
            unit="dimensions",
            n=1000,
            bounds=(1.0, 512.0),
            ci95=(18 + 100 * quality, 22 + 100 * quality),
        ),
        Metric("spectrum.rankme_centred", 30 + 120 * quality, unit="dimensions", n=1000),
        Metric("spectrum.alpha", math.inf if run.plan.nonfinite else 2.2 - quality, unit="ratio", better="neither"),
        Metric("spectrum.std", 0.3 + 0.5 * quality, unit="ratio"),
        Metric("spectrum.stable_rank", 4 + 3 * quality, unit="dimensions"),
    ]
    return metrics, [Artifact("spectrum.eigenvalues", {"values": eigenvalues})]


def _intrinsic(run: Run, quality: float) -> tuple[list[Metric], list[Artifact]]:
    tree = math.nan if run.plan.nonfinite else 24 - 9 * quality
    local = 11 - 2 * quality
    return [
        Metric("intrinsic.mst", tree, unit="dimensions", better="lower", n=1000),
        Metric("intrinsic.lid", local, unit="dimensions", better="neither", n=1000, ci95=(local - 0.2, local + 0.2)),
    ], []


def _views(run: Run, quality: float) -> tuple[list[Metric], list[Artifact]]:
    retrieval, outcomes = _outcomes(run, "views.retrieval", quality**2, np.arange(512))
    metrics = [
        _accuracy("views.retrieval", retrieval, 512, "nearest of 512 second views"),
        Metric("views.alignment", 1.2 - quality, unit="squared distance", better="lower", n=512),
        Metric("views.uniformity", -1.5 - 1.5 * quality, unit="nats", better="lower", n=512),
        Metric("views.lidar", 30 + 60 * quality, unit="dimensions", n=512),
    ]
    return metrics, [outcomes]


def _accuracy(name: str, value: float, n: int, protocol: str) -> Metric:
    half = 1.96 * math.sqrt(max(value * (1 - value), 1e-4) / n)
    return Metric(
        name,
        value,
        bounds=(0.0, 1.0),
        ci95=(max(0.0, value - half), min(1.0, value + half)),
        n=n,
        protocol=protocol,
    )


def _outcomes(run: Run, name: str, quality: float, positions: np.ndarray[Any, np.dtype[Any]]) -> tuple[float, Artifact]:
    hardness = np.random.default_rng(5).permutation(len(positions)) / len(positions)
    correct = hardness + 0.03 * run.random.normal(size=len(positions)) < quality
    return float(correct.mean()), Artifact(
        f"{name}.outcomes", {"correct": correct, "index": positions.astype(np.int32)}
    )


def _confusion(run: Run, name: str, outcomes: Artifact) -> list[Artifact]:
    c = run.plan.classes
    truth = run.labels[outcomes.arrays["index"]]
    wrong = (truth + 1 + (run.random.random(len(truth)) < 0.4) * run.random.integers(0, max(c - 1, 1), len(truth))) % c
    said = np.where(outcomes.arrays["correct"], truth, wrong)
    counts = np.zeros((c, c), np.int64)
    np.add.at(counts, (truth, said), 1)
    n = counts.sum(1)
    recall = np.diag(counts) / np.maximum(n, 1)
    return [
        Artifact(f"{name}.confusion", {"counts": counts}),
        Artifact(f"{name}.per_class", {"recall": recall, "n": n}),
    ]
