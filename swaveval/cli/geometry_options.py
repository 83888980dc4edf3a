"""Options for what a checkpoint's shapes do not tell; the same in every command that reads checkpoints."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from swaveval.errors import USAGE

if TYPE_CHECKING:
    from swaveval.checkpoints import LoadOptions

_PANEL = "What shapes do not tell"


@dataclass(frozen=True)
class Network:
    """Which network the files hold, and how they may be read."""

    backbone: Annotated[
        str | None,
        typer.Option(
            "--backbone",
            help="Architecture, when it cannot be inferred: timm:NAME, torchvision:NAME, module:factory or "
            "path/to/file.py:factory.",
        ),
    ] = None
    heads: Annotated[
        int | None, typer.Option("--heads", min=1, help="Attention heads of a ViT.", rich_help_panel=_PANEL)
    ] = None
    stem_stride: Annotated[
        int | None,
        typer.Option(
            "--stem-stride", min=1, max=8, help="Stride of a ResNet's first convolution.", rich_help_panel=_PANEL
        ),
    ] = None
    stem_padding: Annotated[
        int | None,
        typer.Option("--stem-padding", min=0, help="Padding of a ResNet's first convolution.", rich_help_panel=_PANEL),
    ] = None
    maxpool: Annotated[
        bool | None,
        typer.Option(
            "--maxpool/--no-maxpool",
            help="Whether max-pooling follows it.",
            rich_help_panel=_PANEL,
            show_default=False,
        ),
    ] = None
    dilation: Annotated[
        int | None,
        typer.Option(
            "--dilation",
            min=0,
            help="How many of a ResNet's last stages dilate instead of striding.",
            rich_help_panel=_PANEL,
        ),
    ] = None
    last_stride: Annotated[
        int | None,
        typer.Option("--last-stride", min=1, max=4, help="Stride of a ResNet's last stage.", rich_help_panel=_PANEL),
    ] = None
    allow_partial: Annotated[
        bool,
        typer.Option("--allow-partial", help="Accept backbones matched under 100 %; the page says so in red."),
    ] = False
    trust: Annotated[bool, typer.Option("--trust", help="Unpickle files that need it: code in them is executed.")] = (
        False
    )

    def load(self, *, verify_all: bool = False) -> "LoadOptions":
        """What the reader is told."""
        from swaveval.checkpoints import LoadOptions
        from swaveval.checkpoints.geometry import Geometry

        geometry = Geometry(
            heads=self.heads,
            stem_stride=self.stem_stride,
            stem_padding=self.stem_padding,
            maxpool=self.maxpool,
            dilated=self.dilation,
            last_stride=self.last_stride,
        )
        return LoadOptions(
            trust=self.trust,
            allow_partial=self.allow_partial,
            backbone=self.backbone,
            verify_all=verify_all,
            geometry=geometry,
        )


@dataclass(frozen=True)
class Normalisation:
    """What the network was shown in training."""

    mean: Annotated[
        str | None,
        typer.Option(
            "--mean",
            help="Of the pixels in training, in 0…1: 0.485,0.456,0.406 (of 0…255 it is divided by 255).",
            rich_help_panel=_PANEL,
        ),
    ] = None
    std: Annotated[
        str | None, typer.Option("--std", help="Their standard deviation: 0.229,0.224,0.225.", rich_help_panel=_PANEL)
    ] = None
    channel_order: Annotated[
        str | None, typer.Option("--channel-order", help="RGB (default) or BGR.", rich_help_panel=_PANEL)
    ] = None

    def said(self) -> dict[str, Any]:
        """The fields of an EvalTransform that the user gives; exits with 2 on words that are none."""
        found: dict[str, Any] = {}
        for name, text in (("mean", self.mean), ("std", self.std)):
            if text is None:
                continue
            try:
                values = tuple(float(part) for part in text.split(","))
            except ValueError:
                values = ()
            values = values * 3 if len(values) == 1 else values
            if len(values) != 3 or not all(map(math.isfinite, values)) or (name == "std" and min(values) <= 0):
                typer.echo(f"swaveval: --{name} takes three numbers such as 0.5,0.5,0.5; not {text!r}", err=True)
                raise typer.Exit(USAGE)
            found[name] = values
        found |= _of_unit_pixels(found)
        if self.channel_order is not None:
            if self.channel_order.upper() not in ("RGB", "BGR"):
                typer.echo(f"swaveval: --channel-order takes RGB or BGR, not {self.channel_order!r}", err=True)
                raise typer.Exit(USAGE)
            found["order"] = self.channel_order.upper()
        return found


def _of_unit_pixels(said: Mapping[str, tuple[float, ...]]) -> dict[str, tuple[float, ...]]:
    """Means and standard deviations as they are of pixels in 0…1; those of 0…255 (OpenMMLab's) are divided, and it is
    said; exits with 2 where the two are of different pixels."""
    from swaveval.data.transforms import LARGEST  # which needs numpy: not for a --help

    large = {name: max(values) > LARGEST[name] for name, values in said.items()}
    if any(large.values()):
        # A mean of zero is one of any pixels.
        if not all(large[name] or max(map(abs, values)) == 0 for name, values in said.items()):
            typer.echo("swaveval: --mean and --std are not of the same pixels: give both in 0…1 or in 0…255", err=True)
            raise typer.Exit(USAGE)
        said = {name: tuple(value / 255 for value in values) for name, values in said.items()}
        names = " and ".join(f"--{name}" for name in said)
        typer.echo(f"note: {names} read as of pixels in 0…255, and divided by 255", err=True)
    for name, values in said.items():
        if min(values) < 0 or max(values) > LARGEST[name]:
            numbers = ",".join(f"{value:g}" for value in values)
            typer.echo(f"swaveval: --{name} is of pixels in 0…1 or in 0…255, not {numbers}", err=True)
            raise typer.Exit(USAGE)
    return dict(said)
