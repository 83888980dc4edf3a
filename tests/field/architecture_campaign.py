"""The architecture campaign: every timm and torchvision classifier under 60 million parameters, written and read back.

`python tests/field/architecture_campaign.py --rows rows.jsonl` does what is not yet in `rows.jsonl`; with `--write` it
puts the figures into `reports/architecture-campaign.*`. Each model is saved bare and under three wrappers, and read
without and with `--backbone`. Right is: the features are the model's own, or a note names what was assumed, or it is
refused. Wrong is *different without a word*.
"""

import argparse
import json
import logging
import math
import os
import platform
import random
import re
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from swaveval.checkpoints import CheckpointRefused, LoadOptions, load
from swaveval.features.fingerprint import mismatch

MOST_PARAMETERS = 60_000_000
FACTOR = 2.0  # between statistics that fit and statistics that do not
SIDES = (64, 96, 128, 160, 192, 224, 256)
_NOISE = "carries no checksums|no checksums"
_ASSUMES = re.compile(r"assum|does not tell|are taken|is taken|where these were|where that is")

_WORDS = ("equal", "noted", "evident", "refused", "different", "crash")

# The last layer of torchvision's classes, whose input are their pooled features.
_TORCHVISION_HEADS = {
    "alexnet": "classifier.6",
    "convnext": "classifier.2",
    "densenet": "classifier",
    "efficientnet": "classifier.1",
    "googlenet": "fc",
    "inception": "fc",
    "maxvit": "classifier.5",
    "mnasnet": "classifier.1",
    "mobilenet_v2": "classifier.1",
    "mobilenet_v3": "classifier.3",
    "regnet": "fc",
    "resnet": "fc",
    "resnext": "fc",
    "shufflenet": "fc",
    "swin": "head",
    "vgg": "classifier.6",
    "vit": "heads.head",
    "wide_resnet": "fc",
}


@dataclass(frozen=True)
class Original:
    """Attributes: name (as `--backbone` takes it), module (with classifier), features (its own, pooled), side (px)."""

    name: str
    module: nn.Module
    features: Callable[[Tensor], Tensor]
    side: int

    def images(self, count: int = 2) -> Tensor:
        """Noise with structure at several scales, about normalised."""
        generator = torch.Generator().manual_seed(1)
        coarse = torch.randn(count, 3, 8, 8, generator=generator)
        fine = torch.randn(count, 3, self.side, self.side, generator=generator)
        return nn.functional.interpolate(coarse, (self.side, self.side), mode="bilinear") + 0.3 * fine


# -- making originals ------------------------------------------------------------------------------------------------


@contextmanager
def undrawn() -> Iterator[None]:
    """Random initialisation costs more than everything else here and is overwritten: zeros instead."""
    names = ("normal_", "uniform_", "trunc_normal_", "erfinv_")
    before = {name: getattr(Tensor, name) for name in names if hasattr(Tensor, name)}
    try:
        for name in before:
            setattr(Tensor, name, lambda self, *args, **options: self.zero_())
        yield
    finally:
        for name, method in before.items():
            setattr(Tensor, name, method)


def names() -> list[str]:
    """All of timm's and torchvision's classifiers, in a fixed random order."""
    import timm
    from torchvision import models

    found = [f"timm:{name}" for name in timm.list_models()]
    found += [f"torchvision:{name}" for name in models.list_models(module=models)]
    random.Random(13).shuffle(found)
    return found


def parameters(name: str) -> int:
    """How many it has; built without memory where that is possible."""
    try:
        with torch.device("meta"):
            module = _created(name)
    except Exception:
        module = _created(name)
    return sum(parameter.numel() for parameter in module.parameters())


def _created(name: str) -> nn.Module:
    kind, _, rest = name.partition(":")
    if kind == "timm":
        import timm

        return timm.create_model(rest, pretrained=False)
    from torchvision import models

    return models.get_model(rest, weights=None)


