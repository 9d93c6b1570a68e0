"""Strategies choose hyperparameters: one file each, every one a subclass of `Strategy`. No torch needed.

A decision is a generator: it yields candidates, which the runner probes, each from a state of the training; it gets
their measurements, in the same order, as often as it likes; and it returns its choice:

    def decide(self, situation):
        measurements = yield [Candidate({"lr": rate}) for rate in (0.01, 0.1)]
        best = min(measurements, key=lambda one: one.score)
        return Choice(best.candidate.values, "the better of two")

Whatever a strategy has to remember beyond one decision is in `memory`: plain data, saved with every checkpoint. A state
of the training that it wants to go on from later is kept by the run, and known to the strategy by its name alone.
"""

from __future__ import annotations

from collections.abc import Collection, Generator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from hptui.hyperparameters import Values
from hptui.metrics.evidence import Evidence
from hptui.plan import Plan, Round, Stage
from hptui.space import SearchSpace

if TYPE_CHECKING:  # a tenth of a second that `hptui --help` need not wait for
    import numpy as np
    import numpy.typing as npt

StateName = tuple[int, int]
"""(decision, candidate): the state of the training at the end of that probe, as the run keeps it"""


@dataclass(frozen=True)
class Candidate:
    """One combination of values to be probed."""

    values: Values
    """only the names that it changes; the others stay as they are in force"""
    horizon: float | None = None
    """in epochs; None: the study's --horizon"""
    start: StateName | None = None
    """where the probe starts; None: the run's own state at the decision"""
    keep: bool = False
    """keep the state after the probe (`Measurement.end`) until the decision is over, and as long as `needed` has it"""
    along: tuple[float, float] | None = None
    """epochs of the run, from and to, along which its rate follows the schedule; None: the factor stays what it is
    where the probe starts"""


@dataclass(frozen=True)
class Measurement:
    """What a probe found, on validation images alone."""

    candidate: Candidate
    values: Values
    """all values, read back from optimizer, model and loss"""
    score: float
    """what is compared, lower is better; infinity if diverged"""
    loss: float
    accuracy: float
    """of the scored weights"""
    raw_loss: float
    raw_accuracy: float
    """of the last weights"""
    diverged: bool
    """or failed"""
    losses: npt.NDArray[np.float32]
    """(validation images,) loss of the scored weights per image, in the same order for every candidate: paired
    differences have a small and known standard error"""
    end: StateName | None = None
    """of the state after the probe, if the candidate was to be kept, and did not fail"""
    failed: str = ""
    """why it came to no end: its batches need more memory than there is, or own code raised; its score is infinity"""
    evidence: Evidence | None = None
    """how well the score is known; None: it is the mean of the losses, of images that are independent"""

    def error(self, other: Measurement | None = None) -> float | None:
        """Standard error of its score, or of the difference from another's, paired; None: nothing can be told of it."""
        own, others = (None if one is None else one.evidence or Evidence(one.losses) for one in (self, other))
        assert own is not None
        return own.error(others)


@dataclass(frozen=True)
class Choice:
    """The end of a decision."""

    values: Values
    """only the names that change"""
    reason: str
    candidate: int | None = None
    """its place among all candidates of this decision; None: no candidate was taken"""
    start: StateName | None = None
    """go on from this state instead of the run's own (for strategies that keep a winner's weights)"""
    predicted: Sequence[float] | None = None
    """score that a model of the landscape expects of every cell of `hptui.space.grid(situation.space)`, in its
    order; shown where nothing was measured, apart from what was"""
    left_out: tuple[str, ...] = ()
    """searched hyperparameters that the budget did not allow to search"""
    excluded: tuple[int, ...] = ()
    """places of finite candidates that were not to be chosen whatever their score; the reason says why"""


@dataclass(frozen=True, kw_only=True)
class Outlook:
    """What a strategy may know when it is asked for its plan, before the start or later."""

    epoch: int
    """the epoch to decide for, counted from 1; in a plan the next one"""
    epochs: int
    images_per_epoch: int
    """0 in the plan of a study whose images have not been counted yet"""
    images_trained: int = 0
    images_probed: int = 0
    """without those of greed checks"""
    left: float | None = None
    """epochs that the run still trains, where these are not all from `epoch` on"""
    values: Values
    """in force"""
    space: SearchSpace
    """as it is now; ranges may change while a run goes on, and are never left"""
    horizon: float
    """the study's --horizon in epochs"""


@dataclass(frozen=True, kw_only=True)
class Situation(Outlook):
    """What a strategy may know at a decision."""

    loss: float
    """validation loss of the run's state, of the weights that are scored"""
    losses: npt.NDArray[np.float32]
    """(validation images,) the same per image"""
    score_name: str = "loss"
    """what --score says"""


DecisionCourse = Generator[list[Candidate], list[Measurement], Choice]
"""yields candidates, gets their measurements, returns the choice"""


@dataclass
class Strategy:
    """Base: never decides, so the values of the start stay in force."""

    epochs: int
    decision_epochs: tuple[int, ...] = ()
    seed: int = 0
    """of the run, for strategies that draw"""
    memory: dict[str, Any] = field(default_factory=dict)

    budget = 1.5
    """the study's --budget: images of probes and training together, in plain trainings, for strategies that plan"""
    uses_budget = False
    """whether it keeps to the budget"""
    searches = False
    """whether it needs a range to search"""
    uses_horizon = True
    """whether its probes are as long as --horizon says; if not, another one than the default is refused"""
    uses_steps = True
    """whether it tries the values that the steps of a range make; if not, of ranges their ends and scale count alone"""
    has_probes = True
    """whether its probes could be longer; a greed check asks"""
    schedule: ClassVar[str] = "constant"
    """of the learning rate, where the study names none"""
    schedule_waits: ClassVar[bool] = False
    """whether the rate stays as it is until a decision has it follow that schedule"""

    def decides(self, epoch: int, loss: float | None) -> bool:
        """Whether a decision comes before `epoch` (counted from 1).

        Args:
            epoch: the epoch that is about to begin.
            loss: validation loss after the epoch before, of the weights that are scored; None before the first.
        """
        return self.searches and epoch in self.decision_epochs

    def decide(self, situation: Situation) -> DecisionCourse | Choice:
        """One decision: yield candidates to probe, get their measurements, return the choice."""
        return Choice(dict(situation.values), "never decides")

    def follows_schedule(self) -> bool:
        """Whether the rate follows the strategy's own schedule from now on; else it stays as it is."""
        return not self.schedule_waits

    def needed(self) -> Collection[StateName]:
        """Kept states that later decisions may go on from; all others are forgotten once a decision is over."""
        return ()

    def ranges_changed(self, old: SearchSpace, new: SearchSpace) -> None:
        """Somebody changed the ranges; from the next decision on the new ones hold."""

    def plan(self, outlook: Outlook) -> Plan:
        """What is to come; asked before the start, after every decision, and when ranges or epochs have changed.

        One stage at all epochs that are left, with the rounds that `rounds` says. Who plans otherwise overrides this.
        """
        epochs = tuple(epoch for epoch in self.decision_epochs if epoch >= outlook.epoch)
        if not (self.searches and epochs):
            return Plan()
        return Plan((Stage(epochs, tuple(outlook.space), self.rounds(outlook)),))

    def rounds(self, outlook: Outlook) -> tuple[Round, ...]:
        """Candidates of each decision, and how long they are probed; none: that depends on what it finds.

        From these come the number of candidates and the cost that are told before the start.
        """
        return ()
