"""Candidates as stacked replicas: the same decision as one after another, in float64 to 1e-9, and no trace of it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from hptui.datasets import ImageDataset, Images
from hptui.models.dtu_cnn import DtuCnn
from hptui.models.lenet import LeNet
from hptui.models.small_resnet import SmallResNet
from hptui.record.events import AnyEvent, CandidateScored, HyperparametersChosen
from hptui.record.run_directory import MODEL_FILE, RunFile, create_run
from hptui.strategies import Candidate, Choice, DecisionCourse, Measurement, Situation, Strategy
from hptui.training.engine.random_state import seed_all
from hptui.training.engine.replicas.stack import Stack
from hptui.training.run import side_by_side
from hptui.training.run.checkpoints import load_file
from hptui.training.run.control import Control, StopRequested
from hptui.training.run.run import Run
from hptui.training.run.side_by_side import SideBySide
from hptui.ui.drawing.event_words import event_words

from .conftest import Once, Prepared, decide, make_run, train_run, train_steps
from .test_damage import facts
from .test_exactness import assert_same

Make = Callable[..., Prepared]


class OwnNet(nn.Module):
    """Layers and habits of users: nn.Dropout after BatchNorm, a function of dropout, buffers changed in two ways.

    No bias before BatchNorm: its gradient is zero but for rounding, and Adam makes whole steps of that.
    """

    def __init__(self, in_channels: int, num_classes: int) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(in_channels, 8, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(8)
        self.planes = nn.Dropout2d(0.1)
        self.dropout = nn.Dropout(0.3)
        self.output = nn.Linear(8, num_classes)
        self.register_buffer("seen", torch.zeros(1), persistent=False)
        self.register_buffer("largest", torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        x = self.planes(torch.relu(self.norm(self.convolution(x))))
        if self.training:
            self.seen += len(x)
            self.largest = torch.maximum(self.largest, x.detach().amax())
        x = F.dropout(x.mean((2, 3)) + x.amax((2, 3)), 0.1, self.training)
        return self.output(self.dropout(x))


NETWORKS = {"dtu_cnn": DtuCnn, "lenet": LeNet, "small_resnet": SmallResNet, "own": OwnNet}
CLOSE = 1e-9
ALONE = "no two of them see the same images and draw the same random numbers"


class InDouble:
    """A network in float64."""

    def __init__(self, kind: type[nn.Module]) -> None:
        self.kind = kind
        self.memory_format = getattr(kind, "memory_format", None)

    def __call__(self, in_channels: int, num_classes: int, image_size: tuple[int, int]) -> nn.Module:
        given = {"in_channels": in_channels, "num_classes": num_classes, "image_size": image_size}
        if self.kind in (SmallResNet, OwnNet):
            del given["image_size"]
        return self.kind(**given).double()


def padded(images: Images | None) -> Images:
    """(N, C, 16, 16), which is the least that `lenet` takes."""
    assert images is not None
    return replace(images, pixels=np.pad(images.pixels, ((0, 0), (0, 0), (2, 2), (2, 2))))


@pytest.fixture
def in_double(prepare: Make, small_dataset: ImageDataset) -> Make:
    """Like `prepare`, all in float64: there side by side and one after another differ by rounding alone."""

    def make(network: str, **settings: Any) -> Prepared:
        splits = {name: padded(getattr(small_dataset, name)) for name in ("train", "validation", "test")}
        if network == "small_resnet":  # a step of it takes ten times as long as one of the others
            splits["train"] = splits["train"].take(np.arange(80))
        short = {} if settings.get("strategy") in ("adaptive", "pbt") else {"horizon": 0.25}
        made = prepare(dataset=replace(small_dataset, **splits), **short, **settings)
        data = replace(made.data, mean=made.data.mean.double(), std=made.data.std.double())
        return replace(made, inputs=replace(made.inputs, data=data, factory=InDouble(NETWORKS[network])))

    return make


def decided(made: Prepared, replicas: str, steps: int = 5) -> tuple[Run, list[AnyEvent], list[Measurement]]:
    """A run that has trained a little and then decides."""
    run, events = make_run(made.changed(replicas=replicas))
    train_steps(run, steps)
    measured: list[Measurement] = []
    choose = run.strategy.decide

    def recorded(situation: Any) -> Any:
        course, answers = choose(situation), None
        try:
            while True:
                answers = yield (next(course) if answers is None else course.send(answers))
                measured.extend(answers)
        except StopIteration as end:
            return end.value

    run.strategy.decide = recorded  # type: ignore[method-assign]
    decide(run, 1)
    return run, events, measured


def difference(one: Any, other: Any) -> float:
    """The largest of two trees of the same form."""
    assert type(one) is type(other)
    if isinstance(one, Tensor):
        assert one.shape == other.shape
        assert one.dtype == other.dtype
        return float((one.double() - other.double()).abs().max()) if one.numel() else 0.0
    if isinstance(one, dict):
        assert list(one) == list(other)
        return max((difference(one[key], other[key]) for key in one), default=0.0)
    if isinstance(one, (list, tuple)):
        assert len(one) == len(other)
        return max((difference(*pair) for pair in zip(one, other, strict=True)), default=0.0)
    if isinstance(one, float):
        return abs(one - other)
    assert one == other
    return 0.0


def of(kind: type[Any], events: Sequence[AnyEvent]) -> list[Any]:
    return [event for event in events if isinstance(event, kind)]


def assert_agree(made: Prepared, stacked: int, **options: Any) -> None:
    """Both ways measure and choose the same, and leave the run in the same state."""
    (one, events, measured), (other, others, ahead) = (decided(made, kind, **options) for kind in ("one", "stacked"))
    (chosen,), (taken,) = of(HyperparametersChosen, events), of(HyperparametersChosen, others)
    assert (taken.stacked, taken.not_stacked) == (stacked, "")
    assert (chosen.stacked, chosen.not_stacked) == (0, "")
    assert (chosen.values, chosen.candidate, chosen.start) == (taken.values, taken.candidate, taken.start)
    assert len(measured) == len(ahead) >= stacked
    for before, now in zip(measured, ahead, strict=True):
        assert before.losses.dtype == np.float64
        assert np.abs(before.losses - now.losses).max() < CLOSE
        assert before.score == pytest.approx(now.score, abs=CLOSE, rel=0)
        assert (before.values, before.end) == (now.values, now.end)
    for before, now in zip(of(CandidateScored, events), of(CandidateScored, others), strict=True):
        assert (before.candidate, before.images, before.steps) == (now.candidate, now.images, now.steps)
        assert before.raw_loss == pytest.approx(now.raw_loss, abs=CLOSE, rel=0)
    assert difference(one.state.snapshot(), other.state.snapshot()) < CLOSE
    for run in (one, other):
        seed_all(1)  # the random numbers that both draw from are those of the process
        train_steps(run, 3)  # a state in another form in memory would go astray here, by fused kernels
    assert difference(one.state.snapshot(), other.state.snapshot()) < CLOSE


SEARCH = {"lr": "1e-3:1e-2:log:2", "weight_decay": "1e-4:1e-1:log:2", "dropout": "0:0.5:lin:2"}
OTHERS = {
    "momentum": "0.5:0.9:lin:2",
    "augmentation": "0:0.5:lin:2",
    "label_smoothing": "0:0.2:lin:2",
    "rotation": "0:20:lin:2",
}


@pytest.mark.parametrize(
    ("network", "optimizer"), [(name, "adam") for name in NETWORKS] + [("own", "adamw"), ("own", "sgd")]
)
def test_both_ways_decide_the_same(in_double: Make, network: str, optimizer: str) -> None:
    """Of each candidate an own rate, decay and dropout."""
    assert_agree(in_double(network, optimizer=optimizer, search=SEARCH), stacked=8)


def test_each_has_momentum_smoothing_and_changed_images_of_its_own(in_double: Make) -> None:
    assert_agree(in_double("own", search=OTHERS), stacked=16)


@pytest.mark.parametrize(
    ("settings", "stacked"),
    [
        ({"search": {"lr": "1e-3:1e-2:log:2", "batch_size": "10:20:lin:2"}}, 4),  # two stacks
        ({"search": {"lr": "1e-3:1e-2:log:2", "mixup": "0:0.4:lin:3"}}, 6),  # without it an image has one label
        ({"search": {"focal_gamma": "0:4:lin:3"}, "loss": "focal", "class_weights": "balanced"}, 3),
        ({"search": {"momentum": "0:0.9:lin:3"}, "optimizer": "sgd"}, 2),  # without it nothing is kept of gradients
    ],
)
def test_values_that_take_another_way_through_a_step(in_double: Make, settings: dict[str, Any], stacked: int) -> None:
    assert_agree(in_double("own", **settings), stacked)


@pytest.mark.parametrize("most", [5, 0])
def test_as_many_at_a_time_as_fit_the_memory(in_double: Make, monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    """As many as it is told to be, or fewer where a step says that there is no memory."""
    sizes, step = [], Stack.step

    def noted(self: Stack) -> Any:
        sizes.append(len(self._members))
        if not most and len(self._members) > 4:
            raise torch.OutOfMemoryError("out of memory")
        return step(self)

    monkeypatch.setattr(Stack, "step", noted)
    monkeypatch.setattr(side_by_side, "most_at_once", lambda trainer: most or 12)
    assert_agree(in_double("own", search=SEARCH | {"dropout": "0.1:0.5:lin:3"}), stacked=12)
    assert set(sizes) == ({5, 2} if most else {12, 6, 3})


@pytest.mark.parametrize(("network", "strategy"), [("own", "pbt"), ("own", "adaptive"), ("small_resnet", "pbt")])
def test_the_state_that_a_winner_leaves_is_the_same(in_double: Make, network: str, strategy: str) -> None:
    """At every decision of a run: it goes on from the ends of probes, and so do some candidates."""
    search = {"lr": "1e-3:1e-2:log", "dropout": "0.1:0.5:lin", "augmentation": "0.1:1:lin"}
    settings: dict[str, Any] = {"budget": 4.0} if strategy == "adaptive" else {}
    epochs = 2 if network == "small_resnet" else 3
    made = in_double(network, strategy=strategy, search=search, epochs=epochs, **settings)
    (one, events), (other, others) = (make_run(made.changed(replicas=kind)) for kind in ("one", "stacked"))
    for run in (one, other):
        seed_all(0)
        assert run.execute().completed
    chosen, taken = of(HyperparametersChosen, events), of(HyperparametersChosen, others)
    assert any(choice.start for choice in taken)
    assert sum(choice.stacked for choice in taken) >= len(taken)
    assert {choice.not_stacked for choice in taken} <= {"", ALONE}
    assert len(chosen) == len(taken) >= 1
    for before, now in zip(chosen, taken, strict=True):
        assert (before.values, before.candidate, before.start) == (now.values, now.candidate, now.start)
    for before, now in zip(of(CandidateScored, events), of(CandidateScored, others), strict=True):
        assert (before.values, before.images, before.start) == (now.values, now.images, now.start)
        assert before.score == pytest.approx(now.score, abs=CLOSE, rel=0)
    assert difference(one.state.snapshot(), other.state.snapshot()) < CLOSE


def one_run(directory: Path) -> Path:
    create_run(directory, RunFile(1, "0", "optimized", 0, {}))
    return directory


class StopsAfter(Control):
    """Stops at its safe point of this number."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self.left = most

    def check(self, *, now: bool = False) -> None:
        self.left -= 1
        if self.left <= 0:
            raise StopRequested("test")
        super().check(now=now)


