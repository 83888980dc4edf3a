"""The layout campaign's half about folders and tables: nothing is read wrong without a word."""

import pytest

from tests.field.campaign import run, thinned, wrong
from tests.field.campaign_layouts import trials


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SWAVEVAL_DATA", str(tmp_path_factory.mktemp("cache")))


def test_a_short_campaign() -> None:
    results = run(thinned(trials(), 90))
    assert not wrong(results), "\n".join(wrong(results))
    assert sum(result.outcome.word == "right" for result in results) > 75


def test_names_of_trials_are_unique_and_there_are_enough() -> None:
    names = [(trial.kind, trial.name) for trial in trials()]
    assert len(names) >= 300
    assert len(set(names)) > 0.95 * len(names)


@pytest.mark.torture
def test_the_full_campaign() -> None:
    results = run(trials())
    assert not wrong(results), "\n".join(wrong(results))
