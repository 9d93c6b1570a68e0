"""Every fact a run can record, one frozen struct each, and how it becomes one JSON line.

Field names are the log's format. Facts that depend on the machine's speed stand in `time` and `seconds`
alone, so that two logs of one seed are equal but for these two. Losses are mean cross-entropies in nats;
a loss that is not finite is written as null. Rates and accuracies are fractions.

Whoever reads a log may rely on what the types say: what is out of their bounds, or has another shape, is no event.
What may follow what is told by `record.log_order`.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from hptui.parsing import decode_json
from hptui.plan import Plan, Remainder, Stage
from hptui.record.class_counts import ClassCounts, Count, class_counts
from hptui.record.seals import check_line, seal_line
from hptui.record.task import Task

SCHEMA = 1
"""raised when a reader of the old format could misread the new one"""
EpochNumber = Annotated[int, Meta(ge=0, le=100_000)]
"""counted from 1, or how many are completed: no study may ask for more"""
Epochs = Annotated[int, Meta(ge=1, le=100_000)]
"""that a run is to have"""
MoreEpochs = Annotated[int, Meta(ge=-100_000, le=100_000)]
"""by which a run ends later than it was asked to; below 0: earlier"""
MOST_IMAGES = 10_000_000
"""of validation or test; numbers are worked out for each of them"""
Fraction = Annotated[float, Meta(ge=0, le=1)]
Seconds = Annotated[float, Meta(ge=0, le=1e11)]
Time = Annotated[float, Meta(ge=0, le=2.5e11)]
"""seconds since 1970; a calendar ends with the year 9999"""
Amount = Annotated[float, Meta(ge=0, le=1e15)]
"""of something that grows with images or epochs"""


class Event(msgspec.Struct, frozen=True, kw_only=True, tag_field="event", tag=True):
    """Base of all facts; `time` is set by the writer."""

    time: Time = 0.0
    """seconds since 1970, UTC"""


class Axis(msgspec.Struct, frozen=True):
    """One searched hyperparameter at a decision."""

    name: str
    low: float
    high: float
    scale: str
    values: Annotated[list[float], Meta(min_length=1)]
    """the grid's values, ascending"""


class RunStarted(Event, frozen=True, kw_only=True):
    schema: int
    hptui: str
    arm: str
    """baseline or optimized"""
    seed: Count
    strategy: str
    epochs: Epochs
    images_per_epoch: Count
    """training images in one epoch (0: the model has not seen the data yet)"""
    validation_images: Count
    test_images: Count
    class_names: list[str]
    dataset: str
    model: str
    parameters: Count
    """trainable weights of the network"""
    optimizer: str
    device: str
    searched: list[Axis]
    values: dict[str, float]
    """hyperparameters in force, read back from optimizer, model and loss"""
    versions: dict[str, str]
    threads: Count = 0
    """of the CPU, which the last bits depend on; 0: an older hptui did not record it"""
    loss: str = "cross_entropy"
    schedule: str = ""
    """of the learning rate; empty: an older hptui had it as part of the strategy"""
    task: Task = "single-label"
    """whether an image is of one of `class_names`, or has any number of them as labels"""
    remainder: Remainder = "joined"
    """what becomes of a short last batch of an epoch, in training and probes"""
    schedule_waits: bool = False
    """whether the learning rate stays as it is until a decision has it follow the strategy's own schedule"""


