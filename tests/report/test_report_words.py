"""What somebody else's evaluator declares and stores is drawn like a built-in's, and what cannot be drawn is said."""

import base64
import json
import re
import zlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser

from swaveval.cli.summary import print_summary
from swaveval.convergence import Verdict, judge
from swaveval.report import ReportOptions, write_comparison, write_figures
from swaveval.report.contents import first_figure, gather
from swaveval.report.galleries import galleries
from swaveval.report.glossary import Glossary
from swaveval.report.map import feature_map
from swaveval.report.page import render
from swaveval.results import Artifact, Metric, Series, Term
from swaveval.results.words import TERMS
from swaveval.runs.cells import misplaced
from tests.report.browsing import CHROMIUM, Evaluated, opened

Arrays = Mapping[str, np.ndarray[Any, np.dtype[Any]]]
OWN = Term("Own score", "How much of its own it has.", "Counted by hand.", "own")


def with_own(
    series: Series,
    *,
    unit: str = "dimensions",
    roles: tuple[str, ...] = (),
    artifacts: Mapping[str, Arrays] | None = None,
    without: tuple[str, ...] = (),
) -> Series:
    """The series with an evaluator `own` beside the built-in ones; `without`: ids of artifacts left out."""
    arrays = dict(series.arrays)
    index = {place: cell for place, cell in series.artifact_index.items() if place[0] not in without}
    points = []
    for position, point in enumerate(series.points):
        value = 0.2 + 0.1 * position
        metric = Metric("own.score", value, unit, ci95=(value - 0.05, value + 0.05), n=9, protocol="by hand")
        points.append(replace(point, metrics={**point.metrics, "own.score": metric}))
        for name, content in (artifacts or {}).items():
            arrays[name, str(point.record.digest)] = Artifact(name, content)
    manifest = replace(
        series.manifest,
        evaluators=(*series.manifest.evaluators, ("own", 1, {})),
        terms={**series.manifest.terms, "own.score": OWN},
        roles={**series.manifest.roles, "own.score": roles},
    )
    return replace(series, manifest=manifest, points=tuple(points), arrays=arrays, artifact_index=index)


def data_of(html: str) -> dict[str, Any]:
    found = re.search(r'id="blob-data">([^<]*)<', html)
    assert found is not None
    content = json.loads(zlib.decompress(base64.b64decode(found[1])))
    assert isinstance(content, dict)
    return content


def page(series: Series, said: Verdict) -> str:
    return render(series, said, ReportOptions())


@pytest.fixture(scope="module")
def plain(evaluated: Evaluated) -> dict[str, Any]:
    """What a page shows without anybody's own."""
    return data_of(page(*evaluated()))


def test_its_words_stand_at_its_curve_and_among_the_definitions(evaluated: Evaluated) -> None:
    series, said = evaluated()
    html = page(with_own(series), said)
    tile = html.split('data-metric="own.score"')[1].split('<p class="facts"')[0]
    assert "<h4>Own score</h4>" in tile
    assert OWN.meaning in tile
    assert 'class="band"' in tile
    definition = html.split('id="def-own-score"')[1].split("</div>")[0]
    assert "Counted by hand." in definition
    assert "own" not in {series["metric"] for series in data_of(html)["overview"]["series"]}


def test_words_stored_with_the_results_are_those_of_the_page(evaluated: Evaluated) -> None:
    """A later swaveval may call a metric something else: the page says what was measured then."""
    series, said = evaluated()
    stored = replace(series, manifest=replace(series.manifest, terms={"knn.top1": Term("Old name", "Then.", "So.")}))
    assert "Old name" in page(stored, said)
    assert "kNN accuracy, leave-one-out" in page(stored, said)  # nothing stored of this one


@pytest.mark.parametrize("unit", ["fraction", "dimensions"])
def test_a_headline_is_in_the_first_figure_beside_its_like(evaluated: Evaluated, unit: str) -> None:
    series, said = evaluated()
    own = with_own(series, unit=unit, roles=("headline",))
    plots = first_figure(gather(own, said))
    assert plots[0][0] == "knn.loo_top1" or plots[0][0] == "knn.top1"
    assert sum(map(len, plots)) == 4
    assert plots[-1][-1] == "own.score"
    assert len(plots) == (1 if unit == "fraction" else 2)
    shown = data_of(page(own, said))["overview"]["series"]
    assert [entry["label"] for entry in shown][-1] == "own"
    assert [entry["colour"] for entry in shown] == [0, 1, 2, 3]


def test_the_terminal_has_a_column_for_each_evaluator(evaluated: Evaluated, capsys: pytest.CaptureFixture[str]) -> None:
    series, said = evaluated()
    print_summary(with_own(series), said, "page")
    head = next(line for line in capsys.readouterr().out.splitlines() if "kNN %" in line).split()
    assert head[:6] == ["epoch", "kNN", "%", "linear", "%", "own"]


def matrix() -> Arrays:
    return {"counts": np.eye(10, dtype=np.int64) * 7}


