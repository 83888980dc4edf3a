"""TIFF whose least value is white: turned round for any depth, by one rule."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from swaveval.data import open_images
from swaveval.data.reading import Reading

Array = np.ndarray[Any, np.dtype[Any]]

# Stored values from 0 to the full scale of each kind, and what one step of 255 is.
KINDS = {
    "8 bits": (np.uint8, 1), "12 of 16 bits": (np.uint16, 4095 / 255), "16 bits": (np.uint16, 257),
    "32 bits": (np.uint32, 257), "float 0…1": (np.float32, 1 / 255),
}  # fmt: skip


def levels(seed: int) -> Array:
    values = np.random.default_rng(seed).integers(0, 256, (12, 9))
    values[0, 0], values[0, 1] = 0, 255
    return values


def write(root: Path, kind: str, photometric: str, **how: Any) -> Path:
    root.mkdir()
    dtype, step = KINDS[kind]
    for seed in range(3):
        stored = levels(seed) * step
        stored = stored.astype(dtype) if dtype is np.float32 else np.rint(stored).astype(dtype)
        tifffile.imwrite(root / f"{seed}.tif", stored, photometric=photometric, **how)
    return root


def shown(root: Path, position: int = 1, **how: Any) -> Array:
    return np.asarray(open_images(str(root), **how).open(position))[..., 0]


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("kind", KINDS)
def test_every_depth_is_turned_round_as_pillow_does_with_eight_bits(tmp_path: Path, kind: str, order: str) -> None:
    inverted = write(tmp_path / "inverted", kind, "miniswhite", byteorder=order)
    plain = write(tmp_path / "plain", kind, "minisblack", byteorder=order)
    assert (shown(plain) == levels(1)).all()
    assert (shown(inverted) == 255 - levels(1)).all()
    said = any("WhiteIsZero" in note for note in open_images(str(inverted)).audit["pixels"])
    assert said is (kind != "8 bits")
    if kind == "8 bits":
        assert (np.asarray(Image.open(inverted / "1.tif").convert("RGB"))[..., 0] == 255 - levels(1)).all()
    assert not any("WhiteIsZero" in note for note in open_images(str(plain)).audit["pixels"])


def test_ranges_and_missing_values(tmp_path: Path) -> None:
    """The range is of the stored values; a missing one stays black."""
    root = write(tmp_path / "images", "16 bits", "miniswhite", extratags=[(42113, "s", 0, "0", True)])
    assert shown(root)[0, 0] == 0
    assert (shown(root)[levels(1) > 0] == 255 - levels(1)[levels(1) > 0]).all()
    half = shown(root, reading=Reading(range=(0.0, 128 * 257.0)))
    assert (half[levels(1) >= 128] == 0).all()


def test_ordinary_sets_keep_their_fingerprint(tmp_path: Path) -> None:
    """The digest over names, contents, labels and split alone, as the first versions made it."""
    import hashlib
    import json

    for kind, photometric in (("8 bits", "miniswhite"), ("16 bits", "minisblack"), ("8 bits", "minisblack")):
        images = open_images(str(write(tmp_path / f"{kind} {photometric}", kind, photometric)))
        state = hashlib.sha256(b"swaveval images 1\n")
        for file, content, test in zip(images.files, images.contents, images.is_test.tolist(), strict=True):
            state.update(json.dumps([file, content, None, test]).encode() + b"\n")
        assert images.fingerprint == state.hexdigest()
    root = write(tmp_path / "turned", "16 bits", "miniswhite")
    images = open_images(str(root))
    assert images.fingerprint != state.hexdigest()
