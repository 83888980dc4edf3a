"""What a folder's name says by itself: a split, masks, a container, a part, a date … or a word that may be a class."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache


def words_of(words: str) -> frozenset[str]:
    """The words of a text."""
    return frozenset(words.split())


# What splits are called in other languages.
_ABROAD = {
    "train": words_of(
        "trainingsdaten trainingsset trainingsmenge entrenamiento treino treinamento entrainement entraînement "
        "apprentissage addestramento обучение обучающая 训练 训练集 訓練 学習 학습 훈련"
    ),
    "test": words_of(
        "testdaten testmenge prueba pruebas teste testes prova тест тестовая 测试 测试集 測試 テスト 테스트"
    ),
    "validation": words_of(
        "validierung validierungsdaten validacion validación validacao validação validazione валидация 验证 验证集 "
        "驗證 検証 검증"
    ),
}
SPLITS = {
    "train": frozenset({"train", "training", "trainset", "trainval", "trn", "tr"}) | _ABROAD["train"],
    "test": frozenset({"test", "testing", "testset", "tst", "ts", "te"}) | _ABROAD["test"],
    "validation": frozenset({"val", "valid", "validation", "valset", "minival", "dev", "devel"})
    | _ABROAD["validation"],
}
# Read as a split only beside another word of the layout: `imagesTr`, `y_te`.
_SHORT = frozenset({"tr", "ts", "te", "trn", "tst", "dev", "devel", "minival"})
_EXACT = {
    "train": words_of("train training trainval trainvalid") | _ABROAD["train"],
    "test": words_of("test testing eval evaluation holdout") | _ABROAD["test"],
    "validation": words_of("val valid validation crossval") | _ABROAD["validation"],
}
_TRAIN_AND_VALIDATION = re.compile(r"^(train)(?:ing)?[\s_\-+]*(?:and)?[\s_\-+]*(val)(?:id(?:ation)?)?$")
# Validation beside a split that has its own word, and beside a test.
_DEVELOPMENT, EVALUATION = words_of("dev devel development"), words_of("eval evaluation holdout")
ANNOTATION = words_of(
    "mask masks annotation annotations annot annots anno annos ann anns label labels gt gts groundtruth segmentation "
    "segmentations seg segs segm trimap trimaps depth depths normals disparity disparities disp flow edges contours "
    "boundaries heatmap heatmaps saliency matte mattes pixelmap pixelmaps target targets bboxes msk msks panoptic "
    "lbl lbls superpixel superpixels overlays dsm dtm ndsm"
)
_ANNOTATIONS_OF = words_of("masks annotations segmentations overlays heatmaps")  # `lung masks`
# Of a split, which other images of the same classes it holds: `train_aug`, `test_clean`.
_QUALIFIERS = words_of(
    "aug augmented noisy clean lt longtail balanced imbalanced unbalanced resampled filtered small large full mini "
    "tiny sub subset hard easy extra id ood iid seen unseen source target real synthetic syn original corrupted batch "
    "all public private final labeled labelled unlabeled unlabelled strong weak"
)
# Words that stand beside an annotation word and add nothing.
_ABOUT_ANNOTATIONS = words_of(
    "class classes object objects instance instances semantic stuff things raw color colour colored ids binary fine "
    "coarse cs aug png full map maps ground truth pixel level outputs 3d 2d bit st nd visual machine"
)
CONTAINER = words_of(
    "image images img imgs jpegimages jpg jpeg jpegs png pngs tif tiff photo photos picture pictures pic pics frame "
    "frames data dataset datasets file files input inputs original originals orig raw rgb source src im ims"
)
_ABOUT_SPLITS = CONTAINER | words_of(
    "set data split stage ilsvrc cls loc only full final all public private v x y bounding box coco voc imagenet "
    "left right bit resized small large"
)
_ABOUT_CONTAINERS = words_of("left right bit all align aligned celeba large small full jpeg public private")
DERIVED = words_of(
    "thumb thumbs thumbnail thumbnails preview previews augmented augmentation augmentations aug augs augment"
)
UNLABELLED = words_of("unlabeled unlabelled unannotated unsup unsupervised unsorted nolabel")
_PART_WORDS = words_of(
    "part batch shard chunk block section volume vol disk disc folder dir directory subset subdir set group page "
    "sequence seq scene video vid clip session run trial take lot box bag images image imgs img data dataset ds dump "
    "archive export upload fold split tar bucket frames photos pictures pics files roll slide tile tiles plate voc "
    "ilsvrc coco"
)
_PLACE_WORDS = words_of(
    "cam camera kamera device sensor phone gopro webcam drone site center centre hospital clinic scanner station "
    "location loc plot field region zone area lab microscope machine line sat satellite view angle"
)
_PERSON_WORDS = words_of("patient pat subject subj sub participant volunteer case donor animal mouse rat user")
_CLASS_WORDS = words_of("class classes label category cat type cluster grade level stage kind species score")
_NUMBERED = re.compile(r"^([a-z0-9_\-. ]*?[a-z])[\s_\-.#]*\(?([0-9]+|[a-z])\)?$", re.IGNORECASE)
_COUNTED_TWICE = re.compile(r"^(?:[a-z]+[\s_\-]*[0-9]+[\s_\-]*){2,}$", re.IGNORECASE)
# What may stand beside the train and test of one name: `seg_pred` beside `seg_train` and `seg_test`.
_FURTHER = words_of("pred predict prediction predictions inference holdout extra demo unseen submission")
_CAMERA = re.compile(
    r"^(?:\d{3}(?=[A-Z0-9_]*[A-Z])[A-Z0-9_]{5}|DCIM|CAM_[A-Z_]+|(?:canon|nikon|iphone|sony|samsung|huawei|pixel|gopro|"
    r"fuji|olympus|leica|xiaomi|kinect|realsense)[\s_\-]*[0-9][a-z0-9_\-]*)$",
    re.IGNORECASE,
)
_PERSON_CODE = re.compile(r"^[ps][0-9]{6,}$", re.IGNORECASE)  # MIMIC-CXR: patients and their studies
_MONTH = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|"
    r"nov(?:ember)?|dec(?:ember)?)"
)
_YEAR = r"(?:19[5-9]\d|20[0-4]\d)"
_DATES = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"^{_YEAR}[-_. ]?(?:0?[1-9]|1[0-2])(?:[-_. ]?(?:0?[1-9]|[12]\d|3[01]))?(?:[-_ T]?[\d:.\-h]{{4,8}})?$",
        rf"^(?:0?[1-9]|[12]\d|3[01])[-_. ](?:0?[1-9]|1[0-2])[-_. ](?:{_YEAR}|\d\d)$",
        rf"^(?:0?[1-9]|1[0-2])[-_. ](?:0?[1-9]|[12]\d|3[01])[-_. ]{_YEAR}$",
        rf"^{_YEAR}$",
        rf"^(?:\d{{1,2}}[-_. ])?{_MONTH}[-_. ,]*(?:\d{{1,2}}[-_. ,]+)?{_YEAR}?$",
        rf"^{_YEAR}[-_. ]{_MONTH}(?:[-_. ]\d{{1,2}})?$",
    )
)
_BEGINS_WITH_A_DATE = re.compile(rf"^{_YEAR}[-_. ]?(?:0[1-9]|1[0-2])[-_. ]?(?:0[1-9]|[12]\d|3[01])[-_. ]")
_RANGE = re.compile(r"^(\d+)\s*(?:-|_|–|to|\.\.)\s*(\d+)$")
_IDENTIFIER = re.compile(
    r"^(?:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|(?=[a-f]*\d)(?=\d*[a-f])[0-9a-f]{8,64})$", re.I
)
# Two kinds of picture of the same scenes.
PAIRS = tuple(
    frozenset(pair.split())
    for pair in (
        *("a b", "left right", "l r", "lr hr", "low high", "noisy clean", "hazy clear", "rgb nir", "rgb ir", "vis ir"),
        *("rgb depth", "visible infrared", "visible thermal", "rgb thermal", "before after", "blur sharp", "x y"),
        *("input output", "t1 t2", "low normal", "photo sketch", "ms pan", "real_a real_b", "image_2 image_3"),
    )
)  # fmt: skip
WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_GLUED = re.compile(
    r"^(train|training|test|testing|val|valid|validation)_?(set|data|images?|imgs?|masks?|labels?|annot|gt|lbls?)$"
)


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a folder's name says.

    Attributes:
        kind: `split`, `annotation`, `container`, `derived`, `unlabelled`, `part`, `place`, `person`, `date`, `number`,
            `range`, `identifier`, or `word`: anything else, a class as far as the name tells.
        split: `train`, `test` or `validation` for a split.
        rest: of a split's name what is neither split nor filling: `cats` of `train_cats`, `A` of `trainA`; of an
            annotation's, what may say something else: `face` of `face masks`.
        exact: whether the name is the split's word and nothing else.
    """

    kind: str
    split: str | None = None
    rest: str = ""
    exact: bool = False


