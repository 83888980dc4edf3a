"""What lies around an evaluation: places, encodings, devices, damage, each one sentence and a documented exit code."""

import errno
import json
import os
import resource
import subprocess
import tempfile
from pathlib import Path

import pytest
from around_runs import bars, checkpoint, command, environment, evaluate, evaluated, spoilt, swaveval, table

from swaveval.errors import machine_fault
from swaveval.features.devices import DeviceError, check_device
from swaveval.results import Series
from swaveval.results.places import OutputError, check_writable, locate
from swaveval.runs.checks import check_plan
from swaveval.runs.page import write_page
from swaveval.runs.request import RunError, RunRequest


def one_sentence(finished: subprocess.CompletedProcess[str], *words: str) -> None:
    lines = [line for line in finished.stderr.splitlines() if line.startswith("swaveval: ")]
    assert len(lines) == 1, finished.stderr
    for word in words:
        assert word in lines[0]


# -- encodings ---------------------------------------------------------------------------------------------------------


def torture(*row: object) -> object:
    """A row for `make torture`: of the same kind as one that is always run."""
    return pytest.param(*row, marks=pytest.mark.torture)


@pytest.mark.parametrize(
    ("encoding", "doing"),
    [("ascii", "report"), torture("latin-1", "run"), torture("cp1252", "report"), torture("utf-8", "run")],
)
def test_the_summary_is_written_in_any_encoding(encoding: str, doing: str, evaluated: Path, bars: Path) -> None:
    """Page written, then UnicodeEncodeError and exit 1, it was; now plain letters stand for what is not there."""
    arguments: list[object] = ["report", evaluated / "report"]
    if doing == "run":
        arguments = ["run", "-c", evaluated / "checkpoints", "-d", bars, "-e", "knn,spectrum", "--no-figures"]
    finished = swaveval(*arguments, env={"PYTHONIOENCODING": encoding}, encoding=encoding)
    assert finished.stdout.strip()


def test_letters_that_an_encoding_lacks_are_written_plainly() -> None:
    code = (
        "from swaveval.cli.streams import prepare_streams; prepare_streams(); "
        "print('4.2 ± 1.0 × – → ≥ 日 \\udcff'); import sys; print('ε', file=sys.stderr)"
    )
    finished = subprocess.run(
        [command([])[0], "-c", code], env=environment({"PYTHONIOENCODING": "ascii"}), capture_output=True, check=True
    )
    assert finished.stdout == b"4.2 +/- 1.0 x - -> >= ? \xff\n"
    assert finished.stderr == b"epsilon\n"


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_reader_that_goes_and_a_full_device(unbuffered: str, evaluated: Path) -> None:
    """`export | head -1` is no fault; `export > /dev/full` is one, told once."""
    export = command(["export", evaluated])
    piped = subprocess.Popen(
        export, env=environment({"PYTHONUNBUFFERED": "1"}), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert piped.stdout is not None
    assert piped.stderr is not None
    piped.stdout.close()
    assert piped.stderr.read() == b""
    assert piped.wait() == 0
    piped.stderr.close()
    if Path("/dev/full").exists():
        with Path("/dev/full").open("wb") as full:
            finished = subprocess.run(
                export,
                env=environment({"PYTHONUNBUFFERED": unbuffered}),
                stdout=full,
                stderr=subprocess.PIPE,
                text=True,
                check=False,
            )
        assert finished.returncode == 2
        one_sentence(finished, "no space is left", "standard output")
        assert "--out" not in finished.stderr


def test_rows_that_go_nowhere_are_no_success(evaluated: Path) -> None:
    """`export >&-` ended with 0 although no row was printed."""
    finished = subprocess.run(
        ["sh", "-c", '"$@" >&-', "sh", *command(["export", evaluated])],
        env=environment(), stderr=subprocess.PIPE, text=True, check=False,
    )  # fmt: skip
    assert finished.returncode == 2
    one_sentence(finished, "standard output is closed", "--to FILE")


# -- places ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "named", ["", "report", "report/results", "report/index.html", "report/results/run.json", "checkpoints"]
)
def test_results_are_found_from_every_place_of_a_run(named: str, evaluated: Path) -> None:
    """`report|export|compare RUN` said "no results" although RUN/report is there."""
    assert locate(evaluated / named).resolve() == (evaluated / "report").resolve()


