"""`timm:NAME`: timm's own class without its classifier, for the image size that the file's weights show."""

import difflib
from functools import partial
from typing import Any

import torch
from torch import nn

from swaveval.checkpoints.named.made import Made
from swaveval.checkpoints.sandbox.failure import Failure, printable

_IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


def timm_model(name: str, *, size: int | None, channels: int) -> Made:
    """timm's model of this name, pooled, without classifier.

    Args:
        name: with or without a tag (`vit_small_patch16_224.dino`); a Hugging Face address of timm's is taken for the
            name in it, because nothing is ever downloaded.
        size: side of the images that position embeddings are made for; None leaves timm's own.
        channels: of the images.

    Raises:
        Failure: timm is not installed, or has no such model.
    """
    try:
        import timm
    except ImportError:
        raise Failure("unsupported", f"timm:{printable(name, 60)} needs timm: pip install 'swaveval[timm]'") from None
    bare = name.removeprefix("hf-hub:").removeprefix("hf_hub:").removeprefix("timm/")
    if not timm.is_model(bare):
        raise Failure("unsupported", _unknown(name, bare, timm.list_models()))
    base: dict[str, Any] = {} if channels == 3 else {"in_chans": channels}
    # Transformers must be told the size and that it varies; convolutional networks refuse the words.
    sized: list[dict[str, Any]] = [{"img_size": size, "dynamic_img_size": True}, {"img_size": size}] if size else []
    refusal: Exception | None = None
    for options in (*sized, {"dynamic_img_size": True}, {}):
        try:
            module = timm.create_model(bare, pretrained=False, num_classes=0, **base, **options)
        except (TypeError, RuntimeError, ValueError, AssertionError, NotImplementedError) as error:
            refusal = refusal if isinstance(refusal, RuntimeError | ValueError) else error
            continue
        build = partial(_built, bare, {**base, **options})
        return Made(
            build=build,
            module=module,
            words=f"timm {bare}",
            scores=False,
            heads=_heads(bare, {**base, **options}, module),
            sides=_sides(module, size),
            notes=_notes(bare, module),
        )
    reason = f"timm does not build {printable(bare, 60)} without further arguments: {printable(refusal, 200)}"
    raise Failure("unsupported", f"{reason}; a factory can give them: --backbone path/to/file.py:factory")


def _built(name: str, options: dict[str, Any]) -> nn.Module:
    import timm

    module: nn.Module = timm.create_model(name, pretrained=False, num_classes=0, **options)
    return module


def _heads(name: str, options: dict[str, Any], headless: nn.Module) -> frozenset[str]:
    """Names that the same model with its classifier has besides."""
    import timm

    for device in ("meta", "cpu"):
        try:
            with torch.device(device):
                whole = timm.create_model(name, pretrained=False, **options)
        except Exception:  # a few compute tables when built, which tensors without memory do not allow
            continue
        return frozenset(whole.state_dict()) - frozenset(headless.state_dict())
    return frozenset()


def _config(module: nn.Module) -> dict[str, Any]:
    config = getattr(module, "pretrained_cfg", None)
    return config if isinstance(config, dict) else {}


def _sides(module: nn.Module, size: int | None) -> tuple[int, ...]:
    shape = _config(module).get("input_size")
    own = shape[-1] if isinstance(shape, tuple | list) and shape else None
    return tuple(side for side in (size, own) if side)


def _notes(name: str, module: nn.Module) -> tuple[str, ...]:
    config = _config(module)
    mean, std = (tuple(round(value, 4) for value in config.get(key) or ()) for key in ("mean", "std"))
    if not mean or (mean, std) == _IMAGENET:
        return ()
    shown = " ".join(f"--{word} {','.join(map(str, values))}" for word, values in (("mean", mean), ("std", std)))
    return (
        f"timm's own weights of {name} were trained on images normalised otherwise than ImageNet's: where these were "
        f"too, {shown} says so",
    )


def _unknown(name: str, bare: str, known: list[str]) -> str:
    near = difflib.get_close_matches(bare.split(".")[0], known, n=3, cutoff=0.7)
    hint = f"; near it are {', '.join(near)}" if near else ""
    return f"timm has no model called {printable(name, 60)}{hint}"
