"""Addresses that need no server: the same cells as a local run, a bounded cache, names that lead out, sentences."""

from pathlib import Path

import pytest

from swaveval.checkpoints import CheckpointRefused, LoadOptions
from swaveval.checkpoints.remote.address import Address, check_path, is_address
from swaveval.checkpoints.remote.errors import RemoteError
from swaveval.checkpoints.remote.listing import unfit
from swaveval.checkpoints.remote.server import Patience
from swaveval.checkpoints.remote.source import Fetched, Remote
from swaveval.runs.elsewhere import CacheOptions, bytes_of, local_out, places
from swaveval.runs.request import RunRequest
from swaveval.runs.run import run
from tests.field.around_runs import write_checkpoints
from tests.runs.test_executors import cells
from tests.tiny_images import write_images

fsspec = pytest.importorskip("fsspec", reason="needs fsspec (swaveval[remote])")
QUICK = Patience(tries=2, wait=0.01)


def source(url: str, cache: Path, size: int = 10**9) -> Remote:
    return Remote(url, Fetched(cache, size, ("run.json",), QUICK))


def test_a_directory_by_its_address_gives_the_same_cells(tmp_path: Path) -> None:
    images = write_images(tmp_path / "bars", per_class=8)
    here = write_checkpoints(tmp_path / "tiny" / "checkpoints", count=2)
    for given, out in ((str(here), "local"), (f"file://{here}", "far")):
        found = places(given, tmp_path / out, CacheOptions())
        outcome = run(
            RunRequest(
                checkpoints=found.checkpoints,
                out=found.out,
                source=found.source,
                data=str(images),
                evaluators=("knn", "drift"),
            )
        )
        assert not outcome.failed
    assert cells(tmp_path / "far") == cells(tmp_path / "local")


def test_the_cache_stays_within_its_size(tmp_path: Path) -> None:
    here = write_checkpoints(tmp_path / "tiny" / "checkpoints", count=4)
    one = max(path.stat().st_size for path in here.iterdir())
    found = source(f"file://{here}", tmp_path / "cache", 2 * one + 10)
    entries = found.entries()
    assert [entry.name for entry in entries] == [f"epoch={epoch}.ckpt" for epoch in range(1, 5)]
    found.expect(entries)
    for entry in entries:
        assert found.backbone(entry, LoadOptions()).report.file == f"file://{here}/{entry.name}"
        held = sum(path.stat().st_size for path in (tmp_path / "cache").rglob("*.ckpt"))
        assert 0 < held <= 2 * one + 10
    found.close()
    with pytest.raises(CheckpointRefused, match="--cache-size"):
        source(f"file://{here}", tmp_path / "small", one // 2).backbone(entries[0], LoadOptions())


def test_a_file_that_vanished_is_refused_alone(tmp_path: Path) -> None:
    here = write_checkpoints(tmp_path / "tiny" / "checkpoints", count=2)
    found = source(f"file://{here}", tmp_path / "cache")
    first, second = found.entries()
    (here / first.name).unlink()
    with pytest.raises(CheckpointRefused, match="vanished after it was listed"):
        found.backbone(first, LoadOptions())
    assert found.backbone(second, LoadOptions()).report.state == "ready"
    assert not found.complete()


def test_names_that_lead_out_are_never_written(tmp_path: Path) -> None:
    memory = fsspec.filesystem("memory")
    good = write_checkpoints(tmp_path / "tiny", count=1) / "epoch=1.ckpt"
    memory.store.clear()
    names = ("../out.ckpt", "a/../../out.ckpt", "/etc/out.ckpt", "new\nline.ckpt", f"{'long' * 100}.ckpt", "good.ckpt")
    for name in names:
        memory.pipe_file("/placeholder", good.read_bytes())
        memory.store[f"/hostile/run/{name}"] = memory.store["/placeholder"]
    memory.store.pop("/placeholder")
    before = {path for path in tmp_path.rglob("*") if "cache" not in path.parts}
    found = source("memory://hostile/run", tmp_path / "cache" / "deep")
    entries = {entry.name: entry for entry in found.entries()}
    assert found.backbone(entries["good.ckpt"], LoadOptions()).report.state == "ready"
    for name, entry in entries.items():
        if name != "good.ckpt" and "new" not in name:
            with pytest.raises(CheckpointRefused, match="its name"):
                found.backbone(entry, LoadOptions())
    assert {path for path in tmp_path.rglob("*") if "cache" not in path.parts} == before
    assert all("out.ckpt" not in path.name for path in tmp_path.rglob("*"))
    memory.store.clear()


def test_sentences(tmp_path: Path) -> None:
    with pytest.raises(RemoteError, match=r"there is no file://"):
        source(f"file://{tmp_path}/nothing", tmp_path / "cache").entries()
    with pytest.raises(RemoteError, match=r"nobody here speaks nonsense://"):
        source("nonsense://a/b", tmp_path / "cache").entries()
    with pytest.raises(RemoteError, match=r"one slash; write s3://"):
        check_path(Path("s3://bucket/run"))
    with pytest.raises(RemoteError, match="written to a directory of this machine"):
        local_out("s3://bucket/out")
    with pytest.raises(RemoteError, match="--cache-size takes a size"):
        bytes_of("much")
    assert bytes_of("1.5 GB") == 1_500_000_000
    assert is_address("s3://a")
    assert not is_address("runs/a")
    assert Address.of("sftp://me:secret@host/run").shown == "sftp://me:…@host/run"
    assert unfit("a/../b")
    assert not unfit("a/b")
