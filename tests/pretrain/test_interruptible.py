"""However Ctrl-C arrives, a training ends with one sentence; what is no Ctrl-C goes its way."""

import warnings
from pathlib import Path

import pytest
import pytorch_lightning as pl

from swaveval.pretrain.errors import Interrupted
from swaveval.pretrain.trainer import interruptible


def trainer() -> pl.Trainer:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pl.Trainer(accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False)


def cut_off() -> None:
    """As torch.save does: its file's end fails over the Ctrl-C that cut it off."""
    try:
        raise KeyboardInterrupt
    finally:
        raise RuntimeError("unexpected pos 171712 vs 171608")


def test_a_ctrl_c_while_a_checkpoint_is_written_is_one(tmp_path: Path) -> None:
    with pytest.raises(Interrupted, match="stopped in epoch 1"), interruptible(trainer(), tmp_path):
        cut_off()


def test_an_error_of_its_own_stays_one(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="a real one"), interruptible(trainer(), tmp_path):
        raise RuntimeError("a real one")
