"""Which names belong to checkpoints of several files. Imports nothing of ours, for discovery opens nothing."""

import re
from collections.abc import Collection
from pathlib import Path

SHARD = re.compile(r"(?P<stem>.+)-(?P<number>\d{3,5})-of-(?P<count>\d{3,5})(?P<suffix>\.(safetensors|bin|pt|pth))")
RANKS = re.compile(
    r"(mp_rank_(?P<rank>\d+)|(?P<zero>(bf16_)?zero_pp_rank_\d+_mp_rank_\d+))_(?P<kind>model|optim)_states\.pt"
)
METADATA = ".metadata"


def file_in(names: Collection[str]) -> str:
    """Of the files of one directory, the one that stands for all where together they are one checkpoint; else empty."""
    return METADATA if METADATA in names and any(name.endswith(".distcp") for name in names) else model_states(names)


def is_other_piece(name: str) -> bool:
    """Whether a file is a piece of a checkpoint that another file stands for."""
    shard = SHARD.fullmatch(name)
    return int(shard["number"]) != 1 if shard else bool(RANKS.fullmatch(name))


def files_of(path: Path) -> list[Path]:
    """Every file of the checkpoint that a file stands for, itself first, as far as they are there by now."""
    shard = SHARD.fullmatch(path.name)
    if path.name == METADATA:
        beside = [*path.parent.glob("*.distcp"), path.parent / "meta.pt"]
    elif shard:
        beside = [other for other in path.parent.iterdir() if _same_checkpoint(shard, other.name)]
    else:
        return [path]
    return [path, *sorted(other for other in beside if other != path and other.is_file())]


def index_of(path: Path) -> Path | None:
    """Where the list of a checkpoint's pieces would lie, which is written after them; None where it has none."""
    shard = SHARD.fullmatch(path.name)
    return path.with_name(f"{shard['stem']}{shard['suffix']}.index.json") if shard else None


def _same_checkpoint(shard: re.Match[str], name: str) -> bool:
    other = SHARD.fullmatch(name)
    return other is not None and all(shard[part] == other[part] for part in ("stem", "count", "suffix"))


def without_piece(name: str) -> str:
    """The name that a checkpoint in pieces would have as one file: which piece stands for it says nothing."""
    shard = SHARD.fullmatch(name)
    if shard:
        return f"{shard['stem']}{shard['suffix']}"
    return "model.pt" if RANKS.fullmatch(name) else name


def model_states(names: Collection[str]) -> str:
    states = sorted(name for name in names if (hit := RANKS.fullmatch(name)) and hit["kind"] == "model")
    whole = [name for name in states if name.startswith("mp_rank_")]
    return (whole or states or [""])[0]
