"""Data sets by name: scikit-learn's digits, embedded, and torchvision's, downloaded where there is a network."""

import contextlib
import hashlib
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from swaveval.data.errors import DataError
from swaveval.data.parallel import Progress, ordered_map
from swaveval.data.places import cache_directory
from swaveval.data.scan import ScanRecord
from swaveval.text import shortened

Array = np.ndarray[Any, np.dtype[Any]]
DIGITS_SIDE = 32


@dataclass(frozen=True, slots=True)
class TorchvisionSource:
    """How a torchvision class is asked for its splits.

    Attributes:
        class_name: in `torchvision.datasets`.
        splits: `train`, `test`, `validation` → keyword arguments; a single entry means it comes without a split.
    """

    class_name: str
    splits: Mapping[str, Mapping[str, Any]] = field(
        default_factory=lambda: {"train": {"train": True}, "test": {"train": False}}
    )


def _by_split(class_name: str, *names: str, **fixed: Any) -> TorchvisionSource:
    """A class whose argument `split` takes `names`, the first for training and the second for testing."""
    return TorchvisionSource(
        class_name, {ours: {"split": theirs, **fixed} for ours, theirs in zip(("train", "test"), names, strict=True)}
    )


TORCHVISION: Mapping[str, TorchvisionSource] = {
    "caltech101": TorchvisionSource("Caltech101", {"train": {}}),
    "caltech256": TorchvisionSource("Caltech256", {"train": {}}),
    "cifar10": TorchvisionSource("CIFAR10"),
    "cifar100": TorchvisionSource("CIFAR100"),
    "country211": _by_split("Country211", "train", "test"),
    "dtd": _by_split("DTD", "train", "test"),
    "eurosat": TorchvisionSource("EuroSAT", {"train": {}}),
    "fashionmnist": TorchvisionSource("FashionMNIST"),
    "fgvcaircraft": _by_split("FGVCAircraft", "trainval", "test"),
    "flowers102": _by_split("Flowers102", "train", "test"),
    "food101": _by_split("Food101", "train", "test"),
    "gtsrb": _by_split("GTSRB", "train", "test"),
    "imagenette": _by_split("Imagenette", "train", "val", size="160px"),
    "kmnist": TorchvisionSource("KMNIST"),
    "mnist": TorchvisionSource("MNIST"),
    "oxfordiiitpet": _by_split("OxfordIIITPet", "trainval", "test"),
    "semeion": TorchvisionSource("SEMEION", {"train": {}}),
    "stl10": _by_split("STL10", "train", "test"),
    "svhn": _by_split("SVHN", "train", "test"),
    "usps": TorchvisionSource("USPS"),
}
NAMES = ("digits", *TORCHVISION)


@dataclass(frozen=True, eq=False)
class NamedImages:
    """A data set without files of its own.

    Attributes:
        files: one name per image.
        records: facts per image, hashes over pixels.
        labels: class index per image; class_names in label order.
        is_test: or None when the data set has no split.
        opener: position → RGB image.
    """

    files: tuple[str, ...]
    records: tuple[ScanRecord, ...]
    labels: Array
    class_names: tuple[str, ...]
    is_test: Array | None
    opener: "ArrayOpener | TorchvisionOpener | GreyOpener"
    channels: int = 3

    def with_channels(self, channels: int) -> "NamedImages":
        """The same images for a network of one channel: grey.

        Raises:
            DataError: neither one nor three channels.
        """
        if channels == self.channels:
            return self
        if channels != 1:
            raise DataError(
                f"the network takes {channels} channels and this data set's images have three; "
                "give a directory of images with as many bands"
            )
        return replace(self, opener=GreyOpener(self.opener), channels=1)


@dataclass(frozen=True, eq=False)
class ArrayOpener:
    """Images held in memory: pixels of shape `(n, H, W)`, uint8, greyscale."""

    pixels: Array
    side: int

    def __call__(self, position: int) -> Image.Image:
        small = Image.fromarray(self.pixels[position])
        return small.resize((self.side, self.side), Image.Resampling.BILINEAR).convert("RGB")


@dataclass(frozen=True, eq=False)
class TorchvisionOpener:
    """Images of one or two torchvision data sets, one after the other."""

    parts: tuple[Any, ...]

    def item(self, position: int) -> tuple[Image.Image, int]:
        """The RGB image and its class."""
        for part in self.parts:
            if position < len(part):
                image, label = part[position]
                return image.convert("RGB"), int(label)
            position -= len(part)
        raise IndexError(position)

    def __call__(self, position: int) -> Image.Image:
        return self.item(position)[0]


