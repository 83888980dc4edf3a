"""What the checkpoints of one evaluation share: images, pixels, settings, the two stores."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from swaveval.checkpoints import Backbone, LoadOptions, load, random_backbone
from swaveval.data import DecodedImages, ImageSet, decode
from swaveval.features.baselines import colour_histogram, raw_pixels
from swaveval.features.extract import ExtractSettings, extract
from swaveval.features.features import Features
from swaveval.features.store import FeatureStore
from swaveval.features.untrained import settle_batchnorm
from swaveval.results import CellKey, CheckpointRecord, ResultStore
from swaveval.results.encoding import digest
from swaveval.runs.plan import EvaluatorSpec
from swaveval.runs.plugins import PluginHosts, StoredFeatures
from swaveval.runs.progress import Progress, Silent

RAW_PIXELS = "raw pixels"
COLOUR_HISTOGRAM = "colour histogram"
MAJORITY = "majority class"
RANDOM_INIT = "random init, seed "
SETTLED_INIT = "random init, BatchNorm settled"
UNSETTLED = "BatchNorm as it is initialised"

# Features are memory-mapped; what costs memory is the 200 neighbours (index and similarity) searched for each image.
SEARCH_BYTES_PER_IMAGE = 200 * 12
SEARCHES_KEPT_BYTES = 1 << 30


@dataclass(eq=False)
class Workspace:
    """Turns a record into features, extracting at most once per backbone and image set.

    Attributes:
        out: the results go under `out/results`, what can be made again under `out/cache`.
        images: the image set.
        settings: how features are extracted, eval transform included.
        seed: what evaluators are called with.
        load_options: how checkpoints may be read.
        progress: told about decoding and extraction.
        plugins: the processes of evaluators that are not ours.
    """

    out: Path
    images: ImageSet
    settings: ExtractSettings
    seed: int = 0
    load_options: LoadOptions = field(default_factory=LoadOptions)
    progress: Progress = field(default_factory=Silent)
    plugins: PluginHosts = field(default_factory=PluginHosts, repr=False)
    _kept: dict[str, Features] = field(default_factory=dict, repr=False)

    @cached_property
    def store(self) -> ResultStore:
        return ResultStore(self.out / "results")

    @cached_property
    def feature_store(self) -> FeatureStore:
        return FeatureStore(self.out / "cache" / "features")

    @cached_property
    def pixels(self) -> DecodedImages:
        """Decoded on first use: an evaluation whose cells are all done never opens an image."""
        self.progress.stage("decoding images", len(self.images))
        return decode(
            self.images, self.settings.transform, cache=self.out / "cache" / "pixels", progress=self.progress.advance
        )

    @property
    def protocol(self) -> str:
        """Everything besides the weights and the images that shapes the features; part of every cell's key."""
        return self.settings.id

    def key(self, backbone: str, spec: EvaluatorSpec) -> CellKey:
        return CellKey(
            backbone=backbone,
            data=self.images.fingerprint,
            transform=self.protocol,
            evaluator=spec.name,
            version=spec.version,
            parameters=dict(spec.parameters),
            seed=self.seed,
        )

    def held_features(self, backbone: str) -> Features | None:
        """Features stored earlier, or None."""
        if backbone not in self._kept and (
            stored := self.feature_store.get(backbone, self.protocol, self.images.fingerprint)
        ):
            self._keep(backbone, stored)
        return self._kept.get(backbone)

    def stored_features(self, backbone: str, features: Features) -> StoredFeatures:
        """Where another process finds these features; those of baselines are stored now."""
        if self.feature_store.get(backbone, self.protocol, self.images.fingerprint) is None:
            self.feature_store.put(backbone, self.protocol, self.images.fingerprint, features)
        return StoredFeatures(
            self.feature_store.directory.absolute(),
            backbone,
            self.protocol,
            self.images.fingerprint,
            images=len(features.train) + len(features.test),
        )

    def _keep(self, backbone: str, features: Features) -> Features:
        """Hold on to features, so that series evaluators find the searches made for kNN; the oldest go first."""
        self._kept[backbone] = features
        per_backbone = len(self.images) * SEARCH_BYTES_PER_IMAGE
        while len(self._kept) > max(2, SEARCHES_KEPT_BYTES // per_backbone):
            self._kept.pop(next(iter(self._kept)))
        return features

    def checkpoint_features(self, record: CheckpointRecord, path: Path) -> Features:
        """Features of a checkpoint file, which must still hold the weights that were planned.

        Raises:
            CheckpointRefused: the file can no longer be read. RuntimeError: it holds other weights now.
        """
        if (held := self.held_features(str(record.digest))) is not None:
            return held
        backbone = load(path, options=self.load_options)
        if backbone.digest != record.digest:
            raise RuntimeError(f"{record.name} changed while it was being evaluated; run again")
        return self._extract(backbone, str(record.digest))

    def baseline_features(self, record: CheckpointRecord, like: Path) -> Features:
        """Features of a baseline; random initialisations take the architecture of the checkpoint at `like`."""
        digest_ = str(record.digest)
        if (held := self.held_features(digest_)) is not None:
            return held
        if record.name.startswith(RANDOM_INIT):
            model = load(like, options=self.load_options)
            untrained = random_backbone(model, int(record.name.removeprefix(RANDOM_INIT)))
            settings = self.settings
            # Beside nothing but networks that never saw an image, a baseline is as they are.
            if not model.report.untouched:
                transform, device = settings.transform, settings.device
                settle_batchnorm(untrained, self.images, self.pixels, transform=transform, device=device)
            return self._extract(untrained, digest_)
        build = raw_pixels if record.name == RAW_PIXELS else colour_histogram
        return build(self.images, self.pixels)

    def _extract(self, backbone: Backbone, digest_: str) -> Features:
        pixels = self.pixels
        self.progress.stage("features", len(self.images))
        features = extract(backbone, self.images, pixels, settings=self.settings, progress=self.progress.advance)
        # As read back from disk, so that a first run and a resumed one compute from the same bytes.
        return self._keep(digest_, self.feature_store.put(digest_, self.protocol, self.images.fingerprint, features))


def model_record(ready: Sequence[CheckpointRecord]) -> CheckpointRecord:
    """The checkpoint that untrained networks are like: the first that saw images, with the fewest blocks asleep."""
    return min(ready, key=lambda record: (bool(record.load.get("untouched")), int(record.load.get("asleep") or 0)))


def baseline_records(records: list[CheckpointRecord], *, fingerprint: str, labelled: bool) -> list[CheckpointRecord]:
    """The baselines that stand beside a series: 3 random initialisations (a saved step 0 counts as one), raw pixels,
    colour histogram, and with labels the majority class."""
    ready = [record for record in records if record.evaluated]
    if not ready:
        return []
    load_report = model_record(ready).load
    architecture = [load_report.get("architecture"), load_report.get("feature_dim")]
    start = [load_report["start"]] if load_report.get("start") else []
    if load_report.get("untouched"):
        start.append(UNSETTLED)
    untrained = any(record.is_untrained for record in ready)
    rows = [
        CheckpointRecord(
            f"{RANDOM_INIT}{seed}", kind="baseline", digest=digest([SETTLED_INIT, architecture, seed, *start])
        )
        for seed in range(2 if untrained else 3)
    ]
    names = [RAW_PIXELS, COLOUR_HISTOGRAM] + ([MAJORITY] if labelled else [])
    rows += [CheckpointRecord(name, kind="baseline", digest=digest([name, fingerprint])) for name in names]
    return rows
