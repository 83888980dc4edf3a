"""`swaveval.evaluate`: the same weights through file, network and features; what is handed over, and what refused."""

import copy
import importlib.util
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from tiny_images import write_images
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset, IterableDataset, TensorDataset

import swaveval
from swaveval.checkpoints import CheckpointRefused, LoadOptions, build_resnet
from swaveval.checkpoints.live import Live
from swaveval.data import DataError
from swaveval.data.in_memory import images_of
from swaveval.errors import SwavevalError
from swaveval.features.errors import FeatureError
from swaveval.runs.request import RunError, RunRequest
from swaveval.runs.run import prepare

QUICK = ("knn", "spectrum")
NETWORK = nn.Conv2d(3, 4, 3)


@pytest.fixture(scope="module")
def bars(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_images(tmp_path_factory.mktemp("api") / "bars", per_class=14)


def networks(count: int = 2) -> dict[str, nn.Module]:
    torch.manual_seed(0)
    network, _ = build_resnet(depth=10, stem="small", width=8)
    found: dict[str, nn.Module] = {}
    for epoch in range(1, count + 1):
        for parameter in network.parameters():
            parameter.data += 0.05 * torch.randn_like(parameter)
        found[f"epoch={epoch}.pth"] = copy.deepcopy(network)
    return found


def values(found: swaveval.Evaluation, *, own: bool = True) -> dict[tuple[str, str], Any]:
    points = found.series.points if own else (*found.series.points, *found.series.baselines)
    return {
        (point.record.name, name): (metric.value, metric.ci95, metric.n)
        for point in points
        for name, metric in point.metrics.items()
    }


def test_file_network_and_features_give_the_same_cells(bars: Path, tmp_path: Path) -> None:
    models = networks()
    place = tmp_path / "checkpoints"
    place.mkdir()
    for name, model in models.items():
        torch.save({"state_dict": model.state_dict()}, place / name)
    evaluators = ("knn", "linear", "spectrum", "clusters", "lowshot", "stability")
    files = swaveval.evaluate(place, data=bars, out=tmp_path / "a", evaluators=evaluators, size=32)
    memory = swaveval.evaluate(models, data=bars, out=tmp_path / "b", evaluators=evaluators, size=32)
    assert values(files)
    assert repr(values(files)) == repr(values(memory))

    request = RunRequest(checkpoints=place, out=tmp_path / "a", data=str(bars), evaluators=QUICK)
    prepared = prepare(swaveval_size(request))
    arrays, labels, train = {}, np.zeros(0), np.zeros(0)
    for record in prepared.records:
        if record.kind == "checkpoint":
            features = prepared.workspace.checkpoint_features(record)
            arrays[record.name] = features.all
            labels = np.concatenate([features.train_labels, features.test_labels])  # type: ignore[list-item]
            train = np.arange(len(labels)) < len(features.train)
    given = swaveval.evaluate(
        features=arrays, labels=labels, train=train, out=tmp_path / "c", evaluators=("knn", "linear", "spectrum")
    )
    expected, found = values(files), values(given)
    assert {key for key in found if key[1].startswith(("knn.top1", "linear.top1", "spectrum"))}
    for key, value in found.items():
        assert repr(value) == repr(expected[key]), key


def swaveval_size(request: RunRequest) -> RunRequest:
    from dataclasses import replace

    from swaveval.data import EvalTransform

    return replace(request, transform=EvalTransform(size=32))


def test_networks_are_left_as_they_are(bars: Path, tmp_path: Path) -> None:
    model = networks(1)["epoch=1.pth"].train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    torch.manual_seed(5)
    expected = torch.get_rng_state()
    numpy_state = np.random.get_state()[1].copy()  # type: ignore[index,union-attr]  # noqa: NPY002
    swaveval.evaluate({"epoch 1": model}, data=bars, out=tmp_path / "out", evaluators=("knn",), size=32)
    assert model.training
    assert all(parameter.requires_grad for parameter in model.parameters())
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert torch.equal(torch.get_rng_state(), expected)
    assert np.array_equal(np.random.get_state()[1], numpy_state)  # type: ignore[index]  # noqa: NPY002


class Gives(nn.Module):
    """A convolution whose output is handed over in some way."""

    def __init__(self, how: Callable[[Tensor], Any]) -> None:
        super().__init__()
        self.how = how
        torch.manual_seed(0)
        self.convolution = nn.Conv2d(3, 8, 4, stride=4)

    def forward(self, images: Tensor) -> Any:
        return self.how(self.convolution(images))


@pytest.mark.parametrize(
    ("how", "width"),
    [
        (lambda grid: grid.mean((2, 3)), 8),
        (lambda grid: grid, 8),
        (lambda grid: grid.flatten(2).transpose(1, 2), 8),
        (lambda grid: {"last_hidden_state": grid.flatten(2).transpose(1, 2)}, 8),
    ],
    ids=["vectors", "a grid", "tokens", "a dict of tokens"],
)
def test_outputs_that_become_features(how: Callable[[Tensor], Any], width: int) -> None:
    source = Live({"epoch 3": Gives(how)})
    backbone = source.backbone(source.entries()[0], LoadOptions())
    assert (backbone.feature_dim, backbone.report.epoch) == (width, 3.0)
    images = torch.rand(2, 3, 32, 32)
    expected = Gives(how).convolution(images).mean((2, 3))
    assert torch.allclose(backbone.module(images), expected, atol=1e-6)


@pytest.mark.parametrize(
    ("model", "why"),
    [
        (Gives(lambda grid: (grid.mean((2, 3)), grid)), "gave a tuple of"),
        (Gives(lambda grid: {"loss": grid.mean()}), "gave a dict of loss"),
        (Gives(lambda grid: grid.mean()), r"gave \(\)"),
        (nn.Linear(3, 4), "takes no images"),
        ("resnet18", "is a str, not a torch.nn.Module"),
    ],
)
def test_outputs_that_are_no_features_are_one_sentence(model: Any, why: str) -> None:
    source = Live({"epoch 3": model})
    with pytest.raises(CheckpointRefused, match=why):
        source.backbone(source.entries()[0], LoadOptions())


def test_weights_that_are_not_finite_are_refused(bars: Path, tmp_path: Path) -> None:
    models = networks(2)
    next(iter(models["epoch=2.pth"].parameters())).data[0] = np.nan
    found = swaveval.evaluate(models, data=bars, out=tmp_path / "out", evaluators=("knn",), size=32)
    broken = [record for record in found.series.manifest.checkpoints if record.state == "refused"]
    assert ["NaN or infinite" in record.reason for record in broken] == [True]
    assert [point.record.name for point in found.series.points] == ["epoch=1.pth"]


def pictures(count: int = 24) -> list[tuple[Any, int]]:
    dice = np.random.default_rng(0)
    return [
        (np.clip(dice.normal(90 + 80 * (row % 2), 20, (32, 32, 3)), 0, 255).astype(np.uint8), row % 2)
        for row in range(count)
    ]


class AsDataset(Dataset[Any]):
    def __init__(self, items: list[Any]) -> None:
        self.items = items
        self.classes = ["dark", "light"]

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, position: int) -> Any:
        return self.items[position]


