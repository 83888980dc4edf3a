"""The same labels as tables of many forms, complete and incomplete."""

import json
import random
from collections.abc import Callable, Iterable

from tests.field.brought import ASIDE, CLASS_OF, CLASSES, IMAGES, IS_TEST, TEST, WORDS, Brought, trial
from tests.field.campaign import Trial

HEADERS = (
    ("filename", "label"),
    ("image_id", "class"),
    ("img", "target"),
    ("fname", "y"),
    ("Id", "diagnosis"),
    ("Image Index", "Finding Labels"),
    ("file_path", "Category"),
    ("IMAGE", "Species"),
    ("filepaths", "labels"),
    ("id_code", "dx"),
)
SEPARATORS = {"comma": ",", "semicolon": ";", "tab": "\t", "pipe": "|"}
ENCODINGS = {"UTF-8": "utf-8", "BOM": "utf-8-sig", "UTF-16": "utf-16", "Latin-1": "latin-1"}
DISKS: dict[str, Callable[[int], str]] = {
    "flat": lambda number: f"{number * 31:05d}.png",
    "two sites": lambda number: f"site{'AB'[number % 2]}/{number // 2:04d}.png",
    "deep": lambda number: f"raw/{number % 3}/x {number}.png",
    "upper case": lambda number: f"IMG_{number}.PNG",
}
WRITTEN: dict[str, Callable[[str], str]] = {
    "as it is": lambda path: path,
    "./": lambda path: f"./{path}",
    "no extension": lambda path: path.rsplit(".", 1)[0],
    "other extension": lambda path: path.rsplit(".", 1)[0] + ".jpg",
    "Windows": lambda path: "C:\\Users\\me\\" + path.replace("/", "\\"),
    "absolute": lambda path: f"/data/elsewhere/{path}",
    "below images": lambda path: f"images/{path}",
    "URL": lambda path: f"https://host.example/set/{path.replace(' ', '%20')}?size=1",
    "lower case": str.lower,
}


def table_of(
    header: tuple[str, ...] | None,
    rows: Iterable[tuple[str, ...]],
    *,
    separator: str = ",",
    encoding: str = "utf-8",
    quote: bool = False,
    ends: str = "\n",
) -> bytes:
    """A table as text; cells with the separator or quotes are always quoted."""

    def cell(text: str) -> str:
        return (
            '"' + text.replace('"', '""') + '"' if quote or separator in text or '"' in text or "\n" in text else text
        )

    lines = [separator.join(cell(text) for text in row) for row in ([header] if header else []) + list(rows)]
    return (ends.join(lines) + ends).encode(encoding)


