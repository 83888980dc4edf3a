"""The Lightning Trainer of a run, and what must be put back in place around it."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import pytorch_lightning as pl
import torch
from lightning_fabric.utilities.exceptions import MisconfigurationException

from swaveval.pretrain.config import HardwareConfig, Precision
from swaveval.pretrain.errors import ConfigError, Interrupted
from swaveval.pretrain.launcher import JointStrategy
from swaveval.pretrain.requeue import cluster
from swaveval.pretrain.series import AtomicCheckpointIO

_PRECISION: dict[Precision, Literal["32-true", "bf16-mixed", "16-mixed"]] = {
    "32": "32-true",
    "bf16": "bf16-mixed",
    "16": "16-mixed",
}


def make_trainer(
    hardware: HardwareConfig, epochs: int, callbacks: list[pl.Callback], out: Path, *, go_on: str = ""
) -> pl.Trainer:
    """A Trainer that only trains: no logger, no checkpoints but the callbacks' own, no bars.

    Args:
        hardware: where.
        epochs: of the whole training.
        callbacks: in this order.
        out: the run's directory; Lightning looks there for files of its own, and not where the command was called.
        go_on: what to do when one of several processes is lost.

    Raises:
        ConfigError: the machine has not what `hardware` asks for.
    """
    try:
        return pl.Trainer(
            accelerator=hardware.accelerator,
            devices=hardware.devices,
            num_nodes=hardware.nodes,
            strategy=JointStrategy(go_on) if hardware.processes > 1 else hardware.strategy,
            precision=_PRECISION[hardware.precision],
            max_epochs=epochs,
            callbacks=callbacks,
            plugins=[AtomicCheckpointIO(), *cluster()],
            default_root_dir=out,
            use_distributed_sampler=False,
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            num_sanity_val_steps=0,
        )
    except (MisconfigurationException, ValueError, RuntimeError) as error:
        raise ConfigError(
            f"hardware (accelerator {hardware.accelerator}, {hardware.devices} devices, {hardware.nodes} nodes, "
            f"strategy {hardware.strategy}, precision {hardware.precision}) is not available: {error}"
        ) from error


@contextmanager
def interruptible(trainer: pl.Trainer, out: Path) -> Iterator[None]:
    """Turn Lightning's way of ending on Ctrl-C or SIGTERM into `Interrupted`, and put the signal handler back."""
    before = signal.getsignal(signal.SIGINT)
    try:
        yield
    except (SystemExit, KeyboardInterrupt, RuntimeError) as error:
        # Within torch.save the file's own end fails over the Ctrl-C that cut it off.
        cut_off = isinstance(error, RuntimeError) and isinstance(error.__context__, KeyboardInterrupt)
        stopped = isinstance(error, SystemExit) and trainer.interrupted
        if not (isinstance(error, KeyboardInterrupt) or stopped or cut_off):
            raise
        raise Interrupted(
            f"stopped in epoch {trainer.current_epoch + 1}. Finished epochs are kept; "
            f"go on with: swaveval pretrain --resume --out {out}"
        ) from None
    finally:
        # Lightning ignores further Ctrl-C for the rest of the process.
        if before is not None and threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, before)


@contextmanager
def threads(count: int) -> Iterator[None]:
    """Let torch compute with `count` threads for as long as the block lasts."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
