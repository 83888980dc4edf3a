"""A process that does what it is told, however odd."""

import os
import signal
import struct
import subprocess
import sys
from multiprocessing.connection import Connection
from typing import Any

from swaveval.runs.child import serve


def main() -> None:
    connection = serve()
    while True:
        try:
            what, *more = connection.recv()
        except EOFError:
            return
        obey(connection, what, *more)


def obey(connection: Connection, what: str, value: Any = None) -> None:
    if what == "echo":
        connection.send(value)
    elif what == "argv":
        connection.send(sys.argv)
    elif what == "stdin":
        connection.send(sys.stdin.read())
    elif what == "say":
        print(value, flush=True)
        connection.send("said")
    elif what == "exit":
        os._exit(value)
    elif what == "signal":
        if value != signal.SIGKILL:  # what a suite under nohup ignores, its children would
            signal.signal(value, signal.SIG_DFL)
        os.kill(os.getpid(), value)
    elif what == "close":
        connection.close()
        signal.pause()
    elif what == "pause":
        signal.pause()
    elif what == "spin":
        while True:
            pass
    elif what == "work":
        work = "x = sum(i * i for i in range(2_000_000))"
        exec(work)
        subprocess.run([sys.executable, "-c", work], check=True)
        connection.send(os.times()[:4])
    elif what == "start":
        started = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"], close_fds=False)
        connection.send(started.pid)
    elif what == "leave a copy":
        if os.fork():
            os._exit(value)
        signal.pause()
    elif what == "half":
        os.write(connection.fileno(), struct.pack("!i", 100) + b"the start")
        os._exit(value)
