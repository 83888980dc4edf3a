"""Images that a program holds: a torch Dataset, a DataLoader's, any sequence of images or (image, label)."""

import hashlib
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from PIL import Image

from swaveval.data.audit import audit
from swaveval.data.classes import as_classes
from swaveval.data.errors import DataError
from swaveval.data.folders.layout import Placing
from swaveval.data.imageset import ImageSet
from swaveval.data.parallel import Progress
from swaveval.data.sample import Sample, Some, drawn
from swaveval.data.scan import ScanRecord
from swaveval.data.splits import stratified_split
from swaveval.text import counted, printable, shortened

Array = np.ndarray[Any, np.dtype[Any]]

_IMAGE_KEYS, _LABEL_KEYS = ("image", "img", "images", "pixel_values"), ("label", "labels", "fine_label", "target")
_UNLABELLED = frozenset({"-1", "nan", "None", ""})


@dataclass(eq=False)
class Items:
    """Position → image of a sequence; one caller at a time, as data sets need not be safe for several."""

    dataset: Any
    lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def __call__(self, position: int) -> Image.Image | Array:
        with self.lock:
            image, _ = _parts(self.dataset[position])
        return as_picture(image, position)

    def __reduce__(self) -> tuple[type["Items"], tuple[Any]]:
        return Items, (self.dataset,)  # a lock is of one process


def images_of(
    dataset: Any,
    *,
    labels: Sequence[Any] | Array | None = None,
    train: Any = None,
    name: str = "",
    seed: int = 0,
    sample: Sample | None = None,
    progress: Progress | None = None,
) -> ImageSet:
    """The images of a data set in memory, each looked at once.

    Args:
        dataset: has a length and gives at each position an image, (image, label, …), or a dict with `image` and `label`
            (Hugging Face's datasets). Images: PIL; uint8 arrays `(H, W[, C])`; tensors `(C, H, W)`, uint8 or in 0…1.
        labels: one an image, names or numbers; -1, NaN and None are no label. They win over the data set's own.
        train: shape `(n,)`, bool, True for training images; None draws a quarter for testing.
        seed: of the drawn split.
        sample: of how many of them; None for all.

    Raises:
        DataError: it is no such sequence, or an image is nothing that can be shown.
    """
    dataset = _indexable(dataset)
    count = len(dataset)
    if count < 2:
        raise DataError(f"the data set has {counted(count, 'image')}; an evaluation needs two at least")
    records: list[ScanRecord] = []
    own: list[Any] = []
    channels: set[int] = set()
    for position in range(count):
        try:
            image, label = _parts(dataset[position])
        except (IndexError, KeyError, TypeError) as error:
            reason = shortened(str(error), 80)
            raise DataError(f"the data set gives nothing at position {position}: {reason}") from error
        picture = as_picture(image, position)
        pixels = np.asarray(picture)
        channels.add(3 if isinstance(picture, Image.Image) else pixels.shape[2])
        content = hashlib.sha256(f"{pixels.shape}".encode() + np.ascontiguousarray(pixels).tobytes()).hexdigest()
        records.append(ScanRecord(content, pixels.shape[1], pixels.shape[0], "RGB"))
        own.append(label)
        if progress:
            progress(position + 1, count)
    if len(channels) > 1:
        raise DataError(f"the images have different numbers of channels: {', '.join(map(str, sorted(channels)))}")
    title = printable(name or getattr(dataset, "name", "") or type(dataset).__name__)
    files = tuple(f"{title}/{position:06d}" for position in range(count))
    words = own if labels is None else _checked(labels, count, "labels")
    placed = _placed(files, words, dataset, given=labels is not None)
    side = None if train is None else ~_mask(train, count)
    rows = _Rows(title, files, records, Items(dataset), channels.pop())
    return _image_set(rows, placed, side, seed, sample)


def rows_of(
    labels: Sequence[Any] | Array | None,
    contents: Sequence[str],
    *,
    train: Any = None,
    name: str = "features",
    seed: int = 0,
) -> ImageSet:
    """What stands for the images of features that come without any: rows with labels and a split, nothing to show.

    Args:
        contents: one text a row that is equal for equal rows; draws the split.
    """
    count = len(contents)
    files = tuple(f"row {position:06d}" for position in range(count))
    placed = _placed(files, [None] * count if labels is None else _checked(labels, count, "labels"), None, given=True)
    side = None if train is None else ~_mask(train, count)
    records = [ScanRecord(content) for content in contents]
    return _image_set(_Rows(printable(name), files, records, _nothing_to_show, 3), placed, side, seed)


def _nothing_to_show(position: int) -> Image.Image:
    raise DataError(f"row {position} is features without an image")


def as_picture(image: Any, position: int) -> Image.Image | Array:
    """An RGB image, or an array `(H, W, C)`, uint8, of one or more than three channels.

    Raises:
        DataError: it is neither; the sentence says what it is.
    """
    if isinstance(image, Image.Image):
        return image if image.mode == "RGB" else image.convert("RGB")
    tensor = hasattr(image, "detach")
    values = np.asarray(image.detach().cpu().numpy() if tensor else image)
    if values.ndim == 2:
        values = values[..., None]
    if values.ndim != 3 or 0 in values.shape:
        raise DataError(f"image {position} of the data set is {_said(image, values)}; expected a picture")
    if tensor and values.shape[0] <= 16 and values.shape[0] < values.shape[2]:
        values = values.transpose(1, 2, 0)
    if values.dtype.kind == "f":
        low, high = float(np.nanmin(values)), float(np.nanmax(values))
        if not (np.isfinite(values).all() and low >= -1e-6 and high <= 1 + 1e-6):
            raise DataError(
                f"image {position} of the data set has values from {low:.3g} to {high:.3g}: give images that are not "
                "normalised (no transforms.Normalize), in 0…1 or as bytes; the normalisation is the evaluation's part"
            )
        values = np.rint(values * 255)
    elif values.dtype != np.uint8:
        raise DataError(f"image {position} of the data set is {_said(image, values)}; expected bytes, or floats in 0…1")
    pixels = np.ascontiguousarray(values.astype(np.uint8))
    if pixels.shape[2] == 1:
        pixels = np.repeat(pixels, 3, axis=2)
    return Image.fromarray(pixels) if pixels.shape[2] == 3 else pixels


