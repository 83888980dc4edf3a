"""Two sentences of a page never contradict each other: the claims of the pages of all real runs of the bank."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np
import pytest

from benchmarks.verdicts.fixture import BANK, load, without_labels
from swaveval.convergence import judge
from swaveval.convergence.quality import untrained
from swaveval.report import first, witness_table, wording
from swaveval.report.contents import Contents, gather
from swaveval.report.small import UNCHANGED, tiles
from swaveval.results.roles import SPOKEN

ALPHA = 0.05
NAMES = sorted(set(SPOKEN.values()), key=len, reverse=True)
MOVED = re.compile(
    rf"(?P<test>on the test images )?(?P<name>{'|'.join(map(re.escape, NAMES))}) (?P<verb>rose|fell|is) "
    r"(?P<effect>\d+\.\d) ± (?P<reach>\d+\.\d) points (?P<place>above |below )?(?P<whom>[^(;]*)"
    r"\(n = (?P<n>[\d,]+), (?:paired, )?p (?P<relation>[<=]) (?P<p>\d?\.\d+)\)"
    r"(?P<since> since [a-z]+ [\d.]+| from its peak)?"
)


@dataclass(frozen=True)
class Claim:
    """One statement that something changed: of what, against what, in which direction, and whether beyond chance."""

    metric: str
    images: str
    reference: str
    up: bool
    certain: bool
    text: str


@cache
def page(name: str, labelled: bool) -> Contents:
    series = load(BANK / f"{name}.npz")
    if not labelled:
        series = without_labels(series)
    return gather(series, judge(series))


def texts(contents: Contents) -> Iterator[str]:
    """Every sentence of the first screen and of the evidence, and the advice."""
    yield contents.verdict.sentence
    for row in first.evidence(contents):
        yield row.claim
    for each in contents.verdict.advice:
        yield f"{each.action}: {each.reason}"
    found = first.recommended(contents)
    if found is not None:
        yield found.reason


def claims(contents: Contents) -> Iterator[Claim]:
    for text in texts(contents):
        for found in MOVED.finditer(text):
            up = found["verb"] == "rose" or (found["place"] or "").startswith("above")
            reference = (found["since"] or found["whom"] or "").strip()
            certain = float(found["effect"]) > float(found["reach"])
            yield Claim(found["name"], found["test"] or "", reference, up, certain, found[0])


# The pages of every third run; the others in the slow campaigns. (The claims of every run are compared in
# tests/convergence/test_bank.py.)
NAMES = sorted(path.stem for path in BANK.glob("*.npz"))
SLOW = frozenset(name for place, name in enumerate(NAMES) if place % 3)
PAGES = [(name, labelled) for name in NAMES for labelled in (True, False)]
each_page = pytest.mark.parametrize(
    ("name", "labelled"),
    [pytest.param(*one, marks=pytest.mark.torture) if one[0] in SLOW else one for one in PAGES],
)


@each_page
def test_what_rose_did_not_fall(name: str, labelled: bool) -> None:
    """Of one metric, on the same images and against the same reference, no two directions are both certain."""
    said: dict[tuple[str, str, str], Claim] = {}
    for claim in claims(page(name, labelled)):
        if not claim.certain:
            continue
        before = said.setdefault((claim.metric, claim.images, claim.reference), claim)
        assert before.up == claim.up, (before.text, claim.text)


@each_page
def test_what_is_above_untrained_networks_is_not_said_to_be_level(name: str, labelled: bool) -> None:
    """Beyond any correction for asking several; also where the gain does not count, as the features contracted."""
    contents = page(name, labelled)
    level = {one.name for one in contents.verdict.witnesses if "untrained networks" in one.level}
    for found in MOVED.finditer(contents.verdict.sentence):
        if "untrained networks" in (found["whom"] or "") and found["relation"] == "<" and not found["test"]:
            assert found["name"] not in level, found[0]


@each_page
def test_an_interval_and_its_p_answer_the_same_question(name: str, labelled: bool) -> None:
    contents = page(name, labelled)
    for row in contents.verdict.evidence:
        if row.ci95 is None or row.p is None or "TOST" in row.test or "permutations" in row.test:
            continue
        outside = row.ci95[0] > 0 or row.ci95[1] < 0
        # A bootstrap interval and an exact test may part where one image decides.
        near = min(abs(row.ci95[0]), abs(row.ci95[1])) < 0.002
        assert near or (row.p < ALPHA) == outside, row
    for text in texts(contents):
        for found in MOVED.finditer(text):
            beyond = float(found["effect"]) > float(found["reach"]) + 0.1
            within = float(found["effect"]) < float(found["reach"]) - 0.1
            assert not (beyond and float(found["p"]) > ALPHA + 0.005), found[0]
            assert not (within and float(found["p"]) < ALPHA - 0.005), found[0]


@each_page
def test_word_sentence_advice_and_star_are_of_one_mind(name: str, labelled: bool) -> None:
    contents = page(name, labelled)
    verdict, whole = contents.verdict, " ".join(texts(contents)).lower()
    assert verdict.sentence.lower().startswith(first.banner(contents).word.lower())
    bad = verdict.verdict in ("collapsed", "not-learning")
    assert (first.recommended(contents) is None) == bad
    assert (contents.best is None) == bad
    longer = any(each.action == "train longer" for each in verdict.advice)
    assert longer == (
        verdict.verdict == "learning" and "still rising" in verdict.sentence and "against it" not in whole
    )
    assert not ("still rising" in verdict.sentence and "cannot be told" in verdict.sentence)
    if verdict.verdict == "converged":
        assert "train longer" not in whole
        assert "still rising" not in whole
    if any(row.says == "gain" for row in verdict.witnesses if row.metric.startswith(("knn", "linear", "lowshot"))):
        assert "raise the learning rate" not in whole
    under = [row.name for row in verdict.witnesses if "untrained networks" in row.below]
    if under:
        assert "raise the learning rate" not in whole, under
    rates = [each for each in verdict.advice if "raise it" in each.action]
    assert all("lower the learning rate" in each.action and "too high" in each.reason for each in rates)


@each_page
def test_the_table_of_witnesses_says_what_the_sentence_says(name: str, labelled: bool) -> None:
    contents = page(name, labelled)
    verdict = contents.verdict
    for one in verdict.witnesses:
        low, high = one.ci95
        assert low <= one.change <= high
        assert not set(one.above) & set(one.below)
        if one.says == "gain":
            assert low > 0
            assert one.p_corrected <= ALPHA
            assert "untrained networks" not in one.below
        if one.says == "loss":
            assert high < 0
    gains = [one for one in verdict.witnesses if one.says == "gain"]
    if verdict.verdict in ("learning", "converged"):
        assert gains
    if verdict.verdict == "collapsed":
        assert not gains
    assert len(witness_table.rows(contents)) in (0, len(verdict.witnesses))


@each_page
def test_every_number_of_one_metric_names_what_it_is_compared_with(name: str, labelled: bool) -> None:
    """`RankMe is down from 171 to 82` beside `RankMe went from 30 to 61` cannot be written: each says from what."""
    for text in texts(page(name, labelled)):
        for found in re.finditer(r"(?:went|is down) from [\d.]+ ([^;,.]*?) ?to [\d.]+", text):
            assert found[1] in ("at step 0", "of untrained networks", "at its highest"), text


@each_page
def test_every_chart_names_what_its_change_is_measured_from(name: str, labelled: bool) -> None:
    """DSE, which no untrained network has, as all others: one reference for all charts, and that of the evidence."""
    contents = page(name, labelled)
    drawn = {each.metric: each for each in tiles(contents, contents.metric_ids)}
    for metric, each in drawn.items():
        values = contents.series.values(metric)
        finite = np.flatnonzero(np.isfinite(values))
        if len(finite) < 2:
            assert (each.change, each.since) == ("", "")
            continue
        start = untrained(contents.points[int(finite[0])].record)
        assert each.since == f"since {'step 0' if start else contents.labels[finite[0]]}"
        change = float(values[finite[-1]] - values[finite[0]])
        assert each.change in (UNCHANGED, wording.number(change, contents.sample(metric).unit, signed=True))
    for row in contents.verdict.evidence:
        if " at step 0 to " in row.claim and row.effect is not None and row.metric in drawn:
            unit = contents.sample(row.metric).unit
            assert drawn[row.metric].since == "since step 0"
            assert drawn[row.metric].change in (UNCHANGED, wording.number(row.effect, unit, signed=True)), row.claim


def test_a_page_says_that_a_contracted_run_is_above_and_why_it_does_not_count() -> None:
    said = page("flat-epsilon.3-t3", labelled=False).verdict.sentence
    assert "less spread than those of untrained networks" in said
    assert "In the end it is above untrained networks by view retrieval." in said


def test_the_pages_are_not_silent() -> None:
    looked_at = [one for one in PAGES if one[0] not in SLOW]
    found = [claim for name, labelled in looked_at for claim in claims(page(name, labelled))]
    assert len(found) > 2 * len(looked_at)
