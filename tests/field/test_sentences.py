"""Sentences that people were told and that denied themselves: each kind, over the bank and over simulated series."""

import re
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from benchmarks.verdicts.fixture import BANK, load, without_labels
from swaveval.convergence import Verdict, judge
from swaveval.results import Artifact, CheckpointRecord, Point, Series
from tests.convergence.simulated import KNN, outcomes, series

VIEWS = "views.retrieval"
FALLING = [0.60, 0.58, 0.57, 0.555, 0.54, 0.53]


def simulated() -> Iterator[tuple[str, Series]]:
    """Curves × images × starts × steadiness, a few hundred in all."""
    curves = {
        "rising": np.linspace(0.3, 0.6, 8),
        "risen": [0.3, 0.5, *[0.6] * 10],
        "faint": np.linspace(0.5, 0.53, 8),
        "flat": [0.5] * 8,
        "falling": np.linspace(0.5, 0.4, 8),
        "peak": [0.3, 0.5, 0.6, 0.6, 0.5, 0.4, 0.35],
        "one": [0.55],
        "two": [0.5, 0.6],
    }
    for name, curve in curves.items():
        for n in (2, 40, 4000):
            for start in ("own", "inits", "both", "first"):
                if name == "one" and start in ("own", "first"):
                    continue
                rows = outcomes([*curve, 0.5, 0.48], n, seed=len(name) + n, correlation=0.9)
                run, inits = rows[: len(curve)], rows[len(curve) :]
                begin = 0 if start in ("own", "both") else 1
                yield (
                    f"{name}, {n} images, {start}",
                    series(
                        {KNN: run, VIEWS: run},
                        random={KNN: inits, VIEWS: inits} if start in ("inits", "both") else None,
                        epochs=[begin + place for place in range(len(curve))],
                    ),
                )


def everything() -> Iterator[tuple[str, Verdict]]:
    for name, run in simulated():
        yield name, judge(run)
        yield f"{name}, without labels", judge(without_labels(run))
    for path in sorted(BANK.glob("*.npz"))[::3]:
        yield path.stem, judge(load(path))
        yield f"{path.stem}, without labels", judge(without_labels(load(path)))


@pytest.fixture(scope="module")
def verdicts() -> dict[str, Verdict]:
    return dict(everything())


def texts(verdict: Verdict) -> list[str]:
    return [verdict.sentence, *(claim.claim for claim in verdict.evidence)]


def test_an_interval_and_its_p_answer_one_question(verdicts: dict[str, Verdict]) -> None:
    """ "kNN fell 7.5 ± 7.2 points (… p = 0.45)": an interval that leaves zero out beside p = .45."""
    stated = re.compile(r"(\d+\.\d) ± (\d+\.\d) points .{0,60}?p (<|=) ([\d.]+)\)")
    seen = 0
    for name, verdict in verdicts.items():
        for text in texts(verdict):
            for effect, reach, _, p in stated.findall(text):
                if abs(float(effect) - float(reach)) > 0.3:  # what is printed is rounded
                    seen += 1
                    assert (float(p) < 0.05) == (float(effect) > float(reach)), (name, text)
    assert seen > 500


def test_above_and_below_are_of_what_was_compared(verdicts: dict[str, Verdict]) -> None:
    """ "kNN fell 7.5 points above 3 random initialisations"."""
    for name, verdict in verdicts.items():
        for text in texts(verdict):
            witnesses = re.sub(r"the loss (rose|fell) from \S+ to \S+, and ", "", text)
            assert not re.search(r"(rose|fell) [^;%]* (above|below) \d+ (random|untrained)", witnesses), (name, text)
    worse = judge(series({KNN: outcomes(FALLING, 2000, seed=0)}, epochs=[1, 2, 3, 4, 5, 6]))
    beside = judge(
        series(
            {KNN: outcomes(FALLING, 2000, seed=0)},
            random={KNN: outcomes([0.7, 0.7, 0.7], 2000, seed=0)},
            epochs=[1, 2, 3, 4, 5, 6],
        )
    )
    assert re.search(r"kNN fell \d", worse.sentence)
    assert re.search(r"kNN is \d+\.\d ± \d+\.\d points below 3 untrained networks", beside.sentence)


def test_advice_never_denies_the_sentence(verdicts: dict[str, Verdict]) -> None:
    """ "whether the rise goes on cannot be told" with "Train longer"; "rose 6.0 ± 2.0" with "has not moved"."""
    for name, verdict in verdicts.items():
        actions = " ".join(f"{each.action}: {each.reason}" for each in verdict.advice)
        if "cannot be told" in verdict.sentence:
            assert "train longer" not in actions, (name, verdict.sentence)
        assert ("still rising" in actions) == ("still rising" in verdict.sentence), (name, verdict.sentence)
        assert "has not moved" not in actions
        if re.search(r"rose \d", verdict.sentence):
            assert "not shown to be above the start" not in actions, (name, verdict.sentence)
        if "still rising" in verdict.sentence:
            sign, effect, reach = re.findall(r"still rising \(([+−])([\d.]+) ± ([\d.]+)", verdict.sentence)[0]
            assert sign == "+", name
            assert float(effect) >= float(reach), name


