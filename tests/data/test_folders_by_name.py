"""What folders' names say by themselves and together, and what lies beside images: one rule a row."""

import pytest

from swaveval.data.folders.annotations import beside
from swaveval.data.folders.folder_names import Meaning, kinds, meaning, range_of
from swaveval.data.folders.folds import first_fold
from swaveval.data.folders.layout import place_by_first_folder, place_by_folders
from swaveval.data.folders.shards import parts_of_a_list


def members(*files: str) -> dict[str, tuple[str, ...]]:
    return {file: tuple(file.split("/")) for file in files}


# -- one name ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        ("split", "train Testing VALID train2017 imagesTr train_images x_train ILSVRC2012_img_val trainA cats_train"),
        ("annotation", "masks GT labels SegmentationClass ground_truth trainannot y_test train_masks label-maps"),
        ("container", "images JPEGImages imgs img_align_celeba data photos PNG"),
        ("derived", "thumbs thumbnails augmented_images"),
        ("unlabelled", "unlabeled unlabelled_images no_label unsup"),
        ("part", "part_1 batch-002 images_001 shard3 part-A VOC2012 fold0 sequence_a"),
        ("place", "cam1 camera_2 siteA 100CANON iphone12 CAM_FRONT DCIM"),
        ("person", "patient_001 sub-01 subject12"),
        ("date", "2021-03-05 20210305 05.03.2021 12/31/2020 2019 March_2020 2020-Mar aug_2019 2021-03-05_101530"),
        ("number", "0 007 12345"), ("range", "000-099 1-10 5_9"),
        ("identifier", "0123abcd 550e8400-e29b-41d4-a716-446655440000 deadbeef01"),
        ("word", "cat n01440764 train_station may mar label_3 class_1 with_mask tr dev 3f parta facade deadbeef 猫 "
         "mask_1"),
    ],
)  # fmt: skip
def test_one_name(kind: str, names: str) -> None:
    found = {name: meaning(name.replace("/", "-")).kind for name in names.split()}
    assert found == dict.fromkeys(found, kind) | ({"train_station": "split"} if kind == "word" else {})


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("train", Meaning("split", "train", exact=True)), ("Val", Meaning("split", "validation", exact=True)),
        ("test_cats", Meaning("split", "test", "cats")), ("trainA", Meaning("split", "train", "a")),
        ("train2017", Meaning("split", "train")), ("train_test", Meaning("word")),
        ("imagesTs", Meaning("split", "test")), ("ts_cats", Meaning("word")),
    ],
)  # fmt: skip
def test_a_splits_name_and_what_is_left_of_it(name: str, said: Meaning) -> None:
    assert meaning(name) == said


def test_a_range_and_its_ends() -> None:
    assert (range_of("000-099"), range_of("5 to 9"), range_of("1..3"), range_of("1-2-3")) == (
        (0, 99),
        (5, 9),
        (1, 3),
        None,
    )


# -- names among others ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ("trainA testB", "split split"), ("trainA trainB testA testB", "split split split split"),
        ("train_cats test_cats", "split split"), ("train_cats test_dogs", "word word"),
        ("train_station test_station", "split split"), ("train_station museum", "word word"),
        ("train_station", "word"), ("train test museum", "split split word"), ("train2017 val2017", "split split"),
        ("train_images museum", "word word"), ("train_images test_images museum", "split split word"),
        ("train_cats test_cats museum", "word word word"), ("2000 1000", "number number"), ("2000 2001", "date date"),
        ("2000 2001 cat", "date date word"),
    ],
)  # fmt: skip
def test_names_among_others(names: str, expected: str) -> None:
    assert [said.kind for said in kinds(names.split()).values()] == expected.split()


# -- folds -------------------------------------------------------------------------------------------------------------


def fold(name: str, shift: int = 0) -> list[str]:
    return [f"{name}/{'test' if n == shift else 'train'}/{n}.png" for n in range(4)]


@pytest.mark.parametrize("names", [("fold0", "fold1"), ("cv_1", "cv_2", "cv_10"), ("split1", "split2")])
def test_folds_that_bring_their_own_splits(names: tuple[str, ...]) -> None:
    kept, note = first_fold(members(*(file for at, name in enumerate(names) for file in fold(name, at))))
    assert list(kept.values()) == [("test", "0.png"), *(("train", f"{n}.png") for n in (1, 2, 3))]
    assert note.startswith(f"{len(names)} folds of a cross-validation ({', '.join(names)}): {names[0]} is read")
    assert note.endswith("For another fold give its own directory.")


