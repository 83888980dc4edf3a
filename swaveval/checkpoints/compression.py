"""Smaller forms of a checkpoint, each measured on the user's own file before anybody relies on it.

Float weights hardly compress without loss; most of a training file is optimiser state, which no feature needs. What
each form costs in load time and exactness depends on the file, so it is measured, not promised.
"""

import json
import statistics
import tempfile
import time
import zipfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from swaveval.checkpoints.architectures import ResNetSpec
from swaveval.checkpoints.backbone import Backbone
from swaveval.checkpoints.families import CONTAINERS, SCALARS
from swaveval.checkpoints.loading import described, load
from swaveval.checkpoints.models import find_model
from swaveval.checkpoints.options import LoadOptions
from swaveval.checkpoints.piece_names import SHARD
from swaveval.checkpoints.pieces import Together, bytes_of, pieces_of, standing_for
from swaveval.checkpoints.sandbox.reader import OpenFile, Reader, shared_reader
from swaveval.checkpoints.vit import ViTSpec
from swaveval.errors import SwavevalError
from swaveval.results.atomic import atomic_path


class CompressionError(SwavevalError):
    """A form that cannot be written; the message says why."""


@dataclass(frozen=True, eq=False)
class Content:
    """What is kept of a checkpoint: the model's tensors with their names, and the facts beside them.

    Attributes:
        tensors: key path in the file → names → tensors.
        flat: the same tensors under single names, as a flat format needs them.
        facts: (key path, plain value): epoch, step, hyper-parameters.
    """

    tensors: Mapping[tuple[str, ...], Mapping[str, Tensor]]
    flat: Mapping[str, Tensor]
    facts: Sequence[tuple[tuple[str, ...], Any]]


@dataclass(frozen=True, slots=True)
class Form:
    """A way to store a checkpoint.

    Attributes:
        name: for `--to`. suffix: of the file. words: for the table.
        exact: whether every weight keeps its bits.
        readable: whether programs read it without unpacking it first.
        write: content → file.
    """

    name: str
    suffix: str
    words: str
    exact: bool
    readable: bool
    write: Callable[[Content, Path], None]


@dataclass(frozen=True, slots=True)
class Measured:
    """One row of the table.

    Attributes:
        form: its name, `original` for the file as it is. words: the same for people.
        size: bytes. share: of the original's bytes.
        seconds: median time to load it, unpacking included.
        identical: whether all weights are bit by bit the original's.
        feature_difference: largest absolute difference of features on the probe images.
        feature_scale: largest absolute feature of the original on them.
        problem: why it could not be made; then the numbers are 0.
    """

    form: str
    words: str
    size: int = 0
    share: float = 0.0
    seconds: float = 0.0
    identical: bool = False
    feature_difference: float = 0.0
    feature_scale: float = 0.0
    problem: str = ""


def read_content(path: Path, options: LoadOptions) -> Content:
    """Everything of the model in a checkpoint; optimiser, schedulers, callbacks and loops are left behind.

    Raises:
        Failure: it cannot be read.
    """
    path = standing_for(path)
    pieces, reader = pieces_of(path), shared_reader()
    with reader.lock, _opened(reader, pieces, options) as opened:
        description = described(opened, path)
        parts, _ = find_model(description, options)
        names: dict[tuple[str, ...], list[str]] = {}
        for place, name in parts.view.keys.values():
            names.setdefault(place, []).append(name)
        tensors = {place: opened.take(place, inside) for place, inside in names.items()}
        flat = {name: tensors[place][key] for name, (place, key) in parts.view.keys.items() if key in tensors[place]}
        return Content(tensors, flat, sorted(description.scalars.items()))


def _opened(
    reader: Reader, pieces: tuple[Path, ...], options: LoadOptions
) -> AbstractContextManager[OpenFile | Together]:
    if len(pieces) > 1:
        return Together(reader, pieces, CONTAINERS, SCALARS, options)
    return reader.open(pieces[0], containers=CONTAINERS, scalars=SCALARS, options=options)


