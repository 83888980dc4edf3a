"""Exports and label files of well-known tools and sets, beside the cases of test_labels.py: each read right or told."""

import json
from pathlib import Path

import numpy as np
import pytest

from swaveval.data import DataError, ImageSet, open_images
from tests.field.brought import picture


def put(directory: Path, *names: str) -> Path:
    for number, name in enumerate(names):
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(picture(number + sum(map(ord, directory.name)) % 50, path.suffix))
    return directory


def table(path: Path, *lines: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def read(directory: Path, labels: Path | None = None) -> tuple[ImageSet, dict[str, str | None]]:
    images = open_images(str(directory), labels=labels)
    if images.labels is None:
        return images, dict.fromkeys(images.files)
    found = (images.class_names[label] if label >= 0 else None for label in images.labels.tolist())
    return images, dict(zip(images.files, found, strict=True))


NUMBERS = range(12)
FLAT = [f"im{n}.png" for n in NUMBERS]
TWO = {name: "ab"[n % 2] for n, name in enumerate(FLAT)}


def test_what_systems_and_tools_leave_is_no_class(tmp_path: Path) -> None:
    photos = put(tmp_path / "photos", *(f"{kind}/{n}.png" for kind in ("cat", "dog") for n in range(6)))
    junk = ("__MACOSX/cat/._0.png", ".ipynb_checkpoints/0-checkpoint.png", "cat/.ipynb_checkpoints/1-checkpoint.png",
            "cat/._1.png", "@eaDir/0.png/SYNOPHOTO_THUMB_S.png", "$RECYCLE.BIN/S-1-5/1.png", "lost+found/1.png",
            "System Volume Information/1.png", "#recycle/cat/1.png")  # fmt: skip
    put(photos, *junk)
    images, _ = read(photos)
    assert (len(images), images.class_names) == (12, ("cat", "dog"))


def test_hugging_face_folders_and_their_metadata(tmp_path: Path) -> None:
    """`train/metadata.csv` names its images from its own folder."""
    photos = put(tmp_path / "photos", *(f"{side}/{n}.png" for side in ("train", "test") for n in range(8)))
    lines = [f"{n}.png,{'ab'[n % 2]}" for n in range(8)]
    path = table(photos / "train" / "metadata.csv", "file_name,label", *lines)
    _, labels = read(photos, path)
    assert labels == {f"test/{n}.png": None for n in range(8)} | {f"train/{n}.png": "ab"[n % 2] for n in range(8)}
    bare, _ = read(photos)
    assert "metadata.csv in train/ was not used; give it with --labels for labels." in bare.audit["notes"]
    flat = put(tmp_path / "flat", *FLAT)
    records = [json.dumps({"file_name": name, "label": label}) for name, label in TWO.items()]
    assert read(flat, table(flat / "metadata.jsonl", *records))[1] == TWO


def test_cub_and_its_numbers(tmp_path: Path) -> None:
    names = [f"{kind}/{n}.png" for kind in ("001.Albatross", "002.Auklet") for n in range(8)]
    cub = put(tmp_path / "cub", *(f"images/{name}" for name in names))
    table(cub / "images.txt", *(f"{n} {name}" for n, name in enumerate(names, 1)))
    classes = table(cub / "image_class_labels.txt", *(f"{n} {int(name[:3])}" for n, name in enumerate(names, 1)))
    _, labels = read(cub, classes)
    assert labels == {f"images/{name}": str(int(name[:3])) for name in names}
    (cub / "images.txt").unlink()
    with pytest.raises(DataError, match=r"by the numbers of images\.txt, which is not beside it"):
        open_images(str(cub), labels=classes)


def test_celeba(tmp_path: Path) -> None:
    """A count, a header one column short, cells of -1 and 1."""
    photos = put(tmp_path / "photos", *FLAT)
    values = [f"{name}  {1 if n % 2 else -1}  {-1 if n % 2 else 1}" for n, name in enumerate(FLAT)]
    _, labels = read(photos, table(tmp_path / "list_attr_celeba.txt", "12", "Smiling Male", *values))
    assert labels == {name: "Smiling" if n % 2 else "Male" for n, name in enumerate(FLAT)}


@pytest.mark.parametrize(
    ("header", "row"),
    [
        ("", "{name},{label}"),
        ("Datei;Klasse", "{name};{label}"),
        (",id,breed", "{n},{stem},{label}"),
        ("label,file", "{label},{name}"),
        ("filename, a, b", "{name}, {is_a}, {is_b}"),
        ("image,a,b", "{stem},{is_a}.0,{is_b}.0"),
        ("filename,width,height,class,xmin,ymin", "{name},8,8,{label},1,1"),
        ('"path","class"', '"C:\\data\\{name}","{label}"'),
    ],
)
def test_tables(header: str, row: str, tmp_path: Path) -> None:
    photos = put(tmp_path / "photos", *FLAT)
    rows = [
        row.format(n=n, name=name, stem=name[:-4], label=TWO[name], is_a=int(TWO[name] == "a"), is_b=n % 2)
        for n, name in enumerate(FLAT)
    ]
    assert read(photos, table(tmp_path / "t.csv", *[header] * bool(header), *rows))[1] == TWO


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"PK\x03\x04xl", "a spreadsheet or an archive"),
        (b"PAR1", "a Parquet file"),
        (b"<annotations>", "XML"),
        (b'<?xml version="1.0"?><a/>', "XML"),
        (b"\x80\x04\x95", "a pickle, which is never loaded"),
        (b"\x93NUMPY\x01\x00", "a NumPy array"),
        (b"\xd0\xcf\x11\xe0\xa1", "an Excel workbook"),
    ],
)
def test_what_is_no_table_is_named(content: bytes, words: str, tmp_path: Path) -> None:
    photos = put(tmp_path / "photos", *FLAT)
    (tmp_path / "labels.bin").write_bytes(content)
    with pytest.raises(DataError, match=words) as refused:
        open_images(str(photos), labels=tmp_path / "labels.bin")
    assert "write it as a CSV file" in str(refused.value)


