"""A cell that takes too long is ended and stored as an error; the rest is done, and the next run does it again."""

from dataclasses import replace
from pathlib import Path

import pytest

from swaveval.runs.checks import check_run
from swaveval.runs.progress import Silent
from swaveval.runs.request import RunError, RunRequest
from swaveval.runs.run import run
from tests.features.tiny_network import tiny_images
from tests.field.around_runs import write_checkpoints, write_plugin
from tests.tiny_images import write_images


@pytest.fixture
def request_there(tmp_path: Path) -> RunRequest:
    return RunRequest(
        write_checkpoints(tmp_path / "run" / "checkpoints", count=1),
        tmp_path / "run" / "report",
        data=str(write_images(tmp_path / "bars", per_class=6)),
        evaluators=("spectrum",),
        device="cpu",
    )


@pytest.mark.torture
def test_a_plugin_that_never_ends_costs_its_cell(request_there: RunRequest, tmp_path: Path) -> None:
    marker = tmp_path / "called"
    body = f"from pathlib import Path\nif not Path({str(marker)!r}).exists():\n"
    body += f"    Path({str(marker)!r}).touch()\n    while True: pass"
    mine = write_plugin(tmp_path / "mine.py", body)
    asked = replace(request_there, evaluators=("spectrum", mine), cell_timeout=4.0)
    first = run(asked)
    assert [(evaluator, "longer than 4 seconds (--cell-timeout)" in why) for evaluator, _, why in first.failed] == [
        ("mine", True)
    ]
    again = run(asked)
    assert (again.computed, again.failed) == (1, ())
    values = again.written.series.values("spectrum.rankme").tolist()
    unlimited = run(replace(asked, out=tmp_path / "other", cell_timeout=None))
    assert unlimited.written.series.values("spectrum.rankme").tolist() == values


@pytest.mark.torture
def test_a_built_in_has_the_limit_too(request_there: RunRequest) -> None:
    """umap compiles for seconds, in machine code that no signal stops."""
    outcome = run(replace(request_there, evaluators=("spectrum", "umap"), cell_timeout=0.3))
    assert any(evaluator == "umap" and "(--cell-timeout)" in why for evaluator, _, why in outcome.failed)


def test_what_is_in_memory_has_no_limit(request_there: RunRequest) -> None:
    with pytest.raises(RunError, match="cannot be limited"):
        check_run(replace(request_there, opened=tiny_images(), cell_timeout=1.0), Silent())