FORMS: dict[str, Callable[[list[tuple[Any, int]]], Any]] = {
    "pairs": lambda items: items,
    "PIL": lambda items: [(Image.fromarray(pixels), label) for pixels, label in items],
    "Dataset": AsDataset,
    "DataLoader": lambda items: DataLoader(AsDataset(items), batch_size=5, shuffle=True),
    "tensors of bytes": lambda items: [(torch.from_numpy(p).permute(2, 0, 1), torch.tensor(y)) for p, y in items],
    "tensors in 0…1": lambda items: [(torch.from_numpy(p).permute(2, 0, 1) / 255, y) for p, y in items],
    "TensorDataset": lambda items: TensorDataset(
        torch.stack([torch.from_numpy(p).permute(2, 0, 1) for p, _ in items]), torch.tensor([y for _, y in items])
    ),
    "dicts": lambda items: [{"image": Image.fromarray(p), "label": y} for p, y in items],
}


@pytest.mark.parametrize("form", list(FORMS))
def test_data_sets_of_every_form_hold_the_same_images(form: str) -> None:
    items = pictures()
    found = images_of(FORMS[form](items))
    assert len(found) == len(items)
    assert np.array_equal(np.asarray(found.open(3)), items[3][0])
    assert found.labels is not None
    assert found.labels.tolist() == [label for _, label in items]
    assert (found.contents, found.is_test.tolist()) == (images_of(items).contents, images_of(items).is_test.tolist())
    assert found.class_names == (("dark", "light") if "Data" in form and form != "TensorDataset" else ("0", "1"))


def test_images_without_labels_labels_given_and_a_mask() -> None:
    items = pictures()
    bare = images_of([pixels for pixels, _ in items])
    assert not bare.labelled
    words = ["a", "b", None, "b", -1, *(["a", "b"] * 10)][:24]
    words += ["a"] * (24 - len(words))
    mask = np.arange(24) < 16
    given = images_of(items, labels=words, train=mask)
    assert given.labels is not None
    assert (given.class_names, int((given.labels < 0).sum())) == (("a", "b"), 2)
    assert given.train_index.tolist() == list(range(16))
    assert len({images_of(items).fingerprint, given.fingerprint, bare.fingerprint}) == 3


