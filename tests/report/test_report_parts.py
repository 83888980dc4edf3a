"""The parts of a page against their definitions."""

import base64
import io
import json
import math
import zlib
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from swaveval.convergence.paired import paired_difference
from swaveval.convergence.verdict import Verdict
from swaveval.report import baseline_names, cards, glossary, wording, write_figures
from swaveval.report.charts import thinned
from swaveval.report.confusion import confusions
from swaveval.report.contents import _labels, baseline_values, gather, quality_metrics
from swaveval.report.cost import duration
from swaveval.report.figures import metric, overview
from swaveval.report.first import changes
from swaveval.report.galleries import galleries
from swaveval.report.map import LEVELS, feature_map
from swaveval.report.packing import blob, deltas, json_blob, plain
from swaveval.report.small import improved, tile
from swaveval.report.sprites import sheet
from swaveval.results import Metric, Series
from swaveval.results.series import Point
from swaveval.results.words import GROUPS, TERMS

WORDS = glossary.Glossary()

Evaluated = Callable[..., tuple[Series, Verdict]]


def undo(packed: bytes, shape: tuple[int, ...]) -> np.ndarray:
    """`deltas` read back by its description: byte planes of differences between frames."""
    width = packed[0]
    planes = np.frombuffer(packed[1:], np.uint8).reshape(width, -1).T
    words = np.ascontiguousarray(planes).view(np.int16 if width == 2 else np.int32).reshape(shape)
    return np.cumsum(words.astype(np.int64), axis=0)


@given(arrays(np.int32, st.tuples(st.integers(1, 4), st.integers(1, 5)), elements=st.integers(0, 2**30 - 1)))
def test_deltas_lose_nothing(frames: np.ndarray) -> None:
    assert np.array_equal(undo(deltas(frames), frames.shape), frames)


@given(arrays(np.int32, (3, 4, 2), elements=st.integers(0, LEVELS)))
def test_small_deltas_take_two_bytes(frames: np.ndarray) -> None:
    packed = deltas(frames)
    assert packed[0] == 2
    assert len(packed) == 1 + 2 * frames.size
    assert np.array_equal(undo(packed, frames.shape), frames)


@given(st.text())
def test_a_blob_holds_only_letters_digits_and_three_signs(text: str) -> None:
    packed = json_blob({"text": text.encode("utf-8", "replace").decode()})
    assert set(packed) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=")
    assert json.loads(zlib.decompress(base64.b64decode(packed)))["text"] == text.encode("utf-8", "replace").decode()


def test_broken_numbers_become_null() -> None:
    assert plain({"a": [math.nan, math.inf, 1.23456789], 3: np.float32(0.5)}) == {"a": [None, None, 1.2346], "3": 0.5}
    assert zlib.decompress(base64.b64decode(blob(b"x"))) == b"x"


@pytest.mark.parametrize(
    ("value", "unit", "signed", "said"),
    [
        (0.976, "fraction", False, "97.6 %"),
        (-0.0131, "fraction", True, "−1.3 points"),
        (138_060_000, "bytes", False, "138 MB"),
        (4.6052, "nats", False, "4.61"),
        (0.04321, "ratio", True, "+0.0432"),
        (17.0, "count", False, "17"),
        (12345.6, "dimensions", False, "12,346"),
        (0.0, "ratio", True, "0"),
        (1e-7, "ratio", False, "1.00e−07"),
        (0.000711, "ratio", False, "0.000711"),
        (-0.0004, "fraction", True, "0.0 points"),
        (-0.0266, "share", True, "−2.7 %"),
        (math.nan, "fraction", False, "not a number"),
        (-math.inf, "nats", False, "−∞"),
        (None, "nats", False, "–"),
    ],
)
def test_numbers_read_as_people_write_them(value: float | None, unit: str, signed: bool, said: str) -> None:
    assert wording.number(value, unit, signed=signed) == said


