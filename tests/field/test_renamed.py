"""Files whose names were given by hand: one training where the moments inside and the weights say so."""

from pathlib import Path

import pytest

from tests.field.series_files import File, read, write

LETTERS = ("g.ckpt", "a.ckpt", "k.ckpt", "c.ckpt", "b.ckpt")


@pytest.mark.parametrize(
    "names", [LETTERS, ("good.pth", "bad.pth", "ugly.pth"), ("x/mine.pt", "x/his.pt", "x/ours.pt")]
)
@pytest.mark.parametrize("axis", ["epoch", "step"])
def test_words_for_names_are_one_training_by_the_moments_inside(
    names: tuple[str, ...], axis: str, tmp_path: Path
) -> None:
    files = [File(name, i, inside={axis: 4 * i}, minutes=3) for i, name in enumerate(names, 1)]
    write(tmp_path, files)
    found = read(tmp_path)
    assert not found.division.reasons
    assert tuple(record.name for record in found.records) == names
    assert found.order == axis
    assert "the names of the files are words that tell no moment" in found.notes[0]


@pytest.mark.parametrize(
    "files",
    [
        [File(name, i, run=i, inside={"epoch": i}) for i, name in enumerate(LETTERS, 1)],
        [File(name, i, run=i % 2, inside={"epoch": i}) for i, name in enumerate(LETTERS, 1)],
        [File(name, i, inside={"epoch": 5}) for i, name in enumerate(LETTERS, 1)],
        [File(name, i, inside={"epoch": i}) for i, name in enumerate(("a.pth", "b.pth", "c_linear.pth"), 1)],
        [File(name, i, inside={"epoch": i}) for i, name in enumerate(("a/x.pth", "b/y.pth", "c/z.pth"), 1)],
        [File(name, i, inside={"epoch": 10 - i}) for i, name in enumerate(("a.pth", "c_3.pth", "b.pth"), 1)],
    ],
    ids=["strangers", "woven", "one moment", "a task", "directories", "a number that counts"],
)
def test_words_for_names_stay_several_where_something_speaks_against_one(files: list[File], tmp_path: Path) -> None:
    write(tmp_path, files)
    assert read(tmp_path).division.reasons


@pytest.mark.parametrize(("count", "named", "rest"), [(3, 3, ""), (4, 3, "3 more pairs of these 4 runs")])
def test_pairs_of_many_runs_are_one_sentence(count: int, named: int, rest: str, tmp_path: Path) -> None:
    names = LETTERS[:count]
    write(tmp_path, [File(name, i, run=i, inside={"epoch": i}) for i, name in enumerate(names, 1)])
    reasons = [reason for reason in read(tmp_path).division.reasons if "do not follow on" in reason]
    assert sum(reason.count("do not follow on") for reason in reasons) == named
    assert len(reasons) == (1 if rest else named)
    assert rest in reasons[-1]
