"""Files beside the images that are no images to evaluate: masks, annotations drawn as pictures, thumbnails, copies."""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from swaveval.data.folders.folder_names import PAIRS, kinds, meaning
from swaveval.data.names import stem

Parts = tuple[str, ...]
_LEAST_SHARE = 0.8
_ANNOTATED = (
    "mask|masks|msk|gt|gts|seg|segs|segmentation|segm|label|labels|lbl|groundtruth|ground_truth|annotation|anno|annot|"
    "trimap|matte|depth|normals|labelids|instanceids|labeltrainids|color_mask|mask_color|superpixels?|overlay|heatmap|"
    "(?:1st|2nd)_?(?:ho|manual)|manual[12]"
)
_COPY = re.compile(
    r"^(.+?)(?:[_\-. ](?:thumb|thumbnail|preview|aug|augmented|flipped|[hv]flip|flip[_\-]?(?:h|v|lr|ud))"
    r"(?:[_\-. ]?[0-9]+)?"
    r"|[_\-. ]rot(?:ated)?[_\-. ]?(?:90|180|270)|-(?:150x150|(?:300|768|1024|1536|2048)x[0-9]{2,4}))$",
    re.IGNORECASE,
)
# Annotations only where their files belong to images: `target/` beside `source/` are two domains.
_TWO_MEANINGS = frozenset({"target", "targets"})
_SUFFIX = re.compile(rf"^(.+?)(?:[_\-. ]|(?<=[0-9)]))({_ANNOTATED})(?:[_\-. ]?\d+)?$", re.IGNORECASE)
_PREFIX = re.compile(rf"^({_ANNOTATED})[_\-. ](.+)$", re.IGNORECASE)
_IMAGE_SUFFIX = re.compile(
    r"^(.+?)[_\-. ](?:image|img|im|sat|rgb|input|photo|orig|original|raw|leftimg8bit)$", re.IGNORECASE
)
_IMAGE_PREFIX = re.compile(r"^(?:image|img|im|sat|rgb|input|photo|orig|original)[_\-. ](.+)$", re.IGNORECASE)


@dataclass(slots=True)
class Beside:
    """What lies beside the images.

    Attributes:
        masks, copies: files left out: drawn annotations; thumbnails and augmented copies.
        mask_folders, copy_folders: names of the folders they lie in, where folders told.
        suffixes: what the names of masks end or begin with, where file names told.
        copied: how many copies file names told of.
        kept: folders that are called like masks or copies but whose files belong to no other image, with what says so.
        doubtful: whether folders were taken for masks or copies by names that merely count.
    """

    masks: set[str] = field(default_factory=set)
    copies: set[str] = field(default_factory=set)
    mask_folders: list[str] = field(default_factory=list)
    copy_folders: list[str] = field(default_factory=list)
    suffixes: list[str] = field(default_factory=list)
    copied: int = 0
    kept: dict[str, str] = field(default_factory=dict)
    doubtful: bool = False


def beside(members: Mapping[str, Parts]) -> Beside:
    """Find them by the folders' names, where other images bear it out, and by the files' names.

    Args:
        members: file to its folders and name, below the folder that holds everything.
    """
    found = Beside()
    _by_folders(members, found)
    _by_names({name: parts for name, parts in members.items() if name not in found.masks | found.copies}, found)
    return found


def _by_folders(members: Mapping[str, Parts], found: Beside) -> None:
    """Folders called like masks or copies, wherever in the tree, the outermost of a path counting."""
    groups: dict[Parts, list[str]] = defaultdict(list)
    for name, parts in members.items():
        for depth, folder in enumerate(parts[:-1]):
            if meaning(folder).kind in ("annotation", "derived"):
                groups[parts[: depth + 1]].append(name)
                break
    aside = {name for names in groups.values() for name in names}
    images = {name: parts for name, parts in members.items() if name not in aside}
    if not groups or not images:
        return
    told = _Images(images)
    for path, names in groups.items():
        why, doubtful = told.kept(path, [members[name] for name in names])
        if why:
            found.kept.setdefault(path[-1], why)
            continue
        found.doubtful |= doubtful
        kind = meaning(path[-1]).kind
        taken, named = (found.masks, found.mask_folders) if kind == "annotation" else (found.copies, found.copy_folders)
        taken.update(names)
        if path[-1] not in named:
            named.append(path[-1])


