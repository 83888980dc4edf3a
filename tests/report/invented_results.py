"""Plausible evaluations of any size, written through the real store: what the report is developed and tested on."""

import hashlib
import math
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from swaveval.convergence.verdict import Advice, Best, Evidence, LossState, Verdict
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
    Series,
)

ALL = (
    "knn",
    "linear",
    "lowshot",
    "clusters",
    "prototypes",
    "spectrum",
    "views",
    "stability",
    "umap",
    "gallery",
    "drift",
)
CREATED = "2026-03-05T14:02:11+00:00"


@dataclass(frozen=True)
class Plan:
    """What to make up.

    Attributes:
        epochs: one checkpoint per entry.
        start, end: kNN accuracy at the first and the last checkpoint.
        hostile: strings put before every name (run, class, file, checkpoint, directory, reason, setting), a different
            one for each; `rotation` deals them out anew.
        nonfinite: put NaN and infinities where a broken run would.
    """

    name: str = "digits-demo"
    epochs: tuple[float, ...] = tuple(range(16))
    classes: int = 10
    labelled: bool = True
    prototypes: int = 100
    n_train: int = 1347
    n_test: int = 450
    map_points: int = 600
    thumbnail: int = 32
    start: float = 0.87
    end: float = 0.975
    evaluators: tuple[str, ...] = ALL
    natural: bool = False
    nonfinite: bool = False
    refused: bool = True
    hostile: tuple[str, ...] = ()
    rotation: int = 0
    hyperparameters: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0
    fingerprint: str = "d1" * 32

    def named(self, plain: str) -> str:
        """`plain`, or a hostile string made unique by it."""
        if not self.hostile:
            return plain
        return self.hostile[(zlib.crc32(plain.encode()) + self.rotation) % len(self.hostile)] + plain


def write(out: Path, plan: Plan = Plan()) -> Series:
    """Write `OUT/results` and read it back."""
    store = ResultStore(out / "results")
    maker = _Maker(plan)
    cells = [store.put(cell, artifacts) for cell, artifacts in maker.cells()]
    store.write_manifest(replace(maker.manifest(), cells=tuple(cell.key.digest for cell in cells)))
    return Series.load(out)


