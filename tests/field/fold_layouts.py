"""Folds of a cross-validation on disk: the same images dealt anew in each."""

from collections.abc import Iterable

from tests.field.brought import CLASS_OF, IMAGES, TEST, WORDS, Brought, trial
from tests.field.campaign import Trial

NAMES = ("fold0", "Fold_1", "cv-3", "fold_a", "5fold", "split1", "seed42", "trial_2", "kfold7", "set fold 1")


def _folds(names: list[str], form: str) -> dict[str, int]:
    """The first fold tests on `TEST`, each later one on others."""
    files = {}
    for position, fold in enumerate(names):
        for number in IMAGES:
            side = "test" if (number - position) % 5 == 4 else "train"
            inner = f"{WORDS[CLASS_OF[number]]}/{number:03d}.png"
            files[form.format(fold=fold, side=side) + inner] = number
    return files


def fold_layouts() -> Iterable[Trial]:
    labels = {number: WORDS[CLASS_OF[number]] for number in IMAGES}

    def one(name: str, files: dict[str, int], **more: object) -> Trial:
        truth = {"labels": labels, "test": TEST, "must": r"folds? of a cross-validation \("} | more
        return trial("folds", name, Brought(files, **truth))  # type: ignore[arg-type]

    for name in NAMES:
        number = next((sign for sign in name if sign.isdigit()), "a")
        names = [name, name.replace(number, {"a": "b"}.get(number, "8"))]
        yield one(f"{name}/train/cat", _folds(names, "{fold}/{side}/"))
    five = [f"fold{i}" for i in range(5)]
    yield one("five folds below a folder", _folds(five, "data/{fold}/{side}/"))
    yield one("ten and more in their order", _folds([f"fold{i}" for i in range(1, 12)], "{fold}/{side}/"))
    yield one("numbers, the same files in each", _folds(["1", "2", "3"], "{fold}/{side}/"))
    yield one("splits outside", _folds(five, "{side}/{fold}/"))
    flat = {name.replace("heron/", "").replace("otter/", "").replace("lynx/", "").replace("moth/", ""): n
            for name, n in _folds(five, "{fold}/{side}/").items()}  # fmt: skip
    yield one("flat", flat, labels=None)
    apart = {n: name for name, n in _folds(["fold0"], "{fold}/{side}/").items()}
    held = {
        name.replace("/test/", "/val/"): n
        for name, n in _folds(["fold0", "fold1", "fold2"], "{fold}/{side}/").items()
        if n not in TEST and not name.startswith("fold0")
    }
    held |= {f"test/{apart[n].split('/', 2)[2]}": n for n in TEST}
    yield one("a test apart", held)
    # Parts of one split, and classes that hold their own split, are no cross-validation.
    parts = {f"{('train', 'test')[n in TEST]}/fold{n % 3}/{labels[n]}/{n}.png": n for n in IMAGES}
    yield one("parts inside the splits", parts, must="")
    turned = {f"{labels[n]}/{('train', 'test')[n in TEST]}/{n % 10}.png": n for n in IMAGES}
    yield one("splits inside the classes", turned, must="")
