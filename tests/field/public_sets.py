"""Forty images in the folders and names of public sets whose classes are not the first folders."""

from collections.abc import Callable, Iterable

from tests.field.brought import ASIDE, CLASS_OF, EACH, IMAGES, IS_TEST, TEST, WORDS, Brought, trial
from tests.field.campaign import Trial

TWO = ("3f", "a0", "b7", "0c", "d4", "91")
HEX = ("30", "31", "4a", "4b")
VEHICLES = ("bus", "car", "train", "truck")
SCENES = ("abbey", "alley", "bakery", "bar")
WORD = {number: WORDS[CLASS_OF[number]] for number in IMAGES}
SCENE = {number: SCENES[CLASS_OF[number]] for number in IMAGES}
ANSWER = {number: ("no", "yes")[CLASS_OF[number] // 2] for number in IMAGES}
SIDE = {number: ("train", "test")[IS_TEST[number]] for number in IMAGES}


def name(number: int) -> str:
    return f"{(number * 7919 + 12345) % 99991:06d}.png"


def digest(number: int) -> str:
    return f"{(number + 1) * 2654435761 % 2**32:08x}"


def files(place: Callable[[int], str]) -> dict[str, int]:
    return {place(number): number for number in IMAGES}


def public_sets() -> Iterable[Trial]:
    """Each once; the full names of the sets are in the titles."""
    for group in (_above_classes(), _divided(), _scenes(), _beside(), _by_names()):
        for title, brought in group.items():
            yield trial("public sets", title, brought)


def _above_classes() -> dict[str, Brought]:
    """What stands above the classes: letters, domains."""
    three, domain = ("amazon", "dslr", "webcam"), ("art_painting", "photo", "sketch")
    return {
        "SUN397: first letters": Brought(
            files(lambda n: f"SUN397/{SCENE[n][0]}/{SCENE[n]}/sun_{digest(n)}.png"), SCENE, must="the first letters of"
        ),
        "SUN397: finer scenes inside": Brought(
            files(lambda n: f"{SCENE[n][0]}/{SCENE[n]}/{('indoor', 'outdoor')[n % 2]}/sun_{digest(n)}.png"),
            SCENE,
            must="holds the same folders",
        ),
        "letters below the splits": Brought(
            files(lambda n: f"{SIDE[n]}/{SCENE[n][0]}/{SCENE[n]}/{name(n)}"), SCENE, TEST, must="the first letters of"
        ),
        "letters as classes (ASL)": Brought(
            files(lambda n: f"{'ABCD'[CLASS_OF[n]]}/{'ABCD'[CLASS_OF[n]]}{n % 2 + 1}/{name(n)}"),
            {n: "ABCD"[CLASS_OF[n]] for n in IMAGES},
            must="--labels folders:2 reads them so",
        ),
        "PACS: domains": Brought(
            files(lambda n: f"{domain[n % 3]}/{WORD[n]}/pic_{n:03d}.png"), WORD, must="several kinds of picture"
        ),
        "Office-31: images inside the domains": Brought(
            files(lambda n: f"{three[n % 3]}/images/{WORD[n]}/frame_{n:04d}.png"), WORD, must="several kinds of picture"
        ),
        "DomainNet with splits": Brought(
            files(lambda n: f"{SIDE[n]}/{domain[n % 3]}/{WORD[n]}/{name(n)}"),
            WORD,
            TEST,
            must="several kinds of picture",
        ),
        "PlantVillage: raw/color, raw/grayscale": Brought(
            files(lambda n: f"raw/{('color', 'grayscale', 'segmented')[n % 3]}/{WORD[n]}/{name(n)}"), WORD
        ),
        "NCT-CRC-HE: two sets": Brought(
            files(lambda n: f"{('NCT-CRC-HE-100K', 'CRC-VAL-HE-7K')[n % 2]}/{WORD[n]}/{WORD[n]}-{digest(n)}.png"), WORD
        ),
        "as many domains as classes": Brought(
            files(lambda n: f"{('Caltech', 'LabelMe', 'SUN09', 'VOC2007')[n % 4]}/{WORD[n]}/{name(n)}"),
            WORD,
            said="--labels folders:2 reads the inner ones",
        ),
        "as many domains as classes, the inner asked for": Brought(
            files(lambda n: f"{('Caltech', 'LabelMe', 'SUN09', 'VOC2007')[n % 4]}/{WORD[n]}/{name(n)}"),
            WORD,
            option="folders:2",
        ),
        "domains asked for": Brought(
            files(lambda n: f"{domain[n % 3]}/{WORD[n]}/{name(n)}"),
            {n: domain[n % 3] for n in IMAGES},
            option="folders",
        ),
    }


def _divided() -> dict[str, Brought]:
    """What divides the classes, or only the files."""
    order = {n: ("birds", "mammals", "mammals", "insects")[CLASS_OF[n]] for n in IMAGES}
    return {
        "BreakHis: kinds, slides and magnifications inside": Brought(
            files(
                lambda n: (
                    f"breast/{('benign', 'malignant')[CLASS_OF[n] // 2]}/SOB/{WORD[n]}/S_{n % 3}A/"
                    f"{('40X', '100X')[n % 2]}/{name(n)}"
                )
            ),
            {n: ("benign", "malignant")[CLASS_OF[n] // 2] for n in IMAGES},
            must="--labels folders:3 reads them so",
        ),
        "iNaturalist: species inside orders": Brought(
            files(lambda n: f"train_val_images/{order[n]}/{WORD[n]}/{name(n)}"),
            order,
            must="--labels folders:2 reads them so",
        ),
        "iNaturalist: species asked for": Brought(
            files(lambda n: f"train_val_images/{order[n]}/{WORD[n]}/{name(n)}"), WORD, option="folders:2"
        ),
        "iNaturalist: the innermost asked for": Brought(
            files(lambda n: f"{SIDE[n]}/{order[n]}/{WORD[n]}/{name(n)}"), WORD, TEST, option="folders:-1"
        ),
        "UCF101: clips": Brought(
            files(lambda n: f"{WORD[n]}/v_{WORD[n]}_g{n % 3}/{n:04d}.png"), WORD, must="on both sides"
        ),
        "splits above clips": Brought(
            files(lambda n: f"{SIDE[n]}/{WORD[n]}/v_{WORD[n]}_{n % EACH // 5}_{SIDE[n]}/{n:04d}.png"), WORD, TEST
        ),
        "NIST: writers": Brought(
            files(lambda n: f"by_class/{HEX[CLASS_OF[n]]}/hsf_{n % 2}/hsf_{n % 2}_{n:05d}.png"),
            {n: HEX[CLASS_OF[n]] for n in IMAGES},
            must="holds the same folders",
        ),
        "HAM10000: parts": Brought(
            files(lambda n: f"HAM10000_images_part_{n % 2 + 1}/ISIC_{n * 7 + 24306:07d}.png"), None, must="parts of one"
        ),
        "Camelyon17: patients and nodes": Brought(
            files(lambda n: f"patches/patient_{n % 3:03d}_node_{n % 3 + 1}/patch_x_{n * 32}.png"), None, must="patients"
        ),
        "RVL-CDIP: letters and hashes": Brought(
            files(lambda n: f"images{'abc'[n % 3]}/{digest(n)[0]}/{digest(n)[1]}/{digest(n)[2]}/{digest(n)}/{n}.png"),
            None,
        ),
        "two letters, two letters, hash": Brought(
            files(lambda n: f"{TWO[n % 6]}/{TWO[n % 3]}/{TWO[n % 6]}{TWO[n % 3]}{digest(n)}.png"),
            None,
            must="begins with its",
        ),
        "two letters, two letters, any name": Brought(
            files(lambda n: f"{TWO[n % 6]}/{TWO[n % 3]}/{name(n)}"), None, must="letters of a hash"
        ),
        "ETH-80: the same poses of every class": Brought(
            files(lambda n: f"{WORD[n]}/{n % EACH // 5}/{WORD[n]}{n % EACH // 5}-{n % 5 * 22:03d}-0{n % 3}.png"), WORD
        ),
        "Wikimedia: a/ab": Brought(files(lambda n: f"{digest(n)[0]}/{digest(n)[:2]}/Picture_{n}.png"), None),
    }


def _scenes() -> dict[str, Brought]:
    """Folders that are patients, drives, buckets and scenes."""
    bands = ("B01", "B02", "B03", "B04", "B8A")
    drive = "2011_09_26/2011_09_26_drive_000{}_sync/image_0{}/data/{:010d}.png"
    patient = {n: f"p{10 + n % 3}/p{10 + n % 3}{n % 6:06d}/s5{n % 12:07d}" for n in IMAGES}
    size = {0: "HR", 1: "LR_bicubic"}
    return {
        "MIMIC-CXR: patients and studies": Brought(
            files(lambda n: f"files/{patient[n]}/{digest(n)}-{n}.png"), None, must="patients or subjects"
        ),
        "KITTI raw: drives of a day": Brought(
            files(lambda n: drive.format(n % 2, n // 2 % 2, n)), None, must="are dates"
        ),
        "Danbooru: the last digits": Brought(
            files(lambda n: f"{(0, 6, 17, 999)[n % 4]:04d}/{(n + 3) * 1000 + (0, 6, 17, 999)[n % 4]}.png"),
            None,
            must="ends with its folder's",
        ),
        "BigEarthNet: bands of a scene": Brought(
            files(lambda n: f"BigEarthNet/S2A_T10_{n // 5}_45/S2A_T10_{n // 5}_45_{bands[n % 5]}.png"),
            None,
            must="bands of one scene",
        ),
        "DIV2K: two sizes": Brought(
            files(lambda n: f"DIV2K_{SIDE[n].replace('test', 'valid')}_{size[n % 2]}/{n // 2:04d}{'x2' * (n % 2)}.png"),
            None,
            TEST,
            must="kinds of image",
        ),
    }


def _beside() -> dict[str, Brought]:
    """What stands beside the classes or the splits."""
    plain = files(lambda n: f"{WORD[n]}/{name(n)}")
    copies = {f"flowers/{path}": ASIDE + n for path, n in plain.items()}
    splits = files(lambda n: f"seg_{SIDE[n]}/seg_{SIDE[n]}/{WORD[n]}/{name(n)}")
    more = files(lambda n: f"{'more/' * (n % 4 == 0)}{WORD[n]}/{name(n)}")
    return {
        "Intel scenes: seg_train, seg_test": Brought(splits, WORD, TEST),
        "Intel scenes: and seg_pred": Brought(
            splits | {f"seg_pred/seg_pred/{n}.png": ASIDE + n for n in range(12)},
            WORD,
            TEST,
            must="outside the folders",
        ),
        "flowers/flowers": Brought(plain | copies, WORD, must="once more"),
        "cell_images/cell_images": Brought(
            {f"cell_images/{path}": n for path, n in (plain | copies).items()}, WORD, must="once more"
        ),
        **{
            f"splits called {test}": Brought(
                files(lambda n, of=(train, test): f"{of[IS_TEST[n]]}/{WORD[n]}/{name(n)}"), WORD, TEST
            )
            for train, test in (
                ("train", "eval"),
                ("training", "holdout"),
                ("dev", "test"),
                ("Trainingsdaten", "Testdaten"),
                ("entrenamiento", "prueba"),
                ("训练集", "测试集"),
            )
        },
        "train, eval and test": Brought(
            files(lambda n: f"{('train', 'eval', 'train', 'train', 'test')[n % 5]}/{WORD[n]}/{name(n)}"), WORD, TEST
        ),
        "brain tumours: yes and no, once more": Brought(
            files(lambda n: f"{ANSWER[n]}/{ANSWER[n][0].upper()}{n}.png")
            | {f"brain_tumor_dataset/{ANSWER[n]}/{ANSWER[n][0].upper()}{n}.png": ASIDE + n for n in IMAGES},
            ANSWER,
        ),
        "classes of equal numbers, numbered in each split": Brought(
            files(lambda n: f"{SIDE[n]}ing/{WORD[n]}/{SIDE[n][:2]}-{n % EACH:04d}.png"), WORD, TEST
        ),
        "Simpsons: the set once more, and a bare test set": Brought(
            {f"simpsons_dataset/{path}": n for path, n in plain.items()}
            | {f"simpsons_dataset/simpsons_dataset/{path}": ASIDE + n for path, n in plain.items()}
            | {f"kaggle_simpson_testset/kaggle_simpson_testset/{WORD[n]}_{n}.png": ASIDE + n for n in IMAGES},
            WORD,
            must="without class folders left out",
        ),
        "a bare test set is as good as any without labels": Brought(
            files(lambda n: f"{f'animals/{WORD[n]}' if n % 4 else 'animals_testset'}/{name(n)}"), None, option="none"
        ),
        "vehicles: a class called train": Brought(
            files(lambda n: f"{VEHICLES[CLASS_OF[n]]}/{name(n)}"),
            {n: VEHICLES[CLASS_OF[n]] for n in IMAGES},
            must="read as a class, not as a split",
        ),
        "vehicles with a split": Brought(
            files(lambda n: f"{SIDE[n]}/{VEHICLES[CLASS_OF[n]]}/{name(n)}"),
            {n: VEHICLES[CLASS_OF[n]] for n in IMAGES},
            TEST,
        ),
        "two sizes of each image": Brought(
            files(lambda n: f"{('raw', 'resized')[n % 2]}/{WORD[n]}/{n // 2 * 7}.png"), WORD, must="hold the same files"
        ),
        "source and target": Brought(files(lambda n: f"{('source', 'target')[n % 2]}/{WORD[n]}/{name(n)}"), WORD),
        "source and target of each image": Brought(
            files(lambda n: f"source/{name(n)}") | {f"target/{name(n)}": ASIDE + n for n in IMAGES}, None
        ),
        "the set once more, in a folder of data": Brought(
            {f"natural_images/{path}": n for path, n in plain.items()}
            | {f"data/natural_images/{path}": ASIDE + n for path, n in plain.items()},
            WORD,
            must="once more",
        ),
        "Monkeypox: folds of doubled folders": Brought(
            {f"Original Images/Original Images/{WORD[n]}/{name(n)}": ASIDE + n for n in IMAGES}
            | files(lambda n: f"Fold1/Fold1/Fold1/{SIDE[n].title()}/{WORD[n]}/{name(n)}"),
            WORD,
            TEST,
            must="outside the folders",
        ),
        "a class without the split that the others have": Brought(
            files(lambda n: f"{WORD[n]}/{SIDE[n]}/{name(n)}" if n < 30 else f"{WORD[n]}/{name(n)}"),
            WORD,
            must="The split inside heron, lynx, otter was not read: moth has none",
        ),
        "more of the same classes": Brought(more, WORD, must="its images were read as of these classes"),
    }


def _by_names() -> dict[str, Brought]:
    """Classes in the files' names."""
    pets = ("american_bulldog", "Abyssinian", "Bengal", "beagle")
    breed = {n: pets[CLASS_OF[n]] for n in IMAGES}
    coil = {f"obj{CLASS_OF[n] + 1}__{n % EACH * 5}.png": n for n in IMAGES}
    thing = {n: f"obj{CLASS_OF[n] + 1}" for n in IMAGES}
    return {
        "dogs and cats: nothing asked": Brought(files(lambda n: f"{SIDE[n]}/{WORD[n]}.{n}.png"), None, TEST),
        "dogs and cats": Brought(files(lambda n: f"{SIDE[n]}/{WORD[n]}.{n}.png"), WORD, TEST, option="names"),
        "Oxford pets": Brought(files(lambda n: f"images/{breed[n]}_{n + 1}.png"), breed, option="names"),
        "COIL-100": Brought(coil, thing, option="names"),
        "COIL-100 by an expression": Brought(coil, thing, option="names:^(obj[0-9]+)__"),
        "an expression as of fastai": Brought(coil, thing, option=r"names:(.+)__\d+.png$"),
        "an expression without a group": Brought(coil, thing, option="names:^obj[0-9]+"),
        "an expression that is none": Brought(coil, None, option="names:(obj", refusal="no regular expression"),
        "an expression that nothing has": Brought(coil, None, option="names:^cat", refusal="no file's name holds"),
        "camera names say nothing": Brought(files(lambda n: f"IMG_{n:04d}.png"), None),
        "splits in names say nothing": Brought(files(lambda n: f"{('Train', 'Test')[n % 2]}_{n}.png"), None),
        "parts in names say nothing": Brought(files(lambda n: f"part{n % 3}_{n}.png"), None),
    }
