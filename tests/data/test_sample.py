"""A sample of the images: seeded, blind to order, true to classes and sides, and an image set like any other."""

import pickle
import random
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from swaveval.data import DataError, ImageSet, open_images
from swaveval.data import scan as scan_module
from swaveval.data.in_memory import images_of
from swaveval.data.sample import EITHER, Draw, Sample, allotted, drawn
from tests.tiny_images import write_images

labelled = st.lists(st.tuples(st.integers(-1, 5), st.integers(0, 1)), min_size=4, max_size=150)


def arrays(pairs: list[tuple[int, int]]) -> tuple[list[str], np.ndarray, np.ndarray]:
    labels, sides = (np.array(column, dtype=np.int64) for column in zip(*pairs, strict=True))
    return [f"image {place}.png" for place in range(len(pairs))], labels, sides


def fewest(labels: np.ndarray, sides: np.ndarray) -> int:
    return len({*zip(labels.tolist(), sides.tolist(), strict=True)})


@given(labelled, st.data(), st.integers(0, 3))
def test_as_many_as_asked_and_every_class_on_both_of_its_sides(
    pairs: list[tuple[int, int]], data: st.DataObject, seed: int
) -> None:
    names, labels, sides = arrays(pairs)
    count = data.draw(st.integers(fewest(labels, sides), len(names)))
    index = drawn(Sample(count, seed), names, labels, sides)
    assert len(index) == count == len(set(index.tolist()))
    assert index.tolist() == sorted(index.tolist())
    whole = Counter(zip(labels.tolist(), sides.tolist(), strict=True))
    assert set(zip(labels[index].tolist(), sides[index].tolist(), strict=True)) == set(whole)


@given(st.lists(st.integers(30, 90), min_size=1, max_size=6), st.floats(0.2, 0.95), st.integers(0, 3))
def test_shares_are_kept_to_within_one_image(counts: list[int], share: float, seed: int) -> None:
    labels = np.repeat(np.arange(len(counts)), counts)
    sides = (np.arange(len(labels)) % 4 == 0).astype(np.int64)
    count = round(share * len(labels))
    index = drawn(Sample(count, seed), [str(place) for place in range(len(labels))], labels, sides)
    for label, of_class in enumerate(counts):
        here = labels[index] == label
        assert abs(here.sum() - count * of_class / len(labels)) < 1
        test_share = sides[labels == label].mean()
        assert abs((sides[index] * here).sum() - test_share * here.sum()) < 1
    assert abs(sides[index].sum() - sides.mean() * count) <= 1.5, "rounding does not add up over the classes"


