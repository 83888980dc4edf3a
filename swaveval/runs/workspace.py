"""What the checkpoints of one evaluation share: images, pixels, settings, the two stores."""

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from swaveval.checkpoints import Backbone, random_backbone
from swaveval.data import DecodedImages, ImageSet, decode
from swaveval.features.baselines import colour_histogram, raw_pixels
from swaveval.features.extract import ExtractSettings, extract
from swaveval.features.features import Features
from swaveval.features.store import FeatureStore
from swaveval.features.untrained import settle_batchnorm
from swaveval.results import CellKey, CheckpointRecord, ResultStore
from swaveval.results.seconds import DECODING, Stopwatch
from swaveval.runs.loader import CheckpointLoader
from swaveval.runs.plan import EvaluatorSpec
from swaveval.runs.plugins import PluginHosts, StoredFeatures
from swaveval.runs.progress import Progress, Silent

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
        loader: gives the checkpoints' networks.
        progress: told about decoding and extraction.
        plugins: the processes of evaluators that are not ours.
    """

    out: Path
    images: ImageSet
    settings: ExtractSettings
    loader: CheckpointLoader
    seed: int = 0
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
        watch, fresh = Stopwatch(), 0

        def advance(done: int, total: int) -> None:
            nonlocal fresh
            fresh = done
            self.progress.advance(done, total)

        with watch.stage(DECODING):
            transform = self.settings.transform
            pixels = decode(self.images, transform, cache=self.out / "cache" / "pixels", progress=advance)
        self.progress.advance(len(self.images), len(self.images))
        if fresh:  # else they lay there, and what decoding took is known
            self.store.seconds.put("", self.images.fingerprint, transform.id, watch.seconds)
        return pixels

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
        if backbone not in self._kept and (given := self.loader.features(backbone)) is not None:
            self._keep(backbone, given)
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

    def checkpoint_features(self, record: CheckpointRecord) -> Features:
        """Features of a checkpoint, which must still hold the weights that were planned.

        Raises:
            CheckpointRefused: the file can no longer be read. RuntimeError: it holds other weights now.
        """
        if (held := self.held_features(str(record.digest))) is not None:
            return held
        digest, watch = str(record.digest), Stopwatch()
        backbone = self.loader.load(digest)
        watch.seconds["reading"] = self.loader.watch.seconds[digest]
        return self._extract(backbone, digest, watch)

    def baseline_features(self, record: CheckpointRecord, like: str) -> Features:
        """Features of a baseline; random initialisations take the architecture of the checkpoint of digest `like`."""
        digest_ = str(record.digest)
        if (held := self.held_features(digest_)) is not None:
            return held
        pixels, watch = self.pixels, Stopwatch()
        if record.baseline == "random":
            with watch.stage("reading"):
                untrained = self._untrained(like, int(record.seed or 0))
            return self._extract(untrained, digest_, watch)
        build = raw_pixels if record.baseline == "pixels" else colour_histogram
        features = build(self.images, pixels, settings=self.settings, watch=watch)
        self.store.seconds.put(digest_, self.images.fingerprint, self.protocol, watch.seconds)
        return features

    def _untrained(self, like: str, seed: int) -> Backbone:
        model = self.loader.load(like)
        untrained = random_backbone(model, seed)
        # Beside nothing but networks that never saw an image, a baseline is as they are.
        if not model.report.untouched:
            settle_batchnorm(untrained, self.images, self.pixels, settings=self.settings)
        return untrained

    def _extract(self, backbone: Backbone, digest_: str, watch: Stopwatch) -> Features:
        pixels, data = self.pixels, self.images.fingerprint
        self.progress.stage("features", len(self.images))
        advance = self.progress.advance
        features = extract(backbone, self.images, pixels, settings=self.settings, progress=advance, watch=watch)
        # As read back from disk, so that a first run and a resumed one compute from the same bytes.
        with watch.stage("storing"):
            stored = self.feature_store.put(digest_, self.protocol, data, features)
        self.store.seconds.put(digest_, data, self.protocol, watch.seconds)
        return self._keep(digest_, stored)
