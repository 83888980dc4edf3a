"""What a data set or a DataLoader gives at its positions: which images, in which order of parts, the same each time."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils import data

from swaveval.data import DataError, ImageSet
from swaveval.data.in_memory import images_of

COUNT = 60
PIXELS = np.random.default_rng(2).integers(0, 256, (COUNT, 6, 7, 3), dtype=np.uint8)
LABELS = [position % 3 for position in range(COUNT)]


class Pictures(data.Dataset[Any]):
    """Images that pass through a transform each time that they are asked for."""

    def __init__(self, transform: Callable[[np.ndarray], Any] = lambda pixels: pixels) -> None:
        self.transform = transform
        self.asked: list[int] = []

    def __len__(self) -> int:
        return COUNT

    def __getitem__(self, position: int) -> Any:
        self.asked.append(position)
        return self.transform(PIXELS[position]), LABELS[position]


def notes(images: ImageSet) -> str:
    return " ".join(images.audit["notes"])


def at(images: ImageSet) -> list[int]:
    """Which pictures of the data set these are."""
    content = {PIXELS[position].tobytes(): position for position in range(COUNT)}
    return [content[np.asarray(images.open(place)).tobytes()] for place in range(len(images))]


# -- a DataLoader's sampler --------------------------------------------------------------------------------------------

EVERY = list(range(COUNT))
SOME = [17, 3, 42, *range(20, 40)]


class ByIndices(data.Sampler[int]):
    def __init__(self, indices: Any) -> None:
        self.indices = indices

    def __iter__(self) -> Iterator[int]:
        return iter(self.indices)

    def __len__(self) -> int:
        return len(self.indices)


class Opaque(data.Sampler[int]):
    def __init__(self, count: int) -> None:
        self.count = count

    def __iter__(self) -> Iterator[int]:
        raise AssertionError("a sampler's random numbers are the training's")

    def __len__(self) -> int:
        return self.count


class Endless(data.Sampler[int]):
    def __iter__(self) -> Iterator[int]:
        raise AssertionError("it never ends")


def weighted() -> data.WeightedRandomSampler:
    return data.WeightedRandomSampler([float(position in SOME) * 2 for position in EVERY], 100)


def batches(sampler: Any) -> dict[str, Any]:
    return {"batch_sampler": data.BatchSampler(sampler, 4, False)}


@pytest.mark.parametrize(
    ("how", "taken", "words"),
    [
        ({}, EVERY, ""), ({"shuffle": True}, EVERY, ""), ({"batch_size": None}, EVERY, ""),
        ({"sampler": data.SequentialSampler(EVERY)}, EVERY, ""),
        ({"sampler": data.RandomSampler(EVERY, num_samples=7)}, EVERY, ""),
        ({"sampler": data.SubsetRandomSampler(range(30))}, EVERY[:30],
         "30 of 60 images: those that the DataLoader's SubsetRandomSampler draws"),
        ({"sampler": data.SubsetRandomSampler(torch.tensor(SOME))}, SOME, "23 of 60 images"),
        ({"sampler": data.SubsetRandomSampler(EVERY)}, EVERY, ""),
        ({"sampler": ByIndices(SOME)}, SOME, "those that the DataLoader's ByIndices draws"),
        ({"sampler": ByIndices([*SOME, *SOME])}, SOME, "23 of 60 images"),
        ({"sampler": ByIndices(np.array(SOME)), "batch_size": None}, SOME, "23 of 60 images"),
        (batches(data.SubsetRandomSampler(SOME)), SOME, "23 of 60 images"),
        ({"sampler": SOME}, SOME, "those that the DataLoader's list draws"),
        ({"sampler": torch.tensor(SOME)}, SOME, "those that the DataLoader's Tensor draws"),
        ({"batch_sampler": [SOME[:2], SOME[2:4], SOME[4:]]}, SOME, "23 of 60 images"),
        ({"batch_sampler": [SOME[at : at + 1] for at in range(len(SOME))]}, SOME, "the DataLoader's list draws"),
        ({"batch_sampler": (tuple(SOME), SOME[:3])}, SOME, "those that the DataLoader's tuple draws"),
        ({"sampler": weighted()}, sorted(SOME), "23 of 60 images.*WeightedRandomSampler draws.*each of them once"),
        ({"sampler": data.WeightedRandomSampler([1.0, 2.0] * 30, 60)}, EVERY, "60 of 60 images.*each of them once"),
        ({"sampler": data.DistributedSampler(Pictures(), 4, 1)}, EVERY, "one process.*all 60 images"),
        ({"sampler": Opaque(COUNT)}, EVERY, "Opaque does not tell which images it draws: all 60"),
    ],
)  # fmt: skip
def test_the_images_of_a_loader_are_those_that_its_sampler_draws(how: Any, taken: list[int], words: str) -> None:
    images = images_of(data.DataLoader(Pictures(), **how))
    assert at(images) == taken
    assert [name.rpartition("/")[2] for name in images.files] == [f"{position:06d}" for position in taken]
    assert images.labels is not None
    assert images.labels.tolist() == [LABELS[position] for position in taken]
    said = [note for note in images.audit["notes"] if "DataLoader" in note]
    assert len(said) == bool(words)
    assert re.search(words, " ".join(said))


@pytest.mark.parametrize(
    "how",
    [
        {"sampler": Opaque(30)}, {"sampler": Endless()}, {"batch_sampler": Opaque(15)},
        {"batch_sampler": Opaque(COUNT)},
        {"sampler": ByIndices(["a", "b"])},
    ],
)  # fmt: skip
def test_a_sampler_that_may_leave_images_out_is_refused(how: Any) -> None:
    with pytest.raises(DataError, match=r"sampler.* does not tell which.*give the data set itself.*Subset"):
        images_of(data.DataLoader(Pictures(), **how))


def test_the_whole_data_set_in_a_loader_has_the_fingerprint_of_the_data_set() -> None:
    assert images_of(data.DataLoader(Pictures(), shuffle=True)).fingerprint == images_of(Pictures()).fingerprint


# -- the same image each time ------------------------------------------------------------------------------------------

DICE = np.random.default_rng(3)
RANDOM: dict[str, Callable[[np.ndarray], Any]] = {
    "a flip": lambda pixels: pixels[:, ::-1] if DICE.random() < 0.5 else pixels,
    "a rare flip": lambda pixels: pixels[:, ::-1] if DICE.random() < 0.2 else pixels,
    "a crop": lambda pixels: pixels[DICE.integers(2) :][:5],
    "noise": lambda pixels: np.clip(pixels / 255 + DICE.normal(0, 0.05, pixels.shape), 0, 1),
    "grey": lambda pixels: Image.fromarray(pixels).convert("L") if DICE.random() < 0.2 else Image.fromarray(pixels),
}


@pytest.mark.parametrize("kind", RANDOM)
@pytest.mark.parametrize("loader", [False, True])
def test_a_data_set_that_gives_another_image_each_time_is_refused(kind: str, loader: bool) -> None:
    pictures = Pictures(RANDOM[kind])
    with pytest.raises(DataError, match=r"another image each time.*position \d+.*evaluation's transform"):
        images_of(data.DataLoader(pictures, batch_size=4) if loader else pictures)


def test_few_images_are_asked_for_again_and_none_of_a_list() -> None:
    pictures = Pictures()
    images_of(pictures)
    times = [pictures.asked.count(position) for position in EVERY]
    assert pictures.asked == sorted(pictures.asked)
    assert sorted(set(times)) == [1, 2]
    assert times.count(2) == 32
    assert 2 in times[:2]
    assert 2 in times[-3:]
    few = Pictures()
    images_of(data.Subset(few, [3, 5]))
    assert few.asked == [3] * 17 + [5] * 17


# -- the order of parts ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("dataset", "words"),
    [
        ((PIXELS, np.array(LABELS)), r"a pair of arrays.*data=X, labels=y"),
        ([torch.from_numpy(PIXELS), LABELS], r"a pair of arrays.*data=X, labels=y"),
        ((PIXELS[..., 0], np.array(LABELS)[:, None]), r"a pair of arrays"),
        ([(label, pixels) for pixels, label in zip(PIXELS, LABELS, strict=True)], r"image second.*\(image, label\)"),
        ([("cat", Image.fromarray(pixels)) for pixels in PIXELS], r"image second.*\(image, label\)"),
        ([(torch.tensor(1), torch.from_numpy(pixels)) for pixels in PIXELS], "image second"),
        ([[torch.from_numpy(pixels), torch.from_numpy(pixels)] for pixels in PIXELS], "pictures in one.*one view"),
        ([(Image.fromarray(pixels), Image.fromarray(pixels), 1) for pixels in PIXELS], "pictures in one.*one view"),
        ([([pixels, pixels], 1) for pixels in PIXELS], "2 pictures in one.*one view"),
        ([f"photos/{position}.png" for position in range(9)], "give their directory as data"),
        ([(Path("photos") / f"{position}.png", 1) for position in range(9)], "give their directory as data"),
        ({"train": PIXELS, "test": PIXELS}, r"a dict of train, test.*give one of them"),
    ],
)  # fmt: skip
def test_parts_in_another_order_are_refused_with_what_to_do(dataset: Any, words: str) -> None:
    with pytest.raises(DataError, match=words):
        images_of(dataset)


@pytest.mark.parametrize("shape", [(6, 7), (1, 6, 7)])
def test_a_mask_beside_the_image_is_no_view(shape: tuple[int, ...]) -> None:
    images = images_of([(pixels, np.zeros(shape, np.uint8)) for pixels in PIXELS])
    assert at(images) == EVERY
    assert images.labels is None
    assert "arrays of shape" in images.label_origin