def test_no_checkpoint_of_a_run_without_gain_is_recommended(verdicts: dict[str, Verdict]) -> None:
    """A star on "the checkpoint to use" of a collapsed run: there is none."""
    states = {verdict.verdict for verdict in verdicts.values()}
    assert {"collapsed", "not-learning", "learning"} <= states
    for name, verdict in verdicts.items():
        if verdict.verdict in ("collapsed", "not-learning"):
            assert verdict.best is None, name
            assert not any(re.match(r"use \S+\.(ckpt|pth)", each.action) for each in verdict.advice), name


def test_nothing_is_advised_that_nobody_can_do(verdicts: dict[str, Verdict]) -> None:
    """ "about 106,920 more images would settle it", "3,498 more images"."""
    for name, verdict in verdicts.items():
        n = verdict.evidence[0].n if verdict.evidence else None
        for more in re.findall(r"about ([\d,]+) more images", verdict.sentence):
            assert n is not None
            assert int(more.replace(",", "")) <= n, (name, verdict.sentence)
        assert "would settle it" not in verdict.sentence


def test_two_images_say_nothing(verdicts: dict[str, Verdict]) -> None:
    """ "all 2 checkpoints give the same features: the backbone has not changed", of two images."""
    few = {name: verdict for name, verdict in verdicts.items() if re.search(r", (2|20) images", name)}
    assert len(few) > 50
    for name, verdict in few.items():
        assert verdict.verdict == "inconclusive", name
        assert re.match(r"Inconclusive: (2|20) images cannot tell checkpoints apart", verdict.sentence), name
        assert verdict.best is None
        assert all(claim.metric == "loss" for claim in verdict.evidence)


def test_the_backbone_has_not_changed_is_said_of_weights_alone() -> None:
    same = outcomes([0.5], 400, seed=0).repeat(6, axis=0)
    moving = series({KNN: same}, values={"drift.relative_l2": [np.nan, 0.1, 0.1, 0.1, 0.1, 0.1]})
    unknown = series({KNN: same})
    for run in (moving, unknown):
        verdict = judge(run)
        assert "weights are the same" not in verdict.sentence
        assert "backbone" not in verdict.sentence
        assert "no answer changed on any of 400 images" in verdict.sentence
        assert not any("frozen" in each.action for each in verdict.advice)
    still = judge(series({KNN: same}, values={"drift.relative_l2": [np.nan, 0.0, 0.0, 0.0, 0.0, 0.0]}))
    assert still.sentence == "Not learning: the backbone's weights are the same in all 6 checkpoints."
    assert any("frozen" in each.action for each in still.advice)


@pytest.mark.parametrize(
    ("trained", "untrained", "state"),
    [
        (0.70, [0.50, 0.51, 0.49], "learning"),
        (0.537, [0.50, 0.51, 0.49], "learning"),  # untrained networks are known to be a point apart, not two
        (0.52, [0.50, 0.51, 0.49], "inconclusive"),
        (0.44, [0.50, 0.51, 0.49], "not-learning"),
    ],
)
def test_one_checkpoint_gets_the_answer_it_can_have(trained: float, untrained: list[float], state: str) -> None:
    """ALBEF#4, only `last.ckpt`: did it learn anything? Three untrained networks beside it answer that."""
    rows = outcomes([trained, *untrained], 900, seed=3, correlation=0.9)
    verdict = judge(series({KNN: rows[:1]}, random={KNN: rows[1:]}, epochs=[12]))
    place = "below" if trained < 0.5 else "above"
    assert re.match(
        rf"[A-Z][a-z ]+: kNN is \d+\.\d ± \d+\.\d points {place} 3 untrained networks \(n = 900, paired, p",
        verdict.sentence,
    )
    assert verdict.verdict == state
    assert "needs at least" not in verdict.sentence
    assert ("one checkpoint cannot show whether it still rises" in verdict.sentence) == (state == "learning")


def test_an_untrained_network_alone_is_no_run() -> None:
    rows = outcomes([0.5, 0.5, 0.5], 900, seed=3)
    verdict = judge(series({KNN: rows[:1]}, random={KNN: rows[1:]}, epochs=[0]))
    assert verdict.sentence.startswith("Inconclusive: the only checkpoint is the untrained network")


