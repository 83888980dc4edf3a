"""What the user calls their data to an ImageSet."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from swaveval.data.array_sets import check_tables
from swaveval.data.audit import audit, left_out
from swaveval.data.classes import as_classes, given_split
from swaveval.data.early_sample import Looked, take
from swaveval.data.errors import DataError, Undecodable
from swaveval.data.facts import ImageFacts
from swaveval.data.folders.layout import Placing, place_by_first_folder, place_by_folders, place_without_labels
from swaveval.data.image_file import read_image
from swaveval.data.imageset import ImageSet
from swaveval.data.kept_by_torchvision import Kept, kept_at
from swaveval.data.label_hint import label_hint
from swaveval.data.label_option import FOLDERS, NONE, is_of_names, is_word, levels_of, pattern_of, table_and_column
from swaveval.data.labels_by_name import place_by_names
from swaveval.data.listing import list_images
from swaveval.data.named import TORCHVISION, NamedImages, digits, torchvision_images
from swaveval.data.names import distinct
from swaveval.data.parallel import Progress
from swaveval.data.picture import Rendering
from swaveval.data.pixel_notes import pixel_notes
from swaveval.data.reading import ALL, AS_LOADERS, BEFORE_OPTIONS, Reading
from swaveval.data.refusals import check_directory, nothing_there
from swaveval.data.sample import NOTHING, Draw, Sample, Some, drawn
from swaveval.data.scan import ScanRecord, read_file
from swaveval.data.splits import stratified_split
from swaveval.data.tables.labels import place_by_rows
from swaveval.data.tables.tables_by_split import read_tables
from swaveval.data.trained import LETTERS
from swaveval.data.whole_set import checked_channels, identity, rendering_of, settled
from swaveval.text import counted, printable, shortened

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True, eq=False)
class FileOpener:
    """Position → image, read from its file. Can be pickled, so data loader workers can hold it.

    Attributes:
        root: the directory. files: names relative to it. pages: of each file, as `ImageFacts.page`.
        how: what the pixels are read by.
    """

    root: str
    files: tuple[str, ...]
    pages: tuple[int, ...]
    how: Rendering

    def __call__(self, position: int) -> Image.Image | Array:
        try:
            content = read_file(Path(self.root, self.files[position]))
            return read_image(content, self.how, page=self.pages[position])
        except Undecodable as error:
            raise DataError(
                f"{printable(self.files[position])} could be read when the images were listed but not now ({error}); "
                "leave the directory alone while it is read, and start again"
            ) from error


@dataclass(frozen=True, eq=False)
class _Found:
    """The usable images of a source, before split and audit.

    Attributes:
        whole: how many these were drawn from already; 0 where none was.
    """

    files: tuple[str, ...]
    records: tuple[ScanRecord, ...]
    labels: Array | None
    class_names: tuple[str, ...]
    is_test: Array | None
    origin: str
    open: Any
    audit: Mapping[str, Any]
    notes: tuple[str, ...]
    label_origin: str
    channels: int = 3
    whole: int = 0

    @property
    def facts(self) -> tuple[ImageFacts, ...]:
        """Of the images that are read from files."""
        return tuple(record.facts for record in self.records if record.facts is not None)

    def only(self, index: Array) -> "_Found":
        """The images at these positions."""
        return replace(
            self,
            files=tuple(self.files[position] for position in index),
            records=tuple(self.records[position] for position in index),
            labels=None if self.labels is None else self.labels[index],
            is_test=None if self.is_test is None else self.is_test[index],
            open=Some(self.open, tuple(index.tolist())),
            whole=len(self.files),
        )


def open_images(
    path: str,
    *,
    labels: Path | None = None,
    seed: int = 0,
    reading: Reading = AS_LOADERS,
    channels: int | None = None,
    draw: Draw = NOTHING,
    progress: Progress | None = None,
) -> ImageSet:
    """The images at `path`, each one decodable, with labels and split as far as there are any.

    Args:
        path: a directory (class folders; `train/` and `test/`, `val/` or `validation/`; one flat folder), or the name
            of a data set: `digits`, `cifar10` … A directory wins over a torchvision data set of the same name; without
            images it may be one that torchvision keeps a data set in.
        labels: CSV file `filename,label[,split]` for the images of a directory (`FILE:COLUMN` names the column of the
            labels); or a word: `none`, folders are no labels; `folders[:N]`, they are, whatever they are
            called; `names[:REGEX]`, they stand in the files' names.
        seed: draws the split where none is given.
        reading: range, bands, pages, transparency and orientation of image files.
        channels: of the network's first layer; None: 3, or as many as `reading` names bands.
        draw: what a drawn split does not test on, and of how many images a sample is taken.
        progress: called with (done, total) while images are looked at.

    Raises:
        DataError: there is nothing to evaluate there; the message says what was found and what to do.
    """
    directory = Path(path).expanduser()
    by_name = _is_named(path)
    if not by_name:
        check_directory(path, directory)
    kept = None if by_name else _kept(directory)
    if by_name or kept is not None:
        if labels is not None and str(labels) not in (NONE, FOLDERS):
            other = "" if kept is not None else f", or write ./{path} for a directory"
            what = "--labels" if is_word(labels) else "the label file"
            raise DataError(f"{path} brings its own labels; leave {what} out{other}")
        if reading.words() and reading != BEFORE_OPTIONS:
            options = ", ".join(f"--{name}" for name in reading.words())
            raise DataError(f"{path} is no directory of image files, which {options} would be for; leave it out")
        name, root = (path, None) if kept is None else (kept.name, kept.root)
        named = digits() if name == "digits" else torchvision_images(name, root=root, progress=progress)
        named = named.with_channels(channels or 3)
        found = _from_named(named, directory if kept is None else None, labelled=str(labels) != NONE)
        return _image_set(name, path, found, seed, Rendering(channels=found.channels), draw)
    channels = checked_channels(reading, channels)
    # Looking at every image to take some would be most of the work. Where pages are images their number is not known
    # before, and where a training is known nobody looked at can tell which images it saw.
    early = None if reading.pages == ALL or draw.trained else draw.sample
    found, how = _from_directory(directory, labels, reading, channels, early, progress)
    return _image_set(_short_name(directory), path, found, seed, how, draw)


def check_images(path: str) -> None:
    """See whether there is a directory, or a data set of that name, without opening anything.

    Raises:
        DataError: there is none; the message says what was found and what to do.
    """
    if not _is_named(path):
        check_directory(path, Path(path).expanduser())


def _is_named(path: str) -> bool:
    return path == "digits" or (path in TORCHVISION and not Path(path).expanduser().is_dir())


def _kept(directory: Path) -> Kept | None:
    """A data set that torchvision keeps in this directory, where that has no images of its own."""
    kept = kept_at(directory)
    return None if kept is None or list_images(directory).files else kept


def _from_named(named: NamedImages, beside: Path | None, *, labelled: bool) -> _Found:
    """Args: beside: where a directory of the same name would lie."""
    return _Found(
        files=named.files,
        records=named.records,
        labels=named.labels if labelled else None,
        class_names=named.class_names if labelled else (),
        is_test=named.is_test,
        origin="given by the data set: train and test" if named.is_test is not None else "",
        open=named.opener,
        audit={"broken": [], "ignored": 0, "ignored_examples": []},
        notes=(f"The embedded data set was used; write ./{beside.name} for the directory of that name.",)
        if beside is not None and beside.is_dir()
        else (),
        label_origin="the data set itself" if labelled else f"none: --labels {NONE}",
        channels=named.channels,
    )


def _from_directory(
    root: Path,
    label_file: Path | None,
    reading: Reading,
    channels: int,
    sample: Sample | None,
    progress: Progress | None,
) -> tuple[_Found, Rendering]:
    listing = list_images(root)
    if not listing.files:
        raise DataError(nothing_there(root, listing))
    placing = _placed(root, listing.files, label_file)
    looked = Looked(root, reading, channels, progress)
    taken = take(placing, sample, looked)
    listed = taken.files
    scanned = looked.at(listed)
    # An image is a file, or with --pages all a page of one.
    pages = [(file, page) for file, records in zip(listed, scanned, strict=True) for page in range(len(records))]
    candidates = [file for file, _ in pages]
    records = [record for records in scanned for record in records]
    shown = distinct([printable(file) for file in listed])
    shown = [
        name if len(records_) == 1 else f"{name}[{page}]"
        for name, records_ in zip(shown, scanned, strict=True)
        for page in range(1, len(records_) + 1)
    ]
    good = [position for position, record in enumerate(records) if not record.reason]
    broken = [[name, record.reason] for name, record in zip(shown, records, strict=True) if record.reason]
    if not good:
        intact = all(record.facts is not None for record in records)
        raise DataError(
            f"none of the {counted(len(candidates), 'image file')} in {printable(str(root))} can be "
            f"{'used' if intact else 'decoded'} (first: {shortened(broken[0][0], 80)}: {broken[0][1]})"
            + ("" if intact else "; give a directory of intact images")
        )
    files = [candidates[position] for position in good]
    usable = tuple(records[position] for position in good)
    how = rendering_of([record.facts for record in usable if record.facts is not None], reading, channels)
    is_test, origin, split_notes = given_split(placing, files)
    classes = taken.classes or as_classes(placing, files, is_test)
    notes = classes.notes
    if listing.repeated:
        notes += (f"{counted(listing.repeated, 'link')} to folders that were already listed not followed.",)
    lost = {placing.labels.get(file) for file in candidates} - {placing.labels.get(file) for file in files} - {None}
    notes += left_out(broken, sorted(str(name) for name in lost))
    notes += check_tables([shown[position] for position in good], [record.facts for record in usable])
    if len(listing.arrays) > 1:
        notes += (f"{counted(len(listing.arrays), 'array')} (.npy) beside the images not read.",)
    hints = () if label_file is not None else label_hint(root, placing, listing.files, listing.tables)
    found = _Found(
        files=tuple(shown[position] for position in good),
        records=usable,
        labels=classes.labels,
        class_names=classes.names,
        is_test=is_test,
        origin=origin,
        open=FileOpener(
            str(root.resolve()),
            tuple(files),
            tuple(1 if record.facts is None else record.facts.page for record in usable),
            how,
        ),
        audit={
            "broken": [*broken, *([name, reason] for name, reason in listing.unreadable)],
            "ignored": listing.ignored,
            "ignored_examples": listing.ignored_examples,
            **({"several_labels": dict(placing.several)} if placing.several is not None else {}),
        },
        notes=(
            *placing.notes,
            *notes,
            *split_notes,
            *hints,
        ),
        label_origin=classes.origin,
        channels=channels,
        whole=taken.whole,
    )
    return found, how


def _placed(root: Path, files: Sequence[str], option: Path | None) -> Placing:
    if option is None:
        return place_by_folders(files)
    if is_word(option):
        if str(option) == NONE:
            return place_without_labels(files)
        if is_of_names(option):
            return place_by_names(files, pattern_of(option))
        placing = place_by_first_folder(files, *levels_of(option))
        if not placing.labelled and levels_of(option) != levels_of(FOLDERS):
            raise DataError(
                f"--labels {option}: no folder of that depth divides the images; --labels {FOLDERS} takes the first"
            )
        return placing
    path, column = table_and_column(option)
    table = read_tables(path, files, root, column=column)
    return place_by_rows(files, table, name=printable(path.name), root=str(root.resolve()))


def _image_set(name: str, path: str, found: _Found, seed: int, how: Rendering, draw: Draw) -> ImageSet:
    """Draw a split where none is given, and a sample where that was not done before; fingerprint; audit."""
    if len(found.files) < 2:
        raise DataError(
            f"{shortened(path)} holds 1 usable image{_left_out(found)}; an evaluation needs at least one for the bank "
            "and one to test with, and a few hundred to say anything"
            + f"; it holds {counted(_pages(found), 'picture')}: --pages all makes each an image"
            * (_pages(found) > 1)
        )
    is_test, origin = found.is_test, found.origin
    if is_test is None:
        strata = np.zeros(len(found.files), dtype=np.int64) if found.labels is None else found.labels
        contents = [record.origin for record in found.records]
        seen = {content for content in contents if content[:LETTERS] in draw.trained} if draw.trained else set()
        is_test = stratified_split(strata, contents, seed=seed, trained=seen)
        kind = "random" if found.labels is None else "stratified"
        origin = f"none given: {kind}, 25 % for test, seed {seed}"
    notes, sample = found.notes, draw.sample
    if sample is not None and not found.whole:
        strata = np.zeros(len(found.files), dtype=np.int64) if found.labels is None else found.labels
        index = drawn(sample, found.files, strata, is_test.astype(np.int64))
        if len(index) < len(found.files):
            found, is_test = found.only(index), is_test[index]
        elif sample.count > len(found.files):
            notes += (sample.too_large(len(found.files)),)
    summary = dict(found.audit) | audit(found.files, found.records, found.labels, found.class_names, is_test)
    summary["notes"] = [*notes, *summary["notes"]]
    summary["pixels"] = list(pixel_notes(found.facts, how))
    return ImageSet(
        name=name,
        path=path,
        files=found.files,
        labels=found.labels,
        class_names=found.class_names,
        is_test=is_test,
        split_origin=origin,
        fingerprint=_fingerprint(found, is_test, how),
        open=found.open,
        audit=summary,
        label_origin=found.label_origin,
        channels=found.channels,
        reading=settled(how),
        contents=tuple(record.origin for record in found.records),
        whole=found.whole,
        sample=""
        if sample is None or not found.whole
        else replace(sample, count=len(found.files)).words(found.whole, labelled=found.labels is not None),
    )


def _fingerprint(found: _Found, is_test: Array, how: Rendering) -> str:
    """SHA-256 over name, content, class name and side of each image, and over how pixels are read where that is not
    as in the first versions; not over where they lie."""
    labels = [-1] * len(found.files) if found.labels is None else found.labels.tolist()
    state = hashlib.sha256(b"swaveval images 1\n")
    for file, record, label, test in zip(found.files, found.records, labels, is_test.tolist(), strict=True):
        entry = [file, record.sha256, found.class_names[label] if label >= 0 else None, test]
        state.update(json.dumps(entry).encode() + b"\n")
    if anew := identity(found.facts, how):
        state.update(json.dumps(anew, sort_keys=True).encode())
    return state.hexdigest()


def _left_out(found: _Found) -> str:
    broken = found.audit["broken"]
    return (
        f" ({counted(len(broken), 'file')} left out: {shortened(broken[0][0], 60)}: {broken[0][1]} …)" if broken else ""
    )


def _pages(found: _Found) -> int:
    """Pictures in the file of the first image."""
    return found.facts[0].pages if found.facts else 1


def _short_name(directory: Path) -> str:
    """The directory's name, with its parent's where it says nothing by itself."""
    resolved = directory.resolve()
    generic = resolved.name.lower() in {"images", "imgs", "img", "data", "train", "dataset"}
    name = f"{resolved.parent.name}/{resolved.name}" if generic and resolved.parent.name else resolved.name
    return printable(name) or "/"