def test_folds_inside_splits() -> None:
    files = [f"{'test' if n == k else 'train'}/fold{k}/{n}.png" for k in (1, 2) for n in range(4)]
    kept, note = first_fold(members(*files))
    assert set(kept.values()) == {("test", "1.png"), *(("train", f"{n}.png") for n in (0, 2, 3))}
    assert note.endswith("For another fold give a directory that holds only it.")


def test_what_lies_beside_folds() -> None:
    """A test split set apart is kept; everything else is left out and counted."""
    files = [*fold("fold0"), *fold("fold1", 1), "test/9.png", "cover.png", "more/8.png", "test.png"]
    kept, note = first_fold(members(*files))
    assert kept["test/9.png"] == ("test", "9.png")
    assert len(kept) == 5
    assert note.endswith(" 3 images beside the folds left out.")


@pytest.mark.parametrize(
    "files",
    [
        fold("fold0"), [*fold("a"), *fold("b")], [f"fold{k}/cat/{n}.png" for k in (0, 1) for n in range(4)],
        [f"fold{k}/train/{n}.png" for k in (0, 1) for n in range(4)],
        [f"{s}/fold{k}/{k}{n}.png" for s in ("train", "test") for k in (1, 2) for n in range(4)],
        [f"{'test' if n == k else 'train'}/cat{k}/{n}.png" for k in (1, 2) for n in range(4)],
        [f"{'test' if n == k else 'train'}/fold{k}/{n}.png" for k in (1, 2) for n in range(4)] + ["train/1.png"],
    ],
    ids=["one", "same deal", "classes", "no test", "files of their own", "no fold's name", "a file beside"],
)  # fmt: skip
def test_what_are_no_folds(files: list[str]) -> None:
    assert first_fold(members(*files)) == (members(*files), "")


def test_folders_of_any_name_that_deal_the_same_files_differently_are_folds() -> None:
    kept, note = first_fold(members(*fold("b", 1), *fold("a", 2)))
    assert "(a, b): a is read" in note
    assert len(kept) == 4
    assert first_fold(members(*fold("b", 1), *fold("a", 2), "c/train/9.png"))[1] == ""


# -- parts of a list ---------------------------------------------------------------------------------------------------


def numbers(start: int, stop: int, step: int = 1) -> list[str]:
    return [f"{n:05d}.png" for n in range(start, stop, step)]


@pytest.mark.parametrize(
    ("folders", "why"),
    [
        ({"000-009": numbers(0, 10), "010-019": numbers(10, 20)}, "each folder holds the files whose numbers it names"),
        ({"0-9": numbers(0, 9, 4), "10-19": numbers(10, 20, 9)}, "each folder holds"),
        ({"0": numbers(0, 10), "1": numbers(10, 20)}, "file numbers go on"),
        ({"0": numbers(0, 10), "1": numbers(10, 13)}, "go on"),
        ({"0": numbers(0, 100, 7), "1": numbers(100, 200, 9), "2": numbers(210, 230)}, "file numbers go on"),
        ({"3f": ["3fa9.png", "3fb0.png"], "a0": ["a01x.png"]}, "each file's name begins with its folder's"),
        ({"0": ["ax", "bx"], "1": ["cx", "dx"], "2": ["ex"]}, "all folders but the last hold equally many"),
        ({"0": numbers(0, 10), "1": numbers(10, 21)}, ""), ({"0": numbers(0, 10), "1": numbers(9, 19)}, ""),
        ({"0": numbers(0, 10), "1": numbers(0, 10)}, ""), ({"0": numbers(0, 10)}, ""),
        ({"0": ["1.png"], "1": ["2.png"]}, ""), ({"0": numbers(0, 2), "1": numbers(2, 4)}, "go on"),
        ({"3f": ["3fa.png"], "a0": ["a01.png"]}, ""),
        ({"0": ["ax", "bx"], "1": ["cx"]}, ""), ({"0": ["ax", "bx"], "1": ["cx", "ax"], "2": ["ex"]}, ""),
        ({"0": ["ax", "bx"], "1": ["cx", "dx"], "2": ["ex", "fx"]}, ""), ({"3f": ["3fa9.png"], "a0": ["b01x.png"]}, ""),
        ({"0": ["0_12x", "0_13y"], "1": ["1_12x", "1_13y"]}, ""), ({"3f": ["3fa", "3f"], "a0": ["a0"]}, ""),
        ({"000-009": numbers(0, 11), "010-019": numbers(5, 20)}, ""),
    ],
)  # fmt: skip
def test_numbered_folders(folders: dict[str, list[str]], why: str) -> None:
    found = parts_of_a_list(folders)
    assert why in found
    assert bool(found) == bool(why)


