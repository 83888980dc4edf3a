"""A plugin can spoil nothing but its own cells: not another's numbers, not the run, not the process."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from around_runs import bars, evaluate, evaluated, spoilt, swaveval, table, values, write_plugin

from swaveval.evaluators.registry import PluginError
from swaveval.features.store import FeatureStore
from swaveval.results import Metric
from swaveval.runs import plugins
from swaveval.runs.plugins import PluginFailure, PluginHost, StoredFeatures
from swaveval.runs.specs import make_specs, split_names
from swaveval.testing import synthetic_features


def reasons(result: dict[str, object], name: str) -> list[str]:
    failed = result["failed"]
    assert isinstance(failed, list)
    assert {evaluator for evaluator, _, _ in failed} <= {name}, failed
    return [reason for _, _, reason in failed]


WRITES = {
    "train": "features.train[:] = 0",
    "test": "features.test += 1",
    "labels": "features.train_labels[:] = 0",
    "index": "features.test_index[0] = 5",
    "views": "features.views.features[:] = 0",
    "all": "features.all[:] = 0",
    "neighbours": "features.test_neighbours(3).index[:] = 0",
    "similarity": "features.train_neighbours(3).similarity.sort()",
}
ENDS = {
    "sys.exit": ("sys.exit(0)", "SystemExit"),
    "os._exit": ("os._exit(0)", "exit status 0"),
    "segfault": ("import ctypes; ctypes.string_at(0)", "SIGSEGV"),
    "killed": ("import signal; os.kill(os.getpid(), signal.SIGKILL)", "SIGKILL"),
    "abort": ("os.abort()", "SIGABRT"),
    "interrupt": ("raise KeyboardInterrupt", "KeyboardInterrupt"),
    "memory": ("held = np.ones(1 << 40)", "MemoryError"),
}
STATE = """
np.random.seed(0); np.seterr(all="raise"); np.set_printoptions(precision=1)
import torch, warnings, random; torch.set_num_threads(1); torch.manual_seed(7); torch.set_default_dtype(torch.float64)
random.seed(1); warnings.simplefilter("error"); os.environ["OMP_NUM_THREADS"] = "x"; os.chdir("/")
import threading; threading.Thread(target=time.sleep, args=(1000,)).start()
import swaveval.features.neighbours as n; n.nearest = None
print("to stdout"); sys.stdout = None
"""


@pytest.mark.parametrize("what", sorted(WRITES))
def test_features_cannot_be_written_to(what: str) -> None:
    """Every array that a plugin can reach is read-only, in this process too (case: 191 of 194 later numbers wrong)."""
    features = synthetic_features()
    before = (np.array(features.train), np.array(features.test))
    with pytest.raises(ValueError, match="read-only"):
        exec(WRITES[what], {"features": features})
    assert np.array_equal(before[0], features.train)
    assert np.array_equal(before[1], features.test)


@pytest.mark.parametrize("what", sorted(ENDS))
def test_nothing_a_plugin_does_ends_more_than_its_process(what: str, tmp_path: Path) -> None:
    """The reason says how it ended; the same host answers for another plugin's features afterwards."""
    store = FeatureStore(tmp_path / "features")
    features = store.put("backbone", "settings", "data", synthetic_features())
    place = StoredFeatures(store.directory, "backbone", "settings", "data", images=len(features.train))
    body, word = ENDS[what]
    host = PluginHost(write_plugin(tmp_path / "ends.py", f"if seed == 0:\n    {body}"))
    try:
        with pytest.raises(PluginFailure, match=word):
            host.evaluate([place], seed=0, checkpoint="epoch=1.ckpt")
        (metric,) = host.evaluate([place], seed=1, checkpoint="epoch=2.ckpt")
    finally:
        host.close()
    assert metric == Metric("mine.value", 1.0)


