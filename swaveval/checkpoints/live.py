"""Networks in memory as a source of checkpoints: any `nn.Module` under a name."""

import copy
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from swaveval.checkpoints.backbone import Backbone
from swaveval.checkpoints.initial import asleep, batches, reset, started, untouched
from swaveval.checkpoints.load_report import LoadReport
from swaveval.checkpoints.named.made import Advice, Made
from swaveval.checkpoints.named.named_model import finished
from swaveval.checkpoints.options import LoadOptions
from swaveval.checkpoints.refusal import CheckpointRefused
from swaveval.checkpoints.sandbox.failure import Failure
from swaveval.checkpoints.source import Entry, InMemory, moment_of
from swaveval.checkpoints.weights_digest import tensor_hashes, weights_digest
from swaveval.text import shortened

_ADVICE = Advice(
    output='give the part of it that does (of the model in a monitor: network="its name", or a function of the model)',
    head="put torch.nn.Identity() in its place",
    sizes="call it once on a batch of images first",
)


class Live(InMemory):
    """Networks by name, in the order they were given: the order of training.

    A network is copied when it is asked for, put into eval mode, and its classifier is taken off where it has one: the
    one that was given stays as it is, on its device and in its mode.
    """

    def backbone(self, entry: Entry, options: LoadOptions) -> Backbone:
        return backbone_of(entry.name, self.named[entry.name])


def backbone_of(name: str, given: Any) -> Backbone:
    """A network in memory as a backbone, of which it is a copy.

    Raises:
        CheckpointRefused: it is none, or cannot be evaluated.
    """
    try:
        if not isinstance(given, nn.Module):
            raise Failure("unsupported", f"{name} is a {type(given).__name__}, not a torch.nn.Module")
        return _backbone(name, copied(name, given), type(given).__name__)
    except Failure as failure:
        report = LoadReport(file=name, state=failure.kind, refusal=str(failure))
        raise CheckpointRefused(report.state, str(failure), report) from None


def _backbone(name: str, module: nn.Module, words: str) -> Backbone:
    made = finished(Made(build=_Anew(module), module=module, words=words, advice=_ADVICE), channels=_channels(module))
    template = made.template
    tensors = {f"backbone.{key}": value for key, value in template.state_dict().items()}
    hashes = tensor_hashes(tensors)
    digest = weights_digest(hashes, words)
    facts: dict[str, Any] = {
        "file": name,
        "architecture": words,
        "matched": 1.0,
        "feature_dim": made.feature_dim,
        "channels": made.channels,
        **moment_of(name),
        "digest": digest,
        "backbone_digest": digest,
        "dtype": ", ".join(sorted({str(value.dtype).removeprefix("torch.") for value in tensors.values()})),
        "warnings": made.notes,
    }
    if bad := sum(_nonfinite(value) for value in tensors.values()):
        # The count stays in the report: it is what tells the verdict that this training diverged.
        reason = f"{bad} of the backbone's weights are NaN or infinite: this training diverged"
        report = LoadReport(state="refused", refusal=reason, nonfinite=bad, **facts)
        raise CheckpointRefused(report.state, reason, report)
    report = LoadReport(
        state="ready",
        asleep=len(asleep(template)),
        start=started(None, template),
        untouched=untouched(template),
        batches=batches(template),
        **facts,
    )
    return Backbone(
        module=template,
        feature_dim=made.feature_dim,
        digest=digest,
        architecture=words,
        report=report,
        head=None,
        swav_settings={},
    )


class _Anew:
    """Makes a network like one that is there, every weight drawn anew."""

    def __init__(self, module: nn.Module) -> None:
        self.module = module

    def __call__(self) -> nn.Module:
        fresh: nn.Module = reset(copy.deepcopy(self.module))
        return fresh


def copied(name: str, given: nn.Module) -> nn.Module:
    """A copy on the CPU, in float32 and eval mode, that shares nothing with what was given.

    Raises:
        Failure: it cannot be copied.
    """
    if any(parameter.device.type == "meta" for parameter in given.parameters()):
        raise Failure("refused", f"{name} has weights without values (torch's meta device)")
    if any(is_lazy(value) for value in (*given.parameters(), *given.buffers())):
        reason = f"{name} has layers whose size is not known until they saw an image (torch.nn.Lazy…)"
        raise Failure("unsupported", f"{reason}; {_ADVICE.sizes}")
    try:
        module = copy.deepcopy(getattr(given, "_orig_mod", given))
    except (TypeError, RuntimeError, ValueError, AttributeError) as error:
        reason = f"{name} cannot be copied ({shortened(str(error), 120)}); give the plain network inside it"
        raise Failure("unsupported", reason) from error
    if isinstance(module, nn.DataParallel | nn.parallel.DistributedDataParallel):
        module = module.module
    return module.cpu().float().eval().requires_grad_(False)


def _channels(module: nn.Module) -> int:
    first = next((part for part in module.modules() if isinstance(part, nn.Conv2d)), None)
    return first.in_channels if first is not None else 3


def _nonfinite(value: Tensor) -> int:
    return int((~torch.isfinite(value)).sum()) if value.is_floating_point() else 0
