"""Checkpoints in a bucket of a real S3-speaking server, through one that spoils answers: the cells of a local run."""

from pathlib import Path

import pytest
import torch

from swaveval.checkpoints.remote.server import Patience
from swaveval.results import Series
from swaveval.runs.elsewhere import CacheOptions, places
from swaveval.runs.outcome import RunOutcome
from swaveval.runs.request import RunRequest
from swaveval.runs.run import run
from tests.checkpoints.in_pieces import PIECES
from tests.field.around_runs import write_checkpoints
from tests.remote.faulting import Faulting, Spoil
from tests.runs.test_executors import cells
from tests.tiny_images import write_images

pytest.importorskip("s3fs", reason="needs s3fs (swaveval[s3])")
pytest.importorskip("moto.server", reason="needs moto[server]")
boto3 = pytest.importorskip("boto3", reason="needs boto3, which moto brings")

URL = "s3://bucket/runs/tiny/checkpoints"
QUICK = Patience(tries=5, wait=0.01, connect=5, read=1)
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


def upload(server: str, directory: Path) -> None:
    client = boto3.client("s3", endpoint_url=server)
    client.create_bucket(Bucket="bucket")
    for old in client.list_objects_v2(Bucket="bucket").get("Contents", ()):
        client.delete_object(Bucket="bucket", Key=old["Key"])
    for path in sorted(directory.rglob("*")):
        if path.is_file():
            client.put_object(Bucket="bucket", Key=f"runs/tiny/{path.relative_to(directory)}", Body=path.read_bytes())


def series(place: Path, count: int) -> Path:
    write_checkpoints(place / "checkpoints", count=count)
    rows = "".join(f"{epoch},{10 * (epoch + 1)},{3 - epoch / 50}\n" for epoch in range(count))
    (place / "metrics.csv").write_text("epoch,step,train_loss\n" + rows)
    return place


def in_pieces(place: Path, kind: str) -> Path:
    """A series of checkpoints that are several files each."""
    series(place, 3)
    for path in sorted((place / "checkpoints").iterdir()):
        content = torch.load(path, weights_only=True)
        path.unlink()
        PIECES[kind](content, path)
    return place


def evaluate(given: str | Path, out: Path, images: Path, size: str = "20GB", jobs: int = 1) -> RunOutcome:
    found = places(given, out, CacheOptions(None, size, QUICK))
    return run(
        RunRequest(
            checkpoints=found.checkpoints,
            out=out,
            source=found.source,
            data=str(images),
            evaluators=("knn", "drift"),
            jobs=jobs,
        )
    )


def compared(server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: int, spoil: Spoil) -> Faulting:
    """A run through the proxy is the local run; a second one fetches nothing."""
    images = write_images(tmp_path / "bars", per_class=8)
    here = series(tmp_path / "tiny", count)
    upload(server, here)
    proxy = Faulting(server, spoil)
    monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
    try:
        assert not evaluate(here / "checkpoints", tmp_path / "local", images).failed
        outcome = evaluate(URL, tmp_path / "far", images)
        assert not outcome.failed
        assert not outcome.unusable
        assert cells(tmp_path / "far") == cells(tmp_path / "local")
        local, far = Series.load(tmp_path / "local").manifest, Series.load(tmp_path / "far").manifest
        assert [one.name for one in far.checkpoints] == [one.name for one in local.checkpoints]
        assert sum(one.kind == "checkpoint" and one.state == "ready" for one in far.checkpoints) == count
        assert far.loss == local.loss
        assert far.loss is not None
        assert (far.name, far.source) == ("tiny", URL)
        assert "cache/remote" not in far.checkpoints[0].load["file"]
        before = proxy.requests["GET object"]
        assert before >= count + 1
        assert evaluate(URL, tmp_path / "far", images).computed == 0
        assert proxy.requests["GET object"] == before
    finally:
        proxy.close()
    return proxy


@pytest.mark.usefixtures("credentials")
@pytest.mark.parametrize(
    "fault",
    ["", "503", "cut", "lie", *(pytest.param(one, marks=pytest.mark.torture) for one in ("500", "drop", "slow"))],
)
def test_a_bucket_gives_the_cells_of_a_directory(
    fault: str, server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def spoil(number: int, method: str, path: str) -> str:
        return fault if method == "GET" and number % 4 == 0 and not (fault == "lie" and "list-type" in path) else ""

    proxy = compared(server, tmp_path, monkeypatch, 3, spoil)
    assert not fault or proxy.faults[fault] >= 1


@pytest.mark.usefixtures("credentials")
@pytest.mark.parametrize("kind", [pytest.param("safetensors", marks=pytest.mark.torture), "fsdp"])
def test_checkpoints_in_pieces_through_two_worker_processes(
    kind: str, server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every piece is fetched once, whichever worker reads it, through a server that fails every fourth request."""
    images, here = write_images(tmp_path / "bars", per_class=8), in_pieces(tmp_path / "tiny", kind)
    upload(server, here)
    proxy = Faulting(server, lambda number, method, path: "" if number % 4 else "503")
    monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
    try:
        assert not evaluate(here / "checkpoints", tmp_path / "local", images).failed
        outcome = evaluate(URL, tmp_path / "far", images, jobs=2)
        assert not outcome.failed
        assert not outcome.unusable
        assert cells(tmp_path / "far") == cells(tmp_path / "local")
        before = proxy.requests["GET object"]
        assert evaluate(URL, tmp_path / "far", images, jobs=2).computed == 0
        assert proxy.requests["GET object"] == before
    finally:
        proxy.close()
    local, far = Series.load(tmp_path / "local").manifest, Series.load(tmp_path / "far").manifest
    ready = [one.name for one in far.checkpoints if one.kind == "checkpoint" and one.state == "ready"]
    assert ready == [one.name for one in local.checkpoints if one.kind == "checkpoint"]
    assert len(ready) == 3


@pytest.mark.torture
@pytest.mark.usefixtures("credentials")
def test_forty_checkpoints_through_a_server_that_fails_every_tenth_request(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = compared(server, tmp_path, monkeypatch, 40, lambda number, method, path: "" if number % 10 else "503")
    print("requests", dict(proxy.requests), "faults", dict(proxy.faults))
    assert proxy.faults["503"] >= 4


@pytest.mark.usefixtures("credentials")
def test_a_checkpoint_that_always_lies_is_left_out_and_the_rest_evaluated(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = write_images(tmp_path / "bars", per_class=8)
    upload(server, series(tmp_path / "tiny", 3))
    proxy = Faulting(server, lambda number, method, path: "lie" if method == "GET" and "epoch%3D2.ckpt" in path else "")
    monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
    try:
        outcome = evaluate(URL, tmp_path / "far", images)
    finally:
        proxy.close()
    assert len(outcome.unusable) == 1
    assert "does not match its etag" in outcome.unusable[0][1]
    assert (
        sum(one.evaluated for one in Series.load(tmp_path / "far").manifest.checkpoints if one.kind == "checkpoint")
        == 2
    )
