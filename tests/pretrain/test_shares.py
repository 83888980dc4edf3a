"""What each of several processes holds and knows, and what they are together."""

import pytest
import torch

from swaveval.pretrain.config import HardwareConfig, QueueConfig
from swaveval.pretrain.errors import ConfigError
from swaveval.pretrain.queue import EmbeddingQueue, joined, share
from swaveval.pretrain.ranks import check_launch, is_first_process

VARIABLES = (
    "RANK",
    "LOCAL_RANK",
    "GROUP_RANK",
    "NODE_RANK",
    "WORLD_SIZE",
    "MASTER_ADDR",
    "MASTER_PORT",
    "SLURM_PROCID",
    "SLURM_NTASKS",
    "SLURM_JOB_NAME",
    "TORCHELASTIC_RUN_ID",
)


@pytest.mark.parametrize("shares", [2, 3])
def test_shares_of_a_queue_are_the_queue_of_one_process(shares: int) -> None:
    """Batches dealt out as the sampler does it, over a queue that is no multiple of the batch."""
    config, draw = QueueConfig(size=30, start_epoch=0), torch.Generator().manual_seed(0)
    one = EmbeddingQueue(config, crops=2, dim=4)
    parts = [EmbeddingQueue(config, crops=2, dim=4, shares=shares) for _ in range(shares)]
    start = one.state()
    for rank, part in enumerate(parts):
        part.load(share(start, rank, of=shares))
    for _ in range(6):
        batch = [torch.randn(12, 4, generator=draw) for _ in range(2)]
        before = one.push(batch, 0)
        mine = [part.push([crop[rank::shares] for crop in batch], 0) for rank, part in enumerate(parts)]
        for rank, banks in enumerate(mine):
            assert (banks is None) == (before is None)
            if banks is not None and before is not None:
                assert all(torch.equal(bank, whole[rank::shares]) for bank, whole in zip(banks, before, strict=True))
    assert before is not None
    states = [part.state() for part in parts]
    whole = joined({name: torch.stack([state[name] for state in states]) for name in states[0]})
    assert whole.keys() == one.state().keys()
    assert all(torch.equal(whole[name], value) for name, value in one.state().items())


def environment(monkeypatch: pytest.MonkeyPatch, **given: str) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    for name, value in given.items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize(
    ("given", "first"),
    [
        ({}, True),
        ({"RANK": "0", "LOCAL_RANK": "0", "GROUP_RANK": "0"}, True),
        ({"RANK": "2", "LOCAL_RANK": "0", "GROUP_RANK": "1"}, False),
        ({"NODE_RANK": "0"}, True),
        ({"NODE_RANK": "1"}, False),
        ({"NODE_RANK": "0", "LOCAL_RANK": "1"}, False),
        ({"SLURM_PROCID": "0", "LOCAL_RANK": "1"}, False),  # started by the command within an allocation
        ({"SLURM_PROCID": "3"}, False),
    ],
)
def test_one_process_is_the_first(monkeypatch: pytest.MonkeyPatch, given: dict[str, str], first: bool) -> None:
    environment(monkeypatch, **given)
    assert is_first_process(HardwareConfig(devices=2, nodes=2)) is first
    assert is_first_process(HardwareConfig())


MEETING = {"MASTER_ADDR": "10.0.0.1", "MASTER_PORT": "29500"}


@pytest.mark.parametrize(
    ("given", "hardware", "word"),
    [
        ({}, {"nodes": 2}, "MASTER_ADDR, MASTER_PORT, NODE_RANK"),
        (MEETING, {"nodes": 2}, "--nodes 2, but NODE_RANK is not set"),
        (MEETING | {"NODE_RANK": "2"}, {"nodes": 2}, "ranks 0 to 1"),
        (MEETING | {"NODE_RANK": "one"}, {"nodes": 2}, "NODE_RANK is 'one'"),
        ({"TORCHELASTIC_RUN_ID": "1", "WORLD_SIZE": "4"}, {}, "torchrun started 4 processes, but --devices 1"),
        ({"SLURM_NTASKS": "1"}, {"devices": 2}, "Slurm started 1 task(s)"),
    ],
)
def test_an_environment_that_does_not_fit_is_a_sentence(
    monkeypatch: pytest.MonkeyPatch, given: dict[str, str], hardware: dict[str, int], word: str
) -> None:
    environment(monkeypatch, **given)
    with pytest.raises(ConfigError) as refused:
        check_launch(HardwareConfig(**hardware))
    assert word in str(refused.value)


@pytest.mark.parametrize(
    ("given", "hardware"),
    [
        (MEETING | {"NODE_RANK": "1"}, {"nodes": 2}),
        ({"TORCHELASTIC_RUN_ID": "1", "WORLD_SIZE": "4"}, {"devices": 2, "nodes": 2}),
        ({"SLURM_NTASKS": "4"}, {"devices": 2, "nodes": 2}),
        ({"SLURM_NTASKS": "4"}, {}),  # four tasks of one job may each train a run of their own
    ],
)
def test_an_environment_that_fits(
    monkeypatch: pytest.MonkeyPatch, given: dict[str, str], hardware: dict[str, int]
) -> None:
    environment(monkeypatch, **given)
    check_launch(HardwareConfig(**hardware))
