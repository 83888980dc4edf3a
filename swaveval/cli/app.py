"""The command `swaveval`. Commands import what they need when they are called, so that --help answers at once."""

import atexit
import errno
import gc
import os
import sys

import typer

from swaveval.cli import compare, compress, demo, evaluators, export, inspect, plan, pretrain, report, run, sweep
from swaveval.cli.given_paths import Command
from swaveval.cli.limits import obstacle
from swaveval.cli.stopping import leave_on_signals, stop_answered, stop_on_sigterm
from swaveval.cli.streams import output_fails, prepare_streams, swallow_rest
from swaveval.errors import DONE, INTERRUPTED, USAGE, SwavevalError, machine_fault

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
app.command("demo", cls=Command, rich_help_panel="Start")(demo.demo)
app.command("run", cls=Command, rich_help_panel="Evaluate")(run.run)
app.command("compare", cls=Command, rich_help_panel="Evaluate")(compare.compare)
app.command("plan", cls=Command, rich_help_panel="Evaluate")(plan.plan)
app.command("report", cls=Command, rich_help_panel="Evaluate")(report.report)
app.command("export", cls=Command, rich_help_panel="Evaluate")(export.export)
app.command("evaluators", cls=Command, rich_help_panel="Evaluate")(evaluators.evaluators)
app.command("pretrain", cls=Command, rich_help_panel="Train")(pretrain.pretrain)
app.command("sweep", cls=Command, rich_help_panel="Train")(sweep.sweep)
app.command("inspect", cls=Command, rich_help_panel="Checkpoints")(inspect.inspect)
app.command("compress", cls=Command, rich_help_panel="Checkpoints")(compress.compress)


def _version(asked: bool) -> bool:
    if asked:
        from importlib.metadata import version as package_version

        typer.echo(f"swaveval {package_version('swaveval')}")
        raise typer.Exit
    return asked


@app.callback()
def _root(
    version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Print the version."),
) -> None:
    """Options of every command."""


def main() -> None:
    """Run the command line: a user's mistake is one sentence on stderr and an exit code, never a traceback."""
    prepare_streams()
    # For every process that is started from here, by us or by a library: nothing comes from the current directory.
    os.environ["PYTHONSAFEPATH"] = "1"
    if (reason := obstacle(sys.argv[1:])) is not None:
        typer.echo(f"swaveval: {reason}", err=True)
        sys.exit(USAGE)
    stop_on_sigterm()
    try:
        code = _call()
        sys.stdout.flush()
    except BrokenPipeError:
        code = DONE  # the reader of a pipe (`| head`) has gone: nothing to report, nothing more can be written
        swallow_rest()
    except KeyboardInterrupt:  # once more, while the first was answered
        code = _stopped()
    except Exception as error:
        code = _tell(error)
        swallow_rest()
    # At the end of the interpreter, and of nobody's who called this.
    atexit.register(leave_on_signals, code if isinstance(code, int) else DONE)
    gc.freeze()  # else the end of the interpreter looks for garbage among all that was imported, for a second
    sys.exit(code)


def _call() -> int | str | None:
    """The exit code of the command; BrokenPipeError where nobody reads what it prints."""
    try:
        app()
    except SystemExit as leaving:
        cause = _cause(leaving)
        if isinstance(cause, BrokenPipeError):
            raise cause from None
        if isinstance(cause, KeyboardInterrupt):
            return _stopped()
        return leaving.code
    except KeyboardInterrupt:
        return _stopped()
    return DONE


def _stopped() -> int:
    leave_on_signals(INTERRUPTED)
    stop_answered()
    typer.echo("\nStopped. What was finished is kept; the same command goes on from there.", err=True)
    return INTERRUPTED


def _cause(leaving: BaseException) -> BaseException | None:
    """The interrupt or broken pipe behind an exit; typer turns both into exit codes."""
    seen: BaseException | None = leaving
    while seen is not None and not isinstance(seen, BrokenPipeError | KeyboardInterrupt):
        seen = seen.__cause__ or (None if seen.__suppress_context__ else seen.__context__)
    return seen


def _tell(error: Exception) -> int:
    """Say what was wrong in one sentence; gives the exit code."""
    training = sys.argv[1:2] == ["pretrain"] and "--resume" not in sys.argv
    again = "the same command with --resume" if training else "the same command"
    option = "--to" if sys.argv[1:2] == ["export"] else "--out"
    if isinstance(error, OSError) and output_fails(error):
        why = "no space is left where it goes" if error.errno == errno.ENOSPC else error.strerror
        error = SwavevalError(f"standard output could not be written: {why}; send it elsewhere and run again")
    told = error if isinstance(error, SwavevalError) else machine_fault(error, again=again, option=option)
    if told is None and type(error).__module__.startswith("swaveval."):
        told = SwavevalError(str(error))  # a signal of one of our modules that nobody caught: it, too, is a sentence
    if told is None:
        raise error
    typer.echo(f"swaveval: {told}", err=True)
    return told.exit_code


if __name__ == "__main__":
    main()
