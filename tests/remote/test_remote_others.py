"""Checkpoints by sftp, in Google's storage and on the hub are those of a directory; the first two take results."""

import importlib.util
import subprocess
from pathlib import Path

import pytest

from swaveval.checkpoints.remote.address import Address
from swaveval.checkpoints.remote.errors import RemoteError
from swaveval.checkpoints.remote.server import Patience, Server
from swaveval.runs.elsewhere import CacheOptions, places
from swaveval.runs.outcome import RunOutcome
from swaveval.runs.published import publishing
from swaveval.runs.request import RunRequest
from swaveval.runs.run import run
from tests.field.around_runs import command, environment, write_checkpoints
from tests.remote.far_servers import SSHD, google_server, hub, ssh_server
from tests.runs.test_executors import cells
from tests.tiny_images import write_images

QUICK = Patience(tries=3, wait=0.01, connect=5, read=5)
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning"),
]


def needs(*packages: str, also: bool = True) -> pytest.MarkDecorator:
    """Skip where a package is not installed."""
    missing = [package for package in packages if importlib.util.find_spec(package) is None]
    return pytest.mark.skipif(bool(missing) or not also, reason=f"needs {', '.join(packages)} and their servers")


needs_sshd = needs("paramiko", also=SSHD is not None)


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> RunRequest:
    """An evaluation of a directory, done."""
    place = tmp_path_factory.mktemp("near")
    request = RunRequest(
        write_checkpoints(place / "tiny" / "checkpoints", count=2),
        place / "out",
        data=str(write_images(place / "bars", per_class=6)),
        evaluators=("spectrum",),
    )
    assert not run(request).failed
    return request


def far(url: str, local: RunRequest, out: Path | str) -> RunOutcome:
    """The same evaluation of what lies at an address."""
    found = places(url, out, CacheOptions(None, "20GB", QUICK))
    request = RunRequest(found.checkpoints, found.out, data=local.data, evaluators=("spectrum",), source=found.source)
    with publishing(found.published, found.out, None, QUICK):
        return run(request)


def equal_and_once(url: str, local: RunRequest, place: Path) -> None:
    """Cells are those of the directory; nothing is done or fetched twice."""
    outcome = far(url, local, place / "far")
    assert (outcome.failed, outcome.unusable) == ((), ())
    assert cells(place / "far") == cells(local.out)
    assert far(url, local, place / "far").computed == 0


@needs_sshd
def test_sftp(local: RunRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with ssh_server(tmp_path / "ssh") as (url, key):
        _with_key(key, tmp_path / "home", monkeypatch)
        equal_and_once(f"{url}{local.checkpoints}", local, tmp_path)
        monkeypatch.chdir(tmp_path)
        assert far(f"{url}{local.checkpoints}", local, f"{url}{tmp_path}/there").computed
        there = tmp_path / "there"
        assert (there / "index.html").read_bytes() == (tmp_path / "report-there" / "index.html").read_bytes()
        assert not list(there.rglob("*.part"))
        (tmp_path / "report-there").rename(tmp_path / "lost")
        assert far(f"{url}{local.checkpoints}", local, f"{url}{tmp_path}/there").computed == 0


def _with_key(key: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where ssh's keys are looked for."""
    (home / ".ssh").mkdir(parents=True)
    (home / ".ssh" / "id_ed25519").write_bytes(key.read_bytes())
    (home / ".ssh" / "id_ed25519").chmod(0o600)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)


@needs_sshd
def test_a_server_that_does_not_know_the_key_is_said(
    local: RunRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    with ssh_server(tmp_path / "ssh") as (url, _):
        with pytest.raises(RemoteError, match="no credentials for sftp"):
            far(f"{url}{local.checkpoints}", local, tmp_path / "far")
        assert not (tmp_path / "far" / "results").exists()


@pytest.mark.torture
@needs("gcsfs", "gcp_storage_emulator")
def test_google_storage(local: RunRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with google_server() as url:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", url)
        server = Server(Address.of("gs://bucket/tiny"), QUICK)
        for path in local.checkpoints.rglob("*"):
            if path.is_file():
                server.put(f"bucket/tiny/{path.relative_to(local.checkpoints)}", path.read_bytes())
        equal_and_once("gs://bucket/tiny", local, tmp_path)
        monkeypatch.chdir(tmp_path)
        assert far("gs://bucket/tiny", local, "gs://bucket/report").computed
        page = (tmp_path / "report-report" / "index.html").read_bytes()
        assert b"".join(server.chunks("bucket/report/index.html", len(page))) == page
        (tmp_path / "report-report").rename(tmp_path / "lost")
        assert far("gs://bucket/tiny", local, "gs://bucket/report").computed == 0


@pytest.mark.torture
@needs("huggingface_hub")
def test_the_hub(local: RunRequest, tmp_path: Path) -> None:
    out = tmp_path / "far"
    with hub(local.checkpoints) as (url, asked):
        # The hub's library reads its address once, when it is imported.
        settings = environment() | {"HF_ENDPOINT": url, "HF_HOME": str(tmp_path / "home")}

        def told(address: str, place: Path) -> subprocess.CompletedProcess[str]:
            given = ["run", "-c", address, "-d", local.data, "-e", "spectrum", "--precision", "fp32", "--no-figures"]
            words = command([*given, "-o", place])
            return subprocess.run(words, env=settings, capture_output=True, text=True, check=False)

        first = told("hf://user/model", out)
        assert first.returncode == 0, first.stderr
        assert cells(out) == cells(local.out)
        fetched = [one for one in asked if one.startswith("GET /user/model/resolve/")]
        assert len({one for one in fetched if one.endswith(".ckpt")}) == 2
        assert len(fetched) == len(set(fetched)), "each file once"
        assert "0 cells computed" in told("hf://user/model", out).stderr
        assert [one for one in asked if one.startswith("GET /user/model/resolve/")] == fetched
        missing = told("hf://user/other", tmp_path / "none")
        assert missing.returncode == 2
        assert "hf://user/other" in missing.stderr
        assert "Traceback" not in missing.stderr