RESUMED: dict[str, dict[str, Any]] = {
    "grid": {"strategy": "grid", "search": {"lr": "1e-3:1e-1:log:3", "dropout": "0:0.5:lin:2"}, "greed_check": 2},
    "pbt": {"strategy": "pbt", "epochs": 3, "search": {"lr": "1e-3:1e-1:log", "dropout": "0.1:0.5:lin"}},
}


def undisturbed(once: Once, made: Prepared) -> Path:
    """A run that nobody stops; checkpoints change nothing of it."""

    def train(folder: Path) -> None:
        assert train_run(one_run(folder), made, "optimized", 0, Control())

    return once("undisturbed", made, train)


def without_measured_seconds(run: Path) -> list[dict[str, Any]]:
    return [fact for fact in facts(run) if fact["event"] not in ("EpochCompleted", "RunStopped", "RunResumed")]


@pytest.mark.parametrize("name", RESUMED)
def test_a_stop_within_a_stack_and_resume_gives_the_same_bits(
    prepare: Make, once: Once, tmp_path: Path, name: str
) -> None:
    made = prepare(**RESUMED[name], replicas="stacked")
    whole, stopped = undisturbed(once, made), one_run(tmp_path / "stopped")
    stops = 0
    while not train_run(stopped, made, "optimized", 0, StopsAfter(7)):
        stops += 1
        assert stops < 100
    assert stops > 8
    assert_same(load_file(stopped / MODEL_FILE), load_file(whole / MODEL_FILE))
    assert without_measured_seconds(stopped) == without_measured_seconds(whole)
    assert any(fact["event"] == "HyperparametersChosen" and fact["stacked"] > 3 for fact in facts(whole))