class _Images:
    """The images beside folders that are called like masks or copies, and what their names tell of these."""

    def __init__(self, images: Mapping[str, Parts]) -> None:
        bare = {name: _bare(parts[-1]) for name, parts in images.items()}
        self._stems = set(bare.values())
        self._places = {(*parts[:-1], bare[name]) for name, parts in images.items()}
        self._folders = len({parts[:-1] for parts in images.values()})
        self._siblings: dict[Parts, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
        for name, parts in images.items():
            for depth in range(len(parts) - 1):
                self._siblings[parts[:depth]][parts[depth]].add(bare[name])

    def kept(self, path: Parts, files: Sequence[Parts]) -> tuple[str, bool]:
        """Why a folder's files are images like any others, empty where they belong to others; and whether that is
        in doubt, since their names merely count.

        Args:
            path: the folder. files: folders and name of each of its files.
        """
        own = {_bare(parts[-1]) for parts in files}
        beside_it = self._siblings[path[:-1]]
        others = [name for name, said in kinds(beside_it).items() if said.kind in ("word", "number")]
        pair = frozenset(name.lower() for name in others) in PAIRS and all(beside_it[name] == own for name in others)
        words = 0 if pair else len(others)
        # Where no two images of several folders share a name, a name in common is no accident.
        telling = len(self._stems) == len(self._places) and (self._folders > 1 or not words)
        counting = counts_up(own) and not telling
        held = [(*path[:-1], *parts[len(path) : -1], _bare(parts[-1])) for parts in files]
        mirrored = all(len(place) > len(path) for place in held) and sum(place in self._places for place in held) >= (
            _LEAST_SHARE * len(files)
        )
        if mirrored:
            return "", False
        if any(_is_opposite(path[-1], other) for other in beside_it):
            return "opposite stands beside it", False
        if not words and path[-1].lower() not in _TWO_MEANINGS:
            return "", False
        if sum(_bare(parts[-1]) in self._stems for parts in files) < _LEAST_SHARE * len(files):
            return "files belong to no other image", False
        alone = words == 1 and _may_be_of(meaning(path[-1]).rest, others[0])
        return ("names merely count" if counting and not alone else ""), counting


def _by_names(members: Mapping[str, Parts], found: Beside) -> None:
    """`7_mask.png` beside `7.jpg` or `7_image.jpg`, in one folder."""
    folders: dict[Parts, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for name, parts in members.items():
        folders[parts[:-1]][stem(parts[-1]).casefold()].append(name)
    for stems in folders.values():
        bases = set(stems)
        for bare in stems:
            for pattern, group in ((_IMAGE_SUFFIX, 1), (_IMAGE_PREFIX, 1)):
                if plain := pattern.match(bare):
                    bases.add(plain[group])
        for bare, names in stems.items():
            word, base = _annotated(bare)
            if word and base in bases and base != bare:
                found.masks.update(names)
                if word not in found.suffixes:
                    found.suffixes.append(word)
            elif (copy := _COPY.match(bare)) and copy[1] in stems:
                found.copies.update(names)
                found.copied += len(names)


def _is_opposite(folder: str, other: str) -> bool:
    """`mask` and `no_mask`, `unmasked`: two classes."""
    word = re.escape(folder.lower().rstrip("s"))
    return re.search(rf"(?:no|non|not|un|without)[\W_]*{word}", other.lower()) is not None


def _may_be_of(rest: str, other: str) -> bool:
    """Whether `masks`, or `lung masks` beside `lungs`, may belong to the other folder's images."""
    return not rest or any(word.rstrip("s") in other.lower() for word in rest.split())


def _annotated(bare: str) -> tuple[str, str]:
    """The annotation's word in a file's name and the name of the image it belongs to; empty for an image."""
    if ending := _SUFFIX.match(bare):
        return ending[2], ending[1]
    if beginning := _PREFIX.match(bare):
        return beginning[1], beginning[2]
    return "", bare


def _bare(file: str) -> str:
    """A file's name without what tells the image from its annotation."""
    base = _annotated(stem(file).casefold())[1]
    for pattern in (_IMAGE_SUFFIX, _IMAGE_PREFIX):
        if plain := pattern.match(base):
            return plain[1]
    return base


def counts_up(stems: set[str]) -> bool:
    """Whether different names are one template with a number (`img_001, img_007 …`): such names match by accident."""
    found = [re.fullmatch(r"(.*?)([0-9]+)([^0-9]*)", each) for each in stems]
    return None not in found and len({(match[1], match[3]) for match in found if match is not None}) == 1


def with_gaps(stems: set[str]) -> bool:
    """Whether names that count leave numbers out: equal gaps in two folders are hardly an accident."""
    numbers = {int(found[0]) for stem in stems if (found := re.search("[0-9]+", stem))}
    return len(numbers) > 1 and max(numbers) - min(numbers) >= len(numbers)
