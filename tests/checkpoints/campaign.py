"""The torture campaign: damaged and hostile checkpoints by the thousand, each of which must end in a typed state.

`python tests/checkpoints/campaign.py` runs it in full; `--write` puts the figures into reports/torture-checkpoints.*.
"""

import argparse
import json
import os
import platform
import random
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
from hostile_building import Kind, small_checkpoint, zipped
from hostile_files import KINDS
from safetensors.torch import save as save_safetensors

from swaveval.checkpoints import CheckpointRefused, LoadOptions, load
from swaveval.checkpoints.sandbox.reader import shared_reader

SECONDS = 10.0
MEMORY_PER_BYTE = 4
MEMORY_FLOOR = 64 << 20  # allocator and buffers, however small the file
OPTIONS = LoadOptions(seconds=2.0)
OLD = 1_600_000_000  # a file last changed in 2020 is not being written any more


@dataclass
class Tally:
    """Attributes: cases; states of the outcomes, and the last; what went wrong (must stay empty); largest figures."""

    name: str
    cases: int = 0
    states: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    seconds: float = 0.0
    memory_bytes: int = 0
    seconds_total: float = 0.0
    last: str = ""

    def to_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "cases": self.cases,
            "states": dict(sorted(self.states.items())),
            "wrong": self.wrong,
            "seconds_max": round(self.seconds, 3),
            "seconds_total": round(self.seconds_total, 1),
            "memory_bytes_max": self.memory_bytes,
        }


@contextmanager
def watched(directory: Path) -> Iterator[Path]:
    """The shared reader under an audit hook; yields the file in which it writes what files made it do."""
    log = directory / "audit.log"
    before = {name: os.environ.get(name) for name in ("PYTHONPATH", "SWAVEVAL_TEST_AUDIT")}
    os.environ["PYTHONPATH"] = os.pathsep.join(
        filter(None, [str(Path(__file__).parent / "watched"), before["PYTHONPATH"]])
    )
    os.environ["SWAVEVAL_TEST_AUDIT"] = str(log)
    shared_reader().stop()
    try:
        yield log
    finally:
        shared_reader().stop()
        for name, value in before.items():
            os.environ.pop(name, None) if value is None else os.environ.update({name: value})


def attempt(tally: Tally, path: Path, label: str) -> str | None:
    """Read once; gives the digest of what was read, or None. Whatever is no typed state goes down as wrong."""
    size = path.stat().st_size if path.is_file() else 0
    started = time.perf_counter()
    digest = None
    try:
        backbone = load(path, options=OPTIONS)
        state, digest = "ready", backbone.digest
        if not bool(torch.isfinite(backbone.module(torch.zeros(1, backbone.report.channels or 3, 32, 32))).all()):
            tally.wrong.append(f"{label}: ready with features that are not finite")
    except CheckpointRefused as refusal:
        state = refusal.state
        if len(refusal.reason) < 15 or not refusal.reason.isprintable():
            tally.wrong.append(f"{label}: no sentence: {refusal.reason!r}")
    except Exception as error:
        state = "aborted"
        tally.wrong.append(f"{label}: {type(error).__name__}: {error}"[:200])
    seconds = time.perf_counter() - started
    usage = shared_reader().last_usage
    memory = usage.memory_bytes if usage else 0
    tally.cases += 1
    tally.states[state] += 1
    tally.seconds = max(tally.seconds, seconds)
    tally.seconds_total += seconds
    tally.memory_bytes = max(tally.memory_bytes, memory)
    if seconds > SECONDS:
        tally.wrong.append(f"{label}: took {seconds:.1f} s")
    if memory > MEMORY_PER_BYTE * size + MEMORY_FLOOR:
        tally.wrong.append(f"{label}: took {memory >> 20} MiB for a file of {size >> 10} KiB")
    tally.last = state
    return digest


Damage = Callable[[bytes, random.Random], tuple[str, bytes]]


def truncated(content: bytes, dice: random.Random) -> tuple[str, bytes]:
    length = dice.randrange(len(content))
    return f"cut to {length}", content[:length]


def flipped(content: bytes, dice: random.Random) -> tuple[str, bytes]:
    place, bit = dice.randrange(len(content)), dice.randrange(8)
    return f"bit {bit} of byte {place}", content[:place] + bytes([content[place] ^ (1 << bit)]) + content[place + 1 :]


def page_zeroed(content: bytes, dice: random.Random) -> tuple[str, bytes]:
    pages = (len(content) + 4095) // 4096
    while True:
        start = 4096 * dice.randrange(pages)
        if any(content[start : start + 4096]):
            blank = bytes(len(content[start : start + 4096]))
            return f"page at {start} zeroed", content[:start] + blank + content[start + 4096 :]


def damaged(name: str, content: bytes, damage: Damage, cases: int, directory: Path) -> Tally:
    """Damage a good checkpoint again and again: refused, or read with exactly the weights it had."""
    tally, dice = Tally(name), random.Random(name)
    path = directory / "damaged.ckpt"
    path.write_bytes(content)
    right = load(path, options=OPTIONS).digest
    for _ in range(cases):
        label, bad = damage(content, dice)
        path.write_bytes(bad)
        os.utime(path, (OLD, OLD))
        digest = attempt(tally, path, label)
        if digest is not None and digest != right:
            tally.wrong.append(f"{label}: read with other weights")
        if digest is not None and bad == content[: len(bad)] and len(bad) < len(content):
            tally.wrong.append(f"{label}: a truncated file was read")
    path.unlink()
    return tally


