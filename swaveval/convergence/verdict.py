"""The verdict: the sentence at the top of the page, and everything it rests on."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeVar

VerdictState = Literal["learning", "converged", "regressed", "collapsed", "not-learning", "inconclusive"]
LossShape = Literal["falling", "flat", "rising", "nan", "unknown"]


@dataclass(frozen=True, slots=True)
class Word:
    """A verdict's word, and everything that goes with it wherever it is shown.

    Attributes:
        title: for people. gloss: what it means; alone: the same of a single checkpoint.
        none: why no checkpoint is recommended, where none is.
        style: on a terminal, as rich understands it.
        light, dark: colour of the word and of the ground behind it, on a light page and on a dark one.
        icon: a drawing in lines, as SVG in a square of 48.
    """

    title: str
    gloss: str
    alone: str
    style: str
    light: tuple[str, str]
    dark: tuple[str, str]
    icon: str
    none: str = "None can be recommended from these results."


WORDS: Mapping[VerdictState, Word] = {
    "learning": Word(
        title="Learning",
        gloss="better than at the start, by more than chance",
        alone="better than networks nobody trained",
        style="bold green",
        light=("#0a6b4e", "#e4f3ec"),
        dark=("#4fd1a5", "#12302a"),
        icon='<path d="M6 38 C18 36 24 28 40 12"/><path d="M28 11h13v13"/>',
    ),
    "converged": Word(
        title="Converged",
        gloss="better than at the start, and no longer changing",
        alone="better than at the start, and no longer changing",
        style="bold green",
        light=("#0b5a97", "#e3eff8"),
        dark=("#63b3ed", "#152a3d"),
        icon='<path d="M6 38 C12 18 18 13 42 13"/><circle cx="42" cy="13" r="2.5" fill="currentColor"/>',
    ),
    "regressed": Word(
        title="Regressed",
        gloss="it was better before",
        alone="it was better before",
        style="bold yellow",
        light=("#8f4a00", "#fbeedd"),
        dark=("#f5a65b", "#35240f"),
        icon='<path d="M6 36 C14 8 22 8 26 14 C31 22 34 28 41 35"/><path d="M41 24v12H29"/>',
    ),
    "collapsed": Word(
        title="Collapsed",
        gloss="the features lost what they had",
        alone="the features lost what they had",
        style="bold red",
        light=("#a3123f", "#fdeaef"),
        dark=("#ff8fa3", "#3a1820"),
        icon='<path d="M8 8l9 9M40 8l-9 9M8 40l9-9M40 40l-9-9"/><circle cx="24" cy="24" r="3.5" fill="currentColor"/>',
        none="None: the run collapsed.",
    ),
    "not-learning": Word(
        title="Not learning",
        gloss="no better than at the start",
        alone="no better than networks nobody trained",
        style="bold red",
        light=("#6c3483", "#f3eaf7"),
        dark=("#d3a8e6", "#2c2036"),
        icon='<path d="M6 30h36"/><path d="M6 18h36" stroke-dasharray="2 8"/>',
        none="None: no checkpoint is shown to be better than the start.",
    ),
    "inconclusive": Word(
        title="Inconclusive",
        gloss="too little to tell",
        alone="too little to tell",
        style="bold yellow",
        light=("#48525d", "#eceff2"),
        dark=("#b7c0ca", "#23292f"),
        icon='<path d="M16 17a8 8 0 1 1 11 8c-2.5 1.2-3 2.500-3 5"/>'
        '<circle cx="24" cy="38" r="1.500" fill="currentColor"/>',
    ),
}


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
class Testimony:
    """What one witness says of the run, in fractions.

    Attributes:
        metric: its id. name: in sentences. n: images.
        says: `gain`, `loss`, `fall` (from a peak), `none` (a gain of `size` is excluded) or `undecided`.
        change: last third or last checkpoint against the start, with ci95; p_corrected: one-sided, over the family.
        start: what it is compared with. size: the gain that would matter.
        above, below, level: the baselines that the checkpoint is shown to be above, below, or neither.
        room: whether a baseline leaves it room for a gain. denied_by: what excludes a gain; empty where none is.
    """

    metric: str
    name: str
    n: int
    says: Literal["gain", "loss", "fall", "none", "undecided"]
    change: float
    ci95: tuple[float, float]
    p_corrected: float
    start: str
    size: float
    above: tuple[str, ...] = ()
    below: tuple[str, ...] = ()
    level: tuple[str, ...] = ()
    room: bool = True
    denied_by: Literal["", "start", "untrained networks"] = ""


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
        witnesses: what each of them says, in the order they are heard.
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
    witnesses: tuple[Testimony, ...] = ()

    @property
    def contradicted(self) -> bool:
        """Whether views alone say the opposite of what the labels say: one of the two is misread."""
        return self.without_labels is not None and opposed(self.verdict, self.without_labels)

    @property
    def line(self) -> str:
        """State and sentence, for a terminal and for scripts; the word a sentence begins with is not said twice."""
        return f"{self.verdict}: {self.sentence.removeprefix(f'{WORDS[self.verdict].title}: ')}"

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> "Verdict":
        """What `to_json` gave, read back from JSON.

        Raises:
            TypeError, ValueError: it is of another version, or no verdict.
        """
        if body["verdict"] not in WORDS:
            raise ValueError(f"no verdict is called {body['verdict']!r}")
        parts = {
            "loss": LossState(**body["loss"]),
            "evidence": tuple(_made(Evidence, each) for each in body["evidence"]),
            "best": None if body["best"] is None else _made(Best, body["best"]),
            "advice": tuple(Advice(**each) for each in body["advice"]),
            "witnesses": tuple(_made(Testimony, each) for each in body["witnesses"]),
        }
        return cls(**{**body, **parts})


_Part = TypeVar("_Part", Evidence, Best, Testimony)


def _made(kind: type[_Part], body: Mapping[str, Any]) -> _Part:
    """A part of a verdict, whose tuples JSON keeps as lists."""
    given: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in body.items()}
    return kind(**given)


_GOOD = frozenset({"learning", "converged"})
_BAD = frozenset({"collapsed", "not-learning", "regressed"})


def opposed(one: VerdictState, other: VerdictState) -> bool:
    """Whether one says that a run got better and the other that it did not."""
    return (one in _GOOD and other in _BAD) or (one in _BAD and other in _GOOD)
