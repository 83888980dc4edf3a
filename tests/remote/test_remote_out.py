"""Results sent to a bucket of a real S3-speaking server, through one that spoils answers, and gone on from there."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from swaveval.checkpoints.remote.errors import RemoteError
from swaveval.checkpoints.remote.server import Patience
from swaveval.runs.elsewhere import places
from swaveval.runs.published import Published, check_writable_address, publishing
from swaveval.runs.request import RunRequest
from swaveval.runs.run import run
from tests.crashes.damage import Listening
from tests.field.around_runs import write_checkpoints
from tests.field.process_table import wait_until
from tests.remote.faulting import Faulting
from tests.runs.test_executors import cells
from tests.tiny_images import write_images

pytest.importorskip("s3fs", reason="needs s3fs (swaveval[s3])")
pytest.importorskip("moto.server", reason="needs moto[server]")
boto3 = pytest.importorskip("boto3", reason="needs boto3, which moto brings")

URL = "s3://results/runs/tiny"
QUICK = Patience(tries=4, wait=0.01, connect=5, read=5)
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture
def bucket(server: str, credentials: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("AWS_ENDPOINT_URL", server)
    client = boto3.client("s3", endpoint_url=server)
    client.create_bucket(Bucket="results")
    yield client
    for name in contents(client):
        client.delete_object(Bucket="results", Key=name)


def contents(bucket: Any) -> dict[str, bytes]:
    """Every object by its key."""
    found = bucket.list_objects_v2(Bucket="results").get("Contents", ())
    return {one["Key"]: bucket.get_object(Bucket="results", Key=one["Key"])["Body"].read() for one in found}


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory: pytest.TempPathFactory) -> RunRequest:
    """An evaluation that is done, here alone."""
    place = tmp_path_factory.mktemp("tiny")
    request = RunRequest(
        write_checkpoints(place / "checkpoints", count=2),
        place / "report",
        data=str(write_images(place / "bars", per_class=6)),
        evaluators=("spectrum",),
    )
    assert not run(request).failed
    return request


def copied(evaluated: RunRequest, here: Path, *, whole: bool = True) -> RunRequest:
    """The evaluation, its results in another place; or only its settings."""
    if whole:
        shutil.copytree(evaluated.out, here)
    return replace(evaluated, out=here, published=URL)


def published(request: RunRequest, told: Listening | None = None) -> int:
    with publishing(request.published, request.out, told, QUICK):
        return run(request, told).computed


@pytest.mark.parametrize(
    "fault",
    ["", "503", pytest.param("drop", marks=pytest.mark.torture), pytest.param("cut", marks=pytest.mark.torture)],
)
def test_what_is_sent_is_what_is_here_and_another_machine_goes_on_from_it(
    fault: str, server: str, bucket: Any, evaluated: RunRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = Faulting(server, lambda number, method, path: fault if number % 4 == 0 else "")
    monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
    try:
        first = copied(evaluated, tmp_path / "first", whole=not fault)
        assert (published(first) == 0) == (not fault)
        here = {
            f"runs/tiny/{path.relative_to(first.out).as_posix()}": path.read_bytes()
            for path in first.out.rglob("*")
            if path.is_file() and path.relative_to(first.out).parts[0] != "cache"
        }
        sent = contents(bucket)
        assert sent.pop("runs/tiny/results/.swaveval")
        assert sent == here
        assert any(name.endswith("index.html") for name in sent)
        told = Listening()
        other = copied(evaluated, tmp_path / "other", whole=False)
        assert published(other, told) == 0, "everything was there"
        assert cells(other.out) == cells(evaluated.out)
        assert not told.messages
    finally:
        proxy.close()
    assert not fault or proxy.faults[fault]


@pytest.mark.usefixtures("bucket")
def test_a_second_run_sends_nothing_again(
    server: str, evaluated: RunRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = copied(evaluated, tmp_path / "out")
    published(request)
    proxy = Faulting(server)
    monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
    with publishing(URL, request.out, None, QUICK):
        pass
    proxy.close()
    assert proxy.requests["PUT object"] == 1, "the mark, which says whether it may be written to"
    assert proxy.requests["GET object"] == 0


def test_a_damaged_result_there_is_said_and_made_anew(bucket: Any, evaluated: RunRequest, tmp_path: Path) -> None:
    published(copied(evaluated, tmp_path / "out"))
    cell = next(name for name in contents(bucket) if "/cells/" in name and name.endswith(".json"))
    bucket.put_object(Bucket="results", Key=cell, Body=contents(bucket)[cell][::-1])
    told = Listening()
    assert published(copied(evaluated, tmp_path / "other", whole=False), told) == 1
    assert any("computed again" in text for text in told.messages)
    # One that is whole here is never replaced by what is damaged there, but replaces it.
    bucket.put_object(Bucket="results", Key=cell, Body=contents(bucket)[cell][::-1])
    with publishing(URL, tmp_path / "other", None, QUICK):
        pass
    assert published(copied(evaluated, tmp_path / "fourth", whole=False)) == 0


def test_nothing_but_results_is_fetched(bucket: Any, evaluated: RunRequest, tmp_path: Path) -> None:
    published(copied(evaluated, tmp_path / "out"))
    foreign = [
        "../evil.json",
        "results/cells/../../evil.json",
        "results/cells/evil.sh",
        "results/evil.json",
        "cache/features/evil.npy",
        "index.html",
        "results/cells/%2e%2e%2fevil.json",
        f"results/cells/{'0' * 64}.json.exe",
    ]
    for name in foreign:
        bucket.put_object(Bucket="results", Key=f"runs/tiny/{name}", Body=b"evil")
    place = tmp_path / "other" / "deep" / "out"
    with Published(URL, place, Listening(), QUICK):
        fetched = [path for path in (tmp_path / "other").rglob("*") if path.is_file()]
    assert fetched
    assert all(path.is_relative_to(place / "results") for path in fetched)
    assert not any(b"evil" in path.read_bytes() for path in fetched)


@pytest.mark.usefixtures("bucket")
def test_a_bucket_that_is_not_there_is_said_before_anything_is_computed(evaluated: RunRequest, tmp_path: Path) -> None:
    request = replace(copied(evaluated, tmp_path / "out", whole=False), published="s3://no-such-bucket/tiny")
    with pytest.raises(RemoteError, match="nothing was begun: there is no s3://no-such-bucket"):
        published(request)
    assert not request.out.exists()


def test_a_server_that_goes_away_loses_nothing(
    server: str, bucket: Any, evaluated: RunRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = Faulting(server)
    monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
    request, told = copied(evaluated, tmp_path / "out"), Listening()

    def gone_at_the_end(text: str, total: int) -> None:
        proxy.spoil = lambda number, method, path: "503"

    monkeypatch.setattr(told, "stage", gone_at_the_end)
    with pytest.raises(RemoteError, match=r"the evaluation is done and lies in .*The same command sends the rest"):
        published(request, told)
    proxy.close()
    assert cells(request.out) == cells(evaluated.out)
    assert not any("index.html" in name for name in contents(bucket))
    monkeypatch.setenv("AWS_ENDPOINT_URL", server)
    assert published(request) == 0
    assert any("index.html" in name for name in contents(bucket))


def test_what_is_done_is_sent_when_the_evaluation_fails(bucket: Any, evaluated: RunRequest, tmp_path: Path) -> None:
    request = copied(evaluated, tmp_path / "out")
    with pytest.raises(ZeroDivisionError), publishing(URL, request.out, None, QUICK):
        raise ZeroDivisionError
    sent = contents(bucket)
    assert any("/cells/" in name for name in sent)
    assert not any("index.html" in name for name in sent), "no page without its end"


def test_cells_are_sent_while_the_work_goes_on(bucket: Any, evaluated: RunRequest, tmp_path: Path) -> None:
    place = tmp_path / "out"
    with Published(URL, place, Listening(), QUICK, every=0.05):
        shutil.copytree(evaluated.out, place, dirs_exist_ok=True)
        assert wait_until(lambda: any("/cells/" in name for name in contents(bucket)), 20)


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("hf://user/model", "results are sent to"),
        ("https://host/place", "results are sent to"),
        ("nosuch://place/run", "results are sent to"),
        ("s3://bucket/run/*", "is a pattern"),
        ("s3://", "names no directory"),
        ("s3://bucket/../other", "names no directory"),
    ],
)
def test_addresses_that_take_no_results(address: str, said: str) -> None:
    with pytest.raises(RemoteError, match=said):
        check_writable_address(address)


def test_the_copy_here_is_called_as_the_address(
    evaluated: RunRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    found = places(evaluated.checkpoints, "s3://results/runs/tiny/")
    assert (found.out, found.published) == (Path("report-tiny"), URL)
    # Another run's evaluation lies there: its place is not taken.
    shutil.copytree(evaluated.out, tmp_path / "report-tiny")
    other = write_checkpoints(tmp_path / "another" / "checkpoints", count=1)
    assert places(other, URL).out == Path("report-tiny-2")


def test_a_directory_behind_file_takes_results_too(evaluated: RunRequest, tmp_path: Path) -> None:
    there = tmp_path / "there"
    request = replace(copied(evaluated, tmp_path / "out"), published=f"file://{there}")
    assert published(request) == 0
    assert (there / "index.html").read_bytes() == (request.out / "index.html").read_bytes()
    assert not list(there.rglob("*.part"))
    other = replace(copied(evaluated, tmp_path / "other", whole=False), published=f"file://{there}")
    assert published(other) == 0
