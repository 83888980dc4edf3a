"""A directory of checkpoints to a Series: the numbers the verdict reads, with fewer views and k than `swaveval run`."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from benchmarks.verdicts.methods import STEM_STRIDE, Joint
from benchmarks.verdicts.recipes import Recipe
from benchmarks.verdicts.sets import shown
from swaveval.checkpoints import (
    Backbone,
    CheckpointRefused,
    LoadOptions,
    LoadReport,
    arrange,
    discover,
    load,
    random_backbone,
)
from swaveval.checkpoints.drift import drift
from swaveval.checkpoints.geometry import Geometry
from swaveval.data import ImageSet, decode, open_images
from swaveval.data.decoded import DecodedImages
from swaveval.data.transforms import EvalTransform
from swaveval.evaluators.clusters import Clusters
from swaveval.evaluators.dse import Dse
from swaveval.evaluators.intrinsic import Intrinsic
from swaveval.evaluators.knn import Knn
from swaveval.evaluators.linear import Linear
from swaveval.evaluators.lowshot import LowShot
from swaveval.evaluators.prototypes import Prototypes
from swaveval.evaluators.spectrum import Spectrum
from swaveval.evaluators.views import Views
from swaveval.features.baselines import colour_histogram, raw_pixels
from swaveval.features.extract import ExtractSettings, extract
from swaveval.features.features import Features, FeatureSeries
from swaveval.features.untrained import settle_batchnorm
from swaveval.results import Artifact, BaselineKind, CheckpointRecord, DataSummary, Metric, Point, RunManifest, Series
from swaveval.runs.losses import find_loss

EVALUATORS = (
    Knn(ks=(20,), temperatures=(0.07,)),
    Linear(),
    LowShot(shots=(5,)),
    Clusters(restarts=5, shuffles=2, groups=2),
    Prototypes(),
    Spectrum(groups=2),
    Intrinsic(),
    Views(groups=2),
)
VIEW_IMAGES, VIEWS = 500, 2
KEPT_SETTINGS = ("temperature", "epsilon", "sinkhorn_iterations")


@dataclass(eq=False)
class Measured:
    """What came out, by digest."""

    metrics: dict[str, dict[str, Metric]] = field(default_factory=dict)
    arrays: dict[tuple[str, str], Artifact] = field(default_factory=dict)
    features: dict[str, Features] = field(default_factory=dict)

    def keep(self, found: Iterable[Metric | Artifact], digest: str) -> None:
        for one in found:
            owner = one.checkpoint or digest
            if isinstance(one, Metric):
                self.metrics.setdefault(owner, {})[one.id] = one
            elif one.id.endswith(".outcomes"):
                self.arrays[one.id, owner] = one

    def evaluate(self, features: Features, digest: str) -> None:
        for evaluator in EVALUATORS:
            try:
                self.keep(evaluator(features, seed=0), digest)
            except Exception as error:
                # As in `swaveval run`: what fails costs its own cell, and pixels have no views.
                print(f"  {digest[:8]} {evaluator.name}: {type(error).__name__}: {str(error)[:80]}", flush=True)


def measure(run: Path, recipe: Recipe | Joint, prepared: Path) -> Series:
    """Evaluate every checkpoint that can be read, untrained networks, raw pixels and colours beside them."""
    images, pixels, settings = opened(recipe, prepared)
    hyperparameters = _hyperparameters(run)
    known = tuple((name, float(hyperparameters[name])) for name in KEPT_SETTINGS if name in hyperparameters)
    settings = replace(settings, swav=known)
    records, backbones = read(run / "checkpoints", recipe)
    found = Measured()
    for digest, backbone in backbones.items():
        _checkpoint(found, backbone, digest, images, pixels, settings)
    # As many untrained networks as `swaveval run` takes: three, a saved step 0 among them.
    seeds = range(2 if any(record.is_untrained for record in records) else 3)
    baselines = _baselines(found, next(iter(backbones.values())), seeds, images, pixels, settings)
    own = tuple(str(one.digest) for one in records if one.evaluated and one.same_as is None)
    if len(own) > 1:
        moved = drift(backbones[digest] for digest in own)
        for digest, value in zip(own[1:], moved.overall, strict=True):
            found.keep([Metric("drift.relative_l2", float(value), unit="ratio", better="neither")], digest)
        given = tuple(digest for digest in own if digest in found.features)
        found.keep(Dse()(FeatureSeries(given, given, found.features.__getitem__), seed=0), "")
    # As in `swaveval run`: of another trainer's run the checkpoints tell K.
    counted = next((record.load["prototypes"] for record in records if record.load.get("prototypes")), None)
    prototypes = hyperparameters.get("prototypes", counted)
    manifest = RunManifest(
        name=run.name,
        data=summary(recipe, images),
        checkpoints=(*records, *baselines),
        loss=find_loss(run / "checkpoints", loss_log=None, prototypes=prototypes),
        hyperparameters=hyperparameters,
    )
    return Series(
        manifest=manifest,
        points=_points((record for record in records if record.evaluated), found),
        baselines=_points(baselines, found),
        arrays=found.arrays,
    )


def opened(recipe: Recipe | Joint, prepared: Path) -> tuple[ImageSet, DecodedImages, ExtractSettings]:
    """The images that a run is evaluated on, decoded, and how its features are read."""
    images = open_images(shown(recipe.images, prepared))
    transform = EvalTransform(size=recipe.size)
    settings = ExtractSettings(
        transform=transform,
        device="cpu",
        n_view_images=VIEW_IMAGES,
        n_views=VIEWS,
        flip=recipe.images != "digits",
    )
    return images, decode(images, transform, cache=None), settings


def summary(recipe: Recipe | Joint, images: ImageSet) -> DataSummary:
    """What the manifest says of the images, without a machine's path."""
    return DataSummary(
        name=recipe.images,
        path=recipe.images,
        fingerprint=images.fingerprint,
        n_train=len(images.train_index),
        n_test=len(images.test_index),
        class_names=images.class_names,
        labelled=True,
    )