def is_checkpoint(path: Path) -> bool:
    """Whether something is one checkpoint: a file, or a directory that is one."""
    return path.is_file() or standing_for(path).is_file()


def form_path(path: Path, form: Form, directory: Path | None) -> Path:
    """Where a form of a checkpoint goes: beside it unless `directory` says otherwise; one file also for many pieces."""
    shard = SHARD.fullmatch(path.name)
    return (directory or path.parent) / f"{shard['stem'] if shard else path.stem}{form.suffix}"


def checkpoint_bytes(path: Path) -> int:
    """Of all files of a checkpoint."""
    return bytes_of(standing_for(path))


# -- the forms -------------------------------------------------------------------------------------------------------


def _write_torch(content: Content, path: Path) -> None:
    root: dict[str, Any] = {}
    for place, value in content.facts:
        _put(root, place, value)
    for place, tensors in content.tensors.items():
        # Copies: torch.save would write the whole mapped file for each view of it.
        _put(root, place, {name: tensor.clone() for name, tensor in tensors.items()})
    torch.save(root, path)


def _put(root: dict[str, Any], place: tuple[str, ...], value: Any) -> None:
    for key in place[:-1]:
        root = root.setdefault(key, {})
    if place:
        root[place[-1]] = value
    else:
        root.update(value)


def _write_safetensors(
    content: Content, path: Path, change: Callable[[Tensor], Tensor] = lambda tensor: tensor
) -> None:
    from safetensors.torch import save_file

    facts = json.dumps([[list(place), value] for place, value in content.facts])
    tensors = {name: change(tensor).clone().contiguous() for name, tensor in content.flat.items()}
    save_file(tensors, path, metadata={"swaveval": facts})


def _write_deflated(content: Content, path: Path) -> None:
    with tempfile.TemporaryDirectory(dir=path.parent) as directory:
        plain = Path(directory) / "plain"
        _write_torch(content, plain)
        with (
            zipfile.ZipFile(plain) as source,
            zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as target,
        ):
            for member in source.infolist():
                target.writestr(member.filename, source.read(member))


def _write_zstandard(content: Content, path: Path) -> None:
    with tempfile.TemporaryDirectory(dir=path.parent) as directory:
        plain = Path(directory) / "plain"
        _write_safetensors(content, plain)
        with plain.open("rb") as source, path.open("wb") as target:
            _zstandard().ZstdCompressor(level=3).copy_stream(source, target)


def _zstandard() -> Any:
    try:
        import zstandard
    except ImportError:
        raise CompressionError("needs zstandard: pip install 'swaveval[zstd]'") from None
    return zstandard


def _halved(dtype: torch.dtype) -> Callable[[Content, Path], None]:
    def change(tensor: Tensor) -> Tensor:
        # Norm scales, biases and running statistics are small, and half precision hurts them most.
        if not tensor.is_floating_point() or tensor.dim() < 2:
            return tensor
        smaller = tensor.to(dtype)
        if not bool(torch.isfinite(smaller).all()) and bool(torch.isfinite(tensor).all()):
            raise CompressionError(f"a weight is beyond the range of {dtype}")
        return smaller

    return lambda content, path: _write_safetensors(content, path, change)


FORMS = (
    Form("weights", ".weights.ckpt", "PyTorch file without the optimiser", True, True, _write_torch),
    Form("deflate", ".deflated.ckpt", "the same, zip-deflated", True, True, _write_deflated),
    Form("safetensors", ".safetensors", "safetensors", True, True, _write_safetensors),
    Form("zstd", ".safetensors.zst", "safetensors, Zstandard", True, False, _write_zstandard),
    Form("bf16", ".bf16.safetensors", "safetensors, bfloat16 weights", False, True, _halved(torch.bfloat16)),
    Form("fp16", ".fp16.safetensors", "safetensors, float16 weights", False, True, _halved(torch.float16)),
)


