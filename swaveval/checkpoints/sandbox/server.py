"""The reading process: a server that has torch imported, and a fork of it for each file. See the package."""

import contextlib
import gc
import io
import os
import resource
import signal
import socket
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any, BinaryIO

from swaveval.checkpoints.processes import die_with_parent
from swaveval.checkpoints.sandbox.contents import describe
from swaveval.checkpoints.sandbox.failure import Failure, printable
from swaveval.checkpoints.sandbox.formats.container import open_container, open_regular
from swaveval.checkpoints.sandbox.formats.distributed import open_distributed
from swaveval.checkpoints.sandbox.formats.torch_files import Opened
from swaveval.checkpoints.sandbox.handing_over import hand_over
from swaveval.checkpoints.sandbox.wire import Closed, receive, receive_with_file, send

_TENSORS = 30  # of a rehearsed file: they touch most pages that a large network's do
_GONE = 77  # exit status of a fork that no request came for


def main() -> None:
    """Serve files until the other end of the control socket, whose number is the first argument, is closed."""
    control = socket.socket(fileno=int(sys.argv[1]))
    # Where the system has no signal for it, the closed socket ends this process between two files.
    die_with_parent(int(sys.argv[2]), watch=False)
    rehearsals = _rehearsals()
    _prepare(rehearsals)
    idle = _idle_peak(rehearsals[0])
    send(control, {"ready": os.getpid()})
    server = os.getpid()
    while True:
        reader = os.fork()
        if reader == 0:
            _read_one(control, server, rehearsals[0])
        status, usage = _end_of(reader)
        if os.WIFEXITED(status) and os.WEXITSTATUS(status) == _GONE:
            return
        killed = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
        taken, busy = max(0, _peak(usage) - idle), int(1000 * (usage.ru_utime + usage.ru_stime))
        send(control, {"ended": {"signal": killed, "memory_bytes": taken, "cpu_milliseconds": busy}})


def _prepare(rehearsals: list[bytes]) -> None:
    """What all forks share: torch with one thread (a fork must not lose any), the harmless list, no core files."""
    # A collection in a fork would write to, and so copy, every page of the heap it shares.
    gc.disable()
    import torch

    from swaveval.checkpoints.sandbox.formats.stand_ins import stand_ins

    torch.set_num_threads(1)
    threading.stack_size(1 << 20)
    torch.serialization.add_safe_globals(list(stand_ins()))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent
    _address_space()
    "".encode("cp437")  # of member names in archives
    for content in rehearsals:
        _rehearse(content)
    gc.freeze()


def _rehearsals() -> list[bytes]:
    """Small files, one for each way that a file can go."""
    import torch
    from safetensors.torch import save

    usual, legacy, refused = io.BytesIO(), io.BytesIO(), io.BytesIO()
    torch.save({f"w{index}": torch.ones(1) for index in range(_TENSORS)}, usual)
    torch.save({"w": torch.ones(1)}, legacy, _use_new_zipfile_serialization=False)
    torch.save({"w": main}, refused)  # names a global
    return [usual.getvalue(), legacy.getvalue(), refused.getvalue(), save({"w": torch.ones(1)})]


def _rehearse(content: bytes) -> None:
    """Read a file with this content, so that a fork finds modules imported."""
    with _nameless_file() as file, contextlib.suppress(Failure):
        file.write(content)
        file.seek(0)
        opened = open_container(file, len(content), trust=False, verify_all=True)
        describe(opened, [[]], [["w"]])
        list(hand_over(opened, [], list(opened.root)))


def _nameless_file() -> BinaryIO:
    """Empty, in memory (nothing need be writable), or on disk where the system has no such files."""
    if hasattr(os, "memfd_create"):
        return os.fdopen(os.memfd_create("rehearsal", os.MFD_CLOEXEC), "rb+")
    return tempfile.TemporaryFile()


def _read_one(control: socket.socket, server: int, usual: bytes) -> None:
    """The life of a fork: waits for a request, answers for this one file, ends."""
    status = 1
    try:
        die_with_parent(server, watch=False)
        _rehearse(usual)  # while nobody waits: a fork pays for each page that it is first to write to
        try:
            request, descriptor = receive_with_file(control)
        except Closed:
            os._exit(_GONE)
        control.close()
        with socket.socket(fileno=descriptor) as connection:
            _answer(connection, request)
        status = 0
    finally:
        os._exit(status)


def _answer(connection: socket.socket, request: dict[str, Any]) -> None:
    """Describe the file, then hand over whatever is asked for, until the parent closes its end."""
    try:
        _limit(request)
        opened = _open(request)
        send(connection, {"described": describe(opened, request["containers"], request["scalars"])})
        while True:
            wanted = receive(connection)["take"]
            for content in hand_over(opened, wanted["path"], wanted["names"]):
                send(connection, {"tensor": {"bytes": content.nbytes}})
                connection.sendall(content)
    except (Closed, ConnectionError):
        return
    except Failure as failure:
        failed = (failure.kind, str(failure), failure.cut_short)
    except (MemoryError, RecursionError):
        failed = ("refused", "reading the file takes more memory than a file of its size can need", False)
    except Exception as error:
        failed = ("unsupported", f"the file cannot be read: {type(error).__name__}: {printable(error, 200)}", False)
    with contextlib.suppress(OSError):
        send(connection, {"failed": dict(zip(("kind", "reason", "cut_short"), failed, strict=True))})


def _open(request: dict[str, Any]) -> Opened:
    file, before = open_regular(request["path"])
    if request["path"].endswith("/.metadata"):
        return open_distributed(file, before.st_size, request["path"])
    return open_container(file, before.st_size, trust=request["trust"], verify_all=request["verify_all"])


def _limit(request: dict[str, Any]) -> None:
    """Address space and processor time from here on; a file that needs more is not what it says."""
    for kind, used, more in (
        (resource.RLIMIT_AS, _address_space(), int(request["memory_bytes"])),
        (resource.RLIMIT_CPU, int(sum(os.times()[:2])) + 1, int(request["cpu_seconds"])),
    ):
        _, hard = resource.getrlimit(kind)
        wanted = used + more
        if used and (hard == resource.RLIM_INFINITY or wanted < hard):
            # Some systems do not know one of the limits; the parent's clock still holds.
            with contextlib.suppress(ValueError, OSError):
                resource.setrlimit(kind, (wanted, wanted))


def _address_space() -> int:
    """Bytes mapped by this process, 0 where the system does not say."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    except (OSError, ValueError):
        return 0
    return pages * resource.getpagesize()


def _end_of(process: int) -> tuple[int, resource.struct_rusage]:
    """The exit status of a fork, and what it used."""
    _, status, usage = os.wait4(process, 0)
    return status, usage


def _idle_peak(usual: bytes) -> int:
    """Peak memory of a fork that reads next to nothing, in bytes: what is torch's, not a file's."""
    process = os.fork()
    if process == 0:
        _rehearse(usual)
        os._exit(0)
    return _peak(_end_of(process)[1])


def _peak(usage: resource.struct_rusage) -> int:
    return usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
