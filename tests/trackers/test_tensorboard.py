"""What TensorBoard's own readers find in the directory that was written, once, twice, and after a kill."""

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.base_plugin import TBContext
from tensorboard.plugins.custom_scalar import layout_pb2
from tensorboard.plugins.projector.projector_plugin import ProjectorPlugin
from werkzeug.test import Client
from werkzeug.wrappers import Response

from swaveval.results import Series
from swaveval.results.exporters import ExportError
from swaveval.results.places import OutputError
from swaveval.runs.page import draw_figures
from swaveval.trackers.on_tensorboard import TensorBoard
from tests.trackers.growing import SMALL, Expected, expected, first_of, invented, killed_at


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return invented(tmp_path_factory.mktemp("mine") / "report")


def read(directory: Path) -> EventAccumulator:
    found = EventAccumulator(str(directory), size_guidance={"scalars": 0, "images": 0, "tensors": 0})
    return found.Reload()


def points(found: EventAccumulator) -> Expected:
    """Every scalar but the ends of intervals; a second value at one step is a fault."""
    held: Expected = {}
    for tag in found.Tags()["scalars"]:
        for event in found.Scalars(tag):
            assert (tag, event.step) not in held, (tag, event.step)
            held[tag, event.step] = event.value
    return {place: value for place, value in held.items() if not place[0].startswith("swaveval-interval/")}


def same(held: Expected, wanted: Expected) -> None:
    assert held.keys() == wanted.keys()
    # TensorBoard keeps 32 bits.
    for place, value in wanted.items():
        assert held[place] == np.float32(value), place


def event_files(directory: Path) -> list[Path]:
    """Those that hold something."""
    return sorted(path for path in directory.rglob("events*") if path.stat().st_size)


def test_what_is_written_is_read_back(out: Path, tmp_path: Path) -> None:
    series = Series.load(out)
    TensorBoard().write(series, str(tmp_path / "logs"))
    place = tmp_path / "logs" / "mine"
    found = read(place)
    same(points(found), expected(series))
    assert {step for _, step in expected(series)} == {0, 21, 42, 63}
    (verdict,) = found.Tensors("swaveval/verdict")
    assert verdict.step == 63
    text = verdict.tensor_proto.string_val[0].decode()
    assert "learning" in text or "inconclusive" in text
    assert "step of each checkpoint" in text


def test_intervals_are_bands_around_their_metric(out: Path, tmp_path: Path) -> None:
    series = Series.load(out)
    TensorBoard().write(series, str(tmp_path))
    found = read(tmp_path / "mine")
    layout = layout_pb2.Layout.FromString(found.Tensors("custom_scalars__config__")[0].tensor_proto.string_val[0])
    bands = [chart.margin.series[0] for chart in layout.category[0].chart]
    assert "swaveval/knn.top1" in [band.value for band in bands]
    for band in bands:
        low, middle, high = (found.Scalars(tag) for tag in (band.lower, band.value, band.upper))
        assert [event.step for event in low] == [event.step for event in high]
        known = {event.step: event.value for event in middle}
        for least, most in zip(low, high, strict=True):
            assert least.value <= known[least.step] <= most.value


def test_baselines_are_level_lines_in_the_same_plots(out: Path, tmp_path: Path) -> None:
    series = Series.load(out)
    TensorBoard().write(series, str(tmp_path))
    folders = sorted(path.name for path in (tmp_path / "mine").iterdir() if path.is_dir() and path.name != "projector")
    assert folders == sorted(each.record.name.replace(", ", "-").replace(" ", "-") for each in series.baselines)
    held = points(read(tmp_path / "mine" / "raw-pixels"))
    pixels = next(each for each in series.baselines if each.record.name == "raw pixels")
    value = np.float32(pixels.metrics["knn.top1"].value)
    assert (held["swaveval/knn.top1", 0], held["swaveval/knn.top1", 63]) == (value, value)
    assert {tag.split("/")[0] for tag, _ in held} == {"swaveval"}


def test_figures_are_images(out: Path, tmp_path: Path) -> None:
    own = invented(tmp_path / "report", replace(SMALL, evaluators=("knn",)))
    draw_figures(own)
    TensorBoard().write(Series.load(own), str(tmp_path / "logs"))
    found = read(tmp_path / "logs" / "mine")
    drawn = {f"swaveval-figures/{path.stem}": path.read_bytes() for path in (own / "figures").glob("*.png")}
    assert drawn
    assert {tag: found.Images(tag)[0].encoded_image_string for tag in found.Tags()["images"]} == drawn


def test_a_further_checkpoint_is_all_that_is_new(out: Path, tmp_path: Path) -> None:
    """Also for a TensorBoard that is open meanwhile."""
    TensorBoard().write(first_of(out, 3), str(tmp_path))
    watching = read(tmp_path / "mine")
    same(points(watching), expected(first_of(out, 3)))
    whole = Series.load(out)
    TensorBoard().write(whole, str(tmp_path))
    same(points(read(tmp_path / "mine")), expected(whole))
    same(points(watching.Reload()), expected(whole))
    TensorBoard().write(whole, str(tmp_path))
    same(points(watching.Reload()), expected(whole))
    same(points(read(tmp_path / "mine")), expected(whole))