# -- beside the images -------------------------------------------------------------------------------------------------


def test_masks_by_their_folder() -> None:
    files = [f"{folder}/{n}.png" for folder in ("images", "masks", "thumbs") for n in range(5)]
    found = beside(members(*files))
    assert found.masks == {f"masks/{n}.png" for n in range(5)}
    assert found.copies == {f"thumbs/{n}.png" for n in range(5)}
    assert (found.mask_folders, found.copy_folders, found.suffixes, found.kept) == (["masks"], ["thumbs"], [], {})


def test_one_name_of_folders_in_several_places_is_said_once() -> None:
    files = [f"{top}/{inner}/{top}{n}.png" for top in ("a", "b") for inner in ("images", "masks") for n in range(3)]
    found = beside(members(*files))
    assert len(found.masks) == 6
    assert found.mask_folders == ["masks"]


@pytest.mark.parametrize(
    ("image", "mask", "word"),
    [("7.jpg", "7_mask.png", "mask"), ("7_image.jpg", "7_mask.png", "mask"), ("7.jpg", "7-GT.png", "gt"),
     ("img_7.jpg", "mask_7.png", "mask"), ("7.jpg", "7mask.png", "mask"), ("a.jpg", "a_seg_1.png", "seg"),
     ("a_leftImg8bit.png", "a_labelIds.png", "labelids"), ("7.jpg", "label_7.png", "label")],
)  # fmt: skip
def test_masks_by_their_names(image: str, mask: str, word: str) -> None:
    found = beside(members(f"x/{image}", f"x/{mask}", "x/other.jpg"))
    assert (found.masks, found.suffixes) == ({f"x/{mask}"}, [word])


def test_a_masks_word_is_said_once_and_its_image_must_lie_in_the_same_folder() -> None:
    found = beside(members("x/1.jpg", "x/1_mask.png", "x/2.jpg", "x/2_mask.png", "x/1_gt.png"))
    assert (len(found.masks), found.suffixes) == (3, ["mask", "gt"])
    assert beside(members("x/1.jpg", "y/1_mask.png", "y/with_mask.png")).masks == set()


def test_a_class_called_like_masks_is_kept_and_it_is_said() -> None:
    files = [f"{folder}/{folder}{n}.png" for folder in ("hats", "gloves", "masks") for n in range(6)]
    found = beside(members(*files))
    assert (found.masks, list(found.kept)) == (set(), ["masks"])


def test_only_masks_are_images() -> None:
    found = beside(members(*(f"masks/{n}.png" for n in range(4))))
    assert (found.masks, list(found.kept)) == (set(), [])


@pytest.mark.parametrize(("others", "aside"), [(8, True), (7, False)])
def test_four_fifths_of_a_folder_must_belong_to_images(others: int, aside: bool) -> None:
    """`masks/` beside two classes: ten files, of which so many have the name of an image."""
    images = [f"{folder}/{word}.png" for folder, words in (("a", "klmnop"), ("b", "qrstuv")) for word in words]
    names = [*"klmnopqrst"[:others], "z1z", "z2z", "zz"][:10]
    found = beside(members(*images, *(f"masks/{name}.png" for name in names)))
    assert bool(found.masks) == aside


# -- together ----------------------------------------------------------------------------------------------------------


def test_the_word_folders_reads_them_whatever_they_are_called() -> None:
    placing = place_by_first_folder(["masks/1.png", "2021-03/1.png", "part_1/2.png"])
    assert list(placing.labels.values()) == ["masks", "2021-03", "part_1"]
    assert placing.origin == "class folders (--labels folders)"
    split = place_by_first_folder(["train/masks/1.png", "train/a/1.png", "test/masks/2.png"])
    assert (list(split.labels.values()), split.splits) == (
        ["masks", "a", "masks"],
        {"train/masks/1.png": "train", "train/a/1.png": "train", "test/masks/2.png": "test"},
    )
    assert place_by_first_folder(["1.png", "2.png"]).origin == "none: no folder divides the images"
    assert not place_by_first_folder(["test/1.png", "cat/1.png"]).splits


