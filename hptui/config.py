"""What the user asked for: defaults < file < environment (HPTUI_*) < flags, each value with where it came from.

Nothing here imports torch: a configuration is checked in a blink, also on a laptop.
"""

from __future__ import annotations

import difflib
import os
import re
import tomllib
import typing
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from hptui import registry
from hptui.errors import ConfigError, nearest
from hptui.space import SearchSpace, Values, check_cells, default_values, hyperparameter, parse_range

Arm = Literal["baseline", "optimized"]
ARMS: tuple[Arm, ...] = ("baseline", "optimized")
ENVIRONMENT_PREFIX = "HPTUI_"
DEFAULT_SEARCH = {"lr": "1e-4:1e-2:log:5", "weight_decay": "1e-6:1e-2:log:3"}
PLUG_INS = {"model": "models", "strategy": "strategies", "baseline": "strategies"}
"""fields that name a plug-in, and its folder"""
LOCAL = ("out", "data_dir")
"""settings that hold for one machine; never written into a study"""
SYNONYMS = {"batch_size": "images of one training step; the same as --set batch_size=VALUE"}
"""keys, flags and variables that are another way to write an entry of `set`, and what they mean"""
OTHER_VARIABLES = ("HPTUI_TEST_DATA", "HPTUI_ASCII", "HPTUI_DEBUG")
"""of the environment, and no settings"""
NEAR = 0.75
"""similarity (difflib) from which on an unknown variable is taken for a mistyped one"""


class StudyConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One study. Every field is a key of CONFIG.toml, a flag, and an environment variable."""

    dataset: Annotated[
        str,
        Meta(description="mnist, fashion_mnist, digits, medmnist:PATH, folder:PATH or path/file.py:function"),
    ] = "mnist"
    data_dir: Annotated[str | None, Meta(description="where the data set's files are (default: the cache)")] = None
    image_size: Annotated[
        Annotated[int, Meta(ge=4, le=2048)] | None,
        Meta(description="side in pixels, for data sets that resize"),
    ] = None
    train_size: Annotated[
        Annotated[int, Meta(ge=2)] | None, Meta(description="take this many training images (default: all)")
    ] = None
    validation_size: Annotated[
        Annotated[int, Meta(ge=2)] | None,
        Meta(description="validation images taken from training (default: 15 %, at most 5000)"),
    ] = None
    split_seed: Annotated[int, Meta(ge=0, description="seed of the split, the same for all runs")] = 0
    model: Annotated[str, Meta(description="dtu_cnn, lenet, small_resnet or path/file.py:Class")] = "dtu_cnn"
    optimizer: Literal["sgd", "adam", "adamw"] = "adam"
    epochs: Annotated[int, Meta(ge=1, le=100_000, description="epochs of each run")] = 10
    runs: Annotated[int, Meta(ge=1, le=10_000, description="runs of each arm, paired by seed")] = 10
    seed: Annotated[int, Meta(ge=0, le=2**31, description="seed of the first pair; the next pair has seed + 1")] = 0
    strategy: Annotated[
        str, Meta(description="how the optimized arm chooses: grid, adaptive, cosine, ..., file.py:Class")
    ] = "grid"
    baseline: Annotated[str, Meta(description="how the baseline arm chooses; none: no baseline arm")] = "fixed"
    set: Annotated[dict[str, float], Meta(description="value in force from the start: NAME=VALUE")] = {}
    search: Annotated[dict[str, str], Meta(description="range to search: NAME=LOW:HIGH:log|lin:STEPS, NAME=off")] = {}
    decide_every: Annotated[int, Meta(ge=1, description="decide before every so many epochs, from the first on")] = 1
    decide_at: Annotated[
        list[Annotated[int, Meta(ge=1)]] | None, Meta(description="decide before these epochs: 1,2,5,9")
    ] = None
    horizon: Annotated[float, Meta(gt=0, le=100, description="how long each candidate is probed, in epochs")] = 0.2
    budget: Annotated[
        float,
        Meta(gt=1, le=1000, description="adaptive: images of probes and training together, in plain trainings"),
    ] = 1.5
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
    ] = "loss"
    score_weights: Literal["averaged", "last"] = "averaged"
    class_weights: Literal["none", "balanced"] = "none"
    average_window: Annotated[float, Meta(gt=0, le=100, description="window of the averaged weights, in epochs")] = 0.5
    device: Annotated[str, Meta(description="auto, cpu, cuda or cuda:INDEX")] = "auto"
    threads: Annotated[
        Annotated[int, Meta(ge=1, le=1024)] | None,
        Meta(description="CPU threads of torch (default: half the cores)"),
    ] = None
    precision: Literal["float32", "bfloat16"] = "float32"
    log_every: Annotated[int, Meta(ge=1, description="batches between two lines of the log")] = 20
    out: Annotated[str | None, Meta(description="the study's folder (default: among the user's studies)")] = None

    @property
    def arms(self) -> tuple[Arm, ...]:
        return ("optimized",) if self.baseline == "none" else ARMS

    @property
    def seeds(self) -> range:
        return range(self.seed, self.seed + self.runs)

    @property
    def space(self) -> SearchSpace:
        return {name: parse_range(name, text) for name, text in self.search.items()}

    @property
    def start_values(self) -> Values:
        """Values in force before any decision; without `dropout` unless the user set it."""
        return default_values() | self.set

    def strategy_of(self, arm: Arm) -> str:
        return self.baseline if arm == "baseline" else self.strategy

    def decision_epochs(self) -> tuple[int, ...]:
        """Epochs, counted from 1, before which a strategy that decides is asked."""
        return tuple(sorted(set(self.decide_at or range(1, self.epochs + 1, self.decide_every))))


FIELDS: dict[str, Any] = typing.get_type_hints(StudyConfig, include_extras=True)
_DESCRIPTIONS = {
    "optimizer": "SGD with momentum, Adam or AdamW",
    "score": "what a decision compares on the validation images",
    "score_weights": "weights that are scored; averaging takes the noise out of every candidate alike",
    "class_weights": "balanced: in training and validation losses an image counts n / (classes * images of its class)",
    "precision": "arithmetic of the forward pass",
}


def description(field: str) -> str:
    """One line of help for a field."""
    metadata = getattr(FIELDS[field], "__metadata__", ())
    return next((meta.description for meta in metadata if meta.description), _DESCRIPTIONS.get(field, ""))


def choices(field: str) -> tuple[str, ...]:
    """The valid words of a field that takes one of a few; empty for other fields."""
    return typing.get_args(FIELDS[field]) if typing.get_origin(FIELDS[field]) is Literal else ()


class Layer(msgspec.Struct, frozen=True):
    """Settings from one place, with the words that name the place in a message."""

    origin: str
    settings: Mapping[str, Any]


class Resolved(msgspec.Struct, frozen=True):
    """A checked configuration and the origin of each value."""

    config: StudyConfig
    origins: dict[str, str]


def file_layer(path: Path) -> Layer:
    """Read CONFIG.toml; raise ConfigError if it is missing or not TOML."""
    try:
        settings = tomllib.loads(path.read_text("utf-8-sig"))  # Windows editors begin a file with a mark
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not valid TOML: {error}") from None
    except OSError as error:
        raise ConfigError(f"cannot read the configuration {path}: {error.strerror}.") from None
    return Layer(str(path), settings)


def environment_layer(environment: Mapping[str, str] = os.environ) -> Layer:
    """Settings from HPTUI_EPOCHS, HPTUI_SEARCH ("lr=1e-4:1:log:7 dropout=0:0.6:lin:4") and so on."""
    settings = {
        field: environment[variable]
        for field in (*FIELDS, *SYNONYMS)
        if (variable := ENVIRONMENT_PREFIX + field.upper()) in environment
    }
    return Layer("environment", settings)


def misspelt(environment: Mapping[str, str] = os.environ) -> list[str]:
    """A line for each variable that is read by nobody but looks like one of the settings."""
    known = [field.upper() for field in (*FIELDS, *SYNONYMS)]
    lines = []
    for variable in environment:
        name = variable.removeprefix(ENVIRONMENT_PREFIX)
        if name != variable and name not in known and variable not in OTHER_VARIABLES:
            near = difflib.get_close_matches(name, known, n=1, cutoff=NEAR)
            lines += [f"{variable} is not used; did you mean {ENVIRONMENT_PREFIX}{word}?" for word in near]
    return lines


def resolve(layers: Iterable[Layer]) -> Resolved:
    """Lay the layers over the defaults, later ones win; `set` and `search` are joined name by name.

    Raises:
        ConfigError: an unknown key, a value of the wrong kind or out of bounds (names key, value and origin).
    """
    merged: dict[str, Any] = {}
    origins = dict.fromkeys(FIELDS, "default")
    named = False
    for layer in layers:
        try:
            settings = _layer_settings(layer)
        except ConfigError as error:
            raise ConfigError(f"{layer.origin}: {error}") from None
        for field, value in settings.items():
            merged[field] = merged.get(field, {}) | value if field in ("set", "search") else value
            origins[field] = layer.origin
        for one, other in (("decide_at", "decide_every"), ("decide_every", "decide_at")):
            if settings.get(one) is not None and other not in settings and merged.pop(other, None):
                origins[other] = "default"
        # ranges, or that there is to be none at all; not only that one of the default ranges is off
        named = named or ("search" in settings and set(settings["search"].values()) != {"off"})
    search = merged.get("search", {}) if named else DEFAULT_SEARCH | merged.get("search", {})
    kept = {name: str(parse_range(name, text)) for name, text in search.items() if text != "off"}
    config = msgspec.structs.replace(StudyConfig(**merged), search=kept)
    check(config)
    return Resolved(config, origins)


def _layer_settings(layer: Layer) -> dict[str, Any]:
    """The settings of one place by field, converted; raise ConfigError where two of them say the same thing."""
    settings: dict[str, Any] = {}
    for key, raw in layer.settings.items():
        name = key.replace("-", "_")
        if name not in FIELDS and name not in SYNONYMS:
            raise ConfigError(f"unknown key {key!r}.{nearest(name, (*FIELDS, *SYNONYMS))}")
        field = "set" if name in SYNONYMS else name
        value = convert_field(field, {name: raw} if name in SYNONYMS else raw)
        if field == "set":
            before = settings.get("set", {})
            if both := sorted(before.keys() & value):
                raise ConfigError(f"{both[0]} is given twice.")
            value = before | value
        elif field in settings:
            raise ConfigError(f"{field} is given twice.")
        settings[field] = value
    # a whole configuration (of a form) repeats the default, as a number; text is what somebody wrote
    every = layer.settings.get("decide_every", layer.settings.get("decide-every", 1))
    if settings.get("decide_at") is not None and (isinstance(every, str) or every != 1):
        raise ConfigError("decide_at and decide_every exclude each other; give one of them.")
    return settings


def convert_field(field: str, raw: object) -> Any:
    """Turn text (a flag, a variable, a form) or a TOML value into the field's type; raise ConfigError."""
    if field == "set":
        return {
            known.name: known.check(_number(name, value))
            for name, value in _pairs(field, raw)
            for known in [hyperparameter(name)]
        }
    if field == "search":
        return {
            hyperparameter(name).name: text if text == "off" else str(parse_range(name, text))
            for name, text in _pairs(field, raw)
        }
    words = choices(field)
    if words and raw not in words:
        raise ConfigError(f"unknown {field} {raw!r}.{nearest(str(raw), words)}")
    if field == "decide_at" and isinstance(raw, str):
        raw = [part.strip() for part in raw.split(",") if part.strip()]
    try:
        value = msgspec.convert(raw, FIELDS[field], strict=False)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{field} = {raw!r}: {_plain(str(error))}") from None
    if value == []:
        raise ConfigError(f"{field} = {raw!r}: name at least one epoch.")
    _check_name(field, value)
    return value


