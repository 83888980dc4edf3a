"""Directories in which torchvision keeps a data set that is no folder of images: `./data/cifar-10-batches-py`."""

from dataclasses import dataclass
from pathlib import Path

from swaveval.data.errors import DataError
from swaveval.text import printable, shortened

# By data set: a file that is always there, below the root that torchvision was given.
_MARKS = {
    "cifar10": ("cifar-10-batches-py/data_batch_1",),
    "cifar100": ("cifar-100-python/train",),
    "fashionmnist": ("FashionMNIST/raw/train-images-idx3-ubyte", "FashionMNIST/raw/train-images-idx3-ubyte.gz"),
    "kmnist": ("KMNIST/raw/train-images-idx3-ubyte", "KMNIST/raw/train-images-idx3-ubyte.gz"),
    "mnist": ("MNIST/raw/train-images-idx3-ubyte", "MNIST/raw/train-images-idx3-ubyte.gz"),
    "semeion": ("semeion.data",),
    "stl10": ("stl10_binary/train_X.bin",),
    "svhn": ("train_32x32.mat",),
    "usps": ("usps.bz2",),
}
# So far above a directory that was named its root may be: `data/MNIST/raw`.
_ABOVE = 2


@dataclass(frozen=True, slots=True)
class Kept:
    """A data set's name, and the root that torchvision is to be given."""

    name: str
    root: Path


def kept_at(directory: Path) -> Kept | None:
    """The data set that torchvision keeps in this directory, or whose own directory this is; None for none.

    Raises:
        DataError: several are kept there.
    """
    place = directory.resolve()
    roots = (place, *place.parents[:_ABOVE])
    found = [
        Kept(name, root)
        for root in roots
        for name, marks in _MARKS.items()
        for mark in marks
        if (root / mark).is_file() and (root == place or place in (root / mark).parents)
    ]
    each = {one.name: one for one in reversed(found)}
    if len(each) > 1:
        own = sorted(Path(_MARKS[name][0]).parts[0] for name in each)
        raise DataError(
            f"{shortened(str(directory))} holds the data sets {', '.join(sorted(each))} as torchvision keeps them; "
            f"give the directory of one, such as {printable(str(directory / own[0]))}"
        )
    return next(iter(each.values()), None)
