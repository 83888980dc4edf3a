"""A mutation check: do the tests notice when the code is wrong?

`pip install --target DIR cosmic-ray`, then `python -m benchmarks.mutation.campaign --operators DIR [MODULE …]`, where
`knn` and `evaluators/knn` name a module and `evaluators` all of a package. Mutants are made by cosmic-ray's operators
(numbers, comparisons, arithmetic, signs, booleans, break/continue, loops that never run): one for each place, a seeded
sample of each module's. Each is written into a copy of the repository and tested in a fork of a process that has the
third parties loaded, and the packages below the mutated one, so that a mutant costs its tests and not their imports.
Hypothesis runs with a fixed seed and does not shrink. One line of JSON per mutant is appended to the log; `--again`
tests those once more that survived according to the log. `python -m benchmarks.mutation.table` makes a page of it.
"""

import argparse
import hashlib
import json
import os
import resource
import shutil
import signal
import sys
import tempfile
import tomllib
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import import_module
from itertools import islice
from pathlib import Path
from typing import Any

from benchmarks.mutation.mutants import Mutant, mutants

REPOSITORY = Path(__file__).parents[2]
MODULES = Path(__file__).with_name("modules.toml")
SEED = 0
# Packages in the order in which they are mutated, and what of swaveval is loaded before the first mutant of each (and
# stays): nothing that is mutated later.
LOADED_BEFORE: dict[str, tuple[str, ...]] = {
    "results": (),
    "data": ("results",),
    "evaluators": ("data", "features.features", "features.search", "features.candidates"),
    "convergence": (),
    "runs": ("checkpoints", "features.extract", "features.baselines", "evaluators.registry", "convergence", "report"),
}
# What a process of tests may take: far more than any test needs, far less than a machine that others use has.
MEMORY = 16 * 2**30


@dataclass(frozen=True)
class Module:
    """A module of swaveval, the files of its tests, and how many of its mutants to test."""

    package: str
    name: str
    tests: tuple[str, ...]
    sample: int

    @property
    def path(self) -> Path:
        """Relative to the repository."""
        return Path("swaveval", self.package, f"{self.name}.py")

    def is_named(self, name: str) -> bool:
        """Whether `knn`, `evaluators/knn` or `evaluators` means this one (among others)."""
        return name in (self.name, Path(self.name).name, f"{self.package}/{self.name}", self.package)


def modules() -> list[Module]:
    """In the order in which they are tested."""
    table = tomllib.loads(MODULES.read_text(encoding="utf-8"))
    return [
        Module(package, name, tuple(entry["tests"]), entry["sample"])
        for package in LOADED_BEFORE
        for name, entry in table.get(package, {}).items()
    ]


def chosen_modules(names: list[str]) -> list[Module]:
    """Those that are named; all where no name is given."""
    every = modules()
    unknown = [name for name in names if not any(module.is_named(name) for module in every)]
    if unknown:
        sys.exit(f"not in {MODULES.name}: {', '.join(unknown)}")
    return [module for module in every if not names or any(module.is_named(name) for name in names)]


def load_third_parties() -> None:
    """Everything slow that a fork would otherwise import again, and hypothesis's profile."""
    import beartype
    import bokeh.plotting
    import hypothesis.strategies
    import jaxtyping
    import jinja2
    import lightly.loss.swav_loss
    import lightly.utils.benchmarking
    import lightly.utils.debug
    import pandas
    import PIL.Image
    import pyarrow.parquet
    import pytest
    import pytorch_lightning
    import safetensors.torch
    import scipy.linalg
    import scipy.optimize
    import scipy.sparse.csgraph
    import scipy.spatial.distance
    import scipy.stats
    import sklearn.cluster
    import sklearn.datasets
    import sklearn.linear_model
    import sklearn.manifold
    import sklearn.metrics
    import sklearn.neighbors
    import tifffile
    import torch
    import torchvision
    import typer.testing
    import zstandard

    torch.set_num_threads(1)
    assert all((beartype, bokeh, jaxtyping, jinja2, lightly, pandas, pyarrow, pytest, pytorch_lightning, safetensors))
    assert all((scipy, sklearn, tifffile, torchvision, typer, zstandard))
    PIL.Image.init()
    phases = (hypothesis.Phase.explicit, hypothesis.Phase.generate)
    hypothesis.settings.register_profile("mutation", phases=phases, database=None, deadline=None)
    hypothesis.settings.load_profile("mutation")


def compile_umap() -> None:
    """What a fork would otherwise compile again."""
    import numpy as np
    from umap import UMAP

    UMAP(n_neighbors=5, n_epochs=5, random_state=0, n_jobs=1).fit(np.random.default_rng(0).random((30, 4), np.float32))


def load_lower_layers(package: str) -> None:
    """swaveval's packages below a package that is mutated, checked at run time as in the test suite."""
    sys.path.insert(0, str(Path.cwd() / "tests"))
    import_module("conftest")
    order = list(LOADED_BEFORE)
    later = tuple(f"swaveval.{name}" for name in order[order.index(package) :])
    for name in (name for each in order[: order.index(package) + 1] for name in LOADED_BEFORE[each]):
        module = import_module(f"swaveval.{name}")
        assert Path(module.__file__ or "").is_relative_to(Path.cwd()), f"{module.__file__} is not of the copy"
    early = [name for name in sys.modules if name.startswith(later)]
    assert not early, f"loaded before they are mutated: {early}"