def test_its_confusion_matrix_is_one_of_the_matrices(evaluated: Evaluated, tmp_path: Path) -> None:
    series, said = evaluated()
    own = with_own(series, roles=("headline",), artifacts={"own.confusion": matrix()})
    assert [entry["title"] for entry in data_of(page(own, said))["confusion"]] == ["kNN", "linear probe", "own"]
    # Each metric is a figure of its own: two are enough here.
    few = [
        replace(point, metrics={name: point.metrics[name] for name in ("knn.top1", "own.score")})
        for point in own.points
    ]
    write_figures(tmp_path, replace(own, points=tuple(few)), said)
    assert {"confusion-own.png", "overview.png"} <= {path.name for path in (tmp_path / "figures").iterdir()}


def test_its_map_and_its_groups_are_drawn(evaluated: Evaluated) -> None:
    series, said = evaluated()
    count = len(series.artifact("data.labels")["index"])  # type: ignore[index]
    xy = np.random.default_rng(0).normal(size=(50, 2)).astype(np.float32)
    own = with_own(
        series,
        artifacts={
            "own.map": {"xy": xy, "index": np.arange(50, dtype=np.int32)},
            "own.assignment": {"cluster": np.arange(count, dtype=np.int32) % 4},
        },
        without=("umap.map",),
    )
    drawn = feature_map(gather(own, said))
    assert drawn is not None
    assert len(drawn.images) == 50
    assert {"own", "cluster", "prototype"} <= {colouring.name for colouring in drawn.colourings}
    title = next(colouring.title for colouring in drawn.colourings if colouring.name == "own")
    assert title == "own: cluster"


def test_its_gallery_is_drawn(evaluated: Evaluated) -> None:
    series, said = evaluated()
    queries = {
        "query": np.asarray([1, 2], dtype=np.int32),
        "neighbours": np.asarray([[3, 4], [5, 6]], dtype=np.int32),
        "similarity": np.asarray([[0.9, 0.8], [0.7, 0.6]], dtype=np.float32),
    }
    typical = {
        "kind": np.asarray(["topic", "topic"]),
        "group": np.asarray([0, 1], dtype=np.int32),
        "images": np.asarray([[1, 2], [3, -1]], dtype=np.int32),
    }
    own = with_own(series, artifacts={"own.queries": queries, "own.typical": typical}, without=("gallery.queries",))
    found = galleries(gather(own, said))
    assert found.neighbours[0]["query"] == [1, 2]
    assert "topic" in {group["kind"] for group in found.typical[0]}
    assert "cluster" in {group["kind"] for group in found.typical[0]}


FAULTY: dict[str, tuple[str, Arrays, str]] = {
    "no counts": ("own.confusion", {"table": np.eye(3, dtype=np.int64)}, "no array 'counts'"),
    "flat": ("own.confusion", {"counts": np.zeros(9, dtype=np.int64)}, "1 dimensions, not 2"),
    "not square": ("own.confusion", {"counts": np.zeros((2, 3), dtype=np.int64)}, "no square table"),
    "halves": ("own.confusion", {"counts": np.eye(3) / 2}, "no square table"),
    "a map of three": ("own.map", {"xy": np.zeros((4, 3)), "index": np.arange(4)}, "not two numbers"),
    "a map without places": ("own.map", {"xy": np.zeros((4, 2)), "index": np.arange(5)}, "not two numbers"),
    "queries": (
        "own.queries",
        {"query": np.arange(3), "neighbours": np.zeros((2, 4), int), "similarity": np.zeros((2, 4))},
        "different lengths",
    ),
    "similarities": (
        "own.queries",
        {"query": np.arange(2), "neighbours": np.zeros((2, 4), int), "similarity": np.zeros((2, 3))},
        "different shapes",
    ),
    "typical": (
        "own.typical",
        {"kind": np.asarray(["a"]), "group": np.arange(2), "images": np.zeros((2, 2), int)},
        "different lengths",
    ),
}


@pytest.mark.parametrize("what", sorted(FAULTY))
def test_what_cannot_be_drawn_is_said_and_costs_nothing_else(
    evaluated: Evaluated, plain: dict[str, Any], what: str
) -> None:
    series, said = evaluated()
    name, arrays, why = FAULTY[what]
    html = page(with_own(series, artifacts={name: arrays}), said)
    assert f"{name} is not drawn: " in html
    assert why.replace("'", "&#39;") in html
    kept = {"confusion", "map", "gallery"}
    assert {key: data_of(html)[key] for key in kept} == {key: plain[key] for key in kept}


def outcomes(series: Series, rises: bool) -> Mapping[tuple[str, str], Artifact]:
    """Its outcomes at every checkpoint: all wrong at first, then all right (or the other way round)."""
    index = np.arange(60, dtype=np.int32)
    return {
        ("own.score.outcomes", str(point.record.digest)): Artifact(
            "own.score.outcomes", {"correct": np.full(60, (place > 0) == rises), "index": index}
        )
        for place, point in enumerate(series.points)
    }


