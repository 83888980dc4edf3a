"""Features with what is known of each image, read back by pyarrow, numpy and TensorBoard's projector."""

import os
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pyarrow.parquet as parquet
import pytest
from tensorboard.plugins.base_plugin import TBContext
from tensorboard.plugins.projector.projector_plugin import ProjectorPlugin
from werkzeug.test import Client
from werkzeug.wrappers import Response

from swaveval.cli.export import export
from swaveval.features.features import Features
from swaveval.features.store import FeatureStore
from swaveval.results import Series
from swaveval.results.exporters import ExportError
from swaveval.results.file_names import keep_file_names, kept_file_names
from swaveval.trackers.content import Content
from swaveval.trackers.embedding_files import write_embeddings
from swaveval.trackers.embeddings import embeddings_of
from tests.trackers.growing import SMALL, invented

COUNT = SMALL.n_train + SMALL.n_test
# As a disk may have them: what separates columns and lines, quotes, formulas, no UTF-8, the other direction.
ODD = [
    "a\tb.png",
    "a\nb.png",
    'a"b.png',
    "a,b'.png",
    "=1+1.png",
    "\udcff\udcfe.png",
    "\u202egnp.exe",
    "ä/ö.png",
    " .png",
    "\\x09",
]
NAMES = (*ODD, *(f"class/{number}.png" for number in range(COUNT - len(ODD))))


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Results with features and names, as an evaluation leaves them."""
    place = invented(tmp_path_factory.mktemp("mine") / "report")
    series = Series.load(place)
    store, random = FeatureStore(place / "cache" / "features"), np.random.default_rng(0)
    fingerprint = series.manifest.data.fingerprint
    shuffled = random.permutation(COUNT).astype(np.int32)
    train, test = np.sort(shuffled[: SMALL.n_train]), np.sort(shuffled[SMALL.n_train :])
    for point in series.points:
        vectors = random.normal(size=(COUNT, 8)).astype(np.float32)
        features = Features(
            train=vectors[train], test=vectors[test], train_labels=None, test_labels=None, train_index=train,
            test_index=test, class_names=(), protocol="p", device="cpu",
        )  # fmt: skip
        store.put(str(point.record.digest), "t32", fingerprint, features)
    keep_file_names(place, fingerprint, NAMES)
    return place


def test_names_are_kept_byte_for_byte(out: Path, tmp_path: Path) -> None:
    assert kept_file_names(out, Series.load(out).manifest.data.fingerprint) == NAMES
    keep_file_names(tmp_path, "f" * 64, NAMES)
    (file,) = (tmp_path / "cache" / "names").iterdir()
    file.write_bytes(file.read_bytes().replace(b"class/3", b"class/4"))
    assert kept_file_names(tmp_path, "f" * 64) is None


def test_rows_are_the_images_in_order(out: Path) -> None:
    content = Content.of(Series.load(out))
    point = content.series.points[-1]
    held = embeddings_of(content, point)
    assert held.files == NAMES
    assert held.index.tolist() == list(range(COUNT))
    stored = FeatureStore(out / "cache" / "features").get(
        str(point.record.digest), "t32", content.series.manifest.data.fingerprint
    )
    assert stored is not None
    for side, index, is_test in ((stored.train, stored.train_index, False), (stored.test, stored.test_index, True)):
        np.testing.assert_array_equal(held.features[index], side)
        assert (held.test[index] == is_test).all()
    labels = content.series.artifact("data.labels")
    assert labels is not None
    np.testing.assert_array_equal(held.label[labels["index"]], labels["label"])
    drawn = content.series.artifact("umap.map", point.record.digest)
    assert drawn is not None
    np.testing.assert_array_equal(held.xy[drawn["index"]], drawn["xy"].astype(np.float32))
    assert np.isnan(held.xy).any(1).sum() == COUNT - len(drawn["index"])
    for name, values in held.outcomes.items():
        arrays = content.series.artifact(name, point.record.digest)
        assert arrays is not None
        inside = arrays["index"] < COUNT  # invented ones ask more images than there are
        where = arrays["index"][inside]
        np.testing.assert_array_equal(values[where], arrays["correct"][inside].astype(np.float32))
        assert np.isnan(np.delete(values, where)).all()
    assert "knn.top1.outcomes" in held.outcomes


def test_parquet_and_npz_say_the_same(out: Path, tmp_path: Path) -> None:
    series = Series.load(out)
    names = write_embeddings(series, "all", str(tmp_path / "all.parquet"))
    assert names == tuple(point.record.name for point in series.points)
    assert write_embeddings(series, "all", str(tmp_path / "all.npz")) == names
    table = parquet.read_table(tmp_path / "all.parquet")
    with np.load(tmp_path / "all.npz") as opened:
        arrays = dict(opened)
    assert set(table.column_names) - {"file_bytes"} == set(arrays)
    assert table.num_rows == COUNT * len(names)
    first = embeddings_of(Content.of(series), series.points[0])
    np.testing.assert_array_equal(np.stack(table["embedding"].to_numpy())[:COUNT], first.features)
    np.testing.assert_array_equal(arrays["embedding"][:COUNT], first.features)
    assert [os.fsdecode(name) for name in table["file_bytes"].to_pylist()[:COUNT]] == list(NAMES)
    assert arrays["file"][:COUNT].tolist() == list(NAMES)
    readable = table["file"].to_pylist()[:COUNT]
    assert readable[:5] == ODD[:5]
    assert readable[5] == "\\xff\\xfe.png"
    assert table["split"].to_pylist()[:COUNT] == arrays["split"][:COUNT].tolist()
    assert table["step"].to_pylist()[::COUNT] == [0, 21, 42, 63]
    for name in (*first.outcomes, "x", "y"):
        np.testing.assert_array_equal(table[name].to_numpy(), arrays[name])
        assert table[name].null_count == np.isnan(arrays[name]).sum()


def test_the_projector_shows_each_row_once(out: Path, tmp_path: Path) -> None:
    series = Series.load(out)
    (name,) = write_embeddings(series, "last", str(tmp_path / "logs" / "features"))
    provider = SimpleNamespace(list_runs=lambda context, experiment_id: [SimpleNamespace(run_name="features")])
    apps = ProjectorPlugin(TBContext(logdir=str(tmp_path / "logs"), data_provider=provider)).get_plugin_apps()
    client = Client(lambda environ, start: apps[environ["PATH_INFO"]](environ, start), Response)
    shown = client.get("/info?run=features").get_json()["embeddings"]
    assert [each["tensorName"] for each in shown] == [f"features, {name}", f"map, {name}"]
    assert shown[0]["tensorShape"] == [COUNT, 8]
    query = {"run": "features", "name": shown[0]["tensorName"]}
    tensor = np.frombuffer(client.get("/tensor", query_string=query).data, "<f4").reshape(-1, 8)
    np.testing.assert_array_equal(tensor, embeddings_of(Content.of(series), series.points[-1]).features)
    lines = client.get("/metadata", query_string=query).data.decode().split("\n")[:-1]
    assert len(lines) == 1 + COUNT
    assert {line.count("\t") for line in lines} == {lines[0].count("\t")}
    assert lines[1].split("\t")[0] == "a\\x09b.png"
    assert all(line.replace("\t", "").isprintable() for line in lines)


def test_a_directory_with_other_files_is_left_alone(out: Path, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(ExportError, match="holds other files"):
        write_embeddings(Series.load(out), "last", str(tmp_path))
    place = tmp_path / "new"
    write_embeddings(Series.load(out), "all", str(place))
    write_embeddings(Series.load(out), "last", str(place))
    assert len(list((place / "projector").iterdir())) == 4


@pytest.mark.parametrize(
    ("which", "target", "sentence"),
    [
        ("epoch=9", "x.npz", r"no checkpoint is called epoch=9; there are .*, and best, last, all"),
        ("raw pixels", "x.npz", "makes from pixels"),
        ("last", "-", "take a file or a directory"),
        ("last", "x.csv", r"are not written as \.csv; name FILE\.parquet, FILE\.npz or a directory"),
        ("last", "x.XLSX", r"are not written as \.xlsx"),
    ],
)
def test_what_there_is_not_is_said(out: Path, tmp_path: Path, which: str, target: str, sentence: str) -> None:
    with pytest.raises(ExportError, match=sentence):
        write_embeddings(Series.load(out), which, target if target == "-" else str(tmp_path / target))
    assert list(tmp_path.iterdir()) == []


def test_a_cleared_cache_is_said_with_what_to_do(out: Path, tmp_path: Path) -> None:
    import shutil

    own = Path(shutil.copytree(out, tmp_path / "own"))
    shutil.rmtree(own / "cache" / "names")
    with pytest.raises(ExportError, match=r"file names of 30 of 60 images.*once more writes them down"):
        write_embeddings(Series.load(own), "last", str(tmp_path / "x.parquet"))
    shutil.rmtree(own / "cache")
    with pytest.raises(ExportError, match=r"the cache was cleared .* `swaveval run` with --force"):
        write_embeddings(Series.load(own), "last", str(tmp_path / "x.parquet"))
    assert [path.name for path in tmp_path.iterdir()] == ["own"]


def test_a_damaged_feature_file_is_none(out: Path, tmp_path: Path) -> None:
    import shutil

    own = Path(shutil.copytree(out, tmp_path / "own"))
    for path in (own / "cache" / "features").glob("*.train.npy"):
        path.write_bytes(path.read_bytes()[:-4] + b"oops")
    with pytest.raises(ExportError, match="not in"):
        write_embeddings(Series.load(own), "last", str(tmp_path / "x.npz"))


def test_the_command(out: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    export(out, format="", to=str(tmp_path / "x.npz"), embeddings="last")
    assert "written: checkpoints/epoch=003" in capsys.readouterr().err
    with pytest.raises(ExportError, match="goes without --format"):
        export(out, format="csv", to=str(tmp_path / "x.npz"), embeddings="last")
