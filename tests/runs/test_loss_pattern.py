"""Logs of any form by a pattern of the user's, which may be wrong, and a log that may be hostile."""

from pathlib import Path

import pytest

from swaveval.results import LossCurve
from swaveval.runs.checks import check_run
from swaveval.runs.loss_matching import LONGEST_LINE, matches
from swaveval.runs.loss_pattern import check_pattern, pattern_rows
from swaveval.runs.loss_rows import MOST_BYTES, Row
from swaveval.runs.losses import find_loss
from swaveval.runs.progress import Silent
from swaveval.runs.request import RunError, RunRequest

# The one of the manual.
PATTERN = r"Epoch (?P<epoch>\d+).*loss=(?P<loss>\S+)"
OWN = "".join(f"[{n:02}:00] Epoch {n} (7 it/s) obj=1 loss={5 - n}.5, ok\nvalidation loss=99\n" for n in range(1, 4))


def curve(directory: Path, pattern: str, log: Path | None = None) -> LossCurve | None:
    return find_loss(directory, loss_log=log, prototypes=None, moments=[(3.0, 30)], pattern=pattern)


def test_a_log_of_an_own_form(tmp_path: Path) -> None:
    (tmp_path / "mine.out").write_text(OWN)
    found = curve(tmp_path, PATTERN, tmp_path / "mine.out")
    assert found is not None
    assert (found.source, found.axis, found.epochs, found.values) == ("mine.out", "epoch", (1, 2, 3), (4.5, 3.5, 2.5))


def test_without_a_name_the_text_logs_around_the_checkpoints_are_looked_through(tmp_path: Path) -> None:
    directory = tmp_path / "run" / "checkpoints"
    directory.mkdir(parents=True)
    with pytest.raises(
        RunError, match=r"no text log to be looked for in: none of train\.log, .*slurm-\*\.out lies around"
    ):
        curve(directory, PATTERN)
    (directory.parent / "train.log").write_text("Epoch 1: loss 3\nEpoch 2: loss 2\n")
    with pytest.raises(RunError, match=r"found nowhere in train\.log, which has lines such as: Epoch 1: loss 3$"):
        curve(directory, PATTERN)
    (directory.parent / "slurm-17.out").write_text(OWN)
    found = curve(directory, PATTERN)
    assert found is not None
    assert (found.source, found.values) == ("slurm-17.out", (4.5, 3.5, 2.5))
    assert curve(directory, "") is not None, "without the pattern train.log is read as ever"


def test_what_a_line_does_not_state_is_taken_from_those_before_it(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("== epoch 1\nL 3e0\rL 2.5\n\n== epoch 2\nL nan\nL -inf\n")
    rows = pattern_rows(tmp_path / "log", r"epoch (?P<epoch>\d)|L (?P<loss>\S+)")
    assert rows[:2] == [Row(3.0, 1.0), Row(2.5, 1.0)]
    assert rows[2].loss != rows[2].loss
    assert rows[3] == Row(float("-inf"), 2.0)


def test_steps(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("10|3\n20|2,\nx|1\n1e99|0\n")
    rows = pattern_rows(tmp_path / "log", r"^(?P<step>.+)\|(?P<loss>.+)$")
    assert rows == [Row(3.0, None, 10), Row(2.0, None, 20), Row(1.0), Row(0.0)]


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        ("loss=(?P<loss>", r"is no regular expression: missing \), .* at position 5; it was loss=\(\?P<loss>$"),
        ("loss=(?P<loss>\\S+)(?P<loss>x)", "is no regular expression: redefinition of group name"),
        (r"loss=(\S+)", r"names no group `loss`, as in 'loss=\(\?P<loss>\\S\+\)'; it was loss="),
        (r"(?P<epoch>\d+)", "names no group `loss`"),
        (r"(?P<loss>\d+)(?P<lr>\d+)", "takes the groups loss, epoch and step; not lr"),
    ],
)
def test_patterns_that_are_none(pattern: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(RunError, match=said):
        check_pattern(pattern)
    (tmp_path / "log.txt").write_text(OWN)
    request = RunRequest(tmp_path, tmp_path / "report", data="digits", loss_pattern=pattern)
    with pytest.raises(RunError, match=said):
        check_run(request, Silent())


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (OWN, r"found nowhere in log, which has lines such as: \[01:00\] Epoch 1 \(7 it/s\) obj=1 loss=4\.5, ok$"),
        ("a\nb\n\n", "which has lines such as: b$"),
        ("", "which has lines such as: nothing but empty ones$"),
        ("L much\n", "finds 'much' for a loss, which is no number, in log, which has lines such as: L much$"),
        ("L\n", "finds no loss in log"),
        ("L 1\n", None),
        ("x" * 100_000 + " L 3\n\x1b[31mloss\x07\n", r"such as: \\x1b\[31mloss\\x07$"),
    ],
)
def test_logs_that_it_does_not_fit(content: str, said: str | None, tmp_path: Path) -> None:
    (tmp_path / "log").write_text(content)
    with pytest.raises(RunError, match=said or "found in one line of log only: a curve takes two"):
        curve(tmp_path, r"L( (?P<loss>\w+))?$", tmp_path / "log")


def test_logs_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="cannot be read: No such file or directory"):
        curve(tmp_path, PATTERN, tmp_path / "absent")
    with pytest.raises(RunError, match="cannot be read: Is a directory"):
        curve(tmp_path, PATTERN, tmp_path)
    with (tmp_path / "long").open("wb") as file:
        file.truncate(MOST_BYTES + 1)
    with pytest.raises(RunError, match="bytes is no loss log"):
        curve(tmp_path, PATTERN, tmp_path / "long")


def test_lines_are_cut_off_where_they_are_too_long(tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(b"L 1" + b"x" * 10**6 + b"\nL 2\xff\n" + b"y" * (LONGEST_LINE - 3) + b"L 3\nL 4")
    found, _ = matches(str(tmp_path / "log"), r"L (?P<loss>\d)", 100)
    assert [loss for loss, _, _ in found] == ["1", "2", "3", "4"]
    assert matches(str(tmp_path / "log"), r"L (?P<loss>.*)", 100)[0][0] == ("1" + "x" * 63, None, None)
    assert len(matches(str(tmp_path / "log"), r"(?P<loss>.)$", 3)[0]) == 3


def test_a_pattern_that_never_comes_to_an_end_is_given_up(tmp_path: Path) -> None:
    """A repetition within a repetition, on a line made for it: 2⁴⁰ ways to cut it."""
    (tmp_path / "log").write_text("loss=" + "a" * 40 + "!\n")
    with pytest.raises(RunError, match=r"took longer than 1 seconds on log: a repetition within a repetition"):
        pattern_rows(tmp_path / "log", r"loss=(?P<loss>(a+)+)$", seconds=1)
