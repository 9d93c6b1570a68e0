"""The settings of a study: names, types, defaults, and the words of their help."""

from __future__ import annotations

import typing
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from hptui import registry
from hptui.hyperparameters import Values, default_values, hyperparameters
from hptui.plan import Remainder
from hptui.space import SearchSpace, parse_range

Arm = Literal["baseline", "optimized"]
Replicas = Literal["auto", "one", "stacked"]
ARMS: tuple[Arm, ...] = ("baseline", "optimized")
PLUG_INS = {
    "dataset": "datasets",
    "model": "models",
    "optimizer": "optimizers",
    "loss": "losses",
    "schedule": "schedules",
    "strategy": "strategies",
    "baseline": "strategies",
    "engine": "engines",
}
"""fields that name a plug-in, and its folder"""
FOLDERS = ("out", "data_dir")
"""settings that are the path of a folder"""
LOCAL = (*FOLDERS, "engine", "engine_args", "parallel")
"""settings that hold for one machine; never written into a study"""
ARGUMENTS = ("model_args", "engine_args")
"""settings that are arguments by name, of any plain kind"""
AUTO = "auto"
"""for `parallel`"""
PAIRS = ("set", "search", "column", *ARGUMENTS)
"""settings made of NAME=... that may be given several times and are joined name by name"""
COLUMNS = ("image", "label", "split", "group")
"""what a column of a table may be"""
SYNONYMS = {"batch_size": "images of one training step; the same as --set batch_size=VALUE"}
"""keys, flags and variables that are another way to write an entry of `set`, and what they mean"""


class StudyConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One study. Every field is a key of CONFIG.toml, a flag, and an environment variable."""

    dataset: Annotated[str, Meta(description="images and labels")] = "mnist"
    data_dir: Annotated[str | None, Meta(description="where the data set's files are (default: the cache)")] = None
    image_size: Annotated[
        Annotated[int, Meta(ge=4, le=2048)] | None,
        Meta(description="side in pixels, for data sets that resize (default: the set's own; 64 of image files)"),
    ] = None
    train_size: Annotated[
        Annotated[int, Meta(ge=2)] | None, Meta(description="take this many training images (default: all)")
    ] = None
    validation_size: Annotated[
        Annotated[int, Meta(ge=2)] | None,
        Meta(description="validation images taken from training (default: 15 %, at most 5000)"),
    ] = None
    split_seed: Annotated[int, Meta(ge=0, description="seed of the split, the same for all runs")] = 0
    intensity: Annotated[
        str,
        Meta(
            description="intensities that become black to white: auto, full, minmax, percentile:LOW:HIGH, "
            "window:CENTRE:WIDTH, or voi (DICOM's own); auto: as they are where 8 bits, else minmax without outliers"
        ),
    ] = "auto"
    resize: Literal["stretch", "pad", "crop"] = "stretch"
    pages: Annotated[
        str | None,
        Meta(
            description="of files with several pages or frames: first, middle, last, a number, all, mean or max "
            "(default: refused)"
        ),
    ] = None
    test_size: Annotated[
        Annotated[int, Meta(ge=0)] | None,
        Meta(description="test images taken from training, for data sets without their own (default: 20 %; 0: none)"),
    ] = None
    column: Annotated[
        dict[str, str],
        Meta(
            description="column of a table: image, label, split or group=NAME (default: guessed from usual names); "
            "label=A,B where each column is a class or a label of its own, 0 or 1"
        ),
    ] = {}
    group_column: Annotated[
        str | None, Meta(description="column of a table that says whom an image is of; the same as --column group=NAME")
    ] = None
    group_pattern: Annotated[
        str | None,
        Meta(
            description="regular expression; what its brackets find in an image's path is whom the image is of; dicom: "
            "the patient that the header of each DICOM file names"
        ),
    ] = None
    allow_overlap: Annotated[
        bool, Meta(description="take a data set that has the same images, or groups, in two splits")
    ] = False
    keep_decoded: Literal["large", "never"] = "large"
    model: Annotated[str, Meta(description="the network")] = "dtu_cnn"
    model_args: Annotated[
        dict[str, Any], Meta(description="arguments of the network's constructor, beside what it gets: NAME=VALUE")
    ] = {}
    weights: Annotated[
        str | None, Meta(description="file of weights to begin with (fine-tuning): .pt, .pth or .safetensors")
    ] = None
    normalisation: Literal["auto", "data", "imagenet"] = "auto"
    freeze: Annotated[
        list[str], Meta(description="layers or weights that are not trained, by names or patterns: conv1,layer1.*")
    ] = []
    optimizer: Annotated[str, Meta(description="what takes the training steps")] = "adam"
    loss: Annotated[str, Meta(description="what training minimises")] = "cross_entropy"
    schedule: Annotated[
        str | None, Meta(description="how the learning rate goes, between decisions too (default: the strategy's own)")
    ] = None
    epochs: Annotated[int, Meta(ge=1, le=100_000, description="epochs of each run")] = 10
    runs: Annotated[
        int, Meta(ge=1, le=10_000, description="runs of each arm (baseline, optimized), paired by seed")
    ] = 10
    seed: Annotated[int, Meta(ge=0, le=2**31, description="seed of the first pair; the next pair has seed + 1")] = 0
    strategy: Annotated[str, Meta(description="how the optimized runs choose hyperparameters")] = "adaptive"
    baseline: Annotated[str, Meta(description="how the baseline runs choose; none: no baseline runs")] = "fixed"
    set: Annotated[dict[str, float], Meta(description="value from the start on, and of the baseline: NAME=VALUE")] = {}
    search: Annotated[
        dict[str, str],
        Meta(description="range to search: NAME=LOW:HIGH:log|lin[:STEPS] (STEPS: of grid, 5 if left out), or NAME=off"),
    ] = {}
    decide_every: Annotated[int, Meta(ge=1, description="decide before every so many epochs, from the first on")] = 1
    decide_at: Annotated[
        list[Annotated[int, Meta(ge=1)]] | None, Meta(description="decide before these epochs: 1,2,5,9")
    ] = None
    horizon: Annotated[
        float, Meta(gt=0, le=100, description="how long each candidate is trained on trial, in epochs")
    ] = 0.2
    budget: Annotated[float, Meta(gt=1, le=1000)] | Literal["auto"] = "auto"
    greed_check: Annotated[
        int,
        Meta(
            ge=0,
            description="repeat every N-th decision with probes twice as long, to see whether it changes; 0: never",
        ),
    ] = 0
    score: Literal[
        "loss",
        "accuracy",
        "balanced_accuracy",
        "sensitivity",
        "specificity",
        "auc",
        "f1",
        "average_precision",
        "brier",
        "quadratic_kappa",
        "exact_match",
    ] = "loss"
    score_weights: Literal["averaged", "last"] = "averaged"
    class_weights: Literal["none", "balanced"] = "none"
    deliver: Literal["one-se", "last"] = "one-se"
    stop: Literal["auto", "never"] = "auto"
    longest: Annotated[
        float, Meta(ge=1, le=10, description="how many times the epochs a run may have at most (1: none goes on)")
    ] = 1.0
    average_window: Annotated[float, Meta(gt=0, le=100, description="over how many epochs weights are averaged")] = 0.5
    batchnorm: Annotated[
        Literal["precise", "running"],
        Meta(
            description="statistics of BatchNorm in evaluations and in the delivered network: taken anew over training "
            "images, with the weights that are evaluated, or those that run along with the steps"
        ),
    ] = "precise"
    device: Annotated[
        str, Meta(description="where to train: auto (a GPU if there is one), cpu, cuda or cuda:INDEX")
    ] = "auto"
    images_on: Literal["auto", "device", "host"] = "auto"
    threads: Annotated[
        Annotated[int, Meta(ge=1, le=1024)] | None,
        Meta(description="CPU threads of torch (default: half the cores)"),
    ] = None
    parallel: Annotated[
        str,
        Meta(
            description="runs that are trained side by side, each in a process of its own: a number, or auto (as many "
            "as cores, GPUs and memory allow). It is of this machine, and no part of the study"
        ),
    ] = "1"
    engine: Annotated[
        str | None,
        Meta(description="what trains the runs (default: thread, and processes where several are trained at a time)"),
    ] = None
    engine_args: Annotated[
        dict[str, Any],
        Meta(
            description="what the engine is to ask for, NAME=VALUE, for example partition=gpu, time=4:00:00, gpus=1 of "
            "slurm (its file says which there are). It is of this machine, and no part of the study"
        ),
    ] = {}
    precision: Literal["float32", "bfloat16"] = "float32"
    replicas: Replicas = "auto"
    log_every: Annotated[int, Meta(ge=1, description="batches between two losses in the log")] = 20
    wrong_images: Annotated[
        int,
        Meta(
            ge=0,
            le=100,
            description="test images called by another class that are kept in the run's folder, at most 128 pixels "
            "high and wide, to be looked at (they may show patients); 0: none",
        ),
    ] = 24
    checkpoint_every: Annotated[
        str, Meta(description="at most so long is lost if the training is killed: 90s, 10m, 1h or 500steps")
    ] = "10m"
    out: Annotated[str | None, Meta(description="the study's folder (default: among the user's studies)")] = None

    @property
    def arms(self) -> tuple[Arm, ...]:
        return ("optimized",) if self.baseline == "none" else ARMS

    @property
    def seeds(self) -> range:
        return range(self.seed, self.seed + self.runs)

    @property
    def space(self) -> SearchSpace:
        return {name: parse_range(name, text, installed=False) for name, text in self.search.items()}

    @property
    def start_values(self) -> Values:
        """Values in force before any decision; without `dropout` unless the user set it."""
        return default_values() | self.set

    @property
    def remainder(self) -> Remainder:
        """What becomes of a short last batch: where its size is searched, none may be larger than what was probed."""
        return "even" if "batch_size" in self.search else "joined"

    @property
    def columns(self) -> dict[str, str]:
        """Columns of a table that were named, by what they are."""
        return self.column if self.group_column is None else self.column | {"group": self.group_column}

    @property
    def engine_name(self) -> str:
        """The plug-in that trains the runs."""
        return self.engine or ("thread" if self.parallel == "1" else "processes")

    @property
    def runs_go_on(self) -> bool:
        """Whether runs go on where the process that trains the study has gone: the file of its engine says so."""
        return registry.constant("engines", self.engine_name, "RUNS_GO_ON") is True

    def strategy_of(self, arm: Arm) -> str:
        return self.baseline if arm == "baseline" else self.strategy

    def decision_epochs(self) -> tuple[int, ...]:
        """Epochs, counted from 1, before which a strategy that decides is asked."""
        return tuple(sorted(set(self.decide_at or range(1, self.epochs + 1, self.decide_every))))


FIELDS: dict[str, Any] = typing.get_type_hints(StudyConfig, include_extras=True)
DATA = tuple(FIELDS)[: tuple(FIELDS).index("model")]
"""settings that say which images there are: they stand before that of the network"""
SWITCH = ("no", "yes")
"""words of what is off or on; its flag takes none"""
_DESCRIPTIONS = {
    "score": "what a decision compares on the validation images (quadratic_kappa: classes are grades in order; "
    "exact_match: an image may have several labels)",
    "score_weights": "which weights a decision scores; averages over the last steps are less noisy",
    "resize": "how image files become squares: stretched, with bars (pad), or without their ends (crop)",
    "keep_decoded": "large: decoded images of large folders stay in the user's cache, for later starts",
    "budget": "of adaptive: what a run may cost, trials included, in plain trainings; auto: 1.5, and up to 10 where a "
    "training is short on this machine, measured at the start",
    "deliver": "whose weights a run delivers: those of the last epoch, or (one-se) of the latest whose calibrated "
    "validation loss is within one standard error of the lowest",
    "stop": "auto: a run ends once its losses show that what it delivers changes no more (early stopping), and goes "
    "on, up to --longest, while they still fall; never: it has the epochs that were asked for",
    "class_weights": "balanced: in training and validation losses an image counts n / (classes * images of its class)",
    "normalisation": "mean and deviation of pixels: the training images' (data), ImageNet's, or (auto) the weights'",
    "images_on": "where images lie: on the device or the host (batches are copied ahead); auto: by free memory",
    "precision": "arithmetic of the forward pass",
    "replicas": "candidates of a decision one after another (one), or as one stacked computation; auto: stacked on a "
    "GPU where a short measurement says that it pays",
}


def description(field: str) -> str:
    """One line of help for a field; of one that takes a plug-in, with the names that the registry finds."""
    metadata = getattr(FIELDS[field], "__metadata__", ())
    words = next((meta.description for meta in metadata if meta.description), _DESCRIPTIONS.get(field, ""))
    if field == "set":  # here alone with units: the list of names is long
        known = (f"{name} ({entry.unit})" if entry.unit else name for name, entry in hyperparameters().items())
        return f"{words}; NAME: {', '.join(known)}"
    if field == "search":
        return f"{words}; NAME: {', '.join(hyperparameters())}"
    return f"{words}: {', '.join(plug_in_forms(field))}" if field in PLUG_INS else words


def plug_in_forms(field: str) -> list[str]:
    """What may be written for a plug-in: every name, with PATH where it takes one, and the form of an own file."""
    folder = PLUG_INS[field]
    known = [f"{name}:PATH" if takes_path(folder, name) else name for name in registry.names(folder)]
    libraries = [f"{name}:NAME" for name in registry.libraries()] if folder == "models" else []
    return [*known, *libraries, own_form(folder)]


def own_form(folder: str) -> str:
    """How a user's own plug-in is written."""
    return "path/file.py:function" if folder in ("datasets", "schedules") else "path/file.py:Class"


def takes_path(folder: str, name: str) -> bool:
    """Whether a path follows the plug-in's name: its file says TAKES_PATH = True."""
    return registry.constant(folder, name, "TAKES_PATH") is True


def is_switch(field: str) -> bool:
    """Whether a field is on or off."""
    return typing.get_args(FIELDS[field])[:1] == (bool,) or FIELDS[field] is bool


def choices(field: str) -> tuple[str, ...]:
    """The valid words of a field that takes one of a few; empty for other fields."""
    return typing.get_args(FIELDS[field]) if typing.get_origin(FIELDS[field]) is Literal else ()
