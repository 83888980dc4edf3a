"""A verdict from some of the checkpoints: there was no time for the others, and it says so."""

import shlex

from swaveval.results import RunManifest, Series

API = "swaveval.evaluate"


def aside(series: Series) -> str:
    """`from 3 of 12 checkpoints`; empty where all that can be evaluated are."""
    done, able = series.manifest.reached
    return f"from {done:,} of {able:,} checkpoints" if done < able else ""


def rest(series: Series) -> str:
    """What became of the others, as a sentence; empty likewise."""
    done, able = series.manifest.reached
    if done == able:
        return ""
    left = able - done
    return "The other one is not evaluated yet." if left == 1 else f"The other {left:,} are not evaluated yet."


def missing(series: Series) -> tuple[str, ...]:
    """What there was no time for: how many checkpoints, baselines, evaluators over the series."""
    manifest = series.manifest
    if manifest.budget_seconds is None:
        return ()
    done, able = manifest.reached
    baselines = [one.name for one in manifest.checkpoints if one.kind == "baseline" and one.state == "waiting"]
    planned = {evaluator for evaluator, _ in manifest.cell_names.values()}
    stored = {cell.key.evaluator for point in series.points for cell in point.cells.values()}
    late = [name for name, _, _ in manifest.evaluators if name in planned and name not in stored]
    checkpoints = [f"{able - done:,} of {able:,} checkpoints"] if done < able else []
    return (*checkpoints, *baselines, *late)


def goes_on(manifest: RunManifest) -> str:
    """The command that does the rest, however long it takes; empty where none is known."""
    return "" if manifest.command == API else without_budget(manifest.command)


def without_budget(command: str) -> str:
    """A command line without its `--budget`."""
    try:
        words = shlex.split(command)
    except ValueError:
        return ""
    kept: list[str] = []
    for place, word in enumerate(words):
        if word != "--budget" and not word.startswith("--budget=") and words[place - 1 : place] != ["--budget"]:
            kept.append(word)
    return shlex.join(kept)
