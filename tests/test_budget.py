"""A budget that nobody named: a number by this machine's clock, settled once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from test_terminal import hptui

from hptui.budget import automatic_budget, budget_lines, settled
from hptui.config import Layer, StudyConfig, resolve
from hptui.errors import ConfigError
from hptui.planning import Speed
from hptui.record.run_directory import read_run_file
from hptui.record.study_directory import open_study
from hptui.strategies.adaptive import Adaptive
from hptui.training import train

JOB = [
    "--dataset",
    "digits",
    "--model",
    "lenet",
    "--baseline",
    "none",
    "--runs",
    "1",
    "--epochs",
    "3",
    "--train-size",
    "300",
    "--test-size",
    "60",
    "--image-size",
    "16",
    "--threads",
    "1",
]


def config(**settings: object) -> StudyConfig:
    return resolve([Layer("test", {"dataset": "digits", "strategy": "adaptive"} | settings)]).config


def speed(trained: float, evaluated: float = 1e9) -> Speed:
    return Speed(trained, evaluated, 1_000, 100, 100, "cpu", 1.0)


@pytest.mark.parametrize(
    ("seconds", "budget"),
    [(0.1, 10.0), (4.0, 10.0), (12.0, 6.0), (30.0, 3.0), (60.0, 2.0), (120.0, 1.5), (8 * 3600.0, 1.5)],
)
def test_a_short_training_may_cost_many_and_a_long_one_may_not(seconds: float, budget: float) -> None:
    assert automatic_budget(seconds) == budget


def test_the_number_comes_from_the_measured_speed() -> None:
    asked = config(epochs=30)
    assert asked.budget == "auto"
    assert settled(asked, None).budget == "auto"
    assert settled(asked, speed(1_000)).budget == 3.0  # 30 s for 30 epochs of 1,000 images
    assert settled(asked, speed(1_000, evaluated=300)).budget == 2.0  # and as long for evaluations of 300 images each
    assert budget_lines(asked, speed(1_000)) == ["budget 3 (auto): a plain training takes about 30 s here"]
    assert budget_lines(asked, None) == ["budget auto: 1.5 plain trainings, or more where one is short on this machine"]


@pytest.mark.parametrize("settings", [{"budget": 2.5}, {"strategy": "grid"}, {"strategy": "fixed"}])
def test_where_there_is_nothing_to_settle_all_stays_as_it_is(settings: dict[str, object]) -> None:
    asked = config(**settings)
    assert settled(asked, speed(1_000)) == asked
    assert budget_lines(asked, speed(1_000)) == []


@pytest.mark.parametrize(
    ("text", "message"),
    [("x", "expected a number, or auto"), ("0.5", "expected a number > 1"), ("nan", "budget"), ("1001", "<= 1000")],
)
def test_what_is_no_budget_is_refused(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        config(budget=text)


def test_a_study_keeps_the_number_that_it_began_with(tmp_path: Path) -> None:
    """Whatever the speed is when somebody goes on with it, and a copy of its settings has the same."""
    out = tmp_path / "study"
    done = hptui("run", *JOB, "--strategy", "adaptive", "--search", "lr=1e-3:1e-1:log:3", "--headless", "--out", out)
    assert done.returncode == 0, done.stderr
    study = open_study(out)
    assert isinstance(study.config.budget, float)
    assert study.config.budget > 1.5  # three epochs of these images are short on any machine
    (line,) = (line for line in study.warnings if "budget" in line)
    assert line.startswith(f"budget {study.config.budget:g} (auto): a plain training takes about ")
    ((_, _, run),) = study.runs()
    assert read_run_file(run).config["budget"] == study.config.budget
    assert hptui("resume", out, "--headless").returncode == 0
    assert open_study(out).config.budget == study.config.budget


def test_a_plan_that_measures_tells_the_number() -> None:
    told = hptui("plan", *JOB, "--strategy", "adaptive", "--measure", "--json")
    assert told.returncode == 0, told.stderr
    assert json.loads(told.stdout)["budget"] > 1.5
    said = hptui("plan", *JOB, "--strategy", "adaptive")
    assert said.stdout.startswith("budget auto: 1.5 plain trainings, or more")


class Counting(Adaptive):
    """An own strategy that spends a budget."""


def test_a_training_of_a_script_settles_it_too() -> None:
    done = train(
        **{"dataset": "digits", "train_size": 400, "test_size": 60, "image_size": 16, "model": "lenet", "threads": 1},
        **{"strategy": Counting, "epochs": 1, "search": {"lr": "1e-3:1e-1:log:3"}, "set": {"batch_size": 20}},
    )
    assert any(line.startswith("budget ") for line in done.warnings)
    assert done.cost is not None
    assert done.cost > 1.5