@pytest.mark.parametrize("rises", [True, False])
def test_a_witness_of_a_plugin_is_heard_and_chooses_nothing(evaluated: Evaluated, rises: bool) -> None:
    series, _ = evaluated()
    silent = with_own(series)
    heard = with_own(series, roles=("witness",))
    silent, heard = (replace(s, arrays={**s.arrays, **outcomes(series, rises)}) for s in (silent, heard))
    before, after = judge(silent), judge(heard)
    assert (after.verdict, after.best) == (before.verdict, before.best)
    said = {one.metric: one.says for one in after.witnesses}
    assert said["own.score"] == ("gain" if rises else "loss")
    assert ("likewise own (+" if rises else "against it, own fell by ") in after.sentence
    assert " own " not in before.sentence
    row = next(found for found in after.evidence if found.metric == "own.score")
    assert row.supports == ("for" if rises else "against")
    assert row.claim.startswith("own ")
    assert not [found for found in before.evidence if found.metric == "own.score"]


def test_what_may_choose_chooses_where_no_built_in_can(evaluated: Evaluated) -> None:
    """Without leave-one-out kNN and views, the checkpoint comes from what declares that it rests on no test label."""
    series, _ = evaluated()
    built_in = ("knn.loo_top1.outcomes", "views.retrieval.outcomes")
    arrays = outcomes(series, rises=True)
    plain = replace(with_own(series, without=built_in), arrays=arrays)
    chooses = replace(with_own(series, without=built_in, roles=("selects",)), arrays=arrays)
    chosen, left = judge(chooses).best, judge(plain).best
    assert chosen is not None
    assert chosen.metric == "own.score"
    assert left is None or left.metric == ""


def test_runs_are_compared_by_its_headline_too(evaluated: Evaluated, tmp_path: Path) -> None:
    runs = [evaluated(name=f"K{k}", prototypes=k, end=end, seed=k) for k, end in ((10, 0.93), (30, 0.97))]
    own = [(with_own(series, roles=("headline",)), said) for series, said in runs]
    html = write_comparison(tmp_path / "index.html", own).read_text(encoding="utf-8")
    assert re.search(r'<th scope="col" class="num">own</th>', html)
    assert "Own score" in html


def test_a_variant_keeps_the_words_of_its_base(evaluated: Evaluated) -> None:
    words = Glossary({"own.score": OWN, "own.score[k=3]": replace(OWN, label="Own score of three")})
    assert words.term("own.score[k=2]").label == "Own score (k=2)"
    assert words.term("own.score[k=3]").label == "Own score of three"
    assert words.in_words("own.score rose, own.other fell") == "Own score rose, own.other fell"
    assert words.page_order(("own.score[k=3]", "own.score", "knn.top1")) == ("knn.top1", "own.score", "own.score[k=3]")
    assert {words.term(name) for name in TERMS} == set(TERMS.values())


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
def test_a_second_plot_shares_cursor_and_legend(browser: Browser, evaluated: Evaluated, tmp_path: Path) -> None:
    series, said = evaluated()
    own = with_own(series, roles=("headline",), artifacts={"own.confusion": matrix()})
    path = tmp_path / "index.html"
    path.write_text(page(own, said), encoding="utf-8")
    with opened(browser, path) as watched:
        shown = watched.page
        assert "own" in shown.inner_text("#overview-legend")
        assert shown.evaluate("() => named('overview-quality').length") == 2
        shown.mouse.move(*shown.evaluate("() => place('overview-quality', 2.1, 0.7)"))
        shown.wait_for_function("() => document.querySelector('#overview-at').textContent === 'epoch 2'")
        assert shown.evaluate("() => named('cursor').map((m) => m.location)") == [2, 2, 2]
        watched.open_all()
        watched.check()


NO_OUTCOMES: dict[str, Arrays] = {
    "no index": {"correct": np.ones(5, bool)},
    "shares": {"correct": np.full(5, 0.5), "index": np.arange(5)},
    "counts": {"correct": np.full(5, 3), "index": np.arange(5)},
    "a table": {"correct": np.ones((5, 2), bool), "index": np.arange(5)},
    "fewer places": {"correct": np.ones(5, bool), "index": np.arange(4)},
    "places between": {"correct": np.ones(5, bool), "index": np.arange(5) / 2},
}


@pytest.mark.parametrize("what", sorted(NO_OUTCOMES))
def test_outcomes_of_another_form_are_said_and_not_used(evaluated: Evaluated, what: str) -> None:
    """They were stored by an older version; the page and the verdict live on."""
    series, said = evaluated()
    stored = with_own(series, roles=("witness", "selects"), artifacts={"own.score.outcomes": NO_OUTCOMES[what]})
    assert "own.score.outcomes are not used: " in page(stored, said)
    assert judge(stored).sentence == judge(series).sentence
    faulty = misplaced((Artifact("own.score.outcomes", NO_OUTCOMES[what]),), "own")
    assert "of another form, so nothing of it is kept" in faulty
