"""The trainings in `examples/`, run as they are, on a few digits."""

import subprocess
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

import swaveval

TRAINING = Path(__file__).parents[2] / "examples" / "training"
SMALL = ["--epochs=2", "--every=1", "--batch-size=40", "--prototypes=20", "--crops", "32", "16", "--workers=0"]


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place, digits = tmp_path_factory.mktemp("digits"), load_digits(n_class=4)
    for number, (image, digit) in enumerate(zip(digits.images[:160], digits.target[:160], strict=True)):
        (place / str(digit)).mkdir(exist_ok=True)
        pixels = np.kron(image * 15.9, np.ones((4, 4))).astype(np.uint8)
        Image.fromarray(pixels).convert("RGB").save(place / str(digit) / f"{number}.png")
    return place


def ran(script: str, place: Path, images: Path, *more: str, options: Sequence[str] = SMALL) -> str:
    command = [sys.executable, str(TRAINING / script), str(images), *options, *more]
    done = subprocess.run(command, cwd=place, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def evaluated(out: Path) -> str:
    """What the page says, once every epoch and the untrained network stand on it with nothing failed."""
    found = swaveval.Evaluation.load(out)
    assert [point.record.epoch for point in found.series.points] == [0.0, 1.0, 2.0]
    assert found.problems == ()
    assert found.page.exists()
    assert found.series.manifest.loss is not None
    return found.verdict.sentence


@pytest.mark.torture
def test_lightly_on_lightning(tmp_path: Path, images: Path) -> None:
    said = ran("lightly_swav.py", tmp_path, images)
    sentence = evaluated(tmp_path / "lightning_logs" / "version_0" / "swaveval")
    assert sentence in said
    assert "swaveval/index.html" in said


@pytest.mark.torture
def test_a_plain_loop(tmp_path: Path, images: Path) -> None:
    said = ran("plain_swav.py", tmp_path, images, "--out=report")
    assert evaluated(tmp_path / "report") in said


@pytest.mark.torture
def test_stable_pretraining(tmp_path: Path, images: Path) -> None:
    """Not among what the tests install: it brings some thirty packages."""
    if find_spec("stable_pretraining") is None:
        pytest.skip("stable-pretraining is not installed")
    small = [option for option in SMALL if option not in ("--crops", "32", "16")]
    said = ran("stable_pretraining_swav.py", tmp_path, images, "--size=32", options=small)
    assert evaluated(tmp_path / "lightning_logs" / "version_0" / "swaveval")
    assert "swaveval/index.html" in said


@pytest.mark.parametrize("script", sorted(path.name for path in TRAINING.glob("*.py")))
def test_an_example_says_what_it_takes(script: str) -> None:
    compile((TRAINING / script).read_text(encoding="utf-8"), script, "exec")
    listed = (TRAINING.parent / "README.md").read_text(encoding="utf-8")
    assert f"(training/{script})" in listed


def test_two_lines_are_marked_in_lightlys() -> None:
    """What the example says it shows."""
    lines = (TRAINING / "lightly_swav.py").read_text(encoding="utf-8").splitlines()
    assert ["swaveval" in line for line in lines if line.endswith(("# 1", "# 2"))] == [True, True]
    named = [line for line in lines if "swaveval" in line and not line.startswith(('"""', "    python"))]
    assert len(named) == 2