class _Maker:
    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.random = np.random.default_rng(plan.seed)
        count = len(plan.epochs)
        self.progress = 1 - np.exp(-3.2 * np.linspace(0, 1, count)) if count > 1 else np.ones(1)
        self.quality = plan.start + (plan.end - plan.start) * self.progress / self.progress[-1]
        self.labels = self.random.integers(0, plan.classes, plan.n_train + plan.n_test)
        self.is_test = np.arange(len(self.labels)) >= plan.n_train
        self.records = [
            CheckpointRecord(
                name=plan.named(f"checkpoints/epoch={epoch:03g}-step={int(epoch * 21)}.ckpt"),
                digest=_hex(plan.seed, 100 + position),
                epoch=float(epoch),
                step=int(epoch * 21),
                load=self._load(plan),
            )
            for position, epoch in enumerate(plan.epochs)
        ]
        self.baselines = [
            CheckpointRecord(name=name, kind="baseline", digest=_hex(plan.seed, 10 + position))
            for position, name in enumerate(
                ["random init, seed 0", "random init, seed 1", "random init, seed 2", "raw pixels", "colour histogram"]
            )
        ]
        m = min(plan.map_points, len(self.labels))
        self.shown = np.sort(self.random.choice(len(self.labels), m, replace=False)).astype(np.int32)

    def _load(self, plan: Plan) -> dict[str, Any]:
        return {
            "family": plan.named("lightly"),
            "architecture": plan.named("resnet18 (small stem)"),
            "matched": 1.0,
            "feature_dim": 512,
            "prototypes": plan.prototypes,
            "size": {
                "backbone": 44_700_000,
                "head": 1_300_000,
                "prototypes": 51_000,
                "optimiser": 92_000_000,
                "other": 9_000,
                "file": 138_060_000,
            },
            "warnings": [plan.named("head loaded without its bias")] if plan.hostile else [],
        }

    # -- manifest --------------------------------------------------------------------------------------------------
    def manifest(self) -> RunManifest:
        plan = self.plan
        names = tuple(plan.named(_class_name(c)) for c in range(plan.classes)) if plan.labelled else ()
        extra: list[CheckpointRecord] = []
        if plan.refused:
            extra = [
                CheckpointRecord(
                    name=plan.named("checkpoints/last.ckpt"),
                    digest=self.records[-1].digest,
                    epoch=plan.epochs[-1],
                    same_as=self.records[-1].name,
                    alias=True,
                ),
                CheckpointRecord(
                    name=plan.named("checkpoints/epoch=099.ckpt"),
                    state="writing",
                    reason=plan.named("size changed between two looks"),
                ),
                CheckpointRecord(
                    name=plan.named("checkpoints/other.pth"),
                    state="refused",
                    reason=plan.named(
                        "62 % of the backbone's parameters matched; missing layer3.0.conv1.weight and 41 more"
                    ),
                ),
            ]
        steps = np.arange(0, max(plan.epochs) + 1e-9, max(max(plan.epochs), 1) / 60)
        ln_k = math.log(plan.prototypes)
        values = ln_k * (
            1.0 - 0.028 * (1 - np.exp(-steps / max(max(plan.epochs) / 5, 1)))
        ) + 0.004 * self.random.normal(size=len(steps))
        if plan.nonfinite:
            values[len(values) // 2 :] = math.nan
        counts = np.bincount(self.labels, minlength=plan.classes)
        audit = {
            "found": len(self.labels) + 2,
            "broken": [
                {
                    "file": plan.named("IMG_0007.jpg"),
                    "reason": plan.named("image file is truncated (12 bytes not processed)"),
                }
            ],
            "duplicates": [[plan.named("a/1.png"), plan.named("b/1.png")]],
            "class_counts": {names[c]: int(counts[c]) for c in range(len(names))},
            "duplicates_across_splits": 1,
            "sizes": {"min": [28, 28], "max": [1024, 768]},
        }
        return RunManifest(
            name=plan.named(plan.name),
            data=DataSummary(
                name=plan.named("digits"),
                path=plan.named("/data/digits"),
                fingerprint=plan.fingerprint,
                n_train=plan.n_train,
                n_test=plan.n_test,
                class_names=names,
                labelled=plan.labelled,
                split="seeded stratified 75/25 split (none was given)",
                transform="resize32-crop32-bilinear-mean0.5,0.5,0.5-std0.25,0.25,0.25",
                audit=audit,
            ),
            checkpoints=(*self.records, *extra, *self.baselines),
            evaluators=tuple((name, 1, {"k": 20} if name == "knn" else {}) for name in plan.evaluators),
            loss=LossCurve(
                source=plan.named("metrics.csv"), epochs=tuple(steps), values=tuple(values), prototypes=plan.prototypes
            ),
            hyperparameters={
                "prototypes": plan.prototypes,
                "epsilon": 0.03,
                "temperature": 3.0,
                "learning_rate": 0.002,
                "batch_size": 128,
                "epochs": 15,
                "augmentation": plan.named("digits"),
            }
            | dict(plan.hyperparameters),
            command=plan.named("swaveval run --ckpt-dir runs/demo/checkpoints"),
            versions={
                "swaveval": "0.1.0",
                "torch": "2.10.0",
                "lightly": "1.5.22",
                "python": "3.11.9",
                "machine": plan.named("x86_64, 2 cores"),
            },
            created=CREATED,
            notes=(plan.named("k=200 was clipped to the bank's 150 images"),) if plan.hostile or plan.nonfinite else (),
        )

    # -- cells -----------------------------------------------------------------------------------------------------
    def cells(self) -> list[tuple[Cell, list[Artifact]]]:
        done = [self._data_cell()]
        for position, record in enumerate(self.records):
            done += self._checkpoint(record, position, float(self.quality[position]))
        for position, record in enumerate(self.baselines):
            done += self._checkpoint(record, None, self.plan.start - (0.0, 0.01, 0.005, -0.02, 0.4)[position])
        done += self._series()
        return done

    def _cell(self, owner: str, evaluator: str, metrics: list[Metric], *, status: Any = "ok", reason: str = "") -> Cell:
        key = CellKey(owner, self.plan.fingerprint, "t32", evaluator, 1, {}, 0)
        return Cell(key=key, status=status, reason=reason, metrics=tuple(metrics), seconds=1.5, created=CREATED)

    def _data_cell(self) -> tuple[Cell, list[Artifact]]:
        plan = self.plan
        arrays: dict[str, Any] = {
            "index": self.shown,
            "thumbnails": thumbnails(self.labels[self.shown], plan.thumbnail, plan.natural, self.random),
            "label": self.labels[self.shown] if plan.labelled else np.full(len(self.shown), -1),
            "file": np.asarray([plan.named(f"{_class_name(int(self.labels[i]))}/{i:05d}.png") for i in self.shown]),
        }
        everything = {
            "label": self.labels if plan.labelled else np.full(len(self.labels), -1),
            "index": np.arange(len(self.labels), dtype=np.int32),
            "is_test": self.is_test,
        }
        cell = self._cell("series", "data", [])
        return cell, [Artifact("data.images", arrays), Artifact("data.labels", everything)]

    def _checkpoint(
        self, record: CheckpointRecord, position: int | None, quality: float
    ) -> list[tuple[Cell, list[Artifact]]]:
        makers = {
            "knn": self._knn,
            "linear": self._linear,
            "lowshot": self._lowshot,
            "clusters": self._clusters,
            "prototypes": self._prototypes,
            "spectrum": self._spectrum,
            "views": self._views,
        }
        done: list[tuple[Cell, list[Artifact]]] = []
        for name in self.plan.evaluators:
            if name not in makers or (name == "prototypes" and position is None):
                continue
            if not self.plan.labelled and name in ("knn", "linear", "lowshot"):
                done.append(
                    (
                        self._cell(
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
            if self.plan.nonfinite and name == "spectrum" and position == 1:
                done.append(
                    (
                        self._cell(
                            str(record.digest),
                            name,
                            [],
                            status="error",
                            reason=self.plan.named("LinAlgError: SVD did not converge"),
                        ),
                        [],
                    )
                )
                continue
            metrics, artifacts = makers[name](min(max(quality, 0.02), 0.995))
            done.append((self._cell(str(record.digest), name, metrics), artifacts))
        return done

    def _accuracy(self, name: str, value: float, n: int, protocol: str) -> Metric:
        half = 1.96 * math.sqrt(max(value * (1 - value), 1e-4) / n)
        return Metric(
            name,
            value,
            bounds=(0.0, 1.0),
            ci95=(max(0.0, value - half), min(1.0, value + half)),
            n=n,
            protocol=protocol,
        )

    def _outcomes(self, name: str, quality: float, positions: np.ndarray[Any, np.dtype[Any]]) -> tuple[float, Artifact]:
        hardness = np.random.default_rng(5).permutation(len(positions)) / len(positions)
        correct = hardness + 0.03 * self.random.normal(size=len(positions)) < quality
        return float(correct.mean()), Artifact(
            f"{name}.outcomes", {"correct": correct, "index": positions.astype(np.int32)}
        )

    def _confusion(self, name: str, outcomes: Artifact) -> list[Artifact]:
        c = self.plan.classes
        truth = self.labels[outcomes.arrays["index"]]
        wrong = (
            truth + 1 + (self.random.random(len(truth)) < 0.4) * self.random.integers(0, max(c - 1, 1), len(truth))
        ) % c
        said = np.where(outcomes.arrays["correct"], truth, wrong)
        counts = np.zeros((c, c), np.int64)
        np.add.at(counts, (truth, said), 1)
        n = counts.sum(1)
        recall = np.diag(counts) / np.maximum(n, 1)
        return [
            Artifact(f"{name}.confusion", {"counts": counts}),
            Artifact(f"{name}.per_class", {"recall": recall, "n": n}),
        ]

    def _knn(self, quality: float) -> tuple[list[Metric], list[Artifact]]:
        test, train = np.flatnonzero(self.is_test), np.flatnonzero(~self.is_test)
        top1, outcomes = self._outcomes("knn.top1", quality, test)
        loo, loo_outcomes = self._outcomes("knn.loo_top1", quality - 0.004, train)
        metrics = [
            self._accuracy("knn.top1", top1, len(test), "dino: cosine, k=20, exp(s/0.07)"),
            self._accuracy("knn.loo_top1", loo, len(train), "dino, leave-one-out on the training split, k=20"),
            self._accuracy("knn.top1[k=200,T=0.1]", top1 * 0.98, len(test), "lightly: cosine, k=200, exp(s/0.1)"),
            self._accuracy("knn.top1[k=20,euclidean]", top1 * 0.99, len(test), "closer-look: euclidean, k=20, 1/d"),
        ]
        return metrics, [outcomes, loo_outcomes, *self._confusion("knn", outcomes)]

    def _linear(self, quality: float) -> tuple[list[Metric], list[Artifact]]:
        test = np.flatnonzero(self.is_test)
        top1, outcomes = self._outcomes("linear.top1", quality - 0.01, test)
        metrics = [
            self._accuracy(
                f"linear.{kind}", min(1.0, top1 + shift), len(test), "logistic regression, L2, L-BFGS, C=0.31"
            )
            for kind, shift in (("top1", 0.0), ("top5", 0.01), ("balanced", -0.003))
        ]
        return metrics, [outcomes, *self._confusion("linear", outcomes)]

    def _lowshot(self, quality: float) -> tuple[list[Metric], list[Artifact]]:
        return [
            self._accuracy(f"lowshot.top1[shots={s}]", quality ** (6 / s**0.5), 300, f"ridge, {s} shots, 10 draws")
            for s in (1, 5, 10, 25)
        ], []

    def _clusters(self, quality: float) -> tuple[list[Metric], list[Artifact]]:
        purity = max(0.12, 1 - (1 - quality) * 3.8)
        k = self.plan.classes
        assigned = np.where(
            self.random.random(len(self.labels)) < purity, self.labels, self.random.integers(0, k, len(self.labels))
        )
        relabel = self.random.permutation(k)
        metrics = (
            []
            if not self.plan.labelled
            else [
                self._accuracy("clusters.purity", purity, len(self.labels), f"k-means, K={k}, n_init=5"),
                self._accuracy(
                    "clusters.purity_shuffled", 1.4 / k if k > 1 else 1.0, len(self.labels), "shuffled labels, same K"
                ),
                Metric("clusters.nmi", purity**1.4, n=len(self.labels), protocol="arithmetic mean"),
                Metric("clusters.ami", purity**1.5, n=len(self.labels)),
                Metric("clusters.ari", purity**1.8, n=len(self.labels)),
            ]
        )
        metrics.append(Metric("clusters.silhouette", 0.1 + 0.3 * purity, unit="ratio", bounds=(-1.0, 1.0)))
        return metrics, [Artifact("clusters.assignment", {"cluster": relabel[assigned].astype(np.int32)})]

    def _prototypes(self, quality: float) -> tuple[list[Metric], list[Artifact]]:
        k = self.plan.prototypes
        weights = self.random.dirichlet(np.full(k, 0.6 + 2 * quality))
        assigned = (
            self.labels * (k // max(self.plan.classes, 1))
            + self.random.integers(0, max(k // max(self.plan.classes, 1), 1), len(self.labels))
        ) % k
        perplexity = float(np.exp(-np.sum(weights * np.log(weights + 1e-12))))
        loss = math.log(k) * (1 - 0.2 * max(0.0, quality - self.plan.start))
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
            self._accuracy("prototypes.agreement", 0.2 + 0.6 * quality, 512, "argmax of two views"),
            Metric("prototypes.loss", math.nan if self.plan.nonfinite else loss, unit="nats", better="lower"),
            # One prototype has no ln K to be below.
            Metric("prototypes.loss_gap", 1 - loss / math.log(k) if k > 1 else math.nan, better="neither"),
        ]
        if self.plan.labelled:
            metrics += [Metric("prototypes.purity", quality * 0.95), Metric("prototypes.ami", quality * 0.6)]
        usage = {"mean_probability": weights, "count": np.bincount(assigned, minlength=k).astype(np.int64)}
        score = self.random.random(len(self.labels)).astype(np.float32)
        return metrics, [
            Artifact("prototypes.assignment", {"prototype": assigned.astype(np.int32), "score": score}),
            Artifact("prototypes.usage", usage),
        ]

    def _spectrum(self, quality: float) -> tuple[list[Metric], list[Artifact]]:
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
            Metric(
                "spectrum.alpha", math.inf if self.plan.nonfinite else 2.2 - quality, unit="ratio", better="neither"
            ),
            Metric("spectrum.std", 0.3 + 0.5 * quality, unit="ratio"),
            Metric("spectrum.stable_rank", 4 + 3 * quality, unit="dimensions"),
        ]
        return metrics, [Artifact("spectrum.eigenvalues", {"values": eigenvalues})]

    def _views(self, quality: float) -> tuple[list[Metric], list[Artifact]]:
        retrieval, outcomes = self._outcomes("views.retrieval", quality**2, np.arange(512))
        metrics = [
            self._accuracy("views.retrieval", retrieval, 512, "nearest of 512 second views"),
            Metric("views.alignment", 1.2 - quality, unit="squared distance", better="lower", n=512),
            Metric("views.uniformity", -1.5 - 1.5 * quality, unit="nats", better="lower", n=512),
            Metric("views.lidar", 30 + 60 * quality, unit="dimensions", n=512),
        ]
        return metrics, [outcomes]

    def _series(self) -> list[tuple[Cell, list[Artifact]]]:
        digests = [str(record.digest) for record in self.records]
        last = len(digests) - 1
        done: list[tuple[Cell, list[Artifact]]] = []
        if "stability" in self.plan.evaluators:
            metrics = [
                Metric("stability.cka_last", 1 - 0.5 * (1 - p / max(last, 1)), checkpoint=d, better="neither")
                for p, d in enumerate(digests)
            ]
            metrics += [
                Metric("stability.neighbours", 0.4 + 0.5 * p / max(last, 1), checkpoint=d, better="neither")
                for p, d in enumerate(digests)
                if p
            ]
            done.append((self._cell("series", "stability", metrics), []))
        if "umap" in self.plan.evaluators:
            done.append(
                (
                    self._cell(
                        "series",
                        "umap",
                        [
                            Metric("umap.trustworthiness", 0.93 + 0.03 * p / max(last, 1), checkpoint=d)
                            for p, d in enumerate(digests)
                        ],
                    ),
                    self._maps(digests),
                )
            )
        if "gallery" in self.plan.evaluators:
            done.append((self._cell("series", "gallery", []), self._gallery(digests)))
        if "drift" in self.plan.evaluators:
            layers = [
                self.plan.named(name)
                for name in (
                    "conv1",
                    "bn1",
                    *(f"layer{a}.{b}.conv{c}" for a in (1, 2, 3, 4) for b in (0, 1) for c in (1, 2)),
                    "projection_head.0",
                    "prototypes",
                )
            ]
            growth = np.linspace(0.2, 1.3, len(layers))[:, None] * self.progress[None, :]
            growth[0] = 0.0
            steps = np.diff(growth, axis=1, prepend=np.nan)
            arrays = {"relative_l2": steps, "from_first": growth, "cosine": 1 - steps / 3, "names": np.asarray(layers)}
            metrics = [
                Metric("drift.relative_l2", float(steps[:, p].mean()), unit="ratio", better="neither", checkpoint=d)
                for p, d in enumerate(digests)
                if p
            ]
            done.append((self._cell("series", "drift", metrics), [Artifact("drift.layers", arrays)]))
        return done

    def _maps(self, digests: list[str]) -> list[Artifact]:
        c = self.plan.classes
        angle = 2 * np.pi * np.arange(c) / c
        centres = np.c_[np.cos(angle), np.sin(angle)] * (4 + 3 * (np.arange(c) % 2)[:, None])
        own = self.random.normal(size=(len(self.shown), 2))
        stray = self.random.normal(size=(len(self.shown), 2)) * 4
        maps = []
        for position, digest in enumerate(digests):
            share = float(np.clip((self.quality[position] - self.plan.start + 0.03) / (0.13), 0.15, 1))
            xy = (
                centres[self.labels[self.shown]] * share
                + own * (1.1 - 0.4 * share)
                + stray * (1 - share)
                + 0.05 * self.random.normal(size=own.shape)
            )
            maps.append(Artifact("umap.map", {"xy": xy.astype(np.float32), "index": self.shown}, digest))
        return maps

    def _gallery(self, digests: list[str]) -> list[Artifact]:
        queries = self.shown[:: max(1, len(self.shown) // 8)][:8]
        train = self.shown[self.shown < self.plan.n_train]
        kinds = {"cluster": self.plan.classes, "prototype": min(self.plan.prototypes, 12)}
        artifacts = []
        for position, digest in enumerate(digests):
            rows = []
            for query in queries:
                same = train[self.labels[train] == self.labels[query]]
                pool = np.where(
                    self.random.random(6) < self.quality[position] ** 3,
                    self.random.choice(same if len(same) else train, 6),
                    self.random.choice(train, 6),
                )
                rows.append(pool)
            similarity = np.sort(self.random.uniform(0.5, 0.99, (len(queries), 6)))[:, ::-1]
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
                    members = self.shown[self.labels[self.shown] == g % self.plan.classes]
                    group.append(g)
                    images.append(self.random.choice(members if len(members) else self.shown, 6))
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


def thumbnails(
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


def verdict(series: Series, plan: Plan = Plan(), state: Any = "learning") -> Verdict:
    """A verdict such as `judge` would return, with every field filled."""
    quality = "knn.top1" if plan.labelled else "views.retrieval"
    values = series.values(quality)
    names = [point.record.name for point in series.points]
    loss = series.manifest.loss
    best = (
        Best(
            names[-1],
            series.points[-1].record.epoch,
            tuple(names[-4:-1]),
            "knn.loo_top1",
            0.004,
            "highest leave-one-out kNN on the training split",
        )
        if names
        else None
    )
    ln_k = math.log(plan.prototypes)
    return Verdict(
        verdict=state,
        sentence=plan.named("Loss moved 1.3 % since epoch 5; kNN rose 8.1 ± 1.3 points in the same time: learning."),
        loss=LossState(
            "flat",
            loss.values[0] if loss else None,
            ln_k * 0.972,
            -0.028,
            ln_k,
            0.028,
            False,
            plan.named("metrics.csv"),
        ),
        evidence=(
            Evidence(
                plan.named("kNN rose from 88.0 % to 97.3 % between the first and the best checkpoint."),
                quality,
                float(values[-1] - values[0]) if len(values) else None,
                (0.062, 0.118),
                "exact McNemar, paired images",
                1.2e-9,
                3.6e-9,
                450,
                "for",
            ),
            Evidence(
                "k-means purity rose by 39 points.",
                "clusters.purity",
                0.39,
                (0.35, 0.43),
                "paired bootstrap",
                1e-6,
                2e-6,
                1797,
                "for",
            ),
            Evidence(
                "The loss lies 2.8 % under ln K: it is compressed, not collapsed.",
                "loss",
                0.028,
                None,
                "last 20 % of the epochs",
                None,
                None,
                12,
                "neutral",
            ),
            Evidence(
                "RankMe did not change between epoch 12 and 15.",
                "spectrum.rankme",
                0.4,
                (-0.8, 1.6),
                "equivalence within ±5 %",
                0.4,
                0.4,
                1000,
                "against",
            ),
        ),
        best=best,
        advice=(
            Advice(
                plan.named("Train longer: quality was still rising at the last checkpoint."),
                plan.named("kNN rose 0.9 points over the last four checkpoints (p = 0.01)."),
            ),
            Advice(
                "Lower the temperature to open the loss's range.",
                "At T = 3.0 the loss cannot leave the neighbourhood of ln K.",
            ),
        ),
        labelled=plan.labelled,
        quality_metric=quality,
        seed=0,
    )


def _class_name(position: int) -> str:
    words = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
    return words[position] if position < 10 else f"class {position}"


def _hex(seed: int, position: int) -> str:
    return hashlib.sha256(f"{seed}/{position}".encode()).hexdigest()
