"""Which files are one run, and in which order they were written: the cases from the field, and the campaign."""

import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from tiny_images import write_images

from swaveval.checkpoints import LoadOptions
from swaveval.convergence import quality
from swaveval.results import CheckpointRecord, DataSummary, Point, ResultStore, RunManifest, Series
from swaveval.runs.request import RunError, RunRequest, default_out, owner, relative_source
from swaveval.runs.run import prepare, run
from tests.field import campaign, campaign_series
from tests.field.series_files import File, lightning, read, write


def evaluate(directory: Path, images: Path, **more: object) -> Series:
    request = RunRequest(
        directory,
        more.pop("out", None) or default_out(directory),  # type: ignore[arg-type]
        data=str(images),
        evaluators=("knn",),
        load=LoadOptions(),
        **more,  # type: ignore[arg-type]
    )
    return run(request).written.series


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_images(tmp_path_factory.mktemp("images") / "bars")


def two_versions(place: Path) -> Path:
    """pytorch-lightning#686: two seeds below one directory."""
    write(
        place,
        [
            File(f"version_{run}/epoch={e}-step={(e + 1) * 10}.ckpt", e + 1, run, lightning(e, (e + 1) * 10))
            for run in (0, 1)
            for e in range(2)
        ],
    )
    return place


def refusal(logs: Path, images: Path) -> tuple[str, list[list[str]]]:
    """The sentence for a directory of two runs, and the commands in it."""
    command = shlex.join(["swaveval", "run", "--ckpt-dir", str(logs), "-e", "knn", "--data", str(images)])
    with pytest.raises(RunError) as refused:
        prepare(RunRequest(logs, logs.parent / "report", data=str(images), command=command))
    lines = str(refused.value).splitlines()
    return str(refused.value), [shlex.split(line) for line in lines if line.strip().startswith("swaveval ")]


def test_two_versions_are_refused_with_a_command_for_each(tmp_path: Path, images: Path) -> None:
    logs = two_versions(tmp_path / "logs")
    text, commands = refusal(logs, images)
    assert "are 2 runs, not one" in text
    assert "different weights at epoch 1 step 10" in text
    outs = [tmp_path / "report-version-0", tmp_path / "report-version-1"]
    for i, (words, out) in enumerate(zip(commands, outs, strict=False)):
        where = ["--ckpt-dir", str(logs / f"version_{i}"), "--out", str(out), "--name", f"version {i}"]
        assert words == ["swaveval", "run", *where, "-e", "knn", "--data", str(images)]
    assert commands[2][:4] == ["swaveval", "compare", *map(str, outs)]