def original(name: str) -> Original:
    """The model as its library builds it, every weight and statistic another than at its initialisation."""
    with undrawn():
        module = _created(name).eval().requires_grad_(False)
    _fill(module, seed=name)
    features = _timm_features(module) if name.startswith("timm:") else _torchvision_features(name, module)
    made = Original(name, module, features, _side(module))
    _settle(module, made.images(4))
    _round(module)
    return made


def _pool() -> Tensor:
    global _POOL
    if _POOL is None:
        _POOL = torch.randn(1 << 22, generator=torch.Generator().manual_seed(0))
    return _POOL


_POOL: Tensor | None = None


def _fill(module: nn.Module, *, seed: str) -> None:
    """Weights from one pool of normal numbers, each tensor from another place in it."""
    pool, dice = _pool(), random.Random(seed)
    for name, tensor in module.state_dict().items():
        if not tensor.is_floating_point():
            continue
        count = tensor.numel()
        start = dice.randrange(len(pool) - min(count, len(pool) - 1))
        drawn = pool[start : start + count] if count < len(pool) else pool.repeat(count // len(pool) + 1)[:count]
        drawn = drawn.reshape(tensor.shape)
        last = name.rsplit(".", 1)[-1]
        if last == "running_var":
            tensor.copy_(drawn.abs() * 0.3 + 0.5)
        elif last in ("running_mean", "bias"):
            tensor.copy_(0.1 * drawn)
        elif tensor.dim() <= 1 or max(tensor.shape) == count:
            tensor.copy_((1 if last == "weight" else 0.5) + 0.1 * drawn)
        elif last == "weight":
            tensor.copy_(drawn / math.sqrt(max(1, count // tensor.shape[0])))
        else:
            tensor.copy_(0.3 * drawn)


def _settle(module: nn.Module, images: Tensor) -> None:
    """BatchNorm's statistics as training leaves them: those of what goes through."""
    layers = [part for part in module.modules() if isinstance(part, nn.modules.batchnorm._BatchNorm)]
    if not layers:
        return
    for layer in layers:
        layer.train()
        layer.momentum = 1.0
    try:
        with torch.inference_mode():
            module(images)
    except ValueError:  # one value per channel has no variance
        pass
    finally:
        for layer in layers:
            layer.eval()


def _round(module: nn.Module) -> None:
    """Weights that half precision holds exactly, so that the files are half as large."""
    for tensor in module.state_dict().values():
        if tensor.is_floating_point():
            tensor.copy_(tensor.clamp(-6e4, 6e4).half().float())


def _side(module: nn.Module) -> int:
    config = getattr(module, "pretrained_cfg", None) or {}
    own = config.get("input_size", (3, 224, 224))[-1]
    sides = (own,) if config.get("fixed_input_size") else (*(side for side in SIDES if side < own), own)
    for side in sides:
        try:
            with torch.inference_mode():
                module(torch.zeros(1, 3, side, side))
        except (RuntimeError, AssertionError, ValueError, TypeError, IndexError):
            continue
        return int(side)
    raise RuntimeError(f"takes no images of {sides} px")


def _timm_features(module: nn.Module) -> Callable[[Tensor], Tensor]:
    return lambda images: module.forward_head(module.forward_features(images), pre_logits=True)


def _torchvision_features(name: str, module: nn.Module) -> Callable[[Tensor], Tensor]:
    rest = name.partition(":")[2]
    if rest.startswith("squeezenet"):  # its classifier is a convolution: ReLU and pooling of what goes in
        return lambda images: module.features(images).relu().mean((2, 3))
    kind = max((kind for kind in _TORCHVISION_HEADS if rest.startswith(kind)), key=len)
    head = module.get_submodule(_TORCHVISION_HEADS[kind])

    def features(images: Tensor) -> Tensor:
        seen: list[Tensor] = []
        handle = head.register_forward_pre_hook(lambda part, inputs: seen.append(inputs[0]))
        module(images)
        handle.remove()
        return seen[0]

    return features


# -- reading them back -----------------------------------------------------------------------------------------------

WRAPPERS: dict[str, Callable[[dict[str, Tensor]], Any]] = {
    "bare": lambda state: state,
    "state_dict: module.*": lambda state: {"state_dict": {f"module.{name}": value for name, value in state.items()}},
    "model": lambda state: {"model": state},
    "Lightning": lambda state: {
        "epoch": 3,
        "global_step": 400,
        "pytorch-lightning_version": "2.6.0",
        "state_dict": {f"backbone.{name}": value for name, value in state.items()},
    },
}


def read(path: Path, made: Original, expected: list[Tensor], *, named: bool, known: dict[str, str]) -> str:
    """What became of one file: `equal`, `noted: …`, `refused: …` or `different: …`.

    Args:
        expected: the features that are right. known: outcomes of weights and architectures seen before, by digest.
    """
    options = LoadOptions(backbone=made.name if named else None)
    try:
        backbone = load(path, options=options)
    except CheckpointRefused as refused:
        return f"refused: {refused.reason}"
    except Exception as error:
        return f"crash: {type(error).__name__}: {error}"[:300]
    # The digest is over architecture, names and bytes: what it stands for has been compared.
    digest = f"{backbone.report.backbone_digest} {backbone.report.warnings}"
    if digest not in known:
        known[digest] = _compared(backbone.module, backbone.report.warnings, made, expected)
    return known[digest]


@torch.inference_mode()
def _compared(module: nn.Module, notes: tuple[str, ...], made: Original, expected: list[Tensor]) -> str:
    said = [note for note in notes if not re.search(_NOISE, note)]
    try:
        features = module(made.images())
    except (RuntimeError, AssertionError, ValueError) as error:
        return f"refused: by the network itself: {error}"[:300]
    gaps = [_gap(features, one) for one in expected]
    if min(gaps) <= 1e-4:
        return "equal"
    assumed = [note for note in said if _ASSUMES.search(note)]
    if assumed:
        return f"noted: {'; '.join(assumed)}"[:400]
    # What a run tells of a network whose BatchNorm remembers another forward pass.
    here, there = (mismatch(one, [made.images(4)]) for one in (module, made.module))
    if here is not None and there is not None and here.all > FACTOR * there.all:
        right, off = there.all, here.all
        return f"evident: BatchNorm's statistics are off by {off:.2g} where the right network's are by {right:.2g}"
    return f"different: by {min(gaps):.2g}, shape {tuple(features.shape)}, as {type(module).__name__}; notes {said}"


def _gap(features: Tensor, expected: Tensor) -> float:
    """Largest difference in units of how much the features of two images differ."""
    if features.shape != expected.shape:
        return math.inf
    scale = float((expected[0] - expected[1]).abs().max())
    return float((features - expected).abs().max()) / scale if scale > 0 else math.inf


def case(name: str, directory: Path) -> dict[str, Any]:
    """One model through all wrappers, read both ways."""
    started = time.perf_counter()
    row: dict[str, Any] = {"model": name, "parameters": parameters(name)}
    if row["parameters"] >= MOST_PARAMETERS:
        return row | {"skipped": "60 million parameters or more"}
    try:
        made = original(name)
        expected = [made.features(made.images())]
    except Exception as error:  # a model this machine cannot build or run says nothing about reading it
        return row | {"skipped": f"{type(error).__name__}: {error}"[:200]}
    row["side"] = made.side
    expected += _headless(made)
    expected = [one for one in expected if one.dim() == 2 and bool(torch.isfinite(one).all())]
    if not expected or not any(
        float((one[0] - one[1]).abs().max()) > 1e-5 * float(one.abs().max()) for one in expected
    ):
        return row | {"skipped": "its features are not one vector an image, or tell two images not apart"}
    state = {
        key: value.half() if value.is_floating_point() else value for key, value in made.module.state_dict().items()
    }
    known: dict[str, str] = {}
    reads: dict[str, Any] = {}
    with undrawn():
        for wrapper, wrap in WRAPPERS.items():
            path = directory / "epoch=3.pth"
            torch.save(wrap(state), path)
            inferred = read(path, made, expected, named=False, known=known)
            named = read(path, made, expected, named=True, known=known)
            reads[wrapper] = {"inferred": inferred, "named": named}
            path.unlink()
    return row | {"reads": reads, "seconds": round(time.perf_counter() - started, 1)}


def _headless(made: Original) -> list[Tensor]:
    """What timm's own model without classifier gives, where its classes define that otherwise than `pre_logits`."""
    if not made.name.startswith("timm:"):
        return []
    import timm

    try:
        with undrawn():
            module = timm.create_model(made.name[5:], pretrained=False, num_classes=0).eval()
        wrong = module.load_state_dict(made.module.state_dict(), strict=False)
        with torch.inference_mode():
            return [] if wrong.missing_keys else [module(made.images())]
    except (RuntimeError, AssertionError, ValueError, TypeError):
        return []


def outcomes(rows: list[dict[str, Any]], way: str) -> dict[str, int]:
    """How often each outcome, over all files read this way (`inferred` or `named`)."""
    counts = dict.fromkeys(_WORDS, 0)
    for row in rows:
        for reads in row.get("reads", {}).values():
            counts[reads[way].partition(":")[0]] += 1
    return counts


def unhelped(rows: list[dict[str, Any]]) -> list[str]:
    """Files that are refused, or not read rightly, with `--backbone` too: advice to give it does not help there."""
    return sorted(
        f"{row['model']} ({wrapper}): {reads['named']}"
        for row in rows
        for wrapper, reads in row.get("reads", {}).items()
        if reads["named"] != "equal"
    )


def wrong(rows: list[dict[str, Any]]) -> list[str]:
    """Files whose features are silently different, or whose reading crashed."""
    return sorted(
        f"{row['model']} ({wrapper}, {way}): {outcome}"
        for row in rows
        for wrapper, reads in row.get("reads", {}).items()
        for way, outcome in reads.items()
        if outcome.startswith(("different", "crash"))
    )


# -- the report ------------------------------------------------------------------------------------------------------


def body(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Everything of the report, as JSON."""
    import timm
    import torchvision

    read_back = [row for row in rows if "reads" in row]
    skipped = {row["model"]: row["skipped"] for row in rows if "skipped" in row}
    left_out = {name: why for name, why in sorted(skipped.items()) if not why.startswith("60 million")}
    noted = {
        row["model"]: reads["inferred"]
        for row in read_back
        for reads in row["reads"].values()
        if reads["inferred"].startswith(("noted", "evident"))
    }
    return {
        "command": "python tests/field/architecture_campaign.py --rows rows.jsonl --write",
        "date": datetime.now(UTC).date().isoformat(),
        "machine": f"{platform.system()} {platform.machine()}, one of {os.cpu_count()} cores",
        "python": platform.python_version(),
        "torch": torch.__version__,
        "timm": timm.__version__,
        "torchvision": torchvision.__version__,
        "models": len(read_back),
        "of": {kind: sum(row["model"].startswith(kind) for row in read_back) for kind in ("timm", "torchvision")},
        "files": len(WRAPPERS) * len(read_back),
        "too_large": len(skipped) - len(left_out),
        "left_out": left_out,
        "inferred": outcomes(read_back, "inferred"),
        "named": outcomes(read_back, "named"),
        "noted": dict(sorted(noted.items())),
        "read_without_being_named": sorted(
            row["model"] for row in read_back if row["reads"]["bare"]["inferred"] == "equal"
        ),
        "unhelped": unhelped(read_back),
        "wrong": wrong(read_back),
        "minutes": round(sum(row["seconds"] for row in read_back) / 60),
        "not_done": len(set(names()) - {row["model"] for row in rows}),
    }


def markdown(found: dict[str, Any]) -> str:
    """The report, to be read."""
    rows = [
        f"| {label} | " + " | ".join(str(found[way][word]) for word in _WORDS) + " |"
        for way, label in (("inferred", "nothing named"), ("named", "`--backbone timm:NAME`, `torchvision:NAME`"))
    ]
    lines = [
        "# Architecture campaign: every classifier of timm and torchvision, written and read back",
        "",
        f"Command: `{found['command']}`.",
        f"{found['date']}, {found['machine']}, Python {found['python']}, torch {found['torch']}, timm {found['timm']}, "
        f"torchvision {found['torchvision']}; {found['minutes']} minutes.",
        "",
        f"{found['models']} models under {MOST_PARAMETERS // 1_000_000} million parameters ({found['of']['timm']} of "
        f"timm, {found['of']['torchvision']} of torchvision), each saved bare and under {len(WRAPPERS) - 1} wrappers "
        f"({', '.join(name for name in WRAPPERS if name != 'bare')}): {found['files']} files, each read without and "
        "with the model's name. Weights and BatchNorm's statistics are none of an initialisation's.",
        "",
        "| read with | " + " | ".join(_WORDS) + " |",
        "|---|" + "---|" * len(_WORDS),
        *rows,
        "",
        "*equal*: features are the model's own (timm: `forward_head(…, pre_logits=True)` or `num_classes=0`; "
        "torchvision: what goes into the classifier) to 1e-4 of how much two images differ. *noted*: they are not, and "
        "the load report names the assumption. *evident*: they are not and the load report is silent, for nothing in "
        "the file tells; held against images, BatchNorm's running statistics do not fit, by more than a factor of two. "
        "*refused*: not read, with a sentence that advises to name the network. *different*: other features without a "
        "word. There "
        f"must be none of that, nor a crash: {len(found['wrong'])}.",
        "",
        f"Of the files refused when nothing is named, naming the network helps all but {len(found['unhelped'])}.",
        "",
        *_listed("Silently different, or crashed", found["wrong"]),
        *_listed("Not read with their name either", found["unhelped"]),
        *_listed("Noted or evident", [f"{name}: {why}" for name, why in found["noted"].items()]),
        *_listed("Not in the campaign", [f"{name}: {why}" for name, why in found["left_out"].items()]),
        f"{found['too_large']} models have {MOST_PARAMETERS // 1_000_000} million parameters or more."
        + (f" {found['not_done']} are not done." if found["not_done"] else ""),
        "",
        "Read without being named: " + ", ".join(found["read_without_being_named"]) + ".",
        "",
    ]
    return "\n".join(lines)


def _listed(title: str, lines: list[str]) -> list[str]:
    return [f"{title}:", "", *(f"- {line}" for line in lines), ""] if lines else []


def done(path: Path) -> list[dict[str, Any]]:
    """Rows so far; a line that was cut off is done again."""
    rows = []
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else []:
        try:
            rows.append(json.loads(line))
        except ValueError:
            continue
    return rows


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument(
        "--rows", type=Path, required=True, help="JSON lines, one a model; models in it are not done again"
    )
    parser.add_argument("--only", nargs="*", default=None, help="these models")
    parser.add_argument(
        "--again", action="store_true", help="once more those that are read without a name, or not with it"
    )
    parser.add_argument("--scratch", type=Path, default=None, help="where files are written for a moment")
    parser.add_argument(
        "--write", action="store_true", help="write reports/architecture-campaign.md and .json from the rows there are"
    )
    options = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    rows = {row["model"]: row for row in done(options.rows)}
    todo = [name for name in (options.only or names()) if name not in rows]
    if options.again:
        todo = [name for name, row in rows.items() if not _settled(row)]
    with tempfile.TemporaryDirectory(dir=options.scratch) as name, options.rows.open("a", encoding="utf-8") as sink:
        for model in todo if not options.write else ():
            row = case(model, Path(name))
            rows[model] = row
            sink.write(json.dumps(row) + "\n")
            sink.flush()
    found = body(list(rows.values()))
    text = markdown(found)
    print(text)
    if options.write:
        reports = Path(__file__).parents[2] / "reports"
        (reports / "architecture-campaign.md").write_text(text, encoding="utf-8")
        (reports / "architecture-campaign.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    return int(bool(found["wrong"]))


def _settled(row: dict[str, Any]) -> bool:
    """Whether nothing was assumed: refused without a name, equal with it."""
    reads = row.get("reads", {}).values()
    return all(one["inferred"].startswith("refused") and one["named"] == "equal" for one in reads)


if __name__ == "__main__":
    sys.exit(main())
