"""Which images a data set or a loader holds, at which positions, and whether they are the same each time."""

import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from PIL import Image

from swaveval.data.errors import DataError
from swaveval.data.held.pixels import Ranges, held, is_picture, several_in_one
from swaveval.text import counted, shortened

Array = np.ndarray[Any, np.dtype[Any]]

_IMAGE_KEYS, _LABEL_KEYS = ("image", "img", "images", "pixel_values"), ("label", "labels", "fine_label", "target")
# So often an image is asked for once more: a flip of every second one is missed once in 10^9 sets, of every
# fifth once in 200,000.
_ASKED_AGAIN = 32
_OF_ALL = frozenset({"SequentialSampler", "RandomSampler"})


@dataclass(frozen=True, eq=False)
class Positions:
    """A data set, and where in it the images are.

    Attributes:
        dataset: gives an item at each position. at: the positions, each once. notes: why not all, in sentences.
    """

    dataset: Any
    at: Sequence[int]
    notes: tuple[str, ...] = ()

    def item(self, place: int) -> tuple[Any, Any]:
        """(image, label or None) of the image at `place` among these.

        Raises:
            DataError: there is nothing, or parts in an order that is not known.
        """
        position = self.at[place]
        try:
            item = self.dataset[position]
        except (IndexError, KeyError, TypeError) as error:
            reason = shortened(str(error), 80)
            raise DataError(f"the data set gives nothing at position {position}: {reason}") from error
        return _parts(item, position)


@dataclass(eq=False)
class Items:
    """Place → image; one caller at a time, as data sets need not be safe for several."""

    positions: Positions
    ranges: Ranges
    lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def __call__(self, place: int) -> Image.Image | Array:
        with self.lock:
            image, _ = self.positions.item(place)
        return held(image, self.positions.at[place]).shown(self.ranges)

    def __reduce__(self) -> tuple[type["Items"], tuple[Positions, Ranges]]:
        return Items, (self.positions, self.ranges)  # a lock is of one process


def positions_of(dataset: Any) -> Positions:
    """The positions of a data set; of a DataLoader those that its sampler draws.

    Raises:
        DataError: it has no positions, or its sampler may leave out some that nobody knows.
    """
    loader, inner = dataset, getattr(dataset, "dataset", None)
    of_loader = hasattr(dataset, "batch_sampler") and inner is not None
    if of_loader:
        dataset = inner
    if not hasattr(dataset, "__getitem__") or not hasattr(dataset, "__len__"):
        raise DataError(
            f"a {type(dataset).__name__} gives no image by its position (an IterableDataset?); every checkpoint has to "
            "see the same images: give a data set with a length, or a list of images"
        )
    if isinstance(dataset, Mapping) and 0 not in dataset:
        keys = shortened(", ".join(map(str, dataset)), 80)
        raise DataError(
            f"the data set gives nothing at position 0: a {type(dataset).__name__} of {keys}; give one of them"
        )
    if _is_pair(dataset):
        raise DataError("the data set is a pair of arrays, images and labels? Give them apart, data=X, labels=y")
    return _drawn(loader, dataset) if of_loader else Positions(dataset, range(len(dataset)))


