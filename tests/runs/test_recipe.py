"""Which trainings are known to differ by their seed alone."""

import copy
from typing import Any

import pytest

from swaveval.runs.recipe import recipe

RUN: dict[str, Any] = {
    "settings": {
        "backbone": {"kind": "resnet"},
        "config": {
            "data": {"path": "a", "labels": "", "split_seed": 0},
            "training": {"epochs": 3, "seed": 0, "stop_on_nan": True},
            "hardware": {"workers": 1, "precision": "32"},
            "series": {"log_every": 1, "checkpoint_every": "1"},
            "swav": {"prototypes": 10},
        },
    },
    "data": {"fingerprint": "f"},
}


def changed(path: str, value: object) -> dict[str, Any]:
    run = copy.deepcopy(RUN)
    *above, last = path.split("/")
    place = run
    for name in above:
        place = place[name]
    place[last] = value
    return run


@pytest.mark.parametrize(
    "path",
    ["training/seed", "data/path", "data/labels", "training/stop_on_nan", "hardware/workers", "series/log_every"],
)
def test_what_changes_no_training_but_its_seed_makes_no_difference(path: str) -> None:
    value = 5 if path == "training/seed" else "other"
    assert recipe(changed(f"settings/config/{path}", value)) == recipe(RUN) != ""


@pytest.mark.parametrize(
    "path",
    [
        "settings/config/data/split_seed",
        "settings/config/training/epochs",
        "settings/config/hardware/precision",
        "settings/config/series/checkpoint_every",
        "settings/config/swav/prototypes",
        "settings/config/swav/new",
        "settings/backbone/kind",
        "data/fingerprint",
    ],
)
def test_everything_else_does(path: str) -> None:
    assert recipe(changed(path, "other")) not in ("", recipe(RUN))


@pytest.mark.parametrize(
    "run",
    [
        None,
        {},
        {"hyperparameters": {"seed": 0, "prototypes": 30}},
        {"settings": [], "data": {"fingerprint": "f"}},
        {"settings": {"config": None}, "data": {"fingerprint": "f"}},
        changed("data/fingerprint", ""),
        changed("data/fingerprint", 3),
        changed("settings/config/training", {"epochs": 3}),
        changed("settings/config/training", "long"),
        changed("settings/config", {"training": {"seed": 1}}),
    ],
    ids=repr,
)
def test_where_not_everything_is_known_there_is_none(run: dict[str, Any] | None) -> None:
    assert recipe(run) == ""
