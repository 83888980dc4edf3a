"""A checkpoint file to a Backbone, or to a typed refusal. The one place where reading, names and models meet."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from swaveval.checkpoints.advice import matching
from swaveval.checkpoints.backbone import Backbone
from swaveval.checkpoints.epochs import progress
from swaveval.checkpoints.families import CONTAINERS, SCALARS, Parts
from swaveval.checkpoints.families.vissl import piece_of
from swaveval.checkpoints.geometry import without_effect
from swaveval.checkpoints.heads import build_head
from swaveval.checkpoints.hugging_face.beside import beside, trained_beside
from swaveval.checkpoints.initial import asleep, started, untouched
from swaveval.checkpoints.input_channels import input_channels
from swaveval.checkpoints.load_report import LoadReport
from swaveval.checkpoints.matched import Match, Model, match, unplaced
from swaveval.checkpoints.models import fill, find_model
from swaveval.checkpoints.options import LoadOptions
from swaveval.checkpoints.partial import hollowness, incomplete, shallow, surplus
from swaveval.checkpoints.pieces import Together, bytes_of, pieces_of, standing_for
from swaveval.checkpoints.recent import may_be_written
from swaveval.checkpoints.refusal import CheckpointRefused
from swaveval.checkpoints.sandbox.description import Description
from swaveval.checkpoints.sandbox.failure import Failure, printable
from swaveval.checkpoints.sandbox.reader import OpenFile, shared_reader
from swaveval.checkpoints.told import layer_of_normalisation, normalisation, of_unit_pixels, shown_as
from swaveval.checkpoints.weights_digest import tensor_hashes, weights_digest

_MOST_NAMES = 1000
_COUNTER = "num_batches_tracked"


def load(path: Path, *, options: LoadOptions | None = None) -> Backbone:
    """The trusted backbone of a checkpoint file.

    Raises:
        CheckpointRefused: it cannot be evaluated; `state`, `reason` and `report` say why.
    """
    options = options or LoadOptions()
    facts: dict[str, Any] = {"file": str(path), "trusted": options.trust}
    reader = shared_reader()
    path = standing_for(path)
    before = _look(path)
    try:
        pieces = pieces_of(path)
        with reader.lock:
            if len(pieces) > 1:
                together = Together(reader, pieces, CONTAINERS, SCALARS, options)
                backbone = _load(together, path, options, facts)
            else:
                with reader.open(path, containers=CONTAINERS, scalars=SCALARS, options=options) as opened:
                    backbone = _load(opened, path, options, facts)
        if _look(path) != before:
            raise Failure("corrupt", "the file changed while it was read", cut_short=True)
        return backbone
    except Failure as failure:
        state = failure.kind
        reason = str(failure)
        rewritten = failure.kind == "corrupt" and _look(path) != before
        if (failure.cut_short or rewritten) and _recent(path):
            state, reason = "writing", f"the file is still being written: {reason}"  # type: ignore[assignment]
        facts["size"] = facts.get("size") or ({"file": before[0]} if before else {})
        report = LoadReport(**(facts | {"state": state, "refusal": reason}))
        raise CheckpointRefused(report.state, reason, report) from None


def inspect(path: Path, *, options: LoadOptions | None = None) -> LoadReport:
    """The load report of a file, whatever its state. Never raises for what is in the file."""
    try:
        return load(path, options=options).report
    except CheckpointRefused as refused:
        return refused.report


def _load(opened: OpenFile | Together, path: Path, options: LoadOptions, facts: dict[str, Any]) -> Backbone:
    description = described(opened, path)
    facts |= progress(description, path.name) | trained_beside(path)
    facts["warnings"] = description.notes
    facts["size"] = _sizes(path, description, None)
    if piece := piece_of(description):
        raise Failure("refused", piece)
    parts, model = find_model(description, options)
    found = match(model, parts.backbone, parts.view.tensors)
    facts |= {
        "family": parts.family,
        "architecture": model.words,
        "feature_dim": model.feature_dim,
        "size": _sizes(path, description, parts),
        "matched": found.share,
        "missing": found.missing[:_MOST_NAMES],
        "unexpected": unplaced(parts, found)[:_MOST_NAMES],
        "warnings": (
            *description.notes,
            *parts.notes,
            *model.notes,
            *without_effect(options.geometry, model.geometry),
            *filter(None, [shallow(model)]),
        ),
        "geometry": _geometry(opened, description, model),
    }
    theirs = set(facts["unexpected"])
    extra = [ours for ours, name in parts.backbone.items() if name in theirs]
    hollow = hollowness(model, found, extra, _below(parts, facts["unexpected"]))
    named = bool(options.backbone)
    if hollow or (found.missing and not options.allow_partial):
        fits = matching(parts.view) if hollow and not named else ""
        raise Failure("refused", incomplete(model, found, hollow, named=named, fits=fits))
    if facts["unexpected"] and not options.allow_partial:
        fits = "" if named else matching(parts.view)
        raise Failure("refused", surplus(model, facts["unexpected"], named=named, fits=fits))
    facts["partial"] = bool(found.missing or facts["unexpected"])
    return _assemble(opened, parts, model, found, facts)


def _below(parts: Parts, names: Sequence[str]) -> list[str]:
    """Names of the file as they are below the backbone's prefix, where it has one."""
    prefix = next((theirs[: -len(ours)] for ours, theirs in parts.backbone.items() if theirs.endswith(ours)), "")
    return [name.removeprefix(prefix) for name in names]