def test_tiny_imagenet(tmp_path: Path) -> None:
    """`val/images/` and `test/images/` are no class beside the wnids of `train/`."""
    kinds = ("n01443537", "n01629819")
    photos = put(
        tmp_path / "tiny", *(f"train/{kind}/images/{kind}_{n}.png" for kind in kinds for n in range(6)),
        *(f"{side}/images/{side}_{n}.png" for side in ("val", "test") for n in range(6)),
    )  # fmt: skip
    table(photos / "val" / "val_annotations.txt", *(f"val_{n}.png\t{kinds[n % 2]}\t0\t0\t9\t9" for n in range(6)))
    images, labels = read(photos)
    assert labels == {f"train/{kind}/images/{kind}_{n}.png": kind for kind in kinds for n in range(6)}
    assert "12 images in test, validation without class folders left out." in images.audit["notes"]
    of_folders = labels
    _, labels = read(photos, photos / "val" / "val_annotations.txt")
    assert {name: label for name, label in labels.items() if label} == of_folders | {
        f"val/images/val_{n}.png": kinds[n % 2] for n in range(6)
    }


def test_boxes_beside_images_are_no_labels(tmp_path: Path) -> None:
    """YOLO's `labels/*.txt`, LabelMe's `*.json`: Roboflow's splits are kept."""
    names = [f"{side}/images/{side}{n}.png" for side in ("train", "valid", "test") for n in range(6)]
    photos = put(tmp_path / "yolo", *names)
    for name in names:
        table(photos / name.replace("images", "labels").replace(".png", ".txt"), "0 .5 .5 .1 .1")
    images, labels = read(photos)
    assert set(labels.values()) == {None}
    assert len(images) == 18
    assert [name for name, test in zip(images.files, images.is_test, strict=True) if test] == sorted(names[12:])
    sides = ("train", "valid", "test")
    classes = put(tmp_path / "classes", *(f"{s}/{k}/{n}.png" for s in sides for k in ("cat", "dog") for n in "1234"))
    images, _ = read(classes)
    assert images.class_names == ("cat", "dog")
    assert np.flatnonzero(images.is_test).size == 8


@pytest.mark.parametrize(
    ("suffix", "advice"),
    [
        (".dcm", "medical volumes: write each picture"), (".nii.gz", "medical volumes"), (".npz", "NumPy archives"),
        (".h5", "arrays"), (".svs", "whole slides: cut tiles"), (".nef", "camera raw"), (".mp4", "write their frames"),
        (".tar", "archives: unpack them"), (".parquet", "packed by another program"), (".svg", "drawings"),
    ],
)  # fmt: skip
def test_what_is_not_read_is_told_what_to_become(suffix: str, advice: str, tmp_path: Path) -> None:
    for number in range(3):
        (tmp_path / f"{number}{suffix}").write_bytes(b"x" * 100)
    with pytest.raises(DataError, match=advice):
        open_images(str(tmp_path))


def test_heic_and_one_file_of_many_pictures(tmp_path: Path) -> None:
    (tmp_path / "h").mkdir()
    (tmp_path / "h" / "1.heic").write_bytes(b"\0\0\0\x18ftypheic" + bytes(99))
    with pytest.raises(DataError, match="HEIC, which is not read here; convert it to JPEG or PNG"):
        open_images(str(tmp_path / "h"))
    (tmp_path / "n").mkdir()
    np.save(tmp_path / "n" / "all.npy", np.random.default_rng(0).integers(0, 256, (30, 8, 8, 3), dtype=np.uint8))
    with pytest.raises(DataError, match="it holds 30 pictures: --pages all makes each an image"):
        open_images(str(tmp_path / "n"))
