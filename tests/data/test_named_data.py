"""Data sets by name: the embedded digits, and torchvision's own code against a local server."""

import hashlib
import http.server
import io
import pickle
import socket
import tarfile
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits
from torchvision import datasets

from swaveval.data import DataError, default_transform, open_images
from swaveval.data.named import TORCHVISION


def test_digits() -> None:
    images = open_images("digits")
    assert (len(images), images.audit["n_train"], images.audit["n_test"]) == (1797, 1347, 450)
    assert images.class_names == tuple("0123456789")
    assert images.labels is not None
    np.testing.assert_array_equal(images.labels, load_digits().target)
    assert images.files[1] == "digits/0001"
    assert default_transform(images).size == 32
    assert images.open(0).mode == "RGB"


def test_digits_are_enlarged_from_their_grey_levels() -> None:
    found = np.asarray(open_images("digits").open(7))[..., 0]
    levels = np.rint(load_digits().images[7] * 255 / 16).astype(np.uint8)
    expected = np.asarray(Image.fromarray(levels).resize((32, 32), Image.Resampling.BILINEAR))
    np.testing.assert_array_equal(found, expected)


def test_digits_are_the_same_every_time_and_split_by_seed() -> None:
    first, again, other = open_images("digits"), open_images("digits"), open_images("digits", seed=1)
    assert first.fingerprint == again.fingerprint != other.fingerprint
    assert other.audit["n_test"] == 450


def test_a_directory_called_digits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for number in range(3):
        Path("digits").mkdir(exist_ok=True)
        Image.new("RGB", (4, 4), (number, 0, 0)).save(f"digits/{number}.png")
    assert "write ./digits for the directory" in open_images("digits").audit["notes"][0]
    assert len(open_images("./digits")) == 3


def test_every_name_is_a_torchvision_class() -> None:
    for source in TORCHVISION.values():
        assert issubclass(getattr(datasets, source.class_name), datasets.VisionDataset)


