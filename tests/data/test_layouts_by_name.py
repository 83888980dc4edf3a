"""Every layout and table of the layout campaign by its names alone: no pixel is written or read, so all of them run."""

import re
from pathlib import Path

import numpy as np
import pytest

from swaveval.data.classes import as_classes, given_split
from swaveval.data.errors import DataError
from swaveval.data.folders.layout import Placing, place_by_first_folder, place_by_folders, place_without_labels
from swaveval.data.label_option import FOLDERS, is_of_names, levels_of, pattern_of, table_and_column
from swaveval.data.labels_by_name import place_by_names
from swaveval.data.tables.label_table import read_labels
from swaveval.data.tables.labels import place_by_rows
from swaveval.text import natural_key
from tests.field.brought import ASIDE, Brought
from tests.field.campaign import Trial
from tests.field.campaign_layouts import trials

TRIALS: dict[str, list[Trial]] = {}
for each in trials():
    TRIALS.setdefault(each.kind, []).append(each)


def placed(brought: Brought, files: list[str], directory: Path) -> Placing:
    if brought.table is not None:
        table, content = directory / brought.table[0], brought.table[1]
        table.parent.mkdir(parents=True, exist_ok=True)
        table.write_bytes(content)
        path, column = table_and_column(Path(f"{table}:{brought.column}" if brought.column else table))
        rows = read_labels(path, files, column=column)
        return place_by_rows(files, rows, name=path.name, root=str(directory / brought.root))
    if is_of_names(brought.option):
        return place_by_names(files, pattern_of(brought.option))
    if brought.option.startswith(FOLDERS):
        return place_by_first_folder(files, *levels_of(brought.option))
    return place_without_labels(files) if brought.option else place_by_folders(files)


def fault(brought: Brought, directory: Path) -> str:
    """What of the reading is neither true nor said, or an empty string."""
    files = sorted(brought.files, key=natural_key)
    try:
        placing = placed(brought, files, directory)
    except DataError as error:
        return "" if brought.refusal and re.search(brought.refusal, str(error)) else f"refused: {error}"
    used = list(placing.labels)
    is_test, origin, notes = given_split(placing, used)
    classes = as_classes(placing, used, is_test)
    told = " ".join([classes.origin, origin, *placing.notes, *classes.notes, *notes])
    if brought.must and not re.search(brought.must, told):
        return f"nothing says {brought.must!r}: {told}"
    difference = differs(brought, used, classes.labels, classes.names, is_test)
    return "" if not difference or brought.said and re.search(brought.said, told) else f"{difference}; said was: {told}"


ADVICE = re.compile(
    r"The folders (.+?)(?: … \(([0-9]+)\))? (?:are|hold|each|only|name) .*; --labels folders(:[0-9]+)? reads them so"
)


@pytest.mark.parametrize("kind", TRIALS)
def test_the_option_that_a_note_names_reads_what_it_says(kind: str, tmp_path: Path) -> None:
    for trial in TRIALS[kind]:
        brought: Brought = trial.judge.args[0]  # type: ignore[attr-defined]
        files = sorted(brought.files, key=natural_key)
        if brought.table is not None or brought.option:
            continue
        for note in place_by_folders(files).notes:
            if (said := ADVICE.search(note)) is None:
                continue
            found = set(place_by_first_folder(files, *levels_of("folders" + (said[3] or ""))).labels.values()) - {None}
            assert set(said[1].split(", ")) <= found, (trial.name, note)
            assert len(found) == int(said[2] or len(said[1].split(", "))), (trial.name, note)


def differs(
    brought: Brought, used: list[str], labels: np.ndarray | None, names: tuple[str, ...], is_test: np.ndarray | None
) -> str:
    numbers = [brought.files[file] for file in used]
    wanted = {number for number in brought.files.values() if number < ASIDE}
    if sorted(numbers) != sorted(wanted):
        return f"{len(numbers)} images instead of {len(wanted)}"
    read = {n: names[label] if label >= 0 else None for n, label in zip(numbers, labels, strict=True)} if names else {}
    expected = {} if brought.labels is None else {number: brought.labels.get(number) for number in numbers}
    if read != expected:
        return f"labels {read} instead of {expected}"
    tested = None if is_test is None else {number for number, test in zip(numbers, is_test, strict=True) if test}
    return "" if tested == brought.test else f"test images {tested} instead of {brought.test}"


@pytest.mark.parametrize("kind", list(TRIALS))
def test_names_say_what_is_true_or_it_is_said(kind: str, tmp_path: Path) -> None:
    found = []
    for number, trial in enumerate(TRIALS[kind]):
        brought = trial.build.args[0]  # type: ignore[attr-defined]
        if why := fault(brought, tmp_path / str(number)):
            found.append(f"{trial.name}: {why}")
    assert not found, "\n".join(found)
