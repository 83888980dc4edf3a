"""What transformers writes beside weights: `config.json`, `preprocessor_config.json`, `trainer_state.json`.

They come from whoever made the checkpoint and are no more trusted than it: read up to a size, kept only as far as they
are plain numbers, words and short lists of them, and believed by nobody before a type was checked.
"""

import json
import math
import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from swaveval.checkpoints.families.hugging_face import CONFIG, PREPROCESSOR
from swaveval.checkpoints.sandbox.failure import printable

_TRAINER = "trainer_state.json"
_MOST_BYTES = 4 << 20  # a classifier of 21 841 named classes has 1.3 MB; a long training's log more
_MOST_TRAINER_BYTES = 64 << 20
_MOST_NAMES, _MOST_ITEMS, _MOST_TEXT = 500, 64, 200
# Pillow's numbers.
_RESAMPLING = {0: "nearest", 1: "lanczos", 2: "bilinear", 3: "bicubic", 4: "box", 5: "hamming"}
_OF_TRAINER = re.compile(r"checkpoint-\d+")
_WEIGHTS = re.compile(r"(model|pytorch_model)[^/]*\.(safetensors|bin)")


def beside(path: Path) -> dict[tuple[str, ...], Any]:
    """What the files beside a checkpoint say of its network and pre-processing, by the file's name; {} where there is
    no `config.json` of transformers (one with a `model_type`) or of timm (with an `architecture`)."""
    for directory in _places(path):
        whole = _read(directory / CONFIG, _MOST_BYTES)
        config = _plain(whole)
        if isinstance(config.get("architecture"), str) and isinstance(whole.get("pretrained_cfg"), dict):
            return _of_timm(config["architecture"], whole["pretrained_cfg"])
        if isinstance(config.get("model_type"), str):
            found: dict[tuple[str, ...], Any] = {(CONFIG,): config}
            preprocessing = _preprocessing(_read(directory / PREPROCESSOR, _MOST_BYTES))
            if preprocessing:
                found[PREPROCESSOR,] = preprocessing
            return found
    return {}


def _of_timm(architecture: str, of_weights: Mapping[str, Any]) -> dict[tuple[str, ...], Any]:
    """What timm writes beside the weights that it puts on Hugging Face's hub."""
    side = of_weights.get("input_size")
    said = _preprocessing(
        {
            "image_mean": of_weights.get("mean"),
            "image_std": of_weights.get("std"),
            "size": side[-1] if isinstance(side, list) and side else None,
            "resample": of_weights.get("interpolation"),
            "crop_pct": of_weights.get("crop_pct"),
        }
    )
    return {(CONFIG,): {"architecture": architecture}} | ({(PREPROCESSOR,): said} if said else {})


def stamps_beside(path: Path) -> list[int]:
    """Changes when any of the files beside a checkpoint does; [] where there are none."""
    stamps: list[int] = []
    for place in places_beside(path):
        with suppress(OSError):
            status = place.stat()
            stamps += [status.st_size, status.st_mtime_ns]
    return stamps


def places_beside(path: Path) -> list[Path]:
    """Where what belongs to a checkpoint may lie."""
    return [directory / name for directory in _places(path) for name in (CONFIG, PREPROCESSOR, _TRAINER)]


def trained_beside(path: Path) -> dict[str, Any]:
    """`epoch` (finished) and `step` that transformers' Trainer wrote beside its weights, as far as it did."""
    if not _WEIGHTS.fullmatch(path.name):
        return {}
    state = _read(path.parent / _TRAINER, _MOST_TRAINER_BYTES)
    found: dict[str, Any] = {}
    epoch, step = state.get("epoch"), state.get("global_step")
    if isinstance(epoch, int | float) and not isinstance(epoch, bool) and math.isfinite(epoch) and 0 <= epoch < 1e9:
        found["epoch"] = float(epoch)
    if isinstance(step, int) and not isinstance(step, bool) and 0 <= step < 10**12:
        found["step"] = step
    return found


def _places(path: Path) -> tuple[Path, ...]:
    """Where a config may lie: beside, and for the Trainer's `checkpoint-500/` also beside that directory."""
    directory = path.parent
    return (directory, directory.parent) if _OF_TRAINER.fullmatch(directory.name) else (directory,)


def _read(path: Path, most: int) -> Mapping[str, Any]:
    """The object in a JSON file; {} where there is none that can be read."""
    try:
        if not path.is_file() or path.stat().st_size > most:
            return {}
        with path.open("rb") as stream:
            found = json.loads(stream.read(most + 1))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _plain(found: Mapping[str, Any]) -> dict[str, Any]:
    """Numbers, words, and short lists of them; anything else by a word that stands for it, which no check takes: left
    out, it would pass for a config that says nothing on it."""
    if len(found) > _MOST_NAMES:
        return {}
    plain: dict[str, Any] = {}
    for name, value in found.items():
        short = isinstance(value, list) and len(value) <= _MOST_ITEMS and all(map(_leaf, value))
        plain[name[:_MOST_TEXT]] = value if short or _leaf(value) else printable(repr(value)[:60], 60)
    return plain


def _leaf(value: Any) -> bool:
    if isinstance(value, str):
        return len(value) <= _MOST_TEXT
    if isinstance(value, float):
        return math.isfinite(value)
    return isinstance(value, bool) or (isinstance(value, int) and abs(value) < 1 << 53)


def _preprocessing(found: Mapping[str, Any]) -> dict[str, Any]:
    """The normalisation, and as far as the file says them `input_size` in pixels, `interpolation` (Pillow's name), and
    `crop_share`: the input's side as a share of the short side it is cut from."""
    said = _normalisation(found)
    cropped = found.get("do_center_crop") is True
    side = _side(found.get("crop_size")) if cropped else None
    resized = _side(found.get("size")) if found.get("do_resize", True) is True else None
    if side or resized:
        said["input_size"] = side or resized
    resample = found.get("resample", found.get("interpolation"))
    name = _RESAMPLING.get(resample) if type(resample) is int else resample
    if isinstance(name, str) and name in _RESAMPLING.values():
        said["interpolation"] = name
    share = found.get("crop_pct", side / resized if side and resized else 1.0 if resized else None)
    if isinstance(share, int | float) and not isinstance(share, bool) and 0.1 <= share <= 1:
        said["crop_share"] = float(share)
    return said


def _side(value: Any) -> int | None:
    """Of a square in pixels, in any of the ways it is written."""
    if isinstance(value, dict):
        short = value.get("shortest_edge")
        value = short if short is not None else [value.get("height"), value.get("width")]
    if isinstance(value, list):
        value = value[0] if value and all(item == value[0] for item in value) else None
    whole = isinstance(value, int) and not isinstance(value, bool)
    return value if whole and 8 <= value <= 4096 else None


def _normalisation(found: Mapping[str, Any]) -> dict[str, Any]:
    """`image_mean` and `image_std` of pixels in 0…1; {} where the file does not say them."""
    plain = _plain(found)
    if plain.get("do_normalize", True) is False:
        return {"image_mean": [0.0, 0.0, 0.0], "image_std": [1.0, 1.0, 1.0]} if _rescales(plain) else {}
    said = {name: plain[name] for name in ("image_mean", "image_std") if isinstance(plain.get(name), list)}
    return said if len(said) == 2 and _rescales(plain) else {}


def _rescales(plain: Mapping[str, Any]) -> bool:
    """Whether pixels are divided by 255 first, as they are unless the file says otherwise."""
    factor = plain.get("rescale_factor", 1 / 255)
    return plain.get("do_rescale", True) is True and isinstance(factor, float) and abs(factor * 255 - 1) < 1e-3