class Killed(BaseException):
    """As if the process were gone."""


@pytest.mark.parametrize("name", RESUMED)
@pytest.mark.parametrize("steps", [3, 14])
def test_a_kill_within_a_stack_and_resume_gives_the_same_bits(
    prepare: Make, once: Once, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, steps: int
) -> None:
    """It goes on from the checkpoint, which came within the stack, too."""
    made = prepare(**RESUMED[name], replicas="stacked", checkpoint_every="8steps")
    whole = undisturbed(once, prepare(**RESUMED[name], replicas="stacked"))
    killed = one_run(tmp_path / "killed")
    step, left, begun = Stack.step, steps, Stack.__init__
    first: list[int] = []

    def until_killed(self: Stack) -> Any:
        nonlocal left
        left -= 1
        if left < 0:
            raise Killed
        return step(self)

    def noted(self: Stack, trainer: Any, skeleton: Any, members: Any) -> None:
        begun(self, trainer, skeleton, members)
        first.append(self.step_number)

    monkeypatch.setattr(Stack, "step", until_killed)
    with pytest.raises(Killed):
        train_run(killed, made, "optimized", 0, Control())
    monkeypatch.setattr(Stack, "step", step)
    monkeypatch.setattr(Stack, "__init__", noted)
    assert train_run(killed, made, "optimized", 0, Control())
    assert_same(load_file(killed / MODEL_FILE), load_file(whole / MODEL_FILE))
    assert without_measured_seconds(killed) == without_measured_seconds(whole)
    assert first  # some of it was stacked after it was resumed


