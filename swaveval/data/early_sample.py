"""A sample of files is drawn before any is opened; one that cannot be used gives its place to the next."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from swaveval.data.classes import Classes, as_classes, given_split
from swaveval.data.folders.layout import Placing
from swaveval.data.parallel import Progress
from swaveval.data.reading import Reading
from swaveval.data.sample import EITHER, Sample, drawn
from swaveval.data.scan import ScanRecord, scan_files
from swaveval.data.whole_set import unsuitable


@dataclass(eq=False)
class Looked:
    """Files that are opened when they are asked for, each once.

    Attributes:
        root: the directory. reading, channels: what an image must allow. progress: called with (done, total).
        records: of the files that were opened.
    """

    root: Path
    reading: Reading
    channels: int
    progress: Progress | None = None
    records: dict[str, tuple[ScanRecord, ...]] = field(default_factory=dict)

    def at(self, files: Sequence[str], *, partly: bool = False) -> list[tuple[ScanRecord, ...]]:
        """The records of these files, in order; `partly`: there are others."""
        new = [file for file in files if file not in self.records]
        if new:
            found = scan_files(self.root, new, reading=self.reading, progress=self.progress, partly=partly)
            suited = (tuple(self._suited(record) for record in records) for records in found)
            self.records.update(zip(new, suited, strict=True))
        return [self.records[file] for file in files]

    @property
    def unusable(self) -> set[str]:
        """Files of which nothing can be used."""
        return {file for file, records in self.records.items() if all(record.reason for record in records)}

    def _suited(self, record: ScanRecord) -> ScanRecord:
        """The record, with a reason when the network cannot be shown such an image."""
        if record.facts is None or not (reason := unsuitable(record.facts, self.reading, self.channels)):
            return record
        return replace(record, reason=reason)


@dataclass(frozen=True, eq=False)
class Taken:
    """What is to be read of a directory.

    Attributes:
        files: in the directory's order, those among them that cannot be used.
        whole: how many usable ones these were drawn from, as far as any were opened; 0 where all are taken.
        classes: of the whole directory, where its labels say nothing: a sample's do not either.
    """

    files: list[str]
    whole: int = 0
    classes: Classes | None = None


def take(placing: Placing, sample: Sample | None, looked: Looked) -> Taken:
    """The files of a sample, opened; all files where there is none.

    Raises:
        DataError: the sample is too small.
    """
    files = list(placing.labels)
    if sample is None:
        looked.at(files)
        return Taken(files)
    is_test = given_split(placing, files)[0]
    classes = as_classes(placing, files, is_test)
    labels = np.zeros(len(files), dtype=np.int64) if classes.labels is None else classes.labels
    sides = np.full(len(files), EITHER, dtype=np.int64) if is_test is None else is_test.astype(np.int64)
    while True:
        left = np.array([place for place, file in enumerate(files) if file not in looked.unusable], dtype=np.int64)
        chosen = left[drawn(sample, [files[place] for place in left], labels[left], sides[left])] if len(left) else left
        before = len(looked.unusable)
        looked.at([files[place] for place in chosen], partly=True)
        if len(looked.unusable) == before:
            break
    kept = {files[place] for place in chosen}
    shown = [file for file in files if file in kept or file in looked.unusable]
    whole = len(left) if len(chosen) < len(left) else 0
    return Taken(shown, whole, classes if classes.labels is None else None)