def tables(dice: random.Random, count: int) -> Iterable[Trial]:
    """Every way of writing the same table: all labels found."""
    for index in range(count):
        header = dice.choice((*HEADERS, None))
        separator, encoding = dice.choice(list(SEPARATORS)), dice.choice(list(ENCODINGS))
        disk, written = list(DISKS)[index % len(DISKS)], list(WRITTEN)[index // len(DISKS) % len(WRITTEN)]
        split = dice.random() < 0.3 and header is not None
        title = dice.choice(("words", "digits", "other scripts" if encoding != "Latin-1" else "words"))
        names = CLASSES[title]
        rows: list[tuple[str, ...]] = []
        order = list(IMAGES)
        dice.shuffle(order)
        for number in order:
            row = (WRITTEN[written](DISKS[disk](number)), names[CLASS_OF[number]])
            rows.append((*row, ("train", "test")[IS_TEST[number]]) if split else row)
        if header is not None and split:
            header = (*header, "split")
        content = table_of(
            header,
            rows,
            separator=SEPARATORS[separator],
            encoding=ENCODINGS[encoding],
            quote=dice.random() < 0.3,
            ends=dice.choice(("\n", "\r\n")),
        )
        brought = Brought(
            {DISKS[disk](number): number for number in IMAGES},
            {number: names[CLASS_OF[number]] for number in IMAGES},
            TEST if split else None,
            table=("labels.csv", content),
        )
        yield trial("tables", f"{disk}, {written}, {header}, {separator}, {encoding}, {title}", brought)


def incomplete_tables() -> Iterable[Trial]:
    """Rows and files that do not meet: nothing is matched that contradicts, nobody is dropped."""
    words = {n: WORDS[CLASS_OF[n]] for n in IMAGES}
    site = DISKS["two sites"]
    files = {site(n): n for n in IMAGES}
    only_b = {name: n for name, n in files.items() if name.startswith("siteB")}

    def table(rows: Iterable[tuple[str, ...]], header: tuple[str, ...] = ("filename", "label")) -> tuple[str, bytes]:
        return "labels.csv", table_of(header, rows)

    everything = [(site(n), words[n]) for n in IMAGES]
    yield trial(
        "incomplete tables",
        "kaokore#6: rows of siteA, images of siteB",
        Brought(
            only_b,
            None,
            table=table(row for row in everything if "siteA" in row[0]),
            refusal="no row of labels.csv names",
        ),
    )
    yield trial(
        "incomplete tables",
        "kaokore#6: rows of both, images of siteB",
        Brought(
            only_b,
            {n: words[n] for n in only_b.values()},
            table=table(everything),
            must="20 rows of labels.csv without an image \\(line \\d+: siteA/0000.png\\)",
        ),
    )
    yield trial(
        "incomplete tables",
        "siteA has rows, siteB has none",
        Brought(
            files,
            {n: words[n] for n in IMAGES if n % 2 == 0},
            table=table(row for row in everything if "siteA" in row[0]),
            must="20 images in no row of labels.csv, kept without a label \\(first: siteB/0000.png\\)",
        ),
    )
    yield trial(
        "incomplete tables",
        "12 images, 3 rows",
        Brought(
            {f"{n}.png": n for n in range(12)},
            {0: "a", 1: "a", 2: "b", 3: "b"},
            table=table([("0.png", "a"), ("1.png", "a"), ("2.png", "b"), ("3.png", "b")]),
            must="8 images in no row",
        ),
    )
    yield trial(
        "incomplete tables",
        "12 images, 2 rows",
        Brought(
            {f"{n}.png": n for n in range(12)},
            None,
            table=table([("0.png", "a"), ("1.png", "b")]),
            must="10 images in no row",
        ),
    )
    flat_files = {f"{n:03d}.png": n for n in IMAGES}
    mixed = [(f"{n:03d}.png" if n < 10 else f"elsewhere/{n}.jpg", words[n]) for n in IMAGES]
    yield trial(
        "incomplete tables",
        "few rows match",
        Brought(
            {f"a/{n:03d}.png": n for n in IMAGES},
            {n: "x" if n < 5 else "y" for n in range(10)},
            table=table(
                (name, "x" if int(name[:3]) < 5 else "y") if n < 10 else (name, word)
                for n, (name, word) in enumerate(mixed)
            ),
            must="Only 10 of 40 rows .* not found: line 12, elsewhere/10.jpg; first image without a row: a/010.png",
        ),
    )
    yield trial(
        "incomplete tables",
        "names that two folders share, rows without folders",
        Brought(
            files,
            None,
            table=table((f"{n:04d}.png", WORDS[n % 4]) for n in range(20)),
            refusal="no row of labels.csv names",
        ),
    )
    yield trial(
        "incomplete tables",
        "the image directory's own name in the rows",
        Brought(flat_files, words, table=table((f"photos/{n:03d}.png", words[n]) for n in IMAGES), root="photos"),
    )
    yield trial(
        "incomplete tables",
        "an exact name later in the table wins",
        Brought(
            {f"a/{n}.png": n for n in range(20)} | {f"{n}.png": n + 20 for n in range(20)},
            {n: "inner" if n < 20 else "outer" for n in range(40)},
            table=table([*((f"{n}.png", "outer") for n in range(20)), *((f"a/{n}.png", "inner") for n in range(20))]),
        ),
    )
    yield trial(
        "incomplete tables",
        "numbers without their zeros",
        Brought(
            {f"{n:06d}.png": n for n in IMAGES},
            words,
            table=table(((str(n), words[n]) for n in IMAGES), ("id", "label")),
        ),
    )
    yield trial(
        "incomplete tables",
        "numbers as floats",
        Brought(
            {f"{n:06d}.png": n for n in IMAGES},
            words,
            table=table(((f"{n}.0", words[n]) for n in IMAGES), ("id", "label")),
        ),
    )
    yield trial(
        "incomplete tables",
        "masks beside the images have no rows",
        Brought(
            {f"images/{n:03d}.png": n for n in IMAGES} | {f"masks/{n:03d}.png": ASIDE + n for n in IMAGES},
            words,
            table=table((f"images/{n:03d}.png", words[n]) for n in IMAGES),
        ),
    )
    yield trial(
        "incomplete tables",
        "the folders' split and the table's labels",
        Brought(
            {f"{('train', 'test')[IS_TEST[n]]}/{n}.png": n for n in IMAGES},
            words,
            TEST,
            table=table((f"{n}.png", words[n]) for n in IMAGES),
        ),
    )
    yield trial(
        "incomplete tables",
        "a competition: only train has labels",
        Brought(
            {f"{('train', 'test')[IS_TEST[n]]}/{n}.png": n for n in IMAGES},
            {n: words[n] for n in IMAGES if n not in TEST},
            table=table((f"{n}.png", words[n]) for n in IMAGES if n not in TEST),
            must="split was not used: only its train side has labels",
        ),
    )
    repeated = [*((f"{n:03d}.png", words[n]) for n in IMAGES), ("000.png", "moth")]
    yield trial(
        "incomplete tables",
        "one image with two labels",
        Brought(flat_files, {n: words[n] for n in IMAGES if n}, table=table(repeated), must="1 image with two labels"),
    )


def other_tables() -> Iterable[Trial]:
    """Columns that have to be found, text files, JSON."""
    words = {n: WORDS[CLASS_OF[n]] for n in IMAGES}
    files = {f"{WORDS[n % 3]}/{n:04d}.png": n for n in IMAGES}
    path_of = {n: path for path, n in files.items()}

    def text(lines: Iterable[str]) -> bytes:
        return ("\n".join(lines) + "\n").encode()

    both = [(str(n), path_of[n], str(n * n + 0.5), words[n], "A" if n % 2 else "B") for n in IMAGES]
    wide = ("", "file", "weight", "species", "observer")
    objects = {
        "images": [{"id": n, "file_name": path_of[n]} for n in IMAGES],
        "annotations": [{"image_id": n, "category_id": CLASS_OF[n], "bbox": [0, 0, 1, 1]} for n in IMAGES],
        "categories": [{"id": c, "name": word} for c, word in enumerate(WORDS)],
    }
    cases: dict[str, Brought] = {
        "path label, as ImageNet's lists": Brought(
            files,
            {n: str(CLASS_OF[n]) for n in IMAGES},
            table=("train.txt", text(f"{path_of[n]} {CLASS_OF[n]}" for n in IMAGES)),
        ),
        "path label with spaces in paths": Brought(
            {f"my photos/{n} a.png": n for n in IMAGES},
            words,
            table=("list.txt", text(f"my photos/{n} a.png {words[n]}" for n in IMAGES)),
        ),
        "CSV without a header": Brought(
            files, words, table=("l.csv", text(f"{path_of[n]},{words[n]}" for n in IMAGES))
        ),
        "label first, no header": Brought(
            files, words, table=("l.csv", text(f"{words[n]},{path_of[n]}" for n in IMAGES))
        ),
        "many columns": Brought(
            files, words, table=("l.csv", table_of(wide, both)), must="other columns: observer, weight"
        ),
        "many columns, one named": Brought(
            files, {n: "A" if n % 2 else "B" for n in IMAGES}, table=("l.csv", table_of(wide, both)), column="observer"
        ),
        "columns nobody can tell apart": Brought(
            files,
            None,
            table=("l.csv", table_of(("file", "p", "q"), [(path_of[n], words[n], "x") for n in IMAGES])),
            refusal="name it: --labels",
        ),
        "partition 0 1 2": Brought(
            files,
            words,
            TEST,
            table=(
                "l.csv",
                table_of(
                    ("filename", "label", "partition"),
                    [(path_of[n], words[n], "2" if n in TEST else str(n % 2)) for n in IMAGES],
                ),
            ),
        ),
        "StyleGAN's dataset.json": Brought(
            files,
            {n: str(CLASS_OF[n]) for n in IMAGES},
            table=("dataset.json", json.dumps({"labels": [[path_of[n], CLASS_OF[n]] for n in IMAGES]}).encode()),
        ),
        "COCO's JSON": Brought(files, words, table=("instances.json", json.dumps(objects).encode())),
        "a mapping": Brought(
            files, words, table=("l.json", json.dumps({path_of[n]: words[n] for n in IMAGES}).encode())
        ),
        "metadata.jsonl": Brought(
            files,
            words,
            table=("metadata.jsonl", text(json.dumps({"file_name": path_of[n], "label": words[n]}) for n in IMAGES)),
        ),
        "JSON of another kind": Brought(
            files, None, table=("l.json", b'{"version": 1}'), refusal="no row|JSON of a form"
        ),
        "not JSON": Brought(files, None, table=("l.json", b"{broken"), refusal="is not JSON"),
        "header with BOM and quotes": Brought(
            files,
            words,
            table=(
                "l.csv",
                table_of(
                    ("filename", "label"), [(path_of[n], words[n]) for n in IMAGES], encoding="utf-8-sig", quote=True
                ),
            ),
        ),
    }
    for title, brought in cases.items():
        yield trial("other tables", title, brought)
