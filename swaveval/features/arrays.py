"""Features that were extracted elsewhere, as a source of checkpoints: any model of any kind of data."""

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from swaveval.checkpoints import Backbone, CheckpointRefused, Entry, LoadOptions, LoadReport
from swaveval.checkpoints.source import InMemory, moment_of
from swaveval.data import ImageSet
from swaveval.features.errors import FeatureError
from swaveval.features.exact import row_blocks
from swaveval.features.features import Features
from swaveval.results import CheckpointRecord
from swaveval.results.checkpoint import FEATURES_AS_GIVEN
from swaveval.results.encoding import digest
from swaveval.text import shortened

Array = np.ndarray[Any, np.dtype[Any]]
_BLOCK = 4096


class Arrays(InMemory):
    """Features by name, in the order they were given: the order of training.

    Attributes:
        architecture: what stands for one.
    """

    architecture = FEATURES_AS_GIVEN

    def __init__(self, features: Mapping[str, Array], untrained: Mapping[str, Array], images: ImageSet) -> None:
        """Arrays as `as_rows` gives them, all of `len(images)` rows.

        Args:
            features: of the checkpoints. untrained: of networks like theirs that nobody trained.
            images: what the rows stand for: labels and split.

        Raises:
            FeatureError: those of an untrained network are not finite.
        """
        super().__init__(features)
        self._untrained = InMemory(untrained).named
        self._images = images
        for name, array in self._untrained.items():
            if broken := not_finite(array):
                raise FeatureError(
                    f"the baseline {shortened(name, 80)} has {broken:,} of {len(array):,} rows with NaN or infinite "
                    "features; leave it out"
                )
        self._digests = {name: content_of(array) for name, array in (self.named | self._untrained).items()}

    def backbone(self, entry: Entry, options: LoadOptions) -> Backbone:
        raise CheckpointRefused("refused", "features come without the network that made them", self.report(entry))

    def report(self, entry: Entry) -> LoadReport:
        """What stands for a load report."""
        array = self.named[entry.name]
        known: dict[str, Any] = {
            "file": entry.name,
            "architecture": self.architecture,
            "matched": 1.0,
            "feature_dim": int(array.shape[1]),
            **moment_of(entry.name),
        }
        if not (broken := not_finite(array)):
            return LoadReport(state="ready", digest=self._digests[entry.name], **known)
        refusal = f"{broken:,} of {len(array):,} rows have NaN or infinite features"
        if 2 * broken > len(array):  # what a diverged network gives
            return LoadReport(state="refused", refusal=f"{refusal}: this training diverged", nonfinite=broken, **known)
        return LoadReport(state="refused", refusal=f"{refusal}; leave these rows out of all features", **known)

    def baselines(self) -> list[CheckpointRecord]:
        """The untrained networks."""
        return [
            CheckpointRecord(name, kind="baseline", baseline="random", seed=seed, digest=self._digests[name])
            for seed, name in enumerate(self._untrained)
        ]

    def features(self, digest: str) -> Features | None:
        """The features with this digest, split as the images are."""
        names = (name for name, found in self._digests.items() if found == digest)
        name = next(names, None)
        if name is None:
            return None
        array = (self.named | self._untrained)[name]
        images, labels = self._images, self._images.labels
        train, test = images.train_index, images.test_index
        return Features(
            train=array[train],
            test=array[test],
            train_labels=None if labels is None else labels[train],
            test_labels=None if labels is None else labels[test],
            train_index=train.astype(np.int32),
            test_index=test.astype(np.int32),
            class_names=images.class_names,
            protocol="features as given",
            pictures=False,
        )


def as_rows(name: str, given: Any) -> Array:
    """Features as an array `(n, d)`, float32 or float16; a memory map stays one.

    Raises:
        FeatureError: they are of another shape, or no numbers.
    """
    shown = shortened(str(name), 80)
    if hasattr(given, "detach"):  # a torch tensor, on any device, in any precision
        given = given.detach().float().cpu().numpy() if str(given.dtype) != "torch.float16" else given.cpu().numpy()
    array = given if isinstance(given, np.ndarray) else np.asarray(given)
    if array.dtype.kind not in "fiub":
        raise FeatureError(f"the features {shown} are of type {array.dtype}, not numbers")
    if array.ndim != 2 or 0 in array.shape:
        pooled = "; pool them to one vector an image" if array.ndim > 2 else ""
        raise FeatureError(f"the features {shown} have shape {array.shape}; expected (n, d), a row an image{pooled}")
    return array if array.dtype in (np.float32, np.float16) else array.astype(np.float32)


def not_finite(array: Array) -> int:
    """How many rows have a NaN or an infinity."""
    parts = row_blocks(len(array), _BLOCK)
    return sum(int((~np.isfinite(array[part])).any(axis=1).sum()) for part in parts)


def content_of(array: Array) -> str:
    """SHA-256 over shape, type and bytes, in blocks of rows."""
    state = hashlib.sha256(f"{array.shape} {array.dtype.str}".encode())
    for part in row_blocks(len(array), _BLOCK):
        state.update(np.ascontiguousarray(array[part]).tobytes())
    return digest(["features", state.hexdigest()])
