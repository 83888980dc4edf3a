"""Checkpoints that are several files or a directory: shards, and what FSDP, DeepSpeed and Lightning write.

| what lies there | is one checkpoint, read by |
|---|---|
| `X-00001-of-00003.safetensors` (or `.bin`), with or without an index beside | all pieces; any stands for them |
| `.metadata` and `*.distcp` (`torch.distributed.checkpoint`, Lightning's FSDP) | its `.metadata` |
| `mp_rank_00_model_states.pt` (DeepSpeed stage 1 and 2; also in `checkpoint/`) | that file |
| `zero_pp_rank_*_model_states.pt` (DeepSpeed stage 3) | refused with the command that puts it together |
"""

import os
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from types import TracebackType

from torch import Tensor

from swaveval.checkpoints.options import LoadOptions
from swaveval.checkpoints.piece_names import METADATA, RANKS, SHARD, model_states
from swaveval.checkpoints.sandbox.description import Description, TensorInfo
from swaveval.checkpoints.sandbox.failure import Failure, printable
from swaveval.checkpoints.sandbox.reader import Containers, Reader

_MOST_PIECES = 1000


def standing_for(path: Path) -> Path:
    """The file that stands for a checkpoint which is a directory; the path itself where it is none."""
    if path.is_dir():
        for inside in (path, path / "checkpoint"):
            names = _names(inside)
            chosen = METADATA if METADATA in names else model_states(names)
            if chosen:
                return inside / chosen
    return path


def pieces_of(path: Path) -> tuple[Path, ...]:
    """All files of the checkpoint that a file stands for, itself where it is whole.

    Raises:
        Failure: some are not there, or they must be put together by another program.
    """
    shard, ranks = SHARD.fullmatch(path.name), RANKS.fullmatch(path.name)
    if shard:
        count = int(shard["count"])
        if count > _MOST_PIECES:
            raise Failure("refused", f"its name says {count} pieces, more than any checkpoint has")
        wide = len(shard["number"])
        places = [f"{shard['stem']}-{n:0{wide}}-of-{shard['count']}{shard['suffix']}" for n in range(1, count + 1)]
        lacking = [name for name in places if not (path.parent / name).exists()]
        if lacking:
            reason = f"one of {count} pieces of a checkpoint; {printable(lacking[0], 80)} is not beside it"
            raise Failure("corrupt", f"{reason}; put all pieces into one directory", cut_short=True)
        return tuple(path.parent / name for name in places)
    if ranks and ranks["zero"]:
        raise Failure("refused", _zero(path))
    if ranks and (path.parent / "mp_rank_01_model_states.pt").exists():
        raise Failure(
            "refused", "DeepSpeed cut the model itself into pieces (mp_rank_01 …); save it whole from training"
        )
    return (path,)


def bytes_of(path: Path) -> int:
    """Of all files of a checkpoint.

    Raises:
        OSError: it is not there.
    """
    if path.name == METADATA:
        return sum(file.stat().st_size for file in (path, *path.parent.glob("*.distcp")))
    try:
        return sum(piece.stat().st_size for piece in pieces_of(path))
    except Failure:
        return path.stat().st_size


def _zero(path: Path) -> str:
    top = (
        path.parent.parent
        if path.parent.name == "checkpoint" or not (path.parent / "zero_to_fp32.py").exists()
        else path.parent
    )
    script = top / "zero_to_fp32.py"
    tool = f"python {script}" if script.exists() else "python -m deepspeed.utils.zero_to_fp32"
    return f"a piece of what DeepSpeed's ZeRO spread over processes; put together by: {tool} {top} {top}.whole"


def _names(directory: Path) -> list[str]:
    try:
        return sorted(entry.name for entry in os.scandir(directory))
    except OSError:
        return []


class Together:
    """The pieces of a checkpoint as if they were one open file. One is open at a time."""

    def __init__(
        self, reader: Reader, paths: tuple[Path, ...], containers: Containers, scalars: Containers, options: LoadOptions
    ) -> None:
        self._reader, self._paths = reader, paths
        self._arguments = {"containers": containers, "scalars": scalars, "options": options}
        self._held: dict[tuple[tuple[str, ...], str], Path] = {}
        merged: dict[tuple[str, ...], list[TensorInfo]] = {}
        each: list[Description] = []
        for path in paths:
            with self._open(path) as opened:
                each.append(opened.description)
            for place, tensors in each[-1].containers.items():
                for info in tensors:
                    if (place, info.name) in self._held:
                        raise Failure("refused", f"two pieces hold {printable(info.name, 80)}")
                    self._held[place, info.name] = path
                merged.setdefault(place, []).extend(tensors)
        self.description = replace(
            each[0],
            containers={place: tuple(tensors) for place, tensors in merged.items()},
            data_bytes=sum(one.data_bytes for one in each),
            notes=tuple(dict.fromkeys(note for one in each for note in one.notes)),
        )

    def take(self, path: tuple[str, ...], names: Iterable[str]) -> dict[str, Tensor]:
        """Named tensors under `path`, from whichever piece holds them."""
        wanted: dict[Path, list[str]] = {}
        for name in names:
            if (path, name) in self._held:
                wanted.setdefault(self._held[path, name], []).append(name)
        found: dict[str, Tensor] = {}
        for piece, inside in wanted.items():
            with self._open(piece) as opened:
                found |= opened.take(path, inside)
        return found

    def _open(self, path: Path):  # type: ignore[no-untyped-def]
        return self._reader.open(path, **self._arguments)  # type: ignore[arg-type]

    def __enter__(self) -> "Together":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing is open between two answers."""
