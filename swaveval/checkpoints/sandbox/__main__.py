"""The reading process: a server that has torch imported and gives each file a process of its own.

Each request is answered by a fresh fork: what a file does to its reader (memory, time, a crash) ends with that fork,
while torch, seconds to import, stays warm. The fork waits for its request, so forking costs the parent nothing.
"""

import contextlib
import gc
import os
import resource
import signal
import socket
import sys
import threading
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

from swaveval.checkpoints.processes import die_with_parent
from swaveval.checkpoints.sandbox.container import open_container, open_regular
from swaveval.checkpoints.sandbox.contents import describe
from swaveval.checkpoints.sandbox.distributed import open_distributed
from swaveval.checkpoints.sandbox.failure import Failure, printable
from swaveval.checkpoints.sandbox.handing_over import mapping_of, open_pipe, pack
from swaveval.checkpoints.sandbox.mapped_file import Span
from swaveval.checkpoints.sandbox.rehearsal import other_files, rehearse, usual_file
from swaveval.checkpoints.sandbox.safetensors_header import safetensors_header
from swaveval.checkpoints.sandbox.sending import MOST_SPANS, carry_out_order_of, order, wait_until_closed
from swaveval.checkpoints.sandbox.torch_files import Opened
from swaveval.checkpoints.sandbox.wire import Closed, receive, send

_GONE = 77  # exit status of a fork whose parent has closed the connection


def main() -> None:
    connection = socket.socket(fileno=int(sys.argv[1]))
    # Where the system has no signal for it, the closed connection ends this process between two files.
    die_with_parent(int(sys.argv[2]), watch=False)
    _prepare()
    usual = usual_file()
    for content in (usual, *other_files()):
        rehearse(content)
    # A collection in a fork would write to, and so copy, every page of the heap it shares.
    gc.freeze()
    idle = _idle_peak(usual)
    send(connection, {"ready": os.getpid()})
    reader, orders = _fork_reader(connection, usual)
    while True:
        with orders:
            carry_out_order_of(orders, reader)
            wait_until_closed(orders)
        # The next one comes to be while the system clears away the memory of this one.
        following, orders = _fork_reader(connection, usual)
        _, status, usage = os.wait4(reader, 0)
        if os.WIFEXITED(status) and os.WEXITSTATUS(status) == _GONE:
            return  # as the following one will notice too
        killed = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
        taken, busy = max(0, _peak(usage) - idle), int(1000 * (usage.ru_utime + usage.ru_stime))
        send(connection, {"ended": {"signal": killed, "memory_bytes": taken, "cpu_milliseconds": busy}})
        reader = following


def _fork_reader(connection: socket.socket, usual: bytes) -> tuple[int, socket.socket]:
    """A process that waits for a file to read, and the socket by which it orders records to be sent."""
    ours, theirs = socket.socketpair()
    server = os.getpid()
    reader = os.fork()
    if reader:
        theirs.close()
        return reader, ours
    status = 1
    try:
        die_with_parent(server, watch=False)
        ours.close()
        gc.disable()
        rehearse(usual)  # while nobody waits
        status = _converse(connection, theirs)
        theirs.close()
    finally:
        os._exit(status)


def _prepare() -> None:
    """What all readers share: torch with one thread (a fork must not lose any), the harmless list, no core files."""
    import torch
    from safetensors import safe_open  # noqa: F401  (imported once, before the forks)

    from swaveval.checkpoints.sandbox.stand_ins import stand_ins

    torch.set_num_threads(1)
    threading.stack_size(1 << 20)
    torch.serialization.add_safe_globals(list(stand_ins()))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent
    _address_space()
    "".encode("cp437")  # of member names in archives


def _converse(connection: socket.socket, sender: socket.socket) -> int:
    """Answer for one file; gives the exit status of this fork."""
    request = None
    try:
        # What an earlier fork died without reading is not meant for this one.
        while request is None:
            request = receive(connection)[0].get("open")
    except Closed:
        return _GONE
    try:
        _limit(request)
        file, before = open_regular(request["path"])
        if request["path"].endswith("/.metadata"):
            opened = open_distributed(file, before.st_size, request["path"])
        else:
            opened = open_container(
                file,
                before.st_size,
                trust=request["trust"],
                verify_all=request["verify_all"],
                ahead=partial(_send_ahead, connection, sender),
            )
        send(connection, {"described": describe(opened, request["containers"], request["scalars"])})
        _serve(connection, opened)
    except Closed:
        return _GONE
    except Failure as failure:
        _report(connection, failure.kind, str(failure), cut_short=failure.cut_short)
    except (MemoryError, RecursionError):
        _report(connection, "refused", "reading the file takes more memory than a file of its size can need")
    except Exception as error:
        _report(connection, "unsupported", f"the file cannot be read: {type(error).__name__}: {printable(error, 200)}")
    return 0


def _send_ahead(connection: socket.socket, sender: socket.socket, file: BinaryIO, records: list[Span]) -> None:
    """Have the parent get all records from now on."""
    if len(records) > MOST_SPANS:
        return
    header = safetensors_header(
        (str(place), "U8", [end - start], end - start) for place, (start, end) in enumerate(records)
    )
    reading, writing = open_pipe()
    try:
        order(sender, file.fileno(), writing, header, records)
        send(connection, {"records": {}}, reading)
    finally:
        os.close(reading)
        os.close(writing)


def _serve(connection: socket.socket, opened: Opened) -> None:
    """Hand tensors over until the parent has what it wants."""
    mapped = mapping_of(opened)  # while the parent looks at the description
    parcel = None
    while True:
        request, _ = receive(connection)
        if "take" in request:
            parcel = pack(opened, mapped, request["take"]["path"], request["take"]["names"])
            places = parcel.places()
            send(connection, {"taken": {"records": places, "others": [n for n in parcel.tensors if n not in places]}})
        elif "write" in request and parcel is not None:
            reading, writing = open_pipe()
            try:
                send(connection, {"writing": {}}, reading)
                os.close(reading)
                parcel.write(writing, request["write"])
            finally:
                os.close(writing)  # also where it failed: the parent waits for the end, then asks why
            send(connection, {"written": {}})
        else:
            return


def _report(connection: socket.socket, kind: str, reason: str, *, cut_short: bool = False) -> None:
    send(connection, {"failed": {"kind": kind, "reason": reason, "cut_short": cut_short}})


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


def _idle_peak(usual: bytes) -> int:
    """Peak memory of a fork that reads next to nothing, in bytes: what is torch's, not a file's."""
    reader = os.fork()
    if reader == 0:
        rehearse(usual)
        os._exit(0)
    return _peak(os.wait4(reader, 0)[2])


def _peak(usage: resource.struct_rusage) -> int:
    return usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)


if __name__ == "__main__":
    main()
