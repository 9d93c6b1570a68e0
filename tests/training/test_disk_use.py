"""What a study keeps on the disk: as planned, and no checkpoint that nobody needs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

from hptui.record.command_inbox import CommandInbox
from hptui.record.commands import AddEpochs, CommandSender
from hptui.record.contents import size_of
from hptui.record.events import BatchesTrained, CommandRefused, EpochCompleted, RunCompleted
from hptui.record.housekeeping import clean_study
from hptui.record.log_backwards import last_event
from hptui.record.run_reader import RunReader
from hptui.record.study_directory import Study, create_study, open_study
from hptui.training.disk_use import disk_use
from hptui.training.run.control import Control

from .conftest import Prepared, train_study

Make = Callable[..., Prepared]


class Wide(nn.Module):
    """So many weights that nothing else in a file counts."""

    def __init__(self, in_channels: int, num_classes: int, image_size: tuple[int, int]) -> None:
        super().__init__()
        pixels = in_channels * image_size[0] * image_size[1]
        self.layers = nn.Sequential(nn.Flatten(), nn.Linear(pixels, 1000), nn.ReLU(), nn.Linear(1000, num_classes))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.layers(images)
        return logits


class StoppedAfter(Control):
    """Stops the study once a run has completed so many epochs."""

    def __init__(self, study: Study, run: str, epochs: int) -> None:
        super().__init__(CommandInbox(study.directory))
        self._log, self._left = RunReader(study.directory / run), epochs

    def check(self, *, now: bool = False) -> None:
        self._left -= sum(isinstance(event, EpochCompleted) for event in self._log.read())
        if self._left <= 0:
            self.stop("enough")
        super().check(now=now)


def begun(made: Prepared, directory: Path) -> Study:
    planned = {"baseline": 1.0, "optimized": 2.0}
    disk = disk_use(made.inputs, made.config)
    return create_study(directory, made.config, made.data.fingerprint, planned, disk=disk)


@pytest.fixture
def study(prepare: Make, tmp_path: Path) -> tuple[Study, Prepared]:
    made = prepare(epochs=3, runs=2)
    return begun(made, tmp_path / "study"), made


def checkpoints(study: Study) -> dict[str, list[int]]:
    """Sizes of those that each run has."""
    return {
        run.name: [path.stat().st_size for path in (run / "checkpoints").glob("*.pt")]
        for _, _, run in study.runs()
        if run.exists()
    }


def test_a_finished_study_keeps_no_checkpoints_and_an_unfinished_one_does(study: tuple[Study, Prepared]) -> None:
    the_study, made = study
    assert not train_study(the_study, made, StoppedAfter(the_study, "optimized-0", 1))
    found = checkpoints(the_study)
    assert {name: len(sizes) for name, sizes in found.items()} == {"baseline-0": 1, "optimized-0": 2}
    assert train_study(the_study, made, Control())
    assert set(map(len, checkpoints(the_study).values())) == {0}
    for _, _, run in the_study.runs():
        assert (run / "model.pt").exists()
        assert isinstance(last_event(run), RunCompleted)
    assert train_study(the_study, made, Control())  # nothing is left to do, and nothing is done


def test_what_was_planned_is_about_what_is_kept(prepare: Make, tmp_path: Path) -> None:
    made = prepare(factory=Wide, search={"lr": "1e-3:1e-1:log:3"}, epochs=2, runs=1)
    the_study = begun(made, tmp_path / "large")
    planned = open_study(the_study.directory).disk
    assert planned is not None
    assert not train_study(the_study, made, StoppedAfter(the_study, "optimized-0", 1))
    (size,) = checkpoints(the_study)["baseline-0"]
    assert planned.checkpoint == pytest.approx(size, rel=0.25)
    assert train_study(the_study, made, Control())
    run = the_study.directory / "baseline-0"
    kept = sum((run / name).stat().st_size for name in ("model.pt", "best.pt", "predictions.npz"))
    assert planned.kept == pytest.approx(kept, rel=0.25)
    assert size_of(run) > kept


def test_a_checkpoint_within_an_epoch_has_its_beginning_where_batches_are_searched(
    prepare: Make, tmp_path: Path
) -> None:
    made = prepare(factory=Wide, search={"batch_size": "20:40:log:2"}, set={}, epochs=2, runs=1, log_every=1)
    the_study = begun(made, tmp_path / "large")
    planned = open_study(the_study.directory).disk
    assert planned is not None

    class WithinTheSecond(StoppedAfter):
        def check(self, *, now: bool = False) -> None:
            self._left -= sum(isinstance(event, BatchesTrained) and event.epoch == 2 for event in self._log.read())
            super().check(now=now)

    assert not train_study(the_study, made, WithinTheSecond(the_study, "optimized-0", 1))
    assert planned.checkpoint == pytest.approx(max(checkpoints(the_study)["optimized-0"]), rel=0.25)


def test_no_epochs_are_added_where_a_completed_run_would_begin_anew(study: tuple[Study, Prepared]) -> None:
    the_study, made = study
    assert not train_study(the_study, made, StoppedAfter(the_study, "optimized-0", 1))
    assert clean_study(the_study.directory) > 0
    assert {name: len(sizes) for name, sizes in checkpoints(the_study).items()} == {"baseline-0": 0, "optimized-0": 2}

    class Asked(Control):
        def begin(self, run: str, tell: object) -> None:
            super().begin(run, tell)  # type: ignore[arg-type]
            if run == "optimized-0":
                CommandSender(the_study.directory).send(AddEpochs(epochs=2))

    assert train_study(the_study, made, Asked(CommandInbox(the_study.directory)))
    (refused,) = [
        event for event in RunReader(the_study.directory / "optimized-0").read() if isinstance(event, CommandRefused)
    ]
    assert refused.reason == "no epochs can be added: the checkpoint of baseline-0 was removed (hptui clean)."
    for _, _, run in the_study.runs():
        assert sum(isinstance(event, EpochCompleted) for event in RunReader(run).read()) == 3
