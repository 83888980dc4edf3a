"""The command `swaveval`. Commands import what they need when they are called, so that --help answers at once."""

import sys
from importlib.metadata import version as package_version

import typer

from swaveval.cli import compare, compress, demo, evaluators, export, inspect, plan, pretrain, report, run, sweep
from swaveval.cli.exits import DAMAGED, INTERRUPTED, USAGE

EPILOG = "Start with: swaveval demo    Then: swaveval run --ckpt-dir YOUR_RUN/checkpoints --data YOUR_IMAGES"

app = typer.Typer(
    name="swaveval",
    help="Is this self-supervised model learning, and which checkpoint should I use?\n\n"
    "Takes a directory of checkpoints and a folder of images, labelled or not, and writes one offline HTML page "
    "that answers in its first line, with the evidence under it.",
    epilog=EPILOG,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("demo", rich_help_panel="Start")(demo.demo)
app.command("run", rich_help_panel="Evaluate")(run.run)
app.command("compare", rich_help_panel="Evaluate")(compare.compare)
app.command("plan", rich_help_panel="Evaluate")(plan.plan)
app.command("report", rich_help_panel="Evaluate")(report.report)
app.command("export", rich_help_panel="Evaluate")(export.export)
app.command("evaluators", rich_help_panel="Evaluate")(evaluators.evaluators)
app.command("pretrain", rich_help_panel="Train")(pretrain.pretrain)
app.command("sweep", rich_help_panel="Train")(sweep.sweep)
app.command("inspect", rich_help_panel="Checkpoints")(inspect.inspect)
app.command("compress", rich_help_panel="Checkpoints")(compress.compress)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"swaveval {package_version('swaveval')}")
        raise typer.Exit


@app.callback()
def _root(
    version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Print the version."),
) -> None:
    """Options of every command."""


def main() -> None:
    """Run the command line: a user's mistake is one sentence on stderr and an exit code, never a traceback."""
    try:
        app()
    except KeyboardInterrupt:
        typer.echo("\nStopped. What was finished is kept; the same command goes on from there.", err=True)
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        # The reader of a pipe (`| head`) has gone: nothing to report, and nothing more can be written.
        sys.stderr.close()
        sys.exit(0)
    except Exception as error:
        # Every exception class of this package is made to be read: its text says what was wrong and what to do.
        if not type(error).__module__.startswith("swaveval."):
            raise
        typer.echo(f"swaveval: {error}", err=True)
        sys.exit(DAMAGED if type(error).__name__ == "DamagedCell" else USAGE)


if __name__ == "__main__":
    main()
