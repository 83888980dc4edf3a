"""From a file to a backbone or a typed refusal: states, reports, progress, digests, trust, the reading process."""

import operator
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
import torch
from hostile_building import small_checkpoint
from layouts_of_lightly import LightlyModel
from originals import lightning, prefixed, save, torchvision_resnet
from own_code import Stage
from torch import Tensor, nn

from swaveval.checkpoints import CheckpointRefused, LoadOptions, LoadReport, inspect, load, random_backbone
from swaveval.checkpoints.sandbox.reader import shared_reader


def long_ago(path: Path) -> Path:
    os.utime(path, (1_600_000_000, 1_600_000_000))
    return path


def changed(directory: Path, change: Any = lambda state: state, **more: Any) -> Path:
    content = small_checkpoint() | more
    content["state_dict"] = change(dict(content["state_dict"]))
    return save(directory / "epoch=3-step=400.ckpt", content)


def refusal(path: Path, **options: Any) -> CheckpointRefused:
    with pytest.raises(CheckpointRefused) as caught:
        load(path, options=LoadOptions(**options))
    return caught.value


# -- the report ------------------------------------------------------------------------------------------------------


def test_the_report_of_a_good_file(tmp_path: Path) -> None:
    path = changed(tmp_path)
    report = load(path).report
    assert (report.state, report.family, report.matched) == ("ready", "lightly", 1.0)
    assert report.architecture == "resnet10, width 8"
    assert (report.feature_dim, report.prototypes, report.epoch, report.step) == (64, 12, 4.0, 400)
    assert (report.dtype, report.nonfinite, report.refusal) == ("F32", 0, "")


def test_sizes_add_up_to_the_file(tmp_path: Path) -> None:
    path = changed(tmp_path)
    size = dict(load(path).report.size)
    state = small_checkpoint()["state_dict"]
    assert size.pop("file") == path.stat().st_size == sum(size.values())
    assert size["backbone"] == sum(t.nbytes for name, t in state.items() if name.startswith("backbone."))
    assert size["prototypes"] == state["prototypes.heads.0.weight"].nbytes + state["prototypes.heads.0.bias"].nbytes
    assert size["optimiser"] == 20 * 500 * 4


def test_a_report_survives_json(tmp_path: Path) -> None:
    report = load(changed(tmp_path)).report
    body = report.to_json()
    fields = {name: tuple(value) if isinstance(value, list) else value for name, value in body.items()}
    assert LoadReport(**fields) == report


# -- unmatched names -------------------------------------------------------------------------------------------------


def test_a_missing_key_is_named_and_never_filled_in_silently(tmp_path: Path) -> None:
    def lose(state: dict[str, Tensor]) -> dict[str, Tensor]:
        return {name: tensor for name, tensor in state.items() if name != "backbone.5.0.conv2.weight"}

    path = changed(tmp_path, lose)
    error = refusal(path)
    assert error.state == "refused"
    assert "layer2.0.conv2.weight" in error.reason
    assert error.report.missing == ("layer2.0.conv2.weight",)
    assert 0 < error.report.matched < 1
    accepted = load(path, options=LoadOptions(allow_partial=True)).report
    assert accepted.partial
    assert accepted.matched == error.report.matched


def test_one_missing_weight_of_millions_is_not_rounded_to_all(tmp_path: Path) -> None:
    def lose(state: dict[str, Tensor]) -> dict[str, Tensor]:
        return {name: tensor for name, tensor in state.items() if name != "backbone.1.bias"}

    assert refusal(changed(tmp_path, lose)).report.matched < 1


def test_weights_without_a_place_are_another_network(tmp_path: Path) -> None:
    path = changed(tmp_path, lambda state: state | {"backbone.4.0.se.fc1.weight": torch.ones(2, 8)})
    error = refusal(path)
    assert error.report.unexpected == ("backbone.4.0.se.fc1.weight",)
    assert load(path, options=LoadOptions(allow_partial=True)).report.partial


