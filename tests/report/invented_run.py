"""An invented run: its checkpoints with their quality, its images with their labels, and its manifest."""

import math
from typing import Any

import numpy as np

from swaveval.results import BaselineKind, Cell, CellKey, CheckpointRecord, DataSummary, LossCurve, Metric, RunManifest
from tests.report.invented_plan import CREATED, Plan, class_name, digest

BASELINES: tuple[tuple[str, BaselineKind, int | None], ...] = (
    ("random init, seed 0", "random", 0),
    ("random init, seed 1", "random", 1),
    ("random init, seed 2", "random", 2),
    ("raw pixels", "pixels", None),
    ("colour histogram", "colours", None),
)


class Run:
    """The course of an invented run: what its cells and its manifest share.

    Every random number comes from `random` in turn, so cells are made before the manifest.
    """

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
                digest=digest(plan.seed, 100 + position),
                epoch=float(epoch),
                step=int(epoch * 21),
                load=self._load(plan),
            )
            for position, epoch in enumerate(plan.epochs)
        ]
        self.baselines = [
            CheckpointRecord(
                name=name, kind="baseline", baseline=kind, seed=seed, digest=digest(plan.seed, 10 + position)
            )
            for position, (name, kind, seed) in enumerate(BASELINES)
        ]
        m = min(plan.map_points, len(self.labels))
        self.shown = np.sort(self.random.choice(len(self.labels), m, replace=False)).astype(np.int32)

    def cell(self, owner: str, evaluator: str, metrics: list[Metric], *, status: Any = "ok", reason: str = "") -> Cell:
        key = CellKey(owner, self.plan.fingerprint, "t32", evaluator, 1, {}, 0)
        return Cell(key=key, status=status, reason=reason, metrics=tuple(metrics), seconds=1.5, created=CREATED)

    def manifest(self) -> RunManifest:
        plan = self.plan
        names = tuple(plan.named(class_name(c)) for c in range(plan.classes)) if plan.labelled else ()
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
            training_seconds=plan.training_seconds,
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
