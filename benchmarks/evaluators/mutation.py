"""A mutation check of the label-free evaluators: do the tests notice when the code is wrong?

`pip install --target DIR cosmic-ray`, then `python -m benchmarks.evaluators.mutation --operators DIR`. Mutants are made
by cosmic-ray's operators (numbers, comparisons, binary and unary operators, booleans, break/continue, loops that never
run), a seeded sample of each module's. Each is written into a copy of the repository and tested in a fork of a process
that has the third parties loaded, so that a mutant costs its tests and not their imports. One line of JSON per mutant.
"""

import argparse
import ast
import inspect
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).parents[2]
MODULES = {
    "rows": ("spectrum", "stability", "umap", "gallery"),
    "jackknife": ("spectrum", "views"),
    "moments": ("spectrum",),
    "spectrum": ("spectrum",),
    "swapped": ("prototypes",),
    "prototypes": ("prototypes",),
    "views": ("views",),
    "partition": ("stability", "gallery"),
    "stability": ("stability",),
    "gallery": ("gallery",),
    "umap": ("umap",),
}
OPERATOR_MODULES = (
    "binary_operator_replacement",
    "boolean_replacer",
    "break_continue",
    "comparison_operator_replacement",
    "number_replacer",
    "unary_operator_replacement",
    "zero_iteration_for_loop",
)


def operators() -> list[Any]:
    """One instance of each of cosmic-ray's operators that take no argument."""
    from importlib import import_module

    found = []
    for name in OPERATOR_MODULES:
        module = import_module(f"cosmic_ray.operators.{name}")
        for candidate in vars(module).values():
            if inspect.isclass(candidate) and hasattr(candidate, "mutation_positions"):
                if inspect.isabstract(candidate) or candidate.__name__ == "Operator":
                    continue
                try:
                    found.append(candidate())
                except TypeError:
                    continue
    return found


def mutants(source: str, *, seed: int) -> Iterator[tuple[str, int, str]]:
    """(operator, line, mutated source) in a seeded order, of those that differ outside docstrings and annotations."""
    from cosmic_ray.ast import Visitor, get_ast
    from cosmic_ray.mutating import mutate_code

    meaning, tree = _meaning(source), get_ast(source)
    found: list[tuple[Any, int, int]] = []
    for operator in operators():
        places: list[Any] = []

        class Collector(Visitor):
            def visit(self, node: Any, operator: Any = operator, places: list[Any] = places) -> Any:
                places.extend(operator.mutation_positions(node))
                return node

        Collector().walk(tree)
        found += [(operator, occurrence, place[0][0]) for occurrence, place in enumerate(places)]
    random.Random(seed).shuffle(found)
    for operator, occurrence, line in found:
        changed = mutate_code(source, operator, occurrence)
        if changed and _meaning(changed) not in (None, meaning):
            yield type(operator).__name__, line, changed


def _meaning(source: str) -> str | None:
    """The code without docstrings and annotations; None if it is not Python."""
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return None
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            node.returns = None
            for argument in (*node.args.args, *node.args.kwonlyargs):
                argument.annotation = None
        if isinstance(node, ast.AnnAssign):
            node.annotation = ast.Constant(0)
        body = getattr(node, "body", None)
        if (
            isinstance(body, list)
            and body
            and isinstance(body[0], ast.Expr)
            and isinstance(body[0].value, ast.Constant)
        ):
            body[0].value = ast.Constant("")
    return ast.dump(tree)


def load_third_parties() -> None:
    import hypothesis.strategies
    import lightly.loss.swav_loss
    import lightly.utils.debug
    import pytest
    import scipy.linalg
    import scipy.spatial.distance
    import sklearn.cluster
    import sklearn.manifold
    import sklearn.metrics
    import torch
    from umap import UMAP

    torch.set_num_threads(1)
    loaded = (hypothesis, lightly, pytest, scipy, sklearn)
    assert all(loaded)
    import numpy as np

    # Compiles what a fork would otherwise compile again.
    UMAP(n_neighbors=5, n_epochs=5, random_state=0, n_jobs=1).fit(np.random.default_rng(0).random((30, 4), np.float32))


def run_tests(names: tuple[str, ...], limit: float) -> int | str:
    """Exit code of pytest in a fork, or `timeout`."""
    child = os.fork()
    if child == 0:
        os.setsid()
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, 1)
        os.dup2(nothing, 2)
        import pytest

        files = [f"tests/evaluators/test_{name}_evaluator.py" for name in names]
        options = ["-x", "-q", "-p", "no:cacheprovider", "--hypothesis-seed=0"]
        os._exit(int(pytest.main([*options, *files])))
    started = time.monotonic()
    while time.monotonic() - started < limit:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.05)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return "timeout"


def check(name: str, source: str, *, path: Path, skip: int, sample: int, log: Path, limit: float) -> None:
    chosen = list(islice(mutants(source, seed=0), skip, sample))
    baseline = run_tests(MODULES[name], limit)
    if baseline != 0:
        sys.exit(f"{name}: the tests fail without a mutation ({baseline})")
    killed = 0
    for operator, line, changed in chosen:
        path.write_text(changed, encoding="utf-8")
        result = run_tests(MODULES[name], limit)
        path.write_text(source, encoding="utf-8")
        killed += result != 0
        before, after = next(
            (pair for pair in zip(source.splitlines(), changed.splitlines(), strict=False) if pair[0] != pair[1]),
            ("", ""),
        )
        entry = {"module": name, "operator": operator, "line": line, "was": before.strip(), "is": after.strip()}
        with log.open("a", encoding="utf-8") as lines:
            lines.write(json.dumps({**entry, "result": result}) + "\n")
    print(f"{name}: {killed} of {len(chosen)} killed", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--operators", type=Path, help="where cosmic-ray is installed")
    parser.add_argument("--sample", type=int, default=60, help="mutants of each module")
    parser.add_argument("--skip", type=int, default=0, help="mutants of each module that an earlier run tested")
    parser.add_argument("--log", type=Path, default=Path("mutation.jsonl"))
    parser.add_argument("--limit", type=float, default=600, help="seconds for one run of the tests")
    parser.add_argument("modules", nargs="*", default=list(MODULES))
    given = parser.parse_args()
    if given.operators:
        sys.path.append(str(given.operators))
    os.environ.update(OMP_NUM_THREADS="1", LIGHTLY_DID_VERSION_CHECK="True")
    log = given.log.resolve()
    load_third_parties()
    with tempfile.TemporaryDirectory() as directory:
        copy = Path(directory)
        for name in ("swaveval", "tests"):
            shutil.copytree(REPOSITORY / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(REPOSITORY / "pyproject.toml", copy)
        os.chdir(copy)
        # The copy before the installed package, and before the repository that `-m` put first.
        sys.path.insert(0, str(copy))
        sys.dont_write_bytecode = True
        for name in given.modules:
            path = copy / "swaveval" / "evaluators" / f"{name}.py"
            source = path.read_text(encoding="utf-8")
            check(name, source, path=path, skip=given.skip, sample=given.sample, log=log, limit=given.limit)


if __name__ == "__main__":
    main()
