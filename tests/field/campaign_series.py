"""Directories of checkpoints with known truth: naming schemes × what is inside × times × copies × several runs.

Read as `swaveval run` reads them. A trial is right when every evaluated checkpoint stands in its true order with no
epoch stated that is not its own, and only true untrained networks are taken for such; several runs must be refused,
and each command of the refusal must select one run's files exactly.
"""

import random
import re
from collections.abc import Callable, Sequence
from pathlib import Path

from swaveval.checkpoints import discover
from swaveval.runs.request import RunRequest
from swaveval.runs.several_runs import several_runs
from tests.field.campaign import Outcome, Trial
from tests.field.series_files import EPOCH_STEPS, File, lightning, read, write

EPOCHS = 6
# A run that first gets better, then worse, as its metrics in names say.
ACCURACY = (0.61, 0.83, 0.79, 0.70, 0.66, 0.52)
LOSS = (6.02, 5.10, 5.55, 4.90, 6.30, 5.01)
HASHES = ("9f3c1ab", "02ddc4e", "e41b77a", "5ac09d1", "c0ffee1", "1b2d3f4")


def _day(e: int) -> str:
    return f"2024-05-{e:02}_12-30-00"


# Name of the checkpoint after e of the EPOCHS finished epochs, and whether the name alone tells the order.
SCHEMES: dict[str, tuple[Callable[[int], str], bool]] = {
    "lightning": (lambda e: f"epoch={e - 1}-step={e * EPOCH_STEPS}.ckpt", True),
    "ckp": (lambda e: f"ckp-{e * 5}.pth", True),
    "checkpoint0001": (lambda e: f"checkpoint{e:04}.pth", True),
    "checkpoint_1.pth.tar": (lambda e: f"checkpoint_{e}.pth.tar", True),
    "model_10": (lambda e: f"model_{e * 10}.pth", True),
    "1.pt": (lambda e: f"{e}.pt", True),
    "epoch and loss": (lambda e: f"swav_{e}_loss_{LOSS[e - 1]:.2f}.pth", True),
    "weights.02-6.10": (lambda e: f"weights.{e:02}-{LOSS[e - 1]:.2f}.pt", True),
    "epoch, accuracy in percent": (lambda e: f"net_ep{e}_acc{ACCURACY[e - 1] * 100:.0f}.pth", True),
    "index, accuracy in percent": (lambda e: f"net-{e}-{ACCURACY[e - 1] * 100:.0f}.pth", True),
    "accuracy": (lambda e: f"acc={ACCURACY[e - 1]:.2f}.ckpt", False),
    "loss only": (lambda e: f"{LOSS[e - 1]:.2f}.pt", False),
    "percent only": (lambda e: f"model_{ACCURACY[e - 1] * 100:.0f}.pth", False),
    "best accuracy": (lambda e: f"best_{ACCURACY[e - 1]:.3f}.pth", False),
    "dates": (lambda e: f"{_day(e)}.pth", True),
    "compact dates": (lambda e: f"simclr_202405{e:02}-123000.pt", True),
    "hashes": (lambda e: f"swav-{HASHES[e - 1]}.pth", False),
    "directories": (lambda e: f"epoch_{e}/model.pt", True),
    "transformers": (lambda e: f"checkpoint-{e * 500}/pytorch_model.bin", True),
    "dinov2": (lambda e: f"eval/training_{e * 100 - 1}/teacher_checkpoint.pth", True),
    "constants": (lambda e: f"resnet18_224_bs256_ep{e}.pth", True),
    "solo-learn": (lambda e: f"swav-3k2j1l9x-ep={e}.ckpt", True),
    "iterations": (lambda e: f"iter_{e * 1000}.pth", True),
    "thousands": (lambda e: f"step_{e * 10}k.pt", True),
    "epochs first": (lambda e: f"{e}00ep_swav.pth", True),
    "words": (lambda e: f"{('early', 'zoom', 'middle', 'after', 'late', 'end')[e - 1]}.pt", False),
}
INSIDE: dict[str, Callable[[int], dict[str, object] | None]] = {
    "bare": lambda e: None,
    "lightning": lambda e: lightning(e - 1, e * EPOCH_STEPS),
    "epoch": lambda e: {"epoch": e},
    "step": lambda e: {"step": e * EPOCH_STEPS},
    "constant": lambda e: {"epoch": EPOCHS},
}
TIMES: dict[str, Callable[[int], float]] = {
    "as written": float,
    "cloned": lambda e: 100.0,
    "copied": lambda e: 100.0 + random.Random(e).random() / 600,
}


