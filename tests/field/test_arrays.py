"""Images as NumPy arrays: the shapes and types people save, each with its known pixels; never a pickle."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from swaveval.data import DataError, open_images
from swaveval.data.reading import Reading

Array = np.ndarray[Any, np.dtype[Any]]


def picture(seed: int, bands: int = 3) -> Array:
    values = np.random.default_rng(seed).integers(0, 256, (12, 9, bands))
    values[0, 0], values[0, 1] = 0, 255
    return values


def shown(root: Path, position: int = 0, **how: Any) -> Array:
    images = open_images(str(root), **how)
    return np.asarray(images.open(position))


def put(root: Path, arrays: list[Array]) -> Path:
    root.mkdir(parents=True, exist_ok=True)
    for number, array in enumerate(arrays):
        np.save(root / f"{number}.npy", array)
    return root


SCALES = {
    "uint8": (np.uint8, 1, None),
    "uint16 full": (np.uint16, 257, None),
    "uint16, 12 bits": (np.uint16, 4095 / 255, "0 … 4,095"),
    "int16 hounsfield": (np.int16, 4095 / 255, "-1,024 … 3,071"),
    "int64": (np.int64, 1, None),
    "float32 0…1": (np.float32, 1 / 255, "0 … 1"),
    "float64 0…255": (np.float64, 1, None),
    "float16 -1…1": (np.float16, 2 / 255, "-1 … 1"),
    "big-endian": (">u2", 257, None),
}


@pytest.mark.parametrize("kind", SCALES)
@pytest.mark.parametrize("layout", ["HW", "HWC", "HW1", "CHW", "1HW", "HWC fortran"])
def test_pixels(tmp_path: Path, kind: str, layout: str) -> None:
    dtype, scale, said = SCALES[kind]
    grey = layout in {"HW", "HW1", "1HW"}
    originals = [picture(seed, 1 if grey else 3) for seed in range(3)]
    low = {"int16 hounsfield": -1024, "float16 -1…1": -1}.get(kind, 0)
    whole = np.dtype(dtype).kind in "ui"
    stored = [(np.rint(o * scale) if whole else o * scale) + low for o in originals]
    arranged = {
        "HW": lambda a: a[..., 0], "CHW": lambda a: a.transpose(2, 0, 1), "1HW": lambda a: a.transpose(2, 0, 1),
        "HWC fortran": np.asfortranarray,
    }.get(layout, lambda a: a)  # fmt: skip
    root = put(tmp_path / "images", [arranged(values).astype(dtype) for values in stored])
    got = shown(root)
    wanted = np.repeat(originals[0], 3, axis=2) if grey else originals[0]
    assert np.abs(got.astype(int) - wanted).max() <= (1 if kind.startswith("float16") else 0)
    if said:
        assert any(said in note for note in open_images(str(root)).audit["pixels"])


def test_as_a_tiff_of_the_same_values(tmp_path: Path) -> None:
    """The range is that of the set, by the same rule as of any other file."""
    values = [(picture(seed, 1)[..., 0] * 9).astype(np.uint16) for seed in range(3)]
    (tmp_path / "tiff").mkdir()
    for number, value in enumerate(values):
        Image.fromarray(value).save(tmp_path / "tiff" / f"{number}.tif")
    root = put(tmp_path / "npy", values)
    assert (shown(root, 1) == shown(tmp_path / "tiff", 1)).all()
    narrow = Reading(range=(0.0, 1000.0))
    assert (shown(root, 1, reading=narrow) == shown(tmp_path / "tiff", 1, reading=narrow)).all()


def test_many_bands_and_several_pictures(tmp_path: Path) -> None:
    cube = picture(0, 8).astype(np.uint8)
    root = put(tmp_path / "bands", [cube.transpose(2, 0, 1), picture(1, 8).astype(np.uint8).transpose(2, 0, 1)])
    assert (shown(root, channels=8) == cube).all()
    assert (shown(root, reading=Reading(bands=(8, 2, 1))) == cube[..., [7, 1, 0]]).all()
    with pytest.raises(DataError, match="has 8 bands and the network takes 3; name those to show with --bands"):
        open_images(str(root))
    stack = np.stack([picture(seed) for seed in range(5)]).astype(np.uint8)
    root = put(tmp_path / "stack", [stack, stack[::-1] // 2])
    assert any("--pages all" in note for note in open_images(str(root)).audit["pixels"])
    every = open_images(str(root), reading=Reading(pages="all"))
    assert len(every) == 10
    assert (np.asarray(every.open(3)) == stack[3]).all()


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("objects", np.array([{"a": 1}, None], dtype=object), "Python objects"),
        ("complex", np.zeros((4, 4), complex), "array of complex128"),
        ("text", np.array([["a", "b"]]), "a picture is integers or floating-point"),
        ("labels", np.arange(9), "an array of shape 9; a picture is"),
        ("five axes", np.zeros((1, 1, 2, 2, 2)), "an array of shape 1×1×2×2×2"),
        ("nothing", np.zeros((0, 5)), "an array of shape 0×5"),
        ("cut", b"\x93NUMPY\x01\x00", "the header of the array cannot be read"),
        ("short", None, "the file ends before the 12×9×3 values"),
    ],
)
def test_what_is_no_picture_is_left_out_with_its_reason(tmp_path: Path, name: str, content: Any, reason: str) -> None:
    root = put(tmp_path / "images", [picture(seed).astype(np.uint8) for seed in range(4)])
    odd = root / "odd.npy"
    if content is None:
        odd.write_bytes((root / "0.npy").read_bytes()[:200])
    elif isinstance(content, bytes):
        odd.write_bytes(content)
    else:
        np.save(odd, content, allow_pickle=True)
    images = open_images(str(root))
    assert len(images) == 4
    ((left_out, why),) = images.audit["broken"]
    assert left_out == "odd.npy"
    assert reason in why


def test_a_claimed_size_costs_no_memory(tmp_path: Path) -> None:
    header = b"{'descr': '|u1', 'fortran_order': False, 'shape': (1000000, 1000000, 3), }"
    header += b" " * (117 - len(header)) + b"\n"
    root = put(tmp_path / "images", [picture(seed).astype(np.uint8) for seed in range(2)])
    (root / "bomb.npy").write_bytes(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header)
    assert "are not read" in open_images(str(root)).audit["broken"][0][1]


def test_arrays_beside_images_are_no_images(tmp_path: Path) -> None:
    """Labels, features and depth maps lie about as arrays; a set keeps its images and its fingerprint."""
    root = tmp_path / "photos"
    root.mkdir()
    for seed in range(6):
        Image.fromarray(picture(seed).astype(np.uint8)).save(root / f"{seed}.png")
    before = open_images(str(root))
    np.save(root / "features.npy", np.zeros((6, 128)))
    put(tmp_path / "photos" / "depth", [np.ones((12, 9), np.uint16)] * 4)
    after = open_images(str(root))
    assert (after.fingerprint, len(after)) == (before.fingerprint, 6)
    assert "5 arrays (.npy) beside the images not read." in after.audit["notes"]


def tables(root: Path, **shapes: tuple[int, ...]) -> Path:
    root.mkdir()
    for name, shape in shapes.items():
        np.save(root / f"{name}.npy", np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8))
    return root


@pytest.mark.parametrize(
    ("shapes", "reason"),
    [
        ({"images": (90, 3072)}, r"if its rows are pictures \(3,072 = 32×32×3\), write each as PNG"),
        ({"images": (90, 784)}, r"if its rows are pictures \(784 = 28×28\)"),
        ({"x_train": (90, 3072), "x_test": (40, 3072)}, r"each of the 2 arrays there would be one grey picture"),
        ({"features": (300, 500)}, "features have no pixels: give the images that they were made from"),
        ({"epoch1": (600, 64), "epoch2": (600, 64)}, "features|rows are pictures"),
        ({"train": (300, 500), "test": (100, 500)}, "features have no pixels"),
        ({f"part{n}": (100 if n < 4 else 60, 3072) for n in range(5)}, "3,072 = 32×32×3"),
        ({f"{n}": (1, 512) for n in range(5)}, "an array of shape 1×512: rows of numbers, no picture"),
        ({"mnist": (600, 28, 28)}, r"600 pictures of 28×28 without a channel axis\? Save them as N×H×W×1"),
        ({"a": (5000, 48, 32)}, "5,000 pictures of 48×32 without a channel axis"),
    ],
    ids=str,
)  # fmt: skip
def test_tables_are_no_pictures(tmp_path: Path, shapes: dict[str, tuple[int, ...]], reason: str) -> None:
    """Features and flattened sets were one grey picture a file."""
    with pytest.raises(DataError, match=reason):
        open_images(str(tables(tmp_path / "data", **shapes)))


def test_many_tables_are_read_with_a_note_and_pictures_without(tmp_path: Path) -> None:
    """Where the set is large enough to be one, it stays the user's."""
    root = tables(tmp_path / "shards", **{f"s{n}": (40, 192) for n in range(32)})
    assert any("was read as one grey picture" in note for note in open_images(str(root)).audit["notes"])
    root = tables(tmp_path / "pictures", **{f"s{n}": (40, 48) for n in range(32)})
    assert not any("grey picture" in note for note in open_images(str(root)).audit["notes"])
    root = tables(tmp_path / "spectra", **{f"s{n}": (8, 90 + n) for n in range(32)})
    assert len(open_images(str(root))) == 32


