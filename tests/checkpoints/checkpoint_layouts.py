"""Every layout people have, written by the original classes or after the documented format, small enough for a test.

`python tests/checkpoints/checkpoint_layouts.py` prints the table of docs/checkpoints.md; `--write` puts it there.
"""

import sys
import tempfile
from pathlib import Path

import torch
from layouts_of_backbones import (
    by_factory,
    by_timm_name,
    half_precision,
    lightly_train_export,
    swaveval_pretrain,
    swaveval_timm,
    timm_ema,
    timm_resnet,
    torchvision_dict,
    torchvision_safetensors,
    unknown_prefix,
)
from layouts_of_lightly import (
    lightly_cifar,
    lightly_cifar_bottleneck,
    lightly_compiled,
    lightly_dino,
    lightly_dinov2,
    lightly_example,
    lightly_imagenet,
    lightly_old_head,
)
from layouts_of_resnets import (
    bolts_cifar,
    mmpretrain,
    mmselfsup,
    solo_learn,
    solo_learn_cifar,
    solo_learn_encoder,
    solo_learn_parametrised,
    swav_run,
    swav_wide_multi_head,
    swav_zoo,
    vissl,
)
from layouts_of_transformers import (
    dino_run,
    dino_student,
    dinov2_gated,
    dinov2_registers,
    dinov2_teacher,
    stable_pretraining,
    timm_registers,
)
from originals import Layout, Written

LIGHTLY, TORCHVISION, TIMM = "lightly's classes", "torchvision's class", "timm's class"
FORMAT = "torchvision's class under the documented names"
TIMM_FORMAT = "timm's class under the documented names"

LAYOUTS = (
    Layout("lightly example", "lightly's and torchvision's classes", lightly_example),
    Layout("lightly, head before 2022-10", f"{LIGHTLY}, old head after the documented names", lightly_old_head),
    Layout("lightly CIFAR benchmark", LIGHTLY, lightly_cifar),
    Layout("lightly CIFAR benchmark, bottleneck", LIGHTLY, lightly_cifar_bottleneck),
    Layout("lightly ImageNet benchmark", "lightly's and torchvision's classes", lightly_imagenet),
    Layout("lightly after torch.compile", "torch.compile on torchvision's class", lightly_compiled),
    Layout("lightly DINO example", "lightly's and torchvision's classes", lightly_dino),
    Layout("lightly DINOv2 example", "lightly's and timm's classes", lightly_dinov2),
    Layout("facebookresearch/swav run", f"{FORMAT}, DataParallel", swav_run),
    Layout("facebookresearch/swav zoo (torch < 1.6 format)", f"{FORMAT}, DataParallel", swav_zoo),
    Layout("facebookresearch/swav, wide, several prototype heads", FORMAT, swav_wide_multi_head),
    Layout("solo-learn", f"{FORMAT}, torch's weight norm", solo_learn),
    Layout("solo-learn CIFAR (padding 2)", f"{FORMAT}, torch's weight norm", solo_learn_cifar),
    Layout("solo-learn, `encoder.` names", f"{FORMAT}, torch's weight norm", solo_learn_encoder),
    Layout("solo-learn, parametrised weight norm", f"{FORMAT}, torch's parametrisation", solo_learn_parametrised),
    Layout("VISSL", FORMAT, vissl),
    Layout("mmselfsup", FORMAT, mmselfsup),
    Layout("mmpretrain", FORMAT, mmpretrain),
    Layout("lightning-bolts CIFAR", FORMAT, bolts_cifar),
    Layout("stable-pretraining", TIMM_FORMAT, stable_pretraining),
    Layout("DINO run (teacher)", TIMM_FORMAT, dino_run),
    Layout("DINO student, ResNet", FORMAT, dino_student),
    Layout("DINOv2 teacher, chunked blocks", TIMM_FORMAT, dinov2_teacher),
    Layout("DINOv2 with registers", TIMM_FORMAT, dinov2_registers),
    Layout("DINOv2 giant (SwiGLU)", TIMM_FORMAT, dinov2_gated),
    Layout("timm ViT with registers, safetensors", TIMM, timm_registers),
    Layout("timm training script, EMA", TIMM, timm_ema),
    Layout("timm ResNet, safetensors", TIMM, timm_resnet),
    Layout("torchvision dict", TORCHVISION, torchvision_dict),
    Layout("torchvision ResNeXt, safetensors", TORCHVISION, torchvision_safetensors),
    Layout("lightly-train export", TORCHVISION, lightly_train_export),
    Layout("own prefix, DDP", TORCHVISION, unknown_prefix),
    Layout("half precision", TORCHVISION, half_precision),
    Layout("any timm model by `--backbone timm:NAME`", TIMM, by_timm_name),
    Layout("anything by `--backbone module:factory`", "the factory itself", by_factory),
    Layout("swaveval pretrain", "torchvision's and lightly's classes", swaveval_pretrain),
    Layout("swaveval pretrain, timm backbone", "timm's and lightly's classes", swaveval_timm),
)


# -- the proof -------------------------------------------------------------------------------------------------------


def difference(written: Written) -> tuple[float, float | None]:
    """Largest absolute difference of features, and of prototype scores, between original and what was read."""
    from swaveval.checkpoints import LoadOptions, load

    read = load(written.path, options=LoadOptions(backbone=written.backbone))
    images = torch.randn(3, 3, written.size, written.size, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        expected = written.features(images).flatten(1)
        features = read.module(images)
        if features.shape != expected.shape or read.feature_dim != expected.shape[1]:
            raise AssertionError(f"features {tuple(features.shape)} in place of {tuple(expected.shape)}")
        if written.scores is None:
            return float((features - expected).abs().max()), None
        assert read.head is not None, read.report.warnings
        gap = (read.head(expected) - written.scores(expected)).abs().max()
        return float((features - expected).abs().max()), float(gap)


def table() -> str:
    """The Markdown table of docs/checkpoints.md."""
    rows = ["| layout | original built from | family | features | prototype scores |", "|---|---|---|---|---|"]
    for layout in LAYOUTS:
        torch.manual_seed(0)
        with tempfile.TemporaryDirectory() as directory:
            written = layout.write(Path(directory))
            features, head = difference(written)
        shown = "–" if head is None else _number(head)
        rows.append(f"| {layout.name} | {layout.verified} | {written.family} | {_number(features)} | {shown} |")
    return "\n".join(rows)


def _number(value: float) -> str:
    return "0" if value == 0 else f"{value:.0e}"


BEGIN, END = "<!-- layouts: begin -->", "<!-- layouts: end -->"


def main() -> None:
    text = table()
    if "--write" not in sys.argv:
        print(text)
        return
    page = Path(__file__).parents[2] / "docs" / "checkpoints.md"
    before, rest = page.read_text(encoding="utf-8").split(BEGIN)
    page.write_text(f"{before}{BEGIN}\n{text}\n{END}{rest.split(END)[1]}", encoding="utf-8")


if __name__ == "__main__":
    main()
