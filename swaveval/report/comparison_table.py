"""The tables of a comparison: a row for each setting, who is beaten by how much, and what else differs."""

import math
from collections.abc import Sequence

import numpy as np

from swaveval.convergence.thresholds import ALPHA
from swaveval.report import wording
from swaveval.report.choice import Choice, Pair
from swaveval.report.comparison_words import seconds
from swaveval.report.cost import duration, evaluator_seconds
from swaveval.report.runs import SEED, Group, Run, Setting
from swaveval.results import Metric, Role
from swaveval.results.roles import AGREEMENT, HEALTH, RUNS_TABLE

Text = str | tuple[str, str]
Rows = tuple[tuple[Text, ...], ...]

MARK, LEFT_OUT = "★", "×"


def numbers(group: Group, choice: Choice) -> list[str]:
    """The metrics of the first table: what chose, then what people look for."""
    usual = (*(one.metric for one in choice.witnesses), choice.metric, *group.declared(Role.HEADLINE)[:2], *RUNS_TABLE)
    return [name for name in dict.fromkeys(usual) if name in group.metric_ids][:6]


def settings_table(group: Group, choice: Choice) -> tuple[tuple[str, ...], Rows]:
    """One row per setting: mark, name, what differs, seeds, verdict, checkpoint, cost, numbers at it and at the end."""
    wanted = numbers(group, choice)
    keys = [key for key in group.differing if key != SEED or not group.repeated][:4]
    if keys == [group.axis] and all(" = " in setting.name for setting in group.settings):
        keys = []  # the names say it
    head = ["", "run", *(key.replace("_", " ") for key in keys)]
    head += ["seeds"] if group.repeated else []
    head += ["verdict", "use", "training time", "per epoch"]
    for name in wanted:
        head += [wording.clipped(group.words.term(name).brief, 40), *(["at the end"] if name == wanted[0] else [])]
    head.append("time: evaluators")
    rows = []
    for place, setting in enumerate(group.settings):
        runs = group.of(setting)
        row: list[Text] = [_mark(group, choice, place), setting.name]
        row += [group.differing[key][setting.runs[0]] for key in keys]
        row += [_seeds(runs)] if group.repeated else []
        row += [_each([run.contents.verdict.verdict for run in runs]), _each([_use(run) for run in runs])]
        row += [_time(group, setting), _time(group, setting, each=True)]
        for name in wanted:
            row.append(_value(runs, name))
            row += [_value(runs, name, final=True)[0]] if name == wanted[0] else []
        spent = [evaluator_seconds(run.contents.series) for run in runs]
        row.append(duration(math.fsum(value for value in spent if value is not None) if any(spent) else None))
        rows.append(tuple(row))
    return tuple(head), tuple(rows)


def _mark(group: Group, choice: Choice, place: int) -> str:
    return MARK if place in choice.members else LEFT_OUT if group.unfit(group.settings[place]) else ""


def _seeds(runs: Sequence[Run]) -> str:
    named = ", ".join(wording.clipped(run.settings.get(SEED, "not recorded"), 20) for run in runs)
    return f"{len(runs)} ({named})" if len(runs) > 1 else named


def _use(run: Run) -> str:
    """The checkpoint to use: what its own page recommends, none of a run that is left out."""
    return "none" if run.unfit or run.best is None else run.contents.labels[run.best]


def _each(said: Sequence[str]) -> str:
    """`learning`, `2 × learning`, `learning, collapsed`."""
    counts = {word: said.count(word) for word in said}
    return ", ".join(word if n == 1 else f"{n} × {word}" for word, n in counts.items())


def _time(group: Group, setting: Setting, *, each: bool = False) -> Text:
    took = seconds(group, setting, each=each)
    if took is None:
        return "not recorded"
    found = [value for run in group.of(setting) if (value := run.seconds_per_epoch if each else run.seconds)]
    ends = duration(min(found)), duration(max(found))
    return duration(took) if ends[0] == ends[1] else (duration(took), " to ".join(ends))