@pytest.mark.parametrize("at", [(2, 9), pytest.param((*range(1, 26), 100), marks=pytest.mark.torture)])
def test_killed_anywhere_and_called_again(out: Path, tmp_path: Path, at: tuple[int, ...]) -> None:
    whole, earlier = Series.load(out), first_of(out, 3)
    undisturbed = tmp_path / "undisturbed"
    TensorBoard().write(whole, str(undisturbed))
    shapes = sorted(path.parent.relative_to(undisturbed).as_posix() for path in event_files(undisturbed))
    kills = 0
    for writes in at:
        logs = tmp_path / f"killed {writes}"
        TensorBoard().write(earlier, str(logs))
        kills += killed_at(writes, lambda logs=logs: TensorBoard().write(whole, str(logs)))
        held = points(read(logs / "mine"))
        assert held.keys() in (expected(earlier).keys(), expected(whole).keys()), writes
        TensorBoard().write(whole, str(logs))
        same(points(read(logs / "mine")), expected(whole))
        assert len(list((logs / "mine").glob("events*"))) <= 2
        assert not list(logs.rglob("*.tmp"))
        assert sorted(path.parent.relative_to(logs).as_posix() for path in event_files(logs)) == shapes
    assert kills >= min(len(at), 15)


def test_two_evaluations_of_one_name_lie_side_by_side(out: Path, tmp_path: Path) -> None:
    other = invented(tmp_path / "other" / "report", replace(SMALL, start=0.5))
    logs = tmp_path / "logs"
    for _ in range(2):
        for place in (out, other):
            TensorBoard().write(Series.load(place), str(logs))
    assert sorted(path.name for path in logs.iterdir()) == ["mine", "mine-2"]
    same(points(read(logs / "mine")), expected(Series.load(out)))
    same(points(read(logs / "mine-2")), expected(Series.load(other)))


def test_what_others_keep_there_stays(out: Path, tmp_path: Path) -> None:
    theirs = tmp_path / "mine" / "notes.txt"
    theirs.parent.mkdir()
    theirs.write_text("mine")
    TensorBoard().write(Series.load(out), str(tmp_path))
    assert theirs.read_text() == "mine"
    assert (tmp_path / "mine-2" / "swaveval.json").is_file()
    # A list that names what lies elsewhere removes nothing there.
    mark = tmp_path / "mine-2" / "swaveval.json"
    mark.write_text(json.dumps(json.loads(mark.read_text()) | {"files": ["../mine/notes.txt", str(theirs)]}))
    TensorBoard().write(Series.load(out), str(tmp_path))
    assert theirs.read_text() == "mine"


def projector(directory: Path) -> Client:
    """TensorBoard's projector on a log directory."""
    runs = [SimpleNamespace(run_name=path.relative_to(directory).as_posix()) for path in directory.iterdir()]
    provider = SimpleNamespace(list_runs=lambda context, experiment_id: runs)
    plugin = ProjectorPlugin(TBContext(logdir=str(directory), data_provider=provider))
    apps = plugin.get_plugin_apps()

    def serve(environ: dict[str, str], start: object) -> object:
        return apps[environ["PATH_INFO"]](environ, start)

    return Client(serve, Response)


def test_the_maps_are_in_the_projector(out: Path, tmp_path: Path) -> None:
    series = Series.load(out)
    TensorBoard().write(series, str(tmp_path))
    client = projector(tmp_path)
    config = client.get("/info?run=mine").get_json()
    names = [each["tensorName"] for each in config["embeddings"]]
    assert names == [f"map, {point.record.name}" for point in series.points]
    for name, point in zip(names, series.points, strict=True):
        content = client.get("/tensor", query_string={"run": "mine", "name": name}).data
        arrays = series.artifact("umap.map", point.record.digest)
        assert arrays is not None
        np.testing.assert_array_equal(np.frombuffer(content, "<f4").reshape(-1, 2), arrays["xy"].astype(np.float32))
    lines = client.get("/metadata", query_string={"run": "mine", "name": names[0]}).data.decode().splitlines()
    assert lines[0] == "file\tclass\tsplit"
    assert len(lines) == 1 + SMALL.map_points
    assert {len(line.split("\t")) for line in lines} == {3}


@pytest.mark.parametrize("target", ["", "-"])
def test_no_directory(out: Path, target: str) -> None:
    with pytest.raises(ExportError, match="name one, as in tensorboard:runs"):
        TensorBoard().write(Series.load(out), target)


def test_a_file_in_the_way_and_a_missing_package(out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="is a file"):
        TensorBoard().check(str(tmp_path / "file" / "logs"))
    monkeypatch.setitem(__import__("sys").modules, "tensorboard", None)
    with pytest.raises(ExportError, match=r"pip install 'swaveval\[tensorboard\]'"):
        TensorBoard().check(str(tmp_path))