def test_the_advice_on_flattened_pictures_works(tmp_path: Path) -> None:
    root = put(tmp_path / "flat", [np.stack([picture(n).astype(np.uint8)[:9].ravel() for n in range(8)])])
    flat = np.load(root / "0.npy")
    (tmp_path / "png").mkdir()
    for number, row in enumerate(flat):
        Image.fromarray(row.reshape(9, 9, 3)).save(tmp_path / "png" / f"{number}.png")
    assert (shown(tmp_path / "png", 3) == picture(3)[:9]).all()
    stack = np.stack([picture(n, 1)[..., 0] for n in range(40)]).astype(np.uint8)
    root = put(tmp_path / "stack", [stack[..., None]])
    assert (shown(root, 7, reading=Reading(pages="all"))[..., 0] == stack[7]).all()


def test_few_pictures_that_look_like_tables_are_told_what_to_become(tmp_path: Path) -> None:
    values = [np.random.default_rng(n).random((48, 64)).astype(np.float32) for n in range(5)]
    with pytest.raises(DataError, match="if each is a picture, write it as PNG, or as TIFF"):
        open_images(str(put(tmp_path / "npy", values)))
    (tmp_path / "tiff").mkdir()
    for number, value in enumerate(values):
        Image.fromarray(value).save(tmp_path / "tiff" / f"{number}.tif")
    assert (shown(tmp_path / "tiff", 2)[..., 0] == np.rint(values[2] * 255)).all()


def test_an_npz_is_told_what_to_become(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    stack = np.stack([picture(n) for n in range(6)]).astype(np.uint8)
    np.savez(tmp_path / "data" / "set.npz", x=stack)
    for path in (tmp_path / "data", tmp_path / "data" / "set.npz"):
        with pytest.raises(DataError, match=r"NumPy archives: save each array in it by itself"):
            open_images(str(path))
    (tmp_path / "apart").mkdir()
    np.save(tmp_path / "apart" / "images.npy", np.load(tmp_path / "data" / "set.npz")["x"])
    assert (shown(tmp_path / "apart", 4, reading=Reading(pages="all")) == stack[4]).all()
