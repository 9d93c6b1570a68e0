"""A training without test images: the same bits, validation alone in the record."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from fabricate import make_study

from hptui.datasets import ImageDataset
from hptui.record.events import Evaluated, RunCompleted, RunStarted
from hptui.record.predictions import read_predictions
from hptui.record.run_directory import MODEL_FILE

from .conftest import NormDropNet, Prepared, delivered, make_run, stripes
from .test_exactness import assert_same

Make = Callable[..., Prepared]


def test_validation_alone_is_recorded_and_the_weights_are_the_same(prepare: Make, tmp_path: Path) -> None:
    train, validation, test = stripes(60, 0), stripes(21, 1), stripes(21, 2)
    settings = {"search": {"lr": "1e-3:1e-1:log:2"}, "epochs": 1}
    names = ("low", "middle", "high")
    tested, _ = make_run(prepare(NormDropNet, ImageDataset("data", names, train, test, validation), **settings))
    assert tested.execute().completed

    study = make_study(tmp_path / "study")
    directory = study.directory / "optimized-0"
    study.create_run("optimized", 0, directory)
    untested = prepare(NormDropNet, ImageDataset("data", names, train, None, validation), **settings)
    run, events = make_run(untested, directory=directory)
    assert run.execute().completed
    assert_same(delivered(run), delivered(tested))

    started, completed = events[0], events[-1]
    assert isinstance(started, RunStarted)
    assert isinstance(completed, RunCompleted)
    assert (started.test_images, completed.test_loss, completed.test_accuracy) == (0, None, None)
    assert {event.split for event in events if isinstance(event, Evaluated)} == {"validation"}
    assert read_predictions(directory, "final", "test") is None
    answers = read_predictions(directory, "final", "validation")
    assert answers is not None
    assert len(answers) == 21
    assert "intensity" in torch.load(directory / MODEL_FILE)