def test_results_are_not_found_where_a_path_is_mistyped(evaluated: Path) -> None:
    finished = swaveval("export", evaluated / "reprt", code=2)
    one_sentence(finished, "no such file")
    assert finished.stdout == ""
    with pytest.raises(Exception, match="evaluations below it"):
        locate(evaluated.parent)


def test_an_output_that_cannot_be_is_refused_before_anything_is_read(
    evaluated: Path, bars: Path, tmp_path: Path
) -> None:
    file = tmp_path / "file"
    file.write_text("")
    finished = swaveval("run", "-c", evaluated / "checkpoints", "-d", bars, "-o", file / "below", code=2)
    one_sentence(finished, "is a file, not a directory", "--out")
    with pytest.raises(OutputError, match="too long"):
        check_writable(tmp_path / ("x" * 300))
    with pytest.raises(OutputError, match="is a file"):
        check_writable(file)
    check_writable(tmp_path / "new" / "deep")
    assert not (tmp_path / "new").exists()


def test_a_read_only_directory_needs_out() -> None:
    """The default output lies beside the checkpoints, which may be somebody else's."""
    with tempfile.TemporaryDirectory() as place:
        run = Path(place)
        run.chmod(0o555)
        code = "import os; from swaveval.results.places import *; os.getuid() or os.setuid(65534)\n"  # binds not root
        code += f"check_writable(Path({str(run / 'report')!r}))"
        finished = subprocess.run(
            [command([])[0], "-c", code], env=environment(), capture_output=True, text=True, check=False
        )
        run.chmod(0o755)
    assert "may not be written to by you; name a directory that can be written to with --out" in finished.stderr


@pytest.mark.torture
def test_a_file_that_may_not_grow_ends_the_run_with_what_is_done_kept(spoilt: Path, bars: Path, tmp_path: Path) -> None:
    """A full disk, by the limit on a file's size: one sentence, exit 2, and the same command goes on."""
    out = tmp_path / "out"

    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))

    arguments = [
        "run",
        "-c",
        spoilt / "checkpoints",
        "-d",
        bars,
        "-e",
        "knn,spectrum",
        "-o",
        out,
        "--quiet",
        "--no-figures",
    ]
    finished = swaveval(*arguments, code=2, preexec_fn=limited)
    one_sentence(finished, "larger than", "goes on from there")
    assert swaveval(*arguments).stdout.strip().endswith("index.html")


def test_too_few_open_files_is_one_sentence_and_the_same_command_goes_on(
    spoilt: Path, bars: Path, tmp_path: Path
) -> None:
    """`ulimit -n 7`: whatever opens the file that is one too many, nothing is lost."""
    arguments = ["run", "-c", spoilt / "checkpoints", "-d", bars, "-e", "knn", "-o", tmp_path / "out", "--quiet"]
    finished = swaveval(
        *arguments, "--no-figures", code=2, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (7, 7))
    )
    one_sentence(finished, "too many files are open", "ulimit -n")
    assert swaveval(*arguments, "--no-figures").stdout.strip().endswith("index.html")


@pytest.mark.parametrize(
    ("number", "word"),
    [
        (errno.ENOSPC, "no space"), (errno.EROFS, "read-only"), (errno.EACCES, "permission"),
        (errno.ENAMETOOLONG, "longer"),
        (errno.EMFILE, "ulimit -n"), (errno.EIO, "disk"), (errno.EISDIR, "directory"), (errno.ENOTDIR, "file"),
        (errno.ESTALE, "network"), (errno.EDQUOT, "quota"), (errno.ENOMEM, "memory"), (errno.EHOSTDOWN, "/x/y"),
    ],
)  # fmt: skip
def test_every_fault_of_the_machine_is_a_sentence(number: int, word: str) -> None:
    said = str(machine_fault(OSError(number, os.strerror(number), "/x/y\n\x1b")))
    assert said is not None
    assert word in said
    assert said.isprintable()


def test_memory_and_encodings_are_faults_too_and_a_defect_of_ours_is_not() -> None:
    assert "memory" in str(machine_fault(MemoryError()))
    assert "PYTHONUTF8" in str(machine_fault(UnicodeDecodeError("utf-8", b"\xff", 0, 1, "bad")))
    assert machine_fault(ZeroDivisionError()) is None


