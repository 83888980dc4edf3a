"""Columns of 0 and 1 that name one class each; others say something else of an image (`flipped`, `smoker`)."""

from collections.abc import Callable, Sequence

import numpy as np

from swaveval.data.folders.folder_names import WORDS, words_of
from swaveval.data.tables.label_titles import LABELS, plain
from swaveval.data.tables.label_values import NUMBER, UNLABELLED

YES = frozenset({"1", "1.0", "true", "yes"})
NO = frozenset({"0", "0.0", "false", "no", "", "-1", "-1.0", "nan"})
# Marks that are about the image, the person in it or its place in the set, beside marks that are classes.
_NO_CLASSES = words_of(
    "isvalid isval isvalidation istrain istraining istest istesting train test val valid validation sex male female "
    "gender ismale isfemale flipped flip isflipped mirrored rotated augmented isaugmented synthetic issynthetic "
    "duplicate isduplicate verified isverified reviewed isreviewed checked smoker occluded isoccluded truncated "
    "istruncated iscrowd difficult blurry blurred iscolor isgrayscale isgray cropped iscropped deleted hidden"
)
# Columns of words that are known to be about an image, so that they are not what one would take for its classes.
_ABOUT = words_of(
    "sex gender age agegroup view viewposition laterality side frontal/lateral ap/pa patientid patient subjectid "
    "subject source observer photographer camera site date time datetime timestamp url license author anatomsite "
    "localization split set subset dataset phase hospital modality race ethnicity eye weather country region scanner "
    "manufacturer device"
)
# Words of titles of what one would take for classes, as under the titles of labels.
_OF_NUMBERS = words_of("id ids no nr number code")
_OF_CLASSES = words_of("density birads grading subtype name")
# Two columns of which always one is marked may be a yes and a no of anything.
_FEWEST_OF_A_BLOCK, _MOST_COLUMNS = 3, 2000
_SHARE_OF_ITS_OWN = 0.5
# So many marks are classes, whatever a column of few other words beside them says.
_ENOUGH_MARKS, _FEW_WORDS = 3, 20


def is_mark(cells: Sequence[str]) -> bool:
    """Whether cells are 0 and 1, true and false, or empty; not all empty."""
    found = {cell.casefold() for cell in cells}
    return found <= YES | NO and found != {""}


def marked_classes(
    header: Sequence[str], values: Callable[[int], list[str]], open_ones: Sequence[int]
) -> list[int] | None:
    """The columns that name one class each; None where that cannot be told.

    They are those of which each row marks exactly one; without such, all columns of 0 and 1 where they are what is
    left: no column of words beside them that could be the classes.

    Args:
        open_ones: the columns that nothing is known of.
    """
    marked = [place for place in open_ones if header[place] and is_mark(values(place))]
    if len(marked) < 2 or len(marked) > _MOST_COLUMNS:
        return None
    marks = np.array([[cell.casefold() in YES for cell in values(place)] for place in marked])
    if not marks.any():
        return None
    everything = list(range(len(marked)))
    # CelebA has `Male` among attributes like it.
    classes = [at for at in everything if plain(header[marked[at]]) not in _NO_CLASSES]
    others = [place for place in open_ones if place not in marked]
    many = len(classes) >= _ENOUGH_MARKS
    alone = not any(_may_be_classes(header[place], values(place), many=many) for place in others)
    fewest = 2 if alone else _FEWEST_OF_A_BLOCK
    for several in (everything, classes) if classes or alone else ():
        if len(several) >= fewest and (marks[several].sum(axis=0) == 1).all():
            return [marked[at] for at in several]
    if (block := _block(marks)) and classes and set(block) >= set(classes):
        return [marked[at] for at in block]
    if not alone or not classes:
        return None
    # One mark beside those of everybody (`cancer` beside `male`) is a label of two values.
    return marked if len(classes) > 1 else [marked[classes[0]]]


def _block(marks: "np.ndarray[tuple[int, int], np.dtype[np.bool_]]") -> range | None:
    """The longest run of columns of which each row marks exactly one."""
    best = range(0)
    for start in range(len(marks)):
        total = np.zeros(marks.shape[1], dtype=np.int64)
        for end in range(start, len(marks)):
            total += marks[end]
            if total.max() > 1:
                break
            if total.min() == 1 and end + 1 - start > len(best):
                best = range(start, end + 1)
    return best if len(best) >= _FEWEST_OF_A_BLOCK else None


def is_about(title: str) -> bool:
    """Whether a title is that of something that is known of an image and is no class of it: `site`, `camera_id`."""
    words = [word.lower() for word in WORDS.findall(title)]
    return plain(title) in _ABOUT or "".join(word for word in words if word not in _OF_NUMBERS) in _ABOUT


def _may_be_classes(title: str, cells: Sequence[str], *, many: bool) -> bool:
    """Whether a column of words that nothing is known of may be the classes: captions and identifiers are none.

    Args:
        many: whether there are so many marks that a column of few words has to be called like classes.
    """
    present = [cell for cell in cells if cell.casefold() not in UNLABELLED]
    if is_about(title) or not present or all(NUMBER.match(cell) for cell in present):
        return False
    words = {word.lower() for word in WORDS.findall(title)}
    if many and not words & (_OF_CLASSES | LABELS.keys()) and len(set(present)) <= _FEW_WORDS:
        return False
    return len(set(present)) <= max(2, _SHARE_OF_ITS_OWN * len(present))
