"""What a decision may see, what it does with divergence, and what it logs."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from hptui.datasets import ImageDataset
from hptui.errors import TrainingError
from hptui.reading.run_state import RunState
from hptui.reading.views.heatmap import heatmap
from hptui.record.events import (
    CandidateScored,
    DecisionStarted,
    Evaluated,
    HyperparametersChosen,
    LandscapePredicted,
    RunCompleted,
)
from hptui.strategies import Candidate, Choice, Measurement, Strategy
from hptui.training.engine import evaluation, loop
from hptui.training.engine.state import TrainingState
from hptui.training.run.decision import DecisionMaker
from hptui.training.run.scoring import Scoring

from .conftest import NormDropNet, Prepared, decide, make_run, train_steps
from .test_exactness import assert_same, timeless

Make = Callable[..., Prepared]


def test_no_decision_ever_touches_test_images(prepare: Make, small_dataset: ImageDataset) -> None:
    """Other test images and labels change what is reported, and nothing else."""
    other = ImageDataset(
        small_dataset.name,
        small_dataset.class_names,
        small_dataset.train,
        small_dataset.test.take(torch.arange(7).numpy()),
        small_dataset.validation,
    )
    logs = []
    for dataset in (small_dataset, other):
        run, events = make_run(prepare(dataset=dataset, epochs=3))
        assert run.execute().completed
        logs.append(
            [
                timeless(event)
                for event in events
                if not (isinstance(event, Evaluated) and event.split == "test") and not isinstance(event, RunCompleted)
            ]
        )
    first, second = ([{k: v for k, v in e.items() if k != "test_images"} for e in log] for log in logs)
    assert first == second


def test_test_images_are_read_once_per_epoch_and_never_during_a_decision(
    prepare: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = prepare(epochs=3)
    reads: list[str] = []
    inside: list[bool] = []

    def spy(network: Any, data: Any, images: Any, **options: Any) -> Any:
        reads.append("test" if images is made.test else "other")
        if inside:
            assert images is not made.test
        return evaluation.evaluate(network, data, images, **options)

    original = DecisionMaker.decide

    def decide_marked(maker: DecisionMaker, epoch: int) -> None:
        inside.append(True)
        original(maker, epoch)
        inside.clear()

    monkeypatch.setattr(loop, "evaluate", spy)
    monkeypatch.setattr(DecisionMaker, "decide", decide_marked)
    run, _ = make_run(made)
    assert run.execute().completed
    assert reads.count("test") == 3
    assert not any(value is made.test.pixels for value in vars(made.data).values())


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_a_diverged_candidate_is_marked_never_chosen_and_training_goes_on(prepare: Make, optimizer: str) -> None:
    run, events = make_run(prepare(NormDropNet, optimizer=optimizer, search={"lr": "1e-3:1000:log:2"}))
    assert run.execute().completed
    scored = [event for event in events if isinstance(event, CandidateScored)]
    assert [event.diverged for event in scored] == [False, True] * 2
    assert [event.score is None or not math.isfinite(event.score) for event in scored] == [False, True] * 2
    assert all(e.values["lr"] == 1e-3 for e in events if isinstance(e, HyperparametersChosen))
    end = events[-1]
    assert isinstance(end, RunCompleted)
    assert end.validation_loss is not None
    assert math.isfinite(end.validation_loss)


def test_where_all_candidates_diverge_the_values_in_force_stay(prepare: Make) -> None:
    run, events = make_run(prepare(NormDropNet, search={"lr": "1000:10000:log:2"}, set={"batch_size": 20, "lr": 0.01}))
    assert run.execute().completed
    chosen = [event for event in events if isinstance(event, HyperparametersChosen)]
    assert [event.candidate for event in chosen] == [None, None]
    assert "diverged" in chosen[0].reason
    assert run.state.values.chosen()["lr"] == 0.01


def test_a_baseline_that_diverges_ends_with_a_result(prepare: Make) -> None:
    run, events = make_run(prepare(set={"lr": 1e6, "batch_size": 20}, optimizer="sgd"), "baseline")
    assert run.execute().completed
    end = events[-1]
    assert isinstance(end, RunCompleted)
    assert 0 <= end.test_accuracy <= 1


def test_every_cell_is_logged_with_the_values_read_back(prepare: Make) -> None:
    made = prepare(search={"lr": "1e-3:1e-2:log:3", "weight_decay": "1e-6:1e-2:log:2", "batch_size": "10:40:log:3"})
    run, events = make_run(made)
    decide(run, 1)
    started = next(event for event in events if isinstance(event, DecisionStarted))
    scored = [event for event in events if isinstance(event, CandidateScored)]
    cells = {(e.values["lr"], e.values["weight_decay"], e.values["batch_size"]) for e in scored}
    axes = {axis.name: axis.values for axis in started.axes}
    assert cells == {
        (lr, decay, size) for lr in axes["lr"] for decay in axes["weight_decay"] for size in axes["batch_size"]
    }
    for event in scored:
        assert event.images == pytest.approx(120, abs=event.values["batch_size"])
        assert sum(event.classes.support) == 60
        assert sum(event.classes.hits) / 60 == pytest.approx(event.accuracy)
    best = min(scored, key=lambda event: event.score or math.inf)
    chosen = next(event for event in events if isinstance(event, HyperparametersChosen))
    assert chosen.candidate == best.candidate
    assert chosen.images_probed == sum(event.images for event in scored)


def test_the_score_may_be_accuracy_of_the_last_weights(prepare: Make) -> None:
    run, events = make_run(prepare(score="accuracy", score_weights="last"))
    decide(run, 1)
    for event in events:
        if isinstance(event, CandidateScored):
            assert event.score == pytest.approx(1 - event.raw_accuracy)
            assert event.loss == event.raw_loss


class Branching(Strategy):
    """Keeps two probes' states, goes on from one of them, and continues with its weights."""

    def decides(self, epoch: int, loss: float | None) -> bool:
        return epoch == 1

    def decide(self, situation: Any) -> Any:
        _, other = yield [Candidate({"lr": rate}, horizon=0.5, keep=True) for rate in (0.01, 0.02)]
        (further,) = yield [Candidate({}, horizon=0.25, start=other.end, keep=True)]
        return Choice({"lr": 0.02}, "goes on from a branch", candidate=2, start=further.end)