def judged(directory: Path, files: Sequence[File]) -> Outcome:
    """What was read against the truth of `files`."""
    found = read(directory)
    truth = {file.path: file for file in files}
    runs = {file.run for file in files}
    if found.division.reasons:
        return _refused(directory, found.division, truth)
    if len(runs) > 1:
        return Outcome("wrong", f"{len(runs)} runs taken for one: {[r.name for r in found.records]}")
    shown = [record for record in found.records if record.evaluated]
    order = [truth[record.name].index for record in shown]
    for record in shown:
        real = truth[record.name]
        if record.epoch is not None and real.epoch is not None and record.epoch != real.epoch:
            return Outcome("wrong", f"{record.name} is said to be epoch {record.epoch:g}, not {real.epoch:g}")
        if record.is_untrained and real.index != 0:
            return Outcome("wrong", f"{record.name} is taken for untrained")
    missing = {file.index for file in files} - set(order)
    left_out = [record for record in found.records if record.state != "ready"]
    if missing and not left_out:
        return Outcome("wrong", f"the weights of {missing} are no point and nothing says so")
    if found.order == "unknown":
        return Outcome("said", "the order is not known")
    if order != sorted(order):
        return Outcome("wrong", f"order {[record.name for record in shown]} by {found.order}")
    return Outcome("said", f"left out: {left_out[0].name}") if missing else Outcome("right", found.order)


def _refused(directory: Path, division: object, truth: dict[str, File]) -> Outcome:
    error = several_runs(division, RunRequest(directory, directory.parent / "report", data="digits"))  # type: ignore[arg-type]
    text = str(error)
    paths = re.findall(r"--ckpt-dir (?:'([^']*)'|(\S+))", text)
    for quoted, word in paths:
        path = Path(quoted or word)
        names = (
            [path.relative_to(directory).as_posix()]
            if path.is_file()
            else [file.path.relative_to(directory).as_posix() for file in discover(path)]
        )
        of = {truth[name].run for name in names if name in truth}
        if not names or len(of) != 1 and len({file.run for file in truth.values()}) > 1:
            return Outcome("wrong", f"the command for {path} gives {names}")
    return Outcome("refused", text)


def series(kind: str, name: str, files: Sequence[File]) -> Trial:
    return Trial(
        f"series: {kind}",
        name,
        lambda place: write(place / "checkpoints", files),
        lambda place: judged(place / "checkpoints", files),
    )


def schemes() -> list[Trial]:
    """Every naming scheme with every content at every kind of modification time."""
    trials = []
    for scheme, (name, _) in SCHEMES.items():
        for inside, content in INSIDE.items():
            for times, minutes in TIMES.items():
                files = [
                    File(name(e), e, inside=content(e), minutes=minutes(e), epoch=_truth(scheme, inside, e))
                    for e in range(1, EPOCHS + 1)
                ]
                trials.append(series(f"one run, {inside} inside", f"{scheme}, {times}", files))
    return trials


def _truth(scheme: str, inside: str, e: int) -> float | None:
    """The epoch that may be stated: what the file says, else what the name says, which may be another count."""
    named = {"lightning": e - 1, "ckp": e * 5, "epochs first": e * 100}.get(scheme, e)
    return float(e if inside in ("lightning", "epoch") else named)