def test_a_learned_pooling_is_not_ignored(tmp_path: Path) -> None:
    assert "backbone.8.p" in refusal(changed(tmp_path, lambda state: state | {"backbone.8.p": torch.ones(1)})).reason


def test_a_head_that_does_not_fit_is_not_used(tmp_path: Path) -> None:
    path = changed(tmp_path, lambda state: state | {"prototypes.heads.0.weight": torch.ones(12, 9)})
    backbone = load(path)
    assert backbone.head is None
    assert backbone.report.prototypes == 12
    assert any("projection head is not used" in warning for warning in backbone.report.warnings)


def test_two_unknown_backbones_are_not_guessed_between(tmp_path: Path) -> None:
    network = torchvision_resnet().state_dict()
    state = prefixed("left.net.", network) | prefixed("right.net.", network)
    error = refusal(save(tmp_path / "two.pt", state))
    assert error.state == "unsupported"
    assert "left.net." in error.reason
    assert "right.net." in error.reason


# -- states ----------------------------------------------------------------------------------------------------------


def test_a_file_without_its_end_is_being_written_or_damaged(tmp_path: Path) -> None:
    path = changed(tmp_path)
    path.write_bytes(path.read_bytes()[:-100])
    assert refusal(path).state == "writing"
    assert refusal(long_ago(path)).state == "corrupt"


def test_damage_in_the_middle_is_damage_even_when_fresh(tmp_path: Path) -> None:
    path = changed(tmp_path)
    content = bytearray(path.read_bytes())
    weight = small_checkpoint()["state_dict"]["backbone.7.0.conv2.weight"].numpy().tobytes()
    content[content.index(weight[:64]) + 5] ^= 1
    path.write_bytes(content)
    error = refusal(path)
    assert error.state == "corrupt"
    assert "backbone.7.0.conv2.weight" in error.reason


def test_damage_beside_the_weights_is_found_by_inspect_and_disturbs_no_feature(tmp_path: Path) -> None:
    path = changed(tmp_path)
    right = load(path).digest
    content = bytearray(path.read_bytes())
    moment = small_checkpoint()["optimizer_states"][0]["state"][7]["exp_avg"].numpy().tobytes()
    content[content.index(moment) + 5] ^= 1
    path.write_bytes(content)
    assert load(path).digest == right
    report = inspect(path, options=LoadOptions(verify_all=True))
    assert report.state == "ready"
    assert any("is damaged" in warning for warning in report.warnings)


def test_a_file_that_grows_while_it_is_read_is_being_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = changed(tmp_path)
    import swaveval.checkpoints.loading as loading

    original = loading._assemble

    def slow(*arguments: Any) -> Any:
        with path.open("ab") as file:
            file.write(b"more")
        return original(*arguments)

    monkeypatch.setattr(loading, "_assemble", slow)
    assert refusal(path).state == "writing"


def test_a_file_rewritten_while_it_is_read_is_being_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = changed(tmp_path)
    from swaveval.checkpoints import loading

    original = loading._assemble
    weight = small_checkpoint()["state_dict"]["backbone.7.0.conv2.weight"].numpy().tobytes()

    def rewritten(*arguments: Any) -> Any:
        place = path.read_bytes().index(weight)
        with path.open("r+b") as file:
            file.seek(place)
            file.write(bytes(len(weight)))
        return original(*arguments)

    monkeypatch.setattr(loading, "_assemble", rewritten)
    error = refusal(path)
    assert error.state == "writing"
    assert "backbone.7.0.conv2.weight" in error.reason


def test_refusals_say_what_was_found(tmp_path: Path) -> None:
    path = tmp_path / "file.ckpt"
    path.write_text("epoch,loss\n", encoding="utf-8")
    report = inspect(path)
    assert (report.state, report.size["file"]) == ("unsupported", 11)
    assert "text" in report.refusal


# -- how far the training was ----------------------------------------------------------------------------------------


IN_THE_MIDDLE = {"fit_loop": {"epoch_loop.batch_progress": {"is_last_batch": False}}}


