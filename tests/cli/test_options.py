"""What `run` and `plan` share is said once; what changes the plan reaches it."""

import inspect
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
import typer
import typer.main

from swaveval.cli.app import app
from swaveval.cli.geometry_options import Network, Normalisation
from swaveval.cli.options import PlanOptions, takes
from swaveval.cli.reading_options import Pixels
from swaveval.data import DataError, EvalTransform

COMMANDS: dict[str, Any] = typer.main.get_command(app).commands  # type: ignore[attr-defined]
# Options of `run` that change no cell: what the page is called and shows, who computes, what is printed.
NO_CELL = {"--name", "--device", "--jobs", "--executor", "--loss-log", "--no-images", "--no-figures", "--fail-on"}
NO_CELL |= {"--quiet", "--json", "--cell-timeout", "--watch", "--until", "--quiet-for", "--poll"}
NO_CELL |= {"--loss-pattern", "--log-to"}


def options(command: str) -> dict[str, Any]:
    return {parameter.opts[0]: parameter for parameter in COMMANDS[command].params}


def test_plan_takes_every_option_of_run_that_changes_the_plan() -> None:
    run, plan = options("run"), options("plan")
    assert set(run) - set(plan) == NO_CELL - {"--json"}
    assert set(plan) <= set(run)
    for name in set(plan) - {"--json"}:
        assert (run[name].help, run[name].default, run[name].opts, run[name].secondary_opts) == (
            plan[name].help, plan[name].default, plan[name].opts, plan[name].secondary_opts,
        )  # fmt: skip


OTHER: dict[str, Any] = {
    "ckpt_dir": "other", "data": "digits", "labels": Path("none"), "pixels": Pixels(range="0:4095"),
    "images": 50, "budget": "10m",
    "evaluators": "knn", "evaluator": ["file.py:Mine"], "out": "elsewhere", "seed": 3, "size": 32,
    "interpolation": "bicubic", "precision": "fp32", "network": Network(heads=3),
    "normalisation": Normalisation(mean="0.5"),
    "one_run": True, "force": True,
}  # fmt: skip


# How files are fetched changes nothing for those that lie here.
@pytest.mark.parametrize("name", [one.name for one in fields(PlanOptions) if one.name != "elsewhere"])
def test_every_option_reaches_the_request(name: str) -> None:
    usual = PlanOptions("run/checkpoints")
    assert replace(usual, **{name: OTHER[name]}).request() != usual.request()


@pytest.mark.parametrize("name", [one.name for one in fields(Network)])
def test_every_word_on_the_network_reaches_the_reader(name: str) -> None:
    value = {"backbone": "timm:x", "maxpool": False, "allow_partial": True, "trust": True}.get(name, 2)
    assert replace(Network(), **{name: value}).load() != Network().load()


def test_a_command_is_called_with_one_object() -> None:
    seen = []

    @takes(PlanOptions)
    def command(chosen: PlanOptions, *, more: int = typer.Option(1, "--more")) -> None:
        seen.append((chosen, more))

    command(**{name: one.default for name, one in inspect.signature(command).parameters.items() if name != "ckpt_dir"}
            | {"ckpt_dir": "x", "range": "full", "heads": 6, "more": 5})  # fmt: skip
    ((chosen, more),) = seen
    assert (chosen.ckpt_dir, chosen.pixels.range, chosen.network.heads, more) == ("x", "full", 6, 5)


def test_evaluators_lists_whatever_run_takes(capsys: pytest.CaptureFixture[str]) -> None:
    import json

    from swaveval.cli.evaluators import evaluators
    from swaveval.runs.request import DEFAULT_EVALUATORS

    evaluators(as_json=True)
    assert {row["name"] for row in json.loads(capsys.readouterr().out)} >= set(DEFAULT_EVALUATORS)


@pytest.mark.parametrize(
    ("mean", "std", "read"),
    [
        ("0.5", "0.25", {"mean": (0.5,) * 3, "std": (0.25,) * 3}),
        ("127.5", "51", {"mean": (0.5,) * 3, "std": (0.2,) * 3}),
        ("0,0,0", "255", {"mean": (0.0,) * 3, "std": (1.0,) * 3}),
        ("127.5,51,255", None, {"mean": (0.5, 0.2, 1.0)}), (None, "51", {"std": (0.2,) * 3}),
        ("0.5", "51", None), ("127.5", "0.2", None), ("-1", "0.2", None), ("300", "50", None), ("nan", "50", None),
    ],
)  # fmt: skip
def test_a_normalisation_of_pixels_in_0_to_255_is_divided(
    mean: str | None, std: str | None, read: dict[str, Any] | None, capsys: pytest.CaptureFixture[str]
) -> None:
    """As OpenMMLab writes it; one that is of neither, or of both, stops."""
    if read is None:
        with pytest.raises(typer.Exit):
            Normalisation(mean=mean, std=std).said()
        return
    assert Normalisation(mean=mean, std=std).said() == {name: pytest.approx(values) for name, values in read.items()}
    given = ",".join(words for words in (mean, std) if words is not None)
    assert ("divided by 255" in capsys.readouterr().err) == any(float(number) > 2 for number in given.split(","))


def test_a_transform_is_of_pixels_in_0_to_1() -> None:
    with pytest.raises(DataError, match="divide those of pixels in 0…255 by 255"):
        EvalTransform(mean=(123.675, 116.28, 103.53))