@pytest.mark.torture
def test_the_commands_of_the_refusal_work(tmp_path: Path, images: Path) -> None:
    _, commands = refusal(two_versions(tmp_path / "logs"), images)
    for words in commands:
        line = [sys.executable, "-m", "swaveval.cli.app", *words[1:]]
        done = subprocess.run(line, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    assert Path(commands[-1][-1]).is_file()


def test_one_run_all_the_same_says_what_speaks_against_it(tmp_path: Path, images: Path) -> None:
    prepared = prepare(RunRequest(two_versions(tmp_path / "logs"), tmp_path / "report", data=str(images), one_run=True))
    assert len([record for record in prepared.records if record.kind == "checkpoint"]) == 4
    assert any("--one-run" in note and "different weights at epoch 1" in note for note in prepared.said)


def test_the_second_run_beside_the_first_keeps_the_first_ones_page(tmp_path: Path) -> None:
    logs = two_versions(tmp_path / "logs")
    outs = []
    for i in (0, 1):
        outs.append(default_out(logs / f"version_{i}"))
        data = DataSummary(name="d", path="", fingerprint="f", n_train=1, n_test=1)
        source = relative_source(logs / f"version_{i}", outs[-1])
        ResultStore(outs[-1] / "results").write_manifest(RunManifest(f"v{i}", data, (), source=source))
    assert outs == [logs / "report", logs / "report-version-1"]
    assert [default_out(logs / f"version_{i}") for i in (0, 1)] == outs
    # One file of a run, or a pattern, is another evaluation than the run.
    assert default_out(logs / "version_0" / "epoch=0-step=10.ckpt") not in outs
    moved = tmp_path / "moved"
    logs.rename(moved)
    assert default_out(moved / "version_1") == moved / "report-version-1"
    assert owner(moved / "report", moved / "version_1") == "others"


def test_an_endless_data_set_is_read_by_step_and_nothing_is_untrained(tmp_path: Path, images: Path) -> None:
    """pytorch-lightning#2150: `epoch=0-step=10 … 150.ckpt`."""
    place = tmp_path / "run" / "checkpoints"
    write(place, [File(f"epoch=0-step={s}.ckpt", s, inside=lightning(0, s, running=True)) for s in (10, 80, 150)])
    series = evaluate(place, images)
    axis, x = series.axis()
    assert (axis, x.tolist()) == ("step", [10, 80, 150])
    assert not any(quality.untrained(point.record) for point in series.points)
    randoms = [point for point in series.baselines if quality.is_random(point.record)]
    assert len(randoms) == 3
    found = quality.read(series, "knn.loo_top1")
    assert found is not None
    assert (found.start, found.moment(2)) == ("random initialisations", "step 150")


def test_names_by_accuracy_follow_the_modification_times_and_it_is_said(tmp_path: Path, images: Path) -> None:
    place = tmp_path / "run" / "checkpoints"
    values = (0.83, 0.79, 0.61, 0.7)
    write(place, [File(f"acc={value}.ckpt", i) for i, value in enumerate(values, 1)])
    prepared = prepare(RunRequest(place, tmp_path / "report", data=str(images)))
    shown = [record for record in prepared.records if record.kind == "checkpoint"]
    assert [record.name for record in shown] == [f"acc={value}.ckpt" for value in values]
    assert {(record.epoch, record.step) for record in shown} == {(None, None)}
    assert prepared.order == "time"
    assert any("modification times" in note for note in prepared.said)


def test_copies_of_files_without_moments_have_no_known_order(tmp_path: Path) -> None:
    write(tmp_path / "c", [File(f"{name}.pth", i, minutes=7) for i, name in enumerate(("0.81", "0.92", "0.77"))])
    found = read(tmp_path / "c")
    assert found.order == "unknown"
    assert any("the order of the checkpoints is not known" in note for note in found.notes)


@pytest.mark.parametrize(
    ("inside", "untrained"),
    [
        (lightning(0, 0), True),
        ({**lightning(0, 0), "swaveval_epoch": 0}, True),
        ({"step": 0}, True),
        # After the first epoch of whoever counts from 0; in the middle of it; a step counter nobody advances.
        (lightning(0, 10), False),
        ({"epoch": 0}, False),
        (lightning(0, 10, running=True), False),
        ({"epoch": 3, "step": 0}, False),
        ({**lightning(0, 0), "loops": {"fit_loop": {"epoch_loop.batch_progress": {"total": {"completed": 9}}}}}, False),
        (None, False),
    ],
)
def test_untrained_is_what_the_file_says_is_untrained(
    tmp_path: Path, inside: dict[str, object] | None, untrained: bool
) -> None:
    write(tmp_path / "c", [File("epoch=0-step=0.ckpt", 0, inside=inside)])
    assert [record.is_untrained for record in read(tmp_path / "c").records] == [untrained]


def test_old_records_keep_what_was_known_of_them() -> None:
    old = [{"name": "a", "epoch": 0, "step": 0}, {"name": "b", "epoch": 0, "step": 10}, {"name": "c", "epoch": 0}]
    assert [CheckpointRecord.from_json(body).is_untrained for body in old] == [True, False, True]
    kept = CheckpointRecord("a", untrained=False, epoch=0.0)
    assert CheckpointRecord.from_json(kept.to_json()) == kept


@pytest.mark.parametrize(
    ("places", "axis"),
    [
        ([(1, 10), (2, 20)], "epoch"),
        ([(0, 10), (0, 20)], "step"),
        ([(1, 10), (1, 15), (2, 20)], "step"),
        ([(None, 10), (2, 20)], "step"),
        ([(1, None), (1, None)], "checkpoint"),
        ([(2, 5), (1, 10)], "step"),
        ([(0, 150)], "step"),
        ([(0, 0), (1, 10)], "epoch"),
        ([(float("nan"), None), (2, None)], "checkpoint"),
    ],
)
def test_the_axis_grows_from_each_checkpoint_to_the_next(
    places: list[tuple[float | None, int | None]], axis: str
) -> None:
    records = tuple(CheckpointRecord(f"{i}", digest=f"{i}", epoch=e, step=s) for i, (e, s) in enumerate(places))
    data = DataSummary(name="d", path="", fingerprint="f", n_train=1, n_test=1)
    series = Series(RunManifest("r", data, records), tuple(Point(record) for record in records))
    assert series.axis()[0] == axis


def test_a_pattern_takes_the_files_it_matches(tmp_path: Path) -> None:
    files = [File(f"{name}_ep{e}.pth", e, run) for run, name in enumerate(("simclr", "swav")) for e in (1, 2, 3)]
    write(tmp_path / "c", files)
    for pattern in ("simclr_*.pth", "{simclr_ep1,simclr_ep2,simclr_ep3}.pth", "s[i]*"):
        assert [r.name for r in read(tmp_path / "c" / pattern).records] == [f"simclr_ep{e}.pth" for e in (1, 2, 3)]
    with pytest.raises(RunError, match="no checkpoint file matches"):
        read(tmp_path / "c" / "moco_*.pth")


def test_changed_settings_of_a_continued_run_are_a_note(tmp_path: Path) -> None:
    files = [
        File(f"e{e}.ckpt", e, inside=lightning(e, e * 10, hyper_parameters={"learning_rate": 0.1 if e < 3 else 0.01}))
        for e in range(5)
    ]
    write(tmp_path / "c", files)
    found = read(tmp_path / "c")
    assert not found.division.reasons
    assert any(note == "learning_rate changed within the run: 0.1 → 0.01" for note in found.notes)


def test_a_short_campaign_goes_wrong_nowhere() -> None:
    trials = campaign_series.trials()
    assert len(trials) >= 60
    results = campaign.run(campaign.thinned(trials, 14))
    assert campaign.wrong(results) == []
    several = [result for result in results if result.kind == "series: several runs"]
    assert several
    assert all(result.outcome.word == "refused" for result in several)


@pytest.mark.torture
def test_the_campaign_goes_wrong_nowhere() -> None:
    assert campaign.wrong(campaign.run(campaign_series.trials())) == []