def cifar_archive(rng: np.random.Generator) -> tuple[bytes, list[list[str]], dict[str, str], np.ndarray]:
    """An archive laid out like CIFAR-10's, its MD5 list, its meta entry, and the images of its first batch."""
    members: dict[str, bytes] = {}
    first = np.empty(0)
    for name in [f"data_batch_{number}" for number in range(1, 6)] + ["test_batch"]:
        data = rng.integers(0, 256, (20, 3072), dtype=np.uint8)
        first = data if name == "data_batch_1" else first
        members[name] = pickle.dumps({"data": data, "labels": [number % 10 for number in range(20)]})
    members["batches.meta"] = pickle.dumps({"label_names": [f"class {number}" for number in range(10)]})
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in members.items():
            entry = tarfile.TarInfo(f"cifar-10-batches-py/{name}")
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    sums = {name: hashlib.md5(content).hexdigest() for name, content in members.items()}
    meta = {"filename": "batches.meta", "key": "label_names", "md5": sums["batches.meta"]}
    return buffer.getvalue(), [[name, md5] for name, md5 in sums.items() if name != "batches.meta"], meta, first


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *arguments: Any) -> None:
        """Say nothing."""


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Path, np.ndarray]]:
    """torchvision's CIFAR10 pointed at a local server with a small archive of the same layout and honest MD5 sums."""
    content, sums, meta, first = cifar_archive(np.random.default_rng(0))
    directory = tmp_path / "www"
    directory.mkdir()
    (directory / "cifar.tar.gz").write_bytes(content)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(directory)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    for name in ("http_proxy", "HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(datasets.CIFAR10, "url", f"http://127.0.0.1:{server.server_port}/cifar.tar.gz")
    monkeypatch.setattr(datasets.CIFAR10, "filename", "cifar.tar.gz")
    monkeypatch.setattr(datasets.CIFAR10, "tgz_md5", hashlib.md5(content).hexdigest())
    monkeypatch.setattr(datasets.CIFAR10, "train_list", sums[:5])
    monkeypatch.setattr(datasets.CIFAR10, "test_list", sums[5:])
    monkeypatch.setattr(datasets.CIFAR10, "meta", meta)
    yield directory, first
    server.shutdown()
    server.server_close()
    thread.join()


def test_download_once(
    served: tuple[Path, np.ndarray], own_cache: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    images = open_images("cifar10")
    assert (len(images), images.audit["n_train"], images.audit["n_test"]) == (120, 100, 20)
    assert images.split_origin == "given by the data set: train and test"
    assert images.class_names[3] == "class 3"
    np.testing.assert_array_equal(np.asarray(images.open(2)), served[1][2].reshape(3, 32, 32).transpose(1, 2, 0))
    assert capfd.readouterr().out == ""
    assert (own_cache / "datasets" / "cifar10" / "cifar-10-batches-py" / "test_batch").is_file()
    (served[0] / "cifar.tar.gz").unlink()
    assert open_images("cifar10").fingerprint == images.fingerprint


def test_a_damaged_download_is_refused(served: tuple[Path, np.ndarray]) -> None:
    archive = served[0] / "cifar.tar.gz"
    whole = archive.read_bytes()
    content = bytearray(whole)
    content[len(content) // 2] ^= 1
    archive.write_bytes(bytes(content))
    with pytest.raises(DataError, match=r"cifar10 is not in .* and could not be downloaded"):
        open_images("cifar10")
    archive.write_bytes(whole)
    assert len(open_images("cifar10")) == 120  # what the first try left is no obstacle


def test_no_network_is_one_sentence(served: tuple[Path, np.ndarray], monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        closed = unused.getsockname()[1]
    monkeypatch.setattr(datasets.CIFAR10, "url", f"http://127.0.0.1:{closed}/cifar.tar.gz")
    with pytest.raises(
        DataError, match=r"could not be downloaded .*; connect to the network, put the files there"
    ) as error:
        open_images("cifar10")
    assert "\n" not in str(error.value)


def test_a_directory_wins_over_a_download(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for number in range(3):
        Path("cifar10").mkdir(exist_ok=True)
        Image.new("RGB", (4, 4), (number, 0, 0)).save(f"cifar10/{number}.png")
    assert len(open_images("cifar10")) == 3


@pytest.fixture
def kept(served: tuple[Path, np.ndarray], tmp_path: Path) -> Path:
    """A directory in which torchvision keeps CIFAR-10, as its own class wrote it."""
    datasets.CIFAR10(str(tmp_path / "data"), download=True)
    (served[0] / "cifar.tar.gz").unlink()
    return tmp_path / "data"


@pytest.mark.parametrize("place", [".", "cifar-10-batches-py"])
def test_what_torchvision_keeps_is_read_where_it_lies(kept: Path, place: str, own_cache: Path) -> None:
    images = open_images(str(kept / place))
    assert (len(images), images.audit["n_train"], images.name) == (120, 100, "cifar10")
    assert images.class_names[3] == "class 3"
    assert not (own_cache / "datasets").exists()
    assert images.audit["notes"] == []
    # As by its name: results of one are results of the other.
    kept.rename(own_cache / "moved")
    (own_cache / "datasets").mkdir()
    (own_cache / "moved").rename(own_cache / "datasets" / "cifar10")
    assert open_images("cifar10").fingerprint == images.fingerprint


def test_its_labels_are_its_own(kept: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"brings its own labels; leave the label file out$"):
        open_images(str(kept), labels=tmp_path / "labels.csv")
    assert open_images(str(kept), labels=Path("none")).labels is None


def test_what_is_damaged_is_not_read(kept: Path) -> None:
    batch = kept / "cifar-10-batches-py" / "data_batch_3"
    batch.write_bytes(batch.read_bytes()[:-1])
    with pytest.raises(DataError, match=r"the files of cifar10 in .* are not whole .* --data cifar10 downloads it"):
        open_images(str(kept))


def test_images_beside_it_are_what_was_meant(kept: Path) -> None:
    for number in range(3):
        Image.new("RGB", (4, 4), (number, 0, 0)).save(kept / f"{number}.png")
    assert len(open_images(str(kept))) == 3


def test_of_several_none_is_guessed(kept: Path) -> None:
    raw = kept / "MNIST" / "raw"
    raw.mkdir(parents=True)
    (raw / "train-images-idx3-ubyte.gz").write_bytes(b"")
    with pytest.raises(DataError, match=r"holds the data sets cifar10, mnist .* such as .*/data/MNIST"):
        open_images(str(kept))
    assert len(open_images(str(kept / "cifar-10-batches-py"))) == 120


@pytest.mark.parametrize("name", ["MNIST", "FashionMNIST", "KMNIST"])
@pytest.mark.parametrize("place", [".", "{}", "{}/raw"])
def test_idx_files_as_torchvision_keeps_them(name: str, place: str, tmp_path: Path) -> None:
    draw, raw = np.random.default_rng(0), tmp_path / name / "raw"
    raw.mkdir(parents=True)
    for split, count in (("train", 30), ("t10k", 10)):
        for kind, content in (
            ("images-idx3", draw.integers(0, 256, (count, 28, 28))),
            ("labels-idx1", np.arange(count) % 10),
        ):
            head = bytes([0, 0, 8, content.ndim]) + b"".join(size.to_bytes(4, "big") for size in content.shape)
            (raw / f"{split}-{kind}-ubyte").write_bytes(head + content.astype(np.uint8).tobytes())
    images = open_images(str(tmp_path / place.format(name)))
    assert (len(images), images.audit["n_test"], images.name) == (40, 10, name.lower())
    np.testing.assert_array_equal(images.labels, np.concatenate([np.arange(30) % 10, np.arange(10) % 10]))
