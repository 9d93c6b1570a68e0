"""Other people's models and strategies: what they get wrong is told in one line, what they do oddly works."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from hptui.errors import ConfigError, HptuiError, ModelError, TrainingError
from hptui.plan import Round
from hptui.planning import new_strategy, plan_arm
from hptui.record.events import BatchesTrained, DecisionsPlanned, RunCompleted
from hptui.record.run_directory import RunFile, create_run
from hptui.record.run_reader import RunReader
from hptui.strategies import Candidate, Choice, Situation, Strategy
from hptui.training import planned_run as run_module
from hptui.training.engine.evaluation import evaluate
from hptui.training.run.answers import checked_choice
from hptui.training.run.control import Control

from .conftest import NormDropNet, Prepared, decide, make_run, train_run

Make = Callable[..., Prepared]


class Tied(nn.Module):
    """Two names for one weight, and a state that is no tensor."""

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.first = nn.Linear(144, 144, bias=False)
        self.again = nn.Linear(144, 144, bias=False)
        self.again.weight = self.first.weight
        self.output = nn.Linear(144, num_classes)

    def get_extra_state(self) -> dict[str, int]:
        return {"version": 3}

    def set_extra_state(self, state: dict[str, int]) -> None:
        assert state == {"version": 3}

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.output(torch.relu(self.again(torch.relu(self.first(x.flatten(1))))))


@pytest.mark.parametrize("factory", [Tied, NormDropNet])
def test_the_saved_model_gives_the_recorded_loss(prepare: Make, tmp_path: Path, factory: Any) -> None:
    made = prepare(factory=factory, search={"lr": "1e-3:1e-1:log:2"}, epochs=3)
    for seed in range(3):
        create_run(tmp_path / str(seed), RunFile(1, "0", "optimized", seed, {}))
        assert train_run(tmp_path / str(seed), made, "optimized", seed, Control())
        end = RunReader(tmp_path / str(seed)).read()[-1]
        assert isinstance(end, RunCompleted)
        network, _ = make_run(made, seed=99)
        saved = torch.load(tmp_path / str(seed) / "model.pt", weights_only=True)["network"]
        network.network.load_state_dict(saved)
        found = evaluate(network.network, made.data, made.test)
        assert found.loss == pytest.approx(end.test_loss, rel=1e-5), end.delivered
        assert len(list((tmp_path / str(seed) / "checkpoints").iterdir())) == 1


class Answers(Strategy):
    """Answers whatever the test wants."""

    searches = True
    answer: Any = None

    def decide(self, situation: Any) -> Any:
        if isinstance(self.answer, Choice):
            return self.answer
        yield self.answer
        return Choice({}, "stays")


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ([], "has to yield candidates"),
        (None, "has to yield candidates"),
        ([{"lr": 1.0}], "has to yield candidates"),
        ([Candidate({"learning": 0.01})], "unknown hyperparameter"),
        ([Candidate({"lr": 5.0})], "leaves the range of lr"),
        (Choice({"weight_decay": -3.0}, "why not"), "out of bounds"),
        (Choice({"batch_size": 0.4}, "why not"), "out of bounds"),
        (Choice({"lr": "much"}, "why not"), "lr|convert"),  # type: ignore[dict-item]
        (Choice([0.1], "why not"), "by the name of a hyperparameter"),  # type: ignore[arg-type]
        (Choice({}, None), "reason as text"),  # type: ignore[arg-type]
        (Choice({}, "the first", candidate=0), "candidate 0 of 0"),
        (Choice({}, "half", candidate=0.5), "candidate 0.5 of 0"),  # type: ignore[arg-type]
        (Choice({}, "why not", left_out="lr"), "tuple of names"),  # type: ignore[arg-type]
        (Choice({}, "why not", left_out=("warmth",)), "tuple of names"),
        (Choice({}, "why not", excluded=(0,)), "by their places among 0"),
        (Choice({}, "why not", excluded=7), "by their places among 0"),  # type: ignore[arg-type]
        (Choice({}, "why not", start="home"), "the name of a kept state"),  # type: ignore[arg-type]
        (Choice({}, "why not", predicted=0.5), "predict numbers"),  # type: ignore[arg-type]
        (Choice({}, "why not", predicted=["best"]), "predict numbers"),  # type: ignore[list-item]
        ([Candidate({"lr": 0.01}, horizon=math.nan)], "probe of nan epochs"),
        ([Candidate({"lr": 0.01}, horizon=math.inf)], "probe of inf epochs"),
        ([Candidate({"lr": 0.01}, horizon=-1)], "probe of -1 epochs"),
        ([Candidate({"lr": 0.01}, along=(2.0, 1.0))], "two numbers of epochs, the first one not the larger"),
        ([Candidate({"lr": 0.01}, along="start")], "two numbers of epochs"),  # type: ignore[arg-type]
        ([Candidate({"lr": 0.01}, horizon="long")], "probe of 'long' epochs"),  # type: ignore[arg-type]
    ],
)
def test_what_a_strategy_answers_is_checked(prepare: Make, answer: Any, message: str) -> None:
    run, _ = make_run(prepare())
    run.strategy = Answers(2, (1, 2))
    run.strategy.answer = answer
    with pytest.raises(TrainingError, match=message) as caught:
        run.execute()
    assert "\n" not in str(caught.value)


def test_a_sound_choice_keeps_all_that_it_says(prepare: Make) -> None:
    run, _ = make_run(prepare())
    situation = Situation(
        epoch=1, epochs=2, images_per_epoch=100, values={"lr": 0.01}, space=run.config.space, horizon=0.2, loss=1.0,
        losses=np.ones(3, np.float32),
    )  # fmt: skip
    whole = Choice({"lr": 0.02}, "the best", 1, (0, 1), [0.1, 0.2], ("lr",), (0, 2))
    assert all(getattr(whole, field.name) != field.default for field in fields(Choice))
    assert checked_choice(whole, situation, Answers(2, (1, 2)), 3) == whole


@pytest.mark.parametrize(("answer", "message"), [(None, "it gives None"), ([0.1], r"it gives \[0.1\]")])
def test_a_decision_that_is_no_generator_is_told_plainly(prepare: Make, answer: Any, message: str) -> None:
    class Plain(Strategy):
        searches = True

        def decide(self, situation: Any) -> Any:
            return answer

    run, _ = make_run(prepare())
    run.strategy = Plain(2, (1, 2))
    with pytest.raises(TrainingError, match=f"decide of strategy Plain has to yield.*{message}"):
        run.execute()


def test_a_decision_that_ends_without_a_choice_is_told_plainly(prepare: Make) -> None:
    class Short(Strategy):
        searches = True

        def decide(self, situation: Any) -> Any:
            yield [Candidate({"lr": 0.01}, horizon=0.1)]

    run, _ = make_run(prepare())
    run.strategy = Short(2, (1, 2))
    with pytest.raises(TrainingError, match="ends a decision without a Choice"):
        run.execute()


def test_numbers_of_numpy_may_be_answered(prepare: Make) -> None:
    class Arrays(Strategy):
        searches = True

        def decide(self, situation: Any) -> Any:
            measured = yield [Candidate({"lr": rate}, horizon=np.float32(0.1)) for rate in np.array([0.01, 0.02])]  # type: ignore[arg-type]
            best = np.argmin([one.score for one in measured])
            return Choice(measured[best].candidate.values, "the better", best, left_out=["lr"])  # type: ignore[arg-type]

    run, _ = make_run(prepare())
    run.strategy = Arrays(2, (1, 2))
    assert run.execute().completed


def test_aliases_and_the_values_in_force_may_be_answered(prepare: Make) -> None:
    run, _ = make_run(prepare(set={"lr": 7.0, "batch_size": 20}))  # outside the range, and in force
    run.strategy = Answers(2, (1, 2))
    run.strategy.answer = Choice({"learning_rate": 7.0, "wd": 1e-3}, "stays")
    assert run.execute().completed
    assert run.state.values.chosen()["weight_decay"] == 1e-3


def test_a_strategy_that_asks_for_ever_can_be_stopped(prepare: Make) -> None:
    control = Control()

    class Endless(Answers):
        def decide(self, situation: Any) -> Any:
            while True:
                yield self.answer
                control.stop("enough")

    run, _ = make_run(prepare(), control=control)
    run.strategy = Endless(2, (1, 2))
    run.strategy.answer = [Candidate({"lr": 0.01}, horizon=0.1)]
    assert not run.execute().completed


class Asking(Strategy):
    """Written for an older hptui, which called `ask` and `tell`."""

    searches = True

    def ask(self, situation: Any) -> Any:
        return Choice({}, "never reached")


def test_a_strategy_that_searches_has_to_decide(prepare: Make) -> None:
    with pytest.raises(ConfigError, match=r"searches, but has no decide\(self, situation\)"):
        new_strategy(prepare().config, "optimized", own=Asking)


class Forgetful(Strategy):
    """Keeps a NumPy number, which a checkpoint can hold but not give back."""

    def decides(self, epoch: int, loss: float | None) -> bool:
        return True

    def decide(self, situation: Any) -> Any:
        self.memory["loss"] = [np.float64(situation.losses.mean())]
        return Choice({}, "stays")


def test_memory_that_is_not_plain_is_told_at_the_first_checkpoint(
    prepare: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_module, "new_strategy", lambda config, arm, seed=0: Forgetful(config.epochs))
    create_run(tmp_path, RunFile(1, "0", "optimized", 0, {}))
    with pytest.raises(TrainingError, match=r"Forgetful keeps a numpy\.float64 in its memory"):
        train_run(tmp_path, prepare(), "optimized", 0, Control())


class StopSoon(Control):
    """Stops with a checkpoint in the midst of a run."""

    calls = 0

    def check(self, *, now: bool = False) -> None:
        self.calls += 1
        if self.calls > 90:
            self.stop("test")
        super().check(now=now)


def test_checkpoints_that_cannot_be_read_are_not_silently_trained_again(prepare: Make, tmp_path: Path) -> None:
    made = prepare()

    create_run(tmp_path, RunFile(1, "0", "optimized", 0, {}))
    assert not train_run(tmp_path, made, "optimized", 0, StopSoon())
    files = sorted((tmp_path / "checkpoints").iterdir())
    assert files
    for file in files:
        file.write_bytes(file.read_bytes()[:1000])
    with pytest.raises(TrainingError, match="no checkpoint of"):
        train_run(tmp_path, made, "optimized", 0, Control())


class Wider(NormDropNet):
    """The same network, of which a file that it reads has another width by now."""

    width = 3

    def __init__(self, in_channels: int, num_classes: int) -> None:
        super().__init__(in_channels, num_classes)
        self.beside = nn.Linear(self.width, 2)


def test_a_checkpoint_that_no_longer_fits_is_not_called_damaged(
    prepare: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = prepare(Wider)
    create_run(tmp_path, RunFile(1, "0", "optimized", 0, {}))
    assert not train_run(tmp_path, made, "optimized", 0, StopSoon())
    monkeypatch.setattr(Wider, "width", 4)
    with pytest.raises(TrainingError, match=r"is whole, but does not fit .*: size mismatch for beside\.weight"):
        train_run(tmp_path, made, "optimized", 0, Control())
    monkeypatch.undo()
    assert train_run(tmp_path, made, "optimized", 0, Control())


class Leaves(NormDropNet):
    def __init__(self, in_channels: int, num_classes: int) -> None:
        super().__init__(in_channels, num_classes)
        raise SystemExit(5)


class NeedsTwo(nn.Module):
    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Flatten(), nn.Linear(144, 8), nn.BatchNorm1d(8), nn.Linear(8, num_classes))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.body(x)


@pytest.mark.parametrize(
    ("factory", "settings", "message"),
    [
        (Leaves, {}, "SystemExit"),
        (NeedsTwo, {"set": {"batch_size": 1}, "search": {"lr": "1e-3:1e-1:log:2"}}, "batches of 1"),
        (NeedsTwo, {"search": {"lr": "1e-3:1e-1:log:2", "batch_size": "1:8:log:4"}}, "batches of 1"),
    ],
)
def test_a_model_is_tried_out_in_training_before_anything_is_written(
    prepare: Make, factory: Any, settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(ModelError, match=message):
        prepare(factory=factory, **settings)


@pytest.mark.parametrize("length", [math.nan, math.inf, -100.0, "long"])
def test_a_plan_that_makes_no_sense_is_refused(prepare: Make, monkeypatch: pytest.MonkeyPatch, length: Any) -> None:
    config = prepare().config
    monkeypatch.setattr("hptui.strategies.grid.Grid.rounds", lambda self, outlook: (Round(3, length),))
    with pytest.raises(ConfigError, match=r"strategy 'grid' (plans a cost of|cannot plan what it tries)"):
        plan_arm(config, "optimized")


def test_a_mistake_in_the_plan_of_a_run_under_way_does_not_end_it(prepare: Make) -> None:
    run, events = make_run(prepare())
    run.strategy.plan = lambda outlook: 1 / 0
    assert run.execute().completed
    (told,) = [event for event in events if isinstance(event, DecisionsPlanned)]
    assert told.otherwise == "Grid cannot say what comes: ZeroDivisionError: division by zero"


def test_a_mask_of_minus_infinity_does_not_spoil_the_averages(prepare: Make) -> None:
    class Masked(NormDropNet):
        def __init__(self, in_channels: int, num_classes: int) -> None:
            super().__init__(in_channels, num_classes)
            self.register_buffer("mask", torch.tensor([-torch.inf, 0.0]))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return super().forward(x) + self.mask[1]

    run, _ = make_run(prepare(factory=Masked))
    assert run.execute().completed
    assert "mask" not in run.state.average.tensors()
    assert all(torch.isfinite(tensor).all() for tensor in run.state.average.tensors().values())


def test_a_failing_forward_pass_is_recorded(prepare: Make, tmp_path: Path) -> None:
    class LeavesLate(NormDropNet):
        steps, last = 0, 10**9

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            LeavesLate.steps += self.training
            if LeavesLate.steps > LeavesLate.last:
                raise SystemExit(7)
            return super().forward(x)

    made = prepare(factory=LeavesLate)
    LeavesLate.last = LeavesLate.steps + 5
    create_run(tmp_path, RunFile(1, "0", "optimized", 0, {}))
    with pytest.raises(HptuiError, match="SystemExit"):
        train_run(tmp_path, made, "optimized", 0, Control())
    assert "SystemExit" in RunReader(tmp_path).read()[-1].error


@pytest.mark.parametrize(("in_force", "expected"), [(0.01, 0.01), (0.5, 0.1)])
def test_the_grid_does_not_break_ties_by_luck(prepare: Make, in_force: float, expected: float) -> None:
    made = prepare(search={"lr": "1e-3:1e-1:log:3"}, set={"lr": in_force, "batch_size": 20})
    run, _ = make_run(made)
    from hptui.training.run.scoring import Scoring

    original = Scoring.measure

    def tied(self: Scoring, *arguments: Any) -> Any:
        import dataclasses

        measurement, classes = original(self, *arguments)
        return dataclasses.replace(measurement, score=0.5, raw_loss=0.5), classes

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Scoring, "measure", tied)

        decide(run, 1)
    assert run.state.values.chosen()["lr"] == expected


def test_a_schedule_may_give_whatever_counts_as_a_number_but_no_nonsense(
    prepare: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A factor that is no number would stand in the log, which nobody could read then."""
    own = tmp_path / "own.py"
    own.write_text(
        "def whole(progress):\n    return 1\n\n\n"
        "def last(progress):\n    return 1 / (1 - progress)\n\n\n"
        "def late(progress):\n    return float('nan') if 0.6 < progress < 0.9 else 1.0\n",
        "utf-8",
    )
    run, _ = make_run(prepare(schedule=f"{own}:whole"))
    assert run.execute().completed
    with pytest.raises(ConfigError, match=r"late' gives the factor nan at 60\.1% of a run"):
        prepare(strategy="fixed", schedule=f"{own}:late")
    with pytest.raises(ConfigError, match=r"last' fails at 100\.0% of a run: ZeroDiv.* \(own\.py, line 6\)"):
        prepare(strategy="fixed", schedule=f"{own}:last")
    made = prepare(strategy="fixed").changed(schedule=f"{own}:late")
    monkeypatch.setattr("hptui.training.engine.plug_ins.STEPS", 2)
    run, events = make_run(made)
    with pytest.raises(TrainingError, match="the schedule gives the factor nan"):
        run.execute()
    assert all(math.isfinite(event.values["lr"]) for event in events if isinstance(event, BatchesTrained))
