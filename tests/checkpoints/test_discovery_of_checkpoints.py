"""Which files are checkpoints, and in which order."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swaveval.checkpoints import discover, order
from swaveval.results import CheckpointRecord
from swaveval.text import natural_key


def test_natural_order_without_what_is_no_checkpoint(tmp_path: Path) -> None:
    for name in ("ckp-100.pth", "ckp-25.pth", "last.ckpt", "sub/epoch=3.ckpt", "params.pkl", "notes.txt", "queue0.pth",
                 ".hidden.ckpt", ".tmp/epoch=1.ckpt", "model.safetensors"):  # fmt: skip
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found = discover(tmp_path)
    assert [file.name for file in found] == [
        "ckp-25.pth", "ckp-100.pth", "last.ckpt", "model.safetensors", "sub/epoch=3.ckpt"
    ]  # fmt: skip
    assert all(file.path.is_file() for file in found)


def test_no_directory_is_said(tmp_path: Path) -> None:
    with pytest.raises(NotADirectoryError, match="is not a directory of checkpoints"):
        discover(tmp_path / "nowhere")


def test_the_file_says_more_than_its_name() -> None:
    records = [
        CheckpointRecord("last.ckpt", epoch=10, step=1000),
        CheckpointRecord("epoch=9.ckpt", epoch=10, step=1000),
        CheckpointRecord("a-100.ckpt", epoch=1, step=100),
        CheckpointRecord("nothing.ckpt"),
        CheckpointRecord("ckp-5.pth"),
    ]
    names = [record.name for record in order(records)]
    assert names == ["a-100.ckpt", "ckp-5.pth", "epoch=9.ckpt", "last.ckpt", "nothing.ckpt"]


def test_steps_break_ties_of_epochs() -> None:
    records = [CheckpointRecord(f"s{step}", epoch=0, step=step) for step in (500, 40, 1000)]
    assert [record.step for record in order(records)] == [40, 500, 1000]


@given(st.lists(st.integers(0, 10**6), unique=True), st.text("abc=-_", max_size=5))
def test_numbers_sort_as_numbers(numbers: list[int], stem: str) -> None:
    names = [f"{stem}{number}.ckpt" for number in numbers]
    assert sorted(names, key=natural_key) == [f"{stem}{number}.ckpt" for number in sorted(numbers)]


@given(st.lists(st.text(max_size=12)))
def test_any_names_can_be_sorted(names: list[str]) -> None:
    assert sorted(sorted(names, key=natural_key)) == sorted(names)