@dataclass(frozen=True, eq=False)
class GreyOpener:
    """The images of another opener in one channel, shape `(H, W, 1)` (ITU-R 601)."""

    opener: Callable[[int], Image.Image | Array]

    def __call__(self, position: int) -> Array:
        image = self.opener(position)
        assert isinstance(image, Image.Image)
        return np.asarray(image.convert("L"))[..., None]


def digits() -> NamedImages:
    """scikit-learn's 1,797 handwritten digits, 8×8 in 17 grey levels, enlarged bilinearly to 32×32 RGB."""
    from sklearn.datasets import load_digits

    bunch = load_digits()
    pixels = np.rint(bunch.images * (255 / 16)).astype(np.uint8)
    opener = ArrayOpener(pixels, DIGITS_SIDE)
    return NamedImages(
        files=tuple(f"digits/{number:04d}" for number in range(len(pixels))),
        records=tuple(_record(opener(number)) for number in range(len(pixels))),
        labels=bunch.target.astype(np.int64),
        class_names=tuple(str(name) for name in bunch.target_names),
        is_test=None,
        opener=opener,
    )


def torchvision_images(name: str, *, root: Path | None = None, progress: Progress | None = None) -> NamedImages:
    """A data set of `TORCHVISION`, from the cache directory or downloaded into it.

    Args:
        root: where torchvision keeps it instead; nothing is downloaded to there.
        progress: called with (done, total) while images are looked at.

    Raises:
        DataError: it is not there and cannot be downloaded, or what is there is damaged.
    """
    source = TORCHVISION[name]
    parts = {split: _part(name, source.class_name, arguments, root) for split, arguments in source.splits.items()}
    opener = TorchvisionOpener(tuple(parts.values()))
    total = sum(len(part) for part in parts.values())
    files = tuple(f"{split}/{number:06d}" for split, part in parts.items() for number in range(len(part)))
    labels = np.zeros(total, dtype=np.int64)
    records: list[ScanRecord] = []

    def look(position: int) -> tuple[ScanRecord, int]:
        image, label = opener.item(position)
        return _record(image), label

    for record, label in ordered_map(look, range(total)):
        labels[len(records)] = label
        records.append(record)
        if progress:
            progress(len(records), total)
    return NamedImages(
        files=files,
        records=tuple(records),
        labels=labels,
        class_names=_class_names(parts.values(), int(labels.max()) + 1),
        is_test=np.array([file.startswith("test/") for file in files]) if len(parts) > 1 else None,
        opener=opener,
    )


def _part(name: str, class_name: str, arguments: Mapping[str, Any], kept: Path | None) -> Any:
    """One split, without asking the network when it lies in the cache, or is kept elsewhere."""
    try:
        from torchvision import datasets
    except ImportError as error:
        raise DataError(
            f"{name} needs torchvision, which does not load here ({shortened(str(error))}); "
            "install torch and torchvision together"
        ) from error
    make = getattr(datasets, class_name)
    if kept is not None:
        try:
            return make(str(kept), download=False, **arguments)
        except Exception as error:  # RuntimeError on a wrong MD5 or a missing file, whatever a damaged one makes it say
            raise DataError(
                f"the files of {name} in {shortened(str(kept))} are not whole as torchvision reads them "
                f"({shortened(str(error)) or type(error).__name__}); --data {name} downloads it"
            ) from error
    root = cache_directory() / "datasets" / name
    # torchvision prints where it downloads from; a page on stdout or a JSON answer must stay clean.
    with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(RuntimeError, OSError):
        return make(str(root), download=False, **arguments)
    try:
        root.mkdir(parents=True, exist_ok=True)
        with contextlib.redirect_stdout(io.StringIO()):
            return make(str(root), download=True, **arguments)
    except Exception as error:  # URLError, HTTPError, RuntimeError on a wrong MD5, a full disk, a missing scipy …
        raise DataError(
            f"{name} is not in {root} and could not be downloaded ({shortened(str(error)) or type(error).__name__}); "
            "connect to the network, put the files there, or give a directory of images"
        ) from error


def _class_names(parts: Any, count: int) -> tuple[str, ...]:
    for part in parts:
        names: Sequence[Any] = getattr(part, "classes", None) or getattr(part, "categories", None) or ()
        if len(names) >= count:
            # Imagenette names a class by all its synonyms.
            return tuple(str(name[0] if isinstance(name, tuple) else name) for name in names)
    return tuple(str(number) for number in range(count))


def _record(image: Image.Image) -> ScanRecord:
    content = hashlib.sha256(f"{image.mode} {image.size}".encode() + image.tobytes()).hexdigest()
    return ScanRecord(content, image.width, image.height, image.mode, "")
