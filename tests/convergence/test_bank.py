"""The verdict on the stored series of real runs whose truth is known: every change is judged against all of them."""

import re
import tomllib
from functools import cache
from pathlib import Path

import pytest

from benchmarks.verdicts.bank_runs import FOURTH, SECOND, THIRD
from benchmarks.verdicts.fixture import BANK, load, without_labels
from swaveval.convergence import Verdict, decision, judge, witnesses
from swaveval.convergence.loss import loss_state
from swaveval.convergence.thresholds import ALPHA
from swaveval.convergence.verdict import WORDS
from swaveval.report.first import LONGEST_TEST
from swaveval.results.roles import SPOKEN
from tests.convergence.claims import contradictions

EXPECTED = tomllib.loads((Path(__file__).parents[2] / "benchmarks" / "verdicts" / "expected.toml").read_text("utf-8"))
BAD = {"collapsed", "not-learning"}
GOOD = {"learning", "converged"}
# Explained in docs/verdict-proof.md.
KNOWN_MISSES = {
    # 5-shot accuracy shows a gain, kNN and purity are far below untrained networks.
    "flat-epsilon.3-t3": "inconclusive",
    "flat-epsilon1-t3": "inconclusive",
    "flat-k30-t1": "inconclusive",
    # Likewise; the loss ends at ln K.
    "rising-above-ln-k": "inconclusive",
    # Of two bad words the other: the rank is down to a twenty-fifth, and still more than the classes need.
    "clothing-swav-epsilon1-t3": "collapsed",
    # BYOL on digits loses first what an untrained network has, and is still winning it back.
    "digits-byol": "inconclusive",
    "digits-byol-seed2": "inconclusive",
    "clothing-byol-seed2": "inconclusive",
    # A constant output on features that had risen and fell again.
    "flowers-byol-collapsed": "inconclusive",
    # No step 0 was saved: three untrained networks say too little of where the run began.
    "clothing-simclr-rate-too-high": "inconclusive",
    # All five witnesses rise, none of them by more than one of five may by chance.
    "flowers-swav": "inconclusive",
    # The whole gain in the first epoch: neither in order nor shown to be flat.
    "cifar-swav-t3": "inconclusive",
    # The probe excludes a gain on 1,200 images; 560 are too few to.
    "textures-simclr": "inconclusive",
    # Rank of next to nothing, and a probe that rises.
    "flowers-vicreg-invariance-only": "inconclusive",
    # Uniform outputs, features below untrained ones: of two bad words the other.
    "digits-dino-without-sharpening": "collapsed",
    "clothing-dino-without-sharpening": "collapsed",
    # Fewer directions than classes, in a network that has hardly more untrained.
    "clothing-dino-vit-without-centre": "inconclusive",
    # Every witness gains, on other images five labels a class too; there the probe with many labels does not.
    "clothing-dino": "learning",
}
# What few labels and many say of them is opposed on the images of the truth as well.
DIVIDED_TRUTH_CALLED_GOOD = ["clothing-dino"]


@cache
def judged(name: str) -> Verdict:
    return judge(load(BANK / f"{name}.npz"))


@cache
def judged_without_labels(name: str) -> Verdict:
    return judge(without_labels(load(BANK / f"{name}.npz")))


def test_every_run_has_an_expectation_and_the_other_way_round() -> None:
    assert {path.stem for path in BANK.glob("*.npz")} == set(EXPECTED)
    assert len(EXPECTED) >= 60
    assert len({load(path).manifest.data.name for path in BANK.glob("*.npz")}) >= 5


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_each_run_gets_exactly_the_verdict_written_down_before(name: str) -> None:
    if name in KNOWN_MISSES:
        assert judged(name).verdict == KNOWN_MISSES[name], "docs/verdict-proof.md explains another miss"
        return
    assert judged(name).verdict in (EXPECTED[name]["verdict"], EXPECTED[name].get("or")), judged(name).sentence


def test_most_are_exactly_right() -> None:
    """Of the first, whose judging mended rules, 62 of 71 (64 until some were trained again); of those written down
    afterwards fewer."""
    second, third, fourth = (set(EXPECTED) & set(bank) for bank in (SECOND, THIRD, FOURTH))
    first = set(EXPECTED) - second - third - fourth
    assert len(first & set(KNOWN_MISSES)) <= 9 <= len(first) / 7
    assert len(second) >= 25
    assert len(second & set(KNOWN_MISSES)) <= len(second) / 5
    assert len(third) >= 14
    assert len(third & set(KNOWN_MISSES)) <= len(third) / 4
    assert len(fourth) >= 9
    assert len(fourth & set(KNOWN_MISSES)) <= len(fourth) / 2