def test_a_decision_of_replicas_leaves_no_trace(prepare: Make) -> None:
    """But its choice: weights, buffers, optimizer, averages, order and random numbers are as before, to the bit."""
    run, events = make_run(prepare(replicas="stacked", search=SEARCH | {"augmentation": "0:1:lin:2"}))
    train_steps(run, 5)
    before, drawn = run.state.snapshot(), np.random.get_state(legacy=True)[1].copy()
    decide(run, 1)
    after = run.state.snapshot()
    (chosen,) = of(HyperparametersChosen, events)
    assert chosen.stacked == 16
    for one in (before, after):  # the choice itself
        one["values"] = one["optimizer"]["param_groups"] = None
    assert difference(before, after) == 0.0
    assert np.array_equal(drawn, np.random.get_state(legacy=True)[1])


def test_a_replica_that_diverges_leaves_the_others_alone(in_double: Make) -> None:
    """One has no numbers any more; the others measure what they do without it."""
    made = in_double("own", search={"lr": "1e-3:1e-2:log:2"})
    _, _, alone = decided(made, "stacked")
    made = in_double("own", search={"lr": "1e-3:1e299:log:3"})
    with_values = [{"lr": 1e-3}, {"lr": 1e300}, {"lr": 1e-2}]
    run, events = make_run(made.changed(replicas="stacked", search={"lr": "1e-4:1e301:log:2"}))
    train_steps(run, 5)
    run.strategy = Given(run.strategy.epochs, candidates=with_values)
    decide(run, 1)
    scored = of(CandidateScored, events)
    assert [one.diverged for one in scored] == [False, True, False]
    assert not math.isfinite(scored[1].raw_loss)
    assert of(HyperparametersChosen, events)[0].stacked == 3
    assert [scored[0].score, scored[2].score] == pytest.approx([one.score for one in alone], abs=CLOSE, rel=0)