def run_tests(tests: tuple[str, ...], limit: int) -> tuple[int, float]:
    """Exit code of pytest in a fork, minus the signal where one ended it; and its CPU seconds, at most `limit`.

    One that waits for ever is ended as well, and whatever it started.
    """
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    child = os.fork()
    if child == 0:
        code = 99
        try:
            os.setsid()
            signal.alarm(60 + 5 * limit)
            resource.setrlimit(resource.RLIMIT_CPU, (limit, limit + 1))
            resource.setrlimit(resource.RLIMIT_AS, (MEMORY, resource.getrlimit(resource.RLIMIT_AS)[1]))
            nothing = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nothing, 1)
            os.dup2(nothing, 2)
            import pytest

            options = ["-x", "-q", "-p", "no:cacheprovider", "-p", "_hypothesis_pytestplugin", "--hypothesis-seed=0"]
            options += ["--basetemp=../tmp"]
            options += ["-W", "ignore::pytest.PytestAssertRewriteWarning"]  # hypothesis is loaded before pytest starts
            code = int(pytest.main([*options, *(f"tests/{name}.py" for name in tests)]))
        finally:
            # The parent's clean-up is not the child's to do.
            os._exit(code)
    _, status = os.waitpid(child, 0)
    with suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return os.waitstatus_to_exitcode(status), used


def check(module: Module, path: Path, source: str, chosen: Iterable[Mutant], log: Path) -> None:
    """Test the mutants `chosen` of the module in the working directory; append each result to the log."""
    load_lower_layers(module.package)
    if "umap" in module.name:
        compile_umap()
    code, used = run_tests(module.tests, 600)  # leaves bytecode of everything
    sys.dont_write_bytecode = True
    if code != 0:
        print(f"{module.package}/{module.name}: the tests fail without a mutation ({code})", flush=True)
        return
    limit = int(10 + 5 * used)
    tested = killed = 0
    for mutant in chosen:
        path.write_text(mutant.source, encoding="utf-8")
        os.utime(path, (tested, tested))  # bytecode is taken for that of a source of the same age and size
        result, seconds = run_tests(module.tests, limit)
        tested, killed = tested + 1, killed + (result != 0)
        entry = identity(module, mutant) | {"line": mutant.line, "result": result, "seconds": round(seconds, 1)}
        entry |= {"date": f"{datetime.now(UTC):%Y-%m-%d}", "code": code_of(source)}
        with log.open("a", encoding="utf-8") as lines:
            lines.write(json.dumps(entry, ensure_ascii=False) + "\n")
    path.write_text(source, encoding="utf-8")
    sys.dont_write_bytecode = False
    print(f"{module.package}/{module.name}: {killed} of {tested} killed, the tests take {used:.1f} s", flush=True)


def code_of(source: str) -> str:
    """What changes whenever a module's text does."""
    return hashlib.sha256(source.encode()).hexdigest()[:12]


def key(entry: dict[str, Any]) -> tuple[Any, ...]:
    """The mutant of an entry of the log."""
    return tuple(entry[name] for name in ("package", "module", "operator", "was", "is"))


def identity(module: Module, mutant: Mutant) -> dict[str, Any]:
    """What names a mutant even when its line has moved."""
    return {
        "package": module.package,
        "module": module.name,
        "operator": mutant.operator,
        "was": mutant.was,
        "is": mutant.becomes,
    }


def read_log(log: Path) -> dict[tuple[Any, ...], dict[str, Any]]:
    """The last entry of each mutant."""
    lines = log.read_text(encoding="utf-8").splitlines() if log.exists() else []
    return {key(entry): entry for entry in map(json.loads, lines)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--operators", type=Path, help="where cosmic-ray is installed")
    parser.add_argument("--again", action="store_true", help="only those that survived according to the log")
    parser.add_argument("--log", type=Path, default=REPOSITORY / "runs" / "mutation.jsonl")
    parser.add_argument("modules", nargs="*")
    given = parser.parse_args()
    if given.operators:
        sys.path.append(str(given.operators.resolve()))
    os.environ.update(OMP_NUM_THREADS="1", LIGHTLY_DID_VERSION_CHECK="True", PYTEST_DISABLE_PLUGIN_AUTOLOAD="1")
    log = given.log.resolve()
    log.parent.mkdir(parents=True, exist_ok=True)
    load_third_parties()
    with tempfile.TemporaryDirectory() as directory:
        copy = Path(directory, "copy")
        for name in ("swaveval", "tests", "benchmarks", "docs"):
            shutil.copytree(REPOSITORY / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(REPOSITORY / "pyproject.toml", copy)
        os.chdir(copy)
        # The copy before the installed package, and before the repository that `-m` put first; for processes as well.
        sys.path.insert(0, str(copy))
        os.environ["PYTHONPATH"] = str(copy)
        for module in chosen_modules(given.modules):
            source = module.path.read_text(encoding="utf-8")
            seen = read_log(log)
            survivors = {name for name, entry in seen.items() if entry["result"] == 0}
            known = {(operator, was) for _, _, operator, was, _ in survivors} if given.again else None
            found = ((tuple(identity(module, each).values()), each) for each in mutants(source, seed=SEED, only=known))
            if given.again:
                chosen = [each for name, each in found if name in survivors]
            else:
                chosen = [each for name, each in islice(found, module.sample) if name not in seen]
            if chosen:
                check(module, module.path, source, chosen, log)


if __name__ == "__main__":
    main()
