"""What the user calls their data to an ImageSet."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from swaveval.data.audit import audit
from swaveval.data.errors import DataError
from swaveval.data.image_file import Undecodable, read_image
from swaveval.data.imageset import ImageSet
from swaveval.data.labels import place_by_rows, read_labels
from swaveval.data.layout import Placing, place_by_folders
from swaveval.data.listing import list_images
from swaveval.data.named import TORCHVISION, NamedImages, digits, torchvision_images
from swaveval.data.names import counted, distinct, natural_key, printable, shortened
from swaveval.data.parallel import Progress
from swaveval.data.refusals import check_directory, nothing_there
from swaveval.data.scan import ScanRecord, read_file, scan_files
from swaveval.data.splits import stratified_split

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True, eq=False)
class FileOpener:
    """Position → RGB image, read from its file. Can be pickled, so data loader workers can hold it.

    Attributes:
        root: the directory. files: names relative to it.
    """

    root: str
    files: tuple[str, ...]

    def __call__(self, position: int) -> Image.Image:
        try:
            return read_image(read_file(Path(self.root, self.files[position])))
        except Undecodable as error:
            raise DataError(
                f"{printable(self.files[position])} could be read when the images were listed but not now ({error}); "
                "leave the directory alone while it is read, and start again"
            ) from error


@dataclass(frozen=True, eq=False)
class _Found:
    """The usable images of a source, before split and audit."""

    files: tuple[str, ...]
    records: tuple[ScanRecord, ...]
    labels: Array | None
    class_names: tuple[str, ...]
    is_test: Array | None
    origin: str
    open: Any
    audit: Mapping[str, Any]
    notes: tuple[str, ...]


def open_images(path: str, *, labels: Path | None = None, seed: int = 0, progress: Progress | None = None) -> ImageSet:
    """The images at `path`, each one decodable, with labels and split as far as there are any.

    Args:
        path: a directory (class folders; `train/` and `test/`, `val/` or `validation/`; one flat folder), or the name
            of a data set: `digits`, `cifar10` … A directory wins over a torchvision data set of the same name.
        labels: CSV file `filename,label[,split]` for the images of a directory.
        seed: draws the split where none is given.
        progress: called with (done, total) while images are looked at.

    Raises:
        DataError: there is nothing to evaluate there; the message says what was found and what to do.
    """
    directory = Path(path).expanduser()
    if path == "digits" or (path in TORCHVISION and not directory.is_dir()):
        if labels is not None:
            raise DataError(
                f"{path} brings its own labels; leave the label file out, or write ./{path} for a directory"
            )
        named = digits() if path == "digits" else torchvision_images(path, progress=progress)
        return _image_set(path, path, _from_named(named, directory), seed)
    check_directory(path, directory)
    return _image_set(_short_name(directory), path, _from_directory(directory, labels, progress), seed)


def _from_named(named: NamedImages, directory: Path) -> _Found:
    note = f"The embedded data set was used; write ./{directory.name} for the directory of that name."
    return _Found(
        files=named.files,
        records=named.records,
        labels=named.labels,
        class_names=named.class_names,
        is_test=named.is_test,
        origin="given by the data set: train and test" if named.is_test is not None else "",
        open=named.opener,
        audit={"broken": [], "ignored": 0, "ignored_examples": []},
        notes=(note,) if directory.is_dir() else (),
    )


def _from_directory(root: Path, label_file: Path | None, progress: Progress | None) -> _Found:
    rows = None if label_file is None else read_labels(label_file)
    listing = list_images(root)
    if not listing.files:
        raise DataError(nothing_there(root, listing))
    if rows is None or label_file is None:
        placing = place_by_folders(listing.files)
    else:
        placing = place_by_rows(listing.files, rows, name=printable(label_file.name))
    candidates = list(placing.labels)
    records = scan_files(root, candidates, progress=progress)
    shown = distinct([printable(name) for name in candidates])
    good = [position for position, record in enumerate(records) if not record.reason]
    broken = [[name, record.reason] for name, record in zip(shown, records, strict=True) if record.reason]
    if not good:
        raise DataError(
            f"none of the {counted(len(candidates), 'image file')} in {printable(str(root))} can be decoded "
            f"(first: {shortened(broken[0][0], 80)}: {broken[0][1]}); give a directory of intact images"
        )
    files = [candidates[position] for position in good]
    indices, class_names, notes = _label_indices(placing, files)
    is_test, origin, split_notes = _given_split(placing, files)
    if listing.repeated:
        notes += (f"{counted(listing.repeated, 'link')} to folders that were already listed not followed.",)
    return _Found(
        files=tuple(shown[position] for position in good),
        records=tuple(records[position] for position in good),
        labels=indices,
        class_names=class_names,
        is_test=is_test,
        origin=origin,
        open=FileOpener(str(root.resolve()), tuple(files)),
        audit={
            "broken": [*broken, *([name, reason] for name, reason in listing.unreadable)],
            "ignored": listing.ignored,
            "ignored_examples": listing.ignored_examples,
        },
        notes=(*placing.notes, *notes, *split_notes, *_label_file_hint(root, placing)),
    )


def _label_indices(placing: Placing, files: Sequence[str]) -> tuple[Array | None, tuple[str, ...], tuple[str, ...]]:
    """Labels as indices, class names in natural order, notes. One class, or one image each, says nothing."""
    words = [placing.labels[file] for file in files]
    classes = sorted({word for word in words if word is not None}, key=natural_key)
    if not placing.labelled or not classes:
        return None, (), ()
    if len(classes) == 1:
        note = (
            f"The only class is {shortened(classes[0], 60)}, which says nothing: the images were read without labels."
        )
        return None, (), (note,)
    number = {name: position for position, name in enumerate(classes)}
    indices = np.array([-1 if word is None else number[word] for word in words], dtype=np.int64)
    if len(classes) == int((indices >= 0).sum()):
        return None, (), (f"Each of the {len(classes)} classes has one image, so the images were read without labels.",)
    return indices, tuple(distinct([printable(name) for name in classes])), ()


def _given_split(placing: Placing, files: Sequence[str]) -> tuple[Array | None, str, tuple[str, ...]]:
    """The split that was given, in words, and what stood in its way."""
    if placing.splits is None:
        return None, "", ()
    splits = [placing.splits[file] for file in files]
    present = set(splits)
    if len(present) < 2:
        return None, "", (f"All images stand in the {next(iter(present))} split, so a split was drawn.",)
    test = "test" if "test" in present else "validation"
    train = " and ".join(sorted(present - {test}))
    return (
        np.array([split == test for split in splits]),
        f"given by {placing.source}: {train} for train, {test} for test",
        (),
    )


def _image_set(name: str, path: str, found: _Found, seed: int) -> ImageSet:
    """Draw a split where none is given; fingerprint; audit."""
    if len(found.files) < 2:
        raise DataError(
            f"{shortened(path)} holds 1 usable image{_left_out(found)}; an evaluation needs at least one for the bank "
            "and one to test with, and a few hundred to say anything"
        )
    is_test, origin = found.is_test, found.origin
    if is_test is None:
        strata = np.zeros(len(found.files), dtype=np.int64) if found.labels is None else found.labels
        is_test = stratified_split(strata, [record.sha256 for record in found.records], seed=seed)
        kind = "random" if found.labels is None else "stratified"
        origin = f"none given: {kind}, 25 % for test, seed {seed}"
    summary = dict(found.audit) | audit(found.files, found.records, found.labels, found.class_names, is_test)
    summary["notes"] = [*found.notes, *summary["notes"]]
    return ImageSet(
        name=name,
        path=path,
        files=found.files,
        labels=found.labels,
        class_names=found.class_names,
        is_test=is_test,
        split_origin=origin,
        fingerprint=_fingerprint(found, is_test),
        open=found.open,
        audit=summary,
    )


def _fingerprint(found: _Found, is_test: Array) -> str:
    """SHA-256 over name, content, class name and side of each image; not over where they lie."""
    labels = [-1] * len(found.files) if found.labels is None else found.labels.tolist()
    state = hashlib.sha256(b"swaveval images 1\n")
    for file, record, label, test in zip(found.files, found.records, labels, is_test.tolist(), strict=True):
        entry = [file, record.sha256, found.class_names[label] if label >= 0 else None, test]
        state.update(json.dumps(entry).encode() + b"\n")
    return state.hexdigest()


def _left_out(found: _Found) -> str:
    broken = found.audit["broken"]
    return (
        f" ({counted(len(broken), 'file')} left out: {shortened(broken[0][0], 60)}: {broken[0][1]} …)" if broken else ""
    )


def _label_file_hint(root: Path, placing: Placing) -> tuple[str, ...]:
    """A label file that lies about and was not asked for."""
    if placing.labelled or placing.source != "folders":
        return ()
    for directory, where in ((root, "inside the directory"), (root.resolve().parent, "beside the directory")):
        if (directory / "labels.csv").is_file():
            return (f"labels.csv {where} was not used; give it with --labels for labels.",)
    return ()


def _short_name(directory: Path) -> str:
    """The directory's name, with its parent's where it says nothing by itself."""
    resolved = directory.resolve()
    generic = resolved.name.lower() in {"images", "imgs", "img", "data", "train", "dataset"}
    name = f"{resolved.parent.name}/{resolved.name}" if generic and resolved.parent.name else resolved.name
    return printable(name) or "/"