@dataclass
class Given(Strategy):
    """Tries what it is given, and takes the best."""

    candidates: Sequence[dict[str, float]] = ()
    searches = True

    def decide(self, situation: Situation) -> DecisionCourse:
        measured = yield [Candidate(values) for values in self.candidates]
        best = min(measured, key=lambda one: one.score)
        return Choice(best.candidate.values, "the best", candidate=measured.index(best))


class Unstackable(OwnNet):
    """Its own code looks at a number."""

    def forward(self, x: Tensor) -> Tensor:
        answer = super().forward(x)
        return answer if answer.sum() > -1e9 else answer + 1


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"optimizer": "lion"}, "steps of _Lion are not stacked, those of SGD, Adam and AdamW are"),
        ({"factory": Unstackable}, "stacked they fail: RuntimeError: vmap: "),
        ({"search": {"batch_size": "10:30:lin:3"}}, ALONE),
    ],
)
def test_what_cannot_be_stacked_is_trained_one_after_another_and_says_why(
    prepare: Make, settings: dict[str, Any], why: str
) -> None:
    made = prepare(**settings)
    run, events = make_run(made.changed(replicas="stacked"))
    decide(run, 1)
    (chosen,), scored = of(HyperparametersChosen, events), of(CandidateScored, events)
    assert chosen.stacked == 0
    assert chosen.not_stacked.startswith(why)
    assert f"; not side by side: {why}" in event_words(chosen)
    run, events = make_run(made.changed(replicas="one"))
    decide(run, 1)
    plain = [msgspec.structs.replace(one, seconds=0.0) for one in of(CandidateScored, events)]
    assert [msgspec.structs.replace(one, seconds=0.0) for one in scored] == plain  # to the bit


def test_auto_is_one_after_another_on_a_cpu_and_says_nothing(prepare: Make) -> None:
    run, events = make_run(prepare())
    decide(run, 1)
    (chosen,) = of(HyperparametersChosen, events)
    assert (run.config.replicas, chosen.stacked, chosen.not_stacked) == ("auto", 0, "")


@pytest.mark.parametrize("faster", [True, False])
def test_auto_measures_both_ways_where_stacks_may_pay(
    in_double: Make, monkeypatch: pytest.MonkeyPatch, faster: bool
) -> None:
    """And leaves no trace of what it trained for that; what it found slower is told."""
    made, measure = in_double("own", search={"lr": "1e-3:1e-2:log:4"}), SideBySide._milliseconds
    clock = iter([1.0, 3.0 if faster else 5.0])

    def measured(self: SideBySide, step: Callable[[], object]) -> float:
        assert measure(self, step) > 0
        return next(clock)

    _, others, _ = decided(made, "one")
    monkeypatch.setattr(SideBySide, "is_asked", True)
    monkeypatch.setattr(SideBySide, "_milliseconds", measured)
    _, events, _ = decided(made, "auto")
    (chosen,) = of(HyperparametersChosen, events)
    told = "" if faster else "a step of 4 takes 4 ms one after another, and 5 ms stacked"
    assert (chosen.stacked, chosen.not_stacked) == (4 if faster else 0, told)
    for one, other in zip(of(CandidateScored, events), of(CandidateScored, others), strict=True):
        assert one.loss == pytest.approx(other.loss, abs=CLOSE if faster else 0, rel=0)