def _hyperparameters(run: Path) -> Mapping[str, Any]:
    """What `swaveval pretrain` wrote; nothing of other methods."""
    path = run / "run.json"
    return dict(json.loads(path.read_text(encoding="utf-8"))["hyperparameters"]) if path.exists() else {}


def _checkpoint(
    found: Measured,
    backbone: Backbone,
    digest: str,
    images: ImageSet,
    pixels: DecodedImages,
    settings: ExtractSettings,
) -> None:
    try:
        features = extract(backbone, images, pixels, settings=settings)
    except Exception as error:
        print(f"  {digest[:8]}: {type(error).__name__}: {str(error)[:80]}", flush=True)
        return
    found.features[digest] = features
    found.evaluate(features, digest)


def _baselines(
    found: Measured,
    like: Backbone,
    seeds: Iterable[int],
    images: ImageSet,
    pixels: DecodedImages,
    settings: ExtractSettings,
) -> list[CheckpointRecord]:
    records = [untrained(found, like, seed, images, pixels, settings) for seed in seeds]
    plain = (("raw pixels", "pixels", raw_pixels), ("colour histogram", "colours", colour_histogram))
    for name, kind, encode in plain:
        record = _record(name, kind, None)  # type: ignore[arg-type]
        found.evaluate(encode(images, pixels, settings=settings), str(record.digest))
        records.append(record)
    return records


def untrained(
    found: Measured,
    like: Backbone,
    seed: int,
    images: ImageSet,
    pixels: DecodedImages,
    settings: ExtractSettings,
) -> CheckpointRecord:
    """Evaluate a network of the same architecture at initialisation, its BatchNorm settled."""
    network = settle_batchnorm(random_backbone(like, seed), images, pixels, settings=settings)
    record = _record(f"random init, seed {seed}", "random", seed)
    _checkpoint(found, network, str(record.digest), images, pixels, settings)
    return record


def _record(name: str, kind: BaselineKind, seed: int | None) -> CheckpointRecord:
    return CheckpointRecord(name, kind="baseline", baseline=kind, seed=seed, digest=f"{kind}{seed}")


def options_of(recipe: Recipe | Joint) -> LoadOptions | None:
    """How the checkpoints of a run are read: no reader knows the small ViT, and other trainers do not write the stride.

    Each file is read by itself here; `swaveval run` finds the stride out from the whole series.
    """
    if not isinstance(recipe, Joint):
        return None
    if recipe.network == "vit":
        return LoadOptions(backbone=f"{Path(__file__).with_name('methods.py')}:small_vit")
    return LoadOptions(geometry=Geometry(stem_stride=STEM_STRIDE))


def read(directory: Path, recipe: Recipe | Joint) -> tuple[list[CheckpointRecord], dict[str, Backbone]]:
    """The checkpoints of a directory in their order, and the backbone of every digest."""
    options = options_of(recipe)
    records: list[CheckpointRecord] = []
    backbones: dict[str, Backbone] = {}
    for file in discover(directory):
        report: LoadReport
        try:
            backbone = load(file.path, options=options)
            report = backbone.report
            backbones.setdefault(backbone.digest, backbone)
        except CheckpointRefused as refusal:
            report = refusal.report
            print(f"  {file.name}: {report.refusal[:200]}", flush=True)
        records.append(
            CheckpointRecord(
                name=file.name,
                state=report.state,
                reason=report.refusal,
                digest=report.digest if report.state == "ready" else None,
                epoch=report.epoch,
                step=report.step,
                untrained=report.untrained,
                load={
                    "nonfinite": report.nonfinite,
                    "prototypes": report.prototypes,
                    "family": report.family,
                    "size": {"head": report.size.get("head", 0)},
                },
            )
        )
    return list(arrange(records).records), backbones


def _points(records: Iterable[CheckpointRecord], found: Measured) -> tuple[Point, ...]:
    return tuple(Point(record, found.metrics.get(str(record.digest), {})) for record in records)