def beside_plain(run: list[float], pixels: float, colours: float, *, metric: str = KNN, n: int = 1200) -> Series:
    rows = outcomes([*run, 0.3, 0.3, pixels, colours], n, seed=5, correlation=0.6)
    made = series({metric: rows[: len(run)]}, random={metric: rows[len(run) : -2]}, labelled=metric == KNN)
    records = [
        CheckpointRecord(name, kind="baseline", baseline=kind, digest=name)
        for name, kind in (("raw pixels", "pixels"), ("colour histogram", "colours"))
    ]
    arrays = dict(made.arrays)
    for record, correct in zip(records, rows[-2:], strict=True):
        index = np.arange(n, dtype=np.int32)
        arrays[(f"{metric}.outcomes", str(record.digest))] = Artifact(
            f"{metric}.outcomes", {"correct": correct, "index": index}
        )
    object.__setattr__(made, "baselines", (*made.baselines, *(Point(record) for record in records)))
    object.__setattr__(made, "arrays", arrays)
    return made


@pytest.mark.parametrize("metric", [KNN, VIEWS])
def test_pixels_and_colours_that_do_better_are_in_the_sentence(metric: str) -> None:
    """Colour histogram 60 % kNN, every checkpoint 41 to 44 %; raw pixels' retrieval 27 %, the model 22 %."""
    name = "kNN" if metric == KNN else "view retrieval"
    run = [0.30, 0.36, 0.40, 0.42, 0.43, 0.44]
    verdict = judge(beside_plain(run, 0.42, 0.60, metric=metric))
    assert verdict.verdict in ("learning", "converged", "inconclusive")
    assert re.search(
        rf"At epoch \d it is not shown to differ from raw pixels by {name}; below a colour histogram by {name} "
        r"\(4\d\.\d against [56]\d\.\d %\)\.",
        verdict.sentence,
    )
    both = judge(beside_plain(run, 0.55, 0.60, metric=metric)).sentence
    assert re.search(rf"below raw pixels by {name} \(4\d\.\d against 5\d\.\d %\); below a colour histogram by", both)
    neither = judge(beside_plain(run, 0.30, 0.32, metric=metric))
    assert f"it is above raw pixels by {name}; above a colour histogram by {name}." in neither.sentence
    rows = [claim.claim for claim in neither.evidence if "raw pixels" in claim.claim or "histogram" in claim.claim]
    assert len(rows) == 2
    assert all("points above that of" in row for row in rows)


def test_labels_and_views_that_contradict_each_other_are_named_first() -> None:
    rising, flat = (
        outcomes([0.05, 0.2, 0.3, 0.35, 0.38, 0.4], 4000, seed=0),
        outcomes([0.5] * 6, 4000, seed=1, correlation=0.97),
    )
    verdict = judge(series({KNN: flat, VIEWS: rising}))
    assert (verdict.verdict, verdict.without_labels, verdict.contradicted) == ("not-learning", "learning", True)
    assert verdict.sentence.startswith("Not learning (by the labels; without them it would be called learning): kNN ")
    assert "Without labels, view retrieval rose 3" in verdict.sentence
    assert "--labels none" in verdict.advice[0].reason
    agreed = judge(series({KNN: rising, VIEWS: rising}))
    assert (agreed.without_labels, agreed.contradicted) == ("learning", False)
    assert "without" not in agreed.sentence.lower()


def test_files_whose_order_nobody_knows_neither_rise_nor_fall() -> None:
    """Six checkpoints of a run that gets worse, named by their accuracy: "learning, rose 5.9 points … train longer"."""
    rows = outcomes([*sorted(FALLING), 0.5, 0.5], 3000, seed=0, correlation=0.9)
    run = series({KNN: rows[:6]}, random={KNN: rows[6:]}, epochs=[1, 2, 3, 4, 5, 6])
    assert judge(run).verdict in ("learning", "inconclusive")
    verdict = judge(replace(run, manifest=replace(run.manifest, order="unknown")))
    assert verdict.verdict == "inconclusive"
    assert re.search(r"order of the 6 checkpoints is not known, so a rise cannot be told from a fall", verdict.sentence)
    assert not re.search(r"\b(rose|fell|since|last third)\b", " ".join(texts(verdict)))
    assert verdict.best is not None
    assert verdict.best.checkpoint == "epoch=6.ckpt"


def test_of_several_labels_an_image_both_verdicts_are_said() -> None:
    """NIH ChestX-ray: by the most frequent label present, and by views alone."""
    rising = outcomes([0.05, 0.2, 0.3, 0.35, 0.38, 0.4], 4000, seed=0)
    run = series({KNN: rising, VIEWS: rising})
    data = replace(run.manifest.data, audit={"several_labels": {"images": 10}})
    verdict = judge(replace(run, manifest=replace(run.manifest, data=data)))
    assert verdict.sentence.startswith(
        "Learning (by the most frequent label of each image; without them it would be called learning): kNN rose"
    )
