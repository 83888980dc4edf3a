"""One series, one precision: chosen once by a look at features, kept by later runs, said on the page."""

from pathlib import Path

import pytest
import torch

from swaveval.checkpoints import build_resnet
from swaveval.features.precision import Agreement
from swaveval.results import Series
from swaveval.runs import precision
from swaveval.runs.request import RunError, RunRequest
from swaveval.runs.run import RunOutcome, prepare, run
from tests.field.around_runs import swaveval, write_checkpoints
from tests.tiny_images import write_images


@pytest.fixture
def asked(tmp_path: Path) -> RunRequest:
    images = write_images(tmp_path / "bars", per_class=8)
    checkpoints = write_checkpoints(tmp_path / "run" / "checkpoints", count=2)
    out = tmp_path / "run" / "report"
    return RunRequest(checkpoints=checkpoints, out=out, data=str(images), evaluators=("knn",), precision="auto")


def of(outcome: RunOutcome) -> tuple[str, str]:
    data = outcome.written.series.manifest.data
    return data.precision, data.precision_why


@pytest.fixture
def multiplies(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "fastest", lambda device: "bf16")


def test_a_machine_without_it_takes_float32(asked: RunRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "fastest", lambda device: "fp32")
    assert of(run(asked)) == ("fp32", "cpu multiplies nothing faster")


@pytest.mark.usefixtures("multiplies")
def test_a_look_decides_and_the_page_says_what_was_seen(asked: RunRequest) -> None:
    outcome = run(asked)
    name, why = of(outcome)
    assert name == "bf16"
    assert why.startswith("on 24 images bfloat16 gives features whose median cosine with float32 is 0.99")
    html = outcome.written.page.read_text(encoding="utf-8")
    assert f"bfloat16: {why}" in html
    assert all("bf16" in cell for cell in (one.key.transform for one in cells(asked.out)))


def cells(out: Path) -> list:  # type: ignore[type-arg]
    series = Series.load(out)
    assert series.store is not None
    found = [series.store.get(name) for name in series.manifest.cells]
    return [one for one in found if one is not None and one.key.evaluator == "knn"]


@pytest.mark.usefixtures("multiplies")
def test_features_that_would_change_stay_float32(asked: RunRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "agreement", lambda exact, lower: Agreement(0.99, 1.0, 24))
    name, why = of(run(asked))
    assert name == "fp32"
    assert "median cosine with float32 is 0.99000" in why


@pytest.mark.usefixtures("multiplies")
def test_what_a_series_began_with_it_keeps(asked: RunRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    first = of(run(asked))
    monkeypatch.setattr(precision, "fastest", lambda device: "fp32")
    network, _ = build_resnet(depth=10, stem="small", width=8)
    state = {f"backbone.{name}": value for name, value in network.state_dict().items()}
    torch.save({"state_dict": state, "epoch": 2, "global_step": 30}, asked.checkpoints / "epoch=3.ckpt")
    again = run(asked)
    assert of(again) == first
    assert again.computed == 1  # of the new checkpoint; the baselines are there


def test_what_is_stored_without_a_word_is_float32(asked: RunRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "fastest", lambda device: "fp32")
    run(asked)
    monkeypatch.setattr(precision, "fastest", lambda device: "bf16")
    again = run(asked)
    assert of(again)[0] == "fp32"
    assert again.computed == 0


def test_a_plan_runs_no_network(asked: RunRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "fastest", lambda device: "bf16")
    monkeypatch.setattr(precision, "_compared", lambda *_: pytest.fail("a network was run"))
    assert prepare(asked).request.precision == "bf16"


def test_what_is_asked_for_is_done(asked: RunRequest, tmp_path: Path) -> None:
    for name in ("bf16", "fp32"):
        said = swaveval(
            *("run", "-c", asked.checkpoints, "-d", asked.data, "-o", tmp_path / name, "-e", "knn", "--no-figures"),
            *("--precision", name),
        )
        assert "page" in said.stdout
        assert Series.load(tmp_path / name).manifest.data.precision == name
    refused = swaveval("plan", "-c", asked.checkpoints, "-d", asked.data, "--precision", "half", code=2)
    assert "--precision takes auto, fp32, bf16 or fp16" in refused.stderr
    with pytest.raises(RunError, match="no precision"):
        prepare(RunRequest(checkpoints=asked.checkpoints, out=tmp_path / "x", data=asked.data, precision="fp8"))