class Stream(IterableDataset[Any]):
    def __iter__(self) -> Iterator[Any]:
        return iter(pictures())


@pytest.mark.parametrize(
    ("dataset", "more", "why"),
    [
        (Stream(), {}, "IterableDataset"),
        ([pictures()[0]], {}, "1 image"),
        ([(torch.randn(3, 8, 8), 0)] * 4, {}, "not normalised"),
        ([(np.zeros(40, np.uint8), 0)] * 4, {}, "expected a picture"),
        ([(np.full((8, 8, 3), 300, np.int64), 0)] * 4, {}, "give bytes"),
        ([{"text": "a"}] * 4, {}, "have no image: text"),
        (pictures(), {"labels": [0, 1]}, "2 labels for 24 images"),
        (pictures(), {"train": [1] * 24}, "a mask"),
        (pictures(), {"train": [True] * 24}, "no image for testing"),
    ],
)
def test_data_sets_that_cannot_be_used_are_one_sentence(dataset: Any, more: dict[str, Any], why: str) -> None:
    with pytest.raises(DataError, match=why):
        images_of(dataset, **more)


def rising(rows: int = 240) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]:
    dice = np.random.default_rng(1)
    labels = np.arange(rows) % 4
    centres = dice.normal(size=(4, 16))
    noise = dice.normal(size=(6, rows, 16)).astype(np.float32)
    features = {f"epoch {2**e}": (centres[labels] * 0.5 * e + noise[e]).astype(np.float32) for e in range(5)}
    return features, labels, noise[5]


def test_features_of_any_model(tmp_path: Path) -> None:
    features, labels, random = rising()
    found = swaveval.evaluate(
        features=features,
        labels=labels,
        baselines={"nobody trained": random},
        evaluators=("knn", "linear", "lowshot", "clusters", "spectrum", "stability"),
        out=tmp_path / "out",
    )
    assert found.verdict.verdict in ("learning", "converged")
    assert [point.record.epoch for point in found.series.points] == [1, 2, 4, 8, 16]
    assert [(p.record.name, p.record.baseline) for p in found.series.baselines] == [
        ("nobody trained", "random"),
        ("majority class", "majority"),
    ]
    assert not found.problems
    assert found.page.is_file()
    assert found.series.manifest.data.transform == "features as given"
    assert "resize" not in found.page.read_text(encoding="utf-8").split("</main>")[0].split("<main")[-1]


@pytest.mark.parametrize("form", ["float16", "float64", "torch", "bfloat16", "memmap", "pairs"])
def test_features_of_every_form(form: str, tmp_path: Path) -> None:
    features, labels, _ = rising()
    train = np.arange(240) < 180
    arrays: dict[str, Any] = dict(features)
    more: dict[str, Any] = {"train": train}
    if form in ("float16", "float64"):
        arrays = {name: array.astype(form) for name, array in features.items()}
    if form in ("torch", "bfloat16"):
        dtype = torch.float32 if form == "torch" else torch.bfloat16
        arrays = {name: torch.from_numpy(array).to(dtype).requires_grad_() for name, array in features.items()}
    if form == "memmap":
        for name, array in features.items():
            np.save(tmp_path / f"{name}.npy", array)
            arrays[name] = np.load(tmp_path / f"{name}.npy", mmap_mode="r")
    if form == "pairs":
        arrays, more = {name: (array[train], array[~train]) for name, array in features.items()}, {}
    found = swaveval.evaluate(features=arrays, labels=labels, evaluators=("knn",), out=tmp_path / "out", **more)
    plain = swaveval.evaluate(features=features, labels=labels, evaluators=("knn",), out=tmp_path / "p", train=train)
    difference = np.abs(found.series.values("knn.top1") - plain.series.values("knn.top1")).max()
    assert difference <= (0.05 if form in ("float16", "bfloat16") else 0)