def form_named(name: str) -> Form:
    """The form called `name`.

    Raises:
        CompressionError: there is none; the message lists them.
    """
    for form in FORMS:
        if form.name == name:
            return form
    raise CompressionError(f"there is no form {name!r}; choose one of {', '.join(form.name for form in FORMS)}")


# -- measuring and writing -------------------------------------------------------------------------------------------


def measure(path: Path, *, options: LoadOptions, repeats: int = 5, images: Tensor | None = None) -> list[Measured]:
    """Size, load time and exactness of every form of a checkpoint, the file as it is first.

    Args:
        repeats: loads whose median time is given.
        images: shape `(n, 3, H, W)`, normalised; seeded noise of a size that suits the network where None.

    Raises:
        CheckpointRefused: the file cannot be read.
    """
    original = load(path, options=options)
    probes = probe_images(original) if images is None else images
    features = _features(original, probes)
    scale = float(features.abs().max())
    size = checkpoint_bytes(path)
    seconds = _time(lambda: load(path, options=options), repeats)
    rows = [Measured("original", "the file as it is", size, 1.0, seconds, True, 0.0, scale)]
    content = read_content(path, options)
    with tempfile.TemporaryDirectory(prefix="swaveval-compress-") as directory:
        for form in FORMS:
            target = Path(directory) / f"file{form.suffix}"
            try:
                form.write(content, target)
            except CompressionError as problem:
                rows.append(Measured(form.name, form.words, problem=str(problem)))
                continue
            read = load_form(form, target, options)
            rows.append(
                Measured(
                    form=form.name,
                    words=form.words,
                    size=target.stat().st_size,
                    share=target.stat().st_size / size,
                    seconds=_time(lambda form=form, target=target: load_form(form, target, options), repeats),  # type: ignore[misc]
                    identical=read.digest == original.digest,
                    feature_difference=float((_features(read, probes) - features).abs().max()),
                    feature_scale=scale,
                )
            )
            target.unlink()
    return rows


def write_form(path: Path, form: Form, target: Path, *, options: LoadOptions) -> Path:
    """Write a checkpoint in another form, read it back, and only then let it appear at `target`.

    Raises:
        CompressionError: `target` exists, or what was written is not what was read.
        CheckpointRefused: the file cannot be read.
    """
    if target.exists() or target.is_symlink():
        raise CompressionError(f"{target} exists; nothing is overwritten: move it away or name another directory")
    original = load(path, options=options)
    with atomic_path(target) as temporary:
        form.write(read_content(path, options), temporary)
        read = load_form(form, temporary, options)
        if form.exact and read.digest != original.digest:
            raise CompressionError(f"{form.name} does not keep the weights of {path}; nothing was written")
    return target


def load_form(form: Form, path: Path, options: LoadOptions) -> Backbone:
    """Load a form, unpacking it first where that is needed."""
    if form.readable:
        return load(path, options=options)
    with tempfile.TemporaryDirectory(prefix="swaveval-unpack-") as directory:
        plain = Path(directory) / "plain.safetensors"
        with path.open("rb") as source, plain.open("wb") as target:
            _zstandard().ZstdDecompressor().copy_stream(source, target)
        return load(plain, options=options)


def probe_images(backbone: Backbone, count: int = 8) -> Tensor:
    """Seeded noise `(count, 3, S, S)` of a size S that suits the network."""
    spec = getattr(backbone.module, "spec", None)
    side = 224
    if isinstance(spec, ViTSpec):
        side = spec.patch * (spec.grid or 14)
    elif isinstance(spec, ResNetSpec):
        side = 128 if spec.maxpool else 32
    return torch.randn(count, 3, side, side, generator=torch.Generator().manual_seed(0))


@torch.inference_mode()
def _features(backbone: Backbone, images: Tensor) -> Tensor:
    return backbone.module(images)


def _time(action: Callable[[], object], repeats: int) -> float:
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        action()
        times.append(time.perf_counter() - started)
    return statistics.median(times)
