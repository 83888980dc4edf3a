"""A server between a client and an S3-speaking one, which spoils some of the answers."""

import http.client
import threading
from collections import Counter
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

# (number of the request, method, path) → what happens to the answer.
Spoil = Callable[[int, str, str], str]


class Faulting:
    """Passes requests on. A fault is `500`, `503`, `drop`, `cut`, `lie`, `slow` or empty.

    Attributes:
        requests: by method and kind: `GET object`, `GET list`, `HEAD object`.
        faults: answers spoilt, by kind.
    """

    def __init__(self, target: str, spoil: Spoil = lambda number, method, path: "") -> None:
        self.spoil = spoil
        self.requests: Counter[str] = Counter()
        self.faults: Counter[str] = Counter()
        self.over = threading.Event()
        self._lock = threading.Lock()
        self._count = 0
        where = urlsplit(target)
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_one(self) -> None:
                fault = outer.seen(self.command, self.path)
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                if fault in ("500", "503"):
                    self.send_response(int(fault))
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                    return
                if fault == "drop":
                    self.close_connection = True
                    return
                if fault == "slow":
                    outer.over.wait(3)
                upstream = http.client.HTTPConnection(str(where.hostname), where.port, timeout=30)
                headers = {name: value for name, value in self.headers.items() if name.lower() != "connection"}
                upstream.request(self.command, self.path, body, headers)
                answer = upstream.getresponse()
                content = answer.read()
                self.send_response(answer.status)
                for name, value in answer.getheaders():
                    if fault == "lie" and name.lower().startswith("x-amz-checksum"):
                        continue  # which clients check by themselves
                    if name.lower() not in ("connection", "transfer-encoding", "server", "date", "content-length"):
                        self.send_header(name, value)
                length = answer.getheader("Content-Length") if self.command == "HEAD" else str(len(content))
                self.send_header("Content-Length", length or "0")
                self.end_headers()
                upstream.close()
                if fault == "cut":
                    self.wfile.write(content[: len(content) // 2])
                    self.close_connection = True
                elif fault == "lie":
                    self.wfile.write(bytes(len(content)))
                elif self.command != "HEAD":
                    self.wfile.write(content)

            do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = handle_one

            def log_message(self, *given: Any) -> None:
                """Nothing is printed."""

        class Quiet(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *given: Any) -> None:
                """A client that has gone is no fault here."""

        self._server = Quiet(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def seen(self, method: str, path: str) -> str:
        with self._lock:
            self._count += 1
            listing = "list-type" in path
            self.requests[f"{method} {'list' if listing else 'object'}"] += 1
            fault = self.spoil(self._count, method, path)
            self.faults[fault] += bool(fault)
            return fault

    def close(self) -> None:
        self.over.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
