"""Candidates that run out of memory, or raise, are recorded as failed and never chosen; the training goes on."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from hptui.errors import ModelError, TrainingError, failure_words
from hptui.reading.failed_candidates import failed_candidate_words
from hptui.record.events import CandidateScored, HyperparametersChosen, RunCompleted
from hptui.record.run_directory import RunFile, create_run
from hptui.strategies import Candidate, Choice, Strategy
from hptui.training.engine.failures import is_out_of_memory
from hptui.training.run.control import Control, StopRequested

from .conftest import NormDropNet, Prepared, decide, delivered, make_run, newest_checkpoint
from .test_exactness import assert_same

Make = Callable[..., Prepared]
WORDS = "CUDA out of memory. Tried to allocate 88.00 MiB"
BATCHES = {"batch_size": "20:80:log:3"}


class Full(NormDropNet):
    """Stands for a device that is full above 48 images of a batch, once the trial before training is over."""

    tried = 0
    fits = 48
    error: BaseException = RuntimeError(WORDS)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.training:
            x = super().forward(x)  # BatchNorm's statistics and the random numbers have moved by now
            Full.tried += 1
            if len(x) > self.fits and Full.tried > 8:
                raise Full.error
            return x
        return super().forward(x)


@pytest.fixture
def full(monkeypatch: pytest.MonkeyPatch) -> type[Full]:
    monkeypatch.setattr(Full, "tried", 0)
    return Full


def scored(events: list[Any]) -> list[CandidateScored]:
    return [event for event in events if isinstance(event, CandidateScored)]


@pytest.mark.parametrize("error", [RuntimeError(WORDS), torch.OutOfMemoryError(WORDS), MemoryError(), ValueError("no")])
@pytest.mark.parametrize("strategy", ["grid", "adaptive", "pbt"])
def test_a_candidate_that_fails_is_recorded_and_not_chosen_and_the_training_goes_on(
    prepare: Make, full: type[Full], monkeypatch: pytest.MonkeyPatch, strategy: str, error: BaseException
) -> None:
    monkeypatch.setattr(full, "error", error)
    run, events = make_run(prepare(full, epochs=3, search=BATCHES, strategy=strategy, budget=40.0))
    assert run.execute().completed
    failed = [one for one in scored(events) if one.failed]
    assert failed
    for one in failed:
        assert one.values["batch_size"] > full.fits
        assert type(error).__name__ in one.failed
        assert "test_failed_candidates.py, line" in one.failed
        assert (one.score, one.diverged, one.loss) == (float("inf"), True, float("inf"))
    for one in events:
        if isinstance(one, HyperparametersChosen):
            assert one.values["batch_size"] <= full.fits
    assert isinstance(events[-1], RunCompleted)


def test_the_training_is_back_at_the_bit_after_a_failure(prepare: Make, full: type[Full]) -> None:
    """A decision with a failed candidate leaves what one without it leaves."""
    ends = []
    for search in ({"batch_size": "20:80:log:3"}, {"batch_size": "20:40:log:2"}):
        full.tried = 0
        run, events = make_run(prepare(full, search=search))
        run.state.values.set({"batch_size": 20.0})
        before = run.state.snapshot()
        decide(run, 1)
        assert any(one.failed for one in scored(events)) == (len(scored(events)) == 3)
        run.state.values.set({"batch_size": 20.0})
        assert_same(before, run.state.snapshot())
        run.trainer.step()
        ends.append(run.state.snapshot())
    assert_same(*ends)


def test_the_reason_tells_how_many_failed(prepare: Make, full: type[Full]) -> None:
    run, events = make_run(prepare(full, search=BATCHES))
    decide(run, 1)
    (chosen,) = (event for event in events if isinstance(event, HyperparametersChosen))
    assert "(left out: 1 failed)" in chosen.reason


def test_a_failed_candidate_in_words(prepare: Make, full: type[Full]) -> None:
    run, events = make_run(prepare(full, search=BATCHES))
    decide(run, 1)
    words = failed_candidate_words(scored(events)[2])
    assert words.startswith(f"decision 1: candidate 3 failed, and is not chosen: RuntimeError: {WORDS} (test_failed")
    assert "batch_size 80" in words


def test_where_all_candidates_fail_the_run_fails_with_the_reason(
    prepare: Make, full: type[Full], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = prepare(full, search=BATCHES)
    monkeypatch.setattr(full, "fits", 1)
    run, _ = make_run(made)
    full.tried = 100
    with pytest.raises(TrainingError, match=r"all 3 candidates of a decision failed.*first, batch_size 20: Runtime.*"):
        run.execute()


class ChoosesFailed(Strategy):
    """Takes what failed, in spite of its score."""

    searches = True

    def decide(self, situation: Any) -> Any:
        yield [Candidate({"batch_size": 20.0}), Candidate({"batch_size": 80.0}, keep=True)]
        return Choice({"batch_size": 80.0}, "why not", candidate=1)


def test_a_strategy_cannot_choose_what_failed(prepare: Make, full: type[Full]) -> None:
    made = prepare(full, search=BATCHES)
    run, _ = make_run(made)
    run.strategy = ChoosesFailed(2, (1,))
    with pytest.raises(TrainingError, match="ChoosesFailed chooses candidate 1, which failed: RuntimeError: CUDA"):
        decide(run, 1)


def test_a_stopped_decision_with_a_failed_candidate_goes_on(prepare: Make, full: type[Full], tmp_path: Path) -> None:
    """What failed is in the checkpoint, and is not tried again."""

    events: list[Any] = []

    class StopAfterFailure(Control):
        """Stops before the candidate that follows the first one that failed."""

        def check(self, *, now: bool = False) -> None:
            if any(one.failed for one in scored(events)):
                raise StopRequested("test")

    made = prepare(full, search={"batch_size": "20:80:log:3", "lr": "1e-3:1e-2:log:2"}, epochs=1)
    create_run(tmp_path / "optimized-0", RunFile(1, "0", "optimized", 0, {}))
    full.tried = 101
    where = tmp_path / "optimized-0"
    first, _ = make_run(made, directory=where, control=StopAfterFailure(), emit=events.append)
    assert not first.execute().completed
    before = scored(events)
    assert any(one.failed for one in before)
    saved = newest_checkpoint(tmp_path / "optimized-0")
    assert saved is not None
    assert [one["failed"] for one in saved["decision"]["own"]["measured"]] == [one.failed for one in before]
    second, later = make_run(made, directory=tmp_path / "optimized-0")
    assert second.execute(resume=True).completed
    assert len(before) + len(scored(later)) == 6
    full.tried = 101
    whole, _ = make_run(made)
    whole.execute()
    assert_same(delivered(whole), delivered(second))


def test_a_batch_size_of_the_range_that_does_not_fit_is_told_and_no_reason_to_refuse(
    prepare: Make, full: type[Full]
) -> None:
    full.tried = 100
    made = prepare(full, search=BATCHES)
    (line,) = made.inputs.warnings
    assert "batches of 80 images of stripes do not fit into the memory of cpu (CUDA out of memory" in line
    assert "will fail, and not be chosen" in line
    with pytest.raises(ModelError, match=r"batches of 80 images of stripes do not fit.*set a smaller batch_size"):
        prepare(full, set={"batch_size": 80}, search={"lr": "1e-3:1e-2:log:2"})
    # 240 images are 5 batches of 44 and 20 images more: the last batch does not fit, though the others do
    with pytest.raises(ModelError, match=r"batches of 44 \(the last of an epoch: 64\) images of stripes do not fit"):
        prepare(full, set={"batch_size": 44}, search={"lr": "1e-3:1e-2:log:2"})


def test_a_batch_size_that_was_probed_fits_to_the_end_of_the_epoch(prepare: Make, full: type[Full]) -> None:
    """Where it is searched, the 20 images that 5 batches of 44 leave make none larger."""
    run, events = make_run(prepare(full, set={"batch_size": 44}, search={"batch_size": "44:80:lin:2"}))
    full.tried = 100
    assert run.execute().completed
    assert [one.values["batch_size"] for one in scored(events) if not one.failed] == [44, 44]


def test_what_is_out_of_memory() -> None:
    for words in (WORDS, "DefaultCPUAllocator: can't allocate memory: you tried", "CUBLAS_STATUS_ALLOC_FAILED"):
        assert is_out_of_memory(RuntimeError(words))
    assert is_out_of_memory(MemoryError())
    assert is_out_of_memory(torch.OutOfMemoryError("x"))
    assert not is_out_of_memory(ValueError(WORDS))
    assert not is_out_of_memory(RuntimeError("shapes"))


def test_words_of_a_failure_name_the_line_of_own_code_alone() -> None:
    with pytest.raises(RuntimeError) as raised:
        torch.nn.Linear(2, 3)(torch.zeros(1, 5))
    assert re.search(r"\(test_failed_candidates\.py, line \d+\)$", failure_words(raised.value))
    assert failure_words(MemoryError()) == "MemoryError"


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_the_words_of_the_real_allocators(device: str) -> None:
    if device == "cuda" and not torch.cuda.is_available():
        pytest.skip("needs a GPU")
    with pytest.raises(RuntimeError) as raised:
        torch.empty(2**58, dtype=torch.uint8, device=device)
    assert is_out_of_memory(raised.value)