class RunResumed(Event, frozen=True, kw_only=True):
    """Training went on from a checkpoint; whatever was logged beyond this position is void."""

    epoch: EpochNumber
    """epochs completed at the checkpoint"""
    epochs: Epochs
    """that this run is to have in the end"""
    step: Count
    images_trained: Count
    images_probed: Count
    seconds: Seconds
    decisions: Count
    """decisions that stand"""
    by_hand: dict[str, float]
    """values that somebody put in force, instead of the strategy"""
    device: str = ""
    threads: Count = 0
    """that it goes on with; empty and 0: not recorded"""
    candidates: Count | None = None
    """that are not measured again, of a decision that is gone on with; None: it went on from outside a decision"""
    batch: Count | None = None
    """batches done in the epoch that follows; None: an older hptui did not record it"""
    end_moved: MoreEpochs = 0
    """by how many epochs its own losses have moved its end"""
    remainder: Remainder | None = None
    """what becomes of a short last batch from here on; None: as before"""
    failed: str = ""
    """why the run went back, in words, without an interruption; empty: it had been stopped, or killed"""


class DecisionsPlanned(Event, frozen=True, kw_only=True):
    """What the strategy plans from here on: at the beginning, and when that has changed."""

    epoch: EpochNumber
    """the first one that may still be decided, counted from 1"""
    stages: list[Stage]
    left_out: list[str] = []
    """searched hyperparameters that the budget does not reach"""
    otherwise: str = ""
    """when else it decides"""
    cost: Amount | None = None
    """of the whole run, as it is foreseen; null: that depends on what is found"""
    remedy: str = ""
    """what it takes to search what is left out"""

    @property
    def plan(self) -> Plan:
        return Plan(tuple(self.stages), tuple(self.left_out), self.otherwise, self.remedy)


class DecisionStarted(Event, frozen=True, kw_only=True):
    decision: Count
    """0, 1, 2, ... within the run"""
    epoch: EpochNumber
    """the epoch that the choice is for, counted from 1"""
    step: Count
    axes: list[Axis]
    values: dict[str, float]
    """in force before"""
    loss: float | None
    """validation loss of the snapshot that all candidates start from; null if values were chosen by hand"""
    accuracy: Fraction | None
    score_name: str
    score_weights: str
    planned: Count | None = None
    """candidates that it will have; null: that depends on what is found, or an older hptui did not record it"""
    planned_most: Count | None = None
    """candidates that it will have at most; null: nobody can tell, or an older hptui did not record it"""

    def searches(self, values: dict[str, float]) -> bool:
        """Whether these are values of something that it searches; if it searches nothing, any are."""
        return not self.axes or any(axis.name in values for axis in self.axes)


class CandidateScored(Event, frozen=True, kw_only=True):
    decision: Count
    candidate: Count
    """0, 1, 2, ... within the decision"""
    values: dict[str, float]
    """read back after they were set"""
    score: float | None
    """what the decision compares, lower is better; null if diverged"""
    loss: float | None
    accuracy: Fraction
    """loss and accuracy of the weights that are scored (averaged by default)"""
    raw_loss: float | None
    raw_accuracy: Fraction
    """the same of the last weights"""
    diverged: bool
    """its losses are not finite, or far too high, or it failed"""
    classes: ClassCounts
    images: Count
    """training images of this probe"""
    seconds: Seconds
    start: tuple[Count, Count] | None = None
    """(decision, candidate) at whose end the probe began; null: at the run's own state"""
    steps: Count = 0
    """optimizer steps of this probe; 0: an older hptui recorded neither these nor where a probe began"""
    along: tuple[Amount, Amount] | None = None
    """epochs of the run, from and to, along which its rate followed the schedule; null: the factor stayed"""
    failed: str = ""
    """why it came to no score, in words; its counts are then zeros, and its images those that it came to"""
    loss_error: Amount | None = None
    """standard error of `loss`, over the validation images; null: it is not finite, or an older hptui did not record
    it"""
    score_error: Amount | None = None
    """of `score`, where that is not the loss; null: nothing is known of it, or an older hptui did not record it"""


class LandscapePredicted(Event, frozen=True, kw_only=True):
    """What a strategy's model of the landscape expects of the cells, measured or not, when it has chosen."""

    decision: Count
    scores: list[float | None]
    """of the grid's cells, the last axis of the decision running fastest; null: no prediction"""