def test_candidates_may_start_from_a_kept_state_and_a_choice_may_go_on_from_it(prepare: Make) -> None:
    made = prepare()
    run, events = make_run(made)
    run.strategy = Branching(made.config.epochs)
    decide(run, 1)
    straight, _ = make_run(made)
    straight.state.values.set({"lr": 0.02})

    train_steps(straight, 9)
    assert_same(run.state.snapshot(), straight.state.snapshot())
    assert run.state.step == 9
    assert [e.images for e in events if isinstance(e, CandidateScored)] == [120, 120, 60]
    assert isinstance(run.state, TrainingState)


class Ahead(Strategy):
    """Trains what the run is going to train before it does, once as the schedule will have it, and once as it is."""

    searches = True

    ahead: tuple[Measurement, ...] = ()
    came: Any = None
    """losses of the run where it has come so far"""

    def decide(self, situation: Any) -> Any:
        if situation.epoch == 1:
            self.ahead = yield [Candidate({}, 2.0, along=(0.0, 2.0)), Candidate({}, 2.0)]
        if situation.epoch == 3:
            self.came = situation.losses
        return Choice({}, "nothing")


def test_a_candidate_may_follow_the_schedule_as_the_run_does(prepare: Make) -> None:
    run, events = make_run(prepare(epochs=3, schedule="cosine", replicas="stacked"))
    run.strategy = strategy = Ahead(3, (1, 2, 3))
    assert run.execute().completed
    followed, stood_still = strategy.ahead
    assert np.array_equal(followed.losses, strategy.came)
    assert not np.array_equal(stood_still.losses, strategy.came)
    assert [event.along for event in events if isinstance(event, CandidateScored)] == [(0.0, 2.0), None]
    assert followed.values["lr"] == stood_still.values["lr"]  # as chosen: before the factor
    chosen = next(event for event in events if isinstance(event, HyperparametersChosen))
    assert chosen.not_stacked == "their learning rates follow the schedule"


class Predicting(Strategy):
    """Probes nothing, but has an opinion on every cell."""

    searches = True
    scores: tuple[float, ...] = ()

    def decide(self, situation: Any) -> Choice:
        return Choice({}, "by opinion", predicted=self.scores)


def test_what_a_strategy_predicts_of_the_cells_is_logged_before_its_choice(prepare: Make) -> None:
    run, events = make_run(prepare(epochs=1))
    run.strategy = Predicting(1, (1,))
    run.strategy.scores = (0.5, 0.25, math.nan, 1.0, 2.0, math.inf)
    assert run.execute().completed
    kinds = [type(event) for event in events]
    predicted = events[kinds.index(LandscapePredicted)]
    assert predicted.scores == [0.5, 0.25, None, 1.0, 2.0, None]
    assert kinds[kinds.index(LandscapePredicted) + 1] is HyperparametersChosen
    state = RunState()
    for event in events:
        state.apply(event)
    shown = [cell for row in heatmap(state.decisions[0]).cells for cell in row]
    assert sorted(cell.predicted for cell in shown if cell.predicted is not None) == [0.25, 0.5, 1.0, 2.0]


def test_a_prediction_that_does_not_fit_the_grid_is_refused(prepare: Make) -> None:
    run, _ = make_run(prepare(epochs=1))
    run.strategy = Predicting(1, (1,))
    run.strategy.scores = (0.5,)
    with pytest.raises(TrainingError, match="predicts 1 scores for a grid of 6 cells"):
        run.execute()


def test_the_log_says_how_sure_the_loss_of_a_candidate_is(prepare: Make) -> None:
    """Its standard error over the validation images; a few per cent of a cross-entropy as large as guessing."""
    made = prepare(epochs=1)
    run, events = make_run(made)
    assert run.execute().completed
    scored = [event for event in events if isinstance(event, CandidateScored)]
    assert scored
    for event in scored:
        if event.diverged and not math.isfinite(event.loss or math.inf):
            continue
        assert event.loss is not None
        assert event.loss_error is not None
        assert 0 < event.loss_error < event.loss
    losses = np.array([0.1, 0.5, 0.3, 0.1], np.float32)
    one = Measurement(Candidate({}), {}, 0.25, 0.25, 0.9, 0.25, 0.9, diverged=False, losses=losses)
    assert Scoring.loss_error(one) == pytest.approx(losses.std(ddof=1) / 2)
    other = dataclasses.replace(one, losses=losses + np.array([0.1, 0.0, 0.1, 0.0], np.float32))
    assert Scoring.loss_error(other, one) == pytest.approx(np.std([0.1, 0.0, 0.1, 0.0], ddof=1) / 2, rel=1e-4)
    chosen = [event for event in events if isinstance(event, HyperparametersChosen)]
    for event in chosen:
        assert event.candidate is not None
        assert event.paired_errors[event.candidate] == 0.0
        assert len(event.paired_errors) == sum(one.decision == event.decision for one in scored)
    assert Scoring.loss_error(dataclasses.replace(one, losses=np.full(4, np.inf, np.float32))) is None
    assert Scoring.loss_error(dataclasses.replace(one, losses=losses[:1])) is None
