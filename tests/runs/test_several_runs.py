"""The refusal of several runs names commands that take exactly the files of each."""

import shlex
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swaveval.checkpoints.discovery import discover
from swaveval.checkpoints.membership import Division
from swaveval.checkpoints.moments import Found
from swaveval.checkpoints.names import read_name
from swaveval.results import CheckpointRecord
from swaveval.runs.request import RunRequest
from swaveval.runs.several_runs import several_runs


def division(runs: dict[str, list[str]], reasons: tuple[str, ...] = ("different weights at epoch 1",)) -> Division:
    found = {
        run: tuple(Found(CheckpointRecord(name), read_name(name)) for name in names) for run, names in runs.items()
    }
    return Division(found, reasons)


def refused(base: Path, runs: dict[str, list[str]], **more: object) -> tuple[str, list[list[str]]]:
    """The text, and the words of the commands in it."""
    request = RunRequest(base, base.parent / "report", **more)  # type: ignore[arg-type]
    text = str(several_runs(division(runs), request))
    return text, [shlex.split(line) for line in text.splitlines() if line.strip().startswith("swaveval")]


def files(base: Path, runs: dict[str, list[str]]) -> None:
    for name in (name for names in runs.values() for name in names):
        (base / name).parent.mkdir(parents=True, exist_ok=True)
        (base / name).touch()


def taken(words: list[str]) -> set[Path]:
    """The files that a command's --ckpt-dir takes, as a run finds them."""
    named = Path(words[words.index("--ckpt-dir") + 1])
    return {named} if named.is_file() else {file.path for file in discover(named)}


def right(base: Path, runs: dict[str, list[str]]) -> list[str]:
    """Each command takes its own run's files and no others; gives what --ckpt-dir says, from `base` on."""
    files(base, runs)
    _, commands = refused(base, runs)
    assert len(commands) == len(runs) + (len(runs) > 1)
    for words, names in zip(commands, runs.values(), strict=False):
        assert taken(words) == {base / name for name in names}
    return [words[words.index("--ckpt-dir") + 1].removeprefix(f"{base}/") for words in commands[: len(runs)]]


