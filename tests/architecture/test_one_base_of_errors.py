"""Every exception of the package is a `SwavevalError`, but for signals that never leave the module they are for."""

import ast
import builtins
from pathlib import Path

from swaveval import errors

PACKAGE = Path(__file__).parents[2] / "swaveval"

# Caught where they are expected, with what derives from them: a user never sees one.
INTERNAL = {
    "_Enough": "ends a forward pass",
    "Failure": "the reading process to its parent, which makes a CheckpointRefused of it",
    "Closed": "the other end of a connection has gone",
    "UnknownArchitecture": "no network fits; made a CheckpointRefused",
    "Undecodable": "one image, which is left out with this reason",
    "Unreadable": "likewise, of tifffile's part",
    "Skip": "an evaluator has nothing to say: a skipped cell",
    "BadWords": "an evaluator's declaration; made a PluginError",
    "PluginFailure": "a plugin gave nothing: an error cell",
    "ChildDied": "a process gave no answer; made a PluginFailure or tried again",
    "ChildHangs": "likewise",
    "NoClasses": "labels in a program: the images are read without them, or it is made a DataError",
}
EXIT_CODES = {"SwavevalError": errors.USAGE, "DamagedCell": errors.DAMAGED, "Interrupted": errors.INTERRUPTED}


def classes() -> dict[str, tuple[list[str], ast.ClassDef]]:
    found: dict[str, tuple[list[str], ast.ClassDef]] = {}
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                bases = [base.attr if isinstance(base, ast.Attribute) else ast.unparse(base) for base in node.bases]
                found[node.name] = (bases, node)
    return found


def ancestors(name: str, known: dict[str, tuple[list[str], ast.ClassDef]]) -> set[str]:
    own = known[name][0] if name in known else []
    return {name}.union(*(ancestors(base, known) for base in own if base != name))


def is_exception(name: str) -> bool:
    known = getattr(builtins, name, None)
    return isinstance(known, type) and issubclass(known, Exception) and not issubclass(known, Warning)


def test_every_error_has_the_one_base() -> None:
    known = classes()
    raised = {name for name in known if any(is_exception(one) for one in ancestors(name, known))}
    assert len(raised) > 25
    outside = {name for name in raised if not ancestors(name, known) & {"SwavevalError", *INTERNAL}}
    assert not outside, f"derive {outside} from swaveval.errors.SwavevalError, or say here what catches it"
    assert raised >= set(INTERNAL)


def test_exit_codes_are_the_documented_ones() -> None:
    found = {}
    for name, (_, node) in classes().items():
        for line in node.body:
            target = line.targets[0] if isinstance(line, ast.Assign) else getattr(line, "target", None)
            if isinstance(target, ast.Name) and target.id == "exit_code":
                found[name] = getattr(errors, ast.unparse(line.value))  # type: ignore[attr-defined]
    assert found == EXIT_CODES
    codes = (errors.DONE, errors.CELLS_FAILED, errors.USAGE, errors.WRITING, errors.DAMAGED, errors.VERDICT_FAILED)
    codes = (*codes, errors.NOT_LOGGED)
    assert (*codes, errors.INTERRUPTED) == (0, 1, 2, 3, 4, 5, 6, 130)
    documented = (PACKAGE.parent / "docs" / "report.md").read_text(encoding="utf-8").partition("## Exit codes")[2]
    for code in (*codes, errors.INTERRUPTED):
        assert f"| {code} |" in documented, code
