"""What people bring as pixels is read right, or said with the option that mends it. Ids name the public question."""

import io
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from swaveval.data import DataError, decode, default_transform, open_images, reading_from
from tests.field import campaign
from tests.field.campaign_pixels import trials


def test_layout_campaign_of_pixels() -> None:
    """186 forms of one set: none silently wrong."""
    found = campaign.run(trials())
    assert len(found) >= 80
    assert campaign.wrong(found) == []


def _folder(root: Path, images: dict[str, np.ndarray]) -> Path:
    for name, values in images.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        if name.endswith(".tif"):
            kind = "rgb" if values.ndim == 3 and values.shape[2] == 3 else "minisblack"
            contig = {"planarconfig": "contig"} if values.ndim == 3 else {}
            tifffile.imwrite(root / name, values, photometric=kind, **contig)
        else:
            Image.fromarray(values).save(root / name)
    return root


def test_12_bit_x_rays_in_16_bit_png(tmp_path: Path) -> None:
    """yolov5#8481: 0 … 4095 in 16 bits were shown as 0 … 15 of 255."""
    chance = np.random.default_rng(0)
    rays = {f"{n}.png": chance.integers(0, 4096, (16, 16), dtype=np.uint16) for n in range(6)}
    images = open_images(str(_folder(tmp_path / "x", rays)))
    for position, values in enumerate(rays.values()):
        np.testing.assert_array_equal(np.asarray(images.open(position))[..., 0], np.rint(values / 4095 * 255))
    (note,) = images.audit["pixels"]
    assert "6 of 6 images have more than 8 bits" in note
    assert "0 … 4,095" in note
    assert "--range LOW:HIGH" in note
    assert images.reading.words() == {"range": "0:4095"}


def test_the_same_range_for_all_images_of_the_set(tmp_path: Path) -> None:
    """One range over the set: an image twice as bright stays twice as bright."""
    ramp = np.linspace(0, 2000, 256).reshape(16, 16).astype(np.uint16)
    images = open_images(str(_folder(tmp_path / "x", {"dark.png": ramp, "light.png": 2 * ramp})))
    dark, light = (np.asarray(images.open(position)).astype(int) for position in (0, 1))
    assert np.abs(light - 2 * dark).max() <= 1


def test_reflectance_in_rgb_and_thirteen_bands(tmp_path: Path) -> None:
    """lightly#1780: uint16 reflectance had 10 grey levels; 13 interleaved bands "string index out of range"."""
    chance = np.random.default_rng(1)
    colour = {f"{n}.tif": chance.integers(0, 10_001, (16, 16, 3), dtype=np.uint16) for n in range(4)}
    images = open_images(str(_folder(tmp_path / "rgb", colour)))
    np.testing.assert_array_equal(np.asarray(images.open(0)), np.rint(colour["0.tif"] * (255 / 10_000)))

    many = {f"{n}.tif": chance.integers(0, 10_001, (16, 16, 13), dtype=np.uint16) for n in range(4)}
    root = str(_folder(tmp_path / "many", many))
    with pytest.raises(DataError, match=r"13 bands and the network takes 3.*--bands"):
        open_images(root)
    with pytest.raises(DataError, match=r"--bands names 2 bands.* takes 3"):
        open_images(root, reading=reading_from(bands="4,3"), channels=3)
    chosen = open_images(root, reading=reading_from(bands="4,3,2"))
    np.testing.assert_array_equal(np.asarray(chosen.open(1)), np.rint(many["1.tif"][..., [3, 2, 1]] * (255 / 10_000)))
    whole = open_images(root, channels=13)
    pixels = decode(whole, default_transform(whole))
    assert pixels.shape == (4, 32, 32, 13)
    assert len({images.fingerprint, chosen.fingerprint, whole.fingerprint}) == 3


