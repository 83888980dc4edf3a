"""What a trial of folders and tables brings, and how it is judged: forty images that carry their own number."""

import io
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path

import numpy as np
from PIL import Image

from swaveval.data import DataError, ImageSet, open_images
from tests.field.campaign import Outcome, Trial

WORDS = ("heron", "otter", "lynx", "moth")
EACH = 10
COUNT = len(WORDS) * EACH
IMAGES = range(COUNT)
ASIDE = 200  # numbers from here on are masks, thumbnails and other things that are no images of the set
CLASS_OF = {number: number // EACH for number in IMAGES}
# Every fifth image is for testing: two of each class.
IS_TEST = {number: number % 5 == 4 for number in IMAGES}


@cache
def picture(number: int, suffix: str = ".png") -> bytes:
    """An image whose first pixel is its number and whose colour is its class."""
    pixels = np.random.default_rng(number).integers(0, 60, (8, 8, 3), dtype=np.uint8)
    pixels[2:6, 2:6, number // EACH % 3] += 150
    pixels[0, 0] = number
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "BMP" if suffix == ".bmp" else "PNG")
    return stream.getvalue()


@dataclass
class Brought:
    """What lies in the directory, and what is true of it.

    Attributes:
        files: relative path → number of the image.
        labels: number → class name; None where the images have no classes.
        test: numbers of the test images; None where the split is drawn.
        table: name and content of a label table beside the directory.
        option: the word for `--labels` instead of a table; column: of the table.
        said: what a note must say (a pattern) for a reading that differs from the truth to count as said.
        refusal: what a refusal must say, where one is allowed.
        must: what notes and origin must say in any case.
    """

    files: dict[str, int]
    labels: Mapping[int, str] | None
    test: set[int] | None = None
    table: tuple[str, bytes] | None = None
    option: str = ""
    column: str = ""
    said: str = ""
    refusal: str = ""
    must: str = ""
    root: str = "images"
    extra: dict[str, bytes] = field(default_factory=dict)


def build(brought: Brought, directory: Path) -> None:
    for name, number in brought.files.items():
        path = directory / brought.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(picture(number, path.suffix))
    for name, content in brought.extra.items():
        path = directory / brought.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    if brought.table is not None:
        (directory / brought.table[0]).write_bytes(brought.table[1])


def judge(brought: Brought, directory: Path) -> Outcome:
    """Open it as a user would and compare images, labels and split with the truth."""
    labels: Path | None = Path(brought.option) if brought.option else None
    if brought.table is not None:
        labels = directory / (brought.table[0] + (f":{brought.column}" if brought.column else ""))
    try:
        images = open_images(str(directory / brought.root), labels=labels)
    except DataError as error:
        if brought.refusal and re.search(brought.refusal, str(error)):
            return Outcome("refused", str(error))
        return Outcome("wrong", f"refused: {error}")
    told = " ".join([images.label_origin, images.split_origin, *images.audit["notes"]])
    if not images.label_origin:
        return Outcome("wrong", "no word on where the labels came from")
    if brought.must and not re.search(brought.must, told):
        return Outcome("wrong", f"nothing says {brought.must!r}: {told}")
    difference = differs(brought, images)
    if not difference:
        return Outcome("right", images.label_origin)
    if brought.said and re.search(brought.said, told):
        return Outcome("said", f"{difference} — {images.label_origin}")
    return Outcome("wrong", f"{difference}; said was: {told}")


def differs(brought: Brought, images: ImageSet) -> str:
    """What of the reading is not the truth, or an empty string."""
    numbers = [images.open(position).getpixel((0, 0))[0] for position in range(len(images))]  # type: ignore[index]
    wanted = {number for number in brought.files.values() if number < ASIDE}
    if set(numbers) != wanted or len(numbers) != len(wanted):
        return f"{len(numbers)} images instead of {len(wanted)}"
    if brought.labels is None:
        if images.labels is not None:
            return f"classes {', '.join(images.class_names)} instead of none"
    elif images.labels is None:
        return "no labels instead of classes"
    else:
        for number, label in zip(numbers, images.labels.tolist(), strict=True):
            read = images.class_names[label] if label >= 0 else None
            if read != brought.labels.get(number):
                return f"image {number} is {read} instead of {brought.labels.get(number)}"
    if brought.test is not None:
        read_test = {number for number, test in zip(numbers, images.is_test.tolist(), strict=True) if test}
        if read_test != brought.test:
            return f"{len(read_test)} test images instead of {len(brought.test)}, or others"
    elif not images.split_origin.startswith("none given"):
        return f"a split {images.split_origin}"
    return ""


def trial(kind: str, name: str, brought: Brought) -> Trial:
    return Trial(kind, name, partial(build, brought), partial(judge, brought))


TEST = {number for number in IMAGES if IS_TEST[number]}
CLASSES: dict[str, tuple[str, ...]] = {
    "words": WORDS,
    "wnids": ("n01440764", "n01443537", "n02123045", "n02979186"),
    "digits": ("0", "1", "2", "3"),
    "padded": ("00000", "00001", "00002", "00003"),
    "numbered words": ("001.ak47", "002.flag", "003.backpack", "004.bat"),
    "class_n": ("class_1", "class_2", "class_3", "class_4"),
    "face masks": ("with_mask", "without_mask", "mask_worn_badly", "no face"),
    "places": ("train_station", "test_tube", "data centre", "camera shop"),
    "other scripts": ("猫", "собака", "café", "日本"),
    "odd": ("a b, c", "<b>", "100%", "x" * 60),
    "products": ("hats", "gloves", "masks", "images of cats"),
}