def _run(run: int, pattern: str, epochs: Sequence[int], **more: object) -> list[File]:
    """Lightning's files of a run; `{e}` in the pattern is its 0-based epoch, `{s}` its step."""
    return [
        File(
            pattern.format(e=e - 1, n=e, s=e * EPOCH_STEPS),
            e,
            run=run,
            inside=None if more.get("bare") else lightning(e - 1, e * EPOCH_STEPS),
            width=int(more.get("width", 8)),  # type: ignore[call-overload]
        )
        for e in epochs
    ]


def several() -> list[Trial]:
    """More than one run in a directory: each must be refused."""
    five = range(1, 6)
    plain = "epoch={e}-step={s}.ckpt"
    longer = [File(f"v1/epoch={e - 1}.ckpt", e, run=1, inside=lightning(e - 1, e * 25)) for e in five]
    cases: dict[str, list[File]] = {
        "version_0, version_1": _run(0, f"version_0/checkpoints/{plain}", five)
        + _run(1, f"version_1/checkpoints/{plain}", five),
        "versions of other lengths": _run(0, f"version_0/{plain}", five) + _run(1, f"version_1/{plain}", range(1, 9)),
        "versions, only last": _run(0, "version_0/last.ckpt", [5]) + _run(1, "version_1/last.ckpt", [7]),
        "versions of other batch sizes": _run(0, "v0/epoch={e}.ckpt", five) + longer,
        "folds, bare": _run(0, "fold0/epoch{n}.pth", five, bare=True) + _run(1, "fold1/epoch{n}.pth", five, bare=True),
        "seeds, bare last": _run(0, "seed0/last.pth", [5], bare=True) + _run(1, "seed1/last.pth", [5], bare=True),
        "prefixes": _run(0, "simclr_ep{n}.pth", five, bare=True) + _run(1, "swav_ep{n}.pth", five, bare=True),
        "prefixes, odd and even": _run(0, "simclr_ep{n}.pth", (1, 3, 5), bare=True)
        + _run(1, "swav_ep{n}.pth", (2, 4, 6), bare=True),
        "prefixes, model numbers": _run(0, "simclr_{n}.pth", five, bare=True)
        + _run(1, "swav_{n}.pth", five, bare=True),
        "teacher and student": _run(0, "student_ep{n}.pth", five, bare=True)
        + _run(1, "teacher_ep{n}.pth", five, bare=True),
        "K in names": _run(0, "swav_k100_ep{n}.pth", five, bare=True) + _run(1, "swav_k300_ep{n}.pth", five, bare=True),
        "v1 suffix": _run(0, "epoch={e}.ckpt", five) + _run(1, "epoch={e}-v1.ckpt", five),
        "seeds in names": _run(0, "swav_seed0_{n}.pth", five, bare=True)
        + _run(1, "swav_seed1_{n}.pth", five, bare=True),
        "two architectures": _run(0, "a/epoch={e}.ckpt", (1, 2, 3)) + _run(1, "a/epoch={e}.ckpt", (4, 5), width=16),
        "two untrained": [File("init_a.ckpt", 0, inside=lightning(0, 0)), File("init_b.ckpt", 0, 1, lightning(0, 0))],
        "hydra dates": _run(0, "2024-05-01/12-30-00/" + plain, five) + _run(1, "2024-05-01/14-10-00/" + plain, five),
        "ids": _run(0, "swav-a1b2c3d4-ep={n}.ckpt", five, bare=True)
        + _run(1, "swav-e5f6a7b8-ep={n}.ckpt", five, bare=True),
        "finetuned beside": [*_run(0, plain, five), File("linear_probe.pth", 6, 1, {"epoch": 6})],
        "numbered directories": _run(0, "1/model.pth", [5], bare=True) + _run(1, "2/model.pth", [5], bare=True),
        "nested and not": _run(0, plain, five) + _run(1, "old/" + plain, five),
        "three sweeps": [f for k in range(3) for f in _run(k, f"lr{k}/checkpoints/{plain}", five)],
        "settings that come and go": [
            File(f"e{e}.ckpt", e, e % 2, lightning(e, e * 10, hyper_parameters={"seed": e % 2})) for e in range(1, 7)
        ],
    }
    ten = range(1, 11)
    cases |= {
        "odd and even epochs": [File(f"epoch={e - 1}.ckpt", e, e % 2, lightning(e - 1, e * 10)) for e in ten],
        "odd and even, bare": [File(f"ckp-{e}.pth", e, e % 2) for e in ten],
        "two and one": [File(f"{e}.pt", e, int(e % 3 == 0)) for e in ten],
        "three in turn": [File(f"model_{e}.pth", e, e % 3) for e in ten],
        "one after the other": [File(f"epoch_{e}.pth", e, int(e > 5)) for e in ten],
        "one file of another": [File(f"epoch_{e}.pth", e, int(e == 4)) for e in ten],
    }
    return [series("several runs", name, files) for name, files in cases.items()]


