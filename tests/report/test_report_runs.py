"""Runs side by side: what may be compared, what differs, what is best, and what the page then says."""

import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from swaveval.cli.compare import print_found
from swaveval.convergence import verdict as verdicts
from swaveval.convergence.paired import holm, paired_difference
from swaveval.convergence.verdict import Verdict
from swaveval.report import IncomparableRuns, ReportOptions, write_comparison
from swaveval.report.choice import answers, choose, pairs
from swaveval.report.comparison import examine, render
from swaveval.report.runs import grouped
from swaveval.results import Artifact, Cell, Series

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


def test_the_set_is_what_the_comparison_with_the_best_leaves(runs: list[tuple[Series, Verdict]]) -> None:
    (group,), _ = grouped(runs, force=False)
    choice = choose(group)
    assert [one.metric for one in choice.witnesses] == ["knn.loo_top1"], "what these runs have of the witnesses"
    rows = np.stack([run.contents.outcomes["knn.loo_top1"][run.best][0] for run in group.runs])  # type: ignore[index]
    random = np.random.default_rng(0)
    drawn = np.stack([rows[:, random.integers(0, rows.shape[1], rows.shape[1])].mean(axis=1) for _ in range(1500)])
    left = []
    for mine in range(4):
        apart = drawn - drawn[:, [mine]]
        error = np.where(np.arange(4) == mine, np.inf, apart.std(axis=0))
        limit = np.quantile(((apart - apart.mean(axis=0)) / error).max(axis=1), 0.95)
        if ((rows.mean(axis=1) - rows[mine].mean()) / error).max() <= limit:
            left.append(mine)
    assert choice.members == tuple(left)
    assert 0 not in choice.members
    assert len(choice.members) > 1
    assert {one.setting for one in choice.beatings} == {0, 1, 2, 3} - set(left)


def test_what_does_not_choose_is_corrected_over_its_whole_table(runs: list[tuple[Series, Verdict]]) -> None:
    (group,), _ = grouped(runs, force=False)
    table = pairs(group, choose(group))
    assert len(table) == 6 * 3
    assert tuple(pair.corrected for pair in table) == holm([pair.found.p for pair in table])
    first = table[0]
    assert first.metric != "knn.loo_top1"
    rows = [group.runs[i].contents.outcomes[first.metric][group.runs[i].best][0] for i in (first.a, first.b)]  # type: ignore[index]
    assert first.found == paired_difference(*rows)


def test_many_runs_are_paired_with_one_that_is_not_beaten(evaluated: Evaluated) -> None:
    many = [evaluated(name=f"s{seed}", seed=seed, evaluators=("knn",)) for seed in range(8)]
    (group,), _ = grouped(many, force=False)
    choice = choose(group)
    assert all(choice.members[0] in (pair.a, pair.b) for pair in pairs(group, choice))
    assert len(pairs(group, choice)) == 7


def on_other_images(series: Series, shift: int) -> Series:
    """The same answers to images `shift` further on."""
    arrays = {}
    for name, digest in series.artifact_index:
        stored = series.artifact(name, digest or None)
        if name.endswith(".outcomes") and stored is not None:
            arrays[name, digest] = Artifact(name, {**stored, "index": stored["index"] + shift})
    return replace(series, arrays=arrays)


def test_runs_without_shared_images_are_told_apart_by_intervals(runs: list[tuple[Series, Verdict]]) -> None:
    other = [(on_other_images(runs[0][0], 10_000), runs[0][1]), *runs[1:]]
    (group,), _ = grouped(other, force=False)
    choice = choose(group)
    assert choice.compared is None
    values = [run.metric("knn.loo_top1") for run in group.runs]
    best = max(range(4), key=lambda i: values[i].value)  # type: ignore[union-attr]
    low, high = values[best].ci95  # type: ignore[union-attr, misc]
    overlapping = [i for i, one in enumerate(values) if one.ci95[0] <= high and low <= one.ci95[1]]  # type: ignore[union-attr, index]
    assert choice.members == tuple(overlapping)
    found, _ = examine(other)
    assert "no outcomes on the same images" in found[0].sentence
    assert {name for pair in pairs(group, choice) for name in (pair.a, pair.b)} <= {0, 1, 2}