def split_name(word: str) -> str | None:
    """`train`, `test` or `validation` for the ways people write them, else None."""
    word = _TRAIN_AND_VALIDATION.sub(r"\1\2", word.strip().lower())
    return next((name for name, spellings in _EXACT.items() if word in spellings), None)


@lru_cache(1 << 16)
def meaning(name: str) -> Meaning:
    """The meaning of one folder's name."""
    if (split := split_name(name)) is not None:
        return Meaning("split", split, exact=True)
    if _IDENTIFIER.match(name):
        return Meaning("identifier")
    words = _words(name)
    letters = [word for word in words if not word.isdigit()]
    for pattern in _DATES:
        if pattern.match(name) and not _is_plain_word(name):
            return Meaning("date")
    if not letters or name.isdigit():
        return Meaning("number" if name.isdigit() else "range" if _RANGE.match(name) else "word")
    if _is_annotation(letters, words):
        return Meaning("annotation")
    if len(letters) > 1 and letters[-1] in _ANNOTATIONS_OF:
        return Meaning("annotation", rest=" ".join(letters[:-1]))
    unlabelled = set(letters) & UNLABELLED or {"no", "label"} <= set(letters) or {"no", "labels"} <= set(letters)
    if unlabelled and set(letters) <= UNLABELLED | CONTAINER | {"no", "label", "labels"}:
        return Meaning("unlabelled")
    if set(letters) & DERIVED and set(letters) <= DERIVED | CONTAINER:
        return Meaning("derived")
    if (found := _composite_split(words)) is not None:
        return found
    if (numbered := _numbered(name)) is not None:
        return Meaning(numbered)
    if set(letters) & CONTAINER and set(letters) <= CONTAINER | _ABOUT_CONTAINERS:
        return Meaning("container")
    if _CAMERA.match(name):
        return Meaning("place")
    if _PERSON_CODE.match(name):
        return Meaning("person")
    return Meaning("word")


