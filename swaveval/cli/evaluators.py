"""`swaveval evaluators`."""

import json

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text


def evaluators(as_json: bool = typer.Option(False, "--json", help="Print as JSON on stdout.")) -> None:
    """List the evaluators that are installed, with their parameters; plugins appear beside the built-in ones."""
    from swaveval.evaluators.contract import parameters
    from swaveval.evaluators.registry import available, create

    rows = []
    for plugin in available():
        name = plugin.name
        try:
            evaluator = create(name)
            needs = sorted(str(need) for need in evaluator.needs)
            summary = (type(evaluator).__doc__ or "").strip().split("\n")[0]
            rows.append((name, evaluator.version, needs, parameters(evaluator), summary))
        except Exception as error:
            rows.append((name, 0, [], {}, f"cannot be used: {error}"))
    if as_json:
        keys = ("name", "version", "needs", "parameters", "summary")
        typer.echo(json.dumps([dict(zip(keys, row, strict=True)) for row in rows]))
        return
    table = Table("name", "needs", "what", "parameters", box=None, padding=(0, 2, 0, 0), header_style="bold")
    for name, _, needs, values, summary in rows:
        shown = ", ".join(f"{key}={value}" for key, value in values.items())
        table.add_row(Text(name), Text(", ".join(needs) or "–"), Text(summary), Text(shown))
    Console().print(table)