def unchecked(name: str, content: bytes, cases: int, directory: Path) -> Tally:
    """Bit flips in formats without checksums: nobody can notice those in the weights, so the note must be there."""
    tally, dice = Tally(name), random.Random(name)
    path = directory / "damaged.ckpt"
    for _ in range(cases):
        label, bad = flipped(content, dice)
        path.write_bytes(bad)
        os.utime(path, (OLD, OLD))
        if attempt(tally, path, label) is not None:
            warned = load(path, options=OPTIONS).report.warnings
            if not any("no checksums" in warning for warning in warned):
                tally.wrong.append(f"{label}: read without the note that damage cannot be noticed")
    path.unlink()
    return tally


def hostile(kinds: tuple[Kind, ...], log: Path) -> Tally:
    """Each kind once: a state it may have, no canary, nothing done beyond reading."""
    tally = Tally("hostile and strange files")
    for kind in kinds:
        with tempfile.TemporaryDirectory() as name:
            directory = Path(name)
            canary = directory / "canary"
            path = kind.make(directory, canary)
            if path.is_file() and not path.is_symlink():
                os.utime(path, (OLD, OLD))
            attempt(tally, path, kind.name)
            if tally.last not in kind.states:
                tally.wrong.append(f"{kind.name}: {tally.last}, not {' or '.join(sorted(kind.states))}")
            if canary.exists():
                tally.wrong.append(f"{kind.name}: CODE WAS EXECUTED")
        done = log.read_text(encoding="utf-8") if log.exists() else ""
        if done:
            tally.wrong.append(f"{kind.name}: {done[:300]}")
            log.unlink()
    return tally


def campaign(*, truncations: int, flips: int, pages: int, kinds: tuple[Kind, ...] = KINDS) -> list[Tally]:
    """The whole campaign with these numbers of cases."""
    content = zipped(small_checkpoint())
    deflated = {kind.name: kind for kind in KINDS}["deflated checkpoint"]
    bare = save_safetensors(small_checkpoint()["state_dict"])
    with tempfile.TemporaryDirectory() as name, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        directory = Path(name)
        compressed = deflated.make(directory, directory / "canary").read_bytes()
        with watched(directory) as log:
            tallies = [
                damaged("truncations", content, truncated, truncations, directory),
                damaged("single-bit flips", content, flipped, flips, directory),
                damaged("zeroed pages", content, page_zeroed, pages, directory),
                damaged("single-bit flips, deflated file", compressed, flipped, flips // 10, directory),
                damaged("truncations, safetensors", bare, truncated, truncations // 10, directory),
                unchecked("single-bit flips, safetensors (no checksums)", bare, flips // 10, directory),
                hostile(kinds, log),
            ]
    return tallies


# -- the report ------------------------------------------------------------------------------------------------------


def markdown(tallies: list[Tally], body: dict[str, Any]) -> str:
    lines = [
        "# Torture campaign: damaged and hostile checkpoints",
        "",
        f"Command: `{body['command']}`.",
        f"{body['date']}, {body['machine']}, Python {body['python']}, torch {body['torch']}.",
        "",
        "| what | cases | ready | corrupt | refused | unsupported | writing | wrong | slowest | memory at most |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for tally in tallies:
        states = " | ".join(
            str(tally.states[state]) for state in ("ready", "corrupt", "refused", "unsupported", "writing")
        )
        memory = f"{tally.memory_bytes / (1 << 20):.0f} MiB"
        lines.append(
            f"| {tally.name} | {tally.cases} | {states} | {len(tally.wrong)} | {tally.seconds:.2f} s | {memory} |"
        )
    lines += [
        "",
        "*wrong* counts whatever must not happen: code executed (a canary file, an audit hook in the reading process), "
        "features from other weights than the file had, an exception that is no refusal, a state the kind must not "
        f"have, more than {SECONDS:.0f} s, or more memory in the reading process than {MEMORY_PER_BYTE} × the file and "
        f"{MEMORY_FLOOR >> 20} MiB.",
        "",
        "A damaged file that is *ready* was damaged where no feature depends on it (optimiser state, padding): its "
        "weights have the digest of the undamaged file. safetensors carries no checksums, so flips in its weights "
        "cannot be noticed by anybody; such files are read with a note that says so.",
        "",
        f"{len(KINDS)} kinds of hostile or strange file: " + "; ".join(kind.name for kind in KINDS) + ".",
        "",
    ]
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--truncations", type=int, default=2000)
    parser.add_argument("--flips", type=int, default=2000)
    parser.add_argument("--pages", type=int, default=1000)
    parser.add_argument("--write", action="store_true", help="write reports/torture-checkpoints.md and .json")
    options = parser.parse_args()
    torch.set_num_threads(1)
    tallies = campaign(truncations=options.truncations, flips=options.flips, pages=options.pages)
    body: dict[str, Any] = {
        "command": "python tests/checkpoints/campaign.py --write",
        "date": datetime.now(UTC).date().isoformat(),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "python": platform.python_version(),
        "torch": torch.__version__,
        "tallies": [tally.to_json() for tally in tallies],
    }
    text = markdown(tallies, body)
    print(text)
    for tally in tallies:
        print(*tally.wrong, sep="\n")
    if options.write:
        reports = Path(__file__).parents[2] / "reports"
        (reports / "torture-checkpoints.md").write_text(text, encoding="utf-8")
        (reports / "torture-checkpoints.json").write_text(json.dumps(body, indent=1) + "\n", encoding="utf-8")
    return int(any(tally.wrong for tally in tallies))


if __name__ == "__main__":
    sys.exit(main())