class DecisionRepeated(Event, frozen=True, kw_only=True):
    """A greed check: the same decision with longer probes, which changes nothing but the cost."""

    decision: Count
    times: Amount
    """as long as those of the decision"""
    values: dict[str, float]
    """of the searched hyperparameters, as it would have chosen them"""
    changed: list[str]
    """names for which that is another value than the decision's"""
    images: Count
    seconds: Seconds

    def __post_init__(self) -> None:
        if not self.values.keys() >= set(self.changed):
            raise ValueError("it names hyperparameters as changed of which it has no value")


class HyperparametersChosen(Event, frozen=True, kw_only=True):
    decision: Count
    epoch: EpochNumber
    step: Count
    candidate: Count | None
    """the winning candidate; null if none was taken"""
    values: dict[str, float]
    """in force from now on, read back"""
    reason: str
    images_probed: Count
    """in the run so far"""
    seconds: Seconds
    """the whole decision took"""
    start: tuple[Count, Count] | None = None
    """(decision, candidate) at whose end the run goes on; null: at its own state"""
    left_out: list[str] = []
    """searched hyperparameters that the budget did not allow to search"""
    excluded: list[Count] = []
    """finite candidates that were not to be chosen whatever their score; `reason` says why (older logs: only that)"""
    paired_errors: list[Amount | None] = []
    """for each candidate the standard error of the difference of its loss from that of the winning one, over the same
    validation images; null: that is not finite; empty: none was taken, or an older hptui did not record them"""
    stacked: Count = 0
    """candidates that were trained side by side, as replicas of a stack; the others one after another"""
    not_stacked: str = ""
    """why not all were, in words, where that was asked for"""
    score_errors: list[Amount | None] = []
    """the same of their scores, where these are not the losses"""
    follows_schedule: bool = True
    """whether the learning rate follows the strategy's own schedule from now on; else it stays as it is"""


class BatchesTrained(Event, frozen=True, kw_only=True):
    epoch: EpochNumber
    step: Count
    """optimizer steps of the run so far, probes not counted"""
    batch: Count
    batches: Annotated[int, Meta(ge=1, le=2**53)]
    """position within the epoch, and its length"""
    images: Count
    """trained since the last such event"""
    loss: float | None
    """mean over these images"""
    values: dict[str, float]
    seconds: Seconds


class Evaluated(Event, frozen=True, kw_only=True):
    epoch: EpochNumber
    step: Count
    split: str
    """validation or test"""
    weights: str
    """last or averaged"""
    images: Count
    loss: float | None
    """where the study weighs its classes, that of validation images is weighted, and that of test images is not"""
    accuracy: Fraction
    """of images with several labels, the mean over these: a label is called from a probability of one half on"""
    confusion: list[list[Count]]
    """(classes, classes); row: true class, column: predicted class; empty where an image may have several labels"""
    seconds: Seconds
    by_label: ClassCounts | None = None
    """where an image may have several labels, each of them with and without; null: it is of one class"""

    @property
    def classes(self) -> ClassCounts:
        """Counts of each class, or label."""
        return class_counts(self.confusion) if self.by_label is None else self.by_label

    def __post_init__(self) -> None:
        if any(len(row) != len(self.confusion) for row in self.confusion):
            raise ValueError("its confusion matrix is not square")
        if sum(map(sum, self.confusion)) > MOST_IMAGES or (self.by_label and self.by_label.total > MOST_IMAGES):
            raise ValueError(f"it counts more than {MOST_IMAGES:,} images")
        if self.by_label is not None and (self.confusion or self.by_label.images is None):
            raise ValueError("it counts labels and classes")