def _said(image: Any, values: Array) -> str:
    return f"a {type(image).__name__} of shape {values.shape} and type {values.dtype}"


def _indexable(dataset: Any) -> Any:
    """The data set itself, or the one of a DataLoader.

    Raises:
        DataError: it has no positions.
    """
    inner = getattr(dataset, "dataset", None)
    if hasattr(dataset, "batch_sampler") and inner is not None:
        dataset = inner
    if not hasattr(dataset, "__getitem__") or not hasattr(dataset, "__len__"):
        raise DataError(
            f"a {type(dataset).__name__} gives no image by its position (an IterableDataset?); every checkpoint has to "
            "see the same images: give a data set with a length, or a list of images"
        )
    return dataset


def _parts(item: Any) -> tuple[Any, Any]:
    """(image, label or None)."""
    if isinstance(item, Mapping):
        image = next((item[key] for key in _IMAGE_KEYS if key in item), None)
        if image is None:
            raise DataError(f"the data set's items have no image: {shortened(', '.join(map(str, item)), 80)}")
        return image, next((item[key] for key in _LABEL_KEYS if key in item), None)
    if isinstance(item, tuple | list) and item:
        return item[0], item[1] if len(item) > 1 else None
    return item, None


def _placed(files: Sequence[str], labels: Sequence[Any], dataset: Any, *, given: bool) -> Placing:
    names = getattr(dataset, "classes", None) if not given else None
    words = [_word(label, names) for label in labels]
    labelled = any(word is not None for word in words)
    origin = ("given" if given else "the data set itself") if labelled else "none: the data set gives none"
    return Placing(dict(zip(files, words, strict=True)), labelled, source="the data set", origin=origin)


def _word(label: Any, names: Any) -> str | None:
    value = label.item() if hasattr(label, "item") and getattr(label, "ndim", 1) == 0 else label
    if value is None or (hasattr(value, "shape") and value.shape != ()):
        return None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(names, list | tuple) and isinstance(value, int) and 0 <= value < len(names):
        return str(names[value])
    word = str(value).strip()
    return None if word in _UNLABELLED else word


def _checked(values: Sequence[Any] | Array, count: int, what: str) -> list[Any]:
    found = list(values.tolist() if hasattr(values, "tolist") else values)
    if len(found) != count:
        raise DataError(f"{len(found)} {what} for {counted(count, 'image')}: one for each is needed, in the same order")
    return found


def _mask(train: Any, count: int) -> Array:
    values = np.asarray(_checked(train, count, "entries of train"))
    if values.dtype != np.bool_:
        raise DataError("train is a mask: True for each training image, False for each test image")
    if not values.any() or values.all():
        raise DataError("train leaves no image for testing" if values.all() else "train names no training image")
    return values


@dataclass(frozen=True, eq=False)
class _Rows:
    """What an image set is made of, before labels and split."""

    name: str
    files: tuple[str, ...]
    records: Sequence[ScanRecord]
    open: Any
    channels: int


def _image_set(
    rows: _Rows, placed: Placing, is_test: Array | None, seed: int, sample: Sample | None = None
) -> ImageSet:
    files, records, opener = rows.files, rows.records, rows.open
    classes = as_classes(placed, files, is_test)
    origin = "given: by the mask train"
    if is_test is None:
        strata = np.zeros(len(files), dtype=np.int64) if classes.labels is None else classes.labels
        is_test = stratified_split(strata, [record.sha256 for record in records], seed=seed)
        kind = "random" if classes.labels is None else "stratified"
        origin = f"none given: {kind}, 25 % for test, seed {seed}"
    notes, words, whole = classes.notes, "", len(files)
    if sample is not None:
        strata = np.zeros(whole, dtype=np.int64) if classes.labels is None else classes.labels
        index = drawn(sample, files, strata, is_test.astype(np.int64))
        if len(index) < whole:
            words = sample.words(whole, labelled=classes.labels is not None)
            classes = replace(classes, labels=None if classes.labels is None else classes.labels[index])
            files, records = tuple(files[place] for place in index), [records[place] for place in index]
            is_test, opener = is_test[index], Some(opener, tuple(index.tolist()))
        elif sample.count > whole:
            notes += (sample.too_large(whole),)
    state = hashlib.sha256(b"swaveval images in memory 1\n")
    numbers = [-1] * len(files) if classes.labels is None else classes.labels.tolist()
    for record, label, test in zip(records, numbers, is_test.tolist(), strict=True):
        state.update(f"{record.sha256} {classes.names[label] if label >= 0 else ''} {test}\n".encode())
    summary = audit(files, records, classes.labels, classes.names, is_test)
    summary["notes"] = [*notes, *summary["notes"]]
    return ImageSet(
        name=rows.name,
        path="",
        files=files,
        labels=classes.labels,
        class_names=classes.names,
        is_test=is_test,
        split_origin=origin,
        fingerprint=state.hexdigest(),
        open=opener,
        audit=summary | {"broken": [], "ignored": 0, "ignored_examples": []},
        label_origin=classes.origin,
        channels=rows.channels,
        contents=tuple(record.sha256 for record in records),
        pictures=rows.open is not _nothing_to_show,
        whole=whole if words else 0,
        sample=words,
    )
