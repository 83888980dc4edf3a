"""Which network of timm or torchvision a file is of, where nobody said: some of those with its kind of names, tried."""

import re
from collections.abc import Iterator, Mapping
from fnmatch import fnmatch
from functools import lru_cache, partial
from importlib.util import find_spec
from itertools import zip_longest

import torch
from torch import nn

from swaveval.checkpoints.families.beside import is_beside
from swaveval.checkpoints.named.named_model import named_model
from swaveval.checkpoints.named.placing import best_place
from swaveval.checkpoints.sandbox.description import TensorInfo
from swaveval.checkpoints.sandbox.failure import Failure

# Networks built for each set of names and shapes: two or three seconds. Counted, as what a file is told must not depend
# on how fast or busy the machine is.
_MOST_BUILT = 20
_MOST_OVER = 4
_CLASSIFIER = re.compile(r"(fc|heads?|head_dist|classifier|last_linear)(\.|$)")
_SIZES = ("tiny", "small", "atto", "femto", "pico", "nano", "", "base", "large", "huge", "giant")
# A name that shows the kind, and the models of that kind, the commonest first.
_TIMM = (
    (r"stages\.0\.blocks\.0\.conv_dw\.weight", ("convnext_*", "convnextv2_*")),
    (r"layers\.0\.blocks\.0\.attn\.relative_position_bias_table", ("swin_*",)),
    (r"layers\.0\.blocks\.0\.attn\.logit_scale", ("swinv2_*",)),
    (r"s1\.b1\.conv1\.conv\.weight", ("regnet[xy]_*",)),
    (r"conv_stem\.weight", ("efficientnet_b*", "mobilenetv3_*", "mobilenetv2_*", "tf_efficientnet_b*", "mnasnet_*")),
    (r"layer1\.0\.(se|conv2\.fc1|attn)\.", ("seresnet*", "seresnext*", "ecaresnet*", "resnest*")),
    (r"(layer1\.0\.downsample\.1|conv1\.0)\.weight", ("resnet*d", "resnet*t", "resnext*", "wide_resnet*", "res2net*")),
    (r"stages\.0\.blocks\.0\.norm1\.weight", ("resnetv2_*",)),
    (r"blocks\.0\.attn\.relative_position_bias_table", ("beit*",)),
    (r"blocks\.0\.(gamma_1|attn\.q_proj\.weight)", ("eva02_*", "vit_*_dinov3*", "xcit_*", "eva*")),
    (r"attn_pool\.latent", ("vit_*_siglip*",)),
    (r"blocks\.\d+\.proj\.weight", ("hiera_*", "mvitv2_*")),
    (r"blocks\.0\.attn\.qkv\.weight", ("deit*_distilled*", "deit3_*", "cait_*", "vit_*")),
)
_TORCHVISION = (
    (r"features\.denseblock1\.denselayer1\.norm1\.weight", ("densenet*",)),
    (r"features\.0\.weight", ("vgg*", "alexnet", "squeezenet*")),
    (r"features\.0\.0\.weight", ("convnext_*", "efficientnet_*", "mobilenet_*", "swin_*")),
    (r"trunk_output\.block1\.block1-0\.proj\.0\.weight", ("regnet_*",)),
    (r"encoder\.layers\.encoder_layer_0\.ln_1\.weight", ("vit_*",)),
    (r"stage2\.0\.branch1\.0\.weight", ("shufflenet_*",)),
    (r"inception3a\.branch1\.conv\.weight", ("googlenet",)),
    (r"Mixed_5b\.branch1x1\.conv\.weight", ("inception_v3",)),
)


def fitting(tensors: Mapping[str, TensorInfo]) -> str | None:
    """`timm:NAME` or `torchvision:NAME` of a network whose names and shapes the file has, all of them; else None.

    Args:
        tensors: of the file, under names without wrappers.
    """
    return _fitting(tuple((name, info.shape, info.dtype) for name, info in tensors.items()))


@lru_cache(maxsize=64)
def _fitting(rows: tuple[tuple[str, tuple[int, ...], str], ...]) -> str | None:
    tensors = {name: TensorInfo(name, dtype, shape) for name, shape, dtype in rows}
    for text, module in _candidates(list(tensors)):
        if _fits(module, tensors):
            try:
                named_model(text, tensors, None)
            except Failure:
                continue
            return text
    return None


def _candidates(names: list[str]) -> Iterator[tuple[str, nn.Module]]:
    """Networks without memory, the likeliest first, as many as are built for one file."""
    built = 0
    for library, table in (("torchvision", _TORCHVISION), ("timm", _TIMM)):
        for sign, patterns in table:
            shows = re.compile(rf"(.*\.)?{sign}")
            if any(map(shows.match, names)) and find_spec(library) is not None:
                for name in _listed(library, patterns):
                    if built == _MOST_BUILT:
                        return
                    built += 1
                    if (module := _empty(library, name)) is not None:
                        yield f"{library}:{name}", module


def _listed(library: str, patterns: tuple[str, ...]) -> list[str]:
    if library == "timm":
        import timm

        known = timm.list_models()
    else:
        from torchvision import models

        known = models.list_models(module=models)
    each = (sorted(filter(partial(_matches, pattern), known), key=_size) for pattern in patterns)
    # In turns: there is room for the small ones of every kind. Networks brought over from TensorFlow have the names and
    # shapes of ours, and other paddings: last.
    found = dict.fromkeys(name for row in zip_longest(*each) for name in row if name is not None)
    return sorted(found, key=lambda name: name.startswith("tf_"))


def _matches(pattern: str, name: str) -> bool:
    return fnmatch(name, pattern)


def _size(name: str) -> int:
    """Small ones first: more people train them, and more of them can be tried."""
    return next((place for place, word in enumerate(_SIZES) if word and word in name), _SIZES.index(""))


def _empty(library: str, name: str) -> nn.Module | None:
    """Without memory; None for the few that compute something when built."""
    try:
        with torch.device("meta"):
            if library == "timm":
                import timm

                return timm.create_model(name, pretrained=False, num_classes=0)
            from torchvision import models

            return models.get_model(name, weights=None)
    except Exception:
        return None


def _fits(module: nn.Module, tensors: Mapping[str, TensorInfo]) -> bool:
    """Whether the file has all of the network but its classifier, and at the same place next to nothing else."""
    shapes = {
        name: tuple(value.shape)
        for name, value in module.state_dict().items()
        if not name.endswith("num_batches_tracked") and not _CLASSIFIER.match(name)
    }
    place = best_place(tensors, shapes)
    if place is None:
        return False
    theirs = {place.prefix + place.inside(name): shape for name, shape in shapes.items()}
    if any(name not in tensors or tensors[name].shape != shape for name, shape in theirs.items()):
        return False
    over = [
        name
        for name in tensors
        if name.startswith(place.prefix)
        and name not in theirs
        and not name.endswith("num_batches_tracked")
        and not _CLASSIFIER.match(name[len(place.prefix) :])
        and not is_beside(name[len(place.prefix) :])
    ]
    return len(over) <= _MOST_OVER if place.prefix else not over
