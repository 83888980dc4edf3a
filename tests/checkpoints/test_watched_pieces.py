"""A watch beside a training whose checkpoints are several files: taken whole, kept whole."""

import io
import shutil
from pathlib import Path

import pytest
import torch

from swaveval.checkpoints import inspect
from swaveval.runs.kept_best import RECORD, keep_best, kept_best, set_aside
from tests.checkpoints.in_pieces import PIECES
from tests.checkpoints.test_watched_directories import learn, look, looking
from tests.crashes.samples import checkpoint
from tests.field.test_huggingface import written


def content(number: int) -> dict[str, object]:
    found: dict[str, object] = torch.load(io.BytesIO(checkpoint(number, number)), weights_only=True)
    return {"state_dict": found["state_dict"], "epoch": number, "global_step": 10 * number}


def standing(directory: Path) -> Path:
    """What is named to read the checkpoint in a directory."""
    return next(directory.glob("*-00001-of-*"), directory)


@pytest.mark.parametrize("kind", PIECES)
def test_it_is_taken_when_its_last_file_is_there_and_outlives_them(kind: str, tmp_path: Path) -> None:
    place, made = tmp_path / "checkpoints", tmp_path / "made"
    made.mkdir()
    place.mkdir()
    whole = PIECES[kind](content(2), made / "epoch=2.ckpt")
    digest = inspect(standing(whole)).digest
    assert digest is not None
    watched, lookout = looking(tmp_path)
    target = place / whole.name
    target.mkdir()
    # FSDP's list of what there is comes last.
    for path in sorted(
        whole.iterdir(), key=lambda path: (path.name == ".metadata", "index" not in path.name, path.name)
    ):
        look(watched, lookout)
        assert learn(watched, lookout) == []
        shutil.copyfile(path, target / path.name)
    (name,) = look(watched, lookout)
    shutil.rmtree(target)  # before anybody has read it
    assert learn(watched, lookout) == [name]
    (version,) = watched.versions
    assert version.report is not None
    assert version.report["digest"] == digest
    assert version.copy is not None

    # Another watch, after this one was killed, takes up what it had taken.
    again, after = looking(tmp_path)
    with after:
        assert look(again, after) == [name]

    entry = watched.entry(name)
    out = tmp_path / "report"
    out.mkdir()
    (place / "epoch=1.ckpt").write_bytes(checkpoint(1, 1))
    assert not keep_best(place / "epoch=1.ckpt", out, lasting=True)
    assert kept_best(out) == out / "best.ckpt"
    assert not keep_best(watched.place(entry), out, lasting=watched.is_lasting(entry))
    best = kept_best(out)
    assert best == out / "best"
    assert sorted(path.name for path in out.iterdir()) == ["best", "results"]
    assert sorted(path.name for path in best.iterdir()) == sorted(path.name for path in whole.iterdir())
    assert inspect(standing(best)).digest == digest
    (place / "epoch=3.ckpt").write_bytes(checkpoint(3, 3))
    assert not keep_best(place / "epoch=3.ckpt", out, lasting=True)
    assert sorted(path.name for path in out.iterdir()) == ["best.ckpt", "results"]


def test_what_a_trainer_calls_best_in_the_same_directory_stays(tmp_path: Path) -> None:
    theirs = tmp_path / "out" / "best.ckpt"
    theirs.parent.mkdir()
    theirs.write_bytes(b"theirs")
    (tmp_path / "out" / "best.pth").write_bytes(b"theirs, too")
    (tmp_path / "epoch=1.ckpt").write_bytes(checkpoint(1, 1))
    said = keep_best(tmp_path / "epoch=1.ckpt", tmp_path / "out", lasting=True)
    assert "which is there already and is not ours" in said
    assert kept_best(tmp_path / "out") is None
    (tmp_path / "epoch=2.pt").write_bytes(checkpoint(2, 2))
    assert not keep_best(tmp_path / "epoch=2.pt", tmp_path / "out", lasting=True)
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == ["best.ckpt", "best.pt", "best.pth", "results"]
    assert theirs.read_bytes() == b"theirs"


def test_what_a_network_is_built_from_is_kept_with_it(tmp_path: Path) -> None:
    """Without `config.json` a checkpoint of transformers is another network."""
    file = written(tmp_path / "checkpoints" / "checkpoint-100", "vit")
    watched, lookout = looking(tmp_path)
    (name,) = look(watched, lookout)
    digest = inspect(file).digest
    shutil.rmtree(file.parent)
    assert learn(watched, lookout) == [name]
    entry = watched.entry(name)
    (tmp_path / "report").mkdir()
    assert not keep_best(watched.place(entry), tmp_path / "report", lasting=watched.is_lasting(entry))
    best = kept_best(tmp_path / "report")
    assert best is not None
    assert sorted(path.name for path in best.iterdir()) == ["config.json", "model.safetensors"]
    assert inspect(best / "model.safetensors").digest == digest


def test_what_is_not_the_checkpoint_to_use_any_more_is_not_called_best(tmp_path: Path) -> None:
    """A run that collapsed names none, and `best.safetensors` was the untrained network of a round before."""
    out = tmp_path / "out"
    out.mkdir()
    assert set_aside(out) == ""
    (tmp_path / "epoch=1.ckpt").write_bytes(checkpoint(1, 1))
    (tmp_path / "epoch=2.pt").write_bytes(checkpoint(2, 2))

    def names() -> list[str]:
        return sorted(path.name for path in out.iterdir())

    assert not keep_best(tmp_path / "epoch=1.ckpt", out, lasting=True)
    (tmp_path / "epoch=1.ckpt").unlink()  # the trainer keeps its last one
    said = set_aside(out)
    assert "there is no checkpoint to use any more" in said
    assert "former-best.ckpt" in said
    assert (kept_best(out), names()) == (None, ["former-best.ckpt", "results"])
    assert (out / "former-best.ckpt").read_bytes() == checkpoint(1, 1)
    assert set_aside(out) == ""

    assert not keep_best(tmp_path / "epoch=2.pt", out, lasting=True)
    assert (kept_best(out), names()) == (out / "best.pt", ["best.pt", "results"])
    (out / "former-best.pt").write_bytes(b"theirs")
    assert "which is not ours, is in its way" in set_aside(out)
    assert (kept_best(out), names()) == (out / "best.pt", ["best.pt", "former-best.pt", "results"])
    (out / "former-best.pt").unlink()
    assert set_aside(out)
    assert not keep_best(tmp_path / "epoch=2.pt", out, lasting=True)
    assert names() == ["best.pt", "results"]


@pytest.mark.parametrize(
    "record", ["best.ckpt", "best.ckpt\n", "best.ckpt\nformer-best.pt", "\n", "", "../best.ckpt\n.."]
)
def test_any_record_is_read(record: str, tmp_path: Path) -> None:
    """One line, of an earlier version; two; and what leads elsewhere."""
    (tmp_path / "results").mkdir()
    (tmp_path / RECORD).write_text(record)
    (tmp_path / "best.ckpt").write_bytes(b"kept")
    expected = tmp_path / "best.ckpt" if record.startswith("best.ckpt") else None
    assert kept_best(tmp_path) == expected
    assert bool(set_aside(tmp_path)) == (expected is not None)
    assert (tmp_path / "former-best.ckpt").exists() == (expected is not None)
