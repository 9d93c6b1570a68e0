"""`hptui plan`, the lines at the start of a headless run, and the process that measures for the form."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import nursery
import pytest
from click.testing import CliRunner
from fabricate import configuration, make_study, python, run_started, write_run

from hptui.__main__ import main
from hptui.cli import measuring
from hptui.cli.main import cli
from hptui.cli.measuring import measure_apart
from hptui.cli.plan_words import planned_lines
from hptui.config import Layer, resolve
from hptui.plan import Plan
from hptui.planning import Refused, Speed, plan_arm, usual_images
from hptui.record.steering import Steering, save_steering
from hptui.record.study_directory import open_study
from hptui.strategies._remedy import OUT_OF_REACH

Captured = pytest.CaptureFixture[str]

ADAPTIVE = ["--dataset", "mnist", "--strategy", "adaptive", "--search", "lr=1e-4:1e-1:log:5"]


def test_how_much_longer_a_run_may_be_is_told_and_where_its_schedule_forbids_it(tmp_path: Path) -> None:
    asked = ["plan", *ADAPTIVE, "--longest", "1.5", "--out", str(tmp_path / "s")]
    lines = CliRunner().invoke(cli, asked, standalone_mode=False).stdout.splitlines()
    whom = "no optimized run that races, or for which other values are chosen"
    assert f"schedule late_decay needs its end where it is: {whom}, goes on" in lines
    assert lines[-2].endswith("10 + 10 runs of 10 epochs, 15 at most while their losses fall")
    assert not any("no baseline run" in line for line in lines)


def test_the_plan_of_a_study_is_told_without_starting_it(tmp_path: Path) -> None:
    done = CliRunner().invoke(cli, ["plan", *ADAPTIVE, "--out", str(tmp_path / "s")], standalone_mode=False)
    assert done.return_value == 0
    budget, first, otherwise, cost, time = done.stdout.splitlines()
    assert budget == "budget auto: 1.5 plain trainings, or more where one is short on this machine"
    assert first.startswith("before epoch 1: survey of lr, 7 candidates for ")
    assert otherwise.startswith("an epoch that goes wrong")
    assert cost.endswith("plain trainings; 10 + 10 runs of 10 epochs")
    assert time == "how long that takes: --measure tells"
    assert not (tmp_path / "s").exists()


def test_a_measured_plan_counts_the_images_and_tells_the_time() -> None:
    flags = ["--dataset", "digits", "--model", "lenet", "--threads", "1", "--epochs", "2", "--runs", "1", "--measure"]
    done = CliRunner().invoke(cli, ["plan", *flags, "--strategy", "grid", "--json"], standalone_mode=False)
    assert done.return_value == 0
    found = json.loads(done.stdout)
    assert found["speed"]["images"] == 1223
    assert found["seconds"] > 2 * 1223 / found["speed"]["trained"]
    assert found["arms"]["optimized"]["plan"]["stages"][0]["rounds"] == [{"candidates": 15, "epochs": 200 / 1223}]


def test_what_a_strategy_refuses_is_one_message() -> None:
    code = "import sys; from hptui.__main__ import main; sys.exit(main())"
    done = python(code, "plan", "--strategy", "pbt", "--horizon", "0.5")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "horizon = 0.5: strategy 'pbt' plans how long it trains each candidate itself" in done.stderr
    assert "torch" not in done.stderr


def test_a_horizon_that_comes_from_a_variable_is_refused_with_the_way_out(
    monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    monkeypatch.setenv("HPTUI_HORIZON", "0.5")
    assert main(["plan", "--dataset", "digits"]) == 2
    assert capsys.readouterr().err == (
        "hptui: horizon = 0.5: strategy 'adaptive' plans how long it trains each candidate itself; leave it out "
        "(--horizon, the variable HPTUI_HORIZON, or the file), or take one that obeys it, --strategy grid.\n"
    )
    assert main(["plan", "--dataset", "digits", "--strategy", "grid"]) == 0


def test_no_torch_is_needed_to_plan() -> None:
    code = (
        "import sys\nfrom hptui.config import resolve, Layer\nfrom hptui.planning import plan_study, study_lines\n"
        "c = resolve([Layer('t', {'strategy': 'adaptive'})]).config\nprint(study_lines(c, plan_study(c))[-1])\n"
        "print({'torch', 'textual'} & {*sys.modules})"
    )
    done = python(code)
    assert done.stdout.splitlines()[-1] == "set()", done.stderr


def test_a_study_that_was_steered_tells_the_plan_that_is_in_force(tmp_path: Path) -> None:
    study = make_study(tmp_path / "study", epochs=2)  # three cells, before epochs 1 and 2
    begun = planned_lines(study)
    save_steering(study.directory, Steering(4, {"lr": "1e-3:1e-1:log:3", "weight_decay": "1e-4:1e-2:log:2"}))
    steered = planned_lines(open_study(study.directory))
    assert steered != begun
    cost, line = steered
    assert line.startswith(
        "optimized: before epochs 1 to 4: 3 x 2 grid of lr, weight_decay, 6 candidates for 0.16 epochs"
    )
    assert cost == "planned cost in plain trainings: baseline 1.00, optimized 1.98"  # 6 cells of 2 of 12 batches
    write_run(study, "optimized", 0, [run_started(images_per_epoch=30)])  # 0.2 of an epoch are a batch of 20, or none
    assert planned_lines(open_study(study.directory))[0] != cost


SMALL = {"dataset": "digits", "model": "lenet", "threads": 1}


@pytest.fixture
def forked(monkeypatch: pytest.MonkeyPatch) -> None:
    """The process that measures begins where torch is imported: its answer is looked at, not its start."""

    def start(command: list[str], env: dict[str, str], **streams: Any) -> subprocess.Popen[Any]:
        assert command[-2:] == ["-m", measuring.MODULE]
        return nursery.start(program=command[-2:], env=env | {"PYTHONPATH": str(nursery.REPOSITORY)}, **streams)

    names = {"PIPE": subprocess.PIPE, "TimeoutExpired": subprocess.TimeoutExpired}
    monkeypatch.setattr(measuring, "subprocess", SimpleNamespace(Popen=start, **names))


def test_the_process_that_measures_gives_the_speed() -> None:
    speed = measure_apart(configuration(**SMALL), lambda: False)
    assert isinstance(speed, Speed)
    assert (speed.images, speed.device) == (1223, "cpu")
    assert speed.trained > 0
    assert speed.evaluated > 0
    assert 1.0 <= speed.seconds < 10


@pytest.mark.parametrize(
    ("settings", "setting", "message"),
    [
        ({"dataset": "folder:/nowhere"}, "dataset", "there is no such folder"),
        ({"model": "no/net.py:Net"}, "model", "there is no file no/net.py"),
        ({"device": "cuda:7"}, "device", "cuda"),
        ({"model": "small_resnet", "optimizer": "schedule_free", "batchnorm": "running"}, "optimizer", "BatchNorm"),
        ({"strategy": "no/own.py:Best"}, "strategy", "there is no file no/own.py"),
    ],
)
@pytest.mark.usefixtures("forked")
def test_the_process_that_measures_says_what_is_refused_and_of_which_setting(
    settings: dict[str, str], setting: str, message: str
) -> None:
    found = measure_apart(configuration(**SMALL | settings), lambda: False)
    assert isinstance(found, Refused)
    assert message in found.message
    assert found.setting == setting


@pytest.mark.usefixtures("forked")
def test_a_model_that_prints_and_kills_its_process_is_told(tmp_path: Path) -> None:
    own = tmp_path / "net.py"
    own.write_text("import os\nprint('hello')\ndef net():\n    print('bye', flush=True)\n    os._exit(3)\n", "utf-8")
    found = measure_apart(configuration(**SMALL | {"model": f"{own}:net"}), lambda: False)
    assert isinstance(found, Refused)
    assert found.message == "the measurement ended with code 3: bye"


@pytest.mark.usefixtures("forked")
def test_a_measurement_takes_nothing_apart_at_its_end(tmp_path: Path) -> None:
    """With torch that takes longer than many a measurement, and the form waits for it."""
    own, apart = tmp_path / "net.py", tmp_path / "apart"
    own.write_text(f"class Late:\n    def __del__(self):\n        open({str(apart)!r}, 'w')\nlate = Late()\n", "utf-8")
    found = measure_apart(configuration(**SMALL | {"model": f"{own}:absent"}), lambda: False)
    assert isinstance(found, Refused)
    assert "absent" in found.message
    assert not apart.exists()


def test_a_measurement_imports_nothing_that_lies_in_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may be a study that was received, and the library of that name be somebody's trap."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [path for path in sys.path if path])
    (tmp_path / "msgspec.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n", "utf-8")
    found = measure_apart(configuration(**SMALL | {"model": "no/net.py:Net"}), lambda: False)
    assert isinstance(found, Refused)
    assert "there is no file no/net.py" in found.message
    assert not (tmp_path / "ran").exists()


def test_a_measurement_that_nobody_waits_for_is_stopped() -> None:
    asked = iter([False, False, True])
    assert measure_apart(configuration(**SMALL), lambda: next(asked)) is None


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist", "digits"])
def test_the_images_that_a_plan_counts_on_are_those_of_the_data(name: str, real_data: Path) -> None:
    from hptui.datasets._prepare import prepare
    from hptui.datasets._spec import request_dataset

    if name == "fashion_mnist":
        pytest.skip("as many images as mnist, and not here")
    dataset = request_dataset(name, data_dir=real_data, image_size=None, split_seed=0)
    split = prepare(dataset, train_size=None, validation_size=None, split_seed=0)
    assert usual_images(configuration(dataset=name)) == len(split.train.labels)


def planned(**settings: Any) -> Plan:
    """What adaptive plans on 1,223 images in batches of 100."""
    flags = {"dataset": "digits", "model": "lenet", "strategy": "adaptive"} | settings
    return plan_arm(resolve([Layer("test", flags)]).config, "optimized").plan


@pytest.mark.parametrize("epochs", [1, 3, 10])
def test_where_nothing_is_decided_what_it_takes_is_said_and_is_true(epochs: int) -> None:
    plan = planned(epochs=epochs)
    assert (plan.stages, plan.left_out) == ((), ("lr", "weight_decay", "augmentation"))
    whole, _, part = plan.remedy.removeprefix("it takes ").partition("; for lr alone ")
    assert whole
    assert part
    for words, left_out in ((whole, ()), (part, ("weight_decay", "augmentation"))):
        ways = dict(way.removeprefix("--").split(" ") for way in words.split(", or "))
        assert list(ways) == ["epochs", "budget", "set"] or (epochs == 1 and list(ways) == ["epochs", "budget"])
        longer, richer = int(ways["epochs"]), float(ways["budget"])
        assert planned(epochs=longer).left_out == left_out
        assert planned(epochs=epochs, budget=richer).left_out == left_out
        assert len(planned(epochs=longer - 1).left_out) > len(left_out)  # and no less would do
        assert len(planned(epochs=epochs, budget=richer - 0.1).left_out) > len(left_out)
        if "set" not in ways:  # not even batches of one image
            continue
        size = int(ways["set"].partition("=")[2])
        assert planned(epochs=epochs, set={"batch_size": size}).left_out == left_out
        twice = next(100 >> times for times in range(7) if 100 >> (times + 1) == size)
        assert len(planned(epochs=epochs, set={"batch_size": twice}).left_out) > len(left_out)


@pytest.mark.parametrize(
    ("images", "remedy"),
    [
        (20, OUT_OF_REACH),
        (40, "for lr alone --budget 48.6"),
        (
            300,
            "it takes --budget 11.5; for lr alone --epochs 64, or --budget 7.4, or --set batch_size=6",
        ),
    ],
)
def test_what_nobody_would_train_is_no_remedy(images: int, remedy: str) -> None:
    """Of 40 images a search of all would take 1,511 epochs, or batches of one image."""
    assert planned(epochs=5, train_size=images).remedy == remedy


def test_of_more_than_there_is_room_for_it_is_said_what_has_room() -> None:
    ranges = {"lr": "1e-4:1e-1:log:3", "weight_decay": "1e-6:1e-2:log:3", "dropout": "0:0.5:lin:3"}
    epochs = next(n for n in range(10, 60) if planned(epochs=n, search=ranges).left_out == ("weight_decay", "dropout")
                  and "alone" in planned(epochs=n, search=ranges).remedy)  # fmt: skip
    assert "as it is there is room for lr, weight_decay alone" in planned(epochs=epochs, search=ranges).remedy
    assert planned(epochs=epochs, search=dict(list(ranges.items())[:2])).left_out == ()


def test_the_remedy_and_a_falling_rate_that_is_asked_for_are_told_wherever_nothing_is_decided(
    capsys: Captured,
) -> None:
    flags = ["--dataset", "digits", "--model", "lenet", "--strategy", "adaptive", "--epochs", "3", "--budget", "1.5"]
    assert main(["plan", *flags, "--schedule", "late_decay"]) == 0
    left_out, nothing, schedule, *_ = capsys.readouterr().out.splitlines()
    assert nothing == "nothing will be decided"
    assert left_out.startswith(
        "no budget to search lr, weight_decay, augmentation: it takes --epochs 49, or --budget 5.9, or "
    )
    assert schedule == (
        "schedule late_decay: from epoch 2 on the learning rate falls, at the end of the run to 0, "
        "below its range of 0.0001 to 0.01"
    )
    for schedule in ([], ["--schedule", "constant"]):  # that of the strategy waits until something is chosen
        assert main(["plan", *flags, *schedule]) == 0
        assert "schedule" not in capsys.readouterr().out
