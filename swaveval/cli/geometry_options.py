"""Options for what a checkpoint's shapes do not tell; the same in every command that reads checkpoints."""

from typing import TYPE_CHECKING, Any

import typer

from swaveval.cli.exits import USAGE

if TYPE_CHECKING:
    from swaveval.checkpoints.geometry import Geometry

_PANEL = "What shapes do not tell"
HEADS = typer.Option(None, "--heads", min=1, help="Attention heads of a ViT.", rich_help_panel=_PANEL)
STEM_STRIDE = typer.Option(
    None, "--stem-stride", min=1, max=8, help="Stride of a ResNet's first convolution.", rich_help_panel=_PANEL
)
STEM_PADDING = typer.Option(
    None, "--stem-padding", min=0, help="Padding of a ResNet's first convolution.", rich_help_panel=_PANEL
)
MAXPOOL = typer.Option(
    None, "--maxpool/--no-maxpool", help="Whether max-pooling follows it.", rich_help_panel=_PANEL, show_default=False
)
DILATION = typer.Option(
    None,
    "--dilation",
    min=0,
    help="How many of a ResNet's last stages dilate instead of striding.",
    rich_help_panel=_PANEL,
)
LAST_STRIDE = typer.Option(
    None, "--last-stride", min=1, max=4, help="Stride of a ResNet's last stage.", rich_help_panel=_PANEL
)
MEAN = typer.Option(
    None, "--mean", help="Of the pixels in training, in 0…1: 0.485,0.456,0.406.", rich_help_panel=_PANEL
)
STD = typer.Option(None, "--std", help="Their standard deviation: 0.229,0.224,0.225.", rich_help_panel=_PANEL)
ORDER = typer.Option(None, "--channel-order", help="RGB (default) or BGR.", rich_help_panel=_PANEL)


def geometry(
    *,
    heads: int | None,
    stem_stride: int | None,
    stem_padding: int | None,
    maxpool: bool | None,
    dilation: int | None,
    last_stride: int | None,
) -> "Geometry":
    """What the user says of the network."""
    from swaveval.checkpoints.geometry import Geometry

    return Geometry(
        heads=heads,
        stem_stride=stem_stride,
        stem_padding=stem_padding,
        maxpool=maxpool,
        dilated=dilation,
        last_stride=last_stride,
    )


def normalisation(mean: str | None, std: str | None, order: str | None) -> dict[str, Any]:
    """The fields of an EvalTransform that the user gives; exits with 2 on words that are none."""
    found: dict[str, Any] = {}
    for name, text in (("mean", mean), ("std", std)):
        if text is None:
            continue
        try:
            values = tuple(float(part) for part in text.split(","))
        except ValueError:
            values = ()
        values = values * 3 if len(values) == 1 else values
        if len(values) != 3 or (name == "std" and min(values) <= 0):
            typer.echo(f"swaveval: --{name} takes three numbers such as 0.5,0.5,0.5; not {text!r}", err=True)
            raise typer.Exit(USAGE)
        found[name] = values
    if order is not None:
        if order.upper() not in ("RGB", "BGR"):
            typer.echo(f"swaveval: --channel-order takes RGB or BGR, not {order!r}", err=True)
            raise typer.Exit(USAGE)
        found["order"] = order.upper()
    return found
