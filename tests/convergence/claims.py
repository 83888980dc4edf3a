"""What a verdict claims in its parts, and whether two of these claims contradict each other."""

import json
import re
from collections.abc import Iterator

from swaveval.convergence import Verdict
from swaveval.convergence.thresholds import ALPHA
from swaveval.convergence.verdict import WORDS, Evidence, Testimony
from tests.convergence.simulated import VIEWS

CALLED = ("untrained networks", "raw pixels", "a colour histogram")
PLACE = (
    r"(above|below|not shown(?:, all comparisons counted,)? to (?:be better than|differ from)) (?:\S+ ){1,3}?by (.*?)"
    r"(?=, (?:below|not shown)|$)"
)
COMPARED = (
    r"([\w -]+?) is ([\d.]+) ± ([\d.]+) points (above|below) "
    r"(these \d+ untrained networks|this untrained network|\d+ untrained networks?|untrained networks on average)"
)
ILL_FORMED = r"\bnan\b|\bNone\b|\binf\b|  |−0\.0(?!\d)|;;|; ;|\.\.|\( |KNN|\bfell by −| ,"
GOOD, NONE = ("learning", "converged"), ("collapsed", "not-learning")


def contradictions(verdict: Verdict) -> list[str]:
    """Every claim that another one denies, in words; empty where they agree."""
    found = [*_texts(verdict), *_witnesses(verdict), *_standings(verdict), *_rising(verdict), *_advice(verdict)]
    found += _references(verdict)
    for row in verdict.evidence:
        found += _row(row, verdict)
    json.dumps(verdict.to_json(), allow_nan=False)
    return found


def _texts(verdict: Verdict) -> Iterator[str]:
    texts = [verdict.sentence, *(each.action for each in verdict.advice), *(each.reason for each in verdict.advice)]
    texts += [text for row in verdict.evidence for text in (row.claim, row.test)]
    texts += [verdict.best.reason] if verdict.best else []
    for text in texts:
        if re.search(ILL_FORMED, text):
            yield f"ill-formed: {text}"
    if not verdict.sentence.startswith(WORDS[verdict.verdict].title) or not verdict.sentence.endswith("."):
        yield "the sentence does not begin with its word or does not end"


def _sentences(verdict: Verdict) -> list[str]:
    return re.split(r"\. (?=[A-Z])", verdict.sentence)


def _witnesses(verdict: Verdict) -> Iterator[str]:
    gained = [one for one in verdict.witnesses if one.says == "gain"]
    for one in verdict.witnesses:
        for clause in _sentences(verdict)[0].split("; ")[1:]:
            denies = "exclude" in clause or "not shown" in clause or "no gain" in clause
            claims = denies if one.says == "gain" else bool(re.match(r"likewise .*\(\+|only ", clause))
            if one.name in clause and claims and not clause.startswith("whether "):
                yield f"{one.name} says {one.says}: {clause}"
            if one.name in clause and denies and "untrained networks" in clause and "untrained networks" in one.above:
                yield f"{one.name} is above untrained networks in the end: {clause}"
        yield from _interval(one)
    if verdict.verdict in GOOD and not gained:
        yield f"{verdict.verdict}, and no witness gains"
    if verdict.verdict in NONE and any(one.metric != VIEWS for one in gained):
        yield f"{verdict.verdict}, and {gained[0].name} gains"
    lead = next((one for one in verdict.witnesses if one.metric == verdict.quality_metric), None)
    if verdict.verdict in GOOD and (lead is None or lead.says not in ("gain", "fall")):
        yield "the witness that is quoted first does not show what the word says"


def _interval(one: Testimony) -> Iterator[str]:
    low, high = one.ci95
    # A gain is asked for on one side: its interval may hold zero by a little.
    if one.says == "gain" and not (low > -0.25 * (high - one.change) and one.p_corrected <= ALPHA):
        yield f"{one.name} gains with {one.ci95}, p {one.p_corrected}"
    if one.says == "loss" and not (high < 0.25 * (one.change - low) and one.p_corrected <= ALPHA):
        yield f"{one.name} loses with {one.ci95}, p {one.p_corrected}"
    if one.says == "gain" and (not one.room or "untrained networks" in (*one.below, *one.level)):
        yield f"{one.name} gains without room, or not over untrained networks"


