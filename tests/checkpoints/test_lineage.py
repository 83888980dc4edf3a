"""Trainings are told apart by weights alone, and a true one never is: against chains whose descent is known."""

import numpy as np
import pytest
import torch
from torch import nn

from swaveval.checkpoints.lineage import Descent, Sample, descent, goes_on, sample
from swaveval.checkpoints.loading import load
from tests.field.series_files import File, write

LAYERS = {"stem": 300, "middle": 600, "last": 450}


def chain(
    seed: int, count: int, *, kept: float, start: int | None = None, forgets: bool = True, begin: Sample | None = None
) -> list[Sample]:
    """A training: each checkpoint keeps the share `kept` (as a cosine) of the one before it."""
    begins, random = np.random.default_rng(start if start is not None else seed), np.random.default_rng(100 + seed)
    weights = dict(begin) if begin else {name: begins.normal(size=size) for name, size in LAYERS.items()}
    found = []
    for _ in range(count):
        found.append({name: values.astype(np.float32) for name, values in weights.items()})
        change = np.sqrt(1 - kept**2)
        share = kept if forgets else 1.0
        weights = {name: share * v + change * random.normal(size=v.size) for name, v in weights.items()}
    return found


def woven(*runs: list[Sample]) -> list[Sample]:
    return [files for together in zip(*runs, strict=False) for files in together]


@pytest.mark.parametrize("kept", [0.0, 0.05, 0.3, 0.6, 0.9, 0.99, 0.9999])
@pytest.mark.parametrize("forgets", [True, False])
@pytest.mark.parametrize("seed", range(3))
def test_one_training_is_one_at_any_learning_rate(kept: float, forgets: bool, seed: int) -> None:
    assert descent(chain(seed, 12, kept=kept, forgets=forgets)).kind == ""


@pytest.mark.parametrize("kept", [0.6, 0.9, 0.99, 0.9999])
def test_two_starts_woven_into_each_other_are_two(kept: float) -> None:
    found = descent(woven(chain(0, 6, kept=kept), chain(1, 6, kept=kept)))
    assert (found.groups, found.kind) == (((0, 2, 4, 6, 8, 10), (1, 3, 5, 7, 9, 11)), "woven")


def test_a_lone_stranger_between_is_found_and_one_at_either_end_is_not() -> None:
    files, other = chain(0, 5, kept=0.95), chain(1, 1, kept=0.95)
    assert descent([*files[:2], *other, *files[2:]]) == Descent(((0, 1, 3, 4, 5), (2,)), "woven", (0, 2, 3))
    assert descent([*other, *files]).kind == ""  # an untrained network that is not this run's own
    assert descent([*files, *other]).kind == ""


def test_two_trainings_from_one_start_part() -> None:
    first = chain(0, 8, kept=0.95, start=7)
    found = descent(woven(first, chain(1, 8, kept=0.95, start=7)))
    assert found.kind == "parted"
    for group in found.groups:
        assert len({position % 2 for position in group}) == 1
        assert len(group) >= 6


def test_one_training_after_the_other_starts_anew() -> None:
    assert descent(chain(0, 4, kept=0.95) + chain(1, 4, kept=0.95)).example == (3, 4)
    # So quick a change all along is a learning rate.
    assert descent(chain(0, 4, kept=0.05) + chain(1, 4, kept=0.05)).kind == ""


def test_noise_that_comes_and_goes_is_no_other_training() -> None:
    """Snapshots at the ends and in the middle of a cyclic learning rate."""
    steady, noise = chain(0, 10, kept=0.999), np.random.default_rng(5)
    loud = [{name: v + 2 * noise.normal(size=v.size).astype(np.float32) for name, v in s.items()} for s in steady]
    assert descent([(loud if i % 2 else steady)[i] for i in range(10)]).kind == ""


def test_averages_restarts_and_frozen_layers_are_one_training() -> None:
    files = chain(0, 8, kept=0.9)
    averaged = [
        {name: np.mean([s[name] for s in files[: i + 1]], axis=0) for name in LAYERS} for i in range(len(files))
    ]
    assert descent(averaged).kind == ""  # an exponential or a plain average (EMA, SWA) at each epoch
    assert descent([*files, averaged[-1]]).kind == ""
    assert descent([*files[:5], *chain(2, 5, kept=0.9, begin=files[2])[1:]]).kind == ""  # went on from an earlier one
    still = [s | {"embedding": files[0]["stem"], "grid": files[0]["last"]} for s in files]
    assert descent(still).kind == ""
    both = woven(
        [s | {"grid": files[0]["last"]} for s in files], [s | {"grid": files[0]["last"]} for s in chain(1, 8, kept=0.9)]
    )
    assert descent(both).kind == "woven"


