"""Strategies choose hyperparameters: one file each, every one a subclass of `Strategy`. No torch needed.

At a decision the runner calls `ask` until it answers with a `Choice`; a list of candidates is probed, each
from a snapshot, and the measurements are handed to `tell`. Whatever a strategy has to remember beyond one
decision is in `memory`: plain data, and states of a training (`Start`), saved with every checkpoint.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from hptui.space import SearchSpace, Values

if TYPE_CHECKING:  # a tenth of a second that `hptui --help` need not wait for
    import numpy as np
    import numpy.typing as npt


class Start(Protocol):
    """A snapshot of a training, held by the engine; a strategy passes it on and never looks inside."""


@dataclass(frozen=True)
class Candidate:
    """One combination of values to be probed."""

    values: Values
    """only the names that it changes; the others stay as they are in force"""
    horizon: float | None = None
    """in epochs; None: the study's --horizon"""
    start: Start | None = None
    """where the probe starts; None: the run's own state at the decision"""
    keep: bool = False
    """hand back the state after the probe as `Measurement.end`, to go on from it later"""


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
    losses: npt.NDArray[np.float32]
    """(validation images,) loss of the scored weights per image, in the same order for every candidate: paired
    differences have a small and known standard error"""
    end: Start | None = None


@dataclass(frozen=True)
class Choice:
    """The end of a decision."""

    values: Values
    """only the names that change"""
    reason: str
    candidate: int | None = None
    """its place among all candidates of this decision; None: no candidate was taken"""
    start: Start | None = None
    """go on from this state instead of the run's own (for strategies that keep a winner's weights)"""
    predicted: Sequence[float] | None = None
    """score that a model of the landscape expects of every cell of `hptui.space.grid(situation.space)`, in its
    order; shown where nothing was measured, apart from what was"""


@dataclass(frozen=True)
class Situation:
    """What a strategy may know at a decision."""

    epoch: int
    """the epoch to decide for, counted from 1"""
    epochs: int
    images_per_epoch: int
    images_trained: int
    images_probed: int
    """without those of greed checks"""
    values: Values
    """in force"""
    space: SearchSpace
    """as it is now; ranges may change while a run goes on, and are never left"""
    loss: float
    """validation loss of the run's state, of the weights that are scored"""
    losses: npt.NDArray[np.float32]
    """(validation images,) the same per image"""
    horizon: float
    """the study's --horizon in epochs"""


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
    searches = False
    """whether it needs a range to search"""
    compares_score = True
    """whether it compares what --score says; if not, another one than the loss is refused"""
    has_horizon = True
    """whether its probes could be longer; a greed check asks"""
    optimizer: ClassVar[str | None] = None
    """of its own, in place of the study's"""

    def start_values(self, given: Values) -> Values:
        """What is in force from the start where the user set `given`, over the defaults."""
        return given

    def decides(self, epoch: int, loss: float | None) -> bool:
        """Whether a decision comes before `epoch` (counted from 1).

        Args:
            epoch: the epoch that is about to begin.
            loss: validation loss after the epoch before, of the weights that are scored; None before the first.
        """
        return self.searches and epoch in self.decision_epochs

    def ranges_changed(self, old: SearchSpace, new: SearchSpace) -> None:
        """Somebody changed the ranges; from the next decision on the new ones hold."""

    def ask(self, situation: Situation) -> list[Candidate] | Choice:
        """Candidates to probe next, or the choice that ends this decision."""
        return Choice(dict(situation.values), "never decides")

    def tell(self, measurements: Sequence[Measurement]) -> None:
        """Take in the measurements of the last `ask`, in the order of its candidates."""

    def rate_factor(self, progress: float) -> float:
        """The learning rate in force is the chosen one times this; progress runs from 0 to 1 over the run."""
        return 1.0

    def planned_cost(self, space: SearchSpace, horizon: float) -> float:
        """Images of probes and training it expects to need, as a multiple of one plain training."""
        return 1.0