def described(opened: OpenFile | Together, path: Path) -> Description:
    """What is in a file, and what the files beside it say of its network."""
    description = opened.description
    return replace(description, scalars={**description.scalars, **beside(path)})


def _geometry(opened: OpenFile | Together, description: Description, model: Model) -> dict[str, Any]:
    """What shapes do not tell, as the report says it."""
    found: dict[str, Any] = {} if model.geometry is None else dict(model.geometry.to_json())
    named = normalisation(description) or _normalising_layer(opened, description)
    found |= {} if named is None else {"normalisation": [list(part) for part in named]}
    shown = shown_as(description)
    return found | ({"shown": shown} if shown else {})


def _normalising_layer(
    opened: OpenFile | Together, description: Description
) -> tuple[tuple[float, ...], tuple[float, ...]] | None:
    """(mean, std) of pixels in 0…1 that stand among the weights, in a layer before the backbone."""
    for path, tensors in description.containers.items():
        if (names := layer_of_normalisation(tensors)) is not None:
            held = opened.take(path, names)
            if all(held.get(name) is not None for name in names):
                mean, std = (tuple(float(value) for value in held[name].flatten()) for name in names)
                return of_unit_pixels(mean, std)
    return None


def _assemble(opened: OpenFile | Together, parts: Parts, model: Model, found: Match, facts: dict[str, Any]) -> Backbone:
    """Take the tensors, hash them, and put them into modules."""
    names = {f"backbone.{ours}": theirs for ours, theirs in found.names.items()}
    names |= {f"head.projection.{ours}": theirs for ours, theirs in parts.projection.items()}
    names |= {f"head.prototypes.{ours}": theirs for ours, theirs in parts.prototypes.items()}
    tensors = _take(opened, parts, names | _counters(parts))
    facts["batches"] = min((int(tensors.pop(name)) for name in _counters(parts)), default=None)
    weights = _rest(tensors, "backbone.")
    facts["dtype"] = ", ".join(sorted({parts.view.tensors[name].dtype for name in found.names.values()}))
    facts["nonfinite"] = sum(_nonfinite(tensor) for tensor in weights.values())
    hashes = tensor_hashes(tensors)
    facts["backbone_digest"] = weights_digest(
        {k: v for k, v in hashes.items() if k.startswith("backbone.")}, model.words
    )
    facts["digest"] = weights_digest(hashes, model.words)
    if below := next(
        (name for name, value in weights.items() if name.endswith("running_var") and bool((value < 0).any())), ""
    ):
        raise Failure("refused", f"{printable(below, 80)} has variances below zero: the file is damaged")
    if facts["nonfinite"]:
        reason = f"{facts['nonfinite']} of the backbone's weights are NaN or infinite: this training diverged"
        raise Failure("refused", reason)
    built = build_head(_rest(tensors, "head.projection."), _rest(tensors, "head.prototypes."), model.feature_dim)
    facts["prototypes"], facts["summed"] = built.prototypes, parts.summed
    if built.warning and parts.head == "swav":
        facts["warnings"] = (*facts["warnings"], built.warning)
    module = fill(model, weights)
    facts["asleep"], facts["start"] = len(asleep(module)), started(model.template, module)
    facts["untouched"] = untouched(module)
    facts["channels"] = input_channels(module)
    return Backbone(
        module=module,
        feature_dim=model.feature_dim,
        digest=facts["digest"],
        architecture=model.words,
        report=LoadReport(**(facts | {"state": "ready"})),
        head=built.head if parts.head == "swav" else None,
        swav_settings=dict(parts.hints.settings),
        build=model.build,
    )


