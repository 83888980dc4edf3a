"""Runs side by side: what may be compared, what differs, what is best, and what the page then says."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from swaveval.convergence.paired import holm, paired_difference
from swaveval.convergence.verdict import Verdict
from swaveval.report import IncomparableRuns, ReportOptions, write_comparison
from swaveval.report.comparison import render
from swaveval.report.runs import choose, grouped, pairs
from swaveval.results import Series

Evaluated = Callable[..., tuple[Series, Verdict]]
COUNTS = ((10, 0.90), (30, 0.965), (100, 0.97), (300, 0.93))


@pytest.fixture(scope="module")
def runs(evaluated: Evaluated) -> list[tuple[Series, Verdict]]:
    made = [evaluated(name=f"K{k}", prototypes=k, end=end, seed=k, training_seconds=60.0 + k) for k, end in COUNTS]
    return made[::-1]


def test_the_setting_that_differs_is_found_and_orders_the_runs(runs: list[tuple[Series, Verdict]]) -> None:
    (group,), apart = grouped(runs, force=False)
    assert apart == ()
    assert group.axis == "prototypes"
    assert group.x == (10.0, 30.0, 100.0, 300.0)
    assert [run.name for run in group.runs] == ["K10", "K30", "K100", "K300"]
    assert group.differing == {"prototypes": ("10", "30", "100", "300")}


def test_purity_over_prototypes_gives_way_to_ami_where_k_differs(runs: list[tuple[Series, Verdict]]) -> None:
    (group,), _ = grouped(runs, force=False)
    assert "prototypes.ami" in group.metric_ids
    assert "prototypes.purity" not in group.metric_ids
    assert "clusters.purity" in group.metric_ids, "k-means at one fixed K may be compared"
    (alike,), _ = grouped([runs[0], runs[0]], force=False)
    assert "prototypes.purity" in alike.metric_ids


def test_best_and_tied_are_what_paired_tests_with_holm_say(runs: list[tuple[Series, Verdict]]) -> None:
    (group,), _ = grouped(runs, force=False)
    choice = choose(group)
    assert choice.metric == "knn.loo_top1"
    values = [run.metric("knn.loo_top1").value for run in group.runs]  # type: ignore[union-attr]
    assert choice.best == int(np.argmax(values))
    rows = [run.contents.outcomes["knn.loo_top1"][run.best][0] for run in group.runs]  # type: ignore[index]
    others = [i for i in range(4) if i != choice.best]
    corrected = holm([paired_difference(rows[choice.best], rows[i]).p for i in others])
    assert choice.tied == tuple(i for i, p in zip(others, corrected, strict=True) if p > 0.05)
    assert 0 not in choice.tied


def test_pairs_are_corrected_over_the_whole_table(runs: list[tuple[Series, Verdict]]) -> None:
    (group,), _ = grouped(runs, force=False)
    table = pairs(group)
    assert len(table) == 6 * 4
    assert tuple(pair.corrected for pair in table) == holm([pair.found.p for pair in table])
    first = table[0]
    rows = [group.runs[i].contents.outcomes[first.metric][group.runs[i].best][0] for i in (first.a, first.b)]  # type: ignore[index]
    assert first.found == paired_difference(*rows)


def test_many_runs_are_paired_with_the_best_only(evaluated: Evaluated) -> None:
    many = [evaluated(name=f"s{seed}", seed=seed, evaluators=("knn",)) for seed in range(8)]
    (group,), _ = grouped(many, force=False)
    best = choose(group).best
    assert all(best in (pair.a, pair.b) for pair in pairs(group))
    assert len(pairs(group)) == 7 * 2


def test_outcomes_on_other_images_are_not_paired(runs: list[tuple[Series, Verdict]]) -> None:
    (group,), _ = grouped(runs[:2], force=False)
    run = group.runs[0]
    shifted = {
        name: tuple(None if row is None else (row[0], row[1] + 1) for row in rows)
        for name, rows in run.contents.outcomes.items()
    }
    other = replace(run, contents=replace(run.contents, outcomes=shifted))
    assert pairs(replace(group, runs=(other, group.runs[1]))) == ()
    assert "intervals" in choose(replace(group, runs=(other, group.runs[1]))).how


@pytest.mark.parametrize("what", ["images", "transforms", "protocols"])
def test_runs_that_must_not_share_an_axis_are_refused_or_shown_apart(
    runs: list[tuple[Series, Verdict]], tmp_path: Path, what: str
) -> None:
    series, said = runs[0]
    manifest = series.manifest
    changed = {
        "images": replace(manifest, data=replace(manifest.data, fingerprint="e5" * 32)),
        "transforms": replace(manifest, data=replace(manifest.data, transform="resize64")),
        "protocols": replace(manifest, evaluators=(("knn", 2, {"k": 20}), *manifest.evaluators[1:])),
    }[what]
    mixed = [*runs[1:], (replace(series, manifest=changed), said)]
    target = tmp_path / "both.html"
    with pytest.raises(IncomparableRuns, match=f"different .*{what[:-1]}"):
        write_comparison(target, mixed)
    assert not target.exists()
    html = write_comparison(target, mixed, ReportOptions(force=True)).read_text()
    assert html.count('class="group"') == 2
    assert "must not share an axis" in html


def test_an_evaluator_that_one_run_lacks_does_not_keep_runs_apart(evaluated: Evaluated) -> None:
    both = [evaluated(name="a"), evaluated(name="b", evaluators=("knn", "clusters"), seed=3)]
    (group,), _ = grouped(both, force=False)
    assert "knn.top1" in group.metric_ids
    assert "linear.top1" not in group.metric_ids


def test_equal_names_are_told_apart(evaluated: Evaluated) -> None:
    (group,), _ = grouped([evaluated(), evaluated()], force=False)
    assert [run.name for run in group.runs] == ["digits-demo (1)", "digits-demo (2)"]


def test_the_page_names_the_best_k_its_ties_and_what_each_cost(runs: list[tuple[Series, Verdict]]) -> None:
    html = render(runs, ReportOptions())
    head = html[: html.index("<figure")]
    (group,), _ = grouped(runs, force=False)
    choice = choose(group)
    assert choice.best is not None
    assert f"K = {group.x[choice.best]:g} is best" in head
    for position in choice.tied:
        assert f"K = {group.x[position]:g}" in head
    assert "1 min 10 s" in html
    assert "6 min 0 s" in html
    assert "time: training" in html
    assert "time: evaluators" in html
    assert "training seconds" not in html, "a cost is no setting"
    assert html == render(runs, ReportOptions())


def test_one_run_and_runs_without_numbers_still_make_a_page(evaluated: Evaluated) -> None:
    series, said = evaluated()
    assert "1 run" in render([(series, said)], ReportOptions())
    empty = replace(series, points=(), baselines=())
    html = render([(empty, replace(said, best=None)), (empty, replace(said, best=None))], ReportOptions())
    assert "none can be called best" in html
