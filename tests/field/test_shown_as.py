"""Size, interpolation and crop that `preprocessor_config.json` and timm's `config.json` state: taken, or said."""

import json
from pathlib import Path
from typing import Any

import pytest

from swaveval.checkpoints import inspect
from swaveval.data.transforms import EvalTransform
from swaveval.runs.request import RunRequest
from swaveval.runs.run import prepare
from tests.field.test_huggingface import written

RESAMPLE = {"resample": 3}
CASES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "ViT": (
        {"size": {"height": 64, "width": 64}, "resample": 2},
        {"input_size": 64, "interpolation": "bilinear", "crop_share": 1.0},
    ),
    "old": ({"size": 96, "resample": 3}, {"input_size": 96, "interpolation": "bicubic", "crop_share": 1.0}),
    "DINOv2": (
        {"size": {"shortest_edge": 256}, "crop_size": {"height": 224, "width": 224}, "do_center_crop": True} | RESAMPLE,
        {"input_size": 224, "interpolation": "bicubic", "crop_share": 0.875},
    ),
    "ConvNeXt": (
        {"size": {"shortest_edge": 224}, "crop_pct": 0.95, "resample": 3},
        {"input_size": 224, "interpolation": "bicubic", "crop_share": 0.95},
    ),
    "lanczos": ({"resample": 1}, {"interpolation": "lanczos"}),
    "not resized": ({"do_resize": False, "size": 224}, {}),
    "oblong": ({"size": {"height": 224, "width": 112}}, {}),
    "nonsense": ({"size": "big", "resample": True, "crop_pct": 9, "crop_size": [[]], "do_center_crop": True}, {}),
    "huge": ({"size": 10**9, "resample": 77}, {}),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_what_is_read(case: str, tmp_path: Path) -> None:
    words, expected = CASES[case]
    path = written(tmp_path, "vit")
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(words))
    assert inspect(path).geometry.get("shown", {}) == expected


def test_of_timm(tmp_path: Path) -> None:
    path = written(tmp_path, "vit")
    of_weights = {
        "input_size": [3, 288, 288],
        "interpolation": "bicubic",
        "crop_pct": 0.95,
        "mean": [0.5] * 3,
        "std": [0.5] * 3,
    }
    (tmp_path / "config.json").write_text(json.dumps({"architecture": "vit_tiny", "pretrained_cfg": of_weights}))
    from swaveval.checkpoints.hugging_face.beside import beside

    said = beside(path)["preprocessor_config.json",]
    assert {name: said[name] for name in ("input_size", "interpolation", "crop_share")} == {
        "input_size": 288, "interpolation": "bicubic", "crop_share": 0.95,
    }  # fmt: skip


def planned(tmp_path: Path, words: dict[str, Any], **said: Any) -> tuple[EvalTransform, str]:
    written(tmp_path / "run", "vit")
    (tmp_path / "run" / "preprocessor_config.json").write_text(json.dumps(words))
    request = RunRequest(tmp_path / "run", tmp_path / "out", data="digits", evaluators=("knn",), **said)
    prepared = prepare(request)
    return prepared.workspace.settings.transform, " ".join(prepared.said)


@pytest.mark.parametrize(
    ("said", "size", "interpolation", "note"),
    [
        ({}, 48, "bicubic", "images are shown at 48 px, as the file beside the checkpoints says; by their own size"),
        ({"transform": EvalTransform(size=32)}, 32, "bicubic", "says 48 px; --size 32 was taken"),
        ({"normalisation": {"interpolation": "bilinear"}}, 48, "bilinear", "are shown at 48 px"),
    ],
)  # fmt: skip
def test_what_is_taken(said: dict[str, Any], size: int, interpolation: str, note: str, tmp_path: Path) -> None:
    transform, notes = planned(tmp_path, {"size": 48, "resample": 3, "crop_pct": 0.9}, **said)
    assert (transform.size, transform.interpolation) == (size, interpolation)
    assert note in notes
    assert "cuts out 90 % of the short side; here it is 100 %" in notes


def test_what_is_usual_needs_no_word_and_what_cannot_be_done_gets_one(tmp_path: Path) -> None:
    transform, notes = planned(tmp_path / "a", {"size": 32, "resample": 2})
    assert (transform.size, transform.interpolation) == (32, "bilinear")
    assert "beside the checkpoints" not in notes
    _, notes = planned(tmp_path / "b", {"size": 32, "resample": 1})
    assert "says lanczos interpolation, which is not done here: bilinear is" in notes
