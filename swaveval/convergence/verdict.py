"""The verdict: the sentence at the top of the page, and everything it rests on."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

VerdictState = Literal["learning", "converged", "regressed", "collapsed", "not-learning", "inconclusive"]
LossShape = Literal["falling", "flat", "rising", "nan", "unknown"]


@dataclass(frozen=True, slots=True)
class LossState:
    """What the loss did, stated apart from quality.

    Attributes:
        state: falling, flat, rising, nan (diverged), or unknown (no loss found).
        start, end: loss at the first and last epoch, in nats; None when unknown.
        change: (end - start) / start; None when unknown.
        ln_k: the loss of a constant output, or None when K is unknown.
        gap: 1 - end / ln K; near 0 means at ln K, negative above it.
        at_ln_k: whether the last epochs lie at ln K.
        source: where the loss was found.
        axis: the unit its places are quoted in: `epoch`, `step`, `checkpoint`, or `row` of a log nothing placed.
    """

    state: LossShape = "unknown"
    start: float | None = None
    end: float | None = None
    change: float | None = None
    ln_k: float | None = None
    gap: float | None = None
    at_ln_k: bool = False
    source: str = ""
    axis: str = "epoch"


@dataclass(frozen=True, slots=True)
class Evidence:
    """One claim the verdict rests on.

    Attributes:
        claim: a sentence with its numbers in it.
        metric: metric id it is about (`loss` for the loss).
        effect: size of the effect in the metric's unit.
        ci95: its 95 % interval.
        test: the test, in words.
        p: uncorrected p; p_corrected: after Holm over the family.
        n: images (or epochs) it rests on.
        supports: whether it speaks for learning, against it, or neither.
    """

    claim: str
    metric: str
    effect: float | None = None
    ci95: tuple[float, float] | None = None
    test: str = ""
    p: float | None = None
    p_corrected: float | None = None
    n: int | None = None
    supports: Literal["for", "against", "neutral"] = "neutral"


@dataclass(frozen=True, slots=True)
class Best:
    """The checkpoint to use.

    Attributes:
        checkpoint: its name.
        epoch: its epoch, or None.
        tied_with: names of checkpoints that cannot be told apart from it.
        metric: metric id it was chosen by (never on test labels).
        optimism: by how much the best-of-n test number overstates, in the metric's unit; None when not estimated.
        reason: one sentence.
    """

    checkpoint: str
    epoch: float | None = None
    tied_with: tuple[str, ...] = ()
    metric: str = ""
    optimism: float | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Advice:
    """One thing to do next, with the reason seen in this run."""

    action: str
    reason: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What `judge` returns.

    Attributes:
        verdict: the state.
        sentence: the first line of the page.
        loss: the loss's own behaviour.
        evidence: claims, strongest first.
        best: the checkpoint to use, or None when there is none.
        advice: what to do next.
        labelled: whether labels were used.
        quality_metric: metric id that stood for quality, or empty.
        seed: of the bootstraps.
        without_labels: the state that views alone give beside a verdict by labels; None where there is none.
        labels_set_aside: why labels that there are were not used, as a clause; empty where they were.
    """

    verdict: VerdictState
    sentence: str
    loss: LossState
    evidence: tuple[Evidence, ...] = ()
    best: Best | None = None
    advice: tuple[Advice, ...] = ()
    labelled: bool = True
    quality_metric: str = ""
    seed: int = 0
    without_labels: VerdictState | None = None
    labels_set_aside: str = ""

    @property
    def contradicted(self) -> bool:
        """Whether views alone say the opposite of what the labels say: one of the two is misread."""
        return self.without_labels is not None and opposed(self.verdict, self.without_labels)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


_GOOD = frozenset({"learning", "converged"})
_BAD = frozenset({"collapsed", "not-learning", "regressed"})


def opposed(one: VerdictState, other: VerdictState) -> bool:
    """Whether one says that a run got better and the other that it did not."""
    return (one in _GOOD and other in _BAD) or (one in _BAD and other in _GOOD)