def test_no_bad_run_is_ever_called_good_nor_a_good_one_bad() -> None:
    bad = [name for name, entry in EXPECTED.items() if entry["verdict"] in BAD]
    good = [name for name, entry in EXPECTED.items() if entry["verdict"] in GOOD]
    assert len(bad) >= 15
    assert [name for name in bad if judged(name).verdict in GOOD] == DIVIDED_TRUTH_CALLED_GOOD
    assert all(EXPECTED[name].get("or") == "inconclusive" for name in DIVIDED_TRUTH_CALLED_GOOD)
    assert [name for name in good if judged(name).verdict in BAD] == []


def test_the_verdict_without_labels_agrees_and_never_praises_a_bad_run() -> None:
    agree = [name for name in EXPECTED if judged_without_labels(name).verdict == judged(name).verdict]
    differ = {
        name: (judged(name).verdict, judged_without_labels(name).verdict) for name in EXPECTED if name not in agree
    }
    assert len(agree) >= 0.85 * len(EXPECTED), differ
    assert [name for name, (with_labels, without) in differ.items() if with_labels in BAD and without in GOOD] == []
    assert not any(judged_without_labels(name).labelled for name in EXPECTED)


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_a_bad_run_has_no_checkpoint_to_use_and_every_other_one_has(name: str) -> None:
    for verdict in (judged(name), judged_without_labels(name)):
        assert (verdict.best is None) == (verdict.verdict in BAD)


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_no_claim_denies_another_in_any_run(name: str) -> None:
    assert [contradictions(verdict) for verdict in (judged(name), judged_without_labels(name))] == [[], []]


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_every_sentence_agrees_with_the_evidence(name: str) -> None:
    """On real runs: title, numbers, signs and words of the sentence are those of the first piece of evidence."""
    stored, verdict = load(BANK / f"{name}.npz"), judged(name)
    assert re.match(rf"{WORDS[verdict.verdict].title}(?: \([^)]*\))?: ", verdict.sentence)
    assert verdict.sentence.endswith(".")
    assert not re.search(r"\bnan\b|None|inf\b|  ", verdict.sentence)
    assert max(len(each.test) for each in verdict.evidence) <= LONGEST_TEST  # or the page would cut it
    claim = verdict.evidence[0]
    labelled = witnesses.labelled(stored)
    both = (*labelled, *witnesses.of_the_same_as(labelled[0], witnesses.label_free(stored)))
    lead = decision.judged(stored, both, loss_state(stored.manifest.loss), seed=0).lead
    quality, findings = lead.quality, lead.findings
    assert quality.metric == claim.metric == verdict.quality_metric
    assert claim.ci95 == findings.shown.interval()
    assert claim.effect == findings.shown.effect
    words = re.search(
        r"(.+) (rose|fell|changed by|is) (\d+\.\d) ± (\d+\.\d) points (?:(above|below) \d untrained networks )?"
        r"\(n = ([\d,]+), paired, p (<|=) ([\d.]+)\)",
        claim.claim,
    )
    assert words is not None
    called, verb, effect, reach, place, n, relation, p = words.groups()
    assert (verb == "is") == (place is not None)
    assert (verb == "is") == (quality.start == "random initialisations" and not findings.since_first)
    assert called == SPOKEN[quality.metric]
    low, high = claim.ci95
    assert (verb == "changed by") == (place is None and effect == "0.0")
    assert verb == "changed by" or ((place or verb) in ("rose", "above")) == (claim.effect >= 0)
    assert float(effect) == pytest.approx(100 * abs(claim.effect), abs=0.051)
    assert float(reach) == pytest.approx(50 * (high - low), abs=0.051)
    assert int(n.replace(",", "")) == claim.n == quality.n
    assert claim.p_corrected is not None
    assert claim.p is not None
    assert (claim.p < float(p)) if relation == "<" else claim.p == pytest.approx(float(p), abs=0.0051)
    # The p in the words is that of the interval: below 0.05 exactly where zero lies outside.
    assert (claim.p < ALPHA) == (low > 0 or high < 0)
    assert claim.p_corrected >= claim.p
    if verdict.verdict in ("learning", "converged"):
        assert claim.p_corrected <= ALPHA
    assert (claim.supports == "for") == findings.gained
