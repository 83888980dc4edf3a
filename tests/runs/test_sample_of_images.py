"""`--images N` through a whole evaluation: cells of its own, said in manifest and page, known to a second run."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

import swaveval
from swaveval.data.errors import DataError
from swaveval.results import Series
from swaveval.runs import unchanged
from swaveval.runs.progress import Told
from swaveval.runs.request import RunError, RunRequest
from swaveval.runs.run import prepare, run
from tests.features.tiny_network import Network
from tests.field.around_runs import swaveval as command
from tests.field.around_runs import write_checkpoints
from tests.runs.test_unchanged import Listening
from tests.tiny_images import write_images


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("sample")
    write_images(made / "bars", per_class=12)
    write_checkpoints(made / "run" / "checkpoints", count=2)
    return made


def asked(place: Path, out: Path, sample: int | None) -> RunRequest:
    checkpoints, images = place / "run" / "checkpoints", str(place / "bars")
    return RunRequest(checkpoints=checkpoints, out=out, data=images, evaluators=("knn",), sample=sample)


def test_sample_and_whole_lie_beside_each_other(place: Path, tmp_path: Path) -> None:
    some = run(asked(place, tmp_path, 18))
    words = "18 of 36 images, drawn at random within classes, seed 0"
    data = Series.load(tmp_path).manifest.data
    assert (data.n_train + data.n_test, data.whole, data.sample) == (18, 36, words)
    html = some.written.page.read_text(encoding="utf-8")
    assert f'<p class="labels">{words}. 3 classes' in html
    assert f"<td>{words}</td>" in html
    assert next((tmp_path / "cache" / "pixels").glob("*.npy")).stat().st_size < 18 * 32 * 32 * 3 + 300
    assert unchanged.earlier(asked(place, tmp_path, 18)) is not None
    assert unchanged.earlier(asked(place, tmp_path, None)) is None
    assert unchanged.earlier(replace(asked(place, tmp_path, 18), seed=1)) is None
    whole = run(asked(place, tmp_path, None))
    assert whole.computed == some.computed
    assert Series.load(tmp_path).manifest.data.sample == ""
    assert "drawn at random" not in whole.written.page.read_text(encoding="utf-8")
    assert run(asked(place, tmp_path, 18)).computed == 0


def test_what_cannot_be_drawn(place: Path, tmp_path: Path) -> None:
    told = Told(Listening())
    plan = prepare(asked(place, tmp_path, 500), told)
    plan.workspace.plugins.close()
    assert "note: --images 500: there are 36, and all of them were taken." in told.messages
    with pytest.raises(DataError, match=r"--images 5 is too few: 3 classes .* take --images 6 or more"):
        prepare(asked(place, tmp_path, 5))
    with pytest.raises(RunError, match="--images is 1; it takes 2 or more"):
        prepare(asked(place, tmp_path, 1))


def test_plan_says_it(place: Path) -> None:
    """Like `run`, whose terminal says it in the same words."""
    done = command("plan", "-c", place / "run" / "checkpoints", "--data", place / "bars", "--images", "18", "-e", "knn")
    assert "sample: 18 of 36 images, drawn at random within classes, seed 0" in done.stdout


def network(seed: int) -> nn.Module:
    torch.manual_seed(seed)
    return Network()


def test_from_python(place: Path, tmp_path: Path) -> None:
    models = {"a": network(0), "b": network(1)}
    result = swaveval.evaluate(models, data=str(place / "bars"), images=18, evaluators=["knn"], out=tmp_path)
    assert result.series.manifest.data.sample.startswith("18 of 36 images")
    pictures = [(torch.full((3, 16, 16), place * 5, dtype=torch.uint8), place % 2) for place in range(40)]
    held = swaveval.evaluate(models, data=pictures, images=20, evaluators=["knn"])
    assert held.series.manifest.data.whole == 40
    with pytest.raises(RunError, match="give the rows that you want"):
        swaveval.evaluate(features={"a": torch.zeros(4, 2)}, images=2)
    assert json.loads((tmp_path / "verdict.json").read_text())["verdict"]
