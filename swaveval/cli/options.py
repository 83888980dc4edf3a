"""Options that several commands share: a frozen dataclass says them once, `takes` gives them to a command.

Typer reads a function's signature. A command that `takes(PlanOptions)` is shown to it with the fields of that class
(and of dataclasses among them) in place of its first parameter, and is called with one object of it.
"""

import functools
import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, get_type_hints

import typer

from swaveval.cli.geometry_options import Network, Normalisation
from swaveval.cli.reading_options import Pixels
from swaveval.cli.remote_options import Elsewhere

if TYPE_CHECKING:
    from swaveval.runs.request import RunRequest

Options = TypeVar("Options")
Command = Callable[..., None]


def takes(options: type[Options]) -> Callable[[Command], Command]:
    """Give a command the fields of a dataclass as options; its own keyword-only parameters follow them."""

    def with_options(command: Command) -> Command:
        @functools.wraps(command)
        def called(**given: Any) -> None:
            command(_filled(options, given), **given)

        own = list(inspect.signature(command).parameters.values())[1:]
        shared = list(_parameters(options))
        hints = get_type_hints(command, include_extras=True)
        called.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
            [*shared, *(one.replace(kind=one.KEYWORD_ONLY, annotation=hints[one.name]) for one in own)]
        )
        called.__annotations__ = {one.name: one.annotation for one in shared} | {
            one.name: hints[one.name] for one in own
        }
        return called

    return with_options


def _parameters(options: type[Any]) -> Iterator[inspect.Parameter]:
    hints = get_type_hints(options, include_extras=True)
    for name, one in inspect.signature(options).parameters.items():
        if is_dataclass(hints[name]):
            yield from _parameters(hints[name])
        else:
            yield inspect.Parameter(name, one.KEYWORD_ONLY, default=_default(options, one), annotation=hints[name])


def _default(options: type[Any], parameter: inspect.Parameter) -> Any:
    """A list's default is made by a factory, of which a signature shows a placeholder."""
    made = next(one.default_factory for one in fields(options) if one.name == parameter.name)
    return made() if callable(made) else parameter.default


def _filled(options: type[Options], given: dict[str, Any]) -> Options:
    """The object, its values taken out of `given`."""
    hints = get_type_hints(options)
    return options(
        **{
            one.name: _filled(hints[one.name], given) if is_dataclass(hints[one.name]) else given.pop(one.name)
            for one in fields(options)  # type: ignore[arg-type]
        }
    )


@dataclass(frozen=True)
class PlanOptions:
    """What `swaveval run` is told that decides which cells there are and which of them are done."""

    ckpt_dir: Annotated[
        str,
        typer.Option(
            "--ckpt-dir",
            "-c",
            metavar="DIR|ADDRESS",
            help="The checkpoints of one run: a directory, one file, or a pattern in quotes ('dir/simclr_*.pth'), here "
            "or behind an address (s3://bucket/run/checkpoints). "
            "Several runs below one directory are refused, with the commands that go on.",
        ),
    ]
    data: Annotated[
        str | None,
        typer.Option(
            "--data",
            "-d",
            help="Images: class folders, train/ + test/ of them, one flat folder, or a name (digits, cifar10 …). Not "
            "needed for a directory that `swaveval pretrain` wrote.",
        ),
    ] = None
    labels: Annotated[
        Path | None,
        typer.Option(
            "--labels",
            help="Table filename,label[,split] (FILE:COLUMN names the label column), or a word: none, folders are no "
            "labels; folders, they are (folders:2, the second ones; folders:1-2, the first two together; folders:-1, "
            "those that hold the files); names, what stands before the number in a file's name (names:REGEX, its first "
            "group).",
        ),
    ] = None
    pixels: Pixels = field(default_factory=Pixels)
    images: Annotated[
        int | None,
        typer.Option(
            "--images",
            min=2,
            help="Evaluate so many of the images, drawn by --seed, of each class and split its share. Default: all.",
        ),
    ] = None
    budget: Annotated[
        str | None,
        typer.Option(
            "--budget",
            help="The best answer in 90s, 10m, 2h …: ends of the series first, then halving; the page says what is "
            "left, and a later run goes on.",
        ),
    ] = None
    evaluators: Annotated[
        str | None,
        typer.Option(
            "--evaluators", "-e", help="Comma-separated names; `swaveval evaluators` lists them. Default: all."
        ),
    ] = None
    evaluator: Annotated[
        list[str], typer.Option("--evaluator", help="One-off evaluator, module:Class or file.py:Class.")
    ] = field(default_factory=list)
    out: Annotated[
        str | None,
        typer.Option(
            "--out",
            "-o",
            metavar="DIR|ADDRESS",
            help="Default: report/ beside the checkpoint directory; report-NAME/ if another run's is there. Of an "
            "address, report-NAME/ in the current directory. Given an address (s3://bucket/report), results are sent "
            "there as well, and what is there already is not done again.",
        ),
    ] = None
    seed: Annotated[
        int, typer.Option("--seed", min=0, max=2**32 - 1, help="Of splits, probes, maps and bootstraps.")
    ] = 0
    size: Annotated[
        int | None, typer.Option("--size", min=8, help="Input side in pixels. Default: fits the images.")
    ] = None
    interpolation: Annotated[
        str | None, typer.Option("--interpolation", help="bilinear (default) or bicubic (DINO).")
    ] = None
    precision: Annotated[
        str,
        typer.Option(
            "--precision",
            help="Of the networks: auto, fp32, bf16, fp16. auto takes bf16 where the hardware multiplies it and a "
            "sample of the images shows that features stay what they are; a series keeps what it began with.",
        ),
    ] = "auto"
    network: Network = field(default_factory=Network)
    normalisation: Normalisation = field(default_factory=Normalisation)
    elsewhere: Elsewhere = field(default_factory=Elsewhere)
    one_run: Annotated[
        bool,
        typer.Option(
            "--one-run", help="Take all checkpoints for one run whatever speaks against it; the page says what."
        ),
    ] = False
    force: Annotated[bool, typer.Option("--force", help="Compute cells again that are done.")] = False

    def request(self, **more: Any) -> "RunRequest":
        """The evaluation that is asked for; `more` are fields of the request that change no cell.

        Raises:
            typer.Exit: 2, after a sentence, for numbers that are none.
        """
        from swaveval.runs.durations import seconds_of
        from swaveval.runs.elsewhere import places
        from swaveval.runs.request import DEFAULT_EVALUATORS, RunRequest
        from swaveval.runs.specs import split_names
        from swaveval.runs.transform_choice import choose_transform, interpolated

        names = DEFAULT_EVALUATORS if self.evaluators is None else split_names(self.evaluators)
        found = places(self.ckpt_dir, self.out, self.elsewhere.cache())
        return RunRequest(
            checkpoints=found.checkpoints,
            out=found.out,
            source=found.source,
            published=found.published,
            data=self.data,
            labels=self.labels,
            pixels=self.pixels.said(),
            evaluators=(*names, *self.evaluator),
            seed=self.seed,
            sample=self.images,
            budget=None if self.budget is None else seconds_of(self.budget),
            transform=choose_transform(self.size, self.interpolation),
            precision=self.precision,
            load=self.network.load(),
            normalisation=interpolated(self.interpolation) | self.normalisation.said(),
            one_run=self.one_run,
            force=self.force,
            **more,
        )
