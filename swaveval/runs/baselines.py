"""What stands beside a series that nobody trained: its records, and how the features of each kind are made.

A baseline is known by its kind, its seed and what its features depend on, all of them in its digest; its name is for
people.
"""

from collections.abc import Sequence
from typing import Any

from swaveval.features.baselines import BAND_BINS, HISTOGRAM_BINS, RAW_PIXEL_SIDE
from swaveval.features.extract import ExtractSettings
from swaveval.results import BaselineKind, CheckpointRecord
from swaveval.results.encoding import digest

NAMES: dict[BaselineKind, str] = {
    "random": "random init, seed {}",
    "pixels": "raw pixels",
    "colours": "colour histogram",
    "majority": "majority class",
}
PARAMETERS: dict[BaselineKind, dict[str, int]] = {
    "pixels": {"side": RAW_PIXEL_SIDE},
    "colours": {"bins": HISTOGRAM_BINS, "band_bins": BAND_BINS},
}
# With these, features are what they were when a digest held the name alone: such results are kept.
_BEFORE: dict[BaselineKind, dict[str, int]] = {"pixels": {"side": 16}, "colours": {"bins": 8, "band_bins": 64}}
# What it is settled on is in here: features of an untrained network depend on it.
_SETTLED = "random init, BatchNorm settled on 512 images at random"
_UNSETTLED = "BatchNorm as it is initialised"


def model_record(ready: Sequence[CheckpointRecord]) -> CheckpointRecord:
    """The checkpoint that untrained networks are like: the first that saw images, with the fewest blocks asleep."""
    return min(ready, key=lambda record: (bool(record.load.get("untouched")), int(record.load.get("asleep") or 0)))


def baseline_records(
    records: Sequence[CheckpointRecord],
    *,
    fingerprint: str,
    labelled: bool,
    settings: ExtractSettings,
    given: Sequence[CheckpointRecord] | None = None,
) -> list[CheckpointRecord]:
    """The baselines beside a series: 3 random initialisations (a saved step 0 counts as one), raw pixels, colour
    histogram, and with labels the majority class.

    Args:
        fingerprint: of the image set. settings: how views are drawn.
        given: untrained networks that come with the source; there are no pixels then.
    """
    ready = [record for record in records if record.evaluated]
    if not ready:
        return []
    majority = [_record("majority", [NAMES["majority"], fingerprint])] if labelled else []
    if given is not None:
        return [*given, *majority]
    model = model_record(ready).load
    architecture = [model.get("architecture"), model.get("feature_dim")]
    start = [model["start"]] if model.get("start") else []
    if model.get("untouched"):
        start.append(_UNSETTLED)
    untrained = any(record.is_untrained for record in ready)
    rows = [_record("random", [_SETTLED, architecture, seed, *start], seed) for seed in range(2 if untrained else 3)]
    rows += [_record(kind, _plain(kind, fingerprint, settings)) for kind in ("pixels", "colours")]
    return [*rows, *majority]


def _record(kind: BaselineKind, identity: list[Any], seed: int | None = None) -> CheckpointRecord:
    name = NAMES[kind].format(seed)
    return CheckpointRecord(name, kind="baseline", baseline=kind, seed=seed, digest=digest(identity))


def _plain(kind: BaselineKind, fingerprint: str, settings: ExtractSettings) -> list[Any]:
    """What the features of pixels or colours depend on, views included."""
    identity: list[Any] = [NAMES[kind], fingerprint]
    if PARAMETERS[kind] != _BEFORE[kind]:
        identity.append(PARAMETERS[kind])
    # Views were once drawn like this whatever a run asked for.
    if (settings.flip, settings.seed, settings.n_view_images, settings.n_views) != (True, 0, None, None):
        identity.append(["views", settings.flip, settings.seed, settings.n_view_images, settings.n_views])
    return identity