@pytest.mark.parametrize(
    ("facts", "epoch", "step"),
    [
        ({"epoch": 3, "global_step": 400}, 4.0, 400),  # Lightning counts from 0
        ({"epoch": 0, "global_step": 0}, 0.0, 0),
        ({"epoch": 3, "global_step": 350, "loops": IN_THE_MIDDLE}, 3.0, 350),
        ({"epoch": 3, "global_step": 400, "swaveval_epoch": 7}, 7.0, 400),
    ],
)
def test_progress_by_lightning(tmp_path: Path, facts: dict[str, Any], epoch: float, step: int) -> None:
    report = load(changed(tmp_path, **facts)).report
    assert (report.epoch, report.step) == (epoch, step)


@pytest.mark.parametrize(
    ("name", "facts", "epoch", "step"),
    [
        ("ckp-25.pth", {"epoch": 26}, 26.0, None),  # swav writes finished epochs
        ("model_phase4.torch", {"phase_idx": 5, "iteration": 600}, 5.0, 600),
        ("epoch_12.pth", {"meta": {"epoch": 12, "iter": 3000}}, 12.0, 3000),
        ("ckp-25.pth", {}, 25.0, None),
        ("swav-x1-ep=9.ckpt", {}, 9.0, None),
        ("step_1000.pt", {}, None, 1000),
        ("weights.pt", {}, None, None),
    ],
)
def test_progress_by_others(
    tmp_path: Path, name: str, facts: dict[str, Any], epoch: float | None, step: int | None
) -> None:
    path = save(tmp_path / name, {"state_dict": torchvision_resnet(width=8).state_dict(), **facts})
    report = load(path).report
    assert (report.epoch, report.step) == (epoch, step)


# -- digests ---------------------------------------------------------------------------------------------------------


def test_the_digest_is_of_the_weights_not_of_the_file(tmp_path: Path) -> None:
    first = load(changed(tmp_path)).report
    again = load(changed(tmp_path, epoch=9, optimizer_states=[])).report
    assert (again.digest, again.backbone_digest) == (first.digest, first.backbone_digest)

    def nudge(state: dict[str, Tensor]) -> dict[str, Tensor]:
        return state | {"prototypes.heads.0.weight": state["prototypes.heads.0.weight"] + 1e-3}

    moved = load(changed(tmp_path, nudge)).report
    assert moved.digest != first.digest
    assert moved.backbone_digest == first.backbone_digest


def test_the_digest_does_not_depend_on_the_layout(tmp_path: Path) -> None:
    network = torchvision_resnet()
    as_lightly = LightlyModel(nn.Sequential(*list(network.children())[:-1]), 128)
    one = load(save(tmp_path / "a.ckpt", lightning(as_lightly.state_dict()))).report
    other = load(save(tmp_path / "b.pth", {"state_dict": prefixed("module.", network.state_dict())})).report
    assert one.backbone_digest == other.backbone_digest


def test_the_same_weights_under_another_stem_are_another_function(tmp_path: Path) -> None:
    stem = nn.Conv2d(3, 16, 3, padding=1, bias=False)
    state = prefixed("backbone.", torchvision_resnet(stem=stem, maxpool=False).state_dict())
    content = lightning(state)
    body = {"kind": "resnet", "stem_stride": 2, "maxpool": False}
    plain = load(save(tmp_path / "a.ckpt", content)).report
    strided = load(save(tmp_path / "b.ckpt", content | {"hyper_parameters": {"backbone": body}})).report
    assert plain.backbone_digest != strided.backbone_digest
    assert any("assumed" in warning for warning in plain.warnings)
    assert not any("assumed" in warning for warning in strided.warnings)


# -- random initialisation -------------------------------------------------------------------------------------------


