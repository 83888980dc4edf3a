"""Reading small files of every format in advance, so that a real one finds modules imported and pages at hand."""

import io
import os
import tempfile
from contextlib import suppress
from typing import BinaryIO

from swaveval.checkpoints.sandbox.container import open_container
from swaveval.checkpoints.sandbox.contents import describe
from swaveval.checkpoints.sandbox.failure import Failure
from swaveval.checkpoints.sandbox.handing_over import mapping_of, open_pipe, pack

# A fork pays for each page of the interpreter's heap that it is first to write to. Reading this many tensors touches
# most of the pages that a ResNet-50's do, in a fifth of the time.
_TENSORS = 30


def usual_file() -> bytes:
    """What most checkpoints are: an archive with a dictionary of tensors."""
    import torch

    return _saved({f"layer{index}.weight": torch.ones(2, 2) for index in range(_TENSORS)})


def other_files() -> list[bytes]:
    """One file for each other way a file can go."""
    import torch
    from safetensors.torch import save

    legacy = io.BytesIO()
    torch.save({"w": torch.ones(1)}, legacy, _use_new_zipfile_serialization=False)
    refused = _saved({"w": usual_file})  # names a global
    return [legacy.getvalue(), refused, save({"w": torch.ones(1)})]


def rehearse(content: bytes) -> None:
    """Read a file with this content from end to end. It must fit into a pipe, since nobody reads it there."""
    with _nameless_file() as file, suppress(Failure):
        file.write(content)
        file.seek(0)
        opened = open_container(file, len(content), trust=False, verify_all=True)
        described = describe(opened, [[]], [["w"]])
        names = [name for found in described["containers"] for name, *_ in found["tensors"]]
        parcel = pack(opened, mapping_of(opened), [], names)
        parcel.places()
        reading, writing = open_pipe()
        parcel.write(writing, names)
        os.close(reading)
        os.close(writing)


def _nameless_file() -> BinaryIO:
    """Empty, in memory, or on disk where the system has no such files."""
    if hasattr(os, "memfd_create"):
        return os.fdopen(os.memfd_create("rehearsal", os.MFD_CLOEXEC), "rb+")
    return tempfile.TemporaryFile()


def _saved(content: object) -> bytes:
    import torch

    file = io.BytesIO()
    torch.save(content, file)
    return file.getvalue()