def test_intervals_name_their_unit_once() -> None:
    assert wording.interval((0.958, 0.987), "fraction") == "95.8 to 98.7 %"
    assert wording.interval((-0.01, 0.02), "fraction", signed=True) == "−1.0 to +2.0 points"
    assert wording.interval((math.nan, 1.0), "fraction") == ""
    assert wording.interval(None) == ""


@given(st.text(max_size=2000))
def test_clipped_text_is_short_and_has_no_control_or_direction_marks(text: str) -> None:
    short = wording.clipped(text)
    assert len(short) <= wording.LONGEST
    assert not any(mark in short for mark in "\u202e\u2066\x00\x1b\n\ud800")
    assert "$" not in wording.plot_text(text)


def test_every_term_is_said_in_full() -> None:
    for name, term in TERMS.items():
        assert term.label, name
        assert term.meaning.endswith("."), name
        assert term.definition.rstrip().endswith((".", ")")), name
        assert glossary.group(name) in GROUPS.values()
    anchors = [glossary.anchor(name) for name in TERMS]
    assert len(anchors) == len(set(anchors))


def test_variants_of_a_metric_keep_its_words_and_order() -> None:
    assert WORDS.term("knn.top1[k=200,T=0.1]").label == "kNN accuracy (k=200, T=0.1)"
    assert WORDS.term("lowshot.top1[shots=5]").brief == "5-shot"
    ids = ("lowshot.top1[shots=10]", "own.x", "lowshot.top1[shots=5]", "knn.loo_top1", "knn.top1")
    assert WORDS.page_order(ids) == (
        "knn.top1",
        "knn.loo_top1",
        "lowshot.top1[shots=5]",
        "lowshot.top1[shots=10]",
        "own.x",
    )
    nets = [f"prototypes.unique[eps={radius}]" for radius in ("0.025", "0.05", "0.1", "0.5", "2", "10")]
    assert WORDS.page_order((*reversed(nets), "prototypes.unique")) == ("prototypes.unique", *nets)


def test_map_keeps_proportions_and_errs_by_half_a_level_at_most(evaluated: Evaluated) -> None:
    contents = gather(*evaluated())
    drawn = feature_map(contents)
    assert drawn is not None
    stored = np.stack([contents.artifacts["umap.map"][i]["xy"] for i in drawn.frames]).astype(np.float64)  # type: ignore[index]
    span = (stored.reshape(-1, 2).max(0) - stored.reshape(-1, 2).min(0)).max()
    middle = (stored.reshape(-1, 2).max(0) + stored.reshape(-1, 2).min(0)) / 2
    back = (drawn.xy / LEVELS - 0.5) * span + middle
    assert np.abs(back - stored).max() <= 0.5 * span / LEVELS * 1.0001


def test_map_colours_agree_with_what_is_stored(evaluated: Evaluated) -> None:
    series, said = evaluated()
    contents = gather(series, said)
    drawn = feature_map(contents)
    assert drawn is not None
    colourings = {colouring.name: colouring for colouring in drawn.colourings}
    assert set(colourings) == {"class", "right", "cluster", "prototype"}
    every = contents.shared["data.labels"]
    label = dict(zip(every["index"].tolist(), every["label"].tolist(), strict=True))
    assert colourings["class"].codes[0].tolist() == [label[int(i)] + 1 for i in drawn.images]
    for row, frame in enumerate(drawn.frames):
        correct, index = contents.outcomes["knn.top1"][frame]  # type: ignore[misc]
        known = dict(zip(index.tolist(), correct.tolist(), strict=True))
        expected = [0 if int(i) not in known else 1 if known[int(i)] else 2 for i in drawn.images]
        assert colourings["right"].codes[row].tolist() == expected


