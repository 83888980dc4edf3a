"""What a plugin's process gives back, and what is made of a process that ends, again and again."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from swaveval.evaluators.contract import Skip
from swaveval.features.store import FeatureStore
from swaveval.results import Artifact, Metric
from swaveval.runs import plugin_process, plugins
from swaveval.runs.plugins import PluginFailure, PluginHost, PluginHosts, StoredFeatures
from swaveval.testing import synthetic_features
from tests.field.around_runs import write_plugin


@pytest.fixture
def hosts() -> Iterator[PluginHosts]:
    made = PluginHosts()
    yield made
    made.close()


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> StoredFeatures:
    return stored(tmp_path_factory.mktemp("features"), "backbone")


def stored(directory: Path, backbone: str) -> StoredFeatures:
    features = synthetic_features()
    FeatureStore(directory).put(backbone, "settings", "data", features)
    return StoredFeatures(directory, backbone, "settings", "data", images=len(features.train) + len(features.test))


def host(hosts: PluginHosts, path: Path, body: str, **more: str) -> PluginHost:
    return hosts[write_plugin(path / "mine.py", body, **more)]


def test_metrics_and_arrays_come_back_as_they_were_yielded(
    hosts: PluginHosts, tmp_path: Path, place: StoredFeatures
) -> None:
    body = """
        yield Metric("mine.a", 0.5, unit="share", ci95=(0.25, float("nan")), n=7, checkpoint="c" * 64)
        yield Artifact("mine.x", {"a": np.arange(6).reshape(2, 3), "b": np.array(["ä", "b"])}, checkpoint="d" * 64)
        yield Artifact("mine.y", {"a": features.train[:2]})
    """
    *metrics, x, y = host(hosts, tmp_path, body).evaluate([place], seed=0, checkpoint="a.pth")[:4]
    assert isinstance(x, Artifact)
    assert isinstance(y, Artifact)
    found = [metric for metric in metrics if isinstance(metric, Metric)]
    assert found[0].id == "mine.a"
    assert (found[0].value, found[0].unit, found[0].n, found[0].checkpoint) == (0.5, "share", 7, "c" * 64)
    assert found[0].ci95 is not None
    assert found[0].ci95[0] == 0.25
    assert np.isnan(found[0].ci95[1])
    assert found[1] == Metric("mine.value", 1.0)
    assert (x.id, x.checkpoint, y.id, y.checkpoint) == ("mine.x", "d" * 64, "mine.y", None)
    assert np.array_equal(x.arrays["a"], [[0, 1, 2], [3, 4, 5]])
    assert x.arrays["b"].tolist() == ["ä", "b"]
    assert np.array_equal(y.arrays["a"], synthetic_features().train[:2])


def test_it_is_called_with_the_seed_and_the_features(hosts: PluginHosts, tmp_path: Path, place: StoredFeatures) -> None:
    body = 'yield Metric("mine.seed", seed, "count")\nyield Metric("mine.n", len(features.train), "count")'
    found = host(hosts, tmp_path, body).evaluate([place], seed=11, checkpoint="a.pth")
    values = {item.id: item.value for item in found if isinstance(item, Metric)}
    assert values == {"mine.seed": 11.0, "mine.n": len(synthetic_features().train), "mine.value": 1.0}


def test_a_series_is_seen_whole_in_its_order(hosts: PluginHosts, tmp_path: Path) -> None:
    places = [stored(tmp_path / "features", name) for name in ("second", "first")]
    source = write_plugin(tmp_path / "mine.py")
    text = (tmp_path / "mine.py").read_text().replace("needs:", "over_series: ClassVar[bool] = True\n    needs:")
    told = 'yield Artifact("mine.told", {"digests": np.array(features.digests), "names": np.array(features.names)})'
    (tmp_path / "mine.py").write_text(text.replace('yield Metric("mine.value", 1.0)', told))
    assert hosts[source].describe()["over_series"] is True
    (told_,) = hosts[source].evaluate(places, seed=0, checkpoint="all checkpoints", names=("b.pth", "a.pth"))
    assert isinstance(told_, Artifact)
    assert told_.arrays["digests"].tolist() == ["second", "first"]
    assert told_.arrays["names"].tolist() == ["b.pth", "a.pth"]


def test_nothing_to_say_is_no_failure(hosts: PluginHosts, tmp_path: Path, place: StoredFeatures) -> None:
    body = 'from swaveval.evaluators.contract import Skip\nraise Skip("not today")'
    with pytest.raises(Skip, match="not today"):
        host(hosts, tmp_path, body).evaluate([place], seed=0, checkpoint="a.pth")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("raise ValueError('no')", "ValueError: no"),
        ("yield 7", "yielded a int, neither a Metric nor an Artifact"),
        ('yield Metric("mine.x", float("nan"), unit=object())', "."),
        ('yield Artifact("mine.x", {"a": np.array([object()])})', "."),
    ],
)
def test_what_a_plugin_does_wrong_is_its_own_failure(
    body: str, words: str, hosts: PluginHosts, tmp_path: Path, place: StoredFeatures
) -> None:
    made = host(hosts, tmp_path, f"if seed == 0:\n    {body}")
    with pytest.raises(PluginFailure, match=words):
        made.evaluate([place], seed=0, checkpoint="a.pth")
    assert made.evaluate([place], seed=1, checkpoint="b.pth") == (Metric("mine.value", 1.0),)  # the same process


def test_features_that_are_gone_are_said(hosts: PluginHosts, tmp_path: Path) -> None:
    gone = StoredFeatures(tmp_path / "nowhere", "backbone", "settings", "data", images=3)
    with pytest.raises(PluginFailure, match="the stored features are gone; run again"):
        host(hosts, tmp_path, "pass").evaluate([gone], seed=0, checkpoint="a.pth")


def starts(path: Path) -> int:
    return len(path.read_text()) if path.exists() else 0


def test_one_that_always_ends_is_given_up(hosts: PluginHosts, tmp_path: Path, place: StoredFeatures) -> None:
    log = tmp_path / "starts"
    made = host(hosts, tmp_path, "os._exit(3)", top=f"open({str(log)!r}, 'a').write('x')")
    reasons = []
    while not reasons or "not tried again" not in reasons[-1]:
        with pytest.raises(PluginFailure) as failure:
            made.evaluate([place], seed=0, checkpoint=f"{len(reasons)}.pth")
        reasons.append(str(failure.value))
        assert len(reasons) < 10
    assert "mine.py:Mine ended its process on 0.pth" in reasons[0]
    assert "it left with exit status 3" in reasons[0]
    before = starts(log)
    assert before > 1  # a fresh process each time
    assert f"after {before} such ends it is not tried again in this run" in reasons[-1]
    with pytest.raises(PluginFailure, match="not tried again"):
        made.describe()
    assert starts(log) == before


def test_time_for_a_call_grows_with_the_images(
    hosts: PluginHosts, tmp_path: Path, place: StoredFeatures, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second, and a thousandth for each of a thousand images."""
    monkeypatch.setattr(plugins, "SECONDS", 1.0)
    monkeypatch.setattr(plugins, "SECONDS_PER_IMAGE", 0.001)
    made = host(hosts, tmp_path, "while seed == 0: pass")
    assert made.evaluate([place], seed=1, checkpoint="a.pth")
    with pytest.raises(PluginFailure, match=r"gave no answer within 2 seconds on b\.pth and was ended"):
        made.evaluate([replace(place, images=1000)], seed=0, checkpoint="b.pth")