class Tiny(nn.Sequential):
    def __init__(self) -> None:
        super().__init__(
            nn.Conv2d(1, 16, 3), nn.BatchNorm2d(16), nn.ReLU(), nn.Conv2d(16, 16, 3), nn.BatchNorm2d(16), nn.ReLU(),
            nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 10),
        )  # fmt: skip


def trained(seed: int, rate: float, *, order: int) -> list[Sample]:
    """Real checkpoints, every ten steps; `rate` 1 forgets its start within a few."""
    from sklearn.datasets import load_digits

    bunch = load_digits()
    pixels = torch.tensor(bunch.images[:256, None], dtype=torch.float32) / 16
    labels = torch.tensor(bunch.target[:256])
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = Tiny()
    optimiser = torch.optim.SGD(network.parameters(), rate, momentum=0.9, weight_decay=1e-2)
    draws = torch.Generator().manual_seed(order)
    found = []
    for step in range(80):
        if step % 10 == 0:
            found.append(
                {n: v.detach().flatten().numpy().copy() for n, v in network.state_dict().items() if v.ndim > 1}
            )
        batch = torch.randint(256, (32,), generator=draws)
        optimiser.zero_grad()
        nn.functional.cross_entropy(network(pixels[batch]), labels[batch]).backward()
        optimiser.step()
    return found


@pytest.mark.parametrize("rate", [0.001, 0.05, 1.0])
def test_real_trainings(rate: float) -> None:
    runs = [trained(seed, rate, order=seed) for seed in (0, 1)]
    assert [descent(run).kind for run in runs] == ["", ""]
    assert descent([runs[1][0], *runs[0][1:]]).kind == ""  # another untrained network at step 0
    if rate < 1:
        assert descent(woven(*runs)).kind == "woven"


def test_real_trainings_of_one_seed_part() -> None:
    one, other = trained(0, 0.05, order=0), trained(0, 0.2, order=1)
    assert descent(woven(one, other)).kind == "parted"


def test_the_same_places_are_looked_at_in_every_file(tmp_path) -> None:  # type: ignore[no-untyped-def]
    write(tmp_path, [File("1.pth", 1, width=32), File("2.pth", 2, width=32)])
    first, second = (sample(load(tmp_path / f"{i}.pth")) for i in (1, 2))
    assert first.keys() == second.keys()
    assert sum(len(values) for values in first.values()) <= 30_000
    state = torch.load(tmp_path / "1.pth", weights_only=True)
    name = max(first, key=lambda key: state[f"backbone.{key}"].numel())
    assert np.isin(first[name], state[f"backbone.{name}"].numpy()).all()
    for key, values in first.items():
        moved = second[key] - values  # of the line the files lie on
        expected = (
            torch.load(tmp_path / "2.pth", weights_only=True)[f"backbone.{key}"] - state[f"backbone.{key}"]
        ).numpy()
        assert np.std(moved) == pytest.approx(np.std(expected), rel=0.2)


@pytest.mark.parametrize("kept", [0.4, 0.6, 0.9, 0.99, 0.9999])
@pytest.mark.parametrize("forgets", [True, False])
@pytest.mark.parametrize("seed", range(3))
def test_a_training_goes_on_in_its_order_and_in_no_other(kept: float, forgets: bool, seed: int) -> None:
    files = chain(seed, 9, kept=kept, forgets=forgets)
    assert goes_on(files)
    assert not goes_on([files[i] for i in np.random.default_rng(seed).permutation(9)])


@pytest.mark.parametrize("steps", [1, 3, 12])
@pytest.mark.parametrize("kept", [0.6, 0.9, 0.99])
def test_models_of_several_settings_or_seeds_do_not_go_on(kept: float, steps: int) -> None:
    assert not goes_on([chain(seed, steps + 1, kept=kept, start=7)[-1] for seed in range(6)])
    assert not goes_on([chain(seed, steps + 1, kept=kept)[-1] for seed in range(6)])


def test_too_few_files_and_files_that_never_move_show_nothing() -> None:
    files = chain(0, 2, kept=0.9)
    assert not goes_on([])
    assert not goes_on(files)
    assert not goes_on([files[0]] * 5)
    with np.errstate(all="raise"):
        assert not goes_on([files[0]] * 3 + [files[1]])