def _value(runs: Sequence[Run], name: str, *, final: bool = False) -> tuple[str, str]:
    """A number with its interval; of repeats their mean, the smallest and largest, and their standard deviation."""
    found = [metric for run in runs if (metric := run.metric(name, final=final)) is not None]
    finite = [metric for metric in found if math.isfinite(metric.value)]
    if len(runs) == 1 or not finite:
        metric = found[0] if found else None
        return wording.of_metric(metric), "" if metric is None else wording.interval(metric.ci95, metric.unit)
    values, unit = np.asarray([metric.value for metric in finite]), finite[0].unit
    return wording.number(float(values.mean()), unit), _span(values, unit, missing=len(runs) - len(finite))


def _span(values: np.ndarray[tuple[int], np.dtype[np.float64]], unit: str, *, missing: int) -> str:
    said = wording.interval((float(values.min()), float(values.max())), unit)
    if len(values) > 1:
        deviation = wording.number(float(values.std(ddof=1)), unit)
        said += f", s.d. {deviation.removesuffix(' %')}{' points' if unit == 'fraction' else ''}"
    return said + (f"; {missing} without" if missing else "")


BEATEN_HEAD = ("run", "witness", "value", "highest other", "ahead by", "chance gives up to", "p", "beaten")


def beaten_table(group: Group, choice: Choice) -> tuple[tuple[str, ...], ...]:
    """Each setting by each witness against the other that is ahead of it by most, the smallest p first."""
    compared = choice.compared
    if compared is None or len(choice.fit) < 2:
        return ()
    rows = []
    for row, place in enumerate(choice.fit):
        for column, one in enumerate(choice.witnesses):
            others = [other for other in range(len(choice.fit)) if other != row]
            by = min(others, key=lambda other: (compared.p[row, other, column], -compared.values[column, other]))
            ahead = float(compared.values[column, by] - compared.values[column, row])
            p = float(compared.p[row, by, column])
            rows.append(
                (
                    group.settings[place].name,
                    one.name,
                    wording.number(float(compared.values[column, row]), "fraction"),
                    group.settings[choice.fit[by]].name,
                    wording.number(ahead, "fraction", signed=True),
                    wording.number(float(compared.needed[row, by, column]), "fraction", signed=True),
                    wording.p_value(p),
                    "yes" if p <= ALPHA else "no",
                )
            )
    return tuple(rows)


def pairs_table(group: Group, found: Sequence[Pair]) -> tuple[tuple[str, ...], ...]:
    return tuple(
        (
            group.words.term(pair.metric).label,
            f"{group.settings[pair.a].name} − {group.settings[pair.b].name}",
            wording.number(pair.found.effect, "fraction", signed=True),
            wording.interval(pair.found.ci95, "fraction", signed=True),
            wording.p_value(pair.found.p),
            wording.p_value(pair.corrected),
            f"{pair.found.n:,}",
            "yes" if pair.corrected <= ALPHA else "no",
        )
        for pair in found
    )


def health_table(group: Group) -> tuple[tuple[str, ...], ...]:
    """Prototype health as shares of K at each run's checkpoint to use."""
    rows = []
    for run in group.runs:
        k = run.settings.get("prototypes")
        found = [run.metric(name) for name in HEALTH]
        if not isinstance(k, int | float) or isinstance(k, bool) or k <= 0 or not any(found):
            continue
        shares = [_share(metric, k) for metric in found]
        rows.append((run.name, f"{k:g}", *shares, wording.of_metric(run.metric(AGREEMENT))))
    return tuple(rows)


def _share(metric: Metric | None, k: float) -> str:
    if metric is None or not math.isfinite(metric.value):
        return "–"
    return f"{wording.of_metric(metric)} ({100 * metric.value / k:.0f} %)"
