"""`python -m benchmarks [NAME …]`: list the benchmarks, or run those named (`all` runs every one, which takes long).

Numbers after the names are the benchmarks' own arguments: `python -m benchmarks false_alarms.simulate 80`.

A benchmark is a module under `benchmarks/` with a function `main()`; it prints both sides and their ratio.
"""

import importlib
import sys
from pathlib import Path

HERE = Path(__file__).parent


def names() -> list[str]:
    """Dotted names below `benchmarks` of every module that defines `main()`."""
    return [
        ".".join(path.relative_to(HERE).with_suffix("").parts)
        for path in sorted(HERE.rglob("*.py"))
        if path != Path(__file__) and "def main(" in path.read_text(encoding="utf-8")
    ]


def run(asked: list[str]) -> None:
    """Run the named benchmarks one after another."""
    known, numbers = names(), [word for word in asked if word.isdigit()]
    asked = [word for word in asked if word not in numbers]
    if unknown := sorted(set(asked) - set(known) - {"all"}):
        sys.exit(f"no benchmark called {', '.join(unknown)}; known: {', '.join(known)}")
    for name in known if "all" in asked else asked:
        print(f"== {name}", flush=True)
        sys.argv = [name, *numbers]
        importlib.import_module(f"benchmarks.{name}").main()


if __name__ == "__main__":
    if len(sys.argv) == 1:
        print("\n".join(names()))
    else:
        run(sys.argv[1:])