def is_held_out(name: str) -> bool:
    """Whether a folder is called a test or validation set: `test`, `val_256`, `animals_testset`, not `test_tube`."""
    said = meaning(name)
    last = (_words(name) or [""])[-1]
    return said.split in ("test", "validation") and (said.rest == "" or last in SPLITS[said.split])


def range_of(name: str) -> tuple[int, int] | None:
    """`000-099` as its two numbers."""
    found = _RANGE.match(name)
    return (int(found[1]), int(found[2])) if found else None


def kinds(names: Iterable[str]) -> dict[str, Meaning]:
    """The meaning of each name among the others: composite splits and numbered words need company to be believed.

    `train_station` is a class unless a `test_station` stands beside it; `cam1` alone may be anything.
    """
    found = {name: meaning(name) for name in names}
    if any(said.kind == "number" for said in found.values()):
        # 2000 beside 1000 is a number, not a year.
        found = {name: Meaning("number") if name.isdigit() else said for name, said in found.items()}
    if any(said.exact for said in found.values()):
        tested = any(said.split == "test" and name.lower() not in EVALUATION for name, said in found.items())
        held_out = _DEVELOPMENT | (EVALUATION if tested else frozenset())
        found |= {name: Meaning("split", "validation", exact=True) for name in found if name.lower() in held_out}
    if found and all(said.kind == "annotation" and said.rest for said in found.values()):
        found = dict.fromkeys(found, Meaning("word"))  # `cloth masks` beside `surgical masks`
    found |= _splits_called_alike(found) | _lettered(found) | _sessions(found)
    splits = {name: said for name, said in found.items() if said.kind == "split"}
    called = set().union(*(said.rest.split() for said in splits.values()))
    others = [
        name for name, said in found.items() if said.kind == "word" and not set(_words(name)) <= called | _FURTHER
    ]
    rests: dict[str, set[str]] = {}
    for said in splits.values():
        rests.setdefault(said.split or "", set()).add(said.rest.lower())
    shared = len(rests) > 1 and all(
        a & b or all(len(rest) < 2 for rest in a | b) for a in rests.values() for b in rests.values()
    )
    exact = {said.split for said in splits.values() if said.exact}
    for name, said in tuple(splits.items()):
        if said.rest and said.split in exact and set(said.rest.split()) <= DERIVED:
            found[name] = Meaning("derived")  # `train_aug` beside `train`
            del splits[name]
    # `train_aug` beside `test`: nothing else is there, and one of them says nothing else.
    plain = {said.split for said in splits.values() if said.exact or not said.rest}
    qualified = all(set(rest.split()) <= _QUALIFIERS for rest in set().union(*rests.values()))
    alike = shared or (len(rests) > 1 and bool(plain) and qualified and len(splits) == len(found))
    for name, said in splits.items():
        alone = bool(others) and len(rests) == 1
        if not said.exact and (alone or (said.rest and (others or not alike))):
            found[name] = Meaning("word")
    return found


