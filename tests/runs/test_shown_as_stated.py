"""Size, interpolation and crop that records state, against what was said: what is taken, and what is written."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from swaveval.data.transforms import EvalTransform
from swaveval.results import CheckpointRecord
from swaveval.runs.request import RunRequest
from swaveval.runs.shown_as import shown_as_said
from tests.features.tiny_network import tiny_images

REQUEST = RunRequest(Path("checkpoints"), Path("report"))
IMAGES = tiny_images()  # 16 px: shown at 32


def record(shown: dict[str, Any] | None, name: str = "a.pth", **more: Any) -> CheckpointRecord:
    geometry = {} if shown is None else {"geometry": {"shown": shown}}
    return CheckpointRecord(name, digest=name, load=geometry, **more)


def taken(shown: dict[str, Any], request: RunRequest = REQUEST) -> tuple[RunRequest, tuple[str, ...]]:
    return shown_as_said(request, [record(shown)], IMAGES)


def test_the_size_is_taken_and_said() -> None:
    request, notes = taken({"input_size": 48})
    assert request.transform == EvalTransform(size=48)
    assert notes == (
        "images are shown at 48 px, as the file beside the checkpoints says; by their own size it would be 32 (--size)",
    )


def test_the_usual_size_needs_no_word() -> None:
    request, notes = taken({"input_size": 32})
    assert (request.transform, notes) == (EvalTransform(size=32), ())


def test_a_size_that_was_named_stays() -> None:
    named = replace(REQUEST, transform=EvalTransform(size=64, interpolation="bicubic"))
    request, notes = taken({"input_size": 48}, named)
    assert request == named
    assert notes == ("the file beside the checkpoints says 48 px; --size 64 was taken",)
    assert taken({"input_size": 64}, named) == (named, ())


def test_the_interpolation_is_taken_and_said() -> None:
    request, notes = taken({"interpolation": "bicubic"})
    assert (request.transform, request.normalisation) == (None, {"interpolation": "bicubic"})
    assert notes == ("images are resized by bicubic interpolation, as the file beside the checkpoints says",)
    request, notes = taken({"interpolation": "bilinear"})
    assert (request.normalisation, notes) == ({"interpolation": "bilinear"}, ())


def test_an_interpolation_that_was_named_stays() -> None:
    named = replace(REQUEST, normalisation={"interpolation": "bilinear", "mean": (0.5,) * 3})
    assert taken({"interpolation": "bicubic"}, named) == (named, ())


def test_an_interpolation_that_is_not_done_is_said() -> None:
    request, notes = taken({"interpolation": "lanczos"})
    assert request == REQUEST
    assert notes == (
        "the file beside the checkpoints says lanczos interpolation, which is not done here: bilinear is "
        "(--interpolation bilinear or bicubic)",
    )
    _, notes = taken({"interpolation": "lanczos"}, replace(REQUEST, normalisation={"interpolation": "bicubic"}))
    assert "not done here: bicubic is" in notes[0]


@pytest.mark.parametrize(
    ("size", "share", "said"),
    [
        (32, 1.0, ""),
        (32, 0.995, ""),
        (32, 0.875, "cuts out 87.5 % of the short side; here it is 100 %"),
        # 224 of 256 px above 64 px
        (224, 0.875, ""),
        (224, 0.88, ""),
        (224, 1.0, "cuts out 100 % of the short side; here it is 87.5 %"),
        (224, 0.9, "cuts out 90 % of the short side; here it is 87.5 %"),
    ],
)
def test_another_crop_is_said(size: int, share: float, said: str) -> None:
    _, notes = taken({"crop_share": share}, replace(REQUEST, transform=EvalTransform(size=size)))
    assert notes == ((f"the file beside the checkpoints {said}, as in all evaluations of this size",) if said else ())


def test_the_crop_is_compared_at_the_size_that_is_taken() -> None:
    _, notes = taken({"crop_share": 0.875})
    assert "here it is 100 %" in notes[0]
    _, notes = taken({"input_size": 224, "crop_share": 0.875})
    assert len(notes) == 1
    assert "shown at 224 px" in notes[0]


@pytest.mark.parametrize(
    "records",
    [
        [],
        [record(None)],
        [record({})],
        [record({"input_size": 48}), record({"input_size": 64}, "b.pth")],
        [record({"input_size": 48}), record(None, "b.pth")],
        [record({"input_size": 48}, state="corrupt")],
    ],
    ids=["nobody", "silent", "empty", "two sizes", "one silent", "unreadable"],
)
def test_what_not_all_say_is_not_taken(records: list[CheckpointRecord]) -> None:
    assert shown_as_said(REQUEST, records, IMAGES) == (REQUEST, ())


def test_what_cannot_be_read_has_no_say() -> None:
    records = [record({"input_size": 48}), record({"input_size": 64}, "b.pth", state="corrupt")]
    assert shown_as_said(REQUEST, records, IMAGES)[0].transform == EvalTransform(size=48)


def test_the_trainings_own_record_stands() -> None:
    recorded = replace(REQUEST, transform=EvalTransform(size=64), transform_recorded=True)
    assert taken({"input_size": 48, "interpolation": "bicubic"}, recorded) == (recorded, ())
