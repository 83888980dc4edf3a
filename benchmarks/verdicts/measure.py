"""A directory of checkpoints to a Series: the numbers the verdict reads, with fewer views and k than `swaveval run`."""

import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from swaveval.checkpoints import Backbone, CheckpointRefused, LoadReport, arrange, discover, load, random_backbone
from swaveval.checkpoints.drift import drift
from swaveval.data import ImageSet, decode, open_images
from swaveval.data.decoded import DecodedImages
from swaveval.data.transforms import EvalTransform
from swaveval.evaluators.clusters import Clusters
from swaveval.evaluators.knn import Knn
from swaveval.evaluators.prototypes import Prototypes
from swaveval.evaluators.spectrum import Spectrum
from swaveval.evaluators.views import Views
from swaveval.features.extract import ExtractSettings, extract
from swaveval.features.untrained import settle_batchnorm
from swaveval.results import Artifact, CheckpointRecord, DataSummary, Metric, Point, RunManifest, Series
from swaveval.runs.losses import find_loss

EVALUATORS = (
    Knn(ks=(20,), temperatures=(0.07,)),
    Clusters(restarts=5, shuffles=2, groups=2),
    Prototypes(),
    Spectrum(groups=2),
    Views(groups=2),
)
VIEW_IMAGES, VIEWS = 600, 4
RANDOM_SEEDS = (0, 1)


def measure(run: Path) -> Series:
    """Evaluate every checkpoint of RUN/checkpoints that can be read, and random initialisations beside them."""
    body = json.loads((run / "run.json").read_text())
    images = open_images(body["data"]["path"], seed=body["data"]["seed"])
    stored = body["transform"]
    transform = EvalTransform(stored["size"], stored["interpolation"], tuple(stored["mean"]), tuple(stored["std"]))
    pixels = decode(images, transform, cache=None)
    swav = tuple((name, body["hyperparameters"][name]) for name in ("temperature", "epsilon", "sinkhorn_iterations"))
    settings = ExtractSettings(
        transform=transform, device="cpu", n_view_images=VIEW_IMAGES, n_views=VIEWS, flip=False, swav=swav
    )
    records, backbones = _read(run / "checkpoints")
    metrics: dict[str, dict[str, Metric]] = {}
    arrays: dict[tuple[str, str], Artifact] = {}
    for digest, backbone in backbones.items():
        _evaluate(backbone, digest, images, pixels, settings, metrics, arrays)
    like = next(iter(backbones.values()))
    baselines = [
        CheckpointRecord(f"random init, seed {s}", kind="baseline", baseline="random", seed=s, digest=f"random{s}")
        for s in RANDOM_SEEDS
    ]
    for seed, record in zip(RANDOM_SEEDS, baselines, strict=True):
        untrained = settle_batchnorm(random_backbone(like, seed), images, pixels, transform=transform, device="cpu")
        _evaluate(untrained, str(record.digest), images, pixels, settings, metrics, arrays)
    _drift(records, backbones, metrics)
    manifest = RunManifest(
        name=run.name,
        data=DataSummary(
            name=images.name,
            path=images.path,
            fingerprint=images.fingerprint,
            n_train=len(images.train_index),
            n_test=len(images.test_index),
            class_names=images.class_names,
            labelled=True,
        ),
        checkpoints=(*records, *baselines),
        loss=find_loss(run / "checkpoints", loss_log=None, prototypes=body["hyperparameters"]["prototypes"]),
        hyperparameters=body["hyperparameters"],
    )
    return Series(
        manifest=manifest,
        points=_points((record for record in records if record.evaluated), metrics),
        baselines=_points(baselines, metrics),
        arrays=arrays,
    )


def _read(directory: Path) -> tuple[list[CheckpointRecord], dict[str, Backbone]]:
    records: list[CheckpointRecord] = []
    backbones: dict[str, Backbone] = {}
    for file in discover(directory):
        report: LoadReport
        try:
            backbone = load(file.path)
            report = backbone.report
            backbones.setdefault(backbone.digest, backbone)
        except CheckpointRefused as refusal:
            report = refusal.report
        records.append(
            CheckpointRecord(
                name=file.name,
                state=report.state,
                reason=report.refusal,
                digest=report.digest if report.state == "ready" else None,
                epoch=report.epoch,
                step=report.step,
                untrained=report.untrained,
                load={"nonfinite": report.nonfinite, "prototypes": report.prototypes},
            )
        )
    return list(arrange(records).records), backbones


def _evaluate(
    backbone: Backbone,
    digest: str,
    images: ImageSet,
    pixels: DecodedImages,
    settings: ExtractSettings,
    metrics: dict[str, dict[str, Metric]],
    arrays: dict[tuple[str, str], Artifact],
) -> None:
    try:
        features = extract(backbone, images, pixels, settings=settings)
        for evaluator in EVALUATORS:
            for found in evaluator(features, seed=0):
                if isinstance(found, Metric):
                    metrics.setdefault(digest, {})[found.id] = found
                elif found.id.endswith(".outcomes"):
                    arrays[(found.id, digest)] = found
    except Exception as error:
        # As in `swaveval run`: what fails costs its own cells (weights that are not finite, here).
        print(f"  {digest[:8]}: {type(error).__name__}: {error}", flush=True)


def _drift(
    records: list[CheckpointRecord], backbones: dict[str, Backbone], metrics: dict[str, dict[str, Metric]]
) -> None:
    own = [record for record in records if record.evaluated and record.same_as is None]
    if len(own) < 2:
        return
    moved = drift(backbones[str(record.digest)] for record in own)
    for record, value in zip(own[1:], moved.overall, strict=True):
        found = Metric("drift.relative_l2", float(value), unit="ratio", better="neither")
        metrics.setdefault(str(record.digest), {})["drift.relative_l2"] = found


def _points(records: Iterable[CheckpointRecord], metrics: dict[str, dict[str, Metric]]) -> tuple[Point, ...]:
    return tuple(Point(record, metrics.get(str(record.digest), {})) for record in records)


def plain(series: Series) -> dict[str, Any]:
    """The manifest as JSON, without machine paths."""
    return replace(series.manifest, data=replace(series.manifest.data, path=series.manifest.data.name)).to_json()
