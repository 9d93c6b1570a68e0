"""Every fact a run can record, one frozen struct each, and how it becomes one JSON line.

Field names are the log's format. Facts that depend on the machine's speed stand in `time` and `seconds`
alone, so that two logs of one seed are equal but for these two. Losses are mean cross-entropies in nats;
a loss that is not finite is written as null. Rates and accuracies are fractions.
"""

from __future__ import annotations

import msgspec

from hptui.plan import Plan, Stage
from hptui.record.class_counts import ClassCounts
from hptui.record.seals import check_line, seal_line

SCHEMA = 1
"""raised when a reader of the old format could misread the new one"""


class Event(msgspec.Struct, frozen=True, kw_only=True, tag_field="event", tag=True):
    """Base of all facts; `time` is set by the writer."""

    time: float = 0.0
    """seconds since 1970, UTC"""


class Axis(msgspec.Struct, frozen=True):
    """One searched hyperparameter at a decision."""

    name: str
    low: float
    high: float
    scale: str
    values: list[float]
    """the grid's values, ascending"""


class RunStarted(Event, frozen=True, kw_only=True):
    schema: int
    hptui: str
    arm: str
    """baseline or optimized"""
    seed: int
    strategy: str
    epochs: int
    images_per_epoch: int
    """training images in one epoch (0: the model has not seen the data yet)"""
    validation_images: int
    test_images: int
    class_names: list[str]
    dataset: str
    model: str
    parameters: int
    """trainable weights of the network"""
    optimizer: str
    device: str
    searched: list[Axis]
    values: dict[str, float]
    """hyperparameters in force, read back from optimizer, model and loss"""
    versions: dict[str, str]
    threads: int = 0
    """of the CPU, which the last bits depend on; 0: an older hptui did not record it"""
    loss: str = "cross_entropy"
    schedule: str = ""
    """of the learning rate; empty: an older hptui had it as part of the strategy"""


class RunResumed(Event, frozen=True, kw_only=True):
    """Training went on from a checkpoint; whatever was logged beyond this position is void."""

    epoch: int
    """epochs completed at the checkpoint"""
    epochs: int
    """that this run is to have in the end"""
    step: int
    images_trained: int
    images_probed: int
    seconds: float
    decisions: int
    """decisions that stand"""
    by_hand: dict[str, float]
    """values that somebody put in force, instead of the strategy"""
    device: str = ""
    threads: int = 0
    """that it goes on with; empty and 0: not recorded"""
    candidates: int | None = None
    """that are not measured again, of a decision that is gone on with; None: it went on from outside a decision"""
    batch: int | None = None
    """batches done in the epoch that follows; None: an older hptui did not record it"""


class DecisionsPlanned(Event, frozen=True, kw_only=True):
    """What the strategy plans from here on: at the beginning, and when that has changed."""

    epoch: int
    """the first one that may still be decided, counted from 1"""
    stages: list[Stage]
    left_out: list[str] = []
    """searched hyperparameters that the budget does not reach"""
    otherwise: str = ""
    """when else it decides"""
    cost: float | None = None
    """of the whole run, as it is foreseen; null: that depends on what is found"""
    remedy: str = ""
    """what it takes to search what is left out"""

    @property
    def plan(self) -> Plan:
        return Plan(tuple(self.stages), tuple(self.left_out), self.otherwise, self.remedy)


class DecisionStarted(Event, frozen=True, kw_only=True):
    decision: int
    """0, 1, 2, ... within the run"""
    epoch: int
    """the epoch that the choice is for, counted from 1"""
    step: int
    axes: list[Axis]
    values: dict[str, float]
    """in force before"""
    loss: float | None
    """validation loss of the snapshot that all candidates start from; null if values were chosen by hand"""
    accuracy: float | None
    score_name: str
    score_weights: str
    planned: int | None = None
    """candidates that it will have; null: that depends on what is found, or an older hptui did not record it"""
    planned_most: int | None = None
    """candidates that it will have at most; null: nobody can tell, or an older hptui did not record it"""


class CandidateScored(Event, frozen=True, kw_only=True):
    decision: int
    candidate: int
    """0, 1, 2, ... within the decision"""
    values: dict[str, float]
    """read back after they were set"""
    score: float | None
    """what the decision compares, lower is better; null if diverged"""
    loss: float | None
    accuracy: float
    """loss and accuracy of the weights that are scored (averaged by default)"""
    raw_loss: float | None
    raw_accuracy: float
    """the same of the last weights"""
    diverged: bool
    classes: ClassCounts
    images: int
    """training images of this probe"""
    seconds: float
    start: tuple[int, int] | None = None
    """(decision, candidate) at whose end the probe began; null: at the run's own state"""
    steps: int = 0
    """optimizer steps of this probe; 0: an older hptui recorded neither these nor where a probe began"""


class LandscapePredicted(Event, frozen=True, kw_only=True):
    """What a strategy's model of the landscape expects of the cells, measured or not, when it has chosen."""

    decision: int
    scores: list[float | None]
    """of the grid's cells, the last axis of the decision running fastest; null: no prediction"""


class DecisionRepeated(Event, frozen=True, kw_only=True):
    """A greed check: the same decision with longer probes, which changes nothing but the cost."""

    decision: int
    times: float
    """as long as those of the decision"""
    values: dict[str, float]
    """of the searched hyperparameters, as it would have chosen them"""
    changed: list[str]
    """names for which that is another value than the decision's"""
    images: int
    seconds: float