def test_only_the_images_that_all_runs_have_are_asked(runs: list[tuple[Series, Verdict]]) -> None:
    other = [(on_other_images(runs[0][0], 100), runs[0][1]), *runs[1:]]
    (group,), _ = grouped(other, force=False)
    choice = choose(group)
    assert choice.n == 140
    shared = answers(group, "knn.loo_top1", range(4))
    assert shared is not None
    assert shared.index.tolist() == list(range(100, 240))
    first, index = group.runs[0].contents.outcomes["knn.loo_top1"][group.runs[0].best]  # type: ignore[index, misc]
    assert shared.correct[0].tolist() == first[np.isin(index, shared.index)].tolist()


@pytest.mark.parametrize("what", ["images", "transforms", "protocols", "precisions"])
def test_runs_that_must_not_share_an_axis_are_refused_or_shown_apart(
    runs: list[tuple[Series, Verdict]], tmp_path: Path, what: str
) -> None:
    series, said = runs[0]
    manifest = series.manifest
    changed = {
        "images": replace(manifest, data=replace(manifest.data, fingerprint="e5" * 32)),
        "transforms": replace(manifest, data=replace(manifest.data, transform="resize64")),
        "precisions": replace(manifest, data=replace(manifest.data, precision="bf16")),
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


@pytest.mark.parametrize("labelled", [True, False])
def test_a_refusal_says_what_differs_and_which_run_is_the_odd_one(
    evaluated: Evaluated, runs: list[tuple[Series, Verdict]], labelled: bool
) -> None:
    one, other, third = (evaluated(name="same", seed=seed) for seed in (0, 3, 4))
    data = replace(other[0].manifest.data, fingerprint="e5" * 32, labelled=labelled, n_test=1_200)
    odd = (replace(other[0], manifest=replace(other[0].manifest, data=data)), other[1])
    with pytest.raises(IncomparableRuns) as refused:
        grouped([one, odd, third], force=False)
    said = str(refused.value)
    assert "different images or labels" in said
    assert ("without labels (e5e5e5e5)" in said) is not labelled
    assert "On one page go “same (1)” and “same (3)”; on another “same (2)”." in said
    shown, _ = grouped([one, odd, third], force=True)
    assert [[run.name for run in group.runs] for group in shown] == [["same (1)", "same (3)"], ["same (2)"]]
    with pytest.raises(IncomparableRuns, match=r"Each stands alone: “same \(1\)”, “same \(2\)”\."):
        grouped([one, odd], force=False)


def test_an_evaluator_that_one_run_lacks_does_not_keep_runs_apart(evaluated: Evaluated) -> None:
    both = [evaluated(name="a"), evaluated(name="b", evaluators=("knn", "clusters"), seed=3)]
    (group,), _ = grouped(both, force=False)
    assert "knn.top1" in group.metric_ids
    assert "linear.top1" not in group.metric_ids


def test_equal_names_are_told_apart(evaluated: Evaluated) -> None:
    (group,), _ = grouped([evaluated(), evaluated()], force=False)
    assert [run.name for run in group.runs] == ["digits-demo (1)", "digits-demo (2)"]


def test_the_page_names_the_set_and_what_each_cost(runs: list[tuple[Series, Verdict]]) -> None:
    html = render(runs, ReportOptions())
    head = html[: html.index("<figure")]
    (group,), _ = grouped(runs, force=False)
    members = [f"{group.x[place]:g}" for place in choose(group).members]
    assert len(members) > 1
    assert f"K = {', '.join(members[:-1])} and {members[-1]} cannot be told apart" in head
    assert "K = 10 is worse by kNN (" in head
    assert "1 min 10 s" in html
    assert "6 min 0 s" in html
    assert "training time" in html
    assert "not recorded" in html, "the seconds of an epoch"
    assert "time: evaluators" in html
    assert "training seconds" not in html, "a cost is no setting"
    assert html == render(runs, ReportOptions())


def test_one_run_and_runs_without_numbers_still_make_a_page(evaluated: Evaluated) -> None:
    series, said = evaluated()
    assert "1 run" in render([(series, said)], ReportOptions())
    empty = replace(series, points=(), baselines=())
    html = render([(empty, replace(said, best=None)), (empty, replace(said, best=None))], ReportOptions())
    assert "No run can be recommended" in html


# -- repeats with other seeds ------------------------------------------------------------------------------------------


def repeats(evaluated: Evaluated, *ends: tuple[int, int, float], recipe: str = "r") -> list[tuple[Series, Verdict]]:
    """(K, seed, accuracy at the end) of each run; those of one K are known to be alike but for their seed."""
    made = []
    for k, seed, end in ends:
        series, said = evaluated(name=f"K{k}-s{seed}", prototypes=k, end=end, seed=10 * k + seed, evaluators=("knn",))
        settings = {**series.manifest.hyperparameters, "seed": seed}
        known = f"{recipe}{k}" if recipe else ""
        manifest = replace(
            series.manifest, hyperparameters=settings, recipe=known, training_seconds=60.0 + k, training_epochs=8
        )
        made.append((replace(series, manifest=manifest), said))
    return made


FOUR = ((10, 0, 0.94), (10, 1, 0.95), (100, 0, 0.955), (100, 1, 0.945))


def test_repeats_are_one_row_with_their_spread(evaluated: Evaluated) -> None:
    runs = repeats(evaluated, *FOUR)
    (found,), _ = examine(runs)
    assert [(one.name, one.runs) for one in found.group.settings] == [("K = 10", (0, 1)), ("K = 100", (2, 3))]
    assert found.headline == "K = 10 and 100 cannot be told apart"
    values = np.asarray([run.metric("knn.loo_top1").value for run in found.group.runs])  # type: ignore[union-attr]
    deviation = np.sqrt((values[:2].var(ddof=1) + values[2:].var(ddof=1)) / 2)
    assert f"2 seeds each, whose spread is counted (standard deviation in points: {100 * deviation:.1f} by kNN" in (
        found.sentence
    )
    row = dict(zip(found.head, found.rows[0], strict=True))
    assert row["seeds"] == "2 (0, 1)"
    assert row["verdict"] == "2 × learning"
    assert row["training time"] == "1 min 10 s"
    assert row["per epoch"] == "8.8 s"
    mean, span = row[found.group.words.term("knn.loo_top1").brief]
    assert mean == f"{100 * values[:2].mean():.1f} %"
    low, high = sorted(100 * values[:2])
    assert span == f"{low:.1f} to {high:.1f} %, s.d. {100 * values[:2].std(ddof=1):.1f} points"
    assert "K = 10 took 0.4 × the training time of K = 100 (1 min 10 s against 2 min 40 s, as logged)" in found.sentence
    page = render(runs, ReportOptions())
    assert "4 runs of 2 settings" in page


@pytest.mark.parametrize("change", ["recipe", "seed", "setting", "moments"])
def test_what_is_not_known_to_be_alike_is_no_repeat(evaluated: Evaluated, change: str) -> None:
    """No recipe: nobody knows. The same seed: the same training. Another setting, other checkpoints: another run."""
    one, other = repeats(evaluated, (10, 0, 0.94), (10, 1, 0.95), recipe="" if change == "recipe" else "r")
    series, said = other
    manifest = series.manifest
    if change == "seed":
        manifest = replace(manifest, hyperparameters={**manifest.hyperparameters, "seed": 0})
    if change == "setting":
        manifest = replace(manifest, hyperparameters={**manifest.hyperparameters, "epsilon": 0.05})
    points = series.points[:-1] if change == "moments" else series.points
    (group,), _ = grouped([one, (replace(series, manifest=manifest, points=points), said)], force=False)
    assert [setting.runs for setting in group.settings] == [(0,), (1,)]
    assert group.axis in ("", "epsilon"), "a seed is no axis"
    (both,), _ = grouped([one, other], force=False)
    assert len(both.settings) == (2 if change == "recipe" else 1)


def test_a_run_of_each_says_that_seeds_are_not_known(evaluated: Evaluated) -> None:
    (found,), _ = examine(repeats(evaluated, FOUR[0], FOUR[2]))
    assert "One run of each: how far another seed would move it is not known." in found.sentence
    assert "seeds" not in found.head


# -- nothing against the runs' own pages -------------------------------------------------------------------------------


@pytest.mark.parametrize(("state", "word"), [("collapsed", "collapsed"), ("not-learning", "not learning")])
def test_a_collapsed_run_is_never_recommended(evaluated: Evaluated, state: str, word: str) -> None:
    """Not even where its number is the highest."""
    runs = repeats(evaluated, (10, 0, 0.98), (100, 0, 0.90), (300, 0, 0.80))
    runs[0] = (runs[0][0], replace(runs[0][1], verdict=state, best=None))  # type: ignore[arg-type]
    (found,), _ = examine(runs)
    assert found.headline == "K = 100 is best"
    assert f"K = 10 {'is ' if word == 'not learning' else ''}{word}, and is left out." in found.sentence
    row = dict(zip(found.head, found.rows[0], strict=True))
    assert (row[""], row["use"]) == ("×", "none")
    assert [row[0] for row in found.rows] == ["×", "★", ""]
    said = found.to_json()
    assert said["not_beaten"] == ["K = 100"]
    assert said["settings"][0]["left_out"] == word
    assert all(one["by"] != "K = 10" for one in said["beaten"])


def test_a_setting_that_collapsed_with_one_seed_is_left_out(evaluated: Evaluated) -> None:
    runs = repeats(evaluated, *FOUR)
    runs[1] = (runs[1][0], replace(runs[1][1], verdict="collapsed", best=None))
    (found,), _ = examine(runs)
    assert found.headline == "K = 100 is the only one to recommend"
    assert "K = 10 collapsed with 1 of 2 seeds, and is left out." in found.sentence


def test_where_all_collapsed_none_is_recommended(evaluated: Evaluated) -> None:
    runs = [(series, replace(said, verdict="collapsed", best=None)) for series, said in repeats(evaluated, *FOUR)]
    (found,), _ = examine(runs)
    assert found.headline == "No run can be recommended"
    assert "★" not in {row[0] for row in found.rows}


@pytest.mark.parametrize("why", ["labels set aside", "learned by heart"])
def test_labels_that_say_nothing_choose_no_run(runs: list[tuple[Series, Verdict]], why: str) -> None:
    """As on the runs' own pages: views do, and not the test images."""
    on_test = verdicts.Testimony("knn.top1", "kNN", 120, "gain", 0.1, (0.0, 0.2), 0.01, "step 0", 0.02)
    changed = {"labelled": False} if why == "labels set aside" else {"witnesses": (on_test,)}
    other = [(series, replace(said, **changed)) for series, said in runs]  # type: ignore[arg-type]
    (group,), _ = grouped(other, force=False)
    assert choose(group).metric == "views.retrieval"
    without = [(replace(series, artifact_index=none_of(series, "views.")), said) for series, said in other]
    (group,), _ = grouped(without, force=False)
    chosen = choose(group)
    if why == "learned by heart":
        assert chosen.metric == "knn.top1"
    else:
        assert (chosen.metric, chosen.compared) == ("views.retrieval", None), "by its intervals"


def none_of(series: Series, evaluator: str) -> dict[tuple[str, str], Cell]:
    return {place: cell for place, cell in series.artifact_index.items() if not place[0].startswith(evaluator)}


def test_one_setting_with_several_seeds_has_its_spread(evaluated: Evaluated) -> None:
    (found,), _ = examine(repeats(evaluated, *FOUR[:2]))
    assert found.headline == "2 seeds of one setting"
    values = np.asarray([run.metric("knn.loo_top1").value for run in found.group.runs])  # type: ignore[union-attr]
    assert f"kNN {100 * values.mean():.1f} ± {100 * values.std(ddof=1):.1f} % (n = 240)" in found.sentence


def test_a_narrow_terminal_keeps_the_set_the_verdict_and_the_time(evaluated: Evaluated) -> None:
    (found,), _ = examine(repeats(evaluated, *FOUR))
    for width in (60, 300):
        console = Console(width=width, file=io.StringIO())
        print_found(found, console)
        said = console.file.getvalue()  # type: ignore[attr-defined]
        assert "…" not in said
        assert "K = 10 and 100 cannot be told apart" in said
        assert "2 × learning" in said
        assert ("per epoch" in said) == (width == 300)
