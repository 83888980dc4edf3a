"""Checkpoints come, go, are half there; images and versions change; runs are killed and files damaged, in any order."""

import pytest

from tests.crashes.bad_days import days, wander


def test_some_bad_days() -> None:
    done = wander(22, seed=1)
    assert {"add", "half-write", "delete", "bump a version", "run", "kill", "corrupt", "compare"} <= done.keys()


@pytest.mark.torture
def test_many_bad_days() -> None:
    done = days(500, 40)
    assert done["example"] >= 500
    assert min(done.values()) >= 500
