"""Labels that lie apart from the images: the rows of a table, placed on files."""

from collections.abc import Mapping, Sequence, Sized
from dataclasses import replace

from swaveval.data.errors import DataError
from swaveval.data.folders.layout import Placing, place_without_labels
from swaveval.data.split_sides import with_labels
from swaveval.data.tables.label_matching import Matches, match_rows
from swaveval.data.tables.label_rows import LabelRow, LabelTable, described
from swaveval.data.tables.label_table import read_labels
from swaveval.data.tables.label_titles import bare
from swaveval.data.tables.label_values import most_frequent_present, most_of_rows
from swaveval.data.tables.labels_by_folder import labels_by_folder
from swaveval.text import counted, shortened

# Repeated rows with different labels are a mistake when rare; a table of objects or findings when common.
_SEVERAL_ROWS_SHARE = 0.1


def place_by_rows(files: Sequence[str], table: LabelTable, *, name: str, root: str = "") -> Placing:
    """Labels and split of the listed files.

    How a row finds its file: `match_rows`. Images in no row take a label of the table that a folder of theirs is
    called, and stay in without one else; masks and copies beside the images
    are left out as `place_without_labels` says, unless they have a row. Rows without a file, or with several, are
    counted in the notes. A file with two labels keeps none, unless many have: then each image has several, and the most
    frequent over the set is its class.

    Args:
        files: relative names in the image directory.
        table: what `read_labels` gave.
        name: of the label file, for messages.
        root: the image directory's absolute path, whose folders rows may name too.

    Raises:
        DataError: no row matches a file.
    """
    rows, name = table.rows, table.name or name
    folders = place_without_labels(files)
    matches = _matches(rows, files, folders.labels, root)
    if not matches.file_of and matches.ambiguous:
        raise DataError(_of_several(rows, matches, files, name))
    if not matches.file_of:
        raise DataError(
            f"no row of {name} names an image that is there ({counted(len(rows), 'row')}; first row: "
            f"{shortened(rows[0].shown, 80)}; first image: {shortened(files[0], 80)}); "
            "write names relative to the image directory"
        )
    found: dict[str, list[LabelRow]] = {}
    for number, row in enumerate(rows):
        if number in matches.file_of:
            found.setdefault(matches.file_of[number], []).append(row)
    used = [file for file in files if file in found or file in folders.labels]
    labels, several, notes = _labels(used, found, table, name)
    if several is None:
        added = labels_by_folder(used, labels, found)
        labels |= added
        if added:
            notes.append(
                f"{counted(len(added), 'image')} in no row of {name} labelled by a folder called like a label of it "
                f"({shortened(next(iter(added)), 60)})."
            )
    splits, source, split_notes = _splits(used, found, folders, labels, name)
    if splits is None and table.groups:
        split_notes.append(
            f"The split is drawn: images of one {shortened(table.groups, 40)} (a column of {name}) may be on both "
            "sides; a column split says otherwise."
        )
    refusal = table.refusal
    origin = f"none: {refusal} ({name})" if refusal else described(table, name)
    if several is not None:
        origin += ": several labels an image, the most frequent one present is its class"
    labelled = any(label is not None for label in labels.values())
    if not labelled and not refusal:
        origin = f"none: no image has a label in {name}"
    return Placing(
        labels=labels,
        labelled=labelled,
        splits=splits,
        source=source,
        notes=(
            *((f"{refusal[0].upper()}{refusal[1:]}: the images were read without labels.",) if refusal else ()),
            *_unmatched([file for file in used if file not in found and labels[file] is None], rows, matches, name),
            *table.notes,
            *notes,
            *split_notes,
            *(note for note in folders.notes if "left out" in note),
        ),
        origin=origin,
        several=several,
    )


def _of_several(rows: Sequence[LabelRow], matches: Matches, files: Sequence[str], name: str) -> str:
    """What to do where each name may mean several images."""
    row = rows[matches.ambiguous[0]]
    meant = [shortened(file, 60) for file in files if bare(file) == bare(row.filename)]
    may = f" may be {meant[0]} or {meant[1]}" if len(meant) > 1 else ""
    return (
        f"no row of {name} names exactly one image ({counted(len(rows), 'row')}; line {row.line}: "
        f"{shortened(row.shown, 60)}{may}); write names with their folder and ending"
    )


def _matches(rows: Sequence[LabelRow], files: Sequence[str], images: Mapping[str, object], root: str) -> Matches:
    """Rows and files; a row that could mean an image or its mask (`1.jpg`, `masks/1.png`) means the image."""
    matches = match_rows([row.filename for row in rows], files, root=root)
    left = set(matches.file_of.values())
    alone = [file for file in files if file in images and file not in left]
    if not matches.ambiguous or not alone or len(images) == len(files):
        return matches
    again = match_rows([rows[number].filename for number in matches.ambiguous], alone, root=root)
    found = {matches.ambiguous[number]: file for number, file in again.file_of.items()}
    doubtful = tuple(number for number in matches.ambiguous if number not in found)
    loose = matches.loose + again.loose
    return replace(matches, file_of={**matches.file_of, **found}, ambiguous=doubtful, loose=loose)