@given(labelled, st.randoms(use_true_random=False))
def test_order_does_not_matter(pairs: list[tuple[int, int]], chance: random.Random) -> None:
    names, labels, sides = arrays(pairs)
    count = max(fewest(labels, sides), len(names) // 2)
    order = list(range(len(names)))
    chance.shuffle(order)
    straight = {names[place] for place in drawn(Sample(count), names, labels, sides)}
    shuffled = [names[place] for place in order]
    assert {shuffled[place] for place in drawn(Sample(count), shuffled, labels[order], sides[order])} == straight


def test_the_seed_decides() -> None:
    names, labels = [f"{place}" for place in range(400)], np.zeros(400, np.int64)
    sides = np.full(400, EITHER, np.int64)
    zero, again, one = (drawn(Sample(100, seed), names, labels, sides).tolist() for seed in (0, 0, 1))
    assert zero == again
    assert len(set(zero) & set(one)) < 50, "two seeds share a quarter by chance"
    assert set(zero) <= set(drawn(Sample(200, 0), names, labels, sides).tolist()), "a larger one holds a smaller one"


@given(
    st.lists(st.tuples(st.integers(1, 50), st.integers(0, 2)), min_size=1, max_size=8).map(
        lambda parts: [(count, min(least, count)) for count, least in parts]
    ),
    st.data(),
)
def test_division_by_largest_remainders(parts: list[tuple[int, int]], data: st.DataObject) -> None:
    counts, least = ([part[side] for part in parts] for side in (0, 1))
    total = data.draw(st.integers(sum(least), sum(counts)))
    given_ = allotted(counts, least, total)
    assert sum(given_) == total
    assert all(low <= got <= count for got, low, count in zip(given_, least, counts, strict=True))
    exact = [count * total / sum(counts) for count in counts]
    if all(share >= low for share, low in zip(exact, least, strict=True)):
        assert all(abs(got - share) < 1 for got, share in zip(given_, exact, strict=True))


def test_too_few_and_too_many() -> None:
    names, labels, sides = arrays([(label, side) for label in range(5) for side in (0, 1) for _ in range(3)])
    with pytest.raises(DataError, match=r"--images 9 is too few: 5 classes .* need 10; take --images 10 or more"):
        drawn(Sample(9), names, labels, sides)
    assert len(drawn(Sample(10), names, labels, sides)) == 10
    assert drawn(Sample(31), names, labels, sides).tolist() == list(range(30))


# -- from a directory ---------------------------------------------------------------------------------------------


def whole_and_sample(root: Path, count: int, seed: int = 0) -> tuple[ImageSet, ImageSet]:
    return open_images(str(root)), open_images(str(root), draw=Draw(sample=Sample(count, seed)))


def test_a_sample_is_an_image_set_of_its_own(tmp_path: Path) -> None:
    whole, sample = whole_and_sample(write_images(tmp_path / "bars"), 24)
    assert (len(sample), sample.whole, whole.whole) == (24, 72, 0)
    assert sample.sample == "24 of 72 images, drawn at random within classes, seed 0"
    assert sample.class_names == whole.class_names
    assert sample.labels is not None
    assert np.bincount(sample.labels).tolist() == [8, 8, 8]
    assert set(sample.contents) < set(whole.contents)
    assert sample.fingerprint != whole.fingerprint
    assert sample.fingerprint == whole_and_sample(tmp_path / "bars", 24)[1].fingerprint
    assert sample.fingerprint != whole_and_sample(tmp_path / "bars", 24, 1)[1].fingerprint
    assert sample.audit["n"] == 24
    for position, name in enumerate(sample.files):
        expected = np.asarray(whole.open(whole.files.index(name)))
        np.testing.assert_array_equal(np.asarray(pickle.loads(pickle.dumps(sample.open))(position)), expected)


def test_only_what_is_drawn_is_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    real = scan_module.read_file
    monkeypatch.setattr(scan_module, "read_file", lambda path: (opened.append(str(path)), real(path))[1])
    _ = open_images(str(write_images(tmp_path / "bars")), draw=Draw(sample=Sample(18)))
    assert len(opened) == len(set(opened)) == 18


def test_what_cannot_be_used_gives_its_place_to_the_next(tmp_path: Path) -> None:
    root = write_images(tmp_path / "bars")
    intact = whole_and_sample(root, 24)[1]
    spoilt = [root / name for name in intact.files[:3]]
    for path in spoilt:
        path.write_bytes(b"no picture")
    sample = whole_and_sample(root, 24)[1]
    assert (len(sample), sample.whole) == (24, 69)
    assert len(sample.audit["broken"]) >= 3
    assert set(intact.files[3:]) <= set(sample.files)


@pytest.mark.parametrize("seed", range(3))
def test_a_given_split_is_kept(seed: int, tmp_path: Path) -> None:
    for side, per_class in (("train", 30), ("test", 10)):
        write_images(tmp_path / side, per_class=per_class)
    whole, sample = whole_and_sample(tmp_path, 40, seed)
    side_of = dict(zip(whole.files, whole.is_test.tolist(), strict=True))
    assert [side_of[name] for name in sample.files] == sample.is_test.tolist()
    assert abs(int(sample.is_test.sum()) - 10) <= 1
    assert sample.split_origin == whole.split_origin


def test_a_split_that_a_training_saw_is_kept(tmp_path: Path) -> None:
    """What was trained on is known by content: all images are looked at, and none of them is tested on."""
    root = write_images(tmp_path / "bars")
    whole = open_images(str(root))
    trained = frozenset(content[:16] for content, test in zip(whole.contents, whole.is_test, strict=True) if not test)
    sample = open_images(str(root), draw=Draw(trained, Sample(24)))
    side_of = dict(zip(whole.files, whole.is_test.tolist(), strict=True))
    assert [side_of[name] for name in sample.files] == sample.is_test.tolist()
    assert int(sample.is_test.sum()) == 6


def test_a_sample_as_large_as_the_set_is_the_set(tmp_path: Path) -> None:
    root = write_images(tmp_path / "bars", per_class=6)
    whole, same = whole_and_sample(root, 18)
    larger = whole_and_sample(root, 1000)[1]
    assert whole.fingerprint == same.fingerprint == larger.fingerprint
    assert (same.sample, same.whole, larger.sample) == ("", 0, "")
    assert "--images 1,000: there are 18, and all of them were taken." in larger.audit["notes"]
    assert not [note for note in same.audit["notes"] if "--images" in note]


def test_labels_that_say_nothing_of_the_whole_say_nothing_of_a_sample(tmp_path: Path) -> None:
    random_ = np.random.default_rng(0)
    for label in range(12):
        for place in range(1 + 5 * (label < 2)):
            path = tmp_path / f"class {label}" / f"{place}.png"
            path.parent.mkdir(exist_ok=True)
            Image.fromarray(random_.integers(0, 255, (16, 16, 3), dtype=np.uint8)).save(path)
    whole, sample = whole_and_sample(tmp_path, 10)
    assert whole.labels is None
    assert (sample.labels, sample.class_names, sample.label_origin) == (None, (), whole.label_origin)
    assert sample.sample == "10 of 22 images, drawn at random, seed 0"


# -- from anywhere else -------------------------------------------------------------------------------------------


def test_a_named_set_and_one_in_memory(tmp_path: Path) -> None:
    digits = open_images("digits")
    sample = open_images("digits", draw=Draw(sample=Sample(200)))
    side_of = dict(zip(digits.files, digits.is_test.tolist(), strict=True))
    assert [side_of[name] for name in sample.files] == sample.is_test.tolist()
    assert sample.sample == "200 of 1,797 images, drawn at random within classes, seed 0"
    pictures = [(np.asarray(digits.open(place)), int(digits.labels[place])) for place in range(60)]  # type: ignore[index]
    whole, some = (images_of(pictures, sample=sample) for sample in (None, Sample(30)))
    assert (len(some), some.whole, whole.whole) == (30, 60, 0)
    assert some.fingerprint != whole.fingerprint
    for position, name in enumerate(some.files):
        place = whole.files.index(name)
        assert some.is_test[position] == whole.is_test[place]
        np.testing.assert_array_equal(np.asarray(some.open(position)), np.asarray(whole.open(place)))
    assert "--images 100: there are 60" in images_of(pictures, sample=Sample(100)).audit["notes"][0]
