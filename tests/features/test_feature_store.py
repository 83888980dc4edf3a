"""What comes back is what was put, or nothing."""

import dataclasses
import hashlib
import json
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swaveval.features.errors import FeatureWarning
from swaveval.features.extract import ExtractSettings, extract
from swaveval.features.features import Features
from swaveval.features.store import FeatureStore
from swaveval.results.encoding import seal, unseal
from tests.features.tiny_network import TRANSFORM, tiny_backbone, tiny_images, tiny_pixels

KEY = ("d" * 64, "settings", "f" * 64)


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    """As in a new process: nothing was verified before."""
    FeatureStore._verified.clear()
    yield
    FeatureStore._verified.clear()


@pytest.fixture(scope="module")
def features() -> Features:
    chosen = ExtractSettings(transform=TRANSFORM, n_view_images=6, n_views=2)
    return extract(tiny_backbone(), tiny_images(), tiny_pixels(), settings=chosen)


def assert_same(one: object, other: object) -> None:
    assert type(one) is type(other)
    for field in dataclasses.fields(one):  # type: ignore[arg-type]
        left, right = getattr(one, field.name), getattr(other, field.name)
        if isinstance(left, np.ndarray):
            assert left.dtype == right.dtype
            np.testing.assert_array_equal(left, right)
        elif dataclasses.is_dataclass(left):
            assert_same(left, right)
        elif field.name != "_searches":
            assert left == right


def test_round_trip(tmp_path: Path, features: Features) -> None:
    store = FeatureStore(tmp_path)
    assert store.get(*KEY) is None
    assert_same(store.put(*KEY, features), features)
    FeatureStore._verified.clear()
    assert_same(FeatureStore(tmp_path).get(*KEY), features)
    assert store.get(KEY[0], "other settings", KEY[2]) is None


@pytest.mark.parametrize("empty", ["labels", "test", "views and head"])
def test_round_trip_of_less(tmp_path: Path, features: Features, empty: str) -> None:
    less = {
        "labels": dataclasses.replace(features, train_labels=None, test_labels=None, class_names=()),
        "test": dataclasses.replace(features, test=features.test[:0]),
        "views and head": dataclasses.replace(features, views=None, prototypes=None),
    }[empty]
    assert_same(FeatureStore(tmp_path).put(*KEY, less), less)