def test_a_plugin_costs_its_own_cells_and_changes_no_number(spoilt: Path, bars: Path, tmp_path: Path) -> None:
    """Plugins of several kinds in one run: each is its own error, all else is what it is without them."""
    bodies = {
        "dies": ("import ctypes; ctypes.string_at(0)", "SIGSEGV"),
        "writes": ("features.train[:] = 0", "read-only"),
        "takes": ('yield Metric("knn.top1", 0.0)', "belongs to knn"),
        "artifact": ('yield Artifact("data.labels", {"label": np.zeros(3)})', "belongs to data"),
        "state": (STATE, ""),
        "knn": ("pass", "calls itself 'knn'"),
    }
    asked: list[str] = []
    for name, (body, _) in bodies.items():
        asked += ["--evaluator", write_plugin(tmp_path / f"{name}_file.py", body, name=name)]
    before = values(spoilt / "report", "knn", "spectrum")
    out = tmp_path / "report"
    result = evaluate(spoilt / "checkpoints" / "epoch=2.ckpt", bars, *asked, "--out", out, code=1)
    failed = {evaluator: reason for evaluator, _, reason in result["failed"]}
    assert set(failed) == {"dies", "writes", "takes", "artifact", "Mine"}
    for name, (_, word) in bodies.items():
        assert word in failed.get({"knn": "Mine"}.get(name, name), ""), failed
    after = values(out, "knn", "spectrum")
    shared = {place: value for place, value in before.items() if place in after}
    assert len(shared) >= 12
    assert {place: after[place] for place in shared} == shared
    assert set(values(out, "state").values()) == {"1.0"}


def test_a_hanging_plugin_is_ended_and_said(tmp_path: Path) -> None:
    """No processor time, no answer: its process and what it started are ended, and it is not asked again."""
    source = write_plugin(tmp_path / "hangs.py", top="import time; time.sleep(10**6)")
    host = PluginHost(source)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plugins, "IDLE_SECONDS", 1.0)
        with pytest.raises(PluginFailure, match=r"used no processor time for 1 seconds while it was imported"):
            host.describe()
        with pytest.raises(PluginFailure, match="not tried again in this run"):
            host.describe()


def test_a_busy_plugin_has_a_limit_too(tmp_path: Path) -> None:
    host = PluginHost(write_plugin(tmp_path / "spins.py", top="while True: pass"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plugins, "IMPORT_SECONDS", 2.0)
        with pytest.raises(PluginFailure, match="gave no answer within 2 seconds"):
            host.describe()


@pytest.mark.torture
def test_a_plugin_over_the_series_and_one_with_two_of_an_id(spoilt: Path, bars: Path, tmp_path: Path) -> None:
    series = tmp_path / "series.py"
    write_plugin(series, "pass")
    text = series.read_text().replace("needs:", "over_series: ClassVar[bool] = True\n    needs:")
    text = text.replace(
        'yield Metric("mine.value", 1.0)',
        "for digest, held in zip(features.digests, features):\n"
        '            yield Metric("mine.n", float(len(held.train)), unit="count", checkpoint=digest)',
    )
    series.write_text(text)
    twice = write_plugin(
        tmp_path / "twice.py", 'yield Metric("twice.x", 0.0)\nyield Metric("twice.x", 1.0)', name="twice"
    )
    result = evaluate(spoilt / "checkpoints", bars, "--evaluator", f"{series}:Mine", "--evaluator", twice, code=1)
    assert all("twice.x twice" in reason for reason in reasons(result, "twice"))
    counts = {row["value"] for row in table(spoilt / "report") if row["metric"] == "mine.n"}
    assert len(counts) == 1
    assert float(counts.pop()) > 10


@pytest.mark.parametrize(
    ("asked", "word"),
    [
        ("knnn", "did you mean knn?"),
        ("knn,knn(k=5)", "asked for twice"),
        ("knn(kk=5)", "no parameter kk"),
        ("nowhere.py:Mine", "no file nowhere.py"),
    ],
)
def test_a_typing_error_is_told_before_anything_is_read(asked: str, word: str) -> None:
    with pytest.raises(PluginError, match=re.escape(word)):
        make_specs(split_names(asked))


def test_plugins_are_listed_beside_the_built_ins() -> None:
    rows = {row["name"]: row for row in json.loads(swaveval("evaluators", "--json").stdout)}
    assert rows["knn"]["needs"] == ["labels", "train split"]
    assert rows["knn"]["parameters"]["k"]
