"""One training at a time in a process: whatever asks for a second one is refused, and the first is not disturbed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from fabricate import PATIENCE_SECONDS

from hptui.config import Layer, StudyConfig, resolve
from hptui.errors import DatasetError, TrainingError
from hptui.record.events import AnyEvent, EpochCompleted
from hptui.training import Control, RunPlan, TrainingResult, start_study, train, train_run, train_study
from hptui.training.predicting import load_predictor

JOB: dict[str, Any] = {
    "dataset": "digits",
    "model": "lenet",
    "epochs": 2,
    "train_size": 200,
    "threads": 1,
    "strategy": "grid",
    "search": {"lr": "1e-3:1e-2:log:2"},
}


def settings(**changes: Any) -> StudyConfig:
    return resolve([Layer("test", JOB | {"baseline": "none", "runs": 1} | changes)]).config


@contextmanager
def training_in_a_thread() -> Iterator[list[TrainingResult]]:
    """A training that stands after its first epoch; on leaving it goes on to its end."""
    reached, go_on = threading.Event(), threading.Event()
    results: list[TrainingResult] = []

    def hold(event: AnyEvent) -> None:
        if isinstance(event, EpochCompleted) and event.epoch == 1:
            reached.set()
            assert go_on.wait(PATIENCE_SECONDS)

    thread = threading.Thread(target=lambda: results.append(train(**JOB, on_event=hold)))
    thread.start()
    try:
        assert reached.wait(PATIENCE_SECONDS)
        yield results
    finally:
        go_on.set()
        thread.join()


def a_script(folder: Path) -> object:
    return train(**JOB)


def a_form(folder: Path) -> object:
    return start_study(settings(), folder / "second")


def a_run(folder: Path) -> object:
    return train_run(RunPlan(settings(), "optimized", 0, str(folder)), Control())


def a_prediction(folder: Path) -> object:
    return load_predictor(folder / "model.pt", "lenet", device="cpu")


@pytest.fixture(scope="module")
def alone() -> TrainingResult:
    """What nobody disturbs."""
    return train(**JOB)


@pytest.mark.parametrize("second", [a_script, a_form, a_run, a_prediction])
def test_a_second_one_is_refused_and_the_first_keeps_its_weights(
    tmp_path: Path, alone: TrainingResult, second: Callable[[Path], object]
) -> None:
    with training_in_a_thread() as results:
        with pytest.raises(TrainingError, match=r"this process trains a network already, .*; wait until"):
            second(tmp_path)
        assert not list(tmp_path.iterdir())
    (disturbed,) = results
    assert disturbed.test_accuracy == alone.test_accuracy
    for name, weight in alone.network.state_dict().items():
        assert torch.equal(weight, disturbed.network.state_dict()[name]), name


def test_a_prepared_study_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    prepared = start_study(settings(), tmp_path / "study")
    with training_in_a_thread(), pytest.raises(TrainingError, match="trains a network already"):
        train_study(prepared, Control())
    (_, _, directory) = prepared.study.runs()[0]
    assert not directory.exists()
    assert train_study(prepared, Control())  # the first has ended


def test_not_even_its_own_callback_may_begin_another() -> None:
    refused: list[str] = []

    def nested(event: AnyEvent) -> None:
        if isinstance(event, EpochCompleted):
            with pytest.raises(TrainingError) as caught:
                train(**JOB)
            refused.append(str(caught.value))

    train(**JOB, on_event=nested)
    assert len(refused) == 2


def test_what_failed_stands_in_nobodys_way() -> None:
    with pytest.raises(DatasetError):
        train(**JOB | {"dataset": "folder:/nowhere"})

    def fail(event: AnyEvent) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        train(**JOB, on_event=fail)
    assert train(**JOB | {"epochs": 1}).test_accuracy is not None


def test_two_runs_of_a_study_hold_it_together(tmp_path: Path) -> None:
    """Nobody slips in between two runs of one study."""
    refused: list[TrainingError] = []

    class Watch(Control):
        def begin(self, run: str, tell: Callable[[AnyEvent], object]) -> None:
            super().begin(run, tell)
            with pytest.raises(TrainingError) as caught:
                train(**JOB)
            refused.append(caught.value)

    prepared = start_study(settings(baseline="fixed", epochs=1), tmp_path / "study")
    assert train_study(prepared, Watch())
    assert len(refused) == 2