def test_large_arrays_are_mapped_read_only(tmp_path: Path) -> None:
    large = Features(train=np.ones((700, 500), np.float32), test=np.ones((2, 500), np.float32))
    held = FeatureStore(tmp_path).put(*KEY, large)
    assert isinstance(held.train, np.memmap)
    assert not held.train.flags.writeable
    assert not isinstance(held.test, np.memmap)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory, features: Features) -> Path:
    directory = tmp_path_factory.mktemp("store")
    FeatureStore(directory).put(*KEY, features)
    return directory


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_a_flipped_bit_never_gives_wrong_features(written: Path, features: Features, data: st.DataObject) -> None:
    path = data.draw(st.sampled_from(sorted(written.iterdir())))
    whole = path.read_bytes()
    place = data.draw(st.integers(0, 8 * len(whole) - 1))
    content = bytearray(whole)
    content[place // 8] ^= 1 << place % 8
    path.write_bytes(content)
    FeatureStore._verified.clear()
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            found = FeatureStore(written).get(*KEY)
    finally:
        path.write_bytes(whole)
    if found is None:
        assert [warning for warning in caught if warning.category is FeatureWarning]
    else:
        # White space of the JSON may flip to other white space: nothing that is read has changed.
        assert path.suffix == ".json"
        assert_same(found, features)


@pytest.mark.parametrize("cut", [0, 1, 100, -1])
def test_a_cut_file_is_absent(tmp_path: Path, features: Features, cut: int) -> None:
    store = FeatureStore(tmp_path)
    for suffix in (".json", ".train.npy"):
        store.put(*KEY, features)
        FeatureStore._verified.clear()
        path = next(path for path in tmp_path.iterdir() if path.name.endswith(suffix))
        path.write_bytes(path.read_bytes()[:cut])
        with pytest.warns(FeatureWarning, match="damaged and are made anew"):
            assert store.get(*KEY) is None
        assert_same(store.put(*KEY, features), features)


def test_a_missing_array_is_absent(tmp_path: Path, features: Features) -> None:
    store = FeatureStore(tmp_path)
    store.put(*KEY, features)
    next(tmp_path.glob("*.views-features.npy")).unlink()
    with pytest.warns(FeatureWarning, match="missing"):
        assert store.get(*KEY) is None


def test_features_under_another_name_are_absent(tmp_path: Path, features: Features) -> None:
    """A whole, sealed set of files that somebody copied over another."""
    store = FeatureStore(tmp_path)
    store.put(*KEY, features)
    other = ("e" * 64, *KEY[1:])
    store.put(*other, dataclasses.replace(features, train=features.train + 1))
    stems = {unseal(path.read_bytes())["backbone"]: path.stem for path in tmp_path.glob("*.json")}
    for path in list(tmp_path.glob(f"{stems[other[0]]}.*")):
        path.replace(tmp_path / path.name.replace(stems[other[0]], stems[KEY[0]]))
    with pytest.warns(FeatureWarning, match="describes other features"):
        assert store.get(*KEY) is None


def test_pickles_are_never_read(tmp_path: Path, features: Features) -> None:
    store = FeatureStore(tmp_path)
    store.put(*KEY, features)
    path = next(tmp_path.glob("*.train.npy"))
    np.save(path, np.asarray([{"a": 1}], dtype=object), allow_pickle=True)
    sealed = next(tmp_path.glob("*.json"))
    body = unseal(sealed.read_bytes())
    body["arrays"]["train"] = hashlib.sha256(path.read_bytes()).hexdigest()
    sealed.write_bytes(seal(body))
    FeatureStore._verified.clear()
    with pytest.warns(FeatureWarning, match="allow_pickle"):
        assert store.get(*KEY) is None


@pytest.mark.parametrize("name", ["../../etc/passwd", "", "a/b", "train.x"])
def test_array_names_cannot_leave_the_directory(tmp_path: Path, features: Features, name: str) -> None:
    store = FeatureStore(tmp_path)
    store.put(*KEY, features)
    sealed = next(tmp_path.glob("*.json"))
    body = unseal(sealed.read_bytes())
    body["arrays"][name] = body["arrays"].pop("train")
    sealed.write_bytes(seal(body))
    with pytest.warns(FeatureWarning, match="no array's name"):
        assert store.get(*KEY) is None


@pytest.mark.parametrize("body", [{}, {"schema": 1}, {"schema": 99, "backbone": 3, "settings": None, "data": []}])
def test_other_sealed_json_is_absent(tmp_path: Path, features: Features, body: dict[str, object]) -> None:
    store = FeatureStore(tmp_path)
    store.put(*KEY, features)
    next(tmp_path.glob("*.json")).write_bytes(seal(body))
    with pytest.warns(FeatureWarning):
        assert store.get(*KEY) is None
    next(tmp_path.glob("*.json")).write_bytes(json.dumps([1]).encode())
    with pytest.warns(FeatureWarning):
        assert store.get(*KEY) is None


def test_a_file_is_hashed_once_until_it_changes(tmp_path: Path, features: Features) -> None:
    store = FeatureStore(tmp_path)
    store.put(*KEY, features)
    stamps = dict(FeatureStore._verified)
    store.get(*KEY)
    assert FeatureStore._verified == stamps
    path = next(tmp_path.glob("*.test.npy"))
    path.write_bytes(path.read_bytes() + b"x")
    with pytest.warns(FeatureWarning, match="checksum"):
        assert store.get(*KEY) is None


def test_discard(tmp_path: Path, features: Features) -> None:
    store = FeatureStore(tmp_path)
    store.put(*KEY, features)
    store.discard(*KEY)
    assert list(tmp_path.iterdir()) == []
    assert store.get(*KEY) is None


def test_a_device_that_is_not_here_becomes_the_cpu(tmp_path: Path, features: Features) -> None:
    held = FeatureStore(tmp_path).put(*KEY, dataclasses.replace(features, device="cuda:77x"))
    assert held.device in ("cpu", "cuda:77x")
    assert FeatureStore(tmp_path).put(*KEY, dataclasses.replace(features, device="abacus")).device == "cpu"