class HyperparametersChosen(Event, frozen=True, kw_only=True):
    decision: int
    epoch: int
    step: int
    candidate: int | None
    """the winning candidate; null if none was taken"""
    values: dict[str, float]
    """in force from now on, read back"""
    reason: str
    images_probed: int
    """in the run so far"""
    seconds: float
    """the whole decision took"""
    start: tuple[int, int] | None = None
    """(decision, candidate) at whose end the run goes on; null: at its own state"""
    left_out: list[str] = []
    """searched hyperparameters that the budget did not allow to search"""
    excluded: list[int] = []
    """finite candidates that were not to be chosen whatever their score; `reason` says why (older logs: only that)"""


class BatchesTrained(Event, frozen=True, kw_only=True):
    epoch: int
    step: int
    """optimizer steps of the run so far, probes not counted"""
    batch: int
    batches: int
    """position within the epoch, and its length"""
    images: int
    """trained since the last such event"""
    loss: float | None
    """mean over these images"""
    values: dict[str, float]
    seconds: float


class Evaluated(Event, frozen=True, kw_only=True):
    epoch: int
    step: int
    split: str
    """validation or test"""
    weights: str
    """last or averaged"""
    images: int
    loss: float | None
    """where the study weighs its classes, that of validation images is weighted, and that of test images is not"""
    accuracy: float
    confusion: list[list[int]]
    """(classes, classes); row: true class, column: predicted class"""
    seconds: float


class EpochCompleted(Event, frozen=True, kw_only=True):
    epoch: int
    step: int
    train_loss: float | None
    values: dict[str, float]
    """in force at the end of the epoch, read back"""
    delivered: str
    """weights that validation prefers: last or averaged; the test images were read with these alone"""
    images_trained: int
    images_probed: int
    """in the run so far"""
    seconds: float
    """of the run so far, without pauses"""


class CheckpointSaved(Event, frozen=True, kw_only=True):
    epoch: int
    step: int
    file: str
    """relative to the run directory"""


class RunPaused(Event, frozen=True, kw_only=True):
    by: str
    """user@host"""


class RunContinued(Event, frozen=True, kw_only=True):
    by: str


class RangesChanged(Event, frozen=True, kw_only=True):
    """Searched ranges from the next decision on, in this and all later runs."""

    by: str
    epoch: int
    """the epoch that the next decision is for"""
    old: list[Axis]
    new: list[Axis]


class ValuesRequested(Event, frozen=True, kw_only=True):
    """Values chosen by hand, in force until the strategy is asked to choose again."""

    by: str
    epoch: int
    values: dict[str, float]
    """empty: the strategy chooses again"""


class EpochsAdded(Event, frozen=True, kw_only=True):
    by: str
    epochs: int
    """of every run from now on"""


class CommandRefused(Event, frozen=True, kw_only=True):
    by: str
    reason: str


class LogMended(Event, frozen=True, kw_only=True):
    """The log was damaged, and is put back from the newest checkpoint; what followed that is trained again."""

    restored: int
    """lines"""
    removed: int
    """lines after the checkpoint that could not be read, and those that followed"""


class RunStopped(Event, frozen=True, kw_only=True):
    reason: str
    epoch: int
    step: int


class RunFailed(Event, frozen=True, kw_only=True):
    error: str


class RunCompleted(Event, frozen=True, kw_only=True):
    epoch: int
    step: int
    delivered: str
    validation_loss: float | None
    validation_accuracy: float
    test_loss: float | None
    test_accuracy: float
    images_trained: int
    images_probed: int
    cost: float
    """images of probes and training together, as a multiple of one plain training"""
    seconds: float
    best_epoch: int = 0
    """whose delivered weights had the lowest validation loss (best.pt); 0: an older hptui did not keep them"""


AnyEvent = (
    RunStarted
    | RunResumed
    | DecisionsPlanned
    | DecisionStarted
    | CandidateScored
    | LandscapePredicted
    | DecisionRepeated
    | HyperparametersChosen
    | BatchesTrained
    | Evaluated
    | EpochCompleted
    | CheckpointSaved
    | RunPaused
    | RunContinued
    | RangesChanged
    | ValuesRequested
    | EpochsAdded
    | CommandRefused
    | LogMended
    | RunStopped
    | RunFailed
    | RunCompleted
)

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(AnyEvent)


def encode(event: AnyEvent) -> bytes:
    """One line of JSON, newline included; the event's kind comes first, so that a line can be told by its start."""
    return seal_line(_encoder.encode(event)) + b"\n"


def start_of(kind: type[Event]) -> bytes:
    """What the lines of one kind begin with: they can be told, and passed over, without decoding them."""
    return f'{{"event":"{kind.__name__}"'.encode()


def decode(line: bytes) -> AnyEvent:
    """Inverse of `encode`.

    Raises:
        msgspec.DecodeError: not JSON, an unknown kind of event, fields of another type, or a wrong checksum.
    """
    check_line(line)
    try:
        event: AnyEvent = _decoder.decode(line)
    except (UnicodeDecodeError, RecursionError) as error:
        raise msgspec.DecodeError(str(error)) from None
    return event
