"""Small and read-only file systems, mounted for real: a full disk, /dev/shm of 1 MB, a cluster's installation."""

import importlib.util
import shlex
import subprocess
from pathlib import Path

import pytest
from around_runs import bars, checkpoint, command, environment, evaluated, spoilt, table

pytestmark = pytest.mark.torture

MOUNTED = ["unshare", "-m", "bash", "-ec"]


def mounts() -> bool:
    """Whether this process may mount file systems in a name space of its own (root in most containers may not)."""
    try:
        return subprocess.run([*MOUNTED, "mount -t tmpfs tmpfs /mnt"], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


needs_mounts = pytest.mark.skipif(not mounts(), reason="file systems may not be mounted here (unshare -m)")


def mounted(script: str, arguments: list[object]) -> subprocess.CompletedProcess[str]:
    line = f"{script}; exec {shlex.join(command(arguments))}"
    return subprocess.run([*MOUNTED, line], env=environment(), capture_output=True, text=True, check=False, timeout=300)


@needs_mounts
def test_a_full_disk_and_the_same_command_once_there_is_room(spoilt: Path, bars: Path, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    arguments: list[object] = ["run", "-c", spoilt / "checkpoints", "-d", bars, "-e", "knn", "-o", disk / "out"]
    again = shlex.join(command(arguments))
    finished = mounted(
        f"mount -t tmpfs -o size=200k tmpfs {disk}; {again} && exit 9; mount -o remount,size=100m {disk}", arguments
    )
    assert finished.returncode == 0, finished.stderr
    assert finished.stderr.count("swaveval: ") == 1
    assert "swaveval: no space is left" in finished.stderr


@needs_mounts
def test_little_shared_memory_costs_the_workers_only(bars: Path, tmp_path: Path) -> None:
    """1 MB of /dev/shm and `--workers 2`: 113 lines of traceback, it was."""
    arguments: list[object] = ["pretrain", "-d", bars, "-o", tmp_path / "run", "--epochs", 1, "--workers", 2]
    arguments += ["--backbone", "resnet10", "--width", 8]
    finished = mounted("mount -t tmpfs -o size=1m tmpfs /dev/shm", arguments)
    assert finished.returncode == 0, finished.stderr
    assert "/dev/shm has 1 MiB left" in finished.stderr + finished.stdout
    assert (tmp_path / "run" / "checkpoints" / "last.ckpt").exists()


@needs_mounts
def test_maps_are_made_where_neither_installation_nor_home_can_be_written(
    checkpoint: Path, bars: Path, tmp_path: Path
) -> None:
    """umap failed with numba's own words."""
    found = importlib.util.find_spec("umap")
    assert found is not None
    packages, home, out = Path(str(found.origin)).parents[1], tmp_path / "home", tmp_path / "out"
    home.mkdir()
    script = f"mount --bind {packages} {packages}; mount -o remount,ro,bind {packages}; "
    script += f"mount -t tmpfs -o ro tmpfs {home}; touch {packages}/x 2>/dev/null && exit 9; export HOME={home}"
    finished = mounted(script, ["run", "-c", checkpoint, "-d", bars, "-e", "umap", "-o", out])
    assert finished.returncode == 0, finished.stderr
    assert {row["status"] for row in table(out) if row["evaluator"] == "umap"} == {"ok"}
