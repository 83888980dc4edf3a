"""Real clusters on this machine: several nodes of Ray, and Slurm's daemons, each in a directory of its own."""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

SLURM = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "scontrol")
CONFIGURATION = """
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller}
SlurmdPort={node}
AuthType=auth/munge
AuthInfo=socket={place}/munge.socket
CredType=cred/munge
SlurmUser=root
StateSaveLocation={place}/state
SlurmdSpoolDir={place}/spool
SlurmctldPidFile={place}/slurmctld.pid
SlurmdPidFile={place}/slurmd.pid
SlurmctldLogFile={place}/slurmctld.log
SlurmdLogFile={place}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SchedulerParameters=sched_interval=1,bf_interval=1,requeue_delay=1
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
ReturnToService=2
JobRequeue=1
MpiDefault=none
NodeName={host} NodeAddr=127.0.0.1 CPUs=2 State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


def path() -> str:
    """Where daemons lie, also for who is not root."""
    return os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])


def slurm_is_here() -> bool:
    return os.geteuid() == 0 and all(shutil.which(name, path=path()) for name in SLURM)


@contextmanager
def slurm(place: Path) -> Iterator[dict[str, str]]:
    """A controller and one node with two processors; gives the environment in which its commands find it."""
    for name in ("state", "spool"):
        (place / name).mkdir(parents=True)
    host = socket.gethostname().partition(".")[0]
    ports = [_free_port(), _free_port()]
    configuration = place / "slurm.conf"
    configuration.write_text(CONFIGURATION.format(host=host, controller=ports[0], node=ports[1], place=place))
    key = place / "munge.key"
    key.write_bytes(os.urandom(1024))
    key.chmod(0o600)
    environment = {"SLURM_CONF": str(configuration), "PATH": path()}
    munge = [f"--{name}={place / file}" for name, file in _MUNGE]
    daemons = (
        (["munged", "--force", "--foreground", *munge], ["munge", "-n", "-S", f"{place}/munge.socket"]),
        (["slurmctld", "-c", "-D"], ["sinfo"]),
        (["slurmd", "-D"], ["sinfo"]),
    )
    started: list[subprocess.Popen[bytes]] = []
    try:
        for command, answering in daemons:
            with (place / f"{command[0]}.out").open("wb") as said:
                started.append(
                    subprocess.Popen(command, env={**os.environ, **environment}, stdout=said, stderr=subprocess.STDOUT)
                )
            _until(lambda asked=answering: _call(asked, environment).returncode == 0, place)
        _until(lambda: b"idle" in _call(["sinfo", "--noheader"], environment).stdout, place)
        yield environment
    finally:
        _call(["scancel", "--user=root"], environment)
        for process in reversed(started):
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(20)
            process.kill()
            process.wait()


_MUNGE = (
    ("key-file", "munge.key"),
    ("socket", "munge.socket"),
    ("pid-file", "munged.pid"),
    ("log-file", "munged.log"),
    ("seed-file", "munge.seed"),
)


class RayNodes:
    """Nodes of Ray on this machine, each a raylet of its own."""

    def __init__(self, processors: int = 1) -> None:
        from ray.cluster_utils import Cluster

        self.cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": processors})
        self.address = self.cluster.address

    def add(self, processors: int = 1) -> object:
        return self.cluster.add_node(num_cpus=processors)

    def works(self, node: object) -> bool:
        """Whether all its processors are taken, as far as this process, which is connected, is told."""
        from ray._private.state import available_resources_per_node

        return available_resources_per_node().get(node.node_id, {"CPU": 1}).get("CPU", 0) < 1  # type: ignore[attr-defined]

    def kill(self, node: object) -> None:
        """At once, with everything it does."""
        self.cluster.remove_node(node, allow_graceful=False)

    def close(self) -> None:
        self.cluster.shutdown()


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "swaveval.cli.app", *map(str, arguments)]


def _call(arguments: list[str], environment: dict[str, str]) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(arguments, env={**os.environ, **environment}, capture_output=True, check=False, timeout=60)


def _until(what: object, place: Path, seconds: float = 60.0) -> None:
    assert callable(what)
    limit = time.monotonic() + seconds
    while not what():
        if time.monotonic() > limit:
            said = "\n".join(f"{log}: {log.read_text(errors='replace')[-500:]}" for log in place.glob("*.out"))
            pytest.fail(f"Slurm did not start: {said}")
        time.sleep(0.3)


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
