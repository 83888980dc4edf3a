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
import re
import sys
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

import torch
from architecture_originals import WRAPPERS, Original, names, original, parameters, undrawn
from architecture_report import MOST_PARAMETERS, body, markdown
from torch import Tensor, nn

from swaveval.checkpoints import CheckpointRefused, LoadOptions, load
from swaveval.features.fingerprint import mismatch

FACTOR = 2.0  # between statistics that fit and statistics that do not
_NOISE = "carries no checksums|no checksums"
_ASSUMES = re.compile(r"assum|does not tell|are taken|is taken|where these were|where that is")


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
