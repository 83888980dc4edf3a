"""The base of all errors: text, hint, exit code; and how the command line leaves with it."""

import errno
import pickle

import pytest

from swaveval.cli import app
from swaveval.data import DataError
from swaveval.errors import SwavevalError, machine_fault
from swaveval.features.devices import DeviceError
from swaveval.pretrain.errors import Interrupted
from swaveval.results import DamagedCell
from swaveval.runs.request import RunError


def test_the_hint_is_the_last_clause() -> None:
    assert DataError("nothing is there (2 files; 1 folder); give a directory").hint == "give a directory"
    assert DataError("nothing is there").hint == ""


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (DataError("x"), 2), (RunError("x"), 2), (DeviceError("x"), 2), (DamagedCell("x"), 4), (Interrupted("x"), 130),
        (OSError(errno.ENOSPC, "full", "/x"), 2), (MemoryError(), 2),
    ],
    ids=repr,
)  # fmt: skip
def test_the_command_line_says_the_sentence_and_leaves_with_its_code(
    error: Exception, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert app._tell(error) == code
    assert capsys.readouterr().err.startswith("swaveval: ")


def test_a_defect_of_ours_is_a_traceback() -> None:
    with pytest.raises(ZeroDivisionError):
        app._tell(ZeroDivisionError())


def test_errors_survive_the_way_between_processes() -> None:
    for error in (DataError("a; b"), DeviceError("c"), DamagedCell("d"), machine_fault(MemoryError())):
        restored = pickle.loads(pickle.dumps(error))
        assert (type(restored), str(restored)) == (type(error), str(error))


def test_features_errors_stay_value_errors() -> None:
    """What callers caught before this base existed they catch still."""
    assert isinstance(DeviceError("x"), ValueError)
    assert isinstance(DeviceError("x"), SwavevalError)