@pytest.mark.parametrize(
    ("files", "labels", "note"),
    [
        (["cat/train/1.png", "cat/test/2.png", "dog/train/3.png", "dog/test/4.png"], ["cat", "cat", "dog", "dog"],
         "The split was read inside the class folders (test, train)."),
        (["train/cat/1.png", "train/dog/2.png", "val/cat/3.png", "museum/cat/5.png"], ["cat", "dog", "cat"],
         "1 image outside the folders train, val left out."),
        (["a/1.png", "b/2.png", "unlabeled/3.png"], ["a", "b", None],
         "The images in unlabeled stay in without a label."),
        (["cat/a/1.png", "cat/b/2.png", "dog/a/3.png", "dog/b/4.png"], ["cat", "cat", "dog", "dog"],
         "Each of the folders cat, dog holds the same folders (a, b)"),
        (["cat/1.png", "dog/2.png", "2021/3.png"], ["cat", "dog", "2021"], "by their names they are dates"),
        (["part_1/1.png", "part_2/2.png"], [None, None], "The folders part_1, part_2 are parts of one set, so"),
        (["cat/a/1.png", "cat/b/2.png", "dog/a/3.png", "dog/b/4.png", "x.png"], ["cat", "cat", "dog", "dog"],
         "Each of the folders cat, dog holds the same folders (a, b)"),
        (["part_1/cat/1.png", "part_1/dog/2.png", "part_2/cat/3.png"], ["cat", "dog", "cat"],
         "are parts of one set, so"),
        (["cat/train/1.png", "cat/test/2.png", "cat/other/3.png", "dog/train/4.png"], ["cat", "cat", "cat", "dog"], ""),
        ([f"{n}/2021-03-0{n}/{w}.png" for n in (1, 2, 3) for w in ("ape", "bee")], ["1", "1", "2", "2", "3", "3"], ""),
        (["cat/1.png", "dog/2.png", "test/3.png"], ["cat", "dog", "test"],
         "The folder test among other folders read as a class, not as a split."),
        (["cat/1.png", "dog/2.png", "test/3.png", "val/4.png"], ["cat", "dog", "test", "val"],
         "The folders test, val among other folders read as classes, not as a split."),
        (["00-09/01.png", "00-09/05.png", "10-19/12.png"], [None] * 3, "numbered parts (each folder holds the files"),
        (["3f/3fa9.png", "3f/3f0c.png", "a0/a01c.png"], [None] * 3, "numbered parts (each file's name begins"),
        (["cam1/2021/cat/1.png", "cam2/2021/dog/2.png"], ["cat", "dog"], "are cameras or places, so"),
    ],
)  # fmt: skip
def test_folders_together(files: list[str], labels: list[str | None], note: str) -> None:
    placing = place_by_folders(files)
    assert list(placing.labels.values()) == labels
    assert any(note in said for said in placing.notes) or not note, placing.notes
    assert placing.splits is None or "test" in placing.splits.values() or "validation" in placing.splits.values()


def test_splits_and_classes_inside_parts() -> None:
    files = ["batch_1/train/cat/1.png", "batch_1/test/dog/2.png", "batch_2/train/dog/3.png", "batch_2/test/cat/4.png"]
    placing = place_by_folders(files)
    assert list(placing.labels.values()) == ["cat", "dog", "dog", "cat"]
    assert list((placing.splits or {}).values()) == ["train", "test", "train", "test"]


@pytest.mark.parametrize(
    ("left", "right", "classes", "note"),
    [
        ("cat", "dog", False, "several pictures of the same scenes"),
        ("rgb", "depth", False, ""),
        ("a", "b", False, "are pairs"),
    ],
)
def test_two_folders_of_the_same_scenes(left: str, right: str, classes: bool, note: str) -> None:
    scenes = ("beach", "forest", "street", "harbour", "desert")
    placing = place_by_folders([f"{side}/{scene}.png" for side in (left, right) for scene in scenes])
    assert placing.labelled == classes
    assert note in " ".join(placing.notes)


def test_two_folders_with_the_same_numbers_left_out_may_be_scenes_twice() -> None:
    def read(numbers: list[int]) -> str:
        return " ".join(place_by_folders([f"{side}/{n}.png" for side in ("cat", "dog") for n in numbers]).notes)

    assert "Both folders (cat, dog) hold files of the same names" in read([1, 2, 5, 9, 14])
    assert "Both folders" not in read([1, 2, 3, 4, 5])
    assert "Both folders" not in read([1, 2, 9])


def test_one_folder_inside_every_part_is_not_spoken_of() -> None:
    placing = place_by_folders([f"images_00{n % 3}/images/{n:03d}.png" for n in range(9)])
    assert not placing.labelled
    assert [note for note in placing.notes if "images_000" not in note] == []
