"""Checkpoints come, go, are half there; images and versions change; runs are killed and files damaged, in any order."""

import pytest

from tests.crashes.bad_days import days


def test_some_bad_days() -> None:
    done = days(4, 12, derandomize=True)
    assert done["run"]
    assert done["kill"]
    assert done["corrupt"]


@pytest.mark.torture
def test_many_bad_days() -> None:
    done = days(500, 40, derandomize=False)
    assert done["example"] >= 500
    assert min(done.values()) >= 500