def test_ten_pages(tmp_path: Path) -> None:
    """tifffile#30: the first of ten pages was read without a word."""
    chance = np.random.default_rng(2)
    stacks = [chance.integers(0, 256, (10, 16, 16), dtype=np.uint8) for _ in range(3)]
    (tmp_path / "x").mkdir()
    for number, stack in enumerate(stacks):
        tifffile.imwrite(tmp_path / "x" / f"{number}.tif", stack, photometric="minisblack")
    first = open_images(str(tmp_path / "x"))
    assert len(first) == 3
    assert "3 files of 3 hold more than one picture (30 in all)" in first.audit["pixels"][0]
    every = open_images(str(tmp_path / "x"), reading=reading_from(pages="all"))
    assert every.files[:2] == ("0.tif[1]", "0.tif[2]")
    np.testing.assert_array_equal(np.asarray(every.open(13))[..., 0], stacks[1][3])
    sides = {file.split("[")[0]: set() for file in every.files}
    for file, test in zip(every.files, every.is_test.tolist(), strict=True):
        sides[file.split("[")[0]].add(test)
    assert all(len(side) == 1 for side in sides.values()), "pages of one file stay on one side"
    with pytest.raises(DataError, match="has 10 pages, and --pages asks for page 11"):
        open_images(str(tmp_path / "x"), reading=reading_from(pages="11"))


def test_cut_outs_as_training_saw_them(tmp_path: Path) -> None:
    """lightly#1117: RGBA cut-outs; the loaders of training drop transparency, white was composited here."""
    image = Image.new("RGBA", (16, 16), (90, 120, 30, 0))
    image.paste((200, 10, 10, 255), (4, 4, 12, 12))
    (tmp_path / "x").mkdir()
    for name in ("a.png", "b.png", "c.png"):
        image.save(tmp_path / "x" / name)
    images = open_images(str(tmp_path / "x"))
    np.testing.assert_array_equal(np.asarray(images.open(0)), np.asarray(image.convert("RGB")))
    (note,) = images.audit["pixels"]
    assert "3 of 3 images are transparent in places" in note
    white = open_images(str(tmp_path / "x"), reading=reading_from(alpha="white"))
    assert white.open(0).getpixel((0, 0)) == (255, 255, 255)  # type: ignore[union-attr]
    assert white.audit["pixels"] == []
    assert white.fingerprint != images.fingerprint


def test_ordinary_images_keep_their_fingerprint(tmp_path: Path) -> None:
    """As computed before pixels had options: results stored then stay valid."""
    for name, level in (("a/1.png", 10), ("a/2.png", 250), ("b/1.png", 90), ("b/2.png", 160)):
        (tmp_path / "x" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "x" / name).write_bytes(b"P6 8 8 255\n" + bytes([level]) * 192)
    images = open_images(str(tmp_path / "x"))
    assert images.audit["pixels"] == []
    assert images.fingerprint == FINGERPRINT
    legacy = open_images(str(tmp_path / "x"), reading=reading_from(range="full", alpha="white", exif="apply"))
    assert legacy.fingerprint == FINGERPRINT


FINGERPRINT = "9010d417840c6c305471b40366d011e593613aa069dc68e3e24746c054750ae3"


def test_metadata_of_two_megabytes(tmp_path: Path) -> None:
    """A PNG whose text exceeds Pillow's limit was left out though its pixels are fine."""
    from PIL import PngImagePlugin

    text = PngImagePlugin.PngInfo()
    text.add_text("comment", "x" * 2_000_000, zip=True)
    (tmp_path / "x").mkdir()
    for level in (10, 200):
        buffer = io.BytesIO()
        Image.new("RGB", (9, 9), (level, 0, 0)).save(buffer, "PNG", pnginfo=text)
        (tmp_path / "x" / f"{level}.png").write_bytes(buffer.getvalue())
    images = open_images(str(tmp_path / "x"))
    assert images.audit["broken"] == []
    assert images.open(1).getpixel((0, 0)) == (200, 0, 0)  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "words, said",
    [
        ({"range": "4095"}, "--range takes LOW:HIGH"),
        ({"range": "9:3"}, "--range takes LOW:HIGH"),
        ({"range": "0:nan"}, "--range takes LOW:HIGH"),
        ({"bands": "0,1"}, "--bands takes one-based"),
        ({"bands": "red"}, "--bands takes one-based"),
        ({"pages": "none"}, "--pages takes"),
        ({"alpha": "grey"}, "--alpha takes"),
        ({"exif": "yes"}, "--exif takes"),
    ],
)
def test_options_that_say_nothing(words: dict[str, str], said: str) -> None:
    with pytest.raises(DataError, match=said):
        reading_from(**words)


@pytest.mark.parametrize(
    "words",
    [{}, {"range": "0:4095"}, {"range": "-0.25:1.5"}, {"range": "full", "alpha": "white", "exif": "apply"},
     {"bands": "4,3,2", "pages": "all"}, {"pages": "3"}],
)  # fmt: skip
def test_words_come_back_as_they_were_said(words: dict[str, str]) -> None:
    assert reading_from(**words).words() == words