def splits_with_classes(inside: Mapping[str, set[str]]) -> dict[str, Meaning]:
    """`train_noisy test_clean`, `data_batch_1 test_batch`, which each hold the same folders: splits, whatever stands
    beside their words. Empty where they are not.

    Args:
        inside: each folder with the names of those in it.
    """
    said = {name: meaning(name) for name in inside}
    tested = any(found.split in ("test", "validation") for found in said.values())
    same = len({frozenset(names) for names in inside.values()}) == 1 and all(
        len(names) > 1 for names in inside.values()
    )
    doubtful = all(
        not found.exact and set(found.rest.lower().split()) <= _QUALIFIERS
        if found.kind == "split"
        else found.kind == "part" and "batch" in _words(name)
        for name, found in said.items()
    )
    if not (tested and same and doubtful):
        return {}
    read = {name: Meaning("split", "train") if found.kind == "part" else found for name, found in said.items()}
    return read if len({found.split for found in read.values()}) > 1 else {}


def _splits_called_alike(found: dict[str, Meaning]) -> dict[str, Meaning]:
    """`seg_train` beside `seg_test`: called like masks, and what is left of them when masks have been left out."""
    read = {name: _composite_split(_words(name)) for name, said in found.items() if said.kind == "annotation"}
    splits = {name: said for name, said in read.items() if said is not None}
    alike = len({said.rest for said in splits.values()}) == 1 and len({said.split for said in splits.values()}) > 1
    return splits if alike else {}


def _lettered(found: dict[str, Meaning]) -> dict[str, Meaning]:
    """`imagesa imagesb imagesc`: three or more, and nothing else; one alone is a word that ends so."""
    alike = len(found) > 2 and len({name[:-1].lower() for name in found}) == 1
    if not alike or next(iter(found))[:-1].lower() not in _PART_WORDS or not all(name[-1].isalpha() for name in found):
        return {}
    return dict.fromkeys(found, Meaning("part"))


def _sessions(found: dict[str, Meaning]) -> dict[str, Meaning]:
    """`2011_09_26_drive_0001 2011_09_26_drive_0002`: a whole date first, and no other words in one than in another."""
    alike = len({re.sub("[0-9]+", "0", name) for name in found}) == 1
    dated = bool(found) and all(_BEGINS_WITH_A_DATE.match(name) for name in found)
    return dict.fromkeys(found, Meaning("date")) if alike and dated else {}


def _words(name: str) -> list[str]:
    glued = _GLUED.match(name.lower())
    return [glued[1], glued[2]] if glued else [word.lower() for word in WORDS.findall(name)]


def _is_plain_word(name: str) -> bool:
    """`may`, `mar`, `august`: months without a number are words."""
    return not any(character.isdigit() for character in name) and len(name) <= 3


def _is_annotation(letters: list[str], words: list[str]) -> bool:
    if letters == ["ground", "truth"] or (words[0].isdigit() and letters[-1:] == ["manual"]):  # DRIVE's `1st_manual`
        return True
    splits = frozenset().union(*SPLITS.values())
    accounted = ANNOTATION | _ABOUT_ANNOTATIONS | splits | CONTAINER
    said = (
        set(letters) & ANNOTATION or (letters[:2] == ["ground", "truth"]) or ("y" in letters and set(letters) & splits)
    )
    if not said or not set(letters) <= accounted | {"y"}:
        return False
    return not (len(letters) == 1 and len(words) > 1)  # label_3 beside label_4 is a class


def _composite_split(words: list[str]) -> Meaning | None:
    """`train2017`, `train_images`, `imagesTr`, `ILSVRC2012_img_val`, `trainA`, `cats_train`."""
    if len(words) < 2:
        return None
    named = [(split, word) for split, spellings in SPLITS.items() for word in words if word in spellings]
    if len({split for split, _ in named}) != 1:
        return None
    split, word = named[0]
    rest = [other for other in words if other != word and not other.isdigit() and other not in _ABOUT_SPLITS]
    filling = [other for other in words if other in CONTAINER or other in {"x", "y"}]
    if word in _SHORT and not filling:
        return None
    return Meaning("split", split, " ".join(rest))


def _numbered(name: str) -> str | None:
    found = _NUMBERED.match(name)
    if not found:
        return None
    word, number = found[1].strip().strip("_").lower(), found[2]
    last = re.split(r"[\s_\-.]+", word)[-1]
    if last in _CLASS_WORDS:
        return None
    # A single letter after a word without a mark between (`parta`) is part of the word.
    if number.isdigit() or not name.lower().endswith(last + number) or number.isupper():
        kind = _counted_thing(last)
        if kind is None and _COUNTED_TWICE.match(name) and not set(words := _letters(name)) & _CLASS_WORDS:
            kind = _counted_thing(words[0])  # `patient_004_node_4`
        return kind
    return None


def _counted_thing(word: str) -> str | None:
    vocabularies = (("part", _PART_WORDS), ("place", _PLACE_WORDS), ("person", _PERSON_WORDS))
    return next((kind for kind, vocabulary in vocabularies if word in vocabulary), None)


def _letters(name: str) -> list[str]:
    return re.findall("[a-z]+", name.lower())