class EpochCompleted(Event, frozen=True, kw_only=True):
    epoch: EpochNumber
    step: Count
    train_loss: float | None
    values: dict[str, float]
    """in force at the end of the epoch, read back"""
    delivered: str
    """weights that validation prefers: last or averaged; the test images were read with these alone"""
    images_trained: Count
    images_probed: Count
    """in the run so far"""
    seconds: Seconds
    """of the run so far, without pauses"""
    calibrated_loss: float | None = None
    """on the validation images after temperature scaling, of the weights in `delivered`; null: it is not finite, or
    nobody asked"""
    deliverable: EpochNumber = 0
    """whose weights the run delivers if it ends here; 0: this one's"""
    end_moved: MoreEpochs = 0
    """by how many epochs its own losses have moved its end so far, this epoch's included"""


class EndMoved(Event, frozen=True, kw_only=True):
    """End of a run, moved by its own losses: earlier, or later, than it was asked to have."""

    epoch: EpochNumber
    """after which that was decided"""
    epochs: Epochs
    """that it is to have now; as many as `epoch`: it ends here"""
    asked: Epochs
    """that it was to have"""
    deliverable: EpochNumber
    """whose weights it delivers if it ends here"""


class CheckpointSaved(Event, frozen=True, kw_only=True):
    epoch: EpochNumber
    step: Count
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
    epoch: EpochNumber
    """the epoch that the next decision is for"""
    old: list[Axis]
    new: list[Axis]


class ValuesRequested(Event, frozen=True, kw_only=True):
    """Values chosen by hand, in force until the strategy is asked to choose again."""

    by: str
    epoch: EpochNumber
    values: dict[str, float]
    """empty: the strategy chooses again"""


class EpochsAdded(Event, frozen=True, kw_only=True):
    by: str
    epochs: Epochs
    """of every run from now on"""


class CommandRefused(Event, frozen=True, kw_only=True):
    by: str
    reason: str


class LogMended(Event, frozen=True, kw_only=True):
    """The log was damaged, and is put back from the newest checkpoint; what followed that is trained again."""

    restored: Count
    """lines"""
    removed: Count
    """lines after the checkpoint that could not be read, and those that followed"""


class RunStopped(Event, frozen=True, kw_only=True):
    reason: str
    epoch: EpochNumber
    step: Count


class RunFailed(Event, frozen=True, kw_only=True):
    error: str


class RunCompleted(Event, frozen=True, kw_only=True):
    epoch: EpochNumber
    step: Count
    delivered: str
    validation_loss: float | None
    validation_accuracy: Fraction
    test_loss: float | None
    test_accuracy: Fraction | None
    """null: there are no test images"""
    images_trained: Count
    images_probed: Count
    cost: Amount
    """images of probes and training together, as a multiple of one plain training"""
    seconds: Seconds
    best_epoch: EpochNumber = 0
    """whose delivered weights had the lowest validation loss (best.pt); 0: an older hptui did not keep them"""
    delivered_epoch: EpochNumber = 0
    """whose weights are delivered (model.pt), and whose losses and accuracies these are; 0: the last one's"""
    end_moved: MoreEpochs = 0
    """by how many epochs its own losses moved its end"""

    @property
    def asked(self) -> int:
        """Epochs that it was to have: with these it is over, however many it has."""
        return max(self.epoch - self.end_moved, 1)


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
    | EndMoved
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


def encode(event: AnyEvent, at: int | None = None) -> bytes:
    """One line of JSON, newline included; the event's kind comes first, so that a line can be told by its start.

    Args:
        event: a fact.
        at: the place of the line in its log, see `seal_line`.
    """
    return seal_line(_encoder.encode(event), at) + b"\n"


def start_of(kind: type[Event]) -> bytes:
    """What the lines of one kind begin with: they can be told, and passed over, without decoding them."""
    return f'{{"event":"{kind.__name__}"'.encode()


def decode(line: bytes, at: int | None = None) -> AnyEvent:
    """Inverse of `encode`.

    Raises:
        msgspec.DecodeError: not JSON, an unknown kind of event, fields of another type, a wrong checksum, or a line
            that was written for another byte of its log than `at`.
    """
    check_line(line, at)
    event: AnyEvent = decode_json(_decoder, line)
    return event