def _check_name(field: str, value: Any) -> None:
    """Check what a type cannot: that a plug-in or a device has this name, and that a path can be one."""
    if isinstance(value, str) and "\0" in value:
        raise ConfigError(f"{field} = {value!r}: no name or path can have a null character.")
    if field in LOCAL and value is not None:
        try:
            Path(value).expanduser()
        except RuntimeError:
            raise ConfigError(f"{field} = {value!r}: there is no such user's home folder.") from None
    elif field == "dataset":
        name = value.partition(":")[0]
        if not registry.is_own(value) and not registry.is_known("datasets", name):
            raise ConfigError(f"unknown dataset {value!r}.{nearest(name, registry.names('datasets'))}")
    elif field in PLUG_INS and (field, value) != ("baseline", "none"):
        registry.check_name(PLUG_INS[field], value, field)
    elif field == "device" and value not in ("auto", "cpu", "cuda") and not re.fullmatch(r"cuda:[0-9]+", value):
        raise ConfigError(f"unknown device {value!r}. It takes auto, cpu, cuda or cuda:INDEX.")


def _number(name: str, raw: object) -> float:
    try:
        return float(str(raw))
    except ValueError:
        raise ConfigError(f"set {name} = {raw!r}: expected a number.") from None


def _pairs(field: str, raw: object) -> list[tuple[str, Any]]:
    """Names and values; raise ConfigError if two of them are of one hyperparameter."""
    pairs = list(raw.items()) if isinstance(raw, Mapping) else _split_pairs(field, raw)
    given: dict[str, str] = {}
    for name, _ in pairs:
        known = hyperparameter(name).name
        if known in given:
            both = "twice" if given[known] == name else f"as {given[known]} and as {name}"
            raise ConfigError(f"{field} names {known} {both}.")
        given[known] = name
    return pairs


