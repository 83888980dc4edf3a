"""What stands in label cells: no label, numbers, measurements, several labels."""

from collections.abc import Callable, Iterable, Mapping

import numpy as np

from tests.field.brought import CLASS_OF, IMAGES, WORDS, Brought, trial
from tests.field.campaign import Trial
from tests.field.label_files import DISKS, table_of


def values() -> Iterable[Trial]:
    """What stands in label cells."""
    flat_ = DISKS["flat"]
    files = {flat_(number): number for number in IMAGES}
    words = {n: WORDS[CLASS_OF[n]] for n in IMAGES}
    numbers = {n: str(CLASS_OF[n]) for n in IMAGES}

    def labelled(cells: Mapping[int, str], header: str = "label") -> tuple[str, bytes]:
        return "labels.csv", table_of(("filename", header), [(flat_(n), cells[n]) for n in IMAGES])

    for word in ("", "-1", "nan", "NaN", "None", "null", "NA", "N/A", "?", "unlabelled", "-"):
        truth = {n: words[n] for n in IMAGES if n % 3}
        cells = {n: words[n] if n % 3 else word for n in IMAGES}
        yield trial("label cells", f"unlabelled as {word!r}", Brought(files, truth, table=labelled(cells)))
        if word not in ("-",):
            truth = {n: numbers[n] for n in IMAGES if n % 3}
            cells = {n: numbers[n] if n % 3 else word for n in IMAGES}
            yield trial("label cells", f"numbers, unlabelled as {word!r}", Brought(files, truth, table=labelled(cells)))
    forms: dict[str, Callable[[int], str]] = {
        "1 and 1.0": lambda n: f"{CLASS_OF[n]}.0" if n % 2 else str(CLASS_OF[n]),
        "1 and 01": lambda n: f"{CLASS_OF[n]:02d}" if n % 2 else str(CLASS_OF[n]),
        "1, 1. and 1.00": lambda n: f"{CLASS_OF[n]}{('', '.', '.00')[n % 3]}",
        "1, 1e0": lambda n: f"{CLASS_OF[n]}e0" if n % 2 else str(CLASS_OF[n]),
        "+1": lambda n: f"+{CLASS_OF[n]}" if n % 2 else str(CLASS_OF[n]),
    }
    for name, form in forms.items():
        brought = Brought(
            files, numbers, table=labelled({n: form(n) for n in IMAGES}), must="Numbers written in several ways"
        )
        yield trial("label cells", name, brought)
    brought = Brought(
        files, {n: f"{CLASS_OF[n]}.0" for n in IMAGES}, table=labelled({n: f"{CLASS_OF[n]}.0" for n in IMAGES})
    )
    yield trial("label cells", "all 1.0", brought)
    brought = Brought(
        files, {n: ("-1", "1")[n % 2] for n in IMAGES}, table=labelled({n: ("-1", "1")[n % 2] for n in IMAGES})
    )
    yield trial("label cells", "-1 and 1 are two classes", brought)
    measured: dict[str, Callable[[int], str]] = {
        "steering angles": lambda n: f"{np.sin(n) / 3:.5f}",
        "prices": lambda n: f"{n * 1317 + 99}",
        "temperatures": lambda n: f"{20 + n / 4}",
        "bounding widths": lambda n: f"{100.5 + n * 7}",
    }
    for name, form in measured.items():
        cells = {n: form(n) for n in IMAGES}
        brought = Brought(
            files, None, table=labelled(cells, "target"), must="measurements|has one image|have one image|one image"
        )
        yield trial("label cells", f"measurements: {name}", brought)
    single = {
        "Smith, John": {n: ("Smith, John", "Brown, Ann", "Smith, Ann", "Lee, Bo")[CLASS_OF[n]] for n in IMAGES},
        "black, white once": {n: "black, white" if CLASS_OF[n] == 3 else WORDS[CLASS_OF[n]] for n in IMAGES},
        "animal|cat": {n: f"animal|{WORDS[CLASS_OF[n]]}" for n in IMAGES},
        "AC/DC": {n: "AC/DC" if CLASS_OF[n] == 1 else WORDS[CLASS_OF[n]] for n in IMAGES},
        "line breaks": {n: f"one\n{WORDS[CLASS_OF[n]]}" for n in IMAGES},
    }
    for name, cells in single.items():
        shown = {n: cell.replace("\n", "\\x0a") for n, cell in cells.items()}
        yield trial("label cells", f"one label: {name}", Brought(files, shown, table=labelled(cells)))


def several_labels() -> Iterable[Trial]:
    """Several labels an image: the class is the most frequent of those present, by count over the set."""
    flat_ = DISKS["flat"]
    files = {flat_(number): number for number in IMAGES}
    words = {n: WORDS[CLASS_OF[n]] for n in IMAGES}

    def labelled(cells: Mapping[int, str], header: str = "label") -> tuple[str, bytes]:
        return "labels.csv", table_of(("filename", header), [(flat_(n), cells[n]) for n in IMAGES])

    sets = {n: [WORDS[0]] * (n % 2) + [WORDS[1]] * (n % 3 == 0) + [WORDS[2]] * (n % 5 == 0) for n in IMAGES}
    sets = {n: labels or ["nothing"] for n, labels in sets.items()}
    counts = {word: sum(word in labels for labels in sets.values()) for word in (*WORDS, "nothing")}
    chosen = {n: min(labels, key=lambda word: (-counts[word], word)) for n, labels in sets.items()}
    for name, join in {
        "A|B|C (NIH)": "|".join,
        "A;B": ";".join,
        "A, B": ", ".join,
        "A,B": ",".join,
        '["A", "B"]': lambda labels: "[" + ", ".join(f'"{label}"' for label in labels) + "]",
        "['A', 'B']": lambda labels: "[" + ", ".join(f"'{label}'" for label in labels) + "]",
        "{A,B}": lambda labels: "{" + ",".join(labels) + "}",
    }.items():
        brought = Brought(
            files,
            chosen,
            table=labelled({n: join(labels) for n, labels in sets.items()}, "Finding Labels"),
            must="several labels",
        )
        yield trial("several labels", name, brought)
    brought = Brought(
        files, chosen, table=labelled({n: " ".join(s) for n, s in sets.items()}, "tags"), must="several labels"
    )
    yield trial("several labels", "A B under tags", brought)
    for yes, no in (("1", "0"), ("1.0", "0.0"), ("True", "False"), ("1", "")):
        for several in (True, False):
            vocabulary = [*WORDS, *(["nothing"] if several else [])]
            rows = [
                (flat_(n), *((yes if word in (sets[n] if several else [words[n]]) else no) for word in vocabulary))
                for n in IMAGES
            ]
            content = table_of(("image", *vocabulary), rows)
            brought = Brought(
                files,
                chosen if several else words,
                table=("labels.csv", content),
                must="several labels" if several else "columns of 0 and 1",
            )
            yield trial(
                "several labels", f"columns of {yes}/{no or 'empty'}, {'several' if several else 'one'} each", brought
            )
    rows = [(flat_(n), label) for n, labels in sets.items() for label in labels]
    brought = Brought(files, chosen, table=("labels.csv", table_of(("filename", "label"), rows)), must="several labels")
    yield trial("several labels", "a row for each label", brought)