@pytest.mark.parametrize(
    ("arguments", "kind", "why"),
    [
        ({}, RunError, "either checkpoints .* or features"),
        ({"features": {}}, RunError, "name one array"),
        ({"features": {"a": np.zeros(5)}}, FeatureError, r"shape \(5,\); expected \(n, d\)"),
        ({"features": {"a": np.zeros((5, 3, 2))}}, FeatureError, "pool them"),
        ({"features": {"a": np.array([["x"]])}}, FeatureError, "not numbers"),
        (
            {"features": {"a": np.ones((5, 2)), "b": np.ones((6, 2))}},
            RunError,
            r"different numbers of rows \(a 5, b 6\)",
        ),
        ({"features": {"a": np.ones((5, 2))}, "labels": [0, 1]}, DataError, "2 labels for 5 images"),
        ({"features": {"a": np.ones((5, 2))}, "data": "digits"}, RunError, "leave data out"),
        ({"checkpoints": {"a": NETWORK}}, RunError, "networks need images"),
        (
            {"checkpoints": {"a": nn.Conv2d(3, 4, 3)}, "data": "digits", "baselines": {"b": 1}},
            RunError,
            "go with features",
        ),
        ({"checkpoints": "nowhere", "data": "digits"}, RunError, "there is no nowhere"),
        ({"checkpoints": {"a": NETWORK}, "data": "digits", "labels": [1, 2]}, RunError, "a table"),
        ({"checkpoints": {"\x01": NETWORK, r"\x01": NETWORK}, "data": "digits"}, SwavevalError, "names are the same"),
    ],
)
def test_what_cannot_be_evaluated_is_one_sentence(arguments: dict[str, Any], kind: type[Exception], why: str) -> None:
    with pytest.raises(kind, match=why) as caught:
        swaveval.evaluate(**arguments)
    assert "\n" not in str(caught.value)


def test_two_rows_are_no_pair_of_splits(tmp_path: Path) -> None:
    rows = [[0.0, 1.0], [1.0, 0.0]]
    found = swaveval.evaluate(features={"a": rows}, evaluators=("spectrum",), out=tmp_path / "out")
    data = found.series.manifest.data
    assert (data.n_train + data.n_test, found.series.points[0].record.load["feature_dim"]) == (2, 2)


def test_an_unknown_option_names_those_there_are() -> None:
    with pytest.raises(TypeError, match="no option evaluator; it takes backbone, budget, cache_dir, cache_size"):
        swaveval.evaluate(features={"a": np.ones((5, 2))}, evaluator="knn")  # type: ignore[call-arg]


def test_features_with_nan_are_told(tmp_path: Path) -> None:
    features, labels, _ = rising()
    features["epoch 16"][7, 3] = np.nan
    found = swaveval.evaluate(features=features, labels=labels, evaluators=("knn",), out=tmp_path / "out")
    assert len(found.problems) == 1
    assert "epoch 16 was not evaluated: 1 of 240 rows have NaN or infinite features" in found.problems[0]


def test_a_result_in_a_notebook_and_as_a_frame(tmp_path: Path) -> None:
    features, labels, _ = rising()
    hostile = {f"<script>alert({n})</script>": array for n, array in enumerate(features.values())}
    found = swaveval.evaluate(features=hostile, labels=labels, evaluators=("knn",), out=tmp_path / "out")
    html = found._repr_html_()
    assert "<script>" not in html
    assert found.verdict.sentence.split(":")[0] in html
    assert str(found.page) in html
    assert "<svg" in html
    again = swaveval.Evaluation.load(tmp_path / "out")
    assert again.verdict.sentence == found.verdict.sentence
    pandas = pytest.importorskip("pandas")
    frame = found.frame()
    assert isinstance(frame, pandas.DataFrame)
    assert {"checkpoint", "metric", "value", "ci_low"} <= set(frame.columns)


def test_the_same_features_are_not_computed_again(tmp_path: Path) -> None:
    features, labels, _ = rising()
    one = {"labels": labels, "evaluators": ("knn",), "out": tmp_path / "out"}
    swaveval.evaluate(features=features, **one)
    cells = {path: path.stat().st_mtime_ns for path in (tmp_path / "out" / "results").rglob("*") if path.is_file()}
    found = swaveval.evaluate(features={**features, "epoch 32": features["epoch 16"] * 2}, **one)
    kept = [path for path, before in cells.items() if path.stat().st_mtime_ns == before and path.name != "run.json"]
    assert len(kept) >= len(features)
    assert [point.record.epoch for point in found.series.points][-1] == 32


def test_importing_swaveval_imports_no_torch_and_evaluating_no_trainer() -> None:
    code = (
        "import sys, swaveval; assert 'torch' not in sys.modules; swaveval.evaluate; assert 'torch' in sys.modules; "
        "assert not {'pytorch_lightning', 'lightly'} & set(sys.modules)"
    )
    assert all(map(importlib.util.find_spec, ("pytorch_lightning", "lightly"))), "they would be found"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[2])