def test_a_current_directory_that_is_gone(evaluated: Path, tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    code = "import os, sys; os.rmdir(os.getcwd()); sys.argv[1:] = ['run', '-c', 'x', '-d', 'y']; "
    code += "from swaveval.cli.app import main; main()"
    finished = subprocess.run(
        [command([])[0], "-P", "-c", code], cwd=gone, env=environment(), capture_output=True, text=True, check=False
    )
    assert finished.returncode == 2
    assert "Traceback" not in finished.stderr
    one_sentence(finished)


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="this system does not say what a process takes")
@pytest.mark.parametrize("gigabytes", [0.3, 1.0, 3.5])
def test_a_limit_on_memory_ends_in_a_sentence(gigabytes: float, checkpoint: Path) -> None:
    """`ulimit -v 3500000`: OpenBLAS looked for a buffer for ever; a little less or more, and torch or glibc aborted."""
    limit = int(gigabytes * 10**9)
    finished = swaveval(
        "inspect", checkpoint, code=None,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit)),
    )  # fmt: skip
    if gigabytes > 1 and finished.returncode == 0:
        return  # a torch without GPU libraries fits
    assert finished.returncode == 2
    one_sentence(finished, "ulimit -v", f"{limit / 2**30:.1f} GiB")


def test_a_reading_process_that_does_not_start_names_the_limit(checkpoint: Path) -> None:
    """Where the command line's look ahead is passed by, as in a library call: bounded, and in words."""
    code = (
        "import resource, sys; from pathlib import Path\n"
        "from swaveval.checkpoints.sandbox.reader import Reader, ReaderError\n"
        "from swaveval.checkpoints.options import LoadOptions\n"
        "resource.setrlimit(resource.RLIMIT_AS, (300 << 20,) * 2)\n"
        "try: Reader().open(Path(sys.argv[1]), containers=(), scalars=(), options=LoadOptions())\n"
        "except ReaderError as error: print(error)"
    )
    finished = subprocess.run(
        [command([])[0], "-c", code, checkpoint],
        env=environment(), capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert "did not start" in finished.stdout, finished.stderr
    assert "`ulimit -v`" in finished.stdout


# -- devices and ranges ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["gpu", "cuda:x", "cuda:", "meta", "", "CUDA", "cpu:1", "cuda:99", "cuda:99999"])
def test_a_device_that_is_not_there_is_one_sentence(name: str) -> None:
    with pytest.raises(DeviceError, match="device"):
        check_device(name)
    check_device("auto")
    check_device("cpu")


def test_devices_are_looked_at_before_anything_starts(spoilt: Path, bars: Path, tmp_path: Path) -> None:
    """`--device cuda` without a GPU: 31 failed cells, then a page, it was."""
    finished = swaveval(
        "run", "-c", spoilt / "checkpoints", "-d", bars, "-o", tmp_path / "o", "--device", "cuda:99", code=2
    )
    one_sentence(finished, "--device")
    assert not (tmp_path / "o").exists()


@pytest.mark.parametrize("changes", [{"seed": -1}, {"seed": 2**32}, {"evaluators": ()}])
def test_settings_out_of_range_are_sentences(changes: dict[str, object], tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"seed is|no evaluator"):
        check_plan(RunRequest(tmp_path, tmp_path, **changes))  # type: ignore[arg-type]


# -- damage ------------------------------------------------------------------------------------------------------------


def victim(out: Path, evaluator: str, suffix: str = "json") -> Path:
    for path in sorted((out / "results" / "cells").glob("*.json")):
        if json.loads(path.read_bytes())["body"]["key"]["evaluator"] == evaluator:
            return path.with_suffix(f".{suffix}")
    raise AssertionError(evaluator)


@pytest.mark.parametrize(
    ("evaluator", "suffix", "how"),
    [
        ("knn", "json", "deleted"),
        torture("spectrum", "json", "torn"),
        torture("knn", "npz", "deleted"),
        torture("data", "npz", "torn"),
        torture("data", "json", "deleted"),
    ],
)
def test_a_lost_result_is_named_and_made_again(evaluator: str, suffix: str, how: str, spoilt: Path, bars: Path) -> None:
    """Rows were silently missing with exit 0; the `data` cell was never repaired, or exit 4 for good."""
    out = spoilt / "report"
    whole = table(spoilt)
    path = victim(out, evaluator, suffix)
    if how == "deleted":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:-20])
    for arguments in (["export", spoilt], ["report", spoilt]):
        finished = swaveval(*arguments, code=4)
        one_sentence(finished, f"{evaluator} on ", "swaveval run")
        assert finished.stdout.strip()
    page = (out / "index.html").read_text(encoding="utf-8")
    assert f"{evaluator} on " in page
    assert "could not be read" in page
    said = json.loads((out / "verdict.json").read_text(encoding="utf-8"))["sentence"]
    assert "1 of " in said
    assert f"stored results is missing or damaged and not weighed ({evaluator} on " in said
    assert " (from incomplete results" in said.split(":")[0]
    assert "rom incomplete results" in page
    lost = [row for row in swaveval("export", out, "-f", "json", code=4).stdout.split("{") if '"lost"' in row]
    assert len(lost) == 1
    evaluate(spoilt / "checkpoints", bars)
    assert table(spoilt) == whole
    assert "incomplete" not in json.loads((out / "verdict.json").read_text(encoding="utf-8"))["sentence"]
    assert "could not be read" not in (out / "index.html").read_text(encoding="utf-8")


