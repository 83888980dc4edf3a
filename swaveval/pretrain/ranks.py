"""Which of a training's processes this one is, from what launchers put into the environment."""

import os
import sys
from pathlib import Path

from swaveval.pretrain.config import HardwareConfig
from swaveval.pretrain.errors import ConfigError

LAUNCHED = "SWAVEVAL_LAUNCHED_BY"  # set for processes that the command itself started; the mark of their parent
_RANKS = ("RANK", "SLURM_PROCID", "NODE_RANK", "GROUP_RANK", "LOCAL_RANK")
_MEETING = ("MASTER_ADDR", "MASTER_PORT", "NODE_RANK")


def is_first_process(hardware: HardwareConfig) -> bool:
    """Whether this is the only process of the training or its rank 0, which alone writes and speaks."""
    return hardware.processes == 1 or not any(number(name) for name in _RANKS)


def is_launched() -> bool:
    """Whether another process of the same command started this one, and speaks for it."""
    return LAUNCHED in os.environ


def check_launch(hardware: HardwareConfig) -> None:
    """Raise unless the environment fits the number of devices and machines.

    Raises:
        ConfigError: torchrun started another number of processes, or the machines are not told how to meet.
    """
    devices, nodes, processes = hardware.devices, hardware.nodes, hardware.processes
    if "TORCHELASTIC_RUN_ID" in os.environ:
        started = number("WORLD_SIZE")
        if started != processes:
            raise ConfigError(
                f"torchrun started {started} processes, but --devices {devices} and --nodes {nodes} make {processes}; "
                "give --devices its --nproc-per-node and --nodes its --nnodes"
            )
        return
    if slurm_step():
        started = number("SLURM_NTASKS")
        if processes > 1 and started != processes:
            raise ConfigError(
                f"Slurm started {started} task(s), but --devices {devices} and --nodes {nodes} make {processes} "
                "processes; start it with srun, and give --devices its --ntasks-per-node and --nodes its --nodes"
            )
        return
    if devices > 1 and not (is_launched() or "LOCAL_RANK" in os.environ or _can_start_again()):
        raise ConfigError(
            f"--devices {devices} starts the command or script once for each device, and this is neither (python -c, a "
            "notebook or a prompt); call it from a file"
        )
    if nodes == 1:
        return
    missing = [name for name in _MEETING if not os.environ.get(name)]
    if missing:
        raise ConfigError(
            f"--nodes {nodes}, but {', '.join(missing)} is not set in the environment; start the command once on each "
            "machine with MASTER_ADDR and MASTER_PORT of the first one and NODE_RANK 0, 1 …, or by torchrun or srun "
            "(docs/scale.md)"
        )
    wrong = [name for name in _MEETING[1:] if not os.environ[name].isdigit()]
    if wrong:
        raise ConfigError(f"{wrong[0]} is {os.environ[wrong[0]]!r} in the environment; it takes a whole number")
    if number("NODE_RANK") >= nodes:
        raise ConfigError(f"NODE_RANK is {number('NODE_RANK')}, but --nodes {nodes} has the ranks 0 to {nodes - 1}")


def _can_start_again() -> bool:
    return getattr(sys.modules["__main__"], "__spec__", None) is not None or Path(sys.argv[0]).is_file()


def slurm_step() -> bool:
    """Whether Lightning takes this process for one that srun started."""
    return "SLURM_NTASKS" in os.environ and os.environ.get("SLURM_JOB_NAME") not in ("bash", "interactive")


def number(name: str) -> int:
    """What a launcher put into the environment; 0 where it is not there."""
    value = os.environ.get(name, "")
    return int(value) if value.isdigit() else 0
