"""Which names belong to checkpoints of several files. Imports nothing, for discovery opens nothing."""

import re
from collections.abc import Collection

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
