"""Features of images in another form than the training's: nothing bad is concluded from them."""

import shlex
from dataclasses import replace

import pytest

from swaveval.convergence import judge
from swaveval.convergence.advice import again_with
from swaveval.convergence.verdict import opposed
from swaveval.results import Series
from tests.convergence.simulated import KNN, series, together

OPTIONS = "--mean 0,0,0 --std 1,1,1"
RANK = "spectrum.rankme_centred"
COMMAND = "swaveval run --ckpt-dir 'own runs' --data digits"
CURVES = {
    "learning": [0.30, 0.45, 0.55, 0.60, 0.64, 0.66, 0.68],
    "not-learning": [0.60, 0.55, 0.50, 0.46, 0.43, 0.41, 0.40],
    "collapsed": [0.60, 0.50, 0.40, 0.30, 0.20, 0.12, 0.10],
    "regressed": [0.30, 0.60, 0.75, 0.75, 0.74, 0.70, 0.45],
}


def run(kind: str) -> Series:
    made = together({KNN: [*CURVES[kind], 0.30, 0.31]}, 1500, seed=0)[KNN]
    ranks = {RANK: [150.0, 60.0, 20.0, 6.0, 2.0, 1.3, 1.1]} if kind == "collapsed" else None
    return series({KNN: made[:7]}, random={KNN: made[7:]}, values=ranks)


def shown_otherwise(made: Series, most: int, options: str = OPTIONS) -> Series:
    """The same, the first files' load reports holding a pre-processing that fits better."""
    told = {"geometry": {"evidence": {"fitting": options}}}
    points = [
        replace(point, record=replace(point.record, load={**point.record.load, **told})) if i < most else point
        for i, point in enumerate(made.points)
    ]
    return replace(made, points=tuple(points), manifest=replace(made.manifest, command=COMMAND))


@pytest.mark.parametrize("kind", ["collapsed", "not-learning", "regressed"])
def test_nothing_bad_is_said_of_images_in_another_form(kind: str) -> None:
    made = run(kind)
    plain, found = judge(made), judge(shown_otherwise(made, len(made.points)))
    assert plain.verdict == kind
    assert found.verdict == "inconclusive"
    assert found.best is None
    title, _, rest = plain.sentence.partition(": ")
    assert found.sentence == (
        "Inconclusive: the images are pre-processed in another way than in the training, as far as BatchNorm tells; "
        f"`{OPTIONS}` fits. As they are it would be called {title.lower()}: {rest}"
    )
    (advised,) = found.advice
    assert OPTIONS in advised.action
    assert f"`{COMMAND} {OPTIONS}`" in advised.reason
    assert (found.evidence, found.witnesses) == (plain.evidence, plain.witnesses)
    assert found.without_labels is None or not opposed("learning", found.without_labels)


def test_a_good_word_stands_and_the_advice_comes_first() -> None:
    made = run("learning")
    plain, found = judge(made), judge(shown_otherwise(made, len(made.points)))
    assert plain.verdict == "learning"
    assert replace(found, advice=found.advice[1:]) == plain
    assert OPTIONS in found.advice[0].action


@pytest.mark.parametrize(("most", "heard"), [(0, False), (3, False), (4, True), (7, True)])
def test_most_of_the_checkpoints_must_bear_witness(most: int, heard: bool) -> None:
    found = judge(shown_otherwise(run("not-learning"), most))
    assert (found.verdict == "inconclusive") is heard


def test_what_is_not_all_judged_says_so_of_the_new_word() -> None:
    made = shown_otherwise(run("not-learning"), 7)
    waiting = replace(made.points[0].record, name="later.ckpt", state="waiting", digest=None)
    manifest = replace(made.manifest, checkpoints=(*made.manifest.checkpoints, waiting))
    said = judge(replace(made, manifest=manifest)).sentence
    assert said.startswith("Inconclusive (from 7 of 8 checkpoints): the images are pre-processed in another way")


@pytest.mark.parametrize(
    ("command", "given"),
    [(COMMAND, True), ("swaveval.evaluate", False), ("", False), (f"swaveval run --data {'x' * 300}", False)],
)
def test_a_command_that_cannot_be_given_whole_is_not_given(command: str, given: bool) -> None:
    reason = again_with(OPTIONS, command).reason
    assert ("`" in reason) is given
    if given:
        words = shlex.split(reason.partition("`")[2].rstrip("`"))
        assert words == [*shlex.split(command), *OPTIONS.split()]