def test_clusters_are_renamed_but_never_regrouped(evaluated: Evaluated) -> None:
    contents = gather(*evaluated())
    drawn = feature_map(contents)
    assert drawn is not None
    codes = next(c for c in drawn.colourings if c.name == "cluster").codes
    place = {int(i): row for row, i in enumerate(contents.shared["data.labels"]["index"])}
    rows = [place[int(i)] for i in drawn.images]
    for t, frame in enumerate(drawn.frames):
        stored = contents.artifacts["clusters.assignment"][frame]["cluster"][rows]  # type: ignore[index]
        pairs = set(zip(stored.tolist(), codes[t].tolist(), strict=True))
        assert len(pairs) == len({a for a, _ in pairs}) == len({b for _, b in pairs})
    # Matching is worth its name: more images keep their colour than under the numbers k-means gave.
    stored = np.stack([contents.artifacts["clusters.assignment"][f]["cluster"][rows] for f in drawn.frames])  # type: ignore[index]
    assert np.mean(codes[1:] == codes[:-1]) > np.mean(stored[1:] == stored[:-1])


def test_a_thinned_map_is_part_of_the_whole(evaluated: Evaluated) -> None:
    drawn = feature_map(gather(*evaluated()))
    assert drawn is not None
    small = drawn.thinned(points=20, frames=(0, 4))
    assert small.frames == (0, 4)
    rows = [drawn.images.tolist().index(i) for i in small.images.tolist()]
    assert np.array_equal(small.xy[1], drawn.xy[-1][rows])


def test_every_tile_of_a_sheet_is_the_picture_it_stands_for() -> None:
    random = np.random.default_rng(0)
    colours = random.integers(0, 256, (50, 1, 1, 3))
    pictures = np.broadcast_to(colours, (50, 16, 16, 3)).astype(np.uint8)
    made = sheet(pictures, np.arange(100, 150), budget_bytes=100_000, largest=16)
    assert made.side == 16
    assert made.images == tuple(range(100, 150))
    back = np.asarray(Image.open(io.BytesIO(base64.b64decode(made.uri.split(",")[1]))).convert("RGB")).astype(int)
    for i in range(50):
        row, column = divmod(i, made.columns)
        middle = back[row * 16 + 8, column * 16 + 8]
        assert np.abs(middle - colours[i, 0, 0]).max() < 40


def test_a_sheet_shrinks_its_tiles_to_fit() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (120, 48, 48, 3)).astype(np.uint8)
    large = sheet(noise, np.arange(120), budget_bytes=10_000_000)
    small = sheet(noise, np.arange(120), budget_bytes=40_000)
    assert large.side == 48
    assert small.side < 48
    assert len(small.uri) * 3 / 4 <= 40_100


def test_confusion_keeps_first_last_and_best_when_thinned(evaluated: Evaluated) -> None:
    contents = gather(*evaluated(epochs=tuple(float(e) for e in range(20)), evaluators=("knn",)))
    contents = replace(contents, best=7)
    kept, left_out = confusions(contents, budget_bytes=1)
    assert left_out
    assert kept[0].frames == (0, 7, 19)
    whole, left_out = confusions(contents, budget_bytes=10**9)
    assert not left_out
    assert np.array_equal(whole[0].counts[7], kept[0].counts[1])


def test_card_changes_are_the_paired_differences(evaluated: Evaluated) -> None:
    series, said = evaluated()
    contents = gather(series, said)
    row = next(row for row in cards.metrics(contents) if row["id"] == "knn.top1")
    rows = contents.outcomes["knn.top1"]
    expected = paired_difference(rows[3][0], rows[2][0], draws=cards.DRAWS)  # type: ignore[index]
    assert row["paired"]["previous"][3] == [expected.effect, *expected.ci95, expected.p]
    assert row["paired"]["first"][0] is None
    assert row["paired"]["best"][contents.best] is None
    assert expected.effect == pytest.approx(row["values"][3] - row["values"][2])


def test_repeated_baselines_are_averaged(evaluated: Evaluated) -> None:
    contents = gather(*evaluated())
    values = baseline_values(contents, "knn.top1")
    assert set(values) == {"random init", "raw pixels", "colour histogram"}
    seeds = [p.metrics["knn.top1"].value for p in contents.series.baselines if p.record.name.startswith("random")]
    assert values["random init"] == pytest.approx(np.mean(seeds))


