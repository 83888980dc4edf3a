"""What shapes do not tell of a network, who said it, and which other geometries the same weights would fit."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal

Source = Literal["option", "file", "evidence", "family", "usual"]
SOURCES: tuple[Source, ...] = ("option", "file", "evidence", "family", "usual")
RESNET_FIELDS = ("stem_stride", "stem_padding", "maxpool", "dilated", "last_stride")
VIT_FIELDS = ("heads",)


@dataclass(frozen=True, slots=True, kw_only=True)
class Geometry:
    """Facts of a network that leave no trace in the shapes of its weights; None where nothing is said.

    Attributes:
        stem_stride, stem_padding: of the first convolution.
        maxpool: whether 3×3 max-pooling of stride 2 follows it.
        dilated: how many of a ResNet's last stages dilate instead of striding.
        last_stride: of a ResNet's last stage.
        heads: of a ViT's attention.
    """

    stem_stride: int | None = None
    stem_padding: int | None = None
    maxpool: bool | None = None
    dilated: int | None = None
    last_stride: int | None = None
    heads: int | None = None

    @property
    def said(self) -> dict[str, int | bool]:
        """The facts that are said."""
        return {name: value for name, value in asdict(self).items() if value is not None}

    def __bool__(self) -> bool:
        return bool(self.said)


@dataclass(frozen=True, slots=True)
class Settled:
    """A value for every fact of one kind of network, with who said it.

    Attributes:
        values: fact → value. sources: fact → who said it.
    """

    values: Mapping[str, int | bool]
    sources: Mapping[str, Source]

    @property
    def open(self) -> tuple[str, ...]:
        """The facts that nobody said: the family's habit or the usual value stands for them."""
        return tuple(name for name, source in self.sources.items() if source in ("family", "usual"))

    def to_json(self) -> dict[str, list[Any]]:
        return {name: [value, self.sources[name]] for name, value in self.values.items()}


def settle(names: Iterable[str], by_source: Mapping[Source, Geometry]) -> Settled:
    """The first source's word on each fact, in the order of `SOURCES`.

    Raises:
        ValueError: nobody, not even custom, has a value for one of them.
    """
    values: dict[str, int | bool] = {}
    sources: dict[str, Source] = {}
    for name in names:
        for source in SOURCES:
            value = getattr(by_source.get(source, Geometry()), name)
            if value is not None:
                values[name], sources[name] = value, source
                break
        else:
            raise ValueError(f"no value for {name}")
    return Settled(values, sources)


OPTIONS = {
    "stem_stride": "--stem-stride",
    "stem_padding": "--stem-padding",
    "maxpool": "--maxpool or --no-maxpool",
    "dilated": "--dilation",
    "last_stride": "--last-stride",
    "heads": "--heads",
}
assert set(OPTIONS) == {field.name for field in fields(Geometry)}


def in_words(said: Mapping[str, Any]) -> str:
    """Facts as a person says them: `stem of stride 2, max-pooling`."""
    words = []
    if (stride := said.get("stem_stride")) is not None:
        words.append(f"stem of stride {stride}")
    if (padding := said.get("stem_padding")) is not None:
        words.append(f"padding {padding}")
    if (pool := said.get("maxpool")) is not None:
        words.append("max-pooling" if pool else "no max-pooling")
    if (dilated := said.get("dilated")) is not None:
        words.append({0: "no dilation", 1: "last stage dilated"}.get(dilated, f"last {dilated} stages dilated"))
    if (last := said.get("last_stride")) is not None:
        words.append(f"last stage of stride {last}")
    if (heads := said.get("heads")) is not None:
        words.append(f"{heads} heads")
    return ", ".join(words) or "the same"


def as_options(said: Mapping[str, Any]) -> str:
    """The command-line options that say these facts: `--stem-stride 1 --no-maxpool`."""
    words = []
    for name, value in said.items():
        if name == "maxpool":
            words.append("--maxpool" if value else "--no-maxpool")
        else:
            words.append(f"{OPTIONS[name]} {value}")
    return " ".join(words)


def without_effect(said: Geometry, settled: Settled | None) -> tuple[str, ...]:
    """A sentence on options that change nothing of a network, if there are any.

    Args:
        settled: what shapes leave open of the network; None where it is built as somebody named or described it.
    """
    idle = {name: value for name, value in said.said.items() if settled is None or name not in settled.values}
    if not idle:
        return ()
    why = "the network is built as it is named" if settled is None else "a network of this kind has nothing of it"
    return (f"{as_options(idle)} has no effect: {why}",)


_WHO = {
    "option": "option",
    "file": "the file",
    "evidence": "BatchNorm or heads on a sample",
    "family": "its family's habit",
    "usual": "usual",
}


def by_source(told: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(source, facts in words) of a load report's `geometry`; entries that are no fact or malformed are left out."""
    found: dict[str, dict[str, Any]] = {}
    for name, entry in told.items():
        if name in OPTIONS and isinstance(entry, list | tuple) and len(entry) == 2 and entry[1] in SOURCES:
            found.setdefault(entry[1], {})[name] = entry[0]
    return [(_WHO[source], in_words(found[source])) for source in SOURCES if source in found]
