"""Images that a program holds: a torch Dataset, a DataLoader's, any sequence of images or (image, label)."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from PIL import Image

from swaveval.data.audit import audit
from swaveval.data.classes import as_classes
from swaveval.data.errors import DataError
from swaveval.data.folders.layout import Placing
from swaveval.data.held.labels import NoClasses, Words, one_each, read_given, read_labels
from swaveval.data.held.pixels import Held, Ranges, held, range_notes, ranges_of
from swaveval.data.held.positions import Items, asked_again, check_same, positions_of
from swaveval.data.imageset import ImageSet
from swaveval.data.parallel import Progress
from swaveval.data.sample import Sample, Some, drawn
from swaveval.data.scan import ScanRecord
from swaveval.data.splits import stratified_split
from swaveval.text import counted, printable

Array = np.ndarray[Any, np.dtype[Any]]


def images_of(
    dataset: Any,
    *,
    labels: Any = None,
    train: Any = None,
    name: str = "",
    seed: int = 0,
    sample: Sample | None = None,
    progress: Progress | None = None,
) -> ImageSet:
    """The images of a data set in memory, each looked at once.

    Args:
        dataset: has a length and gives at each position an image, (image, label, …), or a dict with `image` and `label`
            (Hugging Face's datasets), the same each time; or a DataLoader, of which the images are those that its
            sampler draws. Images: as `held` takes them; one range over the set for more than 8 bits.
        labels: one an image, names or numbers, as `read_given` takes them; -1, NaN and None are no label. They win over
            the data set's own.
        train: shape `(n,)`, bool, True for training images; None draws a quarter for testing.
        seed: of the drawn split.
        sample: of how many of them; None for all.

    Raises:
        DataError: it is no such sequence, an image is nothing that can be shown or another one each time, or the
            labels that were given are no classes.
    """
    positions = positions_of(dataset)
    count = len(positions.at)
    if count < 2:
        raise DataError(f"the data set has {counted(count, 'image')}; an evaluation needs two at least")
    records: list[ScanRecord] = []
    own: list[Any] = []
    seen, again = _Seen(), asked_again(positions)
    for place in range(count):
        image, label = positions.item(place)
        picture = held(image, positions.at[place])
        records.append(seen.record(picture))
        own.append(label)
        for _ in range(again.get(place, 0)):
            check_same(positions, place, records[place].sha256)
        if progress:
            progress(place + 1, count)
    if len(seen.channels) > 1:
        raise DataError(f"the images have different numbers of channels: {', '.join(map(str, sorted(seen.channels)))}")
    ranges = ranges_of(seen.found, positions.at)
    inner = positions.dataset
    title = printable(name or getattr(inner, "name", "") or type(inner).__name__)
    files = tuple(f"{title}/{position:06d}" for position in positions.at)
    placed = _given(files, labels) if labels is not None else _own(files, own, inner)
    side = None if train is None else ~_mask(train, count)
    rows = _Rows(
        title,
        files,
        records,
        Items(positions, ranges),
        seen.channels.pop(),
        positions.notes,
        (*seen.notes(), *range_notes(seen.found, ranges)),
    )
    return _image_set(rows, placed, side, seed, sample)


def rows_of(
    labels: Any,
    count: int,
    *,
    train: Any = None,
    name: str = "features",
    seed: int = 0,
) -> ImageSet:
    """What stands for the images of features that come without any: rows with labels and a split, nothing to show.

    The same rows whatever the features are, so that evaluations of several models can be compared.

    Args:
        count: of the rows.
    """
    files = tuple(f"row {position:06d}" for position in range(count))
    placed = _own(files, [None] * count, None) if labels is None else _given(files, labels)
    side = None if train is None else ~_mask(train, count)
    records = [ScanRecord(hashlib.sha256(file.encode()).hexdigest()) for file in files]
    return _image_set(_Rows(printable(name), files, records, _nothing_to_show, 3), placed, side, seed)


def _nothing_to_show(position: int) -> Image.Image:
    raise DataError(f"row {position} is features without an image")


@dataclass
class _Seen:
    """What is noted of each image while they pass by once."""

    channels: set[int] = field(default_factory=set)
    found: list[tuple[str, float, float]] = field(default_factory=list)
    said: dict[str, tuple[int, str]] = field(default_factory=dict)

    def record(self, picture: Held) -> ScanRecord:
        height, width, bands = picture.shape
        self.channels.add(bands)
        self.found.append((picture.kind, picture.low, picture.high))
        for words, example in picture.said:
            count, first = self.said.get(words, (0, example))
            self.said[words] = count + 1, first
        return ScanRecord(picture.content, width, height, "RGB")

    def notes(self) -> tuple[str, ...]:
        return tuple(f"{counted(count, 'array')} {first} {words}." for words, (count, first) in self.said.items())


def _own(files: Sequence[str], labels: Sequence[Any], dataset: Any) -> Placing:
    """The data set's own labels, or none where they are no classes."""
    try:
        return _placing(files, read_labels(labels, dataset), "the data set itself")
    except NoClasses as error:
        why = f"the data set's labels are {error}, no classes"
        note = f"{why[0].upper()}{why[1:]}: the images were read without labels; labels= takes one an image."
        return Placing(dict.fromkeys(files), False, source="the data set", origin=f"none: {why}", notes=(note,))


def _given(files: Sequence[str], labels: Any) -> Placing:
    return _placing(files, read_given(labels, len(files)), "given")


def _placing(files: Sequence[str], found: Words, origin: str) -> Placing:
    labelled = any(word is not None for word in found.words)
    if found.several is not None:
        origin += ": several labels an image, the most frequent one present is its class"
    return Placing(
        dict(zip(files, found.words, strict=True)),
        labelled,
        source="the data set",
        notes=found.notes,
        origin=origin if labelled else "none: the data set gives none",
        several=found.several,
    )


def _mask(train: Any, count: int) -> Array:
    values = np.asarray(one_each(train, count, "entries of train")).reshape(count, -1)
    if values.dtype != np.bool_ or values.shape[1] != 1:
        raise DataError("train is a mask: True for each training image, False for each test image")
    if not values.any() or values.all():
        raise DataError("train leaves no image for testing" if values.all() else "train names no training image")
    return values[:, 0]


@dataclass(frozen=True, eq=False)
class _Rows:
    """What an image set is made of, before labels and split; notes on the images and on their pixels."""

    name: str
    files: tuple[str, ...]
    records: Sequence[ScanRecord]
    open: Any
    channels: int
    notes: tuple[str, ...] = ()
    pixels: tuple[str, ...] = ()


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
    notes, words, whole = (*rows.notes, *placed.notes, *classes.notes), "", len(files)
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
    if isinstance(rows.open, Items) and (ranges := rows.open.ranges) != Ranges():
        state.update(f"{ranges.floats} {ranges.whole} {ranges.real}\n".encode())
    summary = audit(files, records, classes.labels, classes.names, is_test)
    summary["notes"] = [*notes, *summary["notes"]]
    summary["pixels"] = list(rows.pixels)
    if placed.several is not None:
        summary["several_labels"] = dict(placed.several)
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