def asked_again(positions: Positions) -> Mapping[int, int]:
    """Place → how often its image is asked for once more: some of them, spread over the set."""
    if isinstance(positions.dataset, list | tuple | np.ndarray):
        return {}  # holds its items
    count = len(positions.at)
    spread = (number * max(count, _ASKED_AGAIN) // _ASKED_AGAIN % count for number in range(_ASKED_AGAIN))
    return Counter(spread)


def check_same(positions: Positions, place: int, content: str) -> None:
    """Ask for an image once more.

    Args:
        content: as `Held.content` had it the first time.

    Raises:
        DataError: it is another one now.
    """
    image, _ = positions.item(place)
    if held(image, positions.at[place]).content != content:
        raise DataError(
            f"the data set gives another image each time that it is asked (position {positions.at[place]}, twice): "
            "random crops, flips or colours of a training? Every checkpoint has to see the same images: give the data "
            "set with an evaluation's transform, such as Resize and CenterCrop"
        )


def _drawn(loader: Any, dataset: Any) -> Positions:
    """What a loader's sampler draws of its data set. It is not asked: its random numbers are the training's."""
    sampler, everything, count = loader.sampler, range(len(dataset)), len(dataset)
    batches, counts_images = loader.batch_sampler, True
    if batches is not None:
        counts_images = hasattr(batches, "sampler")
        sampler = getattr(batches, "sampler", batches)
    name, of_torch = type(sampler).__name__, type(sampler).__module__.startswith("torch.")
    if of_torch and name in _OF_ALL:
        return Positions(dataset, everything)
    those = f"those that the DataLoader's {name} draws"
    if of_torch and name == "WeightedRandomSampler":
        at = np.flatnonzero(np.asarray(sampler.weights) > 0).tolist()
        return Positions(dataset, at, (f"{len(at):,} of {counted(count, 'image')}: {those}, each of them once.",))
    if of_torch and name == "DistributedSampler":
        note = (
            f"The DataLoader's {name} draws the share of one process; all {count:,} images of its data set were taken."
        )
        return Positions(dataset, everything, (note,))
    indices = _indices(sampler)
    if indices is not None:
        notes = (f"{len(indices):,} of {counted(count, 'image')}: {those}.",) if len(indices) < count else ()
        return Positions(dataset, indices, notes)
    length = len(sampler) if hasattr(sampler, "__len__") else 0
    if not counts_images or length < count:
        raise DataError(
            f"the DataLoader's sampler {name} does not tell which images it draws: give the data set itself as data, "
            "or torch.utils.data.Subset(dataset, indices) for a part of it"
        )
    note = f"The DataLoader's sampler {name} does not tell which images it draws: all {count:,} were taken."
    return Positions(dataset, everything, (note,))


def _indices(sampler: Any) -> list[int] | None:
    """What a sampler says of itself, each once, or None; a list or a tensor is a sampler too, lists are batches."""
    if isinstance(sampler, list | tuple) and sampler and all(isinstance(batch, list | tuple) for batch in sampler):
        sampler = [position for batch in sampler for position in batch]
    is_one = isinstance(sampler, list | tuple | range | np.ndarray) or hasattr(sampler, "detach")
    try:
        found = np.asarray(sampler if is_one else getattr(sampler, "indices", None))
    except ValueError:  # lists of unequal lengths
        return None
    return list(dict.fromkeys(found.tolist())) if found.ndim == 1 and found.dtype.kind in "iu" else None


def _is_pair(dataset: Any) -> bool:
    """Whether this is `(X, y)`: as many labels as pictures."""
    if not isinstance(dataset, list | tuple) or len(dataset) != 2:
        return False
    images, labels = dataset
    axes = len(getattr(images, "shape", ()))
    if axes < 3 or len(images) < 3 or not hasattr(labels, "__len__"):
        return False
    return len(images) == len(labels) and len(getattr(labels, "shape", (0,))) < 3


def _parts(item: Any, position: int) -> tuple[Any, Any]:
    """(image, label or None)."""
    if isinstance(item, Mapping):
        image = next((item[key] for key in _IMAGE_KEYS if key in item), None)
        if image is None:
            raise DataError(f"the data set's items have no image: {shortened(', '.join(map(str, item)), 80)}")
        return image, next((item[key] for key in _LABEL_KEYS if key in item), None)
    if not isinstance(item, tuple | list) or not item:
        return item, None
    first, second = item[0], item[1] if len(item) > 1 else None
    if is_picture(second) and _is_word(first):
        raise DataError(
            f"item {position} of the data set has its image second ({type(first).__name__}, {type(second).__name__}): "
            "give (image, label), as in [(image, label) for label, image in data]"
        )
    if _alike(first, second):
        raise DataError(several_in_one(position, sum(_alike(first, part) for part in item)))
    return first, second


def _is_word(part: Any) -> bool:
    return isinstance(part, str | int | float) or getattr(part, "shape", None) == ()


def _alike(first: Any, second: Any) -> bool:
    """Whether two parts may be views of one image; a mask has one channel."""
    if isinstance(first, Image.Image) and isinstance(second, Image.Image):
        return first.mode == second.mode and len(first.getbands()) > 1
    shape, other = tuple(getattr(first, "shape", ())), tuple(getattr(second, "shape", ()))
    return len(shape) == 3 and shape == other and 1 not in (shape[0], shape[2])