@pytest.mark.parametrize(
    ("metric", "change", "good"),
    [
        (Metric("spectrum.rankme", 1.0), 5, True),
        (Metric("spectrum.rankme", 1.0), -5, False),
        (Metric("prototypes.loss", 1.0, better="lower"), -1, True),
        (Metric("spectrum.alpha", 1.0, better="neither"), 1, None),
        # A collapse lowers it, as learning does.
        (Metric("intrinsic.mst", 1.0, better="lower"), -9, None),
        (Metric("dse.score", 1.0), 0.8, None),
        (Metric("views.alignment", 1.0, better="lower"), 1, None),
        (Metric("prototypes.agreement", 1.0), -0.5, None),
    ],
)
def test_what_a_collapse_moves_as_learning_does_is_neither_red_nor_green(
    metric: Metric, change: float, good: bool | None
) -> None:
    assert improved(change, metric) is good


@given(st.lists(st.floats(0.2, 1.0), min_size=1, max_size=5))
def test_names_of_baselines_do_not_touch_and_stay_beside_the_frame(values: list[float]) -> None:
    limits, room = (0.1, 1.01), 0.91 * baseline_names.TWO_LINES
    places = baseline_names.apart(sorted(values), limits)
    assert all(upper - lower >= room - 1e-9 for lower, upper in pairwise(places))
    assert limits[0] < places[0]
    assert places[-1] <= limits[1] - room / 2 + 1e-9


def test_a_change_is_coloured_only_where_its_interval_leaves_zero_out(evaluated: Evaluated) -> None:
    series, verdict = evaluated()
    first = gather(series, verdict)
    # The first checkpoint set against itself, and against the last.
    same = gather(replace(series, points=(series.points[0], series.points[0])), verdict)
    for contents in (first, same):
        rows = {row.label: row for row in changes(contents)}
        for name in quality_metrics(contents):
            outcomes = contents.outcomes.get(name)
            if outcomes is None or outcomes[0] is None or outcomes[-1] is None:
                continue
            low, high = paired_difference(outcomes[-1][0], outcomes[0][0]).ci95
            assert (rows[WORDS.term(name).brief].good is None) is (low <= 0 <= high)
    assert {row.good for row in changes(first)} > {True}
    assert {row.good for row in changes(same)} == {None}


def test_names_of_baselines_with_room_stand_at_their_lines() -> None:
    assert baseline_names.apart([0.2, 0.5, 0.9], (0.1, 1.0)) == [0.2, 0.5, 0.9]


def test_quality_on_the_first_figure_shares_one_unit(evaluated: Evaluated) -> None:
    assert quality_metrics(gather(*evaluated()))[0] == "knn.top1"
    assert quality_metrics(gather(*evaluated(labelled=False)))[0] == "views.retrieval"
    ranks = quality_metrics(gather(*evaluated(evaluators=("spectrum",))))
    assert set(ranks) == {"spectrum.rankme", "spectrum.rankme_centred", "spectrum.stable_rank"}


@given(st.lists(st.floats(allow_nan=True, allow_infinity=False, width=32), min_size=1, max_size=400))
def test_a_thinned_curve_keeps_its_extremes(values: list[float]) -> None:
    y = np.asarray(values)
    x, kept = thinned(np.arange(len(y), dtype=float), y, 20)
    assert len(x) <= max(22, 20) or len(y) <= 20
    if np.isfinite(y).any():
        assert np.nanmax(kept) == np.nanmax(y)
        assert np.nanmin(kept) == np.nanmin(y)


def test_neighbour_agreement_is_counted_by_class(evaluated: Evaluated) -> None:
    contents = gather(*evaluated())
    pictures = galleries(contents)
    rows = pictures.neighbours[0]
    every = contents.shared["data.labels"]
    label = dict(zip(every["index"].tolist(), every["label"].tolist(), strict=True))
    same = [label[n] == label[q] for q, near in zip(rows["query"], rows["neighbours"], strict=True) for n in near]
    assert pictures.agreement[0] == pytest.approx(np.mean(same))
    assert pictures.shown == (0, 2, 4)


