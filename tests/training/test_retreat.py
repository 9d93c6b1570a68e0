"""A batch size that was chosen and runs out of memory in training: the epoch is trained anew with a smaller one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from hptui.cli.recipe import recipe_of
from hptui.reading.run_state import state_of
from hptui.record.events import (
    AnyEvent,
    BatchesTrained,
    CandidateScored,
    EpochCompleted,
    HyperparametersChosen,
    RunCompleted,
    RunResumed,
)
from hptui.record.run_directory import RunFile, create_run
from hptui.record.run_reader import RunReader
from hptui.record.run_writer import RunWriter
from hptui.strategies import Candidate, Choice, Strategy
from hptui.training.replaying import train_again
from hptui.training.run.checkpoints import largest_difference
from hptui.training.run.control import Control
from hptui.training.run.run import Run
from hptui.ui.drawing.event_words import event_words

from .conftest import NormDropNet, Prepared, newest_checkpoint

Make = Callable[..., Prepared]
SEARCH = {"batch_size": "20:80:log:3"}
IN_PROBE = 2
"""batches of 80 images that half an epoch of 240 is"""


class Fills(NormDropNet):
    """Stands for a device that is full above 48 images of a batch once it has had some of that size."""

    large = 0
    fit = 10**9
    error = "CUDA out of memory. Tried to allocate 88.00 MiB"

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        answer = super().forward(x)
        if self.training and len(x) > 48:
            Fills.large += 1
            if Fills.large > Fills.fit:
                raise RuntimeError(Fills.error)
        return answer


class TakesLarge(Strategy):
    """Chooses batches of 80 images for the first epoch."""

    searches = True

    def __init__(self, *, gains: bool = False) -> None:
        super().__init__(3, (1,))
        self._gains = gains

    def decide(self, situation: Any) -> Any:
        (one,) = yield [Candidate({"batch_size": 80.0, "lr": 0.02}, keep=self._gains)]
        return Choice({"batch_size": 80.0, "lr": 0.02}, "large", candidate=0, start=one.end)


@pytest.fixture
def fills(monkeypatch: pytest.MonkeyPatch) -> type[Fills]:
    monkeypatch.setattr(Fills, "large", 0)
    monkeypatch.setattr(Fills, "fit", 10**9)
    return Fills


def train(made: Prepared, where: Path, fit: int, *, gains: bool = False, control: Control | None = None) -> bool:
    """Whether it came to its end, on a device that is full after so many large batches, those of the probe counted."""
    create_run(where, RunFile(1, "0", "optimized", 0, {}))
    Fills.large, Fills.fit = 0, fit
    strategy = TakesLarge(gains=gains)
    control = control or Control()
    with RunWriter(where) as writer:
        emit = writer.append
        run = Run(made.config, made.inputs, strategy, "optimized", 0, emit=emit, control=control, directory=where)
        return run.execute().completed


class StopsAt(Control):
    """Stops once the run's log has a line that is asked for."""

    def __init__(self, run: Path, wanted: Callable[[AnyEvent], bool]) -> None:
        super().__init__()
        self._reader, self._wanted = RunReader(run), wanted

    def check(self, *, now: bool = False) -> None:
        if any(map(self._wanted, self._reader.read())):
            self.stop("test")
        super().check(now=now)


def of(events: list[AnyEvent], kind: type) -> list[Any]:
    return [event for event in events if isinstance(event, kind)]


@pytest.mark.parametrize(("gains", "in_vain"), [(False, 160), (True, 80)])
def test_the_run_goes_back_to_the_values_before(
    prepare: Make, fills: type[Fills], tmp_path: Path, gains: bool, in_vain: int
) -> None:
    """The second batch of the first epoch does not fit; of a run that gains its probe, the last third of that epoch."""
    made = prepare(fills, epochs=3, search=SEARCH, log_every=1)
    assert train(made, tmp_path / "run", IN_PROBE + (0 if gains else 1), gains=gains)
    events = RunReader(tmp_path / "run").read()
    chosen, smaller = of(events, HyperparametersChosen)
    assert (chosen.epoch, chosen.values["batch_size"]) == (1, 80)
    assert (smaller.epoch, smaller.values["batch_size"], smaller.values["lr"]) == (
        1,
        20,
        made.config.start_values["lr"],
    )
    assert smaller.reason == "batches of 80 ran out of memory; the values before it"
    (back,) = of(events, RunResumed)
    assert back.failed.startswith("batches of 80 ran out of memory: RuntimeError: CUDA out of memory")
    assert "epoch 1 failed, and is trained anew: batches of 80" in event_words(back)
    end = events[-1]
    assert isinstance(end, RunCompleted)
    gained = 160 if gains else 0
    assert (end.images_trained, end.images_probed) == (3 * 240 - gained, 160 + in_vain)
    state = state_of(events)
    assert (state.images_trained, state.images_probed) == (end.images_trained, end.images_probed)
    assert [one.completed.values["batch_size"] for one in state.epochs if one.completed] == [20, 20, 20]