def whole() -> list[Trial]:
    """One run with copies, best files, restarts and other company."""
    five, later = range(1, 6), range(6, 11)
    plain = "epoch={e}-step={s}.ckpt"
    base = _run(0, plain, five)
    bare = _run(0, "epoch_{n}.pth", five, bare=True)
    endless = [
        File(f"epoch=0-step={s}.ckpt", s, inside=lightning(0, s, running=True), epoch=0.0) for s in range(10, 151, 20)
    ]
    counted = [File(f"e{e}.pth", e, inside={"epoch": e, "step": 0}, epoch=float(e)) for e in five]
    untrained = [File("epoch=0-step=0.ckpt", 0, inside={**lightning(0, 0), "swaveval_epoch": 0}, epoch=0.0)]
    zero = [File(f"ep{e}.pth", e + 1, inside={"epoch": e}, epoch=float(e)) for e in range(5)]
    by_hand = [File(f"m{e}.ckpt", e, inside={**lightning(e - 1, 0), "loops": {}}, epoch=float(e)) for e in range(2, 6)]
    cases: dict[str, list[File]] = {
        "last": [*base, File("last.ckpt", 5, inside=lightning(4, 50))],
        "last, bare": [*bare, File("last.pth", 5, minutes=9)],
        "best, a copy": [*bare, File("best.pth", 3, minutes=9)],
        "best, of no known moment": [*bare, File("best.pth", 2.5, minutes=9)],
        "best inside": [*base, File("best.ckpt", 2.5, inside=lightning(2, 25, running=True))],
        "last, newer": [*bare, File("last.pth", 7, minutes=9)],
        "swav's own": [
            *(File(f"checkpoints/ckp-{e}.pth", e, inside={"epoch": e}, epoch=float(e)) for e in five),
            File("checkpoint.pth.tar", 5, inside={"epoch": 5}),
        ],
        "swav's own, further": [
            *(File(f"checkpoints/ckp-{e}.pth", e, inside={"epoch": e}, epoch=float(e)) for e in five),
            File("checkpoint.pth.tar", 6, inside={"epoch": 6}),
        ],
        "resumed in version_1": _run(0, f"version_0/{plain}", five) + _run(0, f"version_1/{plain}", later),
        "endless data set": endless,
        "a counter nobody advanced": counted,
        "untrained, then trained": untrained + base,
        "epochs from 0": zero,
        "hand-driven optimiser": by_hand,
        "v1 of the same": [*base, File("epoch=4-step=50-v1.ckpt", 5, inside=lightning(4, 50))],
        "other words at the end": [*bare, File("encoder.pth", 5.5, minutes=9)],
        "huge numbers": [File(f"epoch={10**20 + e * 10**6}.pth", e) for e in five],
        "two": _run(0, plain, (1, 2)),
        "one": _run(0, plain, (1,)),
        "names from 0, one without": [*base[:4], File("epoch=4-step=50.ckpt", 5, epoch=5.0)],
    }
    return [series("company", name, files) for name, files in cases.items()]


def trials() -> list[Trial]:
    return [*schemes(), *several(), *whole()]