def test_small_chart_breaks_where_values_are_missing(evaluated: Evaluated) -> None:
    series, said = evaluated()
    points = list(series.points)
    points[2] = Point(points[2].record, {k: m for k, m in points[2].metrics.items() if k != "knn.top1"})
    points[3] = Point(points[3].record, {**points[3].metrics, "knn.top1": Metric("knn.top1", math.nan)})
    drawn = tile(gather(replace(series, points=tuple(points)), said), "knn.top1")
    assert drawn.line.count("M") == 2
    assert drawn.line.count("L") == 1


def test_a_small_chart_of_one_value_says_unchanged_and_has_no_scale(evaluated: Evaluated) -> None:
    series, said = evaluated()
    same = {"mine.dead": Metric("mine.dead", 0.0, unit="count", better="lower")}
    points = tuple(Point(p.record, {**p.metrics, **same}, p.cells) for p in series.points)
    drawn = tile(gather(replace(series, points=points), said), "mine.dead")
    assert (drawn.change, drawn.good, drawn.top, drawn.bottom) == ("unchanged", None, "", "")
    assert tile(gather(series, said), "knn.top1").good is True


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (None, "–"),
        (math.nan, "–"),
        (math.inf, "–"),
        (0.5, "0.5 s"),
        (9.97, "10 s"),
        (70, "1 min 10 s"),
        (7260, "2 h 1 min"),
    ],
)
def test_durations_read_as_people_write_them(seconds: float | None, said: str) -> None:
    assert duration(seconds) == said


def test_figures_come_in_png_and_svg_one_file_per_plot(evaluated: Evaluated, tmp_path: Path) -> None:
    series, said = evaluated(evaluators=("knn", "umap", "drift", "prototypes"), epochs=(0.0, 4.0))
    written = write_figures(tmp_path, series, said).paths
    names = {path.name for path in written}
    assert {"overview.png", "overview.svg", "metric-knn.top1.svg", "map-epoch-4.png", "map-series.svg"} <= names
    assert {"confusion-knn.png", "prototype-usage.svg", "drift-first-checkpoint.svg"} <= names
    assert len(written) == len(set(written)) == 2 * len({path.stem for path in written})
    for path in written:
        head = path.read_bytes()[:8]
        assert head == b"\x89PNG\r\n\x1a\n" if path.suffix == ".png" else b"<?xml" in head


def test_figures_are_the_same_bytes_again(evaluated: Evaluated, tmp_path: Path) -> None:
    series, said = evaluated(evaluators=("drift",), epochs=(0.0, 4.0))
    first = write_figures(tmp_path / "a", series, said).paths
    again = write_figures(tmp_path / "b", series, said).paths
    assert [path.name for path in first] == [path.name for path in again]
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in again]


def test_figures_name_their_units(evaluated: Evaluated) -> None:
    contents = gather(*evaluated())
    assert metric(contents, "knn.top1").axes[0].get_ylabel() == "kNN (%)"
    assert metric(contents, "spectrum.rankme").axes[0].get_ylabel() == "RankMe (dimensions)"
    drawn = overview(contents)
    assert drawn is not None
    assert [axis.get_ylabel() for axis in drawn.axes] == ["loss (nats)", "quality (%)"]
    assert drawn.axes[-1].get_xlabel() == "epoch"


@pytest.mark.parametrize("names", [["a/1/w.pt", "b/2/w.pt"], ["1/w.pt", "2/w.pt"], ["x/a.pt", "x/b.pt"], ["a.pt"], []])
def test_checkpoints_without_a_moment_are_told_apart_by_their_names(names: list[str]) -> None:
    found = _labels("checkpoint", np.arange(len(names)), names)
    assert len(set(found)) == len(names)
    assert [name.endswith(label) for name, label in zip(names, found, strict=True)] == [True] * len(names)
    assert not any(label.startswith("x/") for label in found)