@pytest.mark.parametrize("gains", [False, True])
def test_it_is_replayed(prepare: Make, fills: type[Fills], tmp_path: Path, gains: bool) -> None:
    made = prepare(fills, epochs=3, search=SEARCH)
    assert train(made, tmp_path / "run", IN_PROBE + (0 if gains else 1), gains=gains)
    fills.fit = 10**9
    create_run(tmp_path / "again", RunFile(1, "0", "optimized", 0, {}))
    with RunWriter(tmp_path / "again") as writer:
        recipe = recipe_of(RunReader(tmp_path / "run").read(), tmp_path / "run")
        train_again(made.config, made.inputs, recipe, "optimized", 0, directory=tmp_path / "again", emit=writer.append)
    assert largest_difference(tmp_path / "run" / "model.pt", tmp_path / "again" / "model.pt")[2] == 0


def test_epochs_that_had_such_batches_are_followed_by_one_of_half_the_size(
    prepare: Make, fills: type[Fills], tmp_path: Path
) -> None:
    made = prepare(fills, epochs=3, search=SEARCH)
    assert train(made, tmp_path / "run", IN_PROBE + 3 + 1)
    events = RunReader(tmp_path / "run").read()
    assert [one.values["batch_size"] for one in of(events, EpochCompleted)] == [80, 40, 40]
    assert of(events, HyperparametersChosen)[-1].values["lr"] == 0.02
    assert of(events, HyperparametersChosen)[-1].reason == "batches of 80 ran out of memory; half as many images"


def test_a_run_that_is_stopped_after_it_goes_on(prepare: Make, fills: type[Fills], tmp_path: Path) -> None:
    """Its checkpoints are those of the epoch that is trained anew, also where one was written before the failure."""
    made = prepare(fills, epochs=3, search=SEARCH, log_every=1, checkpoint_every="1steps")
    smaller = StopsAt(tmp_path / "run", lambda one: isinstance(one, BatchesTrained) and one.values["batch_size"] == 20)
    assert not train(made, tmp_path / "run", IN_PROBE + 2, control=smaller)
    saved = newest_checkpoint(tmp_path / "run")
    assert saved is not None
    assert (saved["progress"]["batch"], saved["progress"]["decisions"]) == (1, 2)


def test_a_batch_size_that_nobody_searched_fails_the_run(prepare: Make, fills: type[Fills], tmp_path: Path) -> None:
    made = prepare(fills, epochs=3, set={"batch_size": 80}, search={"lr": "1e-3:1e-1:log:3"})
    with pytest.raises(RuntimeError, match="out of memory"):
        train(made, tmp_path / "run", IN_PROBE + 1)


def test_another_error_fails_the_run(
    prepare: Make, fills: type[Fills], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fills, "error", "shapes do not fit")
    with pytest.raises(RuntimeError, match="shapes"):
        train(prepare(fills, epochs=3, search=SEARCH), tmp_path / "run", IN_PROBE + 1)


class TakesLargeAgain(TakesLarge):
    """Chooses batches of 80 images before each of two epochs: those of a candidate, or of its own accord."""

    def __init__(self, *, probes: bool, beside: bool = False) -> None:
        Strategy.__init__(self, 3, (1, 2))
        self._probes, self._beside = probes, beside

    def decide(self, situation: Any) -> Any:
        if situation.epoch > 1 and not self._probes:
            return Choice({"batch_size": 80.0, "lr": 0.01}, "large again")
        wanted = [Candidate({"batch_size": 80.0, "lr": 0.02})]
        if situation.epoch > 1 and self._beside:
            wanted.append(Candidate({"batch_size": 40.0, "lr": 0.01}))
        measured = yield wanted
        best = min(range(len(measured)), key=lambda index: measured[index].score)
        return Choice(measured[best].candidate.values, "the best", candidate=best)