def _labels(
    used: Sequence[str], found: dict[str, list[LabelRow]], table: LabelTable, name: str
) -> tuple[dict[str, str | None], dict[str, int] | None, list[str]]:
    """The label of each file; how many images carry each label where they carry several; notes."""
    if table.multiple:
        carried = {file: _in_turn([row.several for row in rows]) for file, rows in found.items()}
        chosen, counts = most_frequent_present(carried)
        many = sum(len(words) > 1 for words in carried.values())
        return {file: chosen.get(file) for file in used}, dict(counts.most_common()), [_by_set(many, counts, name)]
    votes = {file: [row.label for row in rows] for file, rows in found.items()}
    decided = most_of_rows(votes) if not table.objects else {}
    different = [file for file, words in votes.items() if len(set(words) - {""}) > 1 and file not in decided]
    notes = [_by_rows(len(decided), name)] if decided else []
    if len(different) > max(2, _SEVERAL_ROWS_SHARE * len(found)):
        carried = {file: tuple(dict.fromkeys(filter(None, words))) for file, words in votes.items()}
        chosen, counts = most_frequent_present(carried, None if table.objects else votes)
        many = sum(len(carried[file]) > 1 for file in different)
        return (
            {file: chosen.get(file) for file in used},
            dict(counts.most_common()),
            [*notes, _by_set(many, counts, name)],
        )
    labels: dict[str, str | None] = {file: next(filter(None, votes.get(file, ())), None) for file in used}
    labels |= dict.fromkeys(different)
    labels |= {file: word or None for file, word in decided.items()}
    repeated = sum(len(rows) - 1 for file, rows in found.items() if file not in decided)
    if repeated:
        notes.append(f"{counted(repeated, 'row')} of {name} that repeat an image, not used.")
    if different:
        example = shortened(sorted(different)[0])
        notes.append(f"{counted(len(different), 'image')} with two labels, read as unlabelled ({example}).")
    return labels, None, notes


def _in_turn(several: Sequence[Sequence[str]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(word for words in several for word in words if word))


def _by_rows(count: int, name: str) -> str:
    return f"{counted(count, 'image')} whose rows in {name} differ: the most frequent of their labels was taken."


def _by_set(count: int, labels: Sized, name: str) -> str:
    return (
        f"{counted(count, 'image')} with several labels in {name} ({len(labels):,} labels): the one of them that most "
        "images carry was taken as the class."
    )


def _splits(
    used: Sequence[str],
    found: dict[str, list[LabelRow]],
    folders: Placing,
    labels: dict[str, str | None],
    name: str,
) -> tuple[dict[str, str] | None, str, list[str]]:
    """The table's split, else the folders' where both of its sides hold labels."""
    said = {file: found[file][0].split if file in found else None for file in used}
    unsplit = sum(split is None for split in said.values())
    if unsplit < len(used):
        notes = [f"{counted(unsplit, 'image')} without a split counted to train."] if unsplit else []
        return {file: split or "train" for file, split in said.items()}, name, notes
    if folders.splits is None:
        return None, name, []
    splits = {file: folders.splits.get(file, "train") for file in used}
    kept, said_of_it = with_labels(splits, labels, source="folders")
    return kept, name if kept is None else "folders", [*said_of_it]


def _unmatched(alone: Sequence[str], rows: Sequence[LabelRow], matches: Matches, name: str) -> list[str]:
    """Rows without image, and images `alone` without row and label, with an example of each side."""
    example = f" (first: {shortened(alone[0], 60)})" if alone else ""
    notes = []
    there = len(matches.file_of) + len(matches.ambiguous)
    if there < len(rows) / 2:
        row = rows[matches.missing[0]]
        notes.append(
            f"Only {there:,} of {len(rows):,} rows of {name} name an image that is there; not found: "
            f"line {row.line}, {shortened(row.shown, 60)}; first image without a row: "
            f"{shortened(alone[0], 60) if alone else 'none'}."
        )
    if alone:
        notes.append(f"{counted(len(alone), 'image')} in no row of {name}, kept without a label{example}.")
    remarks = (
        (matches.missing, f"of {name} without an image"),
        (matches.ambiguous, f"of {name} that could mean several images, not used"),
    )
    for numbers, text in remarks:
        if numbers:
            row = rows[numbers[0]]
            notes.append(f"{counted(len(numbers), 'row')} {text} (line {row.line}: {shortened(row.shown, 60)}).")
    if matches.loose:
        notes.append(f"{counted(matches.loose, 'row')} of {name} matched by the number in the file's name.")
    return notes


__all__ = ["LabelRow", "LabelTable", "place_by_rows", "read_labels"]