def _split_pairs(field: str, raw: object) -> list[tuple[str, Any]]:
    parts = raw.split() if isinstance(raw, str) else list(raw) if isinstance(raw, (list, tuple)) else [str(raw)]
    pairs = [str(part).partition("=") for part in parts]
    for name, equals, value in pairs:
        if not (name and equals and value):
            example = "lr=1e-4:1e-1:log:7" if field == "search" else "weight_decay=5e-4"
            raise ConfigError(f"{field} {name + equals + value!r}: write NAME=..., for example {example}.")
    return [(name, value) for name, _, value in pairs]


def _plain(message: str) -> str:
    """Msgspec's words in a user's words."""
    message = message.split(" - at ", maxsplit=1)[0].split(", got ", maxsplit=1)[0]
    for type_name, words in {
        "`int | null`": "a whole number",
        "`int`": "a whole number",
        "`float | null`": "a number",
        "`float`": "a number",
        "`array | null`": "whole numbers with commas between",
        "`str | null`": "text",
        "`str`": "text",
    }.items():
        message = message.replace(type_name, words)
    return message.lower() + "."


def check(config: StudyConfig) -> None:
    """Check what one field alone cannot show; raise ConfigError with what to change."""
    check_cells(config.space)
    for arm in config.arms:
        _check_strategy(config, arm)
    late = [epoch for epoch in config.decide_at or () if epoch > config.epochs]
    if late:
        raise ConfigError(f"decide_at names epoch {late[0]}, but a run has {config.epochs} epochs.")


def _check_strategy(config: StudyConfig, arm: Arm) -> None:
    name = config.strategy_of(arm)
    if registry.is_own(name):  # imported with the rest of the user's code, when training starts
        return
    if registry.load("strategies", name).searches and not config.search:
        raise ConfigError(f"strategy {name!r} has a grid of no cells; name at least one range with --search.")


def to_plain(config: StudyConfig) -> dict[str, Any]:
    """The settings as TOML can hold them, without what holds for this machine alone."""
    plain: dict[str, Any] = msgspec.to_builtins(config)
    left_out = (*LOCAL, "decide_every") if config.decide_at is not None else LOCAL
    return {key: value for key, value in plain.items() if value is not None and key not in left_out}


def from_plain(settings: Mapping[str, Any], origin: str) -> StudyConfig:
    """Inverse of `to_plain`; raise ConfigError naming `origin` if a key or value does not fit."""
    if "decide_at" in settings:  # studies of an earlier hptui name both, and decide_at holds
        settings = {key: value for key, value in settings.items() if key != "decide_every"}
    return resolve([Layer(origin, settings)]).config