CASES: dict[str, tuple[dict[str, list[str]], list[str]]] = {
    "directories": (
        {"a": ["a/1.pth", "a/2.pth"], "b": ["b/1.pth", "b/2.pth"]},
        ["a", "b"],
    ),
    "directories below": (
        {"a": ["a/x/1.pth", "a/y/2.pth"], "b": ["b/1.pth", "b/2.pth"]},
        ["a", "b"],
    ),
    "single files": ({"a": ["1.pth"], "b": ["2.pth"]}, ["1.pth", "2.pth"]),
    "names that begin alike": (
        {"simclr": ["simclr_1.pth", "simclr_2.pth"], "swav": ["swav_1.pth", "swav_2.pth"]},
        ["simclr_*.pth", "swav_*.pth"],
    ),
    "names that end alike": (
        {"a": ["1_a.pth", "2_a.pth"], "b": ["1_b.pth", "2_b.pth"]},
        ["*_a.pth", "*_b.pth"],
    ),
    "a start that both have": (
        {"": ["epoch=1.ckpt", "epoch=2.ckpt"], "v1": ["epoch=1-v1.ckpt", "epoch=2-v1.ckpt"]},
        ["{epoch=1.ckpt,epoch=2.ckpt}", "epoch=*-v1.ckpt"],
    ),
    "a run around another": (
        {"out": ["1.pth", "2.pth"], "in": ["in/1.pth", "in/2.pth"]},
        ["*.pth", "in"],
    ),
    "a name that another directory has too": (
        {"one": ["b/x1.pth", "b/x2.pth"], "two": ["a/x9.pth", "b/y.pth"]},
        ["b/x*.pth", "{a/x9.pth,b/y.pth}"],
    ),
    "signs of patterns": (
        {"[a]": ["[a]_1.pth", "[a]_2.pth"], "b": ["b_1.pth", "b_2.pth"]},
        ["[[]a]_*.pth", "b_*.pth"],
    ),
    "mixed": (
        {"a": ["1.pth", "4.pth"], "b": ["2.pth", "3.pth"]},
        ["{1.pth,4.pth}", "{2.pth,3.pth}"],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_each_command_takes_exactly_its_own_files(case: str, tmp_path: Path) -> None:
    runs, wanted = CASES[case]
    assert right(tmp_path / "logs", runs) == wanted


NAMES = st.from_regex(r"(a/|b/|a/b/)?[ab12_]{1,3}\.pth", fullmatch=True)


@given(st.lists(NAMES, min_size=2, max_size=6, unique=True), st.data())
def test_whatever_the_files_are_called(names: list[str], data: st.DataObject) -> None:
    from tempfile import TemporaryDirectory

    cut = data.draw(st.integers(1, len(names) - 1))
    with TemporaryDirectory() as directory:
        right(Path(directory, "logs"), {"one": names[:cut], "two": names[cut:]})


def test_the_text_says_where_how_many_and_why(tmp_path: Path) -> None:
    runs = {"a": ["a.pth"], "b": ["b.pth"]}
    request = RunRequest(tmp_path / "logs", tmp_path / "report", data="digits")
    text = str(several_runs(division(runs, tuple("vwxyz")), request))
    assert text.startswith(f"the checkpoints of {tmp_path / 'logs'} are 2 runs, not one: v; w; x; y; and 1 more.")
    assert text.splitlines()[1].strip() == "Evaluate each and compare them:"
    assert text.splitlines()[-1].strip().startswith("If they are one run all the same, say so with --one-run")
    four = str(several_runs(division(runs, tuple("wxyz")), request))
    assert "w; x; y; z." in four
    one = str(several_runs(division({"": ["a.pth"]}), request))
    assert "are several runs, not one" in one
    assert "compare" not in one.replace("compare them", "")


def test_every_run_has_its_own_place_and_name(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    _, commands = refused(tmp_path / "logs", {"version 0": ["a.pth"], "version 1": ["b.pth"]}, data="digits")
    first, second, compare = commands
    outs = [str(tmp_path / "report-version-0"), str(tmp_path / "report-version-1")]
    assert first == [
        "swaveval", "run", "--ckpt-dir", str(tmp_path / "logs" / "a.pth"), "--out", outs[0], "--name", "version 0",
        "--data", "digits",
    ]  # fmt: skip
    assert second[5] == outs[1]
    assert compare == ["swaveval", "compare", *outs, "--out", str(tmp_path / "report-compared.html")]


def test_runs_named_in_another_script_do_not_share_a_place(tmp_path: Path) -> None:
    """Both were to be written to `report-run`, and compared with themselves."""
    _, commands = refused(tmp_path / "logs", {"猫": ["猫/a.pth", "猫/b.pth"], "犬": ["犬/a.pth", "犬/b.pth"]})
    outs = [str(tmp_path / "report-run"), str(tmp_path / "report-run-2")]
    assert [words[words.index("--out") + 1] for words in commands[:2]] == outs
    assert commands[2][2:4] == outs


def test_the_users_own_options_stay(tmp_path: Path) -> None:
    said = [
        "swaveval", "run", "-c", "logs", "--out=x", "-o", "y", "--data", "my images", "--one-run", "--name", "z",
        "--seed=3", "--ckpt-dir=w", "-e", "knn",
    ]  # fmt: skip
    runs = {"a": ["a.pth"], "b": ["b.pth"]}
    _, commands = refused(tmp_path / "logs", runs, command=shlex.join(said), data="other")
    assert commands[0][8:] == ["--data", "my images", "--seed=3", "-e", "knn"]
    assert commands[0][:3] == ["swaveval", "run", "--ckpt-dir"]
    for other in ("", "swaveval plan -c logs --seed 3", "python mine.py"):
        _, commands = refused(tmp_path / "logs", runs, command=other)
        assert commands[0][8:] == []


def test_the_current_directory_as_output_has_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    request = RunRequest(tmp_path / "logs", Path())
    text = str(several_runs(division({"a": ["a.pth"], "b": ["b.pth"]}), request))
    assert str(tmp_path / "work-a") in text


def test_where_no_command_takes_just_these_files_it_is_said(tmp_path: Path) -> None:
    many = {"a": [f"{n}.pth" for n in range(0, 80, 2)], "b": [f"{n}.pth" for n in range(1, 80, 2)]}
    comma = {"a": ["1,.pth", "4.pth"], "b": ["2.pth", "3.pth"]}
    nine = {str(n): [f"{n}.pth"] for n in range(9)}
    for runs in (many, comma, nine):
        text, commands = refused(tmp_path / "logs", runs)
        assert commands == []
        assert "Put the files of each run into a directory of its own." in text
    _, commands = refused(tmp_path / "logs", {str(n): [f"{n}.pth"] for n in range(8)})
    assert len(commands) == 9
    thirty = {"a": [f"{n}.pth" for n in range(0, 60, 2)], "b": ["b.pth"]}
    files(tmp_path / "logs", thirty | {"c": ["1.pth"]})
    _, commands = refused(tmp_path / "logs", thirty | {"c": ["1.pth"]})
    assert taken(commands[0]) == {tmp_path / "logs" / name for name in thirty["a"]}


def test_one_file_or_pattern_has_its_directory(tmp_path: Path) -> None:
    base = tmp_path / "logs"
    files(base, {"a": ["a.pth"], "b": ["b.pth"]})
    request = replace(RunRequest(base / "*.pth", tmp_path / "report"))
    text = str(several_runs(division({"a": ["a.pth"], "b": ["b.pth"]}), request))
    assert f"--ckpt-dir {base / 'a.pth'} " in text