def _standings(verdict: Verdict) -> Iterator[str]:
    """`In the end it is above untrained networks by kNN, below them by the linear probe (…)`."""
    for sentence in _sentences(verdict)[1:]:
        if not re.match("In the end it is|At .* it is", sentence):
            continue
        for part in sentence.rstrip(".").split("; "):
            called = next(each for each in CALLED if each in part)
            for verb, group in re.findall(PLACE, part):
                every = "every witness" in group or "any witness" in group
                for one in verdict.witnesses:
                    place = {"above": one.above, "below": one.below}.get(verb, one.level)
                    known = called in (*one.above, *one.below, *one.level)
                    if (one.name in group or (every and known)) and called not in place:
                        yield f"{one.name} is not {verb} {called}: {part}"


def _references(verdict: Verdict) -> Iterator[str]:
    """A difference from untrained networks that is given twice has one interval, or names what it is asked of."""
    reach: dict[tuple[str, ...], str] = {}
    for text in (verdict.sentence, *(row.claim for row in verdict.evidence)):
        for who, effect, within, *where in re.findall(COMPARED, text):
            if reach.setdefault((who.strip(), effect, *where), within) != within:
                yield f"{who} {effect} ± {within} and ± {reach[who.strip(), effect, *where]} {' '.join(where)}"


def _tails(verdict: Verdict) -> list[Evidence]:
    return [row for row in verdict.evidence if "changed by" in row.claim]


def _rising(verdict: Verdict) -> Iterator[str]:
    said = "still rising" in verdict.sentence
    rises = [row for row in _tails(verdict) if row.ci95 and row.ci95[0] > 0]
    if said and (not rises or verdict.verdict != "learning"):
        yield "still rising, and no tail rises"
    who = re.search(r"; ([^;]*?) is still rising", verdict.sentence)
    if who and not any(row.claim.startswith(who[1]) for row in rises):
        yield f"{who[1]} is said to rise still"
    if any(each.action == "train longer" for each in verdict.advice) and not said:
        yield "train longer, and nothing still rises"
    if verdict.verdict == "converged" and not any("flat within" in row.claim for row in _tails(verdict)):
        yield "converged, and no row is flat"


def _advice(verdict: Verdict) -> Iterator[str]:
    if verdict.verdict in NONE and verdict.best is not None:
        yield f"a checkpoint of a {verdict.verdict} run"
    actions = " ".join(each.action for each in verdict.advice)
    if verdict.best is None and re.search(r"\buse \S+\.ckpt", actions):
        yield "use, and none is best"
    moved = [one.name for one in verdict.witnesses if one.says in ("gain", "loss", "fall") and one.metric != VIEWS]
    if "raise the learning rate" in actions and moved:
        yield f"raise the learning rate, and {moved} moved"
    under = [one.name for one in verdict.witnesses if "untrained networks" in one.below]
    if "raise the learning rate" in actions and under:
        yield f"raise the learning rate, and {under} below untrained networks"
    if verdict.best is not None and verdict.best.checkpoint in verdict.best.tied_with:
        yield "the best is tied with itself"


def _row(row: Evidence, verdict: Verdict) -> Iterator[str]:
    if row.p is not None and row.ci95 is not None and "equivalence" not in row.test:
        low, high = row.ci95
        if (row.p < ALPHA) != (low > 0 or high < 0):
            yield f"p = {row.p} beside {row.ci95}: {row.claim}"
    if row.p is not None and row.p_corrected is not None and row.p_corrected < row.p:
        yield f"corrected to less: {row.claim}"
    words = re.search(r" (rose|fell) \d", row.claim)
    if words and row.effect is not None and (words[1] == "rose") != (row.effect >= 0):
        yield f"{row.claim} by {row.effect}"
    said = {one.metric: one for one in verdict.witnesses}.get(row.metric)
    if said is not None:
        yield from _mark(row, said)


def _mark(row: Evidence, said: Testimony) -> Iterator[str]:
    if row.supports == "for" and said.says not in ("gain", "fall"):
        yield f"for learning, and {said.name} says {said.says}: {row.claim}"
    if row.supports == "against" and said.says == "gain":
        yield f"against learning, and {said.name} gains: {row.claim}"
    if row.supports == "against" and row.ci95 is not None and row.ci95[0] > said.size:
        yield f"against learning with {row.ci95}: {row.claim}"
