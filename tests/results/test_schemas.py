"""Results of every version are read: one directory each below `schemas/`, never changed once it is there.

A version is a form of what is stored, be it under the same number: fields that came later are missing in it.
"""

import json
from pathlib import Path

import numpy as np
import pytest

from swaveval.results import ResultStore, Series
from swaveval.results.encoding import unseal
from tests.results.schema_samples import DATA, SCHEMAS, TRANSFORM, sample_cells, sample_manifest, write_sample

VERSIONS = sorted(path.name for path in SCHEMAS.iterdir())
PRESENT = "v1-2026-11-27-repaired"
EARLIEST = "v1-2026-11-23"


@pytest.mark.parametrize("version", VERSIONS)
def test_every_version_is_read_with_its_numbers(version: str) -> None:
    series = Series.load(SCHEMAS / version)
    assert series.lost == ()
    assert ResultStore(SCHEMAS / version / "results").verify() == []
    assert series.values("knn.top1").tolist() == [0.5, 0.75]
    assert np.isnan(series.values("spectrum.alpha")).all()
    assert np.isinf(series.values("spectrum.condition")).all()
    correct, index = series.outcomes("knn.top1") or pytest.fail("no outcomes")
    assert correct.sum(axis=1).tolist() == [10, 15]
    assert index.tolist() == list(range(20))
    names = series.artifact("umap.map", "b" * 64) or pytest.fail("no map")
    assert names["names"].tolist() == ["é", "b"]
    assert [record.name for record in series.manifest.checkpoints][:2] == ["epoch=0.ckpt", "epoch=1.ckpt"]
    assert series.manifest.checkpoints[-1].baseline == "random"


def test_the_present_version_has_a_fixture_with_every_field() -> None:
    """Where this fails a form was changed: raise SCHEMA_VERSION if older code cannot read it, and write a new fixture
    (`python -m tests.results.schema_samples NAME`), named here; those before stay as they are."""
    store = ResultStore(SCHEMAS / PRESENT / "results")
    assert store.read_manifest() == sample_manifest()
    held = unseal((SCHEMAS / PRESENT / "results" / "run.json").read_bytes())
    assert held == json.loads(json.dumps(sample_manifest().to_json()))
    for cell, artifacts in sample_cells():
        stored = store.get(cell.key)
        assert stored is not None
        as_stored = unseal((store.cells_directory / f"{cell.key.digest}.json").read_bytes())
        assert as_stored == json.loads(json.dumps(stored.to_json()))
        assert {**as_stored, "artifacts": []} == json.loads(json.dumps(cell.to_json()))
        assert [one.id for one in store.artifacts(stored)] == [one.id for one in artifacts]
    assert store.seconds.get("a" * 64, DATA, TRANSFORM).stages == {"reading": 0.5, "forward": 2.0}


def test_the_present_version_is_written_byte_for_byte(tmp_path: Path) -> None:
    """Arrays apart: their compression is zlib's."""
    write_sample(tmp_path)
    held = {path.relative_to(SCHEMAS / PRESENT): path for path in (SCHEMAS / PRESENT).rglob("*.json")}
    assert {path.relative_to(tmp_path) for path in tmp_path.rglob("*.json")} == set(held)
    for name, path in held.items():
        made, kept = (unseal(place.read_bytes()) for place in (tmp_path / name, path))
        for body in (made, kept):
            for entry in body.get("artifacts", ()):
                entry[2] = ""
        assert made == kept, name


def test_what_the_earliest_version_lacks_has_its_default() -> None:
    manifest = Series.load(SCHEMAS / EARLIEST).manifest
    assert (manifest.order, manifest.recipe, manifest.training_epochs, manifest.budget_seconds) == ("", "", None, None)
    assert dict(manifest.cell_names) == dict(manifest.terms) == dict(manifest.roles) == {}
    assert (manifest.data.precision, manifest.data.whole, manifest.data.label_origin) == ("fp32", 0, "")
    assert [record.untrained for record in manifest.checkpoints] == [None] * len(manifest.checkpoints)
    assert [record.is_untrained for record in manifest.checkpoints][:2] == [True, False]
