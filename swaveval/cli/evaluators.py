"""`swaveval evaluators`."""

import json

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text


def evaluators(as_json: bool = typer.Option(False, "--json", help="Print as JSON on stdout.")) -> None:
    """List the evaluators that are installed, with their parameters; plugins appear beside the built-in ones."""
    from swaveval.evaluators.registry import available, overshadowed
    from swaveval.runs.plugins import PluginHosts
    from swaveval.runs.specs import DRIFT, describe

    rows = []
    hosts = PluginHosts()
    for name in sorted([*(plugin.name for plugin in available()), DRIFT.name]):
        try:
            found = describe(name, hosts)
            rows.append((name, found["version"], found["needs"], found["parameters"], found["summary"]))
        except Exception as error:
            rows.append((name, 0, [], {}, f"cannot be used: {error}"))
    hosts.close()
    for sentence in overshadowed():
        typer.echo(sentence, err=True)
    if as_json:
        keys = ("name", "version", "needs", "parameters", "summary")
        typer.echo(json.dumps([dict(zip(keys, row, strict=True)) for row in rows]))
        return
    table = Table("name", "needs", "what", "parameters", box=None, padding=(0, 2, 0, 0), header_style="bold")
    for name, _, needs, values, summary in rows:
        shown = ", ".join(f"{key}={value}" for key, value in values.items())
        table.add_row(Text(name), Text(", ".join(needs) or "–"), Text(summary), Text(shown))
    Console().print(table)