def test_random_backbones_are_named_by_their_seed(tmp_path: Path) -> None:
    like = load(changed(tmp_path))
    state = torch.get_rng_state()
    zero, again, one = (random_backbone(like, seed) for seed in (0, 0, 1))
    assert torch.equal(torch.get_rng_state(), state)
    assert zero.digest == again.digest != one.digest
    images = torch.randn(2, 3, 32, 32)
    assert torch.equal(zero.module(images), again.module(images))
    assert zero.module(images).shape == (2, like.feature_dim)
    assert zero.head is not None
    assert zero.head(zero.module(images)).shape == (2, 12)
    assert not zero.module.training


# -- trust -----------------------------------------------------------------------------------------------------------


def test_a_function_of_pythons_library_is_refused_by_name_and_run_on_the_users_word(tmp_path: Path) -> None:
    path = changed(tmp_path, hyper_parameters={"key": operator.itemgetter(1)})
    error = refusal(path)
    assert error.state == "refused"
    assert "operator.itemgetter" in error.reason
    assert "--trust" in error.reason
    report = load(path, options=LoadOptions(trust=True)).report
    assert report.trusted
    assert load(changed(tmp_path)).report.state == "ready"


def test_a_users_own_enum_is_inert(tmp_path: Path) -> None:
    """Its class need not be importable, and is not imported."""
    report = load(changed(tmp_path, hyper_parameters={"stage": Stage.WARM})).report
    assert report.state == "ready"
    assert any("left inert" in warning and "own_code.Stage" in warning for warning in report.warnings)


# -- the reading process ---------------------------------------------------------------------------------------------


def test_a_dead_reading_process_is_replaced(tmp_path: Path) -> None:
    path = changed(tmp_path)
    right = load(path).digest
    reader = shared_reader()
    assert reader._launched is not None
    reader._launched.process.kill()
    reader._launched.process.wait()
    assert load(path).digest == right


def test_a_torch_beside_the_checkpoints_is_not_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "torch.py").write_text("raise SystemExit('the wrong torch')", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    shared_reader().stop()
    assert load(changed(tmp_path)).report.state == "ready"


def test_a_script_without_a_main_guard_may_load_and_leaves_nothing_running(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import sys\nfrom pathlib import Path\nfrom swaveval.checkpoints import load\n"
        "from swaveval.checkpoints.sandbox.reader import shared_reader\n"
        "print(load(Path(sys.argv[1])).digest, shared_reader()._launched.process.pid)\n",
        encoding="utf-8",
    )
    path = changed(tmp_path)
    root = str(Path(__file__).parents[2])
    finished = subprocess.run(
        [sys.executable, str(script), str(path)],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"PYTHONPATH": root},
    )
    digest, process = finished.stdout.split()
    assert digest == load(path).digest
    deadline = time.monotonic() + 5
    while Path(f"/proc/{process}").exists() and time.monotonic() < deadline:
        os.sched_yield()
    assert not Path(f"/proc/{process}").exists()


def test_a_fork_has_a_reading_process_of_its_own(tmp_path: Path) -> None:
    path = changed(tmp_path)
    right = load(path).digest
    child = os.fork()
    if child == 0:
        status = 1
        try:
            status = 0 if load(path).digest == right else 2
            shared_reader().stop()
        finally:
            os._exit(status)
    assert os.waitpid(child, 0)[1] == 0
    assert load(path).digest == right


def test_an_interrupted_load_leaves_the_next_one_right(tmp_path: Path) -> None:
    first, second = changed(tmp_path), tmp_path / "other.pth"
    save(second, torchvision_resnet(width=8).state_dict())
    right = load(second).digest
    load(first)

    def interrupt(_: int, frame: FrameType | None) -> None:
        while frame is not None:
            if frame.f_code.co_name == "load":  # and not in the lines of this test around it
                raise KeyboardInterrupt
            frame = frame.f_back

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        for delay in (0.001, 0.004, 0.01, 0.03):
            try:
                signal.setitimer(signal.ITIMER_REAL, delay)
                load(first)
            except KeyboardInterrupt:
                pass
            finally:
                signal.setitimer(signal.ITIMER_REAL, 0)
            assert load(second).digest == right
    finally:
        signal.signal(signal.SIGALRM, before)