@pytest.mark.torture
def test_figures_are_complete_or_drawn_again(spoilt: Path) -> None:
    """Killed while they were written: 1 to 18 of 32, exit 0, never completed; damaged ones never noticed."""
    figures = spoilt / "report" / "figures"
    swaveval("report", spoilt / "report", "--figures-only")
    names = sorted(path.name for path in figures.iterdir())
    bytes_before = {name: (figures / name).read_bytes() for name in names}
    assert "overview.png" in names

    (figures / "overview.png").write_bytes(bytes_before["overview.png"][:-3])
    (figures / names[-1]).unlink()
    said = write_page(spoilt / "report").problems
    assert len(said) == 1
    assert said[0].startswith("2 figures were missing or damaged")
    assert {name: (figures / name).read_bytes() for name in names} == bytes_before

    (figures / "figures.json").unlink()  # as a kill in the middle leaves it: the first few, and no list
    for name in names[3:]:
        (figures / name).unlink(missing_ok=True)
    write_page(spoilt / "report")
    assert {name: (figures / name).read_bytes() for name in names} == bytes_before
    stamp = (figures / "overview.svg").stat().st_mtime_ns
    assert write_page(spoilt / "report").problems == ()
    assert (figures / "overview.svg").stat().st_mtime_ns == stamp

    mine = figures / "mine.png"
    mine.write_bytes(b"mine")
    write_page(spoilt / "report", figures=False)
    assert (figures / "overview.svg").exists(), "they are of these results"
    cells = spoilt / "report" / "results" / "cells"
    min(cells.glob("*.json")).unlink()
    write_page(spoilt / "report", figures=False)
    assert [path.name for path in figures.iterdir()] == ["mine.png"]


def test_an_old_manifest_without_names_still_says_what_is_lost(spoilt: Path) -> None:
    from dataclasses import replace

    from swaveval.results import ResultStore

    store = ResultStore(spoilt / "report" / "results")
    store.write_manifest(replace(store.read_manifest(), cell_names={}))
    victim(spoilt / "report", "knn").unlink()
    (lost,) = Series.load(spoilt / "report").lost
    assert "missing" in str(lost)


def test_a_full_disk_while_a_checkpoint_is_written(tmp_path: Path) -> None:
    """torch's archive hides it behind `[enforce fail at inline_container.cc:672]`; here by the limit on a file."""
    import torch

    from swaveval.pretrain.series import AtomicCheckpointIO

    path = tmp_path / "epoch=1.ckpt"
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    try:
        with pytest.raises(OSError, match="too large") as raised:
            AtomicCheckpointIO().save_checkpoint({"state_dict": {"w": torch.ones(200_000)}}, path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert raised.value.errno == errno.EFBIG
    assert str(path) in str(machine_fault(raised.value))
    assert "the same command with --resume goes on" in str(
        machine_fault(raised.value, again="the same command with --resume")
    )
    assert list(tmp_path.iterdir()) == []