def start(made: Prepared, where: Path, strategy: Strategy, control: Control | None = None) -> bool:
    """Begin a run, or go on with it; whether it came to its end."""
    resume = where.exists()
    if not resume:
        create_run(where, RunFile(1, "0", "optimized", 0, {}))
    with RunWriter(where) as writer:
        told: Any = {"emit": writer.append, "control": control or Control(), "directory": where}
        return Run(made.config, made.inputs, strategy, "optimized", 0, **told).execute(resume=resume).completed


def same_end(one: Path, other: Path) -> bool:
    """Whether two runs have equal weights, and count the same images."""
    ends = [RunReader(run).read()[-1] for run in (one, other)]
    assert all(isinstance(end, RunCompleted) for end in ends)
    counts = [(end.images_trained, end.images_probed) for end in ends if isinstance(end, RunCompleted)]
    return counts[0] == counts[1] and largest_difference(one / "model.pt", other / "model.pt")[2] == 0


def test_a_run_that_is_resumed_within_the_epoch_goes_back_too(
    prepare: Make, fills: type[Fills], tmp_path: Path
) -> None:
    """The third batch does not fit; the process that began the epoch has trained one, and gone."""
    made = prepare(fills, epochs=3, search=SEARCH, log_every=1)
    assert train(made, tmp_path / "whole", IN_PROBE + 2)
    once = StopsAt(tmp_path / "parts", lambda one: isinstance(one, BatchesTrained))
    assert not train(made, tmp_path / "parts", IN_PROBE + 2, control=once)
    saved = newest_checkpoint(tmp_path / "parts")
    assert saved is not None
    assert saved["progress"]["batch"] == 1
    assert saved["epoch_beginning"]["progress"]["batch"] == 0
    assert start(made, tmp_path / "parts", TakesLarge())
    assert fills.large == IN_PROBE + 3
    _, back = of(RunReader(tmp_path / "parts").read(), RunResumed)
    assert back.failed.startswith("batches of 80 ran out of memory")
    assert same_end(tmp_path / "whole", tmp_path / "parts")
    last = newest_checkpoint(tmp_path / "parts")
    assert last is not None
    assert last["epoch_beginning"] is None
    assert last["progress"]["too_large"] == 80


@pytest.mark.parametrize(
    ("strategy", "size", "reason"),
    [
        ({"probes": True}, 20, "all candidates failed, and some have batches that ran out of memory before"),
        ({"probes": True, "beside": True}, 40, "the best"),
        ({"probes": False}, 20, "large again; batches of 80 would run out of memory as those of 80 did: 20"),
    ],
)
def test_what_ran_out_of_memory_is_not_tried_again(
    prepare: Make, fills: type[Fills], tmp_path: Path, strategy: dict[str, bool], size: int, reason: str
) -> None:
    """Neither by a later decision, nor by one after the run was stopped; and it is replayed."""
    made = prepare(fills, epochs=3, search=SEARCH, log_every=1)
    fills.large, fills.fit = 0, IN_PROBE + 1
    assert start(made, tmp_path / "whole", TakesLargeAgain(**strategy))
    assert fills.large == IN_PROBE + 2, "after it failed no batch was as large"
    events = RunReader(tmp_path / "whole").read()
    last = of(events, HyperparametersChosen)[-1]
    assert (last.epoch, last.values["batch_size"], last.reason) == (2, size, reason)
    again = [one for one in of(events, CandidateScored) if one.decision == last.decision]
    assert [one.failed for one in again if one.values["batch_size"] == 80] == [
        "batches of 80 images ran out of memory in training before"
    ] * strategy["probes"]
    assert [one.values["batch_size"] for one in of(events, EpochCompleted)] == [20, size, size]

    fills.large, fills.fit = 0, IN_PROBE + 1
    once = StopsAt(tmp_path / "parts", lambda one: isinstance(one, BatchesTrained) and one.values["batch_size"] == 20)
    assert not start(made, tmp_path / "parts", TakesLargeAgain(**strategy), once)
    assert start(made, tmp_path / "parts", TakesLargeAgain(**strategy))
    assert fills.large == IN_PROBE + 2
    assert same_end(tmp_path / "whole", tmp_path / "parts")

    create_run(tmp_path / "again", RunFile(1, "0", "optimized", 0, {}))
    with RunWriter(tmp_path / "again") as writer:
        recipe = recipe_of(events, tmp_path / "whole")
        train_again(made.config, made.inputs, recipe, "optimized", 0, directory=tmp_path / "again", emit=writer.append)
    assert largest_difference(tmp_path / "whole" / "model.pt", tmp_path / "again" / "model.pt")[2] == 0
