"""As much of a W&B server as `wandb sync` talks to: it keeps what it is sent as W&B documents it."""

import gzip
import json
import os
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

KEY = "0123456789" * 4


@dataclass
class Run:
    """What arrived of a run.

    Attributes:
        lines: of its history, by their number: a line that is sent again replaces what stood there.
        uploads: size of each file.
    """

    name: str = ""
    project: str = ""
    entity: str | None = None
    config: dict[str, Any] = field(default_factory=dict)
    summary: dict[str, Any] = field(default_factory=dict)
    lines: dict[int, dict[str, Any]] = field(default_factory=dict)
    uploads: dict[str, int] = field(default_factory=dict)

    @property
    def history(self) -> list[dict[str, Any]]:
        assert sorted(self.lines) == list(range(len(self.lines)))
        return [self.lines[number] for number in sorted(self.lines)]


class WandbServer:
    """Listens on a free port of this machine while the block lasts."""

    def __init__(self) -> None:
        self.runs: dict[str, Run] = {}
        self.asked: list[str] = []

    def __enter__(self) -> "WandbServer":
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *arguments: object) -> None:
                pass

            def do_POST(self) -> None:
                self._answer(outer.posted(self.path, self._body()))

            def do_PUT(self) -> None:
                _, _, run, *name = self.path.split("/")
                outer.runs[run].uploads["/".join(name)] = len(self._body())
                self._answer({})

            def _body(self) -> bytes:
                if self.headers.get("Transfer-Encoding") == "chunked":
                    content = b""
                    while count := int(self.rfile.readline().strip() or b"0", 16):
                        content += self.rfile.read(count)
                        self.rfile.readline()
                    self.rfile.readline()
                else:
                    content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                return gzip.decompress(content) if self.headers.get("Content-Encoding") == "gzip" else content

            def _answer(self, body: dict[str, Any]) -> None:
                content = json.dumps(body).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def sync(self, *places: Path) -> None:
        """Have the real `wandb sync` send some runs."""
        finished = subprocess.run(
            [sys.executable, "-m", "wandb", "sync", *map(str, places)],
            env={name: value for name, value in os.environ.items() if name != "WANDB_RESUME"}
            | {"WANDB_BASE_URL": self.address, "WANDB_API_KEY": KEY, "WANDB_ERROR_REPORTING": "false"},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert finished.returncode == 0, finished.stderr
        assert "Finished syncing" in finished.stderr + finished.stdout, finished.stderr

    def posted(self, path: str, body: bytes) -> dict[str, Any]:
        if path.endswith("/graphql"):
            return {"data": self._graphql(json.loads(body))}
        if path.endswith("/file_stream"):
            self._streamed(path.split("/")[-2], json.loads(body).get("files") or {})
        return {}

    def _streamed(self, name: str, files: dict[str, Any]) -> None:
        run = self.runs[name]
        if (history := files.get("wandb-history.jsonl")) is not None:
            lines = enumerate(map(json.loads, history["content"]), history["offset"])
            run.lines |= dict(lines)
        if (summary := files.get("wandb-summary.json")) is not None:
            run.summary = json.loads(summary["content"][-1])

    def _graphql(self, query: dict[str, Any]) -> dict[str, Any]:
        asked, given = str(query.get("operationName")), query.get("variables") or {}
        self.asked.append(asked)
        if asked == "UpsertBucket":
            run = self.runs.setdefault(given["name"], Run())
            run.name, run.project = given["displayName"] or run.name, given["project"]
            run.entity = given["entity"] or run.entity
            if given["config"]:
                run.config |= {name: entry["value"] for name, entry in json.loads(given["config"]).items()}
            project = {"id": "P", "name": given["project"], "entity": {"id": "E", "name": given["entity"] or "me"}}
            bucket = {"id": "B", "name": given["name"], "displayName": run.name, "config": "{}", "project": project}
            return {"upsertBucket": {"bucket": bucket | {"historyLineCount": len(run.lines)}, "inserted": True}}
        if asked == "RunResumeStatus":
            run = self.runs.get(given["name"])
            if run is None:
                return {"model": None}
            tail = json.dumps([json.dumps(line) for line in run.history[-1:]])
            found = {"id": "B", "name": given["name"], "historyLineCount": len(run.lines), "historyTail": tail}
            more = {"summaryMetrics": "{}", "eventsLineCount": 0, "logLineCount": 0, "eventsTail": "[]", "config": "{}"}
            entity = {"id": "E", "name": "me"}
            return {"model": {"id": "P", "name": "p", "entity": entity, "bucket": found | more | {"tags": []}}}
        if asked == "CreateRunFiles":
            files = [{"name": name, "uploadUrl": f"{self.address}/up/{given['run']}/{name}"} for name in given["files"]]
            return {"createRunFiles": {"runID": "B", "uploadHeaders": [], "files": files}}
        if asked == "ServerFeaturesQuery":
            return {"serverInfo": {"features": []}}
        return {"viewer": {"id": "1", "entity": "me", "username": "me", "flags": "{}", "teams": {"edges": []}}}
