"""Imported by the reading process of the campaign: whatever a file makes it do beyond reading is written down.

Only forks are watched (the server itself starts with imports and forks on purpose).
"""

import os
import sys

_LOG = os.environ.get("SWAVEVAL_TEST_AUDIT")
_SERVER = os.getpid()
_WATCHED = {
    "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "os.forkpty", "os.kill", "os.putenv", "os.chdir",
    "os.remove", "os.rename", "os.mkdir", "os.rmdir", "os.link", "os.symlink", "os.chmod", "os.truncate",
    "subprocess.Popen", "pty.spawn", "socket.connect", "socket.bind", "socket.getaddrinfo", "urllib.Request",
    "shutil.rmtree", "shutil.move", "shutil.copyfile", "ctypes.dlopen", "ctypes.dlsym", "webbrowser.open",
    "code.__new__", "function.__new__", "marshal.loads", "import", "pickle.find_class", "sqlite3.connect",
    "tempfile.mkstemp",
    "sys.settrace", "sys.setprofile", "builtins.breakpoint", "http.client.connect", "ftplib.connect", "smtplib.connect",
}  # fmt: skip


def _watch(event: str, arguments: tuple[object, ...]) -> None:
    if os.getpid() == _SERVER or _watch.busy:  # type: ignore[attr-defined]
        return
    if event == "open" and isinstance(arguments[0], int):
        return  # the nameless file of the rehearsal
    writes = event == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
    strings = event == "compile" and arguments[1] == "<string>"
    if event in _WATCHED or writes or strings:
        _watch.busy = True  # type: ignore[attr-defined]
        with open(_LOG or os.devnull, "a", encoding="utf-8") as log:  # noqa: PTH123
            log.write(f"{event} {arguments!r:.200}\n")
        _watch.busy = False  # type: ignore[attr-defined]


_watch.busy = False  # type: ignore[attr-defined]
if _LOG:
    sys.addaudithook(_watch)