def _counters(parts: Parts) -> dict[str, str]:
    """Counts of the batches that each BatchNorm has seen: no weights, so no part of the digest."""
    held = parts.view.tensors
    return {
        f"{_COUNTER}.{ours}": theirs
        for ours, theirs in parts.backbone.items()
        if ours.endswith(_COUNTER) and theirs in held and (held[theirs].dtype, held[theirs].shape) == ("I64", ())
    }


def _take(opened: OpenFile | Together, parts: Parts, names: Mapping[str, str]) -> dict[str, Tensor]:
    """Tensors under our names; `names` gives each one's name in the view."""
    by_path: dict[tuple[str, ...], dict[str, str]] = {}
    for ours, theirs in names.items():
        path, key = parts.view.keys[theirs]
        by_path.setdefault(path, {})[ours] = key
    tensors: dict[str, Tensor] = {}
    for path, keys in by_path.items():
        held = opened.take(path, keys.values())
        for ours, key in keys.items():
            tensor, info = held.get(key), parts.view.tensors[names[ours]]
            if tensor is None or tuple(tensor.shape) != info.shape:
                raise Failure("refused", f"the reading process did not hand over {printable(key, 80)}")
            tensors[ours] = tensor
    return tensors


def _sizes(path: Path, description: Description, parts: Parts | None) -> dict[str, int]:
    """Bytes of the file by what they hold; they add up to `file`."""
    total = bytes_of(path)
    sizes = {"backbone": 0, "head": 0, "prototypes": 0, "optimiser": min(description.optimiser_bytes, total)}
    if parts is not None:
        groups = {"backbone": parts.backbone, "head": parts.projection, "prototypes": parts.prototypes}
        for group, names in groups.items():
            sizes[group] = sum(parts.view.tensors[name].nbytes for name in names.values())
    return sizes | {"other": max(0, total - sum(sizes.values())), "file": total}


def _nonfinite(tensor: Tensor) -> int:
    # A finite sum has finite terms; the slow count is for files that need it.
    if not tensor.is_floating_point() or bool(torch.isfinite(tensor.sum(dtype=torch.float32))):
        return 0
    return int(tensor.numel() - int(torch.isfinite(tensor).sum()))


def _rest(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name[len(prefix) :]: tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def _look(path: Path) -> tuple[int, int, int] | None:
    """(size, mtime, inode): two equal looks mean that nobody wrote in between."""
    try:
        status = path.stat()
    except OSError:
        return None
    return bytes_of(path), status.st_mtime_ns, status.st_ino


def _recent(path: Path) -> bool:
    look = _look(path)
    return look is not None and may_be_written(look[1] / 1e9)