def test_an_answer_between_makes_the_ends_few_again(hosts: PluginHosts, tmp_path: Path, place: StoredFeatures) -> None:
    made = host(hosts, tmp_path, "if seed == 0: os._exit(3)")
    for _ in range(4):
        with pytest.raises(PluginFailure, match="exit status 3"):
            made.evaluate([place], seed=0, checkpoint="a.pth")
        assert made.evaluate([place], seed=1, checkpoint="b.pth") == (Metric("mine.value", 1.0),)


def test_one_process_for_each_plugin_until_it_is_closed(hosts: PluginHosts, tmp_path: Path) -> None:
    log = tmp_path / "pids"
    source = write_plugin(tmp_path / "mine.py", top=f"import os; open({str(log)!r}, 'a').write(f'{{os.getpid()}} ')")
    assert hosts[source] is hosts[source]
    for _ in range(3):
        assert hosts[source].describe()["name"] == "mine"
    assert len(set(log.read_text().split())) == 1
    hosts.close()
    hosts.close()
    assert hosts[source].describe()["name"] == "mine"
    assert len(set(log.read_text().split())) == 2


def test_the_memory_that_can_be_had_is_what_the_system_says() -> None:
    """Never more than the machine has, and something on one that runs this test."""
    lines = Path("/proc/meminfo").read_text().splitlines()
    total = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemTotal:"))
    assert 2**26 < plugin_process._free_memory() <= total


CONTRADICTIONS = {
    "whose lower end is above its upper one": "0.5, ci95=(0.8, 0.2)",
    "does not hold its value 0.9": "0.9, ci95=(0.1, 0.2)",
    "called a fraction": "1.7",
    "within bounds": "0.5, bounds=(0, 1), ci95=(-0.5, 0.6)",
    "outside its bounds": "1.7, unit='ratio', bounds=(0, 1)",
}


@pytest.mark.parametrize("words", CONTRADICTIONS)
def test_numbers_that_contradict_one_another_are_no_result(
    hosts: PluginHosts, tmp_path: Path, place: StoredFeatures, words: str
) -> None:
    """An interval (0.8, 0.2) was shown as `50.0 ±-30.0`, a fraction of 1.7 as 170 %."""
    own = host(hosts, tmp_path, f'yield Metric("mine.a", {CONTRADICTIONS[words]})')
    with pytest.raises(PluginFailure, match=words):
        own.evaluate([place], seed=0, checkpoint="a.pth")


def test_numbers_of_numpy_are_numbers(hosts: PluginHosts, tmp_path: Path, place: StoredFeatures) -> None:
    body = """
        yield Metric("mine.a", np.float32(0.25), ci95=(np.float32(0.125), np.float64(0.5)), n=np.int64(4),
                     bounds=(np.int32(0), np.float16(1)))
        yield Metric("mine.b", np.float32("nan"), unit="nats")
    """
    a, b, _ = host(hosts, tmp_path, body).evaluate([place], seed=0, checkpoint="a.pth")
    assert a == Metric("mine.a", 0.25, ci95=(0.125, 0.5), n=4, bounds=(0, 1))
    assert isinstance(b, Metric)
    assert np.isnan(b.value)
