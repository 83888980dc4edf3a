"""Which precision the networks of a series are run in: once chosen, every checkpoint that comes later is run in it."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch

from swaveval.checkpoints import CheckpointRefused
from swaveval.features.errors import FeatureError
from swaveval.features.extract import Normalise, choose_device, evaluating
from swaveval.features.precision import Agreement, agreement, fastest, running
from swaveval.results import CheckpointRecord, ResultStore, StoreError
from swaveval.results.precision import WORDS, Precision
from swaveval.runs.loader import CheckpointLoader
from swaveval.runs.request import RunRequest
from swaveval.runs.workspace import Workspace

# Images that both precisions are compared on.
IMAGES = 128
BATCH = 32


def with_precision(
    request: RunRequest,
    records: Sequence[CheckpointRecord],
    loader: CheckpointLoader,
    workspace: Workspace,
    *,
    look: bool,
) -> RunRequest:
    """The request with `auto` replaced: by what this series has, else by the fastest that changes nothing that counts.

    Args:
        records: of the series. workspace: in float32.
        look: whether networks may be run to find out; else the hardware's fastest is taken.
    """
    if request.precision != "auto":
        return replace(request, precision_why="")
    if not request.force and (kept := _kept(request)) is not None:
        return replace(request, precision=kept[0], precision_why=kept[1])
    device = choose_device(request.device)
    guess = fastest(device)
    ready = [record for record in records if record.kind == "checkpoint" and record.evaluated]
    if guess == "fp32":
        return replace(request, precision=guess, precision_why=f"{device} multiplies nothing faster")
    if not look or not ready:
        return replace(request, precision=guess, precision_why="")
    workspace.progress.stage(f"comparing {guess} with fp32", 0)
    ends = ready[:1] if len(ready) == 1 else [ready[0], ready[-1]]
    found = [_compared(record, loader, workspace, guess, device) for record in ends]
    worst = min(found, key=lambda one: (one.good, one.cosine, one.neighbours))
    chosen = guess if worst.good else "fp32"
    seen = (
        f"on {worst.n} images {WORDS[guess]} gives features whose median cosine with float32 is {worst.cosine:.5f} "
        f"(centred), and {100 * worst.neighbours:.1f} % have the same nearest neighbour"
    )
    return replace(request, precision=chosen, precision_why=seen)


def _kept(request: RunRequest) -> tuple[str, str] | None:
    """What the stored evaluation of these checkpoints has; None where there is none."""
    if request.in_memory or request.owner != "these":
        return None
    try:
        data = ResultStore(request.out / "results").read_manifest().data
    except StoreError:
        return None
    return data.precision, data.precision_why


@torch.inference_mode()
def _compared(
    record: CheckpointRecord, loader: CheckpointLoader, workspace: Workspace, precision: Precision, device: str
) -> Agreement:
    """One checkpoint's features of a sample in both; what cannot be run has none in common, and says so later."""
    try:
        backbone = loader.load(str(record.digest))
    except (CheckpointRefused, KeyError, RuntimeError):
        return Agreement(-1.0, 0.0, 0)
    backbone.to(device)
    module = backbone.module
    normalise = Normalise(workspace.settings.transform, device)
    rows = np.linspace(0, len(workspace.images) - 1, min(IMAGES, len(workspace.images))).astype(np.int64)
    exact, lower = [], []
    try:
        with evaluating(module, None):  # somebody's network in memory is given back as it was
            for batch in workspace.pixels.batches(rows, BATCH):
                images = normalise(batch)
                exact.append(module(images).float().cpu().numpy())
                with running(precision, device):
                    lower.append(module(images).float().cpu().numpy())
        return agreement(np.concatenate(exact), np.concatenate(lower))
    except (RuntimeError, ValueError, AssertionError, IndexError, TypeError, AttributeError, FeatureError):
        return Agreement(-1.0, 0.0, len(rows))
