"""The page as text: everything optional, nothing remote, the same bytes for the same results."""

import base64
import hashlib
import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest

from swaveval.convergence.verdict import WORDS, LossState, Verdict, VerdictState
from swaveval.report import ReportOptions, write_figures, write_report
from swaveval.report.cost import duration
from swaveval.report.page import environment, render
from swaveval.results import Artifact, Metric, Series
from swaveval.results.encoding import seal, unseal
from swaveval.results.series import Point
from tests.report.invented_results import ALL, Plan, verdict, write

Evaluated = Callable[..., tuple[Series, Verdict]]


class Outline(HTMLParser):
    """Scripts that run, ids, event attributes and addresses of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.scripts: list[str] = []
        self.ids: list[str] = []
        self.handlers: list[str] = []
        self.addresses: list[str] = []
        self.text = ""
        self._in: str | None = None
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.ids += [given["id"] or ""] if "id" in given else []
        self.handlers += [name for name in given if name.startswith("on")]
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href", "action", "data", "ping")]
        runs = tag == "script" and given.get("type") in (None, "module", "text/javascript")
        self._in = "run" if runs else tag if tag in ("script", "style") else None
        if runs:
            self.scripts.append("")

    def handle_data(self, data: str) -> None:
        if self._in == "run":
            self.scripts[-1] += data
        elif self._in is None:
            self.text += data + " "

    def handle_endtag(self, tag: str) -> None:
        self._in = None


def page(series: Series, said: Verdict, **options: object) -> str:
    return render(series, said, ReportOptions(**options))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def html(evaluated: Evaluated) -> str:
    """The page of an ordinary run."""
    return page(*evaluated())


def test_every_verdict_has_its_own_word_and_shape() -> None:
    assert set(WORDS) == set(get_args(VerdictState))
    icons = [environment().get_template("_macros.html.j2").module.icon(state) for state in WORDS]  # type: ignore[attr-defined]
    assert len(set(icons)) == len({word.title for word in WORDS.values()}) == len(WORDS)


@pytest.mark.parametrize("state", ["learning", "not-learning"])
def test_first_screen_says_the_verdict_and_the_checkpoint(evaluated: Evaluated, state: str) -> None:
    series, said = evaluated(state)
    html = page(series, said)
    head = html[: html.index("Why: the evidence")]
    assert said.sentence in head
    assert f'class="verdict state-{state}"' in head
    assert said.best is not None
    assert said.best.checkpoint in head
    assert "epoch 8" in head


def test_only_three_scripts_run_and_the_policy_names_each(html: str) -> None:
    outline = Outline(html)
    assert len(outline.scripts) == 3
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', html)
    assert policy is not None
    for script in outline.scripts:
        digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        assert f"&#39;sha256-{digest}&#39;" in policy[1]
    assert "unsafe-eval" not in policy[1]
    assert "http" not in policy[1]
    script_source = policy[1].split("script-src")[1].split(";")[0]
    assert "unsafe-inline" not in script_source
    own = [rule.split()[0] for rule in policy[1].split("; ") if "&#39;self&#39;" in rule]
    assert own == ["frame-src"], "only the page itself, to ask how old its file is"


def test_nothing_is_remote(html: str) -> None:
    outline = Outline(html)
    assert all(address.startswith(("data:", "#")) for address in outline.addresses), outline.addresses
    assert outline.handlers == []


def test_anchors_exist_once_and_links_lead_somewhere(html: str) -> None:
    outline = Outline(html)
    assert len(outline.ids) == len(set(outline.ids))
    for address in outline.addresses:
        if address.startswith("#"):
            assert address[1:] in outline.ids, address
    assert "checkpoint-epoch-4" in outline.ids


def test_equal_results_give_equal_bytes(html: str, evaluated: Evaluated) -> None:
    assert page(*evaluated()) == html


def test_written_atomically_into_index(evaluated: Evaluated, tmp_path: Path) -> None:
    series, said = evaluated(evaluators=())
    target = write_report(tmp_path, series=series, verdict=said)
    assert target == tmp_path / "index.html"
    assert [path.name for path in tmp_path.iterdir()] == ["index.html"]


HALVES = (ALL[::2], ALL[1::2], ALL[:5], ALL[5:])


@pytest.mark.parametrize("present", HALVES, ids="-".join)
def test_missing_evaluators_leave_no_hole(evaluated: Evaluated, present: tuple[str, ...]) -> None:
    outline = Outline(page(*evaluated(evaluators=present)))
    assert "Why: the evidence" in outline.text
    for address in outline.addresses:
        assert not address.startswith("#") or address[1:] in outline.ids


NEEDED = {"name", "data", "checkpoints", "cells", "path", "fingerprint", "n_train", "n_test", "kind", "digest"}
NEEDED |= {"key", "status", "metrics", "artifacts", "id", "value", "source", "epochs", "values", "backbone"}
NEEDED |= {"transform", "evaluator", "version", "parameters", "seed"}


def as_an_earlier_version(folder: Path, random: np.random.Generator) -> None:
    """Leave out, everywhere in the directory, some of the fields that came later."""
    dropped: dict[str, bool] = {}

    def without(value: Any) -> Any:
        if isinstance(value, list):
            return [without(entry) for entry in value]
        if not isinstance(value, dict):
            return value
        kept = {k: v for k, v in value.items() if k in NEEDED or not dropped.setdefault(k, random.random() < 0.3)}
        return {name: without(entry) for name, entry in kept.items()}

    for path in [folder / "results" / "run.json", *sorted((folder / "results" / "cells").rglob("*.json"))]:
        path.write_bytes(seal(without(unseal(path.read_bytes()))))


@pytest.mark.torture
@pytest.mark.parametrize("seed", range(60))
def test_sixty_odd_results_directories_make_a_page(tmp_path: Path, seed: int) -> None:
    random = np.random.default_rng(seed)
    plan = Plan(
        epochs=tuple(np.sort(random.choice(40, random.integers(1, 9), replace=False)).astype(float)),
        classes=int(random.choice([1, 2, 10, 60])),
        labelled=bool(random.random() < 0.7),
        prototypes=int(random.choice([1, 10, 512])),
        n_train=int(random.integers(20, 300)),
        n_test=int(random.integers(10, 150)),
        map_points=int(random.integers(5, 200)),
        thumbnail=int(random.choice([8, 32, 64])),
        evaluators=tuple(name for name in ALL if random.random() < 0.6),
        nonfinite=bool(random.random() < 0.3),
        seed=seed,
    )
    series = write(tmp_path, plan)
    said = verdict(series, plan)
    if seed % 2:
        as_an_earlier_version(tmp_path, random)
        series = Series.load(tmp_path)
    outline = Outline(page(series, said))
    assert len(outline.ids) == len(set(outline.ids))
    assert all(not a.startswith("#") or a[1:] in outline.ids for a in outline.addresses)


@pytest.mark.parametrize("only", [(), ("drift",), ("umap",), ("gallery",)])
def test_almost_nothing_measured(evaluated: Evaluated, only: tuple[str, ...]) -> None:
    assert "Why: the evidence" in page(*evaluated(evaluators=only))


@pytest.mark.parametrize(
    "changes",
    [
        {"labelled": False},
        {"epochs": (3.0,)},
        {"epochs": (0.5, 0.5)},
        {"nonfinite": True},
        {"classes": 1},
        {"prototypes": 3000},
        {"name": "n" * 1000},
        {"classes": 200, "n_train": 600, "n_test": 400},
    ],
    ids=lambda changes: "-".join(changes),
)
def test_unusual_series_still_make_a_page(evaluated: Evaluated, changes: dict[str, object]) -> None:
    series, said = evaluated(**changes)
    outline = Outline(page(series, said))
    assert said.sentence in outline.text
    assert len(outline.ids) == len(set(outline.ids))


def test_no_checkpoint_could_be_evaluated(evaluated: Evaluated) -> None:
    series, said = evaluated()
    empty = replace(series, points=(), baselines=(), manifest=replace(series.manifest, loss=None))
    html = page(empty, replace(said, verdict="inconclusive", best=None, evidence=(), advice=(), loss=LossState()))
    assert "nothing to draw" in html
    assert "refused" in html


def test_steps_stand_in_for_missing_epochs(evaluated: Evaluated) -> None:
    series, said = evaluated()
    points = tuple(Point(replace(p.record, epoch=None), p.metrics, p.cells) for p in series.points)
    assert 'id="checkpoint-step-84"' in page(replace(series, points=points), said)
    nameless = tuple(Point(replace(p.record, epoch=None, step=None), p.metrics, p.cells) for p in points)
    assert f'id="checkpoint-{str(points[0].record.digest)[:12]}"' in page(replace(series, points=nameless), said)


def test_an_epoch_that_is_not_a_number_still_has_a_place(evaluated: Evaluated) -> None:
    series, said = evaluated()
    points = tuple(Point(replace(p.record, epoch=float("nan")), p.metrics, p.cells) for p in series.points)
    assert said.sentence in page(replace(series, points=points), said)


def test_equal_weights_under_two_names_have_two_cards(evaluated: Evaluated) -> None:
    series, said = evaluated()
    twin = series.points[0].record.digest
    points = tuple(
        Point(replace(p.record, epoch=None, step=None, digest=twin), p.metrics, p.cells) for p in series.points
    )
    ids = Outline(page(replace(series, points=points), said)).ids
    assert len([name for name in ids if name.startswith("checkpoint-")]) == len(points)
    assert len(ids) == len(set(ids))


def test_a_metric_of_somebody_elses_evaluator_is_shown_by_its_id(evaluated: Evaluated) -> None:
    series, said = evaluated()
    own = {"mine.score": Metric("mine.score", 3.5, unit="furlongs", better="lower")}
    points = tuple(Point(p.record, {**p.metrics, **own}, p.cells) for p in series.points)
    html = page(replace(series, points=points), said)
    assert "Other evaluators" in html
    assert "mine.score" in html
    assert "furlongs" in html


def test_a_damaged_array_is_named_and_costs_only_itself(tmp_path: Path) -> None:
    plan = Plan(epochs=(0.0, 1.0), n_train=60, n_test=40, map_points=30, evaluators=("knn", "umap"))
    series = write(tmp_path, plan)
    said = verdict(series, plan)
    for path in (tmp_path / "results" / "cells").glob("*.npz"):
        if path.stat().st_size > 0 and b"xy" in path.read_bytes():
            path.write_bytes(path.read_bytes()[:-9])
    html = page(Series.load(tmp_path), said)
    assert "could not be read" in html
    assert "Quality" in html


def test_without_images_no_picture_of_the_data_is_inside(html: str, evaluated: Evaluated) -> None:
    series, said = evaluated()
    assert "data:image/webp" in html
    html = page(series, said, images=False)
    assert "data:image/webp" not in html
    assert "sheet-" not in "".join(Outline(html).ids)
    pictures = [a for a in Outline(html).addresses if a.startswith("data:image")]
    assert len(pictures) == 1, "the one picture left is the loss and quality figure"


def with_other_pictures(series: Series) -> Series:
    """The series with noise in the place of every picture of the data."""
    held = series.artifact("data.images")
    assert held is not None
    noise = np.random.default_rng(1).integers(0, 256, held["thumbnails"].shape, dtype=np.uint8)
    return replace(series, arrays={("data.images", ""): Artifact("data.images", {**held, "thumbnails": noise})})


def test_without_images_the_page_does_not_depend_on_any_picture(evaluated: Evaluated) -> None:
    series, said = evaluated()
    other = with_other_pictures(series)
    assert page(other, said) != page(series, said)
    assert page(other, said, images=False) == page(series, said, images=False)


def test_figures_never_depend_on_any_picture(evaluated: Evaluated, tmp_path: Path) -> None:
    series, said = evaluated(evaluators=("umap", "gallery"), epochs=(0.0, 4.0))
    mine, other = write_figures(tmp_path / "a", series, said).paths, tmp_path / "b"
    write_figures(other, with_other_pictures(series), said)
    assert any(path.name == "map-epoch-4.png" for path in mine)
    for path in mine:
        assert path.read_bytes() == (other / "figures" / path.name).read_bytes()


def test_a_page_that_cannot_be_small_drops_its_pictures(evaluated: Evaluated) -> None:
    series, said = evaluated(natural=True)
    least = len(page(series, said, images=False))
    html = page(series, said, target_bytes=least, limit_bytes=least)
    assert "data:image/webp" not in html
    assert "Pictures were left out" in html


def test_sentences_name_metrics_as_the_page_does(evaluated: Evaluated) -> None:
    series, said = evaluated()
    assert said.best is not None
    best = replace(said.best, reason="highest knn.loo_top1; mine.score and epoch=3.ckpt are left", optimism=0.0002)
    text = Outline(page(series, replace(said, sentence="spectrum.rankme_centred fell.", best=best))).text
    assert "RankMe, centred fell." in text
    assert "Highest kNN accuracy, leave-one-out; mine.score and epoch=3.ckpt are left." in text
    assert "would flatter it by less than 0.1 points" in text


def test_what_it_cost_stands_beside_how_it_was_made_and_is_no_setting(evaluated: Evaluated) -> None:
    series, said = evaluated(training_seconds=4000.0, hyperparameters={"epsilon": 0.03})
    text = " ".join(Outline(page(series, said)).text.split())
    assert "training took 1 h 6 min" in text
    assert "training seconds" not in text
    cells = {id(c): c for point in (*series.points, *series.baselines) for c in point.cells.values()}
    assert f"evaluators took {duration(1.5 * len(cells))}" in text


def test_refused_and_unfinished_files_stand_in_a_table_with_reasons(html: str) -> None:
    text = Outline(html).text
    assert "62 % of the backbone's parameters matched" in text
    assert "size changed between two looks" in text
    assert "still being written" in text


def test_notes_trust_and_partial_loads_come_before_the_figure(evaluated: Evaluated) -> None:
    series, said = evaluated()
    loaded = {"partial": True, "trusted": True}
    points = tuple(Point(replace(p.record, load=loaded), p.metrics, p.cells) for p in series.points)
    noted = replace(series, points=points, manifest=replace(series.manifest, notes=("k=200 was clipped to 150",)))
    html = page(noted, said)
    first = html[: html.index('id="overview-plot"')]
    assert "5 checkpoints read with --trust" in first
    assert "some weights are random" in first
    more = {"partial": True, "matched": 1.0, "unexpected": ["fc_aux.weight"]}
    points = tuple(Point(replace(p.record, load=more), p.metrics, p.cells) for p in series.points)
    html = page(replace(series, points=points), said)
    assert "5 checkpoints loaded without fc_aux.weight, which the network has no place for (--allow-partial)." in html
    assert "weights are random" not in html
    assert "k=200 was clipped to 150" in first


def test_a_page_too_large_is_thinned_and_says_so(evaluated: Evaluated) -> None:
    series, said = evaluated(evaluators=("umap",), natural=True, epochs=tuple(float(e) for e in range(16)))
    whole = page(series, said)
    tight = page(series, said, target_bytes=len(whole) - 20_000)
    assert len(tight) < len(whole)
    assert "To keep it small" in tight
    assert "To keep it small" not in whole


def test_thousands_of_checkpoints_are_thinned_with_the_best_kept(evaluated: Evaluated) -> None:
    series, said = evaluated(evaluators=("spectrum",))
    many = tuple(
        Point(
            replace(series.points[0].record, name=f"c{i}", epoch=float(i), digest=f"{i:064x}"), series.points[0].metrics
        )
        for i in range(2000)
    )
    assert said.best is not None
    said = replace(said, best=replace(said.best, checkpoint="c1234", tied_with=()))
    html = page(replace(series, points=many), said)
    assert "600 of 2,000 checkpoints" in html
    assert 'id="checkpoint-epoch-1234"' in html


def test_the_loss_axis_starts_at_zero_so_that_a_flat_loss_looks_flat(evaluated: Evaluated) -> None:
    from swaveval.report.charts import overview
    from swaveval.report.contents import gather

    series, said = evaluated()
    drawn = overview(gather(series, said))
    assert drawn is not None
    assert drawn.about["loss"]["full"][0] == 0.0
    assert drawn.about["loss"]["full"][1] > np.log(30)
