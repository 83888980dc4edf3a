"""Servers other than S3's on this machine: sshd, Google's storage emulated, and the hub as far as reading goes."""

import getpass
import hashlib
import json
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

SSHD = shutil.which("sshd") or ("/usr/sbin/sshd" if Path("/usr/sbin/sshd").exists() else None)


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@contextmanager
def ssh_server(place: Path) -> Iterator[tuple[str, Path]]:
    """A real sshd for one key: what stands before the path in an address, and the file of the key."""
    assert SSHD is not None
    place.mkdir(parents=True)
    host, own = place / "host", place / "own"
    for key in (host, own):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    allowed = place / "authorized_keys"
    allowed.write_text(own.with_suffix(".pub").read_text())
    for file in (allowed, own):
        file.chmod(0o600)
    port, settings = free_port(), place / "sshd_config"
    settings.write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {host}\nAuthorizedKeysFile {allowed}\nStrictModes no\n"
        f"PidFile {place / 'sshd.pid'}\nUsePAM no\nPasswordAuthentication no\nSubsystem sftp internal-sftp\n"
    )
    Path("/run/sshd").mkdir(exist_ok=True)
    running = subprocess.Popen([SSHD, "-D", "-e", "-f", str(settings)], stderr=subprocess.PIPE)
    try:
        assert running.stderr is not None
        for line in running.stderr:
            if b"listening on" in line.lower():
                break
        assert running.poll() is None
        yield f"sftp://{getpass.getuser()}@127.0.0.1:{port}", own
    finally:
        running.terminate()
        running.wait()


@contextmanager
def google_server() -> Iterator[str]:
    """The emulator of Google's storage, with a bucket `bucket`."""
    from gcp_storage_emulator.server import create_server

    port = free_port()
    server = create_server("127.0.0.1", port, in_memory=True, default_bucket="bucket")
    server.start()
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.stop()


@contextmanager
def hub(files: Path) -> Iterator[tuple[str, list[str]]]:
    """What the hub answers about one model, `user/model`, whose files lie in a directory; and the paths asked for."""
    asked: list[str] = []
    model = {"id": "user/model", "sha": "0" * 40, "private": False, "tags": [], "downloads": 0, "siblings": []}

    def entry(path: Path) -> dict[str, Any]:
        name = path.relative_to(files).as_posix()
        if path.is_dir():
            return {"type": "directory", "path": name, "oid": "1" * 40}
        content = path.read_bytes()
        blob = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
        known = {"type": "file", "path": name, "size": len(content), "oid": blob}
        if path.suffix in (".ckpt", ".pt", ".safetensors"):
            sha = hashlib.sha256(content).hexdigest()
            known["lfs"] = {"oid": sha, "sha256": sha, "size": len(content), "pointerSize": 130}
        return known

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self, status: int, body: bytes, **headers: str) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name.replace("_", "-"), value)
            if "Content_Length" not in headers:
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def say(self, value: Any) -> None:
            self.answer(200, json.dumps(value).encode(), Content_Type="application/json")

        def do_GET(self) -> None:
            path = unquote(urlsplit(self.path).path)
            asked.append(f"{self.command} {path}")
            about, resolve = "/api/models/user/model", "/user/model/resolve/"
            if path in (about, f"{about}/revision/main"):
                self.say(model)
            elif path.startswith(f"{about}/tree/"):
                below = files / path.removeprefix(f"{about}/tree/").partition("/")[2]
                if below.is_dir():
                    self.say([entry(one) for one in sorted(below.rglob("*"))])
                else:
                    self.answer(404, b"{}", X_Error_Code="EntryNotFound")
            elif path.startswith(resolve) and (files / path.removeprefix(resolve).partition("/")[2]).is_file():
                self.content(files / path.removeprefix(resolve).partition("/")[2])
            else:
                self.answer(404, b"{}", X_Error_Code="RepoNotFound")

        do_HEAD = do_GET

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            asked.append(f"POST {self.path}")
            wanted = json.loads(body)["paths"] if body.startswith(b"{") else []
            self.say([entry(files / name) for name in wanted if (files / name).exists()])

        def content(self, file: Path) -> None:
            body, stated = file.read_bytes(), entry(file)
            known = {"ETag": f'"{stated["oid"]}"', "X_Repo_Commit": str(model["sha"]), "Accept_Ranges": "bytes"}
            wanted = self.headers.get("Range", "")
            if wanted.startswith("bytes="):
                first, _, last = wanted.removeprefix("bytes=").partition("-")
                start, end = int(first), min(int(last or len(body)), len(body) - 1)
                span = f"bytes {start}-{end}/{len(body)}"
                self.answer(206, body[start : end + 1], Content_Range=span, **known)
            else:
                self.answer(200, body, **known)

        def log_message(self, *given: Any) -> None:
            """Nothing is printed."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
